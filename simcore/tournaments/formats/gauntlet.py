"""Gauntlet: challengers meet everybody, and the others do not meet each other."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from simcore.tournaments.game import Course, Finish, Format, Match, Round, Start
from simcore.tournaments.part import Part


class GauntletOptions(Part):
    """Who runs it.

    Args:
        challengers: Strategy ids, each of them one of the entries.
    """

    type: Literal["gauntlet"]
    challengers: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=64)], ...],
        Field(min_length=1, max_length=1_000),
    ]

    @field_validator("challengers")
    @classmethod
    def _each_once(cls, ids: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({each for each in ids if ids.count(each) > 1})
        if twice:
            raise PydanticCustomError(
                "DUPLICATE", "got {twice} twice, expected each id once", {"twice": ", ".join(twice)}
            )
        return ids


def course(_: GauntletOptions, start: Start) -> Course:
    """One round a challenger, in the order of the hashes, on every market.

    Two challengers meet once, in the round of the first. It takes a match for each other entrant
    where all against all would take one for each pair; places follow the scores, which rest on all
    markets for everybody.
    """
    if len(start.entrants) < 2:
        return Finish()
    challengers = sorted({*start.challengers} & {*start.entrants})
    for number, challenger in enumerate(challengers, start=1):
        others = [each for each in start.entrants if each not in challengers[:number]]
        matches = sorted(Match(*sorted((challenger, other))) for other in others)
        if matches:
            yield Round(tuple(matches), stage=f"challenger {number}")
    return Finish(facts={"challengers": " ".join(challengers)})


GAUNTLET = Format(
    name="gauntlet",
    meaning="Each challenger meets everybody once, on every market both have run on.",
    source="chess engine testing: one new version against many opponents",
    options=GauntletOptions,
    course=course,
    fewest_markets=lambda _options, _n_entrants: 1,
)
