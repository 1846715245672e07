"""Documents of imported runs in a home: read, and kept as they came once all of them are right."""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from simcore.errors import SpecError
from simcore.imports.document import CODE, Source, check_length, read_source
from simcore.imports.rows import collected
from simcore.lake import put
from simcore.problems import Hint, Problem

FOLDER: Final = "imports"
"""Folder of a home whose folders are the collections."""


def collections(home: Path) -> list[str]:
    """Return the ids of the collections that have a document, sorted."""
    return sorted({path.parent.name for path in (home / FOLDER).glob("*/*.json")})


def sources(home: Path, collection: str) -> list[Source]:
    """Return every document of a collection, sorted by name.

    Raises:
        SpecError: There is none, or one of them is wrong; all problems of all of them.
    """
    paths = _kept(home, collection)
    if not paths:
        message = f"got no document in {home / FOLDER / collection}, expected one or more"
        raise SpecError([Problem(CODE, "FILE_MISSING", message, source=collection)])
    return _read(paths)


def take_in(home: Path, wanted: Mapping[str, Sequence[Path]]) -> None:
    """Keep files in the collections that they join; those that are there already stay.

    Nothing is kept unless all is right: every file, and every collection as it will be.

    Args:
        home: Where to.
        wanted: Files, by the id of their collection.

    Raises:
        SpecError: A file is missing or wrong, has the name of another one, or brings a run with
            the id of another one.
    """
    wrong: list[Problem] = []
    for collection, paths in wanted.items():
        try:
            collected(_read(_joined(home, collection, paths)))
        except SpecError as error:
            wrong += error.problems
    if wrong:
        raise SpecError(wrong)
    for collection, paths in wanted.items():
        folder = home / FOLDER / collection
        for path in paths:
            if not (folder / path.name).exists():
                put(folder / path.name, path.read_bytes())


def _kept(home: Path, collection: str) -> dict[str, Path]:
    return {path.name: path for path in sorted((home / FOLDER / collection).glob("*.json"))}


def _joined(home: Path, collection: str, paths: Sequence[Path]) -> dict[str, Path]:
    """Return the files that a collection will have, by name."""
    joined = _kept(home, collection)
    wrong = []
    for path in paths:
        if path.suffix != ".json":
            message = f'got the suffix "{path.suffix}", expected .json'
            wrong.append(Problem(CODE, "BAD_FORMAT", message, source=str(path)))
            continue
        if not _is_text(path.name):
            hint = Hint("rename it")
            message = "got a name of other bytes, expected a name in UTF-8"
            source = ascii(str(path))
            wrong.append(Problem(CODE, "BAD_ID", message, source=source, hints=(hint,)))
            continue
        other = joined.setdefault(path.name, path)
        if other is not path and _content(other) != _content(path):
            message = f"got other bytes than {other}, which has the same name"
            hint = Hint("rename it, or name another collection with --as")
            wrong.append(Problem(CODE, "ID_TAKEN", message, source=str(path), hints=(hint,)))
    if wrong:
        raise SpecError(wrong)
    return dict(sorted(joined.items()))


def _read(paths: Mapping[str, Path]) -> list[Source]:
    found: list[Source] = []
    wrong: list[Problem] = []
    for name, path in paths.items():
        try:
            found.append(read_source(name, _content(path)))
        except SpecError as error:
            wrong += error.problems
    if wrong:
        raise SpecError(wrong)
    return found


def _is_text(name: str) -> bool:
    """Return whether a file's name can stand in a row: a system may hold any bytes for one."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _content(path: Path) -> bytes:
    """Return the bytes of a file; a pipe has no end, and a file may be larger than the memory."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            message = "got a folder, a pipe or a device, expected a document of runs"
            raise SpecError([Problem(CODE, "FILE_UNREADABLE", message, source=str(path))])
        check_length(str(path), status.st_size)
        return path.read_bytes()
    except OSError as cause:
        reason = "FILE_MISSING" if isinstance(cause, FileNotFoundError) else "FILE_UNREADABLE"
        message = f"{cause.strerror or cause}, expected a document of runs"
        raise SpecError([Problem(CODE, reason, message, source=str(path))]) from None
