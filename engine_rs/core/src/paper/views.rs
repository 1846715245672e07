//! Tables that are views of the two logs, column by column.

use super::cloid::strategy_of;
use super::code::{Origin, Tif};
use super::exchange::Exchange;
use super::fault::Row;
use super::log::{Anchor, Log, NONE, XLog};
use super::projection::{Fill, Intent, Kill, NEVER, Order, Projection};
use super::record::Recorder;
use super::table::{Column, Table};

impl Projection {
    /// Table `intents`.
    pub fn intent_table(&self) -> Table {
        let rows = &self.intents;
        Table::new(
            "intents",
            vec![
                ("intent_id", Column::U64(rows.iter().map(|row| row.id).collect())),
                ("ts", Column::I64(rows.iter().map(|row| row.ts).collect())),
                ("strategy", Column::U16(rows.iter().map(|row| strategy_of(row.id)).collect())),
                ("instrument", Column::U16(rows.iter().map(Intent::instrument).collect())),
                ("side", Column::I8(rows.iter().map(Intent::side).collect())),
                ("qty_lot", Column::I64(rows.iter().map(|row| row.qty_lot).collect())),
                ("cause_seq", Column::U64(rows.iter().map(|row| row.cause_seq).collect())),
                ("status", Column::U8(rows.iter().map(|row| row.status).collect())),
            ],
        )
    }

    /// Table `permits`.
    pub fn permit_table(&self) -> Table {
        let rows = &self.permits;
        let small = |at: usize| Column::U32(rows.iter().map(|row| row.data[at] as u32).collect());
        Table::new(
            "permits",
            vec![
                ("seq", Column::U64(rows.iter().map(|row| row.seq).collect())),
                ("scope", Column::U64(rows.iter().map(|row| row.subj).collect())),
                ("epoch", small(0)),
                ("max_risk_uusd", Column::I64(rows.iter().map(|row| row.data[1]).collect())),
                ("ts", Column::I64(rows.iter().map(|row| row.ts).collect())),
                ("expires_ts", Column::I64(rows.iter().map(|row| row.data[2]).collect())),
                ("issuer_epoch", small(3)),
            ],
        )
    }

    /// Table `kills`.
    pub fn kill_table(&self, recorder: &Recorder) -> Table {
        let rows = &self.kills;
        let seq =
            |f: fn(&Kill) -> (u64, i64)| Column::U64(rows.iter().map(|row| f(row).0).collect());
        let ts =
            |f: fn(&Kill) -> (u64, i64)| Column::I64(rows.iter().map(|row| f(row).1).collect());
        let justified = rows.iter().map(|row| recorder.is_justified(row.trip.0)).collect();
        Table::new(
            "kills",
            vec![
                ("scope", Column::U64(rows.iter().map(|row| row.scope).collect())),
                ("cause", Column::U16(rows.iter().map(|row| row.cause).collect())),
                ("trip_seq", seq(|row| row.trip)),
                ("cancel_done_seq", seq(|row| row.cancel_done)),
                ("flat_seq", seq(|row| row.flat)),
                ("rearm_seq", seq(|row| row.rearm)),
                ("ts_trip", ts(|row| row.trip)),
                ("ts_cancel_done", ts(|row| row.cancel_done)),
                ("ts_flat", ts(|row| row.flat)),
                ("ts_rearm", ts(|row| row.rearm)),
                ("justified", Column::Bool(justified)),
            ],
        )
    }

