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


def test_runs_of_another_program_are_not_judged_by_todays(lake: Store, campaign: Campaign) -> None:
    (ours,) = (each for each in campaign.strategies if each.id == "mine")
    table = TABLES["backtests"]
    honest = samples.rerun(lake, campaign, ours)
    assert samples.differing(lake, table, RUN, honest) == []
    rows = lake.read(table, RUN)
    strange = Provenance({f"strategies/{ours.id}": "0" * 64}, None, "1.0.0+other")
    lake.write(table, RUN, rows.with_columns(sharpe=pl.lit(9.0)), strange)
    assert samples.differing(lake, table, RUN, honest) != []
    other = samples.rerun(lake, campaign, ours)
    assert other.rows == {}
    assert samples.differing(lake, table, RUN, other) == []


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
        "recomputed",
        lambda: samples.differing(
            lake, TABLES["bars"], MARKET, samples.resampled_markets(lake, campaign)
        ),
    )
    found = find()
    assert not found.has_passed
    assert "materialise it first" in found.message
