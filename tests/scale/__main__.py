"""`make scale`: what a second worker brings, and what a run and a partition cost, measured.

The same four runs are done one at a time and two at a time, by workers with one core and one thread
each, as machines of their own would. Seconds by the clock suffer from whatever else the machine
does; core-seconds do not, and both are told. The table goes to `docs/scale.md`.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy

from assets import evaluations, events
from pipelines import headless
from pipelines import home as homes
from pipelines.definitions import build
from pipelines.headless import RANGE_END, RANGE_START
from pipelines.launching import Ended, Launcher
from simcore import bucket, steps
from simcore.campaign import Campaign, load
from simcore.store import Partition, Store
from tests.scale import servers
from tests.scale.small import RUNS
from tests.scale.spent import machine, own, spent, watched

PAGE = servers.ROOT / "docs" / "scale.md"
BEGIN, END = "<!-- measured: make scale -->\n", "<!-- measured: end -->\n"
KEYS = [dg.AssetKey(table.name) for table in RUNS]
STEPS = (steps.backtests, steps.monte_carlo, steps.walk_forwards, steps.appraisals)
CAMPAIGN = "c-year"
DOCUMENT = f"""\
version = "0.1.0"
id = "{CAMPAIGN}"
name = "A year of the markets that a year is enough for"
seed = 1
days = 365
scenarios = "days-365"
strategies = "all"
tournaments = ["c0-round-robin"]
chaos = "none"
execution = "honest_v1"
initial_cash = 10000.0
"""
N_STRATEGIES = 8
"""As many of the library's, from the second on: no gaps, and four runs of two."""

ONE_THREAD = {"RAYON_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}

# When a run says that it got so far, and what lies before that.
MOMENTS = (
    (dg.DagsterEventType.RUN_ENQUEUED, ""),
    (dg.DagsterEventType.RUN_STARTING, "in the queue"),
    (dg.DagsterEventType.RUN_START, "at the broker, and opened by the worker"),
    (dg.DagsterEventType.STEP_START, "planned, resources opened"),
    (dg.DagsterEventType.STEP_SUCCESS, "the step"),
    (dg.DagsterEventType.RUN_SUCCESS, "closed"),
)


@dataclass(frozen=True)
class Measured:
    """What some runs took.

    Args:
        seconds: From the asking to the last end.
        cores: Core-seconds by who spent them.
        ended: The runs.
    """

    seconds: float
    cores: Counter[str]
    ended: Sequence[Ended]

    @property
    def workers(self) -> list[float]:
        """Core-seconds of each worker."""
        return [each for name, each in self.cores.items() if name.startswith("worker")]

    @property
    def around(self) -> float:
        """Core-seconds of all that serves the workers."""
        names = ("daemon", "definitions", "Postgres", "asking")
        return sum(self.cores[name] for name in names)


def main(rounds: str = "2") -> None:
    """Measure, print the tables, and write them to the page."""
    os.environ.update(ONE_THREAD)
    lines: list[str] = []
    with tempfile.TemporaryDirectory(prefix="proving-scale-") as folder:
        home, logs = Path(folder) / "home", Path(folder)
        (home / "campaigns").mkdir(parents=True)
        (home / "campaigns" / f"{CAMPAIGN}.toml").write_text(DOCUMENT, encoding="utf-8")
        with ExitStack() as stack:
            cluster = stack.enter_context(servers.cluster(home, logs, workers=2, pinned=True))
            campaign = load(CAMPAIGN, home=home)
            prepare(home, campaign)
            instance = stack.enter_context(homes.instance(home))
            launcher = stack.enter_context(Launcher.opened(instance, pieces=1))
            headless.register(instance, home)
            stack.enter_context(dg.partition_loading_context(dynamic_partitions_store=instance))
            for line in measured(cluster, launcher, campaign, int(rounds)):
                print(line, flush=True)
                lines.append(line)
        with servers.bucket(logs) as found:
            os.environ.update(found)
            for name, n in requests("s3://lakes/measured", load("c0-tiny")).items():
                lines.append(f"| requests to a bucket, to {name} | | {n} |")
                print(lines[-1], flush=True)
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + "\n".join(lines) + "\n" + END + after, encoding="utf-8")


