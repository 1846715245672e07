"""A full disk and a read-only lake: what was whole stays, and the operator is told why."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from simcore import steps
from tests.faults.conftest import Undisturbed

ROOT = Path(__file__).parents[2]
# A mount of one's own ends with the process, however that ends.
MOUNTING = ["unshare", "--map-root-user", "--mount"]


def can_mount() -> bool:
    try:
        asked = subprocess.run([*MOUNTING, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return asked.returncode == 0


def told(case: str, folder: Path, *, by: str) -> Any:
    is_mounting = by == "mount" and can_mount()
    command = [sys.executable, "-m", "tests.faults.disks", case, str(folder), by]
    done = subprocess.run(
        [*(MOUNTING if is_mounting else []), *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("by", ["mount", "limit"])
def test_a_write_that_finds_the_disk_full_leaves_the_old_partition_and_no_draft(
    tmp_path: Path, by: str
) -> None:
    found = told("full_store", tmp_path, by=by)
    assert found["code"] == "DISK_FULL"
    assert "games/campaign=c-small/data.parquet: got " in found["message"]
    assert "bytes free" in found["message"]
    assert "[free space" in found["message"] or "`ulimit -f`" in found["message"]
    assert found["is_whole"]
    assert found["drafts"] == found["torn"] == []
    assert found["rows_after"] == 20_000


def test_a_disk_that_is_full_for_dagsters_history_too_is_named_and_costs_no_partition(
    tmp_path: Path, undisturbed: Undisturbed
) -> None:
    found = told("full_home", tmp_path, by="mount")
    assert found["exit"] == 3
    assert "home/dagster: got d" in found["message"]
    assert "bytes free, expected to keep Dagster's history there" in found["message"]
    assert "`proving doctor`" in found["message"]
    assert found["torn"] == []
    assert {each["kind"] for each in found["doctor"]} <= {"run"}
    assert found["again"] == []
    hashes = {(table, key): content for table, key, content in found["hashes"]}
    assert hashes == undisturbed.hashes


def test_a_read_only_lake_is_read_and_says_on_the_page_why_it_is_not_written(
    tmp_path: Path,
) -> None:
    found = told("read_only_lake", tmp_path, by="mount")
    assert found["reused"]
    assert all(found["reused"])
    # The run's failure comes behind a failed check of each asset, which its own page shows.
    *checks, failure = found["failures"]
    assert len(checks) == len(steps.MARKETS)
    assert failure in found["page"]
    for told_of in found["failures"]:
        assert "data.parquet: got " in told_of
        assert "[let this user write to the lake, or mount it writable" in told_of
    assert found["is_same"]
    (finding,) = found["doctor"]
    assert finding["kind"] == "refused"
    assert "dead.parquet: got " in finding["found"]
