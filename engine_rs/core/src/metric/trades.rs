//! Metrics of the closed trades and of trading as an activity.

use super::{Flag, Metric, Outcome};
use crate::math::Sum;

/// Row of the share of winners.
pub const WIN_RATE: Metric = Metric {
    name: "win_rate",
    unit: "fraction",
    better: "higher",
    basis: "trades",
    source: "share of winners among trades that won or lost, net",
    compute: |record| {
        let trades = &record.trades;
        let decided = trades.n_won + trades.n_lost;
        if decided == 0 {
            return Outcome::Null(Flag::NoTrades);
        }
        Outcome::Value(trades.n_won as f64 / decided as f64)
    },
};

/// Row of the profit factor.
pub const PROFIT_FACTOR: Metric = Metric {
    name: "profit_factor",
    unit: "ratio",
    better: "higher",
    basis: "trades",
    source: "net profit of winners over net loss of losers",
    compute: |record| {
        let trades = &record.trades;
        if trades.n_won + trades.n_lost == 0 {
            return Outcome::Null(Flag::NoTrades);
        }
        if trades.n_lost == 0 {
            return Outcome::Null(Flag::NoLosses);
        }
        Outcome::Value(trades.won_quote.value() / trades.lost_quote.value())
    },
};

/// Row of the turnover.
pub const TURNOVER: Metric = Metric {
    name: "turnover",
    unit: "1/year",
    better: "neither",
    basis: "trades",
    source: "traded value, both ways, over mean equity and years",
    compute: |record| {
        if record.mean_growth <= 0.0 {
            return Outcome::Null(Flag::Ruin);
        }
        let years = record.n_bars as f64 / record.bars_per_year;
        Outcome::Value(record.traded_growth / record.mean_growth / years)
    },
};

/// Row of the number of trades.
pub const N_TRADES: Metric = Metric {
    name: "n_trades",
    unit: "trades",
    better: "neither",
    basis: "trades",
    source: "closed trades",
    compute: |record| Outcome::Value(record.trades.n_closed as f64),
};

/// Sums over the closed trades of a run, on net profit.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)]
pub struct TradeTotals {
    pub n_closed: u64,
    pub n_won: u64,
    pub n_lost: u64,
    pub won_quote: Sum,
    /// Positive.
    pub lost_quote: Sum,
}

impl TradeTotals {
    /// Adds one closed trade.
    pub fn add(&mut self, net_quote: f64) {
        self.n_closed += 1;
        if net_quote > 0.0 {
            self.n_won += 1;
            self.won_quote.add(net_quote);
        } else if net_quote < 0.0 {
            self.n_lost += 1;
            self.lost_quote.add(-net_quote);
        }
    }
}
