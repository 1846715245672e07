//! What a run leaves behind: the steps of cash and position, the trades, and the equity and
//! record of the metrics that follow from them.

use super::order::ExitReason;
use super::tally::Tally;
use crate::bars::BarsView;
use crate::math::Sum;
use crate::metric::Record;
use crate::metric::trades::TradeTotals;
use crate::wide::{fetch, widest};
use std::mem;
use std::ops::Range;

/// How many trades ahead prices are asked for, so that none waits for them.
const FETCHED_TRADES: usize = 6;
/// Of so many bars of each of them, …
const FETCHED_BARS: usize = 64;
/// … every one that begins another line of the cache.
const LINE_BARS: usize = 8;

/// Trades that become columns together: few enough to stay at hand from column to column.
const BLOCK_TRADES: usize = 64;

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
    pub rule: usize,
    pub is_ambiguous: bool,
    /// Value at stake when it began, from the price paid to the stop; infinite without a stop.
    pub risk_quote: f64,
}

impl Trade {
    /// Profit on the prices paid, before fees.
    pub fn realised_quote(&self) -> f64 {
        self.side * self.quantity_base * (self.exit.price_quote - self.entry.price_quote)
    }

    /// Profit on the prices before slippage, before fees.
    fn gross_quote(&self) -> f64 {
        self.side * self.quantity_base * (self.exit.raw_quote - self.entry.raw_quote)
    }

    /// Profit after fees.
    pub fn net_quote(&self) -> f64 {
        self.realised_quote() - (self.entry.fee_quote + self.exit.fee_quote)
    }

    /// Asks for the prices that its excursions will read, of the first bars of a long trade.
    #[inline(always)]
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
    #[inline(always)]
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
    /// Writes the excursions of the trades from `start` on.
    fn write_excursions(
        closed: &[Trade],
        start: usize,
        bars: &BarsView,
        excursions: &mut [(f64, f64)],
    ) {
        for (index, excursions) in excursions.iter_mut().enumerate() {
            if let Some(later) = closed.get(start + index + FETCHED_TRADES) {
                later.fetch(bars);
            }
            *excursions = closed[start + index].excursions_bps(bars);
        }
    }
}

/// The lowest of `low` and the lows, and the highest of `high` and the highs, of which none is
/// unknown.
#[inline(always)]
fn extended(low: f64, high: f64, lows: &[f64], highs: &[f64]) -> (f64, f64) {
    // Not `min` and `max`, which look for NaN.
    let least = |a: f64, b: f64| if b < a { b } else { a };
    let most = |a: f64, b: f64| if b > a { b } else { a };
    let (Some(last_lows), Some(last_highs)) = (lows.last_chunk::<8>(), highs.last_chunk::<8>())
    else {
        return (lows.iter().copied().fold(low, least), highs.iter().copied().fold(high, most));
    };
    // Eight at a time, as none waits for another; the last eight may be looked at twice, which
    // changes no extreme.
    let (mut lowest, mut highest) = (*last_lows, *last_highs);
    for (lows, highs) in lows.as_chunks::<8>().0.iter().zip(highs.as_chunks::<8>().0) {
        for k in 0..8 {
            lowest[k] = least(lowest[k], lows[k]);
            highest[k] = most(highest[k], highs[k]);
        }
    }
    for half in [4, 2, 1] {
        for k in 0..half {
            lowest[k] = least(lowest[k], lowest[k + half]);
            highest[k] = most(highest[k], highest[k + half]);
        }
    }
    (least(low, lowest[0]), most(high, highest[0]))
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

    /// Adds the closed trades of a range, of all that there are.
    fn add(&mut self, closed: &[Trade], range: Range<usize>, bars: &BarsView) {
        let mut excursions = [(0.0, 0.0); BLOCK_TRADES];
        let excursions = &mut excursions[..range.len()];
        write_excursions(closed, range.start, bars, excursions);
        let trades = &closed[range.clone()];
        let slip = |leg: &Leg| (leg.price_quote - leg.raw_quote).abs();
        self.id.extend(range.map(|index| index as u32));
        self.entry_bar.extend(trades.iter().map(|trade| trade.entry.bar as u32));
        self.exit_bar.extend(trades.iter().map(|trade| trade.exit.bar as u32));
        self.side.extend(trades.iter().map(|trade| trade.side as i8));
        self.qty.extend(trades.iter().map(|trade| trade.quantity_base));
        self.entry_px.extend(trades.iter().map(|trade| trade.entry.price_quote));
        self.exit_px.extend(trades.iter().map(|trade| trade.exit.price_quote));
        self.entry_raw_px.extend(trades.iter().map(|trade| trade.entry.raw_quote));
        self.exit_raw_px.extend(trades.iter().map(|trade| trade.exit.raw_quote));
        self.fees.extend(trades.iter().map(|trade| trade.entry.fee_quote + trade.exit.fee_quote));
        self.slippage_cost.extend(
            trades
                .iter()
                .map(|trade| trade.quantity_base * (slip(&trade.entry) + slip(&trade.exit))),
        );
        self.gross_pnl.extend(trades.iter().map(Trade::gross_quote));
        self.net_pnl.extend(trades.iter().map(Trade::net_quote));
        self.ret_bps.extend(trades.iter().map(|trade| {
            1e4 * trade.net_quote() / (trade.quantity_base * trade.entry.price_quote)
        }));
        self.mae_bps.extend(excursions.iter().map(|(worst, _)| worst));
        self.mfe_bps.extend(excursions.iter().map(|(_, best)| best));
        self.bars_held.extend(trades.iter().map(|trade| (trade.exit.bar - trade.entry.bar) as u32));
        self.entry_tag.extend(trades.iter().map(|trade| trade.rule as u16));
        self.exit_reason.extend(trades.iter().map(|trade| trade.reason as u8));
        self.ambiguous.extend(trades.iter().map(|trade| trade.is_ambiguous));
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
        let n_trades = self.trades.len();
        for start in (0..n_trades).step_by(BLOCK_TRADES) {
            trades.add(&self.trades, start..n_trades.min(start + BLOCK_TRADES), bars);
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

    /// Gives away what was written down.
    pub fn journal(&mut self, initial_quote: f64) -> Journal {
        let (steps, trades) = (mem::take(&mut self.steps), mem::take(&mut self.trades));
        Journal { initial_quote, steps, trades }
    }

    /// Takes the memory of what it gave away, to write the next run into.
    pub fn take_back(&mut self, journal: Journal) {
        if journal.steps.capacity() > self.steps.capacity() {
            self.steps = journal.steps;
        }
        if journal.trades.capacity() > self.trades.capacity() {
            self.trades = journal.trades;
        }
    }
}
