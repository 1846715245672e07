"""What the page calls stale is stale, and what it calls fresh is not."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as Target,
)
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from assets.checks import COSTLY
from assets.evaluations import ON_RECORD
from pipelines import headless
from pipelines import home as homes
from pipelines.definitions import build
from simcore import steps
from simcore.tables import TABLES

KEYS = {("campaign",): "mine", ("strategy",): "mine", ("campaign", "strategy"): "mine|mine"}


def stale(home: Path, instance: dg.DagsterInstance) -> dict[str, list[str]]:
    """Return why each asset's partition is stale, those that are not left out."""
    graph = build(home).resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    found = {}
    with dg.partition_loading_context(dynamic_partitions_store=instance):
        for name, table in TABLES.items():
            if table.partitioned_by in KEYS:
                key = KEYS[table.partitioned_by]
                causes = resolver.get_stale_causes(dg.AssetKey(name), key)
                if causes:
                    found[name] = [cause.reason for cause in causes]
    return found


def materialise(home: Path, instance: dg.DagsterInstance) -> dict[str, str | None]:
    """Make the markets as a person does on the page; return what each costly check said."""
    keys = [dg.AssetKey(table.name) for table in steps.MARKETS]
    job = build(home).get_repository_def().get_implicit_job_def_for_assets(keys)
    with dg.partition_loading_context(dynamic_partitions_store=instance):
        result = job.execute_in_process(
            asset_selection=keys, instance=instance, tags={headless.PARTITION: "mine"}
        )
    assert result.success
    evaluations = result.get_asset_check_evaluations()
    return {each.check_name: each.description for each in evaluations if each.check_name in COSTLY}


def test_runs_stay_fresh_when_their_market_is_made_again_with_the_same_bytes(small: Path) -> None:
    with homes.instance(small) as own:
        assert stale(small, own) == {}
        for _ in range(2):  # The second time the answer on record is one from the record.
            assert set(materialise(small, own).values()) == {ON_RECORD}
        assert stale(small, own) == {}


def test_a_costly_check_that_failed_on_these_rows_is_asked_again(small: Path) -> None:
    with homes.instance(small) as own:
        (record,) = own.fetch_materializations(dg.AssetKey("bars"), limit=1).records
        failed = dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey("bars"),
            check_name="manifest",
            passed=False,
            partition="mine",
            target_materialization_data=Target(
                storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
            ),
        )
        own.report_runless_asset_event(failed)
        said = materialise(small, own)
    assert {check for check, sentence in said.items() if sentence is None} == {"manifest"}


def test_runs_turn_stale_with_another_market_and_nothing_else_does(small: Path) -> None:
    path = small / "scenarios" / "my-market.toml"
    path.write_text(path.read_text().replace("seed", "p0 = 90.0\nseed", 1))
    with homes.instance(small) as own:
        assert set(materialise(small, own).values()) == {None}, "other rows are asked again"
        found = stale(small, own)
        reason = "has a new dependency data version"
        assert set(found["backtests"]) == {reason}
        assert set(found["trades"]) == {reason}
        assert "strategies" not in found
        assert "chaos_report" not in found


def test_every_table_of_a_strategy_in_a_campaign_has_a_picture_on_its_page(small: Path) -> None:
    pictures = {}
    with homes.instance(small) as own:
        for name, table in TABLES.items():
            if table.partitioned_by == ("campaign", "strategy"):
                key = dg.AssetRecordsFilter(dg.AssetKey(name), asset_partitions=["mine|mine"])
                (record,) = own.fetch_materializations(key, limit=1).records
                shown = record.asset_materialization.metadata.get("picture")
                pictures[name] = None if shown is None else shown.value.partition("](")[2]
    assert [name for name, shown in pictures.items() if shown is None] == []
    # What could have come of the runs stands in the fan of the runs themselves.
    assert len(set(pictures.values())) == len(pictures) - len(steps.MONTE_CARLO)


def test_every_materialisation_names_its_code_and_what_it_read(small: Path) -> None:
    with homes.instance(small) as own:
        events = {
            name: own.get_latest_materialization_event(dg.AssetKey(name)).asset_materialization
            for name in ("backtests", "evidence", "bars", "strategies")
        }
    graph = build(small).resolve_asset_graph()
    for name, event in events.items():
        assert event.tags["dagster/code_version"] == graph.get(dg.AssetKey(name)).code_version
        parents = {key.to_user_string() for key in graph.get(dg.AssetKey(name)).parent_keys}
        for parent in parents:
            assert f"dagster/input_data_version/{parent}" in event.tags
