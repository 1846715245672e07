"""The stepwise bounds of paired differences."""

from __future__ import annotations

import numpy as np
import pytest

from simcore.errors import SpecError
from simcore.scoring.inference.paired_bounds import paired_bounds
from simcore.scoring.inference.superiority import superior_set


def field(n_rows: int, n_entries: int, seed: int = 3) -> dict[str, np.ndarray]:
    drawn = np.random.default_rng(seed).normal(size=(n_rows, n_entries))
    return {f"{number:02}": drawn[:, number] for number in range(n_entries)}


def test_an_entry_far_ahead_is_found_and_the_others_are_not() -> None:
    scores = field(60, 12)
    scores["05"] = scores["05"] + 1.5
    found = paired_bounds(scores, np.zeros(60), seed=1, n_resamples=2_000)
    assert found.superior == ("05",)
    assert found.superior == superior_set(scores, np.zeros(60), rows="scenarios", seed=1).superior


def test_one_entry_alone_is_bounded_as_by_students_distribution() -> None:
    from scipy import stats

    scores = field(200, 1)
    found = paired_bounds(scores, np.zeros(200), seed=1)
    column = scores["00"]
    exact = column.mean() - stats.t.ppf(0.95, 199) * column.std(ddof=1) / np.sqrt(200)
    assert found.lower[0] == pytest.approx(exact, abs=0.01)


def test_the_margin_must_be_exceeded_too() -> None:
    scores = {"ahead": field(60, 1)["00"] + 1.5}
    own = np.zeros(60)
    assert paired_bounds(scores, own, seed=1, margin=0.5).superior == ("ahead",)
    assert paired_bounds(scores, own, seed=1, margin=1.5).superior == ()


def test_an_entry_equal_to_the_benchmark_has_no_bound() -> None:
    scores = {"same": np.arange(20.0), "ahead": np.arange(20.0) + field(20, 1)["00"] / 9 + 2.0}
    found = paired_bounds(scores, np.arange(20.0), seed=1)
    assert np.isnan(found.lower[0])
    assert found.superior == ("ahead",)


def test_more_entries_lower_every_bound() -> None:
    scores = field(40, 30)
    alone = paired_bounds({"00": scores["00"]}, np.zeros(40), seed=1)
    assert paired_bounds(scores, np.zeros(40), seed=1).lower[0] < alone.lower[0]


def test_rows_are_drawn_within_their_family() -> None:
    noise = field(40, 1)["00"] / 10
    families = ["calm"] * 20 + ["wild"] * 20
    column = np.where(np.arange(40) < 20, 1.0, 9.0) + noise
    within = paired_bounds({"a": column}, np.zeros(40), seed=1, strata=families)
    assert within.lower[0] > paired_bounds({"a": column}, np.zeros(40), seed=1).lower[0]


def test_few_rows_that_differ_at_all_are_no_reason_to_be_sure() -> None:
    # Most rows are ties and the rest swing between two ends, as clipped scores do.
    draws = np.random.default_rng(8)
    found = 0
    for seed in range(300):
        gap = draws.choice([-40.0, 0.0, 40.0], size=(16, 2), p=[0.125, 0.75, 0.125])
        columns = {f"{at:02}": gap[:, at] for at in range(2)}
        found += bool(paired_bounds(columns, np.zeros(16), seed=seed, n_resamples=300).superior)
    # 5 % of 300, and three standard errors.
    assert found <= 15 + 3 * 3.8


def test_rare_large_losses_that_were_seen_are_not_taken_for_noise() -> None:
    draws = np.random.default_rng(9)
    found = 0
    for seed in range(200):
        gap = 1.0 - draws.exponential(size=(60, 8))
        columns = {f"{at:02}": gap[:, at] for at in range(8)}
        found += bool(paired_bounds(columns, np.zeros(60), seed=seed, n_resamples=300).superior)
    assert found <= 10 + 3 * 3.1


def test_a_family_of_one_market_is_not_taken_for_certain() -> None:
    column = {"a": field(20, 1)["00"] + 0.4}
    alone = [str(at) for at in range(20)]
    free = paired_bounds(column, np.zeros(20), seed=1)
    assert paired_bounds(column, np.zeros(20), seed=1, strata=alone).lower[0] == free.lower[0]


def test_names_of_families_that_are_not_one_a_row_are_refused() -> None:
    with pytest.raises(SpecError, match="one a row"):
        paired_bounds(field(40, 2), np.zeros(40), seed=1, strata=["calm"] * 39)


def test_a_benchmark_of_another_length_is_refused() -> None:
    with pytest.raises(SpecError, match="expected 40 finite numbers"):
        paired_bounds(field(40, 2), np.zeros(39), seed=1)
