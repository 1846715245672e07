"""From a campaign's seed to the universes that the engine runs.

Every draw is keyed by the injection it belongs to, so that leaving one out moves no other. The
documents say what strikes on which day; only the hour is drawn here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from simcore.campaign_document import NO_CHAOS
from simcore.chaos.document import (
    LevelDocument,
    ScenarioDocument,
    StackDocument,
    levels,
    scenarios,
    stacks,
)
from simcore.chaos.kinds import DAY_NS, HOUR_NS, MINUTE_NS
from simcore.errors import SpecError
from simcore.problems import Hint, Problem
from simcore.refusals import unknown_name
from simcore.scenario.document import effective, load
from simcore.seeds import derive, jcs, sha256_hex

Arm = Literal["real", "twin", "canary"]
ARMS: Final[tuple[Arm, ...]] = ("real", "twin", "canary")

# A strike falls into the middle half of its day, so that strikes of one kind on neighbouring days
# lie at least twelve hours apart without one draw having to know of another.
FIRST_HOUR: Final = 6
HOURS: Final = 12

# The control that the planted failure lacks: a retry keeps its client order id.
CANARY_CONTROL: Final = "K07"


@dataclass(frozen=True)
class Injection:
    """One planned fault.

    Args:
        inj_id: Number within the campaign, from 1 in the order of the level's document.
        scenario: Id of the chaos scenario.
        kind: Its short name, such as A1.
        intensity: Level of its parameters.
        t_arm: Earliest moment it may strike, ns since the universe began.
        params: Its parameters.
    """

    inj_id: int
    scenario: str
    kind: str
    intensity: str
    t_arm: int
    params: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """Return what the engine is told of it."""
        return {
            "inj_id": self.inj_id,
            "kind": self.kind,
            "intensity": self.intensity,
            "t_arm": self.t_arm,
            "params": dict(self.params),
        }


def chaos_scenarios() -> list[dict[str, Any]]:
    """Return the scenarios of the library for the catalogue, sorted by id."""
    return [
        {"name": each.id, "kind": each.kind, "title": each.title, "levels": sorted(each.levels)}
        for each in scenarios().values()
    ]


def level_for(name: str | None, days: int | None, source: str = "") -> LevelDocument | None:
    """Return the level that a campaign's document asks for, None for no chaos.

    Args:
        name: Id of the level, or ``none``; None if the document does not say it readably.
        days: Simulated days of the campaign; None if they are not known, and any will do.
        source: The campaign's document, for the message.

    Raises:
        SpecError: As `level`.
    """
    if name is None or name == NO_CHAOS:
        return None
    return level(name, days, source)


def level(name: str, days: int | None, source: str = "") -> LevelDocument:
    """Return the level of that name, if a campaign of so many days has room for it.

    Args:
        name: Id of the level.
        days: Simulated days of the campaign; None if they are not known, and any will do.
        source: The campaign's document, for the message.

    Raises:
        SpecError: The level is not known, or strikes after the last day on which it may.
    """
    known = levels()
    if name not in known:
        message, hints = unknown_name(
            "a level of chaos, one of", name, [NO_CHAOS, *known], "/chaos"
        )
        problem = Problem(
            "DOC_INVALID", "UNKNOWN_ID", message, path="/chaos", source=source, hints=hints
        )
        raise SpecError([problem])
    found = known[name]
    needed = 1 + found.healing_days + max(day for item in found.injections for day in item.days)
    if days is not None and days < needed:
        problem = Problem(
            "DOC_INVALID", "OUT_OF_RANGE",
            f'found {days} days, expected at least {needed} for chaos level "{name}"',
            path="/days", source=source, hints=(Hint(f"set days to {needed} or more"),),
        )  # fmt: skip
        raise SpecError([problem])
    return found


def run_seeds(campaign_seed: int, count: int) -> tuple[int, ...]:
    """Return the seeds of a campaign's universes; more of them change none of the first."""
    return tuple(derive(campaign_seed, "chaos", index) for index in range(count))


