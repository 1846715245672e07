"""What a partition, a question, an idle minute and the start of a process cost, in core-seconds.

Each function returns rows of a table of `docs/scale.md`; `make scale` prints and writes them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg
import sqlalchemy
import yaml

from assets import evaluations, events
from pipelines import headless
from pipelines import home as homes
from pipelines.definitions import build
from pipelines.headless import RANGE_END, RANGE_START
from simcore import bucket, steps
from simcore.campaign import Campaign
from simcore.store import Partition, Store
from tests.bench.start_up import loading_seconds
from tests.scale import servers
from tests.scale.small import RUNS
from tests.scale.spent import own, spent, watched

STEPS = (steps.backtests, steps.monte_carlo, steps.walk_forwards, steps.appraisals)
N_QUESTIONS = 1_000
IDLE_SECONDS = 60
SERVING = ("Postgres", "daemon", "definitions")
KIB = 1024

TOLD = {
    "checks": ["ASSET_CHECK_EVALUATION"],
    "announcing the checks": ["ASSET_CHECK_EVALUATION_PLANNED"],
    "tables and their pictures": ["ASSET_MATERIALIZATION"],
}
"""What Dagster is told of a partition, by the names of its events."""


PLAIN = {"postgres": {"postgres_url": {"env": "PROVING_POSTGRES"}}}
"""Dagster's own storage, which opens a connection for every question."""


@dataclass(frozen=True)
class Instances:
    """Two instances on one database.

    Args:
        kept: Keeps its connections.
        plain: Opens one for every question, as Dagster's own does.
    """

    kept: dg.DagsterInstance
    plain: dg.DagsterInstance


