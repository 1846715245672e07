"""The steps that appraise, allocate and calibrate, over a small campaign."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from simcore import steps
from simcore.campaign import Campaign, load
from simcore.scoring.evidence_card import check_row
from simcore.store import Partition, Store
from simcore.tables import TABLES


@pytest.fixture(scope="module")
def campaign() -> Campaign:
    return load(
        {
            "version": "0.1.0",
            "id": "small",
            "name": "Small",
            "seed": 3,
            "days": 30,
            "scenarios": ["trend-up-mid", "vol-calm", "mean-revert-mid"],
            "strategies": ["ma_cross", "rsi_reversion", "buy_and_hold", "atr_breakout"],
        }
    )


@pytest.fixture(scope="module")
def store(campaign: Campaign, tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(Path(tmp_path_factory.mktemp("lake")))
    steps.markets(store, campaign)
    for strategy in campaign.strategies:
        steps.backtests(store, campaign, strategy)
        steps.monte_carlo(store, campaign, strategy)
        steps.walk_forwards(store, campaign, strategy)
        steps.appraisals(store, campaign, strategy)
    steps.allocations(store, campaign)
    return store


def test_every_number_of_a_card_is_sure_and_every_section_is_there(store: Store) -> None:
    place = Partition(campaign="small", strategy="ma_cross")
    rows = store.read(TABLES["evidence"], place)
    for row in rows.to_dicts():
        check_row(row)
    assert set(rows["section"]) == {
        "identity", "runs", "regimes", "resampled", "walk_forward", "trials", "random_entry",
        "cost_edge", "overfitting", "stress", "reproduce",
    }  # fmt: skip
    percentile = rows.filter(pl.col("name") == "percentile")
    assert percentile.height == 3
    assert percentile["n"].to_list() == [200] * 3


def test_a_card_that_is_current_is_not_made_again(store: Store, campaign: Campaign) -> None:
    strategy = next(each for each in campaign.strategies if each.id == "ma_cross")
    assert all(each.is_reused for each in steps.appraisals(store, campaign, strategy))


def test_the_regimes_of_a_campaign_name_the_worst(store: Store) -> None:
    rows = store.read(TABLES["regimes"], Partition(campaign="small", strategy="ma_cross"))
    assert set(rows.filter(pl.col("axis") == "family")["regime"]) == {
        "trend", "vol_cluster", "mean_revert",
    }  # fmt: skip
    assert rows.filter("is_worst").height >= 1


def test_the_portfolio_of_a_campaign_is_whole_for_every_method(store: Store) -> None:
    rows = store.read(TABLES["portfolio_weights"], Partition(campaign="small"))
    sums = rows.group_by("method").agg(pl.col("weight").sum(), pl.col("risk_share").sum())
    assert sums.height == 5
    assert sums["weight"].to_list() == pytest.approx([1.0] * 5, abs=1e-12)
    assert sums["risk_share"].to_list() == pytest.approx([1.0] * 5, abs=1e-9)
    assert rows["n_days"].unique().to_list() == [90]


def test_a_campaign_is_calibrated_at_its_own_costs(store: Store, campaign: Campaign) -> None:
    [made] = steps.calibrations(store, campaign)
    assert made.footer.rows == 2
    rows = store.read(TABLES["calibration"], Partition(campaign="small"))
    assert set(rows["verdict"]) <= {"HELD", "NOT_REFUTED"}
    assert steps.calibrations(store, campaign)[0].is_reused
