"""Tests over many entries: what is planted is found, what is not is not, bad input is refused."""

from __future__ import annotations

import numpy as np
import pytest
from arch.bootstrap import SPA

from simcore.errors import LimitError, SpecError
from simcore.scoring.inference.adjustment import adjusted
from simcore.scoring.inference.confidence_set import confidence_set
from simcore.scoring.inference.superiority import (
    long_run_variances,
    superior_set,
    superiority,
)

N_ROWS = 400
QUICK = {"rows": "history", "seed": 1, "n_resamples": 1_000}


def noise(seed: int, scale: float = 0.01, n: int = N_ROWS) -> np.ndarray:
    return scale * np.random.default_rng(seed).standard_normal(n)


BENCHMARK = noise(0)
# Chance alone, at widths from 1 to 8.
NULL = {f"null_{k}": noise(k, 0.01 * k) for k in range(1, 9)}
GOOD = {"good": noise(20) + 0.003, "better": noise(21) + 0.004}


def test_nobody_beats_the_benchmark_by_chance_alone() -> None:
    found = superiority(NULL, BENCHMARK, **QUICK)
    assert found.p_lower <= found.p_consistent <= found.p_upper
    assert found.p_lower > 0.05 and found.p_reality_check > 0.05
    assert superior_set(NULL, BENCHMARK, **QUICK).superior == ()


def test_a_planted_edge_is_found_and_named() -> None:
    found = superiority({**NULL, **GOOD}, BENCHMARK, **QUICK)
    assert found.p_upper < 0.01
    assert found.best == "better"
    assert superior_set({**NULL, **GOOD}, BENCHMARK, **QUICK).superior == ("good", "better")


def test_an_entry_that_one_step_leaves_is_found_by_the_next() -> None:
    # Means of 9 and of 1.8 standard errors: the best of two needs 1.95 by luck, one alone 1.64.
    def entry(seed: int, errors: float) -> np.ndarray:
        own = noise(seed)
        return own - own.mean() + errors * own.std() / np.sqrt(N_ROWS)

    entries = {"clear": entry(70, 9.0), "close": entry(71, 1.8)}
    asked = {**QUICK, "rows": "scenarios"}
    assert superior_set(entries, np.zeros(N_ROWS), **asked).superior == ("clear", "close")
    entries["null"] = entry(72, 0.0)  # with it the best of what is left is one of two again
    assert superior_set(entries, np.zeros(N_ROWS), **asked).superior == ("clear",)


def test_wide_swings_of_one_entry_do_not_hide_another() -> None:
    # The reality check compares raw means, so the widest entry sets what luck can do.
    entries = {"wild": noise(7, 0.2), "good": noise(20) + 0.003}
    found = superiority(entries, BENCHMARK, **QUICK)
    assert found.p_consistent < 0.01 < 0.2 < found.p_reality_check
    assert found.best == "good"


def test_the_level_of_the_test_holds_under_chance() -> None:
    rejected = 0
    for trial in range(100):
        entries = {str(k): noise(1_000 + 10 * trial + k, n=60) for k in range(5)}
        found = superiority(entries, np.zeros(60), rows="scenarios", seed=trial, n_resamples=200)
        rejected += found.p_consistent < 0.1
    # 10 of 100 are asked for; the studentised mean of 60 rows rejects a few more.
    assert 2 <= rejected <= 22


def test_the_confidence_set_keeps_the_best_and_drops_the_clearly_worse() -> None:
    other = noise(33)
    peer = GOOD["better"] + other - other.mean() - 1e-5  # as good but for a hair
    entries = {"peer": peer, "better": GOOD["better"]}
    entries |= {"bad": noise(30) - 0.004, "worse": noise(31) - 0.006}
    for statistic in ("R", "max"):
        found = confidence_set(entries, statistic=statistic, **QUICK)
        assert found.included == ("peer", "better")
        assert found.excluded == ("bad", "worse")
        assert found.p_values["better"] == 1.0
        assert all(found.p_values[name] <= 0.05 for name in found.excluded)


def test_entries_that_cannot_be_told_apart_all_stay() -> None:
    entries = {f"null_{k}": noise(40 + k) for k in range(5)}
    assert len(confidence_set(entries, **QUICK).included) == 5


def test_equal_entries_share_a_p_value() -> None:
    entries = {"a": GOOD["good"], "b": noise(30) - 0.004, "c": GOOD["good"]}
    for statistic in ("R", "max"):
        found = confidence_set(entries, statistic=statistic, **QUICK)
        assert found.flags == ("EQUAL_ENTRIES",)
        assert found.p_values["a"] == found.p_values["c"] == 1.0
        assert found.excluded == ("b",)
    all_equal = confidence_set({"a": BENCHMARK, "b": BENCHMARK}, **QUICK)
    assert all_equal.included == ("a", "b")


