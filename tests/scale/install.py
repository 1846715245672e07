"""Finds Postgres and Redis for the scale tests, and installs them where they are missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Server(NamedTuple):
    """A server: what runs it, and the Debian package that brings it."""

    find: Callable[[], Path | None]
    package: str


def postgres() -> Path | None:
    """Return the folder of Postgres' programs: the newest that Debian put in place, else any."""
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    found = shutil.which("initdb")
    return versions[-1].parent if versions else Path(found).resolve().parent if found else None


def redis() -> Path | None:
    """Return the program of Redis, or of its successor Valkey, which speaks the same."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    return Path(found) if found else None


SERVERS = (Server(postgres, "postgresql"), Server(redis, "redis-server"))


def missing() -> list[str]:
    """Return the packages whose servers are not there."""
    return [server.package for server in SERVERS if server.find() is None]


def main() -> int:
    """Make sure that the servers are there; say so in one sentence where they cannot be."""
    wanted = missing()
    if wanted and shutil.which("apt-get") and os.geteuid() == 0:
        print(f"Installing {' and '.join(wanted)} for the scale tests ...", flush=True)
        for arguments in (["update", "-qq"], ["install", "-y", "-qq", *wanted]):
            subprocess.run(
                ["apt-get", *arguments],
                check=False,
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                stdout=subprocess.DEVNULL,
                timeout=600,
            )
    if missing():
        print(
            f"The scale tests need {' and '.join(missing())}: install these Debian packages, or "
            "their like, then run `make test-scale` again.",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
