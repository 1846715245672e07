"""The regime ledger."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from league import FOUR_MARKETS, TWO_FAMILIES, runs
from scipy import stats

from simcore import documents, engine
from simcore.scenario.document import effective, load
from simcore.scenario.generate import longest_states
from simcore.scoring.regimes import headline, path_facts, regimes, run_points

MARKETS = [("calm", path) for path in range(6)] + [("wild", path) for path in range(6)]
FAMILIES = {"calm": "trend", "wild": "vol_cluster"}


def facts(volatility: list[float], trend: list[float]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "scenario_id": [name for name, _ in MARKETS],
            "path": pl.Series([path for _, path in MARKETS], dtype=pl.UInt32),
            "volatility": volatility,
            "trend": trend,
            "state": pl.Series([None] * 6 + [0, 1] * 3, dtype=pl.UInt8),
        }
    )


def ledger() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Scores 60 points times the return: good where trends fall, bad in the highest third."""
    trend = [float(number) for number in range(12)]
    outcome = [(0.5 - 0.05 * number, 0.0) for number in range(12)]
    played = runs({"one": outcome}, MARKETS)
    rows = regimes(played, facts([1.0] * 12, trend), FAMILIES)
    return played, rows


def test_means_are_those_of_the_paths_of_each_regime() -> None:
    played, rows = ledger()
    points = run_points(played)
    found = {(row["axis"], row["regime"]): row for row in rows.to_dicts()}
    assert found["all", "all"]["score_mean"] == pytest.approx(points.mean())
    assert found["family", "trend"]["score_mean"] == pytest.approx(points[:6].mean())
    assert found["trend", "low"]["score_mean"] == pytest.approx(points[:4].mean())
    assert found["trend", "high"]["n_paths"] == 4
    assert found["trend", "high"]["flags"] == "LOW_SAMPLE"
    assert found["state", "wild 0"]["score_mean"] == pytest.approx(points[6::2].mean())
    assert found["state", "wild 1"]["n_paths"] == 3
    assert [name for axis, name in found if axis == "state"] == ["wild 0", "wild 1"]


def test_intervals_are_students() -> None:
    played, rows = ledger()
    points = run_points(played)[:6]
    row = rows.row(by_predicate=pl.col("regime") == "trend", named=True)
    known = stats.ttest_1samp(points, 0.0).confidence_interval(0.95)
    assert (row["score_ci_lo"], row["score_ci_hi"]) == pytest.approx((known.low, known.high))


def test_the_worst_regime_stands_beside_the_mean() -> None:
    _, rows = ledger()
    worst = rows.filter("is_worst").to_dicts()
    assert [(row["axis"], row["regime"]) for row in worst] == [("trend", "high")]
    assert "worst 1.5 ± 1.9 points where trend is high (4 paths)" in headline(rows)


def test_paths_that_swing_alike_are_one_regime() -> None:
    _, rows = ledger()
    assert rows.filter(pl.col("axis") == "volatility")["regime"].to_list() == ["low"]


def test_one_path_has_no_interval() -> None:
    played = runs({"one": [(0.1, 0.0)]}, FOUR_MARKETS[:1])
    own = pl.DataFrame(
        {
            "scenario_id": ["bull"],
            "path": [0],
            "volatility": [1.0],
            "trend": [0.0],
            "state": [None],
        },
        schema_overrides={"path": pl.UInt32, "state": pl.UInt8},
    )
    rows = regimes(played, own, TWO_FAMILIES)
    assert rows["score_se"].null_count() == rows.height
    assert "± ?" in headline(rows)


def test_without_runs_there_is_no_row() -> None:
    assert regimes(runs({}, []), facts([1.0] * 12, [1.0] * 12), FAMILIES).is_empty()


def test_a_path_is_told_by_its_swings_and_its_way() -> None:
    steps = np.array([0.01, 0.03, -0.02, 0.02])
    close = 100.0 * np.exp(np.cumsum(np.concatenate([[0.0], steps])))
    bars = pl.DataFrame(
        {
            "scenario_id": ["a"] * 10,
            "path": pl.Series([0] * 5 + [1] * 5, dtype=pl.UInt32),
            "asset": ["x"] * 10,
            "close": [*close, *[100.0] * 5],
        }
    )
    found = path_facts(bars, {"a": 400.0})
    spread = steps.std(ddof=1)
    assert found["volatility"].to_list() == pytest.approx([20.0 * spread, 0.0])
    assert found["trend"].to_list() == pytest.approx([steps.sum() / (2.0 * spread), 0.0])


def test_a_path_is_in_the_state_of_most_of_its_bars() -> None:
    text = documents.found("scenarios")["three-weathers"].read_text()
    scenario = load(text.replace("duration_bars = 720", "duration_bars = 200\npaths = 6"))
    state = engine.generate(effective(scenario), wants_latent=True).latent["state"]
    found = longest_states(scenario)
    for path, longest in enumerate(found):
        own = state[path * 200 : (path + 1) * 200].tolist()
        assert all(own.count(longest) >= own.count(other) for other in set(own))
    assert len(found) == 6
    assert len(set(found)) > 1
