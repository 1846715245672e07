"""Patches, edits of a text that leave the rest of it alone, and what `--fix` writes."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import main
from simcore.documents import LIBRARY, read
from simcore.edits import edited
from simcore.patches import PatchError, patched
from simcore.problems import Hint, Problem
from simcore.repairs import Repair, repair
from simcore.strategy.check import check_strategy

BROKEN = """\
# My first strategy.
version   = "0.1.0"
id        = "mine"
name      = "Mine"
timeframe = "60m"   # one hour

[params]
fast = 10

[[rules]]
if   = "20 < RSI(clsoe, 14) && close > ma(close, fast"  # é
then = "buuy"

[risk]
sizing = { type = "risk_pct", value = 50 }

[metadata]
"""
MENDED = """\
# My first strategy.
version   = "0.1.0"
id        = "mine"
name      = "Mine"
timeframe = "1h"   # one hour

[params]
fast = 10

[[rules]]
if   = "20 < rsi(close, 14) and close > ma(close, fast)"  # é
then = "buy"

[risk]
sizing = { type = "risk_pct", value = 10 }
max_holding_bars = 240
stop = { type = "atr", n = 14, mult = 3 }

[metadata]
"""


def step(op: str, path: str, **more: Any) -> dict[str, Any]:
    return {"op": op, "path": path, **more}


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ([step("replace", "/a", value=2)], {"a": 2, "l": [1, 2]}),
        ([step("add", "/b/c", value=2)], None),
        ([step("add", "/b", value={})], {"a": 1, "l": [1, 2], "b": {}}),
        ([step("add", "/l/1", value=5)], {"a": 1, "l": [1, 5, 2]}),
        ([step("remove", "/l/0")], {"a": 1, "l": [2]}),
        ([step("remove", "/l/2")], None),
        ([step("remove", "/l/x")], None),
        ([step("replace", "/b", value=1)], None),
        ([step("move", "/b", **{"from": "/a"})], {"b": 1, "l": [1, 2]}),
        ([step("replace", "", value={"z": 1})], {"z": 1}),
    ],
)
def test_a_patch_is_applied_as_rfc_6902_says_or_not_at_all(
    patch: list[dict[str, Any]], expected: Any
) -> None:
    document = {"a": 1, "l": [1, 2]}
    if expected is None:
        with pytest.raises(PatchError):
            patched(document, patch)
    else:
        assert patched(document, patch) == expected
    assert document == {"a": 1, "l": [1, 2]}


@pytest.mark.parametrize(
    ("before", "patch", "after"),
    [
        ("a = 'x' # c\n", step("replace", "/a", value="y"), "a = 'y' # c\n"),
        ("a = 'x' # c\n", step("replace", "/a", value="it's"), 'a = "it\'s" # c\n'),
        ("a.b = 1\r\nc = 2\r\n", step("replace", "/c", value=0.5), "a.b = 1\r\nc = 0.5\r\n"),
        ("vlaue = 1 # c\n", step("move", "/value", **{"from": "/vlaue"}), "value = 1 # c\n"),
        ("[[r]]\na = 1\n\n# two\n[[r]]\na = 2\n", step("replace", "/r/1/a", value=3),
         "[[r]]\na = 1\n\n# two\n[[r]]\na = 3\n"),
        ("a = 1 # c\n\n[t]\nb = 2\n", step("add", "/c", value="x"),
         'a = 1 # c\nc = "x"\n\n[t]\nb = 2\n'),
        ("[t]\nb = 2 # c\n\n[u]\n", step("add", "/t/s", value={"n": 1}),
         "[t]\nb = 2 # c\ns = { n = 1 }\n\n[u]\n"),
    ],
)  # fmt: skip
def test_an_edit_of_toml_changes_what_it_must_and_nothing_else(
    before: str, patch: dict[str, Any], after: str
) -> None:
    assert edited(before, ".toml", patch) == after


def test_an_edit_of_json_is_made_in_place_or_keeps_the_lines() -> None:
    text = '{\n  "vlaue": 1,\n  "b": [1, 2]\n}\n'
    renamed = edited(text, ".json", step("move", "/value", **{"from": "/vlaue"}))
    assert renamed == text.replace("vlaue", "value")
    added = edited(text, ".json", step("add", "/c", value={"d": 1}))
    assert added is not None
    assert json.loads(added) == {"vlaue": 1, "b": [1, 2], "c": {"d": 1}}
    assert added.startswith('{\n  "vlaue": 1,\n')


def test_an_edit_in_place_that_would_read_otherwise_is_made_another_way() -> None:
    # A name of two words cannot stand bare.
    mended = edited("a = 1\nb = 2\n", ".toml", step("move", "/two words", **{"from": "/a"}))
    assert mended is not None
    assert tomllib.loads(mended) == {"two words": 1, "b": 2}


@pytest.mark.parametrize("patch", [step("remove", "/no"), step("replace", "/a/b/c", value=1)])
def test_an_edit_that_does_not_fit_gives_nothing(patch: dict[str, Any]) -> None:
    assert edited("a = 1\n", ".toml", patch) is None


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "strategies" / "mine.toml"
    path.parent.mkdir()
    path.write_text(BROKEN, encoding="utf-8")
    return path


def test_fix_mends_a_file_round_by_round_and_keeps_its_comments(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = ["--home", str(mine.parents[1])]
    assert main(["check", "mine", *home]) == 2
    assert mine.read_text(encoding="utf-8") == BROKEN
    assert main(["check", "--fix", "mine", *home]) == 0
    assert mine.read_text(encoding="utf-8") == MENDED
    shown = capsys.readouterr().out
    assert 'round 1: /timeframe: did you mean "1h"?' in shown
    assert '-timeframe = "60m"   # one hour\n+timeframe = "1h"   # one hour\n' in shown
    assert shown.endswith("no error left\n")
    assert sorted(path.name for path in mine.parent.iterdir()) == ["mine.toml"]
    assert main(["check", "--fix", "mine", *home]) == 0
    assert "nothing written" in capsys.readouterr().out
    assert mine.read_text(encoding="utf-8") == MENDED


def test_fix_tells_programs_what_it_did(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--fix", "mine", "--home", str(mine.parents[1]), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["mine"]
    assert told["problems"] == []
    assert told["changes"][0]["round"] == 1
    assert told["changes"][0]["problem"]["loc"] == {
        "path": "/timeframe", "span": None, "line": 5, "col": 13,
    }  # fmt: skip


def test_fix_leaves_a_library_document_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "library"
    (library / "strategies").mkdir(parents=True)
    path = library / "strategies" / "mine.toml"
    path.write_text(BROKEN, encoding="utf-8")
    monkeypatch.setattr("simcore.repairs.LIBRARY", library)
    assert main(["check", "--fix", str(path), "--home", str(tmp_path / "home")]) == 0
    assert path.read_text(encoding="utf-8") == BROKEN
    assert "not written, for it is the library's" in capsys.readouterr().out
    assert library != LIBRARY


def test_fix_mends_a_scenario_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "scenarios" / "mine.toml"
    path.parent.mkdir()
    text = (LIBRARY / "scenarios" / "trend-up-mid.toml").read_text()
    broken = text.replace("timeframe", "timefrmae", 1).replace('"trend-up-mid"', '"mine"')
    path.write_text(broken)
    assert main(["check", "--fix", "mine", "--home", str(tmp_path)]) == 0
    assert path.read_text() == text.replace('"trend-up-mid"', '"mine"')
    assert "no error left" in capsys.readouterr().out


def told_of(*patches: dict[str, Any]) -> list[Problem]:
    return [
        Problem("C", "WRONG_TYPE", "m", "/a", "text", hints=(Hint("write", (each,)),))
        for each in patches
    ]


def test_a_remedy_that_makes_a_document_worse_is_not_taken() -> None:
    def check(loaded: Any) -> list[Problem]:
        n = loaded.document["a"]
        return told_of(step("replace", "/a", value=n + 1)) * (n + 1)

    done = repair(read("a = 0\n", "scenarios"), "scenarios", check)
    assert (done.text, done.changes) == ("a = 0\n", [])


def test_remedies_that_go_round_in_a_circle_end() -> None:
    def check(loaded: Any) -> list[Problem]:
        return told_of(step("replace", "/a", value=1 - loaded.document["a"]))

    done: Repair = repair(read("a = 0\n", "scenarios"), "scenarios", check, n_rounds=5)
    assert not done.is_whole
    assert tomllib.loads(done.text)["a"] in (0, 1)


def test_faults_of_one_text_are_mended_together() -> None:
    text = MENDED.replace("rsi(close, 14)", "rsy(clsoe, 14)").replace(
        "ma(close, fast)", "ma(close, fsat)"
    )
    loaded = read(text, "strategies")

    done = repair(loaded, "strategies", check_strategy, n_rounds=1)
    assert done.text == MENDED
    assert len(done.changes) == 3
