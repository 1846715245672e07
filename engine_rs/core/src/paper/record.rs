//! Rows that need more than the two logs: equity each minute, positions at each change, and whether
//! a kill was called for. What the logs alone give is made in `projection`.

use super::clock::MINUTE;
use super::cloid::NO_STRATEGY;
use super::code::{Cause, Level, PositionScope, State};
use super::desk::{Desk, share};
use super::exchange::Exchange;
use super::fault::Injector;
use super::gate::Gate;
use super::log::Event;
use super::market::Market;
use super::portfolio::Portfolio;
use super::scope::instrument_of;
use super::table::{Column, Table};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug)]
struct EquityRow {
    ts: i64,
    cash_uusd: i64,
    equity_uusd: i64,
    equity_truth_uusd: i64,
    peak_uusd: i64,
    gross_uusd: i64,
    net_uusd: i64,
    state: u8,
    permit: bool,
}

#[derive(Clone, Copy, Debug)]
struct PositionRow {
    seq: u64,
    ts: i64,
    instrument: u16,
    claimed_lot: i64,
    confirmed_lot: i64,
    truth_lot: i64,
    avg_tk: i64,
    mark_tk: i64,
    realised_uusd: i64,
    unrealised_uusd: i64,
    worst_case_uusd: i64,
}

/// Rows so far.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    equity: Vec<EquityRow>,
    positions: Vec<PositionRow>,
    /// By the record of the trip.
    justified: BTreeMap<u64, bool>,
}

impl Recorder {
    /// Notes the equity at the close of a minute.
    pub fn record_equity(
        &mut self,
        desk: &Desk,
        portfolio: &Portfolio,
        exchange: &Exchange,
        minute: i64,
    ) {
        let mark_tk = |at: usize| desk.feed.mark_tk(at);
        let holdings = portfolio.holdings();
        let n = desk.scopes.assets.len();
        let is_open = matches!(desk.scopes.state, State::Trading | State::Probation);
        self.equity.push(EquityRow {
            ts: (minute + 1) * MINUTE,
            cash_uusd: portfolio.cash_uusd(),
            equity_uusd: desk.equity_uusd,
            equity_truth_uusd: exchange.equity_uusd(mark_tk),
            peak_uusd: portfolio.peak_uusd(),
            gross_uusd: holdings.gross_uusd(mark_tk),
            net_uusd: holdings.net_uusd(mark_tk),
            state: desk.scopes.state.code(),
            permit: is_open && (0..n).any(|at| !desk.scopes.is_killed(at)),
        });
    }

    /// Notes a position at a POS record.
    pub fn record_position(
        &mut self,
        desk: &Desk,
        portfolio: &Portfolio,
        exchange: &Exchange,
        gate: &Gate,
        event: &Event,
    ) {
        let [claimed_lot, confirmed_lot, cost_uusd, mark_tk] = event.data;
        let instrument = event.subj as usize;
        self.positions.push(PositionRow {
            seq: event.seq,
            ts: event.ts,
            instrument: instrument as u16,
            claimed_lot,
            confirmed_lot,
            truth_lot: exchange.position_lot(instrument),
            avg_tk: if claimed_lot == 0 { 0 } else { cost_uusd / claimed_lot },
            mark_tk,
            realised_uusd: portfolio.realised_uusd(instrument),
            unrealised_uusd: claimed_lot * mark_tk - cost_uusd,
            worst_case_uusd: gate.worst_case_uusd(desk, instrument),
        });
    }

    /// Notes whether a kill was called for.
    ///
    /// The breaker's is if the market without any fall breaks the rule too, or if an injection is
    /// at work; the book's is if an injection is at work, or if none has struck so far, so that the
    /// twin has lost the same.
    pub fn record_trip(
        &mut self,
        market: &Market,
        injector: &Injector,
        desk: &Desk,
        event: &Event,
    ) {
        let struck = injector.rows().iter().filter(|row| row.t0 >= 0);
        let is_injected = struck.clone().any(|row| row.t_clear < 0);
        let is_called_for = if event.data[0] == i64::from(Cause::AssetBreaker.code()) {
            let instrument = instrument_of(event.subj).unwrap_or(0);
            let last = desk.feed.n_bars() as i64 - 1;
            let close = |minute: i64| market.undisturbed(instrument, minute).close_tk;
            let move_tk = (close(last) - close(last - 5)).abs();
            move_tk >= share(close(last - 5), desk.universe.limits.asset_breaker_ppm)
        } else {
            struck.count() == 0
        };
        self.justified.insert(event.seq, is_injected || is_called_for);
    }

    /// Whether the kill of that record was called for.
    pub fn is_justified(&self, trip_seq: u64) -> bool {
        self.justified.get(&trip_seq).copied().unwrap_or(false)
    }

    /// Table `equity`.
    pub fn equity_table(&self) -> Table {
        let rows = &self.equity;
        let money = |f: fn(&EquityRow) -> i64| Column::I64(rows.iter().map(f).collect());
        let fall = |row: &EquityRow| {
            let lost = i128::from(row.peak_uusd - row.equity_uusd) * 1_000_000;
            (lost / i128::from(row.peak_uusd)) as i32
        };
        Table::new(
            "equity",
            vec![
                ("ts", money(|row| row.ts)),
                ("level", Column::U8(vec![Level::Book.code(); rows.len()])),
                ("id", Column::U16(vec![0; rows.len()])),
                ("cash_uusd", money(|row| row.cash_uusd)),
                ("equity_uusd", money(|row| row.equity_uusd)),
                ("equity_truth_uusd", money(|row| row.equity_truth_uusd)),
                ("peak_uusd", money(|row| row.peak_uusd)),
                ("dd_ppm", Column::I32(rows.iter().map(fall).collect())),
                ("gross_uusd", money(|row| row.gross_uusd)),
                ("net_uusd", money(|row| row.net_uusd)),
                ("state", Column::U8(rows.iter().map(|row| row.state).collect())),
                ("permit", Column::Bool(rows.iter().map(|row| row.permit).collect())),
            ],
        )
    }

    /// Table `positions`.
    pub fn position_table(&self) -> Table {
        let rows = &self.positions;
        let number = |f: fn(&PositionRow) -> i64| Column::I64(rows.iter().map(f).collect());
        Table::new(
            "positions",
            vec![
                ("seq", Column::U64(rows.iter().map(|row| row.seq).collect())),
                ("ts", number(|row| row.ts)),
                ("scope", Column::U8(vec![PositionScope::Instrument.code(); rows.len()])),
                ("strategy", Column::U16(vec![NO_STRATEGY; rows.len()])),
                ("instrument", Column::U16(rows.iter().map(|row| row.instrument).collect())),
                ("claimed_lot", number(|row| row.claimed_lot)),
                ("confirmed_lot", number(|row| row.confirmed_lot)),
                ("truth_lot", number(|row| row.truth_lot)),
                ("avg_tk", number(|row| row.avg_tk)),
                ("mark_tk", number(|row| row.mark_tk)),
                ("realised_uusd", number(|row| row.realised_uusd)),
                ("unrealised_uusd", number(|row| row.unrealised_uusd)),
                ("worst_case_uusd", number(|row| row.worst_case_uusd)),
            ],
        )
    }
}
