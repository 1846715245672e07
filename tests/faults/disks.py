"""Disks that refuse: each case is done to a real one, in a process of its own that may mount it.

Where nothing may be mounted, a limit on the size of files stands for a small disk, and rights that
were taken away for a read-only one; what must be told is the same.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import resource
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from simcore.errors import StoreError
from simcore.store import Partition, Provenance, Store
from simcore.tables import TABLES
from tests.faults import small

PROVENANCE = Provenance({}, None, "0.1.0")
PLACE = Partition(campaign="c-small")
GAMES = TABLES["games"]
LIMIT_BYTES = 20_000
ROOM_BYTES = 60_000
_CAPABILITY_VERSION = 0x20080522
_CAP_DAC_OVERRIDE = 1 << 1  # what lets root write where the rights say no


def games(n: int) -> pl.DataFrame:
    """Return rows of which no compression makes a small file."""
    return pl.DataFrame(
        {
            "tournament_id": ["one"] * n,
            "round": range(n),
            "stage": [""] * n,
            "scenario_id": ["trend-up-mid"] * n,
            "path": [0] * n,
            "entry_a": ["ma_cross"] * n,
            "entry_b": ["zero_rule"] * n,
            "score_a": [(i * 2_654_435_761 % 2**32) / 7.0 for i in range(n)],
            "score_b": [(i * 40_503 % 2**32) / 11.0 for i in range(n)],
            "result": ["a"] * n,
        }
    )


def has_mounted(*arguments: str) -> bool:
    asked = subprocess.run(["mount", *arguments], capture_output=True, check=False)
    return asked.returncode == 0


def small_disk(folder: Path, *, may_mount: bool, megabytes: int) -> bool:
    """Put a small disk at the folder; return whether it is one, and not a limit yet to be set."""
    folder.mkdir(parents=True)
    return may_mount and has_mounted(
        "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", f"{folder}"
    )


def fill(folder: Path, *, room_bytes: int) -> Path:
    """Fill the disk of a folder but for so much."""
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    filler = folder / "filler"
    filler.write_bytes(bytes(free - room_bytes))
    return filler


def said(store: Store, change: Callable[[], object]) -> dict[str, Any]:
    """Return what the store says to a change that is refused."""
    try:
        change()
    except StoreError as error:
        drafts = [path.name for path in (store.root / ".staging").glob("*")]
        return {"code": error.code, "message": error.message, "drafts": drafts}
    return {"code": "none"}


def full_store(folder: Path, *, may_mount: bool) -> dict[str, Any]:
    """Fill the disk under a store, let a write be refused, and make room again."""
    is_mounted = small_disk(folder / "disk", may_mount=may_mount, megabytes=1)
    store = Store(folder / "disk" / "lake")
    before = store.write(GAMES, PLACE, games(5), PROVENANCE)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    filler = fill(folder / "disk", room_bytes=ROOM_BYTES) if is_mounted else folder / "none"
    if not is_mounted:
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, limits[1]))
    found = said(store, lambda: store.write(GAMES, PLACE, games(20_000), PROVENANCE))
    found["is_whole"] = store.verify(GAMES, PLACE) == before
    found["torn"] = [str(path) for path in store.torn(GAMES)]
    filler.unlink(missing_ok=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    found["rows_after"] = store.write(GAMES, PLACE, games(20_000), PROVENANCE).rows
    return found


def full_home(folder: Path, *, may_mount: bool) -> dict[str, Any]:
    """Fill the disk under a home while Dagster writes its history, then make room again."""
    from pipelines import cli, doctor, headless
    from pipelines import home as homes

    home = folder / "home"
    is_mounted = small_disk(home, may_mount=may_mount, megabytes=24)
    homes.init(home)
    small.prepare(home)
    with homes.instance(home) as instance:
        headless.register(instance, home)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    filler = fill(home, room_bytes=10 * ROOM_BYTES) if is_mounted else home / "none"
    if not is_mounted:
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, limits[1]))
    told = io.StringIO()
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
        exit_code = cli.main(["run", small.CAMPAIGN, "--home", str(home)])
    # Dagster says on the way out what it could not write down; the last line is ours.
    found: dict[str, Any] = {"exit": exit_code, "message": told.getvalue().splitlines()[-1]}
    store = Store(homes.lake(home))
    found["torn"] = [str(path) for table in TABLES.values() for path in store.torn(table)]
    filler.unlink(missing_ok=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    found["doctor"] = doctor.run(home, now_seconds=4e9).data["findings"]
    found["again"] = doctor.run(home, now_seconds=4e9).data["findings"]
    small.make(store, small.campaign(home))
    found["hashes"] = [[*place, content] for place, content in small.hashes(store).items()]
    return found


def read_only_lake(folder: Path, *, may_mount: bool) -> dict[str, Any]:
    """Make a lake, take away the right to write to it, read all of it and try to change it."""
    from pipelines import doctor, headless
    from pipelines import home as homes

    home, littered = small.prepare(folder / "home"), folder / "littered"
    for each in (home, littered):
        homes.init(each)
    store, other = Store(homes.lake(home)), Store(homes.lake(littered))
    small.make(store, small.campaign(home))
    before = small.hashes(store)
    (other.root / ".staging").mkdir()
    (other.root / ".staging" / "dead.parquet").write_bytes(b"half")
    if not (may_mount and all(is_mounted_read_only(each.root) for each in (store, other))):
        _take_rights_away((store.root, other.root))
    again = small.make(store, small.campaign(home))
    found: dict[str, Any] = {"reused": [each.is_reused for each in again]}
    small.prepare(home, days=6)
    with homes.instance(home) as instance:
        summary = headless.run(
            small.CAMPAIGN, home=home, progress=lambda _: None, instance=instance
        )
        found["failures"] = summary.failures
        found["page"] = [
            entry.dagster_event.step_failure_data.user_failure_data.description
            for run in instance.get_runs()
            for entry in instance.all_logs(run.run_id)
            if entry.dagster_event is not None and entry.dagster_event.is_step_failure
        ]
        report = doctor.run(littered, instance=instance)
        found["doctor"] = [vars(finding) for finding in report.findings]
    found["is_same"] = small.hashes(store) == before
    return found


def is_mounted_read_only(folder: Path) -> bool:
    at = str(folder)
    return has_mounted("--bind", at, at) and has_mounted("-o", "remount,bind,ro", at)


def _take_rights_away(lakes: tuple[Path, ...]) -> None:
    """Let nobody write to the lakes, not even root."""
    for path in [each for lake in lakes for each in (lake, *lake.rglob("*"))]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    libc = ctypes.CDLL(None)
    header = struct.pack("Ii", _CAPABILITY_VERSION, 0)
    held = ctypes.create_string_buffer(24)
    assert libc.capget(header, held) == 0
    effective, *others = struct.unpack("6I", held.raw)
    effective &= ~_CAP_DAC_OVERRIDE
    assert libc.capset(header, struct.pack("6I", effective, *others)) == 0


CASES = {"full_store": full_store, "full_home": full_home, "read_only_lake": read_only_lake}


if __name__ == "__main__":
    case, where, may_mount = sys.argv[1:]
    print(json.dumps(CASES[case](Path(where), may_mount=may_mount == "mount")))
