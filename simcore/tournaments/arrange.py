"""Rows of runs become the arrays of a field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simcore.errors import InvariantError, TableError
from simcore.scoring import SCORES
from simcore.scoring.composite import COMPOSITE_V0
from simcore.scoring.score import Runs
from simcore.tournaments.document import TournamentDocument, refusal
from simcore.tournaments.evidence import STRESS
from simcore.tournaments.field import Entrant, Field, Floats, Market

METRICS: Final = (
    "total_return", "cagr", "sharpe", "max_drawdown", "es_1", "turnover", "cost_drag",
    "ambiguity_gap", "n_trades", "skew", "kurt", "bars", "bars_per_year",
)  # fmt: skip
"""Columns of `backtests` that standings are made of, beside those that the score reads."""

RUN_KEY: Final = ("scenario_id", "path", "strategy_id", "opponent_id")
"""What tells one run from another; the opponent where entries met in arenas."""


def kept_runs(
    document: TournamentDocument,
    entrants: Sequence[Entrant],
    runs: pl.DataFrame,
    families: Mapping[str, str],
    execution: str | None = None,
) -> pl.DataFrame:
    """Return the runs that are compared, in an order of their own.

    Args:
        document: What is played.
        entrants: Whose runs.
        runs: Rows of `backtests`; those of others are left out.
        families: Family by scenario id.
        execution: Name of the execution they were made under; None takes the document's.

    Raises:
        SpecError: FOREIGN_RUNS, they were made with other cash.
        TableError: DUPLICATE_RUN, an entry has two runs on one path, or two against one opponent.
    """
    scenario_ids = sorted(families if document.scenarios is None else document.scenarios)
    unknown = [each for each in scenario_ids if each not in families]
    if unknown:
        raise InvariantError(f"{document.id}: no family given for scenarios {', '.join(unknown)}")
    made_under = document.made_under if execution is None else execution
    run_key = [name for name in RUN_KEY if name in runs.columns]
    kept = runs.filter(
        pl.col("strategy_id").is_in([entrant.strategy_id for entrant in entrants])
        & pl.col("scenario_id").is_in(scenario_ids)
        & (pl.col("execution") == made_under)
    ).sort(run_key)
    if kept.select(run_key).is_duplicated().any():
        raise TableError("DUPLICATE_RUN", f"{document.id}: got two runs of one entry on one path")
    foreign = kept.filter(pl.col("initial_cash_quote") != document.initial_cash)
    if foreign.height:
        message = (
            f"got {document.initial_cash}, but the runs were made with "
            f"{foreign['initial_cash_quote'][0]}, expected the same cash"
        )
        raise refusal(document, "FOREIGN_RUNS", "/initial_cash", message)
    return kept


def check_weights(document: TournamentDocument, families: Iterable[str]) -> None:
    """Refuse weights that are not those of the families that are played.

    Raises:
        SpecError: WEIGHTS.
    """
    weights, played = document.family_weights, sorted(set(families))
    if weights is not None and played and sorted(weights) != played:
        told = ", ".join(sorted(weights))
        message = f"got weights of {told}, expected those of {', '.join(played)}"
        raise refusal(document, "WEIGHTS", "/family_weights", message)


def arranged(
    document: TournamentDocument,
    entrants: Sequence[Entrant],
    kept: pl.DataFrame,
    families: Mapping[str, str],
) -> Field:
    """Return the field of those entrants that have runs, on every market that somebody ran on."""
    has_runs = set(kept["strategy_id"].to_list())
    present = tuple(entrant for entrant in entrants if entrant.strategy_id in has_runs)
    pairs = kept.select("scenario_id", "path").unique().iter_rows()
    markets = sorted(
        (Market(scenario_id, path, families[scenario_id]) for scenario_id, path in pairs),
        key=lambda market: (market.family, market.scenario_id, market.path),
    )
    known = _runs(kept, markets, present, document)
    score = SCORES[document.score.type].points(known, document.score.used_weights)
    return Field(
        entrants=present,
        markets=tuple(markets),
        score=score,
        metrics={name: known.metrics[name] for name in METRICS},
        composite_v0=COMPOSITE_V0.points(known, COMPOSITE_V0.weights),
        is_ruined=known.is_ruined,
        has_null=_has_null(known, document),
        weights=document.family_weights or {},
    )


def _has_null(known: Runs, document: TournamentDocument) -> NDArray[np.bool_]:
    """Whether a metric that the score reads is null; a null Sharpe ratio is told by itself."""
    found = np.zeros(known.has_run.shape, dtype=np.bool_)
    for name in SCORES[document.score.type].metrics:
        if name != "sharpe":
            found |= np.isnan(known.metrics[name]) & known.has_run
    return found


def stress_scores(
    document: TournamentDocument, field: Field, runs: pl.DataFrame, families: Mapping[str, str]
) -> Floats:
    """Return the score of each run of a field under stress; NaN where there is none.

    Args:
        document: What is played.
        field: The field.
        runs: Rows of `backtests`; only those under `STRESS` count.
        families: Family by scenario id.
    """
    kept = kept_runs(document, field.entrants, runs, families, STRESS)
    on = {(market.scenario_id, market.path) for market in field.markets}
    keys = kept.select("scenario_id", "path").iter_rows()
    kept = kept.filter(pl.Series([key in on for key in keys], dtype=pl.Boolean))
    known = _runs(kept, field.markets, field.entrants, document)
    return SCORES[document.score.type].points(known, document.score.used_weights)


def _runs(
    kept: pl.DataFrame,
    markets: Sequence[Market],
    entrants: Sequence[Entrant],
    document: TournamentDocument,
) -> Runs:
    row_of = {(market.scenario_id, market.path): i for i, market in enumerate(markets)}
    column_of = {entrant.strategy_id: i for i, entrant in enumerate(entrants)}
    rows = [row_of[key] for key in kept.select("scenario_id", "path").iter_rows()]
    columns = [column_of[strategy_id] for strategy_id in kept["strategy_id"]]

    def matrix(values: Floats) -> Floats:
        filled = np.full((len(markets), len(entrants)), np.nan)
        filled[rows, columns] = values
        return filled

    def metric(name: str) -> Floats:
        return kept[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()

    read = (*METRICS, *SCORES[document.score.type].metrics, *COMPOSITE_V0.metrics)
    is_ruined = kept["flags"].str.split(" ").list.contains("RUIN").cast(pl.Float64).to_numpy()
    return Runs(
        metrics={name: matrix(metric(name)) for name in dict.fromkeys(read)},
        is_ruined=np.nan_to_num(matrix(is_ruined)) > 0.0,
        has_run=~np.isnan(matrix(np.zeros(kept.height))),
    )
