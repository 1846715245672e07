"""Dagster's own processes killed during a backfill: minutes of waiting, for `make test-faults`.

What is not named `test_…` is not collected by itself.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipelines import home as homes
from simcore import steps
from simcore.campaign import load
from simcore.store import Partition, Store
from simcore.tables import TABLES
from tests.faults import small

ROOT = Path(__file__).parents[2]
WAIT_SECONDS = 900.0
CAMPAIGNS = (small.CAMPAIGN, "c-other")
MADE = (*steps.MARKETS, *steps.CALIBRATION)
LAUNCH = """mutation($asked: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $asked) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}"""
STATUS = """query($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } }
}"""
RUNS = "{ runsOrError { ... on Runs { results { runId status tags { key value } } } } }"


def ask(url: str, query: str, variables: dict[str, Any] | None = None) -> Any:
    body = json.dumps({"query": query, "variables": variables or {}}).encode()
    request = urllib.request.Request(
        f"{url}/graphql", body, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["data"]


def eventually(found: Callable[[], Any], what: str) -> Any:
    """Return what is found once it is anything; a server that is not there yet is waited for."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            answer = found()
        except (OSError, KeyError, TypeError):
            answer = None
        if answer:
            return answer
        time.sleep(0.5)
    raise AssertionError(f"{what}: not within {WAIT_SECONDS:.0f} seconds")


def processes(home: Path) -> dict[int, str]:
    """Return the command of every process that works on a home, by its id."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if f"{homes.VARIABLE}={home}".encode() in environment and int(folder.name) != os.getpid():
            found[int(folder.name)] = command
    return found


def kill(home: Path, part: str) -> list[str]:
    """Kill every process of a home whose command contains the text, and return their commands."""
    killed = []
    for process, command in processes(home).items():
        if part in command:
            os.kill(process, signal.SIGKILL)
            killed.append(command)
    return killed


@contextmanager
def served(home: Path, log: Path) -> Iterator[str]:
    """Start what `make dev` starts, and leave nothing of it behind."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    with log.open("a") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipelines.dev", "--host", "127.0.0.1", "--port", port],
            cwd=ROOT,
            env={**os.environ, **homes.environment(home), "DAGSTER_DISABLE_TELEMETRY": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: ask(url, "{ assetNodes { id } }")["assetNodes"], log.read_text())
        yield url
    finally:
        kill(home, "")
        process.wait()


def honest(folder: Path, home: Path) -> dict[tuple[str, str], str]:
    store = Store(folder)
    for name in CAMPAIGNS:
        asked = load(name, home=home)
        steps.markets(store, asked)
        steps.calibrations(store, asked)
    return small.hashes(store)


@pytest.mark.parametrize("lost", ["dagster._daemon", "dagster_webserver", ""])
def test_a_backfill_outlives_the_loss_of(lost: str, tmp_path: Path) -> None:
    home, log = tmp_path / "home", tmp_path / "dev.log"
    homes.init(small.prepare(home))
    text = small.DOCUMENT.format(days=6).replace(small.CAMPAIGN, CAMPAIGNS[1])
    (home / "campaigns" / f"{CAMPAIGNS[1]}.toml").write_text(text, encoding="utf-8")
    with served(home, log) as url:
        selection = [{"path": [table.name]} for table in MADE]
        asked = {"assetSelection": selection, "partitionNames": list(CAMPAIGNS), "tags": []}
        answer = ask(url, LAUNCH, {"asked": asked})["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        backfill = answer["backfillId"]

        def is_started() -> bool:
            runs = ask(url, RUNS)["runsOrError"]["results"]
            return any(run["status"] == "STARTED" for run in runs)

        eventually(is_started, "a run of the backfill")
        killed = kill(home, lost)
        assert killed
        print(f"killed {len(killed)}: {lost or 'everything'}")
    assert small.wrong(Store(homes.lake(home)), small.known(Store(homes.lake(home)))) == []
    with served(home, log) as url:
        status = eventually(
            lambda: (
                found
                if (found := ask(url, STATUS, {"id": backfill})["partitionBackfillOrError"])[
                    "status"
                ].startswith("COMPLETED")
                else None
            ),
            "the end of the backfill",
        )["status"]
        runs = ask(url, RUNS)["runsOrError"]["results"]
    print(status, sorted(run["status"] for run in runs))
    assert "dead runs ended: " in log.read_text()
    assert status == "COMPLETED_SUCCESS"
    store = Store(homes.lake(home))
    assert small.hashes(store) == honest(tmp_path / "honest", home)
    assert all(
        store.path(table, Partition(campaign=name)).exists() for table in MADE for name in CAMPAIGNS
    )
    assert TABLES
