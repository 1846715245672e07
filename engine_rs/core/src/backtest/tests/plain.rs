//! The same semantics a second time: every bar, one after the other, in the words of the
//! specification and without a thought for speed.

use super::properties::{executions, variants};
use super::*;

/// Reads the message on a bar: (wants to buy, to sell, to close, to hold).
fn wishes(message: f64) -> (bool, bool, bool, bool) {
    let among = |list: &[f64]| list.contains(&message);
    (
        among(&[1.0, 5.0, 6.0, 7.0]),
        among(&[2.0, 7.0, 8.0]),
        among(&[3.0, 6.0, 8.0]),
        among(&[4.0, 5.0]),
    )
}

/// An order to enter: what was wanted, and when it was made.
#[derive(Clone, Debug)]
struct Wanted {
    made: usize,
    active: usize,
    buy: bool,
    level: Option<f64>,
    quantity: f64,
    stop_distance: Option<f64>,
    stop_level: Option<f64>,
    turns: bool,
}

#[derive(Clone, Debug)]
struct Held {
    long: bool,
    quantity: f64,
    stop: Option<f64>,
    due: Option<usize>,
}

/// A whole account, changed bar by bar.
struct Plain<'a> {
    bars: &'a Bars,
    order: &'a Value,
    risk: &'a Value,
    rules: &'a Execution,
    atr: Vec<f64>,
    cash: f64,
    held: Option<Held>,
    entries: Vec<Wanted>,
    resting: Option<Wanted>,
    exits: Vec<(usize, usize, f64)>,
    flat_at: Option<usize>,
    day: i64,
    day_equity: f64,
    is_day_over: bool,
    equity: Vec<f64>,
    exit_bars: Vec<u32>,
}

