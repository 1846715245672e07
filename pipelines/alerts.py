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
from dagster._core.storage.asset_check_execution_record import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES as COMPLETED,
)

from assets import quarantine
from assets.checks import DOCUMENTS
from pipelines import endings
from pipelines.sensors import INTERVAL_SECONDS

WEBHOOK: Final = "PROVING_WEBHOOK"
TIMEOUT_SECONDS: Final = 5.0
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
    wrong = _of_documents(context.instance)
    told = {name: "" if alert is None else alert.message for name, alert in wrong.items()}
    before = _parsed(context.cursor)
    if before is None:
        event = endings.newest(context.instance)
        return dg.SensorResult(
            skip_reason="what failed before the first tick is history",
            cursor=json.dumps({"event": event, "documents": told}),
        )
    ended, reached = endings.since(context.instance, before["event"])
    found = [alert for entry in ended for alert in _of_run(context.instance, entry)]
    found += [
        alert
        for name, alert in sorted(wrong.items())
        if alert is not None and alert.message != before["documents"].get(name, "")
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


def _of_run(instance: dg.DagsterInstance, entry: dg.EventLogEntry) -> Iterator[Alert]:
    run_id, at = entry.run_id, _moment(entry.timestamp)
    event = entry.dagster_event
    if event is not None and event.event_type == dg.DagsterEventType.RUN_FAILURE:
        yield Alert("run", event.job_name, event.message or "failed", run_id, at)
    for log in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        check = log.get_dagster_event().asset_check_evaluation_data
        # Of documents is told whenever they change, whichever run looked at them too.
        if not check.passed and check.check_name != DOCUMENTS:
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


def _of_documents(instance: dg.DagsterInstance) -> dict[str, Alert | None]:
    """Return the alert of each asset with documents in quarantine; None where all are right."""
    found: dict[str, Alert | None] = {}
    history = instance.event_log_storage.get_asset_check_execution_history
    for key in quarantine.KEYS:
        for record in history(key, limit=1, status=COMPLETED):
            if record.evaluation is None or record.event is None:
                continue
            said, at = record.evaluation.description or "", _moment(record.event.timestamp)
            name = key.asset_key.to_user_string()
            is_wrong = not record.evaluation.passed
            found[name] = Alert("document", name, said, "", at) if is_wrong else None
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
