"""How a rule text that is refused could be written: the nearest text that has a meaning.

Where a check knows the remedy it says so itself. Here are the faults whose remedy has to be looked
for: texts one edit away are read one after another, nearest to the fault first, and the first that
has a meaning is offered. Nothing is said of a text for which no such edit is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from simcore.errors import SpecError
from simcore.problems import Hint, Problem
from simcore.strategy import grammar, trees
from simcore.strategy.document import StrategyDocument
from simcore.strategy.functions import Kind, functions
from simcore.strategy.names import bound
from simcore.strategy.nodes import Graph
from simcore.strategy.problems import Findings, pointer_parts, replaced
from simcore.strategy.resolve import Expression, Resolver

_TEXT_MAX: Final = 512
# Code points read in all for one document: a thousand of them take about a millisecond.
_EFFORT_MAX: Final = 24_000
_SHOWN_MAX: Final = 90

_INSERTED: Final = (")", "(", " and ", ", ", "]", ".")
_SPELLED: Final = (
    (re.compile(r"\b(AND|OR|NOT|True|TRUE|False|FALSE|And|Or|Not)\b"), lambda m: m[0].lower()),
    (re.compile(r"=>"), lambda _: ">="),
    (re.compile(r"=<"), lambda _: "<="),
    (re.compile(r"<>"), lambda _: "!="),
    (re.compile(r"(?<=\d)_(?=\d)"), lambda _: ""),
    (re.compile(r"(?<![\w.])\.(?=\d)"), lambda _: "0."),
    (re.compile(r"(?<=\d)\.(?![\d.])"), lambda _: ".0"),
    (re.compile(r"(\d+\.\d+)(?:\.\d*)+"), lambda m: m[1]),
)
_READINGS: Final = frozenset(
    {"EMPTY_EXPR", "ILLEGAL_CHAR", "BAD_NUMBER", "UNEXPECTED_TOKEN", "UNEXPECTED_END",
     "UNBALANCED_PAREN", "CHAINED_COMPARISON"}
)  # fmt: skip
# What a parenthesis or a word at the wrong place leads to.
_MISFITS: Final = frozenset(
    {
        "TYPE_MISMATCH",
        "ARITY",
        "NON_CONST_ARG",
        "NOT_CALLABLE",
        "UNKNOWN_OUTPUT",
        "UNKNOWN_FUNCTION",
    }
)


class Mender:
    """Looks for remedies in one document; the effort is bounded for the document as a whole.

    Args:
        document: As it was written.
        model: Its fields, and so the names that its texts may use.
    """

    def __init__(self, document: Any, model: StrategyDocument) -> None:
        self._document = document
        self._graph = Graph()
        self._names = bound(self._graph, model.params)
        self._n_left = _EFFORT_MAX

    def mended(self, problem: Problem) -> Problem:
        """Return a problem with a patch for its first hint, if it has none and one is found."""
        has_patch = bool(problem.hints) and problem.hints[0].patch is not None
        text = self._text(problem)
        if text is None or problem.severity == "warning":
            return problem
        if has_patch and problem.reason != "UNBALANCED_PAREN":
            return problem
        wanted: Kind = "num" if problem.path.endswith(("/price", "/expr")) else "bool"
        offered = [step["value"] for hint in problem.hints[:1] for step in hint.patch or ()]
        for candidate in (*offered, *_candidates(text, problem)):
            if self._n_left <= 0:
                break
            if candidate != text and self._has_meaning(candidate, wanted, problem.reason):
                hint = Hint(_told(candidate), replaced(problem.path, candidate))
                kept = problem.hints[1:] if has_patch else problem.hints
                return replace(problem, hints=(hint, *kept))
        return problem

    def _text(self, problem: Problem) -> str | None:
        """Return the rule text that a problem is in; None where it is in none worth mending."""
        place = self._document
        for part in pointer_parts(problem.path):
            try:
                place = place[int(part)] if isinstance(place, list) else place[part]
            except (KeyError, IndexError, ValueError, TypeError):
                return None
        is_text = isinstance(place, str) and problem.span is not None
        return place if is_text and len(place) <= _TEXT_MAX else None

    def _has_meaning(self, text: str, wanted: Kind, reason: str) -> bool:
        self._n_left -= len(text)
        try:
            tree = grammar.parse(text)
        except SpecError:
            return False
        findings = Findings({}, "")
        expression = Expression("", text, wanted, tree)
        node = Resolver(self._graph, self._names, findings, expression).whole()
        if reason in _READINGS:
            # What else is wrong with the text has a remedy of its own, once it can be read.
            return not any(each.reason in _MISFITS for each in findings.told())
        return node is not None and findings.n_errors == 0


def _told(candidate: str) -> str:
    short = candidate if len(candidate) <= _SHOWN_MAX else candidate[: _SHOWN_MAX - 1] + "…"
    return f"write `{short}`"


def _candidates(text: str, problem: Problem) -> Iterator[str]:
    """Yield texts that may be what was meant, the likeliest first."""
    span = problem.span or (0, 0)
    if problem.reason in _READINGS:
        yield from _spelled_otherwise(text)
        yield from _edited(text, span, is_open=problem.reason == "UNBALANCED_PAREN")
        return
    head, part, tail = text[: span[0]], text[slice(*span)], text[span[1] :]
    if problem.reason == "TYPE_MISMATCH" and part == text.strip():
        yield f"{head}close > {part}{tail}"
    elif problem.reason == "TYPE_MISMATCH":
        yield f"{head}({part} > 0){tail}"
    elif problem.reason in ("NON_CONST_ARG", "ARG_DOMAIN"):
        yield from (f"{head}{number}{tail}" for number in ("14", "2", "1"))
    elif problem.reason == "UNKNOWN_NAME" and part in functions():
        yield from (f"{head}{part}{given}{tail}" for given in ("(14)", "(close, 14)", "()"))
    elif problem.reason == "UNKNOWN_OUTPUT":
        yield head.rstrip().removesuffix(".") + tail
    elif problem.reason in ("ARITY", "FUTURE_FUNCTION", "NOT_CALLABLE"):
        yield from _called_otherwise(text, span, problem.reason)


def _spelled_otherwise(text: str) -> Iterator[str]:
    """Yield the text with the spellings of other languages exchanged, all at once."""
    whole = text
    for pattern, meant in _SPELLED:
        whole = pattern.sub(meant, whole)
    yield whole


def _edited(text: str, span: tuple[int, int], *, is_open: bool) -> Iterator[str]:
    """Yield the text with one token more or less, nearest to the fault first."""
    tokens = grammar.tokens(text)[:-1]

    def is_near(offset: int) -> int:
        return abs(offset - span[0])

    # What closes stands behind a word, what opens stands before one.
    ends = sorted({token.span[1] for token in tokens}, key=is_near)
    starts = sorted({token.span[0] for token in tokens}, key=is_near)
    if not is_open:
        # A character that means nothing, or a word too many, is likeliest not meant at all.
        for token in sorted(tokens, key=lambda each: is_near(each.span[0]))[:4]:
            yield re.sub(" {2,}", " ", text[: token.span[0]] + text[token.span[1] :])
    for inserted in _INSERTED[:1] if is_open else _INSERTED:
        gaps = starts if inserted == "(" else ends
        for gap in gaps[: len(gaps) if is_open else 12]:
            yield text[:gap] + inserted + text[gap:]
    for token in tokens if is_open else ():
        yield text[: token.span[0]] + text[token.span[1] :]


def _called_otherwise(text: str, span: tuple[int, int], reason: str) -> Iterator[str]:
    """Yield the text with a call that takes other arguments, or with an index in its place."""
    call = next(
        (part for part in _calls(grammar.parse(text)) if span in (part.span, part.name_span)),
        None,
    )
    if call is None:
        return
    head, tail = text[: call.span[0]], text[call.span[1] :]
    given = [text[slice(*argument.span)] for argument in call.arguments]
    if reason == "ARITY":
        for arguments in _arguments(given):
            yield f"{head}{call.name}({', '.join(arguments)}){tail}"
    elif reason == "NOT_CALLABLE":
        yield from (f"{head}{call.name}[{each}]{tail}" for each in given[:1])
        yield f"{head}{call.name}{tail}"
    elif given:
        distance = given[1] if len(given) > 1 else "1"
        yield f"{head}{given[0]}[{distance}]{tail}"
        yield f"{head}{given[0]}[1]{tail}"


def _arguments(given: list[str]) -> Iterator[list[str]]:
    for n_kept in range(len(given) - 1, 0, -1):
        yield given[:n_kept]
    yield ["close", *given]
    yield [*given, "14"]
    yield ["close", *given, "14"]
    yield [*given, "20", "2"]


def _calls(tree: trees.Tree) -> Iterable[trees.Call]:
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, trees.Call):
            yield part
        waiting.extend(trees.children(part))
