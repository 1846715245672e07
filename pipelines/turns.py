"""One command at a time makes the partitions of a home; the next is told who is at it.

Runs that Dagster's daemon starts have slots and pools of their own, and are not asked for here.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from simcore.errors import StoreError


@contextmanager
def turn(home: Path, command: str) -> Iterator[None]:
    """Hold a home for one command; the system lets go of it however that ends.

    Args:
        home: Absolute path of the home.
        command: As it was given, such as ``proving run c0-tiny``.

    Raises:
        StoreError: ``BUSY``: another command holds it; who, since when, and what to do.
    """
    path = place(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError("BUSY", _busy(home, _holder(handle)), is_passing=True) from None
        _tell(handle, command)
        try:
            yield
        finally:
            handle.truncate(0)


def place(home: Path) -> Path:
    """Return the file that the command at work keeps locked."""
    return home / "journal" / "runs" / "turn.lock"


def _tell(handle: IO[str], command: str) -> None:
    handle.truncate(0)
    moment = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    said = {"command": command, "pid": os.getpid(), "host": socket.gethostname(), "since": moment}
    handle.write(json.dumps(said))
    handle.flush()


def _holder(handle: IO[str]) -> dict[str, Any]:
    """Return what the holder says of itself; nothing if it has not got to it yet."""
    handle.seek(0)
    try:
        found = json.loads(handle.read())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _busy(home: Path, holder: dict[str, Any]) -> str:
    who = "another command"
    if holder:
        who = (
            f"`{holder.get('command')}` at work, process {holder.get('pid')} on "
            f"{holder.get('host')} since {holder.get('since')}"
        )
    return (
        f"{home}: got {who}, expected one command at a time to make its partitions "
        "[wait until it ends, stop it with Ctrl-C where it was started, or give another --home; "
        "nothing was changed]"
    )
