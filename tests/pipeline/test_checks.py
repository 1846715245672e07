from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pyarrow.parquet as pq
import pytest

from assets import checks
from pipelines import headless
from pipelines.definitions import build
from simcore import engine, parquet, steps
from simcore.scenario import acceptance
from simcore.store import Partition, Provenance, Store
from simcore.tables import TABLES

PLACE = Partition("c0-tiny")
FIRST = pl.int_range(pl.len()) == 0


def failed(store: Store, name: str, partition: Partition = PLACE) -> dict[str, str]:
    found = checks.findings(store, TABLES[name], partition)
    # The others cannot be told from the rows alone.
    of_rows = [*checks.CHECKS, *([checks.DOCUMENT] if name == "strategies" else [])]
    assert [each.check for each in found] == of_rows
    return {each.check: each.message for each in found if not each.has_passed}


def rewrite(store: Store, name: str, partition: Partition, rows: pl.DataFrame) -> None:
    footer = store.footer(TABLES[name], partition)
    provenance = Provenance(footer.documents, footer.seed, footer.engine_version)
    store.write(TABLES[name], partition, rows, provenance)


def test_an_honest_partition_passes_every_check(store: Store) -> None:
    for table in TABLES.values():
        for partition in store.partitions(table):
            assert failed(store, table.name, partition) == {}


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (lambda rows: pl.concat([rows, rows.head(1)]), {"key", "row_count"}),
        (lambda rows: rows.head(rows.height - 1), {"row_count"}),
        (
            lambda rows: rows.with_columns(low=pl.when(FIRST).then(-1.0).otherwise("low")),
            {"ranges"},
        ),
        (
            lambda rows: rows.with_columns(
                close=pl.when(FIRST).then(float("nan")).otherwise("close")
            ),
            {"ranges"},
        ),
        (
            lambda rows: rows.with_columns(scenario_id=pl.lit("aaa")).unique(
                ["path", "asset", "t"]
            ),
            {"references", "row_count"},
        ),
    ],
    ids=["twice", "lost", "negative", "nan", "orphan"],
)
def test_a_check_fails_on_the_harm_it_is_for(
    store: Store, harm: object, expected: set[str]
) -> None:
    rewrite(store, "bars", PLACE, harm(store.read(TABLES["bars"], PLACE)))
    assert set(failed(store, "bars")) == expected


def test_rows_that_are_not_those_of_the_footer_fail_the_content_hash(store: Store) -> None:
    path = store.path(TABLES["bars"], PLACE)
    said = pq.read_metadata(path).metadata
    metadata = {
        name.decode().removeprefix("proving."): value.decode()
        for name, value in said.items()
        if name.startswith(b"proving.") and name != b"proving.seal"
    }
    changed = store.read(TABLES["bars"], PLACE).with_columns(pl.col("volume").reverse())
    with path.open("wb") as handle:
        parquet.write(TABLES["bars"], changed, metadata, handle)
    assert set(failed(store, "bars")) == {"content_hash"}


def test_a_torn_file_fails_every_check_with_its_name(store: Store) -> None:
    path = store.path(TABLES["trades"], Partition("c0-tiny", "ma_cross"))
    path.write_bytes(path.read_bytes()[:-40])
    found = failed(store, "trades", Partition("c0-tiny", "ma_cross"))
    assert set(found) == set(checks.CHECKS)
    assert all(str(path) in message for message in found.values())


def test_a_strategy_whose_stored_document_has_no_meaning_fails_with_what_is_wrong_with_it(
    store: Store,
) -> None:
    place = Partition(strategy="ma_cross")
    honest = store.read(TABLES["strategies"], place)

    def document(before: str, after: str) -> pl.DataFrame:
        text = honest["document"][0].replace(before, after)
        assert text != honest["document"][0]
        return honest.with_columns(document=pl.lit(text))

    rewrite(store, "strategies", place, document("crossover", "crosover"))
    found = failed(store, "strategies", place)
    assert set(found) == {"document"}
    assert "/rules/0/if [0,8): `crosover` is not known" in found["document"]
    assert "did you mean" in found["document"] or "write `crossover`" in found["document"]
    rewrite(store, "strategies", place, document('"mult":3', '"mult":4'))
    assert set(failed(store, "strategies", place)) == {"document"}


