"""The scenario document: its model, its checks, and the effective form the engine takes.

Bounds of a family's parameters live in the engine and are asked for; what depends on more than one
document, such as the days of a campaign, is applied here and decided elsewhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from simcore import documents, engine
from simcore.documents import Loaded
from simcore.errors import EngineError, SpecError
from simcore.problems import Hint, Problem
from simcore.refusals import problems, shown
from simcore.scenario import parameters
from simcore.scenario.actions import with_instants
from simcore.scenario.calendar import Calendar, Timeframe, bars_per_day
from simcore.scenario.parameters import CODE
from simcore.scenario.source import Setting, Source, SourceDocument, read
from simcore.seeds import SEED_MAX

BARS_MIN: Final = 100
BARS_MAX: Final = 5_000_000

_RESERVED_IDS: Final = frozenset({"true", "false", "inf", "nan", "null", "none"})


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Innovations(_Model):
    """Law of the draws; `nu`, the degrees of freedom, belongs to Student's."""

    dist: Literal["normal", "student_t"] = "normal"
    nu: Annotated[int, Field(ge=3, le=30)] | None = None


class Guard(_Model):
    """What happens to an increment beyond `k` standard deviations: its own, or all returns'."""

    mode: Literal["error", "clip", "global"] = "error"
    k: Annotated[float, Field(gt=0.0, le=1000.0)] = 25.0


class VolumeParams(_Model):
    """Parameters of the volume; a model that does not need one ignores it."""

    v0: Annotated[float, Field(gt=0.0, le=1e15)] = 1000.0
    sigma: Annotated[float, Field(ge=0.0, le=5.0)] = 0.5
    phi: Annotated[float, Field(ge=0.0, le=0.999)] = 0.6
    b: Annotated[float, Field(ge=0.0, le=10.0)] = 0.5


class Metadata(_Model):
    """What a person wants to know; never part of a hash of results."""

    thesis: str = ""
    source: str = ""
    notes: str = ""
    tags: Annotated[tuple[str, ...], Field(max_length=32)] = ()


class ScenarioDocument(_Model):
    """One market to be generated.

    A scenario of a family that needs a source takes its volumes from it and may leave
    `volume_model` out; one that keeps the length of its source may leave `duration_bars` out.
    """

    version: Annotated[str, Field(pattern=r"^0\.1\.[0-9]+$")]
    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
    family: str
    timeframe: Timeframe
    duration_bars: Annotated[int, Field(ge=BARS_MIN, le=BARS_MAX)] | None = None
    seed: Annotated[int, Field(ge=0, le=SEED_MAX)]
    params: dict[str, Any]
    volume_model: Literal["const", "lognormal", "coupled"] | None = None
    volume_params: VolumeParams = VolumeParams()
    calendar: Calendar = "24x7"
    p0: Annotated[float, Field(gt=0.0, le=1e9)] = 100.0
    n_sub: Annotated[int, Field(ge=1, le=64)] = 4
    paths: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    innovations: Innovations = Innovations()
    tick_size: Annotated[float, Field(gt=0.0, le=1e9)] | None = None
    overlays: Annotated[tuple[dict[str, Any], ...], Field(max_length=32)] = ()
    assets: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=64)], ...],
        Field(min_length=1, max_length=256),
    ] = ("A",)
    guard: Guard = Guard()
    start: str = "2000-01-03T00:00:00Z"
    overnight_var_share: Annotated[float, Field(ge=0.0, le=0.95)] | None = None
    metadata: Metadata = Metadata()

    @field_validator("id")
    @classmethod
    def _not_reserved(cls, value: str) -> str:
        if value in _RESERVED_IDS:
            raise PydanticCustomError("BAD_ID", f"got {shown(value)}, expected no reserved word")
        return value

    @field_validator("start")
    @classmethod
    def _is_utc(cls, value: str) -> str:
        try:
            at = datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ")
            is_spelled = at.strftime("%Y-%m-%dT%H:%M:%SZ") == value
        except ValueError:
            is_spelled = False
        if not is_spelled:
            raise PydanticCustomError(
                "BAD_FORMAT", f"got {shown(value)}, expected UTC as 2000-01-03T00:00:00Z"
            )
        return value