def measured(
    cluster: servers.Cluster, launcher: Launcher, campaign: Campaign, rounds: int
) -> Iterator[str]:
    """Return the tables, line by line, as the page has them."""
    keys = [each.id for each in campaign.strategies[1 : N_STRATEGIES + 1]]
    pairs = [keys[first : first + 2] for first in range(0, len(keys), 2)]
    singles = [[key] for key in keys]
    limit(launcher, 2)
    do(cluster, launcher, campaign, singles[:4])  # each worker has met the engine
    yield from scaling(cluster, launcher, campaign, pairs, rounds)
    limit(launcher, 1)
    together = do(cluster, launcher, campaign, [keys])
    apart = do(cluster, launcher, campaign, singles)
    yield from overhead(launcher.instance, together, apart, len(keys))
    light = load("c1-light", home=cluster.home)
    prepare(cluster.home, light)
    yield from partition(launcher.instance, cluster, [light, campaign])
    kept = event_bytes(cluster.environment["PROVING_POSTGRES"]) / 1024
    yield f"| kept by Postgres of a partition that was told of, KiB | | {kept:,.0f} |"


def scaling(
    cluster: servers.Cluster,
    launcher: Launcher,
    campaign: Campaign,
    pairs: list[list[str]],
    rounds: int,
) -> Iterator[str]:
    """Do the same runs one at a time and two at a time, in turns."""
    n = sum(map(len, pairs))
    yield (
        f"| {n} partitions in {len(pairs)} runs | seconds | partitions a minute | core-seconds: "
        "workers | what serves them | anybody else |"
    )
    yield "|---|---|---|---|---|---|"
    clock, cores = [], []
    for _ in range(rounds):
        for at_once in (1, 2):
            limit(launcher, at_once)
            clear(cluster.home, campaign)
            found = do(cluster, launcher, campaign, pairs)
            clock.append(found.seconds)
            if at_once == 2:
                cores.append(sum(found.workers) / max(found.workers))
            who = " + ".join(f"{each:.0f}" for each in found.workers)
            yield (
                f"| {'one at a time' if at_once == 1 else 'two at a time'} | {found.seconds:.0f} | "
                f"{60 * n / found.seconds:.1f} | {who} | {found.around:.0f} | "
                f"{found.cores['others']:.0f} |"
            )
    gain = sum(clock[::2]) / sum(clock[1::2])
    yield f"| gain of the second, by the clock | {gain:.2f} | | | | |"
    even = sum(cores) / len(cores)
    yield f"| by core-seconds: of both / of the busier one | {even:.2f} | | | | |"
    yield ""


def overhead(
    instance: dg.DagsterInstance, together: Measured, apart: Measured, n: int
) -> Iterator[str]:
    """Tell what a run costs that finds its partition made, beside that of the partition."""
    more = n - 1
    workers = (sum(apart.workers) - sum(together.workers)) / more
    around = (apart.around - together.around) / more
    yield "| a run more, on a warm worker | |"
    yield "|---|---|"
    yield f"| core-seconds of the worker | {workers:.2f} |"
    yield f"| core-seconds of the daemon, definitions, Postgres and who asks | {around:.2f} |"
    yield f"| seconds by the clock | {(apart.seconds - together.seconds) / more:.1f} |"
    totals: Counter[str] = Counter()
    for each in apart.ended:
        totals.update(lasted(instance, each.run_id))
    for name, seconds in totals.items():
        if name != "in the queue":  # it waits there for the runs before it
            yield f"| of these, {name} | {seconds / len(apart.ended):.2f} |"
    yield ""


def lasted(instance: dg.DagsterInstance, run_id: str) -> dict[str, float]:
    """Return the seconds between what a run said of itself."""
    said = {
        entry.dagster_event.event_type: entry.timestamp
        for entry in reversed(instance.all_logs(run_id))
        if entry.dagster_event is not None
    }
    return {name: said[then] - said[before] for (before, _), (then, name) in pairwise(MOMENTS)}


