"""Many ways through one history: combinatorial purged splits, and the probability of overfitting.

Both look at returns that are given, one column a setting; nothing is run here.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simcore.backtests.request import check_bars_per_year
from simcore.errors import LimitError, SpecError
from simcore.problems import Problem

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

BLOCKS: Final = (8, 10, 12, 16)
MIN_SETTINGS: Final = 10
MIN_BARS_PER_BLOCK: Final = 30
MAX_SPLITS: Final = 100_000
HISTOGRAM_BINS: Final = 20
# Share of the sum of squares below which a spread is what rounding leaves of none.
_NO_SPREAD: Final = 1e-12
# Sharpe ratios that are held at a time: halves times settings.
_HELD: Final = 1 << 21


@dataclass(frozen=True)
class Split:
    """One division of a history into bars to learn from and bars to be judged on.

    Args:
        test_groups: Numbers of the groups that are judged, rising.
        train: Bars to learn from, rising.
        tests: The bars of each of `test_groups`.
    """

    test_groups: tuple[int, ...]
    train: Rows
    tests: tuple[Rows, ...]


@dataclass(frozen=True)
class Combinations:
    """Every division of a history into groups of which some are judged.

    Every group is judged in several splits, and picking one of these for each group makes a path
    through the whole history that nobody has learnt from.

    Args:
        n_bars: Length of the history.
        groups: How many groups it is cut into; the remainder goes to the last.
        test_groups: How many of them are judged at a time.
        purge_bars: Bars that are not learnt from on either side of what is judged.
        embargo_bars: Further bars behind it that are not learnt from.

    Raises:
        SpecError: A count is out of range, or a group is not longer than what is cut off it.
        LimitError: More than a hundred thousand splits.

    Source:
        Lopez de Prado (2018), "Advances in Financial Machine Learning", ch. 12.
    """

    n_bars: int
    groups: int = 10
    test_groups: int = 2
    purge_bars: int = 0
    embargo_bars: int = 0

    def __post_init__(self) -> None:
        named = ("n_bars", "groups", "test_groups", "purge_bars", "embargo_bars")
        counts = {name: getattr(self, name) for name in named}
        wrong = {name: value for name, value in counts.items() if not _is_count(value)}
        if wrong:
            raise SpecError(
                [
                    Problem("ARGUMENT", "WRONG_TYPE", f"got {value!r}, expected a whole number",
                            f"/{name}")
                    for name, value in wrong.items()
                ]
            )  # fmt: skip
        problems = [
            Problem("ARGUMENT", "OUT_OF_RANGE", f"got {value}, expected {expected}", f"/{name}")
            for name, value, is_right, expected in (
                ("groups", self.groups, self.groups >= 2, "2 or more"),
                (
                    "test_groups", self.test_groups, 1 <= self.test_groups < self.groups,
                    f"1 or more and fewer than {self.groups} groups",
                ),
                ("purge_bars", self.purge_bars, self.purge_bars >= 0, "0 or more"),
                ("embargo_bars", self.embargo_bars, self.embargo_bars >= 0, "0 or more"),
            )
            if not is_right
        ]  # fmt: skip
        gap_bars = self.purge_bars + self.embargo_bars
        if not problems and self.n_bars // self.groups <= gap_bars + 1:
            message = (
                f"got {self.n_bars} bars in {self.groups} groups, expected groups of more than "
                f"{gap_bars + 1} bars, which are cut off between them"
            )
            problems.append(Problem("ARGUMENT", "TOO_SHORT", message, "/groups"))
        if problems:
            raise SpecError(problems)
        if self.n_splits > MAX_SPLITS:
            message = f"got {self.n_splits} splits, expected at most {MAX_SPLITS}"
            raise LimitError("TOO_LARGE", message)

    @property
    def n_splits(self) -> int:
        """Number of splits."""
        return math.comb(self.groups, self.test_groups)

    @property
    def n_paths(self) -> int:
        """Number of paths, which is how often each group is judged."""
        return self.n_splits * self.test_groups // self.groups

    @property
    def bounds(self) -> tuple[tuple[int, int], ...]:
        """First bar of each group and the one behind its last."""
        length = self.n_bars // self.groups
        ends = [length * (index + 1) for index in range(self.groups - 1)] + [self.n_bars]
        return tuple(zip([0, *ends[:-1]], ends, strict=True))

    def splits(self) -> Iterator[Split]:
        """Yield the splits, the first groups judged first."""
        bars = np.arange(self.n_bars)
        for chosen in itertools.combinations(range(self.groups), self.test_groups):
            is_train = np.ones(self.n_bars, dtype=np.bool_)
            for start, stop in (self.bounds[group] for group in chosen):
                behind = stop + self.purge_bars + self.embargo_bars
                is_train[max(start - self.purge_bars, 0) : behind] = False
            tests = tuple(bars[slice(*self.bounds[group])] for group in chosen)
            yield Split(chosen, bars[is_train], tests)

    def paths(self) -> Rows:
        """Return the split from which each path takes each group, ``(n_paths, groups)``."""
        chosen = itertools.combinations(range(self.groups), self.test_groups)
        judged_in: list[list[int]] = [[] for _ in range(self.groups)]
        for split, groups in enumerate(chosen):
            for group in groups:
                judged_in[group].append(split)
        return np.array(judged_in, dtype=np.int64).T


@dataclass(frozen=True)
class PathSharpes:
    """What choosing by the past would have earned, on every path through the history.

    Args:
        sharpe: Sharpe ratio of each path, per bar times the root of `bars_per_year`,
            ``(n_paths,)``.
        chosen: Setting that was chosen in each split, ``(n_splits,)``.
    """

    sharpe: Floats
    chosen: Rows


def path_sharpes(
    returns: ArrayLike, combinations: Combinations, *, bars_per_year: float = 1.0
) -> PathSharpes:
    """Choose the best setting on each split's bars to learn from, and judge it on the others.

    Args:
        returns: Simple returns, one row a bar and one column a setting, ``(n_bars, n_settings)``.
        combinations: How the bars are divided.
        bars_per_year: Annualises the ratios; 1 leaves them per bar.

    Returns:
        A distribution. The best setting of a split has the highest Sharpe ratio (ddof 1) there, of
        equals the first.

    Raises:
        SpecError: The returns are not a finite matrix of that many bars; `bars_per_year` is not
            above 0.

    Source:
        Lopez de Prado (2018), "Advances in Financial Machine Learning", ch. 12.
    """
    check_bars_per_year(bars_per_year)
    matrix = _matrix(returns)
    if matrix.shape[0] != combinations.n_bars:
        message = f"got {matrix.shape[0]} bars, expected {combinations.n_bars}"
        raise SpecError([Problem("ARGUMENT", "WRONG_SHAPE", message, "/returns")])
    chosen = np.array(
        [int(np.argmax(sharpe_of(matrix[split.train]))) for split in combinations.splits()],
        dtype=np.int64,
    )
    pieces = [matrix[start:stop] for start, stop in combinations.bounds]
    whole = np.column_stack(
        [
            np.concatenate([pieces[group][:, chosen[split]] for group, split in enumerate(path)])
            for path in combinations.paths()
        ]
    )
    return PathSharpes(sharpe_of(whole) * math.sqrt(bars_per_year), chosen)


@dataclass(frozen=True)
class Symmetric:
    """Choosing on one half of the blocks and judging on the other, for every half there is.

    Args:
        n_blocks: How many blocks.
        logit: Logit of the relative rank, among all settings in the judged half, of the setting
            that was best in the other, ``(n_halves,)``; 0 is the median, above it is better.
        in_sample: Its Sharpe ratio per bar where it was chosen, ``(n_halves,)``.
        out_of_sample: The same where it is judged, ``(n_halves,)``.
    """

    n_blocks: int
    logit: Floats
    in_sample: Floats
    out_of_sample: Floats

    @property
    def pbo(self) -> float:
        """Share of halves whose best comes out no better than the median of the other half."""
        return float(np.mean(self.logit <= 0.0))

    @property
    def p_loss(self) -> float:
        """Share of halves whose best loses in the other half."""
        return float(np.mean(self.out_of_sample < 0.0))

    @property
    def slope(self) -> float | None:
        """Slope of the judged on the chosen ratio; None where all that were chosen are equal."""
        spread = self.in_sample - self.in_sample.mean()
        total = float(np.sum(spread * spread))
        # Halves that differ by rounding alone have no slope.
        if total <= _NO_SPREAD * float(np.sum(self.in_sample * self.in_sample)):
            return None
        return float(np.sum(spread * self.out_of_sample)) / total


@dataclass(frozen=True)
class Overfitting:
    """The probability of backtest overfitting, for several numbers of blocks.

    Args:
        n_settings: How many settings were chosen from.
        runs: One analysis for each number of blocks that the history is long enough for.
        has_spread: Whether any two settings differ: of equal ones none is the best, every rank is
            a tie, and the ranks would say that all was overfitted.
    """

    n_settings: int
    runs: tuple[Symmetric, ...]
    has_spread: bool = True

    @property
    def pbo(self) -> float | None:
        """Median over the numbers of blocks: a single one is noisy. None without a spread."""
        if not self.has_spread:
            return None
        return float(np.median([run.pbo for run in self.runs]))

    @property
    def table(self) -> pl.DataFrame:
        """One row a number of blocks: ``n_blocks, n_halves, pbo, slope, p_loss``."""
        import polars as pl

        return pl.DataFrame(
            {
                "n_blocks": [run.n_blocks for run in self.runs],
                "n_halves": [run.logit.size for run in self.runs],
                "pbo": [run.pbo for run in self.runs],
                "slope": pl.Series([run.slope for run in self.runs], dtype=pl.Float64),
                "p_loss": [run.p_loss for run in self.runs],
            }
        )

    @property
    def histogram(self) -> pl.DataFrame:
        """How the logits lie: ``n_blocks, low, high, n_halves``, bins of one width."""
        import polars as pl

        # The best rank of n settings has the logit ln(n), the worst its negative.
        edge = math.log(self.n_settings)
        edges = np.linspace(-edge, edge, HISTOGRAM_BINS + 1)
        frames = []
        for run in self.runs:
            counts, _ = np.histogram(np.clip(run.logit, -edge, edge), edges)
            labels = pl.lit(run.n_blocks).alias("n_blocks")
            bins = pl.DataFrame({"low": edges[:-1], "high": edges[1:], "n_halves": counts})
            frames.append(bins.select(labels, pl.all()))
        return pl.concat(frames)


def overfitting(returns: ArrayLike, *, blocks: Sequence[int] = BLOCKS) -> Overfitting:
    """Return the probability that the best of these settings is not even a good one.

    Args:
        returns: Simple returns, one row a bar and one column a setting, ``(n_bars, n_settings)``.
        blocks: Numbers of blocks to try. Those that would leave fewer than 30 bars a block are
            left out.

    Raises:
        SpecError: The returns are no finite matrix; fewer than ten settings; a number of blocks
            is odd or below 2; or there are too few bars for any of them.

    Source:
        Bailey, Borwein, Lopez de Prado and Zhu (2017), "The Probability of Backtest Overfitting",
        J. Computational Finance 20(4). The relative rank is over one more than the settings, so
        that the logit of the best and of the worst is finite.
    """
    matrix = _matrix(returns)
    n_bars, n_settings = matrix.shape
    _check_blocks(blocks)
    if n_settings < MIN_SETTINGS:
        message = f"got {n_settings} settings, expected {MIN_SETTINGS} or more to choose from"
        raise SpecError([Problem("ARGUMENT", "TOO_FEW", message, "/returns")])
    fitting = [number for number in blocks if n_bars >= MIN_BARS_PER_BLOCK * number]
    if not fitting:
        least = MIN_BARS_PER_BLOCK * min(blocks)
        message = f"got {n_bars} bars, expected {least} or more for {min(blocks)} blocks"
        raise SpecError([Problem("ARGUMENT", "TOO_SHORT", message, "/returns")])
    # A Sharpe ratio does not depend on the scale of a setting, and squares must not overflow.
    largest = np.abs(matrix).max(axis=0)
    scaled = matrix / np.where(largest > 0.0, largest, 1.0)
    has_spread = bool((scaled != scaled[:, :1]).any())
    runs = tuple(_symmetric(scaled, number) for number in fitting)
    return Overfitting(n_settings, runs, has_spread)


def _check_blocks(blocks: Sequence[int]) -> None:
    wrong = [number for number in blocks if not _is_count(number) or number < 2 or number % 2]
    if wrong or not blocks:
        message = f"got {list(blocks)}, expected even numbers of 2 or more"
        raise SpecError([Problem("ARGUMENT", "OUT_OF_RANGE", message, "/blocks")])
    if math.comb(max(blocks), max(blocks) // 2) > MAX_SPLITS:
        message = f"blocks: got {max(blocks)}, expected at most {MAX_SPLITS} halves of them"
        raise LimitError("TOO_LARGE", message)


def _symmetric(matrix: Floats, n_blocks: int) -> Symmetric:
    """Judge every half of the blocks by the other; the oldest bars that do not fit are left out."""
    n_bars = matrix.shape[0] // n_blocks * n_blocks
    blocks = matrix[matrix.shape[0] - n_bars :].reshape(n_blocks, -1, matrix.shape[1])
    sums, squares = _Subsets(blocks.sum(axis=1)), _Subsets((blocks * blocks).sum(axis=1))
    masks = np.array(
        [
            sum(1 << block for block in half)
            for half in itertools.combinations(range(n_blocks), n_blocks // 2)
        ]
    )
    all_blocks = (1 << n_blocks) - 1
    at_once = max(_HELD // matrix.shape[1], 1)
    logit, chosen_ratio, judged_ratio = [], [], []
    for start in range(0, len(masks), at_once):
        own_masks = masks[start : start + at_once]
        others = all_blocks ^ own_masks
        chosen = _ratio(sums.of(own_masks), squares.of(own_masks), n_bars // 2)
        judged = _ratio(sums.of(others), squares.of(others), n_bars // 2)
        best = np.argmax(chosen, axis=1)[:, None]
        own = np.take_along_axis(judged, best, axis=1)
        below, equal = (judged < own).sum(axis=1), (judged == own).sum(axis=1)
        rank = below + (equal + 1) / 2.0
        logit.append(np.log(rank / (matrix.shape[1] + 1 - rank)))
        chosen_ratio.append(np.take_along_axis(chosen, best, axis=1)[:, 0])
        judged_ratio.append(own[:, 0])
    return Symmetric(n_blocks, *map(np.concatenate, (logit, chosen_ratio, judged_ratio)))


class _Subsets:
    """Sums over any of some rows, each of them one addition of two that are made once.

    Args:
        rows: What is added up, ``(n_rows, n_settings)``.
    """

    def __init__(self, rows: Floats) -> None:
        self._n_low = len(rows) // 2
        self._low, self._high = _subset_sums(rows[: self._n_low]), _subset_sums(rows[self._n_low :])

    def of(self, masks: Rows) -> Floats:
        """Return the sums over the rows whose bits are set, ``(n_masks, n_settings)``."""
        low: Floats = self._low[masks & ((1 << self._n_low) - 1)]
        high: Floats = self._high[masks >> self._n_low]
        return low + high


def _subset_sums(rows: Floats) -> Floats:
    """Return the sum over every subset of the rows, by the mask of its bits."""
    sums = np.zeros((1 << len(rows), rows.shape[1]))
    for bit, row in enumerate(rows):
        sums[1 << bit : 2 << bit] = sums[: 1 << bit] + row
    return sums


def sharpe_of(returns: Floats) -> Floats:
    """Return the Sharpe ratio per bar of each column, with ddof 1; 0 where nothing moves."""
    return _ratio(returns.sum(axis=0), (returns * returns).sum(axis=0), returns.shape[0])


def _ratio(total: Floats, square: Floats, n_bars: int) -> Floats:
    mean = total / n_bars
    # Returns lie about zero, so nothing is lost here but for those that hardly move.
    spread = square - total * mean
    has_spread = spread > _NO_SPREAD * square
    deviation = np.sqrt(np.where(has_spread, spread, 1.0) / (n_bars - 1))
    return np.where(has_spread, mean / deviation, 0.0)


def _matrix(returns: ArrayLike) -> Floats:
    matrix = np.asarray(returns, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] < 2 or matrix.shape[1] < 1:
        message = f"got shape {matrix.shape}, expected (n_bars, n_settings) with two bars or more"
        raise SpecError([Problem("ARGUMENT", "WRONG_SHAPE", message, "/returns")])
    if not np.isfinite(matrix).all():
        row, column = (int(index) for index in np.argwhere(~np.isfinite(matrix))[0])
        message = f"got {matrix[row, column]} at bar {row}, setting {column}, expected a number"
        raise SpecError([Problem("ARGUMENT", "NOT_FINITE", message, "/returns")])
    return matrix


def _is_count(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
