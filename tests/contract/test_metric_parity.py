"""Metrics of returns equal those of the public libraries, where they mean the same."""

from __future__ import annotations

import math
import warnings
from typing import Any

import empyrical  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import pytest
import quantstats.stats as qs  # type: ignore[import-untyped]
from return_vectors import PLAIN
from scipy import stats

import simcore

A = 252.0
"""What empyrical's captures and quantstats' parametric measures take a year to be."""


@pytest.fixture(params=PLAIN, ids=str)
def vector(request: pytest.FixtureRequest) -> Any:
    return PLAIN[request.param]


def compare(found: dict[str, Any], expected: dict[str, float]) -> None:
    for name, value in expected.items():
        if math.isfinite(value):
            assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-12), name
        else:
            assert found[name] is None, name


def test_returns_and_drawdowns_equal_empyrical(vector: Any) -> None:
    mar, rf = 2e-4, 1e-4
    found = simcore.metrics(vector, bars_per_year=A, mar=mar, rf=rf)
    year = {"annualization": A}
    compare(
        found,
        {
            "total_return": empyrical.cum_returns_final(vector),
            "cagr": empyrical.annual_return(vector, **year),
            "ann_vol": empyrical.annual_volatility(vector, **year),
            "downside_dev": empyrical.downside_risk(vector, mar, **year),
            "sharpe": empyrical.sharpe_ratio(vector, rf, **year),
            "sortino": empyrical.sortino_ratio(vector, mar, **year),
            "max_drawdown": empyrical.max_drawdown(vector),
            "calmar": empyrical.calmar_ratio(vector, **year),
            "omega": empyrical.omega_ratio(vector),
            "stability": empyrical.stability_of_timeseries(vector),
            "p5_bar": empyrical.value_at_risk(vector, 0.05),
            "es_1_bar": empyrical.conditional_value_at_risk(vector, 0.01),
            "es_5_bar": empyrical.conditional_value_at_risk(vector, 0.05),
        },
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        compare(found, {"tail_ratio": empyrical.tail_ratio(vector)})


def test_what_is_relative_equals_empyrical(vector: Any) -> None:
    noise = np.random.default_rng(12).normal(1e-4, 0.01, len(vector))
    bench, rf = 0.5 * vector + noise, 1e-4
    found = simcore.metrics(vector, bars_per_year=A, benchmark=bench, rf=rf)
    compare(
        found,
        {
            "alpha": empyrical.alpha(vector, bench, rf, annualization=A),
            "beta": empyrical.beta(vector, bench, rf),
            "info_ratio": empyrical.excess_sharpe(vector, bench) * math.sqrt(A),
            "up_capture": empyrical.up_capture(vector, bench),
            "down_capture": empyrical.down_capture(vector, bench),
        },
    )


def test_moments_equal_scipy(vector: Any) -> None:
    compare(
        simcore.metrics(vector, bars_per_year=A),
        {"skew": stats.skew(vector), "kurt": stats.kurtosis(vector, fisher=False)},
    )


def test_bars_equal_quantstats(vector: Any) -> None:
    series = pd.Series(vector, index=pd.date_range("2000-01-03", periods=len(vector), freq="D"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = {
            "sharpe": qs.sharpe(series, periods=A),
            "sortino": qs.sortino(series, periods=A),
            "max_drawdown": qs.max_drawdown(series),
            "gain_to_pain": qs.gain_to_pain_ratio(series),
            "var_gauss": qs.value_at_risk(series),
            "es_gauss": qs.conditional_value_at_risk(series),
            "ulcer_qs": qs.ulcer_index(series),
            "win_rate_bar": qs.win_rate(series),
            "profit_factor_bar": qs.profit_factor(series),
            "payoff_bar": qs.payoff_ratio(series),
        }
    compare(simcore.metrics(vector, bars_per_year=A), {k: float(v) for k, v in expected.items()})


def test_days_equal_empyrical_on_returns_sampled_by_day(vector: Any) -> None:
    ts = pd.date_range("2000-01-03", periods=len(vector), freq="6h")
    daily = pd.Series(np.cumprod(1.0 + vector), index=ts).resample("D").last()
    levels = np.concatenate([[1.0], daily.to_numpy()])
    returns = levels[1:] / levels[:-1] - 1.0
    found = simcore.metrics(vector, bars_per_year=4 * A, ts=ts.to_numpy())
    if len(returns) < 20:
        assert found["es_1"] is None and "FEW_DAYS" in found["flags"]
        return
    compare(
        found,
        {
            "sharpe_day": empyrical.sharpe_ratio(returns, annualization=A),
            "p5_day": empyrical.value_at_risk(returns, 0.05),
            "es_1": empyrical.conditional_value_at_risk(returns, 0.01),
            "es_5": empyrical.conditional_value_at_risk(returns, 0.05),
            "worst_day": returns.min(),
            "best_day": returns.max(),
        },
    )
