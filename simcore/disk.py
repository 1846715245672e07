"""Files below a folder: written beside the dataset tree, synced, and renamed to their place.

What the files hold is the store's business.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from simcore.errors import StoreError

_STAGING: Final = ".staging"
_LOCKS: Final = ".locks"

# What an operator is told when the system refuses a change, by its reason.
_LET_WRITE: Final = ("READ_ONLY", "let this user write to the lake, or mount it writable")
_UNKNOWN_REFUSAL: Final = ("UNWRITABLE", "mend the disk of the lake")
_REFUSALS: Final = {
    errno.ENOSPC: ("DISK_FULL", "free space on the disk of the lake"),
    errno.EDQUOT: ("DISK_FULL", "free space, or raise the quota of this user"),
    errno.EFBIG: ("DISK_FULL", "raise the limit on the size of a file (`ulimit -f`)"),
    errno.EROFS: _LET_WRITE,
    errno.EACCES: _LET_WRITE,
    errno.EPERM: _LET_WRITE,
}


class Disk:
    """Every file below one folder, by its name: the path below the folder, with slashes.

    Args:
        root: The folder; made when first written to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def address(self, name: str) -> Path:
        """Return where the file is or will be."""
        return self.root / name

    def names(self, folder: str) -> list[str]:
        """Return the names of all files below a folder, sorted; none where it is absent."""
        found = (path for path in (self.root / folder).rglob("*") if path.is_file())
        return [path.relative_to(self.root).as_posix() for path in sorted(found)]

    def put(self, name: str, write: Callable[[IO[bytes]], None]) -> None:
        """Put a whole file in place of what was there: after a crash there is the old or the new.

        Args:
            name: Which file.
            write: Writes its content.

        Raises:
            StoreError: ``DISK_FULL``, ``READ_ONLY`` or ``UNWRITABLE``; what was there stays.
        """
        target = self.root / name
        with writing(target), self.draft() as (handle, draft):
            write(handle)
            handle.flush()
            os.fsync(handle.fileno())
            target.parent.mkdir(parents=True, exist_ok=True)
            draft.replace(target)
            self._sync_folders(target.parent)

    def take(self, name: str, source: Path) -> None:
        """Move a file from elsewhere to its place here."""
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(source, target)

    def remove(self, name: str) -> None:
        """Remove a file and the folders that it leaves empty; no error where it is absent."""
        path = self.root / name
        path.unlink(missing_ok=True)
        for each in path.parents:
            if each == self.root or not each.exists() or any(each.iterdir()):
                break
            each.rmdir()

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Keep others who hold the same file out, in this process and in others, until the end."""
        lock = self.root / _LOCKS / f"{name}.lock"
        with writing(lock):
            lock.parent.mkdir(parents=True, exist_ok=True)
            # A lock needs no right to write: a file that lacks nothing is not written.
            number = os.open(lock, os.O_RDONLY | os.O_CREAT, 0o644)
        with os.fdopen(number, "rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def sweep(self) -> list[Path]:
        """Remove the drafts that dead writers left behind, and return what was removed.

        Raises:
            StoreError: ``READ_ONLY`` or ``UNWRITABLE``: there is one that cannot be removed.
        """
        removed = []
        for path in sorted((self.root / _STAGING).glob("*.parquet")):
            with writing(path), _no_file_is_fine(), path.open("rb") as handle:
                if _is_locked_by_us(handle):  # A living writer holds the lock until it renames.
                    path.unlink()
                    removed.append(path)
        return removed

    @contextmanager
    def draft(self) -> Iterator[tuple[IO[bytes], Path]]:
        """Open a locked file in the staging folder; it is removed unless it was renamed."""
        staging = self.root / _STAGING
        staging.mkdir(parents=True, exist_ok=True)
        while True:
            number, name = tempfile.mkstemp(suffix=".parquet", dir=staging)
            handle = os.fdopen(number, "wb")
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.fstat(handle.fileno()).st_nlink == 1:  # No sweep came between the two calls.
                break
            handle.close()
        try:
            with handle:
                os.fchmod(handle.fileno(), 0o644)  # mkstemp lets only the owner read.
                yield handle, Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    def _sync_folders(self, folder: Path) -> None:
        """Make the rename last through a power cut: every folder up to the root is synced."""
        for each in (folder, *folder.parents):
            _sync_folder(each)
            if each == self.root:
                break


def odd(path: Path) -> str | None:
    """Return what lies at a path if it is no file that could be read to its end, else None.

    A pipe or a device may have no end, and whoever opens a pipe waits for somebody to write to it.

    Raises:
        OSError: Nothing lies there, or the system does not say what.
    """
    mode = path.stat().st_mode
    names = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return None if stat.S_ISREG(mode) else names.get(stat.S_IFMT(mode), "a device")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say in words what an operator can mend when the system refuses to change a file.

    Raises:
        StoreError: ``DISK_FULL``, ``READ_ONLY`` or ``UNWRITABLE``.
    """
    try:
        yield
    except OSError as cause:
        code, remedy = _REFUSALS.get(cause.errno or 0, _UNKNOWN_REFUSAL)
        disk = next(folder for folder in path.parents if folder.exists())
        free = shutil.disk_usage(disk).free
        raise StoreError(
            code,
            f"{path}: got {cause.strerror or cause}, {free:,} bytes free, expected to write there; "
            f"what was there before stays [{remedy} and materialise it again]",
        ) from cause


@contextmanager
def _no_file_is_fine() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        return


def _is_locked_by_us(handle: IO[bytes]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
