"""What the doctor does about files that read as torn: seals what is only old, tells the rest."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import dagster as dg
import polars as pl
import pyarrow.parquet as pq
import pytest

from pipelines import backup, doctor
from pipelines import home as homes
from simcore import documents
from simcore.backtests.trials import Score, TrialLedger, trial_rows
from simcore.errors import StoreError
from simcore.imports.intake import collections
from simcore.steps import step
from simcore.store import Partition, Provenance, Store
from simcore.strategy.strategy import compile_strategy
from simcore.tables import TABLES

TRIALS = TABLES["trials"]
PLACE = Partition(campaign="by-hand", strategy="ma_cross")
BARS = Partition(campaign="c0-tiny")


def trials(*names: str) -> pl.DataFrame:
    scores = [Score(name, 0.1, 100) for name in names]
    return trial_rows(scores, compile_strategy("ma_cross"), "h", "honest_v1", "test")


def as_before_seals(path: Path, *, harm: bool = False) -> bytes:
    """Write a file as it was written before there were seals, and return its bytes."""
    held = pq.read_table(path)
    said = {name: value for name, value in held.schema.metadata.items() if name != b"proving.seal"}
    if harm:
        held = held.slice(1)
    pq.write_table(held.replace_schema_metadata(said), path, write_page_checksum=True)
    return path.read_bytes()


@pytest.fixture
def store(home: Path) -> Store:
    """The lake of an empty home, with two trials and no bars in it."""
    made = Store(homes.lake(home))
    TrialLedger(made).add(PLACE, trials("a", "b"))
    made.write(TABLES["bars"], BARS, TABLES["bars"].empty(), Provenance({}, 1, "x"))
    return made


def test_a_file_from_before_the_seal_is_sealed_and_says_what_it_said(
    home: Path, store: Store, instance: dg.DagsterInstance
) -> None:
    before = {each: store.footer(*each) for each in ((TRIALS, PLACE), (TABLES["bars"], BARS))}
    whole = {footer.path: footer.path.read_bytes() for footer in before.values()}
    for path in whole:
        as_before_seals(path)
    with pytest.raises(StoreError, match="do not hash to their seal") as refused:
        TrialLedger(store).read()
    assert refused.value.code == "TORN"
    report = doctor.run(home, instance=instance)
    assert {(each.kind, each.place) for each in report.findings} == {
        ("unsealed", str(path)) for path in whole
    }
    assert report.text.endswith("; files sealed: 2")
    assert {path: path.read_bytes() for path in whole} == whole
    assert {each: store.verify(*each) for each in before} == before
    assert TrialLedger(store).read().height == 2
    assert doctor.run(home, instance=instance).findings == ()


def test_a_file_whose_rows_are_not_those_it_speaks_of_is_never_sealed(
    home: Path, store: Store, instance: dg.DagsterInstance
) -> None:
    path = store.path(TRIALS, PLACE)
    content = as_before_seals(path, harm=True)
    (finding,) = doctor.run(home, instance=instance).findings
    assert (finding.kind, finding.place) == ("torn", str(path))
    assert "content hash: got" in finding.found
    assert path.read_bytes() == content


def test_torn_trials_are_kept_and_the_exact_command_is_told(
    home: Path, store: Store, instance: dg.DagsterInstance
) -> None:
    path = store.path(TRIALS, PLACE)
    path.write_bytes(path.read_bytes()[:-40])
    torn = path.read_bytes()
    (finding,) = doctor.run(home, instance=instance).findings
    command = finding.remedy.rpartition(": ")[2]
    assert command == f"rm {shlex.quote(str(path))}"
    with pytest.raises(StoreError) as refused:
        TrialLedger(store).add(PLACE, trials("c"))
    assert command in refused.value.message
    assert path.read_bytes() == torn
    subprocess.run(command, shell=True, check=True)
    assert TrialLedger(store).add(PLACE, trials("c")) == 1


def test_a_walk_does_not_write_over_torn_trials(home: Path, store: Store) -> None:
    path = store.path(TRIALS, PLACE)
    path.write_bytes(path.read_bytes()[:-40])
    torn = path.read_bytes()
    ledger = TrialLedger(store)
    with pytest.raises(StoreError, match="trials cannot be made again"):
        step.settled(
            store, [TRIALS], PLACE, Provenance({}, None, "x"),
            lambda: {"trials": ledger.present(PLACE)},
        )  # fmt: skip
    assert path.read_bytes() == torn


def test_broken_documents_are_listed_with_their_problems_until_they_are_mended(
    home: Path, instance: dg.DagsterInstance
) -> None:
    strategy = home / "strategies" / "mine.toml"
    strategy.write_text('id = "mine"\nversion = "0.1.0"\nnonsense = 1\n')
    (home / "campaigns" / "half.json").write_text('{"id": ')
    runs = home / "imports" / "old" / "runs.json"
    runs.parent.mkdir()
    runs.write_text('{"version": "0.1.0", "runs": []}')
    pipe = home / "scenarios" / "pipe.toml"
    os.mkfifo(pipe)
    report = doctor.run(home, instance=instance)
    found = {each.place: each.found for each in report.findings if each.kind == "document"}
    half = home / "campaigns" / "half.json"
    assert set(found) == {str(each) for each in (strategy, half, pipe, runs.parent)}
    assert "got a pipe" in found[str(pipe)]
    assert "/nonsense" in found[str(strategy)]
    assert "expected valid JSON" in found[str(half)]
    assert "runs.json: /made_by" in found[str(runs.parent)]
    assert "documents in quarantine: 4" in report.text
    assert all("left out" in each.remedy for each in report.findings)
    for path in (strategy, half, pipe, runs):
        path.unlink()
    assert doctor.run(home, instance=instance).findings == ()


KILLED = """
import os, signal, sys
from pathlib import Path
from simcore import lake

os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
lake.put(Path(sys.argv[1]), "half")
"""


def test_the_draft_of_a_killed_writer_is_seen_by_nobody_and_removed(
    home: Path, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    whole = {home / "reports" / "mine.html", home / "imports" / "old" / "runs.json"}
    whole |= {home / "strategies" / "mine.toml", home / "views.sql"}
    before = {path for path in home.rglob("*") if path.is_file()}
    for path in sorted(whole):
        command = [sys.executable, "-c", KILLED, str(path)]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    drafts = {path for path in home.rglob("*") if path.is_file()} - before
    assert len(drafts) == len(whole)
    assert collections(home) == []
    assert "mine" not in documents.found("strategies", home)
    backup.backup(home, tmp_path / "b.tar")
    with tarfile.open(tmp_path / "b.tar") as tar:
        assert not [name for name in tar.getnames() if ".draft" in name]
    assert doctor.run(home, instance=instance).findings == (), "they may be of a living writer"
    later = time.time() + doctor.DRAFT_SECONDS + 1.0
    report = doctor.run(home, instance=instance, now_seconds=later)
    assert {(each.kind, each.place) for each in report.findings} == {
        ("draft", str(path)) for path in drafts
    }
    assert not any(path.exists() for path in drafts)
    assert {path for path in home.rglob("*") if path.is_file()} == before
