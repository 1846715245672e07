"""Scores of runs."""

from __future__ import annotations

import numpy as np
import pytest

from simcore.errors import InvariantError
from simcore.scoring.composite import SCORES, composite_v1


def points(total_return: float, sharpe: float, *, is_ruined: bool = False) -> float:
    scored = composite_v1(
        np.array([total_return]), np.array([sharpe]), np.array([is_ruined]), (0.6, 0.4)
    )
    return float(scored[0])


@pytest.mark.parametrize(
    ("total_return", "sharpe", "expected"),
    [
        (0.0, 0.0, 0.0),
        (0.1, 1.5, 26.0),  # 0.6 * 10 + 0.4 * 50
        (-0.1, -1.5, -26.0),
        (2.5, 0.0, 60.0),  # a return beyond 100 % earns no more
        (-2.5, 0.0, -60.0),
        (0.0, 9.0, 40.0),  # nor does a Sharpe ratio beyond 3
        (0.0, -9.0, -40.0),
        (1.0, 3.0, 100.0),
    ],
)
def test_a_score_weighs_clipped_return_and_clipped_sharpe(
    total_return: float, sharpe: float, expected: float
) -> None:
    assert points(total_return, sharpe) == pytest.approx(expected, abs=1e-12)


def test_a_null_sharpe_counts_as_zero() -> None:
    assert points(0.2, float("nan")) == pytest.approx(12.0, abs=1e-12)


def test_ruin_scores_minus_one_hundred_whatever_the_metrics_say() -> None:
    assert points(0.5, 2.0, is_ruined=True) == -100.0
    assert points(-1.0, float("nan"), is_ruined=True) == -100.0


@pytest.mark.parametrize("weights", [(0.6, 0.5), (1.0,), (0.5, 0.25, 0.25), ()])
def test_weights_that_are_not_two_with_sum_one_are_our_bug(weights: tuple[float, ...]) -> None:
    with pytest.raises(InvariantError, match="composite_v1"):
        composite_v1(np.zeros(1), np.zeros(1), np.zeros(1, dtype=bool), weights)


def test_a_run_scores_the_same_alone_as_in_company() -> None:
    total_return = np.linspace(-1.2, 1.2, 25)
    sharpe = np.linspace(4.0, -4.0, 25)
    together = composite_v1(total_return, sharpe, np.zeros(25, dtype=bool), (0.3, 0.7))
    for i in range(25):
        alone = composite_v1(
            total_return[i : i + 1], sharpe[i : i + 1], np.zeros(1, dtype=bool), (0.3, 0.7)
        )
        assert alone[0] == together[i]


@pytest.mark.parametrize("name", sorted(SCORES))
def test_every_score_has_its_name_unit_and_source(name: str) -> None:
    score = SCORES[name]
    assert score.name == name == score.compute.__name__
    assert score.unit and score.source
    assert score.n_weights > 0
