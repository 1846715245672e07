"""Runs of entries that met in arenas as a field: what each comes to over all whom it met.

How such runs are made stands in `pairings`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
import polars as pl

from simcore.tournaments.arrange import arranged
from simcore.tournaments.document import TournamentDocument
from simcore.tournaments.field import Entrant, Field, Floats

SEAT: Final = " against "
"""Between the ids of an entry and its opponent; no id has a space."""
TOTALS: Final = ("n_trades",)
"""Metrics of which an entry has the sum over those it met, …"""
WORST: Final = ("max_drawdown",)
"""… the lowest; of all others the mean."""


@dataclass(frozen=True, kw_only=True)
class PairedField(Field):
    """The runs of a tournament whose entries met in arenas.

    What `Field` has is of an entry over all whom it met: the mean, for the metrics in `TOTALS` the
    sum and for those in `WORST` the lowest, and whether anything befell it at all.

    Args:
        met: Score of each against each, NaN where they have not met, shape ``(n_markets,
            n_entrants, n_entrants)``: the first is whose score it is.
    """

    met: Floats


def arranged_pairs(
    document: TournamentDocument,
    entrants: Sequence[Entrant],
    kept: pl.DataFrame,
    families: Mapping[str, str],
) -> PairedField:
    """Return the field of those entrants who met somebody.

    Args:
        document: What is played.
        entrants: Sorted by hash.
        kept: Rows of `paired_runs`; those of others, or against others, are left out.
        families: Family by scenario id.
    """
    ids = [entrant.strategy_id for entrant in entrants]
    kept = kept.filter(pl.col("strategy_id").is_in(ids) & pl.col("opponent_id").is_in(ids))
    has_runs = set(kept["strategy_id"].to_list())
    present = [entrant for entrant in entrants if entrant.strategy_id in has_runs]
    seats = [
        replace(own, strategy_id=f"{own.strategy_id}{SEAT}{opponent.strategy_id}", aliases=())
        for own in present
        for opponent in present
    ]
    named = pl.concat_str(["strategy_id", "opponent_id"], separator=SEAT)
    taken = set(kept.select(named).to_series().to_list())
    at = [i for i, seat in enumerate(seats) if seat.strategy_id in taken]
    alone = arranged(document, seats, kept.with_columns(strategy_id=named), families)
    return _folded(alone, present, at)


def _folded(alone: Field, present: Sequence[Entrant], at: Sequence[int]) -> PairedField:
    """A field of entries from one whose entrants are seats.

    Args:
        alone: Columns are those seats that somebody sat in.
        present: The entries.
        at: Number of each seat, of all pairs of entries in order.
    """
    n, n_markets = len(present), len(alone.markets)

    def spread(values: Any) -> Floats:
        """Shape ``(n_markets, n_entrants, n_entrants)``, NaN where nobody sat."""
        whole = np.full((n_markets, n * n), np.nan)
        whole[:, at] = values
        return whole.reshape(n_markets, n, n)

    fold = {**dict.fromkeys(TOTALS, _sum), **dict.fromkeys(WORST, _lowest)}
    folded: dict[str, Any] = {each.name: getattr(alone, each.name) for each in fields(Field)}
    for name, values in folded.items():
        if isinstance(values, np.ndarray):
            is_mark = values.dtype == np.bool_
            seen = _each(spread(values), _highest if is_mark else _mean)
            folded[name] = np.nan_to_num(seen) > 0.0 if is_mark else seen
    folded["entrants"] = tuple(present)
    folded["metrics"] = {
        name: _each(spread(values), fold.get(name, _mean)) for name, values in alone.metrics.items()
    }
    return PairedField(**folded, met=spread(alone.score))


def _each(values: Floats, fold: Callable[[list[float]], float]) -> Floats:
    """What the known values over the last axis come to; NaN where none is known."""
    known = [
        [[value for value in met if not math.isnan(value)] for met in entrants]
        for entrants in values.tolist()
    ]
    shape = values.shape[:2]
    folded = [[fold(met) if met else math.nan for met in entrants] for entrants in known]
    return np.array(folded, dtype=np.float64).reshape(shape)


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def _sum(values: list[float]) -> float:
    return math.fsum(values)


def _lowest(values: list[float]) -> float:
    return min(values)


def _highest(values: list[float]) -> float:
    return max(values)


def game_scores(field: Field, markets: Any, a: Any, b: Any) -> tuple[Floats, Floats]:
    """Return the scores of both sides of games: against each other, where they met in arenas.

    Args:
        field: The field.
        markets: Number of the market of each game, ``(n_games,)``.
        a: Number of the first entrant, or of that of each game.
        b: Likewise of the second.
    """
    if isinstance(field, PairedField):
        return field.met[markets, a, b], field.met[markets, b, a]
    return field.score[markets, a], field.score[markets, b]


def averaged(runs: pl.DataFrame) -> pl.DataFrame:
    """Return one row an entry and path of `paired_runs`, with the mean of its Sharpe ratios."""
    keys = ["scenario_id", "path", "strategy_id"]
    ordered = runs.sort(*keys, "opponent_id")
    groups = ordered.group_by(keys, maintain_order=True).agg(
        pl.col("sharpe"), pl.col("ir_hash", "bars", "bars_per_year", "execution").first()
    )
    known = [[value for value in each if value is not None] for each in groups["sharpe"].to_list()]
    sharpe = [_mean(values) if values else None for values in known]
    return groups.with_columns(pl.Series("sharpe", sharpe, dtype=pl.Float64))
