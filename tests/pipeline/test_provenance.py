from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines import home as homes
from simcore import steps
from simcore.campaign import load
from simcore.documents import LIBRARY
from simcore.store import Store

CAMPAIGN = """\
version = "0.1.0"
id = "mine"
name = "Mine"
seed = 1
days = 5
scenarios = ["my-market", "trend-up-mid"]
strategies = ["mine", "zero_rule"]
tournaments = ["league"]
chaos = "none"
execution = "honest_v1"
initial_cash = 10000.0
"""

MARKETS = {table.name for table in steps.MARKETS}
COMPILED = {table.name for table in steps.STRATEGIES}
APPRAISED = {table.name for table in steps.EVIDENCE}
RUNS = APPRAISED | {
    table.name
    for group in (steps.BACKTESTS, steps.MONTE_CARLO, steps.VALIDITY, steps.PORTFOLIOS)
    for table in group
}
GATE = {table.name for table in steps.CALIBRATION}
PLAYED = {table.name for table in (*steps.TOURNAMENTS, *steps.HISTORY)}
CHAOS = {table.name for table in steps.CHAOS}


def copy_of(home: Path, kind: str, name: str, own: str) -> Path:
    text = (LIBRARY / kind / f"{name}.toml").read_text()
    path = home / kind / f"{own}.toml"
    path.write_text(text.replace(f'"{name}"', f'"{own}"', 1))
    return path


@pytest.fixture
def mine(home: Path) -> Callable[[], set[str]]:
    """Take every step of a campaign of a user's own documents; return the tables it made."""
    (home / "campaigns" / "mine.toml").write_text(CAMPAIGN)
    copy_of(home, "scenarios", "vol-calm", "my-market")
    copy_of(home, "strategies", "ma_cross", "mine")
    copy_of(home, "tournaments", "c0-round-robin", "league")
    store = Store(homes.lake(home))

    def run() -> set[str]:
        campaign = load("mine", home=home)
        outcomes = steps.markets(store, campaign)
        for strategy in campaign.strategies:
            outcomes += steps.strategies(store, strategy)
            outcomes += steps.backtests(store, campaign, strategy)
            outcomes += steps.monte_carlo(store, campaign, strategy)
            outcomes += steps.walk_forwards(store, campaign, strategy)
            outcomes += steps.appraisals(store, campaign, strategy)
        outcomes += steps.allocations(store, campaign) + steps.calibrations(store, campaign)
        for step in (steps.tournaments, steps.histories, steps.chaos, steps.report):
            outcomes += step(store, campaign)
        return {each.table.name for each in outcomes if not each.is_reused}

    run()
    assert run() == set()
    return run


def edit(home: Path, document: str, old: str, new: str) -> None:
    path = home / document
    text = path.read_text()
    assert old in text, text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("document", "old", "new", "expected"),
    [
        (
            "scenarios/my-market.toml",
            "seed",
            "p0 = 90.0\nseed",
            MARKETS | RUNS | PLAYED | {"report"},
        ),
        ("scenarios/my-market.toml", 'version = "', '# The same.\nversion = "', set()),
        (
            "strategies/mine.toml",
            "value = 10,",
            "value = 11,",
            COMPILED | RUNS | PLAYED | {"report"},
        ),
        # A name stands in the standings and on the card; what the program does has not changed.
        (
            "strategies/mine.toml",
            "Moving-average",
            "Two-average",
            COMPILED | APPRAISED | PLAYED | {"report"},
        ),
        ("tournaments/league.toml", "alpha = 0.05", "alpha = 0.1", PLAYED | {"report"}),
        ("campaigns/mine.toml", 'name = "Mine"', 'name = "Ours"', {"report"}),
        ("campaigns/mine.toml", "seed = 1", "seed = 2", CHAOS | GATE | {"report"}),
        (
            "campaigns/mine.toml",
            "days = 5",
            "days = 6",
            MARKETS | RUNS | PLAYED | CHAOS | {"report"},
        ),
    ],
)
def test_a_change_remakes_what_depends_on_it_and_no_more(
    mine: Callable[[], set[str]],
    home: Path,
    document: str,
    old: str,
    new: str,
    expected: set[str],
) -> None:
    edit(home, document, old, new)
    assert mine() == expected
    assert mine() == set()


def test_runs_under_another_execution_and_cash_are_made_anew(
    mine: Callable[[], set[str]], home: Path
) -> None:
    for document in ("campaigns/mine.toml", "tournaments/league.toml"):
        edit(home, document, "initial_cash = 10000.0", "initial_cash = 500.0")
    assert mine() == RUNS | PLAYED | {"report"}
