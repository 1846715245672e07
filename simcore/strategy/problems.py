"""The reasons a strategy is refused for, in the stages they are looked for, and their collection.

A stage is looked at whole; the first stage with an error ends the check, because what later stages
would say of a text that cannot be read, or of a name that means nothing, is noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import IntEnum
from typing import Any, Final

from simcore.problems import Hint, Problem
from simcore.strategy.trees import Span


class Stage(IntEnum):
    """The order in which a document is checked."""

    SCHEMA = 1
    PARSE = 2
    TYPES = 3
    RANGES = 4
    SEMANTICS = 5


_BY_CODE: Final = {
    ("DSL_SCHEMA_INVALID", Stage.SCHEMA): (
        "NOT_JSON DUPLICATE_KEY MISSING_FIELD UNKNOWN_FIELD WRONG_TYPE BAD_ENUM BAD_ID "
        "VERSION_UNSUPPORTED EMPTY_RULES TOO_LARGE"
    ),
    ("DSL_PARSE_ERROR", Stage.PARSE): (
        "EMPTY_EXPR ILLEGAL_CHAR BAD_NUMBER UNEXPECTED_TOKEN UNEXPECTED_END UNBALANCED_PAREN "
        "CHAINED_COMPARISON TOO_DEEP TOO_LONG"
    ),
    ("DSL_UNSUPPORTED_FUN", Stage.TYPES): (
        "UNKNOWN_FUNCTION FUTURE_FUNCTION UNKNOWN_OUTPUT NOT_CALLABLE"
    ),
    ("DSL_STATIC_FAIL", Stage.TYPES): ("TYPE_MISMATCH ARITY NON_CONST_ARG UNKNOWN_NAME COMPLEXITY"),
    ("DSL_PARAM_OUT_OF_RANGE", Stage.RANGES): "ARG_DOMAIN NOT_INTEGER PARAM_DOMAIN",
    ("DSL_STATIC_FAIL", Stage.SEMANTICS): (
        "LOOKAHEAD DIV_BY_ZERO CONTRADICTION DEAD_RULE NO_EXIT RISK_UNBOUNDED STOP_REQUIRED "
        "WINDOW_EXCEEDS_SERIES PARAM_CONSTRAINT"
    ),
    ("DSL_WARNING", Stage.SEMANTICS): (
        "NO_ENTRY ALWAYS_TRUE POSSIBLE_CONFLICT OVERFIT_RISK UNUSED_PARAM FLOAT_EQUALITY "
        "RUNTIME_CONFLICT"
    ),
}
REASONS: Final[Mapping[str, tuple[str, Stage]]] = {
    reason: key for key, reasons in _BY_CODE.items() for reason in reasons.split()
}
"""Code and stage of every reason."""

TOLD_MAX: Final = 100
"""So many problems of a document are told in full; one more says how many there are beside."""

WARNINGS: Final = frozenset(
    reason for reason, (code, _) in REASONS.items() if code == "DSL_WARNING"
)
"""Reasons that refuse nothing; a run, and no check, finds that two rules met on one bar."""


class Findings:
    """Problems of one document, as they are found.

    Args:
        document: As it was written; gives the order in which problems are told.
        source: Where it came from.
    """

    def __init__(self, document: Any, source: str) -> None:
        self.document = document
        self.source = source
        self._found: list[Problem] = []
        self._seen: set[tuple[str, str, str, Span | None]] = set()

    def add(
        self,
        reason: str,
        message: str,
        path: str,
        span: Span | None = None,
        *hints: Hint,
    ) -> None:
        """Note one problem; its code and stage follow from its reason."""
        # Two ways to the same place, such as a rule that two others contradict, tell it once.
        if (key := (reason, message, path, span)) in self._seen:
            return
        self._seen.add(key)
        code, _ = REASONS[reason]
        severity = "warning" if reason in WARNINGS else "error"
        problem = Problem(code, reason, message, path, self.source, span, hints, severity)  # type: ignore[arg-type]
        self._found.append(problem)

    def take(self, problems: Sequence[Problem]) -> None:
        """Note problems that another part has found."""
        self._found.extend(problems)

    @property
    def n_errors(self) -> int:
        """How many errors were found so far; one is enough to refuse the document."""
        return sum(problem.severity == "error" for problem in self._found)

    @property
    def is_full(self) -> bool:
        """Whether so much was found that nobody is told the remedy of what else there is."""
        return len(self._found) >= TOLD_MAX

    def is_sound_before(self, stage: Stage) -> bool:
        """Whether no error belongs to an earlier stage."""
        return all(p.severity == "warning" or _stage(p) >= stage for p in self._found)

    def told(self) -> list[Problem]:
        """Return the problems of the first stage that failed, or else the warnings, in order.

        Of more than `TOLD_MAX` the first ones, errors before warnings, and how many more.
        """
        errors = [problem for problem in self._found if problem.severity == "error"]
        told = self._found
        if errors:
            failed = min(_stage(problem) for problem in errors)
            is_last = failed == Stage.SEMANTICS
            told = self._found if is_last else [p for p in errors if _stage(p) == failed]
        ordered = sorted(told, key=self._order)
        if len(ordered) <= TOLD_MAX:
            return ordered
        ordered.sort(key=lambda problem: problem.severity == "warning")
        first = sorted(ordered[:TOLD_MAX], key=self._order)
        return [*first, _more(ordered[TOLD_MAX], len(ordered) - TOLD_MAX)]

    def _order(self, problem: Problem) -> tuple[tuple[int, ...], Span]:
        return document_order(self.document, problem.path), problem.span or (-1, -1)


def _more(next_one: Problem, n: int) -> Problem:
    """Return the problem that stands for all that are not told; its place is the next one's."""
    message = f"{n} more problems from here on, expected none"
    return replace(next_one, message=message, hints=(Hint("mend those before it first"),))


def _stage(problem: Problem) -> Stage:
    return REASONS.get(problem.reason, ("", Stage.SCHEMA))[1]


def document_order(document: Any, path: str) -> tuple[int, ...]:
    """Return a key that sorts RFC 6901 pointers as the document writes what they point at.

    What the document lacks comes behind its siblings.
    """
    key: list[int] = []
    place = document
    for part in pointer_parts(path):
        names = list(place) if isinstance(place, Mapping) else []
        if part in names:
            key.append(names.index(part))
            place = place[part]
        elif isinstance(place, list) and part.isdecimal() and int(part) < len(place):
            key.append(int(part))
            place = place[int(part)]
        else:
            key.append(len(names) if names else 0)
            place = None
    return tuple(key)


def pointer_parts(path: str) -> list[str]:
    """Return the parts of an RFC 6901 pointer."""
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def replaced(path: str, value: Any) -> tuple[dict[str, Any], ...]:
    """Return the RFC 6902 patch that puts `value` where `path` points."""
    return ({"op": "replace", "path": path, "value": value},)


def added(path: str, value: Any) -> tuple[dict[str, Any], ...]:
    """Return the RFC 6902 patch that adds `value` at `path`."""
    return ({"op": "add", "path": path, "value": value},)
