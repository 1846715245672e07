"""The small campaign as it is where nothing goes wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines import home as homes
from simcore.store import Store
from tests.faults import small


@dataclass(frozen=True)
class Undisturbed:
    """What the small campaign comes to.

    Args:
        homes: Two homes whose campaigns differ in nothing but their days.
        hashes: Content hash by table and key, of the first home.
        known: Content hash by table, key and input hash: all that a lake may ever hold.
    """

    homes: tuple[Path, Path]
    hashes: dict[tuple[str, str], str]
    known: dict[tuple[str, str, str], str]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DAGSTER_HOME", homes.VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "1")


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    one, other = small.prepare(folder / "one"), small.prepare(folder / "other", days=6)
    store = Store(folder / "lake")
    small.make(store, small.campaign(one))
    hashes, known = small.hashes(store), small.known(store)
    small.make_runs(store, small.campaign(other))
    return Undisturbed((one, other), hashes, known | small.known(store))
