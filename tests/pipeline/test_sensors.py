from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationPlanned,
)
from dagster._core.loader import LoadingContextForTest
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord

from assets import snapshots
from pipelines import alerts, campaign_sensor, doctor, headless, sensors, sequels, waves
from pipelines import home as homes
from pipelines.definitions import build
from simcore import documents, quarantine, steps
from simcore.campaign import load
from simcore.errors import SpecError
from simcore.store import Partition, Store
from simcore.strategy.strategy import compile_strategy
from simcore.tables import TABLES

DOCUMENTS = dg.AssetCheckKey(dg.AssetKey("strategies"), "documents")
STRATEGY = """\
version = "0.1.0"
id = "{name}"
name = "Mine"
timeframe = "1h"
[params]
n = {n}
[[rules]]
if = "close > ma(close, n)"
then = "buy"
[[rules]]
if = "close < ma(close, n)"
then = "close"
[risk]
sizing = {{ type = "pct_equity", value = 50 }}
stop = {{ type = "pct", value = 5 }}
[metadata]
"""


class Watch:
    """Ticks of the sensor over one home, each told what the one before left."""

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        self.home = home
        self.instance = instance
        self.store = Store(homes.lake(home))
        self.cursor: str | None = None
        self.keys: set[str] = set()

    def write(self, text: str, name: str = "mine", suffix: str = ".toml") -> Path:
        path = self.home / "strategies" / f"{name}{suffix}"
        path.write_text(text)
        self.age(path)
        return path

    def age(self, path: Path) -> None:
        then = time.time() - 60.0
        os.utime(path, (then, then))

    def tick(self) -> list[tuple[str, str]]:
        """Return what was asked for, as job and partition."""
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        result = sensors.strategy_documents(context, store=self.store, home=self.home)
        self.result = result
        self.cursor = result.cursor
        for request in result.dynamic_partitions_requests or []:
            name = request.partitions_def_name
            if isinstance(request, dg.AddDynamicPartitionsRequest):
                self.instance.add_dynamic_partitions(name, list(request.partition_keys))
            else:
                for key in request.partition_keys:
                    self.instance.delete_dynamic_partition(name, key)
        asked = []
        for request in result.run_requests or []:
            assert request.run_key not in self.keys, "a run key that was used starts nothing"
            self.keys.add(request.run_key)
            asked.append((request.job_name, request.partition_key))
        return asked


@pytest.fixture
def watch(tiny: Path, instance: dg.DagsterInstance) -> Watch:
    """A sensor that has seen the tiny campaign's home as it is."""
    headless.register(instance, tiny)
    made = Watch(tiny, instance)
    assert made.tick() == []
    assert made.tick() == []
    return made


def of_mine() -> list[tuple[str, str]]:
    return [("compile_strategies", "mine"), ("run_backtests", "c0-tiny|mine")]


def test_a_new_document_becomes_a_partition_and_runs_alone(watch: Watch) -> None:
    watch.write(STRATEGY.format(name="mine", n=5))
    assert watch.tick() == of_mine()
    assert "mine" in watch.instance.get_dynamic_partitions("strategy")
    assert watch.tick() == []


def test_a_campaign_that_was_never_materialised_is_left_alone(watch: Watch) -> None:
    watch.write(STRATEGY.format(name="mine", n=5))
    assert not any("c1-light" in key for _, key in watch.tick())


def test_a_changed_document_runs_again_and_so_does_one_that_changes_back(watch: Watch) -> None:
    for n in (5, 6, 5, 6):
        watch.write(STRATEGY.format(name="mine", n=n))
        assert watch.tick() == of_mine()
        assert watch.tick() == []


def test_a_document_that_is_removed_and_returns_unchanged_runs_again(watch: Watch) -> None:
    path = watch.write(STRATEGY.format(name="mine", n=5))
    watch.tick()
    path.unlink()
    assert watch.tick() == [], "an editor may be writing it anew"
    assert "mine" in watch.instance.get_dynamic_partitions("strategy")
    assert watch.tick() == [("play_tournaments", "c0-tiny")]
    assert "mine" not in watch.instance.get_dynamic_partitions("strategy")
    watch.write(STRATEGY.format(name="mine", n=5))
    assert watch.tick() == of_mine()
    assert "mine" in watch.instance.get_dynamic_partitions("strategy")


