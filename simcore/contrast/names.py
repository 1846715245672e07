"""How a person names a run: computed now, kept in the lake, or a universe of chaos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, get_args

from simcore.chaos.schedule import Arm
from simcore.errors import SpecError
from simcore.problems import Problem
from simcore.seeds import SEED_MAX

FORMS: Final = (
    "STRATEGY@SCENARIO[#PATH][@EXECUTION] (computed now), CAMPAIGN/STRATEGY/SCENARIO[/PATH] "
    "(kept in the lake) or CAMPAIGN[:SEED[:ARM]] (chaos)"
)
_DOCUMENTS: Final = (".toml", ".json")


@dataclass(frozen=True)
class Computed:
    """A backtest that is made when it is asked for."""

    strategy: str
    scenario: str
    path: int | None
    execution: str


@dataclass(frozen=True)
class Kept:
    """A backtest of a campaign, as the lake has it."""

    campaign: str
    strategy: str
    scenario: str
    path: int


@dataclass(frozen=True)
class Shaken:
    """One arm of one universe of a campaign's chaos; without a seed its first."""

    campaign: str
    seed: int | None
    arm: Arm


def parsed(text: Any) -> Computed | Kept | Shaken:
    """Return which run a text names.

    Args:
        text: One of the three forms. What has an ``@`` is computed; else what has a ``/`` and is
            no file is kept; anything else is chaos.

    Raises:
        SpecError: RUN, it is of no form.
    """
    if not isinstance(text, str) or not text.strip():
        raise _refused(text, FORMS)
    if "@" in text:
        return _computed(text)
    if "/" in text and not text.split(":")[0].endswith(_DOCUMENTS):
        return _kept(text)
    return _shaken(text)


def _computed(text: str) -> Computed:
    strategy, market, *execution = text.split("@")
    scenario, is_given, path = market.partition("#")
    if not strategy or not scenario or len(execution) > 1 or execution == [""]:
        raise _refused(text, "STRATEGY@SCENARIO[#PATH][@EXECUTION]")
    return Computed(
        strategy,
        scenario,
        _number(text, path, "a path after #") if is_given else None,
        execution[0] if execution else "honest_v1",
    )


def _kept(text: str) -> Kept:
    parts = text.split("/")
    if len(parts) not in (3, 4) or not all(parts):
        raise _refused(text, "CAMPAIGN/STRATEGY/SCENARIO[/PATH]")
    path = _number(text, parts[3], "a path at the end") if len(parts) == 4 else 0
    return Kept(parts[0], parts[1], parts[2], path)


def _shaken(text: str) -> Shaken:
    campaign, *rest = text.split(":")
    arms = get_args(Arm)
    if not campaign or len(rest) > 2 or (len(rest) == 2 and rest[1] not in arms):
        raise _refused(text, f"CAMPAIGN[:SEED[:ARM]], the arm one of {', '.join(arms)}")
    seed = _number(text, rest[0], "a seed after the campaign") if rest and rest[0] else None
    arm: Arm = rest[1] if len(rest) == 2 else "real"  # type: ignore[assignment]  # looked up above
    return Shaken(campaign, seed, arm)


def _number(text: str, digits: str, what: str) -> int:
    if not (digits.isascii() and digits.isdecimal()) or int(digits) > SEED_MAX:
        raise _refused(text, f"{what}, a whole number from 0 to {SEED_MAX}")
    return int(digits)


def _refused(text: Any, expected: str) -> SpecError:
    message = f"got {text!r}, expected {expected}"
    return SpecError([Problem("ARGUMENT", "RUN", message, source="compare")])
