"""Monte Carlo on a series of returns: what else the same returns could have looked like.

The engine draws and scores the paths; here they become percentiles, each with its own error.
What belongs to several strategies at once stands in `simcore.scoring.inference`.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import NormalDist
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from simcore import engine
from simcore.backtests.percentile import PERCENTILES, mean, quantile, standard_error
from simcore.backtests.request import BARS_PER_YEAR_MAX, check_bars_per_year
from simcore.errors import SpecError
from simcore.problems import Problem
from simcore.seeds import SEED_MAX

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]
Block = int | Literal["auto", "block_20_60"]

METHODS: Final = ("stationary", "circular", "moving", "iid", "permute")
STATISTICS: Final = ("sharpe", "max_drawdown", "profit_factor_bar", "cagr", "es_5_bar")
# The order of returns changes the way, and none of the rest.
ORDER_ONLY: Final = ("max_drawdown",)
# Names of the usual three: which percentile of what, and its sign.
NAMED: Final = {
    "sharpe_p5": ("sharpe", 0.05, 1.0),
    "mdd_p95": ("max_drawdown", 0.05, -1.0),  # a depth: the worst are the most negative
    "pf_p5": ("profit_factor_bar", 0.05, 1.0),
}
# Largest error of the 5 % percentile that an adaptive run stops at.
TARGETS: Final[Mapping[str, float]] = {"sharpe": 0.01, "max_drawdown": 0.002}
PATHS_MAX: Final = 1_000_000
FEW_PATHS: Final = 100
LOW_SAMPLE_BARS: Final = 20


@dataclass(frozen=True, eq=False)
class MonteCarlo:
    """What resampled paths of one series scored.

    Args:
        returns: The series, ``(n_bars,)``.
        scores: Value a path by name of statistic, each ``(n_paths,)``; NaN where there is none.
        observed: What the series itself scores; NaN where there is none.
        method: How it was resampled.
        block_bars: Mean bars of a block.
        seed: Root of the draws.
        n_needed: Paths that the targets need, as far as these paths can tell; None without
            targets.
        flags: ``LOW_SAMPLE`` (fewer than 20 returns), ``LONG_BLOCK`` (longer than a tenth of the
            series), ``FEW_PATHS`` (fewer than 100), ``TARGET_MISSED`` (a million paths did not do).
    """

    returns: Floats
    scores: Mapping[str, Floats]
    observed: Mapping[str, float]
    method: str
    block_bars: float
    seed: int
    n_needed: int | None
    flags: tuple[str, ...]

    @property
    def n_paths(self) -> int:
        """How many paths there are."""
        return len(self.scores["sharpe"])

    @cached_property
    def _ordered(self) -> dict[str, Floats]:
        """Scores that are numbers, ascending; none of a statistic that this method cannot vary."""
        return {
            name: np.sort(column[~np.isnan(column)])
            if self.method != "permute" or name in ORDER_ONLY
            else np.empty(0)
            for name, column in self.scores.items()
        }

    def rows(self) -> list[dict[str, float | str | None]]:
        """One row a statistic: ``metric, p5 … p95, mean, mcse_p5 … mcse_p95``.

        None where no path has the number, and for percentiles of what the method cannot vary;
        errors are None where too few paths have it to tell: 37 for the outer percentiles, 7 for
        the quartiles, 3 for the median.
        """
        found: list[dict[str, float | str | None]] = []
        for name in STATISTICS:
            ordered, values = self._ordered[name], self.scores[name]
            numbers = values[~np.isnan(values)]
            row: dict[str, float | str | None] = {"metric": name}
            for label, q in PERCENTILES.items():
                row[label] = quantile(ordered, q) if len(ordered) else None
            row["mean"] = mean(numbers) if len(numbers) else None
            for label, q in PERCENTILES.items():
                row[f"mcse_{label}"] = standard_error(ordered, q)
            found.append(row)
        return found

    @cached_property
    def percentiles(self) -> pl.DataFrame:
        """The frame of `rows`."""
        import polars as pl

        numbers = [*PERCENTILES, "mean", *(f"mcse_{label}" for label in PERCENTILES)]
        schema = {"metric": pl.String(), **dict.fromkeys(numbers, pl.Float64())}
        return pl.DataFrame(self.rows(), schema=schema)

    @cached_property
    def named(self) -> dict[str, float | None]:
        """``sharpe_p5``, ``mdd_p95`` (a positive depth) and ``pf_p5``; None where undefined."""
        return {
            # Adding nothing makes a depth of -0 one of 0.
            name: sign * quantile(ordered, q) + 0.0
            if len(ordered := self._ordered[metric])
            else None
            for name, (metric, q, sign) in NAMED.items()
        }

    def probability(self, metric: str, below: float) -> tuple[float, float]:
        """Share of paths whose `metric` lies below a value, and the error of that share.

        Paths without the number count as not below. ``probability("cagr", 0.0)`` is the chance to
        lose money; ``probability("max_drawdown", -0.2)`` that of a fall deeper than a fifth. One
        path more on either side keeps the error above 0 where all paths agree.

        Raises:
            SpecError: The name is none of `STATISTICS`; the value is not a number.
        """
        if metric not in STATISTICS:
            _refuse([("METRIC", repr(metric), f"one of {', '.join(STATISTICS)}", "/metric")])
        if math.isnan(below):
            _refuse([("OUT_OF_RANGE", f"{below}", "a number", "/below")])
        n_below = int(np.count_nonzero(self.scores[metric] < below))
        shrunk = (n_below + 1.0) / (self.n_paths + 2.0)
        return n_below / self.n_paths, math.sqrt(shrunk * (1.0 - shrunk) / self.n_paths)

    def sharpe_lower(
        self, alpha: float = 0.05, kind: Literal["basic", "bca"] = "basic"
    ) -> float | None:
        """Lower bound that the true Sharpe ratio exceeds with confidence 1 − `alpha`.

        ``basic`` mirrors the bootstrap's upper tail at the estimate; ``bca`` corrects percentiles
        for bias and acceleration, the latter from leaving out a block at a time. A percentile such
        as `sharpe_p5` describes the paths and is no such bound. None where the Sharpe ratio has no
        number, and under ``permute``.

        Raises:
            SpecError: `alpha` is not within (0, 1), or `kind` is neither.

        Source:
            Davison and Hinkley (1997), "Bootstrap methods and their application", chapter 5;
            Efron (1987), "Better bootstrap confidence intervals", JASA 82(397).
        """
        if not 0.0 < alpha < 1.0:
            _refuse([("OUT_OF_RANGE", f"{alpha}", "a number within (0, 1)", "/alpha")])
        if kind not in ("basic", "bca"):
            _refuse([("BAD_ENUM", repr(kind), "basic or bca", "/kind")])
        ordered, estimate = self._ordered["sharpe"], self.observed["sharpe"]
        if not len(ordered) or math.isnan(estimate):
            return None
        if kind == "basic":
            return 2.0 * estimate - quantile(ordered, 1.0 - alpha)
        normal, n = NormalDist(), len(ordered)
        below = np.count_nonzero(ordered < estimate) + 0.5 * np.count_nonzero(ordered == estimate)
        bias = normal.inv_cdf(min(max(below / n, 0.5 / n), 1.0 - 0.5 / n))
        point = bias + normal.inv_cdf(alpha)
        acceleration = _acceleration(self.returns, math.ceil(self.block_bars))
        return quantile(ordered, normal.cdf(bias + point / (1.0 - acceleration * point)))


def monte_carlo(
    returns: Sequence[float] | Floats | pl.Series,
    *,
    bars_per_year: float,
    n_paths: int = 10_000,
    method: str = "stationary",
    block: Block = "auto",
    adaptive: bool | Mapping[str, float] = False,
    metrics: Sequence[str] | None = None,
    signature: str | None = None,
    seed: int | None = None,
) -> pl.DataFrame:
    """Resample a series of returns and return percentiles of what the paths score.

    The frame of `resampled`, which also has the paths themselves, probabilities and bounds.

    Args:
        returns: As for `resampled`, and so are the others not named here.
        bars_per_year: Annualises Sharpe ratio and growth.
        n_paths: How many paths; of an adaptive run the first so many.
        method: One of `METHODS`.
        block: Bars of a block, or how to choose them.
        adaptive: Whether to add paths until the errors are small, or how small.
        metrics: The rows wanted, in this order; None means all of `STATISTICS`.
        signature: Of the run that the returns come from.
        seed: In place of the one that follows from the series.

    Returns:
        A row a metric: ``metric, p5, p25, p50, p75, p95, mean``, and ``mcse_p5 … mcse_p95``, the
        standard error of each percentile. Under ``permute`` only the drawdown has percentiles:
        the order of returns changes nothing else.

    Raises:
        SpecError: An argument is no sensible one; a metric is asked for that ``permute`` cannot
            vary.
        EngineError: The returns are too few or not finite.

    Warns:
        UserWarning: The blocks are longer than a tenth of the series: few of them fit.
    """
    wanted = STATISTICS if metrics is None else tuple(metrics)
    _check_metrics(wanted, method if metrics is not None else "")
    made = resampled(
        returns,
        bars_per_year=bars_per_year,
        n_paths=n_paths,
        method=method,
        block=block,
        adaptive=adaptive,
        signature=signature,
        seed=seed,
    )
    if "LONG_BLOCK" in made.flags:
        message = (
            f"blocks of {made.block_bars:.4g} bars are longer than a tenth of "
            f"{len(made.returns)} returns: the paths hardly differ [use a longer series]"
        )
        warnings.warn(message, UserWarning, stacklevel=2)
    places = [STATISTICS.index(name) for name in wanted]
    return made.percentiles[places]


def resampled(
    returns: Sequence[float] | Floats | pl.Series,
    *,
    bars_per_year: float,
    n_paths: int = 10_000,
    method: str = "stationary",
    block: Block = "auto",
    adaptive: bool | Mapping[str, float] = False,
    signature: str | None = None,
    seed: int | None = None,
    n_threads: int | None = None,
) -> MonteCarlo:
    """Draw paths from a series of returns and score each of them.

    Args:
        returns: Simple returns, one a bar, two or more, ``(n_bars,)``.
        bars_per_year: Annualises Sharpe ratio and growth, above 0.
        n_paths: How many paths, 1 to 1,000,000.
        method: ``stationary`` (blocks of random length), ``circular`` and ``moving`` (of one
            length, around the end or not), ``iid`` (single returns), ``permute`` (another order).
        block: Bars of a block; ``auto`` estimates them from the returns and from their squares
            and takes the larger; ``block_20_60`` holds that between 20 and 60. Of no account for
            ``iid`` and ``permute``.
        adaptive: True adds paths until the error of the 5 % percentile is at most 0.01 (Sharpe)
            and 0.002 (drawdown), or there are a million; a mapping names other targets.
        signature: Of the run that the returns come from; None takes the hash of their bytes.
        seed: 0 to 2**53 - 1; None derives it from signature and method, so that the same returns
            give the same bytes.
        n_threads: None takes the machine's cores; the bytes are the same for any number.

    Raises:
        SpecError: An argument is no sensible one.
        EngineError: The returns are too few or not finite.

    Source:
        Politis and Romano (1994), JASA 89(428); Politis and White (2004), Econometric Reviews
        23(1).
    """
    series = np.ascontiguousarray(np.asarray(returns, dtype="<f8"))
    targets = TARGETS if adaptive is True else adaptive or {}
    if method == "permute" and adaptive is True:
        targets = {name: TARGETS[name] for name in ORDER_ONLY}
    _check(series, n_paths, method, block, targets)
    _check_given(seed, bars_per_year)
    block_bars = chosen_block_bars(series, method, block)
    if seed is None:
        seed = derived_seed(signature or hashlib.sha256(series.tobytes()).hexdigest(), method)

    draws = _Draws(series, method, block_bars, seed, float(bars_per_year), n_threads)
    scores, needed = _drawn(draws, n_paths, targets)
    n_paths = len(scores["sharpe"])
    found = {
        "LOW_SAMPLE": len(series) < LOW_SAMPLE_BARS,
        "LONG_BLOCK": block_bars > len(series) / 10,
        "FEW_PATHS": n_paths < FEW_PATHS,
        "TARGET_MISSED": needed is not None and needed > n_paths,
    }
    flags = tuple(name for name, holds in found.items() if holds)
    observed = draws.observed()
    return MonteCarlo(series, scores, observed, method, block_bars, seed, needed, flags)


@dataclass(frozen=True, eq=False)
class _Draws:
    """Everything that the paths of one series depend on but their number."""

    returns: Floats
    method: str
    block_bars: float
    seed: int
    bars_per_year: float
    n_threads: int | None

    def scores(self, first_path: int, n_paths: int) -> dict[str, Floats]:
        """Scores of some paths."""
        return engine.bootstrap(
            self.returns,
            seed=self.seed,
            method=self.method,
            block_bars=self.block_bars,
            first_path=first_path,
            n_paths=n_paths,
            bars_per_year=self.bars_per_year,
            n_threads=self.n_threads,
        )

    def observed(self) -> dict[str, float]:
        """Scores of the series itself: the only block of its own length that does not wrap."""
        whole = replace(self, method="moving", block_bars=float(len(self.returns)))
        return {name: float(column[0]) for name, column in whole.scores(0, 1).items()}


def _drawn(
    draws: _Draws, n_paths: int, targets: Mapping[str, float]
) -> tuple[dict[str, Floats], int | None]:
    """Scores of so many paths, or of as many as the targets need; and how many those are."""
    scores = draws.scores(0, n_paths)
    if not targets:
        return scores, None
    needed = _needed(scores, targets)
    while needed > n_paths and n_paths < PATHS_MAX:
        # A tenth more than seems needed, as the error is itself an estimate.
        more = min(max(math.ceil(1.1 * needed), n_paths + 1), PATHS_MAX) - n_paths
        added = draws.scores(n_paths, more)
        scores = {name: np.concatenate([scores[name], added[name]]) for name in scores}
        n_paths += more
        needed = _needed(scores, targets)
    return scores, needed


def derived_seed(signature: str, method: str) -> int:
    """Seed of the draws for one run and method: the first 53 bits of a hash."""
    digest = hashlib.sha256(f"mc-v1:{signature}:{method}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 11


def chosen_block_bars(returns: Floats, method: str, block: Block) -> float:
    """Bars of a block: as given, or estimated from the returns.

    Args:
        returns: ``(n_bars,)``; 10 or more if the block is to be estimated.
        method: ``stationary`` takes the estimate as it is, the others whole bars.
        block: A number, ``auto`` or ``block_20_60``.

    Returns:
        1 or more; 1 for ``iid`` and ``permute``, which have no blocks.

    Raises:
        EngineError: There are too few returns to estimate from.
    """
    if method in ("iid", "permute"):
        return 1.0
    if not isinstance(block, str):
        return float(block)
    column = 0 if method == "stationary" else 1
    each = (returns, returns * returns)
    best = max(engine.optimal_block_bars(values)[column] for values in each)
    if block == "block_20_60":
        best = min(max(best, 20.0), 60.0)
    best = min(max(best, 1.0), float(len(returns)))
    return best if method == "stationary" else float(round(best))


def _needed(scores: Mapping[str, Floats], targets: Mapping[str, float]) -> int:
    """Paths after which every target is met: errors fall as one over the root of their number."""
    needed = 1
    for name, target in targets.items():
        ordered = np.sort(scores[name][~np.isnan(scores[name])])
        if len(ordered):
            error = standard_error(ordered, PERCENTILES["p5"])
            # Too few to tell how far off they are: so many as nobody has to be warned of.
            ratio = math.sqrt(FEW_PATHS / len(scores[name])) if error is None else error / target
            needed = max(needed, math.ceil(len(scores[name]) * ratio * ratio))
    return needed


def _acceleration(returns: Floats, block_bars: int) -> float:
    """How fast the Sharpe ratio's error changes with it, from leaving out a block at a time."""
    n, n_blocks = len(returns), len(returns) // block_bars
    if n_blocks < 3:
        return 0.0
    blocks = returns[: n_blocks * block_bars].reshape(n_blocks, block_bars)
    left = n - block_bars
    means = (returns.sum() - blocks.sum(axis=1)) / left
    squares = (returns @ returns - (blocks * blocks).sum(axis=1)) / left - means * means
    if not (squares > 0.0).all():
        return 0.0
    ratios = means / np.sqrt(squares)
    apart = ratios.mean() - ratios
    spread = float((apart * apart).sum())
    return float((apart**3).sum()) / (6.0 * spread**1.5) if spread > 0.0 else 0.0


