"""A problem of a document: what is wrong, where, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Hint:
    """A remedy: a sentence and, where a program could apply it, an RFC 6902 patch."""

    text: str
    patch: tuple[dict[str, Any], ...] | None = None


@dataclass(frozen=True)
class Place:
    """Where something stands in the text of a document.

    Args:
        line: Number of the line, from 1.
        col: Number of the code point within the line, from 1.
        text: The whole line.
        width: How many code points of the line are meant; 0 for the gap before one.
    """

    line: int
    col: int
    text: str
    width: int


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a document.

    Args:
        code: Stable class of the problem.
        reason: Stable refinement of the code.
        message: What was found and what was expected.
        path: RFC 6901 pointer into the document; empty for the document itself.
        source: File or id the document came from; empty if it has none.
        span: First and one past the last code point within the text at `path`.
        hints: Remedies, the likeliest first.
        severity: An error refuses the document, a warning does not.
        place: Where that is in the document's text; None where it came as no text.
    """

    code: str
    reason: str
    message: str
    path: str = ""
    source: str = ""
    span: tuple[int, int] | None = None
    hints: tuple[Hint, ...] = ()
    severity: Literal["error", "warning"] = "error"
    place: Place | None = None

    def __str__(self) -> str:
        """`where: what was found, what was expected [remedy]`."""
        span = f" [{self.span[0]},{self.span[1]})" if self.span is not None else ""
        place = ": ".join(part for part in (self.source, f"{self.path}{span}") if part)
        remedy = f" [{self.hints[0].text}]" if self.hints else ""
        return f"{place}: {self.message}{remedy}" if place else f"{self.message}{remedy}"

    @property
    def line(self) -> int | None:
        """Number of the line in the document's text, from 1; None where it came as no text."""
        return self.place.line if self.place else None

    @property
    def col(self) -> int | None:
        """Number of the code point within the line, from 1; None where there is no text."""
        return self.place.col if self.place else None

    def as_json(self) -> dict[str, Any]:
        """Return the problem as programs read it."""
        return {
            "code": self.code,
            "reason": self.reason,
            "severity": self.severity,
            "message": self.message,
            "source": self.source,
            "loc": {
                "path": self.path,
                "span": None if self.span is None else list(self.span),
                "line": self.line,
                "col": self.col,
            },
            "hints": [
                {"text": hint.text}
                | ({} if hint.patch is None else {"patch": [dict(step) for step in hint.patch]})
                for hint in self.hints
            ],
        }