def injections(plan: LevelDocument, run_seed: int) -> list[Injection]:
    """Return the planned faults of one universe, in the order of their numbers.

    Args:
        plan: The level.
        run_seed: Seed of the universe.
    """
    known = scenarios()
    planned = [(item.scenario, day) for item in plan.injections for day in item.days]
    return [
        Injection(
            inj_id=position + 1,
            scenario=name,
            kind=known[name].kind,
            intensity=plan.id,
            t_arm=_strike(run_seed, name, day),
            params=known[name].levels[plan.id],
        )
        for position, (name, day) in enumerate(planned)
    ]


def _strike(run_seed: int, scenario: str, day: int) -> int:
    """Return a whole minute in the middle half of the day, drawn for this strike alone."""
    drawn = derive(run_seed, "injection", scenario, day)
    minutes = HOURS * HOUR_NS // MINUTE_NS
    return day * DAY_NS + FIRST_HOUR * HOUR_NS + drawn % minutes * MINUTE_NS


def universe(
    campaign: str,
    run_seed: int,
    arm: Arm,
    days: int,
    stack: StackDocument,
    planned: Sequence[Injection],
) -> dict[str, Any]:
    """Return the document of one arm of one seed, for the engine.

    Args:
        campaign: Id of the campaign.
        run_seed: Seed of the universe.
        arm: The twin meets no fault; the canary lacks one control.
        days: Simulated days.
        stack: Market, strategies and limits.
        planned: The faults of the real arm.
    """
    return {
        "schema": "paper/0.1",
        "campaign": campaign,
        "run_seed": run_seed,
        "arm": arm,
        "days": days,
        "e0_uusd": stack.e0_uusd,
        "market": {
            "scenario": _market(stack, days),
            "seeds": [derive(run_seed, "market", asset) for asset in range(stack.market.assets)],
        },
        "strategies": _strategies(stack),
        "limits": dict(stack.limits),
        "controls_off": [CANARY_CONTROL] if arm == "canary" else [],
        "injections": [] if arm == "twin" else [each.document() for each in planned],
    }


def _market(stack: StackDocument, days: int) -> dict[str, Any]:
    model = stack.market
    document = model.model_dump(exclude={"assets"})
    # The seed differs by asset and stands beside the scenario, not in it.
    loaded = load(
        {
            "version": stack.version,
            "id": stack.id,
            "duration_bars": days * DAY_NS // MINUTE_NS,
            "seed": 0,
            **document,
        }
    )
    scenario = effective(loaded)
    return {name: value for name, value in scenario.items() if name != "seed"}


def _strategies(stack: StackDocument) -> list[dict[str, int]]:
    pool = stack.strategies
    pairs = [
        (instrument, lengths)
        for instrument in range(stack.market.assets)
        for lengths in pool.per_instrument
    ]
    return [
        {
            "strategy": number,
            "instrument": instrument,
            "fast_bars": lengths.fast_bars,
            "slow_bars": lengths.slow_bars,
            "capital_ppm": pool.capital_ppm,
        }
        for number, (instrument, lengths) in enumerate(pairs)
    ]


def stack_of(plan: LevelDocument) -> StackDocument:
    """Return the stack that a level is run on."""
    return stacks()[plan.stack]


def document_hashes(plan: LevelDocument) -> dict[str, str]:
    """Return the SHA-256 of every document behind a level, by name.

    The universes hold the parameters; what the documents say beside them, such as what is not
    judged, stands in the verdict.
    """
    behind: list[LevelDocument | StackDocument | ScenarioDocument] = [plan, stack_of(plan)]
    behind += [scenarios()[item.scenario] for item in plan.injections]
    return {f"chaos/{each.id}": sha256_hex(jcs(each.model_dump(mode="json"))) for each in behind}
