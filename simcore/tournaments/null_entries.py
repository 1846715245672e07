"""Entries without skill, and their points on markets that are made for one tournament.

A coin is a strategy of the language like any other, whose rules look at nothing but the volume of
some bars ago, which on these markets says nothing of prices. A coin of other bars, or of low
instead of high volume, is another strategy with exactly the same expectation. What has to be the
same for that is how many bars lie between entering and leaving by one volume: it decides how often
a coin trades, and so what it pays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simcore import engine
from simcore.backtests.metric_values import flag_names, metric_names
from simcore.backtests.request import ExecutionArgument, execution_json
from simcore.bars import columns_by_path
from simcore.errors import InvariantError
from simcore.scenario import document as scenario_document
from simcore.scenario.manifest import generate_with_manifest
from simcore.scoring import SCORES
from simcore.scoring.score import Runs
from simcore.strategy.grid import lowered
from simcore.strategy.strategy import Strategy, compile_strategy

Floats = NDArray[np.float64]

CASH: Final = 10_000.0
# Bars that coins look at; so many of high volume, and as many of low.
COIN_BARS: Final = 256
# Bars from leaving by a volume to entering by it.
PAUSE_BARS: Final = 8
# Every run begins here, so that coins of old and of recent bars trade as often.
HISTORY_BARS: Final = COIN_BARS + PAUSE_BARS
PERMITTED_DRAWS: Final = 50
CLOSES: Final = 32

COIN: Final[dict[str, Any]] = {
    "version": "0.1.0",
    "id": "coin",
    "name": "Coin",
    "timeframe": "1h",
    "params": {
        "enter_ago": {"value": PAUSE_BARS, "min": 0, "max": HISTORY_BARS},
        "leave_ago": {"value": 0, "min": 0, "max": HISTORY_BARS},
    },
    "rules": [
        {"if": "volume[enter_ago] > 1800", "then": "buy"},
        {"if": "volume[leave_ago] > 1800", "then": "close"},
    ],
    "risk": {
        "sizing": {"type": "pct_equity", "value": 50},
        "max_daily_loss_pct": 50,
        "max_holding_bars": 48,
    },
    "metadata": {"notes": "Enters and leaves by the volume of bars ago, which tells nothing."},
}


# Volume is log-normal with deviation 1/2: one bar in thirteen exceeds 1,800, one in thirteen falls
# below the square of its median, 1,000 exp(-1/8), over 1,800.
LOW_VOLUME: Final = 432.667


def coins(n: int) -> list[str]:
    """Programs of so many coins, at most 512, those of high and of low volume in turn."""
    if n > 2 * COIN_BARS:
        raise InvariantError(f"coins: got {n}, expected at most {2 * COIN_BARS}")
    ago = [(bars + PAUSE_BARS, bars) for bars in range(COIN_BARS)]
    mirrored = [
        {**rule, "if": rule["if"].replace("> 1800", f"< {LOW_VOLUME}")} for rule in COIN["rules"]
    ]
    sides = [
        lowered(compile_strategy({**COIN, "rules": rules}), ["enter_ago", "leave_ago"], ago)
        for rules in (COIN["rules"], mirrored)
    ]
    return [str(each.program) for pair in zip(*sides, strict=True) for each in pair][:n]


def drawn_settings(strategies: Sequence[str], n: int, seed: int) -> list[str]:
    """Programs of library strategies at parameters drawn evenly from their domains.

    Args:
        strategies: Ids, taken in turn; each has parameters with a domain.
        n: Programs wanted.
        seed: Of the draws.
    """
    return [program for _, _, program in _legal_settings(strategies, n, seed)]


def drawn_strategies(strategies: Sequence[str], n: int, seed: int) -> list[Strategy]:
    """The same, each as a strategy with its parameters for its own.

    Args:
        strategies: As for `drawn_settings`.
        n: Strategies wanted.
        seed: Of the draws.
    """
    drawn = []
    for place, (strategy, setting, _) in enumerate(_legal_settings(strategies, n, seed)):
        params = {
            name: {**domain, "value": value}
            for (name, domain), value in zip(
                strategy.document["params"].items(), setting, strict=True
            )
        }
        own = {**strategy.document, "id": f"setting-{place:03}", "params": params}
        drawn.append(compile_strategy(own))
    return drawn


def _legal_settings(
    strategies: Sequence[str], n: int, seed: int
) -> list[tuple[Strategy, tuple[float, ...], str]]:
    """Strategy, values of its parameters and program of each setting that can be played."""
    found: list[tuple[Strategy, tuple[float, ...], str]] = []
    each = -(-n // len(strategies))
    for lane, name in enumerate(strategies):
        strategy = compile_strategy(name)
        domains = strategy.model.params
        names = list(domains)
        draws = engine.uniforms(seed, "evolution", lane, PERMITTED_DRAWS * each * len(names))
        settings = list(
            dict.fromkeys(
                tuple(_placed(domains[name], u) for name, u in zip(names, row, strict=True))
                for row in draws.reshape(-1, len(names)).tolist()
            )
        )
        made = lowered(strategy, names, settings)
        legal = [
            (strategy, setting, one.program)
            for setting, one in zip(settings, made, strict=True)
            if one.program and one.lookback_bars < CLOSES * 4
        ]
        found += legal[:each]
    return found[:n]


def _placed(domain: Any, u: float) -> float:
    low, high = float(domain.min), float(domain.max)
    if domain.is_integer:
        return float(min(int(low + u * (high - low + 1.0)), int(high)))
    return low + u * (high - low)


@cache
def hold() -> Strategy:
    """Buy and hold, as the library has it."""
    return compile_strategy("buy_and_hold")


def points(
    programs: Sequence[str],
    market: Mapping[str, Any],
    *,
    execution: ExecutionArgument = "honest_v1",
    score: str = "composite_v1",
    n_threads: int | None = None,
) -> Floats:
    """Points of every program on every path of a market, ``(n_paths, n_programs)``.

    Args:
        programs: Compiled programs.
        market: A scenario's document, with as many paths as there are to be markets.
        execution: Profile of every run.
        score: Name of the score; the metrics it reads are those of a summary.
        n_threads: None takes the machine's cores; the bytes are the same for any number.
    """
    bars, manifest = generate_with_manifest(scenario_document.load(dict(market)))
    paths = [columns for _, columns in columns_by_path(bars)]
    runs = engine.backtest(
        programs,
        execution_json(execution),
        paths,
        [(program, path) for path in range(len(paths)) for program in range(len(programs))],
        initial_cash=CASH,
        bars_per_year=[float(manifest["A"])] * len(paths),
        detail="summary",
        n_threads=n_threads,
        first_bar=HISTORY_BARS,
    )
    shape = (len(paths), len(programs))
    column = {name: place for place, name in enumerate(metric_names())}
    table = SCORES[score]
    known = Runs(
        metrics={
            name: np.array([run["metrics"][column[name]] for run in runs]).reshape(shape)
            for name in table.metrics
        },
        is_ruined=np.array(["RUIN" in flag_names(run["flags"]) for run in runs]).reshape(shape),
        has_run=np.ones(shape, dtype=np.bool_),
    )
    return table.points(known, table.weights)
