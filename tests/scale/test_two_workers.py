"""Postgres, Redis, a bucket, the daemon and two workers give what one process gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from pipelines import headless
from pipelines import home as homes
from simcore.store import Store
from simcore.tables import TABLES
from simcore.verification import verify
from tests.scale import servers

CAMPAIGN = "c0-tiny"


def contents(store: Store) -> dict[str, str]:
    return {
        f"{table.name} {partition.key}": store.verify(table, partition).content_hash
        for table in TABLES.values()
        for partition in store.partitions(table)
    }


@dataclass
class Spread:
    """What a campaign left that was run by two workers.

    Args:
        home: Its home.
        summary: What was told of it.
        pids: Processes that its runs ran in.
        launchers: Steps that were launched, by the name of what launched them.
    """

    home: Path
    summary: headless.Summary
    pids: set[str]
    launchers: set[str]


@pytest.fixture(scope="module")
def spread(bucket: dict[str, str], logs: Path, tmp_path_factory: pytest.TempPathFactory) -> Spread:
    home = tmp_path_factory.mktemp("spread") / "home"
    environment = {**bucket, homes.LAKE_VARIABLE: "s3://lakes/two-workers"}
    with servers.cluster(home, logs, workers=2, environment=environment):
        summary = headless.spread(CAMPAIGN, home=home, progress=print, pieces=4)
        with homes.instance(home) as instance:
            said = [
                entry.dagster_event
                for run in instance.get_runs()
                for entry in instance.all_logs(run.run_id)
                if entry.dagster_event is not None
            ]
    return Spread(home, summary, _pids(said), {each.message or "" for each in said})


def _pids(events: list[dg.DagsterEvent]) -> set[str]:
    found = (
        event.engine_event_data.metadata.get("pid") for event in events if event.is_engine_event
    )
    return {str(each.value) for each in found if each is not None}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home on this disk in which one process ran the same campaign."""
    home = tmp_path_factory.mktemp("alone") / "home"
    with dg.DagsterInstance.ephemeral() as instance:
        summary = headless.run(CAMPAIGN, home=home, progress=print, instance=instance)
    assert summary.failures == []
    assert not any(each.is_reused for each in summary.made)
    assert Store.of(home).root == home / "lake"
    return home


def test_two_workers_on_a_bucket_make_what_one_process_makes_on_a_disk(
    spread: Spread, alone: Path
) -> None:
    assert spread.summary.failures == []
    assert spread.summary.exit_code == 0
    found = contents(Store.of(spread.home))
    assert len(found) == len(spread.summary.made) > 100
    assert found == contents(Store.of(alone))
    assert str(Store.of(spread.home).root).startswith("s3://")
    assert not (spread.home / "lake").exists()


def test_both_workers_took_runs_from_the_broker(spread: Spread) -> None:
    assert any("forwarded to the broker" in each for each in spread.launchers)
    assert len(spread.pids) == 2, spread.pids


def test_the_lake_in_the_bucket_verifies_and_is_read_by_polars(spread: Spread) -> None:
    assert [each.message for each in verify(spread.home) if not each.is_sound] == []
    root = Store.of(spread.home).root
    standings = pl.read_parquet(f"{root}/standings/**/*.parquet", hive_partitioning=True)
    assert standings["campaign"].unique().to_list() == [CAMPAIGN]
    backtests = pl.read_parquet(f"{root}/backtests/**/*.parquet", hive_partitioning=True)
    strategies = {each.strategy for each in Store.of(spread.home).partitions(TABLES["backtests"])}
    assert set(backtests["strategy"]) <= strategies


def test_one_process_finds_nothing_left_to_do_where_two_workers_were(spread: Spread) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        summary = headless.run(CAMPAIGN, home=spread.home, progress=print, instance=instance)
    assert summary.failures == []
    assert len(summary.made) == len(spread.summary.made)
    assert all(each.is_reused for each in summary.made)
