"""Where each value of a document stands in its text, in both formats."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simcore.documents import LIBRARY, read
from simcore.places import Places, place_at
from simcore.problems import Problem

TOML = (
    'a.b."c.d" = {x=1,y=[1,\n2,# z ]\n 3,],"é\\u00e9"="a\\"b\\u00e9c"}\r\n'
    'q="""\r\na\\\n   b""c"""\r\n'
    "l='''\nx'y'''''\n[[t.u]]\nk=1\n[t.u.v]\nw='a\\b'\n[[t.u]]\nk=2\n[[t.u.z]]\ni=1979-05-27\n"
)
TEXTS = {
    **{
        f"{path.parent.name}/{path.name}": (path.read_text(), ".toml")
        for path in sorted(LIBRARY.glob("**/*.toml"))
    },
    "by hand, TOML": (TOML, ".toml"),
    "by hand, JSON": (
        '{"a/b~": ["x\\ud83d\\ude00y", {"k": "\\n\\t"}, []], "": 1, "b": {}}',
        ".json",
    ),
}


def values(value: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    yield pointer, value
    if isinstance(value, dict):
        for name, each in value.items():
            yield from values(each, f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from values(each, f"{pointer}/{index}")


def is_inline(value: Any, suffix: str) -> bool:
    """Whether a value stands in one piece, as all of JSON does, and so can be read again."""
    tables = isinstance(value, dict) or (
        value and isinstance(value, list) and isinstance(value[0], dict)
    )
    return suffix == ".json" or not tables


@pytest.mark.parametrize("name", TEXTS)
def test_every_value_is_found_where_it_stands(name: str) -> None:
    text, suffix = TEXTS[name]
    document = json.loads(text) if suffix == ".json" else tomllib.loads(text)
    places = Places(text, suffix)
    for pointer, value in values(document):
        found = places.offsets(pointer)
        assert found is not None, pointer
        written = text[slice(*found)]
        if is_inline(value, suffix):
            again = json.loads(written) if suffix == ".json" else tomllib.loads(f"x={written}")["x"]
            assert again == value, pointer
        for index, point in enumerate(value if isinstance(value, str) else ""):
            each = text[slice(*places.offsets(pointer, (index, index + 1)) or (0, 0))]
            # A line that is folded behind a point belongs to it.
            assert each.startswith((point, "\\")) or each == "\r\n", (pointer, index)


def test_a_span_counts_what_an_escape_means_as_one() -> None:
    text = '{"if": "a\\u0020\\ud83d\\ude00 > é"}'
    places = Places(text, ".json")
    assert text[slice(*places.offsets("/if", (2, 3)) or ())] == "\\ud83d\\ude00"
    assert text[slice(*places.offsets("/if", (4, 5)) or ())] == ">"


def test_what_is_missing_is_looked_for_where_it_would_stand() -> None:
    text = 'id = "a"\n[risk]\nstop = { type = "pct" }\n'
    places = Places(text, ".toml")
    assert places.place("/risk/stop/value") == place_at(text, text.index("{"), text.index("}") + 1)
    place = places.place("/risk/sizing")
    assert place is not None
    assert (place.line, place.col, place.text, place.width) == (2, 1, "[risk]", 6)


def test_a_problem_of_a_name_is_placed_at_the_name() -> None:
    loaded = read('id = "a"\nmore = { b = 1 }\n', "scenarios")
    told = [Problem("C", reason, "m", "/more/b", "text") for reason in ("UNKNOWN_FIELD", "OTHER")]
    assert [(each.line, each.col) for each in loaded.placed(told)] == [(2, 10), (2, 14)]
    other = Problem("C", "OTHER", "m", "/more/b", "another document")
    assert loaded.placed([other]) == [other]


@pytest.mark.parametrize(
    "text", ["", "a", "a =", "[", "[[a", "a = [", 'a = "', "a = {b", "=", "a.b", "\x00"]
)
@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_a_text_that_is_no_document_gives_what_places_it_has(text: str, suffix: str) -> None:
    places = Places(text, suffix)
    assert places.offsets("/a/b") in (None, *(spot.value for spot in places.spots.values()))


def test_a_place_beyond_the_end_of_its_line_is_cut_there(tmp_path: Path) -> None:
    place = place_at("ab\r\ncde\nf", 5, 9)
    assert (place.line, place.col, place.text, place.width) == (2, 2, "cde", 2)
