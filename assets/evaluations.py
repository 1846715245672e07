"""What Dagster is told of checks: findings as evaluations of a partition, and what it knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as Target,
)
from dagster._core.event_api import PartitionKeyFilter
from dagster._core.storage.asset_check_execution_record import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES as COMPLETED,
)

from assets import checks
from simcore.errors import SpecError
from simcore.store import Partition, Store
from simcore.tables import TABLES

ON_RECORD = "on record: these rows have passed it before"


def findings(
    store: Store,
    name: str,
    key: str,
    own: checks.OwnChecks,
    passed: Iterable[str] = (),
) -> list[checks.Finding]:
    """Check one partition of one table.

    Args:
        store: The lake.
        name: Of the table.
        key: Of the partition.
        own: What finds out the checks that need more than the rows.
        passed: Costly checks that these very rows are on record as having passed.
    """
    table = TABLES[name]
    found = checks.findings(store, table, Partition.parse(table, key))
    for (of, check), find in own.items():
        if of == name:
            is_known = check in passed
            found.append(checks.Finding(check, True, message=ON_RECORD) if is_known else find())
    return found


def passed_before(
    context: dg.AssetExecutionContext, name: str, key: str, content_hash: str
) -> frozenset[str]:
    """Return the costly checks that a partition is on record as having passed with these rows."""
    costly = sorted(checks.COSTLY & set(checks.sentences(TABLES[name])))
    record = latest(context.instance, name, key) if costly else None
    if record is None or record.asset_materialization is None:
        return frozenset()
    tags = record.asset_materialization.tags or {}
    if tags.get("dagster/data_version") != content_hash:
        return frozenset()
    return frozenset(check for check in costly if _has_passed(context, record, name, check, key))


def evaluated(
    context: dg.AssetExecutionContext, found: Sequence[checks.Finding], name: str, key: str
) -> Iterator[dg.AssetCheckEvaluation]:
    """Return the findings on one partition that the run asks for, after its materialisation.

    They are not `AssetCheckResult`: of these Dagster forgets the partition where a backfill started
    the run, and its list would call the checks of the partition skipped.
    """
    wanted = _wanted(context).get(name, set())
    judged = target(context.instance, name, key) if wanted else None
    for finding in found:
        if finding.check in wanted:
            yield dg.AssetCheckEvaluation(
                asset_key=dg.AssetKey(name),
                check_name=finding.check,
                passed=finding.has_passed,
                metadata={"broken_rows": finding.count},
                description=finding.message or None,
                blocking=True,
                partition=key,
                target_materialization_data=judged,
            )


def logged(
    context: dg.AssetExecutionContext,
    store: Store,
    key: str,
    own: checks.OwnChecks,
    passed: Mapping[str, Iterable[str]],
) -> Iterator[dg.AssetCheckEvaluation]:
    """Return the evaluations of one partition of a range, table by table.

    Args:
        context: Of the asset function.
        store: The lake.
        key: Of the partition.
        own: What finds out the checks that need more than the rows.
        passed: By table, costly checks that these rows have passed before.
    """
    for name in sorted(_wanted(context)):
        found = findings(store, name, key, own, passed.get(name, ()))
        yield from evaluated(context, found, name, key)


def refused(
    context: dg.AssetExecutionContext, key: str, said: str, error: Exception
) -> list[dg.AssetCheckEvaluation]:
    """Return a failed check an asset, so that the partition's own page says what was wrong."""
    return [
        dg.AssetCheckEvaluation(
            asset_key=asset,
            check_name=_told_by(asset, error),
            passed=False,
            description=said,
            blocking=True,
            partition=key,
            target_materialization_data=target(context.instance, asset.to_user_string(), key),
        )
        for asset in sorted(context.selected_asset_keys)
    ]


