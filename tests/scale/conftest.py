"""Servers of this machine, shared by the scale tests, and homes of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import home as homes
from tests.scale import servers


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
