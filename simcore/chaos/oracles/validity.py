"""Judges of the experiment itself: each fault must be felt, the planted failure found."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import polars as pl

from simcore.chaos.evidence import Evidence, Finding, Run, greatest, least, low_half
from simcore.chaos.kinds import Kind
from simcore.chaos.oracles.chain import chain
from simcore.chaos.oracles.orders import at_most_once

# A crash is felt when this share of the target has been realised, in hundredths.
REALISED_PERCENT: Final = 95
BPS: Final = 10_000


def effect(evidence: Evidence) -> Finding:
    """Judge V1: every injection left a trace of its own kind, recomputed from the logs.

    Args:
        evidence: The run and its undisturbed market. What the injector says of its effect is
            not asked.

    Returns:
        One case for each planned injection; one that never struck has no effect. The record of
        a violation is that of the injection, if it struck.
    """
    traces = witnesses(evidence)
    missing = traces.filter(pl.col("witness_seq").is_null())
    return Finding(traces.height, missing.height, least(missing["opened_seq"]))


def witnesses(evidence: Evidence) -> pl.DataFrame:
    """Return the record that shows the effect of each planned injection.

    Args:
        evidence: The run and its undisturbed market.

    Returns:
        ``inj_id, kind, opened_seq, t0, t_clear, witness_seq``; the last four null for what did
        not happen.
    """
    run = evidence.run
    strikes = run.events(Kind.INJECT).select(inj_id="subj", opened_seq="seq", t0="ts")
    clears = (
        run.events(Kind.CLEAR).select(inj_id="subj", t_clear="ts").unique("inj_id", keep="first")
    )
    planned = run.tables["injections"].select(pl.col("inj_id").cast(pl.UInt64), "kind", "params")
    rows = planned.join(strikes, on="inj_id", how="left").join(clears, on="inj_id", how="left")
    found = [
        None if row["t0"] is None else _WITNESS[row["kind"]](evidence, row)
        for row in rows.sort("inj_id").iter_rows(named=True)
    ]
    return (
        rows.sort("inj_id")
        .drop("params")
        .with_columns(witness_seq=pl.Series(found, dtype=pl.UInt64))
    )


def _span(row: dict[str, Any]) -> tuple[int, int]:
    return int(row["t0"]), 2**63 - 1 if row["t_clear"] is None else int(row["t_clear"])


def _flash_crash(evidence: Evidence, row: dict[str, Any]) -> int | None:
    """Return the first mark of the lead asset that shows 95 % of the planned fall.

    Each mark is compared with the close of the same minute in the undisturbed market, and with
    what earlier falls had left of it when this one began.
    """
    if evidence.market is None:
        return None
    params = json.loads(row["params"])
    start, end = _span(row)
    marks = _marks(evidence.run, evidence.market, params["lead"])
    known = marks.filter(pl.col("ts") <= start)["left"]
    left = 1.0 if known.is_empty() else float(known[-1])
    target = params["drop_bps"] / BPS * REALISED_PERCENT / 100
    is_within = (pl.col("ts") > start) & (pl.col("ts") <= end)
    # Shares of whole ticks miss a round target by the last bits of a double, never by a tick.
    has_fallen = 1 - pl.col("left") / left >= target - 1e-12
    return least(marks.filter(is_within & has_fallen)["seq"])


def _marks(run: Run, market: pl.DataFrame, instrument: int) -> pl.DataFrame:
    """Return every mark of an asset in the log beside the undisturbed close of its minute.

    Positions are written with their mark, and the gate writes the mark it checked an order by.

    Returns:
        ``seq, ts, left``: the mark as a share of what it would have been.
    """
    positions = run.events(Kind.POS).filter(pl.col("subj") == instrument)
    names = run.tables["orders"].filter(pl.col("instrument") == instrument)
    checked = run.events(Kind.RISK_OK).join(
        names.select(subj=low_half("cloid")).unique(), on="subj", how="semi"
    )
    marks = pl.concat(
        [
            positions.select("seq", "ts", mark_tk="i3"),
            checked.select("seq", "ts", mark_tk="i0"),
        ]
    )
    own = market.filter(pl.col("instrument") == instrument).sort("known_at")
    return (
        marks.sort("ts", "seq")
        .join_asof(own, left_on="ts", right_on="known_at")
        .select("seq", "ts", left=pl.col("mark_tk") / pl.col("close_tk"))
        .drop_nulls("left")
    )


def _process_crash(evidence: Evidence, row: dict[str, Any]) -> int | None:
    """Return the supervisor's record of a crash between the strike and its clearing."""
    start, end = _span(row)
    crashes = evidence.run.events(Kind.CRASHED).filter(
        pl.col("ts").is_between(start, end) & (pl.col("seq") > row["opened_seq"])
    )
    return least(crashes["seq"])


def _api_timeout(evidence: Evidence, row: dict[str, Any]) -> int | None:
    """Return the record by which one unknown order existed at the exchange and one did not."""
    start, end = _span(row)
    run = evidence.run
    created = (
        run.exchange(Kind.X_CREATED)
        .with_columns(subj=low_half("cloid"))
        .group_by("subj")
        .agg(created_ts=pl.col("ts").min())
    )
    doubts = (
        run.events(Kind.UNKNOWN)
        .filter(pl.col("ts").is_between(start, end))
        .join(created, on="subj", how="left")
        .with_columns(exists=(pl.col("created_ts") <= pl.col("ts")).fill_null(False))
    )
    first = doubts.group_by("exists").agg(pl.col("seq").min())["seq"]
    return greatest(first) if first.len() == 2 else None


_WITNESS: Final[dict[str, Callable[[Evidence, dict[str, Any]], int | None]]] = {
    "A1": _flash_crash,
    "C1": _process_crash,
    "D1": _api_timeout,
}


def canary(evidence: Evidence) -> Finding:
    """Judge V4: the arm that lacks a control fails by S04, on logs that verify.

    Args:
        evidence: The run and its canary.

    Returns:
        One case, the canary; none if there was no canary, which leaves the matter undecided.
    """
    if evidence.canary is None:
        return Finding(0, 0)
    planted = Evidence(evidence.canary, e0_uusd=evidence.e0_uusd, days=evidence.days)
    is_caught = at_most_once(planted).violations > 0
    is_honest = chain(planted).violations == 0
    return Finding(1, 0 if is_caught and is_honest else 1)
