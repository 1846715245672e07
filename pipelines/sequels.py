"""The sensor of what follows a run: the next wave, the standings, what the night found stale.

It looks at every ending since its last tick. A sensor of run statuses would look at one of them a
tick, and Dagster takes an ending for dealt with even where looking at it failed; here a lake that
gives no answer leaves the cursor where it was, so that the next tick asks again. A run that a
sensor asked for and that such a lake made fail is owed, and asked for once more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import dagster as dg
from dagster._core.storage.tags import RUN_KEY_TAG

from assets import snapshots
from pipelines import endings, nightly, waves
from pipelines.cursors import Cursor
from pipelines.jobs import CHANGED, STANDINGS
from pipelines.sensors import INTERVAL_SECONDS, standings_of_tick
from simcore.errors import ProvingError, StoreError
from simcore.store import Store
from simcore.tables import TABLES

AGAIN_TAG: Final = "proving/again"
AGAIN_MAX: Final = 5
"""So often is a run asked for once more; then it is left to the night, and to people."""

_JOBS: Final = (*CHANGED, STANDINGS)
# What a run is asked for with, and not what it says of itself.
_ASKED_WITH: Final = (
    waves.TICK_TAG, waves.CAMPAIGN_TAG, waves.WAVE_TAG, waves.COUNT_TAG, waves.CHANGED_TAG,
    waves.RANGE_START, waves.RANGE_END, snapshots.HASH_TAG,
)  # fmt: skip


@dataclass
class Seen(Cursor):
    """What a tick leaves for the next.

    Args:
        event: Number of the event up to which endings were looked at.
        owed: Ids of the runs that failed because the lake gave no answer.
    """

    event: int
    owed: list[str] = field(default_factory=list)


@dg.sensor(
    jobs=_JOBS,
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for what a change touches next, once all runs before it have ended, and for "
    "what the night found to be not current.",
)
def sequels(
    context: dg.SensorEvaluationContext,
    store: dg.ResourceParam[Store],
    home: dg.ResourceParam[Path],
) -> dg.SensorResult:
    """Ask for what follows the runs that have ended since the last tick."""
    before = Seen.parse(context.cursor)
    if before is None:
        now = Seen(endings.newest(context.instance))
        return dg.SensorResult(
            skip_reason="what ended before the first tick is history", cursor=now.text()
        )
    entries, reached = endings.since(context.instance, before.event)
    requests, said = _followed(context, entries, store, home)
    owed = sorted({*before.owed, *_owed(context.instance, entries)})
    away = _away(store) if owed else ""
    if owed and not away:
        requests += _again(context.instance, owed)
        owed = []
    said += [f"{len(owed)} runs are owed: {away}"] if owed else []
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else "; ".join(said) or "no run has ended",
        cursor=Seen(reached, owed).text(),
    )


def _followed(
    context: dg.SensorEvaluationContext, entries: list[dg.EventLogEntry], store: Store, home: Path
) -> tuple[list[dg.RunRequest], list[str]]:
    """Return what follows the runs that ended, and why nothing follows some of them.

    Raises:
        StoreError: The lake gave no answer.
    """
    requests: list[dg.RunRequest] = []
    said: list[str] = []
    for run in _last_of_groups(context.instance, entries).values():
        try:
            found = _after(context, run, store, home)
        except ProvingError as error:
            if isinstance(error, StoreError) and error.is_unanswered:
                raise  # the cursor stays, so that nothing is forgotten
            found = dg.SkipReason(f"{run.run_id}: {error.message}")
        if isinstance(found, dg.SkipReason):
            said.append(str(found.skip_message))
        else:
            requests += found
    return requests, said


def _owed(instance: dg.DagsterInstance, entries: list[dg.EventLogEntry]) -> list[str]:
    """Return the ids of the runs that failed because the lake gave no answer."""
    return [
        entry.run_id
        for entry in entries
        if entry.dagster_event_type == dg.DagsterEventType.RUN_FAILURE
        and any(StoreError(code, "").is_unanswered for code in _codes(instance, entry.run_id))
    ]


def _codes(instance: dg.DagsterInstance, run_id: str) -> set[str]:
    """Return what programs are told of the failures of a run's steps."""
    found = set()
    for log in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        said = log.get_dagster_event().step_failure_data.user_failure_data
        if said is not None and "code" in said.metadata:
            found.add(str(said.metadata["code"].value))
    return found


def _away(store: Store) -> str:
    """Return why the lake gives no answer, empty if it gives one."""
    try:
        store.partitions(TABLES["bars"])
    except StoreError as error:
        return error.message
    return ""


def _again(instance: dg.DagsterInstance, owed: list[str]) -> list[dg.RunRequest]:
    """Ask for runs once more as they were asked for by a sensor; others are people's own."""
    asked = []
    for run in instance.get_runs(dg.RunsFilter(run_ids=owed)):
        times = int(run.tags.get(AGAIN_TAG, "0")) + 1
        names = {job.name for job in _JOBS}
        if times > AGAIN_MAX or run.job_name not in names or not run.tags.get(RUN_KEY_TAG):
            continue
        own = {name: run.tags[name] for name in _ASKED_WITH if name in run.tags}
        asked.append(
            dg.RunRequest(
                job_name=run.job_name,
                partition_key=run.tags.get("dagster/partition"),
                run_key=f"again:{run.run_id}",
                tags={**own, AGAIN_TAG: str(times)},
            )
        )
    return asked


def _last_of_groups(
    instance: dg.DagsterInstance, entries: list[dg.EventLogEntry]
) -> Mapping[tuple[str, ...], dg.DagsterRun]:
    """Return the run that ended last of those that wait for each other; others have no sequel."""
    runs = {
        run.run_id: run
        for run in instance.get_runs(
            dg.RunsFilter(run_ids=sorted({each.run_id for each in entries}))
        )
    } if entries else {}  # fmt: skip
    found: dict[tuple[str, ...], dg.DagsterRun] = {}
    for entry in entries:
        run = runs.get(entry.run_id)
        if run is None:
            continue  # its record was deleted
        if run.job_name == nightly.verify_lake.name:
            found["night",] = run
        elif waves.TICK_TAG in run.tags and waves.CAMPAIGN_TAG in run.tags:
            named = (waves.TICK_TAG, waves.CAMPAIGN_TAG, waves.WAVE_TAG)
            found[tuple(run.tags.get(name, "") for name in named)] = run
    return found


def _after(
    context: dg.SensorEvaluationContext, run: dg.DagsterRun, store: Store, home: Path
) -> list[dg.RunRequest] | dg.SkipReason:
    """Return what follows a run."""
    if run.job_name == nightly.verify_lake.name:
        asked = nightly.reruns(context.instance, run, store, home, context.log)
        return asked or dg.SkipReason("the night found all to be current")
    if waves.WAVE_TAG in run.tags:
        return waves.sequel(context.instance, run, store, home)
    return standings_of_tick(context.instance, run)
