"""Scores of runs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from simcore.errors import InvariantError
from simcore.scoring import SCORES
from simcore.scoring.composite import COMPOSITE_V1
from simcore.scoring.score import Floats, Runs, Score
from simcore.tables import TABLES


def runs(metrics: dict[str, list[list[float]]], ruined: list[list[bool]] | None = None) -> Runs:
    arrays = {name: np.array(values) for name, values in metrics.items()}
    shape = next(iter(arrays.values())).shape
    is_ruined = np.zeros(shape, dtype=bool) if ruined is None else np.array(ruined)
    return Runs(arrays, is_ruined, np.ones(shape, dtype=bool))


def points(total_return: float, sharpe: float, *, is_ruined: bool = False) -> float:
    known = runs({"total_return": [[total_return]], "sharpe": [[sharpe]]}, [[is_ruined]])
    return float(COMPOSITE_V1.points(known, (0.6, 0.4))[0, 0])


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
def test_the_composite_weighs_clipped_return_and_clipped_sharpe(
    total_return: float, sharpe: float, expected: float
) -> None:
    assert points(total_return, sharpe) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("total_return", "phase_sharpe", "expected"),
    [(0.1, 1.0, 19.332), (0.0, 3.1, 40.0), (-3.0, -9.0, -100.0), (0.5, float("nan"), 30.0)],
)
def test_the_ancestor_weighs_the_sharpe_ratio_of_phases(
    total_return: float, phase_sharpe: float, expected: float
) -> None:
    known = runs({"total_return": [[total_return]], "phase_sharpe": [[phase_sharpe]]})
    scored = SCORES["composite_v0"].points(known, (0.6, 0.4))
    assert scored[0, 0] == pytest.approx(expected, abs=1e-12)


def test_a_null_sharpe_counts_as_zero() -> None:
    assert points(0.2, float("nan")) == pytest.approx(12.0, abs=1e-12)


def test_ruin_scores_minus_one_hundred_whatever_the_metrics_say() -> None:
    assert points(0.5, 2.0, is_ruined=True) == -100.0
    assert points(-1.0, float("nan"), is_ruined=True) == -100.0


@pytest.mark.parametrize("weights", [(0.6, 0.5), (1.0,), (0.5, 0.25, 0.25), ()])
def test_weights_that_are_not_two_with_sum_one_are_our_bug(weights: tuple[float, ...]) -> None:
    known = runs({"total_return": [[0.0]], "sharpe": [[0.0]]})
    with pytest.raises(InvariantError, match="composite"):
        COMPOSITE_V1.points(known, weights)


def test_the_lower_bound_of_a_sharpe_ratio_tightens_with_bars() -> None:
    normal = {"sharpe": [[2.0, 2.0]], "skew": [[0.0, 0.0]], "kurt": [[3.0, 3.0]]}
    year = {"bars": [[101.0, 10_001.0]], "bars_per_year": [[100.0, 100.0]]}
    scored = SCORES["sharpe_lcb"].points(runs({**normal, **year}), ())
    # Per bar 0.2; its error is the root of 1.02 over n - 1 bars, ten times that annualised.
    assert scored[0].tolist() == pytest.approx(
        [2.0 - 1.645 * (1.02 / n) ** 0.5 * 10.0 for n in (100, 10_000)]
    )


def test_the_place_in_the_field_is_a_normal_deviate_market_by_market() -> None:
    known = runs({"total_return": [[0.1, 0.2, 0.2, 0.4]] * 2, "sharpe": [[0.0] * 4] * 2})
    known.has_run[1, 3] = False
    scored = SCORES["gauss_rank"].points(known, ())
    assert scored[0].tolist() == pytest.approx(norm.ppf([0.125, 0.5, 0.5, 0.875]).tolist())
    assert np.isnan(scored[1, 3])
    assert scored[1, :3].tolist() == pytest.approx(norm.ppf([1 / 6, 4 / 6, 4 / 6]).tolist())
    assert SCORES["gauss_rank"].is_relative


@pytest.mark.parametrize("score", SCORES.values(), ids=lambda score: score.name)
class TestEveryScore:
    def known(self, score: Score) -> Runs:
        draws = np.random.default_rng(0)
        shape = (5, 4)
        metrics: dict[str, Floats] = {
            name: np.abs(draws.normal(size=shape)) + 1.0 for name in score.metrics
        }
        return Runs(metrics, np.zeros(shape, dtype=bool), np.ones(shape, dtype=bool))

    def test_has_its_name_unit_meaning_and_source(self, score: Score) -> None:
        assert SCORES[score.name] is score
        assert score.unit and score.source and score.meaning.endswith(".")
        assert sum(score.weights) in (0.0, 1.0)

    def test_reads_columns_that_the_runs_have(self, score: Score) -> None:
        assert {*score.metrics} <= {column.name for column in TABLES["backtests"].columns}

    def test_is_finite_where_there_is_a_run_and_nowhere_else(self, score: Score) -> None:
        known = self.known(score)
        known.has_run[2, 1] = False
        for name in score.metrics:
            known.metrics[name][0, 0] = np.nan
            known.metrics[name][2, 1] = np.nan
        if "total_return" in score.metrics:
            known.metrics["total_return"][0, 0] = -1.0
        scored = score.points(known, score.weights)
        assert np.isnan(scored).tolist() == (~known.has_run).tolist()

    def test_a_run_scores_the_same_alone_as_in_company_unless_it_says_otherwise(
        self, score: Score
    ) -> None:
        known = self.known(score)
        together = score.points(known, score.weights)
        alone = Runs(
            {name: values[:, :1] for name, values in known.metrics.items()},
            known.is_ruined[:, :1],
            known.has_run[:, :1],
        )
        is_equal = bool((score.points(alone, score.weights)[:, 0] == together[:, 0]).all())
        assert is_equal != score.is_relative
