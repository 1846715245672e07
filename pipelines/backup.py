"""A home as one file, and back: documents, lake, journal, and Dagster's history.

Nothing is paused for a backup: files of the lake are whole or absent at any moment, and databases
are copied by SQLite itself.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from pipelines import archive
from pipelines import home as homes
from simcore.documents import KINDS
from simcore.errors import SpecError, StoreError
from simcore.imports.intake import FOLDER as IMPORTS
from simcore.lake import put_views
from simcore.problems import Hint, Problem
from simcore.store import ELSEWHERE, Store

PARTS: Final = (*KINDS, IMPORTS, "lake", "retired", "journal", "reports", "dagster")
"""Folders of a home that are kept; and the file that says where the lake is."""

# Drafts and locks of the living, and runs that are made again from their signature.
_LEFT_OUT: Final = frozenset({"lake/.staging", "lake/.cache", "lake/.locks", "journal/runs"})
_SETTINGS: Final = "dagster/dagster.yaml"
_DATABASE: Final = b"SQLite format 3\0"
_BESIDE_DATABASE: Final = ("-wal", "-shm", "-journal")


@dataclass(frozen=True)
class Report:
    """What was written or put back.

    Args:
        place: The archive, or the home.
        files: How many files.
        bytes: Their length together.
        remarks: What is not in it, a sentence each.
        verb: What was done to them.
    """

    place: Path
    files: int
    bytes: int
    remarks: tuple[str, ...]
    verb: str

    @property
    def text(self) -> str:
        """The report for people."""
        head = f"{self.place}: {self.files:,} files, {self.bytes:,} bytes {self.verb}"
        return "\n".join([head, *self.remarks])

    @property
    def data(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "place": str(self.place),
            "files": self.files,
            "bytes": self.bytes,
            "remarks": list(self.remarks),
        }


def backup(home: Path, out: Path) -> Report:
    """Write all of a home that cannot be had elsewhere into one new file.

    Args:
        home: Absolute path of the home.
        out: The archive; compressed where its name ends in ``.zst``.

    Raises:
        SpecError: There is no home, or `out` is there already.
        StoreError: The disk refuses, or a database cannot be read; nothing is left behind.
    """
    if not any((home / part).exists() for part in PARTS):
        raise _refused(f"got {home}, where there is no home, expected one", "--home", "name it")
    if out.exists():
        raise _refused(f"got {out}, which is there, expected a new name", "OUT", "name another")
    remarks = _remarks(home)
    with archive.writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    with archive.writing(out), _staged(out) as draft:
        with archive.written(draft) as writer:
            for name, path in _files(home):
                if path.resolve() == draft.resolve():
                    continue
                with _opened(path) as handle:
                    if handle is not None:
                        writer.add(name, handle)
            writer.close({"remarks": list(remarks)})
        _put_new(draft, out)
    members = writer.members
    return Report(out, len(members), sum(each.bytes for each in members), remarks, "kept")


def restore(path: Path, home: Path) -> Report:
    """Make a home of a backup, all of it or nothing.

    Every hash is compared before anything is written, and again as it is written.

    Args:
        path: The archive.
        home: Absolute path; absent or an empty folder.

    Raises:
        SpecError: The home is not empty.
        StoreError: As `archive.checked`; or the disk refuses.
    """
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        message = f"got {home}, which is not empty, expected an empty folder or none"
        raise _refused(message, "--home", "name another one")
    place = home.resolve()
    if place.is_mount():
        message = f"got {home}, which is a mount point, expected what can be put there in one move"
        raise _refused(message, "--home", "name a folder in it")
    manifest, members = archive.checked(path)
    for each in members:
        top = each.name.split("/", 1)[0]
        if top not in PARTS and each.name != ELSEWHERE:
            message = f"{path}: member {each.name!r}: got no part of a home"
            raise StoreError("UNSAFE", f"{message} [`proving backup` did not write this]")
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{place.name}.", suffix=".draft", dir=place.parent))
    try:
        archive.unpacked(path, members, draft)
        draft.chmod(0o755)  # mkdtemp lets only the owner in.
        if place.exists():
            place.rmdir()
        draft.rename(place)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    homes.init(home)
    store = Store.of(home)
    if isinstance(store.root, Path):
        put_views(store, home)  # they name the place of the lake
    remarks = tuple(map(str, manifest.get("remarks", ())))
    return Report(home, len(members), sum(each.bytes for each in members), remarks, "restored")


def _files(home: Path) -> Iterator[tuple[str, Path]]:
    """Return the name and place of every file that is kept, in the order of the names."""
    found = {ELSEWHERE: home / ELSEWHERE}
    for part in PARTS:
        seen: set[Path] = set()
        for folder, folders, names in os.walk(home / part, followlinks=True):
            here = Path(folder)
            where = here.relative_to(home).as_posix()
            if where in _LEFT_OUT or here.resolve() in seen:
                folders.clear()
                continue
            seen.add(here.resolve())
            found.update({f"{where}/{name}": here / name for name in names})
    for name in sorted(found):
        path = found[name]
        is_beside = name.endswith(_BESIDE_DATABASE) and name.startswith("dagster/")
        is_draft = path.name.startswith(".") and path.suffix == ".draft"
        is_ours = name == _SETTINGS and path.is_file() and _is_made(home, path)
        if path.is_file() and not (is_beside or is_draft or is_ours):
            yield name, path


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a file as it is kept, a database by a copy of it; None where it went meanwhile."""
    try:
        handle = path.open("rb")
    except FileNotFoundError:
        yield None
        return
    with handle:
        is_database = handle.read(len(_DATABASE)) == _DATABASE
        handle.seek(0)
        if not is_database:
            yield handle
            return
    with tempfile.NamedTemporaryFile(prefix="proving-backup-", suffix=".db") as copy:
        try:
            with (
                closing(sqlite3.connect(path.absolute().as_uri() + "?mode=ro", uri=True)) as source,
                closing(sqlite3.connect(copy.name)) as target,
            ):
                source.backup(target)
        except sqlite3.Error as cause:
            raise StoreError(
                "HISTORY",
                f"{path}: got {cause}, expected to copy this database; no backup was written "
                "[is the disk there and readable? then again]",
                is_passing=True,
            ) from cause
        with Path(copy.name).open("rb") as whole:
            yield whole


