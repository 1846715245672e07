//! The same semantics a second time, in the words of the specification and without a thought for
//! speed: an account, its orders and what a fill does to it. How a bar goes stands in `plain_bar`,
//! what is decided in `plain_decide`.

use super::*;

/// An order to enter: what was wanted, and when it was made.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub made: usize,
    pub active: usize,
    /// First bar in which it was live.
    pub since: usize,
    pub buy: bool,
    /// Level of a stop, level of a limit; a stop-limit has both.
    pub stop: Option<f64>,
    pub limit: Option<f64>,
    pub quantity: f64,
    pub stop_distance: Option<f64>,
    pub stop_level: Option<f64>,
    pub target_distance: Option<f64>,
    pub target_level: Option<f64>,
    pub trail: Option<f64>,
    /// "open", "turn", "add" or "rest".
    pub aim: &'static str,
}

#[derive(Clone, Debug)]
pub(super) struct Held {
    pub long: bool,
    pub quantity: f64,
    pub price: f64,
    pub stop: Option<f64>,
    pub target: Option<f64>,
    pub trail: Option<(f64, f64)>,
    pub due: Option<usize>,
    pub adds: usize,
}

/// How a fill is priced: slippage as known at a bar, so many times; or as a limit, resting or not.
#[derive(Clone, Copy)]
pub(super) enum How {
    Market(usize, f64),
    Limit(bool),
}

/// A whole account, changed bar by bar.
pub(super) struct Plain<'a> {
    pub bars: &'a Bars,
    pub order: &'a Value,
    pub risk: &'a Value,
    pub rules: &'a Execution,
    pub atr: Vec<f64>,
    pub cash: f64,
    pub held: Option<Held>,
    pub entries: Vec<Wanted>,
    pub resting: Option<Wanted>,
    pub exits: Vec<(usize, usize, f64)>,
    /// Market orders of this bar that wait for its close.
    pub late_exit: Option<(usize, f64)>,
    pub late_entry: Option<Wanted>,
    /// What the volume of the bar still gives.
    pub left: f64,
    /// The best price a position of this bar has surely seen, if that is not the bar's.
    pub seen: Option<f64>,
    pub flat_at: Option<usize>,
    pub day: i64,
    pub day_equity: f64,
    pub is_day_over: bool,
    pub equity: Vec<f64>,
    pub exit_bars: Vec<u32>,
    pub doubts: u64,
}

