"""Children that were saved show their parents in the lake, by Dagster and without it."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from pipelines import headless
from pipelines import home as homes
from pipelines.definitions import build
from simcore import steps
from simcore.store import Partition, Store
from simcore.strategy import evolve, lineage, registry
from simcore.strategy.registry import Record
from simcore.strategy.strategy import compile_strategy
from simcore.tables import TABLES

CAMPAIGN = """\
version = "0.1.0"
id = "family"
name = "A family"
seed = 1
days = 5
scenarios = ["trend-up-mid"]
strategies = ["{strategies}"]
tournaments = ["c0-round-robin"]
chaos = "none"
execution = "honest_v1"
initial_cash = 10000.0
"""


def bred(home: Path) -> dict[str, Record]:
    """One child of each operator, saved in a home."""
    made = registry.load(home)
    made, edited = evolve.evolve(made, "ma_cross", {"params": {"fast": 12}})
    made, mutant = evolve.mutate(made, "rsi_reversion", seed=7, child_index=3)
    made, crossed = evolve.crossover(
        made, "rsi_reversion@0.1.0", "atr_breakout", seed=5, method="blx"
    )
    children = {"evolve": edited, "mutate": mutant, "crossover_blx": crossed}
    for child in children.values():
        registry.save(home, child)
    return children


def ancestry(store: Store, strategy_id: str) -> pl.DataFrame:
    return store.read(TABLES["lineage"], Partition(strategy=strategy_id))


def assert_told(store: Store, child: Record) -> None:
    """The table says of a child what its record does."""
    rows = ancestry(store, child.strategy.id).to_dicts()
    assert [row["parent_index"] for row in rows] == list(range(len(rows)))
    assert len(rows) == len(child.lineage.parents)
    for row, parent in zip(rows, child.lineage.parents, strict=True):
        assert (row["strategy_id"], row["name"]) == (child.strategy.id, child.name)
        assert (row["revision"], row["ir_hash"]) == (child.strategy.version, child.ir_hash)
        assert row["operator"] == child.lineage.operator
        assert (row["seed"], row["generation"]) == (child.lineage.seed, 1)
        assert row["child_index"] == child.lineage.child_index
        assert (row["parent"], row["parent_revision"]) == (parent.name, parent.revision)
        assert row["parent_ir_hash"] == parent.ir_hash
        assert json.loads(row["edit"]) == parent.edit


def test_dagster_writes_the_parents_of_each_saved_child(
    home: Path, instance: dg.DagsterInstance
) -> None:
    children = bred(home)
    headless.register(instance, home)
    store = Store(homes.lake(home))
    definitions = build(home)
    keys = [dg.AssetKey("strategies"), dg.AssetKey("lineage")]
    job = definitions.get_repository_def().get_implicit_job_def_for_assets(keys)
    for child in children.values():
        with dg.partition_loading_context(dynamic_partitions_store=instance):
            result = job.execute_in_process(
                asset_selection=keys, instance=instance, partition_key=child.strategy.id
            )
        checks = result.get_asset_check_evaluations()
        assert {each.asset_key.to_user_string() for each in checks} == {"strategies", "lineage"}
        assert [each.description for each in checks if not each.passed] == []
        assert_told(store, child)


def test_a_campaign_without_the_ui_writes_them_too_and_says_who_was_authored(
    home: Path, instance: dg.DagsterInstance
) -> None:
    children = bred(home)
    entrants = ["zero_rule", *(child.strategy.id for child in children.values())]
    text = CAMPAIGN.format(strategies='", "'.join(entrants))
    (home / "campaigns" / "family.toml").write_text(text)
    summary = headless.run("family", home=home, progress=print, instance=instance)
    assert summary.failures == []
    store = Store(homes.lake(home))
    for child in children.values():
        assert_told(store, child)
    (row,) = ancestry(store, "zero_rule").to_dicts()
    assert (row["operator"], row["generation"], row["name"]) == ("authored", 0, "zero_rule")
    empty = ("parent", "parent_revision", "parent_ir_hash", "edit", "seed", "child_index")
    assert [row[name] for name in empty] == [None] * 6
    assert summary.made
    again = headless.run("family", home=home, progress=print, instance=instance)
    assert all(each.is_reused for each in again.made)


@pytest.fixture
def child(home: Path) -> Record:
    """An edited strategy, saved in the home."""
    return bred(home)["evolve"]


def compiled(home: Path, strategy_id: str) -> list[steps.Outcome]:
    strategy = compile_strategy(strategy_id, home=home)
    store = Store(homes.lake(home))
    return steps.strategies(store, strategy, lineage.read(strategy, home=home))


def test_a_lineage_that_comes_later_is_written_without_a_changed_document(
    home: Path, child: Record
) -> None:
    place = lineage.place(home, child.strategy.id)
    text = place.read_text()
    place.unlink()
    first = compiled(home, child.strategy.id)
    assert ancestry(Store(homes.lake(home)), child.strategy.id)["operator"].to_list() == [
        "authored"
    ]
    place.write_text(text)
    second = compiled(home, child.strategy.id)
    assert [each.is_reused for each in second] == [False, False]
    assert_told(Store(homes.lake(home)), child)
    # The strategy is the same, so nothing behind it is stale.
    assert first[0].footer.content_hash == second[0].footer.content_hash
    assert first[1].footer.content_hash != second[1].footer.content_hash
    assert [each.is_reused for each in compiled(home, child.strategy.id)] == [True, True]


def test_a_child_that_somebody_changed_is_refused_with_the_lineage_of_another(
    home: Path, child: Record, instance: dg.DagsterInstance
) -> None:
    path = home / "strategies" / f"{child.strategy.id}.json"
    path.write_text(path.read_text().replace('"value": 12', '"value": 13'))
    text = CAMPAIGN.format(strategies=child.strategy.id)
    (home / "campaigns" / "family.toml").write_text(text)
    summary = headless.run("family", home=home, progress=print, instance=instance)
    told = "\n".join(summary.failures)
    assert f"strategies/lineage/{child.strategy.id}.json: /doc_hash: got the lineage of" in told
    assert summary.exit_code == 2
    assert Store(homes.lake(home)).partitions(TABLES["lineage"]) == []
