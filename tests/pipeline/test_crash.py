from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from pipelines import doctor, headless
from pipelines import home as homes
from pipelines.cli import main
from pipelines.resources import run_lock
from simcore.backtests.cache import FOLDER as CACHE
from simcore.store import Store
from simcore.tables import TABLES
from simcore.verification import verify

# Dies while a draft is written, before it is made durable: at the n-th file of the run.
DIES = """
import os, signal, stat, sys
from pathlib import Path
from pipelines import headless

honest, left = os.fsync, int(sys.argv[2])

def fsync(number):
    global left
    if stat.S_ISREG(os.fstat(number).st_mode):
        left -= 1
        if left == 0:
            os.ftruncate(number, os.fstat(number).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
    honest(number)

os.fsync = fsync
headless.run("c0-tiny", home=Path(sys.argv[1]), progress=lambda line: print(line, flush=True))
"""


def test_a_run_that_is_killed_in_a_write_leaves_partitions_whole_or_absent(
    home: Path, finished: Path
) -> None:
    nth_file = 9
    command = [sys.executable, "-c", DIES, str(home), str(nth_file)]
    killed = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    store = Store(homes.lake(home))
    assert sum(len(store.partitions(table)) for table in TABLES.values()) == nth_file - 1
    assert [each.message for each in verify(home) if not each.is_sound] == []
    assert len(list((store.root / ".staging").iterdir())) == 1

    with homes.instance(home) as instance:
        report = doctor.run(home, instance=instance)
        assert sorted(each.kind for each in report.findings) == ["draft", "run"]
        assert "; drafts removed: 1, dead runs ended: 1" in report.text
        assert report.partitions == nth_file - 1
        assert doctor.run(home, instance=instance).findings == ()
        summary = headless.run("c0-tiny", home=home, progress=print, instance=instance)
    assert summary.failures == []
    assert sum(each.is_reused for each in summary.made) == nth_file - 1
    whole = Store(homes.lake(finished))
    for table in TABLES.values():
        for partition in whole.partitions(table):
            expected = whole.footer(table, partition).content_hash
            assert store.footer(table, partition).content_hash == expected


def test_the_doctor_leaves_a_living_run_alone(home: Path, instance: dg.DagsterInstance) -> None:
    import fcntl

    run = instance.add_run(
        dg.DagsterRun(job_name="run_backtests", status=dg.DagsterRunStatus.STARTED)
    )
    path = run_lock(home, run.run_id)
    path.parent.mkdir(parents=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert doctor.run(home, instance=instance, now_seconds=4e9).findings == ()
    assert len(doctor.run(home, instance=instance).findings) == 1
    assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.FAILURE


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING])
def test_the_doctor_gives_a_run_that_is_starting_time_to_start(
    home: Path, instance: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    run = instance.add_run(dg.DagsterRun(job_name="run_backtests", status=status))
    created = instance.get_run_record_by_id(run.run_id).create_timestamp.timestamp()
    for moment in (created + 60.0, created - 60.0):  # the clock may have been set back since
        assert doctor.run(home, instance=instance, now_seconds=moment).findings == ()
    assert len(doctor.run(home, instance=instance, now_seconds=created + 600.0).findings) == 1


def test_a_run_from_the_future_does_not_keep_its_slot_for_good(
    home: Path, instance: dg.DagsterInstance
) -> None:
    run = instance.add_run(
        dg.DagsterRun(job_name="run_backtests", status=dg.DagsterRunStatus.STARTING)
    )
    created = instance.get_run_record_by_id(run.run_id).create_timestamp.timestamp()
    (finding,) = doctor.run(home, instance=instance, now_seconds=created - 1e7).findings
    assert (finding.kind, finding.place) == ("run", run.run_id)
    assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.FAILURE


def test_a_dead_run_that_was_being_canceled_is_canceled(
    home: Path, instance: dg.DagsterInstance
) -> None:
    run = instance.add_run(
        dg.DagsterRun(job_name="run_backtests", status=dg.DagsterRunStatus.CANCELING)
    )
    (finding,) = doctor.run(home, instance=instance, now_seconds=4e9).findings
    assert finding.remedy == "marked as canceled"
    assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.CANCELED


def test_the_doctor_names_a_torn_file(tiny: Path, instance: dg.DagsterInstance) -> None:
    store = Store(homes.lake(tiny))
    path = store.path(TABLES["bars"], store.partitions(TABLES["bars"])[0])
    path.write_bytes(path.read_bytes()[:-100])
    report = doctor.run(tiny, instance=instance)
    (finding,) = report.findings
    assert (finding.kind, finding.place) == ("torn", str(path))
    assert finding.remedy == "the next run of its campaign rebuilds it"
    assert report.text.splitlines()[-1].endswith("; files torn or foreign: 1")
    assert report.data["findings"] == [vars(finding)]


def test_the_doctor_counts_what_it_looked_at_in_words_and_as_json(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draft = homes.lake(home) / ".staging" / "dead.parquet"
    draft.parent.mkdir(parents=True)
    draft.write_bytes(b"half")
    assert main(["doctor", "--json", "--home", str(home)]) == 0
    expected = {
        "kind": "draft",
        "place": str(draft),
        "found": "draft of a dead writer",
        "remedy": "removed",
    }
    found = json.loads(capsys.readouterr().out)
    assert found == {"runs": 0, "partitions": 0, "findings": [expected]}
    assert main(["doctor", "--home", str(home)]) == 0
    said = capsys.readouterr().out
    assert said == (
        "partitions looked at: 0 (what each says of itself; `proving verify` reads every byte), "
        "runs under way: 0; nothing to mend\n"
    )


def test_the_doctor_removes_old_drafts_of_the_cache_and_no_young_ones(
    home: Path, instance: dg.DagsterInstance
) -> None:
    draft = home / CACHE / "code" / ".draft-x"
    draft.parent.mkdir(parents=True)
    draft.write_bytes(b"half")
    written = draft.stat().st_mtime
    assert doctor.run(home, instance=instance, now_seconds=written + 60.0).findings == ()
    assert draft.exists()
    (finding,) = doctor.run(home, instance=instance, now_seconds=written + 7200.0).findings
    assert (finding.kind, finding.place) == ("draft", str(draft))
    assert not draft.exists()


def test_a_home_whose_making_was_cut_short_is_made_whole_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_short(path: Path, text: str, **_: object) -> None:
        path.write_bytes(text.encode()[: len(text) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", cut_short)
    with pytest.raises(OSError, match="No space"):
        homes.init(tmp_path / "cut")
    monkeypatch.undo()
    made = {path.relative_to(tmp_path / "cut") for path in homes.init(tmp_path / "cut")}
    whole = {path.relative_to(tmp_path / "whole") for path in homes.init(tmp_path / "whole")}
    assert made == whole
    for name in whole - {Path("dagster", "dagster.yaml")}:  # which holds the home's own path
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
