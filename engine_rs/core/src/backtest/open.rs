//! What happens at the open of a bar: orders become active, and fill where the market has gone.

use super::booking::{Quote, Terms};
use super::fill::{limit_at_open, stop_at_open};
use super::order::{Entry, Exit, ExitReason, Order, Trigger};
use super::profile::MarketFill;
use super::run::{NEVER, Resting, Run};

impl Run<'_> {
    /// Orders that become active by bar `t`: an exit, and an entry at the market. One that waits
    /// for its level takes the place of the one before it.
    pub(super) fn arrivals(&mut self, t: usize) -> (Option<Exit>, Option<Entry>) {
        let (mut exit, mut entry) = (None, None);
        while let Some((active_bar, order)) = self.queue.pop_due(t) {
            match order {
                Order::Exit(order) => exit = exit.or(Some(order)),
                Order::Entry(order) => {
                    entry = None;
                    self.resting = None;
                    if order.trigger == Trigger::Market {
                        entry = Some(order);
                    } else {
                        let expires_bar = order.tif_bars.map_or(NEVER, |bars| active_bar + bars);
                        self.resting = Some(Resting { entry: order, active_bar: t, expires_bar });
                    }
                }
            }
        }
        if self.resting.as_ref().is_some_and(|resting| resting.expires_bar <= t) {
            self.resting = None;
        }
        (exit, entry)
    }

    /// Fills at the open: exits, then entries.
    pub(super) fn at_open(&mut self, t: usize) {
        let (exit, entry) = self.arrivals(t);
        let is_later = self.inputs.execution.market_fill == MarketFill::Close;
        let (now, later) = match exit {
            Some(exit) if is_later && exit.reason != ExitReason::Liquidation => (None, Some(exit)),
            exit => (exit, None),
        };
        self.exits_at_open(t, now, is_later);
        if is_later {
            self.due = (later, entry);
        } else if let Some(entry) = entry {
            self.enter(self.at_market_open(t, entry.decided_bar, 1.0), &entry);
        }
        if let Some(resting) = self.resting
            && let Some(terms) = self.opens_beyond(t, &resting)
        {
            let raw_quote = self.inputs.bars.open[t];
            self.enter(Quote { bar: t, raw_quote, terms }, &resting.entry);
        }
    }

    fn exits_at_open(&mut self, t: usize, exit: Option<Exit>, is_later: bool) {
        let Some(held) = &self.position else {
            return;
        };
        let is_over = held.time_exit_bar <= t && !is_later;
        if exit.is_none() && !is_over && !held.is_guarded() {
            return;
        }
        let open = self.inputs.bars.open[t];
        let rule = self.inputs.execution.limit_fill;
        let before = t.saturating_sub(1);
        let (stop_quote, reason) = held.stop();
        if stop_at_open(-held.side, stop_quote, open).is_some() {
            self.exit(self.at_market_open(t, before, 1.0), reason);
        } else if limit_at_open(rule, -held.side, held.target_quote, open).is_some() {
            let terms = Terms::Limit { is_maker: true };
            let quote = Quote { bar: t, raw_quote: open, terms };
            self.exit(quote, ExitReason::TakeProfit);
        } else if is_over {
            self.exit(self.at_market_open(t, before, 1.0), ExitReason::Time);
        } else if let Some(Exit { reason, decided_bar, slippage_factor }) = exit {
            self.exit(self.at_market_open(t, decided_bar, slippage_factor), reason);
        }
    }

    fn at_market_open(&self, t: usize, known_bar: usize, factor: f64) -> Quote {
        let raw_quote = self.inputs.bars.open[t];
        Quote { bar: t, raw_quote, terms: Terms::Market { known_bar, factor } }
    }

    /// On what terms a waiting entry fills at the open, if it does.
    fn opens_beyond(&self, t: usize, resting: &Resting) -> Option<Terms> {
        let open = self.inputs.bars.open[t];
        let side = resting.entry.side;
        let rule = self.inputs.execution.limit_fill;
        match resting.entry.trigger {
            Trigger::Market => None,
            Trigger::Stop(level) => stop_at_open(side, level, open)
                .map(|_| Terms::Market { known_bar: t - 1, factor: 1.0 }),
            Trigger::Limit(limit) => limit_at_open(rule, side, limit, open)
                .map(|_| Terms::Limit { is_maker: resting.active_bar < t }),
            Trigger::StopLimit { stop_quote, limit_quote } => {
                let is_within =
                    side * open >= side * stop_quote && side * open <= side * limit_quote;
                is_within.then_some(Terms::Limit { is_maker: false })
            }
        }
    }
}
