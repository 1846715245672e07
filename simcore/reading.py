"""Texts to JSON values: TOML and JSON, with what neither a reader nor canonical JSON refuses.

What the values mean is of no concern here, and where they come from is `simcore.documents`'s.
"""

from __future__ import annotations

import datetime
import json
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from simcore.places import place_at
from simcore.problems import Place
from simcore.spelling import pointer, shown

_HALF: Final = re.compile("[\ud800-\udfff]")
_INTEGER_MAX: Final = 2**53 - 1  # what canonical JSON can spell

# The reader of TOML takes time and space with the square of a key's parts.
_KEY_PARTS_MAX: Final = 32
_LONG_KEY: Final = re.compile(
    r"(?<![\w.-])(?>(?>[\w-]+|\"[^\"\n]*\"|'[^'\n]*')[ \t]*\.[ \t]*)" + f"{{{_KEY_PARTS_MAX}}}"
)


# What stands between quotation marks or behind a number sign.
_QUOTED: Final = re.compile(
    r'"""(?:[^"\\]++|\\.|""?(?!"))*+"""|'
    r"'''(?:[^']++|''?(?!'))*+'''|"
    r'"(?:[^"\\\n]++|\\.)*+"|'
    r"'[^'\n]*+'|#[^\n]*+",
    re.DOTALL,
)
# Of what cannot be read, so many faults are told, and how many more there are.
_FAULTS_MAX: Final = 100


@dataclass(frozen=True)
class Fault:
    """Why something is no document.

    Args:
        reason: Reason of the problem.
        message: What was found and what was expected.
        path: RFC 6901 pointer to it; empty for the document itself.
        place: Where the text ceases to be one, if that is known.
    """

    reason: str
    message: str
    path: str = ""
    place: Place | None = None


class UnreadableError(Exception):
    """A text is not a document, for one reason or for many."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(faults[0].message)
        self.faults = faults


class _Object(list[tuple[str, Any]]):
    """A JSON object as its pairs, so that a key that stands twice is still seen."""


def value(text: str, suffix: str, n_max: int) -> Any:
    """Return what a text of a format holds; objects of JSON are lists of pairs as yet.

    Args:
        text: The document.
        suffix: ``.toml`` or ``.json``.
        n_max: How many values `plain` would take.

    Raises:
        UnreadableError: It is not of that format, or nested too deeply to be read.
    """
    if suffix == ".json":
        return _json_value(text)
    _check_signs(text, n_max)
    return _toml_value(text)


def _check_signs(text: str, n_max: int) -> None:
    """Refuse a text of TOML that must hold more values than are allowed, before it is read.

    Its reader takes a microsecond a sign. Every value has an equals sign or a comma of its own, but
    for the last of a list; every list and every table has its bracket; and a dot parts a number or
    a name, of which a value has few.
    """
    limits = {"=": n_max, ",": n_max, "[": 2 * n_max, "{": n_max, ".": 2 * n_max}
    if not any(text.count(sign) > limit for sign, limit in limits.items()):
        return
    bare = _QUOTED.sub("", text)
    if any(bare.count(sign) > limit for sign, limit in limits.items()):
        raise UnreadableError(_too_many(n_max))


def _too_many(n_max: int) -> Fault:
    return Fault("TOO_LARGE", f"got more values than {n_max}, expected fewer")


def plain(document: Any, n_max: int) -> dict[str, Any]:
    """Return a document with JSON values only.

    Args:
        document: What `value` gave, or a mapping.
        n_max: How many values it may have, objects and lists counted too.

    Raises:
        UnreadableError: With all that is no JSON value, or a key that stands twice.
    """
    reader = _Reader(n_max)
    try:
        result = reader.plain(document, ())
    except RecursionError:
        result = {}
        reader.note("TOO_LARGE", "got values nested too deeply, expected fewer", ())
    if reader.n_left < 0:
        raise UnreadableError(_too_many(n_max))
    if not isinstance(result, dict):
        reader.note("WRONG_TYPE", f"got {shown(result)}, expected a table", ())
    if reader.n_more:
        message = f"{reader.n_more} more problems, expected none"
        reader.faults.append(Fault(reader.faults[-1].reason, message))
    if reader.faults:
        raise UnreadableError(*reader.faults)
    return dict(result)


@dataclass
class _Reader:
    """Makes values plain, and notes those that cannot be.

    Args:
        n_left: How many more values are read; below zero, none.
        faults: What was found wrong, the first of it.
        n_more: How much else was found wrong.
    """

    n_left: int
    faults: list[Fault] = field(default_factory=list)
    n_more: int = 0

    def note(self, reason: str, message: str, tokens: tuple[str | int, ...]) -> None:
        if len(self.faults) < _FAULTS_MAX:
            self.faults.append(Fault(reason, message, pointer(tokens)))
        else:
            self.n_more += 1

    def plain(self, value: Any, tokens: tuple[str | int, ...]) -> Any:
        self.n_left -= 1
        if self.n_left < 0:
            return None
        if isinstance(value, _Object | Mapping):
            pairs = value if isinstance(value, _Object) else list(value.items())
            for name in _doubles(name for name, _ in pairs):
                message = f'got "{name}" twice, expected it once'
                self.note("DUPLICATE_KEY", message, (*tokens, name))
            for name, _ in pairs:
                if isinstance(name, str) and _HALF.search(name):
                    message = "got half of a surrogate pair in a name, expected Unicode text"
                    self.note("NOT_JSON", message, (*tokens, name))
                if not isinstance(name, str):
                    self.note("WRONG_TYPE", f"got the name {name!r}, expected a string", tokens)
            return {str(name): self.plain(each, (*tokens, str(name))) for name, each in pairs}
        if isinstance(value, list | tuple):
            return [self.plain(each, (*tokens, index)) for index, each in enumerate(value)]
        return self._scalar(value, tokens)

    def _scalar(self, value: Any, tokens: tuple[str | int, ...]) -> Any:
        """Return one value as JSON would hold it, and note what it cannot hold."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            if _HALF.search(value):
                message = "got half of a surrogate pair, expected Unicode text"
                self.note("NOT_JSON", message, tokens)
            return value
        if isinstance(value, int):
            if abs(value) > _INTEGER_MAX:
                message = f"got {value}, expected an integer between ±(2**53 - 1)"
                self.note("TOO_LARGE", message, tokens)
            return value
        if isinstance(value, float):
            if not math.isfinite(value):
                self.note("NOT_JSON", f"got {value}, expected a finite number", tokens)
            return value
        if isinstance(value, datetime.datetime):
            return value.isoformat().replace("+00:00", "Z")
        if isinstance(value, datetime.date | datetime.time):
            return value.isoformat()
        self.note("WRONG_TYPE", f"got {type(value).__name__}, expected a JSON value", tokens)
        return None


