"""Objects below a URL: written whole by one request, and only over what the writer has seen.

A bucket has no rename and no locks. One PUT is whole or absent; whoever must not lose what others
wrote names the version it read, and is refused if there is another by then. Credentials are never
asked for here: the library finds them where every program does.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import IO, Any, Final

from simcore.errors import StoreError

_TAIL_BYTES: Final = 1 << 16
"""What is read at once of an object's end: more than the footer of any table is long."""


@dataclass(frozen=True, order=True)
class ObjectPath:
    """Where an object is or will be; has what the store asks of a `pathlib.Path`.

    Args:
        root: URL of what is above it, such as ``s3://lakes/proving``.
        name: The rest, with slashes.
    """

    root: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.root}/{self.name}" if self.name else self.root

    def __truediv__(self, name: str) -> ObjectPath:
        return ObjectPath(self.root, f"{self.name}/{name}" if self.name else name)

    def exists(self) -> bool:
        """Return whether there is such an object."""
        return self.version() is not None

    def version(self) -> str | None:
        """Return what names the object's present content, None where there is no object."""
        with _answered(self):
            try:
                return str(client(self.root).head(self.name)["e_tag"])
            except FileNotFoundError:
                return None

    def read_bytes(self) -> bytes:
        """Return the whole content.

        Raises:
            FileNotFoundError: There is no such object.
        """
        with _answered(self):
            return bytes(client(self.root).get(self.name).bytes())

    def write_bytes(self, content: bytes, *, over: str | None = None, is_new: bool = False) -> str:
        """Put the whole content by one request and return its version.

        Args:
            content: At most 5 GiB on most servers.
            over: Version that must still be there; None takes the place of any.
            is_new: Whether nothing may be there.

        Raises:
            StoreError: ``OVERTAKEN``: there is another version; nothing was written.
        """
        mode: Any = "create" if is_new else "overwrite" if over is None else {"e_tag": over}
        with _answered(self):
            # Several parts would lie about, unseen and paid for, if the writer died between them.
            put = client(self.root).put(self.name, content, mode=mode, use_multipart=False)
        return str(put["e_tag"])

    def open_end(self) -> ObjectFile | None:
        """Open the object with its end read already, by one request; None if there is none."""
        here = client(self.root)
        from obstore.exceptions import BaseError

        with _answered(self):
            try:
                end = here.get(self.name, options={"range": {"suffix": _TAIL_BYTES}})
            except FileNotFoundError:
                return None
            except BaseError:
                if here.head(self.name)["size"]:
                    raise
                return ObjectFile(self, 0, b"")  # servers have no range of nothing
            return ObjectFile(self, int(end.meta["size"]), bytes(end.bytes()))

    def range(self, start: int, end: int) -> bytes:
        """Return some of the content, from one byte until before another."""
        with _answered(self):
            return bytes(client(self.root).get_range(self.name, start=start, end=end))


class ObjectFile(io.RawIOBase):
    """An object to be read from its end; what lies before is asked for when it is wanted.

    Args:
        path: Which object.
        size: Its length in bytes.
        end: Its last bytes.
    """

    def __init__(self, path: ObjectPath, size: int, end: bytes) -> None:
        super().__init__()
        self.size_bytes = size
        self._path, self._end, self._at = path, end, 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position from the start."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move and return the position from the start."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size_bytes}[whence]
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read as much as there is room for, and return how much that was."""
        stop = min(self._at + len(buffer), self.size_bytes)
        known_from = self.size_bytes - len(self._end)
        if self._at >= stop:
            return 0
        if self._at >= known_from:
            found = self._end[self._at - known_from : stop - known_from]
        else:
            found = self._path.range(self._at, stop)
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)


class Bucket:
    """Every object below one URL, by its name: the rest of the URL.

    Args:
        root: URL, such as ``s3://lakes/proving``; the bucket must be there.
    """

    def __init__(self, root: str) -> None:
        self.root = ObjectPath(root.rstrip("/"))
        self._held: dict[str, str | None] = {}

    def address(self, name: str) -> ObjectPath:
        """Return where the object is or will be."""
        return self.root / name

    def names(self, folder: str) -> list[str]:
        """Return the names of all objects below a prefix, sorted."""
        with _answered(self.root / folder):
            pages = client(self.root.root).list(folder)
            return sorted(str(each["path"]) for page in pages for each in page)

    def put(self, name: str, write: Callable[[IO[bytes]], None]) -> None:
        """Put a whole object in place of what was there.

        Args:
            name: Which object.
            write: Writes its content, which is kept in memory until it is whole.

        Raises:
            StoreError: ``OVERTAKEN``: the object is held, and somebody else wrote it meanwhile.
        """
        draft = io.BytesIO()
        write(draft)
        path, content = self.root / name, draft.getvalue()
        if name not in self._held:
            path.write_bytes(content)
            return
        seen = self._held[name]
        self._held[name] = path.write_bytes(content, over=seen, is_new=seen is None)

    def remove(self, name: str) -> None:
        """Remove an object; no error where it is absent."""
        path = self.root / name
        if path.exists():  # Some servers take the removal of nothing for an error.
            with _answered(path):
                client(path.root).delete(path.name)

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Refuse, until the end, to write over what others write from now on.

        Nobody waits: of several who hold the same object, the first to write wins, and the others
        are told that they were overtaken.
        """
        self._held[name] = (self.root / name).version()
        try:
            yield
        finally:
            del self._held[name]

    def sweep(self) -> list[ObjectPath]:
        """Return nothing: a writer that dies before its one request leaves nothing behind."""
        return []


def is_url(root: object) -> bool:
    """Return whether a root is the URL of a bucket, not a folder of this machine."""
    return isinstance(root, str) and "://" in root


@cache
def client(root: str) -> Any:
    """Return what talks to the server of a URL: an `obstore.store.ObjectStore`.

    Raises:
        StoreError: ``NEEDS_EXTRA``: the library is not installed; ``BAD_URL``.
    """
    try:
        from obstore.exceptions import BaseError
        from obstore.store import from_url
    except ImportError:
        raise StoreError(
            "NEEDS_EXTRA",
            f"{root}: got no library for buckets, expected obstore "
            "[pip install 'proving-ground[s3]']",
        ) from None
    try:
        return from_url(root)
    except (BaseError, ValueError) as cause:
        raise StoreError(
            "BAD_URL",
            f"{root}: {_first_line(cause)}, expected a URL such as s3://bucket/prefix",
        ) from cause


@contextmanager
def _answered(path: ObjectPath) -> Iterator[None]:
    """Say what a server refused in words of the store; what may go by is told from what will not.

    Raises:
        StoreError: ``OVERTAKEN``, ``REFUSED`` or ``UNREACHABLE``.
    """
    client(path.root)
    from obstore import exceptions

    try:
        yield
    except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
        raise StoreError(
            "OVERTAKEN",
            f"{path}: somebody else wrote it meanwhile, expected the version that was read "
            "[do it again]",
            is_passing=True,
        ) from None
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as cause:
        raise StoreError(
            "REFUSED",
            f"{path}: {_first_line(cause)}, expected leave to read and write "
            "[credentials are taken from AWS_ACCESS_KEY_ID and its like]",
        ) from cause
    except exceptions.BaseError as cause:
        raise StoreError(
            "UNREACHABLE",
            f"{path}: {_first_line(cause)}, expected an answer; nothing is known of what lies "
            "there, and nothing was changed [is the server up, and the URL right? then again]",
            is_passing=True,
        ) from cause


def _first_line(cause: Exception) -> str:
    return str(cause).splitlines()[0]
