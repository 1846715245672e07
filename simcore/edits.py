"""One step of a patch made in the text of a document, so that comments and layout stay.

A value or a name is exchanged where it stands; what is added or taken away is left to a library
that keeps the rest of a TOML text. No result is given that does not read as the patched document.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from simcore.patches import PatchError, Step, parent, patched, tokens
from simcore.places import Places


def edited(text: str, suffix: str, step: Step) -> str | None:
    """Return the text with one step made, None where that cannot be done.

    Args:
        text: The document as it was written.
        suffix: ``.toml`` or ``.json``.
        step: An RFC 6902 step.
    """
    try:
        wanted = patched(_read(text, suffix), [step])
    except (PatchError, ValueError, RecursionError):
        return None
    for attempt in (_exchanged, _spliced, _cut, _rewritten):
        mended = attempt(text, suffix, step)
        if mended is not None and _is(mended, suffix, wanted):
            return mended
    return None


def _read(text: str, suffix: str) -> Any:
    return json.loads(text) if suffix == ".json" else tomllib.loads(text)


def _is(text: str, suffix: str, wanted: Any) -> bool:
    try:
        return bool(_read(text, suffix) == wanted)
    except (ValueError, RecursionError):
        return False


def _exchanged(text: str, suffix: str, step: Step) -> str | None:
    """Return the text with a value or a name exchanged in its place."""
    spots = Places(text, suffix).spots
    if step["op"] == "replace" and not isinstance(step["value"], Mapping | list):
        spot = spots.get(step["path"])
        if spot is None:
            return None
        start, end = spot.value
        return text[:start] + _spelled(step["value"], text[start:end]) + text[end:]
    if step["op"] == "move":
        *above, name = tokens(step["path"])
        spot = spots.get(step["from"])
        if spot is None or spot.key is None or tokens(step["from"])[:-1] != above:
            return None
        key = json.dumps(name, ensure_ascii=False) if suffix == ".json" else name
        return text[: spot.key[0]] + key + text[spot.key[1] :]
    return None


def _spliced(text: str, suffix: str, step: Step) -> str | None:
    """Return a JSON text with a field taken out or put in, and its other lines as they were."""
    if suffix != ".json" or step["op"] not in ("add", "remove"):
        return None
    spots = Places(text, suffix).spots
    if step["op"] == "remove":
        spot = spots.get(step["path"])
        if spot is None:
            return None
        start, end = (spot.key or spot.value)[0], spot.value[1]
        head, tail = text[:start], text[end:]
        if tail.lstrip().startswith(","):
            return head + tail.lstrip()[1:].lstrip()
        return head.rstrip().removesuffix(",") + tail
    above, _, name = step["path"].rpartition("/")
    spot = spots.get(above)
    if spot is None or text[spot.value[0]] != "{":
        return None
    start, end = spot.value[0] + 1, spot.value[1] - 1
    inside = text[start:end]
    field = f"{json.dumps(tokens('/' + name)[0])}: {json.dumps(step['value'], ensure_ascii=False)}"
    if not inside.strip():
        return text[:start] + field + text[end:]
    lead = inside[: len(inside) - len(inside.lstrip())]
    rest = inside[len(inside.rstrip()) :]
    return f"{text[:start]}{inside.rstrip()},{lead or ' '}{field}{rest}{text[end:]}"


def _cut(text: str, suffix: str, step: Step) -> str | None:
    """Return a TOML text without one table of a list of tables, and without its own comment.

    Its comment is what stands right above its header; what stands above the next header is that
    one's.
    """
    name, _, index = step["path"].removeprefix("/").partition("/")
    if suffix != ".toml" or step["op"] != "remove" or not index.isdecimal():
        return None
    lines = text.splitlines(keepends=True)
    heads = [at for at, line in enumerate(lines) if line.lstrip().startswith("[")]
    own = re.compile(rf"\s*\[\[\s*{re.escape(name)}\s*\]\]")
    inner = re.compile(rf"\s*\[+\s*{re.escape(name)}\s*\.")
    mine = [at for at in heads if own.match(lines[at])]
    if int(index) >= len(mine):
        return None
    start = mine[int(index)]
    end = next((at for at in heads if at > start and not inner.match(lines[at])), len(lines))
    while end > start + 1 and _is_remark(lines[end - 1]):
        end -= 1
    while start > 0 and lines[start - 1].lstrip().startswith("#"):
        start -= 1
    is_blank_above = start == 0 or not lines[start - 1].strip()
    while is_blank_above and end < len(lines) and not lines[end].strip():
        end += 1
    return "".join(lines[:start] + lines[end:])


def _is_remark(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _spelled(value: Any, before: str) -> str:
    """Return a value as both formats spell it, in the quotation marks that stood there."""
    is_literal = isinstance(value, str) and before.startswith("'") and not before.startswith("'''")
    if is_literal and "'" not in value and value.isprintable():
        return f"'{value}'"
    return json.dumps(value, ensure_ascii=False)


def _rewritten(text: str, suffix: str, step: Step) -> str | None:
    if suffix == ".json":
        indent = 2 if "\n" in text.strip() else None
        end = "\n" if text.endswith("\n") else ""
        return (
            json.dumps(patched(json.loads(text), [step]), indent=indent, ensure_ascii=False) + end
        )
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document: Any = tomlkit.parse(text)
        if step["op"] == "move":
            holder, key = parent(document, step["from"])
            value = holder.pop(key)
            holder, key = parent(document, step["path"])
            holder[key] = value
            return tomlkit.dumps(document)
        holder, key = parent(document, step["path"])
        if step["op"] == "remove":
            del holder[key]
        elif step["op"] == "add" and isinstance(holder, list):
            holder.insert(key, _item(step["value"], is_table=False))
        else:
            holder[key] = _item(step["value"], is_table=holder is document)
        return tomlkit.dumps(document)
    except (TOMLKitError, PatchError, LookupError, TypeError, ValueError):
        return None


def _item(value: Any, *, is_table: bool) -> Any:
    """Return a value as tomlkit holds it: a table of its own at the top, else on one line."""
    import tomlkit

    if not isinstance(value, Mapping):
        return tomlkit.item(value)
    if not is_table:
        return tomlkit.parse(f"x = {_inline(value)}\n")["x"]
    table = tomlkit.table()
    for name, each in value.items():
        table[name] = _item(each, is_table=False)
    return table


def _inline(value: Any) -> str:
    """Return a value on one line, with the spaces that people write."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {_inline(each)}" for name, each in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)
