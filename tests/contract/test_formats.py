"""What every tournament format must do, over the table of formats."""

from __future__ import annotations

import pytest

from simcore.tournaments.formats import FORMATS
from simcore.tournaments.game import Format, Match, Result

MOST_ROUNDS = 200


def played_out(row: Format, entrants: tuple[str, ...]) -> list[tuple[Match, ...]]:
    """Every round, with results that are a function of the names alone."""
    history: list[Result] = []
    rounds: list[tuple[Match, ...]] = []
    while matches := row.pair(entrants, tuple(history)):
        for a, b in matches:
            points_a = 2.0 if a < b else 1.0
            history.append(Result(len(rounds), a, b, points_a, 3.0 - points_a))
        rounds.append(matches)
        assert len(rounds) <= MOST_ROUNDS, f"{row.name} does not end"
    return rounds


@pytest.mark.parametrize("row", FORMATS.values(), ids=lambda row: row.name)
class TestEveryFormat:
    def test_stands_in_the_table_under_its_name_with_meaning_and_source(self, row: Format) -> None:
        assert FORMATS[row.name] is row
        assert row.meaning.endswith(".") and row.source

    @pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 8, 13])
    def test_ends_and_plays_whenever_two_can_meet(self, row: Format, n: int) -> None:
        rounds = played_out(row, tuple(f"e{i}" for i in range(n)))
        assert bool(rounds) == (n >= 2)

    def test_nobody_meets_itself_or_a_stranger(self, row: Format) -> None:
        entrants = tuple(f"e{i}" for i in range(7))
        for matches in played_out(row, entrants):
            for a, b in matches:
                assert a != b
                assert a in entrants and b in entrants

    def test_nobody_plays_twice_in_a_round(self, row: Format) -> None:
        for matches in played_out(row, tuple(f"e{i}" for i in range(9))):
            seated = [entrant for match in matches for entrant in match]
            assert len(seated) == len(set(seated))

    def test_everybody_plays(self, row: Format) -> None:
        entrants = tuple(f"e{i}" for i in range(6))
        rounds = played_out(row, entrants)
        assert {e for matches in rounds for match in matches for e in match} == set(entrants)

    def test_the_same_call_gives_the_same_round(self, row: Format) -> None:
        entrants = ("c", "a", "d", "b")
        history: list[Result] = []
        for round_index in range(MOST_ROUNDS):
            matches = row.pair(entrants, tuple(history))
            assert matches == row.pair(entrants, tuple(history))
            if not matches:
                break
            history += [Result(round_index, a, b, 1.0, 0.0) for a, b in matches]
        assert history


def test_the_order_of_entrants_does_not_change_a_round_robin() -> None:
    row = FORMATS["round_robin"]
    names = ("a", "b", "c", "d", "e")
    assert played_out(row, names) == played_out(row, names[::-1])
    assert played_out(row, names) == played_out(row, ("c", "a", "e", "b", "d"))
