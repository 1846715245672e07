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
from pipelines.sensors import INTERVAL_SECONDS, is_young, unlisted
from simcore import documents, quarantine, steps
from simcore.campaign import Campaign
from simcore.errors import ProvingError, StoreError
from simcore.imports.intake import FOLDER as IMPORTS
from simcore.imports.intake import collections
from simcore.scenario.document import effective
from simcore.seeds import jcs, sha256_hex
from simcore.store import Partition, Store
from simcore.tables import TABLES

# Tables whose footers tell which documents a campaign was made from.
_TELLING: Final = ("scenarios", "standings", "report")


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
    away = unlisted(home / "campaigns")
    if away:
        return dg.SensorResult(skip_reason=away)
    before = Seen.parse(context.cursor)
    young = _young(home)
    known = set(documents.found("campaigns", home))
    sifted = quarantine.campaigns(home)
    parts = {name: _parts(each) for name, each in sifted.right.items()}
    told = {} if before is None else before.refused
    refused = _refused(sifted.refused, told, young)
    # Without a cursor nothing is known but what the lake was made from; the clock numbers the
    # first tick above every tick of an earlier, forgotten cursor.
    files = {} if before is None else dict(before.files)
    files |= _of_lake(store, {name: parts[name] for name in parts.keys() - files.keys()})
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
    if before is not None:
        settled = {
            name: each for name, each in sifted.right.items() if not young & _leaned_on(each)
        }
        requests = _asked_for(context, store, home, settled, after, told)
    for name in gone:
        _retire(store, home, name)
    partitions = _keys(context, "campaign", set(parts), gone)
    for message in refused.values():
        context.log.warning(message)
    quiet = "; ".join(refused.values()) or "nothing changed"
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else quiet,
        cursor=after.text(),
        dynamic_partitions_requests=partitions,
        asset_events=[
            *evaluations.of_documents(context.instance, "scenarios", refused),
            *evaluations.of_refused("scenarios", refused, told, kind="campaigns/"),
        ],
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
    away = unlisted(home / "evolutions") or unlisted(home / IMPORTS)
    if away:
        return dg.SensorResult(skip_reason=away)
    known = documents.found("evolutions", home)
    sifted = quarantine.evolutions(home)
    right, refused = set(sifted.right), sifted.refused
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
        asset_events=[
            *evaluations.of_documents(context.instance, "generations", refused),
            *evaluations.of_refused("generations", refused, told.refused, kind=None),
        ],
    )


def _asked_for(
    context: dg.SensorEvaluationContext,
    store: Store,
    home: Path,
    campaigns: Mapping[str, Campaign],
    after: Seen,
    told: Mapping[str, str],
) -> list[dg.RunRequest]:
    """Return the runs that changes ask for, and note in `after` what was acted on.

    Raises:
        StoreError: The lake gave no answer.
    """
    requests: list[dg.RunRequest] = []
    seq = after.seq + 1
    for name in sorted(campaigns):
        parts = _parts(campaigns[name])
        changed = _changed(after.files[name], parts)
        if f"campaigns/{name}" in told:  # What changed while it was refused asked for no run.
            changed = changed or [f"campaigns/{name}"]
        try:
            wave = _first_wave(context, store, home, name, changed, seq) if changed else []
        except ProvingError as error:
            if isinstance(error, StoreError) and error.is_unanswered:
                raise  # the cursor stays, so that nothing is forgotten
            context.log.warning(f"{name}: {error.message}")
            continue  # asked again in the next tick, and keeps no other waiting
        after.files[name] = parts
        after.seq = seq if changed else after.seq
        requests += wave
    return requests


def _parts(campaign: Campaign) -> dict[str, str]:
    """Return the hash of each document behind a campaign."""
    return {
        f"campaigns/{campaign.id}": campaign.doc_hash,
        **{f"scenarios/{e.id}": sha256_hex(jcs(effective(e))) for e in campaign.scenarios},
        **{
            f"tournaments/{each.id}": sha256_hex(jcs(each.model_dump(mode="json")))
            for each in campaign.tournaments
        },
    }


def _leaned_on(campaign: Campaign) -> set[str]:
    """Return what must not be half-written for a campaign to be what its author means."""
    has_source = any(each.source is not None for each in campaign.scenarios)
    # A suite is named by no campaign that was read: its scenarios are.
    return {*_parts(campaign), "suites", *(["histories"] if has_source else [])}


def _young(home: Path) -> set[str]:
    """Return the documents that may still be half-written, by kind and id.

    Any suite counts as ``suites``, and what lies beside the scenarios as ``histories``.
    """
    now = time.time()
    found = set()
    for kind in ("campaigns", *quarantine.NAMED):
        for path in (home / kind).glob("*.*"):
            if not is_young(path, now) or not path.is_file():
                continue
            if path.suffix not in (".toml", ".json"):
                found |= {"histories"} if kind == "scenarios" else set()
            else:
                found.add("suites" if kind == "suites" else f"{kind}/{path.stem}")
    return found


def _refused(now: Mapping[str, str], told: Mapping[str, str], young: set[str]) -> dict[str, str]:
    """Return what is wrong with documents; of those with a young file, what was told before."""

    def waits(name: str, said: str) -> bool:
        return name in young or any(f"{each}." in said or f"{each}/" in said for each in young)

    settled = {name: said for name, said in now.items() if not waits(name, said)}
    return settled | {
        name: said
        for name, said in told.items()
        if name not in settled and waits(name, now.get(name, said))
    }


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