def test_a_reference_into_a_table_that_is_not_there_yet_is_not_judged(store: Store) -> None:
    place = Partition("c0-tiny", "ma_cross")
    store.discard(TABLES["strategies"], Partition(strategy="ma_cross"))
    assert failed(store, "backtests", place) == {}
    rows = store.read(TABLES["scenarios"], PLACE)
    rewrite(store, "scenarios", PLACE, rows.head(1))
    assert set(failed(store, "backtests", place)) == {"references"}


def test_a_failed_check_stops_what_is_downstream_in_the_same_run(
    tiny: Path, store: Store, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = checks.findings

    def one_bad(store: Store, table: object, partition: Partition) -> list[checks.Finding]:
        found = honest(store, table, partition)
        if table.name == "standings":
            found[1] = checks.Finding("key", False, 1, "row 1: twice")
        return found

    monkeypatch.setattr(checks, "findings", one_bad)
    headless.register(instance, tiny)
    keys = [dg.AssetKey(table.name) for table in (*steps.TOURNAMENTS, *steps.REPORT)]
    job = build(tiny).get_repository_def().get_implicit_job_def_for_assets(keys)
    with dg.partition_loading_context(dynamic_partitions_store=instance):
        result = job.execute_in_process(
            asset_selection=keys,
            instance=instance,
            tags={headless.PARTITION: "c0-tiny"},
            raise_on_error=False,
        )
    assert not result.success
    assert instance.get_latest_materialization_event(dg.AssetKey("games")) is not None
    assert instance.get_latest_materialization_event(dg.AssetKey("report")) is None
    summary = headless.run("c0-tiny", home=tiny, progress=print, instance=instance)
    assert summary.exit_code != 0
    assert summary.failures == ["standings c0-tiny: check key: row 1: twice"]


def test_every_market_of_the_campaign_obeys_its_laws(store: Store) -> None:
    assert checks.acceptance(store, PLACE, {}) == checks.Finding("acceptance", True)


def test_a_law_that_is_broken_is_named_with_its_scenario(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = engine.scenario_laws

    def other(document: dict[str, Any], source: Any = None) -> dict[str, Any]:
        wrong = {"statistic": "variance_ratio", "arguments": [4.0], "low": 1.5, "high": 2.0}
        return {**honest(document, source), "laws": [wrong]}

    monkeypatch.setattr(engine, "scenario_laws", other)
    acceptance._accepted.cache_clear()
    found = checks.acceptance(store, PLACE, {})
    acceptance._accepted.cache_clear()
    names = store.read(TABLES["scenarios"], PLACE, ["scenario_id"])["scenario_id"]
    assert not found.has_passed
    assert found.count == names.len()
    for name in names:
        assert f"{name}: variance_ratio(4): got " in found.message
    assert "expected 1.4" in found.message


def test_what_is_accepted_is_the_document_that_was_written(store: Store) -> None:
    rows = store.read(TABLES["scenarios"], PLACE)
    broken = rows.with_columns(document=pl.col("document").str.replace('"seed":', '"sead":'))
    rewrite(store, "scenarios", PLACE, broken)
    found = checks.acceptance(store, PLACE, {})
    assert not found.has_passed
    assert "sead" in found.message


def test_scenarios_that_are_gone_are_not_accepted(store: Store) -> None:
    store.discard(TABLES["scenarios"], PLACE)
    assert not checks.acceptance(store, PLACE, {}).has_passed


def test_only_the_scenarios_are_accepted(
    tiny: Path, run: Callable[[Path], headless.Summary], monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = checks.Finding("acceptance", False, 1, "calm: variance(): got 1, expected 2 to 3")
    monkeypatch.setattr(checks, "acceptance", lambda *_: finding)
    summary = run(tiny)
    assert summary.exit_code != 0
    assert summary.failures == [
        "scenarios c0-tiny: check acceptance: calm: variance(): got 1, expected 2 to 3"
    ]
