"""Statistics against libraries, known answers and their own standard errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.diagnostic import acorr_ljungbox

from simcore.scenario.statistics import STATISTICS
from simcore.scenario.statistics.sample import Estimate, Sample, jackknife

SHAPE = (60, 1, 250)


def sample_of(returns: np.ndarray[Any, Any], **latent: np.ndarray[Any, Any]) -> Sample:
    """Bars that open where the last closed and move straight to their close."""
    levels = np.cumsum(returns, axis=2)
    close = 100.0 * np.exp(levels)
    previous = 100.0 * np.exp(levels - returns)
    bars = {
        "open": previous, "high": np.maximum(previous, close), "low": np.minimum(previous, close),
        "close": close, "volume": np.ones_like(close), "previous": previous,
    }  # fmt: skip
    return Sample(bars, latent, 100.0)


def measured(name: str, sample: Sample, *arguments: float) -> Estimate:
    return STATISTICS[name].function(sample, *arguments)


@pytest.fixture(scope="module")
def returns() -> np.ndarray[Any, Any]:
    return np.random.default_rng(7).standard_t(8, SHAPE) * 0.01 + 0.001


@pytest.fixture(scope="module")
def sample(returns: np.ndarray[Any, Any]) -> Sample:
    return sample_of(returns)


def test_a_statistic_has_a_name_and_a_meaning_of_its_own() -> None:
    assert len({each.meaning for each in STATISTICS.values()}) == len(STATISTICS)
    assert all(name == each.name for name, each in STATISTICS.items())


def test_moments_are_those_of_scipy(sample: Sample, returns: np.ndarray[Any, Any]) -> None:
    expected = {
        "mean": returns.mean(),
        "variance": returns.var(),
        "skewness": scipy.stats.skew(returns, axis=None),
        "kurtosis": scipy.stats.kurtosis(returns, axis=None, fisher=False),
        "forward": np.exp(returns).mean(),
        "asset_mean": returns.mean(),
        "asset_variance": returns.var(),
    }
    for name, value in expected.items():
        arguments = (0.0,) if name.startswith("asset") else ()
        assert measured(name, sample, *arguments).value == pytest.approx(value, rel=1e-9), name


def test_the_standard_error_is_how_far_estimates_of_other_draws_lie_apart() -> None:
    draws = np.random.default_rng(1).normal(0.0, 0.01, (80, *SHAPE))
    for name, arguments in (("mean", ()), ("variance", ()), ("kurtosis", ()), ("acf", (1.0,))):
        found = [measured(name, sample_of(each), *arguments) for each in draws]
        spread = np.std([each.value for each in found])
        stated = np.mean([each.standard_error for each in found])
        # The spread of 80 values is known to 8 %; four of these.
        assert stated / spread == pytest.approx(1.0, abs=0.32), name


def test_the_jackknife_of_a_mean_is_the_textbook_standard_error() -> None:
    values = np.random.default_rng(3).normal(size=50)
    found = jackknife(np.stack([np.ones(50), values]), lambda sums: sums[1] / sums[0])
    assert found.value == pytest.approx(values.mean())
    assert found.standard_error == pytest.approx(values.std(ddof=1) / 50**0.5)
    assert found.degrees == 49


def test_autocorrelations_are_those_of_an_autoregression() -> None:
    generator = np.random.default_rng(5)
    r = generator.normal(0.0, 0.01, (100, 1, 600))
    for t in range(1, 600):
        r[..., t] += 0.5 * r[..., t - 1]
    sample = sample_of(r[..., 50:])
    for name, lag, expected in (("acf", 1, 0.5), ("acf", 3, 0.125), ("acf_squares", 1, 0.25)):
        found = measured(name, sample, lag)
        assert abs(found.value - expected) < 4.0 * found.standard_error
        assert found.standard_error < 0.02
    # Lo and MacKinlay: 1 + 2 sum (1 - k/q) rho_k.
    found = measured("variance_ratio", sample, 4)
    expected = 1.0 + 2.0 * (0.75 * 0.5 + 0.5 * 0.25 + 0.25 * 0.125)
    assert abs(found.value - expected) < 4.0 * found.standard_error


def test_levels_are_measured_from_the_first_price(sample: Sample) -> None:
    levels = sample.levels
    assert measured("level_mean", sample).value == pytest.approx(levels.mean())
    assert measured("level_deviation", sample).value == pytest.approx(levels.std())
    x, y = levels[..., :-5].ravel() - levels.mean(), levels[..., 5:].ravel() - levels.mean()
    expected = np.mean(x * y) / levels.var()
    assert measured("level_acf", sample, 5).value == pytest.approx(expected)


def test_the_portmanteau_is_that_of_statsmodels_on_one_path() -> None:
    r = np.random.default_rng(2).standard_t(5, (1, 1, 3000)) * 0.01
    sample = sample_of(r)
    for name, values in (("ljung_box", r), ("ljung_box_squares", (r - r.mean()) ** 2)):
        expected = acorr_ljungbox(values.ravel(), lags=[20])["lb_pvalue"].iloc[0]
        assert measured(name, sample, 20).value == pytest.approx(expected, abs=0.02), name


def test_the_tail_of_a_power_law_has_its_exponent() -> None:
    generator = np.random.default_rng(4)
    r = (generator.pareto(3.0, SHAPE) + 1.0) * generator.choice([-1.0, 1.0], SHAPE) * 1e-3
    found = measured("hill", sample_of(r), 0.05)
    assert abs(found.value - 3.0) < 4.0 * found.standard_error
    assert found.standard_error < 0.3


def test_ranges_of_a_straight_bar_are_its_own() -> None:
    r = np.full(SHAPE, 0.02)
    sample = sample_of(r, deviation=np.full(SHAPE, 0.02))
    expected = 1.0 / (4.0 * np.log(2.0))
    assert measured("parkinson_ratio", sample).value == pytest.approx(expected)
    assert measured("rogers_satchell_ratio", sample).value == pytest.approx(0.0, abs=1e-12)


def test_the_highest_and_lowest_price_of_walks_are_correlated_as_known() -> None:
    steps = np.random.default_rng(6).normal(0.0, 1.0, (60, 100, 400)) / 20.0
    walk = np.cumsum(steps, axis=2)
    high, low = np.maximum(walk.max(axis=2), 0.0), np.minimum(walk.min(axis=2), 0.0)
    scale = np.random.default_rng(8).uniform(0.001, 0.02, (60, 1, 100))
    bars = {
        "open": np.full((60, 1, 100), 100.0),
        "high": 100.0 * np.exp(high[:, None, :] * scale),
        "low": 100.0 * np.exp(low[:, None, :] * scale),
    }
    found = measured("high_low_correlation", Sample(bars | {"close": bars["open"]},
                     {"deviation": scale}))  # fmt: skip
    assert abs(found.value - 0.69) < 0.02


def test_jumps_are_counted_and_measured() -> None:
    generator = np.random.default_rng(9)
    jump = np.where(generator.uniform(size=SHAPE) < 0.05, generator.normal(-0.02, 0.01, SHAPE), 0.0)
    r = generator.normal(0.0, 0.001, SHAPE) + jump
    sample = sample_of(r, jump=jump)
    count = np.count_nonzero(jump)
    assert measured("jump_share", sample).value == pytest.approx(count / jump.size)
    assert measured("jump_mean", sample).value == pytest.approx(jump[jump != 0].mean())
    assert measured("jump_variance", sample).value == pytest.approx(jump[jump != 0].var())
    sample.bars["open"][0, 0, 3] *= 1.001
    assert measured("gap_outside_jumps", sample).value >= 1.0


def test_a_share_without_an_event_has_a_standard_error_all_the_same() -> None:
    sample = sample_of(np.full(SHAPE, 0.01), jump=np.zeros(SHAPE))
    found = measured("jump_share", sample)
    assert found.value == 0.0
    assert 0.5 / sample.returns.size < found.standard_error < 2.0 / sample.returns.size
    assert np.isnan(measured("jump_mean", sample).value)


def test_states_have_their_share_their_stay_and_their_moments() -> None:
    state = np.tile(np.repeat(np.array([0, 1], dtype=np.uint8), [15, 10]), 10)
    state = np.broadcast_to(state, SHAPE)
    r = np.where(state == 1, 0.02, -0.01) + np.random.default_rng(2).normal(0.0, 1e-3, SHAPE)
    sample = sample_of(r, state=state)
    assert measured("occupancy", sample, 1).value == pytest.approx(0.4)
    assert measured("sojourn", sample, 0).value == pytest.approx(15.0)
    assert measured("state_mean", sample, 1).value == pytest.approx(r[state == 1].mean())
    assert measured("state_variance", sample, 1).value == pytest.approx(r[state == 1].var())


def test_the_models_own_variance_is_measured(returns: np.ndarray[Any, Any]) -> None:
    deviation = np.exp(np.random.default_rng(3).normal(-4.0, 0.5, SHAPE))
    deviation[..., 1:] *= np.exp(-5.0 * returns[..., :-1])
    sample = sample_of(returns, deviation=deviation)
    logs = 2.0 * np.log(deviation)
    assert measured("variance_mean", sample).value == pytest.approx((deviation**2).mean())
    assert measured("log_variance_mean", sample).value == pytest.approx(logs.mean())
    assert measured("log_variance_deviation", sample).value == pytest.approx(logs.std())
    found = measured("log_variance_acf", sample, 1)
    assert abs(found.value) < 4.0 * found.standard_error
    x, y = returns[..., :-1].ravel(), deviation[..., 1:].ravel() ** 2
    assert measured("leverage", sample).value == pytest.approx(np.corrcoef(x, y)[0, 1])


def test_correlations_are_those_of_numpy() -> None:
    r = np.random.default_rng(3).normal(0.0, 0.01, (60, 3, 100))
    r[:, 2] += r[:, 0]
    found = measured("correlation", sample_of(r), 0, 2)
    assert found.value == pytest.approx(np.corrcoef(r[:, 0].ravel(), r[:, 2].ravel())[0, 1])


def test_a_market_that_never_moves_defines_few_statistics_and_breaks_none() -> None:
    zeros = np.zeros(SHAPE)
    sample = sample_of(zeros, deviation=zeros, jump=zeros, state=zeros.astype(np.uint8))
    for name in ("skewness", "kurtosis", "acf_abs", "variance_ratio", "hill", "ljung_box"):
        arguments = () if name in ("skewness", "kurtosis") else (0.05 if name == "hill" else 2.0,)
        assert np.isnan(measured(name, sample, *arguments).value), name
    assert measured("variance", sample).value == 0.0
