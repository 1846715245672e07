"""Rule text to a tree, every part with its exact place; what a name means is decided elsewhere.

The grammar, loosest first: ``or``, ``and``, ``not``, one comparison (they do not chain), sums,
products, signs, then ``x[k]`` and ``x.field``. Sums, products and the two junctions are kept flat,
so that the depth of a tree is bounded by the depth of nesting and not by the length of the text.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple, NoReturn

from simcore.errors import SpecError
from simcore.problems import Hint, Problem
from simcore.strategy.trees import (
    Call,
    Chain,
    Comparison,
    Field,
    Index,
    Junction,
    Name,
    Negation,
    Number,
    Sign,
    Span,
    Tree,
    Truth,
)

TEXT_MAX: Final = 2048
NESTING_MAX: Final = 64
KEYWORDS: Final = frozenset({"and", "or", "not", "true", "false"})


def parse(text: str, *, path: str = "", source: str = "") -> Tree:
    """Return the tree of one rule text.

    Args:
        text: At most 2048 code points.
        path: Where the text stands in its document, for the problem's place and patch.
        source: Where the document came from.

    Raises:
        SpecError: One problem with code ``DSL_PARSE_ERROR``: the first place that cannot be read.
    """
    return _Parser(text, path, source).whole()


class Token(NamedTuple):
    """A word of a text; its kind is number, name, sign, bad_number, illegal or end.

    A tuple, because a hostile document has thousands of them and each is made on its own.
    """

    kind: str
    text: str
    span: Span


_CLOSERS: Final = {"[": "]", "(": ")"}
# Words that no place of a text has a use for.
_USELESS: Final = frozenset({"bad_number", "illegal"})
_OR, _AND, _NOT, _COMPARISON, _SUM, _PRODUCT, _SIGN = 1, 2, 3, 4, 5, 6, 7
_LEVELS: Final = {
    "or": _OR,
    "and": _AND,
    **dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), _COMPARISON),
    **dict.fromkeys("+-", _SUM),
    **dict.fromkeys("*/", _PRODUCT),
}

# A run of digits and dots is one token even where it is no number, so that `30.5.1` is refused as
# a whole. A dot before a letter picks an output and is a sign.
_TOKEN: Final = re.compile(
    r"""(?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<sign><=|>=|==|!=|[-+*/<>()\[\],]|\.(?!\.{0,3}[0-9]))
      | (?P<number>[0-9.]+(?:[eE][+-]?[0-9]+)?)
      | (?P<illegal>[^ \t\r\n])""",
    re.VERBOSE,
)
_WORD: Final = re.compile(r"\w+(?:\.\w+)*|[^ \t\r\n\w]", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")

# What people write out of habit, and what it is called here.
_FOREIGN: Final = {"&": "and", "|": "or", "!": "not", "=": "=="}
_FOREIGN_RUN: Final = re.compile(r" ?(?:&&?|\|\|?|!(?!=)|=[<>]|===+|(?<![<>=!])=(?!=)) ?")


def _native(found: re.Match[str]) -> str:
    run = found.group().strip()
    word = {"=>": ">=", "=<": "<="}.get(run) or ("==" if run[0] == "=" else _FOREIGN[run[0]])
    return f" {word} " if run != "!" or found.start() else f"{word} "


def tokens(text: str) -> list[Token]:
    """Return the tokens of a text, and behind them one that is its end."""
    read = []
    make = Token._make
    for found in _TOKEN.finditer(text):
        kind, spelling = str(found.lastgroup), found.group()
        if kind == "number" and not _is_number(spelling):
            kind = "bad_number"
        read.append(make((kind, spelling, found.span())))
    read.append(Token("end", "", (len(text), len(text))))
    return read


def n_words(text: str) -> int:
    """Return about how many tokens a text has, which is known long before it is read."""
    return len(_WORD.findall(text))


def _is_number(spelling: str) -> bool:
    return _NUMBER.fullmatch(spelling) is not None and math.isfinite(float(spelling))


@dataclass(slots=True)
class _Pending:
    """An operator that waits for its right side; `is_prefix` has no left one."""

    token: Token
    level: int
    is_prefix: bool


@dataclass(slots=True)
class _Frame:
    """What was read since a bracket was opened.

    Args:
        opener: The bracket; an empty token for the text itself.
        head: Name of the function that is called, or what the index is of.
        arguments: Finished arguments of a call.
        operands: Trees whose operators wait.
        pending: Those operators, the tightest last.
    """

    opener: Token
    head: Token | Tree | None = None
    arguments: list[Tree] = field(default_factory=list)
    operands: list[Tree] = field(default_factory=list)
    pending: list[_Pending] = field(default_factory=list)
    closer: str = ""

    def __post_init__(self) -> None:
        self.closer = _CLOSERS.get(self.opener.text, "")

    @property
    def expected(self) -> str:
        """What may follow a value here."""
        if self.closer in ("", "]"):
            return "`]`" if self.closer else "an operator or the end"
        return "`,` or `)`" if self.head is not None else "an operator or `)`"


class _Parser:
    """Reads one text from left to right, with brackets on a stack of its own.

    No part of it calls itself, so that no text, however nested, can exhaust Python's stack.
    """

    def __init__(self, text: str, path: str, source: str) -> None:
        self._text = text
        self._path = path
        self._source = source
        self._depth = 0
        self._position = 0
        self._tokens: list[Token] = []
        self._frames = [_Frame(Token("end", "", (0, 0)))]
        self._is_done = False

    def whole(self) -> Tree:
        n = len(self._text)
        if n > TEXT_MAX:
            message = f"the text has {n} characters, expected at most {TEXT_MAX}"
            self._fail("TOO_LONG", message, (TEXT_MAX, n))
        if not self._text.strip(" \t\r\n"):
            self._fail("EMPTY_EXPR", "the text is empty, expected an expression", (0, n))
        self._tokens = tokens(self._text)
        while True:
            self._read_value()
            # A value may be followed by an operator, which wants another value, or by what ends
            # a part, after which the part is itself a value.
            while self._follows():
                pass
            if self._is_done:
                return self._finished(self._frames[0])

    def _read_value(self) -> None:
        """Read prefixes and opening brackets up to and including a value."""
        while True:
            frame = self._frames[-1]
            token = self._tokens[self._position]
            is_empty_call = isinstance(frame.head, Token) and not (frame.arguments or frame.pending)
            if token.kind in _USELESS:
                self._refuse_word(token, "an argument or `)`" if is_empty_call else "a value")
            if token.text in ("+", "-"):
                self._open(token, prefix=_SIGN)
            elif token.text == "not" and self._may_negate(frame):
                self._open(token, prefix=_NOT)
            elif token.text == "(":
                self._open(token)
            elif token.kind == "number":
                return self._push(Number(token.span, float(token.text), token.text))
            elif token.text in ("true", "false"):
                return self._push(Truth(token.span, token.text == "true"))
            elif token.kind == "name" and token.text not in KEYWORDS:
                if self._tokens[self._position + 1].text != "(":
                    return self._push(Name(token.span, token.text))
                self._position += 1
                self._open(self._tokens[self._position], head=token)
            elif token.text == ")" and is_empty_call:
                return self._close(token)
            else:
                self._unexpected(token, "a value")

    def _follows(self) -> bool:
        """Read what follows a value; return whether another thing may follow that."""
        frame = self._frames[-1]
        token = self._tokens[self._position]
        if token.kind in _USELESS:
            self._refuse_word(token, frame.expected)
        level = _LEVELS.get(token.text, 0) if token.kind in ("sign", "name") else 0
        if level and not (frame.closer == "]" and level < _SUM):
            self._wait(frame, _Pending(token, level, is_prefix=False))
            return False
        if token.text == "[":
            self._open(token, head=frame.operands.pop())
            return False
        if token.text == ".":
            self._position += 1
            self._read_field(frame)
            return True
        if token.text == "," and isinstance(frame.head, Token):
            frame.arguments.append(self._finished(frame))
            self._position += 1
            return False
        if token.text == frame.closer and token.kind != "end":
            self._close(token)
            return True
        if token.kind == "end" and not frame.closer:
            self._is_done = True
            return False
        return self._refuse_follower(frame, token)

    def _refuse_follower(self, frame: _Frame, token: Token) -> NoReturn:
        if token.kind == "end":
            closers = "".join(each.closer for each in reversed(self._frames))
            hint = Hint(f"add `{closers}`", self._replaced(self._text + closers))
            message = f"the text ends, expected `{frame.closer}`"
            self._fail("UNBALANCED_PAREN", message, token.span, hint)
        if not frame.closer and token.text in (")", "]"):
            self._fail("UNBALANCED_PAREN", f"`{token.text}` closes nothing", token.span)
        self._unexpected(token, frame.expected)

    @staticmethod
    def _may_negate(frame: _Frame) -> bool:
        is_loose = not frame.pending or frame.pending[-1].level <= _NOT
        return is_loose and frame.closer != "]"

    def _open(self, token: Token, *, prefix: int = 0, head: Token | Tree | None = None) -> None:
        """Go one level deeper, by a prefix or by a bracket."""
        self._depth += 1
        if self._depth > NESTING_MAX:
            message = f"nesting is deeper than {NESTING_MAX} levels"
            self._fail("TOO_DEEP", message, token.span)
        if prefix:
            self._frames[-1].pending.append(_Pending(token, prefix, is_prefix=True))
        else:
            self._frames.append(_Frame(token, head))
        self._position += 1

    def _close(self, token: Token) -> None:
        frame = self._frames.pop()
        self._depth -= 1
        if frame.operands:
            frame.arguments.append(self._finished(frame))
        end = token.span[1]
        if isinstance(frame.head, Token):
            name = frame.head
            arguments = tuple(frame.arguments)
            tree: Tree = Call((name.span[0], end), name.text, name.span, arguments)
        elif frame.head is not None:
            tree = Index((frame.head.span[0], end), frame.head, frame.arguments[0])
        else:
            tree = frame.arguments[0]
            if not self._is_wrapped():
                tree = replace(tree, span=(frame.opener.span[0], end))
        self._push(tree)

    def _is_wrapped(self) -> bool:
        """Whether the group just closed is all of another, whose span it is given anyway."""
        around = self._frames[-1]
        is_alone = not (around.operands or around.pending or around.arguments)
        is_group = around.closer == ")" and around.head is None
        return is_alone and is_group and self._tokens[self._position + 1].text == ")"

    def _push(self, tree: Tree) -> None:
        self._frames[-1].operands.append(tree)
        self._position += 1

    def _read_field(self, frame: _Frame) -> None:
        name = self._tokens[self._position]
        if name.kind in _USELESS:
            self._refuse_word(name, "the name of an output")
        if name.kind != "name" or name.text in KEYWORDS:
            self._unexpected(name, "the name of an output")
        of = frame.operands.pop()
        self._push(Field((of.span[0], name.span[1]), of, name.text, name.span))

    def _wait(self, frame: _Frame, operator: _Pending) -> None:
        """Let an operator wait for its right side, after those that bind tighter are done."""
        while frame.pending and frame.pending[-1].level > operator.level:
            self._reduce(frame)
        if operator.level == _COMPARISON and frame.pending:
            last = frame.pending[-1]
            if last.level == _COMPARISON:
                self._refuse_chained(frame, last.token, operator.token)
        frame.pending.append(operator)
        self._position += 1

    def _finished(self, frame: _Frame) -> Tree:
        while frame.pending:
            self._reduce(frame)
        return frame.operands.pop()

    def _reduce(self, frame: _Frame) -> None:
        """Make one tree of the tightest operator, with all of its level beside it."""
        last = frame.pending[-1]
        if last.is_prefix:
            frame.pending.pop()
            self._depth -= 1
            operand = frame.operands.pop()
            span = (last.token.span[0], operand.span[1])
            sign = Sign(span, last.token.text, operand)
            frame.operands.append(Negation(span, operand) if last.level == _NOT else sign)
            return
        run: list[str] = []
        while frame.pending and frame.pending[-1].level == last.level:
            run.append(frame.pending.pop().token.text)
        operators = tuple(reversed(run))
        operands = tuple(frame.operands[-len(operators) - 1 :])
        del frame.operands[-len(operands) :]
        span = (operands[0].span[0], operands[-1].span[1])
        if last.level == _COMPARISON:
            frame.operands.append(Comparison(span, operators[0], operands[0], operands[1]))
        elif last.level in (_OR, _AND):
            frame.operands.append(Junction(span, operators[0], operands))
        else:
            frame.operands.append(Chain(span, operands, operators))

    def _refuse_chained(self, frame: _Frame, first: Token, second: Token) -> NoReturn:
        middle = frame.operands[-1].span
        shared = self._text[slice(*middle)]
        joined = f"{self._text[: middle[1]]} and {shared} {self._text[second.span[0] :]}"
        # Below a `not` the second half would slip out of it, so no patch is offered there.
        is_negated = len(frame.pending) > 1 and frame.pending[-2].level == _NOT
        patch = None if is_negated else self._replaced(joined)
        hint = Hint(f"write `a {first.text} x and x {second.text} b`", patch)
        message = f"`{second.text}` follows a comparison, expected `and`, `or` or the end"
        self._fail("CHAINED_COMPARISON", message, second.span, hint)

    def _refuse_word(self, token: Token, expected: str) -> NoReturn:
        """Refuse what is no token at all, where it is first met."""
        if token.kind == "bad_number":
            message = f"`{token.text}` is no number, expected digits such as 30 or 0.5 or 1e-3"
            self._fail("BAD_NUMBER", message, token.span)
        message = f"the character {token.text!r} has no meaning here, expected {expected}"
        word = _FOREIGN.get(token.text)
        if word is None:
            self._fail("ILLEGAL_CHAR", message, token.span)
        # Who writes one of them so writes all of them so.
        patch = self._replaced(_FOREIGN_RUN.sub(_native, self._text))
        self._fail("ILLEGAL_CHAR", message, token.span, Hint(f"write `{word}`", patch))

    def _replaced(self, text: str) -> tuple[dict[str, object], ...]:
        return ({"op": "replace", "path": self._path, "value": text},)

    def _unexpected(self, token: Token, expected: str) -> NoReturn:
        if token.kind == "end":
            self._fail("UNEXPECTED_END", f"the text ends, expected {expected}", token.span)
        self._fail("UNEXPECTED_TOKEN", f"got `{token.text}`, expected {expected}", token.span)

    def _fail(self, reason: str, message: str, span: Span, hint: Hint | None = None) -> NoReturn:
        hints = () if hint is None else (hint,)
        problem = Problem("DSL_PARSE_ERROR", reason, message, self._path, self._source, span, hints)
        raise SpecError((problem,))
