"""The page of metrics says what the engine's catalogue says, row by row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simcore import engine
from simcore.tables import TABLES

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
CATALOGUE = engine.catalogue()
MEANINGS = {column.name: column.meaning for column in TABLES["backtests"].columns}


def line(row: dict[str, Any]) -> str:
    """The line of one metric, as the page has it."""
    needs = "–" if row["needs"] == "returns" else row["needs"]
    cells = [
        f"`{row['name']}`", row["unit"], row["basis"], needs, row["formula"], row["null"],
        row["source"],
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def test_the_page_has_one_line_a_metric_in_the_order_of_the_table() -> None:
    lines = [each for each in PAGE.read_text(encoding="utf-8").splitlines() if each[:3] == "| `"]
    metrics = [each for each in lines if not each.split("`")[1].isupper()]
    assert metrics == [line(row) for row in CATALOGUE["metrics"]]


@pytest.mark.parametrize("flag", CATALOGUE["codes"]["metric_flags"])
def test_the_page_says_what_each_flag_means(flag: str) -> None:
    assert f"| `{flag}` |" in PAGE.read_text(encoding="utf-8")


def test_no_metric_is_without_a_meaning_in_the_table() -> None:
    assert all(MEANINGS[row["name"]] for row in CATALOGUE["metrics"])
