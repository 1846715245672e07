"""What failed is told once: to a file, and to a webhook that is really listening."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets import evaluations
from pipelines import alerts


class Hook:
    """A server on the loopback that keeps what it is sent."""

    def __init__(self, status: int = 200) -> None:
        self.bodies: list[dict[str, Any]] = []
        bodies = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                bodies.append(json.loads(self.rfile.read(size)))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.close()


@dg.multi_asset(
    specs=[dg.AssetSpec("verdicts")],
    check_specs=[dg.AssetCheckSpec("schema", asset="verdicts", blocking=True)],
)
def _doomed() -> Iterator[dg.MaterializeResult]:
    yield dg.MaterializeResult(
        asset_key="verdicts",
        metadata={"result": "FAIL", "verdict": "NO"},
        check_results=[
            dg.AssetCheckResult(check_name="schema", passed=False, description="a column is gone")
        ],
    )


class Watch:
    """Ticks of the alerts' sensor."""

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        self.home, self.instance = home, instance
        self.cursor: str | None = None

    def tick(self) -> dg.SensorResult:
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        result = alerts.alerts(context, home=self.home)
        self.cursor = result.cursor
        return result

    def written(self) -> list[dict[str, Any]]:
        path = self.home / "journal" / "alerts.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def fail(instance: dg.DagsterInstance) -> None:
    dg.materialize([_doomed], instance=instance, raise_on_error=False)


def test_what_failed_is_written_and_sent_once(
    home: Path, instance: dg.DagsterInstance, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(alerts.WEBHOOK, hook.url)
    watch = Watch(home, instance)
    fail(instance)
    watch.tick()
    assert watch.written() == [], "what failed before the first tick is history"
    fail(instance)
    watch.tick()
    told = {(each["kind"], each["subject"]): each["message"] for each in watch.written()}
    assert told["check", "verdicts"] == "schema: a column is gone"
    assert told["verdict", "None"] == "result FAIL, verdict NO"
    (body,) = hook.bodies
    assert body["alerts"] == watch.written()
    assert "schema: a column is gone" in body["text"]
    watch.tick()
    assert len(hook.bodies) == 1
    assert len(watch.written()) == len(body["alerts"])


@pytest.mark.parametrize(
    ("result", "verdict", "is_told"),
    [
        ("FAIL", "NOT_PROVEN", True),
        ("INCONCLUSIVE", "NOT_PROVEN", True),
        ("PASS", "NO", True),
        ("PASS", "NOT_PROVEN", False),
        ("NOT_RUN", "NOT_PROVEN", False),
    ],
)
def test_a_verdict_is_told_of_where_it_is_bad(
    home: Path, instance: dg.DagsterInstance, result: str, verdict: str, is_told: bool
) -> None:
    @dg.asset(name="verdicts")
    def judged() -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"result": result, "verdict": verdict})

    watch = Watch(home, instance)
    watch.tick()
    dg.materialize([judged], instance=instance)
    watch.tick()
    expected = [("verdict", f"result {result}, verdict {verdict}")] if is_told else []
    assert [(each["kind"], each["message"]) for each in watch.written()] == expected


def test_a_failed_run_is_told_of_with_its_job(home: Path, instance: dg.DagsterInstance) -> None:
    @dg.op
    def stumble() -> None:
        raise dg.Failure("the disk is full")

    @dg.job
    def march() -> None:
        stumble()

    watch = Watch(home, instance)
    watch.tick()
    march.execute_in_process(instance=instance, raise_on_error=False)
    watch.tick()
    (alert,) = watch.written()
    assert (alert["kind"], alert["subject"]) == ("run", "march")
    assert alert["run_id"] == instance.get_runs()[0].run_id


def tell(instance: dg.DagsterInstance, wrong: dict[str, str]) -> None:
    """Tell of documents as a sensor does."""
    (evaluation,) = evaluations.of_documents(instance, "strategies", wrong)
    instance.report_runless_asset_event(evaluation)


def test_a_broken_document_is_told_of_until_its_text_changes(
    home: Path, instance: dg.DagsterInstance
) -> None:
    watch = Watch(home, instance)
    watch.tick()
    for wrong in ({"mine": "rule 0: no such word"}, {}):
        tell(instance, wrong)
        watch.tick()
        watch.tick()
    (alert,) = watch.written()
    assert (alert["kind"], alert["message"]) == ("document", "rule 0: no such word")
    tell(instance, {"mine": "rule 0: no such word"})
    instance.report_runless_asset_event(dg.AssetMaterialization("strategies", partition="other"))
    watch.tick()
    tell(instance, {"mine": "rule 0: no such word"})
    watch.tick()
    assert len(watch.written()) == 2, "broken anew is told anew, told of anew is not"


def test_a_broken_document_is_told_of_though_a_run_judged_another_since(
    home: Path, instance: dg.DagsterInstance
) -> None:
    keys = dg.StaticPartitionsDefinition(["other"])
    document = dg.AssetCheckSpec("document", asset="strategies", partitions_def=keys)

    @dg.asset(name="strategies", partitions_def=keys, check_specs=[document])
    def compiled() -> dg.MaterializeResult:
        return dg.MaterializeResult(
            check_results=[dg.AssetCheckResult(check_name="document", passed=True)]
        )

    watch = Watch(home, instance)
    watch.tick()
    tell(instance, {"mine": "rule 0: no such word"})
    assert dg.materialize([compiled], instance=instance, partition_key="other").success
    watch.tick()
    (alert,) = watch.written()
    assert alert["message"] == "rule 0: no such word"


def test_a_webhook_that_does_not_answer_stops_nothing(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = Hook()
    gone.close()
    monkeypatch.setenv(alerts.WEBHOOK, gone.url)
    watch = Watch(home, instance)
    watch.tick()
    fail(instance)
    watch.tick()
    assert watch.written()
    assert alerts.send("", []) == ""
    assert "refused" in alerts.send(gone.url, [])
    assert "expected an address" in alerts.send("file:///etc/passwd", [])


def test_a_webhook_that_refuses_is_named_and_a_silent_one_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import socket

    refusing = Hook(status=500)
    assert "500" in alerts.send(refusing.url, [])
    refusing.close()
    monkeypatch.setattr(alerts, "TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = alerts.send(f"http://127.0.0.1:{silent.getsockname()[1]}/", [])
    assert "timed out" in said


def test_a_webhook_that_speaks_something_else_stops_nothing() -> None:
    import socket

    def greet(server: socket.socket) -> None:
        peer, _ = server.accept()
        with peer:
            peer.sendall(b"SSH-2.0-nobody\r\n")
            peer.recv(1 << 16)

    with socket.create_server(("127.0.0.1", 0)) as other:
        thread = threading.Thread(target=greet, args=(other,))
        thread.start()
        said = alerts.send(f"http://127.0.0.1:{other.getsockname()[1]}/", [])
        thread.join()
    assert "SSH-2.0-nobody" in said
    assert "nonnumeric port" in alerts.send("http://127.0.0.1:webhook/", [])


def test_nothing_opens_a_socket_by_default(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.delenv(alerts.WEBHOOK, raising=False)
    monkeypatch.setattr(alerts.urllib.request, "urlopen", refuse)
    watch = Watch(home, instance)
    watch.tick()
    fail(instance)
    watch.tick()
    assert watch.written()
    assert alerts.send("", []) == ""
