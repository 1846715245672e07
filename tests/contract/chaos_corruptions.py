"""Corruptions of an honest run, by the oracle that must see them; each draw picks another place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from typing import Any

import polars as pl
from chaos_tables import DAYS, PRICE_TK, record_bytes, run_of, seal, with_table

from simcore.chaos.evidence import Evidence, Run
from simcore.chaos.kinds import MINUTE_NS, Kind
from simcore.chaos.scopes import ASSET, scope
from simcore.seeds import derive

DRAWS = range(17)  # with three corruptions at least, fifty and more for each oracle

Corruption = Callable[[Evidence, int], Evidence]


def changed(run: Run, table: str, at: int, **values: Any) -> Run:
    """Return the run with other values in one row."""
    rows = run.tables[table]
    is_it = pl.int_range(pl.len()) == at
    columns = [
        pl.when(is_it).then(pl.lit(value, dtype=rows.schema[name])).otherwise(name).alias(name)
        for name, value in values.items()
    ]
    return with_table(run, table, rows.with_columns(columns))


def without(run: Run, table: str, at: int) -> Run:
    """Return the run without one row."""
    return with_table(run, table, run.tables[table].filter(pl.int_range(pl.len()) != at))


def twice(run: Run, table: str, at: int) -> Run:
    """Return the run with one row repeated behind itself."""
    rows = run.tables[table]
    return with_table(run, table, pl.concat([rows[: at + 1], rows[at:]]))


def places(run: Run, table: str, condition: pl.Expr) -> list[int]:
    """Return the rows for which a condition holds."""
    return (
        run.tables[table]
        .select(condition.alias("is"))
        .to_series()
        .fill_null(False)
        .arg_true()
        .to_list()
    )


def pick(found: list[int], draw: int, name: str) -> int:
    """Return one of the rows, by the draw."""
    assert found, f"{name}: nothing to corrupt"
    return found[derive(draw, name) % len(found)]


def at(run: Run, table: str, condition: pl.Expr, draw: int) -> int:
    return pick(places(run, table, condition), draw, table)


def kind(*kinds: Kind) -> pl.Expr:
    return pl.col("kind").is_in(list(kinds))


def on_run(change: Callable[[Run, int], Run]) -> Corruption:
    """Corrupt the judged run."""

    @wraps(change)
    def corrupted(known: Evidence, draw: int) -> Evidence:
        return replace(known, run=change(known.run, draw))

    return corrupted


def on_canary(change: Callable[[Run, int], Run]) -> Corruption:
    """Corrupt the canary."""

    @wraps(change)
    def corrupted(known: Evidence, draw: int) -> Evidence:
        assert known.canary is not None
        return replace(known, canary=change(known.canary, draw))

    return corrupted


def _entry(run: Run, draw: int) -> tuple[int, dict[str, Any]]:
    row = at(run, "orders", pl.col("purpose") == "ENTER", draw)
    return row, run.tables["orders"].row(row, named=True)


def _permit_of(run: Run, draw: int) -> tuple[int, dict[str, Any]]:
    order = _entry(run, draw)[1]
    return at(run, "permits", pl.col("seq") == order["permit_seq"], 0), order


def permit_is_gone(run: Run, draw: int) -> Run:
    return without(run, "permits", _permit_of(run, draw)[0])


def permit_has_expired(run: Run, draw: int) -> Run:
    row, order = _permit_of(run, draw)
    return changed(run, "permits", row, expires_ts=order["ts_sent"])


def permit_is_of_the_other_asset(run: Run, draw: int) -> Run:
    row, order = _permit_of(run, draw)
    return changed(run, "permits", row, scope=scope(ASSET, 1 - order["instrument"]))


def permit_is_forged(run: Run, draw: int) -> Run:
    order = _entry(run, draw)[1]
    return changed(run, "events", order["permit_seq"], kind=Kind.ACK)


def permit_is_of_an_old_epoch(run: Run, draw: int) -> Run:
    row, order = _permit_of(run, draw)
    return changed(run, "permits", row, epoch=order["scope_epoch"] + 1)


def permit_comes_after_the_order(run: Run, draw: int) -> Run:
    order = _entry(run, draw)[1]
    later = run.tables["permits"].filter(pl.col("seq") > order["sent_seq"])
    if later.is_empty():
        later = run.tables["permits"].tail(1)
    return changed(run, "events", order["sent_seq"], i3=int(later["seq"][-1]))


def sending_has_no_record(run: Run, draw: int) -> Run:
    row = _entry(run, draw)[0]
    return changed(run, "orders", row, sent_seq=draw)


def sending_has_no_order(run: Run, draw: int) -> Run:
    order = _entry(run, draw)[1]
    return changed(run, "events", order["sent_seq"], subj=draw, i3=0)


def entry_during_a_kill(run: Run, draw: int) -> Run:
    return changed(
        run, "orders", at(run, "orders", pl.col("purpose") == "FLATTEN", draw), purpose="ENTER"
    )


def rearm_never_came(run: Run, draw: int) -> Run:
    return changed(run, "events", at(run, "events", kind(Kind.REARM), draw), kind=Kind.ACK)


def _flattening(run: Run, draw: int) -> int:
    order = at(run, "orders", pl.col("purpose") == "FLATTEN", draw)
    return int(run.tables["orders"]["sent_seq"][order])


def flatten_grows_the_position(run: Run, draw: int) -> Run:
    seq = _flattening(run, draw)
    return changed(run, "events", seq, i0=run.tables["events"]["i0"][seq] ^ 1)


def flatten_exceeds_the_position(run: Run, draw: int) -> Run:
    seq = _flattening(run, draw)
    return changed(run, "events", seq, i1=run.tables["events"]["i1"][seq] + 1 + draw)


def kill_came_earlier(run: Run, draw: int) -> Run:
    trip = at(run, "events", kind(Kind.KILL_TRIP), draw)
    subj = run.tables["events"]["subj"][trip]
    return changed(run, "events", 1 + draw, kind=Kind.KILL_TRIP, subj=subj)


def created_twice(run: Run, draw: int) -> Run:
    return twice(run, "xlog", at(run, "xlog", kind(Kind.X_CREATED), draw))


def trade_is_larger(run: Run, draw: int) -> Run:
    row = at(run, "xlog", kind(Kind.X_TRADE), draw)
    return changed(run, "xlog", row, qty_lot=run.tables["xlog"]["qty_lot"][row] + 1 + draw)


def intent_was_smaller(run: Run, draw: int) -> Run:
    row = pick(list(range(run.tables["intents"].height)), draw, "intents")
    return changed(run, "intents", row, qty_lot=run.tables["intents"]["qty_lot"][row] - 1)


def trade_of_nobody(run: Run, draw: int) -> Run:
    row = at(run, "xlog", kind(Kind.X_TRADE), draw)
    return changed(run, "xlog", row, cloid=draw.to_bytes(16, "little"))


def traded_twice(run: Run, draw: int) -> Run:
    return twice(run, "xlog", at(run, "xlog", kind(Kind.X_TRADE), draw))


def posting_is_off_by_one(run: Run, draw: int) -> Run:
    row = at(run, "events", kind(Kind.POST), draw)
    return changed(run, "events", row, i1=run.tables["events"]["i1"][row] + (-1) ** draw)


def posting_is_missing(run: Run, draw: int) -> Run:
    # The fee and the realised profit may be nothing; cash and inventory never are.
    return without(run, "events", at(run, "events", kind(Kind.POST) & (pl.col("i0") < 2), draw))


def cash_is_invented(run: Run, draw: int) -> Run:
    row = at(run, "events", kind(Kind.EQUITY), draw)
    return changed(run, "events", row, i0=run.tables["events"]["i0"][row] + 1 + draw)


def trade_was_not_booked(run: Run, draw: int) -> Run:
    return twice(run, "xlog", at(run, "xlog", kind(Kind.X_TRADE), draw))


def confirmed_position_is_wrong(run: Run, draw: int) -> Run:
    last = places(run, "events", kind(Kind.POS) & (pl.col("subj") == draw % 2))[-1]
    return changed(run, "events", last, i1=run.tables["events"]["i1"][last] - 1 - draw)


def fee_differs_from_the_exchange(run: Run, draw: int) -> Run:
    row = at(run, "xlog", kind(Kind.X_TRADE), draw)
    return changed(run, "xlog", row, fee_uusd=run.tables["xlog"]["fee_uusd"][row] + 1)


def postings_cancel_across_sets(run: Run, draw: int) -> Run:
    row = at(run, "events", kind(Kind.POST) & (pl.col("i1") != 0), draw)
    return changed(run, "events", row, i3=run.tables["events"]["i3"][row] + 1)


def _some(run: Run, table: str, draw: int) -> int:
    return 1 + derive(draw, table) % (run.tables[table].height - 2)


def a_word_is_flipped(run: Run, draw: int) -> Run:
    row, word = _some(run, "events", draw), f"i{draw % 4}"
    return changed(run, "events", row, **{word: run.tables["events"][word][row] ^ (1 << draw)})


def the_exchange_is_edited(run: Run, draw: int) -> Run:
    row = _some(run, "xlog", draw)
    return changed(run, "xlog", row, px_tk=run.tables["xlog"]["px_tk"][row] + 1)


def a_record_is_dropped(run: Run, draw: int) -> Run:
    table = ("events", "xlog")[draw % 2]
    return without(run, table, _some(run, table, draw))


def a_record_is_repeated(run: Run, draw: int) -> Run:
    table = ("events", "xlog")[draw % 2]
    return twice(run, table, _some(run, table, draw))


def records_are_swapped(run: Run, draw: int) -> Run:
    rows = run.tables["events"]
    first = _some(run, "events", draw)
    return with_table(
        run, "events", pl.concat([rows[:first], rows[first + 1], rows[first], rows[first + 2 :]])
    )


def the_tail_is_cut(run: Run, draw: int) -> Run:
    rows = run.tables["events"]
    return with_table(run, "events", rows.head(rows.height - 1 - draw))


def the_last_day_is_cut_with_its_anchors(run: Run, draw: int) -> Run:
    kept = run.tables["anchors"].filter(pl.col("day") < DAYS - 1)
    last = kept.filter(pl.col("log") == "system")["seq"].max()
    cut = with_table(run, "events", run.tables["events"].filter(pl.col("seq") <= last))
    last = kept.filter(pl.col("log") == "exchange")["seq"].max()
    cut = with_table(cut, "xlog", cut.tables["xlog"].filter(pl.col("seq") <= last))
    return with_table(cut, "anchors", kept)


def an_anchor_is_forged(run: Run, draw: int) -> Run:
    row = draw % run.tables["anchors"].height
    forged = f"{draw:064x}"
    return changed(run, "anchors", row, hash=forged)


def the_last_anchor_is_missing(run: Run, draw: int) -> Run:
    name = ("system", "exchange")[draw % 2]
    last = places(run, "anchors", pl.col("log") == name)[-1]
    # Its twin of the last midnight holds the same page, so both must go to hide the end.
    return without(without(run, "anchors", last), "anchors", last - 1)


def an_effect_precedes_its_cause(run: Run, draw: int) -> Run:
    row = _some(run, "events", draw)
    return changed(run, "events", row, cause_seq=row + draw)


def time_goes_back(run: Run, draw: int) -> Run:
    row = _some(run, "events", draw) // 2 + 20
    return changed(run, "events", row, ts=0)


def the_log_is_of_another_run(run: Run, draw: int) -> Run:
    return replace(run, run_id=draw.to_bytes(16, "little"))


def the_log_is_of_another_seed(run: Run, draw: int) -> Run:
    return replace(run, seed=run.seed + 1 + draw)


def the_universe_was_another(run: Run, draw: int) -> Run:
    other = run.tables["anchors"].with_columns(universe_sha256=pl.lit(f"{draw:064x}"))
    return with_table(run, "anchors", other)


def the_exchange_is_rewritten_up_to_the_first_anchor(run: Run, draw: int) -> Run:
    edited = the_exchange_is_edited(run, draw)
    rows = edited.tables["xlog"].drop("page").to_dicts()
    _, anchors = seal(rows, "exchange", run.arm, record_bytes)
    first = places(run, "anchors", pl.col("log") == "exchange")[0]
    return changed(edited, "anchors", first, hash=anchors[0]["hash"])


def _orders_of(run: Run, strategy: int) -> pl.Expr:
    return (pl.col("strategy") == strategy) & pl.col("purpose").is_in(["ENTER", "EXIT"])


def a_strategy_stops(known: Evidence, draw: int) -> Evidence:
    rows = known.run.tables["orders"].filter(~_orders_of(known.run, draw % 3))
    return replace(known, run=with_table(known.run, "orders", rows))


def a_strategy_halves(known: Evidence, draw: int) -> Evidence:
    rows = known.run.tables["orders"]
    is_kept = ~_orders_of(known.run, draw % 3) | (pl.int_range(pl.len()) % 2 == draw % 2)
    return replace(known, run=with_table(known.run, "orders", rows.filter(is_kept)))


def a_strategy_is_never_sent(known: Evidence, draw: int) -> Evidence:
    rows = known.run.tables["orders"].with_columns(
        sent_seq=pl.when(_orders_of(known.run, draw % 3)).then(None).otherwise(pl.col("sent_seq"))
    )
    return replace(known, run=with_table(known.run, "orders", rows))


def nobody_trades_in_either_arm(known: Evidence, draw: int) -> Evidence:
    assert known.twin is not None
    run, twin = (
        with_table(each, "orders", each.tables["orders"].filter(pl.col("strategy") != draw % 3))
        for each in (known.run, known.twin)
    )
    return replace(known, run=run, twin=twin)


def _stopped(run: Run, after: int) -> Run:
    """Return the run without the orders that were sent after a moment."""
    rows = run.tables["orders"].filter(pl.col("ts_sent").is_null() | (pl.col("ts_sent") <= after))
    return with_table(run, "orders", rows)


def all_trading_stops_at_the_first_fault_which_is_never_over(run: Run, draw: int) -> Run:
    hit = run.events(Kind.INJECT)["ts"].to_list()[0]
    uncleared = run.tables["events"].filter(~kind(Kind.CLEAR))
    return _stopped(with_table(run, "events", uncleared), hit + draw * MINUTE_NS)


def all_trading_stops_when_the_last_fault_is_over(run: Run, draw: int) -> Run:
    cleared = run.events(Kind.CLEAR)["ts"].to_list()[-1]
    return _stopped(run, cleared + draw * MINUTE_NS)


def the_run_ends_with_its_first_fault(run: Run, draw: int) -> Run:
    hit = run.events(Kind.INJECT)["ts"].to_list()[0]
    events = run.tables["events"].filter(pl.col("ts") < hit - draw * MINUTE_NS)
    return _stopped(with_table(run, "events", events), hit - draw * MINUTE_NS)


def an_injection_never_struck(run: Run, draw: int) -> Run:
    return changed(run, "events", at(run, "events", kind(Kind.INJECT), draw), kind=Kind.ACK)


def nothing_crashed(run: Run, draw: int) -> Run:
    return changed(run, "events", at(run, "events", kind(Kind.CRASHED), draw), kind=Kind.ACK)


def the_price_did_not_fall(run: Run, draw: int) -> Run:
    floor = PRICE_TK - 1_424 * (draw + 1) // len(DRAWS)
    rows = run.tables["events"].with_columns(
        i0=pl.when(kind(Kind.RISK_OK)).then(pl.col("i0").clip(floor)).otherwise("i0"),
        i3=pl.when(kind(Kind.POS)).then(pl.col("i3").clip(floor)).otherwise("i3"),
    )
    return with_table(run, "events", rows)


def no_order_became_unknown(run: Run, draw: int) -> Run:
    return changed(run, "events", at(run, "events", kind(Kind.UNKNOWN), draw), kind=Kind.ACK)


def every_unknown_order_existed(run: Run, draw: int) -> Run:
    rows = run.tables["xlog"].with_columns(
        ts=pl.when(kind(Kind.X_CREATED)).then(pl.col("ts") - 4_000_000_000 - draw).otherwise("ts")
    )
    return with_table(run, "xlog", rows)


def the_canary_does_not_fail(known: Evidence, draw: int) -> Evidence:
    honest_run = run_of("twin") if draw % 2 else replace(known.run, arm="canary")
    return replace(known, canary=honest_run)


def the_canary_has_a_broken_log(run: Run, draw: int) -> Run:
    return a_word_is_flipped(run, draw)


def the_canary_trades_once(run: Run, draw: int) -> Run:
    again = run.tables["orders"].filter(pl.col("intent_id").is_duplicated())["cloid"]
    rows = run.tables["xlog"].filter((pl.col("cloid") != again[draw % again.len()]).fill_null(True))
    return with_table(run, "xlog", rows)


def _on_runs(*changes: Callable[[Run, int], Run]) -> tuple[Corruption, ...]:
    return tuple(map(on_run, changes))


CORRUPTIONS: Mapping[str, tuple[Corruption, ...]] = {
    "S01": _on_runs(
        permit_is_gone,
        permit_has_expired,
        permit_is_of_the_other_asset,
        permit_is_forged,
        permit_is_of_an_old_epoch,
        permit_comes_after_the_order,
        sending_has_no_record,
        sending_has_no_order,
    ),
    "S02": _on_runs(
        entry_during_a_kill,
        rearm_never_came,
        flatten_grows_the_position,
        flatten_exceeds_the_position,
        kill_came_earlier,
    ),
    "S04": _on_runs(
        created_twice, trade_is_larger, intent_was_smaller, trade_of_nobody, traded_twice
    ),
    "S05": _on_runs(
        posting_is_off_by_one,
        posting_is_missing,
        cash_is_invented,
        trade_was_not_booked,
        confirmed_position_is_wrong,
        fee_differs_from_the_exchange,
        postings_cancel_across_sets,
    ),
    "S09": _on_runs(
        a_word_is_flipped,
        the_exchange_is_edited,
        a_record_is_dropped,
        a_record_is_repeated,
        records_are_swapped,
        the_tail_is_cut,
        the_last_day_is_cut_with_its_anchors,
        an_anchor_is_forged,
        the_last_anchor_is_missing,
        an_effect_precedes_its_cause,
        time_goes_back,
        the_log_is_of_another_run,
        the_log_is_of_another_seed,
        the_universe_was_another,
        the_exchange_is_rewritten_up_to_the_first_anchor,
    ),
    "L1": (
        a_strategy_stops,
        a_strategy_halves,
        a_strategy_is_never_sent,
        nobody_trades_in_either_arm,
        on_run(all_trading_stops_at_the_first_fault_which_is_never_over),
        on_run(all_trading_stops_when_the_last_fault_is_over),
        on_run(the_run_ends_with_its_first_fault),
    ),
    "V1": _on_runs(
        an_injection_never_struck,
        nothing_crashed,
        the_price_did_not_fall,
        no_order_became_unknown,
        every_unknown_order_existed,
    ),
    "V4": (
        the_canary_does_not_fail,
        on_canary(the_canary_has_a_broken_log),
        on_canary(the_canary_trades_once),
    ),
}
