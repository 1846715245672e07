"""Dagster's daemon on Postgres: a backfill that outlives a worker, a sensor that sees an edit."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.launcher import WorkerStatus
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster_graphql.cli import execute_query

from pipelines import doctor, headless
from pipelines import home as homes
from pipelines.launching import Launcher
from simcore.store import Store
from tests.scale import servers, small

PATIENCE_SECONDS = 900.0
LAUNCH = """mutation($asked: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $asked) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}"""
BACKFILL_TAG = "dagster/backfill"
KEYS = [f"{campaign}|{name}" for campaign in small.BACKFILLED for name in small.STRATEGIES]


def eventually(found: Callable[[], Any], what: str) -> Any:
    """Return what is found once it is anything."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.5)
    raise AssertionError(f"{what}: not within {PATIENCE_SECONDS:.0f} seconds")


def launch(workspace: WorkspaceProcessContext) -> str:
    """Ask for a backfill as the page does, and return its id."""
    selection = [{"path": [table.name]} for table in small.RUNS]
    asked = {"assetSelection": selection, "partitionNames": KEYS, "tags": []}
    answer = execute_query(workspace, LAUNCH, {"asked": asked})
    (launched,) = answer["data"].values()
    assert launched["__typename"] == "LaunchBackfillSuccess", answer
    return str(launched["backfillId"])


def runs(instance: dg.DagsterInstance, backfill: str) -> list[dg.DagsterRun]:
    return list(instance.get_runs(dg.RunsFilter(tags={BACKFILL_TAG: backfill})))


def made(instance: dg.DagsterInstance, run_id: str) -> dict[tuple[str, str], bool]:
    """Return whether each partition that a run told of was found whole, by table and key."""
    said = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    found = [each.dagster_event.step_materialization_data.materialization for each in said]
    return {
        (each.asset_key.to_user_string(), str(each.partition)): bool(each.metadata["reused"].value)
        for each in found
    }


def worker_of(cluster: servers.Cluster, instance: dg.DagsterInstance, run_id: str) -> str:
    """Return which worker does a run."""
    said = instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    pids = [each.dagster_event.engine_event_data.metadata.get("pid") for each in said]
    (name,) = {cluster.runner(int(str(each.value))) for each in pids if each is not None}
    assert name is not None
    return name


@dataclass(frozen=True)
class Lost:
    """What became of a backfill one of whose two workers was killed whole.

    Args:
        run_id: The run that it did.
        before: What the run had told of by then.
        health: What the launcher said of it afterwards.
        doctor: What the doctor found.
        again: What the run in its place told of.
        status: How the backfill ended.
        runs: Its runs.
        contents: What then lay in the lake.
    """

    run_id: str
    before: dict[tuple[str, str], bool]
    health: WorkerStatus
    doctor: doctor.Report
    again: dict[tuple[str, str], bool]
    status: str
    runs: list[dg.DagsterRun]
    contents: dict[str, str]


@pytest.fixture(scope="module")
def lost(cluster: servers.Cluster, spread: small.Spread) -> Lost:
    assert spread.contents
    home = cluster.home
    small.make_sources(home, small.BACKFILLED)
    with homes.instance(home) as instance, Launcher.opened(instance, pieces=1) as launcher:
        headless.register(instance, home)
        backfill = launch(launcher.workspace)

        def begun() -> str | None:
            for run in runs(instance, backfill):
                if run.status == dg.DagsterRunStatus.STARTED and made(instance, run.run_id):
                    return run.run_id
            return None

        run_id = eventually(begun, "the first partition of the backfill")
        name = worker_of(cluster, instance, run_id)
        servers.kill(cluster.workers.pop(name))
        before = made(instance, run_id)
        run = instance.get_run_by_id(run_id)
        assert run is not None
        assert run.status == dg.DagsterRunStatus.STARTED
        health = instance.run_launcher.check_run_worker_health(run).status
        report = doctor.run(home, instance=instance)
        status = eventually(lambda: ended(instance, backfill), "the end of the backfill")
        after = runs(instance, backfill)
        (again,) = [each for each in after if each.parent_run_id == run_id]
        told = made(instance, again.run_id)
    found = small.contents(Store.of(home))
    return Lost(run_id, before, health, report, told, status, after, found)