@dataclass(frozen=True, eq=False)
class Scenario:
    """A scenario that has been checked whole and can be generated.

    Args:
        document: What its author wrote, defaults filled in.
        origin: File or id it came from.
        params: Parameters of the family, defaults filled in, without the source.
        source: Bars of a family that needs them, else None.
    """

    document: ScenarioDocument
    origin: str
    params: dict[str, Any]
    source: Source | None = None

    @property
    def id(self) -> str:
        """Id of the document."""
        return self.document.id


def load(document: Any, *, home: str | Path | None = None) -> Scenario:
    """Return a scenario, checked whole: the document, its parameters, its source file.

    Args:
        document: What `documents.read` takes; or a `Scenario`, which is returned.
        home: Folder whose documents join the library's.

    Raises:
        SpecError: With everything that is wrong with the document; with its file, if the
            document is right.
    """
    if isinstance(document, Scenario):
        return document
    loaded = documents.read(document, "scenarios", home=home)
    wrong: list[Problem] = []
    parsed: ScenarioDocument | None = None
    try:
        parsed = documents.parse(ScenarioDocument, loaded, CODE)
    except SpecError as error:
        wrong += error.problems
    family = _family(loaded)
    params: dict[str, Any] = {}
    spec: SourceDocument | None = None
    if family is None:
        wrong += _unknown_family(loaded)
    else:
        wrong += _missing_fields(loaded, family)
        faults, params, spec = _params(loaded, family)
        wrong += faults + parameters.of_overlays(loaded)
    if wrong or parsed is None or family is None:
        raise SpecError(wrong)
    scenario = Scenario(parsed, loaded.source, params)
    if spec is not None:
        folder = loaded.path.parent if loaded.path is not None else Path()
        scenario = _with_source(scenario, spec, folder)
    _try_out(scenario)
    return scenario


def _with_source(scenario: Scenario, spec: SourceDocument, folder: Path) -> Scenario:
    """Return the scenario with its file read, and what its exchange and its clock decide."""
    document, params = scenario.document, dict(scenario.params)
    if spec.exchange is not None and keeps_length(scenario) and document.calendar != "24x7":
        message = f"got {document.calendar} beside the exchange {spec.exchange}, expected one"
        hints = (Hint("leave calendar out", ({"op": "remove", "path": "/calendar"},)),)
        problem = Problem(CODE, "CONFLICT", message, "/calendar", scenario.origin, hints=hints)
        raise SpecError([problem])
    setting = Setting(document.timeframe, document.calendar, document.assets)
    source = read(spec, folder, setting, code=CODE, origin=scenario.origin)
    if "actions" in params:
        params["actions"] = with_instants(params["actions"], spec.timezone)
    if source.bars_per_year is not None and params.get("bars_per_year") == 0:
        params["bars_per_year"] = source.bars_per_year
    return dataclasses.replace(scenario, params=params, source=source)


def keeps_length(scenario: Scenario) -> bool:
    """Return whether the scenario is as long as its source, whatever is asked of it."""
    families = engine.catalogue()["families"]
    return any(
        family["keeps_length"] for family in families if family["name"] == scenario.document.family
    )


