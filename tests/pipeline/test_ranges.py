from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.automation_tick_evaluation_context import (
    build_run_requests_with_backfill_policies,
)
from dagster._core.definitions.events import AssetKeyPartitionKey

from pipelines import headless
from pipelines.definitions import build
from pipelines.jobs import JOBS
from simcore import steps
from simcore.documents import found
from simcore.errors import EngineError
from simcore.store import Partition, Store
from simcore.strategy.strategy import Strategy
from simcore.tables import TABLES

Run = Callable[[Path], headless.Summary]
RUNS = [dg.AssetKey(table.name) for table in steps.BACKTESTS]

SECOND = """
version = "0.1.0"
id = "second"
name = "A second campaign"
seed = 2
days = 6
scenarios = ["vol-calm"]
strategies = ["ma_cross", "zero_rule"]
tournaments = []
chaos = "none"
"""


def materialise(
    home: Path, instance: dg.DagsterInstance, keys: list[dg.AssetKey], tags: dict[str, str]
) -> dg.ExecuteInProcessResult:
    repository = build(home).get_repository_def()
    with dg.partition_loading_context(dynamic_partitions_store=instance):
        return repository.get_implicit_job_def_for_assets(keys).execute_in_process(
            asset_selection=keys, instance=instance, tags=tags, raise_on_error=False
        )


def span(start: str, end: str) -> dict[str, str]:
    return {headless.RANGE_START: start, headless.RANGE_END: end}


@pytest.fixture
def two(tiny: Path, instance: dg.DagsterInstance) -> Path:
    """A home with two campaigns, the second's markets made and nothing else of it."""
    (tiny / "campaigns" / "second.toml").write_text(SECOND)
    # Neighbours, so that a range from one to the other holds no third.
    instance.add_dynamic_partitions("campaign", ["c0-tiny", "second"])
    headless.register(instance, tiny)
    keys = [dg.AssetKey(table.name) for table in steps.MARKETS]
    assert materialise(tiny, instance, keys, {headless.PARTITION: "second"}).success
    return tiny


def test_one_run_covers_two_campaigns_and_each_partition_keeps_its_own_version(
    two: Path, instance: dg.DagsterInstance
) -> None:
    result = materialise(two, instance, RUNS, span("c0-tiny|atr_breakout", "second|zero_rule"))
    assert result.success
    store = Store(two / "lake")
    versions = {}
    for event in result.all_events:
        if event.is_step_materialization:
            made = event.step_materialization_data.materialization
            if made.asset_key == dg.AssetKey("backtests"):
                versions[made.partition] = made.tags["dagster/data_version"]
    assert len(versions) == 2 * len(found("strategies"))
    for key, version in versions.items():
        partition = Partition.parse(TABLES["backtests"], key)
        assert store.footer(TABLES["backtests"], partition).content_hash == version
    # What a campaign does not name, it does not run.
    assert store.footer(TABLES["backtests"], Partition("second", "rsi_reversion")).rows == 0
    assert store.footer(TABLES["backtests"], Partition("second", "ma_cross")).rows == 1


def test_one_run_makes_all_that_is_known_of_a_strategy_step_after_step(
    two: Path, instance: dg.DagsterInstance
) -> None:
    made = (*steps.BACKTESTS, *steps.MONTE_CARLO, *steps.VALIDITY, *steps.EVIDENCE)
    keys = [dg.AssetKey(table.name) for table in made]
    store, place = Store(two / "lake"), Partition(campaign="second", strategy="ma_cross")
    (job,) = (each for each in JOBS if each.name == "run_backtests")
    assert job.selection.resolve(build(two).resolve_asset_graph()) == set(keys)
    key = "second|ma_cross"
    assert materialise(two, instance, keys, span(key, key)).success
    assert [table.name for table in made if store.footer(table, place) is None] == []


def test_a_campaign_runs_whole_beside_another(two: Path, instance: dg.DagsterInstance) -> None:
    summary = headless.run("second", home=two, progress=print, instance=instance)
    assert summary.failures == []
    # Both tried strategies on one market: with more trials a standing is another, and no run is.
    judged = {table.name for table in (*steps.TOURNAMENTS, *steps.HISTORY, *steps.REPORT)}
    again = headless.run("c0-tiny", home=two, progress=print, instance=instance)
    assert {each.table for each in again.made if not each.is_reused} <= judged
    once_more = headless.run("c0-tiny", home=two, progress=print, instance=instance)
    assert all(each.is_reused for each in once_more.made)


