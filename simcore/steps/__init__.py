"""The steps of a campaign over the lake: each finds its tables current, or makes and writes them.

A step does no arithmetic of its own; it fetches, calls, writes, and says what it did. One module a
step; together their tables are every table there is.
"""

from __future__ import annotations

from typing import Final

from simcore.steps import (
    admit,
    allocate,
    appraise,
    backtest,
    calibrate,
    chronicle,
    compete,
    compile,
    evolve,
    generate,
    judge,
    resample,
    shake,
    walk,
)
from simcore.steps.admit import imports as imports
from simcore.steps.allocate import allocations as allocations
from simcore.steps.appraise import appraisals as appraisals
from simcore.steps.backtest import backtests as backtests
from simcore.steps.backtest import neighbourhood as neighbourhood
from simcore.steps.calibrate import calibrations as calibrations
from simcore.steps.chronicle import histories as histories
from simcore.steps.compete import tournaments as tournaments
from simcore.steps.compile import strategies as strategies
from simcore.steps.evolve import GENERATION_KEYS as GENERATION_KEYS
from simcore.steps.evolve import evolved as evolved
from simcore.steps.evolve import makeable_generations as makeable_generations
from simcore.steps.evolve import outdated_generations as outdated_generations
from simcore.steps.evolve import salt_in as salt_in
from simcore.steps.generate import markets as markets
from simcore.steps.judge import report as report
from simcore.steps.judge import write_page as write_page
from simcore.steps.resample import monte_carlo as monte_carlo
from simcore.steps.shake import chaos as chaos
from simcore.steps.step import Outcome as Outcome
from simcore.steps.step import Step as Step
from simcore.steps.step import needed as needed
from simcore.steps.step import with_facts as with_facts
from simcore.steps.walk import walk_forwards as walk_forwards

MARKETS: Final = generate.STEP.tables
STRATEGIES: Final = compile.STEP.tables
BACKTESTS: Final = backtest.STEP.tables
MONTE_CARLO: Final = resample.STEP.tables
VALIDITY: Final = walk.STEP.tables
EVIDENCE: Final = appraise.STEP.tables
PORTFOLIOS: Final = allocate.STEP.tables
CALIBRATION: Final = calibrate.STEP.tables
TOURNAMENTS: Final = compete.STEP.tables
HISTORY: Final = chronicle.STEP.tables
EVOLUTION: Final = evolve.STEP.tables
CHAOS: Final = shake.STEP.tables
REPORT: Final = judge.STEP.tables
IMPORTS: Final = admit.STEP.tables

STEPS: Final = (
    generate.STEP, compile.STEP, backtest.STEP, resample.STEP, walk.STEP, appraise.STEP,
    allocate.STEP, calibrate.STEP, compete.STEP, chronicle.STEP, shake.STEP, judge.STEP,
    evolve.STEP, admit.STEP,
)  # fmt: skip
BY_TABLE: Final = {table.name: step for step in STEPS for table in step.tables}
