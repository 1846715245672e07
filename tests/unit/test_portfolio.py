"""Portfolios of strategies, against skfolio and against what must hold."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from simcore.backtests.cross_validation import Combinations
from simcore.errors import SpecError
from simcore.scoring.comparison import sharpe_difference
from simcore.scoring.portfolio import (
    METHODS,
    equal_risk,
    hierarchical,
    inverse_volatility,
    min_variance,
    risk_shares,
    shrunk_covariance,
)
from simcore.scoring.portfolio_trial import GROUPS, TEST_GROUPS, portfolios, trial


def returns(n_days: int, n_entries: int, seed: int = 1) -> np.ndarray:
    generator = np.random.default_rng(seed)
    market = generator.normal(0.0, 0.01, (n_days, 1))
    own = generator.normal(0.0, 0.01, (n_days, n_entries)) * np.linspace(0.5, 2.0, n_entries)
    return own + market * np.linspace(-0.5, 1.5, n_entries)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_entries", [1, 2, 4, 9, 30])
def test_weights_sum_to_one_and_none_is_negative(method: str, n_entries: int) -> None:
    known = shrunk_covariance(returns(120, n_entries)).matrix
    weights = METHODS[method](known)
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert (weights >= 0.0).all()


@pytest.mark.parametrize("n_entries", [4, 9, 30])
def test_least_variance_keeps_its_limit_and_is_skfolios(n_entries: int) -> None:
    from skfolio.moments import LedoitWolf
    from skfolio.optimization import MeanRisk
    from skfolio.prior import EmpiricalPrior

    drawn = returns(150, n_entries)
    known = shrunk_covariance(drawn).matrix
    weights = min_variance(known)
    assert weights.max() <= 0.3 + 1e-12
    prior = EmpiricalPrior(covariance_estimator=LedoitWolf())
    theirs = MeanRisk(max_weights=0.3, prior_estimator=prior).fit(drawn).weights_
    assert weights == pytest.approx(theirs, abs=2e-4)
    assert weights @ known @ weights <= theirs @ known @ theirs * (1.0 + 1e-9)


@pytest.mark.parametrize("n_entries", [2, 9, 30])
def test_equal_risk_contributions_are_equal_and_skfolios(n_entries: int) -> None:
    from skfolio.moments import LedoitWolf
    from skfolio.optimization import RiskBudgeting
    from skfolio.prior import EmpiricalPrior

    drawn = returns(150, n_entries)
    known = shrunk_covariance(drawn).matrix
    weights = equal_risk(known)
    contributions = weights * (known @ weights)
    assert np.ptp(contributions) <= 1e-8
    assert risk_shares(known, weights) == pytest.approx(1.0 / n_entries, abs=1e-8)
    prior = EmpiricalPrior(covariance_estimator=LedoitWolf())
    assert weights == pytest.approx(
        RiskBudgeting(prior_estimator=prior).fit(drawn).weights_, abs=1e-4
    )


def test_a_risk_budget_is_met() -> None:
    known = shrunk_covariance(returns(150, 3)).matrix
    budget = np.array([0.6, 0.3, 0.1])
    assert risk_shares(known, equal_risk(known, budget)) == pytest.approx(budget, abs=1e-8)
    with pytest.raises(SpecError, match="sum to 1"):
        equal_risk(known, [0.6, 0.3, 0.2])


def test_the_tree_gives_skfolios_weights() -> None:
    from skfolio.cluster import HierarchicalClustering, LinkageMethod
    from skfolio.distance import CovarianceDistance
    from skfolio.moments import LedoitWolf
    from skfolio.optimization import HierarchicalRiskParity
    from skfolio.prior import EmpiricalPrior
    from skfolio.seriation import HierarchicalSeriation

    drawn = returns(150, 8)
    theirs = HierarchicalRiskParity(
        prior_estimator=EmpiricalPrior(covariance_estimator=LedoitWolf()),
        distance_estimator=CovarianceDistance(covariance_estimator=LedoitWolf()),
        seriation_estimator=HierarchicalSeriation(
            hierarchical_clustering_estimator=HierarchicalClustering(
                linkage_method=LinkageMethod.SINGLE
            )
        ),
    )
    ours = hierarchical(shrunk_covariance(drawn).matrix)
    assert ours == pytest.approx(theirs.fit(drawn).weights_, abs=1e-9)


def test_without_correlation_the_tree_and_equal_risk_know_only_deviations() -> None:
    known = np.diag([1.0, 4.0, 9.0, 16.0])
    assert equal_risk(known) == pytest.approx(inverse_volatility(known), abs=1e-12)
    inverse = 1.0 / np.diag(known)
    assert hierarchical(known) == pytest.approx(inverse / inverse.sum(), abs=1e-12)


def test_the_covariance_is_shrunk_as_by_scikit_learn() -> None:
    from sklearn.covariance import LedoitWolf

    for n_days, n_entries in ((10, 30), (200, 5)):
        drawn = returns(n_days, n_entries)
        theirs = LedoitWolf().fit(drawn)
        ours = shrunk_covariance(drawn)
        assert ours.shrinkage == pytest.approx(theirs.shrinkage_, abs=1e-12)
        assert ours.matrix == pytest.approx(theirs.covariance_, rel=1e-9)


def test_copies_have_the_effective_rank_of_one() -> None:
    one = returns(20_000, 1)
    spread = np.tile(one, 4) + np.random.default_rng(1).normal(0, 1e-8, (20_000, 4))
    assert shrunk_covariance(spread).effective_rank == pytest.approx(1.0, abs=0.01)
    apart = np.random.default_rng(2).normal(size=(5_000, 4))
    assert shrunk_covariance(apart).effective_rank == pytest.approx(4.0, abs=0.01)


def test_methods_beat_equal_weights_where_risks_differ_and_nowhere_else() -> None:
    generator = np.random.default_rng(7)
    # Everybody earns alike, half of them at ten times the risk.
    planted = 0.002 + generator.normal(size=(600, 6)) * np.array([1, 1, 1, 10, 10, 10]) * 0.005
    rows = portfolios(planted, list("abcdef")).unique("method").sort("method")
    gains = dict(zip(rows["method"], rows["gain_oos_lo"], strict=True))
    others = set(METHODS) - {"equal"}
    assert all(gains[name] > 0.0 for name in others)
    alike = 0.002 + generator.normal(size=(600, 6)) * 0.01
    rows = portfolios(alike, list("abcdef")).unique("method")
    assert all(row["gain_oos_lo"] <= 0.0 for row in rows.to_dicts() if row["method"] in others)


def test_a_gain_is_as_sure_as_the_test_behind_it_says() -> None:
    # Heavy tails: the normal interval around the same difference would be shorter.
    tailed = 0.002 + np.random.default_rng(3).standard_t(2.5, size=(120, 5)) * 0.01
    row = (
        portfolios(tailed, list("abcde"))
        .filter(pl.col("method") == "min_variance")
        .row(0, named=True)
    )
    ways = Combinations(120, GROUPS, TEST_GROUPS)
    own, even = (trial(tailed, each, ways, 365.0).returns for each in ("min_variance", "equal"))
    compared = sharpe_difference(own, even, seed=0)
    assert compared is not None
    ends = [row["gain_oos_lo"] / math.sqrt(365.0), row["gain_oos_hi"] / math.sqrt(365.0)]
    assert ends == pytest.approx([compared.lower, compared.upper], rel=1e-12)


def test_few_days_are_weighed_but_not_judged() -> None:
    rows = portfolios(returns(20, 3), list("abc"))
    assert rows.height == 3 * len(METHODS)
    assert rows["sharpe_oos"].null_count() == rows.height


def test_an_entry_that_never_moves_is_refused() -> None:
    still = returns(50, 3)
    still[:, 1] = 0.0
    with pytest.raises(SpecError, match="entry 1 never moves"):
        shrunk_covariance(still)
