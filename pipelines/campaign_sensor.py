"""Sensors of all documents but strategies: campaigns, what they name, and evolutions.

A campaign stands for the scenarios and tournaments that it names: one of them changed is the
campaign changed. What is broken is left out, told of in a failed check, and looked at again in the
next tick.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import dagster as dg

from assets import evaluations
from assets.partitions import CAMPAIGNS, COLLECTIONS, EVOLUTIONS, GENERATION_NUMBERS
from pipelines import waves
from pipelines.cursors import Cursor
from pipelines.home import retired
from pipelines.jobs import CHANGED, STANDINGS
from pipelines.nightly import reruns, verify_lake
from pipelines.sensors import INTERVAL_SECONDS, SETTLING_SECONDS, standings_of_tick
from simcore import documents, steps
from simcore.campaign import check_document, load
from simcore.errors import SpecError, StoreError
from simcore.evolution.document import read_evolution
from simcore.imports.intake import collections
from simcore.scenario.document import effective
from simcore.seeds import jcs, sha256_hex
from simcore.store import Partition, Store
from simcore.tables import TABLES

# Tables whose footers tell which documents a campaign was made from.
_TELLING: Final = ("scenarios", "standings", "report")
_NAMED: Final = ("scenarios", "suites", "tournaments")


@dataclass
class Seen(Cursor):
    """What a tick leaves for the next.

    Args:
        seq: Number of the tick; in every run key.
        files: By campaign, the hash of each document behind it when it was last acted on.
        refused: What was last told of each document that is wrong.
        missing: Campaigns without a document in this tick; gone if the next finds none either,
            because an editor may write a file by removing it first.
    """

    seq: int
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


@dataclass
class Told(Cursor):
    """What a tick leaves that has nothing to start.

    Args:
        refused: What was last told of each document that is wrong.
    """

    refused: dict[str, str] = field(default_factory=dict)


@dg.sensor(
    jobs=[*CHANGED, STANDINGS],
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Keeps a partition for every campaign document, reruns what a changed campaign, "
    "scenario or tournament touches, and fails the check of one that is wrong.",
)
def campaign_documents(
    context: dg.SensorEvaluationContext,
    store: dg.ResourceParam[Store],
    home: dg.ResourceParam[Path],
) -> dg.SensorResult:
    """Compare the documents behind every campaign with what was last acted on."""
    before = Seen.parse(context.cursor)
    is_settling = _is_settling(home)
    known = set(documents.found("campaigns", home))
    parts, refused = _read(home, sorted(known))
    if before is not None and is_settling:
        refused = before.refused
    # Without a cursor nothing is known but what the lake was made from; the clock numbers the
    # first tick above every tick of an earlier, forgotten cursor.
    files = _of_lake(store, parts) if before is None else before.files
    present = set(context.instance.get_dynamic_partitions("campaign"))
    missing = sorted((set(files) | present) - known)
    gone = [name for name in missing if before is not None and name in before.missing]
    after = Seen(
        int(time.time()) if before is None else before.seq,
        {name: each for name, each in files.items() if name not in gone},
        refused,
        missing,
    )
    requests: list[dg.RunRequest] = []
    seq = after.seq + 1
    for name in [] if before is None or is_settling else sorted(parts):
        changed = _changed(after.files.get(name, parts[name]), parts[name])
        after.files[name] = parts[name]
        if changed:
            after.seq = seq
            requests += _first_wave(context, store, home, name, changed, seq)
    for name in gone:
        _retire(store, home, name)
    partitions = _keys(context, "campaign", set(parts), gone)
    told = {} if before is None else before.refused
    for message in refused.values():
        context.log.warning(message)
    quiet = "; ".join(refused.values()) or "nothing changed"
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else quiet,
        cursor=after.text(),
        dynamic_partitions_requests=partitions,
        asset_events=evaluations.of_changes("scenarios", refused, told, kind="campaigns/"),
    )


@dg.sensor(
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Keeps a partition for every evolution document, and fails the check of one that "
    "is wrong; and one for every collection of imported runs. A changed evolution is not bred "
    "again by itself: that would open a sealed set.",
)
def evolution_documents(
    context: dg.SensorEvaluationContext,
    store: dg.ResourceParam[Store],
    home: dg.ResourceParam[Path],
) -> dg.SensorResult:
    """Keep the keys of evolutions, and that of the generation that can be made next."""
    known = documents.found("evolutions", home)
    right, refused = set(), {}
    for name in known:
        try:
            read_evolution(name, home=home)
            right.add(name)
        except SpecError as error:
            refused[name] = error.message
    # Of another version: what is wrong is told once more.
    told = Told.parse(context.cursor) or Told()
    present = set(context.instance.get_dynamic_partitions("evolution"))
    brought = set(collections(home))
    known_brought = set(context.instance.get_dynamic_partitions("collection"))
    return dg.SensorResult(
        skip_reason="; ".join(refused.values()) or "nothing to start",
        cursor=Told(refused).text(),
        dynamic_partitions_requests=[
            *_keys(context, "evolution", right, sorted(present - set(known))),
            *_next_generation(context, store),
            *_keys(context, "collection", brought, sorted(known_brought - brought)),
        ],
        asset_events=evaluations.of_changes("generations", refused, told.refused),
    )


def _after(status: dg.DagsterRunStatus) -> dg.SensorDefinition:
    """Return the sensor that watches for one way of ending; a failed run is an end too."""

    @dg.run_status_sensor(
        name=f"sequel_after_{status.value.lower()}",
        run_status=status,
        monitored_jobs=[*CHANGED, verify_lake],
        request_jobs=[*CHANGED, STANDINGS],
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for what a change touches next, once all runs before it have ended.",
    )
    def after(
        context: dg.RunStatusSensorContext,
        store: dg.ResourceParam[Store],
        home: dg.ResourceParam[Path],
    ) -> Any:
        if context.dagster_run.job_name == verify_lake.name:
            return reruns(context, store, home) or dg.SkipReason("all is current")
        if waves.WAVE_TAG in context.dagster_run.tags:
            return waves.sequel(context, store, home)
        return standings_of_tick(context)

    return after


AFTER_RUNS: Final = tuple(
    _after(status)
    for status in (
        dg.DagsterRunStatus.SUCCESS,
        dg.DagsterRunStatus.FAILURE,
        dg.DagsterRunStatus.CANCELED,
    )
)


def _read(home: Path, names: list[str]) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Return the hash of each document behind every campaign, and what is wrong with which."""
    parts: dict[str, dict[str, str]] = {}
    refused: dict[str, str] = {}
    for name in names:
        try:
            campaign = load(name, home=home, is_strict=False)
        except SpecError as error:
            refused[f"campaigns/{name}"] = error.message
            continue
        parts[name] = {
            f"campaigns/{name}": campaign.doc_hash,
            **{f"scenarios/{e.id}": sha256_hex(jcs(effective(e))) for e in campaign.scenarios},
            **{
                f"tournaments/{each.id}": sha256_hex(jcs(each.model_dump(mode="json")))
                for each in campaign.tournaments
            },
        }
    for kind in _NAMED:
        refused |= {
            f"{kind}/{Path(each.source).stem}": str(each) for each in documents.taken(kind, home)
        }
        for name, path in documents.found(kind, home).items():
            if home not in path.parents:
                continue  # the library's are proven by its own tests
            problems = check_document(str(path), home=home)
            wrong = [str(each) for each in problems if each.severity == "error"]
            if wrong:
                refused[f"{kind}/{name}"] = "\n".join(wrong)
    return parts, refused


