//! The paper exchange: the truth about orders, fills, positions and cash, in a log of its own.
//!
//! It knows nothing of the system under test, and the system learns of it only by messages.

use super::clock::MINUTE;
use super::cloid::key;
use super::code::{Kind, Liquidity, OrderType, Reason, Truth};
use super::draw::{Draws, Purpose};
use super::log::{NONE, XEvent, XLog};
use super::market::Bar;
use std::collections::BTreeMap;

/// Share of a minute's volume that may be ours.
pub const PARTICIPATION_PPM: i64 = 100_000;
/// Fee of a resting order, basis points.
pub const MAKER_BPS: i64 = 1;
/// Fee of a marketable order, basis points.
pub const TAKER_BPS: i64 = 5;
/// Smallest order: 10 units of the quote currency.
pub const MIN_NOTIONAL_UUSD: i64 = 10_000_000;
/// Requests refused for no reason of ours, in calm weather.
pub const REJECT_PPM: i64 = 2_000;
const SPREAD_BPS: i64 = 2;
const BASELINE_REASONS: [Reason; 5] =
    [Reason::RateLimit, Reason::PriceCollar, Reason::MinNotional, Reason::Margin, Reason::Halted];

/// What makes a venue worse than it is in calm weather.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Weather {
    pub depth_ppm: i64,
    pub spread_mult: i64,
    pub latency_mult: i64,
    pub reject_ppm: i64,
}

/// No fault at all.
pub const CALM: Weather =
    Weather { depth_ppm: 1_000_000, spread_mult: 1, latency_mult: 1, reject_ppm: REJECT_PPM };

/// An order as it goes over the wire.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Request {
    pub cloid: u128,
    pub instrument: usize,
    pub side: i8,
    pub order_type: OrderType,
    pub qty_lot: i64,
    pub limit_tk: i64,
    /// The exchange refuses what arrives later.
    pub valid_until: i64,
}

/// One execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Trade {
    pub exec_id: u64,
    pub cloid: u128,
    pub instrument: usize,
    pub side: i8,
    pub qty_lot: i64,
    pub px_tk: i64,
    pub fee_uusd: i64,
    pub liquidity: Liquidity,
    pub ts: i64,
}

/// What the exchange knows of one client order id.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Known {
    pub truth: Truth,
    pub filled_lot: i64,
    /// When the request that made it arrived.
    pub arrived: i64,
}

/// An order in the exchange's list of open orders.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Open {
    pub cloid: u128,
    pub instrument: usize,
    pub side: i8,
    pub leaves_lot: i64,
    order_type: OrderType,
    limit_tk: i64,
    arrived: i64,
}

/// The account as the exchange shows it at one moment.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Snapshot {
    pub ts: i64,
    pub position_lot: Vec<i64>,
    pub open: Vec<Open>,
    /// Executions from the one that was asked for onwards.
    pub trades: Vec<Trade>,
}

/// The exchange.
#[derive(Clone, Debug)]
pub struct Exchange {
    known: BTreeMap<u128, Known>,
    /// Open orders by instrument, the earliest first.
    open: Vec<Vec<Open>>,
    /// What is left of each instrument's share of the minute.
    capacity_lot: Vec<i64>,
    trades: Vec<Trade>,
    position_lot: Vec<i64>,
    cash_uusd: i64,
    log: XLog,
}

impl Exchange {
    /// An exchange with one account that holds `cash_uusd`.
    pub fn new(n_instruments: usize, cash_uusd: i64, log: XLog) -> Self {
        let mut exchange = Self {
            known: BTreeMap::new(),
            open: vec![Vec::new(); n_instruments],
            capacity_lot: vec![0; n_instruments],
            trades: Vec::new(),
            position_lot: vec![0; n_instruments],
            cash_uusd,
            log,
        };
        for instrument in 0..n_instruments {
            exchange.write(0, Kind::XPhase, instrument, |_| {});
        }
        exchange
    }

    /// Takes an order in or refuses it.
    pub fn place(
        &mut self,
        now: i64,
        request: &Request,
        weather: &Weather,
        draws: &Draws,
    ) -> Result<(), Reason> {
        let is_new = !self.known.contains_key(&request.cloid);
        let refusal = self.refusal(now, request, weather, draws);
        if let Some(reason) = refusal {
            if is_new {
                let known = Known { truth: Truth::Rejected, filled_lot: 0, arrived: now };
                self.known.insert(request.cloid, known);
            }
            self.write(now, Kind::XRejected, request.instrument, |record| {
                describe(record, request);
                record.reason = reason.code();
            });
            return Err(reason);
        }
        let known = Known { truth: Truth::Open, filled_lot: 0, arrived: now };
        self.known.insert(request.cloid, known);
        self.open[request.instrument].push(Open {
            cloid: request.cloid,
            instrument: request.instrument,
            side: request.side,
            leaves_lot: request.qty_lot,
            order_type: request.order_type,
            limit_tk: request.limit_tk,
            arrived: now,
        });
        self.write(now, Kind::XCreated, request.instrument, |record| describe(record, request));
        Ok(())
    }

