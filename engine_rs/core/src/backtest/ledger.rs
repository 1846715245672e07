//! What a run leaves behind: the steps of cash and position, the trades, and the equity and
//! record of the metrics that follow from them.

use super::order::ExitReason;
use super::tally::Tally;
use crate::bars::BarsView;
use crate::math::Sum;
use crate::metric::Record;
use crate::metric::trades::TradeTotals;
use crate::wide::{fetch, widest};
use std::ops::Range;

/// How many trades ahead prices are asked for, so that none waits for them.
const FETCHED_TRADES: usize = 6;
/// Of so many bars of each of them, …
const FETCHED_BARS: usize = 64;
/// … every one that begins another line of the cache.
const LINE_BARS: usize = 8;

/// Cash and position from the close of one bar on, until the next step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The bar.
    pub bar: usize,
    /// Cash.
    pub cash_quote: f64,
    /// Position; negative when short.
    pub position_base: f64,
}

/// One side of a trade.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leg {
    /// Bar of the fill.
    pub bar: usize,
    /// Price before slippage.
    pub raw_quote: f64,
    /// Price.
    pub price_quote: f64,
    /// Fee, or the share of it.
    pub fee_quote: f64,
    /// Whether it filled at the open of its bar.
    pub is_at_open: bool,
}

/// One closed trade.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Trade {
    /// +1 long, −1 short.
    pub side: f64,
    pub quantity_base: f64,
    pub entry: Leg,
    pub exit: Leg,
    pub reason: ExitReason,
    /// Number of the rule that entered.
    pub rule: u16,
    pub is_ambiguous: bool,
    /// Value at stake when it began, from the price paid to the stop; infinite without a stop.
    pub risk_quote: f64,
}

impl Trade {
    /// Profit on the prices paid, before fees.
    pub fn realised_quote(&self) -> f64 {
        self.side * self.quantity_base * (self.exit.price_quote - self.entry.price_quote)
    }

    /// Profit after fees.
    pub fn net_quote(&self) -> f64 {
        self.realised_quote() - (self.entry.fee_quote + self.exit.fee_quote)
    }

    /// Asks for the prices that its excursions will read, of the first bars of a long trade.
    fn fetch(&self, bars: &BarsView) {
        let (first, last) = (self.entry.bar, self.exit.bar);
        for bar in (first..last.min(first + FETCHED_BARS)).step_by(LINE_BARS).chain([last]) {
            fetch(bars.low, bar);
            fetch(bars.high, bar);
        }
        fetch(bars.open, last);
    }

    /// Worst and best excursion from the entry price, in basis points, never above and never
    /// below zero.
    ///
    /// Bars before that of the exit count whole, the entry's too, for what came before the fill is
    /// not known. Of the exit's bar, its open and the exit count, but at a close all of it.
    fn excursions_bps(&self, bars: &BarsView) -> (f64, f64) {
        let (first, last) = (self.entry.bar, self.exit.bar);
        let is_at_close = matches!(self.reason, ExitReason::EndOfData);
        let whole = first..if is_at_close { last + 1 } else { last };
        let mut points = [self.entry.raw_quote, self.exit.raw_quote, self.exit.raw_quote];
        if last > first {
            points[2] = bars.open[last];
        }
        let low = points.iter().copied().fold(f64::INFINITY, f64::min);
        let high = points.iter().copied().fold(0.0, f64::max);
        let (low, high) = extended(low, high, &bars.low[whole.clone()], &bars.high[whole]);
        let move_bps = |price: f64| {
            1e4 * self.side * (price - self.entry.price_quote) / self.entry.price_quote
        };
        let (a, b) = (move_bps(low), move_bps(high));
        (a.min(b).min(0.0), a.max(b).max(0.0))
    }
}

widest! {
    /// The lowest of `low` and the lows, and the highest of `high` and the highs, of which none is
    /// unknown.
    fn extended(low: f64, high: f64, lows: &[f64], highs: &[f64]) -> (f64, f64) {
        // Eight at a time, as none waits for another; not `min` and `max`, which look for NaN.
        let least = |a: f64, b: f64| if b < a { b } else { a };
        let most = |a: f64, b: f64| if b > a { b } else { a };
        let (mut lowest, mut highest) = ([low; 8], [high; 8]);
        let (low_eights, low_rest) = lows.as_chunks::<8>();
        let (high_eights, high_rest) = highs.as_chunks::<8>();
        for (lows, highs) in low_eights.iter().zip(high_eights) {
            for k in 0..8 {
                lowest[k] = least(lowest[k], lows[k]);
                highest[k] = most(highest[k], highs[k]);
            }
        }
        let low = lowest.iter().chain(low_rest).copied().fold(low, least);
        (low, highest.iter().chain(high_rest).copied().fold(high, most))
    }
}

