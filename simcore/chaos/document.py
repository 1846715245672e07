"""Models of the chaos documents: scenarios of harm, levels (which strikes when), stacks.

They lie in the library's `chaos` folder. What they hold is hashed into every run, because the
universe that the engine is given is made of them and of the seed alone.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from simcore.documents import Loaded, parse

LIBRARY: Final = Path(__file__).parents[1] / "library" / "chaos"
Ppm = Annotated[int, Field(ge=0, le=1_000_000)]
Positive = Annotated[int, Field(ge=1)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ScenarioDocument(_Model):
    """One kind of harm: what it is, why it matters, how its effect is recognised."""

    version: str
    id: str
    kind: Literal["A1", "C1", "D1"]
    title: str
    thesis: str
    source: str
    precondition: str
    effect: str
    oracles: list[str]
    not_judged: list[str]
    levels: dict[str, dict[str, Any]]


class Placement(_Model):
    """Days on which one scenario strikes, once each; day 0 is the first."""

    scenario: str
    days: list[Annotated[int, Field(ge=0)]]


class LevelDocument(_Model):
    """A calendar of harm, without its hours: those are drawn from the seed."""

    version: str
    id: str
    title: str
    thesis: str
    stack: str
    seeds: Positive
    warm_up_days: int
    healing_days: Positive
    injections: list[Placement]


class MarketModel(_Model):
    """Model of the one-minute market; one path of it for each asset."""

    assets: Positive
    timeframe: Literal["1m"]
    family: str
    calendar: str
    p0: float
    n_sub: Positive
    tick_size: float
    volume_model: str
    params: dict[str, Any]
    volume_params: dict[str, float]


class Averages(_Model):
    """Lengths of the fast and the slow moving average of one strategy, in bars of a minute."""

    fast_bars: Positive
    slow_bars: Positive


class StrategyPool(_Model):
    """The strategies that trade each instrument, and the capital of each."""

    per_instrument: list[Averages]
    capital_ppm: Ppm


class StackDocument(_Model):
    """The universe under test: its money, its market, its strategies, its limits."""

    version: str
    id: str
    title: str
    thesis: str
    e0_uusd: Positive
    market: MarketModel
    strategies: StrategyPool
    limits: dict[str, int]


Document = TypeVar("Document", bound=_Model)


def _read(model: type[Document], path: Path) -> Document:
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return parse(model, Loaded(content, path.name, path, expected_id=path.stem), "DOC_INVALID")


@cache
def scenarios() -> dict[str, ScenarioDocument]:
    """Return every chaos scenario of the library by its id, sorted."""
    found = sorted(LIBRARY.glob("*.toml"))
    return {path.stem: _read(ScenarioDocument, path) for path in found}


@cache
def levels() -> dict[str, LevelDocument]:
    """Return every level of the library by its id, sorted."""
    found = sorted((LIBRARY / "levels").glob("*.toml"))
    return {path.stem: _read(LevelDocument, path) for path in found}


@cache
def stacks() -> dict[str, StackDocument]:
    """Return every stack of the library by its id, sorted."""
    found = sorted((LIBRARY / "stacks").glob("*.toml"))
    return {path.stem: _read(StackDocument, path) for path in found}
