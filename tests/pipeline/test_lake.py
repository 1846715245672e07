"""A lake that was really made, as analysts open it: with Polars, DuckDB, pandas and a notebook."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import nbformat
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

import simcore
from pipelines import home as homes
from pipelines.cli import main
from simcore.report import SECTIONS, page
from simcore.store import Partition, Store
from simcore.tables import TABLES
from simcore.tables.table import Table

DOCS = Path(__file__).parents[2] / "docs"
NOTEBOOK = DOCS / "notebooks" / "ten-questions.ipynb"
CAMPAIGN = "c0-tiny"
FIRST, OTHERS = "atr_breakout", 9


@pytest.fixture(scope="module")
def lake(finished: Path) -> Path:
    return homes.lake(finished)


@pytest.fixture(scope="module")
def read(finished: Path) -> dict[str, pl.DataFrame]:
    return {name: simcore.scan(name, home=finished).collect() for name in TABLES}


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
class TestEveryTable:
    def test_is_scanned_as_the_store_reads_it_with_its_path_behind(
        self, lake: Path, read: dict[str, pl.DataFrame], table: Table
    ) -> None:
        store = Store(lake)
        parts = [
            store.read(table, place).with_columns(
                pl.lit(value).alias(name) for name, value in place.parts()
            )
            for place in store.partitions(table)
        ]
        found = read[table.name]
        assert found.columns == [*table.polars_schema(), *table.partitioned_by]
        assert found.height == sum(part.height for part in parts)
        if parts:
            order = [*table.partitioned_by, *table.key]
            assert found.sort(order).equals(pl.concat(parts).sort(order))

    def test_has_no_column_of_its_path_in_a_file(self, lake: Path, table: Table) -> None:
        store = Store(lake)
        for place in store.partitions(table):
            names = pq.read_schema(store.path(table, place)).names
            assert not set(names) & set(table.partitioned_by)

    def test_has_the_same_words_in_every_library(
        self, lake: Path, read: dict[str, pl.DataFrame], table: Table
    ) -> None:
        words = [column.name for column in table.columns if column.dtype == "enum"]
        found = read[table.name]
        if found.is_empty() or not words:
            assert found.select(words).is_empty()
            return
        files = f"read_parquet('{lake}/{table.name}/**/*.parquet', hive_partitioning = true)"
        frame = pd.read_parquet(lake / table.name, columns=words)
        for name in words:
            expected = sorted(found[name].cast(pl.String).drop_nulls().to_list())
            assert sorted(frame[name].dropna().astype(str)) == expected
            rows = duckdb.sql(f"select {name} from {files} where {name} is not null").fetchall()
            assert sorted(value for (value,) in rows) == expected


def test_partitions_without_rows_are_there_and_read_alike(lake: Path) -> None:
    store = Store(lake)
    empty = [
        (table, place)
        for table in TABLES.values()
        for place in store.partitions(table)
        if store.footer(table, place).rows == 0
    ]
    assert {table.name for table, _ in empty} >= {"chaos_events", "chaos_orders", "trades"}
    for table, place in empty:
        path = store.path(table, place)
        assert pl.read_parquet(path).is_empty()
        assert pd.read_parquet(path).empty
        assert duckdb.sql(f"select count(*) from read_parquet('{path}')").fetchall() == [(0,)]


class TestPruning:
    @pytest.fixture
    def torn(self, tiny: Path) -> Path:
        """The runs of all strategies, every file but that of the first torn."""
        folder = homes.lake(tiny) / "backtests" / f"campaign={CAMPAIGN}"
        others = [path for path in folder.rglob("*.parquet") if FIRST not in str(path)]
        assert len(others) == OTHERS
        for path in others:
            path.write_bytes(path.read_bytes()[:100])
        return folder.parent

    def test_lets_polars_open_no_other_file(self, torn: Path) -> None:
        whole = pl.scan_parquet(f"{torn}/**/*.parquet", hive_partitioning=True)
        own = whole.filter(pl.col("strategy") == FIRST).collect()
        assert own["strategy_id"].unique().to_list() == [FIRST]
        with pytest.raises(pl.exceptions.ComputeError):
            whole.collect()

    def test_lets_duckdb_open_no_other_file(self, torn: Path) -> None:
        files = f"read_parquet('{torn}/**/*.parquet', hive_partitioning = true)"
        asked = f"select distinct strategy_id from {files} where strategy = '{FIRST}'"
        assert duckdb.sql(asked).fetchall() == [(FIRST,)]
        plan = str(duckdb.sql(f"explain analyze {asked}").fetchall())
        assert f"Scanning Files: 1/{OTHERS + 1}" in plan
        with pytest.raises(duckdb.Error):
            duckdb.sql(f"select sum(sharpe) from {files}").fetchall()

    def test_lets_pandas_open_no_other_file(self, torn: Path) -> None:
        own = pd.read_parquet(torn, filters=[("strategy", "==", FIRST)])
        assert set(own["strategy_id"]) == {FIRST}
        with pytest.raises(pa.ArrowInvalid):
            pd.read_parquet(torn)

    def test_lets_a_scan_open_no_other_file(self, finished: Path, torn: Path) -> None:
        whole = simcore.scan("backtests", home=finished)
        plan = whole.filter(pl.col("strategy") == FIRST).explain()
        assert plan.count("data.parquet") == 1 and f"strategy={FIRST}" in plan
        named = simcore.scan("backtests", home=torn.parents[1], strategy=FIRST).collect()
        assert named["strategy_id"].unique().to_list() == [FIRST]


class TestViews:
    @pytest.mark.parametrize("is_relative", [True, False], ids=["relative", "absolute"])
    def test_give_the_rows_of_every_table(
        self,
        finished: Path,
        read: dict[str, pl.DataFrame],
        is_relative: bool,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.chdir(finished.parent)
        named = ["--lake", f"{finished.name}/lake"] if is_relative else []
        assert main(["tables", "--duckdb", "--home", str(finished), *named]) == 0
        sql = capsys.readouterr().out
        assert (str(finished) in sql) != is_relative
        db = duckdb.connect()
        db.execute(sql)
        for name, table in TABLES.items():
            seen = db.sql(f"select * from {name}")
            assert seen.columns == [*table.polars_schema(), *table.partitioned_by]
            assert db.sql(f"select count(*) from {name}").fetchall() == [(read[name].height,)]

    def test_are_written_with_the_report(self, finished: Path) -> None:
        db = duckdb.connect()
        db.execute((finished / "views.sql").read_text())
        found = db.sql("select distinct strategy from backtests order by 1").fetchall()
        assert (FIRST,) in found and len(found) == OTHERS + 1

    def test_hold_what_is_made_behind_the_report(self, finished: Path) -> None:
        db = duckdb.connect()
        db.execute((finished / "views.sql").read_text())
        assert db.sql("select count(*) > 0 from strategy_history").fetchall() == [(True,)]


def test_the_report_lies_beside_the_lake_and_is_that_of_the_table(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = Store(homes.lake(finished)).read(TABLES["report"], Partition(campaign=CAMPAIGN))
    written = (finished / "reports" / f"{CAMPAIGN}.html").read_text(encoding="utf-8")
    assert written == page.html(rows)
    assert rows["section"].to_list()[1:] == [each.name for each in SECTIONS]
    assert len(written) < 1_000_000
    assert f"<code>proving run {CAMPAIGN}</code>" in written
    other = tmp_path / "other.html"
    assert main(["report", CAMPAIGN, "--home", str(finished), "--out", str(other)]) == 0
    assert capsys.readouterr().out.strip() == str(other)
    assert other.read_text(encoding="utf-8") == written


def test_the_code_of_the_analysts_page_runs(finished: Path) -> None:
    content = (DOCS / "analysts.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", content, re.M | re.S)
    assert len(blocks) == 8
    names: dict[str, Any] = {"home": str(finished), "campaign": CAMPAIGN}
    for block in blocks:
        exec(compile(block, "analysts.md", "exec"), names)
    assert names["best"].height == 2
    assert len(names["costs"]) == OTHERS + 1
    assert sum(n for _, n in names["games"]) > 0
    assert names["ends"].size == 2
    assert names["closes"].num_rows == 2 * 120
    assert names["footer"].schema_version == TABLES["standings"].schema_version


class TestTheNotebook:
    def test_is_kept_without_outputs(self) -> None:
        kept = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
        cells = [cell for cell in kept["cells"] if cell["cell_type"] == "code"]
        assert [cell["outputs"] for cell in cells] == [[]] * len(cells)
        assert {cell["execution_count"] for cell in cells} == {None}
        assert set(kept["metadata"]) == {"kernelspec", "language_info"}

    def test_answers_its_ten_questions(self, finished: Path, tmp_path: Path) -> None:
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        heads = [cell.source for cell in notebook.cells if cell.source.startswith("## ")]
        assert [head.split(".")[0] for head in heads] == [f"## {n}" for n in range(1, 11)]
        (given,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
        given.source = f"home = {str(finished)!r}\ncampaign = {CAMPAIGN!r}"
        # Files, not ports: nothing is opened that another machine could reach. Their names must
        # be short, as the system keeps little room for them.
        with tempfile.TemporaryDirectory() as folder:
            kernel = AsyncKernelManager(
                kernel_name="python3", transport="ipc", ip=f"{folder}/kernel"
            )
            NotebookClient(notebook, timeout=300, startup_timeout=300, km=kernel).execute(
                cwd=str(tmp_path)
            )
        answers = [
            "".join(
                str(output.get("text") or output.get("data", {}).get("text/plain", ""))
                for output in cell.outputs
            )
            for cell in notebook.cells
            if cell.cell_type == "code"
        ][2:]
        assert len(answers) == 10
        assert all(answers)
        assert "buy_and_hold" in answers[0]
        assert "65 of 65 metrics are equal to the last bit" in answers[9]
