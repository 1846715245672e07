"""Strategies to breed from, and what leads from one to another; for several kinds of tests."""

from __future__ import annotations

import copy
from typing import Any

BASE: dict[str, Any] = {
    "version": "0.1.0",
    "id": "one",
    "name": "One",
    "timeframe": "1h",
    "rules": [
        {"if": "rsi(close, n) < 30 and close > ma(close, 50)", "then": "buy", "tag": "enter"},
        {"if": "crossunder(close, ema(close, 20))", "then": "close", "tag": "leave"},
    ],
    "params": {"n": {"value": 14, "min": 2, "max": 50}, "k": {"value": 0.5, "min": 0, "max": 1}},
    "constraints": ["n > 2 * k"],
    "risk": {
        "sizing": {"type": "pct_equity", "value": 10},
        "stop": {"type": "atr", "n": 14, "mult": 3},
        "cooldown_bars": 3,
    },
    "metadata": {"notes": "Falls are bought while the trend is up."},
}


def document(**changes: Any) -> dict[str, Any]:
    """The base with other fields."""
    return copy.deepcopy(BASE) | changes


def patched(value: Any, operations: list[dict[str, Any]]) -> Any:
    """What RFC 6902 makes of a document, for adding, removing and replacing."""
    whole = {"": copy.deepcopy(value)}
    for operation in operations:
        place: Any = whole
        parts = operation["path"].split("/")
        for part in parts[:-1]:
            place = place[int(part) if isinstance(place, list) else unescaped(part)]
        last = int(parts[-1]) if isinstance(place, list) else unescaped(parts[-1])
        if operation["op"] == "add":
            assert last not in place
        else:
            assert isinstance(place, list) or last in place
        if operation["op"] == "remove":
            del place[last]
        else:
            place[last] = operation["value"]
    return whole[""]


def unescaped(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")