    fn refusal(
        &self,
        now: i64,
        request: &Request,
        weather: &Weather,
        draws: &Draws,
    ) -> Option<Reason> {
        let entity = key(request.cloid);
        let index = now as u64 * 2;
        if now > request.valid_until {
            return Some(Reason::ExpiredRequest);
        }
        if self.known.contains_key(&request.cloid) {
            return Some(Reason::DupCloid);
        }
        // A market order has no price to judge it by.
        let is_limit = request.order_type == OrderType::Limit;
        if is_limit && request.limit_tk * request.qty_lot < MIN_NOTIONAL_UUSD {
            return Some(Reason::MinNotional);
        }
        if draws.happens(weather.reject_ppm, Purpose::Rejects, entity, index) {
            let which = draws.below(5, Purpose::Rejects, entity, index + 1) as usize;
            return Some(BASELINE_REASONS[which]);
        }
        None
    }

    /// Cancels an order: what had been filled of it, or a refusal if it is not open.
    pub fn cancel(&mut self, now: i64, cloid: u128) -> Result<i64, Reason> {
        let place = self.open.iter().enumerate().find_map(|(instrument, orders)| {
            orders.iter().position(|open| open.cloid == cloid).map(|at| (instrument, at))
        });
        let Some((instrument, at)) = place else {
            return Err(Reason::NotOpen);
        };
        let open = self.open[instrument].remove(at);
        let known = self.known.get_mut(&cloid).expect("an open order is known");
        known.truth = Truth::Cancelled;
        let filled_lot = known.filled_lot;
        self.write(now, Kind::XCancelled, instrument, |record| {
            record.cloid = cloid;
            record.side = open.side;
            record.qty_lot = open.leaves_lot;
            record.px_tk = open.limit_tk;
        });
        Ok(filled_lot)
    }

    /// What became of a client order id.
    pub fn known(&self, cloid: u128) -> Option<Known> {
        self.known.get(&cloid).copied()
    }

    /// Whether an order of that name was ever taken in, and not refused.
    pub fn knows(&self, name: u64) -> bool {
        let known = self.known.iter().find(|(cloid, _)| key(**cloid) == name);
        known.is_some_and(|(_, known)| known.truth != Truth::Rejected)
    }

    /// The account now, with the executions from `first_exec` onwards.
    pub fn snapshot(&self, now: i64, first_exec: u64) -> Snapshot {
        Snapshot {
            ts: now,
            position_lot: self.position_lot.clone(),
            open: self.open.iter().flatten().copied().collect(),
            trades: self.trades[(first_exec as usize).min(self.trades.len())..].to_vec(),
        }
    }

    /// Opens a minute: every order that was there before it and can trade at its open does, the
    /// earliest first, up to our share of the minute's volume.
    pub fn open_minute(&mut self, now: i64, bars: &[Bar], weather: &Weather) -> Vec<Trade> {
        let mut trades = Vec::new();
        for (instrument, bar) in bars.iter().enumerate() {
            let share = i128::from(bar.volume_lot)
                * i128::from(PARTICIPATION_PPM)
                * i128::from(weather.depth_ppm);
            self.capacity_lot[instrument] = (share / 1_000_000_000_000) as i64;
            if self.open[instrument].is_empty() {
                continue;
            }
            let half_spread_tk =
                (bar.open_tk * SPREAD_BPS / 10_000).max(1) * weather.spread_mult / 2;
            self.match_orders(now, instrument, &mut trades, |order| {
                let ask = bar.open_tk + i64::from(order.side) * half_spread_tk;
                let px_tk = ask.clamp(bar.low_tk, bar.high_tk);
                let is_marketable = order.order_type == OrderType::Market
                    || i64::from(order.side) * (order.limit_tk - px_tk) >= 0;
                (order.arrived < now && is_marketable).then_some((px_tk, Liquidity::Taker))
            });
        }
        trades
    }

    /// Closes a minute: limit orders that rested since its open and were strictly crossed trade at
    /// their limit, up to what is left of our share.
    pub fn close_minute(&mut self, now: i64, bars: &[Bar]) -> Vec<Trade> {
        let mut trades = Vec::new();
        let opened_at = now + 1 - MINUTE;
        for (instrument, bar) in bars.iter().enumerate() {
            if self.open[instrument].is_empty() {
                continue;
            }
            self.match_orders(now, instrument, &mut trades, |order| {
                let is_crossed = if order.side > 0 {
                    bar.low_tk < order.limit_tk
                } else {
                    bar.high_tk > order.limit_tk
                };
                // A limit beyond the whole bar was marketable and waits for the next open.
                let is_within = (bar.low_tk..=bar.high_tk).contains(&order.limit_tk);
                let rests = order.order_type == OrderType::Limit && order.arrived < opened_at;
                (rests && is_crossed && is_within).then_some((order.limit_tk, Liquidity::Maker))
            });
        }
        trades
    }

