"""Judge of the ledger: nothing is made, nothing is lost, and the venue agrees at the end."""

from __future__ import annotations

from typing import Final

import polars as pl

from simcore.chaos.evidence import Evidence, Finding, Run, finding
from simcore.chaos.kinds import Kind

CASH: Final = 0


def conservation(evidence: Evidence) -> Finding:
    """Judge S05: postings balance, equity is what the accounts hold, positions are the venue's.

    Args:
        evidence: The run, the money it began with and the money paid in since.

    Returns:
        One case for each posting set, each equity record and each instrument, and one for the
        cash at the end, which the exchange's trades and fees must explain.
    """
    run = evidence.run
    money_uusd = evidence.e0_uusd + evidence.external_uusd
    sets = _sets(run)
    equities = _equities(run, money_uusd)
    positions = _positions(run)
    last = equities.tail(1)
    bad = [
        sets.filter(pl.col("balance") != 0)["seq"],
        equities.filter(~pl.col("is_conserved").fill_null(False))["seq"],
        positions.filter(pl.col("traded_lot") != pl.col("confirmed_lot"))["seq"],
        last.filter(pl.col("said_uusd") != money_uusd - _paid_uusd(run))["seq"],
    ]
    cases = sets.height + equities.height + positions.height + last.height
    return finding(cases, pl.concat(bad))


def _sets(run: Run) -> pl.DataFrame:
    return (
        run.events(Kind.POST)
        .group_by("i3")
        .agg(balance=pl.col("i1").sum(), seq=pl.col("seq").min())
    )


def _equities(run: Run, money_uusd: int) -> pl.DataFrame:
    """Return each equity record and whether the accounts behind it hold what they must."""
    posts = run.events(Kind.POST).sort("seq")
    balances = posts.select(
        "seq",
        all_uusd=pl.col("i1").cum_sum(),
        cash_uusd=pl.when(pl.col("i0") == CASH).then("i1").otherwise(0).cum_sum(),
    )
    equities = run.events(Kind.EQUITY).select("seq", "ts", said_uusd="i0", equity_uusd="i1")
    judged = equities.sort("seq").join_asof(balances, on="seq", check_sortedness=False)
    return judged.with_columns(
        is_conserved=(pl.col("all_uusd").fill_null(0) == 0)
        & (pl.col("said_uusd") == money_uusd + pl.col("cash_uusd").fill_null(0))
    )


def _positions(run: Run) -> pl.DataFrame:
    """Return what each instrument traded at the venue and what the book confirmed at the end."""
    traded = (
        run.exchange(Kind.X_TRADE)
        .group_by(pl.col("instrument").cast(pl.Int64))
        .agg(traded_lot=(pl.col("side") * pl.col("qty_lot")).sum())
    )
    confirmed = (
        run.events(Kind.POS)
        .sort("seq")
        .group_by(instrument=pl.col("subj").cast(pl.Int64))
        .agg(confirmed_lot=pl.col("i1").last(), seq=pl.col("seq").last())
    )
    return traded.join(confirmed, on="instrument", how="full", coalesce=True).with_columns(
        pl.col("traded_lot", "confirmed_lot").fill_null(0), pl.col("seq").fill_null(0)
    )


def _paid_uusd(run: Run) -> int:
    """Return what the exchange took for trades and fees, net of what it paid."""
    cost = pl.col("side") * pl.col("qty_lot") * pl.col("px_tk") + pl.col("fee_uusd")
    return int(run.exchange(Kind.X_TRADE).select(cost.sum()).item() or 0)
