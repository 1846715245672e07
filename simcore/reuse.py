"""What of a campaign lies in the lake as today's documents and code would make it.

Each step of a campaign is asked over a frozen lake: it finds its tables current or says that they
are not, and computes nothing. Who wants them made asks Dagster.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from simcore import steps
from simcore.campaign import Campaign
from simcore.errors import SpecError, StoreError
from simcore.steps.lakes import Frozen, Trusted
from simcore.store import Partition, Store
from simcore.strategy import lineage
from simcore.strategy.strategy import Strategy
from simcore.tables.table import Table

Of = Callable[[Store, Campaign], list[steps.Outcome]]
OfStrategy = Callable[[Store, Campaign, Strategy, Path], list[steps.Outcome]]


@dataclass(frozen=True)
class Stage:
    """Tables of a campaign that are made together, and what must be there before them.

    Args:
        name: As the graph groups them.
        tables: What is made.
        after: Names of the stages whose tables are read.
        of_campaign: Makes them once a campaign; None where every strategy has its own.
        of_strategy: Makes those of one strategy; None likewise.
    """

    name: str
    tables: tuple[Table, ...]
    after: tuple[str, ...] = ()
    of_campaign: Of | None = None
    of_strategy: OfStrategy | None = None

    def keys(self, campaign: Campaign) -> list[str]:
        """Return the keys of the partitions that a campaign has in these tables."""
        if self.of_campaign is not None:
            return [campaign.id]
        return [_place(self.tables[0], campaign, each).key for each in campaign.strategies]


def _compiled(store: Store, _: Campaign, strategy: Strategy, home: Path) -> list[steps.Outcome]:
    return steps.strategies(store, strategy, lineage.read(strategy, home=home))


def _ran(store: Store, campaign: Campaign, strategy: Strategy, _: Path) -> list[steps.Outcome]:
    return [
        outcome
        for step in (steps.backtests, steps.monte_carlo, steps.walk_forwards, steps.appraisals)
        for outcome in step(store, campaign, strategy)
    ]


STAGES: Final = (
    Stage("markets", steps.MARKETS, of_campaign=steps.markets),
    Stage("calibration", steps.CALIBRATION, of_campaign=steps.calibrations),
    Stage("chaos", steps.CHAOS, of_campaign=steps.chaos),
    Stage("strategies", steps.STRATEGIES, of_strategy=_compiled),
    Stage(
        "runs",
        (*steps.BACKTESTS, *steps.MONTE_CARLO, *steps.VALIDITY, *steps.EVIDENCE),
        after=("markets", "strategies"),
        of_strategy=_ran,
    ),
    Stage("portfolios", steps.PORTFOLIOS, after=("runs",), of_campaign=steps.allocations),
    Stage("tournaments", steps.TOURNAMENTS, after=("runs",), of_campaign=steps.tournaments),
    Stage("history", steps.HISTORY, after=("tournaments",), of_campaign=steps.histories),
    Stage(
        "report",
        steps.REPORT,
        after=("calibration", "portfolios", "tournaments", "chaos"),
        of_campaign=steps.report,
    ),
)
"""The stages of a campaign, each behind those that it reads."""


def reusable(
    store: Store, stage: Stage, campaign: Campaign, *, home: Path, is_trusting: bool = False
) -> dict[str, list[steps.Outcome]]:
    """Return the outcomes of a stage where nothing has to be made, by the key of the partition.

    Args:
        store: The lake.
        stage: One of `STAGES`.
        campaign: Whose partitions.
        home: Folder whose documents join the library's.
        is_trusting: Whether a footer is believed without hashing the rows behind it.

    Raises:
        StoreError: The lake gave no answer.
    """
    frozen = (Trusted if is_trusting else Frozen)(store.root)
    found = {}
    for key, ask in _questions(stage, campaign, home):
        try:
            found[key] = ask(frozen)
        except SpecError:
            continue  # of wrong documents: its own run tells
        except StoreError as error:
            if error.is_unanswered:
                raise  # what is there may be current: to ask for it would make it again
            continue  # absent, torn, of other documents: its own run tells
    return found


def stale(store: Store, campaign: Campaign, *, home: Path) -> dict[str, list[str]]:
    """Return the keys of each stage that are to be made now, by the name of the stage.

    What reads a stage that is to be made waits for it and is not named: only then can be told
    whether it is touched. Footers are believed.

    Args:
        store: The lake.
        campaign: Whose partitions.
        home: Folder whose documents join the library's.
    """
    waiting: set[str] = set()
    found: dict[str, list[str]] = {}
    for stage in STAGES:
        if waiting & set(stage.after):
            waiting.add(stage.name)
            continue
        current = reusable(store, stage, campaign, home=home, is_trusting=True)
        missing = [key for key in stage.keys(campaign) if key not in current]
        if missing:
            waiting.add(stage.name)
            found[stage.name] = missing
    return found


def _questions(
    stage: Stage, campaign: Campaign, home: Path
) -> list[tuple[str, Callable[[Store], list[steps.Outcome]]]]:
    if stage.of_campaign is not None:
        make = stage.of_campaign
        return [(campaign.id, lambda store: make(store, campaign))]
    asked: list[tuple[str, Callable[[Store], list[steps.Outcome]]]] = []
    own = stage.of_strategy
    for strategy in campaign.strategies if own is not None else ():
        key = _place(stage.tables[0], campaign, strategy).key
        asked.append((key, lambda store, each=strategy: own(store, campaign, each, home)))  # type: ignore[misc]
    return asked


def _place(table: Table, campaign: Campaign, strategy: Strategy) -> Partition:
    """Return a strategy's partition in a table, in the campaign's part if it has one."""
    if "campaign" in table.partitioned_by:
        return Partition(campaign=campaign.id, strategy=strategy.id)
    return Partition(strategy=strategy.id)