def partition(
    instance: dg.DagsterInstance, cluster: servers.Cluster, campaigns: Sequence[Campaign]
) -> Iterator[str]:
    """Tell what goes into the eight tables of a strategy, made in this process."""
    found = [parts(instance, cluster, each) for each in campaigns]
    names = " | ".join(f"`{each.id}`" for each in campaigns)
    yield f"| core-seconds of a partition of {len(RUNS)} tables | {names} |"
    yield "|---|" + "---|" * len(campaigns)
    for name in found[0]:
        yield f"| {name} | " + " | ".join(f"{each[name]:.2f}" for each in found) + " |"


def parts(
    instance: dg.DagsterInstance, cluster: servers.Cluster, campaign: Campaign
) -> dict[str, float]:
    """Return the core-seconds of a partition, by what they are spent on: the mean of two."""
    definitions = build(cluster.home)
    (run,) = (
        each for each in headless._in_order(definitions) if dg.AssetKey("backtests") in each.keys
    )
    keys = [each.id for each in campaign.strategies[1:4]]
    done_here = partial(headless._done_here, definitions, run, instance=instance)
    list(done_here(spans=[_range(campaign, keys[:1])]))  # what is imported late is there now
    keys = keys[1:]
    clear(cluster.home, campaign)
    began = own()
    make_runs(cluster.home, campaign, keys)
    work = own() - began
    clear(cluster.home, campaign)
    watch = {
        "pictures": (events, "_images"),
        "checks": (evaluations, "findings"),
        "Dagster's events": (dg.DagsterInstance, "handle_new_event"),
    }
    served = spent(cluster.leaders)["Postgres"]
    with watched(watch) as totals:
        began = own()
        (ended,) = done_here(spans=[_range(campaign, keys)])
        whole = own() - began
    served = spent(cluster.leaders)["Postgres"] - served
    if not ended.has_succeeded:
        raise servers.ServerError("a run failed in this process")
    found = {
        "the work": work,
        **{name: totals[name] for name in watch},
        "Dagster besides": whole - work - totals.total(),
        "Postgres": served,
    }
    return {name: seconds / len(keys) for name, seconds in found.items()}


def prepare(home: Path, campaign: Campaign) -> None:
    """Make what the runs read."""
    store = Store.of(home)
    steps.markets(store, campaign)
    for strategy in campaign.strategies:
        steps.strategies(store, strategy)


def make_runs(home: Path, campaign: Campaign, keys: list[str]) -> None:
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


def limit(launcher: Launcher, at_once: int) -> None:
    """Let so many runs go at once: one worker of two has nothing to do then."""
    launcher.instance.event_log_storage.set_concurrency_slots(events.POOL, at_once)


def do(
    cluster: servers.Cluster, launcher: Launcher, campaign: Campaign, ranges: list[list[str]]
) -> Measured:
    """Do one run for each range of strategies, and return what they took."""
    began, cores, busy, asking = time.monotonic(), spent(cluster.leaders), machine(), own()
    ended = list(launcher.materialise(KEYS, [_range(campaign, each) for each in ranges]))
    seconds = time.monotonic() - began
    if not all(each.has_succeeded for each in ended):
        raise servers.ServerError("a run failed: see the workers' logs")
    found = spent(cluster.leaders)
    found.subtract(cores)
    found["asking"] = own() - asking
    found["others"] = max(0.0, machine() - busy - found.total())
    return Measured(seconds, found, ended)


def _range(campaign: Campaign, keys: list[str]) -> Mapping[str, str]:
    return {RANGE_START: f"{campaign.id}|{keys[0]}", RANGE_END: f"{campaign.id}|{keys[-1]}"}


def event_bytes(url: str) -> float:
    """Return the size of Dagster's events by the number of partitions they tell of."""
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        size, made = (
            connection.execute(sqlalchemy.text(query)).scalar_one()
            for query in (
                "select pg_total_relation_size('event_logs') "
                "+ pg_total_relation_size('asset_check_executions')",
                "select count(*) from event_logs where asset_key = '[\"backtests\"]' "
                "and dagster_event_type = 'ASSET_MATERIALIZATION'",
            )
        )
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
    for what in ("make it", "find it made"):
        counts.clear()
        for make in STEPS:
            make(store, campaign, strategy)
        found[what] = counts.total()
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
