"""What the lake says of itself, recomputed: rows to hashes, bars to manifests, logs to anchors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from simcore.bars import dataset_hash
from simcore.chaos import log
from simcore.errors import SpecError, StoreError
from simcore.problems import Problem
from simcore.store import Address, Partition, Store
from simcore.tables import TABLES
from simcore.tables.table import Table


@dataclass(frozen=True)
class Inspection:
    """What `verify` found out about one file.

    Args:
        path: The file.
        is_sound: Whether it is whole and says the truth.
        message: What was found and what was expected; empty if sound.
    """

    path: Address
    is_sound: bool
    message: str = ""


def verify(home: str | Path, *, campaign: str | None = None) -> list[Inspection]:
    """Recompute what the files of the lake say of themselves.

    Args:
        home: Holds the lake.
        campaign: Id of one campaign; None for the whole lake.

    Returns:
        One inspection a file: its rows hash to what its footer says; bars hash to what their
        manifests say; the chaos logs are chained to their anchors. With a campaign, a partition
        that it lacks counts as unsound.

    Raises:
        SpecError: There is no lake, or nothing of that campaign in it.
    """
    store = Store.of(home)
    found = _missing(store, campaign)
    for table in TABLES.values():
        strays = {path: Inspection(path, False, _stray(table, path)) for path in store.torn(table)}
        for partition in store.partitions(table):
            if campaign is not None and partition.campaign not in (campaign, None):
                continue
            path = store.path(table, partition)
            strays.pop(path, None)
            try:
                store.verify(table, partition)
                found.append(Inspection(path, True))
            except StoreError as error:
                found.append(Inspection(path, False, error.message))
        if campaign is None:
            found += strays.values()
    broken = {inspection.path for inspection in found if not inspection.is_sound}
    return [*found, *_verified_beyond(store, campaign, broken)]


def _missing(store: Store, campaign: str | None) -> list[Inspection]:
    """Inspect what should be there and is not; refuse to verify nothing."""
    present = {table.name: store.partitions(table) for table in TABLES.values()}
    places = [place for each in present.values() for place in each]
    # Trials of evolutions and of people lie where those of a campaign would, and are of none.
    judged = (place for name, each in present.items() if name != "trials" for place in each)
    campaigns = sorted({place.campaign for place in judged if place.campaign is not None})
    if not places or campaign not in (None, *campaigns):
        wanted = "a lake with partitions" if campaign is None else f"campaign {campaign!r}"
        known = ", ".join(campaigns) or "nothing"
        message = f"got {known}, expected {wanted} [make it with `proving run`]"
        raise SpecError([Problem("ARGUMENT", "UNKNOWN_ID", message, source=str(store.root))])
    # Trials stay when their strategy goes.
    runs = {place for name, each in present.items() if name != "trials" for place in each}
    expected: list[tuple[Table, Partition]] = []
    for table in TABLES.values() if campaign is not None else ():
        if table.partitioned_by == ("campaign",):
            expected.append((table, Partition(campaign=campaign)))
        elif "campaign" in table.partitioned_by:
            expected += [(table, place) for place in runs if _is_run_of(place, campaign)]
    return [
        Inspection(store.path(table, place), False, f"{store.path(table, place)}: absent")
        for table, place in expected
        if place not in present[table.name]
    ]


def _is_run_of(place: Partition, campaign: str | None) -> bool:
    return place.campaign == campaign and place.strategy is not None


def _verified_beyond(
    store: Store, campaign: str | None, broken: set[Address]
) -> Iterator[Inspection]:
    """Inspect what the hash of one file cannot show: manifests and chains, of sound files only."""
    needed = {
        verified_manifests: ("scenarios", "bars"),
        verified_logs: ("chaos_anchors", "chaos_events", "chaos_xlog"),
    }
    for inspect, names in needed.items():
        for partition in store.partitions(TABLES[names[0]]):
            paths = [store.path(TABLES[name], partition) for name in names]
            is_wanted = campaign in (None, partition.campaign)
            if is_wanted and all(path.exists() and path not in broken for path in paths):
                yield from inspect(store, partition)


def verified_manifests(store: Store, partition: Partition) -> Iterator[Inspection]:
    """Compare the bars of each scenario with the hash in its manifest; yield what differs."""
    bars = store.read(TABLES["bars"], partition)
    for row in store.read(TABLES["scenarios"], partition).iter_rows(named=True):
        own = bars.filter(pl.col("scenario_id") == row["scenario_id"]).drop("scenario_id")
        found = dataset_hash(own)
        if found != row["dataset_hash"]:
            path = store.path(TABLES["bars"], partition)
            message = f"{path}: {row['scenario_id']}: got {found}, expected {row['dataset_hash']}"
            yield Inspection(path, False, message)


def verified_logs(
    store: Store, partition: Partition, only: str | None = None
) -> Iterator[Inspection]:
    """Recompute the hash chains of a campaign's logs up to their anchors; yield what breaks.

    Args:
        store: The lake.
        partition: Of the campaign.
        only: Name of one of the two tables; None for both.
    """
    anchors = store.read(TABLES["chaos_anchors"], partition)
    for (run_id, seed, arm), own in anchors.group_by("run_id", "seed", "arm", maintain_order=True):
        days = int(own["day"].max()) + 1  # type: ignore[arg-type]
        for name, table in (("system", TABLES["chaos_events"]), ("exchange", TABLES["chaos_xlog"])):
            if only not in (None, table.name):
                continue
            rows = store.read(table, partition).filter(pl.col("run_id") == run_id).sort("seq")
            identity = log.identity(
                name, str(partition.campaign), int(seed), str(arm), own["universe_sha256"][0]
            )
            faults = log.verify(rows, own, name, identity, days)
            if faults:
                path = store.path(table, partition)
                where = f"{path}: seed {seed}, arm {arm}, record {faults[0].seq}"
                yield Inspection(path, False, f"{where}: {faults[0].check}")


def _stray(table: Table, path: Address) -> str:
    return f"{path}: got a file that is no partition of {table.name} [move it away]"
