"""The comparison itself: where two runs part, their metrics, and whether one is truly better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from simcore import engine
from simcore.backtests.request import ExecutionArgument
from simcore.contrast.backtests import computed, kept
from simcore.contrast.chaos import Universes, shaken
from simcore.contrast.divergence import Difference, parting
from simcore.contrast.names import FORMS, Computed, Kept, Shaken, parsed
from simcore.contrast.run import Run
from simcore.errors import SpecError
from simcore.problems import Problem
from simcore.scoring.comparison import mean_difference, sharpe_difference
from simcore.seeds import derive

RUNS_MAX: Final = 16


@dataclass(frozen=True)
class Paired:
    """A difference over the same bars, the second run less the first.

    Args:
        metric: What differs: ``sharpe`` or ``return_annual``.
        unit: Of the difference.
        difference: Second less first.
        lower: Lower end of its 95 % interval.
        upper: Upper end.
        p_value: Two-sided, of no difference.
        n_bars: Bars that both ran over.
        method: How interval and p-value were found.
    """

    metric: str
    unit: str
    difference: float
    lower: float
    upper: float
    p_value: float
    n_bars: int
    method: str


@dataclass(frozen=True, eq=False)
class Contrast:
    """Two runs beside each other.

    Args:
        first: The run that others are compared with.
        second: The other.
        are_same_bars: Whether both met the same bars.
        differences: Where they part, one a level on which they do.
        paired: Differences with their intervals; empty where there can be none.
        unpaired: Why there are none; empty if there are.
    """

    first: Run
    second: Run
    are_same_bars: bool
    differences: tuple[Difference, ...]
    paired: tuple[Paired, ...]
    unpaired: str

    @property
    def first_difference(self) -> Difference | None:
        """Where they part first, the widest level of equals; None where they do not."""
        return min(self.differences, key=lambda each: each.ts, default=None)

    @property
    def metrics(self) -> pl.DataFrame:
        """``metric, unit, better, first, second, difference``, the second less the first.

        Null where a metric is not defined.
        """
        known = {row["name"]: row for row in engine.catalogue()["metrics"]}
        names = dict.fromkeys((*self.first.metrics, *self.second.metrics))
        rows = []
        for name in names:
            sides = [each.metrics.get(name) for each in (self.first, self.second)]
            values = [None if each is None else float(each) for each in sides]
            gap = None if None in values else values[1] - values[0]  # type: ignore[operator]
            row = known.get(name, {"unit": "-", "better": "neither"})
            rows.append((name, row["unit"], row["better"], *values, gap))
        text = dict.fromkeys(("metric", "unit", "better"), pl.String)
        number = dict.fromkeys(("first", "second", "difference"), pl.Float64)
        return pl.DataFrame(rows, schema={**text, **number}, orient="row")

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        earliest = self.first_difference
        return {
            "first": self.first.name,
            "second": self.second.name,
            "are_same_bars": self.are_same_bars,
            "first_difference": None if earliest is None else earliest.as_json(),
            "differences": [each.as_json() for each in self.differences],
            "metrics": self.metrics.to_dicts(),
            "paired": [asdict(each) for each in self.paired],
            "unpaired": self.unpaired,
        }


def compare(
    *runs: str,
    initial_cash: float = 10_000.0,
    executions: Mapping[str, ExecutionArgument] | None = None,
    home: str | Path | None = None,
) -> tuple[Contrast, ...]:
    """Compare runs with the first of them: where their decisions part, and what came of it.

    Args:
        runs: Two or more, each ``STRATEGY@SCENARIO[#PATH][@EXECUTION]``, computed now;
            ``CAMPAIGN/STRATEGY/SCENARIO[/PATH]``, kept in the lake; or ``CAMPAIGN[:SEED[:ARM]]``,
            an arm of a campaign's chaos.
        initial_cash: Of those that are computed, quote currency.
        executions: What an execution's name in a run stands for; a name that is not there is a
            profile's.
        home: Where the user's documents and the lake lie; trials are counted there.

    Returns:
        One contrast for each run after the first.

    Raises:
        SpecError: Fewer than two runs or more than sixteen, a text that names no run, a document
            that is wrong, a run that the lake does not have, or runs of two kinds.
        EngineError: A scenario or a run is refused.
        StoreError: A file of the lake cannot be read.
    """
    if not 2 <= len(runs) <= RUNS_MAX:
        message = f"got {len(runs)} runs, expected 2 to {RUNS_MAX}, each {FORMS}"
        raise SpecError([Problem("ARGUMENT", "RUN", message, source="compare")])
    names: list[Computed | Kept | Shaken] = []
    problems: list[Problem] = []
    for text in runs:
        try:
            names.append(parsed(text))
        except SpecError as refusal:
            problems += refusal.problems
    if problems:
        raise SpecError(problems)
    _check_kinds(runs, names)
    known = executions or {}
    universes: Universes = {}
    made: list[Run] = []
    for text, name in zip(runs, names, strict=True):
        if isinstance(name, Computed):
            execution = known.get(name.execution, name.execution)
            made.append(computed(name, text, execution, initial_cash, home))
        elif isinstance(name, Kept):
            made.append(kept(name, text, home))
        else:
            made.append(shaken(name, text, home, universes))
    return tuple(_contrast(made[0], other) for other in made[1:])


def _check_kinds(runs: Sequence[str], names: Sequence[Computed | Kept | Shaken]) -> None:
    told = ["an arm of chaos" if isinstance(each, Shaken) else "a backtest" for each in names]
    odd = next((at for at, each in enumerate(told) if each != told[0]), None)
    if odd is not None:
        message = (
            f"got {runs[0]}, {told[0]}, and {runs[odd]}, {told[odd]}, expected runs of one kind"
        )
        raise SpecError([Problem("ARGUMENT", "OTHER_KIND", message, source="compare")])


def _contrast(first: Run, second: Run) -> Contrast:
    are_same = first.market == second.market
    found = [parting(level, course, second.levels[level]) for level, course in first.levels.items()]
    if first.curve is not None and second.curve is not None:
        found.append(_equity(first, second))
    paired, why = _paired(first, second) if are_same else ((), "they ran over other bars")
    differences = tuple(each for each in found if each is not None)
    return Contrast(first, second, are_same, differences, paired, why)


def _equity(first: Run, second: Run) -> Difference | None:
    """The first close at which equity differs in any bit."""
    curves = [each.curve for each in (first, second) if each.curve is not None]
    n = min(each.equity.size for each in curves)
    one, other = (each.equity for each in curves)
    apart = np.flatnonzero(one[:n] != other[:n])
    if not apart.size and one.size == other.size:
        return None
    bar = int(apart[0]) if apart.size else n
    told = [{"equity": float(each.equity[bar])} if bar < each.equity.size else None
            for each in curves]  # fmt: skip
    ts = next(int(each.ts[bar]) for each in curves if bar < each.ts.size)
    return Difference("equity", ts, bar, told[0], told[1], bar)


def _paired(first: Run, second: Run) -> tuple[tuple[Paired, ...], str]:
    """Differences with their intervals, or why there are none."""
    missing = first.curve_missing or second.curve_missing
    if first.curve is None or second.curve is None:
        return (), missing or "chaos has no bars"
    own, other = first.curve.returns, second.curve.returns
    year = first.curve.per_year
    who = (
        str(each.identity[part]) for each in (first, second) for part in ("ir_hash", "execution")
    )
    seed = derive(0, "compare", first.market, *who)
    sharpe = sharpe_difference(other, own, seed=seed)
    mean = mean_difference(other, own)
    found = []
    for metric, unit, scale, test, method in (
        ("sharpe", "1/sqrt(year)", year**0.5, sharpe, "Ledoit and Wolf, circular blocks"),
        ("return_annual", "fraction/year", year, mean, "Newey and West"),
    ):
        if test is not None:
            ends = (scale * test.difference, scale * test.lower, scale * test.upper)
            found.append(Paired(metric, unit, *ends, test.p_value, own.size, method))
    return tuple(
        found
    ), "" if found else "a run that never moved, or two that are the same or hardly differ"
