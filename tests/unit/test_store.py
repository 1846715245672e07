"""The store: a partition is whole or absent, and says what it was made from."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

from simcore import parquet
from simcore.errors import StoreError, TableError
from simcore.store import Partition, Provenance, Store, content_hash
from simcore.tables import TABLES
from simcore.tables.table import Column, Table

ROOT = Path(__file__).parents[2]
GAMES, TRADES, STRATEGIES = TABLES["games"], TABLES["trades"], TABLES["strategies"]
INTENTS = TABLES["chaos_intents"]
TINY, LIGHT = Partition(campaign="c0-tiny"), Partition(campaign="c1-light")
PROVENANCE = Provenance({"campaigns/c0-tiny": "ab" * 32}, 7, "0.1.0+abc", {"bars/c0-tiny": "cd"})


def games(n: int, tournament: str = "one") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "tournament_id": [tournament] * n,
            "round": range(n),
            "stage": [""] * n,
            "scenario_id": ["trend-up-mid"] * n,
            "path": [0] * n,
            "entry_a": ["ma_cross"] * n,
            "entry_b": ["ünïcode"] * n,
            "score_a": [0.5 + i for i in range(n)],
            "score_b": [None if i % 3 == 0 else 0.25 for i in range(n)],
            "result": ["a" if i % 2 else "draw" for i in range(n)],
        }
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "lake")


class TestPartition:
    def test_is_a_key_and_a_folder(self) -> None:
        both = Partition("c1-light", "ma_cross")
        assert both.key == "c1-light|ma_cross"
        assert both.folder == "campaign=c1-light/strategy=ma_cross"
        assert Partition.parse(TRADES, both.key) == both
        assert Partition.parse(STRATEGIES, "ma_cross") == Partition(strategy="ma_cross")

    @pytest.mark.parametrize(
        "key", ["", "true", "nan", "null", "001", "2024-01-01", "Upper", "a b", "a|b", "a/b", "ä"]
    )
    def test_refuses_keys_that_readers_take_for_something_else(self, key: str) -> None:
        with pytest.raises(StoreError) as refused:
            Partition(campaign=key)
        assert refused.value.code == "BAD_KEY"

    def test_must_fit_the_table(self, store: Store) -> None:
        for table, partition in (
            (GAMES, Partition("a", "b")),
            (TRADES, TINY),
            (GAMES, Partition()),
        ):
            with pytest.raises(StoreError, match="expected by campaign"):
                store.path(table, partition)


class TestProvenance:
    def test_has_the_settled_formula(self) -> None:
        text = (
            '{"documents":{"campaigns/c0-tiny":"' + "ab" * 32 + '"},"engine_version":"0.1.0+abc",'
            '"schema_version":2,"seed":7,"upstream":{"bars/c0-tiny":"cd"}}'
        )
        assert PROVENANCE.input_hash(GAMES) == sha256(text.encode()).hexdigest()

    @pytest.mark.parametrize(
        "other",
        [
            replace(PROVENANCE, documents={"campaigns/c0-tiny": "00" * 32}),
            replace(PROVENANCE, seed=8),
            replace(PROVENANCE, seed=None),
            replace(PROVENANCE, engine_version="0.1.0+abd"),
            replace(PROVENANCE, upstream={}),
            replace(PROVENANCE, settings={"execution": "honest_v1"}),
        ],
    )
    def test_changes_with_every_input(self, other: Provenance) -> None:
        assert other.input_hash(GAMES) != PROVENANCE.input_hash(GAMES)

    def test_changes_with_the_schema(self) -> None:
        newer = replace(GAMES, schema_version=GAMES.schema_version + 1)
        assert PROVENANCE.input_hash(newer) != PROVENANCE.input_hash(GAMES)


class TestWrite:
    def test_gives_back_what_was_written_in_key_order(self, store: Store) -> None:
        footer = store.write(GAMES, TINY, games(9).reverse(), PROVENANCE)
        back = store.read(GAMES, TINY)
        assert back.equals(GAMES.conform(games(9)))
        assert (footer.rows, footer.seed, footer.table) == (9, 7, "games")
        assert footer.content_hash == content_hash(GAMES, back)
        assert footer.input_hash == PROVENANCE.input_hash(GAMES)
        assert footer.documents == dict(PROVENANCE.documents)
        assert footer.bytes == footer.path.stat().st_size

    def test_of_the_same_rows_gives_the_same_bytes(self, tmp_path: Path) -> None:
        files = []
        for name in ("one", "two"):
            store = Store(tmp_path / name)
            files.append(store.write(GAMES, TINY, games(500), PROVENANCE).path.read_bytes())
        assert files[0] == files[1]

    def test_leaves_only_the_settled_keys_in_the_footer(self, store: Store) -> None:
        path = store.write(GAMES, TINY, games(3), PROVENANCE).path
        keys = {name.decode() for name in pq.read_metadata(path).metadata}
        names = "table content_hash input_hash documents seed engine_version schema_version seal"
        assert keys == {f"proving.{name}" for name in names.split()} | {"ARROW:schema"}

    def test_leaves_no_draft_and_no_foreign_file(self, store: Store) -> None:
        store.write(GAMES, TINY, games(3), PROVENANCE)
        files = [path for path in store.root.rglob("*") if path.is_file()]
        assert files == [store.path(GAMES, TINY)]

    def test_compresses_with_zstd_and_puts_enums_in_a_dictionary(self, store: Store) -> None:
        path = store.write(GAMES, TINY, games(300), PROVENANCE).path
        group = pq.read_metadata(path).row_group(0)
        every = [group.column(i) for i in range(group.num_columns)]
        columns = {column.path_in_schema: column for column in every}
        assert {column.compression for column in columns.values()} == {"ZSTD"}
        assert any("DICTIONARY" in encoding for encoding in columns["result"].encodings)

    def test_of_wrong_rows_writes_nothing(self, store: Store) -> None:
        with pytest.raises(TableError):
            store.write(GAMES, TINY, games(3).drop("path"), PROVENANCE)
        assert not [path for path in store.root.rglob("*") if path.is_file()]

    def test_failing_keeps_what_was_there(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = store.write(GAMES, TINY, games(3), PROVENANCE)

        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(StoreError, match="No space") as refused:
            store.write(GAMES, TINY, games(5), PROVENANCE)
        monkeypatch.undo()
        assert refused.value.code == "DISK_FULL"
        assert store.footer(GAMES, TINY) == before
        assert not list((store.root / ".staging").iterdir())

    def test_replaces_a_partition_whole(self, store: Store) -> None:
        store.write(GAMES, TINY, games(500), PROVENANCE)
        store.write(GAMES, TINY, games(2, "two"), PROVENANCE)
        assert store.read(GAMES, TINY)["tournament_id"].to_list() == ["two", "two"]

    def test_is_one_rename_of_a_synced_file_outside_the_dataset(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        steps: list[str] = []
        replace_, fsync = Path.replace, os.fsync

        def noted_replace(self: Path, target: Path) -> Path:
            assert store.root / ".staging" == self.parent
            assert pq.read_metadata(self).num_rows == 3
            steps.append("rename")
            return replace_(self, target)

        def noted_fsync(number: int) -> None:
            steps.append("folder" if stat.S_ISDIR(os.fstat(number).st_mode) else "file")
            fsync(number)

        monkeypatch.setattr(Path, "replace", noted_replace)
        monkeypatch.setattr(os, "fsync", noted_fsync)
        store.write(GAMES, TINY, games(3), PROVENANCE)
        assert steps == ["file", "rename", "folder", "folder", "folder"]


class TestRead:
    def test_of_some_columns_gives_these_in_that_order(self, store: Store) -> None:
        store.write(GAMES, TINY, games(3), PROVENANCE)
        assert store.read(GAMES, TINY, ["result", "path"]).columns == ["result", "path"]

    def test_of_an_absent_partition_says_so(self, store: Store) -> None:
        with pytest.raises(StoreError, match="materialise it first") as refused:
            store.read(GAMES, TINY)
        assert refused.value.code == "ABSENT"
        assert store.footer(GAMES, TINY) is None

    def test_of_other_columns_than_the_version_has_is_refused(self, store: Store) -> None:
        store.write(GAMES, TINY, games(3), PROVENANCE)
        extra = Column("more", "f64", "-", "More.", nullable=True)
        newer = replace(GAMES, columns=(*GAMES.columns, extra))
        with pytest.raises(StoreError, match="other columns than version 2"):
            store.read(newer, TINY)
        assert not store.is_current(newer, TINY, PROVENANCE)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garble_footer(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-200:-50] = b"\xff" * 150
    path.write_bytes(bytes(content))


def replace_by_text(path: Path) -> None:
    path.write_text("not parquet")


def replace_by_foreign_parquet(path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(path)


def replace_by_other_table(path: Path) -> None:
    other = Store(path.parents[2] / "other")
    other.write(TABLES["report"], TINY, TABLES["report"].empty(), PROVENANCE)
    path.write_bytes(other.path(TABLES["report"], TINY).read_bytes())


class TestBrokenFiles:
    @pytest.mark.parametrize(
        ("damage", "code"),
        [
            (truncate, "TORN"),
            (empty, "TORN"),
            (garble_footer, "TORN"),
            (replace_by_text, "TORN"),
            (replace_by_foreign_parquet, "FOREIGN"),
            (replace_by_other_table, "FOREIGN"),
        ],
    )
    def test_are_named_never_current_and_replaced(
        self, store: Store, damage: object, code: str
    ) -> None:
        whole = store.write(GAMES, TINY, games(50), PROVENANCE)
        store.write(GAMES, LIGHT, games(5), PROVENANCE)
        assert store.is_current(GAMES, TINY, PROVENANCE)
        damage(whole.path)  # type: ignore[operator]
        with pytest.raises(StoreError) as refused:
            store.footer(GAMES, TINY)
        assert refused.value.code == code
        assert str(whole.path) in refused.value.message
        assert not store.is_current(GAMES, TINY, PROVENANCE)
        assert store.torn(GAMES) == [whole.path]
        assert store.partitions(GAMES) == [TINY, LIGHT]
        with pytest.raises(StoreError):
            store.read(GAMES, TINY)
        again = store.write(GAMES, TINY, games(50), PROVENANCE)
        assert again == whole
        assert store.torn(GAMES) == []

    def test_with_a_flipped_bit_in_the_data_are_found_by_reading(self, store: Store) -> None:
        path = store.write(GAMES, TINY, games(50), PROVENANCE).path
        content = bytearray(path.read_bytes())
        content[len(content) // 4] ^= 1
        path.write_bytes(bytes(content))
        with pytest.raises(StoreError):
            store.verify(GAMES, TINY)

    def test_with_values_that_were_changed_are_found_by_their_hash(self, store: Store) -> None:
        footer = store.write(GAMES, TINY, games(5), PROVENANCE)
        assert store.verify(GAMES, TINY) == footer
        said = pq.read_metadata(footer.path).metadata
        metadata = {
            name.decode().removeprefix("proving."): value.decode()
            for name, value in said.items()
            if name.startswith(b"proving.") and name != b"proving.seal"
        }
        forged = games(5).with_columns(score_a=pl.lit(9.0))
        with footer.path.open("wb") as handle:
            parquet.write(GAMES, GAMES.conform(forged), metadata, handle)
        with pytest.raises(StoreError, match="content hash: got") as refused:
            store.verify(GAMES, TINY)
        assert refused.value.code == "HASH_MISMATCH"

    def test_that_belong_nowhere_are_listed(self, store: Store) -> None:
        store.write(GAMES, TINY, games(5), PROVENANCE)
        stray = store.root / "games" / "campaign=c0-tiny" / "copy.parquet"
        stray.write_bytes(b"")
        assert store.torn(GAMES) == [stray]
        assert store.partitions(GAMES) == [TINY]


class TestRetireAndDiscard:
    def test_retired_partitions_move_whole(self, store: Store, tmp_path: Path) -> None:
        footer = store.write(GAMES, TINY, games(5), PROVENANCE)
        target = store.retire(GAMES, TINY, tmp_path / "retired")
        assert target == Store(tmp_path / "retired").path(GAMES, TINY)
        moved = Store(tmp_path / "retired").footer(GAMES, TINY)
        assert moved == replace(footer, path=target)
        assert store.partitions(GAMES) == []
        assert not (store.root / "games").exists()
        assert store.retire(GAMES, TINY, tmp_path / "retired") is None

    def test_discarding_leaves_the_others(self, store: Store) -> None:
        store.write(GAMES, TINY, games(5), PROVENANCE)
        store.write(GAMES, LIGHT, games(5), PROVENANCE)
        store.discard(GAMES, TINY)
        store.discard(GAMES, TINY)
        assert store.partitions(GAMES) == [LIGHT]


def rows_of(query: str) -> list[Any]:
    relation = duckdb.sql(query)
    assert relation is not None
    return relation.fetchall()


class TestReaders:
    """Polars, DuckDB and pandas read the whole dataset, empty partitions included."""

    @pytest.fixture
    def filled(self, store: Store) -> Store:
        intents = pl.DataFrame(
            {
                "run_id": [bytes(range(16))] * 2, "seed": [1, 1], "arm": ["real", "real"],
                "intent_id": [0, 1], "ts": [0, 1], "strategy": [3, 4], "instrument": [0, 0],
                "side": [1, -1], "qty_lot": [5, 6], "cause_seq": [0, 0],
                "status": ["DENIED", "FILLED"],
            }
        )  # fmt: skip
        store.write(GAMES, TINY, games(4), PROVENANCE)
        store.write(GAMES, LIGHT, GAMES.empty(), PROVENANCE)
        store.write(INTENTS, TINY, intents, PROVENANCE)
        store.write(TRADES, Partition("c0-tiny", "ma_cross"), TRADES.empty(), PROVENANCE)
        store.write(TRADES, Partition("c0-tiny", "zero_rule"), TRADES.empty(), PROVENANCE)
        return store

    def test_polars_reads_every_partition(self, filled: Store) -> None:
        frame = pl.scan_parquet(
            filled.root / "games/**/*.parquet", hive_partitioning=True
        ).collect()
        assert frame["campaign"].to_list() == ["c0-tiny"] * 4
        assert frame["result"].cast(pl.String).to_list() == ["draw", "a", "draw", "a"]
        assert pl.read_parquet(filled.root / "games").height == 4
        empty = pl.scan_parquet(filled.root / "trades/**/*.parquet", hive_partitioning=True)
        assert empty.collect().height == 0
        assert {"campaign", "strategy"} <= set(empty.collect_schema())
        intents = pl.read_parquet(filled.root / "chaos_intents", hive_partitioning=True)
        assert intents["run_id"].to_list() == [bytes(range(16))] * 2

    def test_duckdb_reads_every_partition(self, filled: Store) -> None:
        glob = "read_parquet('{}/{}/**/*.parquet', hive_partitioning = true)"
        query = f"select campaign, result, entry_b from {glob.format(filled.root, 'games')}"
        found = rows_of(query)
        assert found[1] == ("c0-tiny", "a", "ünïcode")
        assert len(found) == 4
        query = f"select count(*), max(strategy) from {glob.format(filled.root, 'trades')}"
        assert rows_of(query) == [(0, None)]
        query = f"select hex(run_id), status from {glob.format(filled.root, 'chaos_intents')}"
        assert rows_of(query)[1] == (bytes(range(16)).hex().upper(), "FILLED")

    def test_pandas_reads_every_partition(self, filled: Store) -> None:
        frame = pd.read_parquet(filled.root / "games")
        assert frame["campaign"].tolist() == ["c0-tiny"] * 4
        assert frame["result"].tolist() == ["draw", "a", "draw", "a"]
        empty = pd.read_parquet(filled.root / "trades")
        assert len(empty) == 0
        assert {"campaign", "strategy", "exit_reason"} <= set(empty.columns)
        assert pd.read_parquet(filled.root / "chaos_intents")["status"].tolist()[0] == "DENIED"


class TestDrafts:
    def test_of_dead_writers_are_swept_and_of_living_ones_kept(self, store: Store) -> None:
        staging = store.root / ".staging"
        with store._files.draft() as (_, living):
            dead = staging / "dead.parquet"
            dead.write_bytes(b"half")
            assert store.sweep() == [dead]
            assert living.exists()
        assert list(staging.iterdir()) == []
        assert store.sweep() == []


WRITER = """
    import sys
    from pathlib import Path
    import polars as pl
    from simcore.store import Partition, Provenance, Store
    from simcore.tables import TABLES

    store = Store(Path(sys.argv[1]))
    games = TABLES["games"]
    rows = {}
    for size in (120_000, 90_000):
        rows[size] = games.conform(pl.DataFrame({
            "tournament_id": ["one"] * size, "round": range(size), "stage": [""] * size,
            "scenario_id": ["s"] * size,
            "path": [0] * size, "entry_a": ["a"] * size, "entry_b": ["b"] * size,
            "score_a": [i * 0.1 for i in range(size)], "score_b": [0.5] * size,
            "result": ["a"] * size,
        }))
    print("ready", flush=True)
    while True:
        for size, frame in rows.items():
            store.write(games, Partition("c0-tiny"), frame, Provenance({}, size, "v"))
            print(size, flush=True)
