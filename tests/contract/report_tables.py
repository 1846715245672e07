"""Tables of a campaign made by hand, small and whole, for the tests of its report."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from simcore.chaos.verdict import NEVER_SHOWN
from simcore.tables import TABLES

CAMPAIGN: dict[str, Any] = {
    "id": "c1-light", "name": "Thirty days, light weather", "seed": 1, "days": 30,
    "chaos": "light", "execution": "honest_v1", "initial_cash": 10_000.0,
    "strategies": ["ma_cross", "zero_rule", "daily_only"],
}  # fmt: skip
RUN = {"run_id": bytes(16), "seed": 5, "arm": "real"}


def rows_of(name: str, *rows: dict[str, Any]) -> pl.DataFrame:
    """Return rows of a table with a plain value wherever the test has nothing to say."""
    table = TABLES[name]
    plain = {"str": "-", "f64": 0.0, "bool": False, "bytes16": bytes(16)}
    filled = [
        {
            column.name: row[column.name]
            if column.name in row
            else None
            if column.nullable
            else column.values[0]
            if column.values
            else plain.get(column.dtype, 1)
            for column in table.columns
        }
        for row in rows
    ]
    return pl.DataFrame(filled, schema=table.polars_schema())


def standing(name: str, rank: int, low: int, high: int, **more: Any) -> dict[str, Any]:
    values = {
        "tournament_id": "everyone", "rank": rank, "rank_lo": low, "rank_hi": high,
        "strategy_id": name, "ir_hash": name, "score_mean": 1.5, "score_ci_lo": 1.0,
        "score_ci_hi": 2.0, "flags": "",
    }  # fmt: skip
    return {**values, **more}


def tables() -> dict[str, pl.DataFrame]:
    """Return the tables of a campaign of two strategies that ran and one that met no market."""
    runs = [
        {"strategy_id": name, "scenario_id": "trend", "path": 0, "bars": 500,
         "bars_per_year": 8_760.0}
        for name in ("ma_cross", "zero_rule")
    ]  # fmt: skip
    verdict = {
        "seed": 5, "result": "PASS", "verdict": "NOT_PROVEN", "judged": "S01 S04",
        "not_shown": json.dumps(["S03 never blind", *NEVER_SHOWN]), "log_root": "ab" * 32,
        "n_years": 30 / 365, "failures": 0,
    }  # fmt: skip
    oracles = [
        {**RUN, "oracle": "S02", "antecedents": 0, "violations": 0, "verdict": "PASS"},
        {**RUN, "oracle": "S04", "antecedents": 812, "violations": 0, "verdict": "PASS"},
        {
            **RUN, "arm": "canary", "oracle": "S04", "antecedents": 815, "violations": 3,
            "first_bad_seq": 4_711, "verdict": "FAIL",
        },
    ]  # fmt: skip
    injection = {**RUN, "inj_id": 1, "kind": "A1", "t0": 8 * 86_400 * 10**9, "result": "PASS"}
    incident = {
        **RUN, "inc_id": 1, "inj_id": 1, "ttd_ns": 12_300_000_000, "mttr_ns": 3_600 * 10**9,
        "loss_attr_uusd": 1_234_560_000,
    }  # fmt: skip
    made = {
        "scenarios": rows_of("scenarios", {"scenario_id": "trend", "family": "trend"}),
        "backtests": rows_of("backtests", *runs),
        "standings": rows_of(
            "standings", standing("ma_cross", 1, 1, 2), standing("zero_rule", 2, 1, 2)
        ),
        "verdicts": rows_of("verdicts", verdict),
        "chaos_oracle_results": rows_of("chaos_oracle_results", *oracles),
        "chaos_injections": rows_of("chaos_injections", injection),
        "chaos_incidents": rows_of("chaos_incidents", incident),
        "chaos_report": rows_of("chaos_report", {**RUN, "n_injected": 1, "n_effective": 1}),
    }
    return {**made, **_of_runs()}


def _of_runs() -> dict[str, pl.DataFrame]:
    """Return what is known of the runs of both strategies beyond their metrics."""
    n_bars = 500
    curves, drawn, walked, tried, regimes, card = [], [], [], [], [], []
    for name, growth in (("ma_cross", 0.0002), ("zero_rule", 0.0)):
        run = {"scenario_id": "trend", "path": 0, "strategy_id": name}
        curves += [
            {**run, "t": t, "ts": t * 3_600 * 10**9, "equity_quote": 10_000.0 * (1 + growth) ** t}
            for t in range(n_bars)
        ]
        numbers = {f"p{p}": growth * 1_000 + (p - 50) / 100 for p in (5, 25, 50, 75, 95)}
        drawn += [
            {**run, "metric": metric, "n_paths": 1_000, "observed": 1.0, "mcse_p5": 0.1, **numbers}
            for metric in ("sharpe", "max_drawdown", "cagr")
        ]
        walked += [
            {**run, "fold": fold, "segment": segment, "n_settings": 32, "sharpe": sharpe + fold}
            for fold in range(3)
            for segment, sharpe in (("is", 3.0), ("oos", 1.0))
        ]
        tried.append({"lineage": "h", "ir_hash": name, "strategy_id": name, "asked_by": "a step"})
        regimes.append({"axis": "family", "regime": "trend", "score_mean": 2.0, "is_worst": True})
        card.append(
            {"section": "runs", "name": "score", "item": "", "estimate": 2.0, "lo": 1.0, "hi": 3.0}
        )
    owners = pl.Series("strategy_id", ["ma_cross", "zero_rule"])
    weights = [{"method": "equal", "strategy_id": n, "weight": 0.5} for n in owners]
    rate = {"design": "coins", "is_planted": False, "rate": 0.1, "rate_lo": 0.0, "rate_hi": 0.3}
    return {
        "equity": rows_of("equity", *curves),
        "monte_carlo": rows_of("monte_carlo", *drawn),
        "walk_forward": rows_of("walk_forward", *walked),
        "trials": rows_of("trials", *tried),
        "regimes": rows_of("regimes", *regimes).with_columns(owners),
        "evidence": rows_of("evidence", *card).with_columns(owners),
        "portfolio_weights": rows_of("portfolio_weights", *weights),
        "calibration": rows_of("calibration", rate),
        "chaos_equity": rows_of("chaos_equity", *_minutes()),
        "chaos_kills": rows_of("chaos_kills", {**RUN, "ts_trip": 9 * 86_400 * 10**9}),
    }


def _minutes() -> list[dict[str, Any]]:
    return [
        {**RUN, "level": "book", "ts": (minute + 1) * 60 * 10**9, "equity_uusd": 10**12 - minute,
         "equity_twin_uusd": 10**12 + minute}
        for minute in range(0, 30 * 1_440, 60)
    ]  # fmt: skip
