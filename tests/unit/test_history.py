"""Days: roll-ups add up to what they roll up."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from league import FOUR_MARKETS, returns, runs

from simcore.tables import TABLES
from simcore.tournaments.history import daily_rollups, days_of

DAYS = pl.DataFrame(
    {
        "scenario_id": ["bull", "bear", "calm", "wild"],
        "path": pl.Series([0, 0, 0, 0], dtype=pl.UInt32),
        "first": [date(2024, 1, 1)] * 4,
        "last": [date(2024, 1, 2), date(2024, 1, 2), date(2024, 1, 4), date(2024, 1, 4)],
    }
)
OUTCOMES = {"alpha": returns(0.1, 0.3, 0.0, 0.2), "beta": returns(0.0, 0.0, -0.2, 0.0)}


def test_a_day_sums_the_runs_that_ended_on_it_and_an_empty_one_averages_nothing() -> None:
    rows = daily_rollups(runs(OUTCOMES, FOUR_MARKETS), DAYS, {"cup": ["alpha"]}).to_dicts()
    assert [row["date"] for row in rows] == [f"2024-01-0{day}" for day in (1, 2, 3, 4)]
    assert [row["simulations_run"] for row in rows] == [0, 4, 0, 4]
    assert [row["total_trades"] for row in rows] == [0, 12, 0, 12]
    assert rows[1]["avg_roi"] == pytest.approx(0.1, abs=1e-15)
    assert rows[3]["median_roi"] == pytest.approx(0.0, abs=1e-15)
    assert rows[1]["avg_score"] == pytest.approx(6.0, abs=1e-12)
    assert rows[0]["avg_roi"] is None and rows[2]["avg_score"] is None
    assert [row["tournaments_completed"] for row in rows] == [0, 0, 0, 1]
    assert [row["best_entry"] for row in rows] == [None, None, None, "alpha"]


def test_rolling_up_again_in_another_order_gives_the_same_rows() -> None:
    frame = runs(OUTCOMES, FOUR_MARKETS)
    once = daily_rollups(frame, DAYS, {"cup": ["alpha"]})
    assert daily_rollups(frame.reverse(), DAYS.reverse(), {"cup": ["alpha"]}).equals(once)
    assert TABLES["daily_rollups"].violations(once) == []


def test_without_markets_there_are_no_days() -> None:
    assert daily_rollups(runs({}, []), DAYS.clear(), {}).is_empty()
    assert daily_rollups(runs({}, []), DAYS, {})["simulations_run"].sum() == 0


def test_the_days_of_a_path_are_those_of_its_bars_in_utc() -> None:
    last = 1_704_153_599 * 10**9  # 2024-01-01 23:59:59
    bars = pl.DataFrame({"scenario_id": ["a", "a"], "path": [0, 0], "ts": [last, last + 10**9]})
    assert days_of(bars).rows() == [("a", 0, date(2024, 1, 1), date(2024, 1, 2))]
