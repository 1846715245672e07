"""What can be proven about conditions: never true, always true, one implies the other.

A condition becomes alternatives, each of which confines some measured quantities to intervals. A
quantity is one side of a comparison with a constant, or the difference of two series. Everything
said here is a proof; where there is none, nothing is said.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from simcore.strategy.functions import bounds
from simcore.strategy.nodes import Node, spelled

TERMS_MAX: Final = 64
_EFFORT_MAX: Final = 20_480
# Two terms become one, or one is found to lie in the other.
_JOINING, _CONTAINING = 4, 1
MEETING: Final = 16
"""What it takes to look at two conditions at all."""


@dataclass(slots=True)
class Effort:
    """How much may still be tried to prove one kind of thing of one document.

    It is enough to spell out two conditions of `TERMS_MAX` alternatives, to look whether one lies
    in the other, and to join every pair, whatever they are.
    """

    n_left: int = _EFFORT_MAX

    def is_spent(self, n: int) -> bool:
        """Take `n` of what is left; whether that is more than there was."""
        self.n_left -= n
        return self.n_left < 0


class Interval(NamedTuple):
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

Joined = dict[str, tuple[Quantity, Interval]]
"""A term that others are still added to."""

Indexed = dict[str | None, list[Term]]
"""Terms by one of the quantities that each confines."""

_ZERO: Final = Interval(0.0, 0.0)
_ONE: Final = Interval(1.0, 1.0)
_NEGATED: Final = {"lt": "ge", "le": "gt", "eq": "ne", "ne": "eq"}
_FLIPPED: Final = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}

# Where the columns of the bars lie whatever the market does; of what is computed the engine tells.
_PRICES: Final[Mapping[str, Interval]] = {
    **{field: Interval(low=0.0, is_low_open=True) for field in ("open", "high", "low", "close")},
    "volume": Interval(low=0.0),
}


def alternatives(condition: Node, effort: Effort, *, is_negated: bool = False) -> list[Term] | None:
    """Return the ways in which a condition can be true; none means never, None too many to tell.

    Args:
        condition: What is looked at.
        effort: Is taken from.
        is_negated: Whether the ways in which it can be false are meant instead.
    """
    match condition.op:
        case "bool":
            return [{}] if condition.value is not is_negated else []
        case "or" | "and" as op:
            if (op == "or") is is_negated:
                return _product(condition.children, effort, is_negated=is_negated)
            terms: list[Term] = []
            for child in condition.children:
                inner = alternatives(child, effort, is_negated=is_negated)
                if inner is None or len(terms) + len(inner) > TERMS_MAX:
                    return None
                terms += inner
            return terms
        case _:
            if effort.is_spent(_JOINING):
                return None
            atoms = _atoms(condition, is_negated=is_negated)
            return [term for atom in atoms if (term := _confined(atom)) is not None]


def by_quantity(terms: Iterable[Term]) -> Indexed:
    """Return terms by one of the quantities that each confines, None where it confines none."""
    found: Indexed = {}
    for term in terms:
        found.setdefault(next(iter(term), None), []).append(term)
    return found


def is_implied(narrow: Iterable[Term], wide: Indexed, effort: Effort) -> bool:
    """Whether each alternative of `narrow` lies in one of `wide`; no, if that takes too long."""
    for term in narrow:
        # What confines a quantity that the term leaves free cannot contain it.
        if None not in wide and wide.keys().isdisjoint(term):
            return False
        near = [other for key in (None, *term) for other in wide.get(key, ())]
        if effort.is_spent(_CONTAINING * (1 + len(near))):
            return False
        if not any(_lies_in(term, other) for other in near):
            return False
    return True


def overlap(left: Iterable[Term], right: list[Term], effort: Effort) -> Term | None:
    """Return an example of both being true; None if that is impossible or not known."""
    for one in left:
        for other in right:
            if effort.is_spent(_JOINING):
                return None
            both = _together(one, other)
            if both is not None:
                return both
    return None


def _product(children: Iterable[Node], effort: Effort, *, is_negated: bool) -> list[Term] | None:
    terms: list[Joined] = [{}]
    for child in children:
        inner = alternatives(child, effort, is_negated=is_negated)
        if inner is None or effort.is_spent(_JOINING * (len(inner) * len(terms) - 1)):
            return None
        if len(inner) == len(terms) == 1:
            if not _is_joined(terms[0], inner[0]):
                return []
            continue
        joined = (_together(one, other) for one in terms for other in inner)
        terms = [term for term in joined if term is not None]
        if len(terms) > TERMS_MAX:
            return None
    return [*terms]


def _together(one: Term, other: Term) -> Joined | None:
    """Return both terms as one; None if they exclude each other."""
    result = dict(one)
    return result if _is_joined(result, other) else None


def _is_joined(result: Joined, other: Term) -> bool:
    """Add what `other` says to `result`; whether they do not exclude each other."""
    for key, confined in other.items():
        before = result.get(key)
        if before is not None:
            quantity, interval = confined
            confined = quantity, interval.meet(before[1])
            if confined[1].is_empty:
                return False
        result[key] = confined
    return True


def _confined(atom: Term) -> Term | None:
    """Return what an atom says beyond what holds anyway; None if that is never so."""
    result = {}
    for key, (quantity, interval) in atom.items():
        known = _known(quantity)
        met = interval.meet(known)
        if met.is_empty:
            return None
        if met != known:
            result[key] = (quantity, met)
    return result


def _lies_in(term: Term, other: Term) -> bool:
    return all(
        key in term and interval.contains(term[key][1]) for key, (_, interval) in other.items()
    )


def example(term: Term) -> str:
    """Return a way of being true as text."""
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


def _atoms(atom: Node, *, is_negated: bool) -> list[Term]:
    """Return a comparison or a crossing as intervals; two terms where one interval is not enough.

    A crossing upwards says two things: that it happened, and that one is now above the other.
    """
    if atom.op == "not":
        (inner,) = atom.children
        return _atoms(inner, is_negated=not is_negated)
    left, right = atom.children
    if atom.op == "cross":
        if is_negated:
            return [{atom.digest: ((atom,), _ZERO)}]
        side = _compared(left, right, "lt" if atom.value == "under" else "gt")
        return [{atom.digest: ((atom,), _ONE), **side}]
    op = _NEGATED[atom.op] if is_negated else atom.op
    if op == "ne":
        return [_compared(left, right, "lt"), _compared(left, right, "gt")]
    return [_compared(left, right, op)]


def _compared(left: Node, right: Node, op: str) -> Term:
    if left.op == "const" or (right.op != "const" and left.digest > right.digest):
        left, right = right, left
        op = _FLIPPED.get(op, op)
    if right.op == "const":
        quantity: Quantity = (left,)
        bound = right.value
    else:
        quantity, bound = (left, right), 0.0
    interval = _INTERVALS[op](bound)
    return {" ".join(node.digest for node in quantity): (quantity, interval)}


_INTERVALS: Final[Mapping[str, Callable[[float], Interval]]] = {
    "lt": lambda bound: Interval(-math.inf, bound, False, True),
    "le": lambda bound: Interval(-math.inf, bound),
    "gt": lambda bound: Interval(bound, math.inf, True),
    "ge": lambda bound: Interval(bound),
    "eq": lambda bound: Interval(bound, bound),
}


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
