"""RFC 6902 patches, as far as hints use them: add, replace, remove and move."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

Step = Mapping[str, Any]


class PatchError(Exception):
    """A step of a patch points at what the document does not have."""


def patched(document: Any, patch: Sequence[Step]) -> Any:
    """Return a document with all steps of a patch applied; the one given stays as it is.

    Raises:
        PatchError: A step does not fit the document.
    """
    result = copy.deepcopy(document)
    for step in patch:
        result = _after(result, step)
    return result


def tokens(path: str) -> list[str]:
    """Return the parts of an RFC 6901 pointer."""
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def entry(place: Any, token: str) -> Any:
    """Return the key or the index by which a token picks an entry of an object or a list.

    Raises:
        PatchError: It is neither, or the index is none.
    """
    if isinstance(place, Mapping):
        return token
    is_list = isinstance(place, list)
    if is_list and token.isascii() and token.isdecimal() and int(token) <= len(place):
        return int(token)
    raise PatchError(f"nothing stands at {token!r}")


def parent(document: Any, path: str) -> tuple[Any, Any]:
    """Return what holds the value at a pointer, and its key or index in there.

    Raises:
        PatchError: The pointer leads nowhere.
    """
    *above, last = tokens(path) or [""]
    place = document
    for token in above:
        try:
            place = place[entry(place, token)]
        except (KeyError, IndexError):
            raise PatchError(f"nothing stands at {path}") from None
    return place, entry(place, last)


def _after(document: Any, step: Step) -> Any:
    if step["op"] == "move":
        value = _value(document, step["from"])
        without = _after(document, {"op": "remove", "path": step["from"]})
        return _after(without, {"op": "add", "path": step["path"], "value": value})
    if step["path"] == "":
        return copy.deepcopy(step["value"])
    place, key = parent(document, step["path"])
    if step["op"] == "remove":
        _value(document, step["path"])
        del place[key]
    elif step["op"] == "add" and isinstance(place, list):
        place.insert(key, copy.deepcopy(step["value"]))
    else:
        if step["op"] == "replace":
            _value(document, step["path"])
        place[key] = copy.deepcopy(step["value"])
    return document


def _value(document: Any, path: str) -> Any:
    place, key = parent(document, path)
    try:
        return place[key]
    except (KeyError, IndexError):
        raise PatchError(f"nothing stands at {path}") from None
