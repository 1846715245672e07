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
from simcore.campaign import load
from simcore.parquet import Footer
from simcore.steps.lakes import Anew
from simcore.store import Partition, Store
from simcore.tables import TABLES
from simcore.tables.table import Table

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


def parents(graph: dg.AssetGraph, name: str) -> set[str]:
    """Return the tables that an asset waits for."""
    return {key.to_user_string() for key in graph.get(dg.AssetKey(name)).parent_keys}


class Watched(Anew):
    """A lake in which a step computes again, and that remembers what the step looked at."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.seen: set[str] = set()

    def footer(self, table: Table, partition: Partition) -> Footer | None:
        """Return the footer, and remember the table."""
        self.seen.add(table.name)
        return super().footer(table, partition)


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


def test_a_history_says_that_it_reads_strategies_and_is_stale_with_another_ancestry(
    small: Path,
) -> None:
    graph = build(small).resolve_asset_graph()
    parents = {
        key.to_user_string() for key in graph.get(dg.AssetKey("strategy_history")).parent_keys
    }
    assert parents == {"standings", "strategies", "lineage"}
    with homes.instance(small) as own:
        assert "strategy_history" not in stale(small, own)
        other = dg.AssetMaterialization(
            "lineage", partition="mine", tags={"dagster/data_version": "another"}
        )
        own.report_runless_asset_event(other)
        found = stale(small, own)
    assert found == {"strategy_history": ["has a new dependency data version"]}


def test_the_graph_says_what_every_step_of_a_campaign_reads(small: Path) -> None:
    graph = build(small).resolve_asset_graph()
    campaign = load("mine", home=small)
    (strategy,) = (each for each in campaign.strategies if each.id == "mine")
    made = {
        steps.MARKETS: lambda lake: steps.markets(lake, campaign),
        steps.STRATEGIES: lambda lake: steps.strategies(lake, strategy),
        steps.BACKTESTS: lambda lake: steps.backtests(lake, campaign, strategy),
        steps.MONTE_CARLO: lambda lake: steps.monte_carlo(lake, campaign, strategy),
        steps.VALIDITY: lambda lake: steps.walk_forwards(lake, campaign, strategy),
        steps.EVIDENCE: lambda lake: steps.appraisals(lake, campaign, strategy),
        steps.PORTFOLIOS: lambda lake: steps.allocations(lake, campaign),
        steps.CALIBRATION: lambda lake: steps.calibrations(lake, campaign),
        steps.TOURNAMENTS: lambda lake: steps.tournaments(lake, campaign),
        steps.HISTORY: lambda lake: steps.histories(lake, campaign),
        steps.CHAOS: lambda lake: steps.chaos(lake, campaign),
        steps.REPORT: lambda lake: steps.report(lake, campaign),
    }
    assert set(made) == {step.tables for step in steps.STEPS} - {steps.EVOLUTION, steps.IMPORTS}
    for tables, step in made.items():
        own = {table.name for table in tables}
        lake = Watched(small / "lake")
        step(lake)
        for name in own:
            # A program is compiled of its document; the table stands for it in the graph.
            assert parents(graph, name) - lake.seen <= {"strategies"}, name
            assert lake.seen - own <= parents(graph, name), name


def test_every_materialisation_says_how_much_lies_where_and_what_it_took(small: Path) -> None:
    wanted = {
        "dagster/row_count", "dagster/partition_row_count", "bytes", "path", "content_hash",
        "input_hash", "engine_version", "seconds", "reused",
    }  # fmt: skip
    with homes.instance(small) as own:
        for name, table in TABLES.items():
            if table.partitioned_by not in KEYS:
                continue  # an evolution's are told of by the same function
            event = own.get_latest_materialization_event(dg.AssetKey(name)).asset_materialization
            assert wanted <= set(event.metadata), name
            assert event.tags["dagster/data_version"] == event.metadata["content_hash"].value
            place = Partition.parse(table, str(event.partition))
            footer = Store(small / "lake").footer(table, place)
            assert footer is not None
            told = {key: value.value for key, value in event.metadata.items() if key in wanted}
            for key in ("dagster/row_count", "dagster/partition_row_count"):
                assert told[key] == footer.rows, (name, key)
            for key in ("content_hash", "input_hash", "engine_version", "bytes"):
                assert told[key] == getattr(footer, key), (name, key)
            # The home is a copy of the one that was told of.
            place_in_lake = Path(str(footer.path)).relative_to(small / "lake")
            assert str(told["path"]).endswith(f"lake/{place_in_lake.as_posix()}"), name
            assert told["seconds"] >= 0.0 and told["reused"] in (False, True), name
