"""What Dagster has on record of partitions, asked for many at a time.

A partition whose record says what its file says, and whose checks all held, needs no new event: to
write one costs many times what it costs to read one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecordStatus as Status,
)

from assets.checks import sentences
from simcore import reuse
from simcore.campaign import Campaign
from simcore.steps import Outcome
from simcore.store import Store
from simcore.tables.table import Table


@dataclass(frozen=True)
class Standing:
    """Partitions of a stage that nothing has to be done for.

    Args:
        outcomes: What lies in the lake, by the key of the partition.
        n_checks: How many of their checks are on record as passed.
    """

    outcomes: Mapping[str, Sequence[Outcome]]
    n_checks: int


def standing(
    instance: dg.DagsterInstance,
    store: Store,
    tables: Sequence[Table],
    campaign: Campaign,
    *,
    home: Path,
) -> Standing:
    """Return what of a stage is whole, current, and on record with every check passed.

    Args:
        instance: Keeps the records.
        store: The lake; every row of these partitions is read and hashed.
        tables: Those that one asset function makes.
        campaign: Whose partitions.
        home: Folder whose documents join the library's.
    """
    names = {table.name for table in tables}
    stage = next(each for each in reuse.STAGES if names <= {own.name for own in each.tables})
    found = reuse.reusable(store, stage, campaign, home=home)
    if found:
        found = _recorded(instance, tables, found)
    n_checks = sum(len(sentences(table)) for table in tables)
    return Standing(found, n_checks * len(found))


def _recorded(
    instance: dg.DagsterInstance,
    tables: Sequence[Table],
    found: dict[str, list[Outcome]],
) -> dict[str, list[Outcome]]:
    """Return the outcomes of the keys whose every table is on record as it lies in the lake."""
    keys = sorted(found)
    hashes = {
        (outcome.table.name, key): outcome.footer.content_hash
        for key in keys
        for outcome in found[key]
    }
    known: set[str] = set(keys)
    for table in tables:
        tags = instance.event_log_storage.get_latest_tags_by_partition(
            dg.AssetKey(table.name),
            dg.DagsterEventType.ASSET_MATERIALIZATION,
            [DATA_VERSION_TAG],
            asset_partitions=keys,
        )
        for key in keys:
            if tags.get(key, {}).get(DATA_VERSION_TAG) != hashes[table.name, key]:
                known.discard(key)
    if known:
        known -= _doubted(instance, tables, sorted(known))
    return {key: found[key] for key in keys if key in known}


def _doubted(
    instance: dg.DagsterInstance, tables: Sequence[Table], keys: Sequence[str]
) -> set[str]:
    """Return the keys with a check that did not pass on the materialisation on record."""
    checks = [
        dg.AssetCheckKey(dg.AssetKey(table.name), name)
        for table in tables
        for name in sentences(table)
    ]
    passed = {
        (each.check_key, each.partition_key)
        for each in instance.event_log_storage.get_asset_check_partition_info(
            checks, partition_keys=list(keys)
        )
        if each.latest_execution_status == Status.SUCCEEDED
        and each.latest_target_materialization_storage_id == each.latest_materialization_storage_id
    }
    return {key for key in keys if any((check, key) not in passed for check in checks)}
