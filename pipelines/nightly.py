"""The night: every file is read and held against what it says, and what is not current runs again.

On an unchanged lake nothing is computed: reading and hashing is all.
"""

from logging import Logger
from pathlib import Path
from typing import Final

import dagster as dg

from assets import evaluations
from pipelines import waves
from simcore.errors import ProvingError, SpecError, StoreError
from simcore.store import Partition, Store
from simcore.tables import TABLES
from simcore.tables.table import Table
from simcore.verification import Inspection, verify

CRON: Final = "30 2 * * *"
"""Half past two in UTC, whose clocks are never set."""


@dg.op(
    description="Reads every file of the lake, recomputes hashes, manifests and chains, and fails "
    "the check of each partition that is not what it says."
)
def verify_files(
    context: dg.OpExecutionContext, home: dg.ResourceParam[Path], store: dg.ResourceParam[Store]
) -> None:
    """Verify the lake of the home."""
    try:
        found = verify(home)
    except SpecError:
        context.log.info("the lake is empty: nothing to verify")
        return
    unsound = [each for each in found if not each.is_sound]
    context.log.info(f"{len(found)} files read, {len(unsound)} unsound")
    places = {
        store.path(table, partition): (table, partition)
        for table in TABLES.values()
        for partition in store.partitions(table)
    }
    for each in unsound:
        context.log.error(each.message)
        if each.path in places:
            context.log_event(_evaluation(context.instance, *places[each.path], each))
    if unsound:
        raise dg.Failure(
            "\n".join(each.message for each in unsound),
            metadata={"files": len(found), "unsound": len(unsound)},
            allow_retries=False,
        )


@dg.job(
    description="Verify every file of the lake; nothing is changed.",
    executor_def=dg.in_process_executor,
)
def verify_lake() -> None:
    """Verify the lake."""
    verify_files()


NIGHTLY: Final = dg.ScheduleDefinition(
    name="nightly",
    job=verify_lake,
    cron_schedule=CRON,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Verifies the lake; then what is not what today's documents and code make reruns.",
)


def reruns(
    instance: dg.DagsterInstance, run: dg.DagsterRun, store: Store, home: Path, log: Logger
) -> list[dg.RunRequest]:
    """Ask, once the lake was verified, for the first wave of every campaign that is not current.

    Args:
        instance: Knows the partitions.
        run: The verification that ended.
        store: The lake.
        home: Folder whose documents join the library's.
        log: Of the tick.

    Raises:
        StoreError: The lake gave no answer.
    """
    tick = int(run.run_id[:8], 16)
    asked: list[dg.RunRequest] = []
    strategies = list(instance.get_dynamic_partitions("strategy"))
    present = {str(each.campaign) for each in store.partitions(TABLES["bars"])}
    for name in sorted(present & set(instance.get_dynamic_partitions("campaign"))):
        try:
            found = waves.touched(store, name, home=home)
        except ProvingError as error:
            if isinstance(error, StoreError) and error.is_unanswered:
                raise
            log.warning(f"{name}: left out: {error.message}")
            continue
        asked += waves.requests(
            found, name, tick=tick, wave=0, changed="nightly", strategies=strategies
        )
    return asked


def _evaluation(
    instance: dg.DagsterInstance, table: Table, partition: Partition, found: Inspection
) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(table.name),
        check_name="content_hash",
        passed=False,
        description=found.message,
        blocking=True,
        partition=partition.key,
        target_materialization_data=evaluations.target(instance, table.name, partition.key),
    )
