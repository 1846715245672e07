"""A lake in a bucket is the lake on a disk by another way."""

from __future__ import annotations

import io
import multiprocessing
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from obstore.store import S3Store, from_url

from pipelines import home as homes
from simcore import bucket
from simcore.backtests.trials import Score, TrialLedger, trial_rows
from simcore.bucket import ObjectPath
from simcore.errors import StoreError
from simcore.store import Partition, Provenance, Store
from simcore.strategy.strategy import compile_strategy
from simcore.tables import TABLES
from tests.scale.servers import ROOT

GAMES = TABLES["games"]
TINY, LIGHT = Partition(campaign="c0-tiny"), Partition(campaign="c1-light")
PLACE = Partition(campaign="by-hand", strategy="ma_cross")
PROVENANCE = Provenance({"campaigns/c0-tiny": "ab" * 32}, 7, "0.1.0+abc", {"bars/c0-tiny": "cd"})


def games(n: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "tournament_id": ["one"] * n,
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


def trials(*names: str) -> pl.DataFrame:
    scores = [Score(name, 0.1, 100) for name in names]
    return trial_rows(scores, compile_strategy("ma_cross"), "h", "honest_v1", "test")


@pytest.fixture
def store(url: str) -> Store:
    return Store(url)


class TestPartitions:
    def test_come_back_as_they_were_written_and_as_a_disk_has_them(
        self, store: Store, tmp_path: Path
    ) -> None:
        there = store.write(GAMES, TINY, games(50).reverse(), PROVENANCE)
        here = Store(tmp_path / "lake").write(GAMES, TINY, games(50), PROVENANCE)
        assert replace(there, path=here.path) == here
        assert str(there.path) == f"{store.root}/games/campaign=c0-tiny/data.parquet"
        assert there.path.read_bytes() == here.path.read_bytes()
        assert store.footer(GAMES, TINY) == there == store.verify(GAMES, TINY)
        assert store.read(GAMES, TINY).equals(GAMES.conform(games(50)))
        assert store.read(GAMES, TINY, ["score_a", "round"]).columns == ["score_a", "round"]
        assert store.is_current(GAMES, TINY, PROVENANCE)
        assert not store.is_current(GAMES, TINY, replace(PROVENANCE, seed=8))

    def test_are_listed_retired_and_discarded(self, store: Store, url: str, tmp_path: Path) -> None:
        assert store.partitions(GAMES) == []
        assert store.footer(GAMES, TINY) is None
        for each in (TINY, LIGHT):
            store.write(GAMES, each, games(3), PROVENANCE)
        assert store.partitions(GAMES) == [TINY, LIGHT]
        retired = store.retire(GAMES, TINY, f"{url}/.retired")
        assert retired == ObjectPath(f"{url}/.retired", "games/campaign=c0-tiny/data.parquet")
        assert Store(f"{url}/.retired").verify(GAMES, TINY).rows == 3
        assert store.retire(GAMES, TINY, f"{url}/.retired") is None
        assert store.partitions(GAMES) == [LIGHT]
        assert store.retire(GAMES, LIGHT, tmp_path) == Store(tmp_path).path(GAMES, LIGHT)
        assert Store(tmp_path).verify(GAMES, LIGHT).rows == 3
        store.write(GAMES, LIGHT, games(3), PROVENANCE)
        store.discard(GAMES, LIGHT)
        store.discard(GAMES, LIGHT)
        assert store.partitions(GAMES) == []
        assert store.sweep() == []

    @pytest.mark.parametrize("harm", ["cut", "emptied", "foreign"])
    def test_that_are_torn_are_named_and_written_over(self, store: Store, harm: str) -> None:
        whole = store.write(GAMES, TINY, games(50), PROVENANCE)
        content = whole.path.read_bytes()
        plain = io.BytesIO()
        pq.write_table(games(5).to_arrow(), plain)
        harmed = {"cut": content[:-100], "emptied": b"", "foreign": plain.getvalue()}[harm]
        whole.path.write_bytes(harmed)
        assert store.torn(GAMES) == [whole.path]
        assert not store.is_current(GAMES, TINY, PROVENANCE)
        with pytest.raises(StoreError) as refused:
            store.read(GAMES, TINY)
        assert refused.value.code == ("FOREIGN" if harm == "foreign" else "TORN")
        assert str(whole.path) in refused.value.message
        assert store.write(GAMES, TINY, games(50), PROVENANCE) == whole
        assert store.torn(GAMES) == []

    def test_are_read_by_polars_with_their_keys(self, store: Store) -> None:
        store.write(GAMES, TINY, games(4), PROVENANCE)
        store.write(GAMES, LIGHT, games(2), PROVENANCE)
        found = pl.read_parquet(f"{store.root}/games/**/*.parquet", hive_partitioning=True)
        assert found["campaign"].value_counts(sort=True).rows() == [("c0-tiny", 4), ("c1-light", 2)]
        lazy = pl.scan_parquet(f"{store.root}/games/*/*.parquet", hive_partitioning=True)
        assert lazy.filter(pl.col("campaign") == "c1-light").collect().height == 2


class TestWritersAtTheSameTime:
    def test_are_told_that_they_were_overtaken(self, store: Store, url: str) -> None:
        other = Store(url)
        for there in (0, 4):  # first where nothing is, then over what is
            with store.held(GAMES, TINY):
                assert (store.footer(GAMES, TINY) is None) == (there == 0)
                other.write(GAMES, TINY, games(there + 3), PROVENANCE)
                other.write(GAMES, TINY, games(there + 4), PROVENANCE)
                with pytest.raises(StoreError) as refused:
                    store.write(GAMES, TINY, games(5), PROVENANCE)
            assert (refused.value.code, refused.value.is_passing) == ("OVERTAKEN", True)
            assert store.verify(GAMES, TINY).rows == there + 4
        with store.held(GAMES, TINY):
            store.write(GAMES, TINY, games(6), PROVENANCE)
            store.write(GAMES, TINY, games(7), PROVENANCE)
        assert store.verify(GAMES, TINY).rows == 7

    def test_lose_no_trial(self, url: str) -> None:
        context = multiprocessing.get_context("spawn")
        writers = [context.Process(target=add_own, args=(url, number)) for number in range(3)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert [writer.exitcode for writer in writers] == [0, 0, 0]
        assert TrialLedger(Store(url)).census()["h"].k == 3 * 4 + 1


def add_own(url: str, number: int) -> None:
    for index in range(4):
        TrialLedger(Store(url)).add(PLACE, trials(f"{number}-{index}", "shared"))


WRITER = """
    import sys
    import polars as pl
    from simcore.store import Partition, Provenance, Store
    from simcore.tables import TABLES

    store, games = Store(sys.argv[1]), TABLES["games"]
    rows = {}
    for size in (60_000, 40_000):
        rows[size] = games.conform(pl.DataFrame({
            "tournament_id": ["one"] * size, "round": range(size), "stage": [""] * size,
            "scenario_id": ["s"] * size, "path": [0] * size, "entry_a": ["a"] * size,
            "entry_b": ["b"] * size, "score_a": [i * 0.1 for i in range(size)],
            "score_b": [0.5] * size, "result": ["a"] * size,
        }))
    print("ready", flush=True)
    while True:
        for size, frame in rows.items():
            store.write(games, Partition("c0-tiny"), frame, Provenance({}, size, "v"))
            print(size, flush=True)
"""


def test_a_writer_killed_at_any_moment_leaves_the_partition_whole_or_absent(
    store: Store, tmp_path: Path
) -> None:
    script = tmp_path / "writer.py"
    script.write_text(textwrap.dedent(WRITER))
    n_whole = 0
    for attempt in range(8):
        command = [sys.executable, str(script), str(store.root)]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        for _ in range(attempt % 3):
            writer.stdout.readline()
        time.sleep(0.03 * attempt)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        assert store.torn(GAMES) == []
        footer = store.footer(GAMES, TINY)
        if footer is not None:
            n_whole += 1
            assert store.verify(GAMES, TINY).rows == footer.seed
    assert n_whole > 0


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> S3Store:
    """Ask a server that does not answer, once."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    quick = from_url("s3://nowhere/lake", retry_config={"max_retries": 0})
    monkeypatch.setattr(bucket, "client", lambda _: quick)
    return quick


class LostAfterListing:
    """A server that tells what there is and then answers no more."""

    def __init__(self, there: S3Store, away: S3Store) -> None:
        self.list, self.get, self.head = there.list, away.get, away.head


QUESTIONS: dict[str, Callable[[Store], object]] = {
    "footer": lambda store: store.footer(GAMES, TINY),
    "read": lambda store: store.read(GAMES, TINY),
    "is_current": lambda store: store.is_current(GAMES, TINY, PROVENANCE),
    "partitions": lambda store: store.partitions(GAMES),
    "torn": lambda store: store.torn(GAMES),
    "write": lambda store: store.write(GAMES, TINY, games(3), PROVENANCE),
}


class TestRefusals:
    @pytest.mark.parametrize("question", QUESTIONS)
    def test_of_a_server_that_does_not_answer_may_pass(self, away: S3Store, question: str) -> None:
        with pytest.raises(StoreError) as refused:
            QUESTIONS[question](Store("s3://nowhere/lake"))
        assert (refused.value.code, refused.value.is_passing) == ("UNREACHABLE", True)
        assert "s3://nowhere/lake/games" in refused.value.message

    def test_of_a_server_that_goes_while_it_is_asked_call_nothing_torn(
        self, url: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Store(url).write(GAMES, TINY, games(3), PROVENANCE)
        there = bucket.client(url)
        lost = LostAfterListing(there, request.getfixturevalue("away"))
        monkeypatch.setattr(bucket, "client", lambda _: lost)
        with pytest.raises(StoreError) as refused:
            Store(url).torn(GAMES)
        assert (refused.value.code, refused.value.is_passing) == ("UNREACHABLE", True)
        assert str(Store(url).path(GAMES, TINY)) in refused.value.message

    def test_of_what_is_no_bucket_say_what_one_looks_like(self) -> None:
        with pytest.raises(StoreError, match="expected a URL such as s3://") as refused:
            Store("ftp://lakes/proving").footer(GAMES, TINY)
        assert refused.value.code == "BAD_URL"

    def test_without_the_library_name_what_brings_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("obstore", "obstore.store", "obstore.exceptions"):
            monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(StoreError, match="proving-ground\\[s3\\]") as refused:
            Store("s3://never/asked").footer(GAMES, TINY)
        assert refused.value.code == "NEEDS_EXTRA"


class TestAHome:
    def test_keeps_the_url_that_the_environment_named(
        self, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home = tmp_path / "home"
        monkeypatch.setenv(homes.LAKE_VARIABLE, url)
        assert homes.lake(home) == url
        assert home / "lake.url" in homes.init(home)
        assert not (home / "lake").exists()
        monkeypatch.delenv(homes.LAKE_VARIABLE)
        assert homes.lake(home) == url
        assert homes.retired(home) == f"{url}/.retired"
        assert str(Store.of(home).root) == url
        monkeypatch.setenv(homes.LAKE_VARIABLE, f"{url}-other")
        with pytest.raises(StoreError) as refused:
            homes.init(home)
        assert refused.value.code == "OTHER_LAKE"

    def test_has_its_lake_beside_it_unless_told_otherwise(self, tmp_path: Path) -> None:
        homes.init(tmp_path)
        assert homes.lake(tmp_path) == tmp_path / "lake" == Store.of(tmp_path).root
        assert homes.retired(tmp_path) == tmp_path / "retired"
        assert (tmp_path / "lake").is_dir()
