"""Probabilities of Sharpe ratios: the published worked examples, and what must hold of any."""

from __future__ import annotations

import math

import numpy as np
import pytest

import simcore
from simcore.errors import SpecError
from simcore.scoring.significance import (
    SharpeSample,
    dsr,
    expected_maximum,
    min_btl,
    min_trl,
    psr,
    psr_h0,
    sharpe_sample,
)


def test_the_deflated_ratio_of_the_paper() -> None:
    # Annual ratio 2.5 over five years of 250 days, 100 trials whose annual variance is a half.
    sample = SharpeSample(2.5 / math.sqrt(250), 1_250, skew=-3.0, kurt=10.0)
    assert dsr(sample, 100, 0.5 / 250) == pytest.approx(0.9004, abs=5e-5)
    # Of 46 trials the same would just have passed.
    assert dsr(sample, 46, 0.5 / 250) == pytest.approx(0.9505, abs=5e-5)


def test_the_ratio_under_the_null_of_the_paper() -> None:
    sample = SharpeSample(0.4557, 24, skew=-2.448, kurt=10.164)
    assert psr_h0(sample) == pytest.approx(0.987, abs=5e-4)


def test_the_probabilistic_ratio_of_the_paper() -> None:
    # Two years of months with the moments of a hedge fund; and as if they were normal.
    assert psr(SharpeSample(0.458, 24)) == pytest.approx(0.982, abs=5e-4)
    fund = SharpeSample(0.458, 24, skew=-2.448, kurt=10.164)
    assert psr(fund) == pytest.approx(0.913, abs=5e-4)


@pytest.mark.parametrize(("per_year", "years"), [(250, 2.73), (52, 2.83), (12, 3.24)])
def test_the_least_track_record_of_the_paper(per_year: int, years: float) -> None:
    # An annual ratio of 2 against one of 1, normal returns by the day, week and month.
    sample = SharpeSample(2.0 / math.sqrt(per_year), 1_000)
    bars = min_trl(sample, 1.0 / math.sqrt(per_year), confidence=0.95)
    assert bars is not None
    assert bars / per_year == pytest.approx(years, abs=6e-3)


def test_the_least_length_of_a_backtest_of_the_paper() -> None:
    assert min_btl(45, 1.0) == pytest.approx(5.0, abs=0.05)
    assert min_btl(1, 1.0) == 0.0


def test_the_expected_maximum_is_close_to_that_of_normals() -> None:
    # Means of the largest of n standard normals, from tables of order statistics.
    for n_trials, exact in ((2, 0.56419), (5, 1.16296), (10, 1.53875), (100, 2.50759)):
        assert expected_maximum(n_trials) == pytest.approx(exact, rel=0.08)
    assert expected_maximum(1) == 0.0
    values = [expected_maximum(n) for n in range(1, 200)]
    assert values == sorted(values)


def test_one_trial_deflates_nothing_and_more_deflate_more() -> None:
    sample = SharpeSample(0.1, 500, skew=-0.5, kurt=5.0)
    assert dsr(sample, 1, 0.01) == psr(sample)
    found = [dsr(sample, n, 0.01) or 0.0 for n in (1, 2, 10, 100)]
    assert found == sorted(found, reverse=True) and len(set(found)) == 4


def test_after_the_least_track_record_the_confidence_is_just_reached() -> None:
    sample = SharpeSample(0.1, 200, skew=-1.0, kurt=6.0)
    bars = min_trl(sample, 0.02)
    assert bars is not None
    distance = (0.1 - 0.02) * math.sqrt(bars - 1.0) / math.sqrt(sample.variance_factor)
    assert distance == pytest.approx(1.6448536269514722, rel=1e-12)
    assert min_trl(SharpeSample(0.1, 200), 0.1) is None


def test_the_engine_s_columns_are_these() -> None:
    returns = np.random.default_rng(3).standard_t(4, 400) * 0.01 + 0.001
    found = simcore.metrics(returns, bars_per_year=365.0, rf=0.0002)
    sample = sharpe_sample(returns, rf=0.0002)
    assert sample is not None
    assert found["psr"] == pytest.approx(psr(sample), rel=1e-12)
    assert found["psr_h0"] == pytest.approx(psr_h0(sample), rel=1e-12)
    assert found["min_trl"] == pytest.approx(min_trl(sample), rel=1e-9)


def test_returns_that_do_not_differ_say_nothing() -> None:
    assert sharpe_sample([0.01]) is None
    assert sharpe_sample([0.01] * 30) is None
    # What differs by the rounding of an equity's quotient does not differ.
    assert sharpe_sample([5.7e-6, 5.7e-6 + 2.0**-53] * 15) is None
    assert psr(SharpeSample(1.0, 2, skew=2.0, kurt=5.0)) is None


def test_a_ratio_on_the_null_has_even_odds() -> None:
    sample = SharpeSample(0.3, 50, skew=-1.0, kurt=7.0, rho=0.2)
    assert psr(sample, 0.3) == 0.5 and psr_h0(sample, 0.3) == 0.5
    assert psr_h0(SharpeSample(0.3, 50, rho=1.0)) is None


@pytest.mark.parametrize(
    "call",
    [
        lambda: expected_maximum(0),
        lambda: min_btl(45, 0.0),
        lambda: dsr(SharpeSample(0.1, 50), 10, -1.0),
        lambda: min_trl(SharpeSample(0.1, 50), confidence=1.0),
    ],
)
def test_what_makes_no_sense_is_refused(call: object) -> None:
    with pytest.raises(SpecError) as refused:
        call()  # type: ignore[operator]
    assert [problem.reason for problem in refused.value.problems] == ["OUT_OF_RANGE"]
