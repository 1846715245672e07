"""Changed campaigns, scenarios and tournaments rerun what they touch, wave after wave."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipelines import campaign_sensor, headless, waves
from pipelines import home as homes
from pipelines.definitions import build
from simcore import engine, reuse, steps
from simcore.errors import StoreError, TableError
from simcore.store import Partition, Store
from simcore.tables import TABLES


class Watch:
    """Ticks of the campaigns' sensor over one home, and the runs that it asks for."""

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        self.home, self.instance = home, instance
        self.store = Store(homes.lake(home))
        self.definitions = build(home)
        self.cursor: str | None = None

    def edit(self, document: str, old: str, new: str) -> None:
        path = self.home / document
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        self.age(path)

    def age(self, path: Path) -> None:
        then = time.time() - 60.0
        os.utime(path, (then, then))

    def tick(self) -> list[dg.RunRequest]:
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        result = campaign_sensor.campaign_documents(context, store=self.store, home=self.home)
        self.result, self.cursor = result, result.cursor
        for event in result.asset_events:
            self.instance.report_runless_asset_event(event)
        for request in result.dynamic_partitions_requests or []:
            name = request.partitions_def_name
            for key in request.partition_keys:
                if isinstance(request, dg.AddDynamicPartitionsRequest):
                    self.instance.add_dynamic_partitions(name, [key])
                else:
                    self.instance.delete_dynamic_partition(name, key)
        return list(result.run_requests or [])

    def told(self) -> list[tuple[bool, str | None]]:
        self.tick()
        return [
            (each.passed, each.description)
            for each in self.result.asset_events
            if isinstance(each, dg.AssetCheckEvaluation)
        ]

    def ended(self, request: dg.RunRequest, status: dg.DagsterRunStatus) -> Any:
        """Return what follows a run that was asked for and ended without doing anything."""
        run = dg.DagsterRun(job_name=str(request.job_name), tags=dict(request.tags), status=status)
        return self.sequel(self.instance.add_run(run))

    def execute(self, request: dg.RunRequest) -> Any:
        """Do what was asked for, and return what follows it."""
        job = self.definitions.resolve_job_def(str(request.job_name))
        with dg.partition_loading_context(dynamic_partitions_store=self.instance):
            result = job.execute_in_process(instance=self.instance, tags=dict(request.tags))
        assert result.success
        return self.sequel(self.instance.get_run_by_id(result.run_id))

    def sequel(self, run: Any) -> Any:
        return waves.sequel(self.instance, run, self.store, self.home)


def names(requests: list[dg.RunRequest]) -> list[str]:
    return [str(request.job_name) for request in requests]


@pytest.fixture
def watch(small: Path, instance: dg.DagsterInstance) -> Watch:
    """A sensor that has seen the small campaign's home as it is."""
    headless.register(instance, small)
    made = Watch(small, instance)
    assert made.tick() == []
    assert made.tick() == []
    return made


def test_a_changed_scenario_reruns_market_runs_and_standings_wave_after_wave(watch: Watch) -> None:
    before = watch.store.footer(TABLES["bars"], Partition("mine"))
    watch.edit("scenarios/my-market.toml", "seed", "p0 = 90.0\nseed")
    (market,) = watch.tick()
    assert market.job_name == "generate_markets"
    assert market.tags[waves.CHANGED_TAG] == "scenarios/my-market"
    assert watch.tick() == []
    runs = watch.execute(market)
    # What lies between the two in the order of the keys is not theirs to run.
    assert names(runs) == ["run_backtests"] * 2
    assert isinstance(watch.execute(runs[0]), dg.SkipReason)
    standings = watch.execute(runs[1])
    assert names(standings) == ["play_tournaments"]
    assert isinstance(watch.execute(standings[0]), dg.SkipReason)
    assert waves.touched(watch.store, "mine", home=watch.home) == {}
    after = watch.store.footer(TABLES["bars"], Partition("mine"))
    assert before.content_hash != after.content_hash


