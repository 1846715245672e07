from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from assets.checks import CHECKS
from pipelines import home as homes
from simcore import documents
from simcore.store import Partition, Store
from simcore.tables import TABLES
from simcore.verification import verify
from tests.browser.install import MISSING, find

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
SCREENSHOTS = Path(__file__).parent / "screenshots"
START_SECONDS = 120
RUN_MS = 120_000
BACKFILL_SECONDS = 420


@dataclass
class Server:
    """Dagster as a user starts it, on a home of its own."""

    url: str
    home: Path
    log: Path


@dataclass
class Visit:
    """A page, and what went wrong on it."""

    page: Page
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def show(self, path: str, server: Server) -> Page:
        self.page.goto(server.url + path, wait_until="domcontentloaded")
        return self.page

    def shoot(self, name: str) -> None:
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(url: str, query: str, variables: dict[str, Any] | None = None) -> Any:
    body = json.dumps({"query": query, "variables": variables or {}}).encode()
    request = urllib.request.Request(
        f"{url}/graphql", body, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["data"]


def assets_of(url: str) -> set[str]:
    try:
        nodes = ask(url, "{ assetNodes { assetKey { path } } }")["assetNodes"]
    except (OSError, TypeError, KeyError):
        return set()
    return {node["assetKey"]["path"][-1] for node in nodes}


def backfills(url: str) -> list[str]:
    query = "{ partitionBackfillsOrError { ... on PartitionBackfills { results { status } } } }"
    results = ask(url, query)["partitionBackfillsOrError"]["results"]
    return [each["status"] for each in results]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("ui")
    home, log, port = folder / "home", folder / "dev.log", free_port()
    homes.init(home)
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
    found = Server(f"http://127.0.0.1:{port}", home, log)
    try:
        deadline = time.monotonic() + START_SECONDS
        while assets_of(found.url) != set(TABLES):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(1.0)
        yield found
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = find()
    assert program is not None, MISSING
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-sync",
                "--disable-component-update",
            ],
        )
        yield started
        started.close()


@pytest.fixture
def visit(browser: Browser, server: Server) -> Iterator[Visit]:
    page = browser.new_page(viewport={"width": 1500, "height": 1000})
    page.set_default_timeout(30_000)
    made = Visit(page)
    page.on("pageerror", lambda error: made.errors.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((server.url, "data:", "blob:", "ws://127.0.0.1"))
            else made.outside.append(request.url)
        ),
    )
    yield made
    page.close()


def choose(page: Page, *partitions: str) -> None:
    """Open the dialog of an asset's page and choose partitions in it."""
    page.get_by_role("button", name="Materialize").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Select a partition or create one").first.click()
    for partition in partitions:
        page.get_by_role("menuitem", name=partition).first.click()
    page.keyboard.press("Escape")


def test_the_asset_graph_loads(visit: Visit, server: Server) -> None:
    page = visit.show("/asset-groups", server)
    for group in ("markets", "strategies", "backtests", "tournaments", "chaos", "report"):
        expect(page.get_by_text(group, exact=True).first).to_be_visible(timeout=60_000)
    visit.shoot("graph")
    assert visit.errors == []
    assert visit.outside == []


def test_a_partition_is_materialised_by_clicking_its_checks_are_green_its_picture_shown(
    visit: Visit, server: Server
) -> None:
    page = visit.show("/assets/bars", server)
    choose(page, "c0-tiny")
    dialog = page.get_by_role("dialog").filter(has_text="Launch runs to materialize")
    dialog.get_by_role("button", name="Launch 1 run").click()
    expect(dialog).to_be_hidden(timeout=30_000)

    page = visit.show("/assets/bars?view=checks", server)
    expect(page.get_by_text("Succeeded", exact=True)).to_have_count(len(CHECKS), timeout=RUN_MS)
    assert page.get_by_text("Failed", exact=True).count() == 0
    visit.shoot("checks")

    page = visit.show("/assets/bars?view=partitions&partition=c0-tiny", server)
    expect(page.get_by_text("Latest materialization")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="picture")
    row.get_by_text("[Show Markdown]").click()
    picture = page.locator("img[src^='data:image/png']").first
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") > 300
    visit.shoot("picture")

    store = Store(homes.lake(server.home))
    footer = store.footer(TABLES["bars"], Partition("c0-tiny"))
    assert footer is not None
    expect(page.get_by_text(footer.content_hash).first).to_be_visible()
    assert visit.errors == []
    assert visit.outside == []


def test_a_backfill_of_two_campaigns_makes_every_table_of_both(
    visit: Visit, server: Server
) -> None:
    page = visit.show("/asset-groups", server)
    page.get_by_role("button", name="Materialize all").click()
    dialog = page.get_by_role("dialog").filter(has_text=f"materialize {len(TABLES)} assets")
    dialog.get_by_role("button", name="Launch backfill").click()
    expect(dialog).to_be_hidden(timeout=30_000)
    deadline = time.monotonic() + BACKFILL_SECONDS
    while backfills(server.url) != ["COMPLETED_SUCCESS"]:
        assert "FAILED" not in " ".join(backfills(server.url)), server.log.read_text()
        assert time.monotonic() < deadline, server.log.read_text()
        time.sleep(2.0)
    store = Store(homes.lake(server.home))
    campaigns = {partition.campaign for partition in store.partitions(TABLES["report"])}
    strategies = {partition.strategy for partition in store.partitions(TABLES["strategies"])}
    assert campaigns == set(documents.found("campaigns"))
    assert len(campaigns) == 2
    for table in TABLES.values():
        expected = len(campaigns) if "campaign" in table.partitioned_by else 1
        expected *= len(strategies) if "strategy" in table.partitioned_by else 1
        # The trials of an evolution lie beside those of the campaigns.
        found = [each for each in store.partitions(table) if each.campaign in (None, *campaigns)]
        assert len(found) == expected, table.name
    assert [each.message for each in verify(server.home) if not each.is_sound] == []
    page.reload()
    visit.shoot("backfill")
    assert visit.errors == []
