"""The report in a real browser: offline, on a phone, in the dark, and on paper without loss."""

from __future__ import annotations

import re
import subprocess
import unicodedata
from collections.abc import Iterator
from html import unescape
from pathlib import Path

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


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    """A report with tables longer than a sheet, a name as long as names may be, and chaos."""
    tables = report_tables.tables()
    names = ["ma_cross", "zero_rule", LONG, *(f"other_{number:02d}" for number in range(60))]
    tables["standings"] = rows_of(
        "standings",
        *(
            standing(name, place, 1, len(names), flags="FEW_SCENARIOS MARGIN_CONFLICT ONE_PER")
            for place, name in enumerate(names, 1)
        ),
    )
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


def test_the_dark_is_dark(browser: Browser, written: Path) -> None:
    shown = browser.new_page(color_scheme="dark")
    shown.goto(written.as_uri())
    assert shown.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 23, 29)"
    shown.close()