def for_campaign(scenario: Scenario, days: int, source: str = "") -> Scenario:
    """Return the scenario with the length that a campaign of so many days gives it.

    A replay keeps its own length; what is drawn from a source does not.

    Args:
        scenario: The scenario.
        days: Days of the campaign.
        source: The campaign's document, for the message.

    Raises:
        SpecError: The days make fewer than 100 or more than 5,000,000 bars.
    """
    if keeps_length(scenario):
        return scenario
    document = scenario.document
    n_bars_a_day = bars_per_day(document.timeframe, document.calendar)
    n_bars = days * n_bars_a_day
    if not BARS_MIN <= n_bars <= BARS_MAX:
        is_short = n_bars < BARS_MIN
        bound = -(-BARS_MIN // n_bars_a_day) if is_short else BARS_MAX // n_bars_a_day
        message = (
            f"got {days} days, which make {n_bars} bars of {document.timeframe} for the scenario "
            f'"{scenario.id}", expected {BARS_MIN} to {BARS_MAX} bars'
        )
        hints = (Hint(f"set days to {bound} or {'more' if is_short else 'fewer'}"),)
        raise SpecError([Problem(CODE, "OUT_OF_RANGE", message, "/days", source, hints=hints)])
    longer = document.model_copy(update={"duration_bars": n_bars})
    return dataclasses.replace(scenario, document=longer)


def effective(scenario: Scenario) -> dict[str, Any]:
    """Return the document as the engine takes it: every default filled in, nothing for people.

    Two documents that mean the same market have the same effective form; its canonical JSON is
    what the scenario's partitions are made from.
    """
    document = scenario.document.model_dump(mode="json")
    for name in ("version", "id", "metadata"):
        del document[name]
    document["params"] = scenario.params
    if document["innovations"]["nu"] is None:
        del document["innovations"]["nu"]
    if document["overnight_var_share"] is None:
        del document["overnight_var_share"]
    document["volume_model"] = scenario.document.volume_model or "const"
    if scenario.source is not None:
        if keeps_length(scenario):
            document["duration_bars"] = int(scenario.source.columns["ts"].size)
        document["source_hash"] = scenario.source.sha256
    return document


def _family(loaded: Loaded) -> dict[str, Any] | None:
    name = loaded.document.get("family")
    for family in engine.catalogue()["families"]:
        if family["name"] == name:
            return dict(family)
    return None


def _unknown_family(loaded: Loaded) -> list[Problem]:
    """Return the problem of a family that is not in the table; the model finds a missing one."""
    name = loaded.document.get("family")
    if not isinstance(name, str):
        return []
    known = [family["name"] for family in engine.catalogue()["families"]]
    return [parameters.bad_choice(loaded, "/family", name, known)]


def _missing_fields(loaded: Loaded, family: Mapping[str, Any]) -> list[Problem]:
    """Return the fields that a family needs, if its source does not say them."""
    needed = [] if family["keeps_length"] else ["duration_bars"]
    needed += [] if family["needs_source"] else ["volume_model"]
    return [
        Problem(
            CODE, "MISSING_FIELD", f'field "{name}": got nothing, expected a value', f"/{name}",
            loaded.source,
        )
        for name in needed
        if loaded.document.get(name) is None
    ]  # fmt: skip


def _params(
    loaded: Loaded, family: Mapping[str, Any]
) -> tuple[list[Problem], dict[str, Any], SourceDocument | None]:
    """Return what is wrong with the parameters, the parameters filled in, and the source."""
    given = loaded.document.get("params")
    if not family["needs_source"] or not isinstance(given, dict):
        return *parameters.of_family(loaded, family), None
    wrong, params = parameters.of_family(loaded, family, ("source",))
    faults, spec = _source(loaded, given)
    return wrong + faults, params, spec


def _source(
    loaded: Loaded, given: Mapping[str, Any]
) -> tuple[list[Problem], SourceDocument | None]:
    """Return what is wrong with `params.source`, and the source if nothing is."""
    if "source" not in given:
        message = 'field "source": got nothing, expected a table with path, timezone, columns'
        return [Problem(CODE, "MISSING_FIELD", message, "/params/source", loaded.source)], None
    held = {"params": {"source": given["source"]}}
    try:
        return [], _SourceHolder.model_validate(held).params.source
    except ValidationError as error:
        return problems(_SourceHolder, held, error, code=CODE, source=loaded.source), None


class _SourceParams(_Model):
    source: SourceDocument


class _SourceHolder(_Model):
    """A document with nothing but its source, so that problems bear the whole path."""

    params: _SourceParams


def warnings(scenario: Scenario) -> list[Problem]:
    """Return what the author of a scenario that can be made may not have meant."""
    told = []
    for text in _try_out(scenario)["warnings"]:
        path, _, message = text.partition(": ")  # what the engine says begins with its place
        told.append(
            Problem(
                "DOC_WARNING", "ODD_PARAMETERS", message, path, scenario.origin, severity="warning"
            )
        )
    return told


def _try_out(scenario: Scenario) -> dict[str, Any]:
    """Let the engine read the document on the shortest market there is; return its facts.

    The engine knows what no range of one parameter can say: that a variance is finite, that the
    rows of a source fit its timeframe.
    """
    whole = effective(scenario)
    probe = whole if keeps_length(scenario) else {**whole, "duration_bars": BARS_MIN, "paths": 1}
    source = scenario.source.columns if scenario.source else None
    try:
        # Whether so many bars and paths can be had at all is asked without making them.
        engine.scenario_laws(whole, source)
        return engine.generate(probe, source).facts
    except EngineError as error:
        message = error.message.removeprefix(f"{error.path}: ")
        problem = Problem(CODE, error.code, message, error.path, scenario.origin)
        raise SpecError([problem]) from None
