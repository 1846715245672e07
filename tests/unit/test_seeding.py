"""Seeds of a bracket: ratings of the tournament that the document names, or else a qualifier."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from league import Outcome, document, entry, returns, runs

import simcore
from simcore import steps
from simcore.campaign import load
from simcore.documents import LIBRARY
from simcore.errors import SpecError
from simcore.samples import campaigns as samples
from simcore.samples.sample import differing
from simcore.seeds import jcs, sha256_hex
from simcore.store import Partition, Store
from simcore.tables import TABLES
from simcore.tournaments.evidence import Evidence
from simcore.tournaments.play import Played, play
from simcore.tournaments.seeding import in_order

ENTRIES = ["buy_and_hold", "ma_cross", "rsi_reversion"]
MARKETS = [(f"m{at:02}", at % 2) for at in range(24)]
FAMILIES = {name: ("trend", "calm")[at % 2] for at, (name, _) in enumerate(MARKETS)}
FIELD: dict[str, list[Outcome]] = {
    name: returns(*((at + 1) * 0.01 * ((place * 7 + at) % 5) for place, _ in enumerate(MARKETS)))
    for at, name in enumerate(("alpha", "beta", "gamma", "delta"))
}


def cup(prior: dict[str, float] | None = None, **changes: Any) -> Played:
    asked = document(format={"type": "elimination", **changes})
    entries = [entry(name) for name in FIELD]
    evidence = Evidence(prior=prior or {})
    return play(asked, entries, runs(FIELD, MARKETS), FAMILIES, evidence=evidence)


def rated(*strongest_first: str) -> dict[str, float]:
    return {entry(name)["ir_hash"]: -float(at) for at, name in enumerate(strongest_first)}


def first_round(played: Played) -> set[frozenset[str]]:
    rows = played.games.filter(played.games["stage"] == "last 4")
    return {frozenset(pair) for pair in rows.select("entry_a", "entry_b").iter_rows()}


def test_ratings_of_before_seed_the_bracket_and_spare_the_qualifier() -> None:
    played = cup(rated("alpha", "beta", "gamma", "delta"))
    assert "qualifier" not in set(played.games["stage"])
    assert first_round(played) == {frozenset(("alpha", "delta")), frozenset(("beta", "gamma"))}
    other = cup(rated("alpha", "gamma", "delta", "beta"))
    assert first_round(other) == {frozenset(("alpha", "beta")), frozenset(("gamma", "delta"))}
    assert played.manifest["prior"] != other.manifest["prior"]


def test_where_somebody_has_none_all_play_a_qualifier() -> None:
    assert "qualifier" in set(cup(rated("alpha", "beta", "gamma")).games["stage"])
    plain = cup()
    assert "qualifier" in set(plain.games["stage"])
    assert "prior" not in plain.manifest


def test_a_document_without_it_has_the_hash_it_always_had() -> None:
    plain = document(format={"type": "elimination"}).model_dump(mode="json")
    assert plain["format"] == {"type": "elimination", "double": False, "markets_per_round": None}
    assert sha256_hex(jcs(plain)) != sha256_hex(
        jcs(document(format={"type": "elimination", "seeded_by": "x"}).model_dump(mode="json"))
    )


def tournament(name: str, form: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": "0.1.0", "id": name, "name": name, "seed": 2, "format": form,
        "entries": ENTRIES, "scenarios": ["many"],
    }  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a league, a cup that it seeds, two cups that seed each other, many markets."""
    home = tmp_path_factory.mktemp("seeding")
    (home / "tournaments").mkdir()
    (home / "scenarios").mkdir()
    text = (LIBRARY / "scenarios" / "vol-calm.toml").read_text(encoding="utf-8")
    text = text.replace('"vol-calm"', '"many"')
    (home / "scenarios" / "many.toml").write_text(
        text.replace("duration_bars = 720", "duration_bars = 300\npaths = 10")
    )
    for name, form in {
        "league": {"type": "round_robin"},
        "cup": {"type": "elimination", "seeded_by": "league"},
        "one": {"type": "elimination", "seeded_by": "two"},
        "two": {"type": "elimination", "seeded_by": "one"},
    }.items():
        (home / "tournaments" / f"{name}.json").write_text(json.dumps(tournament(name, form)))
    return home


