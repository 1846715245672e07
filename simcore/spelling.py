"""How places and values are written in a message, and which name was meant by a misspelt one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

_NAME_DISTANCE: Final = 2
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
    best: tuple[int, str] | None = None
    for candidate in known:
        if abs(len(candidate) - len(name)) > _NAME_DISTANCE:
            continue
        distance = _distance(name, candidate)
        is_near = distance <= _NAME_DISTANCE and distance < max(len(name), len(candidate))
        if is_near and (best is None or distance < best[0]):
            best = (distance, candidate)
    return best[1] if best else None


def shown(value: Any) -> str:
    """Return a value as a document would spell it, shortened to one line."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def meant(value: Any, names: Sequence[str]) -> str | None:
    """Return the name that was meant: in other letters, by another word, or nearest in spelling."""
    if not isinstance(value, str):
        return None
    plain = value.strip().lower()
    for name in (plain, _SYNONYMS.get(plain)):
        if name in names:
            return name
    return nearest(plain, names)


def _distance(left: str, right: str) -> int:
    """Return the edits, swaps of neighbours among them, that lead from one name to the other."""
    before_last: list[int] = []
    last = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        row = [i]
        for j, b in enumerate(right, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before_last[j - 2] + 1)
            row.append(cost)
        before_last, last = last, row
    return last[-1]
