"""Errors that pass are tried again, others are not; a stopped run leaves partitions whole."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets import events
from pipelines import backfill, headless
from pipelines import home as homes
from pipelines.definitions import build
from simcore import steps
from simcore.errors import EngineError, StoreError
from simcore.store import Store
from simcore.tables import TABLES
from simcore.verification import verify


def failing(error: Exception, times: int, then: Callable[..., Any]) -> Callable[..., Any]:
    left = times

    def fail(*arguments: Any) -> Any:
        nonlocal left
        if left:
            left -= 1
            raise error
        return then(*arguments)

    return fail


def markets(home: Path, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    headless.register(instance, home)
    keys = [dg.AssetKey(table.name) for table in steps.MARKETS]
    job = build(home).get_repository_def().get_implicit_job_def_for_assets(keys)
    with dg.partition_loading_context(dynamic_partitions_store=instance):
        return job.execute_in_process(
            asset_selection=keys,
            instance=instance,
            tags={headless.PARTITION: "mine"},
            raise_on_error=False,
        )


def tries(result: dg.ExecuteInProcessResult) -> int:
    """Count how often the markets were tried; the check of the documents is a step of its own."""
    own = [each for each in result.all_events if each.step_key != "scenarios_documents"]
    return sum(each.is_step_start or each.is_step_restarted for each in own)


@pytest.mark.parametrize(
    ("error", "is_passing"),
    [
        (OSError(errno.EBUSY, "busy", "bars"), True),
        (StoreError("VANISHED", "gone for a moment", is_passing=True), True),
        (OSError(errno.EROFS, "read-only", "bars"), False),
        (StoreError("TORN", "torn for good"), False),
        (EngineError("TOO_SHORT", "got 1 bar, expected 2"), False),
    ],
    ids=["busy", "vanished", "read-only", "torn", "refused"],
)
def test_only_an_error_that_may_pass_is_tried_again(
    small: Path,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    is_passing: bool,
) -> None:
    monkeypatch.setattr(steps, "markets", failing(error, 1, steps.markets))
    result = markets(small, instance)
    assert result.success == is_passing
    assert tries(result) == 1 + is_passing
    if not is_passing:
        (failure,) = (each for each in result.all_events if each.is_step_failure)
        told = str(failure.step_failure_data.user_failure_data.description)
        assert told in (str(error), f"bars: {error.args[-1]}", "bars: read-only")
        (evaluation, *_) = result.get_asset_check_evaluations()
        assert not evaluation.passed
        assert evaluation.partition == "mine"


def test_an_error_that_does_not_pass_ends_after_its_tries_with_its_reason(
    small: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = OSError(errno.EBUSY, "busy", "bars")
    monkeypatch.setattr(steps, "markets", failing(busy, 99, steps.markets))
    result = markets(small, instance)
    assert not result.success
    assert tries(result) == 1 + events.RETRIES
    (failure,) = (each for each in result.all_events if each.is_step_failure)
    assert failure.step_failure_data.user_failure_data.description == "bars: busy"


def test_a_run_is_found_by_the_documents_it_works_on(
    small: Path, instance: dg.DagsterInstance
) -> None:
    result = markets(small, instance)
    (run,) = instance.get_runs(dg.RunsFilter(tags={"proving/campaign": "mine"}))
    assert run.run_id == result.run_id
    said = [each.user_message for each in instance.all_logs(run.run_id) if each.user_message]
    assert any(each.startswith("mine: 0 tables made, 3 reused, ") for each in said)


STOPPED = """
import sys, time
from pathlib import Path
from pipelines import headless
from simcore import steps

honest = steps.backtest.run_strategy
def slow(strategy, *rest):
    made = honest(strategy, *rest)
    print("ran", strategy.id, flush=True)
    if strategy.id == "zero_rule":
        time.sleep(60)
    return made
steps.backtest.run_strategy = slow
sys.exit(headless.run("mine", home=Path(sys.argv[1]), progress=print).exit_code)
"""


def test_a_run_that_is_stopped_leaves_partitions_whole_and_is_taken_up_by_rerun(
    small: Path,
) -> None:
    store = Store(homes.lake(small))
    for table in (*steps.BACKTESTS, *steps.TOURNAMENTS):
        for place in store.partitions(table):
            store.discard(table, place)
    command = [sys.executable, "-c", STOPPED, str(small)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if line == "ran zero_rule\n":
                break
        running.send_signal(signal.SIGINT)
        running.wait(timeout=60)
    assert running.returncode != 0
    assert [each.message for each in verify(small) if not each.is_sound] == []
    left = {each.key for each in store.partitions(TABLES["backtests"])}
    assert left == {"mine|mine"}
    with homes.instance(small) as own:
        stopped = own.get_runs(limit=1)[0]
        assert stopped.status in (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
        assert backfill.failed(own, small) == ["mine"]
    _, (told,), exit_code = backfill.rerun(home=small, progress=print)
    assert exit_code == 0
    assert told["failures"] == []
    made = {each["key"] for each in told["partitions"] if each["table"] == "backtests"}
    assert made == {"mine|mine", "mine|zero_rule"}


def test_a_backfill_goes_on_behind_a_campaign_that_is_refused(
    small: Path, instance: dg.DagsterInstance
) -> None:
    (small / "campaigns" / "broken.toml").write_text("id = 7\n")
    with homes.instance(small) as own:
        text, told, exit_code = backfill.run(
            ["broken", "mine"], home=small, progress=print, instance=own
        )
    assert exit_code == 2
    assert [each["campaign"] for each in told] == ["broken", "mine"]
    assert "campaigns/broken.toml" in text
    assert "0 made" in text


def test_a_home_without_failures_has_nothing_to_rerun(
    small: Path, instance: dg.DagsterInstance
) -> None:
    with pytest.raises(Exception, match="expected one"):
        backfill.failed(instance, small)
