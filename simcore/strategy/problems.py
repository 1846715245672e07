"""The reasons a strategy is refused for, in the stages they are looked for, and their collection.

A stage is looked at whole; the first stage with an error ends the check, because what later stages
would say of a text that cannot be read, or of a name that means nothing, is noise.
"""

from __future__ import annotations

from collections import Counter
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

# Letters of names that are compared, for one document, with those that there are.
_SEARCH_MAX: Final = 8_192

WARNINGS: Final = frozenset(
    reason for reason, (code, _) in REASONS.items() if code == "DSL_WARNING"
)
"""Reasons that refuse nothing; a run, and no check, finds that two rules met on one bar."""


class Findings:
    """Problems of one document, as they are found.

    Args:
        document: As it was written; gives the order in which problems are told.
        source: Where it came from.

    Attributes:
        n_errors: How many errors were found so far; one is enough to refuse the document.
    """

    def __init__(self, document: Any, source: str) -> None:
        self.document = document
        self.source = source
        self.n_errors = 0
        self._found: list[Problem] = []
        self._seen: set[tuple[str, str, str, Span | None]] = set()
        self._failed: Stage | None = None
        self._n_kept: Counter[tuple[Stage, bool]] = Counter()
        self._n_more: Counter[tuple[Stage, bool]] = Counter()
        self._n_left_to_search = _SEARCH_MAX
        self._searched: dict[str, bool] = {}
        self._orders: dict[str, tuple[int, ...]] = {}

    def add(
        self,
        reason: str,
        message: str,
        path: str,
        span: Span | None = None,
        *hints: Hint,
    ) -> None:
        """Note one problem; its code and stage follow from its reason."""
        code, stage = REASONS[reason]
        is_warning = reason in WARNINGS
        self.n_errors += not is_warning
        if self._failed is not None and stage > self._failed:
            return  # An earlier stage has failed: nobody will be told.
        # Two ways to the same place, such as a rule that two others contradict, tell it once.
        if (key := (reason, message, path, span)) in self._seen:
            return
        self._seen.add(key)
        if not is_warning:
            self._failed = stage
        kind = stage, is_warning
        self._n_kept[kind] += 1
        if self._n_kept[kind] > TOLD_MAX + 1:
            self._n_more[kind] += 1
            return
        severity = "warning" if is_warning else "error"
        problem = Problem(code, reason, message, path, self.source, span, hints, severity)  # type: ignore[arg-type]
        self._found.append(problem)

    def take(self, problems: Sequence[Problem]) -> None:
        """Note problems that another part has found."""
        self._found.extend(problems)
        errors = [problem for problem in problems if problem.severity == "error"]
        self.n_errors += len(errors)
        for stage in map(_stage, errors):
            self._failed = stage if self._failed is None else min(stage, self._failed)

    @property
    def is_full(self) -> bool:
        """Whether so much was found that nobody is told the remedy of what else there is."""
        return len(self._found) >= TOLD_MAX

    def may_search(self, name: str, n_known: int) -> bool:
        """Whether it is looked for what a name was meant to be, which takes long for many names."""
        if self.is_full:
            return False
        may = self._searched.get(name)
        if may is None:
            self._n_left_to_search -= len(name) * n_known
            may = self._searched[name] = self._n_left_to_search >= 0
        return may

    def is_sound_before(self, stage: Stage) -> bool:
        """Whether no error belongs to an earlier stage."""
        return all(p.severity == "warning" or _stage(p) >= stage for p in self._found)

    def told(self) -> list[Problem]:
        """Return the problems of the first stage that failed, or else the warnings, in order.

        Of more than `TOLD_MAX` the first ones found, errors before warnings, and how many more.
        """
        told = [
            problem
            for problem in self._found
            if self._failed is None
            or (
                _stage(problem) == self._failed
                and (problem.severity == "error" or self._failed == Stage.SEMANTICS)
            )
        ]
        n_more = sum(n for (stage, _), n in self._n_more.items() if self._failed in (None, stage))
        ordered = sorted(told, key=self._order)
        if len(ordered) <= TOLD_MAX:
            return ordered
        ordered.sort(key=lambda problem: problem.severity == "warning")
        first = sorted(ordered[:TOLD_MAX], key=self._order)
        return [*first, _more(ordered[TOLD_MAX], len(ordered) - TOLD_MAX + n_more)]

    def _order(self, problem: Problem) -> tuple[tuple[int, ...], Span]:
        order = self._orders.get(problem.path)
        if order is None:
            order = self._orders[problem.path] = document_order(self.document, problem.path)
        return order, problem.span or (-1, -1)


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
