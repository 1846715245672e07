"""The sensor of strategies: what a new, changed or removed document touches runs again, no more.

What a tick knows of the past stands in its cursor; without one, in the footers of the lake.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import dagster as dg

from assets import evaluations, snapshots
from assets.partitions import STRATEGIES
from pipelines.cursors import Cursor
from pipelines.home import retired
from pipelines.jobs import BACKTEST, COMPILE, STANDINGS
from pipelines.waves import CAMPAIGN_TAG, COUNT_TAG, TICK_TAG, WAVE_TAG
from simcore import documents, quarantine, steps
from simcore.campaign import CampaignDocument, read_campaign
from simcore.errors import SpecError, StoreError
from simcore.store import Store
from simcore.tables import TABLES

INTERVAL_SECONDS: Final = 30
SETTLING_SECONDS: Final = 2.0
"""A file younger than this may still be half-written."""


@dataclass
class Seen(Cursor):
    """What a tick leaves for the next.

    Args:
        seq: Number of the tick; in every run key, so that a document that returns to an earlier
            content runs again.
        files: Hash of each strategy's document when it was last acted on.
        refused: What was last told of each document that is wrong.
        missing: Strategies without a document in this tick; gone if the next finds none either,
            because an editor may write a file by removing it first.
    """

    seq: int
    files: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


@dataclass
class Found:
    """What lies in the folders now.

    Args:
        known: Ids of all that have a file.
        young: Those whose file is too young; what is known of them stays.
        hashes: Hash of each strategy's document that is right.
        documents: The documents themselves.
        refused: What is wrong with each document that is; what is known of it stays too.
    """

    known: set[str]
    young: set[str]
    hashes: dict[str, str]
    documents: dict[str, dict[str, Any]]
    refused: dict[str, str]


@dg.sensor(
    jobs=[COMPILE, BACKTEST, STANDINGS],
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reruns what a new, changed or removed strategy document touches, and fails the "
    "check of one that is wrong.",
)
def strategy_documents(
    context: dg.SensorEvaluationContext,
    store: dg.ResourceParam[Store],
    home: dg.ResourceParam[Path],
) -> dg.SensorResult:
    """Compare the documents with what was last acted on, and ask for the difference."""
    away = unlisted(home / "strategies")
    if away:
        return dg.SensorResult(skip_reason=away)
    found = find(home, now_seconds=time.time())
    for said in found.refused.values():
        context.log.warning(said)
    existing = set(context.instance.get_dynamic_partitions("strategy"))
    before = Seen.parse(context.cursor)
    if before is None:
        # The clock numbers the first tick above every tick of an earlier, forgotten cursor.
        first = Seen(seq=int(time.time()), files=_known_at_first(store, home, found))
        first.missing = sorted((set(first.files) | existing) - found.known)
        return _asked(context, first, [], _added(found, existing), found)
    touched = sorted(
        name for name, digest in found.hashes.items() if before.files.get(name) != digest
    )
    missing = sorted((set(before.files) | existing) - found.known)
    gone = [name for name in missing if name in before.missing]
    is_new = bool(touched or gone)
    after = Seen(before.seq + is_new, dict(before.files), before.refused, missing)
    for name in touched:
        snapshots.keep(home, found.documents[name])
        after.files[name] = found.hashes[name]
    for name in gone:
        _retire(store, home, name)
        after.files.pop(name, None)
    requests = list(_requests(store, home, touched, gone, after)) if is_new else []
    partitions = _added(found, existing)
    if set(gone) & existing:
        partitions.append(STRATEGIES.build_delete_request(sorted(set(gone) & existing)))
    return _asked(context, after, requests, partitions, found)


def standings_of_tick(
    instance: dg.DagsterInstance, run: dg.DagsterRun
) -> list[dg.RunRequest] | dg.SkipReason:
    """Ask for the standings of a campaign once the last run that a tick asked for it has ended.

    Args:
        instance: Knows the runs.
        run: One of them, which has ended.
    """
    tick, campaign = run.tags[TICK_TAG], run.tags[CAMPAIGN_TAG]
    asked = instance.get_runs(
        dg.RunsFilter(tags={TICK_TAG: tick, CAMPAIGN_TAG: campaign}, job_name=BACKTEST.name)
    )
    # The sensors of documents count their ticks each for itself: a wave may bear the same number.
    runs = [each for each in asked if WAVE_TAG not in each.tags]
    keys = {each.tags["dagster/partition"] for each in runs}
    unfinished = [each.run_id for each in runs if not each.is_finished]
    # Runs are asked for one by one: the first may end before the last exists.
    if unfinished or len(keys) < int(run.tags[COUNT_TAG]):
        return dg.SkipReason(f"{campaign}: {len(unfinished)} runs of tick {tick} are unfinished")
    # A failed run may be tried again after the standings were asked for: then they are once more.
    n_again = len(runs) - len(keys)
    return [_standings_request(campaign, f"{tick}+{n_again}" if n_again else tick)]


def find(home: Path, *, now_seconds: float) -> Found:
    """Read every strategy's document; a broken one stops nothing but itself.

    Args:
        home: Folder whose documents join the library's.
        now_seconds: Time since 1970, to tell files that may still be half-written.
    """
    known = documents.found("strategies", home)
    young = {name for name, path in known.items() if is_young(path, now_seconds)}
    sifted = quarantine.strategies(home, skipped=young)
    return Found(
        set(known),
        young,
        {name: each.doc_hash for name, each in sifted.right.items()},
        {name: each.document for name, each in sifted.right.items()},
        sifted.refused,
    )


def unlisted(folder: Path) -> str:
    """Return why a folder of documents cannot be listed, empty if it can be.

    A disk that is away is no reason to retire what was made of the documents on it.
    """
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        return f"{folder}: {error.strerror}; nothing is taken for removed"
    return ""


def is_young(path: Path, now_seconds: float) -> bool:
    """Return whether a file may still be half-written; one that is gone is not there to be."""
    try:
        age_seconds = now_seconds - path.stat().st_mtime
    except FileNotFoundError:
        return True  # it went between the listing and the reading
    return 0.0 <= age_seconds < SETTLING_SECONDS


def _known_at_first(store: Store, home: Path, found: Found) -> dict[str, str]:
    """Return the hash of the document that each strategy in the lake was made from.

    A strategy that no campaign of the lake enters has nothing to run again, and counts as known.
    """
    table = TABLES["strategies"]
    entered = _materialised_campaigns(store, home).values()
    hashes = {
        name: digest
        for name, digest in found.hashes.items()
        if not any(_enters(document, name) for document in entered)
    }
    for partition in store.partitions(table):
        try:
            footer = store.footer(table, partition)
        except StoreError as error:
            if error.is_unanswered:
                raise  # nothing is known of the past: the next tick asks again
            continue  # torn: as if it were not there, so that it is made again
        if footer is not None:
            name = str(partition.strategy)
            hashes[name] = footer.documents[f"strategies/{name}"]
    return hashes


def _added(
    found: Found, existing: set[str]
) -> list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest]:
    """Return a request for the keys that are missing, none if none is."""
    missing = sorted(set(found.hashes) - existing)
    return [STRATEGIES.build_add_request(missing)] if missing else []


def _asked(
    context: dg.SensorEvaluationContext,
    cursor: Seen,
    requests: list[dg.RunRequest],
    partitions: list[Any],
    found: Found,
) -> dg.SensorResult:
    told = cursor.refused
    # A file that is too young to be read is what it was.
    young = {name: told[name] for name in told if name in found.young}
    cursor.refused = found.refused | young
    quiet = "; ".join(cursor.refused.values()) or "no strategy document changed"
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else quiet,
        cursor=cursor.text(),
        dynamic_partitions_requests=partitions,
        asset_events=[
            *evaluations.of_documents(context.instance, "strategies", cursor.refused),
            *evaluations.of_refused("strategies", cursor.refused, told, kind=""),
        ],
    )


def _requests(
    store: Store, home: Path, touched: list[str], gone: list[str], cursor: Seen
) -> Iterable[dg.RunRequest]:
    """Ask for the runs of touched strategies; for standings at once only where nothing runs."""
    campaigns = _materialised_campaigns(store, home)
    if not campaigns:
        return
    for name in touched:
        digest = cursor.files[name]
        yield dg.RunRequest(
            job_name=COMPILE.name,
            partition_key=name,
            run_key=f"{name}:{digest}:{cursor.seq}",
            tags={snapshots.HASH_TAG: digest},
        )
    for campaign, document in campaigns.items():
        own = [name for name in touched if _enters(document, name)]
        for name in own:
            digest = cursor.files[name]
            yield dg.RunRequest(
                job_name=BACKTEST.name,
                partition_key=f"{campaign}|{name}",
                run_key=f"{campaign}|{name}:{digest}:{cursor.seq}",
                tags={
                    snapshots.HASH_TAG: digest,
                    TICK_TAG: str(cursor.seq),
                    CAMPAIGN_TAG: campaign,
                    COUNT_TAG: str(len(own)),
                },
            )
        if not own and any(_enters(document, name) for name in gone):
            yield _standings_request(campaign, str(cursor.seq))


def _standings_request(campaign: str, tick: str) -> dg.RunRequest:
    return dg.RunRequest(
        job_name=STANDINGS.name, partition_key=campaign, run_key=f"{campaign}:standings:{tick}"
    )


def _materialised_campaigns(store: Store, home: Path) -> Mapping[str, CampaignDocument]:
    """Return the campaigns whose bars are in the lake: the others have nothing to run again."""
    present = {partition.campaign for partition in store.partitions(TABLES["bars"])}
    found = {}
    for name in documents.found("campaigns", home):
        document = _document(home, name) if name in present else None
        if document is not None:
            found[name] = document
    return found


def _document(home: Path, name: str) -> CampaignDocument | None:
    try:
        return read_campaign(name, home=home)
    except SpecError:
        return None


def _enters(document: CampaignDocument, strategy_id: str) -> bool:
    return document.strategies == "all" or strategy_id in document.strategies


def _retire(store: Store, home: Path, strategy_id: str) -> None:
    """Move every partition of a strategy out of the lake, but for its trials: they were made."""
    own = (
        *steps.STRATEGIES, *steps.BACKTESTS, *steps.MONTE_CARLO, *steps.EVIDENCE,
        TABLES["walk_forward"],
    )  # fmt: skip
    for table in own:
        for partition in store.partitions(table):
            if partition.strategy == strategy_id:
                store.retire(table, partition, retired(home))
