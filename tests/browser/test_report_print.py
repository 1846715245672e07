"""The report in a real browser: offline, on a phone, in the dark, and on paper without loss."""

from __future__ import annotations

import re
import subprocess
import unicodedata
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Literal

import polars as pl
import pypdf
import pytest
import report_tables
from playwright.sync_api import Browser, sync_playwright
from report_tables import CAMPAIGN, rows_of, standing

from simcore.report import page
from simcore.report.material import Material
from simcore.report.sections import sections
from tests.browser.install import MISSING, find

pytestmark = pytest.mark.browser

LONG = "a_strategy_whose_name_was_given_by_someone_with_much_to_say_0001"

WIDE = {
    "score_mean": -44.79, "score_ci_lo": -163.87, "score_ci_hi": 153.46, "elo_bt": 1_679.0,
    "elo_lo": 1_499.0, "elo_hi": 1_954.0, "sharpe_mean": -15.2, "sharpe_ci_lo": -17.49,
    "sharpe_ci_hi": 10.95,
}  # fmt: skip
"""Numbers and intervals as long as they are in a campaign of few markets."""
CARD = {"estimate": -138.9, "lo": -186.96, "hi": 464.76, "item": ""}
CARDS = (
    {"section": "runs", "name": "score"},
    {"section": "runs", "name": "sharpe"},
    {"section": "runs", "name": "max_drawdown", "estimate": -0.131, "lo": -0.274, "hi": 0.012},
    {"section": "runs", "name": "cost_drag", "estimate": 0.124, "lo": 0.057, "hi": 0.192},
    {"section": "runs", "name": "breakeven_cost_bps", "estimate": 1_389.0, "lo": -1_869.6,
     "hi": 4_647.6},
    {"section": "stress", "name": "score_lost"},
    {"section": "random_entry", "name": "percentile", "estimate": 38.5, "se": 3.4},
)  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    """A report with tables longer than a sheet, a name as long as names may be, and chaos."""
    tables = report_tables.tables()
    names = ["ma_cross", "zero_rule", LONG, *(f"other_{number:02d}" for number in range(60))]
    tables["standings"] = rows_of(
        "standings",
        *(
            standing(name, place, 1, len(names), flags="FEW_SCENARIOS MARGIN_CONFLICT", **WIDE)
            for place, name in enumerate(names, 1)
        ),
    )
    tables["evidence"] = pl.concat(
        [
            tables["evidence"],
            rows_of("evidence", *(CARD | each for each in CARDS)).with_columns(
                pl.lit("ma_cross").alias("strategy_id")
            ),
        ]
    ).unique(["strategy_id", "section", "name", "item"], keep="last", maintain_order=True)
    for table in ("monte_carlo", "walk_forward", "regimes", "evidence", "trials"):
        mine = tables[table].filter(pl.col("strategy_id") == "ma_cross").drop("strategy_id")
        tables[table] = mine.join(pl.DataFrame({"strategy_id": names}), how="cross")
    return sections(Material({**CAMPAIGN, "strategies": names}, tables))


