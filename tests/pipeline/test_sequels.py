"""What follows runs that have ended, tick by tick: each once, and none forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.execution.plan.objects import StepFailureData, UserFailureData

from pipelines import headless, sequels, waves
from pipelines import home as homes
from pipelines.nightly import verify_lake
from simcore.errors import StoreError, TableError
from simcore.store import Store

AWAY = StoreError("UNREACHABLE", "s3://lakes/x: got no answer", is_passing=True)


class Watch:
    """Ticks of the sensor over one home; one that fails leaves the cursor, as in the daemon."""

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        self.home, self.instance = home, instance
        self.store = Store(homes.lake(home))
        self.cursor: str | None = None

    def tick(self) -> list[dg.RunRequest]:
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        self.result = sequels.sequels(context, store=self.store, home=self.home)
        self.cursor = self.result.cursor
        return list(self.result.run_requests or [])

    def ended(self, job_name: str, status: str = "SUCCESS", **tags: str) -> dg.DagsterRun:
        """End a run that a sensor asked for."""
        run = self.instance.add_run(dg.DagsterRun(job_name=job_name, tags=tags))
        event = dg.DagsterEvent(event_type_value=f"PIPELINE_{status}", job_name=job_name)
        self.instance.report_dagster_event(event, run.run_id)
        return run


def of_wave(campaign: str = "mine", *, runs: int = 1, key: str = "a") -> dict[str, str]:
    return {
        waves.TICK_TAG: "7",
        waves.CAMPAIGN_TAG: campaign,
        waves.WAVE_TAG: "0",
        waves.COUNT_TAG: str(runs),
        waves.CHANGED_TAG: "scenarios/my-market",
        waves.RANGE_START: f"{campaign}|{key}",
    }


def of_tick(key: str, *, runs: int) -> dict[str, str]:
    return {
        waves.TICK_TAG: "7",
        waves.CAMPAIGN_TAG: "mine",
        waves.COUNT_TAG: str(runs),
        "dagster/partition": f"mine|{key}",
    }


@pytest.fixture
def watch(small: Path, instance: dg.DagsterInstance) -> Watch:
    """A sensor over a home whose tournament has changed, so that its standings are owed."""
    headless.register(instance, small)
    document = small / "tournaments" / "league.toml"
    document.write_text(document.read_text().replace("alpha = 0.05", "alpha = 0.1"))
    made = Watch(small, instance)
    assert made.tick() == []
    return made


def names(requests: list[dg.RunRequest]) -> list[str | None]:
    return [each.run_key for each in requests]


def test_what_follows_comes_once_the_lake_answers_again(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch.ended("generate_markets", **of_wave())
    with monkeypatch.context() as away:

        def refuse(*_: Any) -> None:
            raise AWAY

        away.setattr(Store, "partitions", refuse)
        away.setattr(Store, "footer", refuse)
        before = watch.cursor
        for _ in range(2):
            with pytest.raises(StoreError, match="no answer"):
                watch.tick()
        assert watch.cursor == before
    assert names(watch.tick()) == ["mine:standings:7:1"]
    assert watch.tick() == [], "and it comes once"


def fail(watch: Watch, code: str, times: str = "0", **tags: str) -> dg.DagsterRun:
    """Let a run of standings fail with what its step tells of an error."""
    known = {"dagster/run_key": "x", "dagster/partition": "mine", sequels.AGAIN_TAG: times}
    run = watch.instance.add_run(dg.DagsterRun(job_name="play_tournaments", tags=known | tags))
    told = UserFailureData("failure", "no answer", {"code": dg.MetadataValue.text(code)})
    failure = StepFailureData(error=None, user_failure_data=told)
    for event in (
        dg.DagsterEvent("STEP_FAILURE", run.job_name, event_specific_data=failure),
        dg.DagsterEvent("PIPELINE_FAILURE", run.job_name),
    ):
        watch.instance.report_dagster_event(event, run.run_id)
    return run


def test_a_run_that_an_absent_lake_made_fail_is_asked_for_again_once_it_answers(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:

        def refuse(*_: Any) -> None:
            raise AWAY

        away.setattr(Store, "partitions", refuse)
        run = fail(watch, "UNREACHABLE", **{waves.TICK_TAG: "7", "proving/strategy": "x"})
        for _ in range(2):
            assert watch.tick() == []
            assert "1 runs are owed: s3://lakes/x" in str(watch.result.skip_reason)
    (request,) = watch.tick()
    assert (request.job_name, request.partition_key) == ("play_tournaments", "mine")
    assert request.run_key == f"again:{run.run_id}"
    assert request.tags == {waves.TICK_TAG: "7", sequels.AGAIN_TAG: "1"}
    assert watch.tick() == []


@pytest.mark.parametrize(
    ("code", "times", "key"),
    [("TORN", "0", "x"), ("UNREACHABLE", "5", "x"), ("UNREACHABLE", "0", "")],
    ids=["of its own", "too often", "of a person"],
)
def test_a_run_that_failed_otherwise_or_too_often_is_not_asked_for_again(
    watch: Watch, code: str, times: str, key: str
) -> None:
    run = fail(watch, code, times)
    if not key:
        watch.instance.add_run_tags(run.run_id, {"dagster/run_key": ""})
    assert watch.tick() == []


def test_all_that_ended_since_the_last_tick_is_followed_at_once(watch: Watch) -> None:
    for key in "abcdefgh":
        watch.ended("run_backtests", **of_tick(key, runs=8))
    watch.ended("generate_markets", **of_wave())
    assert sorted(map(str, names(watch.tick()))) == ["mine:standings:7", "mine:standings:7:1"]


def test_one_campaign_that_is_broken_keeps_no_other_waiting(watch: Watch) -> None:
    (watch.home / "campaigns" / "broken.toml").write_text("id = 7")
    watch.ended("generate_markets", **of_wave("broken"))
    watch.ended("generate_markets", **of_wave())
    assert names(watch.tick()) == ["mine:standings:7:1"]
    watch.ended("generate_markets", **of_wave("broken"))
    assert watch.tick() == []
    assert "campaigns/broken.toml" in str(watch.result.skip_reason)


def test_an_error_that_is_of_one_campaign_alone_is_told_and_passed_over(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = waves.touched

    def stumble(store: Store, campaign: str, *, home: Path) -> Any:
        if campaign == "newer":
            raise TableError("NEWER_SCHEMA", "newer/data.parquet: got version 9, expected 1")
        return honest(store, campaign, home=home)

    monkeypatch.setattr(waves, "touched", stumble)
    watch.ended("generate_markets", **of_wave("newer"))
    watch.ended("generate_markets", **of_wave())
    assert names(watch.tick()) == ["mine:standings:7:1"]
    watch.ended("generate_markets", **of_wave("newer"))
    assert watch.tick() == []
    assert "got version 9" in str(watch.result.skip_reason)


def test_a_wave_is_not_followed_before_its_last_run_nor_after_a_failure(watch: Watch) -> None:
    watch.ended("shake_stack", **of_wave(runs=2, key="a"))
    assert watch.tick() == []
    watch.ended("calibrate_gate", "FAILURE", **of_wave(runs=2, key="b"))
    assert watch.tick() == []
    assert "nothing is built on it" in str(watch.result.skip_reason)
    watch.ended("calibrate_gate", **of_wave(runs=2, key="b"))
    assert names(watch.tick()) == ["mine:standings:7:1"], "tried again, it did"


def test_the_end_of_the_night_is_followed_by_what_is_not_current(watch: Watch) -> None:
    night = watch.ended(verify_lake.name, "FAILURE")
    tick = int(night.run_id[:8], 16)
    assert names(watch.tick()) == [f"mine:standings:{tick}:0"]


def test_what_nobody_asked_for_and_what_is_history_have_no_sequel(watch: Watch) -> None:
    watch.ended("run_backtests", **{"dagster/partition": "mine|mine"})
    assert watch.tick() == []
    watch.ended("generate_markets", **of_wave())
    watch.cursor = None
    assert watch.tick() == []
    assert "history" in str(watch.result.skip_reason)
    assert watch.tick() == []
    watch.ended("generate_markets", **of_wave())
    assert names(watch.tick()) == ["mine:standings:7:1"]


def test_so_many_endings_that_one_tick_does_not_see_them_all_are_all_followed(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequels.endings, "ENDED_MAX", 3)
    for key in "abcdefgh":
        watch.ended("run_backtests", **of_tick(key, runs=1) | {waves.TICK_TAG: key})
    asked = [each for _ in range(4) for each in names(watch.tick())]
    assert asked == [f"mine:standings:{key}" for key in "abcdefgh"]
