//! What happens at the close of a bar: market orders that wait for it, the trailing stop, what
//! holding costs, and whether the account still stands.

use super::Event;
use super::booking::{Quote, Terms};
use super::order::{Exit, ExitReason, Order};
use super::position::Position;
use super::profile::MarketFill;
use super::run::Run;

impl Run<'_> {
    /// Fills market orders at the close, where the execution grants it: exits, then entries.
    pub(super) fn at_market_close(&mut self, t: usize) {
        if self.inputs.execution.market_fill != MarketFill::Close {
            return;
        }
        let (exit, entry) = std::mem::take(&mut self.due);
        if self.position.as_ref().is_some_and(|held| held.time_exit_bar <= t) {
            self.exit(self.quote_at_close(t, t.saturating_sub(1), 1.0), ExitReason::Time);
        } else if let Some(Exit { reason, decided_bar, slippage_factor }) = exit {
            self.exit(self.quote_at_close(t, decided_bar, slippage_factor), reason);
        }
        if let Some(entry) = entry {
            let was_flat = self.position.as_ref().is_none_or(|held| held.side != entry.side);
            if self.enter(self.quote_at_close(t, entry.decided_bar, 1.0), &entry) && was_flat {
                self.best_quote = Some(self.inputs.bars.close[t]);
            }
        }
    }

    pub(super) fn quote_at_close(&self, t: usize, known_bar: usize, factor: f64) -> Quote {
        let raw_quote = self.inputs.bars.close[t];
        Quote { bar: t, raw_quote, terms: Terms::Market { known_bar, factor } }
    }

    /// Lets the trailing stop follow the bar, for the next one.
    pub(super) fn follow(&mut self, t: usize) {
        let known = self.best_quote.take();
        if let Some(held) = &mut self.position
            && held.is_trailed()
        {
            let bars = &self.inputs.bars;
            let best = if held.side > 0.0 { bars.high[t] } else { bars.low[t] };
            held.follow(known.unwrap_or(best));
        }
    }

    /// Pays for holding, and marks to market: ruin, margin, and the loss of the day.
    pub(super) fn at_close(&mut self, t: usize) {
        let close = self.inputs.bars.close[t];
        let financing = &self.inputs.execution.financing;
        if financing.is_due(self.account.position_base) {
            let (cash, position) = (self.account.cash_quote, self.account.position_base);
            let cost = financing.quote(cash, position, close, self.inputs.bars_per_year);
            self.account.finance(cost);
            self.has_filled = true;
        }
        let equity = self.account.equity_quote(close);
        if equity <= 0.0 {
            self.end(t, ExitReason::Liquidation);
            self.ruin_bar = Some(t);
            return;
        }
        if self.position.as_ref().is_some_and(|held| self.is_on_margin(held))
            && self.is_short_of_margin(close)
        {
            let reason = ExitReason::Liquidation;
            let exit = Exit { reason, decided_bar: t, slippage_factor: 2.0 };
            self.queue.push(t + 1, Order::Exit(exit));
            self.events.add(Event::MarginCall, 1);
        }
        if let Some(day) = &mut self.day
            && day.is_lost(equity)
        {
            day.is_blocked = true;
            self.events.add(Event::DailyLoss, 1);
            self.cancel_entries(|_| true);
            self.send_exit(t, ExitReason::DailyLoss);
        }
    }

    /// Closes what is open at the close of the last bar of the run, whatever its volume and marks.
    pub(super) fn end(&mut self, t: usize, reason: ExitReason) {
        self.left_base = f64::INFINITY;
        self.exit(self.quote_at_close(t, t, 1.0), reason);
    }

    /// Whether the position could lose more than was paid for it.
    pub(super) fn is_on_margin(&self, held: &Position) -> bool {
        held.side < 0.0 || self.risk.max_leverage > 1.0
    }

    /// Whether equity at this price is below the maintenance margin: half of the initial, which
    /// is the position's value over the leverage.
    pub(super) fn is_short_of_margin(&self, price_quote: f64) -> bool {
        let equity = self.account.equity_quote(price_quote);
        let value = self.account.position_base.abs() * price_quote;
        equity <= 0.0 || 2.0 * self.risk.max_leverage * equity < value
    }
}
