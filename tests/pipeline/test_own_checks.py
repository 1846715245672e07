"""A file that is whole, hashes to its footer, and lies: each check catches the lie it is for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets import checks
from simcore import samples
from simcore.campaign import Campaign, load
from simcore.store import Partition, Provenance, Store
from simcore.tables import TABLES
from simcore.verification import verified_manifests

MARKET, RUN = Partition("mine"), Partition("mine", "mine")
FIRST = pl.int_range(pl.len()) == 0


@pytest.fixture
def lake(small: Path) -> Store:
    """The lake of a campaign of two strategies."""
    return Store(small / "lake")


@pytest.fixture
def campaign(small: Path) -> Campaign:
    """The campaign."""
    return load("mine", home=small)


def rewrite(lake: Store, name: str, place: Partition, rows: pl.DataFrame) -> None:
    """Put other rows in place, in a file that is whole and names the same documents."""
    footer = lake.footer(TABLES[name], place)
    provenance = Provenance(footer.documents, footer.seed, footer.engine_version)
    lake.write(TABLES[name], place, rows, provenance)


def spoil(lake: Store, name: str, place: Partition, **columns: Any) -> None:
    rewrite(lake, name, place, lake.read(TABLES[name], place).with_columns(**columns))


@pytest.mark.parametrize("name", ["bars", "stylised_facts"])
def test_a_market_that_was_not_generated_is_found_by_generating_a_sample(
    lake: Store, campaign: Campaign, name: str
) -> None:
    table = TABLES[name]
    assert samples.resampled_markets(lake, table, campaign) == []
    column = "volume" if name == "bars" else "estimate"
    spoil(lake, name, MARKET, **{column: pl.col(column) * 1.0000001})
    (wrong,) = samples.resampled_markets(lake, table, campaign)
    assert f"{column}: got " in wrong
    assert "as computed now" in wrong


@pytest.mark.parametrize(
    ("name", "column"), [("backtests", "sharpe"), ("equity", "cash_quote"), ("trades", "net_pnl")]
)
def test_a_run_that_never_ran_is_found_by_running_a_sample(
    lake: Store, campaign: Campaign, name: str, column: str
) -> None:
    table = TABLES[name]
    (strategy,) = (each for each in campaign.strategies if each.id == "mine")
    assert samples.rerun(lake, table, campaign, strategy) == []
    assert lake.read(table, RUN).height, "there is something to find"
    spoil(lake, name, RUN, **{column: pl.col(column) + 1e-6})
    (wrong,) = samples.rerun(lake, table, campaign, strategy)
    assert f"{column}: got " in wrong


def test_runs_of_another_program_are_not_judged_by_todays(lake: Store, campaign: Campaign) -> None:
    ours, other = sorted(campaign.strategies, key=lambda each: each.id)
    table = TABLES["backtests"]
    rows = lake.read(table, Partition("mine", ours.id))
    strange = Provenance({f"strategies/{ours.id}": "0" * 64}, None, "1.0.0+other")
    lake.write(table, RUN, rows.with_columns(sharpe=pl.lit(9.0)), strange)
    assert samples.rerun(lake, table, campaign, ours) == []
    assert other.id != ours.id


def test_equity_that_is_not_cash_and_position_breaks_the_ledger(lake: Store) -> None:
    assert samples.broken_ledger(lake, RUN) == []
    spoil(lake, "equity", RUN, cash_quote=pl.col("cash_quote") + FIRST.cast(pl.Float64))
    (wrong,) = samples.broken_ledger(lake, RUN)
    assert "cash and position at the close" in wrong
    assert wrong.endswith("1 rows")


def test_profit_that_is_not_gross_less_costs_breaks_the_ledger(lake: Store) -> None:
    assert samples.broken_trades(lake, RUN) == []
    spoil(lake, "trades", RUN, fees=pl.col("fees") + FIRST.cast(pl.Float64))
    (wrong,) = samples.broken_trades(lake, RUN)
    assert "net_pnl: got " in wrong


def test_bars_that_are_not_those_of_their_manifest_are_found(lake: Store) -> None:
    assert list(verified_manifests(lake, MARKET)) == []
    spoil(lake, "bars", MARKET, volume=pl.col("volume") + FIRST.cast(pl.Float64))
    (wrong,) = verified_manifests(lake, MARKET)
    assert "expected" in wrong.message


def test_a_sample_follows_from_the_content_and_is_never_empty() -> None:
    names = [f"m{number:03d}" for number in range(200)]
    assert len(samples.sample(names, "a" * 64)) == 4
    assert samples.sample(names, "a" * 64) == samples.sample(names[::-1], "a" * 64)
    assert samples.sample(names, "a" * 64) != samples.sample(names, "b" * 64)
    assert len(samples.sample(names[:1], "a" * 64)) == 1
    assert samples.sample([], "a" * 64) == []


def test_a_check_whose_table_is_gone_fails_with_the_reason(lake: Store, campaign: Campaign) -> None:
    lake.discard(TABLES["bars"], MARKET)
    find = checks.judged(
        "recomputed", lambda: samples.resampled_markets(lake, TABLES["bars"], campaign)
    )
    found = find()
    assert not found.has_passed
    assert "materialise it first" in found.message
