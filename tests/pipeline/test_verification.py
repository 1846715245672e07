from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from pipelines import backup
from pipelines import home as homes
from simcore import steps
from simcore.campaign import load
from simcore.store import Partition, Provenance, Store
from simcore.tables import TABLES
from simcore.verification import verified_logs, verify


def rewrite(store: Store, name: str, partition: Partition, rows: pl.DataFrame) -> Path:
    """Put other rows in place, in a file that is whole and hashes to what it says."""
    footer = store.footer(TABLES[name], partition)
    provenance = Provenance(footer.documents, footer.seed, footer.engine_version)
    return store.write(TABLES[name], partition, rows, provenance).path


@pytest.fixture(scope="module")
def shaken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the light campaign's chaos was run."""
    home = tmp_path_factory.mktemp("shaken") / "home"
    homes.init(home)
    steps.chaos(Store(homes.lake(home)), load("c1-light", home=home))
    return home


def test_an_honest_lake_is_sound(tiny: Path) -> None:
    assert all(each.is_sound for each in verify(tiny))


def test_bars_that_differ_from_their_manifest_are_named(tiny: Path, store: Store) -> None:
    place = Partition("c0-tiny")
    rows = store.read(TABLES["bars"], place)
    first = pl.int_range(pl.len()) == 0
    path = rewrite(store, "bars", place, rows.with_columns(volume=pl.col("volume") + first))
    (bad,) = [each for each in verify(tiny, campaign="c0-tiny") if not each.is_sound]
    assert bad.path == path
    assert rows["scenario_id"][0] in bad.message


def test_a_partition_that_a_campaign_lacks_is_named(tiny: Path, store: Store) -> None:
    gone = [
        store.path(TABLES["standings"], Partition("c0-tiny")),
        store.path(TABLES["trades"], Partition("c0-tiny", "ma_cross")),
    ]
    for path in gone:
        path.unlink()
    bad = [each for each in verify(tiny, campaign="c0-tiny") if not each.is_sound]
    assert sorted(each.path for each in bad) == sorted(gone)
    assert all("absent" in each.message for each in bad)


def test_a_file_that_is_no_partition_is_named(tiny: Path, store: Store) -> None:
    stray = store.root / "bars" / "notes.txt"
    stray.write_text("mine")
    assert [each.path for each in verify(tiny) if not each.is_sound] == [stray]


def test_the_logs_of_an_honest_campaign_meet_their_anchors(shaken: Path) -> None:
    inspections = verify(shaken)
    assert len(inspections) == len(steps.CHAOS)
    assert all(each.is_sound for each in inspections)


def test_the_chains_of_a_log_hold_after_a_backup_and_a_restore(
    shaken: Path, tmp_path: Path
) -> None:
    backup.backup(shaken, tmp_path / "b.tar")
    backup.restore(tmp_path / "b.tar", tmp_path / "back")
    inspections = verify(tmp_path / "back")
    assert len(inspections) == len(steps.CHAOS)
    assert all(each.is_sound for each in inspections)


@pytest.mark.parametrize(("name", "column"), [("chaos_events", "i1"), ("chaos_xlog", "qty_lot")])
def test_one_changed_record_of_a_log_breaks_its_chain(
    shaken: Path, tmp_path: Path, name: str, column: str
) -> None:
    import shutil

    home = tmp_path / "copy"
    shutil.copytree(shaken, home)
    store, place = Store(homes.lake(home)), Partition("c1-light")
    rows = store.read(TABLES[name], place)
    middle = pl.int_range(pl.len()) == rows.height // 2
    path = rewrite(store, name, place, rows.with_columns(pl.col(column) + middle))
    bad = [each for each in verify(home) if not each.is_sound]
    assert [each.path for each in bad] == [path]
    assert "chain differs from anchor" in bad[0].message
    (other,) = {"chaos_events", "chaos_xlog"} - {name}
    assert [each.path for each in verified_logs(store, place, name)] == [path]
    assert list(verified_logs(store, place, other)) == []
