"""Postgres, Redis, a bucket, Dagster's daemon and workers, on this machine and for one test.

The kernel ends each of them with the process that started it, so that none outlives a test that is
killed. They listen on sockets in folders of their own, or on the loopback.
"""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import yaml

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
            start_new_session=True,  # it and its children are one group
        )
        try:
            yield process
        finally:
            process.send_signal(stop)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=60)
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a program and all that it started, as a machine that goes down would."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
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


@dataclass
class Cluster:
    """What works on one home.

    Args:
        home: Shared by all of them.
        logs: Folder for what they print.
        environment: In which a process finds home, storage and broker.
        servers: Dagster's daemon, and what tells it of the definitions.
        workers: The processes that take runs, by name.
    """

    home: Path
    logs: Path
    environment: dict[str, str]
    servers: dict[str, subprocess.Popen[bytes]]
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @contextmanager
    def worker(self, name: str, *, core: int | None = None) -> Iterator[None]:
        """Let one more worker take runs until the end of the block.

        Args:
            name: Under which the broker knows it.
            core: The one core that it may use, as if that were a machine; None for all.
        """
        command = [sys.executable, "-m", "pipelines.worker", "--hostname", f"{name}@%h"]
        if core is not None:
            command = ["taskset", "--cpu-list", str(core), *command]
        log = self.logs / f"{name}.log"
        log.unlink(missing_ok=True)
        with started(command, log, environment=self.environment) as process:
            await_("a worker", lambda: " ready." in log.read_text(), process, log)
            self.workers[name] = process
            yield

    @contextmanager
    def webserver(self) -> Iterator[str]:
        """Serve Dagster's page on the loopback until the end of the block, and give its URL."""
        port = free_port()
        asked = ["--workspace", workspace_of(self.home), "--port", port]
        log = self.logs / "webserver.log"
        command = [_program("dagster-webserver"), *asked]
        with started(command, log, environment=self.environment) as server:
            await_("the page", lambda: is_served(port), server, log)
            yield f"http://127.0.0.1:{port}"

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let nobody but this process ask Postgres until the end of the block."""
        programs = [*self.servers.values(), *self.workers.values()]
        for each in programs:
            os.killpg(each.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for each in programs:
                os.killpg(each.pid, signal.SIGCONT)

    def runner(self, process_id: int) -> str | None:
        """Return the worker whose process has the id, or whose child; None if it is no worker's."""
        with suppress(ProcessLookupError):
            group = os.getpgid(process_id)
            return next((name for name, each in self.workers.items() if each.pid == group), None)
        return None

    @property
    def folders(self) -> list[Path]:
        """Where Postgres and Redis keep what they have."""
        socket = Path(self.environment["PROVING_BROKER"].removeprefix("redis+socket://"))
        return [Path(self.environment["PROVING_POSTGRES"].partition("host=")[2]), socket.parent]

    @property
    def leaders(self) -> dict[str, int]:
        """The process that leads each group of processes, by what it is."""
        told = (self.folders[0] / "data" / "postmaster.pid").read_text()
        postgres = int(told.split("\n", 1)[0])
        programs = {**self.servers, **self.workers}
        return {"Postgres": postgres, **{name: each.pid for name, each in programs.items()}}

    def left(self) -> list[str]:
        """Return the commands of processes that work on the home, but for this one."""
        sign = f"{homes.VARIABLE}={self.home}".encode()
        return [
            command
            for process_id, command, environment in _processes()
            if sign in environment and process_id != os.getpid()
        ]


def _processes() -> Iterator[tuple[int, str, list[bytes]]]:
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            environment = (folder / "environ").read_bytes().split(b"\0")
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            yield int(folder.name), command, environment


def free_port() -> str:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def is_served(port: str) -> bool:
    """Return whether somebody listens on a port of the loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) == 0


def workspace_of(home: Path) -> Path:
    """Return the file that names the code location of a cluster: that of `deploy`, but its port."""
    return home / "dagster" / "workspace.yaml"


@contextmanager
def definitions(
    home: Path, logs: Path, environment: Mapping[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Serve the code location, and give the process and the workspace that names it."""
    port, workspace = free_port(), workspace_of(home)
    text = (ROOT / "deploy" / "workspace.yaml").read_text()
    workspace.write_text(text.replace("port: 4000", f"port: {port}"))
    where = ["--host", "127.0.0.1", "--port", port, "--location-name", "proving_ground"]
    command = [_program("dagster"), "api", "grpc", "--module-name", "pipelines.definitions", *where]
    log = logs / "definitions.log"
    with started(command, log, environment=environment) as server:
        await_("the code location", lambda: "Started Dagster code" in log.read_text(), server, log)
        yield server, workspace


def _program(name: str) -> Path:
    return Path(sys.executable).with_name(name)


@contextmanager
def cluster(
    home: Path,
    logs: Path,
    *,
    workers: int,
    lake: str | None = None,
    pinned: bool = False,
    storage: object = None,
) -> Iterator[Cluster]:
    """Start Postgres, Redis, the daemon and workers on one home.

    Args:
        home: Shared by all of them; made here, but for documents that lie there already.
        logs: Folder for what they print.
        workers: How many processes take runs.
        lake: URL of the lake; None for a folder of the home.
        pinned: Whether each worker has one core of its own, as a machine of its own would.
        storage: What ``dagster.yaml`` says of it; None for what `deploy` says.
    """
    with ExitStack() as stack:
        if lake is not None:
            with _environment({homes.LAKE_VARIABLE: lake}):
                homes.init(home)  # from here on the home names it
        config = home / "dagster" / "dagster.yaml"
        config.parent.mkdir(parents=True, exist_ok=True)
        settings = yaml.safe_load((ROOT / "deploy" / "dagster-celery.yaml").read_text())
        settings["storage"] = storage or settings["storage"]
        config.write_text(yaml.safe_dump(settings))
        shared = {
            **homes.environment(home),
            "PROVING_POSTGRES": stack.enter_context(postgres(logs)),
            "PROVING_BROKER": stack.enter_context(redis(logs)),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "PYTHONPATH": str(ROOT),
        }
        stack.enter_context(_environment(shared))
        with homes.instance(home):
            pass  # The tables are made once, before many ask for them.
        code, workspace = stack.enter_context(definitions(home, logs, shared))
        command = [_program("dagster-daemon"), "run", "--workspace", workspace]
        daemon = stack.enter_context(started(command, logs / "daemon.log", environment=shared))
        found = Cluster(home, logs, shared, {"daemon": daemon, "definitions": code})
        for number in range(workers):
            core = number if pinned else None
            stack.enter_context(found.worker(f"worker{number}", core=core))
        yield found


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