def _is_settling(home: Path) -> bool:
    """Return whether a file may still be half-written; then all waits for the next tick."""
    now = time.time()
    return any(
        0.0 <= now - path.stat().st_mtime < SETTLING_SECONDS
        for kind in ("campaigns", *_NAMED)
        for path in (home / kind).glob("*.*")
        if path.is_file()
    )


def _of_lake(store: Store, parts: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Return the documents that each campaign's tables name; today's where they name none."""
    found = {}
    for name, today in parts.items():
        made_from: dict[str, str] = {}
        for table in _TELLING:
            try:
                footer = store.footer(TABLES[table], Partition(campaign=name))
            except StoreError as error:
                if error.is_unanswered:
                    raise  # nothing is known of the past: the next tick asks again
                continue  # torn: the next run of its campaign makes it anew
            made_from |= {} if footer is None else footer.documents
        found[name] = {part: made_from.get(part, digest) for part, digest in today.items()}
    return found


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    names = sorted({*before, *now})
    return [name for name in names if before.get(name) != now.get(name)]


def _first_wave(
    context: dg.SensorEvaluationContext,
    store: Store,
    home: Path,
    name: str,
    changed: list[str],
    seq: int,
) -> list[dg.RunRequest]:
    return waves.requests(
        waves.touched(store, name, home=home),
        name,
        tick=seq,
        wave=0,
        changed=", ".join(changed),
        strategies=list(context.instance.get_dynamic_partitions("strategy")),
    )


def _keys(
    context: dg.SensorEvaluationContext, name: str, right: set[str], gone: list[str]
) -> list[Any]:
    """Return the requests that add the keys of right documents and drop those of gone ones."""
    definition = {
        "campaign": CAMPAIGNS, "evolution": EVOLUTIONS, "collection": COLLECTIONS
    }[name]  # fmt: skip
    present = set(context.instance.get_dynamic_partitions(name))
    missing, lost = sorted(right - present), sorted(set(gone) & present)
    found: list[Any] = [definition.build_add_request(missing)] if missing else []
    return [*found, definition.build_delete_request(lost)] if lost else found


def _next_generation(context: dg.SensorEvaluationContext, store: Store) -> list[Any]:
    """Return the request for the keys of the generations that can be made and have none."""
    present = set(context.instance.get_dynamic_partitions("generation"))
    missing = [key for key in steps.makeable_generations(store) if key not in present]
    return [GENERATION_NUMBERS.build_add_request(missing)] if missing else []


def _retire(store: Store, home: Path, campaign_id: str) -> None:
    """Move a removed campaign's partitions out of the lake, but for its trials: they were made."""
    for table in TABLES.values():
        if "campaign" not in table.partitioned_by or table.name == "trials":
            continue
        for partition in store.partitions(table):
            if partition.campaign == campaign_id:
                store.retire(table, partition, retired(home))
