"""A campaign that keeps every so many closes: what is thinner, and what is not."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from assets import checks
from pipelines import home as homes
from simcore import steps
from simcore.campaign import load
from simcore.store import Partition, Store
from simcore.tables import TABLES

CAMPAIGN = """\
version = "0.1.0"
id = "{id}"
name = "Curves"
seed = 1
days = 5
scenarios = ["trend-up-mid"]
strategies = ["buy_and_hold", "ma_cross"]
equity_every_bars = {every}
"""


def rows(home: Path, name: str, every: int) -> dict[str, pl.DataFrame]:
    text = CAMPAIGN.format(id=name, every=every)
    (home / "campaigns" / f"{name}.toml").write_text(text, encoding="utf-8")
    store, campaign = Store(homes.lake(home)), load(name, home=home)
    steps.markets(store, campaign)
    for strategy in campaign.strategies:
        steps.strategies(store, strategy)
        outcomes = steps.backtests(store, campaign, strategy)
        outcomes += steps.monte_carlo(store, campaign, strategy)
    place = Partition(campaign=name, strategy="ma_cross")
    for outcome in outcomes:
        findings = checks.findings(store, outcome.table, place)
        assert [each for each in findings if not each.has_passed] == []
    (portfolio,) = steps.allocations(store, campaign)
    read = {each.table.name: store.read(each.table, place) for each in outcomes}
    return {**read, portfolio.table.name: store.read(portfolio.table, portfolio.partition)}


def test_curves_are_thinner_and_end_at_the_last_close_and_nothing_else_changes(home: Path) -> None:
    whole, thin = rows(home, "whole", 1), rows(home, "thin", 7)
    n_bars = whole["equity"].height
    assert thin["equity"].height == -(-n_bars // 7)
    kept = whole["equity"].filter((n_bars - 1 - pl.col("t").cast(pl.Int64)) % 7 == 0)
    assert thin["equity"].equals(kept)
    assert thin["equity"]["t"][-1] == n_bars - 1
    assert thin["backtests"].drop("equity_rows").equals(whole["backtests"].drop("equity_rows"))
    assert thin["trades"].equals(whole["trades"])
    assert thin["monte_carlo"].equals(whole["monte_carlo"])
    assert thin["portfolio_weights"].equals(whole["portfolio_weights"])
    assert whole["portfolio_weights"].height > 0
    assert TABLES["backtests"].polars_schema() == thin["backtests"].schema
