"""The file of a backup: members with the hash of each, read whole or refused by name.

What of a home goes into it, and where it is put back, stands in `pipelines.backup`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final, cast

import pyarrow as pa

from simcore.disk import odd
from simcore.errors import StoreError

MANIFEST: Final = "MANIFEST.json"
FORMAT: Final = "proving-backup"
VERSION: Final = 1

_CHUNK_BYTES: Final = 1 << 20
_MANIFEST_BYTES_MAX: Final = 1 << 30
# What a reader of tar or of zstd says of a file that is none.
_UNREADABLE: Final = (tarfile.TarError, pa.ArrowException, OSError, EOFError, UnicodeDecodeError)


@dataclass(frozen=True)
class Member:
    """One file of a backup.

    Args:
        name: Its place below the home, with slashes.
        bytes: Its length.
        sha256: Of its content, 64 hexadecimal digits.
    """

    name: str
    bytes: int
    sha256: str


@dataclass
class Writer:
    """Writes members one behind the other, and what they were at the end.

    Nothing of the time or the machine goes in: of the same files comes the same archive.

    Args:
        tar: Where to.
        members: What was written so far.
    """

    tar: tarfile.TarFile
    members: list[Member] = field(default_factory=list)

    def add(self, name: str, handle: IO[bytes]) -> None:
        """Write a file as long as it is now; what grows behind that is left out."""
        size = os.fstat(handle.fileno()).st_size
        hashing = _Hashing(handle, size)
        self.tar.addfile(_header(name, size), cast(IO[bytes], hashing))
        self.members.append(Member(name, size, hashing.digest.hexdigest()))

    def close(self, facts: Mapping[str, Any]) -> None:
        """Write the manifest: the hash of every member, and what else is to be known."""
        content = json.dumps(
            {
                "format": FORMAT,
                "version": VERSION,
                **facts,
                "files": {
                    each.name: {"bytes": each.bytes, "sha256": each.sha256} for each in self.members
                },
            },
            indent=1,
            sort_keys=True,
        ).encode()
        self.tar.addfile(_header(MANIFEST, len(content)), io.BytesIO(content))


class _Hashing:
    """A file to be read once, a fixed length of it, while its hash is taken."""

    def __init__(self, handle: IO[bytes], size: int) -> None:
        self.digest = hashlib.sha256()
        self._handle, self._left = handle, size

    def read(self, n: int) -> bytes:
        part = self._handle.read(min(n, self._left))
        self._left -= len(part)
        self.digest.update(part)
        return part


@contextmanager
def written(path: Path) -> Iterator[Writer]:
    """Write an archive; compressed where its name ends in ``.zst``."""
    with path.open("wb") as raw:
        sink: Any = raw
        if path.name.endswith(".zst"):
            sink = pa.CompressedOutputStream(pa.PythonFile(raw, "w"), "zstd")
        with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT) as tar:
            yield Writer(tar)
        if sink is not raw:
            sink.close()
        if not raw.closed:
            raw.flush()
            os.fsync(raw.fileno())


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Say in words what an operator can mend when the system refuses to write.

    Raises:
        StoreError: ``UNWRITABLE``.
    """
    try:
        yield
    except OSError as cause:
        disk = next(folder for folder in place.parents if folder.exists())
        raise StoreError(
            "UNWRITABLE",
            f"{place}: got {cause.strerror or cause}, {shutil.disk_usage(disk).free:,} bytes free, "
            "expected to write there; nothing is left of it [free space or name another place]",
        ) from cause


def checked(path: Path) -> tuple[dict[str, Any], list[Member]]:
    """Return the manifest of an archive and its members, once every byte of them is right.

    Raises:
        StoreError: ``DAMAGED``: it is no backup, a member is missing, too many, or another than
            the manifest says; ``UNSAFE``: a member would lie outside of a home, or is no file;
            ``ABSENT``.
    """
    found: dict[str, Member] = {}
    manifests: list[dict[str, Any]] = []

    def take(info: tarfile.TarInfo, handle: IO[bytes]) -> None:
        if manifests:
            raise _damaged(path, info.name, "got it behind the manifest, expected nothing there")
        if info.name == MANIFEST:
            manifests.append(_manifest(path, info, handle))
            return
        if info.name in found:
            raise _damaged(path, info.name, "got it twice, expected it once")
        found[info.name] = Member(info.name, info.size, _sha256(handle))

    _each(path, take)
    if not manifests:
        last = next(reversed(found), "its beginning")
        raise _damaged(path, last, f"got nothing behind it, expected more and {MANIFEST} at last")
    _compare(path, found, manifests[0]["files"])
    return manifests[0], list(found.values())


