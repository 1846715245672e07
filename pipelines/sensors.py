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
from pipelines.waves import CAMPAIGN_TAG, COUNT_TAG, TICK_TAG
from simcore import documents, steps
from simcore.campaign import CampaignDocument, read_campaign
from simcore.errors import SpecError, StoreError
from simcore.store import Store
from simcore.strategy.strategy import compile_strategy
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
    """

    seq: int
    files: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


@dataclass
class Found:
    """What lies in the folders now.

    Args:
        hashes: Hash of each strategy's document that is right.
        pending: Ids whose file is broken or too young; what is known of them stays.
        complaints: Why, one line each.
        refused: What is wrong with each document that is, as its check tells it.
    """

    hashes: dict[str, str] = field(default_factory=dict)
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


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
    found = find(home, now_seconds=time.time())
    for complaint in found.complaints:
        context.log.warning(complaint)
    before = Seen.parse(context.cursor)
    if before is None:
        # The clock numbers the first tick above every tick of an earlier, forgotten cursor.
        before = Seen(seq=int(time.time()), files=_known_at_first(store, home, found))
        return _asked(context, before, [], _added(context, found.hashes), found)
    touched = sorted(
        name for name, digest in found.hashes.items() if before.files.get(name) != digest
    )
    gone = sorted(set(before.files) - set(found.hashes) - found.pending)
    after = Seen(before.seq + bool(touched or gone), dict(before.files), before.refused)
    for name in touched:
        snapshots.keep(home, found.documents[name])
        after.files[name] = found.hashes[name]
    for name in gone:
        _retire(store, home, name)
        del after.files[name]
    requests = list(_requests(store, home, touched, gone, after))
    partitions = _added(context, found.hashes)
    existing = set(context.instance.get_dynamic_partitions("strategy"))
    if set(gone) & existing:
        partitions.append(STRATEGIES.build_delete_request(sorted(set(gone) & existing)))
    return _asked(context, after, requests, partitions, found)


def standings_of_tick(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for the standings of a campaign once the last run that a tick asked for it has ended."""
    tags = context.dagster_run.tags
    if TICK_TAG not in tags:
        return dg.SkipReason("the run was not asked for by a document")
    tick, campaign = tags[TICK_TAG], tags[CAMPAIGN_TAG]
    runs = context.instance.get_runs(
        dg.RunsFilter(tags={TICK_TAG: tick, CAMPAIGN_TAG: campaign}, job_name=BACKTEST.name)
    )
    keys = {run.tags["dagster/partition"] for run in runs}
    unfinished = [run.run_id for run in runs if not run.is_finished]
    # Runs are asked for one by one: the first may end before the last exists.
    if unfinished or len(keys) < int(tags[COUNT_TAG]):
        return dg.SkipReason(f"{campaign}: {len(unfinished)} runs of tick {tick} are unfinished")
    return _standings_request(campaign, int(tick))


def find(home: Path, *, now_seconds: float) -> Found:
    """Read every strategy's document; a broken one stops nothing but itself.

    Args:
        home: Folder whose documents join the library's.
        now_seconds: Time since 1970, to tell files that may still be half-written.
    """
    found = Found()
    clashes = {Path(each.source).stem: str(each) for each in documents.taken("strategies", home)}
    for name, path in documents.found("strategies", home).items():
        try:
            age_seconds = now_seconds - path.stat().st_mtime
            if 0.0 <= age_seconds < SETTLING_SECONDS:
                found.pending.add(name)
                continue
            strategy = compile_strategy(path, home=home)
        except FileNotFoundError:
            continue  # it went between the listing and the reading
        except SpecError as error:
            found.pending.add(name)
            found.complaints.append(f"{path}: {error.message}")
            found.refused[name] = error.message
            continue
        found.hashes[name] = strategy.doc_hash
        found.documents[name] = strategy.document
    found.complaints += clashes.values()
    found.refused |= clashes
    return found


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
    context: dg.SensorEvaluationContext, wanted: Iterable[str]
) -> list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest]:
    """Return a request for the keys that are missing, none if none is."""
    missing = sorted(set(wanted) - set(context.instance.get_dynamic_partitions("strategy")))
    return [STRATEGIES.build_add_request(missing)] if missing else []


def _asked(
    context: dg.SensorEvaluationContext,
    cursor: Seen,
    requests: list[dg.RunRequest],
    partitions: list[Any],
    found: Found,
) -> dg.SensorResult:
    complaints = "; ".join(found.complaints)
    reason = None if requests else (complaints or "no strategy document changed")
    told = cursor.refused
    # A file that is too young to be read is what it was.
    young = {name: told[name] for name in told if name in found.pending - set(found.refused)}
    cursor.refused = found.refused | young
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=reason,
        cursor=cursor.text(),
        dynamic_partitions_requests=partitions,
        asset_events=evaluations.of_changes("strategies", cursor.refused, told, kind=""),
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
            yield _standings_request(campaign, cursor.seq)


def _standings_request(campaign: str, tick: int) -> dg.RunRequest:
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
