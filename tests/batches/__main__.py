"""`python -m tests.batches`: campaigns × scenarios × strategies in one backfill, and its figures.

The scenarios are rows of a campaign's partitions, so that the batch has a partition a campaign and
strategy, and Dagster starts one run a campaign for all of them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import dagster as dg

from pipelines import backfill, headless
from pipelines import home as homes
from simcore import steps
from simcore.documents import LIBRARY
from simcore.store import Store

STRATEGY = """\
version = "0.1.0"
id = "s{number:03d}"
name = "Above the mean of {n}"
timeframe = "1h"
[params]
n = {{ value = {n}, min = 2, max = 200 }}
[[rules]]
if = "close > ma(close, n)"
then = "buy"
[[rules]]
if = "close < ma(close, n)"
then = "close"
[risk]
sizing = {{ type = "pct_equity", value = 50 }}
stop = {{ type = "pct", value = 5 }}
[metadata]
"""
CAMPAIGN = """\
version = "0.1.0"
id = "batch{number}"
name = "Batch {number}"
seed = {number}
days = 5
scenarios = {scenarios}
strategies = {strategies}
tournaments = ["c0-round-robin"]
chaos = "none"
execution = "honest_v1"
initial_cash = 10000.0
"""


def write(home: Path, n_campaigns: int, n_scenarios: int, n_strategies: int) -> list[str]:
    """Write the documents of a batch into a home, and return the ids of its campaigns."""
    homes.init(home)
    market = (LIBRARY / "scenarios" / "vol-calm.toml").read_text()
    scenarios = [f"m{number:02d}" for number in range(n_scenarios)]
    for number, name in enumerate(scenarios):
        text = market.replace('"vol-calm"', f'"{name}"', 1).replace(
            "seed = 103", f"seed = {number}"
        )
        (home / "scenarios" / f"{name}.toml").write_text(text)
    for number in range(n_strategies):
        text = STRATEGY.format(number=number, n=3 + number)
        (home / "strategies" / f"s{number:03d}.toml").write_text(text)
    strategies = [f"s{number:03d}" for number in range(n_strategies)]
    for number in range(n_campaigns):
        text = CAMPAIGN.format(number=number, scenarios=scenarios, strategies=strategies)
        (home / "campaigns" / f"batch{number}.toml").write_text(text.replace("'", '"'))
    return [f"batch{number}" for number in range(n_campaigns)]


def main(arguments: list[str]) -> int:
    """Run a batch and print what it came to; 0 if every partition is whole and every check held."""
    parser = argparse.ArgumentParser(prog="tests.batches", description=__doc__)
    for name, default in (("campaigns", 4), ("scenarios", 27), ("strategies", 50)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args(arguments)
    sizes = (asked.campaigns, asked.scenarios, asked.strategies)
    with tempfile.TemporaryDirectory(prefix="proving-batch-") as folder:
        home = Path(folder) / "home"
        names = write(home, *sizes)
        began, worked = time.monotonic(), time.process_time()
        with homes.instance(home) as instance:
            _, told, code = backfill.run(
                names, home=home, progress=lambda line: print(line, flush=True), instance=instance
            )
            seconds, busy = time.monotonic() - began, time.process_time() - worked
            runs = [run for run in instance.get_runs() if run.is_success]
            ranges = [run for run in runs if headless.RANGE_START in run.tags]
        store = Store(homes.lake(home))
        made = [len(store.partitions(table)) for table in steps.BACKTESTS]
        rows = sum(
            store.footer(steps.BACKTESTS[0], each).rows  # type: ignore[union-attr]
            for each in store.partitions(steps.BACKTESTS[0])
        )
        size = sum(each.stat().st_size for each in (home / "lake").rglob("*.parquet"))
        events = sum(each.stat().st_size for each in (home / "dagster").rglob("*.db"))
    partitions = sum(len(each["partitions"]) for each in told)
    checks = sum(each.get("checks_passed", 0) for each in told)
    print(f"{sizes[0]} campaigns × {sizes[1]} scenarios × {sizes[2]} strategies: exit {code}")
    print(f"  {rows:,} backtests in {made[0]} partitions; {partitions:,} partitions of all tables")
    print(f"  {len(runs)} runs, {len(ranges)} of them ranges; {checks:,} checks held")
    print(f"  {seconds:,.0f} s, {busy:,.0f} s of them busy; {size / 2**20:,.0f} MiB of tables, "
          f"{events / 2**20:,.0f} MiB of Dagster's records")  # fmt: skip
    expected = sizes[0] * sizes[1] * sizes[2]
    is_whole = rows == expected and set(made) == {sizes[0] * sizes[2]}
    return code or int(not is_whole)


if __name__ == "__main__":
    dg.get_dagster_logger().setLevel("CRITICAL")
    sys.exit(main(sys.argv[1:]))
