"""Tests over many entries before those who would break them: shapes, scales, copies, constants."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from simcore.errors import SpecError
from simcore.scoring.inference.adjustment import adjusted
from simcore.scoring.inference.confidence_set import confidence_set
from simcore.scoring.inference.paired_bounds import paired_bounds
from simcore.scoring.inference.superiority import superior_set, superiority

N = 40
GENERATOR = np.random.default_rng(1)
NOISE = {name: GENERATOR.normal(size=N) for name in "abc"}
FIELD = {"a": NOISE["a"], "b": NOISE["b"] + 0.2, "c": NOISE["c"] + 1.0}
ZERO = np.zeros(N)

Ask = Callable[..., Any]


def sup(scores: Any, benchmark: Any = ZERO, **asked: Any) -> Any:
    return superiority(scores, benchmark, **{**PLAIN, **asked})


def step_m(scores: Any, benchmark: Any = ZERO, **asked: Any) -> Any:
    return superior_set(scores, benchmark, **{**PLAIN, **asked})


def mcs(scores: Any, benchmark: Any = ZERO, **asked: Any) -> Any:
    return confidence_set(scores, **{**PLAIN, **asked})


def bounds(scores: Any, benchmark: Any = ZERO, **asked: Any) -> Any:
    return paired_bounds(scores, benchmark, **{"seed": 1, "n_resamples": 200, **asked})


PLAIN: dict[str, Any] = {"rows": "scenarios", "seed": 1, "n_resamples": 200}
ALL: list[Ask] = [sup, step_m, mcs, bounds]
NAMES = ["superiority", "superior_set", "confidence_set", "paired_bounds"]
each_test = pytest.mark.parametrize("ask", ALL, ids=NAMES)


def numbers(found: Any) -> Any:
    """What a test found, without the order of its entries."""
    if hasattr(found, "lower"):
        return dict(zip(found.names, found.lower.tolist(), strict=True)), set(found.superior)
    if hasattr(found, "included"):
        return found.p_values, set(found.included)
    if hasattr(found, "superior"):
        return set(found.superior)
    return found.p_reality_check, found.p_lower, found.p_consistent, found.p_upper, found.best


@each_test
@pytest.mark.parametrize(
    ("scores", "path"),
    [
        ([ZERO, ZERO], "/scores"),
        ({"a": 1.0, "b": 2.0}, "/scores/a"),
        ({"a": np.zeros((N, 2)), "b": np.zeros((N, 2))}, "/scores/a"),
        ({"a": ["x"] * N, "b": ZERO}, "/scores/a"),
        ({"a": [None] * N, "b": ZERO}, "/scores/a/0"),
        ({"a": ZERO, "b": [[1.0], [2.0, 3.0]]}, "/scores/b"),
        ({"a": ZERO, "b": np.full(N, math.nan)}, "/scores/b/0"),
        ({1: ZERO, 2: NOISE["a"]}, "/scores/1"),
        ({"a": ZERO[:9], "b": ZERO[:9]}, "/scores"),
    ],
)
def test_what_is_no_column_of_numbers_is_refused_at_its_place(
    ask: Ask, scores: Any, path: str
) -> None:
    with pytest.raises(SpecError) as refused:
        ask(scores)
    assert refused.value.problems[0].path == path


@pytest.mark.parametrize("benchmark", [None, 0.0, "no", ["x"] * N, ZERO[:9], [math.nan] * N])
@pytest.mark.parametrize("ask", [sup, step_m, bounds])
def test_a_benchmark_that_is_no_such_column_is_refused(ask: Ask, benchmark: Any) -> None:
    with pytest.raises(SpecError, match="/benchmark"):
        ask(FIELD, benchmark)


@each_test
@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ({"seed": -1}, "/seed"),
        ({"seed": 2**53}, "/seed"),
        ({"seed": 1.5}, "/seed"),
        ({"seed": True}, "/seed"),
        ({"n_resamples": 99}, "/n_resamples"),
        ({"n_resamples": 200.0}, "/n_resamples"),
        ({"n_resamples": "many"}, "/n_resamples"),
    ],
)
def test_a_setting_that_is_no_whole_number_in_its_range_is_refused(
    ask: Ask, asked: dict[str, Any], path: str
) -> None:
    with pytest.raises(SpecError, match=path):
        ask(FIELD, **asked)


@pytest.mark.parametrize("alpha", [0.0, 1.0, math.nan, "x", None, True])
@pytest.mark.parametrize("ask", [step_m, mcs, bounds])
def test_a_level_that_is_no_probability_is_refused(ask: Ask, alpha: Any) -> None:
    with pytest.raises(SpecError, match="/alpha"):
        ask(FIELD, alpha=alpha)


@pytest.mark.parametrize("block", [True, 0, N + 1, 1.5, "x", None])
@pytest.mark.parametrize("ask", [sup, step_m, mcs])
def test_a_block_that_is_no_count_of_rows_is_refused(ask: Ask, block: Any) -> None:
    with pytest.raises(SpecError, match="/block"):
        ask(FIELD, rows="history", block=block)


@pytest.mark.parametrize(
    ("p_values", "path"),
    [
        ([0.1], "/p_values"),
        ({}, "/p_values"),
        ({"a": "0.1"}, "/p_values/a"),
        ({"a": None}, "/p_values/a"),
        ({"a": True}, "/p_values/a"),
        ({"a": np.array([0.1, 0.2])}, "/p_values/a"),
        ({"a": math.nan}, "/p_values/a"),
        ({"a": 1.0 + 1e-12}, "/p_values/a"),
    ],
)
def test_what_is_no_p_value_is_refused(p_values: Any, path: str) -> None:
    with pytest.raises(SpecError, match=path):
        adjusted(p_values)
    assert math.copysign(1.0, adjusted({"a": -0.0}).p_values["a"]) == 1.0


@pytest.mark.parametrize("ask", [sup, step_m, mcs])
@pytest.mark.parametrize("unit", [2.0**-1060, 2.0**-700, 2.0**300, 2.0**1020])
def test_the_unit_of_the_scores_changes_nothing(ask: Ask, unit: float) -> None:
    small = {name: np.round(column, 3) for name, column in FIELD.items()}
    # Whole multiples of a power of two, so that no bit is lost at either end of the range.
    whole = {name: np.ldexp(np.rint(column * 64.0), -6) for name, column in small.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain, scaled = ask(whole), ask({name: unit * each for name, each in whole.items()})
    assert numbers(plain) == numbers(scaled)


@each_test
def test_the_order_of_the_entries_changes_no_number(ask: Ask) -> None:
    shuffled = {name: FIELD[name] for name in "cab"}
    assert numbers(ask(FIELD)) == numbers(ask(shuffled))


@each_test
def test_one_seed_gives_one_answer_and_another_seed_another(ask: Ask) -> None:
    near = {"a": NOISE["a"], "b": NOISE["b"] + 0.15}
    answers = {str(numbers(ask(near, seed=seed))) for seed in range(6)}
    again = {str(numbers(ask(near, seed=seed))) for seed in range(6)}
    assert answers == again
    assert len(answers) > 1 or ask is step_m


def test_copies_of_the_benchmark_and_constants_beat_nobody_and_say_so() -> None:
    own = NOISE["a"]
    same = {"twin": own, "dust": own + 1e-15, "b": NOISE["b"] - 3.0}
    found = sup(same, own)
    assert (found.flags, found.best) == (("NO_DIFFERENCE",), "b")
    assert step_m(same, own).superior == ()
    assert bounds(same, own).superior == ()
    above = {"above": own + 1.0, "b": NOISE["b"] - 3.0}
    assert sup(above, own).flags == ("CONSTANT_DIFFERENCE",)
    assert step_m(above, own).superior == ()
    assert math.isnan(bounds(above, own).lower[0])
    alone = sup({"twin": own}, own)
    assert (alone.p_consistent, alone.best) == (1.0, None)


@pytest.mark.parametrize("rows", ["scenarios", "history"])
@pytest.mark.parametrize("statistic", ["R", "max"])
def test_who_lies_behind_another_on_every_row_alike_cannot_be_the_best(
    rows: str, statistic: str
) -> None:
    own = NOISE["a"]
    field = {"behind": own - 1.0, "front": own, "twin": own + 1e-15, "other": NOISE["b"]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = mcs(field, rows=rows, statistic=statistic)
    assert found.p_values["behind"] == 0.0
    assert "behind" in found.excluded
    assert found.p_values["front"] == found.p_values["twin"] > 0.0
    assert set(found.included) | set(found.excluded) == set(field)
    assert {"EQUAL_ENTRIES", "CONSTANT_DIFFERENCE"} <= set(found.flags)
    flat = mcs({"low": ZERO, "high": ZERO + 2.0}, rows=rows, statistic=statistic)
    assert (flat.included, flat.excluded) == (("high",), ("low",))


def test_ten_rows_are_enough_to_be_asked_and_too_few_to_be_believed() -> None:
    few = {name: column[:10] for name, column in FIELD.items()}
    for ask in (sup, step_m, mcs):
        assert "LOW_SAMPLE" in ask(few, ZERO[:10]).flags