def test_the_tables_of_a_removed_strategy_are_retired_and_its_standings_forgotten(
    watch: Watch,
) -> None:
    path = watch.write(STRATEGY.format(name="mine", n=5))
    watch.tick()
    assert not headless.run(
        "c0-tiny", home=watch.home, progress=print, instance=watch.instance
    ).failures
    standings = TABLES["standings"]
    assert "mine" in set(watch.store.read(standings, Partition("c0-tiny"))["strategy_id"])
    path.unlink()
    watch.tick()
    watch.tick()
    for name in ("backtests", "trades", "equity"):
        place = Partition("c0-tiny", "mine")
        assert watch.store.footer(TABLES[name], place) is None
        assert Store(homes.retired(watch.home)).footer(TABLES[name], place) is not None
    assert watch.store.footer(TABLES["strategies"], Partition(strategy="mine")) is None
    assert not headless.run(
        "c0-tiny", home=watch.home, progress=print, instance=watch.instance
    ).failures
    assert "mine" not in set(watch.store.read(standings, Partition("c0-tiny"))["strategy_id"])


def test_a_reformatted_document_triggers_nothing(watch: Watch) -> None:
    text = STRATEGY.format(name="mine", n=5)
    path = watch.write(text)
    watch.tick()
    spaced = "# A comment.\n" + text.replace(" = ", "   =   ").replace("\n[", "\n\n\n[")
    watch.write(spaced)
    assert watch.tick() == []
    document = compile_strategy(path, home=watch.home).document
    path.unlink()
    watch.write(json.dumps(document, indent=3), suffix=".json")
    assert watch.tick() == []
    assert "mine" in watch.instance.get_dynamic_partitions("strategy")


def test_a_broken_document_stops_nothing_but_itself_and_is_named(watch: Watch) -> None:
    watch.write(STRATEGY.format(name="mine", n=5))
    watch.tick()
    watch.write("version = ")
    watch.write(STRATEGY.format(name="other", n=7), name="other")
    assert watch.tick() == [("compile_strategies", "other"), ("run_backtests", "c0-tiny|other")]
    assert watch.tick() == []
    assert "mine.toml" in str(watch.result.skip_reason)
    # What was known of it stays: it is neither gone nor changed.
    assert "mine" in watch.instance.get_dynamic_partitions("strategy")
    watch.write(STRATEGY.format(name="mine", n=5))
    assert watch.tick() == []


