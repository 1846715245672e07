"""Runs that have ended, as sensors ask for them: each ending once, in order, and none lost."""

from __future__ import annotations

from typing import Final

import dagster as dg

ENDED_MAX: Final = 200
"""At most so many endings of a kind a tick; the rest waits for the next."""

_ENDINGS: Final = (
    dg.DagsterEventType.RUN_SUCCESS,
    dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterEventType.RUN_CANCELED,
)


def newest(instance: dg.DagsterInstance) -> int:
    """Return the number of the last event of all."""
    return int(instance.event_log_storage.get_maximum_record_id() or 0)


def since(instance: dg.DagsterInstance, after: int) -> tuple[list[dg.EventLogEntry], int]:
    """Return the endings after an event, in order, and the event up to which they were looked for.

    Args:
        instance: Keeps the events.
        after: Number of the event.
    """
    reached = newest(instance)
    ended: list[tuple[int, dg.EventLogEntry]] = []
    for ending in _ENDINGS:
        records = instance.fetch_run_status_changes(
            dg.RunStatusChangeRecordsFilter(event_type=ending, after_storage_id=after),
            limit=ENDED_MAX,
            ascending=True,
        ).records
        ended += [(record.storage_id, record.event_log_entry) for record in records]
        if len(records) == ENDED_MAX:
            reached = min(reached, records[-1].storage_id)
    ended.sort(key=lambda each: each[0])
    return [entry for number, entry in ended if number <= reached], reached