impl Plain<'_> {
    fn sigma(&self, t: usize) -> f64 {
        if t < 20 {
            return 0.0;
        }
        let close = &self.bars.close;
        let returns: Vec<f64> =
            (t - 19..=t).map(|k| crate::math::ln(close[k] / close[k - 1])).collect();
        let mean = returns.iter().sum::<f64>() / 20.0;
        1e4 * (returns.iter().map(|r| (r - mean) * (r - mean)).sum::<f64>() / 19.0).sqrt()
    }

    fn price(&self, buy: bool, raw: f64, known_at: usize, factor: f64) -> f64 {
        let costs = &self.rules.costs;
        let bps = factor * (costs.base_bps + costs.k_vol * self.sigma(known_at));
        raw * if buy { 1.0 + bps / 1e4 } else { 1.0 - bps / 1e4 }
    }

    fn fee(&self, quantity: f64, price: f64) -> f64 {
        let costs = &self.rules.costs;
        (quantity * price * costs.fee_bps / 1e4 + costs.fixed_quote).max(costs.min_fee_quote)
    }

    fn worth(&self, price: f64) -> f64 {
        let position = self
            .held
            .as_ref()
            .map_or(0.0, |held| if held.long { held.quantity } else { -held.quantity });
        self.cash + position * price
    }

    fn leave(&mut self, t: usize, raw: f64, known_at: usize, factor: f64) {
        if let Some(held) = self.held.take() {
            let price = self.price(!held.long, raw, known_at, factor);
            let value = held.quantity * price;
            self.cash += if held.long { value } else { -value };
            self.cash -= self.fee(held.quantity, price);
            self.exits.clear();
            self.entries.clear();
            self.resting = None;
            self.flat_at = Some(t);
            self.exit_bars.push(t as u32);
        }
    }

    fn fill(&mut self, t: usize, raw: f64, order: &Wanted, known_at: usize) {
        self.resting = None;
        let closed = match &self.held {
            Some(held) if held.long == order.buy || !order.turns => return,
            Some(held) => held.quantity,
            None => 0.0,
        };
        let price = self.price(order.buy, raw, known_at, 1.0);
        let leverage = self.risk["max_leverage"].as_f64().unwrap_or(1.0);
        let cash = self.cash + if order.buy { -closed * price } else { closed * price };
        let fits = |quantity: f64| {
            quantity * price
                <= leverage * (cash - self.fee(quantity + closed, price)) * (1.0 + 1e-12)
        };
        let mut quantity = order.quantity;
        if !fits(quantity) {
            if self.rules.on_insufficient == OnInsufficient::Reject {
                quantity = 0.0;
            } else {
                // Found by halving, as the plainest way there is.
                let (mut low, mut high) = (0.0, quantity);
                for _ in 0..200 {
                    let middle = 0.5 * (low + high);
                    if fits(middle) { low = middle } else { high = middle }
                }
                quantity = low;
                if self.rules.lot_base > 0.0 {
                    quantity = (quantity / self.rules.lot_base).floor() * self.rules.lot_base;
                }
            }
        }
        if quantity <= 0.0 {
            self.leave(t, raw, known_at, 1.0);
            return;
        }
        let value = (quantity + closed) * price;
        self.cash += if order.buy { -value } else { value };
        self.cash -= self.fee(quantity + closed, price);
        if closed > 0.0 {
            self.exit_bars.push(t as u32);
        }
        let stop = match (order.stop_distance, order.stop_level) {
            (Some(distance), _) => {
                Some(if order.buy { price - distance } else { price + distance })
            }
            (None, level) => level,
        };
        let due = self.risk["max_holding_bars"].as_u64().map(|bars| t + bars as usize);
        self.held = Some(Held { long: order.buy, quantity, stop, due });
        self.entries.clear();
        self.exits.clear();
    }

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
            if entry.level.is_some() {
                self.resting = Some(entry);
            } else {
                at_once = Some(entry);
            }
        }
        if let (Some(resting), Some(bars)) = (&self.resting, self.order["tif_bars"].as_u64())
            && t >= resting.active + bars as usize
        {
            self.resting = None;
        }
        if let Some(held) = &self.held {
            let gapped =
                held.stop.is_some_and(|stop| if held.long { open <= stop } else { open >= stop });
            if gapped || held.due == Some(t) {
                self.leave(t, open, t - 1, 1.0);
            } else if let Some((_, known_at, factor)) = exit {
                self.leave(t, open, known_at, factor);
            }
        }
        if let Some(entry) = at_once {
            self.fill(t, open, &entry, entry.made);
        } else if let Some(resting) = self.resting.clone() {
            let level = resting.level.unwrap();
            if if resting.buy { open >= level } else { open <= level } {
                self.fill(t, open, &resting, t - 1);
            }
        }
    }

    fn inside(&mut self, t: usize) {
        let (open, high, low) = (self.bars.open[t], self.bars.high[t], self.bars.low[t]);
        let touched = |buys: bool, level: f64| if buys { high >= level } else { low <= level };
        let resting = self.resting.clone().filter(|order| touched(order.buy, order.level.unwrap()));
        if let Some(held) = self.held.clone()
            && let Some(stop) = held.stop
            && touched(!held.long, stop)
        {
            let raw = if held.long { stop.min(open) } else { stop.max(open) };
            let is_nearer = resting.as_ref().is_none_or(|order| {
                let level = order.level.unwrap();
                if held.long { level < raw } else { level > raw }
            });
            if is_nearer {
                self.leave(t, raw, t - 1, 1.0);
                return;
            }
        }
        let Some(order) = resting else { return };
        let n_exits = self.exit_bars.len();
        let was_held = self.held.as_ref().map(|held| held.long);
        let level = order.level.unwrap();
        self.fill(t, level, &order, t - 1);
        let is_new = self.held.as_ref().is_some_and(|held| was_held != Some(held.long));
        if !is_new || (was_held.is_none() && self.exit_bars.len() > n_exits) {
            return;
        }
        let held = self.held.clone().unwrap();
        let Some(stop) = held.stop.filter(|stop| touched(!held.long, *stop)) else {
            return;
        };
        let close = self.bars.close[t];
        let order_of_extremes = self.bars.hl_order[t];
        let is_after = if held.long { close <= stop } else { close >= stop };
        let is_taken = is_after
            || match self.rules.intrabar {
                Intrabar::Pessimistic => true,
                Intrabar::Optimistic => false,
                Intrabar::Path => order_of_extremes == 0 || (order_of_extremes > 0) == held.long,
            };
        if is_taken {
            self.leave(t, if held.long { stop.min(level) } else { stop.max(level) }, t - 1, 1.0);
        }
    }

    fn send_exit(&mut self, t: usize) {
        if self.held.is_some() && self.exits.is_empty() {
            self.exits.push((t + self.rules.bar_delay, t, 1.0));
        }
    }

    /// True when equity is gone.
    fn mark(&mut self, t: usize) -> bool {
        let close = self.bars.close[t];
        let equity = self.worth(close);
        if equity <= 0.0 {
            self.leave(t, close, t, 1.0);
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

    fn wanted(&self, t: usize, buy: bool, turns: bool) -> Option<Wanted> {
        let (close, low) = (self.bars.close[t], self.bars.low[t]);
        let sign = if buy { 1.0 } else { -1.0 };
        let level = match (self.order["offset_bps"].as_f64(), self.order["price"].is_null()) {
            (Some(bps), _) => Some(close * (1.0 + sign * bps * 1e-4)),
            (None, false) => Some(low),
            _ => None,
        };
        let stop = &self.risk["stop"];
        let (mut stop_distance, mut stop_level) = (None, None);
        match stop["type"].as_str() {
            Some("pct") => stop_distance = Some(close * (stop["value"].as_f64().unwrap() / 100.0)),
            Some("bps") => stop_distance = Some(close * (stop["value"].as_f64().unwrap() * 1e-4)),
            Some("atr") => stop_distance = Some(self.atr[t] * stop["mult"].as_f64().unwrap()),
            Some(_) => stop_level = Some(low),
            None => {}
        }
        let distance = stop_distance.or(stop_level.map(|level| sign * (close - level)));
        if distance.is_some_and(|distance| distance.is_nan() || distance <= 0.0) {
            return None;
        }
        let sizing = &self.risk["sizing"];
        let share = sizing["value"].as_f64().unwrap_or(0.0) / 100.0 * self.worth(close);
        let mut quantity = match sizing["type"].as_str().unwrap() {
            "pct_equity" => share / close,
            "risk_pct" => share / distance.unwrap(),
            _ => sizing["qty"].as_f64().unwrap(),
        };
        if self.rules.lot_base > 0.0 {
            quantity = (quantity / self.rules.lot_base).floor() * self.rules.lot_base;
        }
        let active = t + self.rules.bar_delay;
        (quantity > 0.0).then_some(Wanted {
            made: t,
            active,
            buy,
            level,
            quantity,
            stop_distance,
            stop_level,
            turns,
        })
    }

    fn decide(&mut self, t: usize) {
        let (buy, sell, close, hold) = wishes(self.bars.volume[t]);
        if close {
            self.entries.clear();
            self.resting = None;
            self.send_exit(t);
        }
        if buy == sell {
            return;
        }
        self.entries.retain(|entry| entry.buy == buy);
        self.resting = self.resting.take().filter(|entry| entry.buy == buy);
        let cooldown = self.risk["cooldown_bars"].as_u64().unwrap_or(0) as usize;
        let is_cooling = self.flat_at.is_some_and(|bar| t < bar + cooldown);
        let may_sell = self.risk["allow_short"].as_bool().unwrap_or(false);
        let may_enter = !hold && !is_cooling && !self.is_day_over && (buy || may_sell);
        match &self.held {
            None if may_enter => self.entries.extend(self.wanted(t, buy, false)),
            Some(held) if held.long != buy => match self.risk["on_opposite"].as_str() {
                Some("ignore") => {}
                Some("reverse") if may_enter => match self.wanted(t, buy, true) {
                    Some(order) => self.entries.push(order),
                    None => self.send_exit(t),
                },
                _ => self.send_exit(t),
            },
            _ => {}
        }
    }

    fn run(&mut self) {
        let n_bars = self.bars.close.len();
        for t in 0..n_bars {
            let day = self.bars.ts[t] / 86_400_000_000_000;
            if t > 0 && day != self.day {
                self.day_equity = self.worth(self.bars.close[t - 1]);
                self.is_day_over = false;
            }
            self.day = day;
            self.open(t);
            self.inside(t);
            let is_over = self.mark(t);
            if t + 1 < n_bars && !is_over {
                self.decide(t);
            } else if !is_over && self.rules.finalize == Finalize::Close {
                self.leave(t, self.bars.close[t], t, 1.0);
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

#[test]
fn every_run_agrees_with_the_plain_loop() {
    let mut seed = 1_000;
    for (order, risk) in variants() {
        let program = puppet(order.clone(), risk.clone());
        for rules in executions() {
            for message_share in [0.05, 0.4, 1.0] {
                seed += 1;
                let bars = storm(seed, 600, message_share);
                let view = bars.view(0..600);
                let mut plain = Plain {
                    bars: &bars,
                    order: &order,
                    risk: &risk,
                    rules: &rules,
                    atr: evaluate::column(&program, &view, ATR_SLOT),
                    cash: 1_000.0,
                    held: None,
                    entries: Vec::new(),
                    resting: None,
                    exits: Vec::new(),
                    flat_at: None,
                    day: 0,
                    day_equity: 1_000.0,
                    is_day_over: false,
                    equity: Vec::new(),
                    exit_bars: Vec::new(),
                };
                plain.run();
                let columns = go(&program, &rules, &bars).columns.unwrap();
                assert_eq!(columns.trades.exit_bar, plain.exit_bars, "{seed} {order} {risk}");
                for (t, (found, expected)) in
                    columns.equity_quote.iter().zip(&plain.equity).enumerate()
                {
                    let slack = 1e-8 * expected.abs().max(1_000.0);
                    let difference = (found - expected).abs();
                    assert!(
                        difference <= slack,
                        "{seed} {order} {risk} {rules:?} bar {t}: {found} {expected}"
                    );
                }
            }
        }
    }
}
