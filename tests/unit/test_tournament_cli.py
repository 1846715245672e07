"""Tournaments by the command line: every format to its end, and every bad input by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import main
from simcore.documents import LIBRARY

ENTRIES = ["atr_breakout", "bbands_breakout", "buy_and_hold", "ma_cross", "rsi_reversion"]
LAWS = ["mean-revert-mid", "shocks-mid", "trend-up-mid", "vol-calm"]
CUP: dict[str, Any] = {
    "version": "0.1.0", "id": "cup", "name": "Cup", "seed": 3, "entries": ENTRIES,
    "scenarios": LAWS, "format": {"type": "round_robin"},
}  # fmt: skip


def library(kind: str, name: str) -> str:
    return (LIBRARY / kind / f"{name}.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with many short paths of four families, and a copy of a strategy."""
    home = tmp_path_factory.mktemp("cup")
    assert main(["init", "--home", str(home)]) == 0
    for law in LAWS:
        text = library("scenarios", law).replace(f'"{law}"', f'"many-{law}"')
        text = text.replace("duration_bars = 720", "duration_bars = 300\npaths = 12")
        (home / "scenarios" / f"many-{law}.toml").write_text(text)
    twin = library("strategies", "ma_cross").replace('"ma_cross"', '"twin"')
    (home / "strategies" / "twin.toml").write_text(twin)
    broken = twin.replace('"twin"', '"broken"').replace("ma(close, slow)", "close[-1]")
    (home / "strategies" / "broken.toml").write_text(broken)
    daily = twin.replace('"twin"', '"daily"').replace('"1h"', '"1d"')
    (home / "strategies" / "daily.toml").write_text(daily)
    return home


def told(
    home: Path, capsys: pytest.CaptureFixture[str], *flags: str, **changes: Any
) -> tuple[int, str]:
    """Play a changed cup; the exit code and what was printed."""
    document = home / "cup.json"
    document.write_text(json.dumps({**CUP, **changes}))
    capsys.readouterr()
    code = main(["tournament", str(document), "--home", str(home), *flags])
    printed = capsys.readouterr()
    return code, printed.out + printed.err


def played(home: Path, capsys: pytest.CaptureFixture[str], **changes: Any) -> dict[str, Any]:
    code, text = told(home, capsys, "--json", **changes)
    assert code == 0, text
    answer: dict[str, Any] = json.loads(text)
    return answer


def refused(
    home: Path, capsys: pytest.CaptureFixture[str], **changes: Any
) -> list[tuple[str, str]]:
    code, text = told(home, capsys, "--json", **changes)
    assert code != 0
    problems = json.loads(text)["error"]["problems"]
    return [(each["reason"], each["loc"]["path"]) for each in problems]


MANY = [f"many-{law}" for law in LAWS]


