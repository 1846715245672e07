"""The page of a report: it needs nothing but itself, everybody can read it, and it stays small."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import report_tables
from report_tables import CAMPAIGN, rows_of, standing

from simcore.report import SECTIONS, equity, page
from simcore.report.drawing import Scale
from simcore.report.evidence import objections
from simcore.report.material import POINTS_MAX, File, Material, thinned
from simcore.report.sections import sections, text
from simcore.report.style import DARK, LIGHT, LINES, STYLE, TEXTS, Palette

VOID = {"meta", "br", "path", "line", "rect", "circle"}


class Reader(HTMLParser):
    """Reads a page: its elements with their attributes, and whether each is closed."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            while self.open.pop() != tag:  # A `li` may stay open.
                pass

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def rows(tables: dict[str, pl.DataFrame] | None = None, **campaign: Any) -> pl.DataFrame:
    files = (File("standings", "c1-light", 2, "ab" * 32, 2),)
    given = tables or report_tables.tables()
    return sections(Material({**CAMPAIGN, **campaign}, given, files, {"campaigns/c1": "cd" * 32}))


@pytest.fixture(scope="module")
def content() -> str:
    return page.html(rows())


@pytest.fixture(scope="module")
def reader(content: str) -> Reader:
    return Reader(content)


class TestThePage:
    def test_refers_to_nothing_outside_and_runs_nothing(self, content: str, reader: Reader) -> None:
        assert re.findall(r"https?:|//|url\(|@import", content) == []
        assert {"script", "link", "img", "iframe", "object"}.isdisjoint(
            name for name, _ in reader.elements
        )
        named = {key for _, attributes in reader.elements for key in attributes}
        assert not any(key.startswith("on") or key == "src" for key in named)
        policies = [each["content"] for each in reader.of("meta") if "http-equiv" in each]
        assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]

    def test_is_whole_with_every_link_leading_somewhere(self, reader: Reader) -> None:
        assert reader.open == []
        anchors = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
        assert len(anchors) == len(set(anchors))
        links = [each["href"] for each in reader.of("a")]
        assert len(links) == len(SECTIONS) + 1
        assert all(link and link[0] == "#" and link[1:] in anchors for link in links)

    def test_has_the_same_bytes_for_the_same_tables_in_any_order_of_rows(
        self, content: str
    ) -> None:
        assert page.html(rows().reverse()) == content
        assert page.html(rows()) == content

    def test_escapes_what_users_may_write(self) -> None:
        tables = report_tables.tables()
        nasty = '<script>alert("1")</script>&'
        tables["standings"] = rows_of("standings", standing("ma_cross", 1, 1, 1, flags=nasty))
        written = page.html(rows(tables, name=nasty))
        assert "<script" not in written and "&lt;script&gt;" in written

    def test_is_written_whole_into_folders_that_need_not_be_there(self, tmp_path: Path) -> None:
        made = rows()
        path = page.write(made, tmp_path / "reports" / "c1.html")
        assert path.read_text(encoding="utf-8") == page.html(made)
        assert list(path.parent.iterdir()) == [path]

    def test_tells_the_hashes_and_the_command_that_computes_it_again(self, content: str) -> None:
        assert "<code>proving run c1-light</code>" in content
        assert "cd" * 32 in content


class TestReadersOfEveryKind:
    def test_find_headings_one_level_at_a_time(self, reader: Reader) -> None:
        levels = [int(name[1]) for name, _ in reader.elements if re.fullmatch(r"h\d", name)]
        assert levels.count(1) == 1 and levels.count(2) == len(SECTIONS)
        assert all(after <= before + 1 for before, after in pairwise(levels))

    def test_find_a_caption_and_heads_at_every_table(self, content: str, reader: Reader) -> None:
        tables = content.count("<table>")
        assert tables > 12
        assert content.count("<caption>") == tables == content.count("<thead>")
        assert all(each.get("scope") in ("col", "row") for each in reader.of("th"))

    def test_are_told_in_words_what_every_picture_shows(self, reader: Reader) -> None:
        pictures = reader.of("svg")
        assert len(pictures) == 3, "standings, one equity, one timeline"
        for picture in pictures:
            assert picture["role"] == "img"
            assert len(str(picture["aria-label"])) > 40

    def test_find_the_same_numbers_in_the_markdown(self) -> None:
        written = text(rows())
        assert "ma_cross on trend: ends at 1.105 of the first; drawn again" in written

    @pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
    def test_see_texts_and_lines_on_every_ground(self, palette: Palette) -> None:
        for ground in ("ground", "panel"):
            for names, least in ((TEXTS, 4.5), (LINES, 3.0)):
                for name in names:
                    found = contrast(palette[name], palette[ground])
                    assert found >= least, (name, ground, found)

    def test_are_given_the_colours_of_their_theme_and_of_paper(self) -> None:
        for name in LIGHT:
            assert STYLE.count(f"--{name}:{LIGHT[name]}") == 2, "on the screen and on paper"
            assert STYLE.count(f"--{name}:{DARK[name]}") == 1


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, by WCAG 2.2."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


