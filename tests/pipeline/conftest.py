"""Homes of their own for the pipeline tests, and one tiny campaign that was really run."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from pipelines import headless
from pipelines import home as homes
from simcore.store import Store

CAMPAIGN = "c0-tiny"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DAGSTER_HOME", homes.VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "1")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home."""
    path = tmp_path / "home"
    homes.init(path)
    return path


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance that no other test sees."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the tiny campaign was run; tests take a copy of it."""
    path = tmp_path_factory.mktemp("finished") / "home"
    with dg.DagsterInstance.ephemeral() as made:
        summary = headless.run(CAMPAIGN, home=path, progress=print, instance=made)
    assert summary.failures == []
    return path


@pytest.fixture
def tiny(finished: Path, tmp_path: Path) -> Path:
    """A home of one's own in which the tiny campaign was run."""
    path = tmp_path / "tiny"
    shutil.copytree(finished, path)
    return path


@pytest.fixture
def store(tiny: Path) -> Store:
    """The lake of `tiny`."""
    return Store(homes.lake(tiny))


@pytest.fixture
def run(instance: dg.DagsterInstance) -> Callable[[Path], headless.Summary]:
    """Run the tiny campaign in a home."""
    return lambda home: headless.run(CAMPAIGN, home=home, progress=print, instance=instance)
