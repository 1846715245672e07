//! Metrics that set gains against losses, bar by bar.

use super::returns::{Shape, from_one, from_two};
use super::{Compute, Flag, Metric, Outcome, is_still};

/// Row of `sortino_v0`.
pub const SORTINO_V0: Metric = Metric {
    name: "sortino_v0",
    unit: "1/sqrt(year)",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "mean of the positive returns over the deviation of the negative ones (ddof 1), times the root of bars a year: flattering, kept for comparison",
    null: "LOW_SAMPLE below two returns, NO_GAINS, NO_DOWNSIDE below two losses, ZERO_DISPERSION if all losses are one",
    source: "this project's first definition",
    compute: Compute::Study(|study| {
        from_two(study, |study| {
            let shape = study.shape();
            if shape.n_down < 2.0 {
                return no_losses(shape, Flag::NoDownside);
            }
            if shape.n_up == 0.0 {
                return Outcome::Null(Flag::NoGains);
            }
            if is_still(shape.down_deviation, shape.lowest.abs()) {
                return Outcome::Null(Flag::ZeroDispersion);
            }
            let mean = shape.up / shape.n_up;
            Outcome::Value(mean / shape.down_deviation * study.record.bars_per_year.sqrt())
        })
    }),
};

/// Row of `omega`.
pub const OMEGA: Metric = Metric {
    name: "omega",
    unit: "ratio",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "sum of the positive returns over that of the negative ones, without sign",
    null: "LOW_SAMPLE without a return, NO_DOWNSIDE without a loss, ZERO_DISPERSION if nothing was gained either",
    source: "Keating and Shadwick (2002), J. Performance Measurement 6(3); empyrical omega_ratio",
    compute: Compute::Study(|study| {
        from_one(study, |study| {
            let shape = study.shape();
            if shape.n_down == 0.0 {
                return no_losses(shape, Flag::NoDownside);
            }
            Outcome::Value(shape.up / -shape.down)
        })
    }),
};

/// Row of `gain_to_pain`.
pub const GAIN_TO_PAIN: Metric = Metric {
    name: "gain_to_pain",
    unit: "ratio",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "sum of all returns over that of the negative ones, without sign",
    null: "LOW_SAMPLE without a return, NO_DOWNSIDE without a loss, ZERO_DISPERSION if nothing was gained either",
    source: "Schwager (2012), Hedge Fund Market Wizards; quantstats gain_to_pain_ratio",
    compute: Compute::Study(|study| {
        from_one(study, |study| {
            let shape = study.shape();
            if shape.n_down == 0.0 {
                return no_losses(shape, Flag::NoDownside);
            }
            Outcome::Value((shape.up + shape.down) / -shape.down)
        })
    }),
};

/// Row of `win_rate_bar`.
pub const WIN_RATE_BAR: Metric = Metric {
    name: "win_rate_bar",
    unit: "fraction",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "share of positive returns among those that are not zero",
    null: "LOW_SAMPLE without a return, ZERO_DISPERSION if all are zero",
    source: "quantstats win_rate",
    compute: Compute::Study(|study| {
        from_one(study, |study| {
            let shape = study.shape();
            let n_decided = shape.n_up + shape.n_down;
            if n_decided == 0.0 {
                return Outcome::Null(Flag::ZeroDispersion);
            }
            Outcome::Value(shape.n_up / n_decided)
        })
    }),
};

/// Row of `profit_factor_bar`.
pub const PROFIT_FACTOR_BAR: Metric = Metric {
    name: "profit_factor_bar",
    unit: "ratio",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "sum of the positive returns over that of the negative ones, without sign",
    null: "LOW_SAMPLE without a return, NO_LOSSES without a loss, ZERO_DISPERSION if nothing was gained either",
    source: "quantstats profit_factor",
    compute: Compute::Study(|study| {
        from_one(study, |study| {
            let shape = study.shape();
            if shape.n_down == 0.0 {
                return no_losses(shape, Flag::NoLosses);
            }
            Outcome::Value(shape.up / -shape.down)
        })
    }),
};

/// Row of `payoff_bar`.
pub const PAYOFF_BAR: Metric = Metric {
    name: "payoff_bar",
    unit: "ratio",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "mean positive return over mean negative one, without sign",
    null: "LOW_SAMPLE without a return, NO_LOSSES without a loss, ZERO_DISPERSION if nothing was gained either, NO_GAINS",
    source: "quantstats payoff_ratio",
    compute: Compute::Study(|study| {
        from_one(study, |study| {
            let shape = study.shape();
            if shape.n_down == 0.0 {
                return no_losses(shape, Flag::NoLosses);
            }
            if shape.n_up == 0.0 {
                return Outcome::Null(Flag::NoGains);
            }
            Outcome::Value(shape.up / shape.n_up / (-shape.down / shape.n_down))
        })
    }),
};

/// A gain without a loss has no ratio, and nothing at all has none either.
fn no_losses(shape: &Shape, flag: Flag) -> Outcome {
    Outcome::Null(if shape.highest > 0.0 { flag } else { Flag::ZeroDispersion })
}
