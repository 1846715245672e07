"""Judges of what was sent and what the exchange made of it: permits, kills, at most once."""

from __future__ import annotations

from typing import Final

import polars as pl

from simcore.chaos.evidence import Evidence, Finding, Run, finding, low_half
from simcore.chaos.kinds import Kind
from simcore.chaos.scopes import covers

NEVER: Final = 2**64 - 1
FIRST_EPOCH: Final = 0


def permit(evidence: Evidence) -> Finding:
    """Judge S01: every entry was sent under a permit that was in force at that moment.

    Args:
        evidence: The run; permits count only if their record stands in the log.

    Returns:
        One case for each sending of an entry, and one for each order said to be sent without a
        record of it. A sending that no order owns counts as an entry.
    """
    run = evidence.run
    entries = run.sent.filter(pl.col("purpose").fill_null("ENTER") == "ENTER")
    logged = run.events(Kind.PERMIT).select(permit_seq="seq", is_logged=pl.lit(True))
    permits = run.tables["permits"].select(
        "scope", "expires_ts", permit_seq="seq", permit_epoch="epoch"
    )
    judged = entries.with_columns(pl.col("permit_seq").cast(pl.UInt64, strict=False))
    judged = judged.join(permits, on="permit_seq", how="left")
    judged = judged.join(logged, on="permit_seq", how="left")
    judged = _with_epoch(judged, run)
    is_good = (
        pl.col("is_logged")
        & (pl.col("permit_seq") < pl.col("seq"))
        & (pl.col("ts") < pl.col("expires_ts"))
        & covers(pl.col("scope"), pl.col("strategy"), pl.col("instrument"))
        & (pl.col("permit_epoch") == pl.col("epoch_in_force"))
        & (pl.col("scope_epoch") == pl.col("epoch_in_force"))
    )
    bad = judged.filter(~is_good.fill_null(False))
    unlogged = _sent_without_record(run)
    return finding(judged.height + unlogged.len(), pl.concat([bad["seq"], unlogged]))


def _with_epoch(judged: pl.DataFrame, run: Run) -> pl.DataFrame:
    """Add the epoch of each permit's scope at the sending, recomputed from the log."""
    epochs = run.events(Kind.EPOCH).select("seq", scope="subj", epoch_in_force="i0").sort("seq")
    return (
        judged.sort("seq")
        .join_asof(epochs, on="seq", by="scope", check_sortedness=False)
        .with_columns(pl.col("epoch_in_force").fill_null(FIRST_EPOCH))
    )


def _sent_without_record(run: Run) -> pl.Series:
    """Return the first sendings that orders claim and the log does not have of them."""
    recorded = run.events(Kind.ORDER_SENT).select("subj", sent_seq="seq")
    claimed = run.tables["orders"].select("sent_seq", subj=low_half("cloid")).drop_nulls()
    return claimed.join(recorded, on=["subj", "sent_seq"], how="anti")["sent_seq"]


def kill_is_absolute(evidence: Evidence) -> Finding:
    """Judge S02: between a kill and its rearm nothing leaves its scope but what closes it.

    Args:
        evidence: The run; trips and rearms are those of the log, not of the table of kills.

    Returns:
        One case for each sending within the scope and the time of a kill. A flattening order
        must face the position that the log had confirmed by then, and must not exceed it.
    """
    run = evidence.run
    kills = _kills(run)
    caught = run.sent.join(kills, how="cross").filter(
        (pl.col("trip_seq") < pl.col("seq"))
        & (pl.col("seq") < pl.col("rearm_seq"))
        & covers(pl.col("scope"), pl.col("strategy"), pl.col("instrument"))
    )
    positions = run.events(Kind.POS).select(
        "seq", instrument=pl.col("subj").cast(pl.Int64), held_lot="i1"
    )
    caught = caught.sort("seq").join_asof(
        positions.sort("seq"), on="seq", by="instrument", check_sortedness=False
    )
    signed = pl.col("side") * pl.col("qty_lot")
    reduces = (signed * pl.col("held_lot") < 0) & (signed.abs() <= pl.col("held_lot").abs())
    is_good = (pl.col("purpose") == "CANCEL") | ((pl.col("purpose") == "FLATTEN") & reduces)
    return finding(caught.height, caught.filter(~is_good.fill_null(False))["seq"])


def _kills(run: Run) -> pl.DataFrame:
    """Return scope and span of every kill: ``scope, trip_seq, rearm_seq``."""
    rearms = run.events(Kind.REARM).select("subj", rearm_seq="seq").sort("rearm_seq")
    trips = run.events(Kind.KILL_TRIP).select("subj", trip_seq="seq").sort("trip_seq")
    return trips.join_asof(
        rearms, left_on="trip_seq", right_on="rearm_seq", by="subj", strategy="forward",
        check_sortedness=False,
    ).select("trip_seq", pl.col("rearm_seq").fill_null(NEVER), scope="subj")  # fmt: skip


def at_most_once(evidence: Evidence) -> Finding:
    """Judge S04: the exchange created each order once, and filled no intent beyond its size.

    Args:
        evidence: The run; what happened is what the exchange's log says.

    Returns:
        One case for each client order id that was created, and one for each intent that was
        traded. An order without an intent may not exceed its own size; a trade of no known
        order may not be. Records are those of the exchange's log.
    """
    run = evidence.run
    traded = run.exchange(Kind.X_TRADE).join(_allowances(run), on="cloid", how="left")
    cases = run.exchange(Kind.X_CREATED)["cloid"].n_unique() + traded["owner"].n_unique()
    return finding(cases, duplicates(run)["seq"])


def duplicates(run: Run) -> pl.DataFrame:
    """Return the exchange's records by which an order came to exist twice, or was overfilled.

    Args:
        run: The run.

    Returns:
        ``seq, ts``: every creation of a client order id after its first, and for each intent the
        first trade beyond its size.
    """
    created = run.exchange(Kind.X_CREATED).select("seq", "ts", "cloid").sort("seq")
    again = created.filter(pl.col("cloid").cum_count().over("cloid") > 1).select("seq", "ts")
    beyond = (
        run.exchange(Kind.X_TRADE)
        .select("seq", "ts", "cloid", "qty_lot")
        .join(_allowances(run), on="cloid", how="left")
        .sort("seq")
        .with_columns(traded_lot=pl.col("qty_lot").cum_sum().over("owner"))
        .filter(pl.col("traded_lot") > pl.col("allowed_lot").fill_null(0))
        .unique("owner", keep="first", maintain_order=True)
        .select("seq", "ts")
    )
    return pl.concat([again, beyond]).sort("seq")


def _allowances(run: Run) -> pl.DataFrame:
    """Return what each order may trade, and with which other orders it shares that allowance.

    Orders of one intent share the intent's size; an order without an intent has its own.
    """
    sizes = run.tables["intents"].select("intent_id", intended_lot="qty_lot")
    orders = run.tables["orders"].select("cloid", "intent_id", ordered_lot="qty_lot")
    is_wanted = pl.col("intended_lot").is_not_null()
    return orders.join(sizes, on="intent_id", how="left").select(
        "cloid",
        allowed_lot=pl.coalesce("intended_lot", "ordered_lot"),
        owner=pl.when(is_wanted)
        .then(pl.col("intent_id").cast(pl.String))
        .otherwise(pl.col("cloid").bin.encode("hex")),
    )
