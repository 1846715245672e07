"""A document of runs that another tool made: its fields, and what must hold of them.

What we make of the runs stands in `rows`; nothing here computes a metric.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from simcore import reading
from simcore.backtests.request import BARS_PER_YEAR_MAX
from simcore.errors import SpecError
from simcore.places import place_at
from simcore.problems import Problem
from simcore.refusals import problems

CODE: Final = "IMPORT_INVALID"
BYTES_MAX: Final = 1 << 28
VALUES_MAX: Final = 20_000_000
RUNS_MAX: Final = 10_000

_STRICT: Final = ConfigDict(extra="forbid", frozen=True, strict=True)
_Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Stamp = int | Annotated[str, Field(max_length=64)]


class Curve(BaseModel):
    """The course of a run: times, and equity or returns at them."""

    model_config = _STRICT

    ts: list[_Stamp] = Field(min_length=1)
    ts_unit: Literal["s", "ms", "us"] | None = None
    equity: list[_Finite] | None = None
    returns: list[Annotated[float, Field(ge=-1, allow_inf_nan=False)]] | None = None


class Trade(BaseModel):
    """A trade as the tool tells it."""

    model_config = _STRICT

    entry_ts: _Stamp
    exit_ts: _Stamp
    side: Literal["long", "short"]
    qty: _Positive
    entry_px: _Finite
    exit_px: _Finite
    fees: _Finite | None = None
    net_pnl: _Finite | None = None


class Run(BaseModel):
    """One run of one strategy on one instrument."""

    model_config = _STRICT

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")] | None = None
    strategy: _Text
    instrument: _Text
    timeframe: _Text
    curve: Curve
    initial_cash: _Positive | None = None
    bars_per_year: Annotated[float, Field(gt=0, le=BARS_PER_YEAR_MAX)] | None = None
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    claimed: dict[str, _Finite | None] = Field(default_factory=dict)
    trades: list[Trade] | None = None


class Document(BaseModel):
    """What one file holds: the runs of one tool."""

    model_config = _STRICT

    version: Annotated[str, Field(pattern=r"^0\.1\.[0-9]{1,9}$")]
    made_by: _Text
    runs: list[Run] = Field(min_length=1, max_length=RUNS_MAX)


@dataclass(frozen=True)
class Source:
    """A file of imported runs, read and found to be of the right shape.

    Args:
        name: Of the file, such as ``export.json``.
        sha256: Of its bytes, 64 hexadecimal digits.
        document: What it says.
    """

    name: str
    sha256: str
    document: Document

    def run_ids(self) -> list[str]:
        """Return the id of each run: its own, else the file's name, with a number if of several."""
        stem = self.name.removesuffix(".json")
        runs = self.document.runs
        numbered = [stem] if len(runs) == 1 else [f"{stem}-{n:04d}" for n in range(len(runs))]
        return [run.id or name for run, name in zip(runs, numbered, strict=True)]


def read_source(name: str, content: bytes) -> Source:
    """Return what a file holds.

    Args:
        name: Of the file, for messages and rows.
        content: Its bytes.

    Raises:
        SpecError: It is no JSON, too large, or not of the shape that is documented; all problems
            at once, each with its place.
    """
    given = _plain(name, content)
    try:
        # By way of JSON, where a strict model takes an integer for a number.
        document = Document.model_validate_json(json.dumps(given), strict=True)
    except ValidationError as error:
        raise SpecError(problems(Document, given, error, code=CODE, source=name)) from None
    return Source(name, hashlib.sha256(content).hexdigest(), document)


def check_length(name: str, n_bytes: int) -> None:
    """Refuse a file that is too large to be read.

    Raises:
        SpecError: ``TOO_LARGE``.
    """
    if n_bytes > BYTES_MAX:
        message = f"got {n_bytes:,} bytes, expected at most {BYTES_MAX:,}"
        raise SpecError([Problem(CODE, "TOO_LARGE", message, source=name)])


def _plain(name: str, content: bytes) -> Mapping[str, Any]:
    """Return the JSON values of a file, each key of an object once, each number finite."""
    check_length(name, len(content))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        message = f"byte {cause.start}: got {content[cause.start]:#04x}, expected UTF-8"
        raise SpecError([Problem(CODE, "NOT_JSON", message, source=name)]) from None
    try:
        return reading.plain(reading.value(text, ".json", VALUES_MAX), VALUES_MAX)
    except reading.UnreadableError as refusal:
        raise SpecError(list(_faults(name, text, refusal))) from None


def _faults(name: str, text: str, refusal: reading.UnreadableError) -> Iterator[Problem]:
    for fault in refusal.faults:
        # Half a surrogate, which no text could hold, may stand in a key and so in a path.
        path, message = (
            each.encode("utf-8", "replace").decode() for each in (fault.path, fault.message)
        )
        place = fault.place or (None if path else place_at(text, 0, 0))
        yield Problem(CODE, fault.reason, message, path, name, place=place)