def _compare(path: Path, found: Mapping[str, Member], told: Mapping[str, Any]) -> None:
    """Refuse members that are not what the manifest tells of them."""
    for name in sorted({*told, *found}):
        if name not in found or name not in told:
            where = "the archive" if name not in found else MANIFEST
            raise _damaged(path, name, f"got nothing of it in {where}, expected it there")
        got, expected = found[name], Member(name, told[name]["bytes"], told[name]["sha256"])
        if got != expected:
            raise _damaged(
                path,
                name,
                f"got {got.bytes:,} bytes with the hash {got.sha256}, expected "
                f"{expected.bytes:,} with {expected.sha256}",
            )


def unpacked(path: Path, members: list[Member], folder: Path) -> None:
    """Write the members below a folder, each synced, and hashed once more as it is written.

    Args:
        path: The archive.
        members: What `checked` returned.
        folder: Where to; empty.

    Raises:
        StoreError: ``DAMAGED``: a member is not what it was a moment ago; ``DISK_FULL`` and the
            like.
    """
    expected = {each.name: each.sha256 for each in members}

    def take(info: tarfile.TarInfo, handle: IO[bytes]) -> None:
        if info.name == MANIFEST:
            return
        target, digest = folder / info.name, hashlib.sha256()
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            out = target.open("xb")
        with out:
            while part := handle.read(_CHUNK_BYTES):
                digest.update(part)
                with writing(target):
                    out.write(part)
            with writing(target):
                out.flush()
                os.fsync(out.fileno())
        if expected.get(info.name) != digest.hexdigest():
            raise _damaged(path, info.name, "got another content than a moment ago")

    _each(path, take)


def _each(path: Path, take: Callable[[tarfile.TarInfo, IO[bytes]], None]) -> None:
    """Hand over every member of an archive in its order; whoever takes it reads it at once."""
    at = "its beginning"
    try:
        what = odd(path)
        if what is not None:  # It is read twice, and a pipe is read once at the most.
            raise _damaged(path, at, f"got {what}, expected a file")
        with path.open("rb") as raw:
            source: Any = raw
            if path.name.endswith(".zst"):
                source = pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd")
            with tarfile.open(fileobj=source, mode="r|") as tar:
                for info in tar:
                    _check_name(path, info)
                    at = info.name
                    handle = tar.extractfile(info)
                    if handle is None:
                        raise _damaged(path, info.name, "got no content, expected a file")
                    take(info, handle)
    except FileNotFoundError:
        raise StoreError(
            "ABSENT", f"{path}: there is no such file, expected a backup [name one]"
        ) from None
    except _UNREADABLE as cause:
        reason = (str(cause) or type(cause).__name__).splitlines()[0]
        raise _damaged(path, at, f"got {reason}, expected a readable archive") from cause


def _check_name(path: Path, info: tarfile.TarInfo) -> None:
    """Refuse what would lie outside of a home, or is no plain file."""
    parts = PurePosixPath(info.name).parts
    is_plain = info.isreg() and info.name == "/".join(parts) and "\\" not in info.name
    if not is_plain or not parts or parts[0] == "/" or ".." in parts or "\0" in info.name:
        raise StoreError(
            "UNSAFE",
            f"{path}: member {info.name!r}: got a link, a device or a place outside of a home, "
            "expected plain files below it [this is no backup that `proving backup` wrote]",
        )


def _manifest(path: Path, info: tarfile.TarInfo, handle: IO[bytes]) -> dict[str, Any]:
    try:
        found = json.loads(handle.read(min(info.size, _MANIFEST_BYTES_MAX)))
        is_ours = (found["format"], found["version"]) == (FORMAT, VERSION)
        is_whole = all(
            isinstance(each["bytes"], int) and isinstance(each["sha256"], str)
            for each in found["files"].values()
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as cause:
        raise _damaged(path, MANIFEST, f"got no manifest ({type(cause).__name__})") from None
    if not (is_ours and is_whole):
        raise _damaged(path, MANIFEST, f"expected {FORMAT} of version {VERSION}")
    return dict(found)


def _sha256(handle: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while part := handle.read(_CHUNK_BYTES):
        digest.update(part)
    return digest.hexdigest()


def _header(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info


def _damaged(path: Path, name: str, found: str) -> StoreError:
    return StoreError(
        "DAMAGED",
        f"{path}: {name}: {found}; nothing was restored [take another copy of the backup]",
    )
