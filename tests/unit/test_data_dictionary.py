"""The data dictionary says what `simcore.tables` says, table by table and column by column."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from pipelines.cli import main
from simcore import engine
from simcore.tables import TABLES
from simcore.tables.dictionary import entry, whole_page
from simcore.tables.table import Table

PAGE = Path(__file__).parents[2] / "docs" / "data-dictionary.md"

if os.environ.get("PROVING_GOLDEN") == "write":
    PAGE.write_text(whole_page(list(TABLES.values())), encoding="utf-8")


def chapter(table: Table) -> str:
    content = PAGE.read_text(encoding="utf-8")
    return content.partition(f"\n## {table.name}\n")[2].partition("\n## ")[0]


def test_the_page_is_what_is_generated() -> None:
    assert PAGE.read_text(encoding="utf-8") == whole_page(list(TABLES.values()))


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_a_chapter_has_a_line_a_column_with_all_that_is_known_of_it(table: Table) -> None:
    lines = [line for line in chapter(table).splitlines() if line.startswith(("| `", "| **`"))]
    assert len(lines) == len(table.columns)
    for line, column in zip(lines, table.columns, strict=True):
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        assert cells[0].strip("*`") == column.name
        assert cells[0].startswith("**") == (column.name in table.key)
        assert cells[2] == ("" if column.unit == "-" else column.unit)
        assert cells[3] == ("yes" if column.nullable else "")
        assert cells[5].startswith(column.meaning.replace("|", "\\|"))


def test_a_table_is_plain_values_for_programs() -> None:
    told = entry(TABLES["backtests"])
    assert told["partitioned_by"] == ["campaign", "strategy"]
    assert len(told["changes"]) == told["schema_version"] - 1
    since = {column["name"]: column["since"] for column in told["columns"]}
    assert since["sharpe"] == 1 and since["equity_rows"] == 4
    assert json.loads(json.dumps(told)) == json.loads(json.dumps(told, sort_keys=True))


def test_the_command_prints_the_page_and_one_chapter_of_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["tables", "--markdown"]) == 0
    assert capsys.readouterr().out == PAGE.read_text(encoding="utf-8").rstrip("\n") + "\n"
    assert main(["tables", "games", "--markdown"]) == 0
    printed = capsys.readouterr().out
    assert "\n## games\n" in printed and "\n## standings\n" not in printed


def test_the_command_prints_views_for_a_lake_by_the_name_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tables", "--duckdb", "--home", str(tmp_path)]) == 0
    assert capsys.readouterr().out.count("CREATE OR REPLACE VIEW") == len(TABLES)


CODES = {"cause": "cause", "src": "src", "reason": "reason", "deny_code": "deny_code",
         "scope": "scope"}  # fmt: skip


def test_what_numbers_stand_for_is_what_the_engine_means_by_them() -> None:
    paper = engine.catalogue()["paper"]
    told = 0
    for table in TABLES.values():
        for column in table.columns:
            if column.name not in CODES or column.dtype not in ("u16", "u64"):
                continue
            named = re.findall(r"(\d+) ([A-Za-z]\w*)(?=[,.])", column.meaning)
            assert {name: int(code) for code, name in named} == paper[CODES[column.name]]
            told += 1
    assert told == 6
