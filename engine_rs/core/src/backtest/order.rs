//! Orders between their decision and their fill.

/// Why a position ended; the number is the code in a result. As wide as a register, like
/// everything in an order: one that has narrow parts is copied in pieces, and reading it back whole
/// then waits for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
#[allow(missing_docs)]
pub enum ExitReason {
    Signal = 0,
    Stop = 1,
    TakeProfit = 2,
    Trailing = 3,
    Time = 4,
    Opposite = 5,
    Liquidation = 6,
    DailyLoss = 7,
    EndOfData = 8,
}

/// Names of the reasons, by code.
pub const EXIT_REASONS: [&str; 9] = [
    "signal",
    "stop",
    "take_profit",
    "trailing",
    "time",
    "opposite",
    "liquidation",
    "daily_loss",
    "end_of_data",
];

/// When an entry fills.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trigger {
    /// At the market in the bar it becomes active in.
    Market,
    /// At the market, once the price passes the level against the trade.
    Stop(f64),
    /// At the level or better.
    Limit(f64),
    /// Once the price passes `stop_quote`, at `limit_quote` or better.
    #[allow(missing_docs)]
    StopLimit { stop_quote: f64, limit_quote: f64 },
}

impl Trigger {
    /// Whether it waits at prices, all of them above 0.
    pub fn has_prices(&self) -> bool {
        match self {
            Self::Market => true,
            Self::Stop(level) | Self::Limit(level) => *level > 0.0,
            Self::StopLimit { stop_quote, limit_quote } => *stop_quote > 0.0 && *limit_quote > 0.0,
        }
    }
}

/// Where a protective order of an entry will lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Protection {
    /// Nowhere.
    None,
    /// So far from the fill.
    Distance(f64),
    /// At this price.
    Level(f64),
}

impl Protection {
    /// Level of a stop for a fill at `price_quote`; one that is never reached when there is none.
    pub fn stop_quote(&self, side: f64, price_quote: f64) -> f64 {
        self.beyond(-side, price_quote)
    }

    /// Level of a target for a fill at `price_quote`; one that is never reached when there is
    /// none.
    pub fn target_quote(&self, side: f64, price_quote: f64) -> f64 {
        self.beyond(side, price_quote)
    }

    fn beyond(&self, direction: f64, price_quote: f64) -> f64 {
        match self {
            Self::None => direction * f64::INFINITY,
            Self::Distance(distance) => price_quote + direction * distance,
            Self::Level(level) => *level,
        }
    }

    /// How far it lies from `price_quote` towards `direction`; infinity when there is none.
    pub fn distance_quote(&self, direction: f64, price_quote: f64) -> f64 {
        match self {
            Self::None => f64::INFINITY,
            Self::Distance(distance) => *distance,
            Self::Level(level) => direction * (level - price_quote),
        }
    }
}

/// The protective orders of an entry; the first that fills ends the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Protections {
    /// Ends the position at a loss.
    pub stop: Protection,
    /// Takes a gain.
    pub target: Protection,
    /// Distance of the stop that follows the best price; infinity when there is none.
    pub trail_quote: f64,
}

/// What an entry does to the account that it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Aim {
    /// It opens a position where there is none.
    Open,
    /// It also closes a position on the other side.
    Reverse,
    /// It adds to a position on its own side.
    Add,
    /// It is what is left of an entry that has begun to fill.
    Rest,
}

/// An order that opens a position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// +1 to buy, −1 to sell.
    pub side: f64,
    /// When it fills.
    pub trigger: Trigger,
    /// How much is wanted.
    pub quantity_base: f64,
    /// Its protective orders.
    pub protections: Protections,
    /// Number of the rule that decided it.
    pub rule: usize,
    /// Bar on whose close it was decided.
    pub decided_bar: usize,
    /// Bars that it rests; None: until it is cancelled.
    pub tif_bars: Option<usize>,
    /// What it does to the account.
    pub aim: Aim,
}

/// An order that closes the position at the market.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exit {
    /// Why.
    pub reason: ExitReason,
    /// Bar on whose close it was decided.
    pub decided_bar: usize,
    /// Multiple of the usual slippage.
    pub slippage_factor: f64,
}

/// An order on its way.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Order {
    Entry(Entry),
    Exit(Exit),
}

/// Orders that are not yet active, earliest first; those of one bar in the order they were made.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    orders: Vec<(usize, Order)>,
}

impl Queue {
    /// Adds an order that becomes active in bar `due_bar`.
    pub fn push(&mut self, due_bar: usize, order: Order) {
        let at = self.orders.partition_point(|(due, _)| *due <= due_bar);
        self.orders.insert(at, (due_bar, order));
    }

    /// Adds what is left of an order: it is older than what becomes active in the same bar.
    pub fn push_rest(&mut self, due_bar: usize, order: Order) {
        let at = self.orders.partition_point(|(due, _)| *due < due_bar);
        self.orders.insert(at, (due_bar, order));
    }

    /// Takes the next order that is active by bar `t`, and since when.
    pub fn pop_due(&mut self, t: usize) -> Option<(usize, Order)> {
        (self.due_bar()? <= t).then(|| self.orders.remove(0))
    }

    /// Bar in which the next order becomes active.
    pub fn due_bar(&self) -> Option<usize> {
        self.orders.first().map(|(due, _)| *due)
    }

    /// Whether an exit is on its way.
    pub fn has_exit(&self) -> bool {
        self.orders.iter().any(|(_, order)| matches!(order, Order::Exit(_)))
    }

    /// Drops the entries for which `is_dropped` holds.
    pub fn cancel_entries(&mut self, is_dropped: impl Fn(&Entry) -> bool) {
        self.orders.retain(|(_, order)| match order {
            Order::Entry(entry) => !is_dropped(entry),
            Order::Exit(_) => true,
        });
    }

    /// Drops everything: the position that the orders were about has changed.
    pub fn clear(&mut self) {
        self.orders.clear();
    }

    /// Whether nothing is on its way.
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_leave_the_queue_by_bar_and_then_by_age() {
        let exit = |reason| Order::Exit(Exit { reason, decided_bar: 0, slippage_factor: 1.0 });
        let mut queue = Queue::default();
        queue.push(5, exit(ExitReason::Signal));
        queue.push(4, exit(ExitReason::Liquidation));
        queue.push(5, exit(ExitReason::DailyLoss));
        queue.push_rest(5, exit(ExitReason::Stop));
        assert_eq!(queue.pop_due(3), None);
        assert_eq!(queue.pop_due(4), Some((4, exit(ExitReason::Liquidation))));
        assert_eq!(queue.pop_due(4), None);
        assert_eq!(queue.pop_due(5), Some((5, exit(ExitReason::Stop))));
        assert_eq!(queue.pop_due(5), Some((5, exit(ExitReason::Signal))));
        assert_eq!(queue.pop_due(5), Some((5, exit(ExitReason::DailyLoss))));
        assert!(queue.is_empty());
    }

    #[test]
    fn a_protection_that_is_none_is_never_reached() {
        assert_eq!(Protection::None.stop_quote(1.0, 100.0), f64::NEG_INFINITY);
        assert_eq!(Protection::None.target_quote(-1.0, 100.0), f64::NEG_INFINITY);
        assert_eq!(Protection::Distance(5.0).stop_quote(1.0, 100.0), 95.0);
        assert_eq!(Protection::Distance(5.0).stop_quote(-1.0, 100.0), 105.0);
        assert_eq!(Protection::Distance(5.0).target_quote(1.0, 100.0), 105.0);
        assert_eq!(Protection::Level(90.0).distance_quote(-1.0, 100.0), 10.0);
    }
}
