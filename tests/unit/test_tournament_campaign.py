"""A tournament without games is never complete: nothing of it lies in the lake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simcore import steps
from simcore.campaign import Campaign, load
from simcore.errors import SpecError
from simcore.store import Partition, Store
from simcore.tables import TABLES

SMALL: dict[str, Any] = {
    "version": "0.1.0", "id": "small", "name": "Small", "seed": 3, "days": 10,
    "scenarios": ["vol-calm"], "tournaments": ["c0-round-robin"],
}  # fmt: skip
PLACE = Partition(campaign="small")


def ready(lake: Path, *strategies: str) -> tuple[Store, Campaign]:
    """A lake with everything that a campaign's tournaments are made from."""
    store, campaign = Store(lake), load({**SMALL, "strategies": list(strategies)})
    steps.markets(store, campaign)
    for strategy in campaign.strategies:
        steps.backtests(store, campaign, strategy)
    return store, campaign


def test_a_tournament_that_nobody_could_play_leaves_no_standings_and_counts_for_no_day(
    tmp_path: Path,
) -> None:
    store, campaign = ready(tmp_path, "ma_cross")
    with pytest.raises(SpecError) as refusal:
        steps.tournaments(store, campaign)
    assert [each.reason for each in refusal.value.problems] == ["NO_GAMES"]
    for name in ("games", "standings", "daily_rollups"):
        assert store.footer(TABLES[name], PLACE) is None


def test_standings_of_before_do_not_stand_for_a_tournament_that_has_no_games_now(
    tmp_path: Path,
) -> None:
    store, campaign = ready(tmp_path, "ma_cross", "buy_and_hold")
    steps.tournaments(store, campaign)
    rollups = store.read(TABLES["daily_rollups"], PLACE)
    assert rollups["tournaments_completed"].sum() == 1
    alone = load({**SMALL, "strategies": ["ma_cross"]})
    with pytest.raises(SpecError, match="expected two that share a market"):
        steps.tournaments(store, alone)
