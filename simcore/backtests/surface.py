"""The parameter surface: whether a good setting has good neighbours, or stands alone by luck."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simcore.backtests.request import ExecutionArgument
from simcore.backtests.sweep import sweep
from simcore.errors import LimitError, SpecError
from simcore.problems import Problem
from simcore.strategy.strategy import Strategy, compile_strategy

SPAN: Final = 0.2
# A peak of which fewer neighbours than this are within its error stands alone.
ISOLATED_SHARE: Final = 0.25
MAX_NEIGHBOURHOOD: Final = 100_000
EULER_GAMMA: Final = 0.577_215_664_901_532_9


@dataclass(frozen=True, eq=False)
class Surface:
    """Every setting of a sweep, with what its neighbours score.

    Args:
        names: Parameters that vary.
        metric: Name of the score.
        span: Share of each value that its neighbourhood reaches to either side.
        frame: One row a setting, as the sweep has them: the parameters; ``score`` and
            ``standard_error``; ``n_neighbours``, settings with a score in the neighbourhood;
            ``plateau``, the share of them whose score is within one standard error; ``is_peak``,
            whether none of them scores as much; ``is_isolated``, a peak whose plateau is below a
            quarter; ``refused``.
        current: The setting of the strategy's document, None where a sweep alone was given.
    """

    names: tuple[str, ...]
    metric: str
    span: float
    frame: pl.DataFrame
    current: Mapping[str, float] | None = None

    @property
    def n_settings(self) -> int:
        """Settings with a score."""
        return self.frame["score"].count()

    @property
    def best(self) -> dict[str, Any] | None:
        """The row of the highest score, the first of equals; None where there is no score."""
        scored = self.frame.filter(pl.col("score").is_not_null())
        return (
            scored.row(int(scored["score"].arg_max() or 0), named=True) if scored.height else None
        )

    @property
    def score_by_luck(self) -> float | None:
        """Score that the best of so many settings reaches on average if none has an edge.

        It holds for settings that have nothing to do with one another; neighbours do, which makes
        luck weaker than this. None where there are fewer than two.

        Source:
            Bailey and López de Prado (2014), "The deflated Sharpe ratio", J. Portfolio Management
            40(5), eq. 1.
        """
        n = self.n_settings
        if n < 2:
            return None
        quantile = NormalDist().inv_cdf
        largest = (1.0 - EULER_GAMMA) * quantile(1.0 - 1.0 / n)
        largest += EULER_GAMMA * quantile(1.0 - 1.0 / (n * math.e))
        return largest * float(self.frame["standard_error"].min())  # type: ignore[arg-type]

    def at(self, **setting: float) -> dict[str, Any]:
        """Return the row of one setting.

        Raises:
            SpecError: There is no such setting.
        """
        wanted = [pl.col(name) == value for name, value in setting.items()]
        rows = self.frame.filter(*wanted) if set(setting) == set(self.names) else pl.DataFrame()
        if not rows.height:
            raise _refused("GRID", f"got {setting}, which is no setting of the surface", "")
        return rows.row(0, named=True)


def surface(
    swept: pl.DataFrame, names: Sequence[str], *, metric: str = "sharpe", span: float = SPAN
) -> Surface:
    """Return the surface of a sweep.

    A neighbour of a setting differs from it by at most `span` of each of its values. Where the
    grid is coarser than that, the next value to either side counts as well. Refused settings and
    those without a score are nobody's neighbour.

    Args:
        swept: What `simcore.sweep` returned: one row for each combination of values.
        names: The parameters of its grid.
        metric: A column with a standard error beside it: ``<metric>_se``.
        span: Share of each value, above 0.

    Returns:
        The surface; without rows, one without rows. A setting without neighbours has no plateau,
        and is no peak.

    Raises:
        SpecError: A column is missing, a combination is missing or stands twice, or the span is
            none.
    """
    _check(swept, names, metric, span)
    scores = swept[metric].cast(pl.Float64).fill_null(math.nan).to_numpy()
    errors = swept[f"{metric}_se"].cast(pl.Float64).fill_null(math.nan).to_numpy()
    axes = [np.unique(swept[name].cast(pl.Float64).to_numpy()) for name in names]
    places = [
        np.searchsorted(axis, swept[name].cast(pl.Float64).to_numpy())
        for axis, name in zip(axes, names, strict=True)
    ]
    shape = tuple(axis.size for axis in axes)
    block = np.full(shape, math.nan)
    block[tuple(places)] = scores
    windows = [_windows(axis, span) for axis in axes]
    found = [
        _neighbourhood(block, [window[place] for window, place in zip(windows, at, strict=True)],
                       float(score), float(error))
        for at, score, error in zip(
            zip(*(each.tolist() for each in places), strict=True), scores, errors, strict=True
        )
    ]  # fmt: skip
    schema = {"n_neighbours": pl.UInt32, "plateau": pl.Float64, "is_peak": pl.Boolean}
    marks = pl.DataFrame(found, schema=schema, orient="row")
    frame = swept.select(
        *names, score=pl.col(metric).cast(pl.Float64), standard_error=pl.col(f"{metric}_se")
    ).hstack(marks)
    is_isolated = pl.col("is_peak") & (pl.col("plateau") < ISOLATED_SHARE)
    refused = swept["refused"] if "refused" in swept.columns else pl.Series([None] * swept.height)
    frame = frame.with_columns(
        is_isolated=is_isolated.fill_null(value=False), refused=refused.cast(pl.String)
    )
    return Surface(tuple(names), metric, span, frame)


def parameter_surface(
    strategy: Strategy | str | Path | Mapping[str, Any],
    bars: pl.DataFrame,
    *,
    names: Sequence[str] | None = None,
    n_steps: int = 3,
    span: float = SPAN,
    execution: ExecutionArgument = "honest_v1",
    initial_cash: float = 10_000.0,
    bars_per_year: float | None = None,
    home: str | Path | None = None,
    n_threads: int | None = None,
) -> Surface:
    """Return the surface around a strategy's own setting.

    Args:
        strategy: A compiled strategy, or a document, its id, path or text.
        bars: As for `simcore.backtest`.
        names: Parameters to vary; None means each that is not 0.
        n_steps: Values to either side of a parameter's own, evenly up to `span` of it, within its
            domain; whole numbers where it is one and its domain, if stated, is of them.
        span: Share of each value, above 0.
        execution: As for `simcore.sweep`, and so on.
        initial_cash: Quote currency, above 0.
        bars_per_year: Annualises the ratios.
        home: Where the user's documents lie and trials are counted; None counts nothing.
        n_threads: None takes the machine's cores; the result is the same for any number.

    Raises:
        SpecError: As for `simcore.sweep`; the strategy has no parameter to vary.
        LimitError: The neighbourhood has more than a hundred thousand settings.
    """
    compiled = compile_strategy(strategy, home=home)
    params = compiled.model.params
    varied = [n for n, p in params.items() if p.value != 0.0] if names is None else list(names)
    if not varied or n_steps < 1 or not 0.0 < span < math.inf:
        message = f"got {varied} with {n_steps} steps of {span}, expected a parameter and a step"
        raise _refused("GRID", message, "/names")
    grid = {
        name: _around(compiled, name, n_steps, span) if name in params else [0.0] for name in varied
    }
    n_settings = math.prod(len(values) for values in grid.values())
    if n_settings > MAX_NEIGHBOURHOOD:
        message = (
            f"names: got {n_settings} settings, expected at most {MAX_NEIGHBOURHOOD}"
            " [name fewer parameters, or take fewer steps]"
        )
        raise LimitError("TOO_LARGE", message)
    swept = sweep(
        compiled,
        grid,
        bars,
        execution=execution,
        initial_cash=initial_cash,
        bars_per_year=bars_per_year,
        home=home,
        n_threads=n_threads,
    )
    current = {name: params[name].value for name in varied}
    return replace(surface(swept, varied, span=span), current=current)


def _around(strategy: Strategy, name: str, n_steps: int, span: float) -> list[float]:
    """Values around a parameter's own, rising, within its domain."""
    param = strategy.model.params[name]
    values = [param.value * (1.0 + span * k / n_steps) for k in range(-n_steps, n_steps + 1)]
    is_whole = param.value.is_integer() and param.min is None and param.max is None
    if param.is_integer or is_whole:
        own = int(param.value)
        # A step of a small number is less than one: the next number is its nearest neighbour.
        values = [float(value) for value in {own - 1, own + 1, *map(round, values)}]
    low = -math.inf if param.min is None else param.min
    high = math.inf if param.max is None else param.max
    return sorted({value for value in values if low <= value <= high})


