"""Meaning of rule text: nodes in normal form, each made once.

Two texts that mean the same by the rules below become one node. Only rewrites that are exact are
made: comparisons point one way, negation is pushed inwards (valid with unknown values, because
unknown stays unknown), junctions are flat, sorted and without repeats, operands of an exact
commutative operation are in hash order. Nothing is re-associated.

A node knows how many bars it needs before it has a value and how far ahead it reads, which is
never ahead: the engine computes both again and refuses a program that claims otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from simcore.errors import InvariantError
from simcore.seeds import jcs, sha256_hex
from simcore.strategy.functions import SHIFT_MAX_BARS, Function, Kind, folded


@dataclass(slots=True, eq=False)
class Node:
    """One value a bar; nobody changes one.

    Args:
        op: Operation of the flat program, or ``param`` while parameters are symbols.
        attributes: What distinguishes nodes of one operation.
        children: What it reads, constants of an indicator and the distance of a shift included.
        kind: Number, three-valued truth, or several numbers of which one is yet to be picked.
        lookback_bars: First index with a value.
        dep: Latest bar it reads, relative to the bar of decision; None reads no bar.
        depth: Longest way down to a leaf.
        digest: SHA-256 of operation, attributes and the digests of the children.
    """

    op: str
    attributes: tuple[Any, ...]
    children: tuple[Node, ...]
    kind: Kind
    lookback_bars: int
    dep: int | None
    depth: int
    digest: str

    @property
    def value(self) -> Any:
        """The constant this node is."""
        return self.attributes[0]

    @property
    def is_constant(self) -> bool:
        """Whether it is known before any bar is seen."""
        if not self.children:
            return self.op in _CONSTANT
        waiting = [self]
        while waiting:
            node = waiting.pop()
            if node.op not in _CONSTANT:
                return False
            waiting.extend(node.children)
        return True


_PLAIN: Final = frozenset({"abs", "sqrt", "log", "exp", "min", "max"})
_CONSTANT: Final = _PLAIN | {"const", "param", "neg", "add", "sub", "mul", "div"}
_ARITHMETIC: Final = {"+": "add", "-": "sub", "*": "mul", "/": "div"}
_COMPARED: Final = {"<": "lt", "<=": "le", ">": "lt", ">=": "le", "==": "eq", "!=": "ne"}
_OPPOSITE: Final = {"lt": "le", "le": "lt", "eq": "ne", "ne": "eq", "and": "or", "or": "and"}
_COMMUTES: Final = frozenset({"add", "mul", "min", "max", "eq", "ne"})


class Graph:
    """Makes nodes; equal ones are the same object."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Node] = {}
        self._negated: dict[str, Node] = {}

    def const(self, value: float) -> Node:
        """Return a constant; minus zero is zero, as in canonical JSON."""
        return self._node("const", (value + 0.0,), (), "num", dep=None)

    def truth(self, value: bool) -> Node:
        """Return true or false."""
        return self._node("bool", (value,), (), "bool", dep=None)

    def price(self, field: str) -> Node:
        """Return a column of the bars."""
        return self._node("price", (field,), (), "num", dep=0)

    def named(self, table: str, name: str) -> Node:
        """Return what follows from the bar (``series``) or what the account holds at its close."""
        return self._node(table, (name,), (), "num", dep=0)

    def param(self, index: int) -> Node:
        """Return a parameter as a symbol, numbered by its first use."""
        return self._node("param", (f"p{index}",), (), "num", dep=None)

    def shift(self, of: Node, distance: Node) -> Node:
        """Return `of` as it was some bars ago; zero bars, constants and shifts of shifts fold."""
        if of.is_constant:
            return of
        if distance.op != "const":
            return self._node("shift", (), (of, distance), "num")
        n_bars = int(distance.value)
        if of.op == "shift" and of.children[1].op == "const":
            whole = n_bars + int(of.children[1].value)
            if whole <= SHIFT_MAX_BARS:
                of, n_bars, distance = of.children[0], whole, self.const(float(whole))
        if n_bars < 0:
            raise InvariantError(f"a shift by {n_bars} bars would look ahead")
        if n_bars == 0:
            return of
        dep = None if of.dep is None else of.dep - n_bars
        return self._node("shift", (), (of, distance), "num", extra_bars=n_bars, dep=dep)

    def negative(self, of: Node) -> Node:
        """Return minus a number."""
        if of.op == "const":
            return self.const(-of.value)
        return self._node("neg", (), (of,), "num")

    def arithmetic(self, operator: str, left: Node, right: Node) -> Node:
        """Return a sum, difference, product or quotient; of two constants, the constant.

        The caller has refused a constant divisor of zero.
        """
        if left.op == "const" and right.op == "const":
            return self.const(_folded(operator, left.value, right.value))
        return self._node(_ARITHMETIC[operator], (), (left, right), "num")

    def plain(self, name: str, operands: Sequence[Node]) -> Node:
        """Return a function of numbers on one bar; of constants, the constant.

        The caller has refused constants that it has no value for.
        """
        if all(node.op == "const" for node in operands):
            return self.const(folded(name, *(node.value for node in operands)))
        return self._node(name, (), tuple(operands), "num")

    def comparison(self, operator: str, left: Node, right: Node) -> Node:
        """Return how two numbers compare; greater-than is less-than with its sides exchanged."""
        if operator in (">", ">="):
            left, right = right, left
        op = _COMPARED[operator]
        if left.op == "const" and right.op == "const":
            a, b = left.value, right.value
            return self.truth({"lt": a < b, "le": a <= b, "eq": a == b, "ne": a != b}[op])
        return self._node(op, (), (left, right), "bool")

    def junction(self, op: str, operands: Iterable[Node]) -> Node:
        """Return ``and`` or ``or`` of conditions."""
        absorbing = op == "or"
        flat: dict[str, Node] = {}
        for operand in operands:
            for node in operand.children if operand.op == op else (operand,):
                if node.op == "bool" and node.value is absorbing:
                    return node
                if node.op != "bool":
                    flat[node.digest] = node
        if not flat:
            return self.truth(not absorbing)
        if len(flat) == 1:
            return next(iter(flat.values()))
        return self._node(op, (), tuple(flat[digest] for digest in sorted(flat)), "bool")

    def negation(self, of: Node) -> Node:
        """Return ``not``, pushed inwards as far as it goes."""
        known = self._negated.get(of.digest)
        if known is None:
            known = self._negated[of.digest] = self._negation(of)
        return known

    def _negation(self, of: Node) -> Node:
        if of.op == "bool":
            return self.truth(not of.value)
        if of.op == "not":
            return of.children[0]
        if of.op in ("and", "or"):
            return self.junction(_OPPOSITE[of.op], [self.negation(node) for node in of.children])
        if of.op in ("lt", "le"):
            return self._node(_OPPOSITE[of.op], (), of.children[::-1], "bool")
        if of.op in ("eq", "ne"):
            return self._node(_OPPOSITE[of.op], (), of.children, "bool")
        return self._node("not", (), (of,), "bool")

    def indicator(
        self, function: Function, inputs: Sequence[Node], given: Sequence[Node], output: str = ""
    ) -> Node:
        """Return an indicator over its inputs; `given` are its constants.

        One with several outputs is a node of its own until an `output` is named.
        """
        is_bound = all(node.op == "const" for node in given)
        extra_bars = function.lookback_bars(*[node.value for node in given]) if is_bound else 0
        # What names no series reads the bars themselves.
        dep = 0 if not inputs else self._latest(inputs)
        children = (*inputs, *given)
        attributes = (function.name, output) if output else (function.name,)
        kind: Kind = "num" if output else function.kind
        return self._node("ind", attributes, children, kind, extra_bars=extra_bars, dep=dep)

    def cross(self, direction: str, left: Node, right: Node) -> Node:
        """Return whether `left` has just come above (``over``) or below (``under``) `right`."""
        return self._node("cross", (direction,), (left, right), "bool", extra_bars=1)

    @staticmethod
    def _latest(children: Sequence[Node]) -> int | None:
        latest = None
        for node in children:
            if node.dep is not None and (latest is None or node.dep > latest):
                latest = node.dep
        return latest

    def _node(
        self,
        op: str,
        attributes: tuple[Any, ...],
        children: tuple[Node, ...],
        kind: Kind,
        *,
        extra_bars: int = 0,
        dep: int | str | None = "children",
    ) -> Node:
        if op in _COMMUTES:
            children = tuple(sorted(children, key=lambda node: node.digest))
        digests = tuple([node.digest for node in children])
        key = (op, attributes, digests)
        known = self._known.get(key)
        if known is not None:
            return known
        latest = self._latest(children) if isinstance(dep, str) else dep
        if latest is not None and latest > 0:
            raise InvariantError(f"a node of {op} would read {latest} bars ahead")
        lookback_bars = depth = 0
        for node in children:
            lookback_bars = max(lookback_bars, node.lookback_bars)
            depth = max(depth, node.depth)
        known = self._known[key] = Node(
            op,
            attributes,
            children,
            kind,
            extra_bars + lookback_bars,
            latest,
            1 + depth,
            _digest(op, attributes, digests),
        )
        return known


