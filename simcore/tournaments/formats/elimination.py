"""Elimination: who loses is out; in the double form, who loses twice.

The least reliable format for each market used: the winner of a cup is often not the best entrant.
Standings therefore rank by score whatever the bracket said.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

from pydantic import Field

from simcore.errors import InvariantError
from simcore.tournaments.game import (
    EXACT_TIE_POINTS,
    Course,
    Finish,
    Format,
    Match,
    Results,
    Round,
    Start,
)
from simcore.tournaments.part import Part

EXTRA_ROUNDS: Final = 2  # fresh markets that may part two who are level

Seat = str | None
"""An entrant of the bracket; None: an empty seat, whose opponent goes on."""


class EliminationOptions(Part):
    """A bracket.

    Args:
        double: Whether only the second loss is the last.
        markets_per_round: Fresh markets each round is played on; None: all there are, shared out.
        seeded_by: Id of an earlier tournament whose ratings seed; None: a qualifier does.
    """

    type: Literal["elimination"]
    double: bool = False
    markets_per_round: Annotated[int, Field(ge=1, le=100_000)] | None = None
    # Absent it is left out, so that the hash of a document that does not say it stays as it was.
    seeded_by: Annotated[
        str | None, Field(min_length=1, max_length=64, exclude_if=lambda name: name is None)
    ] = None


@dataclass
class _Table:
    """The markets that are left, and what is to be told at the end."""

    deck: list[int]
    hand: int
    seeding: dict[str, int]
    n_planned: int
    by_seed: list[str] = field(default_factory=list)

    def deal(self) -> tuple[int, ...]:
        """Fresh markets for one round."""
        dealt, self.deck = self.deck[: self.hand], self.deck[self.hand :]
        return tuple(sorted(dealt))

    def can_part(self) -> bool:
        """Whether a hand is left beside those that the rounds to come may take."""
        return len(self.deck) >= (self.n_planned + 1) * self.hand


def bracket(n_seats: int) -> list[int]:
    """Seed of each seat of a bracket: 1, 8, 4, 5, 2, 7, 3, 6 for eight.

    The two best can meet in the final only, the four best in the semi-finals only, and so on.

    Args:
        n_seats: A power of two.
    """
    seats = [1]
    while len(seats) < n_seats:
        last = 2 * len(seats) + 1
        halves = [(seed, last - seed) for seed in seats]
        seats = [seed for pair in halves for seed in pair]
    return seats


def n_rounds(n_entrants: int, *, is_double: bool) -> int:
    """Most rounds of matches a bracket of so many takes, without qualifier and extra rounds."""
    n_winners = max(n_entrants - 1, 0).bit_length()
    if not is_double or n_entrants < 2:
        return n_winners
    # Two rounds of the losers for each of the winners after the first, and a final of two legs.
    return n_winners + 2 * (n_winners - 1) + 2


def fewest_markets(options: EliminationOptions, n_entrants: int) -> int:
    """One hand for the qualifier, each round, and each round that parts two who are level."""
    hands = 1 + n_rounds(n_entrants, is_double=options.double) + EXTRA_ROUNDS
    return hands * (options.markets_per_round or 1)


def course(options: EliminationOptions, start: Start) -> Course:
    """Rounds of a bracket, each on markets that no round before it has seen.

    Seeds are the prior ratings; where one is missing, a qualifier of all against all on a hand of
    markets seeds everybody. Top seeds get the byes. A match goes to the better mean difference;
    who is level after two extra rounds, or has no markets left for one, yields to the higher seed.
    """
    if len(start.entrants) < 2:
        return Finish()
    n_planned = n_rounds(len(start.entrants), is_double=options.double)
    hands = 1 + n_planned + EXTRA_ROUNDS
    hand = options.markets_per_round or len(start.deck) // hands
    table = _Table(list(start.deck), hand, {}, n_planned)
    seeds = yield from _seeds(start, table)
    table.seeding.update({entrant: place for place, entrant in enumerate(seeds)})
    n_seats = 1 << (len(seeds) - 1).bit_length()
    seats: list[Seat] = [*seeds, *([None] * (n_seats - len(seeds)))]
    drawn = [seats[seed - 1] for seed in bracket(n_seats)]
    if options.double:
        places = yield from _double(drawn, table)
    else:
        places = yield from _single(drawn, table)
    facts = {"winner": places[0][0], "decided_by_seed": " ".join(table.by_seed)}
    return Finish(tuple(tuple(sorted(group)) for group in places if group), facts)


def _seeds(start: Start, table: _Table) -> Generator[Round, Results, list[str]]:
    prior = start.prior
    if all(entrant in prior for entrant in start.entrants):
        return sorted(start.entrants, key=lambda entrant: (-prior[entrant], entrant))
    pairs = [Match(a, b) for i, a in enumerate(start.entrants) for b in start.entrants[i + 1 :]]
    results = yield Round(tuple(pairs), markets=table.deal(), stage="qualifier")
    # Mean differences to all others order entrants as their mean scores do.
    lead = dict.fromkeys(start.entrants, 0.0)
    for (a, b), result in results.items():
        lead[a] += result.margin
        lead[b] -= result.margin
    return sorted(start.entrants, key=lambda entrant: (-lead[entrant], entrant))


def _single(
    drawn: Sequence[Seat], table: _Table
) -> Generator[Round, Results, list[tuple[str, ...]]]:
    left, places = list(drawn), list[tuple[str, ...]]()
    while len(left) > 1:
        left, lost = yield from _played(left, table, f"last {len(left)}")
        places.insert(0, tuple(each for each in lost if each is not None))
    return [(_named(left[0]),), *places]


def _double(
    drawn: Sequence[Seat], table: _Table
) -> Generator[Round, Results, list[tuple[str, ...]]]:
    winners, lost = yield from _played(list(drawn), table, f"winners, last {len(drawn)}")
    losers, places = lost, list[tuple[str, ...]]()
    while len(winners) > 1 or len(losers) > 1:
        if len(losers) > len(winners) // 2:
            losers, out = yield from _played(losers, table, f"losers, last {len(losers)}")
            places.insert(0, tuple(each for each in out if each is not None))
        if len(winners) > 1:
            winners, lost = yield from _played(winners, table, f"winners, last {len(winners)}")
            # Who has just lost meets those from the other half first.
            mixed = [seat for pair in zip(losers, reversed(lost), strict=True) for seat in pair]
            losers, out = yield from _played(mixed, table, f"losers, last {len(mixed)}")
            places.insert(0, tuple(each for each in out if each is not None))
    unbeaten, other = winners[0], losers[0]
    if unbeaten is None or other is None:
        return [(_named(unbeaten or other),), *places]
    first, _ = yield from _played([unbeaten, other], table, "final")
    if first[0] != unbeaten:
        first, _ = yield from _played([unbeaten, other], table, "final, second leg")
    winner = _named(first[0])
    return [(winner,), (other if winner == unbeaten else unbeaten,), *places]


def _played(
    seats: list[Seat], table: _Table, stage: str
) -> Generator[Round, Results, tuple[list[Seat], list[Seat]]]:
    """Winner and loser of each pair of seats; beside an empty seat one goes on unplayed."""
    pairs = list(zip(seats[::2], seats[1::2], strict=True))
    winners = [a if b is None else b for a, b in pairs]
    matches = {at: Match(*sorted((a, b))) for at, (a, b) in enumerate(pairs) if a and b}
    byes = tuple(sorted(a or b or "" for a, b in pairs if (a is None) != (b is None)))
    open_matches = dict(matches)
    markets = table.deal() if matches else ()
    table.n_planned -= bool(matches)
    for extra in range(EXTRA_ROUNDS + 1):
        if not open_matches:
            break
        if extra:
            if not table.can_part():
                break
            markets = table.deal()
        name = f"{stage}, extra {extra}" if extra else stage
        asked = tuple(sorted(open_matches.values()))
        results = yield Round(asked, byes if extra == 0 else (), markets, name)
        for at, match in list(open_matches.items()):
            margin = results[match].margin
            if abs(margin) > EXACT_TIE_POINTS:
                winners[at] = match.entry_a if margin > 0.0 else match.entry_b
                del open_matches[at]
    for at, match in open_matches.items():
        winners[at] = min(match, key=table.seeding.__getitem__)
        table.by_seed.append(f"{match.entry_a}:{match.entry_b}")
    losers: list[Seat] = [
        (b if winners[at] == a else a) if at in matches else None for at, (a, b) in enumerate(pairs)
    ]
    return winners, losers


def _named(seat: Seat) -> str:
    if seat is None:  # every half of a bracket has an entrant, for there are at least two
        raise InvariantError("a bracket ended without a winner")
    return seat


ELIMINATION = Format(
    name="elimination",
    meaning="Who loses a match is out, or who loses two; every round on markets of its own.",
    source="standard seeded bracket; double form: two losses",
    options=EliminationOptions,
    course=course,
    fewest_markets=fewest_markets,
)
