"""What can be proven about conditions: never true, always true, one implies the other.

A condition becomes alternatives, each of which confines some measured quantities to intervals. A
quantity is one side of a comparison with a constant, or the difference of two series. Everything
said here is a proof; where there is none, nothing is said.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from simcore.strategy.functions import bounds
from simcore.strategy.nodes import Node, spelled

TERMS_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Interval:
    """Numbers from `low` to `high`, each end included unless it is open."""

    low: float = -math.inf
    high: float = math.inf
    is_low_open: bool = False
    is_high_open: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether no number lies inside."""
        return self.low > self.high or (
            self.low == self.high and (self.is_low_open or self.is_high_open)
        )

    def meet(self, other: Interval) -> Interval:
        """Return what lies in both."""
        low, is_low_open = max((self.low, self.is_low_open), (other.low, other.is_low_open))
        high, is_high_closed = min(
            (self.high, not self.is_high_open), (other.high, not other.is_high_open)
        )
        return Interval(low, high, is_low_open, not is_high_closed)

    def contains(self, other: Interval) -> bool:
        """Whether all of `other` lies inside."""
        return self.meet(other) == other

    def __str__(self) -> str:
        """`[20, 30)`."""
        left = "(" if self.is_low_open or math.isinf(self.low) else "["
        right = ")" if self.is_high_open or math.isinf(self.high) else "]"
        return f"{left}{self.low:g}, {self.high:g}{right}"


Quantity = tuple[Node, ...]
"""One node, or two whose difference is meant."""

Term = Mapping[str, tuple[Quantity, Interval]]
"""Intervals that hold together, by quantity."""

_ZERO: Final = Interval(0.0, 0.0)
_ONE: Final = Interval(1.0, 1.0)
_FLIPPED: Final = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}

# Where the columns of the bars lie whatever the market does; of what is computed the engine tells.
_PRICES: Final[Mapping[str, Interval]] = {
    **{field: Interval(low=0.0, is_low_open=True) for field in ("open", "high", "low", "close")},
    "volume": Interval(low=0.0),
}


def alternatives(condition: Node) -> list[Term] | None:
    """Return the ways in which a condition can be true; none means never, None too many to tell."""
    match condition.op:
        case "bool":
            return [{}] if condition.value else []
        case "or":
            terms: list[Term] = []
            for child in condition.children:
                inner = alternatives(child)
                if inner is None:
                    return None
                terms += inner
            return terms if len(terms) <= TERMS_MAX else None
        case "and":
            return _product(condition.children)
        case _:
            atoms = _atoms(condition)
            return [term for atom in atoms if (term := _together({}, atom)) is not None]


def is_implied(narrow: Iterable[Term], wide: list[Term]) -> bool:
    """Whether each alternative of `narrow` lies inside one of `wide`."""
    return all(any(_lies_in(term, other) for other in wide) for term in narrow)


def overlap(left: Iterable[Term], right: list[Term]) -> str | None:
    """Return an example of both being true, as text; None if that is impossible."""
    for one in left:
        for other in right:
            both = _together(one, other)
            if both is not None:
                return _example(both)
    return None


def _product(children: Iterable[Node]) -> list[Term] | None:
    terms: list[Term] = [{}]
    for child in children:
        inner = alternatives(child)
        if inner is None or len(inner) * len(terms) > TERMS_MAX * TERMS_MAX:
            return None
        joined = (_together(one, other) for one in terms for other in inner)
        terms = [term for term in joined if term is not None]
        if len(terms) > TERMS_MAX:
            return None
    return terms


def _together(one: Term, other: Term) -> Term | None:
    """Return both terms as one, without what holds anyway; None if they exclude each other."""
    result = dict(one)
    for key, (quantity, interval) in other.items():
        known = _known(quantity)
        met = interval.meet(result[key][1] if key in result else known)
        if met.is_empty:
            return None
        if met != known:
            result[key] = (quantity, met)
    return result


def _lies_in(term: Term, other: Term) -> bool:
    return all(
        key in term and interval.contains(term[key][1]) for key, (_, interval) in other.items()
    )


def _example(term: Term) -> str:
    parts = []
    for quantity, interval in term.values():
        if quantity[0].kind == "bool":
            parts.append(
                spelled(quantity[0]) if interval == _ONE else f"not {spelled(quantity[0])}"
            )
        else:
            name = " - ".join(spelled(node, levels=3) for node in quantity)
            parts.append(f"{name} in {interval}")
    return " and ".join(parts) or "any bar"


def _atoms(atom: Node) -> list[Term]:
    """Return a comparison or a crossing as intervals; two terms where one interval is not enough.

    A crossing upwards says two things: that it happened, and that one is now above the other.
    """
    if atom.op == "not":
        (inner,) = atom.children
        return [{inner.digest: ((inner,), _ZERO)}]
    left, right = atom.children
    if atom.op == "cross":
        side = _compared(left, right, "lt" if atom.value == "under" else "gt")
        return [{atom.digest: ((atom,), _ONE), **side}]
    if atom.op == "ne":
        return [_compared(left, right, "lt"), _compared(left, right, "gt")]
    return [_compared(left, right, atom.op)]


def _compared(left: Node, right: Node, op: str) -> Term:
    if left.op == "const" or (right.op != "const" and left.digest > right.digest):
        left, right = right, left
        op = _FLIPPED.get(op, op)
    if right.op == "const":
        quantity: Quantity = (left,)
        bound = right.value
    else:
        quantity, bound = (left, right), 0.0
    interval = {
        "lt": Interval(high=bound, is_high_open=True),
        "le": Interval(high=bound),
        "gt": Interval(low=bound, is_low_open=True),
        "ge": Interval(low=bound),
        "eq": Interval(bound, bound),
    }[op]
    return {" ".join(node.digest for node in quantity): (quantity, interval)}


def _known(quantity: Quantity) -> Interval:
    """Return the widest interval a quantity can be found in."""
    if len(quantity) == 2:
        return _ZERO if quantity[0] is quantity[1] else Interval()
    return _range(quantity[0])


def _range(node: Node) -> Interval:
    """Return where the values of one node lie, as far as that is known."""
    if node.kind == "bool":
        return Interval(0.0, 1.0)
    is_average = False
    while node.op == "shift" or _is_within_input(node):
        is_average = is_average or node.op == "ind"
        node = node.children[0]
    known = _known_range(node)
    # An average of what is positive may round to zero, so its ends are closed.
    return Interval(known.low, known.high) if is_average else known


def _is_within_input(node: Node) -> bool:
    row = bounds().get((node.op, *node.attributes)) if node.op == "ind" else None
    return row is not None and row["is_within_input"]


def _known_range(node: Node) -> Interval:
    match node.op:
        case "const":
            return Interval(node.value, node.value)
        case "price":
            return _PRICES[node.value]
        case "ind" | "series" | "account":
            row = bounds()[(node.op, *node.attributes)]
            low, high = row["low"], row["high"]
            return Interval(-math.inf if low is None else low, math.inf if high is None else high)
        case "abs" | "sqrt" | "exp":
            return Interval(low=0.0)
        case "min" | "max":
            one, other = (_range(child) for child in node.children)
            pick = min if node.op == "min" else max
            return Interval(pick(one.low, other.low), pick(one.high, other.high))
        case _:
            return Interval()