/// The closed trades as columns; all have one length.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Trades {
    pub id: Vec<u32>,
    pub entry_bar: Vec<u32>,
    pub exit_bar: Vec<u32>,
    pub side: Vec<i8>,
    pub qty: Vec<f64>,
    pub entry_px: Vec<f64>,
    pub exit_px: Vec<f64>,
    pub entry_raw_px: Vec<f64>,
    pub exit_raw_px: Vec<f64>,
    pub fees: Vec<f64>,
    pub slippage_cost: Vec<f64>,
    pub gross_pnl: Vec<f64>,
    pub net_pnl: Vec<f64>,
    pub ret_bps: Vec<f64>,
    pub mae_bps: Vec<f64>,
    pub mfe_bps: Vec<f64>,
    pub bars_held: Vec<u32>,
    pub entry_tag: Vec<u16>,
    pub exit_reason: Vec<u8>,
    pub ambiguous: Vec<bool>,
}

impl Trades {
    fn with_capacity(n_trades: usize) -> Self {
        Self {
            id: Vec::with_capacity(n_trades),
            entry_bar: Vec::with_capacity(n_trades),
            exit_bar: Vec::with_capacity(n_trades),
            side: Vec::with_capacity(n_trades),
            qty: Vec::with_capacity(n_trades),
            entry_px: Vec::with_capacity(n_trades),
            exit_px: Vec::with_capacity(n_trades),
            entry_raw_px: Vec::with_capacity(n_trades),
            exit_raw_px: Vec::with_capacity(n_trades),
            fees: Vec::with_capacity(n_trades),
            slippage_cost: Vec::with_capacity(n_trades),
            gross_pnl: Vec::with_capacity(n_trades),
            net_pnl: Vec::with_capacity(n_trades),
            ret_bps: Vec::with_capacity(n_trades),
            mae_bps: Vec::with_capacity(n_trades),
            mfe_bps: Vec::with_capacity(n_trades),
            bars_held: Vec::with_capacity(n_trades),
            entry_tag: Vec::with_capacity(n_trades),
            exit_reason: Vec::with_capacity(n_trades),
            ambiguous: Vec::with_capacity(n_trades),
        }
    }

    /// Number of trades.
    pub fn len(&self) -> usize {
        self.id.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.id.is_empty()
    }

    fn push(&mut self, trade: &Trade, bars: &BarsView) {
        let Trade { entry, exit, side, quantity_base: qty, .. } = *trade;
        let slip = |leg: &Leg| (leg.price_quote - leg.raw_quote).abs();
        let net = trade.net_quote();
        let (mae, mfe) = trade.excursions_bps(bars);
        self.id.push(self.id.len() as u32);
        self.entry_bar.push(entry.bar as u32);
        self.exit_bar.push(exit.bar as u32);
        self.side.push(side as i8);
        self.qty.push(qty);
        self.entry_px.push(entry.price_quote);
        self.exit_px.push(exit.price_quote);
        self.entry_raw_px.push(entry.raw_quote);
        self.exit_raw_px.push(exit.raw_quote);
        self.fees.push(entry.fee_quote + exit.fee_quote);
        self.slippage_cost.push(qty * (slip(&entry) + slip(&exit)));
        self.gross_pnl.push(side * qty * (exit.raw_quote - entry.raw_quote));
        self.net_pnl.push(net);
        self.ret_bps.push(1e4 * net / (qty * entry.price_quote));
        self.mae_bps.push(mae);
        self.mfe_bps.push(mfe);
        self.bars_held.push((exit.bar - entry.bar) as u32);
        self.entry_tag.push(trade.rule);
        self.exit_reason.push(trade.reason as u8);
        self.ambiguous.push(trade.is_ambiguous);
    }
}

/// Account columns, one value a bar, and the trades.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Columns {
    pub equity_quote: Vec<f64>,
    pub cash_quote: Vec<f64>,
    pub position_base: Vec<f64>,
    pub trades: Trades,
}

/// Everything that was booked in a run, as it was booked; its columns follow from it and the
/// bars, and are laid out when they are asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Journal {
    initial_quote: f64,
    steps: Vec<Step>,
    trades: Vec<Trade>,
}

impl Journal {
    /// The bars on which cash or position changed, with what they were from that close on; before
    /// the first there was the initial cash and no position.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The closed trades, in the order they closed.
    pub fn closed(&self) -> &[Trade] {
        &self.trades
    }

    /// Stretches of bars with the same cash and position, up to bar `end`, exclusive.
    pub(super) fn spans(&self, end: usize) -> impl Iterator<Item = (Range<usize>, Step)> {
        spans(&self.steps, end, self.initial_quote)
    }

    /// Cash and position at every close; `bars` must be those of the run.
    pub fn equity_quote(&self, bars: &BarsView) -> Vec<f64> {
        let mut equity_quote = Vec::with_capacity(bars.len());
        for (span, step) in spans(&self.steps, bars.len(), self.initial_quote) {
            let Step { cash_quote: cash, position_base: position, .. } = step;
            if position == 0.0 {
                equity_quote.resize(span.end, cash);
            } else {
                equity_quote.extend(bars.close[span].iter().map(|price| cash + position * price));
            }
        }
        equity_quote
    }

    /// Cash at every close of so many bars.
    pub fn cash_quote(&self, n_bars: usize) -> Vec<f64> {
        self.by_step(n_bars, |step| step.cash_quote)
    }

