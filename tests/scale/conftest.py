"""Servers of this machine, shared by the scale tests, and homes of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from pipelines import headless
from pipelines import home as homes
from simcore.store import Store
from tests.scale import servers, small


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DAGSTER_HOME", homes.VARIABLE, homes.LAKE_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "1")


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where servers say what they do."""
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="session")
def bucket(logs: Path) -> Iterator[dict[str, str]]:
    """The environment in which an empty bucket is found; this process has it too."""
    with servers.bucket(logs) as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield environment


@pytest.fixture
def url(bucket: dict[str, str], tmp_path: Path) -> str:
    """A place of one's own in the bucket."""
    return f"s3://lakes/{tmp_path.name}-{os.getpid()}"


@pytest.fixture(scope="session")
def cluster(
    bucket: dict[str, str], logs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[servers.Cluster]:
    """Two workers on one home whose lake is in the bucket; in the end nothing of them is left."""
    home = small.prepare(tmp_path_factory.mktemp("spread") / "home")
    with servers.cluster(home, logs, workers=2, lake="s3://lakes/two-workers") as found:
        yield found
    assert found.left() == []
    assert [each for each in found.folders if each.exists()] == []


@pytest.fixture(scope="session")
def spread(cluster: servers.Cluster) -> small.Spread:
    """A campaign, all of it, that two workers ran."""
    told: list[str] = []
    summary = headless.spread(small.WHOLE, home=cluster.home, progress=told.append, pieces=4)
    with homes.instance(cluster.home) as instance:
        said = [
            entry.dagster_event
            for run in instance.get_runs()
            for entry in instance.all_logs(run.run_id)
            if entry.dagster_event is not None
        ]
    pids = {
        int(str(each.engine_event_data.metadata["pid"].value))
        for each in said
        if each.is_engine_event and "pid" in each.engine_event_data.metadata
    }
    # Before anything else changes the lake.
    with dg.DagsterInstance.ephemeral() as instance:
        again = headless.run(small.WHOLE, home=cluster.home, progress=print, instance=instance)
    return small.Spread(
        summary,
        again,
        small.contents(Store.of(cluster.home)),
        {cluster.runner(each) for each in pids},
        {each.message or "" for each in said},
    )


@pytest.fixture(scope="session")
def alone(bucket: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> small.Alone:
    """A home on this disk in which one process ran the same campaign."""
    home = small.prepare(tmp_path_factory.mktemp("alone") / "home")
    with dg.DagsterInstance.ephemeral() as instance:
        summary = headless.run(small.WHOLE, home=home, progress=print, instance=instance)
    assert summary.failures == []
    assert not any(each.is_reused for each in summary.made)
    assert Store.of(home).root == home / "lake"
    return small.Alone(home, small.contents(Store.of(home)))
