"""The forms that rule text can take, each with its place; a closed set."""

from __future__ import annotations

from dataclasses import dataclass

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
    match tree:
        case Call():
            return tree.arguments
        case Index():
            return (tree.of, tree.index)
        case Field():
            return (tree.of,)
        case Sign() | Negation():
            return (tree.operand,)
        case Chain() | Junction():
            return tree.operands
        case Comparison():
            return (tree.left, tree.right)
        case _:
            return ()
