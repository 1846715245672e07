"""What is not as it should be: dead runs, drafts, torn files, documents in quarantine."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import dagster as dg

from pipelines import home as homes
from pipelines.resources import is_alive, run_lock
from simcore import documents
from simcore.backtests.cache import FOLDER as CACHE
from simcore.backtests.trials import lost_trials
from simcore.campaign import check_document
from simcore.errors import SpecError, StoreError
from simcore.imports.intake import FOLDER as IMPORTS
from simcore.imports.intake import collections, sources
from simcore.quarantine import printable
from simcore.store import Address, Store
from simcore.tables import TABLES
from simcore.tables.table import Table

STARTING_SECONDS: Final = 120.0
"""A run that took no lock within this time never began."""

DRAFT_SECONDS: Final = 3600.0
"""A draft outside of the lake, which nobody locks, is nobody's after this time."""

_UNDER_WAY: Final = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True)
class Finding:
    """One thing that was not as it should be.

    Args:
        kind: ``document``, ``draft``, ``run``, ``unsealed``, ``torn`` or ``refused``.
        place: The file, or the run's id.
        found: What was found.
        remedy: What was done, or is to be done.
    """

    kind: str
    place: str
    found: str
    remedy: str

    def __str__(self) -> str:
        where = f"run {self.place}" if self.kind == "run" else self.place
        return f"{where}: {self.found} [{self.remedy}]"


@dataclass(frozen=True)
class Report:
    """What the doctor looked at and found.

    Args:
        runs: How many runs were under way, as far as Dagster knew.
        partitions: How many partitions have a file.
        findings: What was not as it should be.
    """

    runs: int
    partitions: int
    findings: tuple[Finding, ...]

    @property
    def text(self) -> str:
        """The report for people: a line a finding, and the counts."""
        kinds = Counter(finding.kind for finding in self.findings)
        counted = [f"{_COUNTED[kind]}: {n}" for kind, n in sorted(kinds.items())]
        looked = (
            f"partitions looked at: {self.partitions} (what each says of itself; `proving verify` "
            f"reads every byte), runs under way: {self.runs}"
        )
        last = f"{looked}; {', '.join(counted) or 'nothing to mend'}"
        return "\n".join([*map(str, self.findings), last])

    @property
    def data(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "runs": self.runs,
            "partitions": self.partitions,
            "findings": [vars(finding) for finding in self.findings],
        }


_COUNTED: Final = {
    "document": "documents in quarantine",
    "draft": "drafts removed",
    "run": "dead runs ended",
    "torn": "files torn or foreign",
    "unsealed": "files sealed",
    "refused": "changes refused by the disk",
}


def run(
    home: Path, *, instance: dg.DagsterInstance | None = None, now_seconds: float | None = None
) -> Report:
    """Clear what a crash left, and tell of each thing found.

    A run whose process died keeps its slot for hours, because nothing in Dagster asks after it. A
    living run holds a lock that the system takes from a dead one; that needs no clock.

    Args:
        home: Absolute path of the home; made where missing.
        instance: Knows the runs; None takes the home's own.
        now_seconds: Time since 1970; None asks the clock.
    """
    if instance is None:
        with homes.instance(home) as own:
            return run(home, instance=own, now_seconds=now_seconds)
    now = time.time() if now_seconds is None else now_seconds
    store = Store(homes.lake(home))
    n_runs = instance.get_runs_count(dg.RunsFilter(statuses=_UNDER_WAY))
    findings = [*_quarantined(home), *_swept(store, home, now)]
    findings += ended(home, instance, now_seconds=now)
    partitions = 0
    for table in TABLES.values():
        places = {store.path(table, each) for each in store.partitions(table)}
        partitions += len(places)
        findings += _sealed(store, table)
        for path in store.torn(table):
            remedy = (
                _remedy(table, path)
                if path in places
                else f"no partition of {table.name}, move it away"
            )
            findings.append(Finding("torn", str(path), "torn or foreign", remedy))
    return Report(n_runs, partitions, tuple(findings))


def ended(
    home: Path, instance: dg.DagsterInstance, *, now_seconds: float | None = None
) -> list[Finding]:
    """End every run whose process is dead, and tell of each; a worker that starts needs no more.

    Args:
        home: Absolute path of the home.
        instance: Knows the runs.
        now_seconds: Time since 1970; None asks the clock.
    """
    now = time.time() if now_seconds is None else now_seconds
    records = instance.get_run_records(dg.RunsFilter(statuses=_UNDER_WAY))
    return [each for record in records for each in _ended(home, instance, record, now)]


