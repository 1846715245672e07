"""A campaign of seconds, made step by step without Dagster: what the faults are done to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from simcore import steps
from simcore.campaign import Campaign, load
from simcore.store import Partition, Store
from simcore.tables import TABLES
from simcore.tables.table import Table
from simcore.tournaments.calibration import Size

CAMPAIGN = "c-small"
DOCUMENT = """\
version = "0.1.0"
id = "c-small"
name = "Two strategies on one market for a few days"
seed = 1
days = {days}
scenarios = ["trend-up-mid"]
strategies = ["ma_cross", "ma_cross_trend"]
tournaments = ["c0-round-robin"]
chaos = "none"
execution = "honest_v1"
initial_cash = 10000.0
"""


# The placebos of a campaign take seconds, in which every kill would fall.
FEW = Size(challengers=2, markets=12, tournaments=2)


def prepare(home: Path, *, days: int = 5) -> Path:
    """Write the campaign's document into a home and return the home."""
    (home / "campaigns").mkdir(parents=True, exist_ok=True)
    path = home / "campaigns" / f"{CAMPAIGN}.toml"
    path.write_text(DOCUMENT.format(days=days), encoding="utf-8")
    return home


def campaign(home: Path) -> Campaign:
    return load(CAMPAIGN, home=home)


def make(store: Store, asked: Campaign) -> list[steps.Outcome]:
    """Make every table of the campaign.

    Returns:
        What became of each partition.
    """
    outcomes = make_runs(store, asked)
    for strategy in asked.strategies:
        outcomes += steps.strategies(store, strategy)
    for strategy in asked.strategies:
        outcomes += steps.walk_forwards(store, asked, strategy)
        outcomes += steps.appraisals(store, asked, strategy)
    outcomes += steps.allocations(store, asked)
    with mock.patch.object(steps.calibrate, "SMALL", FEW):
        outcomes += steps.calibrations(store, asked)
    outcomes += steps.tournaments(store, asked)
    outcomes += steps.chaos(store, asked)
    return outcomes + steps.report(store, asked)


def make_runs(store: Store, asked: Campaign) -> list[steps.Outcome]:
    """Make the markets and the runs: nothing that remembers what was tried before."""
    outcomes = steps.markets(store, asked)
    for strategy in asked.strategies:
        outcomes += steps.backtests(store, asked, strategy)
        outcomes += steps.monte_carlo(store, asked, strategy)
    return outcomes


def partitions(store: Store) -> Iterator[tuple[Table, Partition]]:
    for table in TABLES.values():
        for partition in store.partitions(table):
            yield table, partition


def discard(store: Store) -> None:
    for table, partition in list(partitions(store)):
        store.discard(table, partition)


def hashes(store: Store) -> dict[tuple[str, str], str]:
    """Return the content hash of every partition, each recomputed from its rows."""
    return {
        (table.name, partition.key): store.verify(table, partition).content_hash
        for table, partition in partitions(store)
    }


def known(store: Store) -> dict[tuple[str, str, str], str]:
    """Return the content hash that each partition came to, by table, key and input hash."""
    found = {}
    for table, partition in partitions(store):
        footer = store.verify(table, partition)
        found[table.name, partition.key, footer.input_hash] = footer.content_hash
    return found


def wrong(store: Store, honest: dict[tuple[str, str, str], str]) -> list[str]:
    """Return what in the lake is torn, foreign or other than an undisturbed run would have left.

    Args:
        store: The lake.
        honest: What `known` returned of undisturbed lakes.
    """
    faults = [f"{path}: torn" for table in TABLES.values() for path in store.torn(table)]
    for table, partition in partitions(store):
        footer = store.verify(table, partition)  # raises where a byte is wrong
        if honest.get((table.name, partition.key, footer.input_hash)) != footer.content_hash:
            faults.append(f"{footer.path}: {footer.content_hash} is no honest content")
    tables = [path for path in store.root.glob("*") if not path.name.startswith(".")]
    files = {path for table in tables for path in table.rglob("*") if path.is_file()}
    whole = {store.path(table, partition) for table, partition in partitions(store)}
    return faults + [f"{path}: belongs nowhere" for path in sorted(files - whole)]