class TestThinning:
    @pytest.mark.parametrize("bars", [1, 2, POINTS_MAX, POINTS_MAX + 1, 719, 720, 8_760])
    def test_keeps_the_first_and_the_last_close_of_each_run(self, bars: int) -> None:
        run = {"scenario_id": "s", "path": 0}
        whole = rows_of(
            "equity",
            *({**run, "strategy_id": name, "t": t} for name in "ab" for t in range(bars)),
        )
        kept = thinned(whole)
        for name in "ab":
            times = kept.filter(pl.col("strategy_id") == name)["t"].to_list()
            assert times[0] == 0 and times[-1] == bars - 1
            assert len(times) <= POINTS_MAX + 1
            assert bars > POINTS_MAX or len(times) == bars

    def test_bounds_a_page_of_many_strategies_and_says_so(self) -> None:
        names = [f"strategy_{number:03d}" for number in range(150)]
        tables = report_tables.tables()
        tables["standings"] = rows_of(
            "standings",
            *(standing(name, place, 1, 150) for place, name in enumerate(names, 1)),
        )
        own = {"strategy_id": pl.Series("strategy_id", names)}
        for table in ("backtests", "equity", "monte_carlo", "walk_forward", "regimes", "evidence"):
            mine = tables[table].filter(pl.col("strategy_id") == "ma_cross").drop("strategy_id")
            tables[table] = mine.join(pl.DataFrame(own), how="cross")
        tables["equity"] = thinned(tables["equity"].sort("strategy_id", "t"))
        made = rows(tables, strategies=names)
        assert len(page.html(made)) < 1_000_000
        told = text(made)
        assert f"Drawn are the first {equity.STRATEGIES_MAX} of 150 strategies by rank" in told
        assert "Shown are 100 of 150 rows: the first by rank" in told
        assert told.count("| strategy_149 |") < told.count("| strategy_000 |")


class TestEquity:
    def test_bands_end_where_the_percentiles_of_the_table_do(self) -> None:
        material = Material(CAMPAIGN, report_tables.tables())
        ends = equity._endings(material, "ma_cross", "trend")
        years = 500 / 8_760
        assert ends["p95"] == pytest.approx((1.0 + 0.2 + 0.45) ** years)
        drawn = equity._band(ends, "p5", "p95", "o", Scale(0.9, 1.1, 0.0, 1_000.0))
        places = [tuple(map(float, pair.split())) for pair in re.findall(r"[\d.]+ [\d.]+", drawn)]
        quarter = math.sqrt(ends["p95"]) * ends["p50"] ** (0.25 - 0.5)
        told = "after a quarter of the time half of the way is gone, on a scale of ratios"
        assert places[6][1] == pytest.approx(5_000.0 * (quarter - 0.9), abs=0.1), told
        assert places[0][1] == places[-1][1] == 500.0, "both edges begin at what was put in"
        middle = len(places) // 2
        assert places[middle - 1][1] == pytest.approx(5_000.0 * (ends["p95"] - 0.9), abs=0.1)
        assert places[middle][1] == pytest.approx(5_000.0 * (ends["p5"] - 0.9), abs=0.1)

    def test_of_a_strategy_that_never_traded_is_words(self) -> None:
        made = rows().filter(pl.col("section") == "equity")["html"].item()
        assert made.count("<svg") == 1
        assert "Never traded" in made


class TestObjections:
    FINE = standing(
        "a", 1, 1, 1, dsr=0.99, pbo=0.1, p_beats_buy_hold=0.99, in_mcs=True, stress_score=1.4,
        n_trades=99, ruin_count=0,
    )  # fmt: skip

    def test_are_none_where_all_gates_hold(self) -> None:
        assert objections(self.FINE) == []

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"dsr": 0.94}, "DSR"),
            ({"dsr": None}, "DSR unknown"),
            ({"pbo": 0.31}, "PBO"),
            ({"p_beats_buy_hold": 0.94}, "buy-and-hold"),
            ({"in_mcs": False}, "confidence set"),
            ({"in_mcs": None}, "confidence set unknown"),
            ({"stress_score": 0.7}, "stress"),
            ({"score_mean": None}, "stress unknown"),
            ({"n_trades": 29}, "trades"),
            ({"ruin_count": 1}, "ruin"),
        ],
    )
    def test_name_what_fails_and_what_is_not_known(self, change: dict[str, Any], said: str) -> None:
        assert objections({**self.FINE, **change}) == [said]


class TestScale:
    @pytest.mark.parametrize(
        ("low", "high", "ticks"),
        [(0.0, 1.0, [0.0, 0.25, 0.5, 0.75, 1.0]), (-3.0, 7.0, [-2.5, 0.0, 2.5, 5.0]),
         (2.0, 2.0, [2.0]), (0.0, 1e-6, [0.0, 2.5e-7, 5e-7, 7.5e-7, 1e-6])],
    )  # fmt: skip
    def test_has_round_ticks_within_its_range(
        self, low: float, high: float, ticks: list[float]
    ) -> None:
        assert Scale(low, high, 0.0, 100.0).ticks(4) == pytest.approx(ticks)

    def test_puts_everything_in_the_middle_where_nothing_differs(self) -> None:
        assert Scale(2.0, 2.0, 0.0, 100.0)(2.0) == 50.0
