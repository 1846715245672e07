"""Runs of Dagster, killed at any moment or under a clock that jumps, for `make test-faults`.

What is not named `test_…` is not collected by itself.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

from pipelines import doctor, headless
from pipelines import home as homes
from simcore import steps
from simcore.store import Store
from tests.faults import clocks, small
from tests.faults.conftest import Undisturbed
from tests.faults.kills import begun

ROUNDS = int(os.environ.get("PROVING_KILLED_RUNS", "20"))
SPAN_SECONDS = 15.0
"""Of processor time: about what a run of the whole campaign takes."""


def sick_databases(folder: Path) -> list[str]:
    """Return the databases of Dagster's that SQLite finds fault with."""
    sick = []
    for path in sorted(folder.rglob("*.db")):
        with closing(sqlite3.connect(path, timeout=60.0)) as database:
            (answer,) = database.execute("pragma integrity_check").fetchone()
        if answer != "ok":
            sick.append(f"{path}: {answer}")
    return sick


def test_killed_runs_leave_partitions_and_history_whole_and_are_freed_by_the_doctor(
    tmp_path: Path, undisturbed: Undisturbed
) -> None:
    honest = Store(tmp_path / "honest")
    asked = small.campaign(undisturbed.homes[0])
    small.make(honest, asked)
    steps.calibrations(honest, asked)
    home = tmp_path / "home"
    store, moments = Store(homes.lake(home)), random.Random(20_261_122)
    freed, drafts, sizes = 0, 0, []
    with begun("run", home, undisturbed) as writers:
        for n in range(ROUNDS):
            ended = writers.killed_after(
                moments.uniform(0.0, SPAN_SECONDS), pause_seconds=moments.uniform(0.0, 0.05)
            )
            assert ended == -signal.SIGKILL, n
            assert small.wrong(store, small.known(honest)) == [], n
            sizes.append(len(list(small.partitions(store))))
            assert sick_databases(home / "dagster") == [], n
            kinds = [each.kind for each in doctor.run(home, now_seconds=4e9).findings]
            freed += kinds.count("run")
            drafts += kinds.count("draft")
            with homes.instance(home) as instance:
                unfinished = [run for run in instance.get_runs() if not run.is_finished]
            assert unfinished == [], n
            small.discard(store)  # or the next would find most of its work done
            print(f"round {n}: {sizes[-1]} partitions, {kinds}", flush=True)
    print(
        f"{ROUNDS} killed runs: {freed} freed by the doctor, {drafts} drafts swept, 0 partitions "
        f"torn or wrong, {min(sizes)} to {max(sizes)} partitions whole after a kill"
    )
    assert freed > ROUNDS // 2
    summary = headless.run(small.CAMPAIGN, home=home, progress=print)
    assert summary.failures == []
    assert small.hashes(store) == small.hashes(honest)


def test_under_a_clock_that_jumps_by_months_a_run_comes_to_the_same_content(
    tmp_path: Path, undisturbed: Undisturbed
) -> None:
    found = clocks.told("run", tmp_path)
    assert found["went_back"] > 5
    assert found["failures"] == []
    assert found["reused"]
    assert all(found["reused"])
    hashes = {(table, key): content for table, key, content in found["hashes"]}
    assert {place: hashes[place] for place in undisturbed.hashes} == undisturbed.hashes