@pytest.mark.parametrize(
    ("document", "old", "new", "expected"),
    [
        ("tournaments/league.toml", "alpha = 0.05", "alpha = 0.1", ["play_tournaments"]),
        ("campaigns/mine.toml", 'name = "Mine"', 'name = "Ours"', ["play_tournaments"]),
        ("campaigns/mine.toml", "seed = 1", "seed = 2", ["shake_stack", "calibrate_gate"]),
        ("campaigns/mine.toml", "# no such", "", None),
        ("scenarios/my-market.toml", 'version = "', '# The same.\nversion = "', []),
    ],
    ids=["tournament", "name", "seed", "nothing", "comment"],
)
def test_a_change_asks_for_what_it_touches_first_and_no_more(
    watch: Watch, document: str, old: str, new: str, expected: list[str] | None
) -> None:
    if expected is None:
        assert watch.tick() == []
        return
    watch.edit(document, old, new)
    asked = watch.tick()
    assert names(asked) == expected
    assert all(request.tags[waves.CAMPAIGN_TAG] == "mine" for request in asked)
    assert watch.tick() == []


def test_a_wave_waits_for_its_last_run_and_ends_where_one_failed(watch: Watch) -> None:
    watch.edit("campaigns/mine.toml", "seed = 1", "seed = 2")
    shake, calibrate = watch.tick()
    waits = watch.ended(shake, dg.DagsterRunStatus.SUCCESS)
    assert isinstance(waits, dg.SkipReason)
    assert "1 of 2 runs have ended" in str(waits.skip_message)
    stops = watch.ended(calibrate, dg.DagsterRunStatus.FAILURE)
    assert isinstance(stops, dg.SkipReason)
    assert "nothing is built on it" in str(stops.skip_message)


def test_whatever_stage_alone_is_not_current_is_asked_for() -> None:
    for stage in reuse.STAGES:
        keys = ["mine|mine"] if stage.name == "runs" else ["mine"]
        asked = waves.requests(
            {stage.name: keys}, "mine", tick=1, wave=0, changed="code", strategies=["mine"]
        )
        assert len(asked) == 1, stage.name


def test_what_changed_while_a_campaign_was_refused_is_asked_for_once_it_is_mended(
    watch: Watch,
) -> None:
    watch.edit("tournaments/league.toml", "alpha = 0.05", "alpha = 5")
    assert watch.tick() == []
    # The sensor of strategies asks nothing of a campaign that cannot be read.
    path = watch.home / "strategies" / "mine.toml"
    path.write_text(path.read_text().replace("value = 10,", "value = 11,", 1))
    watch.edit("tournaments/league.toml", "alpha = 5", "alpha = 0.05")
    assert names(watch.tick()) == ["compile_strategies"]
    assert watch.tick() == []


def test_a_campaign_refused_when_the_cursor_was_lost_is_compared_with_the_lake_once_mended(
    watch: Watch,
) -> None:
    watch.edit("tournaments/league.toml", "alpha = 0.05", "alpha = 5")
    watch.cursor = None
    assert watch.tick() == []
    assert watch.tick() == []
    watch.edit("tournaments/league.toml", "alpha = 5", "alpha = 0.1")
    assert names(watch.tick()) == ["play_tournaments"]


def test_a_campaign_that_a_first_tick_did_not_find_is_compared_with_the_lake_too(
    watch: Watch,
) -> None:
    document = watch.home / "campaigns" / "mine.toml"
    text = document.read_text()
    document.unlink()
    watch.cursor = None
    assert watch.tick() == []
    document.write_text(text.replace('name = "Mine"', 'name = "Ours"'))
    watch.age(document)
    assert names(watch.tick()) == ["play_tournaments"]


