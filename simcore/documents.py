"""Documents by dict, id, path or text: found by folder, read strictly, wrong ones refused whole.

What a document means is said by the models; this module never looks at a field other than `id`.
"""

from __future__ import annotations

import datetime
import json
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from simcore.errors import SpecError
from simcore.problems import Hint, Problem
from simcore.refusals import nearest, pointer, problems, shown

__all__ = ["KINDS", "LIBRARY", "Loaded", "found", "nearest", "parse", "read", "taken", "unknown"]

KINDS: Final = ("strategies", "scenarios", "suites", "tournaments", "campaigns")
LIBRARY: Final = Path(__file__).parent / "library"

_SINGULAR: Final = {
    "strategies": "strategy",
    "scenarios": "scenario",
    "suites": "suite",
    "tournaments": "tournament",
    "campaigns": "campaign",
}
_SUFFIXES: Final = (".toml", ".json")
_SIZE_MAX_BYTES: Final = 1 << 20
_INTEGER_MAX: Final = 2**53 - 1  # what canonical JSON can spell

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Loaded:
    """A document as it was read, not yet understood.

    Args:
        document: JSON values only.
        source: What to call it in messages: a path, a library name, an id, or ``"text"``.
        path: The file it came from, or None.
        expected_id: The id that its file's name promises, where it lies in a folder of its kind.
    """

    document: dict[str, Any]
    source: str
    path: Path | None = None
    expected_id: str | None = None


class _Object(list[tuple[str, Any]]):
    """A JSON object as its pairs, so that a key that stands twice is still seen."""


