"""Two strategies on the same bars: known values, other implementations, and the size of tests."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm  # type: ignore[import-untyped]
from numpy.typing import NDArray

from simcore.errors import SpecError
from simcore.scoring.comparison import (
    Comparison,
    jobson_korkie,
    mean_difference,
    sharpe_difference,
)

Floats = NDArray[np.float64]


def pair(seed: int, n: int = 400, edge: float = 0.0) -> tuple[Floats, Floats]:
    """Two series that share much of their noise, and remember some of it."""
    rng = np.random.default_rng(seed)
    shared, own = rng.standard_t(5, (2, n))
    shared[1:] += 0.3 * shared[:-1]
    return 0.01 * (shared + 0.3 * own) + edge, 0.01 * (shared + 0.3 * rng.standard_normal(n))


def needed(found: Comparison | None) -> Comparison:
    assert found is not None
    return found


@pytest.mark.parametrize("n_lags", [None, 0, 3, 12])
def test_the_mean_difference_is_that_of_statsmodels(n_lags: int | None) -> None:
    a, b = pair(1, edge=0.001)
    found = needed(mean_difference(a, b, n_lags=n_lags))
    lags = math.floor(4 * (len(a) / 100) ** (2 / 9)) if n_lags is None else n_lags
    fit = sm.OLS(a - b, np.ones(len(a))).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": False}
    )
    assert found.difference == pytest.approx(float(fit.params[0]), rel=1e-12)
    assert found.statistic == pytest.approx(float(fit.tvalues[0]), rel=1e-9)
    assert found.p_value == pytest.approx(float(fit.pvalues[0]), rel=1e-9)


def test_jobson_and_korkie_by_hand() -> None:
    # Two series with equal deviations and no correlation: the variance is (2 + (a² + b²)/2)/n.
    up, down = np.array([3.0, 3.0, -1.0, -1.0]), np.array([2.0, 0.0, 2.0, 0.0])
    found = needed(jobson_korkie(up, down))
    a, b = 1.0 / math.sqrt(16 / 3), 1.0 / math.sqrt(4 / 3)
    assert found.difference == pytest.approx(a - b, rel=1e-12)
    variance = (2.0 + 0.5 * (a**2 + b**2)) / 4
    assert found.statistic == pytest.approx((a - b) / math.sqrt(variance), rel=1e-12)


def test_series_on_one_line_differ_by_as_many_errors_as_bars_allow() -> None:
    # A correlation of 1 leaves a variance of half the squared difference, over n.
    a, _ = pair(8)
    found = needed(jobson_korkie(2.0 * a + 0.01, a))
    assert found.statistic == pytest.approx(math.sqrt(2 * len(a)), rel=1e-9)


def test_swapping_the_two_changes_nothing_but_the_sign() -> None:
    a, b = pair(2, edge=0.001)
    for there, back in (
        (jobson_korkie(a, b), jobson_korkie(b, a)),
        (mean_difference(a, b), mean_difference(b, a)),
        (sharpe_difference(a, b, seed=1), sharpe_difference(b, a, seed=1)),
    ):
        assert needed(there).difference == pytest.approx(-needed(back).difference, rel=1e-9)
        assert needed(there).p_value == pytest.approx(needed(back).p_value, rel=1e-9)


def test_the_bootstrap_is_its_slow_twin() -> None:
    from simcore import engine

    a, b = pair(3, n=60, edge=0.002)
    length, n_resamples = 7, 50
    n_blocks = 60 // length
    found = needed(sharpe_difference(a, b, seed=9, block_bars=length, n_resamples=n_resamples))
    scaled = np.stack([a / a.std(), b / b.std()], axis=1)
    draws = engine.uniforms(9, "bootstrap", 0, n_resamples * n_blocks).reshape(n_resamples, -1)

    def gap(sample: Floats) -> float:
        ratios = sample.mean(axis=0) / sample.std(axis=0)
        return float(ratios[0] - ratios[1])

    def influence(sample: Floats) -> Floats:
        mean, square = sample.mean(axis=0), (sample**2).mean(axis=0)
        variance = square - mean**2
        by_mean, by_square = square / variance**1.5, -0.5 * mean / variance**1.5
        off = (sample - mean) * by_mean + (sample**2 - square) * by_square
        return np.asarray(off[:, 0] - off[:, 1])

    off = influence(scaled)
    lags = math.floor(4 * (60 / 100) ** (2 / 9))
    variance = sum(
        float(off[abs(k) :] @ off[: 60 - abs(k)]) * (1 - abs(k) / (lags + 1))
        for k in range(-lags, lags + 1)
    )
    assert found.statistic == pytest.approx(gap(scaled) / (math.sqrt(variance) / 60), rel=1e-9)
    n_beyond = 0
    for row in draws:
        places = [(int(u * 60) + k) % 60 for u in row for k in range(length)]
        sample = scaled[places]
        blocks = influence(sample).reshape(n_blocks, length).sum(axis=1)
        error = math.sqrt(float((blocks**2).mean()) / length / len(sample))
        n_beyond += abs(gap(sample) - gap(scaled)) / error >= abs(found.statistic)
    assert found.p_value == (1 + n_beyond) / (1 + n_resamples)
    assert found.difference == pytest.approx(
        a.mean() / a.std(ddof=1) - b.mean() / b.std(ddof=1), rel=1e-9
    )


def test_equal_strategies_are_rarely_told_apart() -> None:
    p_values = [
        needed(sharpe_difference(*pair(seed, n=250), seed=seed, n_resamples=199)).p_value
        for seed in range(200)
    ]
    # At the 10 % level, three standard errors of a binomial about it.
    assert 0.037 <= np.mean([p <= 0.1 for p in p_values]) <= 0.163


def test_a_clear_edge_is_found() -> None:
    a, b = pair(4, n=1_000, edge=0.004)
    assert needed(sharpe_difference(a, b, seed=1)).p_value < 0.001
    assert needed(jobson_korkie(a, b)).p_value < 0.001
    assert needed(mean_difference(a, b)).p_value < 0.001


def test_equal_seeds_give_equal_values() -> None:
    a, b = pair(5)
    assert sharpe_difference(a, b, seed=7) == sharpe_difference(a, b, seed=7)
    assert sharpe_difference(a, b, seed=7) != sharpe_difference(a, b, seed=8)


def test_what_cannot_be_compared_gives_nothing() -> None:
    a, _ = pair(6)
    for test in (jobson_korkie, mean_difference, lambda x, y: sharpe_difference(x, y, seed=1)):
        assert test(a, a) is None
        assert test(a, np.full(len(a), 0.01)) is None
        assert test(a[:1], a[1:2]) is None
    assert sharpe_difference(a, a[::-1], seed=1, block_bars=len(a)) is None


def test_series_of_unequal_length_are_refused() -> None:
    a, b = pair(7)
    with pytest.raises(SpecError, match="as many"):
        jobson_korkie(a, b[1:])
    with pytest.raises(SpecError, match="finite"):
        mean_difference(a, np.where(b == b[0], np.nan, b))
    with pytest.raises(SpecError, match="1 or more"):
        sharpe_difference(a, b, seed=1, block_bars=0)
