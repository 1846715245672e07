"""The texts and lists that fields of a strategy hold, and what the published schema says of them.

Numbers have their ranges in `simcore.strategy.ranges`: those are another stage of the check.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from simcore.strategy.grammar import KEYWORDS, TEXT_MAX

RULES_MAX: Final = 64
PARAMS_MAX: Final = 64
CONSTRAINTS_MAX: Final = 64
TAGS_MAX: Final = 32
NOTES_MAX: Final = 4096
NAME_MAX: Final = 120

SERIES: Final = ("open", "high", "low", "close", "volume")
"""Names of the columns a rule may read."""

# Names that the language gives a meaning, now or as soon as the engine has it; a parameter of
# such a name would change what a document means.
RESERVED: Final = KEYWORDS.union(
    SERIES,
    ["hl2", "hlc3", "ohlc4", "hour", "weekday", "position", "bars_in_trade", "entry_price"],
)

_ID: Final = r"[a-z][a-z0-9_-]{0,63}"
_NO_ID: Final = ("true", "false", "inf", "nan", "null", "none")
_VERSION: Final = r"0\.1\.[0-9]+"
_COUNT: Final = r"(?:0|[1-9][0-9]*)"
# Semantic Versioning 2.0.0: before the release dotted words or numbers, behind a plus any words.
_PRE: Final = rf"(?:{_COUNT}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_REVISION: Final = (
    rf"{_COUNT}\.{_COUNT}\.{_COUNT}(?:-{_PRE}(?:\.{_PRE})*)?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_PARAM: Final = r"[a-z_][a-z0-9_]{0,31}"


def _id(text: str) -> str:
    if re.fullmatch(_ID, text) is None:
        raise PydanticCustomError(
            "BAD_ID",
            "got {got}, expected a lower-case letter, then at most 63 of a-z 0-9 _ -",
            {"got": repr(text[:80]), "instead": _slug(text)},
        )
    if text in _NO_ID:
        raise PydanticCustomError(
            "BAD_ID",
            "got {got}, expected a name that no reader takes for a value",
            {"got": text, "instead": f"{text}_1"},
        )
    return text


def _slug(text: str) -> str | None:
    """Return what an id would be of a text, None where nothing of it can stand in one."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9_-]+", "_", plain).strip("_-").lstrip("0123456789_-")[:64]
    return slug if slug and slug not in _NO_ID else None


def _version(text: str) -> str:
    if re.fullmatch(_VERSION, text) is None:
        # Another number before the last is another language, which no patch can translate.
        instead = "0.1.0" if re.fullmatch(r"v?0\.1(\..*)?", text) else None
        raise PydanticCustomError(
            "VERSION_UNSUPPORTED",
            "got {got}, expected 0.1.x",
            {"got": repr(text[:80]), "instead": instead},
        )
    return text


def _revision(text: str) -> str:
    if len(text) > NAME_MAX or re.fullmatch(_REVISION, text) is None:
        numbers = [str(int(part)) for part in re.findall(r"[0-9]{1,9}", text)[:3]]
        raise PydanticCustomError(
            "BAD_ID",
            "got {got}, expected a version such as 0.1.0",
            {"got": repr(text[:80]), "instead": ".".join([*numbers, "0", "0", "0"][:3])},
        )
    return text


def _name(text: str) -> str:
    if not 1 <= len(text) <= NAME_MAX:
        raise PydanticCustomError(
            "TOO_LARGE",
            "got {n} characters, expected 1 to {maximum}",
            {"n": len(text), "maximum": NAME_MAX, "instead": text[:NAME_MAX] or None},
        )
    composed = unicodedata.normalize("NFC", text)
    if composed != text:
        message = "got text in parts, expected Unicode form NFC"
        raise PydanticCustomError("WRONG_TYPE", message, {"instead": composed})
    return text


def _notes(text: str) -> str:
    if len(text) > NOTES_MAX:
        raise PydanticCustomError(
            "TOO_LARGE",
            "got {n} characters, expected at most {maximum}",
            {"n": len(text), "maximum": NOTES_MAX, "instead": text[:NOTES_MAX]},
        )
    return text


def _param_name(name: str) -> str:
    if re.fullmatch(_PARAM, name) is None or name in RESERVED:
        raise PydanticCustomError(
            "BAD_ID",
            "got {got}, expected at most 32 of a-z 0-9 _ and no word of the language",
            {"got": repr(name[:40]), "advice": _renaming(name)},
        )
    return name


def _renaming(name: str) -> str:
    """Return the advice to call a parameter otherwise; the texts that read it must follow."""
    plain = (_slug(name) or "").replace("-", "_")[:32]
    instead = plain if plain and plain not in RESERVED else f"my_{plain or 'number'}"[:32]
    return f"call it {instead}, here and in the texts that read it"


def few(maximum: int, what: str, *, has_some: bool = False) -> Any:
    """Return the limit of a list or table, which is looked at before anything in it is."""

    def check(values: Any) -> Any:
        n = len(values) if isinstance(values, list | tuple | dict) else 1
        if n > maximum:
            raise PydanticCustomError(
                "TOO_LARGE",
                "got {n} {what}, expected at most {maximum}",
                {"n": n, "what": what, "maximum": maximum},
            )
        if has_some and n == 0:
            message = "got no {what}, expected 1 to {maximum}"
            raise PydanticCustomError("EMPTY_RULES", message, {"what": "rule", "maximum": maximum})
        return values

    return BeforeValidator(check)


def _stated(**schema: Any) -> Any:
    """Return what the published schema says of a field beside its type."""
    return Field(json_schema_extra=schema)


Id = Annotated[
    str,
    AfterValidator(_id),
    _stated(**{"pattern": f"^{_ID}$", "not": {"enum": list(_NO_ID)}}),
]
Version = Annotated[str, AfterValidator(_version), _stated(pattern=f"^{_VERSION}$")]
Revision = Annotated[
    str, AfterValidator(_revision), _stated(pattern=f"^{_REVISION}$", maxLength=NAME_MAX)
]
Title = Annotated[str, AfterValidator(_name), _stated(minLength=1, maxLength=NAME_MAX)]
Notes = Annotated[str, AfterValidator(_notes), _stated(maxLength=NOTES_MAX)]
ParamName = Annotated[
    str,
    AfterValidator(_param_name),
    _stated(**{"pattern": f"^{_PARAM}$", "not": {"enum": sorted(RESERVED)}}),
]
RuleText = Annotated[str, _stated(minLength=1, maxLength=TEXT_MAX)]