class _DocumentSyntaxError(Exception):
    """A text is not a document.

    Args:
        reason: Reason of the problem.
        message: What was found and what was expected.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


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


def read(document: Any, kind: str, *, home: str | Path | None = None) -> Loaded:
    """Return a document, read strictly but not yet understood.

    Args:
        document: A mapping; a path; or a string: JSON if it starts with ``{``, else TOML if it
            has a newline, else a path if it ends in ``.toml`` or ``.json``, else an id.
        kind: One of `KINDS`, for ids and for the code of the problems.
        home: Folder whose documents join the library's.

    Raises:
        SpecError: ``FILE_MISSING``, ``UNKNOWN_ID``, ``ID_TAKEN``; or the text is not TOML or
            JSON, has a key twice, or holds what JSON cannot (NaN, integers beyond 2**53).
    """
    if isinstance(document, Path):
        return _from_path(document, kind, home)
    if isinstance(document, str):
        text = document.lstrip("\ufeff \t\r\n")
        if text.startswith("{"):
            return _from_text(text, ".json", kind, "text", None, None)
        if "\n" in document:
            return _from_text(document, ".toml", kind, "text", None, None)
        if document.endswith(_SUFFIXES):
            return _from_path(Path(document), kind, home)
        return _from_id(document, kind, home)
    if isinstance(document, Mapping):
        name = document.get("id")
        return _plain(document, kind, name if isinstance(name, str) else "", None, None)
    message = (
        f"got {type(document).__name__}, expected a table, an id, a path or a text "
        f"of a {_SINGULAR[kind]}"
    )
    raise SpecError([Problem(_code(kind), "WRONG_TYPE", message)])


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
    if wrong:
        raise SpecError(wrong)
    return parsed


def _code(kind: str) -> str:
    return "DSL_SCHEMA_INVALID" if kind == "strategies" else "DOC_INVALID"


def _by_id(kind: str, home: str | Path | None) -> dict[str, list[Path]]:
    """Return the files of each id, the library's first."""
    folders = [LIBRARY / kind] + ([Path(home) / kind] if home is not None else [])
    files: dict[str, list[Path]] = {}
    for folder in folders:
        for path in sorted(folder.glob("*")):
            if path.suffix in _SUFFIXES and path.is_file():
                files.setdefault(path.stem, []).append(path)
    return dict(sorted(files.items()))


def _source(path: Path, kind: str, home: str | Path | None) -> str:
    if path.parent == LIBRARY / kind:
        return f"library/{kind}/{path.name}"
    if home is not None and path.parent == Path(home) / kind:
        return f"{kind}/{path.name}"
    return str(path)


def _from_id(name: str, kind: str, home: str | Path | None) -> Loaded:
    files = _by_id(kind, home)
    if name not in files:
        raise SpecError([unknown(name, kind, files)])
    clashes = [problem for problem in taken(kind, home) if Path(problem.source).stem == name]
    if clashes:
        raise SpecError(clashes)
    return _from_path(files[name][0], kind, home)


def _from_path(path: Path, kind: str, home: str | Path | None) -> Loaded:
    source = _source(path, kind, home)
    if "\0" in source:
        message = f"got {source!r}, expected a name that a file can have"
        raise SpecError([Problem(_code(kind), "FILE_MISSING", message)])
    folders = [LIBRARY / kind] + ([Path(home) / kind] if home is not None else [])
    is_registered = path.resolve().parent in [folder.resolve() for folder in folders]
    if is_registered and source != f"library/{kind}/{path.name}":
        clashes = [each for each in taken(kind, home) if Path(each.source).name == path.name]
        if clashes:
            raise SpecError(clashes)
    if path.suffix not in _SUFFIXES:
        message = f'got the suffix "{path.suffix}", expected .toml or .json'
        raise SpecError([Problem(_code(kind), "BAD_FORMAT", message, source=source)])
    try:
        with path.open("rb") as file:
            content = file.read(_SIZE_MAX_BYTES + 1)
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
    try:
        if len(text) > _SIZE_MAX_BYTES:
            raise _DocumentSyntaxError(
                "TOO_LARGE", f"got a longer text, expected at most {_SIZE_MAX_BYTES} bytes"
            )
        document = _json_value(text) if suffix == ".json" else _toml_value(text)
    except _DocumentSyntaxError as cause:
        problem = Problem(_code(kind), cause.reason, cause.message, source=source)
        raise SpecError([problem]) from None
    return _plain(document, kind, source, path, expected_id)


def _toml_value(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as cause:
        what, _, place = str(cause).rstrip(")").rpartition(" (at ")
        is_double = what.startswith("Cannot ")  # Overwrite, declare twice, mutate.
        raise _DocumentSyntaxError(
            "DUPLICATE_KEY" if is_double else "NOT_TOML",
            f"{place.replace(', column', ' column')}: {what}, expected valid TOML",
        ) from None
    except RecursionError:
        raise _DocumentSyntaxError(
            "TOO_LARGE", "got values nested too deeply, expected fewer"
        ) from None


def _json_value(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_Object)
    except json.JSONDecodeError as cause:
        raise _DocumentSyntaxError(
            "NOT_JSON",
            f"line {cause.lineno} column {cause.colno}: {cause.msg}, expected valid JSON",
        ) from None
    except (RecursionError, ValueError):  # Nested too deeply, or an integer of too many digits.
        raise _DocumentSyntaxError(
            "TOO_LARGE", "got values nested too deeply or too long, expected less"
        ) from None


def _plain(
    document: Any, kind: str, source: str, path: Path | None, expected_id: str | None
) -> Loaded:
    """Return the document with JSON values only, or refuse it with all that is not one."""
    wrong: list[Problem] = []

    def note(reason: str, message: str, tokens: tuple[str | int, ...]) -> None:
        wrong.append(Problem(_code(kind), reason, message, pointer(tokens), source))

    def plain(value: Any, tokens: tuple[str | int, ...]) -> Any:
        if isinstance(value, _Object | Mapping):
            pairs = value if isinstance(value, _Object) else list(value.items())
            for name in _doubles(name for name, _ in pairs):
                note("DUPLICATE_KEY", f'got "{name}" twice, expected it once', (*tokens, name))
            for name, _ in pairs:
                if not isinstance(name, str):
                    note("WRONG_TYPE", f"got the name {name!r}, expected a string", tokens)
            return {str(name): plain(each, (*tokens, str(name))) for name, each in pairs}
        if isinstance(value, list | tuple):
            return [plain(each, (*tokens, index)) for index, each in enumerate(value)]
        return _scalar(value, tokens, note)

    try:
        result = plain(document, ())
    except RecursionError:
        result = {}
        note("TOO_LARGE", "got values nested too deeply, expected fewer", ())
    if not isinstance(result, dict):
        note("WRONG_TYPE", f"got {shown(result)}, expected a table", ())
    if wrong:
        raise SpecError(wrong)
    return Loaded(result, source, path, expected_id)


def _scalar(value: Any, tokens: tuple[str | int, ...], note: Any) -> Any:
    """Return one value as JSON would hold it, and note what it cannot hold."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if re.search("[\ud800-\udfff]", value):
            note("NOT_JSON", "got half of a surrogate pair, expected Unicode text", tokens)
        return value
    if isinstance(value, int):
        if abs(value) > _INTEGER_MAX:
            note("TOO_LARGE", f"got {value}, expected an integer between ±(2**53 - 1)", tokens)
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            note("NOT_JSON", f"got {value}, expected a finite number", tokens)
        return value
    if isinstance(value, datetime.datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    note("WRONG_TYPE", f"got {type(value).__name__}, expected a JSON value", tokens)
    return None


def _doubles(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    doubles: dict[str, None] = {}
    for name in names:
        if name in seen:
            doubles[name] = None
        seen.add(name)
    return list(doubles)
