"""The transcripts of the page on sweeps are what the commands print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from pipelines.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "sweeps.md"
TRANSCRIPTS = re.findall(r"```console\n\$ proving (.*?)\n(.*?)```\n", PAGE.read_text(), re.DOTALL)
PYTHON = re.findall(r"```python\n(.*?)```\n", PAGE.read_text(), re.DOTALL)
# A line of its own for whatever is left out.
LEFT_OUT = "…\n"


def matches(told: str, printed: str) -> bool:
    parts = [re.escape(part) for part in told.split(LEFT_OUT)]
    return re.fullmatch(r"(?:.*\n)*".join(parts), printed) is not None


@pytest.mark.parametrize("number", range(len(TRANSCRIPTS)))
def test_a_transcript_is_what_is_printed(
    number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command, told = TRANSCRIPTS[number]
    code = main([*shlex.split(command), "--home", str(tmp_path)])
    said = capsys.readouterr()
    assert matches(told, said.out + said.err), said.out + said.err
    assert code == (2 if said.err else 0)


def test_the_page_shows_both_commands_and_a_refusal() -> None:
    commands = [command.split()[0] for command, _ in TRANSCRIPTS]
    assert set(commands) == {"sweep", "backtest"}
    assert any("expected" in told for _, told in TRANSCRIPTS)
    assert not matches("a\nb\n", "a\nc\nb\n")
    assert matches("a\n…\nb\n", "a\nc\nb\n")


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_the_code_of_the_page_runs(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for text in PYTHON[: number + 1]:
        exec(text, names)
    expected = re.findall(r"print\(", PYTHON[number])
    assert len(capsys.readouterr().out.splitlines()) >= len(expected) > 0