def _windows(axis: NDArray[np.float64], span: float) -> list[slice]:
    """For each value of an axis, where its neighbourhood lies on it; the next values are in it."""
    reach = span * np.abs(axis) * (1.0 + 1e-12)
    first = np.searchsorted(axis, axis - reach, side="left")
    last = np.searchsorted(axis, axis + reach, side="right")
    at = np.arange(axis.size)
    first, last = np.minimum(first, np.maximum(at - 1, 0)), np.maximum(last, at + 2)
    return [slice(int(a), int(b)) for a, b in zip(first, last, strict=True)]


def _neighbourhood(
    block: NDArray[np.float64], window: Sequence[slice], score: float, error: float
) -> tuple[int, float | None, bool | None]:
    """Number of neighbours, share of them within the error, whether none scores as much."""
    if math.isnan(score):
        return 0, None, None
    near = block[tuple(window)]
    near = near[~np.isnan(near)]
    n_neighbours = near.size - 1
    if n_neighbours == 0:
        return 0, None, False
    n_within = int(np.count_nonzero(np.abs(near - score) <= error)) - 1
    return n_neighbours, n_within / n_neighbours, int(np.count_nonzero(near >= score)) == 1


def _check(swept: pl.DataFrame, names: Sequence[str], metric: str, span: float) -> None:
    missing = [n for n in (*names, metric, f"{metric}_se") if n not in swept.columns]
    if missing or not names:
        found = ", ".join(swept.columns)
        raise _refused("MISSING_COLUMN", f"got {found}; expected also {', '.join(missing)}", "")
    if not 0.0 < span < math.inf:
        raise _refused("OUT_OF_RANGE", f"got {span}, expected a finite number above 0", "/span")
    n_combinations = math.prod(swept[name].n_unique() for name in names)
    if swept.select(names).n_unique() != swept.height or n_combinations != swept.height:
        message = (
            f"got {swept.height} rows, expected each of {n_combinations} combinations of"
            f" {', '.join(names)} once"
        )
        raise _refused("GRID", message, "")


def _refused(reason: str, message: str, path: str) -> SpecError:
    return SpecError([Problem("ARGUMENT", reason, message, path, "surface")])
