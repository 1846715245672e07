"""A gauntlet: challengers meet everybody, places follow the scores, and who is named must enter."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from courses import by_name, played_out, start
from league import TWO_FAMILIES, Outcome, by_id, document, entry, league, returns, runs

from simcore.errors import SpecError
from simcore.store import content_hash
from simcore.tables import TABLES
from simcore.tournaments.formats.gauntlet import GauntletOptions
from simcore.tournaments.game import Match
from simcore.tournaments.play import play
from simcore.tournaments.simulated import planned

FIELD: dict[str, list[Outcome]] = {
    "alpha": returns(0.1, 0.2, -0.1, 0.0),
    "beta": returns(0.1, 0.1, 0.1, 0.1),
    "gamma": returns(0.0, 0.3, 0.2, -0.2),
    "delta": returns(-0.1, 0.0, 0.0, 0.1),
}


def gauntlet(*challengers: str) -> dict[str, Any]:
    return {"type": "gauntlet", "challengers": [*challengers]}


def met(*challengers: str, n: int = 5) -> list[tuple[Match, ...]]:
    options = GauntletOptions(type="gauntlet", challengers=challengers)
    rounds, _, finish = played_out(options, start(n, challengers=challengers), by_name)
    assert finish.places == ()
    return [each.matches for each in rounds]


def test_one_challenger_meets_everybody_else_and_they_do_not_meet() -> None:
    assert met("e02") == [
        (Match("e00", "e02"), Match("e01", "e02"), Match("e02", "e03"), Match("e02", "e04"))
    ]


def test_two_challengers_meet_each_other_once() -> None:
    first, second = met("e03", "e01")
    assert {*first} & {*second} == set()
    both = [*first, *second]
    assert both.count(Match("e01", "e03")) == 1
    assert len(both) == 2 * 3 + 1


def test_when_all_are_challengers_it_is_a_round_robin() -> None:
    rounds = met(*start(5).entrants)
    pairs = sorted(match for matches in rounds for match in matches)
    assert pairs == sorted(Match(a, b) for a, b in combinations(start(5).entrants, 2))


def test_scores_and_ranks_are_those_of_a_round_robin_whose_games_are_fewer() -> None:
    short, whole = league(FIELD, format=gauntlet("beta")), league(FIELD)
    assert short.games.height == 3 * 4 < whole.games.height == 6 * 4
    for column in ("rank", "score_mean", "score_ci_lo", "rank_hi"):
        assert short.standings[column].equals(whole.standings[column])
    assert {*short.games["stage"]} == {"challenger 1"}
    assert by_id(short)["beta"]["games"] == 12 and by_id(short)["alpha"]["games"] == 4


def test_the_order_of_challengers_and_entries_changes_no_standing() -> None:
    names = [*FIELD]
    frame = runs(FIELD, [("bull", 0), ("bear", 0), ("calm", 0), ("wild", 0)])
    hashes = set()
    for order in (names, names[::-1]):
        asked = document(format=gauntlet(*sorted(("alpha", "delta"), key=order.index)))
        played = play(asked, [entry(each) for each in order], frame.reverse(), TWO_FAMILIES)
        rows = played.standings.with_columns(manifest_hash="x" + played.standings["ir_hash"])
        parts = (("standings", rows), ("games", played.games))
        hashes.add(tuple(content_hash(TABLES[name], each) for name, each in parts))
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("asked", "reason", "path"),
    [
        (gauntlet(), "OUT_OF_RANGE", "/format/challengers"),
        (gauntlet("alpha", "alpha"), "DUPLICATE", "/format/challengers"),
        ({"type": "gauntlet"}, "MISSING_FIELD", "/format/challengers"),
    ],
)
def test_nobody_twice_and_somebody_must_run_it(
    asked: dict[str, Any], reason: str, path: str
) -> None:
    with pytest.raises(SpecError) as refusal:
        document(format=asked)
    assert [(each.reason, each.path) for each in refusal.value.problems] == [(reason, path)]


def test_a_challenger_that_is_no_entry_is_refused_before_anything_runs() -> None:
    with pytest.raises(SpecError) as refusal:
        document(entries=["alpha", "beta"], format=gauntlet("beta", "omega"))
    (problem,) = refusal.value.problems
    assert (problem.reason, problem.path) == ("UNKNOWN_NAME", "/format/challengers/1")
    assert "omega" in problem.message and "alpha, beta" in problem.message
    # Whom a campaign enters is known when it is played.
    with pytest.raises(SpecError) as refusal:
        league(FIELD, format=gauntlet("omega"))
    assert [each.reason for each in refusal.value.problems] == ["UNKNOWN_NAME"]


def test_a_champion_that_is_no_entry_is_refused_likewise() -> None:
    with pytest.raises(SpecError) as refusal:
        document(entries=["alpha", "beta"], format={"type": "sprt", "champion": "omega"})
    assert [each.path for each in refusal.value.problems] == ["/format/champion"]


def test_a_gauntlet_of_one_has_no_games_and_is_no_tournament() -> None:
    with pytest.raises(SpecError) as refusal:
        league({"alpha": FIELD["alpha"]}, format=gauntlet("alpha"))
    assert [each.reason for each in refusal.value.problems] == ["NO_GAMES"]


def test_the_plan_tells_what_it_will_see_before_it_runs() -> None:
    asked = document(
        entries=["ma_cross", "buy_and_hold"],
        scenarios=["vol-calm", "trend-up-mid"],
        format=gauntlet("ma_cross"),
    )
    line, plan = planned(asked.model_dump(mode="json"))
    assert "2 entries, 2 markets, gauntlet" in line
    both = 1.6448536269514722 + 0.8416212335729143
    assert plan.mde_sd == pytest.approx(both / np.sqrt(2.0))
