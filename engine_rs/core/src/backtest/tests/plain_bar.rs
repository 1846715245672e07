//! How a bar goes in the plain account: its open, what happens inside it, its close, and every bar
//! one after the other.

use super::plain::{How, Plain, Wanted};
use super::*;

impl Plain<'_> {
    fn open(&mut self, t: usize) {
        let open = self.bars.open[t];
        let mut exit = None;
        while self.exits.first().is_some_and(|exit| exit.0 <= t) {
            let next = self.exits.remove(0);
            exit = exit.or(Some(next));
        }
        let mut at_once = None;
        while self.entries.first().is_some_and(|entry| entry.active <= t) {
            let entry = self.entries.remove(0);
            at_once = None;
            self.resting = None;
            if entry.stop.is_some() || entry.limit.is_some() {
                self.resting = Some(Wanted { since: t, ..entry });
            } else {
                at_once = Some(entry);
            }
        }
        if let (Some(resting), Some(bars)) = (&self.resting, self.order["tif_bars"].as_u64())
            && t >= resting.made + self.rules.bar_delay + bars as usize
        {
            self.resting = None;
        }
        let is_late = self.rules.market_fill == MarketFill::Close;
        if let Some(held) = self.held.clone() {
            let gapped = Self::stop_of(&held)
                .is_some_and(|stop| if held.long { open <= stop } else { open >= stop });
            let target = held.target.and_then(|level| self.limit(t, !held.long, level, true));
            let is_called = exit.is_some_and(|(_, _, factor)| factor == 2.0);
            if gapped {
                self.leave(t, open, How::Market(t - 1, 1.0), false);
            } else if target.is_some() {
                self.leave(t, open, How::Limit(true), true);
            } else if held.due.is_some_and(|due| due <= t) && !is_late {
                self.leave(t, open, How::Market(t - 1, 1.0), false);
            } else if let Some((_, known_at, factor)) = exit.filter(|_| !is_late || is_called) {
                self.leave(t, open, How::Market(known_at, factor), false);
            }
        }
        if is_late {
            self.late_exit = exit.filter(|exit| exit.2 != 2.0).map(|exit| (exit.1, exit.2));
            self.late_entry = at_once;
        } else if let Some(entry) = at_once {
            self.fill(t, open, &entry, How::Market(entry.made, 1.0));
        }
        let Some(order) = self.resting.clone() else { return };
        let is_past = |level| if order.buy { open >= level } else { open <= level };
        match (order.stop, order.limit) {
            (Some(stop), None) if is_past(stop) => {
                self.fill(t, open, &order, How::Market(t - 1, 1.0));
            }
            (Some(stop), Some(limit)) if is_past(stop) && (!is_past(limit) || open == limit) => {
                self.fill(t, open, &order, How::Limit(false));
            }
            (None, Some(limit)) if self.limit(t, order.buy, limit, true).is_some() => {
                self.fill(t, open, &order, How::Limit(order.since < t));
            }
            _ => {}
        }
    }

    /// Price and manner of the resting entry inside the bar; a stop-limit may become a limit.
    fn triggered(&mut self, t: usize) -> Option<(f64, How)> {
        let (open, high, low) = (self.bars.open[t], self.bars.high[t], self.bars.low[t]);
        let order = self.resting.as_mut()?;
        let buy = order.buy;
        let passes = |level: f64| if buy { high >= level } else { low <= level };
        if let Some(stop) = order.stop {
            let Some(limit) = order.limit else {
                return passes(stop).then_some((stop, How::Market(t - 1, 1.0)));
            };
            if if buy { open < stop } else { open > stop } {
                return passes(stop).then_some((stop, How::Limit(false)));
            }
            order.stop = None;
            return self.limit(t, buy, limit, false).map(|price| (price, How::Limit(true)));
        }
        let limit = order.limit?;
        self.limit(t, buy, limit, false).map(|price| (price, How::Limit(true)))
    }

    fn inside(&mut self, t: usize) {
        let (open, high, low) = (self.bars.open[t], self.bars.high[t], self.bars.low[t]);
        let trigger = self.triggered(t);
        let order = self.resting.clone();
        if let Some(held) = self.held.clone() {
            let stop = Self::stop_of(&held);
            let reached = |stop: f64| if held.long { low <= stop } else { high >= stop };
            let at_once = |stop: f64| if held.long { open <= stop } else { open >= stop };
            let stop = stop.filter(|stop| reached(*stop) || at_once(*stop));
            let at_open = held.target.and_then(|level| self.limit(t, !held.long, level, true));
            let target = held.target.and_then(|level| self.limit(t, !held.long, level, false));
            let high_first = self.bars.hl_order[t] > 0;
            let mut is_doubtful = false;
            let exit = match (stop, at_open, target) {
                (Some(stop), ..) if at_once(stop) => Some((open, false, true)),
                (_, Some(price), _) => Some((price, true, false)),
                (Some(stop), None, Some(target)) => {
                    is_doubtful = true;
                    let is_target = match self.rules.intrabar {
                        Intrabar::Pessimistic => false,
                        Intrabar::Optimistic => true,
                        Intrabar::Path => self.bars.hl_order[t] != 0 && high_first == held.long,
                    };
                    Some(if is_target { (target, true, true) } else { (stop, false, true) })
                }
                (Some(stop), ..) => Some((stop, false, true)),
                (None, None, Some(target)) => Some((target, true, true)),
                _ => None,
            };
            if let Some((raw, is_target, has_rested)) = exit {
                let is_nearer = trigger.as_ref().is_some_and(|(level, _)| {
                    (level > &open && level < &raw) || (level < &open && level > &raw)
                });
                if !is_nearer {
                    self.doubts += u64::from(is_doubtful);
                    let how =
                        if is_target { How::Limit(has_rested) } else { How::Market(t - 1, 1.0) };
                    self.leave(t, raw, how, is_target);
                    return;
                }
            }
        }
        let (Some((level, how)), Some(order)) = (trigger, order) else { return };
        let was = self.held.as_ref().map(|held| held.long);
        if self.fill(t, level, &order, how) {
            self.after(t, level, was != Some(order.buy));
        }
    }

    /// Stop and target of an entry at `level` inside the bar.
    fn after(&mut self, t: usize, level: f64, is_new: bool) {
        let bars = self.bars;
        let (high, low, close) = (bars.high[t], bars.low[t], bars.close[t]);
        let held = self.held.clone().unwrap();
        let is_rising = if held.long { level > bars.open[t] } else { level < bars.open[t] };
        if is_new && !is_rising {
            self.seen = Some(if held.long { level.max(close) } else { level.min(close) });
        }
        let stop = Self::stop_of(&held)
            .filter(|stop| if held.long { low <= *stop } else { high >= *stop });
        let target = held.target.and_then(|target| self.limit(t, !held.long, target, false));
        let order = bars.hl_order[t] * if held.long { 1 } else { -1 };
        let belief = self.rules.intrabar;
        let (takes_stop, takes_target, is_doubtful) = match (is_rising, stop, target) {
            (_, None, None) => (false, false, false),
            (true, None, Some(_)) => (false, true, false),
            (true, Some(stop), None) => {
                let is_sure = if held.long { close <= stop } else { close >= stop };
                let takes = match belief {
                    Intrabar::Pessimistic => true,
                    Intrabar::Optimistic => is_sure,
                    Intrabar::Path => is_sure || order >= 0,
                };
                (takes, false, !is_sure)
            }
            (true, Some(_), Some(_)) => {
                let takes_stop = match belief {
                    Intrabar::Pessimistic => true,
                    Intrabar::Optimistic => false,
                    Intrabar::Path => order == 0,
                };
                (takes_stop, !takes_stop, true)
            }
            (false, Some(_), _) => (true, false, false),
            (false, None, Some(_)) => {
                let target = held.target.unwrap();
                let is_sure = if held.long { close >= target } else { close <= target };
                let takes = match belief {
                    Intrabar::Pessimistic => is_sure,
                    Intrabar::Optimistic => true,
                    Intrabar::Path => is_sure || order < 0,
                };
                (false, takes, !is_sure)
            }
        };
        self.doubts += u64::from(is_doubtful);
        let pick = |a: f64, b: f64, lower: bool| if lower { a.min(b) } else { a.max(b) };
        if let Some(stop) = stop.filter(|_| takes_stop) {
            self.leave(t, pick(stop, level, held.long), How::Market(t - 1, 1.0), false);
        } else if let Some(target) = target.filter(|_| takes_target) {
            self.leave(t, pick(target, level, !held.long), How::Limit(true), true);
        }
    }

    fn late(&mut self, t: usize) {
        let close = self.bars.close[t];
        let (exit, entry) = (self.late_exit.take(), self.late_entry.take());
        if self.rules.market_fill == MarketFill::Open {
            return;
        }
        if self.held.as_ref().is_some_and(|held| held.due.is_some_and(|due| due <= t)) {
            self.leave(t, close, How::Market(t - 1, 1.0), false);
        } else if let Some((known_at, factor)) = exit {
            self.leave(t, close, How::Market(known_at, factor), false);
        }
        if let Some(entry) = entry {
            let was = self.held.as_ref().map(|held| held.long);
            let is_filled = self.fill(t, close, &entry, How::Market(entry.made, 1.0));
            if is_filled && was != Some(entry.buy) {
                self.seen = Some(close);
            }
        }
    }

    /// True when equity is gone.
    fn mark(&mut self, t: usize) -> bool {
        let close = self.bars.close[t];
        let value = self.worth(close) - self.cash;
        let costs = &self.rules.financing;
        let year = (-value).max(0.0) * costs.borrow_bps_year + value * costs.funding_bps_year
            - self.cash * costs.cash_bps_year;
        self.cash -= year / 1e4 / 8_760.0;
        let equity = self.worth(close);
        if equity <= 0.0 {
            self.left = f64::INFINITY;
            self.leave(t, close, How::Market(t, 1.0), false);
            return true;
        }
        let leverage = self.risk["max_leverage"].as_f64().unwrap_or(1.0);
        if let Some(held) = &self.held
            && (!held.long || leverage > 1.0)
            && equity < 0.5 / leverage * held.quantity * close
        {
            let at = self.exits.partition_point(|exit| exit.0 <= t + 1);
            self.exits.insert(at, (t + 1, t, 2.0));
        }
        if let Some(percent) = self.risk["max_daily_loss_pct"].as_f64()
            && !self.is_day_over
            && equity <= self.day_equity * (1.0 - percent / 100.0)
        {
            self.is_day_over = true;
            self.entries.clear();
            self.resting = None;
            self.send_exit(t);
        }
        false
    }

    fn follow(&mut self, t: usize) {
        let (high, low) = (self.bars.high[t], self.bars.low[t]);
        let seen = self.seen.take();
        if let Some(held) = &mut self.held
            && let Some((level, distance)) = &mut held.trail
        {
            let best = seen.unwrap_or(if held.long { high } else { low });
            *level =
                if held.long { level.max(best - *distance) } else { level.min(best + *distance) };
        }
    }

    pub fn run(&mut self) {
        let n_bars = self.bars.close.len();
        for t in 0..n_bars {
            let day = self.bars.ts[t] / 86_400_000_000_000;
            if t > 0 && day != self.day {
                self.day_equity = self.worth(self.bars.close[t - 1]);
                self.is_day_over = false;
            }
            self.day = day;
            if self.bars.flags[t] & (2 | 4 | 8) == 0 {
                if let Some(share) = self.rules.participation {
                    let lot = self.rules.lot_base;
                    let most = share * self.bars.volume[t];
                    self.left = if lot > 0.0 { (most / lot).floor() * lot } else { most };
                }
                self.open(t);
                self.inside(t);
                self.late(t);
                self.follow(t);
            }
            let is_over = self.mark(t);
            if t + 1 < n_bars && !is_over {
                self.decide(t);
            } else if !is_over && self.rules.finalize == Finalize::Close {
                self.left = f64::INFINITY;
                self.leave(t, self.bars.close[t], How::Market(t, 1.0), false);
            }
            self.equity.push(self.worth(self.bars.close[t]));
            if is_over {
                let last = self.equity[t];
                self.equity.resize(n_bars, last);
                return;
            }
        }
    }
}