def _is_made(home: Path, path: Path) -> bool:
    """Return whether Dagster's settings are those of a new home, which name its folders."""
    made = yaml.safe_dump(homes.dagster_config(home / "dagster"))
    return path.read_text(encoding="utf-8") == made


def _remarks(home: Path) -> tuple[str, ...]:
    """Return what a backup does not hold, or holds as it should not be used elsewhere."""
    found = []
    root = homes.lake(home)
    if isinstance(root, str):
        found.append(
            f"the lake at {root} is not in it: copy the bucket with the tools of its own "
            "(versions, replication), and this home will find it there"
        )
    settings = home / _SETTINGS
    if settings.is_file() and not _is_made(home, settings):
        found.append(
            f"{_SETTINGS} is not as `proving init` makes it: it is kept as it is, names folders of "
            f"{home}, and a history that it puts elsewhere (such as Postgres) is not in it"
        )
    return tuple(found)


@contextmanager
def _staged(out: Path) -> Iterator[Path]:
    """Give a new file beside `out`, which is removed whatever happens."""
    # The end of the name tells whether it is compressed.
    number, name = tempfile.mkstemp(prefix=f".{out.name}.", suffix=out.suffix, dir=out.parent)
    os.close(number)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _put_new(draft: Path, out: Path) -> None:
    """Give a whole file its name, unless somebody has taken it meanwhile."""
    try:
        os.link(draft, out)
    except FileExistsError:
        raise _refused(
            f"got {out}, which is there by now, expected a new name", "OUT", "name another"
        ) from None
    except OSError:  # Not every disk has links.
        draft.replace(out)
    out.chmod(0o644)
    number = os.open(out.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _refused(message: str, argument: str, remedy: str) -> SpecError:
    return SpecError(
        [Problem("ARGUMENT", "PLACE", message, source=argument, hints=(Hint(remedy),))]
    )