@lru_cache(maxsize=4096)
def _digest(op: str, attributes: tuple[Any, ...], children: tuple[str, ...]) -> str:
    """Return the SHA-256 of the canonical JSON of a node, names and digests needing no escapes."""
    read = '","'.join(children)
    listed = f'["{read}"]' if children else "[]"
    return sha256_hex(f'["{op}",{_stated(attributes)},{listed}]'.encode())


def _stated(attributes: tuple[Any, ...]) -> str:
    """Return the canonical JSON of attributes; most are names and counts, and need no writer."""
    if all(type(each) is str for each in attributes):
        names = '","'.join(attributes)
        return f'["{names}"]' if attributes else "[]"
    if len(attributes) == 1 and type(attributes[0]) is float:
        (value,) = attributes
        if value.is_integer() and abs(value) < 2**53:
            return f"[{int(value)}]"
    return jcs(list(attributes)).decode()


def _folded(operator: str, left: float, right: float) -> float:
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right
    return left * right if operator == "*" else left / right


def is_foldable(operator: str, left: Node, right: Node) -> bool:
    """Whether an operation has a value, as far as can be told before any bar is seen."""
    if left.op != "const" or right.op != "const":
        return True
    return math.isfinite(_folded(operator, left.value, right.value))


def spelled(node: Node, *, levels: int = 6) -> str:
    """Return a node as rule text, for messages; what lies deeper than `levels` is left out."""
    if levels == 0:
        return "…"
    inner = [spelled(child, levels=levels - 1) for child in node.children]
    if node.op in _NAMED:
        value = node.value
        return str(value).lower() if node.op == "bool" else _leaf(value)
    if node.op == "ind":
        picked = "".join(f".{output}" for output in node.attributes[1:])
        return f"{node.value}({', '.join(inner)}){picked}"
    if node.op in _PLAIN:
        return f"{node.op}({', '.join(inner)})"
    if node.op == "cross":
        return f"cross{node.value}({', '.join(inner)})"
    if node.op == "shift":
        return f"{inner[0]}[{inner[1]}]"
    if node.op in ("neg", "not"):
        return f"{'-' if node.op == 'neg' else 'not '}{inner[0]}"
    return "(" + f" {_SPELLING[node.op]} ".join(inner) + ")"


def _leaf(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:g}"


_NAMED: Final = frozenset({"const", "bool", "price", "series", "account", "param"})
_SPELLING: Final = {
    **{op: sign for sign, op in _ARITHMETIC.items()},
    "lt": "<",
    "le": "<=",
    "eq": "==",
    "ne": "!=",
    "and": "and",
    "or": "or",
}