    /// Table `orders`; the exchange says what is true of each.
    pub fn order_table(&self, exchange: &Exchange) -> Table {
        let rows = &self.orders;
        let intent = |row: &Order| self.intents[row.intent];
        let long = |f: fn(&Order) -> i64| Column::I64(rows.iter().map(f).collect());
        let short = |f: fn(&Order) -> u8| Column::U8(rows.iter().map(f).collect());
        let truth = rows.iter().map(|row| row.truth(exchange));
        let (truths, lots): (Vec<u8>, Vec<i64>) =
            truth.map(|(status, lot, _)| (status, lot)).unzip();
        let arrived = rows.iter().map(|row| row.truth(exchange).2).collect();
        let ids: Vec<u64> = rows.iter().map(|row| intent(row).id).collect();
        let strategies = ids.iter().map(|id| strategy_of(*id)).collect();
        let permits = rows.iter().map(|row| row.permit_seq).collect();
        Table::new(
            "orders",
            vec![
                (
                    "cloid",
                    Column::Bytes16(rows.iter().map(|row| row.cloid.to_le_bytes()).collect()),
                ),
                ("intent_id", Column::U64(ids.clone())),
                ("parent_id", Column::U64(ids)),
                ("strategy", Column::U16(strategies)),
                ("instrument", Column::U16(rows.iter().map(|r| intent(r).instrument()).collect())),
                ("side", Column::I8(rows.iter().map(|row| intent(row).side()).collect())),
                ("type", short(|row| row.order_type)),
                ("tif", Column::U8(vec![Tif::Gtc.code(); rows.len()])),
                ("purpose", short(|row| row.purpose)),
                ("qty_lot", long(|row| row.qty_lot)),
                ("limit_tk", long(|row| row.limit_tk)),
                ("permit_seq", Column::U64(permits)),
                ("scope_epoch", Column::U32(rows.iter().map(|row| row.scope_epoch).collect())),
                ("sent_seq", Column::U64(rows.iter().map(|row| row.sent_seq).collect())),
                ("reduces", Column::Bool(rows.iter().map(|row| row.reduces).collect())),
                ("ts_intent", Column::I64(rows.iter().map(|row| intent(row).ts).collect())),
                ("ts_gate", long(|row| row.ts_gate)),
                ("ts_sent", long(|row| row.ts_sent)),
                ("ts_venue", Column::I64(arrived)),
                ("ts_ack", long(|row| row.ts_ack)),
                ("ts_done", long(|row| row.ts_done)),
                ("status", short(|row| row.status)),
                ("status_truth", Column::U8(truths)),
                ("unknown_ns", long(|row| row.unknown_ns)),
                ("deny_code", Column::U16(rows.iter().map(|row| row.deny_code).collect())),
                ("filled_lot", long(|row| row.filled_lot)),
                ("filled_truth_lot", Column::I64(lots)),
                ("retries", short(|row| row.n_sent.saturating_sub(1))),
                ("wc_exposure_uusd", long(|row| row.wc_exposure_uusd)),
            ],
        )
    }

    /// Table `fills`.
    pub fn fill_table(&self) -> Table {
        let rows = &self.fills;
        let long = |f: fn(&Fill) -> i64| Column::I64(rows.iter().map(f).collect());
        let order = |row: &Fill| self.orders[row.order];
        Table::new(
            "fills",
            vec![
                ("exec_id", Column::U64(rows.iter().map(|row| row.exec_id).collect())),
                (
                    "cloid",
                    Column::Bytes16(rows.iter().map(|r| order(r).cloid.to_le_bytes()).collect()),
                ),
                ("instrument", Column::U16(rows.iter().map(|row| row.instrument).collect())),
                (
                    "side",
                    Column::I8(rows.iter().map(|row| row.signed_lot.signum() as i8).collect()),
                ),
                ("qty_lot", long(|row| row.signed_lot.abs())),
                ("px_tk", long(|row| row.px_tk)),
                ("fee_uusd", long(|row| row.fee_uusd)),
                ("liquidity", Column::U8(rows.iter().map(|row| row.liquidity).collect())),
                ("ts_trade", long(|row| row.ts_trade)),
                ("ts_claim", long(|row| row.ts_claim)),
                ("ts_confirmed", long(|row| row.ts_confirmed)),
                ("ts_reversed", Column::I64(vec![NEVER; rows.len()])),
                ("origin", Column::U8(vec![Origin::Venue.code(); rows.len()])),
                (
                    "slippage_cbp",
                    Column::I32(rows.iter().map(|r| r.slippage_cbp(&order(r))).collect()),
                ),
            ],
        )
    }
}

