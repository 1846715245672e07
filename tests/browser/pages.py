"""Dagster's pages as a person meets them: the server, its GraphQL, and a page with its errors."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from pipelines import home as homes
from simcore.tables import TABLES

ROOT = Path(__file__).parents[2]
START_SECONDS = 180
TRIES = 5

expect.set_options(timeout=60_000)


@dataclass
class Server:
    """Dagster as a user starts it, on a home of its own."""

    url: str
    home: Path
    log: Path

    def ask(self, query: str) -> Any:
        """Return the data that answers a query."""
        request = urllib.request.Request(
            f"{self.url}/graphql",
            json.dumps({"query": query}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["data"]

    def assets(self) -> set[str]:
        """Return the names of the assets; none before the code location is loaded."""
        try:
            nodes = self.ask("{ assetNodes { assetKey { path } } }")["assetNodes"]
        except (OSError, TypeError, KeyError):
            return set()
        return {node["assetKey"]["path"][-1] for node in nodes}

    def runs(self, statuses: str) -> list[dict[str, Any]]:
        """Return the runs of some statuses, the newest first, each with its tags."""
        query = """{ runsOrError(filter: {statuses: [%s]}) {
            ... on Runs { results { runId status tags { key value } } } } }"""
        found: list[dict[str, Any]] = self.ask(query % statuses)["runsOrError"]["results"]
        return found

    def until(
        self, holds: Callable[[], object], what: str, seconds: float, *, every: float = 0.5
    ) -> None:
        """Wait for what becomes true, and fail with the server's log if it does not."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"{what}\n{self.log.read_text()[-20_000:]}"
            time.sleep(every)

    @contextmanager
    def held_at_work(self) -> Iterator[str]:
        """Stop the process of the run that is at work, and let it go on afterwards.

        However fast the machine, the run is not over before somebody has pressed a button.

        Yields:
            The id of the run.
        """
        self.until(self._at_work, "a run at work", 120, every=0.05)
        (run_id,) = self._at_work()
        query = """{ logsForRun(runId: "%s") {
            ... on EventConnection { events { ... on MessageEvent { message } } } } }"""
        told = self.ask(query % run_id)["logsForRun"]["events"]
        (pid,) = {
            int(found[1])
            for each in told
            if (found := re.search(r"process for run \(pid: (\d+)\)", each.get("message", "")))
        }
        os.kill(pid, signal.SIGSTOP)
        try:
            yield run_id
        finally:
            os.kill(pid, signal.SIGCONT)

    def _at_work(self) -> list[str]:
        """Return the runs whose function has begun: it names the campaign first of all."""
        return [
            run["runId"]
            for run in self.runs("STARTED")
            if any(tag["key"] == "proving/campaign" for tag in run["tags"])
        ]


@dataclass
class Visit:
    """A page, and what went wrong on it."""

    page: Page
    server: Server
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def show(self, path: str) -> Page:
        """Open a page of the server."""
        self.page.goto(self.server.url + path, wait_until="domcontentloaded")
        return self.page

    def shoot(self, name: str) -> None:
        """Keep a picture of what is seen, beside the log of the server."""
        self.page.screenshot(path=self.server.log.with_name(f"{name}.png"))

    def choose(self, *partitions: str) -> None:
        """Open the dialog that materialises and choose partitions in it."""
        page = self.page
        page.get_by_role("button", name="Materialize").first.click()
        dialog = page.get_by_role("dialog")
        expect(dialog.first).to_be_visible()
        confirm = dialog.get_by_role("button", name="Confirm")
        chooser = dialog.get_by_text("Select a partition or create one")
        expect(confirm.or_(chooser).first).to_be_visible()
        if confirm.count():  # What lies above is not there, or is, and the page asks.
            confirm.click()
        for partition in partitions:
            item = page.get_by_role("menuitem", name=partition).first
            for _ in range(TRIES):  # The list goes away where the dialog learns something new.
                if item.is_visible():
                    break
                chooser.or_(dialog.get_by_role("textbox")).first.click()
                with suppress(PlaywrightTimeout):
                    item.wait_for(timeout=10_000)
            item.click()
        page.keyboard.press("Escape")


@contextmanager
def served(home: Path, log: Path) -> Iterator[Server]:
    """Start what `make dev` starts, wait until it knows every asset, and stop it in the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {**os.environ, **homes.environment(home), "DAGSTER_DISABLE_TELEMETRY": "1"}
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipelines.dev", "--host", "127.0.0.1", "--port", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(f"http://127.0.0.1:{port}", home, log)

    def is_up() -> bool:
        assert process.poll() is None, log.read_text()
        return server.assets() == set(TABLES)

    try:
        server.until(is_up, "the assets", START_SECONDS)
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