    /// Position at every close of so many bars; negative when short.
    pub fn position_base(&self, n_bars: usize) -> Vec<f64> {
        self.by_step(n_bars, |step| step.position_base)
    }

    fn by_step(&self, n_bars: usize, value: impl Fn(&Step) -> f64) -> Vec<f64> {
        let mut column = Vec::with_capacity(n_bars);
        for (span, step) in spans(&self.steps, n_bars, self.initial_quote) {
            column.resize(span.end, value(&step));
        }
        column
    }

    /// The closed trades; `bars` must be those of the run.
    pub fn trades(&self, bars: &BarsView) -> Trades {
        let mut trades = Trades::with_capacity(self.trades.len());
        for (index, trade) in self.trades.iter().enumerate() {
            if let Some(later) = self.trades.get(index + FETCHED_TRADES) {
                later.fetch(bars);
            }
            trades.push(trade, bars);
        }
        trades
    }

    /// All of it; `bars` must be those of the run.
    pub fn columns(&self, bars: &BarsView) -> Columns {
        Columns {
            equity_quote: self.equity_quote(bars),
            cash_quote: self.cash_quote(bars.len()),
            position_base: self.position_base(bars.len()),
            trades: self.trades(bars),
        }
    }
}

/// Stretches of bars with the same cash and position, from the first bar to `end`.
#[inline(always)]
fn spans(
    steps: &[Step],
    end: usize,
    initial_quote: f64,
) -> impl Iterator<Item = (Range<usize>, Step)> {
    let start = Step { bar: 0, cash_quote: initial_quote, position_base: 0.0 };
    let ends = steps.iter().map(|step| step.bar).chain(std::iter::once(end));
    let steps = std::iter::once(start).chain(steps.iter().copied());
    steps.zip(ends).map(move |(step, next)| (step.bar..next.min(end), step))
}

widest! {
    /// Sums over the equity at the closes up to bar `end`.
    fn tallied(steps: &[Step], close: &[f64], end: usize, initial_quote: f64) -> Tally {
        let mut tally = Tally::new(initial_quote);
        for (span, step) in spans(steps, end, initial_quote) {
            if step.position_base == 0.0 {
                tally.add_flat(&step, span.len());
            } else {
                tally.add_held(&step, &close[span]);
            }
        }
        tally
    }
}

/// What a run writes down as it goes; used again for the next run.
#[derive(Debug, Default)]
pub struct Ledger {
    steps: Vec<Step>,
    is_full: bool,
    trades: Vec<Trade>,
    totals: TradeTotals,
    traded_quote: Sum,
}

impl Ledger {
    /// Forgets the last run. `is_full` keeps every trade, otherwise only their sums.
    pub fn begin(&mut self, is_full: bool) {
        self.steps.clear();
        self.trades.clear();
        self.is_full = is_full;
        self.totals = TradeTotals::default();
        self.traded_quote = Sum::default();
    }

    /// Writes down where the account stands at the close of a bar with fills.
    pub fn step(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Counts bars from `first_bar` on; nothing was written down before it.
    pub fn count_from(&mut self, first_bar: usize) {
        self.steps.iter_mut().for_each(|step| step.bar -= first_bar);
        for trade in &mut self.trades {
            trade.entry.bar -= first_bar;
            trade.exit.bar -= first_bar;
        }
    }

    /// Writes down the value of one fill.
    pub fn traded(&mut self, value_quote: f64) {
        self.traded_quote.add(value_quote);
    }

    /// Writes down a closed trade.
    pub fn trade(&mut self, trade: Trade) {
        self.totals.add(trade.net_quote());
        if self.is_full {
            self.trades.push(trade);
        }
    }

    /// What the metrics need. The run counts up to bar `end`, exclusive, where it was ruined or
    /// the bars are over.
    pub fn record(
        &self,
        close: &[f64],
        end: usize,
        initial_quote: f64,
        bars_per_year: f64,
        is_ruined: bool,
    ) -> Record {
        let tally = tallied(&self.steps, close, end, initial_quote);
        let dispersion = tally.moments.dispersion(end, |add| {
            let mut before = initial_quote;
            for (span, step) in spans(&self.steps, end, initial_quote) {
                for price in &close[span] {
                    let equity = step.cash_quote + step.position_base * price;
                    add(equity / before - 1.0);
                    before = equity;
                }
            }
        });
        Record {
            n_bars: end,
            bars_per_year,
            growth: tally.last_quote / initial_quote,
            excess: dispersion,
            over_minimum: dispersion,
            max_drawdown: tally.drawdown.deepest(),
            mean_growth: tally.equity_quote.value() / end as f64 / initial_quote,
            traded_growth: self.traded_quote.value() / initial_quote,
            trades: self.totals,
            is_ruined,
        }
    }

    /// A copy of what was written down.
    pub fn journal(&self, initial_quote: f64) -> Journal {
        Journal { initial_quote, steps: self.steps.clone(), trades: self.trades.clone() }
    }
}
