"""A child of one strategy: its numbers moved within their domains, now and then its form.

A change of form is made on the tree of a rule text, at one place, and the whole document is
checked again: what the language does not allow is drawn again, so that a mutant always compiles.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from simcore import engine
from simcore.strategy import trees
from simcore.strategy.functions import Function, Range, functions, number_text
from simcore.strategy.genes import (
    PURPOSE,
    first_that_compiles,
    lane,
    reflected,
    settled,
    with_value,
)
from simcore.strategy.resolve import Expression
from simcore.strategy.strategy import Strategy
from simcore.strategy.trees import Span, Tree

SIGMA: Final = 0.1
"""Standard deviation of a move, as a share of the domain's width or of a literal's size."""

FORM_SHARE: Final = 0.25
"""How often a mutant of a strategy with movable numbers has another form too."""

_DIGITS: Final = 4
_N_FORM_DRAWS: Final = 3  # whether, where, and what


@dataclass(frozen=True)
class Site:
    """A place in a rule text that may be written otherwise.

    Args:
        path: The text's place in the document.
        text: The text.
        span: What is replaced.
        rewrite: What is written there, from a uniform draw and the normal of the same address.
    """

    path: str
    text: str
    span: Span
    rewrite: Callable[[float, float], str]

    def rewritten(self, u: float, z: float) -> str:
        """Return the whole text with the place written anew."""
        return self.text[: self.span[0]] + self.rewrite(u, z) + self.text[self.span[1] :]


def mutated(parent: Strategy, *, seed: int, child_index: int = 0) -> Strategy:
    """Return a mutant of a strategy; the parent itself where no draw makes a legal one.

    Every parameter with a minimum and a maximum moves by a normal step of a tenth of its width,
    mirrored at its bounds; a whole one may stay where it is. A parameter without bounds never
    moves. In a quarter of the mutants, and always where no parameter can move, one place of one
    text is written anew: a constant that is compared with, a period, or an indicator, in whose
    place another of the same signature is put.

    Args:
        parent: What is changed.
        seed: 0 to 2**53 - 1.
        child_index: Which of its children under that seed.
    """
    names = sorted(parent.model.params)
    movable = [name for name in names if _is_movable(parent, name)]
    sites = list(_sites(parent))
    series = lane("mutate-v1", parent.ir_hash, str(child_index))
    n_draws = len(names) + _N_FORM_DRAWS

    def child(attempt: int) -> dict[str, Any]:
        start = attempt * n_draws
        u = engine.uniforms(seed, PURPOSE, series, n_draws, start=start).tolist()
        z = engine.normals(seed, PURPOSE, series, n_draws, start=start).tolist()
        document = copy.deepcopy(parent.document)
        for name, draw in zip(names, z, strict=False):
            if name in movable:
                stated = document["params"][name]
                document["params"][name] = with_value(stated, _moved(parent, name, draw))
        whether, where, what = u[len(names) :]
        if sites and (whether < FORM_SHARE or not movable):
            site = sites[int(where * len(sites))]
            _put(document, site.path, site.rewritten(what, z[-1]))
        return document

    return first_that_compiles(child, parent) if movable or sites else parent


def _is_movable(strategy: Strategy, name: str) -> bool:
    param = strategy.model.params[name]
    return param.min is not None and param.max is not None and param.min < param.max


def _moved(strategy: Strategy, name: str, z: float) -> float | int:
    param = strategy.model.params[name]
    if param.min is None or param.max is None:
        return param.value
    value = reflected(param.value + SIGMA * (param.max - param.min) * z, param.min, param.max)
    return settled(value, param, is_integer=param.is_integer)


def _put(document: dict[str, Any], path: str, text: str) -> None:
    *outer, last = path.split("/")[1:]
    place: Any = document
    for part in outer:
        place = place[int(part)] if isinstance(place, list) else place[part]
    place[last] = text


def _sites(strategy: Strategy) -> Iterator[Site]:
    """Yield every place that may be written otherwise, in the order of the texts."""
    for expression in strategy.expressions:
        if not expression.path.startswith("/constraints/"):
            yield from _sites_of(expression)


def _sites_of(expression: Expression) -> Iterator[Site]:
    waiting: list[Tree] = [expression.tree]
    while waiting:
        tree = waiting.pop()
        waiting.extend(reversed(trees.children(tree)))
        if isinstance(tree, trees.Comparison):
            sides = (tree.left, tree.right), (tree.right, tree.left)
            found = (_constant(side) for side, other in sides if _constant(other) is None)
            # Nothing says by how much a comparison with zero could move.
            numbers = [number for number in found if number is not None and number.value != 0.0]
            places = [(number.span, _constant_rewrite(number)) for number in numbers]
        elif isinstance(tree, trees.Call):
            places = list(_places_of_call(tree))
        else:
            continue
        for span, rewrite in places:
            yield Site(expression.path, expression.text, span, rewrite)


def _constant(tree: Tree) -> trees.Number | None:
    while isinstance(tree, trees.Sign):
        tree = tree.operand
    return tree if isinstance(tree, trees.Number) else None


def _constant_rewrite(number: trees.Number) -> Callable[[float, float], str]:
    # Few digits: a threshold with many is fitted to the past, and the checker says so.
    return lambda _, z: number_text(float(f"{abs(number.value * (1.0 + SIGMA * z)):.{_DIGITS}g}"))


def _places_of_call(tree: trees.Call) -> Iterator[tuple[Span, Callable[[float, float], str]]]:
    function = functions().get(tree.name)
    if function is None or function.kind != "num":
        return
    others = _of_equal_signature(function)
    if others:
        yield tree.name_span, lambda u, _: others[int(u * len(others))]
    n_series = len(tree.arguments) - len(function.constants)
    for argument, row in zip(tree.arguments[n_series:], function.constants, strict=True):
        if isinstance(argument, trees.Number) and row.is_integer and row.minimum < row.maximum:
            yield argument.span, _period_rewrite(argument.value, row)


def _period_rewrite(n: float, row: Range) -> Callable[[float, float], str]:
    """Return the rewriting of a period: at least one bar away from what it is."""

    def rewrite(_: float, z: float) -> str:
        by = max(1, round(abs(SIGMA * n * z))) * (1 if z > 0.0 else -1)
        return number_text(reflected(n + by, row.minimum, row.maximum))

    return rewrite


def _of_equal_signature(function: Function) -> Sequence[str]:
    wanted = _signature(function)
    return sorted(
        other.name
        for other in functions().values()
        if other.name != function.name and _signature(other) == wanted
    )


def _signature(function: Function) -> tuple[Any, ...]:
    """Return all that a call shows of a function: what it takes, in which units, what it gives."""
    taken = tuple((row.unit, row.is_integer) for row in function.constants)
    stated = (getattr(function, each.name) for each in fields(function))
    shown = tuple(repr(value) for value in stated if not callable(value))
    names = {function.name, repr(function.name), repr(function.constants)}
    return (*taken, *(text for text in shown if text not in names))