def ended(instance: dg.DagsterInstance, backfill: str) -> str | None:
    found = instance.get_backfill(backfill)
    return found.status.value if found and found.status.value.startswith("COMPLETED") else None


@pytest.fixture(scope="module")
def honest(alone: small.Alone) -> Path:
    """The home of one process, where it made what the backfill was asked for."""
    small.make_sources(alone.home, small.BACKFILLED)
    small.make_runs(alone.home, small.BACKFILLED)
    return alone.home


def test_a_worker_that_is_killed_whole_looks_alive_until_the_doctor_is_asked(lost: Lost) -> None:
    assert lost.health == WorkerStatus.RUNNING
    (found,) = lost.doctor.findings
    assert (found.kind, found.place) == ("run", lost.run_id)
    assert found.remedy == "marked as failed"


def test_the_other_worker_goes_on_from_what_the_lost_one_wrote(lost: Lost) -> None:
    assert len(lost.before) >= 1
    assert not any(lost.before.values())
    assert set(lost.before) < set(lost.again)
    assert [each for each in lost.before if not lost.again[each]] == []
    assert not all(lost.again.values())


def test_the_backfill_ends_well_with_the_contents_of_one_process(lost: Lost, honest: Path) -> None:
    assert lost.status == "COMPLETED_SUCCESS"
    statuses = sorted(each.status.value for each in lost.runs)
    assert statuses == ["FAILURE", "SUCCESS", "SUCCESS"]
    assert len(small.RUNS) * len(KEYS) == sum(
        name.endswith(f" {key}") for name in lost.contents for key in KEYS
    )
    assert lost.contents == small.contents(Store.of(honest))


@pytest.fixture(scope="module")
def edited(cluster: servers.Cluster, lost: Lost) -> dict[str, str]:
    """What lies in the lake after the user's own strategy was edited and all runs have ended."""
    assert lost.contents
    path = cluster.home / "strategies" / f"{small.OWN}.toml"
    with cluster.worker("worker2"), homes.instance(cluster.home) as instance:
        before = {run.run_id for run in instance.get_runs()}
        path.write_text(small.strategy(fast=20), encoding="utf-8")
        eventually(lambda: standings_of(instance, before), "the standings after the edit")
    return small.contents(Store.of(cluster.home))


def standings_of(instance: dg.DagsterInstance, before: set[str]) -> bool:
    """Return whether standings of every campaign, and all that came before, have ended well."""
    asked = [run for run in instance.get_runs() if run.run_id not in before]
    assert [run.run_id for run in asked if run.is_failure_or_canceled] == []
    played = [run for run in asked if run.job_name == "play_tournaments" and run.is_success]
    return len(played) == 1 + len(small.BACKFILLED) and all(run.is_finished for run in asked)


def test_the_sensor_reruns_an_edited_strategy_and_what_stands_on_it(
    edited: dict[str, str], lost: Lost, honest: Path
) -> None:
    path = honest / "strategies" / f"{small.OWN}.toml"
    path.write_text(small.strategy(fast=20), encoding="utf-8")
    changed = {name for name, digest in edited.items() if lost.contents.get(name) != digest}
    touched = {name for name in changed if name.partition(" ")[2].endswith(small.OWN)}
    assert len(touched) > 3 * len(small.BACKFILLED)
    others = {name for name in changed - touched if "|" in name.partition(" ")[2]}
    assert others == set()
    small.make_sources(honest, small.BACKFILLED)
    small.make_runs(honest, (small.WHOLE, *small.BACKFILLED))
    expected = small.contents(Store.of(honest))
    assert {name: edited[name] for name in touched} == {name: expected[name] for name in touched}
