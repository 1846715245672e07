"""Children of the library and of each other: always legal, and the same for the same seed."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

from breed import document, patched
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.seeds import SEED_MAX, jcs
from simcore.strategy import evolve, registry
from simcore.strategy.check import check_strategy
from simcore.strategy.crossover import Method
from simcore.strategy.registry import Record, Registry


def founders() -> Registry:
    """The library, and two strategies with tags, literals and names in common with it."""
    made = registry.load()
    made, _ = made.register("tagged", "1.0.0", document())
    rules = [
        {"if": "atr(14) > 2 and close > ema(low, 30)", "then": "buy", "tag": "enter"},
        {"if": "rsi(close, 5) < 3 or close < ma(close, n)", "then": "close", "tag": "leave"},
    ]
    params = {"n": {"value": 20, "min": 5, "max": 90, "step": 5}, "k": 0.25}
    made, _ = made.register("kin", "1.0.0", document(id="kin", rules=rules, params=params))
    return made


FOUNDERS = founders()
NAMES = st.sampled_from(FOUNDERS.names)
SEEDS = st.integers(0, SEED_MAX)
METHODS: st.SearchStrategy[Method] = st.sampled_from(["uniform", "blx", "mean"])


def assert_legal(child: Record) -> None:
    """It compiles from its own text, its numbers are in their domains, its edits lead to it."""
    text = json.dumps(child.strategy.document)
    assert [each for each in check_strategy(text) if each.severity == "error"] == []
    for param in child.strategy.model.params.values():
        assert param.min is None or param.min <= param.value
        assert param.max is None or param.value <= param.max
        assert not param.is_integer or param.value.is_integer()


@settings(max_examples=150)
@given(NAMES, SEEDS, st.integers(0, 2**32 - 1))
def test_a_mutant_always_compiles_and_its_edit_leads_to_it(
    name: str, seed: int, child_index: int
) -> None:
    made, child = evolve.mutate(FOUNDERS, name, seed=seed, child_index=child_index)
    assert_legal(child)
    for parent in child.lineage.parents:
        base = made.find(parent.label).strategy.document
        assert patched(base, parent.edit) == child.strategy.document


@settings(max_examples=150)
@given(NAMES, NAMES, SEEDS, METHODS)
def test_a_crossing_always_compiles_and_is_the_same_either_way(
    one: str, other: str, seed: int, method: Method
) -> None:
    made, child = evolve.crossover(FOUNDERS, one, other, seed=seed, method=method)
    assert_legal(child)
    assert evolve.crossover(FOUNDERS, other, one, seed=seed, method=method) == (made, child)
    for parent in child.lineage.parents:
        base = made.find(parent.label).strategy.document
        assert patched(base, parent.edit) == child.strategy.document


@settings(max_examples=25)
@given(SEEDS)
def test_generations_of_children_stay_legal_and_no_two_have_one_id(seed: int) -> None:
    made = FOUNDERS
    parents = ["tagged", "kin", "rsi_reversion", "ma_cross"]
    for generation in range(1, 4):
        children = []
        for at, (one, other) in enumerate(zip(parents, parents[1:] + parents[:1], strict=True)):
            made, crossed = evolve.crossover(made, one, other, seed=seed ^ at, method="blx")
            made, mutant = evolve.mutate(made, crossed.label, seed=seed, generation=generation)
            assert_legal(crossed)
            assert_legal(mutant)
            children.append(mutant.label)
        parents = children
    ids = [record.strategy.id for record in made.records]
    assert sorted(set(ids)) == sorted(ids)
    programs = {(record.name, record.ir_hash) for record in made.records}
    assert len(programs) == len(made.records)


def child_bytes(index: int) -> bytes:
    child = evolve.mutate(FOUNDERS, "tagged", seed=11, child_index=index).record
    crossed = evolve.crossover(FOUNDERS, "kin", "tagged", seed=index).record
    return jcs([child.strategy.document, crossed.strategy.document])


def test_a_child_has_the_same_bytes_in_any_order_and_on_any_thread() -> None:
    alone = [child_bytes(index) for index in range(24)]
    backwards = [child_bytes(index) for index in reversed(range(24))][::-1]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(child_bytes, range(24)))
    assert alone == backwards == together
    assert len(set(alone)) > 12
