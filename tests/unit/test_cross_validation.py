"""Splits against skfolio, overfitting against a slow twin and against what is known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import polars as pl
import pytest
from scipy.stats import linregress, rankdata
from skfolio.model_selection import CombinatorialPurgedCV

from simcore.backtests.cross_validation import (
    Combinations,
    overfitting,
    path_sharpes,
    sharpe_of,
)
from simcore.errors import LimitError, SpecError


@pytest.mark.parametrize(
    ("n_bars", "groups", "test_groups", "purge", "embargo"),
    [(100, 10, 2, 0, 0), (103, 10, 2, 3, 2), (60, 6, 3, 1, 0), (61, 5, 4, 0, 4), (47, 6, 2, 5, 0)],
)
def test_splits_and_paths_are_those_of_skfolio(
    n_bars: int, groups: int, test_groups: int, purge: int, embargo: int
) -> None:
    ours = Combinations(n_bars, groups, test_groups, purge, embargo)
    theirs = CombinatorialPurgedCV(groups, test_groups, purge, embargo)
    expected = list(theirs.split(np.zeros((n_bars, 1))))
    found = list(ours.splits())
    assert len(found) == len(expected) == ours.n_splits == theirs.n_splits
    for split, (train, tests) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(split.train, train)
        assert len(split.tests) == len(tests)
        for mine, his in zip(split.tests, tests, strict=True):
            np.testing.assert_array_equal(mine, his)
    assert ours.n_paths == theirs.n_test_paths
    np.testing.assert_array_equal(ours.paths(), theirs.recombined_paths.T)


def test_ten_groups_by_two_are_45_splits_and_9_paths_and_six_are_15_and_5() -> None:
    assert (Combinations(100).n_splits, Combinations(100).n_paths) == (45, 9)
    six = Combinations(60, groups=6, test_groups=2)
    assert (six.n_splits, six.n_paths) == (15, 5)
    assert six.bounds[-1] == (50, 60)
    assert Combinations(65, groups=6).bounds[-1] == (50, 65)


def test_every_path_goes_through_every_bar_once_and_no_bar_it_is_judged_on_was_learnt_from() -> (
    None
):
    ways = Combinations(103, groups=6, test_groups=2, purge_bars=2, embargo_bars=3)
    splits = list(ways.splits())
    for path in ways.paths():
        judged = []
        for group, number in enumerate(path):
            split = splits[number]
            own = split.tests[split.test_groups.index(group)]
            near = np.arange(own[0] - 2, own[-1] + 6)
            assert not np.isin(split.train, near).any()
            judged.append(own)
        np.testing.assert_array_equal(np.concatenate(judged), np.arange(103))


def test_the_only_setting_earns_the_same_on_every_path_and_the_planted_one_is_chosen() -> None:
    noise = np.random.default_rng(1).normal(0.0, 0.01, (600, 4))
    ways = Combinations(600)
    alone = path_sharpes(noise[:, :1], ways, bars_per_year=400.0)
    expected = noise[:, 0].mean() / noise[:, 0].std(ddof=1) * 20.0
    np.testing.assert_allclose(alone.sharpe, np.full(9, expected), rtol=1e-12)
    noise[:, 2] += 0.01
    planted = path_sharpes(noise, ways)
    assert set(planted.chosen) == {2}
    np.testing.assert_allclose(planted.sharpe, sharpe_of(noise)[2], rtol=1e-12)


def test_a_setting_that_knows_the_judged_bars_only_is_never_chosen_for_it() -> None:
    # It earns in one group alone: chosen where that group is learnt from, it earns nothing else.
    noise = np.random.default_rng(2).normal(0.0, 0.01, (500, 5))
    noise[:50, 3] += 0.05
    noise[:, 0] += 0.002
    ways = Combinations(500, purge_bars=1)
    for split, setting in zip(ways.splits(), path_sharpes(noise, ways).chosen, strict=True):
        assert setting == (0 if 0 in split.test_groups else 3)


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"groups": 1}, "/groups"),
        ({"test_groups": 0}, "/test_groups"),
        ({"test_groups": 10}, "/test_groups"),
        ({"purge_bars": -1}, "/purge_bars"),
        ({"embargo_bars": -1}, "/embargo_bars"),
        ({"purge_bars": 5, "embargo_bars": 4}, "/groups"),
    ],
)
def test_divisions_that_cannot_be_are_refused_where_they_are_named(
    arguments: dict[str, int], path: str
) -> None:
    with pytest.raises(SpecError) as caught:
        Combinations(100, **arguments)
    assert path in [problem.path for problem in caught.value.problems]
    assert caught.value.code == "ARGUMENT"


def test_more_splits_than_anyone_can_use_are_refused() -> None:
    with pytest.raises(LimitError, match="155117520"):
        Combinations(10_000, groups=30, test_groups=15)


def slow_twin(returns: np.ndarray, n_blocks: int) -> tuple[float, list[float], float, float]:
    """PBO as the paper says it, one half at a time."""
    kept = returns[len(returns) % n_blocks :]
    blocks = np.split(kept, n_blocks)
    logits, chosen, judged = [], [], []
    for half in itertools.combinations(range(n_blocks), n_blocks // 2):
        inside = np.concatenate([blocks[b] for b in half])
        outside = np.concatenate([blocks[b] for b in range(n_blocks) if b not in half])
        ratios = [
            [
                0.0 if np.ptp(column) == 0.0 else column.mean() / column.std(ddof=1)
                for column in part.T
            ]
            for part in (inside, outside)
        ]
        best = ratios[0].index(max(ratios[0]))
        omega = rankdata(ratios[1])[best] / (returns.shape[1] + 1)
        logits.append(math.log(omega / (1.0 - omega)))
        chosen.append(ratios[0][best])
        judged.append(ratios[1][best])
    pbo = sum(value <= 0.0 for value in logits) / len(logits)
    loss = sum(value < 0.0 for value in judged) / len(judged)
    return pbo, logits, linregress(chosen, judged).slope, loss


@pytest.mark.parametrize(("seed", "n_bars", "n_blocks"), [(1, 245, 8), (2, 307, 10), (3, 240, 6)])
def test_overfitting_is_what_a_slow_twin_finds(seed: int, n_bars: int, n_blocks: int) -> None:
    returns = np.random.default_rng(seed).normal(0.0002, 0.01, (max(n_bars, 30 * n_blocks + 7), 12))
    returns[:, 7] = returns[:, 3]  # a tie: the first of them counts, and they share a rank
    returns[:, 9] = 0.0  # never trades
    pbo, logits, slope, loss = slow_twin(returns, n_blocks)
    found = overfitting(returns, blocks=[n_blocks]).runs[0]
    assert found.pbo == pytest.approx(pbo, abs=1e-12)
    np.testing.assert_allclose(found.logit, logits, rtol=1e-9, atol=1e-12)
    assert found.slope == pytest.approx(slope, rel=1e-9)
    assert found.p_loss == pytest.approx(loss, abs=1e-12)


def test_a_planted_best_is_not_overfit() -> None:
    returns = np.random.default_rng(5).normal(0.0, 0.01, (960, 20))
    returns[:, 11] += 0.004
    found = overfitting(returns)
    assert found.pbo == 0.0
    assert [run.n_blocks for run in found.runs] == [8, 10, 12, 16]


def test_among_equals_the_best_is_overfit_half_the_time() -> None:
    shares = [
        overfitting(np.random.default_rng(seed).normal(0.0, 0.01, (240, 20)), blocks=[8]).pbo
        for seed in range(60)
    ]
    # Halves share what they do not hold, so the best of one is below the median of the other.
    error = np.std(shares, ddof=1) / math.sqrt(len(shares))
    assert 0.5 - 4 * error < np.mean(shares) < 0.75


def test_a_setting_that_fits_one_half_by_design_is_always_overfit() -> None:
    # Each setting earns in one block and gives it back in the others.
    returns = np.random.default_rng(6).normal(0.0, 1e-4, (480, 16))
    for block in range(16):
        returns[:, block] -= 0.001
        returns[30 * block : 30 * (block + 1), block] += 0.0162
    found = overfitting(returns, blocks=[16]).runs[0]
    assert found.pbo == 1.0
    assert found.p_loss == 1.0


def test_the_oldest_bars_are_left_out_where_blocks_do_not_fit() -> None:
    returns = np.random.default_rng(7).normal(0.0, 0.01, (245, 10))
    spoilt = returns.copy()
    spoilt[:5] = 0.7
    np.testing.assert_array_equal(
        overfitting(returns, blocks=[8]).runs[0].logit,
        overfitting(spoilt, blocks=[8]).runs[0].logit,
    )


def test_the_probability_is_the_median_over_numbers_of_blocks_that_fit() -> None:
    returns = np.random.default_rng(8).normal(0.0, 0.01, (370, 10))
    found = overfitting(returns)
    assert [run.n_blocks for run in found.runs] == [8, 10, 12]
    assert found.pbo == sorted(run.pbo for run in found.runs)[1]
    table = found.table
    assert table["n_halves"].to_list() == [70, 252, 924]
    counted = found.histogram.group_by("n_blocks", maintain_order=True).agg(
        n=pl.col("n_halves").sum()
    )
    assert counted["n"].to_list() == [70, 252, 924]


def test_settings_that_are_all_alike_have_no_slope() -> None:
    returns = np.zeros((240, 10))
    found = overfitting(returns, blocks=[8])
    assert found.runs[0].slope is None
    assert found.runs[0].pbo == 1.0  # every rank is the middle one: no better than the median
    assert not found.has_spread and found.pbo is None


@pytest.mark.parametrize("scale", [1e200, 1e-200])
def test_the_probability_does_not_depend_on_the_scale_of_a_setting(scale: float) -> None:
    returns = np.random.default_rng(3).normal(0.0, 0.01, (240, 12))
    assert overfitting(returns * scale, blocks=[8]).pbo == overfitting(returns, blocks=[8]).pbo


@pytest.mark.parametrize(
    ("returns", "blocks", "reason", "path"),
    [
        (np.zeros((240, 9)), [8], "TOO_FEW", "/returns"),
        (np.zeros((239, 10)), [8], "TOO_SHORT", "/returns"),
        (np.zeros((240, 10)), [7], "OUT_OF_RANGE", "/blocks"),
        (np.zeros((240, 10)), [], "OUT_OF_RANGE", "/blocks"),
        (np.zeros(240), [8], "WRONG_SHAPE", "/returns"),
        (np.full((240, 10), np.nan), [8], "NOT_FINITE", "/returns"),
    ],
)
def test_returns_that_say_nothing_about_overfitting_are_refused(
    returns: np.ndarray, blocks: list[int], reason: str, path: str
) -> None:
    with pytest.raises(SpecError) as caught:
        overfitting(returns, blocks=blocks)
    problem = caught.value.problems[0]
    assert (problem.code, problem.reason, problem.path) == ("ARGUMENT", reason, path)


def test_more_halves_than_anyone_can_use_are_refused() -> None:
    with pytest.raises(LimitError, match="22"):
        overfitting(np.zeros((1_000, 10)), blocks=[22])


def test_returns_of_another_length_than_the_division_are_refused() -> None:
    with pytest.raises(SpecError, match="got 99 bars, expected 100"):
        path_sharpes(np.zeros((99, 2)), Combinations(100))
