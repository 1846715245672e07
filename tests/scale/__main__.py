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
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import dagster as dg

from assets import events
from pipelines import headless
from pipelines import home as homes
from pipelines.launching import Ended, Launcher
from simcore.campaign import Campaign, load
from tests.scale import costs, servers
from tests.scale.small import RUNS
from tests.scale.spent import machine, own, spent

PAGE = servers.ROOT / "docs" / "scale.md"
BEGIN, END = "<!-- measured: make scale -->\n", "<!-- measured: end -->\n"
KEYS = [dg.AssetKey(table.name) for table in RUNS]
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


AROUND = (*costs.SERVING, "who asks")
"""What serves the workers."""


@dataclass(frozen=True)
class Measured:
    """What some runs took.

    Args:
        seconds: From the asking to the last end.
        cores: Core-seconds by who spent them.
        opened: How many connections to Postgres.
        ended: The runs.
    """

    seconds: float
    cores: Counter[str]
    opened: int
    ended: Sequence[Ended]

    @property
    def workers(self) -> list[float]:
        """Core-seconds of each worker."""
        return [each for name, each in self.cores.items() if name.startswith("worker")]

    @property
    def around(self) -> float:
        """Core-seconds of all that serves the workers."""
        return sum(self.cores[name] for name in AROUND)


def main(rounds: str = "2") -> None:
    """Measure, print the tables, and write them to the page."""
    os.environ.update(ONE_THREAD)
    lines: list[str] = []
    with tempfile.TemporaryDirectory(prefix="proving-scale-") as folder:
        home, logs = Path(folder) / "home", Path(folder)
        (home / "campaigns").mkdir(parents=True)
        (home / "campaigns" / f"{CAMPAIGN}.toml").write_text(DOCUMENT, encoding="utf-8")
        plain = costs.plain_idle(logs / "without")
        with ExitStack() as stack:
            cluster = stack.enter_context(servers.cluster(home, logs, workers=2, pinned=True))
            campaign = load(CAMPAIGN, home=home)
            costs.prepare(home, campaign)
            instance = stack.enter_context(homes.instance(home))
            launcher = stack.enter_context(Launcher.opened(instance, pieces=1))
            headless.register(instance, home)
            stack.enter_context(dg.partition_loading_context(dynamic_partitions_store=instance))
            for line in measured(cluster, launcher, campaign, plain, int(rounds)):
                print(line, flush=True)
                lines.append(line)
        with servers.bucket(logs) as found:
            os.environ.update(found)
            for line in costs.requests("s3://lakes/measured", load("c0-tiny")):
                print(line, flush=True)
                lines.append(line)
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + "\n".join(lines) + "\n" + END + after, encoding="utf-8")


def measured(
    cluster: servers.Cluster,
    launcher: Launcher,
    campaign: Campaign,
    plain: Counter[str],
    rounds: int,
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
    yield from overhead(launcher.instance, together, apart, idle := costs.idle(cluster))
    yield from costs.told_of_idle(idle, plain)
    light = load("c1-light", home=cluster.home)
    costs.prepare(cluster.home, light)
    yield from costs.processes(cluster, [light, campaign])
    with cluster.paused(), costs.none_kept(cluster) as plain:
        instances = costs.Instances(launcher.instance, plain)
        yield from costs.partition(instances, cluster, [light, campaign])
        yield from costs.questions(instances, cluster)


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
            costs.clear(cluster.home, campaign)
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
    instance: dg.DagsterInstance, together: Measured, apart: Measured, idle: Counter[str]
) -> Iterator[str]:
    """Tell what a run costs that finds its partition made, beside that of the partition.

    Args:
        instance: Knows the runs.
        together: One run of some partitions.
        apart: One run of each of them.
        idle: What the pool costs while nothing is asked of it, which is taken off.
    """
    more = len(apart.ended) - 1
    seconds = (apart.seconds - together.seconds) / more
    waited = seconds / costs.IDLE_SECONDS
    yield "| a run more, on a warm worker | |"
    yield "|---|---|"
    workers = (sum(apart.workers) - sum(together.workers)) / more
    yield f"| core-seconds of the worker | {workers:.2f} |"
    for name in AROUND:
        each = (apart.cores[name] - together.cores[name]) / more - waited * idle[name]
        yield f"| core-seconds of {name}, beyond idle | {each:.2f} |"
    opened = (apart.opened - together.opened) / more - waited * idle["connections"]
    yield f"| connections opened, beyond idle | {opened:.0f} |"
    yield f"| seconds by the clock | {seconds:.1f} |"
    totals: Counter[str] = Counter()
    for each in apart.ended:
        totals.update(lasted(instance, each.run_id))
    for name, seconds in totals.items():
        if name != "in the queue":  # it waits there for the runs before it
            yield f"| seconds of each: {name} | {seconds / len(apart.ended):.2f} |"
    yield ""


def lasted(instance: dg.DagsterInstance, run_id: str) -> dict[str, float]:
    """Return the seconds between what a run said of itself."""
    said = {
        entry.dagster_event.event_type: entry.timestamp
        for entry in reversed(instance.all_logs(run_id))
        if entry.dagster_event is not None
    }
    return {name: said[then] - said[before] for (before, _), (then, name) in pairwise(MOMENTS)}


def limit(launcher: Launcher, at_once: int) -> None:
    """Let so many runs go at once: one worker of two has nothing to do then."""
    launcher.instance.event_log_storage.set_concurrency_slots(events.POOL, at_once)


def do(
    cluster: servers.Cluster, launcher: Launcher, campaign: Campaign, ranges: list[list[str]]
) -> Measured:
    """Do one run for each range of strategies, and return what they took."""
    url = cluster.environment["PROVING_POSTGRES"]
    opened = costs.connections(url)
    began, cores, busy, asking = time.monotonic(), spent(cluster.leaders), machine(), own()
    ended = list(launcher.materialise(KEYS, [costs.span(campaign, each) for each in ranges]))
    seconds = time.monotonic() - began
    if not all(each.has_succeeded for each in ended):
        raise servers.ServerError("a run failed: see the workers' logs")
    found = spent(cluster.leaders)
    found.subtract(cores)
    found["who asks"] = own() - asking
    found["others"] = max(0.0, machine() - busy - found.total())
    return Measured(seconds, found, costs.connections(url) - opened - 1, ended)


if __name__ == "__main__":
    main(*sys.argv[1:])
