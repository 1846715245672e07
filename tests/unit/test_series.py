"""What a bare series of returns is cut into."""

from __future__ import annotations

import numpy as np
import pytest

from simcore.backtests.series import alive_returns, phase_returns, phase_sharpe


def test_phases_multiply_up_to_the_whole() -> None:
    returns = np.random.default_rng(1).normal(0.0, 0.01, 100)
    phases = phase_returns(returns)
    assert phases.shape == (6,)
    assert np.prod(1.0 + phases) == pytest.approx(np.prod(1.0 + returns), rel=1e-12)
    assert phase_returns(returns[:96])[0] == pytest.approx(np.prod(1.0 + returns[:16]) - 1.0)


def test_phases_without_bars_return_nothing() -> None:
    assert phase_returns([0.1, -0.5]).tolist() == pytest.approx([0.1, -0.5, 0.0, 0.0, 0.0, 0.0])
    assert phase_returns([]).tolist() == [0.0] * 6


@pytest.mark.parametrize("last", [-5.0, 0.0])
def test_nothing_is_earned_behind_a_ruin(last: float) -> None:
    equity = np.array([100.0, 50.0, last, last, last])
    expected = [0.0, -0.5, last / 50.0 - 1.0, 0.0, 0.0]
    np.testing.assert_allclose(alive_returns(equity, 100.0), expected)
    assert alive_returns(np.empty(0), 100.0).size == 0


def test_phases_that_differ_by_rounding_alone_have_no_ratio() -> None:
    interest = 10_000.0 * np.cumprod(np.append(1.0, np.full(600, 1.0 + 5.7e-6)))
    assert phase_sharpe(interest) is None
    assert phase_sharpe(interest * np.linspace(1.0, 1.1, 601)) is not None
