"""The night reads every file, fails the check of what lies, and reruns what is not current."""

from __future__ import annotations

import logging
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from assets import evaluations
from pipelines import backup, headless, nightly
from pipelines import home as homes
from pipelines.definitions import build
from simcore import engine, steps
from simcore.errors import TableError
from simcore.store import Partition, Store
from simcore.tables import TABLES
from simcore.verification import verify


def night(home: Path, instance: dg.DagsterInstance) -> tuple[dg.ExecuteInProcessResult, list[str]]:
    """Verify as the schedule does, and return the jobs that the next sensor tick asks for."""
    job = build(home).resolve_job_def(nightly.verify_lake.name)
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    store = Store(homes.lake(home))
    asked = nightly.reruns(instance, run, store, home, logging.getLogger(__name__))
    return result, [str(each.job_name) for each in asked]


def test_an_unchanged_lake_is_read_and_nothing_runs(
    small: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the engine was asked to work")

    headless.register(instance, small)
    monkeypatch.setattr(steps.generate, "generate_with_manifest", refuse)
    for name in ("backtest", "scripted", "metrics", "bootstrap", "uniforms", "normals", "paper"):
        monkeypatch.setattr(engine, name, refuse)
    result, asked = night(small, instance)
    assert result.success
    assert asked == []


def test_a_file_that_lies_fails_its_check_and_what_is_not_current_runs_again(
    small: Path, instance: dg.DagsterInstance
) -> None:
    headless.register(instance, small)
    store, place = Store(homes.lake(small)), Partition("mine")
    table = TABLES["bars"]
    rows = store.read(table, place)
    footer = store.footer(table, place)
    first = pl.int_range(pl.len()) == 0
    spoilt = rows.with_columns(volume=pl.col("volume") + first.cast(pl.Float64))
    strange = steps.step.Provenance(footer.documents, footer.seed, footer.engine_version)
    store.write(table, place, spoilt, strange)
    torn = store.path(TABLES["trades"], Partition("mine", "mine"))
    torn.write_bytes(torn.read_bytes()[:-40])
    result, asked = night(small, instance)
    assert not result.success
    failed = {
        (each.asset_key.to_user_string(), each.partition, each.check_name)
        for log in instance.all_logs(result.run_id)
        if log.is_dagster_event
        and log.dagster_event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
        for each in [log.dagster_event.asset_check_evaluation_data]
    }
    assert failed == {
        ("bars", "mine", "content_hash"),
        ("trades", "mine|mine", "content_hash"),
    }
    assert asked == ["generate_markets"], "runs wait for their market"


def test_what_the_night_fails_stands_beside_the_materialisation_that_it_judged(
    small: Path,
) -> None:
    torn = Store(homes.lake(small)).path(TABLES["trades"], Partition("mine", "mine"))
    torn.write_bytes(torn.read_bytes()[:-40])
    with homes.instance(small) as own:
        night(small, own)
        judged = evaluations.latest(own, "trades", "mine|mine")
        key = dg.AssetCheckKey(dg.AssetKey("trades"), "content_hash")
        (record,) = own.event_log_storage.get_asset_check_execution_history(key, limit=1)
    assert record.evaluation is not None
    assert not record.evaluation.passed
    assert record.evaluation.target_materialization_data is not None
    assert record.evaluation.target_materialization_data.storage_id == judged.storage_id


def test_a_home_that_was_backed_up_and_restored_verifies_and_makes_nothing_again(
    small: Path, tmp_path: Path
) -> None:
    back = tmp_path / "back"
    backup.backup(small, tmp_path / "b.tar.zst")
    backup.restore(tmp_path / "b.tar.zst", back)
    found = verify(back)
    assert len(found) == len(verify(small)) > 20
    assert [each.message for each in found if not each.is_sound] == []
    with homes.instance(back) as instance:
        summary = headless.run("mine", home=back, progress=print, instance=instance)
        n_runs = instance.get_runs_count()
    assert summary.failures == []
    assert all(each.is_reused for each in summary.made)
    with homes.instance(small) as instance:
        assert instance.get_runs_count() == n_runs, "no run was needed to find that out"


def test_an_error_of_one_campaign_does_not_cost_the_others_their_night(
    small: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    headless.register(instance, small)
    store = Store(homes.lake(small))
    store.discard(TABLES["standings"], Partition("mine"))
    bars = store.read(TABLES["bars"], Partition("mine"))
    store.write(TABLES["bars"], Partition("c0-tiny"), bars, steps.step.Provenance({}, 1, "x"))
    honest = nightly.waves.touched

    def stumble(store: Store, campaign: str, *, home: Path) -> dict[str, list[str]]:
        if campaign == "c0-tiny":
            raise TableError("NEWER_SCHEMA", "c0-tiny/data.parquet: got version 9, expected 1")
        return honest(store, campaign, home=home)

    monkeypatch.setattr(nightly.waves, "touched", stumble)
    run = instance.add_run(dg.DagsterRun(job_name=nightly.verify_lake.name))
    log = logging.getLogger(__name__)
    (asked,) = nightly.reruns(instance, run, store, small, log)
    assert asked.job_name == "play_tournaments"


def test_an_empty_lake_is_a_quiet_night(home: Path, instance: dg.DagsterInstance) -> None:
    result, asked = night(home, instance)
    assert result.success
    assert asked == []
