"""When a metric is null, what says so, and that nothing but finite numbers ever leaves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from return_vectors import ODD, PLAIN, RUIN

import simcore
from simcore import engine
from simcore.errors import EngineError

FLAGS = set(engine.catalogue()["codes"]["metric_flags"])
BARE = [row["name"] for row in engine.catalogue()["metrics"] if row["needs"] == "returns"]

# The series, the metric, its value (None is null), and the flag that it raises.
CASES = [
    ("none", "cagr", None, "LOW_SAMPLE"),
    ("none", "total_return", 0.0, "LOW_SAMPLE"),
    ("none", "es_1_bar", None, "LOW_SAMPLE"),
    ("one", "sharpe", None, "LOW_SAMPLE"),
    ("one", "ann_vol", None, "LOW_SAMPLE"),
    ("one", "worst_bar", 0.01, "LOW_SAMPLE"),
    ("nineteen", "worst_bar", ODD["nineteen"].min(), "LOW_SAMPLE"),
    ("zeros", "sharpe", 0.0, "ZERO_DISPERSION"),
    ("zeros", "sharpe_lo", 0.0, "ZERO_DISPERSION"),
    ("zeros", "sortino", 0.0, "ZERO_DISPERSION"),
    ("zeros", "omega", None, "ZERO_DISPERSION"),
    ("zeros", "skew", None, "ZERO_DISPERSION"),
    ("zeros", "psr", None, "ZERO_DISPERSION"),
    ("zeros", "calmar", None, "NO_DRAWDOWN"),
    ("zeros", "win_rate_bar", None, "ZERO_DISPERSION"),
    ("zeros", "tail_ratio", None, "NO_TAIL"),
    ("constant gain", "sharpe", None, "ZERO_DISPERSION"),
    ("constant gain", "sharpe_lo", None, "ZERO_DISPERSION"),
    ("constant gain", "sortino", None, "NO_DOWNSIDE"),
    ("rounded gain", "sharpe", None, "ZERO_DISPERSION"),
    ("rounded gain", "psr", None, "ZERO_DISPERSION"),
    ("rounded gain", "kurt", None, "ZERO_DISPERSION"),
    ("rounded gain", "stability", 1.0, "NO_DOWNSIDE"),
    ("constant loss", "sharpe", None, "ZERO_DISPERSION"),
    ("constant loss", "sortino", -math.sqrt(365.0), "ZERO_DISPERSION"),
    ("gains only", "omega", None, "NO_DOWNSIDE"),
    ("gains only", "profit_factor_bar", None, "NO_LOSSES"),
    ("gains only", "payoff_bar", None, "NO_LOSSES"),
    ("gains only", "avg_drawdown", None, "NO_DRAWDOWN"),
    ("gains only", "time_to_recovery", None, "NO_DRAWDOWN"),
    ("gains only", "longest_underwater", 0, "NO_DRAWDOWN"),
    ("gains only", "hill_5", None, "NO_TAIL"),
    ("losses only", "payoff_bar", None, "NO_GAINS"),
    ("losses only", "sortino_v0", None, "NO_GAINS"),
    ("losses only", "min_trl", None, "NO_EDGE"),
    ("losses only", "time_to_recovery", 60, "CENSORED"),
    ("one loss", "sortino_v0", None, "NO_DOWNSIDE"),
    ("ruin", "total_return", -1.0, "RUIN"),
    ("ruin", "cagr", -1.0, "RUIN"),
    ("ruin", "log_growth", None, "RUIN"),
    ("ruin", "stability", None, "RUIN"),
    ("ruin", "worst_bar", -1.5, "RUIN"),
]


@pytest.mark.parametrize(("vector", "metric", "value", "flag"), CASES)
def test_a_case_has_its_value_and_its_flag(
    vector: str, metric: str, value: float | None, flag: str
) -> None:
    found = simcore.metrics({**ODD, "ruin": RUIN}[vector], bars_per_year=365.0)
    assert found[metric] == (None if value is None else pytest.approx(value, rel=1e-12))
    assert flag in found["flags"]


def test_plain_returns_raise_no_flag_but_what_they_show() -> None:
    rising = np.random.default_rng(1).normal(2e-3, 0.01, 1_000)
    assert simcore.metrics(rising, bars_per_year=365.0)["flags"] in ((), ("CENSORED",))


@pytest.mark.parametrize("vector", [*PLAIN, *ODD, "ruin"])
def test_a_null_has_a_flag(vector: str) -> None:
    returns = {**PLAIN, **ODD, "ruin": RUIN}[vector]
    found = simcore.metrics(returns, bars_per_year=365.0)
    assert set(found["flags"]) <= FLAGS
    for name in BARE:
        alone = simcore.metrics(returns, bars_per_year=365.0, only=[name])
        assert alone[name] == found[name]
        assert alone[name] is not None or alone["flags"], name


def test_a_recovered_drawdown_is_not_censored() -> None:
    found = simcore.metrics([0.1, -0.1, -0.1, 0.3, -0.05, 0.2], bars_per_year=365.0)
    assert found["time_to_recovery"] == 3
    assert found["longest_underwater"] == 2
    assert found["avg_drawdown"] == pytest.approx((0.9 * 0.9 - 1.0 - 0.05) / 2)
    assert "CENSORED" not in found["flags"]


def test_without_dates_days_are_null_and_without_a_benchmark_what_is_relative() -> None:
    found = simcore.metrics(PLAIN["normal"], bars_per_year=365.0)
    for row in engine.catalogue()["metrics"]:
        if row["needs"] in ("dates", "benchmark"):
            assert found[row["name"]] is None
        assert (row["name"] in found) == (row["needs"] != "run")


def test_a_benchmark_that_does_not_move_explains_nothing() -> None:
    returns = PLAIN["normal"]
    found = simcore.metrics(returns, bars_per_year=365.0, benchmark=np.zeros(len(returns)))
    relative = ("alpha", "beta", "up_capture", "down_capture")
    assert [found[name] for name in relative] == [None] * 4
    assert "FLAT_BENCHMARK" in found["flags"]
    same = simcore.metrics(returns, bars_per_year=365.0, benchmark=returns)
    assert same["info_ratio"] == 0.0 and same["beta"] == 1.0
    assert same["alpha"] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 63, 64, 200, 299])
def test_a_return_that_is_no_number_is_refused_wherever_it_stands(bad: float, place: int) -> None:
    returns = np.full(300, 0.001)
    returns[100] = -1.5  # what follows a ruin is looked at too
    returns[place] = bad
    with pytest.raises(EngineError) as refused:
        simcore.metrics(returns, bars_per_year=365.0)
    assert refused.value.code == "FIELD_INVALID" and f"/returns/{place}" in str(refused.value)


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"bars_per_year": 0.0}, "/bars_per_year"),
        ({"mar": math.nan}, "/mar"),
        ({"rf": math.inf}, "/rf"),
        ({"benchmark": [0.1]}, "/benchmark"),
        ({"benchmark": [0.1, math.nan]}, "/benchmark/1"),
        ({"ts": [1]}, "/ts"),
        ({"ts": [2, 1]}, "/ts/1"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(options: dict[str, Any], path: str) -> None:
    with pytest.raises(EngineError) as refused:
        simcore.metrics([0.1, 0.2], **{"bars_per_year": 365.0, **options})
    assert path in str(refused.value)


def test_a_metric_that_is_not_known_is_refused_by_name() -> None:
    with pytest.raises(EngineError, match="win_rate"):
        simcore.metrics([0.1], bars_per_year=365.0, only=["win_rate"])


HOSTILE = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 1e308, -1e308, -1.0, 1e-16, 0.25, -0.999999]),
    st.floats(-0.5, 0.5),
)


@settings(max_examples=300)
@given(
    st.lists(HOSTILE, max_size=150).flatmap(
        lambda r: st.tuples(
            st.just(r), st.lists(HOSTILE, min_size=len(r), max_size=len(r)), st.sampled_from([1, 3])
        )
    ),
    st.floats(1e-6, 1e9),
    st.floats(-2.0, 2.0),
)
def test_nothing_but_finite_numbers_leaves(
    columns: tuple[list[float], list[float], int], bars_per_year: float, rate: float
) -> None:
    returns, bench, per_day = columns
    found = simcore.metrics(
        returns,
        bars_per_year=bars_per_year,
        benchmark=bench,
        mar=rate,
        rf=rate,
        ts=np.arange(len(returns), dtype=np.int64) * (86_400 * 10**9 // per_day),
    )
    flags = found.pop("flags")
    assert all(value is None or math.isfinite(value) for value in found.values())
    assert None not in found.values() or flags
