//! What the plain loop decides, and its agreement with the engine.

use super::plain::{Plain, Wanted};
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

impl Plain<'_> {
    pub fn send_exit(&mut self, t: usize) {
        if self.held.is_some() && self.exits.is_empty() {
            self.exits.push((t + self.rules.bar_delay, t, 1.0));
        }
    }

    /// Distance and level of a protective order.
    fn protection(&self, t: usize, level: &Value) -> (Option<f64>, Option<f64>) {
        let close = self.bars.close[t];
        let value = |name: &str| level[name].as_f64().unwrap();
        match level["type"].as_str() {
            None => (None, None),
            Some("pct") => (Some(close * (value("value") / 100.0)), None),
            Some("bps") => (Some(close * (value("value") * 1e-4)), None),
            Some("atr") => (Some(self.atr[t] * value("mult")), None),
            Some(_) => (None, Some(self.bars.low[t])),
        }
    }

    fn wanted(&self, t: usize, buy: bool, aim: &'static str) -> Option<Wanted> {
        let (close, low) = (self.bars.close[t], self.bars.low[t]);
        let sign = if buy { 1.0 } else { -1.0 };
        let away = |direction: f64| match self.order["offset_bps"].as_f64() {
            Some(bps) => close * (1.0 + direction * bps * 1e-4),
            None => low,
        };
        let (mut stop, mut limit) = (None, None);
        match self.order["type"].as_str().unwrap() {
            "stop" => stop = Some(away(sign)),
            "limit" => limit = Some(away(-sign)),
            "stop_limit" => {
                let bps = self.order["limit_offset_bps"].as_f64().unwrap();
                stop = Some(away(sign));
                limit = stop.map(|level| level * (1.0 + sign * bps * 1e-4));
            }
            _ => {}
        }
        let (stop_distance, stop_level) = self.protection(t, &self.risk["stop"]);
        let (target_distance, target_level) = self.protection(t, &self.risk["take_profit"]);
        let (trail, _) = self.protection(t, &self.risk["trailing"]);
        let risked = stop_distance.or(stop_level.map(|level| sign * (close - level)));
        let hoped = target_distance.or(target_level.map(|level| sign * (level - close)));
        if [risked, hoped, trail]
            .iter()
            .flatten()
            .any(|distance| distance.is_nan() || *distance <= 0.0)
        {
            return None;
        }
        let sizing = &self.risk["sizing"];
        let share = sizing["value"].as_f64().unwrap_or(0.0) / 100.0 * self.worth(close);
        let mut quantity = match sizing["type"].as_str().unwrap() {
            "pct_equity" => share / close,
            "risk_pct" => share / risked.or(trail).unwrap(),
            "vol_target" => {
                let wanted = sizing["annual_vol"].as_f64().unwrap() * self.worth(close);
                wanted / (self.atr[t] * 8_760_f64.sqrt() * close)
            }
            _ => sizing["qty"].as_f64().unwrap(),
        };
        if self.rules.lot_base > 0.0 {
            quantity = (quantity / self.rules.lot_base).floor() * self.rules.lot_base;
        }
        (quantity > 0.0).then_some(Wanted {
            made: t,
            active: t + self.rules.bar_delay,
            since: t,
            buy,
            stop,
            limit,
            quantity,
            stop_distance,
            stop_level,
            target_distance,
            target_level,
            trail,
            aim,
        })
    }

    pub fn decide(&mut self, t: usize) {
        let (mut buy, mut sell, close, hold) = wishes(self.bars.volume[t]);
        if buy && sell && self.rules.conflict == Conflict::First {
            // The rule that buys stands first.
            (buy, sell) = (true, false);
        }
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
        let most_adds = self.risk["max_adds"].as_u64().unwrap_or(0) as usize;
        match &self.held {
            None if may_enter => self.entries.extend(self.wanted(t, buy, "open")),
            Some(held) if held.long != buy => match self.risk["on_opposite"].as_str() {
                Some("ignore") => {}
                Some("reverse") if may_enter => match self.wanted(t, buy, "turn") {
                    Some(order) => self.entries.push(order),
                    None => self.send_exit(t),
                },
                _ => self.send_exit(t),
            },
            Some(held) if held.adds < most_adds && may_enter && self.exits.is_empty() => {
                self.entries.extend(self.wanted(t, buy, "add"));
            }
            _ => {}
        }
    }
}

#[test]
fn every_run_agrees_with_the_plain_loop() {
    let mut seed = 1_000;
    let mut doubts = 0;
    for (order, risk) in variants() {
        let program = puppet(order.clone(), risk.clone());
        for rules in executions() {
            for message_share in [0.05, 0.4, 1.0] {
                seed += 1;
                let bars = marked(seed, storm(seed, 600, message_share));
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
                    late_exit: None,
                    late_entry: None,
                    left: f64::INFINITY,
                    seen: None,
                    flat_at: None,
                    day: 0,
                    day_equity: 1_000.0,
                    is_day_over: false,
                    equity: Vec::new(),
                    exit_bars: Vec::new(),
                    doubts: 0,
                };
                plain.run();
                let place = format!("{seed} {order} {risk} {rules:?}");
                let outcome = go(&program, &rules, &bars);
                let columns = outcome.columns.unwrap();
                for (t, (found, expected)) in
                    columns.equity_quote.iter().zip(&plain.equity).enumerate()
                {
                    let slack = 1e-8 * expected.abs().max(1_000.0);
                    let difference = (found - expected).abs();
                    assert!(difference <= slack, "{place} bar {t}: {found} {expected}");
                }
                assert_eq!(columns.trades.exit_bar, plain.exit_bars, "{place}");
                assert_eq!(outcome.events.count(Event::Ambiguous), plain.doubts, "{place}");
                doubts += plain.doubts;
            }
        }
    }
    assert!(doubts > 500, "{doubts}");
}
