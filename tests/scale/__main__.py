"""`make scale`: what a second worker brings, and what a run and a partition cost, measured.

Each worker has a core of its own, as a machine of its own would. One and two workers take turns, so
that whatever else the machine does meets both alike.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy

from pipelines import headless
from pipelines import home as homes
from pipelines.headless import RANGE_END, RANGE_START
from pipelines.launching import Launcher
from simcore import bucket, steps
from simcore.campaign import Campaign, load
from simcore.store import Partition, Store
from simcore.tables.table import Table
from tests.scale import servers

CAMPAIGN = "c0-tiny"
TABLES: tuple[Table, ...] = (
    *steps.BACKTESTS, *steps.MONTE_CARLO, *steps.VALIDITY, *steps.EVIDENCE,
)  # fmt: skip
KEYS = [dg.AssetKey(table.name) for table in TABLES]


def main(rounds: str = "2") -> None:
    """Measure, and print a table as the page has it."""
    with tempfile.TemporaryDirectory(prefix="proving-scale-") as folder:
        home, logs = Path(folder) / "home", Path(folder)
        with servers.cluster(home, logs, workers=2, pinned=True) as environment:
            campaign = load(CAMPAIGN, home=home)
            prepare(home, campaign)
            with (
                homes.instance(home) as instance,
                Launcher.opened(instance, pieces=2) as launcher,
            ):
                headless.register(instance, home)
                for line in measured(launcher, home, campaign, int(rounds)):
                    print(line, flush=True)
            url = environment["PROVING_POSTGRES"]
            print(f"| Postgres, KiB a partition and round | {event_bytes(url) / 1024:,.0f} |")
        with servers.bucket(logs) as found:
            os.environ.update(found)
            for name, n in requests("s3://lakes/measured", campaign).items():
                print(f"| bucket, {name} a partition | {n} |", flush=True)


def prepare(home: Path, campaign: Campaign) -> None:
    """Make what the runs read."""
    store = Store.of(home)
    steps.markets(store, campaign)
    for strategy in campaign.strategies:
        steps.strategies(store, strategy)


def measured(launcher: Launcher, home: Path, campaign: Campaign, rounds: int) -> Iterator[str]:
    """Run all strategies again and again: made or found, in one run, in two, in one each."""
    n = len(campaign.strategies)
    yield f"| {n} partitions of {len(TABLES)} tables | runs | seconds | load |"
    yield "|---|---|---|---|"
    with dg.partition_loading_context(dynamic_partitions_store=launcher.instance):
        seconds(launcher, campaign, 2, most=2)  # each worker has met the engine once
        for _ in range(rounds):
            for what, pieces in (("made", 1), ("made", 2), ("found", 1), ("found", n)):
                if what == "made":
                    clear(home, campaign)
                took = seconds(launcher, campaign, pieces)
                yield f"| {what} | {pieces} | {took:.1f} | {os.getloadavg()[0]:.0f} |"


def clear(home: Path, campaign: Campaign) -> None:
    """Remove every partition that is to be made again."""
    for table in TABLES:
        for strategy in campaign.strategies:
            Store.of(home).discard(table, Partition(CAMPAIGN, strategy.id))


def seconds(launcher: Launcher, campaign: Campaign, pieces: int, most: int | None = None) -> float:
    """Return how long the strategies took in so many runs, from the asking to the last end."""
    wanted = {strategy.id for strategy in campaign.strategies}
    ordered = [k for k in launcher.instance.get_dynamic_partitions("strategy") if k in wanted]
    began = time.monotonic()
    tags = [_range(each) for each in _cut(ordered[:most], pieces)]
    ended = list(launcher.materialise(KEYS, tags))
    if not all(each.has_succeeded for each in ended):
        raise servers.ServerError("a run failed: see the workers' logs")
    return time.monotonic() - began


def _cut(keys: list[str], pieces: int) -> list[list[str]]:
    longest = -(-len(keys) // pieces)
    return [keys[first : first + longest] for first in range(0, len(keys), longest)]


def _range(keys: list[str]) -> Mapping[str, str]:
    return {RANGE_START: f"{CAMPAIGN}|{keys[0]}", RANGE_END: f"{CAMPAIGN}|{keys[-1]}"}


def event_bytes(url: str) -> float:
    """Return the size of Dagster's events by the number of materialised partitions of runs."""
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        size = connection.execute(
            sqlalchemy.text("select pg_total_relation_size('event_logs')")
        ).scalar_one()
        made = connection.execute(
            sqlalchemy.text(
                "select count(*) from event_logs where asset_key = '[\"backtests\"]' "
                "and dagster_event_type = 'ASSET_MATERIALIZATION'"
            )
        ).scalar_one()
    return float(size) / max(int(made), 1)


class Counted:
    """A client of a bucket that counts what is asked of it."""

    def __init__(self, client: Any, counts: Counter[str]) -> None:
        self._client, self._counts = client, counts

    def __getattr__(self, name: str) -> Any:
        self._counts[name] += 1
        return getattr(self._client, name)


def requests(url: str, campaign: Campaign) -> dict[str, int]:
    """Return how many requests one partition of all run tables takes, made and found."""
    counts: Counter[str] = Counter()
    counted = Counted(bucket.client(url), counts)
    store, strategy = Store(url), campaign.strategies[0]
    steps.markets(store, campaign)
    steps.strategies(store, strategy)
    bucket.client = lambda _: counted  # type: ignore[assignment]
    found = {}
    for what in ("requests to make", "requests to find"):
        counts.clear()
        for make in (
            steps.backtests, steps.monte_carlo, steps.walk_forwards, steps.appraisals,
        ):  # fmt: skip
            make(store, campaign, strategy)
        found[what] = counts.total()
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
