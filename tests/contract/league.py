"""A league to be played in tests: outcomes written by hand become rows of `backtests`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from simcore.tables import TABLES
from simcore.tournaments.document import TournamentDocument, read_tournament
from simcore.tournaments.play import Played, play

Outcome = tuple[float, float | None]
"""Total return and Sharpe ratio of one run."""

DOCUMENT = {
    "version": "0.1.0",
    "id": "cup",
    "name": "The cup",
    "seed": 1,
    "entries": "campaign",
    "scenarios": "campaign",
    "format": {"type": "round_robin"},
    "score": {"type": "composite_v1", "weights": [0.6, 0.4]},
    "execution": "honest_v1",
    "initial_cash": 10_000.0,
    "alpha": 0.05,
}


def document(**changes: Any) -> TournamentDocument:
    return read_tournament({**DOCUMENT, **changes})


def entry(strategy_id: str, ir_hash: str | None = None) -> dict[str, str]:
    return {
        "strategy_id": strategy_id,
        "name": strategy_id.title(),
        "version": "0.1.0",
        "ir_hash": ir_hash or f"{strategy_id:_>64}",
    }


def runs(
    outcomes: Mapping[str, Sequence[Outcome | None]],
    markets: Sequence[tuple[str, int]],
    flags: Mapping[tuple[str, int], str] | None = None,
    **changes: Any,
) -> pl.DataFrame:
    """Rows of `backtests`: for each strategy one outcome a market, None where it has no run."""
    rows = []
    for strategy_id, results in outcomes.items():
        for index, ((scenario_id, path), outcome) in enumerate(zip(markets, results, strict=True)):
            if outcome is None:
                continue
            row = {
                "scenario_id": scenario_id,
                "path": path,
                "strategy_id": strategy_id,
                "execution": "honest_v1",
                "ir_hash": f"{strategy_id:_>64}",
                "scenario_hash": f"scenario {scenario_id}",
                "dataset_hash": f"dataset {scenario_id}",
                "signature": f"{strategy_id} {scenario_id} {path}",
                "bars": 720,
                "initial_cash_quote": 10_000.0,
                "final_equity_quote": 10_000.0 * (1.0 + outcome[0]),
                "total_return": outcome[0],
                "sharpe": outcome[1],
                "sortino": None,
                "max_drawdown": -abs(outcome[0]) / 2.0,
                "calmar": None,
                "win_rate": None,
                "profit_factor": None,
                "turnover": 10.0,
                "n_trades": 3,
                "flags": (flags or {}).get((strategy_id, index), ""),
            }
            rows.append({**row, **changes})
    return TABLES["backtests"].conform(
        pl.DataFrame(rows, schema=TABLES["backtests"].polars_schema())
    )


FOUR_MARKETS = [("bull", 0), ("bear", 0), ("calm", 0), ("wild", 0)]
TWO_FAMILIES = {"bull": "trend", "bear": "trend", "calm": "vol_cluster", "wild": "vol_cluster"}


def league(outcomes: Mapping[str, Sequence[Outcome | None]], **changes: Any) -> Played:
    return play(
        document(**changes),
        [entry(strategy_id) for strategy_id in outcomes],
        runs(outcomes, FOUR_MARKETS),
        TWO_FAMILIES,
    )


def by_id(played: Played) -> dict[str, dict[str, Any]]:
    return {row["strategy_id"]: row for row in played.standings.iter_rows(named=True)}


def returns(*values: float) -> list[Outcome]:
    """Outcomes whose score is 60 points times the return."""
    return [(value, 0.0) for value in values]
