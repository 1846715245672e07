"""Homes of their own for the pipeline tests, and one tiny campaign that was really run."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from pipelines import headless
from pipelines import home as homes
from simcore.documents import LIBRARY
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
def recorded() -> Iterator[dg.DagsterInstance]:
    """The instance that has `finished` on record; what is whole there needs no run."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, recorded: dg.DagsterInstance) -> Path:
    """A home in which the tiny campaign was run; tests take a copy of it."""
    path = tmp_path_factory.mktemp("finished") / "home"
    summary = headless.run(CAMPAIGN, home=path, progress=print, instance=recorded)
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
    """Run the tiny campaign in a home that nobody has heard of."""
    return lambda home: headless.run(CAMPAIGN, home=home, progress=print, instance=instance)


@pytest.fixture
def rerun(recorded: dg.DagsterInstance) -> Callable[[Path], headless.Summary]:
    """Run the tiny campaign in a copy of the home in which it is on record."""
    return lambda home: headless.run(CAMPAIGN, home=home, progress=print, instance=recorded)


SMALL = """\
version = "0.1.0"
id = "mine"
name = "Mine"
seed = 1
days = 5
scenarios = ["my-market", "trend-up-mid"]
strategies = ["mine", "zero_rule"]
tournaments = ["league"]
chaos = "none"
execution = "honest_v1"
initial_cash = 10000.0
"""


def copy_of(home: Path, kind: str, name: str, own: str) -> Path:
    """Write a document of the library into a home under an id of its own."""
    text = (LIBRARY / kind / f"{name}.toml").read_text()
    path = home / kind / f"{own}.toml"
    path.write_text(text.replace(f'"{name}"', f'"{own}"', 1))
    return path


@pytest.fixture(scope="session")
def _small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small") / "home"
    homes.init(path)
    (path / "campaigns" / "mine.toml").write_text(SMALL)
    copy_of(path, "scenarios", "vol-calm", "my-market")
    copy_of(path, "strategies", "ma_cross", "mine")
    copy_of(path, "tournaments", "c0-round-robin", "league")
    with homes.instance(path) as made:
        summary = headless.run("mine", home=path, progress=print, instance=made)
    assert summary.failures == []
    return path


@pytest.fixture
def small(_small: Path, tmp_path: Path) -> Path:
    """A home with a campaign of two strategies of a user's own that was run and is on record."""
    path = tmp_path / "small"
    shutil.copytree(_small, path)
    for config in path.glob("dagster/*.yaml"):
        config.unlink()
    homes.init(path)
    then = time.time() - 60.0
    for document in path.glob("*/*.toml"):
        os.utime(document, (then, then))
    return path