impl Plain<'_> {
    pub fn sigma(&self, t: usize) -> f64 {
        if t < 20 {
            return 0.0;
        }
        let close = &self.bars.close;
        let returns: Vec<f64> =
            (t - 19..=t).map(|k| crate::math::ln(close[k] / close[k - 1])).collect();
        let mean = returns.iter().sum::<f64>() / 20.0;
        1e4 * (returns.iter().map(|r| (r - mean) * (r - mean)).sum::<f64>() / 19.0).sqrt()
    }

    pub fn price(&self, t: usize, buy: bool, raw: f64, how: How, quantity: f64) -> f64 {
        let How::Market(known_at, factor) = how else { return raw };
        let costs = &self.rules.costs;
        let sigma = self.sigma(known_at);
        let share = quantity / self.bars.volume[t];
        let impact = match costs.impact {
            Impact::None => 0.0,
            Impact::SquareRoot { factor } => factor * sigma * share.sqrt(),
            Impact::Zipline => 0.1 * share * share * 1e4,
        };
        let width = if self.bars.flags[t] & 16 > 0 { 5.0 } else { 1.0 };
        let bps = factor * (costs.base_bps * width + costs.k_vol * sigma)
            + costs.half_spread_bps * width
            + impact;
        let bps = bps.min(9_999.0);
        raw * if buy { 1.0 + bps / 1e4 } else { 1.0 - bps / 1e4 }
    }

    pub fn fee(&self, quantity: f64, price: f64, how: How) -> f64 {
        let costs = &self.rules.costs;
        let bps = if matches!(how, How::Limit(true)) { costs.maker_bps } else { costs.fee_bps };
        (quantity * price * bps / 1e4 + costs.fixed_quote).max(costs.min_fee_quote)
    }

    pub fn worth(&self, price: f64) -> f64 {
        let position = self
            .held
            .as_ref()
            .map_or(0.0, |held| if held.long { held.quantity } else { -held.quantity });
        self.cash + position * price
    }

    /// Takes so much of the position to the market.
    pub fn sell_off(&mut self, t: usize, raw: f64, how: How, quantity: f64) {
        let Some(mut held) = self.held.take() else { return };
        let price = self.price(t, !held.long, raw, how, quantity);
        let value = quantity * price;
        self.cash += if held.long { value } else { -value };
        self.cash -= self.fee(quantity, price, how);
        self.left -= quantity;
        self.exit_bars.push(t as u32);
        held.quantity -= quantity;
        if held.quantity > 0.0 {
            self.held = Some(held);
        }
    }

    pub fn leave(&mut self, t: usize, raw: f64, how: How, is_target: bool) {
        let Some(held) = &self.held else { return };
        let quantity = held.quantity.min(self.left);
        if quantity > 0.0 {
            self.sell_off(t, raw, how, quantity);
        }
        self.entries.clear();
        self.resting = None;
        self.late_entry = None;
        if self.held.is_some() {
            if let (How::Market(known_at, factor), false) = (how, is_target) {
                let at = self.exits.partition_point(|exit| exit.0 < t + 1);
                self.exits.insert(at, (t + 1, known_at, factor));
            }
            return;
        }
        self.exits.clear();
        self.late_exit = None;
        self.late_entry = None;
        self.flat_at = Some(t);
    }

    /// Fills an entry, and says whether it did.
    pub fn fill(&mut self, t: usize, raw: f64, order: &Wanted, how: How) -> bool {
        self.resting = None;
        let (closed, base) = match &self.held {
            None if ["add", "rest"].contains(&order.aim) => return false,
            None => (0.0, 0.0),
            Some(held) if held.long == order.buy => {
                if !self.exits.is_empty() || self.late_exit.is_some() {
                    return false;
                }
                let most = self.risk["max_adds"].as_u64().unwrap_or(0) as usize;
                if order.aim != "rest" && (order.aim != "add" || held.adds >= most) {
                    return false;
                }
                (0.0, held.quantity)
            }
            Some(_) if order.aim != "turn" => return false,
            Some(held) => (held.quantity, 0.0),
        };
        if self.left < closed {
            if self.left > 0.0 {
                self.sell_off(t, raw, how, self.left);
            }
            self.keep(t, order.clone());
            return false;
        }
        let wanted = order.quantity.min(self.left - closed);
        let quantity = self.affordable(t, raw, order, how, (wanted, base, closed));
        if quantity > 0.0 {
            self.take_in(t, raw, order, how, quantity, closed);
        } else if closed > 0.0 {
            self.leave(t, raw, how, false);
        }
        if quantity == wanted && wanted < order.quantity {
            let aim = match order.aim {
                _ if quantity > 0.0 => "rest",
                "turn" => "open",
                aim => aim,
            };
            let quantity = order.quantity - quantity;
            self.keep(t, Wanted { quantity, aim, ..order.clone() });
        }
        quantity > 0.0
    }

    /// How much of what is wanted can be paid, beside what is held and what is closed.
    pub fn affordable(
        &self,
        t: usize,
        raw: f64,
        order: &Wanted,
        how: How,
        (wanted, base, closed): (f64, f64, f64),
    ) -> f64 {
        let worst = if order.buy { wanted + closed } else { 0.0 };
        let price = self.price(t, order.buy, raw, how, worst);
        let leverage = self.risk["max_leverage"].as_f64().unwrap_or(1.0);
        let equity = self.worth(price);
        let fits = |quantity: f64| {
            (quantity + base) * price
                <= leverage * (equity - self.fee(quantity + closed, price, how)) * (1.0 + 1e-12)
        };
        let mut quantity = wanted;
        if wanted > 0.0 && !fits(quantity) {
            if self.rules.on_insufficient == OnInsufficient::Reject {
                quantity = 0.0;
            } else {
                // Found by halving, as the plainest way there is.
                let (mut low, mut high) = (0.0, quantity);
                for _ in 0..200 {
                    let middle = 0.5 * (low + high);
                    if fits(middle) { low = middle } else { high = middle }
                }
                quantity = if low < 1e-9 * wanted { 0.0 } else { low };
                if self.rules.lot_base > 0.0 {
                    quantity = (quantity / self.rules.lot_base).floor() * self.rules.lot_base;
                }
            }
        }
        quantity
    }

    /// What is left of an entry: a limit stays, the rest goes to the next bar's market.
    pub fn keep(&mut self, t: usize, order: Wanted) {
        if order.limit.is_some() {
            self.resting = Some(Wanted { stop: None, ..order });
        } else {
            let active = t + 1;
            let at = self.entries.partition_point(|entry| entry.active < active);
            self.entries.insert(at, Wanted { stop: None, active, ..order });
        }
    }

    pub fn take_in(
        &mut self,
        t: usize,
        raw: f64,
        order: &Wanted,
        how: How,
        quantity: f64,
        closed: f64,
    ) {
        let price = self.price(t, order.buy, raw, how, quantity + closed);
        let value = (quantity + closed) * price;
        self.cash += if order.buy { -value } else { value };
        self.cash -= self.fee(quantity + closed, price, how);
        self.left -= quantity + closed;
        let at = |distance: f64, away: bool| {
            if order.buy == away { price - distance } else { price + distance }
        };
        let stop = order.stop_distance.map(|d| at(d, true)).or(order.stop_level);
        let target = order.target_distance.map(|d| at(d, false)).or(order.target_level);
        let trail = order.trail.map(|distance| (at(distance, true), distance));
        if let Some(held) = self.held.as_mut().filter(|held| held.long == order.buy) {
            let nearer = |a: f64, b: f64| if order.buy { a.max(b) } else { a.min(b) };
            let whole = held.quantity + quantity;
            held.price = (held.quantity * held.price + quantity * price) / whole;
            held.quantity = whole;
            held.adds += usize::from(order.aim == "add");
            held.stop = held.stop.zip(stop).map(|(a, b)| nearer(a, b));
            held.trail = held.trail.zip(trail).map(|((a, d), (b, _))| (nearer(a, b), d));
            return;
        }
        if closed > 0.0 {
            self.exit_bars.push(t as u32);
        }
        let due = self.risk["max_holding_bars"].as_u64().map(|bars| t + bars as usize);
        let (long, adds) = (order.buy, 0);
        self.held = Some(Held { long, quantity, price, stop, target, trail, due, adds });
        self.entries.clear();
        self.exits.clear();
        self.late_exit = None;
        self.late_entry = None;
    }

    /// What a limit gives at the open, or else inside the bar.
    pub fn limit(&self, t: usize, buy: bool, level: f64, is_open: bool) -> Option<f64> {
        let (open, high, low) = (self.bars.open[t], self.bars.high[t], self.bars.low[t]);
        let (better, furthest) =
            if buy { (open < level, level - low) } else { (open > level, high - level) };
        match (self.rules.limit_fill, is_open) {
            (LimitFill::Touch, true) => (better || open == level).then_some(open),
            (LimitFill::Touch, false) => (furthest >= 0.0).then_some(level),
            (LimitFill::Through, true) => better.then_some(open),
            (LimitFill::Through, false) => (furthest > 0.0).then_some(level),
            (LimitFill::TouchV0, true) => (open == level).then_some(level),
            (LimitFill::TouchV0, false) => (low <= level && level <= high).then_some(level),
        }
    }

    /// The nearer of the two stops.
    pub fn stop_of(held: &Held) -> Option<f64> {
        let trail = held.trail.map(|(level, _)| level);
        match (held.stop, trail) {
            (Some(a), Some(b)) => Some(if held.long { a.max(b) } else { a.min(b) }),
            (a, b) => a.or(b),
        }
    }
}
