"""Round robin: everyone meets everyone once."""

from __future__ import annotations

from collections.abc import Sequence

from simcore.tournaments.game import Format, Match, Result, Round


def pair(entrants: Sequence[str], history: Sequence[Result]) -> Round:
    """Return the next round by the circle method, or nothing when all have met.

    The first of the sorted entrants stays, the others turn by one place a round; of an odd number
    one rests. Sorting makes the rounds independent of the order in which entrants are given.

    Args:
        entrants: Names, each once.
        history: Every result so far.

    Source:
        Lucas (1883), "Recreations mathematiques", vol. 2, the walks of the boarders.
    """
    circle: list[str | None] = [*sorted(entrants)]
    if len(circle) % 2 == 1:
        circle.append(None)
    round_index = 1 + max((result.round_index for result in history), default=-1)
    if len(circle) < 2 or round_index >= len(circle) - 1:
        return ()
    turned = circle[1:]
    turned = turned[len(turned) - round_index :] + turned[: len(turned) - round_index]
    seats = [circle[0], *turned]
    met = zip(seats[: len(seats) // 2], reversed(seats[len(seats) // 2 :]), strict=True)
    return tuple(sorted(Match(*sorted((a, b))) for a, b in met if a is not None and b is not None))


ROUND_ROBIN = Format(
    name="round_robin",
    meaning="Everyone meets everyone once, on every market both have run on.",
    source="circle method: Lucas (1883), Recreations mathematiques, vol. 2",
    pair=pair,
)
