"""Splits and dividends as a document writes them; what they do to prices is the engine's."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from simcore.scenario.timestamps import midnight_text

ACTIONS_MAX: Final = 10_000

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def with_instants(actions: Any, timezone: str) -> Any:
    """Return the actions with every day as the instant at which it begins.

    Args:
        actions: List of tables whose ``ts`` is a day such as ``2020-08-31`` or an instant; what is
            neither is left for the engine to refuse.
        timezone: Clock on which the days begin.
    """
    # Too many are for the engine to refuse, too.
    if not isinstance(actions, list) or len(actions) > ACTIONS_MAX:
        return actions
    begins = cache(lambda day: midnight_text(day, timezone))
    return [_with_instant(action, begins) for action in actions]


def _with_instant(action: Any, begins: Callable[[str], str | None]) -> Any:
    ts = action.get("ts") if isinstance(action, dict) else None
    if not isinstance(ts, str) or not _DAY.fullmatch(ts):
        return action
    return {**action, "ts": begins(ts) or ts}
