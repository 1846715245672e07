"""What lies between two strategies: the patch that leads from one to the other, and its size.

The size is read off the documents, never stated by whoever made the change: a breaking change
takes something away that a user of the older version relies on, a feature adds or alters, and
all else turns numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from simcore.refusals import pointer
from simcore.strategy import trees
from simcore.strategy.document import Param
from simcore.strategy.strategy import Strategy
from simcore.strategy.trees import Tree
from simcore.strategy.versions import Step

Patch = list[dict[str, Any]]
"""Operations of RFC 6902: add, remove and replace."""

_CONSTRAINTS: Final = "/constraints/"


def difference(old: Any, new: Any, tokens: tuple[str | int, ...] = ()) -> Patch:
    """Return the patch that turns one JSON value into another; empty for equal values.

    Args:
        old: The value before.
        new: The value after.
        tokens: Where they stand.
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        gone = [_operation("remove", (*tokens, name)) for name in old if name not in new]
        patch = [each for name in old if name in new
                 for each in difference(old[name], new[name], (*tokens, name))]  # fmt: skip
        fresh = [name for name in new if name not in old]
        return [*gone, *patch, *(_operation("add", (*tokens, name), new[name]) for name in fresh)]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [each for at, (a, b) in pairs for each in difference(a, b, (*tokens, at))]
    # In JSON 1 and 1.0 are one number, but true is none.
    is_same = old == new and isinstance(old, bool) == isinstance(new, bool)
    return [] if is_same else [_operation("replace", tokens, new)]


def _operation(op: str, tokens: tuple[str | int, ...], value: Any = None) -> dict[str, Any]:
    stated: dict[str, Any] = {"op": op, "path": pointer(tokens)}
    return stated if op == "remove" else stated | {"value": value}


def step(old: Strategy, new: Strategy) -> Step:
    """Return how far the version of a strategy moves when `new` takes the place of `old`.

    Major: other bars or another language; a parameter that is gone, whose domain is narrower, or
    that a new constraint ties; a limit of risk that is gone, short selling or leverage allowed
    that was not. Minor: any other change of form. Patch: numbers alone.
    """
    if _breaks(old, new):
        return "major"
    return "patch" if _form(old) == _form(new) else "minor"


def _breaks(old: Strategy, new: Strategy) -> bool:
    before, after = old.model, new.model
    if before.timeframe != after.timeframe:
        return True
    if before.version.split(".")[:2] != after.version.split(".")[:2]:
        return True
    for name, param in before.params.items():
        if name not in after.params or _is_narrower(after.params[name], param):
            return True
    if not _constraints(new) <= _constraints(old):
        return True
    return _is_looser(_dumped(new)["risk"] or {}, _dumped(old)["risk"] or {})


def _is_narrower(new: Param, old: Param) -> bool:
    """Whether a value that was legal may be legal no more."""
    lost_low = new.min is not None and (old.min is None or new.min > old.min)
    lost_high = new.max is not None and (old.max is None or new.max < old.max)
    lost_between = new.is_integer and not old.is_integer
    is_coarser = (
        new.step is not None
        and new.step != old.step
        and not (old.step is not None and (old.step / new.step).is_integer())
    )
    return lost_low or lost_high or lost_between or is_coarser


def _is_looser(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    """Whether a promise about risk is gone."""
    is_dropped = any(value is not None and new.get(name) is None for name, value in old.items())
    goes_short = bool(new.get("allow_short")) and not old.get("allow_short")
    return is_dropped or goes_short or new.get("max_leverage", 1.0) > old.get("max_leverage", 1.0)


def _constraints(strategy: Strategy) -> set[Any]:
    return {
        _shape(expression.tree, keep_numbers=True)
        for expression in strategy.expressions
        if expression.path.startswith(_CONSTRAINTS)
    }


def _form(strategy: Strategy) -> Any:
    """Return a strategy without what only people read and without its numbers."""
    dumped = _dumped(strategy)
    texts = {each.path: _shape(each.tree) for each in strategy.expressions}
    rest = {name: dumped[name] for name in ("rules", "risk")}
    params = {name: param.domain for name, param in strategy.model.params.items()}
    ties = sorted(map(repr, _constraints(strategy)))
    return _blanked(rest, (), texts), params, ties


def _dumped(strategy: Strategy) -> dict[str, Any]:
    return strategy.model.model_dump(mode="json", by_alias=True)


def _blanked(value: Any, tokens: tuple[str | int, ...], texts: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        return {name: _blanked(each, (*tokens, name), texts) for name, each in value.items()}
    if isinstance(value, list):
        return [_blanked(each, (*tokens, at), texts) for at, each in enumerate(value)]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "a number"
    return texts.get(pointer(tokens), value)


def _shape(tree: Tree, *, keep_numbers: bool = False) -> Any:
    """Return a tree as nested tuples, without places and, unless asked, without its numbers."""
    if isinstance(tree, trees.Number):
        return ("number", tree.value if keep_numbers else None)
    stated = [
        (field.name, getattr(tree, field.name))
        for field in fields(tree)
        if field.name in ("name", "value", "operator", "operators")
    ]
    inner = tuple(_shape(child, keep_numbers=keep_numbers) for child in trees.children(tree))
    return (type(tree).__name__, *stated, *inner)
