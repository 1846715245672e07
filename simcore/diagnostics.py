"""Problems as a person reads them: the line, a caret below what is wrong, the way to mend it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

from simcore.problems import Place, Problem

_WIDTH_MAX: Final = 96
_LEAD_MAX: Final = 60

_COLOURS: Final = {"error": "1;31", "warning": "1;33", "place": "36", "fix": "32", "bold": "1"}


def rendered(problems: Sequence[Problem], *, is_coloured: bool = False) -> str:
    """Return problems as text, a block each; no problem gives no text.

    Args:
        problems: What to tell, in their order.
        is_coloured: Whether to mark what matters with the colours of a terminal.
    """
    return "\n\n".join(_block(problem, is_coloured=is_coloured) for problem in problems)


def count(problems: Sequence[Problem]) -> str:
    """Return how many problems there are: `2 errors, 1 warning (2 can be fixed with --fix)`."""
    counts = []
    for severity in ("error", "warning"):
        n = sum(problem.severity == severity for problem in problems)
        if n or severity == "error":
            counts.append(f"{n or 'no'} {severity}{'s' if n > 1 else ''}")
    n_fixable = sum(
        problem.severity == "error" and bool(problem.hints) and problem.hints[0].patch is not None
        for problem in problems
    )
    fixable = f" ({n_fixable} can be fixed with --fix)" if n_fixable else ""
    return ", ".join(counts) + fixable


def _block(problem: Problem, *, is_coloured: bool) -> str:
    def painted(text: str, colour: str) -> str:
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if is_coloured else text

    title = painted(f"{problem.severity}[{problem.code} {problem.reason}]", problem.severity)
    lines = [f"{title}: {painted(_plain(problem.message), 'bold')}"]
    where = _where(problem)
    place = problem.place
    gutter = " " * len(str(place.line)) if place else " "
    if where:
        lines.append(f"{gutter}{painted('-->', 'place')} {where}")
    if place is not None:
        line, caret = _pointed(place)
        bar = painted("|", "place")
        lines.append(f"{gutter} {bar}")
        lines.append(f"{painted(str(place.line), 'place')} {bar} {line}")
        lines.append(f"{gutter} {bar} {painted(caret, problem.severity)}")
    for hint in problem.hints:
        word = "hint" if hint.patch is None else "fix"
        lines.append(
            f"{gutter} {painted('=', 'place')} {painted(word, 'fix')}: {_plain(hint.text)}"
        )
    return "\n".join(lines)


def _where(problem: Problem) -> str:
    place = problem.place
    file = problem.source + (f":{place.line}:{place.col}" if place else "")
    span = f" [{problem.span[0]},{problem.span[1]})" if problem.span is not None else ""
    return _plain(" ".join(part for part in (file, f"{problem.path}{span}") if part.strip()))


def _pointed(place: Place) -> tuple[str, str]:
    """Return the line, cut to fit, and carets below the part that is meant."""
    start = place.col - 1
    end = start + max(place.width, 1)
    first = 0 if end <= _WIDTH_MAX else max(0, start - _LEAD_MAX)
    last = first + _WIDTH_MAX
    shown = _plain(place.text[first:last])
    head = "…" if first else ""
    tail = "…" if last < len(place.text) else ""
    lead = _cells(_plain(place.text[first:start])) + len(head)
    marked = _cells(_plain(place.text[start : min(end, last)])) if place.width else 1
    return f"{head}{shown}{tail}", " " * lead + "^" * max(marked, 1)


def _plain(text: str) -> str:
    """Return a text without what would move the cursor or hide other text."""
    return "".join(
        " "
        if sign in "\t\n\r"
        else "·"
        if unicodedata.category(sign) in ("Cc", "Cf", "Cs")
        else sign
        for sign in text
    )


def _cells(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1
        for sign in text
    )
