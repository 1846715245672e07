"""What a run costs before it works: ten partitions as one run and as ten, through a real server.

`python -m tests.browser.start_up` prints the table that decision 17 shows. What is not named
`test_…` is not collected.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from pipelines import home as homes
from simcore import documents, steps
from simcore.campaign import load
from simcore.store import Store
from tests.browser.pages import Server, served

CAMPAIGN: Final = "c0-tiny"
ROUNDS: Final = 3
IDLE_SECONDS: Final = 20.0
TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")
LAUNCH: Final = """mutation { launchPipelineExecution(executionParams: {
  selector: {repositoryName: "__repository__", repositoryLocationName: "proving_ground",
             pipelineName: "__ASSET_JOB", assetSelection: [%s]}, mode: "default",
  executionMetadata: {tags: [%s]}}) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
RUNS: Final = "{ runsOrError { ... on Runs { results { runId status creationTime endTime } } } }"


def processor_seconds(home: Path) -> float:
    """Return what the processes of a home, and those that they have outlived, have used so far."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"{homes.VARIABLE}={home}".encode() not in (folder / "environ").read_bytes():
                continue
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += sum(int(each) for each in fields[11:15])
    return total / TICKS_A_SECOND


def launch(server: Server, first: str, last: str) -> str:
    """Start one run over a range of strategies and return its id."""
    assets = ", ".join(f'{{path: ["{table.name}"]}}' for table in steps.BACKTESTS)
    ends = {"start": first, "end": last}
    tags = ", ".join(
        f'{{key: "dagster/asset_partition_range_{end}", value: "{CAMPAIGN}|{name}"}}'
        for end, name in ends.items()
    )
    found = server.ask(LAUNCH % (assets, tags))["launchPipelineExecution"]
    run_id: str = found["run"]["runId"]
    return run_id


def ended(server: Server, wanted: list[str]) -> list[dict[str, Any]] | None:
    """Return the runs once all of them have succeeded, None before."""
    runs = [run for run in server.ask(RUNS)["runsOrError"]["results"] if run["runId"] in wanted]
    assert not any(run["status"] in ("FAILURE", "CANCELED") for run in runs), runs
    return runs if all(run["status"] == "SUCCESS" for run in runs) else None


def measured(server: Server, ranges: list[tuple[str, str]], idle: float) -> tuple[float, float]:
    """Return the seconds, and the processor's less those of an idle server, that the runs took."""
    store = Store(homes.lake(server.home))
    for table in steps.BACKTESTS:
        for place in store.partitions(table):
            store.discard(table, place)
    before, began = processor_seconds(server.home), time.monotonic()
    wanted = [launch(server, first, last) for first, last in ranges]
    server.until(lambda: ended(server, wanted), "the runs", 900.0)
    runs = ended(server, wanted) or []
    used = processor_seconds(server.home) - before - idle * (time.monotonic() - began)
    took = max(run["endTime"] for run in runs) - min(run["creationTime"] for run in runs)
    return took, used


def main() -> None:
    """Measure both ways in turn and print the medians."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        homes.init(home)
        names = sorted(documents.found("strategies", home))
        steps.markets(Store(homes.lake(home)), load(CAMPAIGN, home=home))
        ways = {"one": [(names[0], names[-1])], "many": [(name, name) for name in names]}
        found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        with served(home, Path(folder) / "dev.log") as server:
            time.sleep(15.0)  # the first ticks of the sensors
            before = processor_seconds(home)
            time.sleep(IDLE_SECONDS)
            idle = (processor_seconds(home) - before) / IDLE_SECONDS
            for _ in range(ROUNDS):
                for way, ranges in ways.items():
                    found[way].append(measured(server, ranges, idle))
    print(f"{len(names)} partitions; an idle server takes {idle:.2f} of a processor")
    for way, each in found.items():
        wall, used = (statistics.median(column) for column in zip(*each, strict=True))
        print(f"{len(ways[way]):3d} runs: {wall:6.1f} s, {used:6.1f} processor seconds")


if __name__ == "__main__":
    main()
