"""Where each value of a document stands in its text, TOML or JSON.

The readers of either format give values without places; what is read here is only where they
stand. The texts have been read before, so nothing is checked, and where a text is stranger than
expected some places are missing and nothing else happens.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from simcore.problems import Place

Offsets = tuple[int, int]
"""First and one past the last code point of a part of a text."""

_DEPTH_MAX: Final = 100

_JSON: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE: Final = re.compile(r"[ \t]*")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR: Final = re.compile(r"[^,\]}#\r\n]*")
_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U[0-9A-Fa-f]{8}|x[0-9A-Fa-f]{2}|.)", re.DOTALL)
_LOW_SURROGATE: Final = re.compile(r"\\u[dD][c-fC-F][0-9A-Fa-f]{2}")
# What a string holds, by its quotation marks. Nothing is tried twice, whatever the text.
_INSIDE: Final = {
    '"': re.compile(r'(?:[^"\\]++|\\.)*+', re.DOTALL),
    "'": re.compile(r"[^']*+"),
    # Of four or five marks in a row the first ones belong to the string.
    '"""': re.compile(r'(?:[^"\\]++|\\.|"(?!"")|"(?="{3}))*+', re.DOTALL),
    "'''": re.compile(r"(?:[^']++|'(?!'')|'(?='{3}))*+"),
}
_LINE_END: Final = re.compile(r"\\[ \t]*\r?\n[ \t\r\n]*")


@dataclass(frozen=True)
class Spot:
    """One value of a document.

    Args:
        value: Where it stands; of a table in brackets, where they stand.
        key: Where its name stands, None where it has none.
    """

    value: Offsets
    key: Offsets | None


class Places:
    """The places of one text.

    Args:
        text: The document as it was written.
        suffix: ``.toml`` or ``.json``.
    """

    def __init__(self, text: str, suffix: str) -> None:
        self._text = text
        self._is_json = suffix == ".json"
        self.spots: dict[str, Spot] = {}
        self._points: dict[int, Sequence[int]] = {}
        try:
            reader = _json_spots(text) if self._is_json else _Toml(text).spots()
            for pointer, spot in reader:
                self.spots[pointer] = spot
        except (LookupError, RecursionError, ValueError):
            pass  # a text that no reader took: what was found of it stands

    def offsets(
        self, path: str, span: Offsets | None = None, *, is_key: bool = False
    ) -> Offsets | None:
        """Return where the value at an RFC 6901 pointer stands, or the nearest one around it.

        Args:
            path: The pointer.
            span: Code points of the text that the value is, to be found within it.
            is_key: Whether the value's name is meant.
        """
        spot = self.spots.get(path)
        while spot is None and path:
            path, span, is_key = path.rpartition("/")[0], None, False
            spot = self.spots.get(path)
        if spot is None:
            return None
        if is_key and spot.key is not None:
            return spot.key
        start, end = spot.value
        if span is None or self._text[start : start + 1] not in ('"', "'"):
            return start, end
        points = self._points.get(start)
        if points is None:
            points = self._points[start] = _points(self._text, start, is_json=self._is_json)
        first, last = (min(max(each, 0), len(points) - 1) for each in span)
        return points[first], points[last]

    def place(
        self, path: str, span: Offsets | None = None, *, is_key: bool = False
    ) -> Place | None:
        """Return line and column of what `offsets` finds; None where it finds nothing."""
        found = self.offsets(path, span, is_key=is_key)
        return None if found is None else place_at(self._text, *found)


def place_at(text: str, start: int, end: int) -> Place:
    """Return the line and column of a part of a text; what goes beyond the line is left out."""
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", start)
    line = text[first : len(text) if last < 0 else last].rstrip("\r")
    width = max(0, min(end, first + len(line)) - start)
    return Place(text.count("\n", 0, start) + 1, start - first + 1, line, width)


def _token(name: str | int) -> str:
    return "/" + str(name).replace("~", "~0").replace("/", "~1")


@dataclass
class _Open:
    """A JSON object or list that is not yet closed."""

    pointer: str
    start: int
    own_key: Offsets | None
    is_object: bool
    index: int = 0
    key: Offsets | None = None
    name: str = ""


def _json_spots(text: str) -> Iterator[tuple[str, Spot]]:
    stack: list[_Open] = []
    for found in _JSON.finditer(text):
        token, where = found.group(), found.span()
        inside = stack[-1] if stack else None
        if token in "}]":
            closed = stack.pop()
            yield closed.pointer, Spot((closed.start, where[1]), closed.own_key)
        elif token == ",":
            stack[-1].index += 1
            stack[-1].key = None
        elif token == ":":
            continue
        elif inside is not None and inside.is_object and inside.key is None:
            inside.key, inside.name = where, _string(text, where[0], is_json=True)
        else:
            name: str | int = "" if inside is None else inside.index
            key = None
            if inside is not None and inside.is_object:
                name, key = inside.name, inside.key
            pointer = "" if inside is None else inside.pointer + _token(name)
            if token in "{[":
                stack.append(_Open(pointer, where[0], key, token == "{"))
            else:
                yield pointer, Spot(where, key)


