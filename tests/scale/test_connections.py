"""Who asks Postgres much keeps its connections, and loses nothing when they are lost."""

import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy
from sqlalchemy.pool import NullPool, Pool

from pipelines import home as homes
from pipelines.connections import POOL_SIZE
from tests.scale import servers, small

N_QUESTIONS = 20
OTHERS = "from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"


@pytest.fixture(scope="module")
def database(logs: Path) -> Iterator[str]:
    with servers.postgres(logs) as url:
        yield url


@pytest.fixture
def home(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROVING_POSTGRES", database)
    found = small.prepare(tmp_path / "home")
    (found / "dagster").mkdir()
    shutil.copy(servers.ROOT / "deploy" / "dagster-postgres.yaml", found / "dagster/dagster.yaml")
    return found


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with homes.instance(home) as found:
        yield found


def ask(instance: dg.DagsterInstance, times: int = N_QUESTIONS) -> None:
    """Ask each of the three storages."""
    for _ in range(times):
        assert instance.get_dynamic_partitions("never") == []
        assert instance.get_run_by_id("never") is None
        assert list(instance.all_instigator_state()) == []


@contextmanager
def opened() -> Iterator[list[int]]:
    """Collect the processes of Postgres that this process opens connections to."""
    found: list[int] = []

    def count(connection: object, _: object) -> None:
        found.append(connection.info.backend_pid)  # type: ignore[attr-defined]

    sqlalchemy.event.listen(Pool, "connect", count)
    try:
        yield found
    finally:
        sqlalchemy.event.remove(Pool, "connect", count)


def told(database: str, query: str) -> list[int]:
    engine = sqlalchemy.create_engine(database, poolclass=NullPool)
    with engine.connect() as connection:
        return [int(row[0]) for row in connection.execute(sqlalchemy.text(query))]


def only_one(database: str) -> int:
    """Return the one process of Postgres that still serves another, once those that end have."""
    deadline = time.monotonic() + 60
    while len(found := told(database, f"select pid {OTHERS}")) > 1 and time.monotonic() < deadline:
        time.sleep(0.1)
    (one,) = found
    return one


def test_many_questions_of_all_instances_of_a_process_go_over_one_connection(
    instance: dg.DagsterInstance, home: Path, database: str
) -> None:
    ask(instance)
    with opened() as connections:
        ask(instance)
        with homes.instance(home) as another:
            ask(another)
    assert connections == []
    assert only_one(database)


def recover(database: str, backend: int) -> None:
    """Kill a process of Postgres, which then ends all others, and wait until it did."""
    engine = sqlalchemy.create_engine(database, poolclass=NullPool)
    with engine.connect() as witness:
        os.kill(backend, signal.SIGKILL)
        with pytest.raises(sqlalchemy.exc.DBAPIError):
            for _ in range(10_000):
                witness.execute(sqlalchemy.text("select pg_sleep(0.01)"))


@pytest.mark.parametrize("loss", ["a connection", "all, as the server starts anew"])
def test_a_connection_that_was_lost_is_replaced(
    instance: dg.DagsterInstance, database: str, loss: str
) -> None:
    ask(instance)
    lost = only_one(database)
    with opened() as connections:
        if loss == "a connection":
            told(database, "select count(pg_terminate_backend(pid)) " + OTHERS)
        else:
            recover(database, lost)
        instance.add_dynamic_partitions("never", ["after"])
        assert instance.get_dynamic_partitions("never") == ["after"]
        instance.delete_dynamic_partition("never", "after")
        ask(instance)
    assert len(connections) >= 1
    assert lost not in connections


def answered(instance: dg.DagsterInstance, end: Connection) -> None:
    with opened() as connections:
        ask(instance)
    end.send(connections)


def test_no_connection_crosses_a_fork(instance: dg.DagsterInstance) -> None:
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    ask(instance)
    with opened() as own:
        child = context.Process(target=answered, args=(instance, there))
        child.start()
        assert here.poll(60)
        others = here.recv()
        child.join()
        ask(instance)
    assert child.exitcode == 0
    assert own == []
    assert len(others) == 1


def test_a_run_asks_over_a_connection_or_two(instance: dg.DagsterInstance) -> None:
    @dg.asset
    def asks(context: dg.AssetExecutionContext) -> None:
        ask(context.instance)

    ask(instance)
    with opened() as connections:
        assert dg.materialize([asks], instance=instance).success
    assert len(connections) <= 1


def test_a_statement_may_take_as_long_as_it_takes(instance: dg.DagsterInstance) -> None:
    with instance.run_storage.connect() as connection:
        (found,) = connection.execute(sqlalchemy.text("show statement_timeout")).one()
    assert found == "0"


def test_questions_at_the_same_time_wait_for_no_connection(instance: dg.DagsterInstance) -> None:
    n_asking = 2 * POOL_SIZE
    together = threading.Barrier(n_asking, timeout=60)

    def sleep() -> None:
        with instance.run_storage.connect() as connection:
            together.wait()
            connection.execute(sqlalchemy.text("select 1"))

    with ThreadPoolExecutor(n_asking) as threads:
        for each in [threads.submit(sleep) for _ in range(n_asking)]:
            each.result()
    assert instance.run_storage._engine.pool.checkedin() == POOL_SIZE
