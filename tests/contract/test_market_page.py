"""The page on markets names what there is, and its examples are documents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simcore import engine
from simcore.documents import found
from simcore.scenario.document import load
from simcore.scenario.suite import read_suite

PAGE = (Path(__file__).parents[2] / "docs" / "markets.md").read_text()
TABLE_ROWS = [line for line in PAGE.splitlines() if line.startswith("| `")]


def names_in_first_cells() -> set[str]:
    cells = [row.split("|")[1] for row in TABLE_ROWS]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


@pytest.mark.parametrize("kind", ["families", "overlays"])
def test_every_member_has_a_row(kind: str) -> None:
    assert {row["name"] for row in engine.catalogue()[kind]} <= names_in_first_cells()


def test_every_row_is_of_something_that_there_is() -> None:
    catalogue = engine.catalogue()
    known = {row["name"] for kind in ("families", "overlays") for row in catalogue[kind]}
    known |= {"24x7", "fx_24x5", "us_equity", "sessions_252"} | set(found("suites"))
    assert names_in_first_cells() <= known


def test_the_suites_have_as_many_markets_as_it_says() -> None:
    told = {
        match[1]: int(match[2])
        for row in TABLE_ROWS
        if (match := re.match(r"\| `(days-\d+)` \| (\d+) \|", row))
    }
    assert told == {name: len(read_suite(name).scenarios) for name in found("suites")}


def test_the_first_example_is_a_scenario() -> None:
    example = re.search(r"```toml\n(version.*?)```", PAGE, re.DOTALL)
    assert example is not None
    assert load(example[1]).document.family == "vol_cluster"
