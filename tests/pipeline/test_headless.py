from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import duckdb
import pandas as pd
import polars as pl
import pytest

from assets import checks
from pipelines import headless
from pipelines import home as homes
from simcore import engine, steps
from simcore.errors import SpecError
from simcore.store import Partition, Store
from simcore.tables import TABLES
from simcore.verification import verify

Run = Callable[[Path], headless.Summary]

BACKTESTS = TABLES["backtests"]
# Generations are bred, and runs of other tools brought in, outside of any campaign.
OF_CAMPAIGNS = {
    name: each
    for name, each in TABLES.items()
    if {"campaign", "strategy"} & set(each.partitioned_by)
}


def contents(store: Store) -> dict[str, str]:
    return {
        f"{table.name} {partition.key}": store.footer(table, partition).content_hash
        for table in TABLES.values()
        for partition in store.partitions(table)
    }


def test_a_tiny_campaign_makes_every_table_whole(store: Store, tiny: Path) -> None:
    strategies = {partition.strategy for partition in store.partitions(TABLES["strategies"])}
    for table in OF_CAMPAIGNS.values():
        expected = 1 if table.partitioned_by == ("campaign",) else len(strategies)
        assert len(store.partitions(table)) == expected, table.name
    inspections = verify(tiny)
    assert inspections
    assert [each.message for each in inspections if not each.is_sound] == []


@pytest.mark.parametrize("name", OF_CAMPAIGNS)
def test_a_table_reads_the_same_with_polars_duckdb_and_pandas(store: Store, name: str) -> None:
    table, root = TABLES[name], store.root / name
    rows = sum(store.footer(table, each).rows for each in store.partitions(table))
    columns = {column.name for column in table.columns} | set(table.partitioned_by)
    polars = pl.read_parquet(f"{root}/**/*.parquet", hive_partitioning=True)
    duck = duckdb.sql(f"select * from read_parquet('{root}/**/*.parquet', hive_partitioning=true)")
    pandas = pd.read_parquet(root)
    assert polars.height == len(pandas) == duck.aggregate("count(*)").fetchall()[0][0] == rows
    assert set(polars.columns) == set(duck.columns) == set(pandas.columns) == columns


