"""A lake that does not answer is an error that says so: never missing, never torn, never remade.

The library for buckets is stood in for here; `make test-scale` asks the real one.
"""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import dagster as dg
import polars as pl
import pytest

from assets import versions
from pipelines import campaign_sensor, sensors
from simcore import bucket, reuse
from simcore.backtests.trials import Census, TrialLedger
from simcore.campaign import load
from simcore.errors import StoreError
from simcore.steps import evolve, step
from simcore.store import Partition, Provenance, Store
from simcore.tables import TABLES

GAMES, PLACE = TABLES["games"], Partition(campaign="c0-tiny")
PROVENANCE = Provenance({"campaigns/c0-tiny": "ab" * 32}, 7, "0.1.0")
URL = "s3://nowhere/lake"


class Silent:
    """A server that refuses every connection."""

    def __init__(self, refusal: type[Exception]) -> None:
        self._refusal = refusal

    def __getattr__(self, name: str) -> Any:
        def ask(*_: Any, **__: Any) -> Any:
            raise self._refusal("error sending request\nand more")

        return ask


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    """A lake in a bucket whose server is gone."""
    exceptions = ModuleType("obstore.exceptions")
    names = ("AlreadyExists", "Precondition", "PermissionDenied", "Unauthenticated", "Base")
    for name in names:
        setattr(exceptions, f"{name}Error", type(f"{name}Error", (Exception,), {}))
    library = ModuleType("obstore")
    library.exceptions = exceptions  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "obstore", library)
    monkeypatch.setitem(sys.modules, "obstore.exceptions", exceptions)
    monkeypatch.setattr(bucket, "client", lambda _: Silent(exceptions.BaseError))
    return Store(URL)


def test_every_question_says_where_what_and_what_to_do(store: Store) -> None:
    for ask in (
        lambda: store.is_current(GAMES, PLACE, PROVENANCE),
        lambda: store.torn(GAMES),
        lambda: store.partitions(GAMES),
        lambda: store.footer(GAMES, PLACE),
        lambda: store.read(GAMES, PLACE),
        lambda: store.verify(GAMES, PLACE),
    ):
        with pytest.raises(StoreError) as refused:
            ask()
        assert (refused.value.code, refused.value.is_passing) == ("UNREACHABLE", True)
        assert refused.value.is_unanswered
        assert refused.value.message.startswith(f"{URL}/games")
        assert "error sending request" in refused.value.message
        assert "[is the server up, and the URL right?" in refused.value.message


def test_a_listed_file_that_gives_no_answer_is_not_torn(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "games/campaign=c0-tiny/data.parquet"
    monkeypatch.setattr(store._files, "names", lambda _: [name])
    with pytest.raises(StoreError, match="expected an answer"):
        store.torn(GAMES)


def test_nothing_is_made_while_nothing_is_known(store: Store) -> None:
    made: list[str] = []

    def make() -> dict[str, pl.DataFrame]:
        made.append("games")
        return {"games": GAMES.empty()}

    with pytest.raises(StoreError) as refused:
        step.settled(store, [GAMES], PLACE, PROVENANCE, make)
    assert refused.value.code == "UNREACHABLE"
    assert made == []


def test_no_run_is_asked_for_where_nothing_is_known(store: Store, tmp_path: Path) -> None:
    campaign = load("c0-tiny")
    with pytest.raises(StoreError) as refused:
        reuse.stale(store, campaign, home=tmp_path)
    assert refused.value.code == "UNREACHABLE"


def test_trials_that_cannot_be_asked_for_are_not_taken_for_none(store: Store) -> None:
    place = Partition(campaign="c0-tiny", strategy="ma_cross")
    with pytest.raises(StoreError) as refused:
        TrialLedger(store).present(place)
    assert refused.value.code == "UNREACHABLE"


def test_what_was_read_has_no_version_while_nothing_is_known(store: Store) -> None:
    with pytest.raises(StoreError) as refused:
        versions._version(store, dg.AssetKey("games"), PLACE)
    assert refused.value.code == "UNREACHABLE"


def test_no_document_counts_as_changed_where_nothing_is_known(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lying = {"bars": [], "strategies": ["strategies/strategy=ma_cross/data.parquet"]}
    monkeypatch.setattr(store._files, "names", lambda table: lying[table])
    for folder in ("strategies", "campaigns"):
        (tmp_path / folder).mkdir()
    context = dg.build_sensor_context(instance=dg.DagsterInstance.ephemeral())
    for sensor in (sensors.strategy_documents, campaign_sensor.campaign_documents):
        with pytest.raises(StoreError) as refused:
            sensor(context, store=store, home=tmp_path)
        assert refused.value.code == "UNREACHABLE"


def test_an_evolution_does_not_count_its_trials_anew_where_nothing_is_known(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lying = ["generations/evolution=e1-demo/generation=g000/data.parquet"]
    monkeypatch.setattr(store._files, "names", lambda _: lying)
    monkeypatch.setattr(evolve, "tried_before", lambda *_: Census(0, None, "none"))
    evolution = SimpleNamespace(id="e1-demo", known_histories=("spx",), manifest_hash="ab")
    with pytest.raises(StoreError) as refused:
        evolve._tried_before(store, evolution)  # type: ignore[arg-type]
    assert refused.value.code == "UNREACHABLE"


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.EACCES])
def test_a_disk_that_gives_no_answer_is_not_torn_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    from simcore import parquet

    store = Store(tmp_path)
    store.write(GAMES, PLACE, GAMES.empty(), PROVENANCE)

    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(number, "the disk is away")

    monkeypatch.setattr(parquet.pq, "read_metadata", refuse)
    for ask in (
        lambda: store.is_current(GAMES, PLACE, PROVENANCE),
        lambda: store.torn(GAMES),
    ):
        with pytest.raises(StoreError, match="the disk is away") as refused:
            ask()
        assert refused.value.code == "UNREADABLE"
        assert refused.value.is_unanswered