def test_documents_that_are_wrong_fail_a_check_until_they_are_mended(watch: Watch) -> None:
    def told() -> list[tuple[bool, str | None]]:
        watch.tick()
        for event in watch.result.asset_events:
            watch.instance.report_runless_asset_event(event)
        return [
            (each.passed, each.description)
            for each in watch.result.asset_events
            if isinstance(each, dg.AssetCheckEvaluation)
        ]

    right = STRATEGY.format(name="mine", n=5)
    assert told() == [(True, None)], "all is right, and the page says so"
    assert told() == [], "what was told is not told again"
    watch.write(right.replace("close > ma", "clsoe > ma").replace("close < ma", "clsoe < ma"))
    ((has_passed, text),) = told()
    with pytest.raises(SpecError) as refused:
        compile_strategy("mine", home=watch.home)
    problems = [str(each) for each in refused.value.problems]
    assert len(problems) == 2
    assert (has_passed, text) == (False, " · ".join(problems)), "a page shows no second line"
    assert "strategies/mine.toml: /rules/0/if [0,5): `clsoe` is not known" in str(text)
    known = watch.instance.get_latest_asset_check_evaluation_record(DOCUMENTS)
    assert known is not None
    evaluation = known.event.dagster_event.asset_check_evaluation_data
    assert evaluation.description == text
    rows = [each.data for each in evaluation.metadata["problems"].records]
    assert rows == [{"document": "mine", "problem": each} for each in problems]
    seen = dg.AssetRecordsFilter(dg.AssetKey("strategies"), asset_partitions=["mine"])
    (observed,) = watch.instance.fetch_observations(seen, limit=9).records
    problem = observed.asset_observation.metadata["problem"].value
    assert problem == refused.value.message, "on the partition's page"
    assert told() == [], "what was told is not told again"
    (watch.home / "strategies" / "mine.toml").touch()
    assert told() == [], "what is too young to be read is what it was"
    watch.age(watch.home / "strategies" / "mine.toml")
    watch.write(STRATEGY.format(name="other", n=7).replace('"1h"', '"2h"'), name="other")
    ((has_passed, text),) = told()
    assert not has_passed
    assert [line.split(":")[0] for line in str(text).split(" · ")] == [
        "strategies/mine.toml",
        "strategies/mine.toml",
        "strategies/other.toml",
    ]
    watch.write(right)
    assert [each[0] for each in told()] == [False]
    (watch.home / "strategies" / "other.toml").unlink()
    assert told() == [(True, None)]
    clash = watch.write(STRATEGY.format(name="ma_cross", n=5), name="ma_cross")
    ((has_passed, text),) = told()
    assert not has_passed and 'got the id "ma_cross" of library/' in str(text)
    clash.unlink()
    assert told() == [(True, None)]


def report_planned(instance: dg.DagsterInstance) -> None:
    """Leave what a run leaves that died before it asked the check of the documents."""
    run = instance.add_run(dg.DagsterRun(job_name="__ASSET_JOB"))
    planned = AssetCheckEvaluationPlanned(asset_key=DOCUMENTS.asset_key, check_name=DOCUMENTS.name)
    event = dg.DagsterEvent(
        event_type_value=dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED.value,
        job_name=run.job_name,
        event_specific_data=planned,
    )
    instance.report_dagster_event(event, run.run_id)
    instance.report_run_canceled(run)


def test_a_broken_document_stays_red_whatever_else_is_made_of_the_asset(watch: Watch) -> None:
    repository = build(watch.home).get_repository_def()

    def make(key: str, job: str = "__ASSET_JOB") -> None:
        """Materialise one strategy as a person does on the page, with every check, or by a job."""
        with dg.partition_loading_context(dynamic_partitions_store=watch.instance):
            done = repository.get_job(job).execute_in_process(
                asset_selection=[dg.AssetKey("strategies")],
                instance=watch.instance,
                tags={headless.PARTITION: key},
            )
        assert done.success, "a document in quarantine fails no run of another"

    def status() -> tuple[str | None, bool]:
        """Return what the list of checks shows: the status, and whether it is of these rows."""
        for event in watch.result.asset_events:
            watch.instance.report_runless_asset_event(event)
        context = LoadingContextForTest(watch.instance)
        record = AssetCheckExecutionRecord.blocking_get(context, DOCUMENTS)
        if record is None:
            return None, False
        is_latest = asyncio.run(record.targets_latest_materialization(context))
        return record.status.value, is_latest

    make("zero_rule")
    watch.tick()
    assert status() == ("SUCCEEDED", True)
    watch.write("version = ")
    watch.tick()
    assert status() == ("FAILED", True)
    make("ma_cross")
    watch.tick()
    assert status() == ("FAILED", True), "the next tick tells of it again"
    make("zero_rule", "compile_strategies")
    assert status() == ("FAILED", False)
    watch.tick()
    assert status() == ("FAILED", True), "and so it does where nobody else asked"
    report_planned(watch.instance)
    watch.tick()
    assert status() == ("FAILED", True), "a run that planned to ask and died hides nothing"
    watch.tick()
    assert list(watch.result.asset_events) == []
    (watch.home / "strategies" / "mine.toml").unlink()
    watch.tick()
    assert status() == ("SUCCEEDED", True)