class _Toml:
    """Reads one TOML text from top to bottom."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._n_tables: dict[str, int] = {}

    def spots(self) -> Iterator[tuple[str, Spot]]:
        yield "", Spot((0, 0), None)
        table = ""
        seen: set[str] = set()
        while True:
            self._skip(_BLANK)
            start = self._position
            if start >= len(self._text):
                return
            n_brackets = 2 if self._text.startswith("[[", start) else self._text[start] == "["
            if not n_brackets:
                yield from self._pair(table)
                continue
            self._position += n_brackets
            names = [name for name, _ in self._key()]
            self._position += n_brackets
            spot = Spot((start, self._position), None)
            table = self._header(names, is_list=n_brackets == 2)
            for pointer in _above(table):
                if pointer not in seen:
                    seen.add(pointer)
                    yield pointer, spot

    def _header(self, names: list[str], *, is_list: bool) -> str:
        """Return the pointer of a table in brackets, behind the last entry of lists above it."""
        pointer = ""
        for depth, name in enumerate(names, 1):
            pointer += _token(name)
            if depth == len(names) and is_list:
                self._n_tables[pointer] = self._n_tables.get(pointer, 0) + 1
            if pointer in self._n_tables:
                pointer += _token(self._n_tables[pointer] - 1)
        return pointer

    def _pair(self, table: str, depth: int = 0) -> Iterator[tuple[str, Spot]]:
        parts = self._key()
        self._position += 1  # the equals sign
        self._skip(_SPACE)
        pointer = table
        for name, key in parts[:-1]:
            pointer += _token(name)
            yield pointer, Spot(key, key)
        pointer += _token(parts[-1][0])
        yield from self._value(pointer, parts[-1][1], depth)

    def _key(self) -> list[tuple[str, Offsets]]:
        """Return the parts of a key and where each stands; leaves what follows them unread."""
        parts = []
        while True:
            self._skip(_SPACE)
            start = self._position
            if self._text[start] in "\"'":
                name = _string(self._text, start, is_json=False)
                self._position = _after_string(self._text, start)
            else:
                found = _BARE.match(self._text, start)
                if found is None:
                    raise IndexError
                name, self._position = found.group(), found.end()
            parts.append((name, (start, self._position)))
            self._skip(_SPACE)
            if self._text[self._position] != ".":
                return parts
            self._position += 1

    def _value(self, pointer: str, key: Offsets | None, depth: int) -> Iterator[tuple[str, Spot]]:
        start = self._position
        sign = self._text[start]
        if depth > _DEPTH_MAX:
            raise RecursionError
        if sign in "\"'":
            self._position = _after_string(self._text, start)
        elif sign in "[{":
            self._position += 1
            yield from self._inside(pointer, "]" if sign == "[" else "}", depth)
        else:
            found = _SCALAR.match(self._text, start)
            self._position = start + len(found.group().rstrip() if found else "")
        yield pointer, Spot((start, self._position), key)

    def _inside(self, pointer: str, closer: str, depth: int) -> Iterator[tuple[str, Spot]]:
        index = 0
        while True:
            self._skip(_BLANK)
            sign = self._text[self._position]
            if sign == closer:
                self._position += 1
                return
            if sign == ",":
                self._position += 1
            elif closer == "]":
                yield from self._value(pointer + _token(index), None, depth + 1)
                index += 1
            else:
                yield from self._pair(pointer, depth + 1)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self._text, self._position)
        self._position = found.end() if found else self._position


def _above(pointer: str) -> Iterator[str]:
    """Yield a pointer and all that lie above it, the document itself not."""
    while pointer:
        yield pointer
        pointer = pointer.rpartition("/")[0]


def _fence(text: str, start: int, *, is_json: bool) -> str:
    """Return the quotation marks that open a string."""
    sign = text[start]
    return sign * 3 if not is_json and text.startswith(sign * 3, start) else sign


def _body(text: str, start: int, fence: str) -> Offsets:
    """Return where what a string holds begins and ends, the quotation marks left out."""
    first = start + len(fence)
    if len(fence) == 3:
        # A line that ends behind the opening marks is no part of the string.
        first += len(next((end for end in ("\r\n", "\n") if text.startswith(end, first)), ""))
    inside = _INSIDE[fence].match(text, first)
    return first, inside.end() if inside else first


def _points(text: str, start: int, *, is_json: bool) -> Sequence[int]:
    """Return where each code point of a string is written, and then where the string ends."""
    fence = _fence(text, start, is_json=is_json)
    position, end = _body(text, start, fence)
    has_escapes = fence[0] == '"' and text.find("\\", position, end) >= 0
    if not has_escapes and text.find("\r\n", position, end) < 0:
        return range(position, end + 1)
    points = []
    while position < end:
        found = _ESCAPE.match(text, position) if has_escapes else None
        if found is None:
            points.append(position)
            position += 2 if text.startswith("\r\n", position) else 1
            continue
        folded = _LINE_END.match(text, position) if len(fence) == 3 else None
        if folded is not None:
            position = folded.end()
            continue
        points.append(position)
        position = found.end()
        if is_json and (found.group(1) or "")[:2].lower() in ("d8", "d9", "da", "db"):
            low = _LOW_SURROGATE.match(text, position)
            position = low.end() if low else position
    return [*points, position]


def _after_string(text: str, start: int) -> int:
    fence = _fence(text, start, is_json=False)
    return _body(text, start, fence)[1] + len(fence)


def _string(text: str, start: int, *, is_json: bool) -> str:
    """Return what a name in quotation marks is; escapes in names are rare and simple."""
    fence = _fence(text, start, is_json=is_json)
    first, end = _body(text, start, fence)
    if "\\" not in text[first:end]:
        return text[first:end]
    if is_json:
        return str(json.loads(text[start : end + 1], strict=False))
    return str(tomllib.loads(f"x = {text[start : end + len(fence)]}")["x"])
