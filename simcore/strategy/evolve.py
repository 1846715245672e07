"""New strategies from old: an edit, a mutation or a crossing, each with label and lineage.

All three are pure functions of a registry and their arguments. What they make compiles, or they
refuse; what does the same as a strategy that is known already is that strategy.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

from simcore.errors import SpecError
from simcore.problems import Hint, Problem
from simcore.refusals import unknown_name
from simcore.strategy import crossover as crossings
from simcore.strategy.change import step
from simcore.strategy.crossover import Method
from simcore.strategy.lineage import Birth, birth, descent
from simcore.strategy.mutation import mutated
from simcore.strategy.registry import Record, Registration, Registry, fitted, free_id
from simcore.strategy.strategy import compile_strategy
from simcore.strategy.versions import Version, bumped
from simcore.tables.strategies import Operator

_LABELS: Final = ("id", "revision", "version")
_NAME_MAX: Final = 120
_CROSSINGS: Final[Mapping[Method, Operator]] = {
    "uniform": "crossover_uniform",
    "blx": "crossover_blx",
    "mean": "crossover_mean",
}


def evolve(
    registry: Registry, name: str, mutation: Mapping[str, Any], *, generation: int | None = None
) -> Registration:
    """Edit a strategy and label the result as the next version of its name.

    The version that is raised is the latest of the name, whichever one is edited. By how much
    follows from the edit (see `simcore.strategy.change.step`).

    Args:
        registry: What is known.
        name: What is edited, as `Registry.find` takes it.
        mutation: Part of a document, merged into the parent's: a table into a table, None takes a
            field away, a number in place of a parameter sets its value, and anything else, or a
            table of another ``type``, takes the place of what is there.
        generation: None for one above the parent's.

    Returns:
        The registry with the child, and its record; both as they were where the child does what
        the parent or another version of the name does.

    Raises:
        SpecError: There is no such strategy, or the edited document is wrong; a value outside
            its domain is refused, not moved.
    """
    parent = registry.find(name)
    wrong = [field for field in _LABELS if field in mutation]
    if wrong:
        message = "the registry sets it, expected an edit without it"
        raise SpecError(
            [Problem("ARGUMENT", "UNKNOWN_FIELD", message, f"/{field}") for field in wrong]
        )
    _check_params(parent, mutation)
    born = birth("evolve", generation=generation)
    return _next(registry, parent, _merged(parent.strategy.document, mutation), born)


def mutate(
    registry: Registry,
    name: str,
    *,
    seed: int,
    child_index: int = 0,
    generation: int | None = None,
) -> Registration:
    """Mutate a strategy (see `simcore.strategy.mutation.mutated`) and label it as `evolve` does.

    Args:
        registry: What is known.
        name: The parent, as `Registry.find` takes it.
        seed: 0 to 2**53 - 1.
        child_index: Which of the parent's children under that seed.
        generation: None for one above the parent's.

    Raises:
        SpecError: There is no such strategy, or an argument is out of its range.
    """
    parent = registry.find(name)
    born = birth("mutate", seed=seed, generation=generation, child_index=child_index)
    child = mutated(parent.strategy, seed=seed, child_index=child_index)
    return _next(registry, parent, child.document, born)


def crossover(
    registry: Registry,
    one: str,
    other: str,
    *,
    seed: int,
    method: Method = "uniform",
    generation: int | None = None,
) -> Registration:
    """Cross two strategies (see `simcore.strategy.crossover.crossed`) under a name of both.

    The name is ``{a}_x_{b}`` with the first by hash first, the version 1.0.0, or one patch above
    the latest of that name.

    Args:
        registry: What is known.
        one: A parent, as `Registry.find` takes it.
        other: The other one; their order decides nothing.
        seed: 0 to 2**53 - 1.
        method: ``uniform``, ``blx`` or ``mean``.
        generation: None for one above the parents'.

    Returns:
        The registry with the child, and its record; the registry as it was and the record that
        does the same where there is one, under whatever name.

    Raises:
        SpecError: There is no such strategy or method, or an argument is out of its range.
    """
    parents = sorted(
        (registry.find(one), registry.find(other)), key=lambda each: (each.ir_hash, each.label)
    )
    first, second = parents
    crossings.check_method(method)
    born = birth(_CROSSINGS[method], seed=seed, generation=generation)
    child = crossings.crossed(first.strategy, second.strategy, seed=seed, method=method)
    known = registry.having(child.ir_hash)
    if known:
        return Registration(registry, known[0])
    name = fitted(f"{first.name}_x_{second.name}")
    version = Version(1, 0, 0)
    if name in registry.names:
        version = bumped(registry.newest(name).version, "patch")
    both = f"{first.strategy.name} × {second.strategy.name}"
    document = child.document | {"name": both[:_NAME_MAX]}
    return _registered(registry, name, version, document, (first, second), born)


def _next(
    registry: Registry, parent: Record, document: dict[str, Any], born: Birth
) -> Registration:
    """Return a child as the next version of its parent's name, or what does the same."""
    child = compile_strategy(document)
    if child.ir_hash == parent.ir_hash:
        return Registration(registry, parent)
    known = registry.having(child.ir_hash, name=parent.name)
    if known:
        return Registration(registry, known[0])
    version = bumped(registry.newest(parent.name).version, step(parent.strategy, child))
    return _registered(registry, parent.name, version, document, (parent,), born)


