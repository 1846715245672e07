"""How a rule text that is refused could be written: the nearest text that has a meaning.

Where a check knows the remedy it says so itself. Here are the faults whose remedy has to be looked
for: texts one edit away are read one after another, nearest to the fault first, and the first that
has a meaning is offered. An edit that takes something out of what was written, or makes up what was
not, is offered in words only: a patch is applied unasked, and may not change what a text means.
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
from simcore.strategy.functions import Function, Kind, functions
from simcore.strategy.logic import Effort, alternatives
from simcore.strategy.names import bound
from simcore.strategy.nodes import Graph
from simcore.strategy.problems import Findings, pointer_parts, replaced
from simcore.strategy.resolve import Expression, Resolver

_TEXT_MAX: Final = 512
# Code points read in all for one document: a thousand of them take about a millisecond.
_EFFORT_MAX: Final = 12_000
_SHOWN_MAX: Final = 90

_INSERTED: Final = (")", "(", " and ", ", ", "]")
_BRACKETS: Final = frozenset("()[]")
_SIGNS: Final[dict[str, str]] = {"≥": ">=", "≤": "<=", "≠": "!=", "×": "*", "÷": "/", "−": "-"}
_SPELLED: Final = (
    (re.compile(r"\b(AND|OR|NOT|True|TRUE|False|FALSE|And|Or|Not)\b"), lambda m: m[0].lower()),
    (re.compile(r"=>"), lambda _: ">="),
    (re.compile(r"=<"), lambda _: "<="),
    (re.compile(r"<>"), lambda _: "!="),
    (re.compile(r"(?<=\d)_(?=\d)"), lambda _: ""),
    (re.compile(r"(?<![\w.])\.(?=\d)"), lambda _: "0."),
    (re.compile(r"(?<=\d)\.(?![\d.])"), lambda _: ".0"),
    (re.compile(r"(\d+\.\d+)(?:\.\d*)+"), lambda m: m[1]),
    (re.compile("[≥≤≠×÷−]"), lambda m: _SIGNS[m[0]]),
)
# What is written so elsewhere, and what to do about it where no text that is near is sure to mean
# the same.
_ADVICE: Final = (
    (re.compile(r"\*\*"), "a power is a product: write `x * x`"),
    (re.compile(r"\d%"), "there are no percent signs: write the number it stands for"),
    (re.compile(r"\b0[xXbBoO]\w"), "write the number with the digits 0 to 9"),
    (re.compile(r"\d,\d"), "write a decimal point: `1.5`"),
    (re.compile(r"\d +\d"), "write a number without spaces: `1000`"),
    (re.compile(r"^\s*if\b"), "write the condition alone, without `if`"),
    (re.compile(r"-\s*not\b"), "a condition has no sign: write `not`"),
)
# What is usual of constants that only follow others.
_USUAL: Final = {
    "bbands.k": "2", "macd.slow": "26", "macd.signal": "9", "stoch.smooth": "3", "stoch.d": "3",
}  # fmt: skip
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
        self._effort = Effort()

    def mended(self, problem: Problem) -> Problem:
        """Return a problem with a patch for its first hint, if it has none and one is found."""
        has_patch = bool(problem.hints) and problem.hints[0].patch is not None
        if self._n_left <= 0 or problem.severity == "warning":
            return problem
        text = self._text(problem)
        if text is None:
            return problem
        if has_patch and problem.reason != "UNBALANCED_PAREN":
            return problem
        wanted: Kind = "num" if problem.path.endswith(("/price", "/expr")) else "bool"
        offered = [(step["value"], True) for hint in problem.hints[:1] for step in hint.patch or ()]
        kept = problem.hints[1:] if has_patch else problem.hints
        advice = _advised(text, problem)
        for candidate, is_sure in (*offered, *_candidates(text, problem)):
            if self._n_left <= 0:
                break
            if candidate != text and self._has_meaning(candidate, wanted, problem.reason):
                is_sure = is_sure and not advice
                patch = replaced(problem.path, candidate) if is_sure else None
                hints = () if advice else (Hint(_told(candidate, is_sure=is_sure), patch),)
                return replace(problem, hints=(*advice, *hints, *kept))
        return replace(problem, hints=(*advice, *problem.hints))

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
        if node is not None and wanted == "bool" and not findings.n_errors:
            # Nobody meant to write what is never true, or a call that decides nothing.
            if alternatives(node, self._effort) == []:
                return False
            always = reason == "ARITY" and alternatives(node, self._effort, is_negated=True) == []
            if always:
                return False
        if reason in _READINGS:
            # What else is wrong with the text has a remedy of its own, once it can be read.
            return not any(each.reason in _MISFITS for each in findings.told())
        return node is not None and findings.n_errors == 0


def _told(candidate: str, *, is_sure: bool) -> str:
    short = candidate if len(candidate) <= _SHOWN_MAX else candidate[: _SHOWN_MAX - 1] + "…"
    return f"write `{short}`" if is_sure else f"perhaps `{short}` was meant"


def _advised(text: str, problem: Problem) -> tuple[Hint, ...]:
    """Return what to do about spellings that mean something elsewhere, near the fault."""
    first, last = problem.span or (0, 0)
    for pattern, advice in _ADVICE if problem.reason in (*_READINGS, "ARITY") else ():
        for found in pattern.finditer(text):
            if found.start() <= last + 1 and first <= found.end() + 1:
                return (Hint(advice),)
    return ()


def _candidates(text: str, problem: Problem) -> Iterator[tuple[str, bool]]:
    """Yield texts that may be what was meant, the likeliest first, and whether each surely is."""
    span = problem.span or (0, 0)
    if problem.reason in _READINGS:
        yield _spelled_otherwise(text), True
        yield from _edited(text, span, is_open=problem.reason == "UNBALANCED_PAREN")
        return
    head, part, tail = text[: span[0]], text[slice(*span)], text[span[1] :]
    if problem.reason == "TYPE_MISMATCH" and part == text.strip():
        yield f"{head}close > {part}{tail}", False
    elif problem.reason == "TYPE_MISMATCH":
        yield f"{head}({part} > 0){tail}", False
    elif problem.reason == "NON_CONST_ARG":
        # What a series cannot be, a number must have been; the usual one is the best guess.
        yield from ((f"{head}{number}{tail}", True) for number in ("14", "2", "1"))
    elif problem.reason == "UNKNOWN_NAME" and part in functions():
        index = re.match(r"\s*\[\s*(\d+)\s*\]", tail)
        if index is not None:
            yield f"{head}{part}({index[1]}){tail[index.end() :]}", False
        else:
            yield from ((f"{head}{part}{given}{tail}", True) for given in ("(14)", "()"))
    elif problem.reason == "UNKNOWN_OUTPUT":
        yield head.rstrip().removesuffix(".") + tail, False
    elif problem.reason in ("ARITY", "FUTURE_FUNCTION", "NOT_CALLABLE"):
        yield from _called_otherwise(text, span, problem.reason)


def _spelled_otherwise(text: str) -> str:
    """Return the text with the spellings of other languages exchanged, all at once."""
    whole = text
    for pattern, meant in _SPELLED:
        whole = pattern.sub(meant, whole)
    return whole


def _edited(text: str, span: tuple[int, int], *, is_open: bool) -> Iterator[tuple[str, bool]]:
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
            shorter = re.sub(" {2,}", " ", text[: token.span[0]] + text[token.span[1] :])
            yield shorter, token.text in _BRACKETS
    for inserted in _INSERTED[:1] if is_open else _INSERTED:
        gaps = starts if inserted == "(" else ends
        for gap in gaps[: len(gaps) if is_open else 12]:
            yield text[:gap] + inserted + text[gap:], inserted != " and "
    for token in tokens if is_open else ():
        yield text[: token.span[0]] + text[token.span[1] :], token.text in _BRACKETS


def _called_otherwise(text: str, span: tuple[int, int], reason: str) -> Iterator[tuple[str, bool]]:
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
        for arguments, is_sure in _arguments(functions()[call.name], given):
            yield f"{head}{call.name}({', '.join(arguments)}){tail}", is_sure
    elif reason == "NOT_CALLABLE":
        yield from ((f"{head}{call.name}[{each}]{tail}", True) for each in given[:1])
        yield f"{head}{call.name}{tail}", False
    elif given and not isinstance(call.arguments[0], trees.Number | trees.Sign):
        distance = given[1] if len(given) > 1 else "1"
        yield f"{head}{given[0]}[{distance}]{tail}", True
        yield f"{head}{given[0]}[1]{tail}", True


def _arguments(function: Function, given: list[str]) -> Iterator[tuple[list[str], bool]]:
    """Yield what a call may be meant to take instead of what it is given."""
    usual = [_USUAL.get(row.name) for row in function.constants[1:]]
    if len(given) == 1 and usual and all(usual) and re.fullmatch(r"\d+", given[0]):
        yield [*given, *map(str, usual)], True
    for n_kept in range(len(given) - 1, 0, -1):
        yield given[:n_kept], False
    # The first of two series that cross is the writer's to say.
    yield ["close", *given], function.form != "cross"
    if function.form != "cross":
        yield [*given, "14"], False
        yield ["close", *given, "14"], False


def _calls(tree: trees.Tree) -> Iterable[trees.Call]:
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, trees.Call):
            yield part
        waiting.extend(trees.children(part))
