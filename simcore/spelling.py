"""How places and values are written in a message, and which name was meant by a misspelt one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

_NAME_DISTANCE: Final = 2
# Of a name so short, two edits leave nothing that tells which other name was meant.
_SHORT: Final = 4
_SHOWN: Final = 60

# What others call a thing, and what it may be called here.
_SYNONYMS: Final = {
    "long": "buy",
    "enter": "buy",
    "entry": "buy",
    "short": "sell",
    "exit": "close",
    "flat": "close",
    "flatten": "close",
    "none": "hold",
    "wait": "hold",
    "percent": "pct",
    "percentage": "pct",
    "basis_points": "bps",
    "flip": "reverse",
    "percent_equity": "pct_equity",
    "percent_risk": "risk_pct",
    "size": "sizing",
    "position_size": "sizing",
    "stop_loss": "stop",
    "target": "take_profit",
    "profit_target": "take_profit",
    "trailing_stop": "trailing",
    "leverage": "max_leverage",
    "cooldown": "cooldown_bars",
    "max_bars": "max_holding_bars",
    "condition": "if",
    "when": "if",
    "action": "then",
    "parameters": "params",
    "60m": "1h",
    "24h": "1d",
    "integer": "int",
    "number": "float",
}


def pointer(tokens: Iterable[str | int]) -> str:
    """Return the RFC 6901 pointer of a place in a document; empty for the document itself."""
    return "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in tokens)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name nearest to `name`, or None if none is near.

    Near is a Damerau-Levenshtein distance of at most two that leaves something of the name; of
    equally near names the first wins.
    """
    near = _near(name, tuple(known))
    return near[0] if near else None


def is_sure(name: str, known: Iterable[str]) -> bool:
    """Whether `nearest` may be written in place of `name` without asking.

    It may not where another name is as near, or where half of a short name would be exchanged; a
    letter doubled or left out of a pair, or two that changed places, is nearer than any other.
    """
    near = _near(name, tuple(known))
    slips = [each for each in near if _is_slip(name, each)]
    if len(slips) == 1:
        return True
    if len(near) != 1:
        return False
    shorter = min(len(name), len(near[0]))
    return shorter > 2 and _distance(name, near[0]) <= (1 if shorter <= _SHORT else 2)


@lru_cache(maxsize=8192)
def _near(name: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names nearest to `name`: slips first, else in the order of the known ones."""
    least = _NAME_DISTANCE
    found: list[str] = []
    for candidate in known:
        if abs(len(candidate) - len(name)) > least:
            continue
        distance = _distance(name, candidate, least)
        if distance > least or distance >= max(len(name), len(candidate)):
            continue
        if distance < least:
            least, found = distance, []
        found.append(candidate)
    return tuple(sorted(found, key=lambda each: not _is_slip(name, each)))


def _is_slip(name: str, other: str) -> bool:
    """Whether names differ by letters that were doubled, or by one pair that changed places."""
    if len(name) != len(other):
        return abs(len(name) - len(other)) == 1 and _undoubled(name) == _undoubled(other)
    at = [i for i, (a, b) in enumerate(zip(name, other, strict=True)) if a != b]
    is_pair = len(at) == 2 and at[1] == at[0] + 1
    return is_pair and name[at[0]] == other[at[1]] and name[at[1]] == other[at[0]]


def _undoubled(name: str) -> str:
    return "".join(a for a, b in zip(name, f" {name}", strict=False) if a != b)


def shown(value: Any) -> str:
    """Return a value as a document would spell it, shortened to one line."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def meant(value: Any, names: Sequence[str]) -> tuple[str | None, bool]:
    """Return the name that was meant, and whether it may be written without asking.

    The name in other letters, by another word, or the nearest in spelling.
    """
    if not isinstance(value, str):
        return None, False
    plain = value.strip().lower()
    for name in (plain, _SYNONYMS.get(plain)):
        if name in names:
            return name, True
    return nearest(plain, names), is_sure(plain, names)


def _distance(left: str, right: str, limit: int = _NAME_DISTANCE) -> int:
    """Return the edits, swaps of neighbours among them, that lead from one name to the other.

    What is more than `limit` is not told apart, so only what lies that near to the diagonal is
    looked at.
    """
    while left and right and left[-1] == right[-1]:
        left, right = left[:-1], right[:-1]
    far = limit + 1
    before_last: list[int] = []
    last = [j if j <= limit else far for j in range(len(right) + 1)]
    for i, a in enumerate(left, 1):
        row = [far] * (len(right) + 1)
        if i <= limit:
            row[0] = i
        for j in range(max(1, i - limit), min(len(right), i + limit) + 1):
            b = right[j - 1]
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before_last[j - 2] + 1)
            row[j] = min(cost, far)
        if min(row) > limit:
            return far
        before_last, last = last, row
    return last[-1]