def _quarantined(home: Path) -> list[Finding]:
    """Return the user's documents that are left out of everything until they are mended."""
    wrong: list[tuple[Path, str]] = []
    for kind in documents.KINDS:
        wrong += [(home / each.source, str(each)) for each in documents.unlisted(kind, home)]
        for path in sorted((home / kind).glob("*")):
            if path.suffix in (".toml", ".json") and path.is_file():
                told = [
                    each
                    for each in check_document(str(path), home=home)
                    if each.severity == "error"
                ]
                wrong += [(path, "\n".join(map(str, told)))] if told else []
    for collection in collections(home):
        try:
            sources(home, collection)
        except SpecError as error:
            wrong.append((home / IMPORTS / collection, error.message))
    remedy = "mend it, or move it away: until then it is left out, and nothing else waits for it"
    return [
        Finding("document", printable(str(path)), printable(said), remedy) for path, said in wrong
    ]


def _remedy(table: Table, path: Address) -> str:
    if table.name == "trials":
        return lost_trials(path)
    if table.partitioned_by == ("collection",):
        return "`proving import-run` with the files of its collection measures them again"
    return "the next run of its campaign rebuilds it"


def _sealed(store: Store, table: Table) -> list[Finding]:
    """Seal the files that were written before there were seals, and would be read as torn.

    Their rows hash to what their footers say, or they stay as they are.
    """
    findings = []
    for partition in store.unsealed(table):
        path = store.path(table, partition)
        old = "written before files had a seal"
        try:
            store.seal(table, partition)
        except StoreError as error:
            if error.code in ("HASH_MISMATCH", "TORN", "OTHER_SCHEMA"):
                found = f"{old}; {error.message.removeprefix(f'{path}: ').rpartition(' [')[0]}"
                findings.append(Finding("torn", str(path), found, _remedy(table, path)))
            else:
                findings.append(
                    Finding("refused", str(path), error.message, "then ask the doctor again")
                )
            continue
        said = "sealed: its rows hash to what it says of them"
        findings.append(Finding("unsealed", str(path), old, said))
    return findings


def _swept(store: Store, home: Path, now: float) -> list[Finding]:
    """Remove what dead writers left half-written."""
    try:
        swept = list(store.sweep())
        for path in _drafts(home):
            if abs(now - path.stat().st_mtime) > DRAFT_SECONDS:
                path.unlink()
                swept.append(path)
    except StoreError as error:
        return [Finding("refused", str(store.root), error.message, "then ask the doctor again")]
    return [Finding("draft", str(path), "draft of a dead writer", "removed") for path in swept]


def _drafts(home: Path) -> list[Path]:
    """Return the drafts of files that are renamed to their place, wherever a home has such."""
    places = (".*.draft", "*/.*.draft", f"{IMPORTS}/*/.*.draft", "journal/.cas/.*.draft")
    found = [path for each in places for path in home.glob(each)]
    return sorted(path for path in [*found, *(home / CACHE).rglob(".draft-*")] if path.is_file())


def _ended(
    home: Path, instance: dg.DagsterInstance, record: dg.RunRecord, now: float
) -> list[Finding]:
    """End a run if its process is dead: its slot is free again, and a retry may begin."""
    dead = record.dagster_run
    # A clock that was set back puts the creation into the future: only the distance counts.
    is_young = abs(now - record.create_timestamp.timestamp()) < STARTING_SECONDS
    is_held = is_alive(home, dead.run_id)
    # Elsewhere its lock may not reach this disk; there the launcher asks after it.
    is_elsewhere = instance.run_launcher.supports_check_run_worker_health
    if is_held or (is_held is None and (is_young or is_elsewhere)):
        return []
    found = f"its process is dead, {dead.status.value} as far as Dagster knew"
    if dead.status == dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(dead, "its process is dead; cleared by `proving doctor`")
        remedy = "marked as canceled"
    else:
        instance.report_run_failed(dead, "its process is dead; cleared by `proving doctor`")
        remedy = "marked as failed"
    run_lock(home, dead.run_id).unlink(missing_ok=True)
    return [Finding("run", dead.run_id, found, remedy)]
