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
    """

    code: str
    reason: str
    message: str
    path: str = ""
    source: str = ""
    span: tuple[int, int] | None = None
    hints: tuple[Hint, ...] = ()
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        """`where: what was found, what was expected [remedy]`."""
        span = f" [{self.span[0]},{self.span[1]})" if self.span is not None else ""
        place = ": ".join(part for part in (self.source, f"{self.path}{span}") if part)
        remedy = f" [{self.hints[0].text}]" if self.hints else ""
        return f"{place}: {self.message}{remedy}" if place else f"{self.message}{remedy}"
