"""Splits and dividends as a document writes them; what they do to prices is the engine's."""

from __future__ import annotations

import re
from typing import Any, Final

from simcore.scenario.timestamps import midnight_text

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def with_instants(actions: Any, timezone: str) -> Any:
    """Return the actions with every day as the instant at which it begins.

    Args:
        actions: List of tables whose ``ts`` is a day such as ``2020-08-31`` or an instant; what is
            neither is left for the engine to refuse.
        timezone: Clock on which the days begin.
    """
    if not isinstance(actions, list):
        return actions
    return [_with_instant(action, timezone) for action in actions]


def _with_instant(action: Any, timezone: str) -> Any:
    ts = action.get("ts") if isinstance(action, dict) else None
    if not isinstance(ts, str) or not _DAY.fullmatch(ts):
        return action
    return {**action, "ts": midnight_text(ts, timezone) or ts}
