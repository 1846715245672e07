"""What a crash leaves behind, found and cleared: dead runs, drafts, torn files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import dagster as dg

from pipelines import home as homes
from pipelines.resources import is_alive, run_lock
from simcore.store import Store
from simcore.tables import TABLES

STARTING_SECONDS: Final = 120.0
"""A run that took no lock within this time never began."""

_UNDER_WAY: Final = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]


def run(
    home: Path, *, instance: dg.DagsterInstance | None = None, now_seconds: float | None = None
) -> list[str]:
    """Clear what a crash left, and return one line for each thing found.

    A run whose process died keeps its slot for hours, because nothing in Dagster asks after it. A
    living run holds a lock that the system takes from a dead one.

    Args:
        home: Absolute path of the home; made where missing.
        instance: Knows the runs; None takes the home's own.
        now_seconds: Time since 1970; None asks the clock.
    """
    if instance is None:
        with homes.instance(home) as own:
            return run(home, instance=own, now_seconds=now_seconds)
    now = time.time() if now_seconds is None else now_seconds
    store = Store(homes.lake(home))
    found = [f"{path}: draft of a dead writer, removed" for path in store.sweep()]
    for record in instance.get_run_records(dg.RunsFilter(statuses=_UNDER_WAY)):
        dead = record.dagster_run
        is_young = now - record.create_timestamp.timestamp() < STARTING_SECONDS
        is_held = is_alive(home, dead.run_id)
        if is_held or (is_held is None and is_young):
            continue
        instance.report_run_failed(dead, "its process is dead; cleared by `proving doctor`")
        run_lock(home, dead.run_id).unlink(missing_ok=True)
        found.append(f"run {dead.run_id}: its process is dead, marked as failed")
    for table in TABLES.values():
        places = {store.path(table, each): each for each in store.partitions(table)}
        for path in store.torn(table):
            remedy = (
                "the next run of its campaign rebuilds it"
                if path in places
                else f"no partition of {table.name}, move it away"
            )
            found.append(f"{path}: torn or foreign [{remedy}]")
    return found