    fn match_orders(
        &mut self,
        now: i64,
        instrument: usize,
        trades: &mut Vec<Trade>,
        price: impl Fn(&Open) -> Option<(i64, Liquidity)>,
    ) {
        for at in 0..self.open[instrument].len() {
            let order = self.open[instrument][at];
            let capacity = self.capacity_lot[instrument];
            let Some((px_tk, liquidity)) = price(&order) else {
                continue;
            };
            let qty_lot = order.leaves_lot.min(capacity);
            if qty_lot == 0 {
                continue;
            }
            self.capacity_lot[instrument] -= qty_lot;
            self.open[instrument][at].leaves_lot -= qty_lot;
            trades.push(self.trade(now, &order, qty_lot, px_tk, liquidity));
        }
        self.open[instrument].retain(|order| order.leaves_lot > 0);
    }

    fn trade(
        &mut self,
        now: i64,
        order: &Open,
        qty_lot: i64,
        px_tk: i64,
        liquidity: Liquidity,
    ) -> Trade {
        let known = self.known.get_mut(&order.cloid).expect("an open order is known");
        known.filled_lot += qty_lot;
        assert!(qty_lot <= order.leaves_lot, "no fill beyond what is left");
        if qty_lot == order.leaves_lot {
            known.truth = Truth::Filled;
        }
        let notional_uusd = px_tk * qty_lot;
        let trade = Trade {
            exec_id: self.trades.len() as u64,
            cloid: order.cloid,
            instrument: order.instrument,
            side: order.side,
            qty_lot,
            px_tk,
            fee_uusd: fee_uusd(notional_uusd, liquidity),
            liquidity,
            ts: now,
        };
        self.trades.push(trade);
        let side = i64::from(order.side);
        self.position_lot[order.instrument] += side * qty_lot;
        self.cash_uusd -= side * notional_uusd + trade.fee_uusd;
        self.write(now, Kind::XTrade, order.instrument, |record| {
            record.cloid = trade.cloid;
            record.exec_id = trade.exec_id;
            record.side = trade.side;
            record.qty_lot = qty_lot;
            record.px_tk = px_tk;
            record.fee_uusd = trade.fee_uusd;
        });
        trade
    }

    fn write(&mut self, now: i64, kind: Kind, instrument: usize, fill: impl FnOnce(&mut XEvent)) {
        let mut record = XEvent {
            seq: 0,
            ts: now,
            kind,
            cloid: 0,
            exec_id: NONE,
            instrument: instrument as u16,
            side: 0,
            qty_lot: 0,
            px_tk: 0,
            fee_uusd: 0,
            pos_lot: self.position_lot[instrument],
            cash_uusd: self.cash_uusd,
            reason: 0,
        };
        fill(&mut record);
        self.log.append(record);
    }

    /// Writes the positions of a day's end.
    pub fn write_positions(&mut self, now: i64) {
        for instrument in 0..self.position_lot.len() {
            self.write(now, Kind::XPos, instrument, |_| {});
        }
    }

    /// Position of one instrument.
    pub fn position_lot(&self, instrument: usize) -> i64 {
        self.position_lot[instrument]
    }

    /// Cash, and positions at these marks.
    pub fn equity_uusd(&self, mark_tk: impl Fn(usize) -> i64) -> i64 {
        let positions = self.position_lot.iter().enumerate();
        self.cash_uusd + positions.map(|(at, lot)| lot * mark_tk(at)).sum::<i64>()
    }

    /// Every execution so far.
    pub fn trades(&self) -> &[Trade] {
        &self.trades
    }

    /// Its log.
    pub fn log(&self) -> &XLog {
        &self.log
    }

    /// Closes the log's page and writes the anchor of a day.
    pub fn anchor(&mut self, day: u32) {
        self.log.anchor(day);
    }
}

/// Fee of an execution, rounded up to a micro-unit.
pub fn fee_uusd(notional_uusd: i64, liquidity: Liquidity) -> i64 {
    let bps = match liquidity {
        Liquidity::Maker => MAKER_BPS,
        Liquidity::Taker => TAKER_BPS,
    };
    (notional_uusd * bps + 9_999) / 10_000
}

fn describe(record: &mut XEvent, request: &Request) {
    record.cloid = request.cloid;
    record.side = request.side;
    record.qty_lot = request.qty_lot;
    record.px_tk = request.limit_tk;
}
