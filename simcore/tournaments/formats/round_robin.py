"""Round robin: everyone meets everyone once."""

from __future__ import annotations

from typing import Literal

from simcore.tournaments.game import Course, Finish, Format, Match, Round, Start
from simcore.tournaments.part import Part


class RoundRobinOptions(Part):
    """Everyone meets everyone once, on every market."""

    type: Literal["round_robin"]


def course(_: RoundRobinOptions, start: Start) -> Course:
    """Rounds by the circle method.

    The first of the sorted entrants stays, the others turn by one place a round; of an odd number
    one rests, and nobody gains by it, for all rest once.

    Source:
        Lucas (1883), "Recreations mathematiques", vol. 2, the walks of the boarders.
    """
    circle: list[str | None] = [*start.entrants]
    if len(circle) % 2 == 1:
        circle.append(None)
    for n_turns in range(len(circle) - 1 if len(start.entrants) > 1 else 0):
        others = circle[1:]
        turned = others[len(others) - n_turns :] + others[: len(others) - n_turns]
        seats = [circle[0], *turned]
        met = zip(seats[: len(seats) // 2], reversed(seats[len(seats) // 2 :]), strict=True)
        matches = sorted(Match(*sorted((a, b))) for a, b in met if a is not None and b is not None)
        yield Round(tuple(matches), stage=f"round {n_turns + 1}")
    return Finish()


ROUND_ROBIN = Format(
    name="round_robin",
    meaning="Everyone meets everyone once, on every market both have run on.",
    source="circle method: Lucas (1883), Recreations mathematiques, vol. 2",
    options=RoundRobinOptions,
    course=course,
    fewest_markets=lambda _options, _n_entrants: 1,
)
