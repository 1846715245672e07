"""What every tournament format must do, over the table of formats."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, get_args

import pytest
from courses import by_name, played_out, start

from simcore.tournaments.document import FormatOptions
from simcore.tournaments.formats import FORMATS
from simcore.tournaments.game import Finish, Format, Start, next_round
from simcore.tournaments.part import Part

OPTIONS: dict[str, list[dict[str, Any]]] = {
    "round_robin": [{}],
    "gauntlet": [{"challengers": ("e00",)}, {"challengers": ("e01", "e00", "e04")}],
    "elimination": [{}, {"double": True}, {"markets_per_round": 2}],
    "swiss": [{}, {"rounds": 3}],
    "race": [{}, {"batch_markets": 7}],
    "sprt": [{"champion": "e00"}, {"champion": "e01", "model": "wdl", "high": 20.0}],
}
CASES = [
    pytest.param(row, {"type": name, **options}, id=f"{name}-{at}")
    for name, row in FORMATS.items()
    for at, options in enumerate(OPTIONS[name])
]


def begun(row: Format, n: int, options: dict[str, Any] | None = None) -> Start:
    """A start that suits the format: a test has two entrants, of whom one defends."""
    if row.name == "sprt":
        return start(min(n, 2), champion="e00" if n else None)
    names = start(n).entrants
    asked = (options or {}).get("challengers", ())
    return start(n, challengers=tuple(each for each in asked if each in names))


@pytest.mark.parametrize(("row", "options"), CASES)
class TestEveryFormat:
    def test_stands_in_the_table_under_its_name_with_meaning_and_source(
        self, row: Format, options: dict[str, Any]
    ) -> None:
        assert FORMATS[row.name] is row
        assert row.meaning.endswith(".") and row.source
        assert row.options(**options).type == row.name  # type: ignore[attr-defined]

    @pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 8, 13, 60])
    def test_ends_and_plays_whenever_two_can_meet(
        self, row: Format, options: dict[str, Any], n: int
    ) -> None:
        rounds, _, _ = played_out(row.options(**options), begun(row, n, options), by_name)
        assert any(each.matches for each in rounds) == (n >= 2)

    def test_nobody_meets_itself_or_a_stranger_and_no_pair_twice_a_round(
        self, row: Format, options: dict[str, Any]
    ) -> None:
        known = begun(row, 7, options)
        for each in played_out(row.options(**options), known, by_name)[0]:
            assert len(set(each.matches)) == len(each.matches)
            for a, b in each.matches:
                assert a < b
                assert a in known.entrants and b in known.entrants

    def test_who_rests_does_not_play_in_that_round_and_nobody_rests_twice_in_it(
        self, row: Format, options: dict[str, Any]
    ) -> None:
        for n in (3, 6, 7):
            known = begun(row, n, options)
            for each in played_out(row.options(**options), known, by_name)[0]:
                playing = {entrant for match in each.matches for entrant in match}
                assert len(set(each.byes)) == len(each.byes)
                assert {*each.byes} <= {*known.entrants} - playing

    def test_everybody_plays(self, row: Format, options: dict[str, Any]) -> None:
        known = begun(row, 6, options)
        rounds, _, _ = played_out(row.options(**options), known, by_name)
        assert {e for each in rounds for match in each.matches for e in match} == {*known.entrants}

    def test_places_hold_everybody_once_or_nobody(
        self, row: Format, options: dict[str, Any]
    ) -> None:
        for n in (2, 3, 6, 9):
            known = begun(row, n, options)
            finish = played_out(row.options(**options), known, by_name)[2]
            placed = [entrant for group in finish.places for entrant in group]
            assert sorted(placed) in ([], list(known.entrants))

    def test_a_round_is_a_function_of_the_results_before_it(
        self, row: Format, options: dict[str, Any]
    ) -> None:
        given, known = row.options(**options), begun(row, 5, options)
        rounds, history, finish = played_out(given, known, by_name)
        for n_played, expected in enumerate(rounds):
            assert next_round(row, given, known, history[:n_played]) == expected
        assert next_round(row, given, known, history) == finish

    def test_takes_no_more_markets_than_it_says(self, row: Format, options: dict[str, Any]) -> None:
        given: Part = row.options(**options)
        for n in (2, 3, 5, 8, 9):
            needed = row.fewest_markets(given, n)
            known = begun(row, n, options)
            fewest = dataclasses.replace(known, deck=tuple(range(needed)))
            for each in played_out(given, fewest, by_name)[0]:
                assert each.markets is None or not each.matches or each.markets


@pytest.mark.parametrize("name", ["elimination", "swiss", "race", "sprt"])
def test_no_round_sees_a_market_that_one_before_it_saw(name: str) -> None:
    row = FORMATS[name]
    rounds, _, _ = played_out(row.options(type=name, **OPTIONS[name][0]), begun(row, 6), by_name)
    dealt = [market for each in rounds for market in each.markets or ()]
    assert len(dealt) == len(set(dealt)) > 0


def test_a_format_that_places_puts_the_best_first() -> None:
    for name in ("elimination", "swiss", "race"):
        row = FORMATS[name]
        finish = played_out(row.options(type=name), begun(row, 8), by_name)[2]
        assert isinstance(finish, Finish)
        assert finish.places[0] == ("e00",), name


def test_every_format_can_stand_in_a_document() -> None:
    assert {each.model_fields["type"].annotation for each in get_args(FormatOptions)} == {
        Literal[name]  # type: ignore[valid-type]
        for name in FORMATS
    }
    assert {*get_args(FormatOptions)} == {row.options for row in FORMATS.values()}
