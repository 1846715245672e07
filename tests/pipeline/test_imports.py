"""Imported runs in the graph: an asset a collection, its checks, and no run where there is none."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from assets.checks import sentences
from pipelines import headless
from pipelines import home as homes
from pipelines.campaign_sensor import evolution_documents
from pipelines.cli import main
from pipelines.definitions import build
from simcore import steps
from simcore.store import Partition, Provenance, Store
from simcore.tables import TABLES

RUN = {
    "strategy": "S", "instrument": "X", "timeframe": "1d",
    "curve": {"ts": [f"2024-01-{day:02d}" for day in range(1, 29)],
              "equity": [100.0 + day % 5 for day in range(28)]},
}  # fmt: skip
DEAL = {
    "entry_ts": "2024-01-02", "exit_ts": "2024-01-03", "side": "long", "qty": 1,
    "entry_px": 100.0, "exit_px": 101.0,
}  # fmt: skip
PLACE = Partition(collection="old")


def brought(home: Path, tmp_path: Path, **changes: object) -> Path:
    """Bring one run into a home, and return its document there."""
    file = tmp_path / "old.json"
    file.write_text(json.dumps({"version": "0.1.0", "made_by": "T", "runs": [{**RUN, **changes}]}))
    assert main(["import-run", str(file), "--home", str(home)]) == 0
    return home / "imports" / "old" / "old.json"


def materialised(home: Path, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    headless.register(instance, home)
    keys = [dg.AssetKey(table.name) for table in steps.IMPORTS]
    job = build(home).get_repository_def().get_implicit_job_def_for_assets(keys)
    with dg.partition_loading_context(dynamic_partitions_store=instance):
        return job.execute_in_process(
            asset_selection=keys, partition_key="old", instance=instance, raise_on_error=False
        )


def test_a_collection_is_found_made_and_every_check_of_it_holds(
    home: Path, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    brought(home, tmp_path)
    result = materialised(home, instance)
    assert result.success
    evaluations = result.get_asset_check_evaluations()
    assert len(evaluations) == sum(len(sentences(table)) for table in steps.IMPORTS)
    assert [each.description for each in evaluations if not each.passed] == []
    made = [event for event in result.all_events if event.is_step_materialization]
    told = [each.step_materialization_data.materialization.metadata for each in made]
    assert [each["reused"].value for each in told] == [True] * 3
    assert [each["runs"].value for each in told] == [1] * 3


def test_a_metric_that_its_returns_do_not_give_fails_its_check(
    home: Path, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    brought(home, tmp_path)
    store, table = Store(homes.lake(home)), TABLES["imported_runs"]
    rows, footer = store.read(table, PLACE), store.footer(table, PLACE)
    provenance = Provenance(
        footer.documents, None, footer.engine_version, settings={"code": steps.admit.STEP.code}
    )
    store.write(table, PLACE, rows.with_columns(sharpe=pl.col("sharpe") + 1.0), provenance)
    assert store.footer(table, PLACE).input_hash == footer.input_hash
    result = materialised(home, instance)
    (failed,) = [each for each in result.get_asset_check_evaluations() if not each.passed]
    assert (failed.asset_key.to_user_string(), failed.check_name) == (
        "imported_runs",
        "recomputed",
    )
    assert failed.description.startswith("old: sharpe: got ")


@pytest.mark.parametrize(
    ("name", "column"),
    [("imported_runs", "strategy_name"), ("imported_equity", "ts"), ("imported_trades", "exit_px")],
)
def test_a_row_that_no_document_tells_fails_its_check(
    home: Path, tmp_path: Path, instance: dg.DagsterInstance, name: str, column: str
) -> None:
    brought(home, tmp_path, trades=[DEAL])
    store, table = Store(homes.lake(home)), TABLES[name]
    rows, footer = store.read(table, PLACE), store.footer(table, PLACE)
    provenance = Provenance(
        footer.documents, None, footer.engine_version, settings={"code": steps.admit.STEP.code}
    )
    other = pl.col(column) + ("!" if name == "imported_runs" else 1)
    store.write(table, PLACE, rows.with_columns(other), provenance)
    result = materialised(home, instance)
    failed = [each for each in result.get_asset_check_evaluations() if not each.passed]
    assert (name, "recomputed") in [
        (each.asset_key.to_user_string(), each.check_name)
        for each in failed
        if f"old, row 0: {column}: got " in str(each.description)
    ]


def test_a_document_that_was_broken_since_says_so_on_the_page(
    home: Path, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    kept = brought(home, tmp_path)
    kept.write_text(kept.read_text().replace('"S"', "7"))
    result = materialised(home, instance)
    assert not result.success
    said = {each.description for each in result.get_asset_check_evaluations() if not each.passed}
    assert said == {"old.json: /runs/0/strategy: got 7, expected a string [put it in quotes]"}


def test_collections_get_keys_while_dagster_runs_and_lose_them_with_their_documents(
    home: Path, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    kept = brought(home, tmp_path)

    def tick() -> None:
        found = evolution_documents(
            dg.build_sensor_context(
                instance=instance,
                resources={"store": Store(homes.lake(home)), "home": home},
            )
        )
        for request in found.dynamic_partitions_requests:
            name, keys = request.partitions_def_name, list(request.partition_keys)
            if isinstance(request, dg.AddDynamicPartitionsRequest):
                instance.add_dynamic_partitions(name, keys)
            else:
                for key in keys:
                    instance.delete_dynamic_partition(name, key)

    tick()
    assert instance.get_dynamic_partitions("collection") == ["old"]
    kept.unlink()
    tick()
    assert instance.get_dynamic_partitions("collection") == []


def test_a_campaign_takes_no_notice_of_imported_runs(home: Path, tmp_path: Path) -> None:
    ordered = [headless._name(each) for each in headless._in_order(build(home))]
    assert "imports" not in ordered and "evolution" not in ordered
    assert {"markets", "backtests", "report", "history"} <= set(ordered)
