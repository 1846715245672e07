"""What the weights of a portfolio earn on days they have not seen, beside equal weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import ArrayLike

from simcore.backtests.cross_validation import Combinations, sharpe_of
from simcore.scoring.comparison import sharpe_difference
from simcore.scoring.portfolio import (
    METHODS,
    Floats,
    checked_returns,
    risk_shares,
    shrunk_covariance,
)
from simcore.tables import TABLES

if TYPE_CHECKING:
    import polars as pl

DAYS_PER_YEAR: Final = 365.0
GROUPS: Final = 6
TEST_GROUPS: Final = 2
# Shortest history that is divided: days a group.
DAYS_PER_GROUP: Final = 5
DAY_NS: Final = 86_400_000_000_000


@dataclass(frozen=True, eq=False)
class Trial:
    """How one method did on days that it had not seen.

    Args:
        sharpe: Annual Sharpe ratio of each path through the days, ``(n_paths,)``.
        returns: Of the portfolio on every day, the mean over the paths, ``(n_days,)``.
    """

    sharpe: Floats
    returns: Floats


def trial(returns: ArrayLike, method: str, combinations: Combinations, year: float) -> Trial:
    """Choose weights on each split's days to learn from, and hold them on the others.

    Args:
        returns: Daily, ``(n_days, n_entries)``.
        method: One of `METHODS`.
        combinations: How the days are divided.
        year: Days in a year.
    """
    matrix = checked_returns(returns)
    chosen = [
        METHODS[method](shrunk_covariance(matrix[split.train]).matrix)
        for split in combinations.splits()
    ]
    pieces = [matrix[start:stop] for start, stop in combinations.bounds]
    paths = np.column_stack(
        [
            np.concatenate([pieces[group] @ chosen[split] for group, split in enumerate(path)])
            for path in combinations.paths()
        ]
    )
    return Trial(sharpe_of(paths) * math.sqrt(year), paths.mean(axis=1))


def portfolios(
    returns: ArrayLike, names: Sequence[str], *, year: float = DAYS_PER_YEAR
) -> pl.DataFrame:
    """Return the table `portfolio_weights`: every method's weights, and what they are worth.

    Args:
        returns: Daily, ``(n_days, n_entries)``, of entries that move.
        names: Ids of the entries.
        year: Days in a year.

    Returns:
        One row a method and entry. With fewer than thirty days nothing is judged out of sample.
    """
    import polars as pl

    matrix = checked_returns(returns)
    known = shrunk_covariance(matrix)
    is_judged = len(matrix) >= GROUPS * DAYS_PER_GROUP and _learns(matrix)
    ways = Combinations(len(matrix), GROUPS, TEST_GROUPS) if is_judged else None
    judged = {} if ways is None else {each: trial(matrix, each, ways, year) for each in METHODS}
    rows = []
    for method, weights_of in METHODS.items():
        weights = weights_of(known.matrix)
        shares = risk_shares(known.matrix, weights)
        told = {
            "method": method,
            "n_days": len(matrix),
            "shrinkage": known.shrinkage,
            "effective_rank": known.effective_rank,
            **_worth(judged, method, year),
            "n_paths": 0 if ways is None else ways.n_paths,
        }
        rows += [
            {**told, "strategy_id": name, "weight": weight, "risk_share": share}
            for name, weight, share in zip(names, weights.tolist(), shares.tolist(), strict=True)
        ]
    table = TABLES["portfolio_weights"]
    return table.sort(table.conform(pl.DataFrame(rows, infer_schema_length=None)))


def daily_returns(
    equity: Mapping[str, pl.DataFrame], initial_cash: float
) -> tuple[list[str], Floats]:
    """Return the daily returns of entries on the paths and days that all of them have.

    Args:
        equity: Rows of the table `equity` by id of strategy. Those without a move are left out,
            and so are those that share no day with the entry of the most days.
        initial_cash: What every run began with.

    Returns:
        Ids, sorted, and returns, ``(n_days, n_entries)``; paths follow each other.
    """
    import polars as pl

    key = ["scenario_id", "path", "day"]
    day = (pl.col("ts") // DAY_NS).alias("day")
    whole: pl.DataFrame | None = None
    frames = {}
    for name in sorted(equity):
        last = equity[name].group_by("scenario_id", "path", day).agg(pl.col("equity_quote").last())
        before = pl.col("equity_quote").shift(1).over("scenario_id", "path", order_by="day")
        gain = pl.col("equity_quote") / before.fill_null(initial_cash) - 1.0
        made = last.sort(key).select(*key, gain.fill_nan(0.0).alias(name))
        if made.height and made[name].n_unique() > 1:
            frames[name] = made
    longest = max(frames, key=lambda name: (frames[name].height, name), default=None)
    for made in frames.values():
        if made.join(frames[str(longest)], on=key, how="semi").is_empty():
            continue
        whole = made if whole is None else whole.join(made, on=key, how="inner")
    if whole is None:
        return [], np.empty((0, 0))
    rows = whole.sort(key).drop(key)
    returns = rows.to_numpy()
    moves = np.isfinite(returns).all(axis=0) & (
        returns.std(axis=0) > 1e-12 * np.abs(returns).max(axis=0, initial=0.0)
    )
    names = [name for name, is_in in zip(rows.columns, moves, strict=True) if is_in]
    return names, returns[:, moves]


def _learns(matrix: Floats) -> bool:
    """Whether every entry moves in whatever days are left to learn from."""
    ways = Combinations(len(matrix), GROUPS, TEST_GROUPS)
    return all((matrix[split.train].std(axis=0) > 0.0).all() for split in ways.splits())


def _worth(judged: dict[str, Trial], method: str, year: float) -> dict[str, float | None]:
    """Out of sample: the median ratio, and the gain over equal weights with its interval."""
    if not judged:
        return dict.fromkeys(("sharpe_oos", "gain_oos", "gain_oos_lo", "gain_oos_hi"))
    found: dict[str, float | None] = {"sharpe_oos": float(np.median(judged[method].sharpe))}
    compared = None
    if method != "equal":
        compared = sharpe_difference(judged[method].returns, judged["equal"].returns, seed=0)
    if compared is None:
        return found | dict.fromkeys(("gain_oos", "gain_oos_lo", "gain_oos_hi"))
    root = math.sqrt(year)
    return found | {
        "gain_oos": compared.difference * root,
        "gain_oos_lo": compared.lower * root,
        "gain_oos_hi": compared.upper * root,
    }
