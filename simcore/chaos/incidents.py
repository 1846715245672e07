"""Incidents, recomputed from the logs: when each began, when nothing was left of it, what it cost.

An incident begins with an injection. It lasts until the injection is cleared and nothing that
began in the meantime is still open: no kill without rearm, no crash without reconciliation, no
order of unknown fate. What the system itself claims about its health is not asked.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simcore.chaos.evidence import Run, greatest, least
from simcore.chaos.kinds import CONTROL_KINDS, Kind
from simcore.chaos.twin import loss

# What ends each kind of trouble of the same subject. Reconciliation ends that of the whole book.
_ENDED_BY: Final = {
    Kind.KILL_TRIP: (Kind.REARM,),
    Kind.UNKNOWN: (Kind.ORDER_TRUTH, Kind.ACK, Kind.FILL_CLAIM, Kind.CANCEL_ACK, Kind.DONE),
}
NOT_FOUND: Final = 0  # an answer that says nothing yet: the order may still be under way
OPEN: Final = 2**63 - 1


def incidents(run: Run) -> pl.DataFrame:
    """Return the incidents of a run.

    Args:
        run: Any arm; the twin has none.

    Returns:
        One row for each injection that struck: ``inj_id, opened_seq, clear_seq, closed_seq,
        ts_open, ts_clear, ts_close``; the last ones null while it was not cleared or closed.
    """
    strikes = run.events(Kind.INJECT).select(inj_id="subj", opened_seq="seq", ts_open="ts")
    clears = (
        run.events(Kind.CLEAR)
        .group_by(inj_id="subj")
        .agg(clear_seq=pl.col("seq").first(), ts_clear=pl.col("ts").first())
    )
    rows = strikes.join(clears, on="inj_id", how="left").sort("opened_seq")
    troubles = _troubles(run)
    closed = [
        _closed(troubles, opened, cleared)
        for opened, cleared in rows.select("opened_seq", "clear_seq").iter_rows()
    ]
    at = run.tables["events"].select(closed_seq="seq", ts_close="ts")
    return rows.with_columns(closed_seq=pl.Series(closed, dtype=pl.UInt64)).join(
        at, on="closed_seq", how="left", maintain_order="left"
    )


def _troubles(run: Run) -> NDArray[np.int64]:
    """Return first and last record of every trouble of the run, ``(n, 2)``."""
    spans: list[pl.DataFrame] = []
    for start, ends in _ENDED_BY.items():
        is_answer = (pl.col("kind") != Kind.ORDER_TRUTH) | (pl.col("i0") != NOT_FOUND)
        ended = run.events(*ends).filter(is_answer).select("subj", end="seq").sort("end")
        began = run.events(start).select("subj", start="seq").sort("start")
        spans.append(
            began.join_asof(
                ended, left_on="start", right_on="end", by="subj", strategy="forward",
                check_sortedness=False,
            ).select("start", "end")
        )  # fmt: skip
    sound = run.events(Kind.RECON_OK).select(end="seq").sort("end")
    began = run.events(Kind.CRASHED).select(start="seq").sort("start")
    spans.append(began.join_asof(sound, left_on="start", right_on="end", strategy="forward"))
    whole = pl.concat(spans).with_columns(pl.all().cast(pl.Int64)).fill_null(OPEN)
    return whole.sort("start").to_numpy()


def _closed(troubles: NDArray[np.int64], opened: int, cleared: int | None) -> int | None:
    """Return the last record of an incident, or None if it never closed."""
    if cleared is None:
        return None
    end = cleared
    for start, last in troubles:
        if start > end:
            break
        if start >= opened:
            end = max(end, int(last))
    return None if end == OPEN else end


def reached_by(run: Run, seq: int) -> NDArray[np.bool_]:
    """Return whether each record's chain of causes passes through the record `seq`.

    Args:
        run: Its log is dense from zero, and causes precede.
        seq: Record, from zero.

    Returns:
        One value for each record, ``(n_events,)``.
    """
    own = run.tables["events"]["seq"].cast(pl.Int64)
    cause = run.tables["events"]["cause_seq"].cast(pl.Int64).fill_null(own).to_numpy()
    reached = np.arange(cause.size) == seq
    # Doubling the length of the step at each round reaches every ancestor in log2(n) rounds.
    step = cause.copy()
    while True:
        further = reached | reached[step]
        step = step[step]
        if (further == reached).all() and (step == step[step]).all():
            return np.asarray(further, dtype=np.bool_)
        reached = further


def rows(run: Run, equity: pl.DataFrame, duplicates: pl.Series) -> list[dict[str, Any]]:
    """Return the rows of the incidents table.

    Args:
        run: The run.
        equity: Its equity, with that of the twin.
        duplicates: Moments of the exchange's records that created or filled something twice, ns.
    """
    return [
        _row(run, position + 1, incident, equity, duplicates)
        for position, incident in enumerate(incidents(run).iter_rows(named=True))
    ]


def _row(
    run: Run, inc_id: int, incident: dict[str, Any], equity: pl.DataFrame, duplicates: pl.Series
) -> dict[str, Any]:
    opened, ts_open, ts_close = incident["opened_seq"], incident["ts_open"], incident["ts_close"]
    until = OPEN if ts_close is None else ts_close
    controls = run.tables["events"].filter(
        pl.Series(reached_by(run, opened)) & pl.col("kind").is_in(list(CONTROL_KINDS))
    )
    kills = run.tables["kills"].filter(pl.col("ts_trip").is_between(ts_open, until))
    actions = run.events(Kind.OPERATOR_ACTION).filter(pl.col("ts").is_between(ts_open, until))
    return {
        "inc_id": inc_id,
        "inj_id": incident["inj_id"],
        "opened_seq": opened,
        "closed_seq": incident["closed_seq"],
        "ttd_ns": _since(ts_open, least(controls["ts"])),
        "tth_ns": _since(ts_open, least(kills["ts_trip"])),
        "ttc_ns": _longest(kills, "ts_cancel_done"),
        "ttf_ns": _longest(kills, "ts_flat"),
        "mttr_ns": _since(ts_open, ts_close),
        "loss_attr_uusd": None if ts_close is None else loss(equity, ts_close),
        "dup_orders": int(duplicates.is_between(ts_open, until).sum()),
        "human_actions": actions.height,
    }


def _since(start: int, end: int | None) -> int | None:
    return None if end is None else end - start


def _longest(kills: pl.DataFrame, moment: str) -> int | None:
    """Return the longest time from a trip to that moment; None if there is not one for each."""
    if kills.is_empty() or kills[moment].null_count():
        return None
    return greatest(kills[moment] - kills["ts_trip"])