def _check(
    returns: Floats, n_paths: int, method: str, block: Block, targets: Mapping[str, float]
) -> None:
    wrong = []
    if returns.ndim != 1:
        wrong.append(("WRONG_SHAPE", f"shape {returns.shape}", "one number a bar", "/returns"))
    if method not in METHODS:
        wrong.append(("BAD_ENUM", repr(method), f"one of {', '.join(METHODS)}", "/method"))
    if not _is_count(n_paths) or not 1 <= n_paths <= PATHS_MAX:
        wrong.append(("OUT_OF_RANGE", f"{n_paths}", f"a count of 1 to {PATHS_MAX}", "/n_paths"))
    is_block = block in ("auto", "block_20_60") if isinstance(block, str) else _is_count(block)
    if not is_block or (not isinstance(block, str) and block < 1):
        expected = '"auto", "block_20_60" or a whole number of bars from 1'
        wrong.append(("BLOCK", repr(block), expected, "/block"))
    varied = ORDER_ONLY if method == "permute" else STATISTICS
    for name, target in targets.items():
        if name not in varied:
            wrong.append(("METRIC", repr(name), f"one of {', '.join(varied)}", "/adaptive"))
        elif not 0.0 < target < math.inf:
            wrong.append(("OUT_OF_RANGE", f"{target}", "an error above 0", f"/adaptive/{name}"))
    _refuse(wrong)


def _check_given(seed: int | None, bars_per_year: float) -> None:
    """Refuse a seed that is none, and more bars than a year has; the engine refuses the rest."""
    if BARS_PER_YEAR_MAX < bars_per_year < math.inf:
        check_bars_per_year(bars_per_year)
    if seed is not None and not (_is_count(seed) and 0 <= seed <= SEED_MAX):
        _refuse([("OUT_OF_RANGE", repr(seed), f"a whole number from 0 to {SEED_MAX}", "/seed")])


def _check_metrics(wanted: Sequence[str], method: str) -> None:
    varied = ORDER_ONLY if method == "permute" else STATISTICS
    expected = f"one of {', '.join(varied)}"
    if method == "permute":
        expected += ": another order of the same returns changes no other [take stationary]"
    _refuse(
        [
            ("METRIC", repr(name), expected, f"/metrics/{index}")
            for index, name in enumerate(wanted)
            if name not in varied
        ]
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _refuse(wrong: Sequence[tuple[str, str, str, str]]) -> None:
    if wrong:
        raise SpecError(
            [
                Problem("ARGUMENT", reason, f"got {got}, expected {expected}", path=path)
                for reason, got, expected, path in wrong
            ]
        )
