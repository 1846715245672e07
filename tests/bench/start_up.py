"""What a run costs before it works: the same partitions made by one run and by one run each.

`python -m tests.bench.start_up` prints the numbers that decision 17 shows, in processor seconds, so
that what else the machine does changes little. A run is a process of its own under `make dev`: it
loads Dagster and the definitions, which is measured apart.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import dagster as dg

from pipelines import headless
from pipelines import home as homes
from pipelines.definitions import build
from simcore import documents, steps
from simcore.campaign import load
from simcore.store import Store

CAMPAIGN: Final = "c0-tiny"
LOADING: Final = (
    "from pathlib import Path; import dagster as dg; from pipelines.definitions import build; "
    "dg.Definitions.validate_loadable(build(Path('/nowhere')))"
)


def loading_seconds() -> float:
    """Return the processor seconds of a process that only loads the definitions."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-W", "ignore", "-c", LOADING], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def working_seconds(home: Path, ranges: list[tuple[str, str]]) -> float:
    """Return the processor seconds of making the backtests anew, one run a range."""
    store = Store(homes.lake(home))
    for table in steps.BACKTESTS:
        for place in store.partitions(table):
            store.discard(table, place)
    definitions = build(home)
    keys = [dg.AssetKey(table.name) for table in steps.BACKTESTS]
    with homes.instance(home) as instance:
        headless.register(instance, home)
        job = definitions.resolve_implicit_global_asset_job_def()
        began = time.process_time()
        for first, last in ranges:
            ends = {"start": first, "end": last}
            tags = {
                f"dagster/asset_partition_range_{end}": f"{CAMPAIGN}|{name}"
                for end, name in ends.items()
            }
            done = job.execute_in_process(
                asset_selection=keys,
                instance=instance,
                tags=tags,
            )
            if not done.success:
                raise SystemExit(f"{first} to {last}: the run failed")
        return time.process_time() - began


def main() -> None:
    """Measure, and print what one run and what one run each would take."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        homes.init(home)
        names = sorted(documents.found("strategies", home))
        steps.markets(Store(homes.lake(home)), load(CAMPAIGN, home=home))
        loading = loading_seconds()
        one = [(names[0], names[-1])]
        working_seconds(home, one)  # what is imported late is imported
        many = [(name, name) for name in names]
        print(f"loading {loading:.1f} processor seconds a process, {len(names)} partitions")
        for ranges in (one, many):
            working = working_seconds(home, ranges)
            total = working + loading * len(ranges)
            print(f"{len(ranges):2d} runs: work {working:5.1f}, with their loading {total:5.1f}")


if __name__ == "__main__":
    main()
