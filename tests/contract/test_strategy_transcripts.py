"""The transcripts of the language's page are what the commands print, to the letter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "strategy-language.md"
BLOCK = re.compile(r"(?P<before>[^\n]*\n\n)?```(?P<kind>\w+)\n(?P<text>.*?)```\n", re.DOTALL)


def transcripts() -> list[str]:
    page = PAGE.read_text(encoding="utf-8")
    _, _, told = page.partition("\n## Three strategies")
    return re.split(r"\n### ", told)[1:]


def blocks(transcript: str) -> Iterator[tuple[str, str, str]]:
    """Yield the kind of each block, its text, and the line before it."""
    for found in BLOCK.finditer(transcript):
        yield found["kind"], found["text"], found["before"] or ""


def exchanged(path: Path, diff: str) -> None:
    """Make the change that a block of a transcript tells of."""
    lines = diff.splitlines()
    before, after = ("\n".join(x[1:] for x in lines if x[0] == sign) for sign in "-+")
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1
    path.write_text(text.replace(before, after), encoding="utf-8")


def test_there_are_three_transcripts_and_each_ends_without_an_error() -> None:
    assert len(transcripts()) == 3
    for transcript in transcripts():
        *_, (kind, text, _) = blocks(transcript)
        assert kind == "console"
        assert text.rstrip().endswith(("no error", "no error left"))


@pytest.mark.parametrize("number", range(3))
def test_a_transcript_is_what_is_printed(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path
    for kind, text, before in blocks(transcripts()[number]):
        if kind in ("toml", "json"):
            name = re.findall(r"`(\w+\.\w+)`", before)[-1]
            path = tmp_path / name
            path.write_text(text, encoding="utf-8")
        elif kind == "diff":
            exchanged(path, text)
        else:
            command, _, printed = text.partition("\n")
            arguments = command.removeprefix("$ proving ").split()
            assert arguments[-1] == path.name
            assert main([*arguments, "--home", str(tmp_path)]) in (0, 2)
            assert capsys.readouterr().out == printed
