"""Swiss: everybody plays every round, against someone who has done about as well."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import Field

from simcore.tournaments.game import (
    DRAW,
    EXACT_TIE_POINTS,
    LOSS,
    WIN,
    Course,
    Finish,
    Format,
    Match,
    Results,
    Round,
    Start,
)
from simcore.tournaments.part import Part
from simcore.tournaments.ratings.bradley_terry import bradley_terry

MEETING_AGAIN: Final = 1e6
POINTS_APART: Final = 1e3  # for each squared point
ELO_APART: Final = 1e-2  # for each point of Elo
TIE_BREAK: Final = 1e-3  # all that the hashes may weigh
WHOLE: Final = 10**6  # costs are counted in millionths, so that sums of them are exact


class SwissOptions(Part):
    """Pairings by score.

    Args:
        rounds: How many; None: one more than halving the field to one takes.
        markets_per_round: Fresh markets each round is played on; None: all there are, shared out.
    """

    type: Literal["swiss"]
    rounds: Annotated[int, Field(ge=1, le=100)] | None = None
    markets_per_round: Annotated[int, Field(ge=1, le=100_000)] | None = None


@dataclass
class _Card:
    """What an entrant has done so far."""

    points: float = 0.0
    byes: int = 0
    met: dict[str, float] = field(default_factory=dict)
    opponents: list[str] = field(default_factory=list)
    means: list[float] = field(default_factory=list)


def n_rounds(options: SwissOptions, n_entrants: int) -> int:
    """Rounds that so many entrants play."""
    if n_entrants < 2:
        return 0
    return options.rounds or (n_entrants - 1).bit_length() + 1


def course(options: SwissOptions, start: Start) -> Course:
    """Rounds of the cheapest pairing of all, each on markets that no round before it has seen.

    A pairing costs a million for each two who have met before, a thousand for each squared point
    between two, the hundredth of their Elo difference, and less than a thousandth by their hashes,
    which parts equal pairings. A match won is a point, a draw half of one. Of an odd number the
    last who has not rested yet rests, for a point.

    Source:
        Edmonds (1965), "Maximum matching and a polyhedron with 0,1-vertices"; the pairing as a
        matching: Olafsson (1990), "Weighted matching in chess tournaments", JORS 41(1).
    """
    total = n_rounds(options, len(start.entrants))
    hand = options.markets_per_round or (len(start.deck) // total if total else 0)
    cards = {entrant: _Card() for entrant in start.entrants}
    for number in range(total):
        elo = _elo(cards)
        resting = _resting(cards, elo) if len(cards) % 2 else None
        playing = [entrant for entrant in cards if entrant != resting]
        matches = pairing(playing, cards, elo)
        markets = tuple(sorted(start.deck[number * hand : (number + 1) * hand]))
        byes = (resting,) if resting is not None else ()
        results = yield Round(matches, byes, markets, f"round {number + 1}")
        for entrant in byes:
            cards[entrant].points += WIN
            cards[entrant].byes += 1
        _enter(cards, results)
    return Finish(_places(cards), {"rounds": total}) if total else Finish()


def pairing(
    playing: list[str], cards: Mapping[str, _Card], elo: Mapping[str, float]
) -> tuple[Match, ...]:
    """Return the perfect matching of least cost; the only one, since hashes part equal costs."""
    import networkx as nx

    graph = nx.Graph()
    for a, b in combinations(sorted(playing), 2):
        cost = (
            MEETING_AGAIN * (b in cards[a].met)
            + POINTS_APART * (cards[a].points - cards[b].points) ** 2
            + ELO_APART * abs(elo[a] - elo[b])
            + TIE_BREAK * _chance(a, b)
        )
        graph.add_edge(a, b, weight=round(cost * WHOLE))
    matched = nx.min_weight_matching(graph)
    return tuple(sorted(Match(*sorted(pair)) for pair in matched))


def _chance(a: str, b: str) -> float:
    """A number from 0 to 1 that belongs to the pair alone."""
    digest = hashlib.sha256(f"swiss-v1:{a}:{b}".encode()).digest()
    return int.from_bytes(digest[:6], "little") / 2**48


def _elo(cards: Mapping[str, _Card]) -> dict[str, float]:
    """Ratings of the matches so far."""
    names = list(cards)
    wins = np.zeros((len(names), len(names)))
    for i, name in enumerate(names):
        for opponent, won in cards[name].met.items():
            wins[i, names.index(opponent)] = won
    if not wins.any():
        return dict.fromkeys(names, 0.0)
    return dict(zip(names, bradley_terry(wins).elo.tolist(), strict=True))


def _resting(cards: Mapping[str, _Card], elo: Mapping[str, float]) -> str:
    """The lowest of those who have rested least."""
    least = min(card.byes for card in cards.values())
    fresh = [name for name in cards if cards[name].byes == least]
    return min(fresh, key=lambda name: (cards[name].points, elo[name], name))


def _enter(cards: Mapping[str, _Card], results: Results) -> None:
    for (a, b), result in results.items():
        margin = result.margin
        won = DRAW if abs(margin) <= EXACT_TIE_POINTS else WIN if margin > 0.0 else LOSS
        sides = ((a, b, won, result.mean_a), (b, a, WIN - won, result.mean_b))
        for name, opponent, share, mean in sides:
            card = cards[name]
            card.points += share
            card.means.append(mean)
            card.opponents.append(opponent)
            card.met[opponent] = card.met.get(opponent, 0.0) + share


def _places(cards: Mapping[str, _Card]) -> tuple[tuple[str, ...], ...]:
    """Entrants by points, Buchholz without the weakest opponent, Sonneborn-Berger, mean score.

    Whoever met the same twice has two opponents in it, and a rest is an opponent without points:
    it is the weakest, which goes first, so that nobody has one fewer than the others to count.
    """

    def key(name: str) -> tuple[float, ...]:
        card = cards[name]
        met = [cards[other].points for other in card.opponents]
        opponents = sorted([*[0.0] * card.byes, *met])
        buchholz = sum(opponents[1:])
        berger = sum(won * cards[other].points for other, won in card.met.items())
        mean = math.fsum(card.means) / len(card.means) if card.means else 0.0
        return (-card.points, -buchholz, -berger, -mean)

    groups: dict[tuple[float, ...], list[str]] = {}
    for name in sorted(cards):
        groups.setdefault(key(name), []).append(name)
    return tuple(tuple(groups[each]) for each in sorted(groups))


SWISS = Format(
    name="swiss",
    meaning="Everybody plays every round, against someone with about as many points.",
    source="minimum-cost perfect matching; Olafsson (1990), JORS 41(1)",
    options=SwissOptions,
    course=course,
    fewest_markets=lambda options, n: n_rounds(options, n) * (options.markets_per_round or 1),
)
