"""How large a change is, read off the documents, and the patch that it comes down to."""

from __future__ import annotations

from typing import Any

import pytest
from breed import document, patched
from hypothesis import given
from hypothesis import strategies as st

from simcore.strategy.change import difference, step
from simcore.strategy.strategy import compile_strategy

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "a", "b/c", "~1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "a/b", "~", "0"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(VALUES, VALUES)
def test_a_patch_leads_from_one_value_to_the_other_and_is_empty_for_equals(
    old: Any, new: Any
) -> None:
    patch = difference(old, new)
    made = patched(old, patch)
    assert made == new
    assert difference(made, new) == []
    assert difference(old, old) == []


def test_a_patch_names_the_least_that_changed() -> None:
    changed = document(name="Two")
    changed["params"]["n"]["value"] = 15
    del changed["risk"]["cooldown_bars"]
    changed["rules"][0]["if"] = "true"
    assert difference(document(), changed) == [
        {"op": "replace", "path": "/name", "value": "Two"},
        {"op": "replace", "path": "/rules/0/if", "value": "true"},
        {"op": "replace", "path": "/params/n/value", "value": 15},
        {"op": "remove", "path": "/risk/cooldown_bars"},
    ]


def test_a_patch_tells_true_from_one_but_not_one_number_from_itself() -> None:
    assert difference({"a": 1}, {"a": 1.0}) == []
    assert difference({"a": 1}, {"a": True}) == [{"op": "replace", "path": "/a", "value": True}]


def rule(text: str) -> list[dict[str, Any]]:
    return [{"if": text, "then": "buy", "tag": "enter"}, document()["rules"][1]]


def params(**changes: Any) -> dict[str, Any]:
    return {"params": document()["params"] | changes}


def risk(**changes: Any) -> dict[str, Any]:
    given = document()["risk"] | changes
    return {"risk": {name: value for name, value in given.items() if value is not None}}


SAME = "rsi(close, n) < 30 and close > ma(close, 50)"
TIMED = risk(max_holding_bars=20, cooldown_bars=None)

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    # name: change of the base before, change of it after, step
    "nothing": ({}, {}, "patch"),
    "what people read": ({}, {"id": "two", "name": "Two", "metadata": {}}, "patch"),
    "the spelling of a rule": ({}, {"rules": rule(f"({SAME})")}, "patch"),
    "a value": ({}, params(n={"value": 20, "min": 2, "max": 50}), "patch"),
    "a constant of a rule": ({}, {"rules": rule(SAME.replace("30", "31.5"))}, "patch"),
    "a period of a rule": ({}, {"rules": rule(SAME.replace("50", "60"))}, "patch"),
    "a number of the risk": ({}, risk(stop={"type": "atr", "n": 20, "mult": 2}), "patch"),
    "an indicator": ({}, {"rules": rule(SAME.replace("ma(", "ema("))}, "minor"),
    "a comparison": ({}, {"rules": rule(SAME.replace(">", ">="))}, "minor"),
    "a series": ({}, {"rules": rule(SAME.replace("close, 50", "low, 50"))}, "minor"),
    "a rule more": ({}, {"rules": [*rule(SAME), {"if": "true", "then": "hold"}]}, "minor"),
    "another action": (
        {},
        {"rules": [*rule(SAME)[:1], document()["rules"][1] | {"then": "sell"}]},
        "minor",
    ),
    "a tag": ({}, {"rules": [*rule(SAME)[:1], {**rule(SAME)[1], "tag": "out"}]}, "minor"),
    "a stop of another kind": ({}, risk(stop={"type": "pct", "value": 3}), "minor"),
    "a limit more": ({}, risk(max_holding_bars=20), "minor"),
    "a parameter more": ({}, params(m={"value": 1, "min": 0, "max": 2}), "minor"),
    "a wider domain": ({}, params(n={"value": 14, "min": 1, "max": 60}), "minor"),
    "a finer step": (
        params(k={"value": 0.5, "min": 0, "max": 1, "step": 0.5}),
        params(k={"value": 0.5, "min": 0, "max": 1, "step": 0.25}),
        "minor",
    ),
    "a constraint less": ({}, {"constraints": []}, "minor"),
    "no short selling any more": (risk(allow_short=True), {}, "minor"),
    "less leverage": (risk(max_leverage=2), {}, "patch"),
    "other bars": ({}, {"timeframe": "4h"}, "major"),
    "a parameter less": ({}, {"params": {"n": 14}, "constraints": []}, "major"),
    "a higher minimum": ({}, params(n={"value": 14, "min": 5, "max": 50}), "major"),
    "a lower maximum": ({}, params(n={"value": 14, "min": 2, "max": 40}), "major"),
    "a domain where there was none": (
        params(n=14),
        params(n={"value": 14, "min": 2, "max": 50}),
        "major",
    ),
    "whole numbers only": (
        {},
        params(k={"value": 0, "min": 0, "max": 1, "type": "int"}),
        "major",
    ),
    "a coarser step": (
        params(k={"value": 0.5, "min": 0, "max": 1, "step": 0.25}),
        params(k={"value": 0.5, "min": 0, "max": 1, "step": 0.5}),
        "major",
    ),
    "a constraint more": ({}, {"constraints": ["n > 2 * k", "n > 3 * k"]}, "major"),
    "another number in a constraint": ({}, {"constraints": ["n > 3 * k"]}, "major"),
    "no stop": (
        risk(max_daily_loss_pct=5),
        risk(max_daily_loss_pct=5, stop=None),
        "major",
    ),
    "no cooldown": ({}, risk(cooldown_bars=None), "major"),
    "no holding limit": (TIMED, risk(cooldown_bars=None), "major"),
    "short selling": ({}, risk(allow_short=True), "major"),
    "more leverage": ({}, risk(max_leverage=2), "major"),
}


@pytest.mark.parametrize(("before", "after", "expected"), CASES.values(), ids=CASES.keys())
def test_the_step_of_a_version_follows_from_the_change(
    before: dict[str, Any], after: dict[str, Any], expected: str
) -> None:
    old, new = compile_strategy(document(**before)), compile_strategy(document(**after))
    assert step(old, new) == expected
