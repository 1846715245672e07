"""Documents by dict, id, path or text: found by folder, read strictly, wrong ones refused whole.

What a document means is said by the models; this module never looks at a field other than `id`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from simcore import reading
from simcore.disk import odd
from simcore.errors import SpecError
from simcore.places import Places, place_at
from simcore.problems import Hint, Problem
from simcore.refusals import problems
from simcore.spelling import nearest, shown

__all__ = [
    "KINDS",
    "LIBRARY",
    "Loaded",
    "found",
    "nearest",
    "parse",
    "read",
    "reread",
    "taken",
    "unknown",
    "unlisted",
]

KINDS: Final = ("strategies", "scenarios", "suites", "tournaments", "campaigns", "evolutions")
LIBRARY: Final = Path(__file__).parent / "library"

_SINGULAR: Final = {
    "strategies": "strategy",
    "scenarios": "scenario",
    "suites": "suite",
    "tournaments": "tournament",
    "campaigns": "campaign",
    "evolutions": "evolution",
}
_SUFFIXES: Final = (".toml", ".json")
_NAME_MAX_BYTES: Final = 240
_SIZE_MAX_BYTES: Final = 1 << 20
# Of a strategy, which is short by nature; a scenario may hold a matrix of correlations.
_STRATEGY_MAX_BYTES: Final = 1 << 16
_STRATEGY_MAX_VALUES: Final = 2048
# Problems of a name rather than of what stands behind it.
_ABOUT_NAMES: Final = frozenset({"UNKNOWN_FIELD", "DUPLICATE_KEY", "UNUSED_PARAM"})

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Loaded:
    """A document as it was read, not yet understood.

    Args:
        document: JSON values only.
        source: What to call it in messages: a path, a library name, an id, or ``"text"``.
        path: The file it came from, or None.
        expected_id: The id that its file's name promises, where it lies in a folder of its kind.
        text: As it was written; None where it came as a mapping.
        suffix: Format of the text, ``.toml`` or ``.json``.
    """

    document: dict[str, Any]
    source: str
    path: Path | None = None
    expected_id: str | None = None
    text: str | None = None
    suffix: str = ".toml"

    def placed(self, told: Iterable[Problem]) -> list[Problem]:
        """Return problems with the line and column that each has in the text of this document.

        Those of other documents, and those that have a place already, stay as they are.
        """
        known = list(told)
        if self.text is None:
            return known
        text, places = self.text, None
        for index, each in enumerate(known):
            if each.source != self.source or each.place is not None:
                continue
            if not each.path:  # the document itself begins where its text does
                known[index] = replace(each, place=place_at(text, 0, 0))
                continue
            places = places or Places(text, self.suffix)
            is_key = each.reason in _ABOUT_NAMES or (
                each.reason == "BAD_ID" and each.path.startswith("/params/")
            )
            place = places.place(each.path, each.span, is_key=is_key)
            known[index] = replace(each, place=place)
        return known


def found(kind: str, home: str | Path | None = None) -> dict[str, Path]:
    """Return the file of every document of a kind, sorted by id.

    Args:
        kind: One of `KINDS`.
        home: Folder whose ``<kind>/`` joins the library's; None for the library only. A user's
            file with the id of another is not in the result; `taken` names it.
    """
    return {name: paths[0] for name, paths in _by_id(kind, home).items()}


def taken(kind: str, home: str | Path | None = None) -> list[Problem]:
    """Return a problem for each of the user's files whose id another file has.

    Args:
        kind: One of `KINDS`.
        home: Folder whose ``<kind>/`` joins the library's.
    """
    return [
        Problem(
            _code(kind),
            "ID_TAKEN",
            f'got the id "{name}" of {_source(paths[0], kind, home)}, expected one of its own',
            "/id",
            _source(path, kind, home),
            hints=(Hint("rename the file and its id"),),
        )
        for name, paths in _by_id(kind, home).items()
        for path in paths[1:]
    ]


def unlisted(kind: str, home: str | Path) -> list[Problem]:
    """Return a problem for each thing of a home that is called like a document and is no file.

    Args:
        kind: One of `KINDS`.
        home: Folder whose ``<kind>/`` is looked at.
    """
    wrong = []
    for path in sorted((Path(home) / kind).glob("*")):
        if path.suffix in _SUFFIXES and not path.is_file():
            try:
                what = odd(path) or "no file"
            except OSError:
                what = "a link to nothing"
            wrong.append(_no_file(what, _source(path, kind, home), kind))
    return wrong


def read(document: Any, kind: str, *, home: str | Path | None = None) -> Loaded:
    """Return a document, read strictly but not yet understood.

    Args:
        document: A mapping; a path; or a string: JSON if it starts with ``{``, else TOML if it
            has a newline, else a path if it ends in ``.toml`` or ``.json``, else an id. What
            was read before is returned as it is.
        kind: One of `KINDS`, for ids and for the code of the problems.
        home: Folder whose documents join the library's.

    Raises:
        SpecError: ``FILE_MISSING``, ``UNKNOWN_ID``, ``ID_TAKEN``; or the text is not TOML or
            JSON, has a key twice, or holds what JSON cannot (NaN, integers beyond 2**53).
    """
    if isinstance(document, Loaded):
        return document
    if isinstance(document, Path):
        return _from_path(document, kind, home)
    if isinstance(document, str):
        text = document.removeprefix("\ufeff")
        if text.lstrip().startswith("{"):
            return _from_text(text, ".json", kind, "text", None, None)
        if "\n" in text:
            return _from_text(text, ".toml", kind, "text", None, None)
        if document.endswith(_SUFFIXES):
            return _from_path(Path(document), kind, home)
        return _from_id(document, kind, home)
    if isinstance(document, Mapping):
        name = document.get("id")
        source = name if isinstance(name, str) else ""
        try:
            return Loaded(reading.plain(document, _n_values_max(kind)), source)
        except reading.UnreadableError as refusal:
            told = _refused(refusal, kind, source)
            raise SpecError([_printable(each) for each in told]) from None
    message = (
        f"got {type(document).__name__}, expected a table, an id, a path or a text "
        f"of a {_SINGULAR[kind]}"
    )
    raise SpecError([Problem(_code(kind), "WRONG_TYPE", message)])


def reread(loaded: Loaded, text: str, kind: str) -> Loaded:
    """Return the document with another text in its place.

    Raises:
        SpecError: As `read` does.
    """
    return _from_text(text, loaded.suffix, kind, loaded.source, loaded.path, loaded.expected_id)


def unknown(
    name: str, kind: str, known: Iterable[str], *, path: str = "", source: str = ""
) -> Problem:
    """Return the problem of an id that no document of its kind bears.

    Args:
        name: The id.
        kind: One of `KINDS`.
        known: The ids that there are.
        path: Where the id stands; empty if it stands in no document.
        source: The document it stands in.
    """
    ids = list(known)
    near = nearest(name, ids)
    listed = ", ".join(ids) or "nothing: there is none"
    return Problem(
        _code(kind),
        "UNKNOWN_ID",
        f"{_SINGULAR[kind]} {shown(name)} is not known, expected one of {listed}",
        path,
        source,
        hints=(Hint(f'did you mean "{near}"?'),) if near else (),
    )


def parse(model: type[Model], loaded: Loaded, code: str) -> Model:
    """Return the document as a model.

    Args:
        model: What it must be. Types are strict, but an integer passes for a number.
        loaded: What `read` returned.
        code: Code of the problems.

    Raises:
        SpecError: With all that is wrong, in the order of the document.
    """
    wrong: list[Problem] = []
    named = loaded.document.get("id")
    if loaded.expected_id is not None and isinstance(named, str) and named != loaded.expected_id:
        patch = ({"op": "replace", "path": "/id", "value": loaded.expected_id},)
        wrong.append(
            Problem(
                code,
                "BAD_ID",
                f"got {shown(named)}, expected {shown(loaded.expected_id)}, the file's name",
                "/id",
                loaded.source,
                hints=(Hint("rename the file or the id", patch),),
            )
        )
    try:
        # By way of JSON, where a strict model takes a list for a tuple and an integer for a number.
        parsed = model.model_validate_json(json.dumps(loaded.document), strict=True)
    except ValidationError as error:
        wrong += problems(model, loaded.document, error, code=code, source=loaded.source)
        stem = loaded.path.stem if loaded.path is not None else None
        wrong = [_named(problem, loaded.expected_id or stem) for problem in wrong]
    if wrong:
        raise SpecError(loaded.placed(wrong))
    return parsed


def _named(problem: Problem, expected_id: str | None) -> Problem:
    """Return the problem of an id that is missing with the id that the file's name promises."""
    if expected_id is None or (problem.reason, problem.path) != ("MISSING_FIELD", "/id"):
        return problem
    patch = ({"op": "add", "path": "/id", "value": expected_id},)
    return replace(problem, hints=(Hint(f'add id = "{expected_id}", the file\'s name', patch),))


def _code(kind: str) -> str:
    return "DSL_SCHEMA_INVALID" if kind == "strategies" else "DOC_INVALID"


def _no_file(what: str, source: str, kind: str) -> Problem:
    message = f"got {what}, expected a file"
    return Problem(_code(kind), "FILE_UNREADABLE", message, source=source)


def _by_id(kind: str, home: str | Path | None) -> dict[str, list[Path]]:
    """Return the files of each id, the library's first."""
    folders = [LIBRARY / kind] + ([Path(home) / kind] if home is not None else [])
    files: dict[str, list[Path]] = {}
    for folder in folders:
        for path in sorted(folder.glob("*")):
            if path.suffix in _SUFFIXES and path.is_file():
                files.setdefault(path.stem, []).append(path)
    return dict(sorted(files.items()))


def _files_of(name: str, kind: str, home: str | Path | None) -> list[Path]:
    """Return the files of one id, the library's first, without listing the folders."""
    # What no file is called is not asked for: the answer might be an error of the system's.
    if len(name.encode(errors="replace")) > _NAME_MAX_BYTES or any(
        each in name for each in "/\\\0"
    ):
        return []
    folders = [LIBRARY / kind] + ([Path(home) / kind] if home is not None else [])
    named = (folder / f"{name}{suffix}" for folder in folders for suffix in sorted(_SUFFIXES))
    return [path for path in named if path.is_file()]


def _source(path: Path, kind: str, home: str | Path | None) -> str:
    if path.parent == LIBRARY / kind:
        return f"library/{kind}/{path.name}"
    if home is not None and path.parent == Path(home) / kind:
        return f"{kind}/{path.name}"
    return str(path)


def _from_id(name: str, kind: str, home: str | Path | None) -> Loaded:
    files = _files_of(name, kind, home)
    if not files:
        with suppress(OSError, ValueError):  # It is the name of nothing.
            what = odd(Path(name)) if "/" in name else None
            if what is not None:
                raise SpecError([_no_file(what, name, kind)])
        raise SpecError([unknown(name, kind, _by_id(kind, home))])
    if len(files) > 1:
        clashes = [problem for problem in taken(kind, home) if Path(problem.source).stem == name]
        raise SpecError(clashes)
    return _from_path(files[0], kind, home)


def _from_path(path: Path, kind: str, home: str | Path | None) -> Loaded:
    source = _source(path, kind, home)
    if "\0" in source:
        message = f"got {source!r}, expected a name that a file can have"
        raise SpecError([Problem(_code(kind), "FILE_MISSING", message)])
    folders = [LIBRARY / kind] + ([Path(home) / kind] if home is not None else [])
    # Of links that lead in a circle `resolve` would make no path.
    parent = Path(os.path.realpath(path)).parent
    is_registered = parent in [folder.resolve() for folder in folders]
    if is_registered and source != f"library/{kind}/{path.name}":
        files = _files_of(path.stem, kind, home)
        clashes = taken(kind, home) if len(files) > 1 else []
        clashes = [each for each in clashes if Path(each.source).name == path.name]
        if clashes:
            raise SpecError(clashes)
    if path.suffix not in _SUFFIXES:
        message = f'got the suffix "{path.suffix}", expected .toml or .json'
        raise SpecError([Problem(_code(kind), "BAD_FORMAT", message, source=source)])
    try:
        what = odd(path)
        if what is not None:
            raise SpecError([_no_file(what, source, kind)])
        with path.open("rb") as file:
            content = file.read(_size_max(kind) + 1)
    except OSError as cause:
        reason = "FILE_MISSING" if isinstance(cause, FileNotFoundError) else "FILE_UNREADABLE"
        message = f"{cause.strerror or cause}, expected the file of a {_SINGULAR[kind]}"
        raise SpecError([Problem(_code(kind), reason, message, source=source)]) from None
    expected_id = path.stem if is_registered else None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        reason = "NOT_TOML" if path.suffix == ".toml" else "NOT_JSON"
        message = f"byte {cause.start}: got {content[cause.start]:#04x}, expected UTF-8"
        raise SpecError([Problem(_code(kind), reason, message, source=source)]) from None
    return _from_text(text, path.suffix, kind, source, path, expected_id)


def _from_text(
    text: str, suffix: str, kind: str, source: str, path: Path | None, expected_id: str | None
) -> Loaded:
    unread = Loaded({}, source, path, expected_id, text, suffix)
    n_max = _n_values_max(kind)
    try:
        if len(text) > _size_max(kind):
            message = f"got a longer text, expected at most {_size_max(kind)} bytes"
            raise reading.UnreadableError(reading.Fault("TOO_LARGE", message))
        document = reading.plain(reading.value(text, suffix, n_max), n_max)
    except reading.UnreadableError as refusal:
        told = unread.placed(_refused(refusal, kind, source))
        raise SpecError([_printable(each) for each in told]) from None
    return replace(unread, document=document)


def _refused(refusal: reading.UnreadableError, kind: str, source: str) -> list[Problem]:
    return [
        Problem(_code(kind), each.reason, each.message, each.path, source, place=each.place)
        for each in refusal.faults
    ]


def _printable(problem: Problem) -> Problem:
    """Return a problem without half a surrogate in its path, which no text could hold."""
    path, message = (
        text.encode("utf-8", "replace").decode() for text in (problem.path, problem.message)
    )
    return replace(problem, path=path, message=message)


def _n_values_max(kind: str) -> int:
    return _STRATEGY_MAX_VALUES if kind == "strategies" else sys.maxsize


def _size_max(kind: str) -> int:
    return _STRATEGY_MAX_BYTES if kind == "strategies" else _SIZE_MAX_BYTES
