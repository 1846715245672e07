"""Postgres, Redis, a bucket, the daemon and two workers give what one process gives."""

from __future__ import annotations

import polars as pl

from simcore.store import Store
from simcore.tables import TABLES
from simcore.verification import verify
from tests.scale import servers, small


def test_two_workers_on_a_bucket_make_what_one_process_makes_on_a_disk(
    spread: small.Spread, cluster: servers.Cluster, alone: small.Alone
) -> None:
    assert spread.summary.failures == []
    assert spread.summary.exit_code == 0
    assert not any(each.is_reused for each in spread.summary.made)
    assert len(spread.contents) == len(spread.summary.made) > 60
    assert spread.contents == alone.contents
    assert str(Store.of(cluster.home).root).startswith("s3://")
    assert not (cluster.home / "lake").exists()


def test_both_workers_took_runs_from_the_broker(spread: small.Spread) -> None:
    assert any("forwarded to the broker" in each for each in spread.launchers)
    assert spread.workers == {"worker0", "worker1"}


def test_the_lake_in_the_bucket_verifies_and_is_read_by_polars(
    spread: small.Spread, cluster: servers.Cluster
) -> None:
    assert spread.contents
    assert [each.message for each in verify(cluster.home) if not each.is_sound] == []
    root = Store.of(cluster.home).root
    standings = pl.read_parquet(f"{root}/standings/**/*.parquet", hive_partitioning=True)
    played = {each.campaign for each in Store.of(cluster.home).partitions(TABLES["standings"])}
    assert small.WHOLE in played
    assert set(standings["campaign"]) == played
    backtests = pl.scan_parquet(f"{root}/backtests/**/*.parquet", hive_partitioning=True)
    own = backtests.filter(campaign=small.WHOLE).select("strategy").unique().collect()
    assert sorted(own["strategy"].to_list()) == sorted(small.STRATEGIES)


def test_one_process_finds_nothing_left_to_do_where_two_workers_were(
    spread: small.Spread,
) -> None:
    assert spread.again.failures == []
    assert len(spread.again.made) == len(spread.summary.made)
    assert all(each.is_reused for each in spread.again.made)
