//! Metrics of the closed trades and of trading as an activity.

use super::returns::flat;
use super::study::Study;
use super::{Compute, FLAT, Flag, Metric, Outcome};
use crate::math::{Sum, sum};

/// Row of the share of winners.
pub const WIN_RATE: Metric = Metric {
    name: "win_rate",
    unit: "fraction",
    better: "higher",
    basis: "trade",
    needs: "run",
    formula: "share of winners among the trades that won or lost, net",
    null: "NO_TRADES",
    source: "share of winners among trades that won or lost, net",
    compute: Compute::Summary(|record| {
        let trades = &record.trades;
        let decided = trades.n_won + trades.n_lost;
        if decided == 0 {
            return Outcome::Null(Flag::NoTrades);
        }
        Outcome::Value(trades.n_won as f64 / decided as f64)
    }),
};

/// Row of the profit factor.
pub const PROFIT_FACTOR: Metric = Metric {
    name: "profit_factor",
    unit: "ratio",
    better: "higher",
    basis: "trade",
    needs: "run",
    formula: "net profit of the winners over net loss of the losers",
    null: "NO_TRADES, NO_LOSSES",
    source: "net profit of winners over net loss of losers",
    compute: Compute::Summary(|record| {
        let trades = &record.trades;
        if trades.n_won + trades.n_lost == 0 {
            return Outcome::Null(Flag::NoTrades);
        }
        if trades.n_lost == 0 {
            return Outcome::Null(Flag::NoLosses);
        }
        Outcome::Value(trades.won_quote.value() / trades.lost_quote.value())
    }),
};

/// Row of the turnover.
pub const TURNOVER: Metric = Metric {
    name: "turnover",
    unit: "1/year",
    better: "neither",
    basis: "trade",
    needs: "run",
    formula: "value of all fills over mean equity and years",
    null: "RUIN where mean equity is not above zero",
    source: "traded value, both ways, over mean equity and years",
    compute: Compute::Summary(|record| {
        if record.mean_growth <= 0.0 {
            return Outcome::Null(Flag::Ruin);
        }
        let years = record.n_bars as f64 / record.bars_per_year;
        Outcome::Value(record.traded_growth / record.mean_growth / years)
    }),
};

/// Row of the number of trades.
pub const N_TRADES: Metric = Metric {
    name: "n_trades",
    unit: "trades",
    better: "neither",
    basis: "trade",
    needs: "run",
    formula: "closed trades",
    null: "never",
    source: "closed trades",
    compute: Compute::Summary(|record| Outcome::Value(record.trades.n_closed as f64)),
};

/// Row of `payoff`.
pub const PAYOFF: Metric = Metric {
    name: "payoff",
    unit: "ratio",
    better: "higher",
    basis: "trade",
    needs: "run",
    formula: "mean net profit of the winners over mean net loss of the losers",
    null: "absent without a run, NO_TRADES, NO_LOSSES, NO_GAINS",
    source: "net profit of winners and losers",
    compute: Compute::Study(|study| {
        by_trades(study, |_| {
            let totals = &study.record.trades;
            if totals.n_lost == 0 {
                return Outcome::Null(Flag::NoLosses);
            }
            if totals.n_won == 0 {
                return Outcome::Null(Flag::NoGains);
            }
            let won = totals.won_quote.value() / totals.n_won as f64;
            Outcome::Value(won / (totals.lost_quote.value() / totals.n_lost as f64))
        })
    }),
};

/// Row of `expectancy`.
pub const EXPECTANCY: Metric = Metric {
    name: "expectancy",
    unit: "quote",
    better: "higher",
    basis: "trade",
    needs: "run",
    formula: "mean net profit of a trade",
    null: "absent without a run, NO_TRADES",
    source: "mean net profit",
    compute: Compute::Study(|study| {
        by_trades(study, |trades| Outcome::Value(trades.net_quote / trades.n as f64))
    }),
};

/// Row of `expectancy_r`.
pub const EXPECTANCY_R: Metric = Metric {
    name: "expectancy_r",
    unit: "R",
    better: "higher",
    basis: "trade",
    needs: "run",
    formula: "mean of net profit over initial risk, of the trades with a stop",
    null: "absent without a run, NO_TRADES, NO_STOPS if no trade had a stop",
    source: "Tharp (1998), Trade Your Way to Financial Freedom",
    compute: Compute::Study(|study| {
        by_trades(study, |trades| {
            if trades.n_risked == 0 {
                return Outcome::Null(Flag::NoStops);
            }
            Outcome::Value(trades.risk_multiple_mean)
        })
    }),
};