/// Table `events`.
pub fn event_table(log: &Log) -> Table {
    let rows = log.events();
    let word = |at: usize| Column::I64(rows.iter().map(|row| row.data[at]).collect());
    Table::new(
        "events",
        vec![
            ("seq", Column::U64(rows.iter().map(|row| row.seq).collect())),
            ("ts", Column::I64(rows.iter().map(|row| row.ts).collect())),
            ("kind", Column::U16(rows.iter().map(|row| row.kind.code()).collect())),
            ("src", Column::U16(rows.iter().map(|row| row.src.code()).collect())),
            ("subj", Column::U64(rows.iter().map(|row| row.subj).collect())),
            ("cause_seq", Column::U64(rows.iter().map(|row| row.cause_seq).collect())),
            ("agent_epoch", Column::U32(rows.iter().map(|row| row.agent_epoch).collect())),
            ("i0", word(0)),
            ("i1", word(1)),
            ("i2", word(2)),
            ("i3", word(3)),
            ("page", Column::U32(log.pages().to_vec())),
        ],
    )
}

/// Table `xlog`.
pub fn xlog_table(log: &XLog) -> Table {
    let rows = log.events();
    Table::new(
        "xlog",
        vec![
            ("seq", Column::U64(rows.iter().map(|row| row.seq).collect())),
            ("ts", Column::I64(rows.iter().map(|row| row.ts).collect())),
            ("kind", Column::U16(rows.iter().map(|row| row.kind.code()).collect())),
            ("cloid", Column::Bytes16(rows.iter().map(|row| row.cloid.to_le_bytes()).collect())),
            ("exec_id", Column::U64(rows.iter().map(|row| row.exec_id).collect())),
            ("instrument", Column::U16(rows.iter().map(|row| row.instrument).collect())),
            ("side", Column::I8(rows.iter().map(|row| row.side).collect())),
            ("qty_lot", Column::I64(rows.iter().map(|row| row.qty_lot).collect())),
            ("px_tk", Column::I64(rows.iter().map(|row| row.px_tk).collect())),
            ("fee_uusd", Column::I64(rows.iter().map(|row| row.fee_uusd).collect())),
            ("pos_lot", Column::I64(rows.iter().map(|row| row.pos_lot).collect())),
            ("cash_uusd", Column::I64(rows.iter().map(|row| row.cash_uusd).collect())),
            ("reason", Column::U16(rows.iter().map(|row| row.reason).collect())),
            ("page", Column::U32(log.pages().to_vec())),
        ],
    )
}

/// Table `anchors`.
pub fn anchor_table(system: &Log, exchange: &XLog) -> Table {
    let rows: Vec<&Anchor> = system.anchors().iter().chain(exchange.anchors()).collect();
    Table::new(
        "anchors",
        vec![
            ("log", Column::U8(rows.iter().map(|row| row.log.code()).collect())),
            ("day", Column::U32(rows.iter().map(|row| row.day).collect())),
            ("seq", Column::U64(rows.iter().map(|row| row.seq).collect())),
            ("page", Column::U32(rows.iter().map(|row| row.page).collect())),
            ("hash", Column::Text(rows.iter().map(|row| row.hash.clone()).collect())),
        ],
    )
}

/// Table `injections`.
pub fn injection_table(rows: &[Row]) -> Table {
    Table::new(
        "injections",
        vec![
            ("inj_id", Column::U32(rows.iter().map(|row| row.plan.inj_id).collect())),
            ("kind", Column::U8(rows.iter().map(|row| row.plan.harm.kind().code()).collect())),
            ("intensity", Column::U8(rows.iter().map(|row| row.plan.intensity.code()).collect())),
            ("sham", Column::Bool(vec![false; rows.len()])),
            ("target", Column::U64(rows.iter().map(|row| row.plan.harm.target()).collect())),
            ("params", Column::Text(rows.iter().map(|row| row.plan.params.clone()).collect())),
            ("t_arm", Column::I64(rows.iter().map(|row| row.plan.t_arm).collect())),
            ("t0", Column::I64(rows.iter().map(|row| row.t0).collect())),
            ("t_clear", Column::I64(rows.iter().map(|row| row.t_clear).collect())),
            ("effective", Column::Bool(rows.iter().map(|row| row.witness_seq != NONE).collect())),
            ("witness_seq", Column::U64(rows.iter().map(|row| row.witness_seq).collect())),
        ],
    )
}
