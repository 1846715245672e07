"""Alerts: what failed is written to a file, and sent to a webhook if there is one.

Failed runs, failed checks and failed verdicts, each once. An alert never fails a run: it is told of
after the run has ended, by a sensor. Nothing is sent anywhere unless `PROVING_WEBHOOK` names where.
"""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

import dagster as dg
from dagster._core.event_api import PartitionKeyFilter
from dagster._core.storage.asset_check_execution_record import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES as COMPLETED,
)

from assets.checks import DOCUMENT
from pipelines.sensors import INTERVAL_SECONDS

WEBHOOK: Final = "PROVING_WEBHOOK"
TIMEOUT_SECONDS: Final = 5.0
ENDED_MAX: Final = 200
"""At most so many ended runs a tick; the rest waits for the next."""

_ENDINGS: Final = (
    dg.DagsterEventType.RUN_SUCCESS,
    dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterEventType.RUN_CANCELED,
)
# The assets whose check tells of documents outside of any run.
_DOCUMENTED: Final = ("strategies", "scenarios", "generations")
_BAD_RESULTS: Final = frozenset({"FAIL", "INCONCLUSIVE"})
_BAD_VERDICT: Final = "NO"


@dataclass(frozen=True)
class Alert:
    """One thing that somebody should look at.

    Args:
        kind: ``run``, ``check``, ``verdict`` or ``document``.
        subject: What failed: a job, an asset and its partition, a campaign.
        message: What was found.
        run_id: The run that found it; empty without one.
        at: When, ISO 8601 in UTC.
    """

    kind: str
    subject: str
    message: str
    run_id: str
    at: str

    @property
    def line(self) -> str:
        """The alert on one line, for people."""
        return f"{self.kind} {self.subject}: {self.message}"


@dg.sensor(
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Writes failed runs, checks and verdicts to journal/alerts.jsonl, and sends them "
    f"to the address in {WEBHOOK} if it is set.",
)
def alerts(context: dg.SensorEvaluationContext, home: dg.ResourceParam[Path]) -> dg.SensorResult:
    """Tell of what failed since the last tick."""
    newest = context.instance.event_log_storage.get_maximum_record_id() or 0
    documents = _of_documents(context.instance)
    told = {name: number for name, (number, _) in documents.items()}
    before = _parsed(context.cursor)
    if before is None:
        return dg.SensorResult(
            skip_reason="what failed before the first tick is history",
            cursor=json.dumps({"event": newest, "documents": told}),
        )
    found, reached = _since(context.instance, before["event"], newest)
    found += [
        alert
        for name, (number, alert) in sorted(documents.items())
        if alert is not None and number > before["documents"].get(name, 0)
    ]
    if found:
        _write(home, found)
        problem = send(os.environ.get(WEBHOOK, ""), found)
        if problem:
            context.log.warning(f"the webhook was not told: {problem}")
    reason = "; ".join(alert.line for alert in found) or "nothing failed"
    cursor = json.dumps({"event": reached, "documents": told})
    return dg.SensorResult(skip_reason=reason, cursor=cursor)


def send(url: str, found: list[Alert]) -> str:
    """Post alerts to an address, and return what went wrong, empty if nothing did.

    Args:
        url: Of a webhook; empty for none.
        found: What to tell.
    """
    if not url:
        return ""
    if not url.startswith(("http://", "https://")):
        return f"{WEBHOOK}: got {url!r}, expected an address that starts with http:// or https://"
    text = "\n".join(alert.line for alert in found)
    body = json.dumps({"text": text, "alerts": [asdict(alert) for alert in found]}).encode()
    request = urllib.request.Request(
        url, data=body, headers={"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
            return ""
    except (urllib.error.URLError, HTTPException, OSError, ValueError) as error:
        return str(error)


def _since(instance: dg.DagsterInstance, cursor: int, newest: int) -> tuple[list[Alert], int]:
    """Return what failed after an event, and the event up to which it was looked for."""
    ended: list[tuple[int, dg.EventLogEntry]] = []
    reached = newest
    for ending in _ENDINGS:
        records = instance.fetch_run_status_changes(
            dg.RunStatusChangeRecordsFilter(event_type=ending, after_storage_id=cursor),
            limit=ENDED_MAX,
            ascending=True,
        ).records
        ended += [(record.storage_id, record.event_log_entry) for record in records]
        if len(records) == ENDED_MAX:
            reached = min(reached, records[-1].storage_id)
    found: list[Alert] = []
    for storage_id, entry in sorted(ended, key=lambda each: each[0]):
        if storage_id <= reached:
            found += _of_run(instance, entry)
    return found, reached


def _of_run(instance: dg.DagsterInstance, entry: dg.EventLogEntry) -> Iterator[Alert]:
    run_id, at = entry.run_id, _moment(entry.timestamp)
    event = entry.dagster_event
    if event is not None and event.event_type == dg.DagsterEventType.RUN_FAILURE:
        yield Alert("run", event.job_name, event.message or "failed", run_id, at)
    for log in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        check = log.get_dagster_event().asset_check_evaluation_data
        if not check.passed:
            subject = f"{check.asset_key.to_user_string()} {check.partition or ''}".strip()
            said = f"{check.check_name}: {check.description or 'failed'}"
            yield Alert("check", subject, said, run_id, at)
    for log in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        made = log.asset_materialization
        if made is not None and made.asset_key == dg.AssetKey("verdicts"):
            said = {name: str(value.value) for name, value in made.metadata.items()}
            results = set(said.get("result", "").split())
            if results & _BAD_RESULTS or _BAD_VERDICT in said.get("verdict", "").split():
                message = f"result {said.get('result')}, verdict {said.get('verdict')}"
                yield Alert("verdict", str(made.partition), message, run_id, at)


def _of_documents(instance: dg.DagsterInstance) -> dict[str, tuple[int, Alert | None]]:
    """Return the number of the last evaluation that no run made, and the alert if it failed."""
    found: dict[str, tuple[int, Alert | None]] = {}
    history = instance.event_log_storage.get_asset_check_execution_history
    # What runs plan and judge is of a partition: it does not stand before what was told of all.
    of_all = PartitionKeyFilter(key=None)
    for name in _DOCUMENTED:
        key = dg.AssetCheckKey(dg.AssetKey(name), DOCUMENT)
        for record in history(key, limit=1, status=COMPLETED, partition_filter=of_all):
            if record.evaluation is None or record.event is None or record.run_id:
                continue
            said, at = record.evaluation.description or "", _moment(record.event.timestamp)
            is_wrong = not record.evaluation.passed
            found[name] = (record.id, Alert("document", name, said, "", at) if is_wrong else None)
    return found


def _parsed(cursor: str | None) -> dict[str, Any] | None:
    """Return what the last tick left; None of none, or of another version."""
    try:
        found = json.loads(cursor or "")
        return {"event": int(found["event"]), "documents": dict(found["documents"])}
    except (ValueError, TypeError, KeyError):
        return None


def _moment(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, UTC).isoformat(timespec="seconds")


def _write(home: Path, found: list[Alert]) -> None:
    path = home / "journal" / "alerts.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(asdict(alert)) + "\n" for alert in found)
