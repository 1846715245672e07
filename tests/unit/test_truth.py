"""The best attainable Sharpe ratio of a market is what its law says, and nobody beats it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simcore import engine
from simcore.engine import Market

Floats = NDArray[np.float64]

PHI = 0.05
"""Correlation of a return with the one before, in the market of `AUTOREGRESSIVE`."""

_MARKET: dict[str, Any] = {
    "timeframe": "1h", "seed": 7, "volume_model": "const", "n_sub": 1,
}  # fmt: skip
AUTOREGRESSIVE: dict[str, Any] = {
    **_MARKET, "family": "mean_revert",
    "params": {"form": "ou_returns", "kappa": -math.log(PHI), "theta": 0.0, "sigma": 20.0},
}  # fmt: skip
REGIMES: dict[str, Any] = {
    **_MARKET, "family": "regime",
    "params": {
        "states": [
            {"type": "trend", "drift": 10.0, "sigma": 50.0, "drift_convention": "log"},
            {"type": "trend", "drift": -10.0, "sigma": 50.0, "drift_convention": "log"},
        ],
        "transition": [[0.95, 0.05], [0.05, 0.95]],
    },
}  # fmt: skip


def made(document: dict[str, Any], n_bars: int, n_paths: int = 1) -> Market:
    """Return a market of so many bars with its latent columns."""
    document = {**document, "duration_bars": n_bars, "paths": n_paths}
    return engine.generate(document, None, wants_latent=True)


def returns(market: Market, n_paths: int = 1) -> Floats:
    """Return the log returns of each bar from its open, one row a path."""
    columns = market.columns
    return np.log(columns["close"] / columns["open"]).reshape(n_paths, -1)


def sharpe(gains: Floats) -> float:
    """Return mean over deviation, per bar."""
    return float(gains.mean() / gains.std())


def test_of_an_autoregressive_market_it_is_what_the_autocorrelation_says() -> None:
    market = made(AUTOREGRESSIVE, 1_000_000)
    expected = 0.0499
    assert market.facts["sharpe_max_bar"] == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("drift", [3.0, -3.0])
@pytest.mark.parametrize("convention", ["ito", "log"])
def test_of_a_trend_it_is_the_drift_over_the_deviation(drift: float, convention: str) -> None:
    params = {"drift": drift, "sigma": 60.0, "drift_convention": convention}
    market = made({**_MARKET, "family": "trend", "params": params}, 100)
    # The price itself grows by half the variance, 0.18 bps, more than its logarithm.
    growth = drift + (0.5 * 60.0**2 * 1e-4 if convention == "log" else 0.0)
    assert market.facts["sharpe_max_bar"] == pytest.approx(abs(growth) / 60.0, rel=1e-9)


def test_of_regimes_it_is_below_that_of_someone_who_sees_the_state() -> None:
    market = made(REGIMES, 200_000)
    found = market.facts["sharpe_max_bar"]
    # 10 bps of drift, one way or the other, beside 50 of deviation.
    seen = 10.0 / 50.0
    assert 0.2 * seen < found < 0.95 * seen


def test_a_trader_who_knows_the_sign_of_the_forecast_earns_less_than_the_best() -> None:
    n_bars, n_paths = 100_000, 20
    market = made(AUTOREGRESSIVE, n_bars, n_paths)
    earned = returns(market, n_paths)
    gains = np.sign(earned[:, :-1]) * earned[:, 1:]
    # φ √(2/π) of a normal forecast is kept by a position of one size.
    assert sharpe(gains) == pytest.approx(0.0399, abs=4.0 / math.sqrt(n_bars * n_paths))
    assert sharpe(gains) < 0.9 * market.facts["sharpe_max_bar"]


@pytest.mark.parametrize("document", [AUTOREGRESSIVE, REGIMES], ids=["returns", "regimes"])
def test_nobody_is_better_than_the_best_on_two_hundred_paths(document: dict[str, Any]) -> None:
    n_bars, n_paths = 2_000, 200
    market = made(document, n_bars, n_paths)
    earned = returns(market, n_paths)
    mean, deviation = (
        market.latent[name].reshape(n_paths, n_bars) for name in ("mean", "deviation")
    )
    best = market.facts["sharpe_max_bar"]
    position = mean / (mean**2 + deviation**2)
    error = 1.0 / math.sqrt(n_bars * n_paths)
    for held in (position, np.sign(mean), np.sign(np.roll(earned, 1, axis=1)), np.ones_like(mean)):
        each = [sharpe(gains) for gains in held * earned]
        # A path by itself is a matter of luck; beyond it none goes, and all together not at all.
        assert max(each) < best + 4.5 / math.sqrt(n_bars)
        assert sharpe(held * earned) / best <= 1.0 + 4.0 * error / best
    assert sharpe(position * earned) / best == pytest.approx(1.0, abs=4.0 * error / best)
