"""A worker before it takes its first run."""

from __future__ import annotations

import fcntl
from pathlib import Path

import dagster as dg
import pytest

from pipelines import home as homes
from pipelines import worker
from pipelines.resources import run_lock
from simcore.errors import StoreError


def test_a_worker_ends_the_runs_that_died_with_another_and_no_others(tmp_path: Path) -> None:
    with homes.instance(tmp_path) as instance:
        dead, alive = (
            instance.add_run(dg.DagsterRun(job_name=name, status=dg.DagsterRunStatus.STARTED))
            for name in ("dead", "alive")
        )
        for run in (dead, alive):
            run_lock(tmp_path, run.run_id).parent.mkdir(parents=True, exist_ok=True)
            run_lock(tmp_path, run.run_id).touch()
        with run_lock(tmp_path, alive.run_id).open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            (finding,) = worker.cleared(tmp_path)
        assert (finding.kind, finding.place) == ("run", dead.run_id)
        found = instance.get_run_by_id(dead.run_id)
        assert found is not None
        assert found.status == dg.DagsterRunStatus.FAILURE
        still = instance.get_run_by_id(alive.run_id)
        assert still is not None
        assert still.status == dg.DagsterRunStatus.STARTED


def test_a_worker_of_an_instance_without_a_broker_says_where_to_begin(tmp_path: Path) -> None:
    with homes.instance(tmp_path), pytest.raises(StoreError, match="deploy/dagster-celery") as said:
        worker.application()
    assert said.value.code == "NO_BROKER"