class TestFormats:
    def test_a_sequential_test_says_who_holds_the_title_and_after_how_many_markets(
        self, home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        asked = {
            "entries": ["buy_and_hold", "ma_cross"],
            "scenarios": ["many-trend-up-mid"],
            "format": {"type": "sprt", "champion": "ma_cross", "low": 0.0, "high": 5.0,
                       "batch_markets": 4},
        }  # fmt: skip
        answer = played(home, capsys, **asked)
        facts = answer["facts"]["format"]
        assert facts["verdict"] in ("challenger", "champion", "inconclusive")
        assert answer["facts"]["games"] % 4 == 0 and 4 <= answer["facts"]["games"] <= 12
        _, text = told(home, capsys, **asked)
        assert f"sprt, verdict: {facts['verdict']}" in text

    def test_a_race_says_who_is_left(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        asked = {"scenarios": MANY, "format": {"type": "race", "batch_markets": 12}}
        answer = played(home, capsys, **asked)
        left = answer["facts"]["format"]["survivors"].split()
        assert 1 <= len(left) <= len(ENTRIES)
        assert sorted(left) == answer["facts"]["places"][0]
        assert answer["facts"]["format"]["markets_used"] <= 48
        _, text = told(home, capsys, **asked)
        ids = {row["ir_hash"]: row["strategy_id"] for row in answer["standings"]}
        assert f"race, survivors: {' '.join(ids[each] for each in left)}" in text

    def test_a_double_elimination_ends_with_one_who_lost_less_than_twice(
        self, home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        asked = {"scenarios": MANY, "format": {"type": "elimination", "double": True}}
        answer = played(home, capsys, **asked)
        places = answer["facts"]["places"]
        assert [len(group) for group in places[:2]] == [1, 1]
        assert sorted(each for group in places for each in group) == sorted(
            row["ir_hash"] for row in answer["standings"]
        )
        winner = next(row for row in answer["standings"] if row["place"] == 1)
        _, text = told(home, capsys, **asked)
        assert f"elimination, winner: {winner['strategy_id']}" in text
        assert "says the least of all formats" in text

    def test_a_swiss_places_everybody(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        answer = played(home, capsys, scenarios=MANY, format={"type": "swiss"})
        assert answer["facts"]["format"] == {"rounds": 4}
        assert {row["place"] for row in answer["standings"]} <= set(range(1, 6))


class TestBadInput:
    def test_a_strategy_entered_twice_under_two_names_is_one_entrant_and_flagged(
        self, home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        answer = played(home, capsys, entries=["buy_and_hold", "ma_cross", "twin"])
        rows = {row["strategy_id"]: row["flags"].split() for row in answer["standings"]}
        assert sorted(rows) == ["buy_and_hold", "ma_cross"]
        assert "ALIAS" in rows["ma_cross"] and "ALIAS" not in rows["buy_and_hold"]
        assert answer["facts"]["aliases"] == {"ma_cross": ["twin"]}

    def test_a_strategy_entered_twice_under_one_name_is_refused(
        self, home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        entries = ["ma_cross", "ma_cross", "buy_and_hold"]
        assert refused(home, capsys, entries=entries) == [("DUPLICATE", "/entries")]

    def test_an_entry_that_fails_its_checks_is_refused_before_anything_runs(
        self, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def run(*_: object, **__: object) -> None:
            raise AssertionError("something ran")

        monkeypatch.setattr("simcore.engine.backtest", run)
        code, text = told(home, capsys, entries=["buy_and_hold", "broken"])
        assert code != 0 and "broken" in text and "/rules/" in text

    def test_one_entry_has_nobody_to_meet_and_no_standings(
        self, home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert refused(home, capsys, entries=["ma_cross"]) == [("NO_GAMES", "/entries")]

    def test_two_names_of_one_strategy_alone_are_no_tournament(
        self, home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert refused(home, capsys, entries=["ma_cross", "twin"]) == [("NO_GAMES", "/entries")]

    def test_entries_that_share_no_market_are_no_tournament(
        self, home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        found = refused(home, capsys, entries=["ma_cross", "daily"])
        assert found == [("NO_GAMES", "/entries")]

    def test_an_unknown_format_is_refused_with_those_that_there_are(
        self, home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert refused(home, capsys, format={"type": "ladder"}) == [("BAD_ENUM", "/format/type")]
        _, text = told(home, capsys, format={"type": "ladder"})
        for name in ("elimination", "race", "round_robin", "sprt", "swiss"):
            assert name in text

    def test_weights_that_do_not_sum_to_one_are_refused(
        self, home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert refused(home, capsys, score={"weights": [0.6, 0.5]}) == [("WEIGHTS", "/score")]

    def test_a_sequential_test_of_three_is_refused(
        self, home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        asked = {"type": "sprt", "champion": "ma_cross"}
        assert refused(home, capsys, format=asked) == [("OUT_OF_RANGE", "/entries")]

    def test_a_cup_with_fewer_markets_than_rounds_is_refused(
        self, home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        asked = {"type": "elimination", "double": True}
        assert refused(home, capsys, format=asked) == [("TOO_FEW_SCENARIOS", "/scenarios")]