def test_a_cup_without_a_campaign_plays_the_league_first(home: Path) -> None:
    league, cup = (simcore.tournament(name, home=home) for name in ("league", "cup"))
    assert cup.manifest["prior"] == dict(
        league.standings.sort("ir_hash").select("ir_hash", "elo_bt").iter_rows()
    )
    assert "qualifier" not in set(cup.games["stage"])


def test_two_that_seed_each_other_are_refused_before_anything_runs(home: Path) -> None:
    with pytest.raises(SpecError) as refusal:
        simcore.tournament("one", home=home)
    assert [(each.reason, each.path) for each in refusal.value.problems] == [
        ("CYCLE", "/format/seeded_by")
    ]


def test_a_cup_that_names_no_tournament_is_told_where(home: Path) -> None:
    cup = tournament("cup", {"type": "elimination", "seeded_by": "leage"})
    with pytest.raises(SpecError) as refusal:
        simcore.tournament(cup, home=home)
    (problem,) = refusal.value.problems
    assert (problem.reason, problem.path, problem.source) == (
        "UNKNOWN_ID", "/format/seeded_by", "cup",
    )  # fmt: skip


def test_in_a_campaign_the_league_stands_before_its_cup(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {
        "version": "0.1.0", "id": "season", "name": "Season", "seed": 3, "days": 12,
        "scenarios": ["many"], "strategies": ENTRIES, "tournaments": ["league", "cup"],
    }  # fmt: skip
    store, campaign = Store(tmp_path), load(asked, home=home)
    steps.markets(store, campaign)
    for strategy in campaign.strategies:
        steps.backtests(store, campaign, strategy)
    steps.tournaments(store, campaign)
    games = store.read(TABLES["games"], Partition(campaign="season"))
    assert "qualifier" not in set(games.filter(games["tournament_id"] == "cup")["stage"])
    # In whatever order the campaign names them.
    turned = load({**asked, "tournaments": ["cup", "league"]}, home=home)
    assert all(each.is_reused for each in steps.tournaments(store, turned))
    fresh = Store(tmp_path / "fresh")
    steps.markets(fresh, turned)
    for strategy in turned.strategies:
        steps.backtests(fresh, turned, strategy)
    steps.tournaments(fresh, turned)
    place = Partition(campaign="season")
    assert fresh.read(TABLES["games"], place).equals(games)
    # Whoever computes the cup again has to play the league before it.
    monkeypatch.setattr(samples, "sample", lambda *_: ["cup"])
    again = samples.remade(store, steps.TOURNAMENTS, campaign)
    assert again.what == "cup, league"
    assert set(again.rows["games"]["tournament_id"]) == {"cup", "league"}
    assert [differing(store, each, place, again) for each in steps.TOURNAMENTS] == [[], [], []]


def test_a_cup_whose_league_is_not_of_the_campaign_is_refused() -> None:
    league = document(id="league")
    cup = document(format={"type": "elimination", "seeded_by": "league"})
    assert [each.id for each in in_order([cup, league])] == ["league", "cup"]
    with pytest.raises(SpecError) as refusal:
        in_order([cup])
    assert [(each.reason, each.path, each.source) for each in refusal.value.problems] == [
        ("UNKNOWN_NAME", "/format/seeded_by", "cup")
    ]
    own = document(format={"type": "elimination", "seeded_by": "cup"})
    with pytest.raises(SpecError) as refusal:
        in_order([league, own])
    assert [each.reason for each in refusal.value.problems] == ["CYCLE"]
