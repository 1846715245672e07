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
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

from simcore.errors import StoreError

_SAID_BYTES_MAX: Final = 1 << 16


@contextmanager
def turn(home: Path, command: str) -> Iterator[None]:
    """Hold a home for one command; the system lets go of it however that ends.

    Args:
        home: Absolute path of the home.
        command: As it was given, such as ``proving run c0-tiny``.

    Raises:
        StoreError: ``BUSY``: another command holds it; who, since when, and what to do;
            ``NO_LOCK``: the home's journal, or its disk, has no lock to take.
    """
    is_new = not home.exists()
    with _held(home) as handle:
        with suppress(OSError):  # A full disk has no room for a name, but the turn is taken.
            _tell(handle, command)
        try:
            yield
        except BaseException:
            if is_new:  # What was refused leaves no home behind.
                _undo(home)
            raise
        finally:
            with suppress(OSError):
                handle.truncate(0)


@contextmanager
def _held(home: Path) -> Iterator[IO[bytes]]:
    """Give the file of the turn, locked; another one may have taken it away before it was ours."""
    path = place(home)
    while True:
        with _opened(path) as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreError("BUSY", _busy(home, _holder(handle)), is_passing=True) from None
            except OSError as cause:
                raise _no_lock(path, cause) from None
            if os.fstat(handle.fileno()).st_nlink:
                yield handle
                return


def _undo(home: Path) -> None:
    """Remove what taking the turn made of a home, as far as nothing else was put there."""
    place(home).unlink(missing_ok=True)
    with suppress(OSError):
        for folder in (place(home).parent, home / "journal", home):
            folder.rmdir()


def place(home: Path) -> Path:
    """Return the file that the command at work keeps locked."""
    return home / "journal" / "runs" / "turn.lock"


def _opened(path: Path) -> IO[bytes]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a+b", buffering=0)
    except OSError as cause:
        raise _no_lock(path, cause) from None


def _no_lock(path: Path, cause: OSError) -> StoreError:
    return StoreError(
        "NO_LOCK",
        f"{path}: got {cause.strerror or cause}, expected to lock this file, by which one command "
        "at a time is at work; nothing was made [let this user write to the home's journal, free "
        "space, or put the home on a disk that has locks]",
    )


def _tell(handle: IO[bytes], command: str) -> None:
    handle.truncate(0)
    moment = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    said = {"command": command, "pid": os.getpid(), "host": socket.gethostname(), "since": moment}
    handle.write(json.dumps(said).encode())


def _holder(handle: IO[bytes]) -> dict[str, Any]:
    """Return what the holder says of itself; nothing if it has not got to it yet."""
    handle.seek(0)
    try:
        found = json.loads(handle.read(_SAID_BYTES_MAX))
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