def test_an_entry_that_is_the_benchmark_cannot_beat_it() -> None:
    found = superiority({"same": BENCHMARK, **GOOD}, BENCHMARK, **QUICK)
    assert found.flags == ("NO_DIFFERENCE",) and found.p_upper < 0.01
    alone = superiority({"same": BENCHMARK}, BENCHMARK, **QUICK)
    assert (alone.p_consistent, alone.best) == (1.0, None)
    assert superior_set({"same": BENCHMARK}, BENCHMARK, **QUICK).superior == ()


def test_the_same_seed_gives_the_same_numbers_and_another_does_not() -> None:
    entries = {"a": noise(50) + 0.0005, "b": noise(51)}
    asked = {"rows": "history", "n_resamples": 500}
    for test in (
        lambda seed: superiority(entries, BENCHMARK, seed=seed, **asked),
        lambda seed: confidence_set(entries, seed=seed, **asked),
    ):
        assert test(1) == test(1)
        assert test(1) != test(2)


def test_scenarios_have_no_blocks_and_histories_have_those_they_need() -> None:
    slow = np.repeat(noise(60, n=80), 5)  # each value five bars long
    entries = {"slow": slow, "quick": noise(61)}
    history = superiority(entries, np.zeros(N_ROWS), **QUICK)
    assert history.block_bars > 5
    given = superiority(entries, np.zeros(N_ROWS), block=50, **QUICK)
    assert (given.block_bars, given.flags) == (50, ("LONG_BLOCK",))
    scenarios = superiority(entries, np.zeros(N_ROWS), **{**QUICK, "rows": "scenarios"})
    assert scenarios.block_bars == 1


def test_long_run_variances_are_archs() -> None:
    differences = np.column_stack([np.repeat(noise(60, n=80), 5), noise(61)])
    for block in (1, 7):
        theirs = SPA(np.zeros(N_ROWS), -differences, block_size=block, reps=10)
        theirs._compute_variance()
        ours = long_run_variances(differences, block)
        np.testing.assert_allclose(ours, theirs._loss_diff_var, rtol=1e-9)


def test_adjusted_p_values_are_the_published_ones() -> None:
    # Benjamini and Hochberg (1995), section 4.1: fifteen tests of a thrombolysis trial.
    published = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
        0.5719, 0.6528, 0.7590, 1.0000,
    ]  # fmt: skip
    p_values = {f"h{k}": p for k, p in enumerate(published, start=1)}
    assert adjusted(p_values, method="holm").rejected == ("h1", "h2", "h3")
    assert adjusted(p_values, method="bh").rejected == ("h1", "h2", "h3", "h4")
    assert adjusted(p_values, method="by").rejected == ("h1", "h2", "h3")
    holm = adjusted({"a": 0.03, "b": 0.01, "c": 0.04}).p_values
    assert holm == {"a": 0.06, "b": 0.03, "c": 0.06}


@pytest.mark.parametrize(
    ("scores", "path"),
    [
        ({}, "/scores"),
        ({"a": [0.1] * 9}, "/scores"),
        ({"a": [0.1] * 20, "b": [0.1] * 19}, "/scores/b"),
        ({"a": [0.1] * 20, "b": [0.1, float("nan"), *[0.1] * 18]}, "/scores/b/1"),
        ({"a": [0.1] * 20, "b": [[0.1] * 20]}, "/scores/b"),
    ],
)
def test_scores_of_another_shape_are_refused(scores: dict[str, list[float]], path: str) -> None:
    for test in (
        lambda: superiority(scores, [0.0] * 20, **QUICK),
        lambda: superior_set(scores, [0.0] * 20, **QUICK),
        lambda: confidence_set(scores, **QUICK),
    ):
        with pytest.raises(SpecError) as refusal:
            test()
        assert path in [problem.path for problem in refusal.value.problems]


def test_settings_without_a_meaning_are_refused() -> None:
    for asked in ({"n_resamples": 99}, {"block": 0}, {"block": 401}, {"rows": "days"}):
        with pytest.raises(SpecError):
            superiority(NULL, BENCHMARK, **{**QUICK, **asked})
    with pytest.raises(SpecError):
        superiority(NULL, BENCHMARK[:-1], **QUICK)
    with pytest.raises(SpecError):
        superior_set(NULL, BENCHMARK, alpha=1.0, **QUICK)
    with pytest.raises(SpecError):
        confidence_set({"a": BENCHMARK}, **QUICK)
    with pytest.raises(SpecError):
        confidence_set(NULL, statistic="mean", **QUICK)
    with pytest.raises(LimitError):
        confidence_set(NULL, **{**QUICK, "n_resamples": 1_000_000})
    for asked in ({"p_values": {}}, {"p_values": {"a": 1.1}}, {"p_values": {"a": float("nan")}}):
        with pytest.raises(SpecError):
            adjusted(**asked)
    with pytest.raises(SpecError):
        adjusted({"a": 0.1}, method="bonferroni")
    with pytest.raises(SpecError):
        adjusted({"a": 0.1}, alpha=0.0)
