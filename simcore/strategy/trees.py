"""The forms that rule text can take, each with its place; a closed set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Span = tuple[int, int]
"""First and one past the last code point."""


@dataclass(frozen=True, slots=True)
class Number:
    """A literal; `text` is its spelling."""

    span: Span
    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Truth:
    """``true`` or ``false``."""

    span: Span
    value: bool


@dataclass(frozen=True, slots=True)
class Name:
    """A series or a parameter."""

    span: Span
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function and what it is given."""

    span: Span
    name: str
    name_span: Span
    arguments: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """``x[k]``: the value `k` bars ago."""

    span: Span
    of: Tree
    index: Tree


@dataclass(frozen=True, slots=True)
class Field:
    """``x.name``: one output of several."""

    span: Span
    of: Tree
    name: str
    name_span: Span


@dataclass(frozen=True, slots=True)
class Sign:
    """``+x`` or ``-x``."""

    span: Span
    operator: str
    operand: Tree


@dataclass(frozen=True, slots=True)
class Negation:
    """``not x``."""

    span: Span
    operand: Tree


@dataclass(frozen=True, slots=True)
class Chain:
    """A sum or a product, read from the left: one operator fewer than operands."""

    span: Span
    operands: tuple[Tree, ...]
    operators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two numbers compared."""

    span: Span
    operator: str
    left: Tree
    right: Tree


@dataclass(frozen=True, slots=True)
class Junction:
    """Conditions joined by ``and`` or by ``or``."""

    span: Span
    operator: str
    operands: tuple[Tree, ...]


Tree = (
    Number | Truth | Name | Call | Index | Field | Sign | Negation | Chain | Comparison | Junction
)


def n_nodes(tree: Tree) -> int:
    """Return how many nodes the tree has; a chain of n operands counts 2 n - 1."""
    count = 0
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        inner = children(node)
        count += max(1, len(inner) - 1) if isinstance(node, Chain | Junction) else 1
        waiting.extend(inner)
    return count


def children(tree: Tree) -> tuple[Tree, ...]:
    """Return the parts of a tree, in the order of the text."""
    return _PARTS[type(tree)](tree)


# By class instead of by a match, which would try one after another for thousands of parts.
_PARTS: Final[Mapping[type[Any], Callable[[Any], tuple[Tree, ...]]]] = {
    **dict.fromkeys((Number, Truth, Name), lambda tree: ()),
    Call: lambda tree: tree.arguments,
    Index: lambda tree: (tree.of, tree.index),
    Field: lambda tree: (tree.of,),
    **dict.fromkeys((Sign, Negation), lambda tree: (tree.operand,)),
    **dict.fromkeys((Chain, Junction), lambda tree: tree.operands),
    Comparison: lambda tree: (tree.left, tree.right),
}
