"""Problems as a person reads them."""

from __future__ import annotations

import io

import pytest

from pipelines.cli import main
from simcore.diagnostics import rendered
from simcore.problems import Hint, Place, Problem


def problem(text: str, col: int, width: int, **more: object) -> Problem:
    place = Place(7, col, text, width)
    return Problem("CODE", "REASON", "got a, expected b", "/a", "mine.toml", place=place, **more)  # type: ignore[arg-type]


def test_a_problem_points_at_its_place_and_offers_its_remedies() -> None:
    hints = (Hint("write `b`", ({"op": "remove", "path": "/a"},)), Hint("or think again"))
    assert rendered([problem('a = "x"', 5, 3, span=(0, 1), hints=hints)]) == (
        "error[CODE REASON]: got a, expected b\n"
        " --> mine.toml:7:5 /a [0,1)\n"
        "  |\n"
        '7 | a = "x"\n'
        "  |     ^^^\n"
        "  = fix: write `b`\n"
        "  = hint: or think again"
    )


def test_a_problem_without_a_text_says_where_it_is_and_no_more() -> None:
    bare = Problem("CODE", "REASON", "got a", "/a/b", severity="warning")
    assert rendered([bare]) == "warning[CODE REASON]: got a\n --> /a/b"
    assert rendered([]) == ""


@pytest.mark.parametrize(
    ("text", "col", "width", "line", "caret"),
    [
        ("ab", 3, 0, "ab", "  ^"),
        ("\tab", 2, 1, " ab", " ^"),
        ("é漢字x", 4, 1, "é漢字x", "     ^"),
        ("漢字", 1, 2, "漢字", "^^^^"),
        ("e\u0301x", 3, 1, "e\u0301x", " ^"),
        ("\x1b[31mred", 6, 3, "·[31mred", "     ^^^"),
        ("\u202eabc", 2, 1, "·abc", " ^"),
    ],
)
def test_a_caret_stands_below_what_is_meant_whatever_the_line_holds(
    text: str, col: int, width: int, line: str, caret: str
) -> None:
    lines = rendered([problem(text, col, width)]).splitlines()
    assert lines[3] == f"7 | {line}"
    assert lines[4] == f"  | {caret}"


def test_a_long_line_is_cut_around_its_place() -> None:
    lines = rendered([problem("x" * 500 + "!" + "y" * 500, 501, 1)]).splitlines()
    assert len(lines[3]) < 110
    assert lines[3][lines[4].index("^")] == "!"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "arguments", "is_coloured"),
    [
        ({}, [], True),
        ({"NO_COLOR": "1"}, [], False),
        ({"TERM": "dumb"}, [], False),
        ({}, ["--json"], False),
    ],
)
def test_colours_are_for_a_terminal_that_wants_them(
    environment: dict[str, str], arguments: list[str], is_coloured: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    assert main(["check", "overfit_trap", *arguments]) == 0
    assert (
        "\x1b[1;33mwarning[DSL_WARNING OVERFIT_RISK]\x1b[0m" in screen.getvalue()
    ) is is_coloured
    assert ("\x1b" in screen.getvalue()) is is_coloured


def test_a_file_gets_no_colours(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "overfit_trap"]) == 0
    assert "\x1b" not in capsys.readouterr().out