/// Row of `sqn`.
pub const SQN: Metric = Metric {
    name: "sqn",
    unit: "ratio",
    better: "higher",
    basis: "trade",
    needs: "run",
    formula: "root of the count, times mean over deviation (ddof 1) of net profit over initial risk",
    null: "absent without a run, NO_TRADES, NO_STOPS if no trade had a stop, LOW_SAMPLE below two of them, ZERO_DISPERSION",
    source: "Tharp (2008), The Definitive Guide to Position Sizing",
    compute: Compute::Study(|study| {
        by_trades(study, |trades| {
            let deviation = trades.risk_multiple_deviation;
            match trades.n_risked {
                0 => Outcome::Null(Flag::NoStops),
                1 => Outcome::Null(Flag::LowSample),
                _ if deviation <= FLAT * trades.risk_multiple_largest => {
                    flat(trades.risk_multiple_mean)
                }
                n => Outcome::Value((n as f64).sqrt() * trades.risk_multiple_mean / deviation),
            }
        })
    }),
};

/// Row of `avg_hold`.
pub const AVG_HOLD: Metric = Metric {
    name: "avg_hold",
    unit: "bars",
    better: "neither",
    basis: "trade",
    needs: "run",
    formula: "mean bars between entry and exit",
    null: "absent without a run, NO_TRADES",
    source: "mean over trades",
    compute: Compute::Study(|study| {
        by_trades(study, |trades| Outcome::Value(trades.held_bars / trades.n as f64))
    }),
};

/// Row of `max_consec_losses`.
pub const MAX_CONSEC_LOSSES: Metric = Metric {
    name: "max_consec_losses",
    unit: "trades",
    better: "lower",
    basis: "trade",
    needs: "run",
    formula: "most trades in a row with a net loss; a trade without profit or loss ends the row",
    null: "absent without a run",
    source: "extremum",
    compute: Compute::Study(|study| {
        study
            .trade_shape()
            .map_or(Outcome::Absent, |trades| Outcome::Value(trades.longest_lost as f64))
    }),
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

/// What the metrics look at of one closed trade.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Traded {
    /// Profit after costs.
    pub net_quote: f64,
    /// Profit at the prices before slippage, before fees.
    pub gross_quote: f64,
    /// Value bought and sold.
    pub traded_quote: f64,
    /// Fees and slippage.
    pub cost_quote: f64,
    /// What was at stake when it began: from entry to stop; 0 without a stop.
    pub risk_quote: f64,
    pub held_bars: usize,
}

/// Sums over the closed trades in the order they closed.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)]
pub struct TradeShape {
    pub n: usize,
    pub net_quote: f64,
    pub gross_quote: f64,
    pub traded_quote: f64,
    pub cost_quote: f64,
    pub held_bars: f64,
    pub longest_lost: usize,
    /// Trades with a stop, and their net profits over their risks.
    pub n_risked: usize,
    pub risk_multiple_mean: f64,
    /// ddof 1; 0 for fewer than two.
    pub risk_multiple_deviation: f64,
    /// Without sign.
    pub risk_multiple_largest: f64,
}

impl TradeShape {
    /// Of closed trades.
    pub fn new(trades: &[Traded]) -> Self {
        let total = |value: fn(&Traded) -> f64| sum(trades.iter().map(value));
        let multiples = || {
            let risked = trades.iter().filter(|trade| trade.risk_quote > 0.0);
            risked.map(|trade| trade.net_quote / trade.risk_quote)
        };
        let n_risked = multiples().count();
        let mean = sum(multiples()) / n_risked.max(1) as f64;
        let squares = sum(multiples().map(|value| (value - mean) * (value - mean)));
        let (mut lost, mut longest_lost) = (0, 0);
        for trade in trades {
            lost = if trade.net_quote < 0.0 { lost + 1 } else { 0 };
            longest_lost = longest_lost.max(lost);
        }
        Self {
            n: trades.len(),
            net_quote: total(|trade| trade.net_quote),
            gross_quote: total(|trade| trade.gross_quote),
            traded_quote: total(|trade| trade.traded_quote),
            cost_quote: total(|trade| trade.cost_quote),
            held_bars: total(|trade| trade.held_bars as f64),
            longest_lost,
            n_risked,
            risk_multiple_mean: mean,
            risk_multiple_deviation: (squares / (n_risked.max(2) - 1) as f64).sqrt(),
            risk_multiple_largest: multiples().fold(0.0, |so_far, value| so_far.max(value.abs())),
        }
    }
}

pub(super) fn by_trades(study: &Study, value: impl FnOnce(&TradeShape) -> Outcome) -> Outcome {
    match study.trade_shape() {
        None => Outcome::Absent,
        Some(trades) if trades.n == 0 => Outcome::Null(Flag::NoTrades),
        Some(trades) => value(trades),
    }
}
