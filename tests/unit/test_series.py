"""What a bare series of returns is cut into."""

from __future__ import annotations

import numpy as np
import pytest

from simcore.backtests.series import phase_returns


def test_phases_multiply_up_to_the_whole() -> None:
    returns = np.random.default_rng(1).normal(0.0, 0.01, 100)
    phases = phase_returns(returns)
    assert phases.shape == (6,)
    assert np.prod(1.0 + phases) == pytest.approx(np.prod(1.0 + returns), rel=1e-12)
    assert phase_returns(returns[:96])[0] == pytest.approx(np.prod(1.0 + returns[:16]) - 1.0)


def test_phases_without_bars_return_nothing() -> None:
    assert phase_returns([0.1, -0.5]).tolist() == pytest.approx([0.1, -0.5, 0.0, 0.0, 0.0, 0.0])
    assert phase_returns([]).tolist() == [0.0] * 6