@pytest.fixture(scope="module")
def written(rows: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return page.write(rows, tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture(scope="module")
def chromium() -> Path:
    found = find()
    assert found is not None, MISSING
    return found


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=str(chromium), args=["--no-sandbox"], headless=True
        )
        yield opened
        opened.close()


def plain(text: str) -> str:
    """Return a text without the breaks and forms that setting it in lines brings."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))


def test_the_print_holds_every_heading_and_every_row_of_every_table(
    chromium: Path, written: Path, tmp_path: Path
) -> None:
    target = tmp_path / "report.pdf"
    subprocess.run(
        [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer",
         f"--user-data-dir={tmp_path / 'profile'}", f"--print-to-pdf={target}", written.as_uri()],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    sheets = pypdf.PdfReader(target).pages
    printed = "".join(plain(sheet.extract_text()) for sheet in sheets)
    content = written.read_text(encoding="utf-8")
    wanted = re.findall(r"<h[123][^>]*>(.*?)</h[123]>", content)
    wanted += re.findall(r"<(?:figcaption|caption|li)>(.*?)(?=</?(?:li|ul|caption|fig))", content)
    table_rows = re.findall(r"<tr>(.*?)</tr>", content)
    assert len(table_rows) > 400 and len(wanted) > 30
    wanted += table_rows
    lost = [text for text in map(told, wanted) if text and text not in printed]
    assert lost == []
    assert {round(float(sheet.mediabox.width)) for sheet in sheets} == {595}, "A4, not shrunk"


def told(markup: str) -> str:
    return plain(unescape(re.sub(r"<[^>]+>", "", markup)))


@pytest.mark.parametrize("width", [360, 703, 1_280])
def test_nothing_is_wider_than_the_window(browser: Browser, written: Path, width: int) -> None:
    shown = browser.new_page(viewport={"width": width, "height": 900})
    outside: list[str] = []
    errors: list[str] = []
    shown.on("request", lambda request: outside.append(request.url))
    shown.on("console", lambda message: errors.append(message.text))
    shown.goto(written.as_uri())
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    assert outside == [written.as_uri()]
    assert errors == []
    shown.close()


def test_on_paper_no_table_is_wider_than_the_sheet(browser: Browser, written: Path) -> None:
    shown = browser.new_page(viewport={"width": 703, "height": 900})
    shown.goto(written.as_uri())
    shown.emulate_media(media="print", color_scheme="dark")
    wide = shown.evaluate(
        "() => [...document.querySelectorAll('table, svg')].filter("
        "each => each.getBoundingClientRect().right > 704).length"
    )
    assert wide == 0
    ground = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(255, 255, 255)", "paper is white, whatever the screen is"
    shown.close()


_LETTERS = """() => Math.min(...[...document.querySelectorAll('svg text')].map(each => {
    const picture = each.ownerSVGElement;
    const scale = picture.getBoundingClientRect().width / picture.viewBox.baseVal.width;
    return parseFloat(getComputedStyle(each).fontSize) * scale;
}))"""


@pytest.mark.parametrize(
    ("width", "media", "least"),
    [(360, "screen", 9.0), (1_280, "screen", 11.0), (703, "print", 9.0)],
)
def test_no_letter_of_a_picture_is_too_small_to_read(
    browser: Browser, written: Path, width: int, media: Literal["screen", "print"], least: float
) -> None:
    shown = browser.new_page(viewport={"width": width, "height": 900})
    shown.emulate_media(media=media)
    shown.goto(written.as_uri())
    assert shown.evaluate(_LETTERS) >= least
    shown.close()


_TORN = """() => [...document.querySelectorAll('td.n')].flatMap(cell => {
    const words = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), torn = [];
    for (let each = words.nextNode(); each; each = words.nextNode()) {
        if (!each.data.trim()) continue;
        const range = document.createRange();
        range.selectNode(each);
        if (range.getClientRects().length > 1) torn.push(each.data);
    }
    return torn;
})"""


def test_on_paper_no_number_and_no_interval_is_torn_between_two_lines(
    browser: Browser, written: Path
) -> None:
    shown = browser.new_page(viewport={"width": 703, "height": 900})
    shown.goto(written.as_uri())
    shown.emulate_media(media="print")
    assert shown.locator("td.n .ci").count() > 100
    assert shown.evaluate(_TORN) == []
    shown.close()


def test_on_a_wide_screen_no_table_has_to_be_moved_to_be_read(
    browser: Browser, written: Path
) -> None:
    shown = browser.new_page(viewport={"width": 1_280, "height": 900})
    shown.goto(written.as_uri())
    cut = shown.evaluate(
        "() => [...document.querySelectorAll('.table')].filter("
        "each => each.scrollWidth > each.clientWidth + 1).map(each => each.ariaLabel)"
    )
    assert cut == []
    shown.close()


def test_the_dark_is_dark(browser: Browser, written: Path) -> None:
    shown = browser.new_page(color_scheme="dark")
    shown.goto(written.as_uri())
    assert shown.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 23, 29)"
    shown.close()
