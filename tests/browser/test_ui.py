"""A person at Dagster's page: real Chromium against what `make dev` starts.

Every campaign here is a user's own and tiny, so that what takes long is Dagster's clock: its
daemon of backfills looks every thirty seconds, and that cannot be set.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from assets import checks
from pipelines import headless
from pipelines import home as homes
from simcore import documents, steps
from simcore.errors import SpecError
from simcore.store import Partition, Store
from simcore.strategy.strategy import compile_strategy
from simcore.tables import TABLES
from tests.browser.install import MISSING, find
from tests.browser.pages import Server, Visit, served

pytestmark = pytest.mark.browser

RUN_MS = 120_000
BACKFILL_MS = 600_000
UNFINISHED = "QUEUED, NOT_STARTED, STARTING, STARTED, CANCELING"
MINE = "mine"
RUN, BACKFILLED = "c-run", ("c-one", "c-two")
CAMPAIGN = """\
version = "0.1.0"
id = "{name}"
name = "One market for a few days"
seed = 1
days = 5
scenarios = ["{scenario}"]
strategies = {strategies}
tournaments = ["c0-round-robin"]
chaos = "none"
execution = "honest_v1"
initial_cash = 10000.0
"""
MADE = (*steps.MARKETS, *steps.BACKTESTS)


def prepare(home: Path) -> None:
    """Make a home in which one campaign was run, and two were only written down."""
    homes.init(home)
    document = documents.found("strategies")["ma_cross"].read_text()
    (home / "strategies" / f"{MINE}.toml").write_text(document.replace("ma_cross", MINE))
    for name, own in ((RUN, MINE), *((name, "ma_cross") for name in BACKFILLED)):
        scenario = "vol-calm" if name == BACKFILLED[1] else "trend-up-mid"
        strategies = f'["ma_cross_trend", "{own}"]'
        text = CAMPAIGN.format(name=name, scenario=scenario, strategies=strategies)
        (home / "campaigns" / f"{name}.toml").write_text(text)
    with homes.instance(home) as instance:
        summary = headless.run(RUN, home=home, progress=print, instance=instance)
    assert summary.failures == []


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("ui")
    prepare(folder / "home")
    with served(folder / "home", folder / "dev.log") as found:
        yield found


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
    page.set_default_timeout(60_000)
    made = Visit(page, server)
    page.on("pageerror", lambda error: made.errors.append(str(error)))
    page.on(
        "console",
        lambda said: made.errors.append(said.text) if said.type == "error" else None,
    )
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


def lake_of(server: Server) -> Store:
    return Store(homes.lake(server.home))


def drafts(server: Server) -> list[Path]:
    return list((server.home / "lake" / ".staging").glob("*"))


def launched(visit: Visit, *groups: str) -> Page:
    """Launch a backfill of two campaigns by clicking, and return its page."""
    query = " or ".join(f'group:"{group}"' for group in groups)
    page = visit.show(f"/asset-groups~{quote(query, safe='')}/")
    # The whole graph is shown until the choice has been made out.
    expect(page.get_by_text(groups[0], exact=True).first).to_be_visible()
    expect(page.get_by_text("tournaments", exact=True)).to_have_count(0)
    visit.choose(*BACKFILLED)
    dialog = page.get_by_role("dialog").filter(has_text="Launch runs to materialize")
    dialog.get_by_role("button", name="Launch backfill").click()
    page.get_by_text("View", exact=True).last.click()
    page.wait_for_url("**/runs/b/*")
    expect(page.get_by_text("In progress", exact=True).first).to_be_visible()
    return page


def awaited(server: Server, table: str, place: Partition) -> str:
    """Return the content hash of a partition once it is there and no run is under way."""
    store = lake_of(server)
    server.until(
        lambda: store.footer(TABLES[table], place) and not server.runs(UNFINISHED), table, 240
    )
    footer = store.footer(TABLES[table], place)
    assert footer is not None
    return footer.content_hash


def test_no_page_of_the_graph_warns_and_every_group_has_a_name(
    visit: Visit, server: Server
) -> None:
    page = visit.show("/asset-groups")
    groups = {
        node["groupName"] for node in server.ask("{ assetNodes { groupName } }")["assetNodes"]
    }
    for group in ("markets", "strategies", "backtests", "tournaments", "chaos", "report"):
        assert group in groups
    for group in groups:
        expect(page.get_by_text(group, exact=True).first).to_be_visible()
    visit.shoot("graph")
    for address, awaited in (
        ("/asset-groups", "Global asset lineage"),
        ("/locations", "Loaded"),
        ("/locations/proving_ground/assets", "markets"),
        ("/deployment/daemons", "Running"),
        ("/automation", "strategy_documents"),
    ):
        page = visit.show(address)
        expect(page.get_by_text(awaited, exact=True).first).to_be_visible()
        body = page.locator("body").inner_text()
        assert re.findall(r"(?i)\b(?:default|deprecat\w*|warnings?|errors?)\b", body) == [], address
        # One is always there, empty, to read out where one has gone to.
        assert [said for said in page.get_by_role("alert").all_inner_texts() if said] == [], address
    assert visit.errors == []
    assert visit.outside == []


def test_a_partition_is_materialised_by_clicking_its_checks_are_green_its_picture_shown(
    visit: Visit, server: Server
) -> None:
    page = visit.show("/assets/bars")
    visit.choose("c0-tiny")
    dialog = page.get_by_role("dialog").filter(has_text="Launch runs to materialize")
    dialog.get_by_role("button", name="Launch 1 run").click()
    expect(dialog).to_be_hidden()

    footer = awaited(server, "bars", Partition("c0-tiny"))
    page = visit.show("/assets/bars?view=checks")
    for name, sentence in checks.sentences(TABLES["bars"]).items():
        page.get_by_text(name, exact=True).first.click()
        expect(page.get_by_text(sentence, exact=True)).to_be_visible()
        expect(page.get_by_text("Passed", exact=True).first).to_be_visible()
        expect(page.get_by_text("c0-tiny", exact=True).first).to_be_visible()
    assert page.get_by_text("Failed", exact=True).count() == 0
    visit.shoot("checks")

    page = visit.show("/assets/bars?view=partitions&partition=c0-tiny")
    expect(page.get_by_text("Latest materialization")).to_be_visible()
    # The first rows stand there; what is longer than a thousand letters opens on a click.
    first = page.get_by_role("row").filter(has_text="first_rows").get_by_role("table")
    expect(first.get_by_role("cell", name="trend-up-mid", exact=True).first).to_be_visible()
    row = page.get_by_role("row").filter(has_text="picture")
    row.get_by_text("[Show Markdown]").click()
    picture = page.locator("img[src^='data:image/png']").first
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") > 300
    visit.shoot("picture")
    expect(page.get_by_text(footer).first).to_be_visible()
    assert visit.errors == []
    assert visit.outside == []


def test_a_run_that_is_terminated_leaves_a_partition_absent_and_runs_again_to_the_same(
    visit: Visit, server: Server
) -> None:
    page = visit.show("/assets/calibration")
    visit.choose("c0-tiny")
    page.get_by_role("button", name="Launch 1 run").click()
    with server.held_at_work() as run_id:
        page = visit.show(f"/runs/{run_id}")
        page.get_by_role("button", name="Terminate").first.click()
        page.get_by_role("dialog").get_by_role("button", name="Terminate 1 run").click()
        server.until(lambda: server.runs("CANCELING"), "the wish to end it", 60)
    expect(page.get_by_text("Canceled", exact=True).first).to_be_visible()
    visit.shoot("terminated")
    place = Partition("c0-tiny")
    assert lake_of(server).footer(TABLES["calibration"], place) is None
    assert drafts(server) == []

    page = visit.show(f"/runs/{run_id}")
    page.get_by_role("button", name="Re-execute all").click()
    found = awaited(server, "calibration", place)
    # The placebos of a campaign follow from its costs and its seed, and another one has the same.
    other = lake_of(server).footer(TABLES["calibration"], Partition(RUN))
    assert other is not None
    assert found == other.content_hash
    assert visit.errors == []


def test_a_backfill_of_two_campaigns_is_launched_and_watched_until_every_bar_is_full(
    visit: Visit, server: Server
) -> None:
    page = launched(visit, "markets", "backtests")
    n_strategies = len(documents.found("strategies", server.home))
    expected = {table.name: 2 for table in steps.MARKETS}
    expected |= {table.name: 2 * n_strategies for table in steps.BACKTESTS}
    for name, count in expected.items():
        # How many are targeted, under way, succeeded and failed.
        full = re.compile(rf"\b{name}\s+100% completed\s+{count}\s+0\s+{count}\s+0\b")
        seen = page.locator("body")
        expect(seen).to_contain_text(full, timeout=BACKFILL_MS, use_inner_text=True)
    ended = re.compile(r"\bStatus\s+Succeeded\b")
    expect(page.locator("body")).to_contain_text(ended, timeout=RUN_MS, use_inner_text=True)
    visit.shoot("backfill")
    store = lake_of(server)
    for table in MADE:
        found = [each for each in store.partitions(table) if each.campaign in BACKFILLED]
        assert len(found) == expected[table.name], table.name
        assert all(store.verify(table, each).content_hash for each in found)
    for campaign in BACKFILLED:
        # Every strategy has a partition, and rows where the campaign names it.
        assert store.verify(TABLES["backtests"], Partition(campaign, "ma_cross")).rows > 0
    assert visit.errors == []


def test_a_cancelled_backfill_leaves_every_partition_whole_or_absent(
    visit: Visit, server: Server
) -> None:
    page = launched(visit, "calibration")
    with server.held_at_work():
        page.get_by_role("button").last.click()
        page.get_by_text("Cancel backfill").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("button").last.click()
        server.until(lambda: server.runs("CANCELING"), "the wish to end it", 120)
    expect(page.get_by_text("Canceled", exact=True).first).to_be_visible(timeout=BACKFILL_MS)
    server.until(lambda: not server.runs(UNFINISHED), "the end of its runs", 60)
    visit.shoot("cancelled")
    store, table = lake_of(server), TABLES["calibration"]
    made = {each.campaign: store.verify(table, each) for each in store.partitions(table)}
    # The runs wait for each other, so that one of the two had not begun.
    assert len(set(BACKFILLED) & set(made)) < len(BACKFILLED)
    assert {each.content_hash for each in made.values()} == {made[RUN].content_hash}
    assert store.torn(table) == []
    assert drafts(server) == []
    assert visit.errors == []


def test_the_report_of_a_campaign_opens_from_its_page_and_needs_nothing_else(
    visit: Visit, server: Server
) -> None:
    report = server.home / "reports" / f"{RUN}.html"
    page = visit.show(f"/assets/report?view=partitions&partition={RUN}")
    expect(page.get_by_text(str(report)).first).to_be_visible(timeout=30_000)

    page.goto(report.as_uri())
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_text("NOT_PROVEN").first).to_be_visible()
    standings = page.get_by_role("table").filter(has_text=MINE).first
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


def test_an_edited_strategy_reruns_its_own_partitions_and_what_rests_on_them(
    visit: Visit, server: Server
) -> None:
    before = footprint(server.home)
    document = server.home / "strategies" / f"{MINE}.toml"
    document.write_text(document.read_text().replace("value = 10,", "value = 11,"))

    def changed() -> set[tuple[str, str | None, str | None]]:
        after = footprint(server.home)
        return {key for key in after if after[key] != before.get(key)}

    def is_over() -> bool:
        return not server.runs(UNFINISHED) and ("strategy_history", RUN, None) in changed()

    server.until(is_over, "the report of the edited strategy", BACKFILL_MS / 1000.0)
    touched = changed()
    assert ("report", RUN, None) in touched
    assert {strategy for _, _, strategy in touched} == {MINE, None}
    # These do not name it; the small one of the library, some of which was made, has everybody.
    assert {campaign for _, campaign, _ in touched} & set(BACKFILLED) == set()
    assert {campaign for _, campaign, _ in touched} <= {RUN, "c0-tiny", None}
    untouched = {"scenarios", "bars", "stylised_facts", "calibration"}
    untouched |= {name for name in TABLES if name.startswith("chaos_")}
    assert {name for name, _, _ in touched} & untouched == set()

    store = lake_of(server)
    footer = store.footer(TABLES["backtests"], Partition(RUN, MINE))
    assert footer is not None
    page = visit.show(f"/assets/backtests?view=partitions&partition={RUN}%7C{MINE}")
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
    page = visit.show("/assets/strategies?view=checks")
    page.get_by_text("documents", exact=True).first.click()
    while page.get_by_text(problem).count() == 0:
        assert time.monotonic() < deadline, server.log.read_text()
        page.wait_for_timeout(3_000)
        page.reload()
        page.get_by_text("documents", exact=True).first.click()
        page.wait_for_timeout(1_000)
    expect(page.get_by_text("Failed", exact=True).first).to_be_visible()
    visit.shoot("problem")
    assert visit.errors == []