def _doubles(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    doubles: dict[str, None] = {}
    for name in names:
        if name in seen:
            doubles[name] = None
        seen.add(name)
    return list(doubles)


def _toml_value(text: str) -> dict[str, Any]:
    long = _LONG_KEY.search(text)
    if long is not None:
        message = f"got a name of more parts than {_KEY_PARTS_MAX}, expected fewer"
        raise UnreadableError(Fault("TOO_LARGE", message, place=place_at(text, *long.span())))
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as cause:
        what, _, where = str(cause).rstrip(")").rpartition(" (at ")
        is_double = what.startswith("Cannot ")  # Overwrite, declare twice, mutate.
        reason = "DUPLICATE_KEY" if is_double else "NOT_TOML"
        message = f"{where.replace(', column', ' column')}: {what}, expected valid TOML"
        raise UnreadableError(Fault(reason, message, place=_toml_place(text, where))) from None
    except RecursionError:
        message = "got values nested too deeply, expected fewer"
        raise UnreadableError(Fault("TOO_LARGE", message)) from None
    except ValueError:  # An integer of too many digits, or a date that no calendar has.
        message = "got a number or a date that is none, expected valid TOML"
        raise UnreadableError(Fault("NOT_TOML", message)) from None


def _toml_place(text: str, where: str) -> Place:
    """Return the place that the reader of TOML gives in words; it counts a line's end as one."""
    whole = text.replace("\r\n", "\n")
    found = re.fullmatch(r"line (\d+), column (\d+)", where)
    if found is None:
        return place_at(whole, len(whole), len(whole))
    line, col = int(found.group(1)), int(found.group(2))
    starts = [0, *(each.end() for each in re.finditer("\n", whole))]
    offset = starts[min(line, len(starts)) - 1] + col - 1
    return place_at(whole, min(offset, len(whole)), offset + 1)


def _json_value(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_Object)
    except json.JSONDecodeError as cause:
        where = f"line {cause.lineno} column {cause.colno}"
        message = f"{where}: {cause.msg}, expected valid JSON"
        place = place_at(text, min(cause.pos, len(text)), cause.pos + 1)
        raise UnreadableError(Fault("NOT_JSON", message, place=place)) from None
    except (RecursionError, ValueError):  # Nested too deeply, or an integer of too many digits.
        message = "got values nested too deeply or too long, expected less"
        raise UnreadableError(Fault("TOO_LARGE", message)) from None
