"""The assets of an evolution: one generation a partition, each after the one before."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from pipelines import headless
from pipelines import home as homes
from pipelines.cli import main
from pipelines.definitions import build
from simcore import steps
from simcore.store import Partition, Store

SMALL = (("copies = 10", "copies = 6"), ("offspring = 16", "offspring = 4"))


@pytest.fixture
def bred(home: Path) -> Path:
    """A home with a small evolution of its own."""
    from simcore.documents import LIBRARY

    text = (LIBRARY / "evolutions" / "e0-tiny.toml").read_text().replace("e0-tiny", "mine")
    for old, new in SMALL:
        text = text.replace(old, new)
    (home / "evolutions" / "mine.toml").write_text(text)
    return home


def materialise(home: Path, instance: dg.DagsterInstance, key: str) -> dg.ExecuteInProcessResult:
    headless.register(instance, home)
    generation = key.split("|")[1]
    if generation not in instance.get_dynamic_partitions("generation"):  # no page would offer it
        instance.add_dynamic_partitions("generation", [generation])
    definitions = build(home)
    keys = [dg.AssetKey(table.name) for table in steps.EVOLUTION]
    with dg.partition_loading_context(dynamic_partitions_store=instance):
        job = definitions.get_repository_def().get_implicit_job_def_for_assets(keys)
        assert job is not None
        return job.execute_in_process(
            asset_selection=keys,
            instance=instance,
            tags={"dagster/partition": key},
            raise_on_error=False,
        )


def test_a_generation_is_a_partition_and_needs_the_one_before_it(
    bred: Path, instance: dg.DagsterInstance
) -> None:
    early = materialise(bred, instance, "mine|g001")
    assert not early.success
    failures = [each.step_failure_data for each in early.all_events if each.is_step_failure]
    told = failures[0].user_failure_data
    assert told is not None
    assert "mine|g000" in str(told.description)
    for key in ("mine|g000", "mine|g001"):
        result = materialise(bred, instance, key)
        assert result.success
        checks = result.get_asset_check_evaluations()
        assert checks
        assert all(each.passed for each in checks)
    store = Store(homes.lake(bred))
    for table in steps.EVOLUTION:
        found = [each.key for each in store.partitions(table)]
        assert found == ["mine|g000", "mine|g001"]


def test_the_command_makes_and_reuses_what_the_assets_are(
    bred: Path, instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    assert materialise(bred, instance, "mine|g000").success
    store = Store(homes.lake(bred))
    table = steps.EVOLUTION[1]
    place = Partition(evolution="mine", generation="g000")
    before = store.path(table, place).stat().st_mtime_ns
    assert main(["evolve", "mine", "--generations", "2", "--home", str(bred)]) == 0
    assert "champion" in capsys.readouterr().out
    assert store.path(table, place).stat().st_mtime_ns == before
    assert [each.key for each in store.partitions(table)] == ["mine|g000", "mine|g001"]


def test_the_salt_may_lie_beside_the_document(bred: Path) -> None:
    path = bred / "evolutions" / "mine.toml"
    text = path.read_text()
    assert 'salt = "shown to everyone"' in text
    path.write_text(text.replace('salt = "shown to everyone"', ""))
    arguments = ["evolve", "mine", "--generations", "1", "--home", str(bred)]
    assert main(arguments) == 2
    (bred / "evolutions" / "mine.salt").write_text("shown to everyone\n")
    assert main(arguments) == 0


def test_a_campaign_runs_without_its_evolutions(bred: Path) -> None:
    groups = {
        next(iter(assets.group_names_by_key.values())) for assets in headless._in_order(build(bred))
    }
    assert "evolution" not in groups
    assert "tournaments" in groups


def test_the_generation_that_can_be_made_next_has_a_key_and_no_later_one(
    bred: Path, instance: dg.DagsterInstance
) -> None:
    headless.register(instance, bred)
    assert instance.get_dynamic_partitions("generation") == ["g000"]
    assert materialise(bred, instance, "mine|g000").success
    headless.register(instance, bred)
    assert instance.get_dynamic_partitions("generation") == ["g000", "g001"]
