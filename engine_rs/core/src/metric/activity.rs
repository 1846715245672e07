//! Metrics of what a run did beside winning and losing: exposure, leverage, costs.

use super::study::Study;
use super::trades::by_trades;
use super::{Compute, Flag, Metric, Outcome};

/// Row of `breakeven_cost_bps`.
pub const BREAKEVEN_COST_BPS: Metric = Metric {
    name: "breakeven_cost_bps",
    unit: "bps",
    better: "higher",
    basis: "trade",
    needs: "run",
    formula: "profit before costs less costs, over the value traded by the closed trades: what a fill could cost more before nothing is left",
    null: "absent without a run, NO_TRADES",
    source: "this project's own",
    compute: Compute::Study(|study| {
        by_trades(study, |trades| {
            if trades.traded_quote == 0.0 {
                return Outcome::Null(Flag::NoTrades);
            }
            let gross_bps = 1e4 * trades.gross_quote / trades.traded_quote;
            Outcome::Value(gross_bps - 1e4 * trades.cost_quote / trades.traded_quote)
        })
    }),
};

/// Row of `cost_drag`.
pub const COST_DRAG: Metric = Metric {
    name: "cost_drag",
    unit: "fraction/year",
    better: "lower",
    basis: "trade",
    needs: "run",
    formula: "fees and slippage of the closed trades over the initial cash and years",
    null: "absent without a run",
    source: "this project's own",
    compute: Compute::Study(|study| {
        let (Some(trades), Some(_)) = (study.trade_shape(), study.known.activity) else {
            return Outcome::Absent;
        };
        let years = study.record.n_bars as f64 / study.record.bars_per_year;
        Outcome::Value(trades.cost_quote / study.known.initial / years)
    }),
};

/// Row of `exposure_time`.
pub const EXPOSURE_TIME: Metric = Metric {
    name: "exposure_time",
    unit: "fraction",
    better: "neither",
    basis: "bar",
    needs: "run",
    formula: "share of the bars with a position at the close",
    null: "absent without a run",
    source: "share of bars",
    compute: Compute::Study(|study| {
        active(study, |activity| Outcome::Value(activity.exposed_fraction))
    }),
};

/// Row of `exposure_gross`.
pub const EXPOSURE_GROSS: Metric = Metric {
    name: "exposure_gross",
    unit: "ratio",
    better: "neither",
    basis: "bar",
    needs: "run",
    formula: "mean of the position's value at the close over equity, without sign",
    null: "absent without a run",
    source: "mean leverage",
    compute: Compute::Study(|study| {
        active(study, |activity| Outcome::Value(activity.leverage_mean))
    }),
};

/// Row of `max_leverage`.
pub const MAX_LEVERAGE: Metric = Metric {
    name: "max_leverage",
    unit: "ratio",
    better: "lower",
    basis: "bar",
    needs: "run",
    formula: "largest of the position's value at a close over equity, without sign",
    null: "absent without a run",
    source: "extremum",
    compute: Compute::Study(|study| {
        active(study, |activity| Outcome::Value(activity.leverage_largest))
    }),
};

/// Row of `ambiguity_gap`.
pub const AMBIGUITY_GAP: Metric = Metric {
    name: "ambiguity_gap",
    unit: "percent",
    better: "lower",
    basis: "bar",
    needs: "run",
    formula: "equity after the optimistic order of events within ambiguous bars less that after the pessimistic one, over the initial cash",
    null: "absent unless both bounds were run; BAR_RESOLUTION_TOO_COARSE marks one above a tenth of the profit",
    source: "this project's own",
    compute: Compute::Study(|study| {
        let Some(gap) = study.known.activity.and_then(|activity| activity.ambiguity_gap) else {
            return Outcome::Absent;
        };
        if gap.is_coarse {
            return Outcome::Marked(gap.percent, Flag::BarResolutionTooCoarse);
        }
        Outcome::Value(gap.percent)
    }),
};

fn active(study: &Study, value: impl FnOnce(&Activity) -> Outcome) -> Outcome {
    study.known.activity.map_or(Outcome::Absent, value)
}

/// What a run did, up to the bar that ruined it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Activity {
    /// Share of the bars with a position at the close.
    pub exposed_fraction: f64,
    /// Mean of the position's value over equity, without sign.
    pub leverage_mean: f64,
    /// Largest of the same.
    pub leverage_largest: f64,
    /// How far the bounds of ambiguous bars lie apart; None unless both were run.
    pub ambiguity_gap: Option<AmbiguityGap>,
}

/// How far the two bounds of a run with ambiguous bars lie apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AmbiguityGap {
    /// Of the initial cash.
    pub percent: f64,
    /// Whether it is above a tenth of the profit.
    pub is_coarse: bool,
}