def test_one_bad_partition_is_reported_as_itself_and_the_rest_stands(
    two: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = steps.backtest.run_strategy

    def refuse_one(strategy: Strategy, *rest: object) -> object:
        if strategy.id == "ma_cross":
            raise EngineError("TOO_SHORT", "got 1 bar, expected 2")
        return honest(strategy, *rest)

    monkeypatch.setattr(steps.backtest, "run_strategy", refuse_one)
    result = materialise(two, instance, RUNS, span("second|ma_cross", "second|zero_rule"))
    assert not result.success
    evaluations = result.get_asset_check_evaluations()
    bad = {(each.partition, each.description) for each in evaluations if not each.passed}
    assert bad == {("second|ma_cross", "got 1 bar, expected 2")}
    done = instance.get_materialized_partitions(dg.AssetKey("backtests"))
    assert "second|ma_cross" not in done
    assert "second|zero_rule" in done
    store = Store(two / "lake")
    assert store.footer(TABLES["backtests"], Partition("second", "ma_cross")) is None


def test_a_run_that_a_backfill_starts_for_one_campaign_judges_that_partition(
    two: Path, instance: dg.DagsterInstance
) -> None:
    keys = [dg.AssetKey(table.name) for table in steps.MARKETS]
    result = materialise(two, instance, keys, span("second", "second"))
    assert result.success
    # The check of all documents, which a person's run asks too, is of no partition.
    judged = [e for e in result.get_asset_check_evaluations() if e.check_name != "documents"]
    assert {each.partition for each in judged} == {"second"}
    assert all(each.target_materialization_data is not None for each in judged)
    key = dg.AssetCheckKey(dg.AssetKey("bars"), "schema")
    (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    assert record.status.value == "SUCCEEDED", "the list of checks would call it skipped"
    assert record.run_id == result.run_id


def test_a_range_from_back_to_front_is_refused_rather_than_empty(
    two: Path, instance: dg.DagsterInstance
) -> None:
    result = materialise(two, instance, RUNS, span("second|ma_cross", "c0-tiny|zero_rule"))
    assert not result.success


def test_checks_alone_read_the_lake_and_make_nothing(
    two: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a partition was written")

    monkeypatch.setattr(Store, "write", refuse)
    graph = build(two).resolve_asset_graph()
    checks = sorted(
        graph.get_check_keys_for_assets({dg.AssetKey("bars")}), key=lambda key: key.name
    )
    job = build(two).get_repository_def().get_implicit_job_def_for_assets([dg.AssetKey("bars")])
    with dg.partition_loading_context(dynamic_partitions_store=instance):
        subset = job.get_subset(asset_selection=set(), asset_check_selection=set(checks))
        result = subset.execute_in_process(instance=instance, tags={headless.PARTITION: "c0-tiny"})
    evaluations = result.get_asset_check_evaluations()
    assert {each.check_name for each in evaluations} == {key.name for key in checks}
    assert all(each.passed for each in evaluations)


def test_a_span_never_covers_a_key_that_is_not_wanted() -> None:
    assert headless._contiguous("abcdef", {"a", "b", "d", "f"}) == [["a", "b"], ["d"], ["f"]]
    assert headless._contiguous("abc", set()) == []


def test_a_backfill_of_four_campaigns_and_fifty_strategies_is_four_runs(
    home: Path, instance: dg.DagsterInstance
) -> None:
    """Dagster cuts a backfill of two dimensions along the smaller: its rule, not ours."""
    campaigns = [f"c{number}" for number in range(4)]
    strategies = [f"s{number:02d}" for number in range(50)]
    instance.add_dynamic_partitions("campaign", campaigns)
    instance.add_dynamic_partitions("strategy", strategies)
    tables = (*steps.BACKTESTS, *steps.MONTE_CARLO, *steps.VALIDITY, *steps.EVIDENCE)
    asked = [
        AssetKeyPartitionKey(dg.AssetKey(table.name), f"{campaign}|{strategy}")
        for table in tables
        for campaign in campaigns
        for strategy in strategies
    ]
    with dg.partition_loading_context(dynamic_partitions_store=instance):
        requests = build_run_requests_with_backfill_policies(
            asked, build(home).resolve_asset_graph(), instance
        )
    assert {
        (each.tags[headless.RANGE_START], each.tags[headless.RANGE_END]) for each in requests
    } == {(f"{campaign}|s00", f"{campaign}|s49") for campaign in campaigns}
    assert len(requests) == 4
    assert all(len(each.asset_selection) == len(tables) for each in requests)