"""


def test_sigkill_in_the_middle_of_writes_leaves_the_partition_whole_or_absent(
    tmp_path: Path,
) -> None:
    # Kills land anywhere in the cycle of hashing, encoding, syncing and renaming.
    script = tmp_path / "writer.py"
    script.write_text(textwrap.dedent(WRITER))
    store = Store(tmp_path / "lake")
    cycle_s = 0.0
    n_drafts_left = 0
    found: list[str] = []
    for attempt in range(20):
        if attempt % 4 == 0:
            store.discard(GAMES, TINY)
        writer = subprocess.Popen(
            [sys.executable, str(script), str(store.root)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "POLARS_MAX_THREADS": "1"},
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        begun = time.monotonic()
        if attempt == 0:
            writer.stdout.readline()
            cycle_s = time.monotonic() - begun
        time.sleep(cycle_s * attempt / 20)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        n_drafts_left += len(store.sweep())
        assert store.torn(GAMES) == []
        footer = store.footer(GAMES, TINY)
        found.append("absent" if footer is None else "whole")
        if footer is not None:
            assert store.verify(GAMES, TINY).rows == footer.seed
    assert "whole" in found
    # Some kill did come between the draft and its rename: the loop has seen what it is about.
    assert n_drafts_left > 0, found


def test_a_table_of_many_strings_hashes_as_the_formula_says() -> None:
    columns = (
        Column("name", "str", "-", "A name."),
        Column("n", "i64", "-", "A number.", nullable=True),
    )
    table = Table("plain", "Two columns.", ("name",), ("campaign",), columns)
    n = 70_000  # More than one chunk.
    names = sorted(f"näme-{i}" if i % 3 else "x" * (i % 50) + str(i) for i in range(n))
    numbers = [None if i % 7 == 0 else i - 5 for i in range(n)]
    header = (
        '{"columns":[["name","str"],["n","i64"]],"rows":70000,"schema_version":1,"table":"plain"}'
    )
    digest = sha256(header.encode() + b"\n")
    digest.update(b"\x01" * n)
    for name in names:
        text = name.encode()
        digest.update(len(text).to_bytes(4, "little") + text)
    digest.update(bytes(number is not None for number in numbers))
    for number in numbers:
        digest.update((number or 0).to_bytes(8, "little", signed=True))
    frame = table.conform(pl.DataFrame({"name": names, "n": numbers}))
    assert content_hash(table, frame) == digest.hexdigest()