def test_an_error_of_one_campaign_keeps_no_other_waiting_and_is_asked_again(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (watch.home / "campaigns" / "mine.toml").read_text()
    (watch.home / "campaigns" / "newer.toml").write_text(text.replace('"mine"', '"newer"', 1))
    watch.age(watch.home / "campaigns" / "newer.toml")
    assert watch.tick() == []
    honest, asked = waves.touched, []

    def stumble(store: Store, campaign: str, *, home: Path) -> Any:
        asked.append(campaign)
        if campaign == "newer":
            raise TableError("NEWER_SCHEMA", "newer/data.parquet: got version 9, expected 1")
        return honest(store, campaign, home=home)

    monkeypatch.setattr(waves, "touched", stumble)
    watch.edit("tournaments/league.toml", "alpha = 0.05", "alpha = 0.1")
    assert names(watch.tick()) == ["play_tournaments"]
    assert watch.tick() == []
    assert asked == ["mine", "newer", "newer"]


def test_a_lake_that_is_away_costs_no_change(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    watch.edit("tournaments/league.toml", "alpha = 0.05", "alpha = 0.1")
    with monkeypatch.context() as away:

        def refuse(*_: Any) -> None:
            raise StoreError("UNREACHABLE", "s3://lakes/x: got no answer", is_passing=True)

        away.setattr(Store, "partitions", refuse)
        before = watch.cursor
        with pytest.raises(StoreError, match="no answer"):
            watch.tick()
        assert watch.cursor == before
    assert names(watch.tick()) == ["play_tournaments"]


def test_a_file_that_never_comes_to_rest_holds_up_nothing_that_does_not_lean_on_it(
    watch: Watch,
) -> None:
    restless = watch.home / "scenarios" / "restless.toml"
    market = (watch.home / "scenarios" / "my-market.toml").read_text()
    restless.write_text(market.replace('"my-market"', '"restless"', 1))
    (watch.home / "scenarios" / "prices.csv").write_text("t,close\n")
    watch.edit("tournaments/league.toml", "alpha = 0.05", "alpha = 0.1")
    assert names(watch.tick()) == ["play_tournaments"]
    restless.write_text("version = ")
    watch.edit("campaigns/mine.toml", 'name = "Mine"', "nme = 1")
    ((has_passed, text),) = watch.told()
    assert not has_passed
    assert "campaigns/mine.toml: /nme" in str(text)
    assert "restless" not in str(text), "half of it may be missing as yet"
    watch.age(restless)
    ((_, text),) = watch.told()
    assert "scenarios/restless.toml" in str(text)


def test_a_folder_of_campaigns_that_is_away_retires_nothing(watch: Watch) -> None:
    folder, known = watch.home / "campaigns", watch.cursor
    folder.rename(watch.home / "away")
    for _ in range(3):
        watch.cursor = known
        assert watch.tick() == []
        assert watch.result.cursor is None, "what was known stays known"
        assert "nothing is taken for removed" in str(watch.result.skip_reason)
    watch.cursor = known
    (watch.home / "away").rename(folder)
    assert watch.tick() == []
    assert "mine" in watch.instance.get_dynamic_partitions("campaign")


def test_a_campaign_that_was_never_made_is_not_made_by_a_sensor(watch: Watch) -> None:
    path = watch.home / "campaigns" / "other.toml"
    text = (watch.home / "campaigns" / "mine.toml").read_text()
    path.write_text(text.replace('"mine"', '"other"', 1))
    watch.age(path)
    assert watch.tick() == []
    assert "other" in watch.instance.get_dynamic_partitions("campaign")
    watch.edit("campaigns/other.toml", "seed = 1", "seed = 2")
    assert watch.tick() == []


def test_a_first_tick_starts_nothing_and_the_next_runs_what_differs_from_the_lake(
    small: Path, instance: dg.DagsterInstance
) -> None:
    headless.register(instance, small)
    watch = Watch(small, instance)
    watch.edit("tournaments/league.toml", "alpha = 0.05", "alpha = 0.1")
    assert watch.tick() == []
    assert names(watch.tick()) == ["play_tournaments"]


def test_a_broken_document_fails_a_check_with_its_problem_and_stops_nothing_else(
    watch: Watch,
) -> None:
    watch.edit("tournaments/league.toml", "alpha = 0.05", "alpha = 5")
    broken = watch.home / "scenarios" / "odd.toml"
    broken.write_text("version = ")
    watch.age(broken)
    ((has_passed, text),) = watch.told()
    assert not has_passed
    assert "tournaments/league.toml" in str(text)
    assert str(text).count("/alpha: got 5") == 1, "though it is the campaign's problem too"
    assert "scenarios/odd.toml" in str(text)
    assert watch.told() == [], "what was told is not told again"
    assert "mine" in watch.instance.get_dynamic_partitions("campaign"), "it is not gone"
    watch.edit("tournaments/league.toml", "alpha = 5", "alpha = 0.1")
    broken.unlink()
    context = dg.build_sensor_context(instance=watch.instance, cursor=watch.cursor)
    result = campaign_sensor.campaign_documents(context, store=watch.store, home=watch.home)
    assert [each.passed for each in result.asset_events] == [True]
    assert names(result.run_requests) == ["play_tournaments"]


def test_a_file_that_may_be_half_written_waits_for_the_next_tick(watch: Watch) -> None:
    path = watch.home / "tournaments" / "league.toml"
    path.write_text(path.read_text().replace("alpha = 0.05", "alpha = 0.1"))
    assert watch.tick() == []
    watch.age(path)
    assert names(watch.tick()) == ["play_tournaments"]


def test_the_tables_of_a_removed_campaign_are_retired_but_for_its_trials(watch: Watch) -> None:
    path = watch.home / "campaigns" / "mine.toml"
    text = path.read_text()
    path.unlink()
    assert watch.tick() == []
    path.write_text(text)
    watch.age(path)
    assert watch.tick() == []
    assert watch.store.footer(TABLES["standings"], Partition("mine")) is not None
    path.unlink()
    assert watch.tick() == []
    assert watch.tick() == []
    assert "mine" not in watch.instance.get_dynamic_partitions("campaign")
    left = {name for name, table in TABLES.items() if watch.store.partitions(table)}
    assert left == {"strategies", "lineage", "trials"}
    moved = Store(homes.retired(watch.home))
    assert moved.footer(TABLES["standings"], Partition("mine")) is not None


def test_one_changed_strategy_remakes_its_rows_and_what_depends_on_them(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = small / "strategies" / "mine.toml"
    text = path.read_text()
    path.write_text(text.replace("value = 10,", "value = 11,", 1))
    assert path.read_text() != text
    ran: list[str] = []
    honest = steps.backtest.run_strategy

    def counted(strategy: Any, *rest: Any) -> Any:
        ran.append(strategy.id)
        return honest(strategy, *rest)

    monkeypatch.setattr(steps.backtest, "run_strategy", counted)
    with homes.instance(small) as own:
        summary = headless.run("mine", home=small, progress=print, instance=own)
    assert summary.failures == []
    assert set(ran) == {"mine"}
    made = {(each.table, each.key) for each in summary.made if not each.is_reused}
    of_runs = {
        table.name
        for table in (*steps.BACKTESTS, *steps.MONTE_CARLO, *steps.VALIDITY, *steps.EVIDENCE)
    }
    judged = {
        each.name for each in (*steps.TOURNAMENTS, *steps.HISTORY, *steps.PORTFOLIOS, *steps.REPORT)
    }
    expected = {(name, "mine|mine") for name in of_runs} | {(name, "mine") for name in judged}
    assert made == expected | {("strategies", "mine"), ("lineage", "mine")}


def test_an_idle_rerun_writes_no_event_and_asks_the_engine_nothing(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the engine was asked to work")

    monkeypatch.setattr(steps.generate, "generate_with_manifest", refuse)
    for name in ("backtest", "scripted", "metrics", "bootstrap", "uniforms", "normals", "paper"):
        monkeypatch.setattr(engine, name, refuse)
    with homes.instance(small) as own:
        before, n_runs = own.event_log_storage.get_maximum_record_id(), len(own.get_runs())
        summary = headless.run("mine", home=small, progress=print, instance=own)
        assert own.event_log_storage.get_maximum_record_id() == before
        assert len(own.get_runs()) == n_runs
    assert summary.failures == []
    assert summary.made
    assert all(each.is_reused for each in summary.made)
