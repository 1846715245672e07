"""Two courses of decisions side by side, and the first place where they part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any


@dataclass(frozen=True)
class Decision:
    """One thing that a run did.

    Args:
        ts: When, ns UTC.
        bar: Bar of it, from zero; None where there are no bars.
        identity: What is compared.
        told: What is shown of it; JSON values.
    """

    ts: int
    bar: int | None
    identity: tuple[Any, ...]
    told: Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """The first place where two runs part.

    Args:
        level: What of them was compared.
        ts: When the earlier of both acted, ns UTC.
        bar: Bar of it; None where there are no bars.
        first: What the first run did there; None for nothing.
        second: What the second did there.
        n_alike: Decisions before it that both took alike.
    """

    level: str
    ts: int
    bar: int | None
    first: Mapping[str, Any] | None
    second: Mapping[str, Any] | None
    n_alike: int

    def as_json(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        sides = {name: None if side is None else dict(side) for name, side in self.sides()}
        return {
            "level": self.level,
            "bar": self.bar,
            "ts": self.ts,
            "n_alike": self.n_alike,
            **sides,
        }

    def sides(self) -> tuple[tuple[str, Mapping[str, Any] | None], ...]:
        """Return what both did, by the name of the side."""
        return (("first", self.first), ("second", self.second))


def parting(level: str, first: Sequence[Decision], second: Sequence[Decision]) -> Difference | None:
    """Return where two courses part; None where they are the same.

    Args:
        level: What they are.
        first: In the order of time.
        second: The same of the other run.

    Returns:
        Where one decides earlier than the other, the other did nothing at that moment.
    """
    for n_alike, (one, other) in enumerate(zip_longest(first, second)):
        if one is not None and other is not None and one.identity == other.identity:
            continue
        both = [each for each in (one, other) if each is not None]
        ts = min(each.ts for each in both)
        bar = next(each.bar for each in both if each.ts == ts)
        told = [each.told if each is not None and each.ts == ts else None for each in (one, other)]
        return Difference(level, ts, bar, told[0], told[1], n_alike)
    return None