def test_a_bug_that_one_document_wakes_keeps_no_other_waiting(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = quarantine.compile_strategy

    def stumble(path: Any, **rest: Any) -> Any:
        if Path(path).stem == "mine":
            raise ZeroDivisionError("division by zero")
        return honest(path, **rest)

    monkeypatch.setattr(quarantine, "compile_strategy", stumble)
    watch.write(STRATEGY.format(name="mine", n=5))
    watch.write(STRATEGY.format(name="other", n=7), name="other")
    assert watch.tick() == [("compile_strategies", "other"), ("run_backtests", "c0-tiny|other")]
    assert (
        "ZeroDivisionError: division by zero, which is a bug"
        in json.loads(watch.cursor or "")["refused"]["mine"]
    )


def test_what_is_no_file_is_told_of_and_stops_no_sensor(watch: Watch) -> None:
    folder = watch.home / "strategies"
    os.mkfifo(folder / "pipe.toml")
    (folder / "folder.json").mkdir()
    watch.write(STRATEGY.format(name="mine", n=5))
    assert watch.tick() == of_mine()
    refused = json.loads(watch.cursor or "")["refused"]
    assert refused == {
        "folder.json": "strategies/folder.json: got a folder, expected a file",
        "pipe.toml": "strategies/pipe.toml: got a pipe, expected a file",
    }


def test_a_name_of_any_bytes_stops_no_sensor_nor_the_start(home: Path) -> None:
    for kind in documents.KINDS:
        path = Path(os.fsdecode(os.fsencode(home / kind) + b"/bad\xff.toml"))
        path.write_text("version = ")
        then = time.time() - 60.0
        os.utime(path, (then, then))
    store = Store(homes.lake(home))
    with homes.instance(home) as own:
        headless.register(own, home)
        for sensor in (
            sensors.strategy_documents,
            campaign_sensor.campaign_documents,
            campaign_sensor.evolution_documents,
        ):
            result = sensor(dg.build_sensor_context(instance=own), store=store, home=home)
            evaluation, *_ = result.asset_events
            assert "bad\\udcff.toml: end of document" in str(evaluation.description)
            for event in result.asset_events:
                own.report_runless_asset_event(event)
        text = doctor.run(home, instance=own).text
    assert text.encode().count(b"/bad\\udcff.toml: ") >= len(documents.KINDS)


def test_a_folder_of_documents_that_is_away_retires_nothing(watch: Watch) -> None:
    watch.write(STRATEGY.format(name="mine", n=5))
    assert watch.tick() == of_mine()
    watch.cursor, known = watch.result.cursor, watch.result.cursor
    away = watch.home / "strategies.away"
    (watch.home / "strategies").rename(away)
    for _ in range(3):
        assert watch.tick() == []
        assert "nothing is taken for removed" in str(watch.result.skip_reason)
        watch.cursor = watch.cursor or known
    away.rename(watch.home / "strategies")
    assert watch.tick() == []
    assert "mine" in watch.instance.get_dynamic_partitions("strategy")


def test_a_file_that_may_be_half_written_waits_for_the_next_tick(watch: Watch) -> None:
    path = watch.home / "strategies" / "mine.toml"
    path.write_text(STRATEGY.format(name="mine", n=5))
    assert watch.tick() == []
    watch.age(path)
    assert watch.tick() == of_mine()


def test_a_clock_that_jumped_holds_up_no_document(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.touch()
    written = path.stat().st_mtime
    month = 30 * 86_400.0
    assert [sensors.is_young(path, written + after) for after in (-month, 0.5, 2.0, month)] == [
        False, True, False, False,
    ]  # fmt: skip
    path.unlink()
    assert sensors.is_young(path, written), "what went meanwhile is looked at by the next tick"


def test_a_first_tick_starts_nothing_and_the_next_runs_what_differs_from_the_lake(
    tiny: Path, instance: dg.DagsterInstance
) -> None:
    watch = Watch(tiny, instance)
    watch.write(STRATEGY.format(name="mine", n=5))
    assert watch.tick() == []
    assert "mine" in instance.get_dynamic_partitions("strategy")
    assert watch.tick() == of_mine()


def test_a_newcomers_ticks_start_nothing_even_once_a_market_is_made(
    home: Path, instance: dg.DagsterInstance
) -> None:
    watch = Watch(home, instance)
    assert watch.tick() == []
    headless.register(instance, home)
    steps.markets(watch.store, load("c0-tiny", home=home))
    assert watch.tick() == []
    watch.write(STRATEGY.format(name="mine", n=5))
    assert watch.tick() == of_mine()


def test_a_strategy_that_no_campaign_of_the_lake_enters_is_not_made_by_itself(
    home: Path, instance: dg.DagsterInstance
) -> None:
    text = (documents.found("campaigns")["c0-tiny"]).read_text().replace("c0-tiny", "c-few")
    few = text.replace('strategies = "all"', 'strategies = ["ma_cross", "zero_rule"]')
    (home / "campaigns" / "c-few.toml").write_text(few)
    watch, campaign = Watch(home, instance), load("c-few", home=home)
    steps.markets(watch.store, campaign)
    steps.strategies(watch.store, compile_strategy("ma_cross", home=home))
    assert watch.tick() == []
    # What the campaign names is what it lacks, and nothing else is.
    assert watch.tick() == [
        ("compile_strategies", "zero_rule"),
        ("run_backtests", "c-few|zero_rule"),
    ]
    assert watch.tick() == []


def test_a_forgotten_cursor_does_not_use_a_run_key_twice(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch.write(STRATEGY.format(name="mine", n=5))
    assert watch.tick() == of_mine()
    watch.cursor = None
    later = time.time() + sensors.INTERVAL_SECONDS
    monkeypatch.setattr(sensors.time, "time", lambda: later)
    watch.tick()
    assert watch.tick() == of_mine()  # the lake has no table of it yet


@pytest.mark.parametrize(
    "cursor",
    [
        "{",
        "[]",
        '{"seq": 1, "of another version": 2}',
        '{"seq": "1"}',
        '{"seq": 1, "files": ["c0-tiny"]}',
        '{"seq": 1, "files": {"c0-tiny": 5}}',
        '{"refused": [1]}',
        '{"event": "5"}',
        '{"event": 1, "documents": 2}',
    ],
)
@pytest.mark.parametrize(
    "sensor",
    [
        sensors.strategy_documents,
        campaign_sensor.campaign_documents,
        campaign_sensor.evolution_documents,
        alerts.alerts,
        sequels.sequels,
    ],
    ids=lambda sensor: sensor.name,
)
def test_a_cursor_that_cannot_be_read_stops_no_sensor(
    sensor: dg.SensorDefinition, cursor: str, home: Path, instance: dg.DagsterInstance
) -> None:
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    given: dict[str, Any] = {"home": home}
    if sensor is not alerts.alerts:
        given["store"] = Store(homes.lake(home))
    result = sensor(context, **given)
    assert result.cursor not in (None, cursor)
    assert not result.run_requests


def test_a_run_works_on_the_document_as_the_tick_saw_it(watch: Watch) -> None:
    path = watch.write(STRATEGY.format(name="mine", n=5))
    watch.tick()
    requests = watch.result.run_requests or []
    seen = compile_strategy(path, home=watch.home)
    watch.write(STRATEGY.format(name="mine", n=6))
    keys = [dg.AssetKey("strategies")]
    repository = build(watch.home).get_repository_def()
    with dg.partition_loading_context(dynamic_partitions_store=watch.instance):
        result = repository.get_implicit_job_def_for_assets(keys).execute_in_process(
            asset_selection=keys,
            instance=watch.instance,
            tags={**requests[0].tags, headless.PARTITION: "mine"},
        )
    assert result.success
    row = watch.store.read(TABLES["strategies"], Partition(strategy="mine")).row(0, named=True)
    assert row["ir_hash"] == seen.ir_hash


def test_a_snapshot_that_was_tampered_with_is_refused(home: Path) -> None:
    digest = snapshots.keep(home, {"id": "mine"})
    assert snapshots.recall(home, digest) == '{"id":"mine"}'
    snapshots.path(home, digest).write_text('{"id":"other"}')
    with pytest.raises(snapshots.StoreError, match="other content"):
        snapshots.recall(home, digest)
    snapshots.keep(home, {"id": "mine"})
    assert snapshots.recall(home, digest) == '{"id":"mine"}', "the next tick mends it"


def test_a_campaign_document_becomes_a_partition_and_its_removal_takes_it_away(
    home: Path, instance: dg.DagsterInstance
) -> None:
    cursor: str | None = None

    def tick() -> Any:
        nonlocal cursor
        context = dg.build_sensor_context(instance=instance, cursor=cursor)
        store = Store(homes.lake(home))
        result = campaign_sensor.campaign_documents(context, store=store, home=home)
        cursor = result.cursor
        return result

    path = home / "campaigns" / "mine.toml"
    path.write_text(
        'version = "0.1.0"\nid = "mine"\nname = "Mine"\nseed = 1\ndays = 5\n'
        'scenarios = ["vol-calm"]\n'
    )
    broken = home / "campaigns" / "broken.toml"
    broken.write_text("id = 7\n")
    then = time.time() - 60.0
    os.utime(broken, (then, then))
    result = tick()
    (request,) = result.dynamic_partitions_requests
    assert "mine" in request.partition_keys
    assert "broken" not in request.partition_keys
    assert "broken" in str(result.skip_reason)
    instance.add_dynamic_partitions("campaign", list(request.partition_keys))
    assert tick().dynamic_partitions_requests == []
    path.unlink()
    assert tick().dynamic_partitions_requests == [], "an editor may be writing it anew"
    (request,) = tick().dynamic_partitions_requests
    assert isinstance(request, dg.DeleteDynamicPartitionsRequest)
    assert list(request.partition_keys) == ["mine"]


def ended(instance: dg.DagsterInstance, key: str, count: int, status: dg.DagsterRunStatus) -> Any:
    """Return a run as a tick would have asked for it, in some state."""
    run = dg.DagsterRun(
        job_name="run_backtests",
        tags={
            "dagster/partition": key,
            waves.TICK_TAG: "7",
            waves.CAMPAIGN_TAG: "c0-tiny",
            waves.COUNT_TAG: str(count),
        },
        status=status,
    )
    return instance.add_run(run)


def outcome(instance: dg.DagsterInstance, run: Any) -> list[dg.RunRequest] | dg.SkipReason:
    return sensors.standings_of_tick(instance, run)


def test_standings_wait_for_the_last_run_of_a_tick(instance: dg.DagsterInstance) -> None:
    first = ended(instance, "c0-tiny|a", 2, dg.DagsterRunStatus.SUCCESS)
    assert isinstance(outcome(instance, first), dg.SkipReason)  # the second does not exist yet
    second = ended(instance, "c0-tiny|b", 2, dg.DagsterRunStatus.STARTED)
    assert isinstance(outcome(instance, first), dg.SkipReason)
    instance.report_run_failed(second)
    (request,) = outcome(instance, instance.get_run_by_id(second.run_id))
    assert request.partition_key == "c0-tiny"
    assert request.run_key == "c0-tiny:standings:7"
    again = ended(instance, "c0-tiny|b", 2, dg.DagsterRunStatus.SUCCESS)
    (request,) = outcome(instance, again)
    assert request.run_key == "c0-tiny:standings:7+1", "a key that was used starts nothing"


def test_standings_do_not_wait_for_a_wave_whose_tick_bears_the_same_number(
    instance: dg.DagsterInstance,
) -> None:
    own = ended(instance, "c0-tiny|a", 1, dg.DagsterRunStatus.SUCCESS)
    tags = {**own.tags, waves.WAVE_TAG: "0", waves.RANGE_START: "c0-tiny|b"}
    del tags["dagster/partition"]
    instance.add_run(dg.DagsterRun(job_name="run_backtests", tags=tags))
    (request,) = outcome(instance, own)
    assert request.partition_key == "c0-tiny"
