"""Postgres, Redis, a bucket, Dagster's daemon and workers, on this machine and for one test.

The kernel ends each of them with the process that started it, so that none outlives a test that is
killed. They listen on sockets in a folder of their own, or on the loopback.
"""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pipelines import home as homes
from tests.scale import install

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 300.0


class ServerError(Exception):
    """A server did not come up, or ended by itself."""


@contextmanager
def started(
    command: Sequence[object],
    log: Path,
    *,
    environment: Mapping[str, str] | None = None,
    user: str | None = None,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the end of the block, or until this process ends however it may."""
    bound = ["setpriv", "--pdeathsig", stop.name.removeprefix("SIG")]
    if user is not None and user != getpass.getuser():
        entry = pwd.getpwnam(user)
        bound += ["--reuid", str(entry.pw_uid), "--regid", str(entry.pw_gid), "--clear-groups"]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*bound, *map(str, command)],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            cwd=ROOT if user is None else "/",
        )
        try:
            yield process
        finally:
            process.send_signal(stop)
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def await_(
    what: str, is_there: Callable[[], bool], process: subprocess.Popen[bytes], log: Path
) -> None:
    """Wait until something is there.

    Raises:
        ServerError: The process ended before, or too much time went by.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_there():
        if process.poll() is not None or time.monotonic() > deadline:
            raise ServerError(f"{what} did not come up: {log.read_text()[-1_000:]}")
        time.sleep(0.1)


@contextmanager
def postgres(logs: Path) -> Iterator[str]:
    """Serve an empty database and give its URL. Not run by root, as it refuses that."""
    programs = install.postgres()
    if programs is None:
        raise ServerError("postgresql is missing: run `python -m tests.scale.install`")
    is_root = os.geteuid() == 0
    user = next(
        (name for name in ("postgres", "nobody") if is_root and name in _users()),
        getpass.getuser(),
    )
    # Outside of the test's own folder: that is closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="proving-postgres-"))
    try:
        if is_root:
            shutil.chown(folder, user)
        data = folder / "data"
        log = logs / "postgres.log"
        made = [programs / "initdb", "--pgdata", data, "--auth=trust", "--no-sync", "--locale=C"]
        with started([*made, "--username=dagster", "--encoding=UTF8"], log, user=user) as init:
            if init.wait(PATIENCE_SECONDS) != 0:
                raise ServerError(f"initdb failed: {log.read_text()[-500:]}")
        # Nobody but its user may enter the folder, so that trust goes no further.
        options = ["-k", folder, "-c", "listen_addresses=", "-c", "max_connections=100"]
        command = [programs / "postgres", "-D", data, *options]
        with started(command, log, user=user, stop=signal.SIGINT) as server:
            ready = [str(programs / "pg_isready"), "--quiet", "--host", str(folder)]
            await_(
                "postgres",
                lambda: subprocess.run(ready, check=False).returncode == 0,
                server,
                log,
            )
            yield f"postgresql://dagster@/postgres?host={folder}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _users() -> set[str]:
    return {entry.pw_name for entry in pwd.getpwall()}


@contextmanager
def redis(logs: Path) -> Iterator[str]:
    """Serve an empty Redis on a socket and give its URL; nothing of it is kept on disk."""
    program = install.redis()
    if program is None:
        raise ServerError("redis-server is missing: run `python -m tests.scale.install`")
    with tempfile.TemporaryDirectory(prefix="proving-redis-") as folder:
        socket = Path(folder) / "redis.sock"
        options = ["--port", "0", "--unixsocket", socket, "--unixsocketperm", "700"]
        quiet = ["--save", "", "--appendonly", "no", "--dir", folder]
        log = logs / "redis.log"
        with started([program, *options, *quiet], log) as server:
            await_("redis", socket.exists, server, log)
            yield f"redis+socket://{socket}"


@contextmanager
def bucket(logs: Path, name: str = "lakes") -> Iterator[dict[str, str]]:
    """Serve an empty bucket on the loopback and give the environment in which it is found."""
    log = logs / "bucket.log"
    command = [sys.executable, "-m", "tests.scale.bucket_server", name]
    with started(command, log) as server:
        await_("the bucket", lambda: "http://" in log.read_text(), server, log)
        (url,) = (word for word in log.read_text().split() if word.startswith("http://"))
        yield {
            "AWS_ENDPOINT_URL": url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            # The server takes any; a real one finds them where every program does.
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
        }


@contextmanager
def cluster(
    home: Path,
    logs: Path,
    *,
    workers: int,
    environment: Mapping[str, str] | None = None,
    pinned: bool = False,
) -> Iterator[dict[str, str]]:
    """Start Postgres, Redis, the daemon and workers on one home; give their environment.

    Args:
        home: Shared by all of them; made here.
        logs: Folder for what they print.
        workers: How many processes take runs.
        environment: What they find beside their own, such as where the lake is.
        pinned: Whether each worker has one core of its own, as a machine of its own would.
    """
    with ExitStack() as stack:
        shared = {
            **(environment or {}),
            **homes.environment(home),
            "PROVING_POSTGRES": stack.enter_context(postgres(logs)),
            "PROVING_BROKER": stack.enter_context(redis(logs)),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "PYTHONPATH": str(ROOT),
        }
        stack.enter_context(_environment(shared))
        config = home / "dagster" / "dagster.yaml"
        config.parent.mkdir(parents=True)
        shutil.copy(ROOT / "deploy" / "dagster-celery.yaml", config)
        homes.init(home)
        with homes.instance(home):
            pass  # The tables are made once, before many ask for them.
        daemon = [Path(sys.executable).with_name("dagster-daemon"), "run"]
        daemon += ["--module-name", "pipelines.definitions"]
        stack.enter_context(started(daemon, logs / "daemon.log", environment=shared))
        for number in range(workers):
            command = [sys.executable, "-m", "pipelines.worker", "--hostname", f"worker{number}@%h"]
            if pinned:
                command = ["taskset", "--cpu-list", str(number), *command]
            log = logs / f"worker{number}.log"
            process = stack.enter_context(started(command, log, environment=shared))
            await_("a worker", lambda log=log: " ready." in log.read_text(), process, log)
        yield shared


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            with suppress(KeyError):
                del os.environ[name]
            if value is not None:
                os.environ[name] = value
