"""Two commands in one home at once: the second is told who is at work, and nothing breaks."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import IO

import dagster as dg
import pytest

from pipelines import cli, headless, resources, turns
from pipelines.cli import main
from pipelines.turns import place, turn
from simcore.cli.answer import Answer
from simcore.errors import StoreError

DIES = """
import os, signal, sys
from pathlib import Path
from pipelines.turns import turn

with turn(Path(sys.argv[1]), "proving run dead"):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    "command",
    [
        ["run", "c0-tiny"],
        ["backfill"],
        ["rerun", "--failed"],
        ["import-run", "runs.json"],
        ["evolve", "e0-tiny"],
    ],
    ids=lambda command: command[0],
)
def test_a_second_command_is_told_who_is_at_work_since_when_and_what_to_do(
    home: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    with turn(home, "proving run c0-tiny"):
        assert main([*command, "--home", str(home)]) == StoreError.exit_code
        said = capsys.readouterr().err
        assert main([*command, "--home", str(home), "--json"]) == StoreError.exit_code
        found = json.loads(capsys.readouterr().out)["error"]
    assert found["code"] == "BUSY"
    assert said == f"{found['message']}\n"
    assert said.startswith(f"{home}: got `proving run c0-tiny` at work, process {os.getpid()} on ")
    assert " UTC, expected one command at a time" in said
    assert "[wait until it ends" in said


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["import-run", "runs.json", "more.json"], "proving import-run runs.json more.json"),
        (["evolve", "e0-tiny", "--salt", "secret"], "proving evolve e0-tiny"),
    ],
    ids=["import-run", "evolve"],
)
def test_who_is_at_work_says_on_what_but_no_secret(
    home: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], name: str
) -> None:
    held: list[str] = []

    def look(*_: object) -> Answer:
        held.append(json.loads(place(home).read_text())["command"])
        return Answer("", {})

    quick = [replace(each, run=look) for each in cli.COMMANDS]
    monkeypatch.setattr(cli, "COMMANDS", quick)
    assert main([*command, "--home", str(home)]) == 0
    assert held == [name]


def test_a_refused_command_leaves_no_home_behind_and_one_that_is_there_alone(
    tmp_path: Path, home: Path
) -> None:
    for _ in range(2):
        with pytest.raises(StoreError, match="refused"), turn(tmp_path / "new", "proving x"):
            raise StoreError("X", "refused")
        assert not (tmp_path / "new").exists()
    with pytest.raises(StoreError, match="refused"), turn(tmp_path / "new", "proving x"):
        (tmp_path / "new" / "views.sql").touch()
        raise StoreError("X", "refused")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["views.sql"]
    with pytest.raises(StoreError, match="refused"), turn(home, "proving x"):
        raise StoreError("X", "refused")
    assert place(home).exists()


def test_a_lock_that_was_removed_before_it_was_ours_is_taken_anew(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, left = turns.fcntl.flock, [1]

    def remove(handle: IO[bytes], how: int) -> None:
        if left:
            left.pop()
            place(home).unlink()
        honest(handle, how)

    monkeypatch.setattr(turns.fcntl, "flock", remove)
    with turn(home, "proving x"), pytest.raises(StoreError, match="got `proving x` at work"):
        turn(home, "proving y").__enter__()


def test_a_command_that_died_holds_nothing(home: Path) -> None:
    command = [sys.executable, "-c", DIES, str(home)]
    died = subprocess.run(command, capture_output=True, check=False)
    assert died.returncode == -signal.SIGKILL
    assert "proving run dead" in place(home).read_text()
    with turn(home, "proving run next"):
        assert json.loads(place(home).read_text())["command"] == "proving run next"
    assert place(home).read_text() == ""


def test_a_holder_that_has_not_said_who_it_is_is_told_of_too(home: Path) -> None:
    with turn(home, "proving run c0-tiny"):
        place(home).write_text("half a sent")
        with pytest.raises(StoreError, match="got another command, expected one") as refused:
            turn(home, "x").__enter__()
    assert refused.value.is_passing


def test_a_full_disk_keeps_nobody_from_a_turn_but_from_saying_who_has_it(home: Path) -> None:
    place(home).parent.mkdir(parents=True, exist_ok=True)
    place(home).symlink_to("/dev/full")
    with turn(home, "proving run c0-tiny"), pytest.raises(StoreError, match="got another command"):
        turn(home, "proving run c0-tiny").__enter__()


def test_a_disk_without_locks_says_where_and_why(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(turns.fcntl, "flock", refuse)
    with pytest.raises(StoreError, match="got No locks available, expected to lock") as refused:
        turn(home, "proving run c0-tiny").__enter__()
    assert refused.value.code == "NO_LOCK"


def test_a_run_that_cannot_take_its_lock_says_where_and_why(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "file").write_text("no folder")
    monkeypatch.setattr(resources, "run_lock", lambda _, name: home / "file" / f"{name}.lock")
    summary = headless.run("c0-tiny", home=home, progress=print, instance=instance)
    (failure,) = summary.failures
    assert failure.startswith(f"markets: {home / 'file'}/")
    assert "expected to keep there the lock by which a living run is told" in failure
    assert summary.exit_code == headless.SOFTWARE_BUG
