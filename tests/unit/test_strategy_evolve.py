"""Edits, crossings and mutants of known strategies, gene by gene."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from breed import document, patched

from simcore import engine
from simcore.errors import SpecError
from simcore.strategy import evolve, registry
from simcore.strategy.crossover import crossed
from simcore.strategy.genes import reflected, settled
from simcore.strategy.mutation import mutated
from simcore.strategy.registry import Registry
from simcore.strategy.strategy import Strategy, compile_strategy

LIBRARY = registry.load()


def lane(*words: str) -> int:
    return int.from_bytes(hashlib.sha256(":".join(words).encode()).digest()[:8], "little")


class TestAnEdit:
    @pytest.mark.parametrize(
        ("edit", "label", "identity"),
        [
            ({"params": {"fast": 12}}, "ma_cross@0.1.1", "ma_cross-0-1-1"),
            ({"params": {"fast": {"value": 12}}}, "ma_cross@0.1.1", "ma_cross-0-1-1"),
            ({"risk": {"stop": {"mult": 2.0}}}, "ma_cross@0.1.1", "ma_cross-0-1-1"),
            ({"risk": {"stop": {"type": "pct", "value": 5}}}, "ma_cross@0.2.0", "ma_cross-0-2-0"),
            ({"risk": {"max_holding_bars": 9}}, "ma_cross@0.2.0", "ma_cross-0-2-0"),
            ({"risk": {"allow_short": True}}, "ma_cross@1.0.0", "ma_cross-1-0-0"),
            ({"timeframe": "4h"}, "ma_cross@1.0.0", "ma_cross-1-0-0"),
            # What does the same is the same strategy.
            ({}, "ma_cross@0.1.0", "ma_cross"),
            ({"params": {"fast": 10.0}}, "ma_cross@0.1.0", "ma_cross"),
            ({"name": "Another", "metadata": None}, "ma_cross@0.1.0", "ma_cross"),
        ],
    )
    def test_is_labelled_by_what_it_does(
        self, edit: dict[str, Any], label: str, identity: str
    ) -> None:
        if edit.get("metadata", 0) is None:
            edit = {"name": "Another", "metadata": {"notes": None, "tags": None}}
        made, child = evolve.evolve(LIBRARY, "ma_cross", edit)
        assert (child.label, child.strategy.id) == (label, identity)
        assert (made == LIBRARY) == (identity == "ma_cross")
        for parent in child.lineage.parents:
            base = LIBRARY.find("ma_cross").strategy.document
            assert patched(base, parent.edit) == child.strategy.document

    def test_raises_the_latest_version_whichever_it_changes(self) -> None:
        made, one = evolve.evolve(LIBRARY, "ma_cross@0.1.0", {"params": {"fast": 11}})
        made, other = evolve.evolve(made, "ma_cross@0.1.0", {"params": {"fast": 12}})
        assert [one.label, other.label] == ["ma_cross@0.1.1", "ma_cross@0.1.2"]
        assert [each.lineage.parents[0].revision for each in (one, other)] == ["0.1.0", "0.1.0"]
        again, known = evolve.evolve(made, "ma_cross@0.1.2", {"params": {"fast": 11}})
        assert known == one
        assert again == made

    @pytest.mark.parametrize(
        ("edit", "reason", "path"),
        [
            ({"params": {"fast": 51}}, "PARAM_DOMAIN", "/params/fast/value"),
            ({"params": {"fast": 10.5}}, "NOT_INTEGER", "/params/fast/value"),
            ({"params": {"fast": 40}}, "PARAM_CONSTRAINT", "/constraints/0"),
            ({"params": {"fast": None}}, "UNKNOWN_NAME", "/rules/0/if"),
            ({"params": None}, "MISSING_FIELD", "/params"),
            ({"params": 3}, "WRONG_TYPE", "/params"),
            ({"risk": {"stop": None}}, "RISK_UNBOUNDED", "/risk"),
            ({"nonsense": 1}, "UNKNOWN_FIELD", "/nonsense"),
            ({"id": "mine"}, "UNKNOWN_FIELD", "/id"),
            ({"revision": "9.0.0"}, "UNKNOWN_FIELD", "/revision"),
        ],
    )
    def test_that_breaks_a_rule_is_refused_and_not_bent(
        self, edit: dict[str, Any], reason: str, path: str
    ) -> None:
        with pytest.raises(SpecError) as refused:
            evolve.evolve(LIBRARY, "ma_cross", edit)
        assert (reason, path) in {(each.reason, each.path) for each in refused.value.problems}

    def test_changes_nothing_that_it_was_given(self) -> None:
        before = repr(LIBRARY), repr(LIBRARY.find("ma_cross").strategy.document)
        edit = {"params": {"fast": 12}, "rules": document()["rules"], "metadata": {"tags": ["x"]}}
        with pytest.raises(SpecError):
            evolve.evolve(LIBRARY, "ma_cross", edit)
        evolve.evolve(LIBRARY, "ma_cross", {"params": {"fast": 12}})
        assert before == (repr(LIBRARY), repr(LIBRARY.find("ma_cross").strategy.document))


def family(**values: Any) -> Strategy:
    """A strategy of one family: a whole number, a fraction and a bare whole number."""
    params = {
        "a": {"value": values.get("a", 10), "min": 2, "max": 40},
        "b": {"value": values.get("b", 1.0), "min": 0.5, "max": 2.0},
        "c": values.get("c", 20),
    }
    text = "ma(close, a) * b > ma(close, c)"
    rules = [
        {"if": values.get("enter", text), "then": "buy", "tag": "enter"},
        {"if": "close < low[1]", "then": "close", "tag": "leave"},
    ]
    return compile_strategy(
        document(rules=rules, params=params, constraints=values.get("constraints", []))
    )


def by_hash(one: Strategy, other: Strategy) -> tuple[Strategy, Strategy]:
    return (one, other) if one.ir_hash < other.ir_hash else (other, one)


def numbers(strategy: Strategy) -> dict[str, float]:
    return {name: param.value for name, param in strategy.model.params.items()}


class TestACrossing:
    ONE, OTHER = family(), family(a=21, b=1.5, c=33)

    def draws(self, seed: int, n: int, start: int = 0) -> list[float]:
        first, second = by_hash(self.ONE, self.OTHER)
        series = lane("crossover-v1", first.ir_hash, second.ir_hash)
        return engine.uniforms(seed, "evolution", series, n, start=start).tolist()

    @pytest.mark.parametrize("seed", range(8))
    def test_that_is_uniform_takes_each_number_from_either_by_its_own_draw(self, seed: int) -> None:
        parents = [numbers(each) for each in by_hash(self.ONE, self.OTHER)]
        picks = [0 if u < 0.5 else 1 for u in self.draws(seed, 3)]
        expected = {name: parents[at][name] for name, at in zip("abc", picks, strict=True)}
        assert numbers(crossed(self.ONE, self.OTHER, seed=seed)) == expected

    @pytest.mark.parametrize("seed", range(8))
    def test_that_is_blended_draws_within_half_a_distance_around_both(self, seed: int) -> None:
        u = self.draws(seed, 3)
        child = numbers(crossed(self.ONE, self.OTHER, seed=seed, method="blx"))
        assert child["a"] == min(40, max(2, round(10 - 5.5 + u[0] * 22)))
        assert child["b"] == min(2.0, max(0.5, 1.0 - 0.25 + u[1] * 1.0))
        assert child["c"] == round(20 - 6.5 + u[2] * 26)

    def test_that_is_a_mean_rounds_whole_numbers_to_the_even_one(self) -> None:
        child = numbers(crossed(self.ONE, self.OTHER, seed=1, method="mean"))
        assert child == {"a": 16, "b": 1.25, "c": 26}  # of 15.5, 1.25 and 26.5
        assert numbers(crossed(self.ONE, self.OTHER, seed=2, method="mean")) == child

    def test_of_tagged_rules_takes_each_whole_with_what_it_names(self) -> None:
        condition = "rsi(close, own) < 30"
        plain = compile_strategy(
            document(rules=[{"if": condition, "then": "buy", "tag": "enter",
                             "order": {"type": "stop", "offset_bps": 5}}, *document()["rules"][1:]],
                     params={"own": {"value": 9, "min": 2, "max": 30}}, constraints=["own > 3"])
        )  # fmt: skip
        children = [crossed(family(), plain, seed=seed) for seed in range(12)]
        form = by_hash(family(), plain)[0]
        swapped = [each for each in children if each.model.rules[0] != form.model.rules[0]]
        assert 0 < len(swapped) < 12
        for child in swapped:
            assert child.model.rules[0] == by_hash(family(), plain)[1].model.rules[0]
            assert child.model.risk == form.model.risk
            if form is not plain:
                assert child.model.params["own"] == plain.model.params["own"]
                assert child.model.constraints == ["own > 3"]
        kept = [each for each in children if each not in swapped]
        assert {len(each.model.params) for each in kept} == {len(form.model.params)}

    def test_that_breaks_a_constraint_is_drawn_again_and_at_last_the_first(self) -> None:
        tied = [family(a=4, c=8, constraints=["a < c"]), family(a=20, c=30, constraints=["a < c"])]
        assert all(
            numbers(crossed(*tied, seed=seed))["a"] < numbers(crossed(*tied, seed=seed))["c"]
            for seed in range(20)
        )
        # Each parent alone keeps this one, and nothing between them does.
        text = "(a - 4) * (a - 40) == 0"
        split = [family(a=4, constraints=[text]), family(a=40, b=1.5, c=33, constraints=[text])]
        assert crossed(*split, seed=1, method="mean") == by_hash(*split)[0]

    def test_is_named_after_both_and_known_if_it_does_nothing_new(self) -> None:
        made, _ = Registry().register("left", "1.0.0", self.ONE)
        made, _ = made.register("right", "2.0.0", self.OTHER)
        made, child = evolve.crossover(made, "left", "right", seed=1, method="blx")
        first = made.find("left" if self.ONE.ir_hash < self.OTHER.ir_hash else "right")
        second = made.find("right" if first.name == "left" else "left")
        assert child.label == f"{first.name}_x_{second.name}@1.0.0"
        assert child.strategy.id == child.name
        assert [each.label for each in child.lineage.parents] == [first.label, second.label]
        assert (child.lineage.operator, child.lineage.seed) == ("crossover_blx", 1)
        for parent, record in zip(child.lineage.parents, (first, second), strict=True):
            assert patched(record.strategy.document, parent.edit) == child.strategy.document
        same, known = evolve.crossover(made, "right", "left", seed=1, method="blx")
        assert (same, known) == (made, child)
        more, sibling = evolve.crossover(made, "right", "left", seed=2, method="blx")
        assert sibling.label == f"{child.name}@1.0.1"
        assert more.latest(child.name) == sibling
        assert evolve.crossover(made, "left", "left", seed=2).record.label == "left@1.0.0"

    def test_of_long_names_keeps_ids_as_short_as_ids_must_be(self) -> None:
        made, _ = Registry().register("l" * 60, "1.0.0", self.ONE)
        made, _ = made.register("r" * 60, "2.0.0", self.OTHER)
        ids = set()
        for seed in range(3):
            made, child = evolve.crossover(made, "l" * 60, "r" * 60, seed=seed, method="blx")
            assert len(child.name) == 64
            ids.add(child.strategy.id)
        assert len(ids) == 3
        assert max(map(len, ids)) <= 64

    def test_by_an_unknown_method_or_seed_is_refused(self) -> None:
        made, _ = Registry().register("left", "1.0.0", self.ONE)
        made, _ = made.register("right", "1.0.0", self.OTHER)
        with pytest.raises(SpecError) as method:
            evolve.crossover(made, "left", "right", seed=1, method="unifrom")  # type: ignore[arg-type]
        assert method.value.problems[0].reason == "BAD_ENUM"
        with pytest.raises(SpecError) as seed:
            evolve.crossover(made, "left", "right", seed=-1)
        assert seed.value.problems[0].path == "/seed"


class TestAMutant:
    @pytest.mark.parametrize("child_index", range(6))
    def test_moves_each_number_by_a_tenth_of_its_domain_times_its_own_normal(
        self, child_index: int
    ) -> None:
        parent = family()
        series = lane("mutate-v1", parent.ir_hash, str(child_index))
        z = engine.normals(5, "evolution", series, 2).tolist()
        child = numbers(mutated(parent, seed=5, child_index=child_index))
        a, b = 10 + 0.1 * 38 * z[0], 1.0 + 0.1 * 1.5 * z[1]
        assert child["a"] == round(a if a >= 2 else 4 - a)
        assert child["b"] == pytest.approx(b if b >= 0.5 else 1.0 - b, abs=1e-15)
        assert child["c"] == 20

    def test_at_a_bound_is_mirrored_back_into_the_domain(self) -> None:
        parent = family(a=2)
        for index in range(6):
            series = lane("mutate-v1", parent.ir_hash, str(index))
            (z,) = engine.normals(5, "evolution", series, 1).tolist()
            child = mutated(parent, seed=5, child_index=index)
            assert numbers(child)["a"] == round(2 + 3.8 * abs(z))

    def test_of_what_cannot_move_is_the_parent(self) -> None:
        for name in ("zero_rule", "buy_and_hold"):
            made, same = evolve.mutate(LIBRARY, name, seed=1)
            assert (made, same) == (LIBRARY, LIBRARY.find(name))

    def test_without_numbers_to_move_always_has_another_form_at_one_place(self) -> None:
        text = "rsi(close, 14) < 30 and -50 < mom"
        rules = [{"if": text.replace("mom", "close - open"), "then": "buy"}, document()["rules"][1]]
        parent = compile_strategy(document(rules=rules, params={}, constraints=[]))
        made: dict[str, set[str]] = {}
        for index in range(60):
            child = mutated(parent, seed=1, child_index=index)
            changed = [
                (new.condition, old.condition)
                for new, old in zip(child.model.rules, parent.model.rules, strict=True)
                if new != old
            ]
            assert len(changed) <= 1
            for new, old in changed:
                made.setdefault(old, set()).add(new)
        first, second = (made[rule["if"]] for rule in rules)
        assert any("rsi(close, 14) < 30" in each for each in first)  # the other constant moved
        assert any("rsi(close, 14) < 3" not in each and "rsi(" in each for each in first)
        assert any(each.startswith(("ma(", "ema(")) for each in first)
        assert any("rsi(close, 1" in each and "rsi(close, 14)" not in each for each in first)
        assert any("ma(close, 20)" in each for each in second)

    def test_bears_the_next_version_its_seed_and_its_number(self) -> None:
        made, child = evolve.mutate(LIBRARY, "ma_cross", seed=9, child_index=4)
        assert child.label in ("ma_cross@0.1.1", "ma_cross@0.2.0")
        stated = child.lineage
        assert (stated.operator, stated.seed, stated.child_index) == ("mutate", 9, 4)
        assert stated.generation == 1
        assert made.ancestors(child.label) == (LIBRARY.find("ma_cross"),)
        _, grandchild = evolve.mutate(made, "ma_cross", seed=9, generation=7)
        assert grandchild.lineage.generation == 7

    @pytest.mark.parametrize(
        ("stated", "path"),
        [
            ({"seed": -1}, "/seed"),
            ({"seed": 2**53}, "/seed"),
            ({"seed": 1, "child_index": -1}, "/child_index"),
            ({"seed": 1, "generation": 2**32}, "/generation"),
        ],
    )
    def test_of_a_number_out_of_range_is_refused(self, stated: dict[str, int], path: str) -> None:
        with pytest.raises(SpecError) as refused:
            evolve.mutate(LIBRARY, "ma_cross", **stated)
        assert refused.value.problems[0].path == path


@pytest.mark.parametrize(
    ("value", "expected"), [(5, 5), (-1, 1), (11, 9), (-11, 9), (21, 1), (31, 9), (0, 0), (10, 10)]
)
def test_a_value_beyond_a_bound_is_mirrored_until_it_is_inside(
    value: float, expected: float
) -> None:
    assert reflected(value, 0.0, 10.0) == expected
    assert reflected(value + 3.0, 3.0, 3.0) == 3.0


@pytest.mark.parametrize(
    ("value", "is_integer", "expected"),
    [(2.5, True, 2), (3.5, True, 4), (9.9, False, 8.0), (0.2, False, 2.0), (4.4, False, 4.5)],
)
def test_a_value_settles_on_the_steps_of_its_domain(
    value: float, is_integer: bool, expected: float
) -> None:
    stepped = {"value": 3, "min": 2, "max": 8}
    stepped |= {} if is_integer else {"step": 0.5, "type": "float"}
    params = {"n": stepped, "k": 0.5}
    rules = [{"if": "close > k * n", "then": "buy"}, document()["rules"][1]]
    model = compile_strategy(document(params=params, rules=rules, constraints=[])).model
    assert settled(value, model.params["n"], is_integer=is_integer) == expected
