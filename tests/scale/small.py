"""Campaigns of seconds, one of a user's own strategies in them, and what is asserted of a lake."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines import headless
from pipelines import home as homes
from simcore import steps
from simcore.campaign import load
from simcore.store import Store
from simcore.strategy import lineage
from simcore.tables import TABLES
from simcore.tables.table import Table

WHOLE = "c-whole"
"""The campaign of which everything is made."""

BACKFILLED = ("c-first", "c-second")
"""The campaigns of which a backfill makes the runs."""

OWN = "an_own"
STRATEGIES = (OWN, "atr_breakout", "atr_trailing_trend", "bbands_breakout")
"""In the order of the partitions, where nothing lies between them."""

RUNS: tuple[Table, ...] = (
    *steps.BACKTESTS, *steps.MONTE_CARLO, *steps.VALIDITY, *steps.EVIDENCE,
)  # fmt: skip
"""Tables of one strategy in one campaign."""

_CAMPAIGN = """\
version = "0.1.0"
id = "{id}"
name = "Four strategies on two markets for a few days"
seed = 1
days = {days}
scenarios = ["trend-up-mid", "vol-calm"]
strategies = [{strategies}]
tournaments = ["c0-round-robin"]
chaos = "none"
execution = "honest_v1"
initial_cash = 10000.0
"""


def prepare(home: Path) -> Path:
    """Write the documents into a home, and return the home."""
    for folder in ("strategies", "campaigns"):
        (home / folder).mkdir(parents=True)
    (home / "strategies" / f"{OWN}.toml").write_text(strategy(fast=12), encoding="utf-8")
    for days, name in enumerate((WHOLE, *BACKFILLED), start=5):
        listed = ", ".join(f'"{each}"' for each in STRATEGIES)
        text = _CAMPAIGN.format(id=name, days=days, strategies=listed)
        (home / "campaigns" / f"{name}.toml").write_text(text, encoding="utf-8")
    return home


def strategy(*, fast: int) -> str:
    """Return the document of the user's own strategy."""
    name, text = homes.EXAMPLES["strategies"]
    return text.replace(name, OWN).replace("value = 12", f"value = {fast}")


def make_sources(home: Path, campaigns: tuple[str, ...]) -> None:
    """Make all of the campaigns that no run is needed for, in this process."""
    for name in campaigns:
        asked = load(name, home=home)
        for make in (steps.markets, steps.calibrations, steps.chaos):
            make(Store.of(home), asked)
        for each in asked.strategies:
            steps.strategies(Store.of(home), each, lineage.read(each, home=home))


def make_runs(home: Path, campaigns: tuple[str, ...]) -> None:
    """Make the runs of the campaigns, in this process."""
    for name in campaigns:
        asked = load(name, home=home)
        for each in asked.strategies:
            for make in (
                steps.backtests, steps.monte_carlo, steps.walk_forwards, steps.appraisals,
            ):  # fmt: skip
                make(Store.of(home), asked, each)


def contents(store: Store) -> dict[str, str]:
    """Return the hash of every partition's rows, read and checked row by row."""
    return {
        f"{table.name} {partition.key}": store.verify(table, partition).content_hash
        for table in TABLES.values()
        for partition in store.partitions(table)
    }


@dataclass(frozen=True)
class Alone:
    """What a campaign left that was run by one process.

    Args:
        home: Its home.
        contents: What then lay in the lake.
    """

    home: Path
    contents: dict[str, str]


@dataclass(frozen=True)
class Spread:
    """What a campaign left that was run by workers.

    Args:
        summary: What was told of it.
        again: What one process then told of the same lake.
        contents: What then lay in the lake.
        workers: Who worked on its runs.
        launchers: What launchers said of them.
    """

    summary: headless.Summary
    again: headless.Summary
    contents: dict[str, str]
    workers: set[str | None]
    launchers: set[str]
