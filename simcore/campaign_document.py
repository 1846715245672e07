"""The campaign document: its model, and which of its names nothing bears.

It lies below chaos and tournaments, because a storm is run from the same document. What the named
documents hold is found and checked in `simcore.campaign`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from simcore.documents import Loaded, found, parse, read, unknown
from simcore.errors import SpecError
from simcore.problems import Hint, Problem
from simcore.scenario.suite import read_suite
from simcore.seeds import SEED_MAX

CODE: Final = "DOC_INVALID"
DAYS_MAX: Final = 36_525
NAMED_MAX: Final = 1_000
NO_CHAOS: Final = "none"
ALL: Final = "all"

Document = str | Path | Mapping[str, Any] | Loaded


def _version(text: str) -> str:
    if re.fullmatch(r"0\.1\.[0-9]{1,9}", text) is None:
        raise PydanticCustomError(
            "VERSION_UNSUPPORTED", "got {got}, expected 0.1.x", {"got": repr(text)}
        )
    return text


def _id(text: str) -> str:
    if re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", text) is None:
        expected = "a lower-case letter, then at most 63 of a-z 0-9 _ -"
        raise PydanticCustomError(
            "BAD_ID", "got {got}, expected {expected}", {"got": repr(text), "expected": expected}
        )
    if text in ("true", "false", "inf", "nan", "null", "none"):
        raise PydanticCustomError(
            "BAD_ID", "got {got}, expected a name that no reader takes for a value", {"got": text}
        )
    return text


def _each_once(names: list[str]) -> list[str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise PydanticCustomError(
            "DUPLICATE", "got {twice} twice, expected each id once", {"twice": ", ".join(twice)}
        )
    return names


Ids = Annotated[
    list[Annotated[str, AfterValidator(_id)]],
    AfterValidator(_each_once),
    Field(max_length=NAMED_MAX),
]


class CampaignDocument(BaseModel):
    """A campaign, version 0.1.

    Args:
        days: Length of each synthetic scenario, in days of its calendar.
        scenarios: Ids of scenarios; in a document also the id of a suite, which stands for its
            list.
        strategies: Ids of strategies, or all that there are.
        tournaments: Ids of tournaments, played over the campaign's runs.
        chaos: Level of the storm, or ``none``.
        execution: Profile of every run.
        initial_cash: Quote currency.
        equity_every_bars: The table `equity` keeps every so many closes of a run, counted back from
            the last; 1 keeps all. Metrics and resampling always see all of them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    version: Annotated[str, AfterValidator(_version)]
    id: Annotated[str, AfterValidator(_id)]
    name: Annotated[str, Field(min_length=1, max_length=120)]
    seed: Annotated[int, Field(ge=0, le=SEED_MAX)]
    days: Annotated[int, Field(ge=1, le=DAYS_MAX)]
    scenarios: Annotated[Ids, Field(min_length=1)]
    strategies: Literal["all"] | Ids = ALL
    tournaments: Ids = Field(default_factory=list)
    chaos: str = NO_CHAOS
    execution: str | dict[str, Any] = "honest_v1"
    initial_cash: Annotated[float, Field(gt=0.0, le=1e15)] = 10_000.0
    equity_every_bars: Annotated[int, Field(ge=1, le=100_000)] = 1


@dataclass(frozen=True)
class Readable:
    """What can be read of a campaign's document, be the rest of it right or wrong.

    Args:
        names: By kind, the ids that a list of the document names, by their place in it.
        days: Its days, None unless they are a number that a campaign may have.
        chaos: Its level, None unless it is a text.
        execution: Its profile, None unless it is a text or a table.
    """

    names: Mapping[str, Mapping[int, str]]
    days: int | None
    chaos: str | None
    execution: str | dict[str, Any] | None


def readable(document: Mapping[str, Any]) -> Readable:
    """Return what can be read of a document, so that one mistake does not hide another."""
    days = document.get("days")
    is_length = isinstance(days, int) and not isinstance(days, bool) and 1 <= days <= DAYS_MAX
    fields = CampaignDocument.model_fields
    chaos = document.get("chaos", fields["chaos"].default)
    execution = document.get("execution", fields["execution"].default)
    return Readable(
        names={
            kind: _names(document.get(kind)) for kind in ("scenarios", "tournaments", "strategies")
        },
        days=days if is_length else None,
        chaos=chaos if isinstance(chaos, str) else None,
        execution=execution if isinstance(execution, str | dict) else None,
    )


def _names(listed: Any) -> dict[int, str]:
    """Return the entries of a list that could be ids, each once, by their place."""
    names: dict[str, int] = {}
    for position, name in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(name, str) and _is_id(name):
            names.setdefault(name, position)
    return {position: name for name, position in names.items()}


def _is_id(text: str) -> bool:
    try:
        _id(text)
    except PydanticCustomError:
        return False
    return True


def read_whole(document: Document, *, home: str | Path | None = None) -> Loaded:
    """Return a campaign's document, a suite in it replaced by the scenarios that it lists.

    Raises:
        SpecError: The document cannot be read; the suite is not known, is wrong, or needs a
            longer campaign.
    """
    loaded = read(document, "campaigns", home=home)
    name = loaded.document.get("scenarios")
    if not isinstance(name, str):
        return loaded
    known = found("suites", home)
    if name not in known:
        raise SpecError([unknown(name, "suites", known, path="/scenarios", source=loaded.source)])
    suite = read_suite(name, home=home)
    days = loaded.document.get("days")
    if isinstance(days, int) and days < suite.days:
        message = f'got {days} days for the suite "{name}", expected at least {suite.days}'
        hint = Hint(
            "lengthen the campaign", ({"op": "replace", "path": "/days", "value": suite.days},)
        )
        raise SpecError(
            [Problem(CODE, "OUT_OF_RANGE", message, "/days", loaded.source, hints=(hint,))]
        )
    return replace(loaded, document={**loaded.document, "scenarios": list(suite.scenarios)})


def read_campaign(document: Document, *, home: str | Path | None = None) -> CampaignDocument:
    """Return a campaign's document without looking at what it names, but for a suite.

    Raises:
        SpecError: The document cannot be read, or something in it is wrong.
    """
    return parse(CampaignDocument, read_whole(document, home=home), CODE)


def unknown_names(asked: Readable, source: str, *, home: str | Path | None = None) -> list[Problem]:
    """Return a problem for each name of a document that no document bears.

    Args:
        asked: What the campaign names.
        source: The campaign's document, for the messages.
        home: Folder whose documents join the library's.
    """
    problems = []
    for kind, names in asked.names.items():
        known = found(kind, home)
        problems += [
            unknown(name, kind, known, path=f"/{kind}/{position}", source=source)
            for position, name in names.items()
            if name not in known
        ]
    return problems