@contextmanager
def none_kept(cluster: servers.Cluster) -> Iterator[dg.DagsterInstance]:
    """Open the cluster's instance with Dagster's own storage."""
    folder = cluster.logs / "plain"
    folder.mkdir()
    settings = {"storage": PLAIN, "telemetry": {"enabled": False}}
    (folder / "dagster.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        yield instance


def span(campaign: Campaign, keys: Sequence[str]) -> Mapping[str, str]:
    """Return the tags of one run for some strategies that follow one another."""
    return {RANGE_START: f"{campaign.id}|{keys[0]}", RANGE_END: f"{campaign.id}|{keys[-1]}"}


def prepare(home: Path, campaign: Campaign) -> None:
    """Make what the runs read."""
    store = Store.of(home)
    steps.markets(store, campaign)
    for strategy in campaign.strategies:
        steps.strategies(store, strategy)


def make_runs(home: Path, campaign: Campaign, keys: Sequence[str]) -> None:
    """Make the tables of some strategies without Dagster."""
    for strategy in campaign.strategies:
        if strategy.id in keys:
            for make in STEPS:
                make(Store.of(home), campaign, strategy)


def clear(home: Path, campaign: Campaign) -> None:
    """Remove every partition that is to be made again."""
    for table in RUNS:
        for strategy in campaign.strategies:
            Store.of(home).discard(table, Partition(campaign.id, strategy.id))


def partition(
    instances: Instances, cluster: servers.Cluster, campaigns: Sequence[Campaign]
) -> Iterator[str]:
    """Tell what goes into the eight tables of a strategy, made in this process."""
    found = [parts(instances, cluster, each) for each in campaigns]
    names = " | ".join(f"`{each.id}`" for each in campaigns)
    yield f"| a partition of {len(RUNS)} tables | {names} |"
    yield "|---|" + "---|" * len(campaigns)
    for name in found[0]:
        n_places = 2 if name.startswith("core-seconds") else 0
        yield f"| {name} | " + " | ".join(f"{each[name]:,.{n_places}f}" for each in found) + " |"
    yield ""


def parts(instances: Instances, cluster: servers.Cluster, campaign: Campaign) -> dict[str, float]:
    """Return what a partition costs, by what it is spent on: the mean of two."""
    home, keys = cluster.home, [each.id for each in campaign.strategies[1:4]]
    warm, *keys = keys
    run = run_here(instances.kept, home, campaign)
    run([warm])  # what is imported late is there now
    clear(home, campaign)
    began = own()
    make_runs(home, campaign, keys)
    work = own() - began
    n_bytes = sum(
        Store.of(home).path(table, Partition(campaign.id, key)).stat().st_size  # type: ignore[union-attr]
        for table in RUNS
        for key in keys
    )
    clear(home, campaign)
    watch = {
        "core-seconds: pictures": (events, "_images"),
        "core-seconds: checks": (evaluations, "findings"),
        "core-seconds: Dagster's events": (dg.DagsterInstance, "handle_new_event"),
    }
    with watched(watch) as totals:
        run_id, cost = asked(cluster, partial(run, keys))
    clear(home, campaign)
    run = run_here(instances.plain, home, campaign)
    _, without = asked(cluster, partial(run, keys))
    found = {
        "core-seconds: the work": work,
        **{name: totals[name] for name in watch},
        "core-seconds: Dagster besides": cost["this process"] - work - totals.total(),
        "core-seconds: Postgres": cost["Postgres"],
        "connections opened": cost["connections"],
        "core-seconds, were no connection kept: Postgres": without["Postgres"],
        "core-seconds, were no connection kept: all else": without["this process"],
        "connections opened, were none kept": without["connections"],
        "KiB of tables": n_bytes / KIB,
        **told(cluster.environment["PROVING_POSTGRES"], run_id),
    }
    mean = {name: value / len(keys) for name, value in found.items()}
    return {**mean, "KiB kept by Postgres": kept_kib(cluster.environment["PROVING_POSTGRES"])}


def run_here(
    instance: dg.DagsterInstance, home: Path, campaign: Campaign
) -> Callable[[Sequence[str]], str]:
    """Return what makes some strategies' tables by one run in this process and gives its id."""
    definitions = build(home)
    (assets,) = (
        each for each in headless._in_order(definitions) if dg.AssetKey("backtests") in each.keys
    )

    def run(keys: Sequence[str]) -> str:
        (ended,) = headless._done_here(definitions, assets, [span(campaign, keys)], instance)
        if not ended.has_succeeded:
            raise servers.ServerError("a run failed in this process")
        return ended.run_id

    return run


def asked(cluster: servers.Cluster, does: Callable[[], str]) -> tuple[str, dict[str, float]]:
    """Do something that asks Postgres, and return what it gives and what was spent on it."""
    url = cluster.environment["PROVING_POSTGRES"]
    opened, served, began = connections(url), spent(cluster.leaders)["Postgres"], own()
    found = does()
    cost = {
        "this process": own() - began,
        "Postgres": spent(cluster.leaders)["Postgres"] - served,
        "connections": connections(url) - opened - 1,  # less that of who counts
    }
    return found, cost


def told(url: str, run_id: str) -> dict[str, float]:
    """Return the KiB of what a run told Dagster, by what it told."""
    rows = query(
        url,
        "select dagster_event_type, sum(octet_length(event)) from event_logs "
        f"where run_id = '{run_id}' group by 1",
    )
    sizes = {str(name): float(size) / KIB for name, size in rows}
    found = {
        f"KiB told of: {name}": sum(sizes.get(kind, 0.0) for kind in kinds)
        for name, kinds in TOLD.items()
    }
    return {"KiB told to Dagster": sum(sizes.values()), **found}


def kept_kib(url: str) -> float:
    """Return the size of all of Dagster's events by the number of partitions told of so far."""
    ((size,),) = query(
        url,
        "select pg_total_relation_size('event_logs') "
        "+ pg_total_relation_size('asset_check_executions')",
    )
    ((n_made,),) = query(
        url,
        "select count(*) from event_logs where asset_key = '[\"backtests\"]' "
        "and dagster_event_type = 'ASSET_MATERIALIZATION'",
    )
    return float(size) / KIB / max(int(n_made), 1)


def connections(url: str) -> int:
    """Return how many connections the server took since it began, this one included."""
    time.sleep(1.5)  # a server counts those that stay once a second
    ((found,),) = query(url, "select sum(sessions) from pg_stat_database")
    return int(found)


def query(url: str, text: str) -> list[Any]:
    """Ask Postgres over a connection of its own."""
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
    with engine.connect() as connection:
        return list(connection.execute(sqlalchemy.text(text)))


def questions(instances: Instances, cluster: servers.Cluster) -> Iterator[str]:
    """Tell what one question to Dagster's storage costs, over a new connection and a kept one."""
    yield "| a question to Dagster's storage | core-ms: Postgres | who asks |"
    yield "|---|---|---|"
    asking = {
        "over a connection of its own": instances.plain,
        "over one that is kept": instances.kept,
    }
    for name, instance in asking.items():
        _, cost = asked(cluster, partial(ask, instance))
        each = [1_000 * cost[who] / N_QUESTIONS for who in ("Postgres", "this process")]
        yield f"| {name} | {each[0]:.2f} | {each[1]:.2f} |"
    yield ""


def ask(instance: dg.DagsterInstance) -> str:
    """Ask one thing many times."""
    for _ in range(N_QUESTIONS):
        instance.get_run_by_id("none")
    return ""


def idle(cluster: servers.Cluster) -> Counter[str]:
    """Return what a pool costs in a minute in which nothing is asked of it, by who spends it."""
    url = cluster.environment["PROVING_POSTGRES"]
    opened, before = connections(url), spent(cluster.leaders)
    time.sleep(IDLE_SECONDS)
    found = spent(cluster.leaders)
    found.subtract(before)
    found["connections"] = connections(url) - opened - 1
    return found


def told_of_idle(found: Counter[str], plain: Counter[str]) -> Iterator[str]:
    """Tell what `idle` found of a pool, and of one with Dagster's own storage."""
    yield f"| {IDLE_SECONDS} seconds of an idle pool | | were no connection kept |"
    yield "|---|---|---|"
    for name in SERVING:
        yield f"| core-seconds of {name} | {found[name]:.2f} | {plain[name]:.2f} |"
    yield f"| core-seconds of one worker | {found['worker0']:.2f} | {plain['worker0']:.2f} |"
    opened = [each["connections"] for each in (found, plain)]
    yield f"| connections opened | {opened[0]:,.0f} | {opened[1]:,.0f} |"
    yield ""


def plain_idle(folder: Path) -> Counter[str]:
    """Return what a pool with Dagster's own storage costs while nothing is asked of it."""
    folder.mkdir()
    with servers.cluster(folder / "home", folder, workers=1, storage=PLAIN) as cluster:
        with homes.instance(cluster.home) as instance:
            headless.register(instance, cluster.home)
        time.sleep(IDLE_SECONDS)  # every sensor was asked once
        return idle(cluster)


def processes(cluster: servers.Cluster, campaigns: Sequence[Campaign]) -> Iterator[str]:
    """Tell what a process costs before it works, what it then holds, and how far it uses a core."""
    yield "| a process | |"
    yield "|---|---|"
    yield f"| core-seconds to load Dagster and the definitions | {loading_seconds():.1f} |"
    held = max(peak_mib(leader.pid) for leader in cluster.workers.values())
    yield f"| MiB that a worker held at most | {held:,.0f} |"
    for campaign in campaigns:
        shares = in_one_thread(cluster.home, campaign)
        yield (
            f"| of the work of a partition of `{campaign.id}`, in one thread of two, % | "
            f"{100 * min(shares):.0f} to {100 * max(shares):.0f} |"
        )
    yield ""


def peak_mib(leader: int) -> float:
    """Return the most memory that a process, with all it started, was seen to hold, in MiB."""
    total = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            group = int((folder / "stat").read_text().rpartition(")")[2].split()[2])
            lines = (folder / "status").read_text().splitlines()
        except OSError:
            continue
        if group == leader:
            total += sum(float(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return total / KIB


IN_ONE_THREAD = """
import json, sys, time
from pathlib import Path
from simcore.campaign import load
from tests.scale import costs

home, campaign = Path(sys.argv[1]), load(sys.argv[2], home=Path(sys.argv[1]))
shares = []
for number, strategy in enumerate(campaign.strategies[1:6]):
    one, all_ = time.thread_time(), time.process_time()
    costs.make_runs(home, campaign, [strategy.id])
    if number:  # what is imported late is there now
        shares.append((time.thread_time() - one) / (time.process_time() - all_))
print(json.dumps(shares))
"""


def in_one_thread(home: Path, campaign: Campaign) -> list[float]:
    """Return which share of some partitions' work the first thread does, where there are two."""
    clear(home, campaign)
    two = {"RAYON_NUM_THREADS": "2", "POLARS_MAX_THREADS": "2", "PYTHONPATH": str(servers.ROOT)}
    command = [sys.executable, "-c", IN_ONE_THREAD, str(home), campaign.id]
    done = subprocess.run(command, env=os.environ | two, check=True, stdout=subprocess.PIPE)
    return [float(share) for share in json.loads(done.stdout)]


class Counted:
    """A client of a bucket that counts what is asked of it."""

    def __init__(self, client: Any, counts: Counter[str]) -> None:
        self._client, self._counts = client, counts

    def __getattr__(self, name: str) -> Any:
        answer = getattr(self._client, name)

        def ask(*arguments: Any, **named: Any) -> Any:
            self._counts[f"{name} {arguments[:1]} {named}" if name != "put" else name] += 1
            return answer(*arguments, **named)

        return ask


def requests(url: str, campaign: Campaign) -> Iterator[str]:
    """Tell how many requests one partition of all run tables takes, made and found."""
    yield f"| requests to a bucket for a partition of {len(RUNS)} tables | all | asked before |"
    yield "|---|---|---|"
    counts: Counter[str] = Counter()
    counted = Counted(bucket.client(url), counts)
    store, strategy = Store(url), campaign.strategies[0]
    steps.markets(store, campaign)
    steps.strategies(store, strategy)
    with mock.patch.object(bucket, "client", lambda _: counted):
        for what in ("made", "found made"):
            counts.clear()
            for make in STEPS:
                make(store, campaign, strategy)
            again = sum(n - 1 for name, n in counts.items() if name != "put")
            yield f"| {what} | {counts.total()} | {again} |"