def _registered(
    registry: Registry,
    name: str,
    version: Version,
    document: dict[str, Any],
    parents: tuple[Record, ...],
    born: Birth,
) -> Registration:
    """Return a child with its label in the registry, and with its lineage."""
    ir_hash = compile_strategy(document).ir_hash
    labels = {"id": free_id(registry, name, version, ir_hash), "revision": str(version)}
    labelled = document | labels
    lineage = descent(name, born, tuple(parent.origin for parent in parents), labelled)
    return registry.register(name, str(version), labelled, lineage=lineage)


def _check_params(parent: Record, mutation: Mapping[str, Any]) -> None:
    """Refuse a value of a parameter that is not there, and a fraction for a whole one.

    A parameter that is new comes with the rules or the constraint that read it.

    A domain that does not say so is one of whole numbers only as long as its value is one; a
    value alone must not change that.
    """
    given = mutation.get("params")
    known = parent.strategy.model.params
    problems = []
    for name, edit in given.items() if isinstance(given, Mapping) else ():
        param = known.get(name)
        if param is None and not {"rules", "constraints", "risk"} & set(mutation):
            message, hints = unknown_name("a parameter of it:", str(name), list(known), "")
            hints = tuple(Hint(hint.text) for hint in hints)
            path, source = f"/params/{name}", parent.strategy.source
            problems.append(
                Problem("DSL_STATIC_FAIL", "UNKNOWN_NAME", message, path, source, hints=hints)
            )
            continue
        stated = edit if isinstance(edit, Mapping) else {"value": edit}
        value = stated.get("value")
        is_alone = param is not None and param.is_integer and list(stated) == ["value"]
        if is_alone and isinstance(value, float) and not value.is_integer():
            message = f"got {value}, expected a whole number as before"
            path, source = f"/params/{name}/value", parent.strategy.source
            problems.append(Problem("DSL_PARAM_OUT_OF_RANGE", "NOT_INTEGER", message, path, source))
    if problems:
        raise SpecError(problems)


def _merged(document: dict[str, Any], mutation: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document with an edit in it."""
    given = mutation.get("params")
    if not isinstance(given, Mapping):
        return _table_merged(document, mutation)
    known = document["params"]
    values = {
        name: {"value": value} if _is_number(value) and isinstance(known.get(name), dict) else value
        for name, value in given.items()
    }
    # What a parameter is said to be, whole or not, is a field like its others.
    params = _table_merged(known, values, has_forms=False)
    return _table_merged(document, {**mutation, "params": None}) | {"params": params}


def _table_merged(
    old: Mapping[str, Any], new: Mapping[str, Any], *, has_forms: bool = True
) -> dict[str, Any]:
    """Return a table with another one in it.

    Args:
        old: The table as it is.
        new: What is put in; None takes a field away.
        has_forms: Whether the field ``type`` says which form a table has, so that a table of
            another form has nothing to be merged with.
    """
    merged = {name: value for name, value in old.items() if new.get(name, value) is not None}
    for name, value in new.items():
        here = merged.get(name)
        if value is None:
            continue
        if isinstance(value, Mapping) and isinstance(here, dict):
            is_other = has_forms and value.get("type", here.get("type")) != here.get("type")
            merged[name] = dict(value) if is_other else _table_merged(here, value)
        else:
            merged[name] = copy.deepcopy(value)
    return merged


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
