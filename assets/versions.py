"""What a logged materialisation says of its versions, so that the page's staleness is the truth.

Dagster writes these tags itself beside what an asset function returns; an event that is logged, as
ranges need it, has to bring its own. Without them the page compares times, calls a run stale
whenever its market is written again with the same bytes, and never sees a change of code.
"""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
    NULL_EVENT_POINTER,
    get_input_data_version_tag,
    get_input_event_pointer_tag,
)

from simcore.errors import StoreError
from simcore.store import Partition, Store
from simcore.tables import TABLES
from simcore.tables.table import Table


def latest_event(context: dg.AssetExecutionContext) -> int | None:
    """Return the number of the last event of any asset: what was read is not younger."""
    found = context.instance.event_log_storage.get_maximum_record_id()
    return None if found is None else int(found)


def inputs(
    context: dg.AssetExecutionContext, store: Store, table: Table, key: str
) -> Mapping[dg.AssetKey, str]:
    """Return the content hash of each partition that one was made from, by its asset.

    Args:
        context: Of the asset function that made it.
        store: The lake.
        table: What was made.
        key: Of its partition.

    Raises:
        StoreError: The lake gave no answer.
    """
    here = Partition.parse(table, key)
    deps = context.assets_def.specs_by_key[dg.AssetKey(table.name)].deps
    return {dep.asset_key: _version(store, dep.asset_key, here) for dep in deps}


def tags(
    context: dg.AssetExecutionContext,
    table: Table,
    content_hash: str,
    read: Mapping[dg.AssetKey, str],
    *,
    read_at: int | None,
) -> Mapping[str, str]:
    """Return the tags of a partition's materialisation.

    Args:
        context: Of the asset function that made it.
        table: What was made.
        content_hash: Of its rows; its data version.
        read: What `inputs` returned.
        read_at: Number of the last event when its inputs were read.
    """
    asset = dg.AssetKey(table.name)
    assets = context.assets_def
    made = {
        CODE_VERSION_TAG: assets.specs_by_key[asset].code_version or context.run.run_id,
        DATA_VERSION_TAG: content_hash,
        DATA_VERSION_IS_USER_PROVIDED_TAG: "true",
    }
    for dep, version in read.items():
        made[get_input_data_version_tag(dep)] = version
        # What the same function made is told of only after it began.
        seen = latest_event(context) if dep in assets.keys else read_at
        made[get_input_event_pointer_tag(dep)] = NULL_EVENT_POINTER if seen is None else str(seen)
    return made


def above(table: Table, partition: Partition) -> Partition | None:
    """Return the partition of another table that belongs to this one, if one alone does."""
    values = dict(partition.parts())
    if not set(table.partitioned_by) <= set(values):
        return None
    return Partition(**{name: values[name] for name in table.partitioned_by})


def _version(store: Store, dep: dg.AssetKey, here: Partition) -> str:
    """Return the content hash of what was read; Dagster's word for none where nothing is there.

    Raises:
        StoreError: The lake gave no answer: there may well be something.
    """
    table = TABLES[dep.to_user_string()]
    place = above(table, here)
    try:
        footer = None if place is None else store.footer(table, place)
    except StoreError as error:
        if error.is_unanswered:
            raise
        footer = None
    return "NULL" if footer is None else footer.content_hash