def of_documents(
    instance: dg.DagsterInstance, name: str, wrong: Mapping[str, str]
) -> list[dg.AssetCheckEvaluation]:
    """Return the evaluation of all documents behind an asset, none if it stands there as it is.

    It names no partition, as a document that is wrong may have none; and it is told again once
    anything of the asset was made since: the page forgets what was judged before.

    Args:
        instance: Keeps what was told.
        name: Asset that is made from the documents.
        wrong: What is wrong, by the id of each document that is left out because of it.
    """
    key = dg.AssetCheckKey(dg.AssetKey(name), checks.DOCUMENTS)
    judged = target(instance, name)
    answers = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    # What a run planned and never asked stands before what was told, and hides it on the page.
    is_answered = bool(answers) and answers[0].status in COMPLETED
    last = answers[0].evaluation if is_answered else None
    told = dg.AssetCheckEvaluation(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=not wrong,
        target_materialization_data=judged,
        **shown(wrong),
    )
    is_known = last is not None and (
        (last.passed, last.description, _number(last.target_materialization_data))
        == (told.passed, told.description, _number(judged))
    )
    return [] if is_known else [told]


def shown(wrong: Mapping[str, str]) -> dict[str, Any]:
    """Return what a page shows of documents in quarantine: a sentence, and a row a problem.

    Args:
        wrong: What is wrong with each document, a line a problem.
    """
    if not wrong:
        return {"description": None, "metadata": {"documents": 0}}
    lines = [(name, line) for name in sorted(wrong) for line in wrong[name].splitlines()]
    rows = [dg.TableRecord({"document": name, "problem": line}) for name, line in lines]
    return {
        # A page shows a description on one line, whatever stands between its own; and what is
        # wrong with a tournament is wrong with its campaign.
        "description": " · ".join(dict.fromkeys(line for _, line in lines)),
        "metadata": {"documents": len(wrong), "problems": dg.MetadataValue.table(rows)},
    }


def of_refused(
    name: str, wrong: Mapping[str, str], told: Mapping[str, str], *, kind: str | None
) -> list[dg.AssetObservation]:
    """Return an observation for each document that is wrong in a new way.

    It stands on the page of the document's own partition, beside the rows of before.

    Args:
        name: Asset whose partitions stand for the documents.
        wrong: What is wrong now, by the id of each document.
        told: What was wrong when it was last told of.
        kind: What the ids of those documents begin with that a partition bears the name of; None
            where no partition does.
    """
    return [
        dg.AssetObservation(
            name,
            partition=None if kind is None or not each.startswith(kind) else each[len(kind) :],
            description=f"{each} is refused",
            metadata={"document": each, "problem": dg.MetadataValue.text(wrong[each])},
        )
        for each in sorted(wrong)
        if wrong[each] != told.get(each)
    ]


def latest(instance: dg.DagsterInstance, name: str, key: str | None) -> dg.EventLogRecord | None:
    """Return the latest materialisation of a partition, of any if none is named; None of none."""
    keys = None if key is None else [key]
    filtered = dg.AssetRecordsFilter(asset_key=dg.AssetKey(name), asset_partitions=keys)
    records = instance.fetch_materializations(filtered, limit=1).records
    return records[0] if records else None


def target(instance: dg.DagsterInstance, name: str, key: str | None = None) -> Target | None:
    """Return the materialisation that is judged; without it a partition's page hides its checks."""
    record = latest(instance, name, key)
    if record is None:
        return None
    return Target(storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp)


def _number(judged: Target | None) -> int | None:
    return None if judged is None else judged.storage_id


def _has_passed(
    context: dg.AssetExecutionContext, record: dg.EventLogRecord, name: str, check: str, key: str
) -> bool:
    """Return whether the last answer to a check is that this materialisation passed it."""
    # Completed ones alone: a run plans its checks before it starts, and would hide the answers.
    answers = context.instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(dg.AssetKey(name), check),
        limit=1,
        status=COMPLETED,
        partition_filter=PartitionKeyFilter(key=key),
    )
    last = answers[0].evaluation if answers else None
    judged = None if last is None or not last.passed else last.target_materialization_data
    return judged is not None and judged.storage_id == record.storage_id


def _wanted(context: dg.AssetExecutionContext) -> dict[str, set[str]]:
    wanted: dict[str, set[str]] = {}
    for check in context.selected_asset_check_keys:
        wanted.setdefault(check.asset_key.to_user_string(), set()).add(check.name)
    return wanted


def _told_by(asset: dg.AssetKey, error: Exception) -> str:
    """Return the check that tells of an error: a document's own has one where it is compiled."""
    own = checks.sentences(TABLES[asset.to_user_string()])
    is_document = isinstance(error, SpecError) and checks.DOCUMENT in own
    return checks.DOCUMENT if is_document else "content_hash"
