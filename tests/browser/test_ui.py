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

from assets import checks
from pipelines import home as homes
from simcore import documents
from simcore.errors import SpecError
from simcore.store import Partition, Store
from simcore.strategy.strategy import compile_strategy
from simcore.tables import TABLES
from simcore.verification import verify
from tests.browser.install import MISSING, find

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
SCREENSHOTS = Path(__file__).parent / "screenshots"
START_SECONDS = 120
RUN_MS = 120_000
BACKFILL_SECONDS = 420
MINE = "mine"


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
    document = documents.found("strategies")["ma_cross"].read_text()
    (home / "strategies" / f"{MINE}.toml").write_text(document.replace("ma_cross", MINE))
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

    n_checks = len(checks.sentences(TABLES["bars"]))
    page = visit.show("/assets/bars?view=checks", server)
    expect(page.get_by_text("Succeeded", exact=True)).to_have_count(n_checks, timeout=RUN_MS)
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
        expected *= 0 if "collection" in table.partitioned_by else 1  # nothing was imported
        # The trials of an evolution lie beside those of the campaigns.
        found = [each for each in store.partitions(table) if each.campaign in (None, *campaigns)]
        assert len(found) == expected, table.name
    assert [each.message for each in verify(server.home) if not each.is_sound] == []
    page.reload()
    visit.shoot("backfill")
    assert visit.errors == []


def test_the_report_of_a_campaign_opens_from_its_page_and_needs_nothing_else(
    visit: Visit, server: Server
) -> None:
    report = server.home / "reports" / "c1-light.html"
    page = visit.show("/assets/report?view=partitions&partition=c1-light", server)
    expect(page.get_by_text(str(report)).first).to_be_visible(timeout=30_000)

    page.goto(report.as_uri())
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_text("NOT_PROVEN").first).to_be_visible()
    standings = page.get_by_role("table").filter(has_text="ma_cross").first
    expect(standings).to_be_visible()
    visit.shoot("report")
    assert visit.errors == []
    assert [url for url in visit.outside if url != report.as_uri()] == []


def footprint(home: Path) -> dict[tuple[str, str | None, str | None], str]:
    """Return what every partition was made from, by table, campaign and strategy."""
    store, made = Store(homes.lake(home)), {}
    for table in TABLES.values():
        for each in store.partitions(table):
            footer = store.footer(table, each)
            assert footer is not None, (table.name, each)
            made[table.name, each.campaign, each.strategy] = footer.input_hash
    return made


def unfinished(url: str) -> int:
    query = """{ runsOrError(filter: {statuses: [QUEUED, NOT_STARTED, STARTING, STARTED]}) {
        ... on Runs { results { runId } } } }"""
    return len(ask(url, query)["runsOrError"]["results"])


def test_an_edited_strategy_reruns_its_own_partitions_and_what_rests_on_them(
    visit: Visit, server: Server
) -> None:
    before = footprint(server.home)
    document = server.home / "strategies" / f"{MINE}.toml"
    document.write_text(document.read_text().replace("value = 10,", "value = 11,"))

    deadline = time.monotonic() + BACKFILL_SECONDS
    awaited = {("report", campaign, None) for campaign in documents.found("campaigns")}
    changed: set[tuple[str, str | None, str | None]] = set()
    while not (awaited <= changed and unfinished(server.url) == 0):
        assert time.monotonic() < deadline, (sorted(map(str, changed)), server.log.read_text())
        time.sleep(3.0)
        after = footprint(server.home)
        changed = {key for key in after if after[key] != before.get(key)}
    assert {strategy for _, _, strategy in changed} == {MINE, None}
    untouched = {"scenarios", "bars", "stylised_facts", "calibration"}
    untouched |= {name for name in TABLES if name.startswith("chaos_")}
    assert {name for name, _, _ in changed} & untouched == set()

    store = Store(homes.lake(server.home))
    footer = store.footer(TABLES["backtests"], Partition("c0-tiny", MINE))
    assert footer is not None
    page = visit.show(f"/assets/backtests?view=partitions&partition=c0-tiny%7C{MINE}", server)
    expect(page.get_by_text(footer.content_hash).first).to_be_visible(timeout=30_000)
    visit.shoot("edited")
    assert visit.errors == []


def test_what_is_wrong_with_a_document_stands_on_the_page(visit: Visit, server: Server) -> None:
    document = server.home / "strategies" / f"{MINE}.toml"
    peeking = document.read_text().replace(MINE, "peeking").replace("ma(close, fast)", "close[-1]")
    (server.home / "strategies" / "peeking.toml").write_text(peeking)
    with pytest.raises(SpecError) as refusal:
        compile_strategy(server.home / "strategies" / "peeking.toml", home=server.home)

    problem = refusal.value.problems[0].message.split("`")[0].strip()

    deadline = time.monotonic() + RUN_MS / 1000.0
    page = visit.show("/assets/strategies?view=checks", server)
    page.get_by_text("document", exact=True).first.click()
    while page.get_by_text(problem).count() == 0:
        assert time.monotonic() < deadline, server.log.read_text()
        page.wait_for_timeout(3_000)
        page.reload()
        page.get_by_text("document", exact=True).first.click()
        page.wait_for_timeout(1_000)
    expect(page.get_by_text("Failed", exact=True).first).to_be_visible()
    visit.shoot("problem")
    assert visit.errors == []