def test_a_second_run_does_no_engine_work(
    tiny: Path, rerun: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the engine was asked to work")

    # Checking a document lets the engine try the shortest market; that is not work kept.
    monkeypatch.setattr(steps.generate, "generate_with_manifest", refuse)
    for name in ("backtest", "scripted", "metrics", "bootstrap", "uniforms", "normals", "paper"):
        monkeypatch.setattr(engine, name, refuse)
    summary = rerun(tiny)
    assert summary.failures == []
    assert all(each.is_reused for each in summary.made)


def test_every_check_of_every_partition_holds_on_a_run_that_only_reads(
    tiny: Path, run: Run
) -> None:
    summary = run(tiny)
    assert summary.exit_code == 0
    expected = sum(len(checks.sentences(TABLES[each.table])) for each in summary.made)
    assert summary.checks_passed == expected
    assert expected > 7 * len(summary.made), "a strategy's document has a check of its own"


# A report tells of bars by their hashes, so that one run tells of all three.
@pytest.mark.parametrize("names", [("bars", "verdicts", "report"), ("trades",), ("standings",)])
def test_deleted_partitions_are_rebuilt_alone_to_the_same_content(
    tiny: Path, store: Store, rerun: Run, names: tuple[str, ...]
) -> None:
    before = contents(store)
    lost = {name: store.partitions(TABLES[name])[0] for name in names}
    for name, partition in lost.items():
        store.discard(TABLES[name], partition)
    summary = rerun(tiny)
    made = {(each.table, each.key) for each in summary.made if not each.is_reused}
    assert made == {(name, partition.key) for name, partition in lost.items()}
    assert contents(store) == before


def test_a_report_that_was_deleted_is_put_back_and_named(tiny: Path, rerun: Run) -> None:
    report, sql = tiny / "reports" / "c0-tiny.html", tiny / "views.sql"
    before = {path: path.read_bytes() for path in (report,)}
    for path in (report, sql):
        path.unlink()
    summary = rerun(tiny)
    assert all(each.is_reused for each in summary.made)
    assert {path: path.read_bytes() for path in (report,)} == before
    assert sql.read_text(encoding="utf-8").count("CREATE OR REPLACE VIEW") == len(TABLES)
    assert summary.text.splitlines()[-1] == f"report   {report}"
    assert summary.data["report"] == str(report)


def test_two_homes_get_the_same_content(tiny: Path, store: Store, home: Path, run: Run) -> None:
    run(home)
    assert contents(Store(homes.lake(home))) == contents(store)


def test_torn_files_are_named_and_rebuilt(
    tiny: Path, store: Store, recorded: dg.DagsterInstance
) -> None:
    before = contents(store)
    cut, emptied, flipped = (
        store.path(BACKTESTS, partition) for partition in store.partitions(BACKTESTS)[:3]
    )
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    emptied.write_bytes(b"")
    content = bytearray(flipped.read_bytes())
    content[60] ^= 0xFF  # in the first page: the footer stays whole
    flipped.write_bytes(content)
    summary = headless.run("c0-tiny", home=tiny, progress=print, instance=recorded)
    assert summary.exit_code == 0
    assert contents(store) == before
    events = recorded.fetch_materializations(dg.AssetKey("backtests"), limit=100).records
    mended = [
        str(each.asset_materialization.metadata["mended"].value)
        for each in events
        if "mended" in each.asset_materialization.metadata
    ]
    assert len(mended) == 3
    for path in (cut, emptied, flipped):
        (said,) = (each for each in mended if str(path) in each)
        assert f"mended: {said}" in summary.text


def test_a_broken_document_is_refused_before_any_work(
    home: Path, instance: dg.DagsterInstance
) -> None:
    (home / "strategies" / "mine.toml").write_text('id = "mine"\nversion = "0.1.0"\nnonsense = 1\n')
    with pytest.raises(SpecError) as refused:
        headless.run("c0-tiny", home=home, progress=print, instance=instance)
    assert "strategies/mine.toml" in str(refused.value)
    assert "nonsense" in str(refused.value)
    assert list(homes.lake(home).iterdir()) == []


def test_a_campaign_that_names_an_unknown_scenario_is_refused_with_all_its_problems(
    home: Path, instance: dg.DagsterInstance
) -> None:
    (home / "campaigns" / "mine.toml").write_text(
        'version = "0.1.0"\nid = "mine"\nname = "Mine"\nseed = 1\ndays = 5\n'
        'scenarios = ["trend-up-mdi"]\nstrategies = ["no_such"]\ntournaments = ["neither"]\n'
        'chaos = "thunder"\n'
    )
    with pytest.raises(SpecError) as refused:
        headless.run("mine", home=home, progress=print, instance=instance)
    places = [(each.path, each.reason) for each in refused.value.problems]
    assert ("/scenarios/0", "UNKNOWN_ID") in places
    assert ("/strategies/0", "UNKNOWN_ID") in places
    assert ("/tournaments/0", "UNKNOWN_ID") in places
    assert any(path == "/chaos" for path, _ in places)
    assert "did you mean" in str(refused.value)
    assert all(each.source == "campaigns/mine.toml" for each in refused.value.problems)


def test_a_strategy_without_a_scenario_of_its_timeframe_gets_empty_whole_partitions(
    tiny: Path, store: Store, run: Run
) -> None:
    (tiny / "strategies" / "slow.toml").write_text(
        'version = "0.1.0"\nid = "slow"\nname = "Slow"\ntimeframe = "1d"\n'
        '[params]\n[[rules]]\nif = "close > open"\nthen = "buy"\n'
        '[risk]\nsizing = { type = "pct_equity", value = 10 }\n'
        'stop = { type = "pct", value = 5 }\nmax_holding_bars = 10\n[metadata]\n'
    )
    summary = run(tiny)
    assert summary.failures == []
    footer = store.footer(BACKTESTS, Partition("c0-tiny", "slow"))
    assert footer is not None
    assert footer.rows == 0
    page = "\n".join(store.read(TABLES["report"], Partition("c0-tiny"))["markdown"])
    assert "`slow` met no scenario of its timeframe" in page
    remade = {each.key for each in summary.made if each.table == "backtests" and not each.is_reused}
    assert remade == {"c0-tiny|slow"}
