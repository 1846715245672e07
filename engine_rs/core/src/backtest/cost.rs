//! Slippage and fees.

use crate::math::ln_ratios;

/// What a fill costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Costs {
    /// Slippage in a market that does not move.
    pub base_bps: f64,
    /// Slippage for each basis point of volatility.
    pub k_vol: f64,
    /// Fee on the traded value.
    pub fee_bps: f64,
    /// Smallest fee of a fill.
    pub min_fee_quote: f64,
    /// Fee of a fill besides that on its value.
    pub fixed_quote: f64,
}

/// Slippage never takes the whole price.
const MAX_SLIPPAGE_BPS: f64 = 9_999.0;

impl Costs {
    /// Slippage as a fraction of the price, at `sigma_bps` of volatility, `factor` times the
    /// usual.
    pub fn slippage_fraction(&self, sigma_bps: f64, factor: f64) -> f64 {
        // Also for a volatility that is not a number: `min` then gives the other.
        (factor * (self.base_bps + self.k_vol * sigma_bps)).min(MAX_SLIPPAGE_BPS) * 1e-4
    }

    /// Fee of a fill.
    pub fn fee_quote(&self, quantity_base: f64, price_quote: f64) -> f64 {
        let on_value = quantity_base * price_quote * (self.fee_bps * 1e-4) + self.fixed_quote;
        on_value.max(self.min_fee_quote)
    }
}

/// Returns in the window of the volatility.
pub const WINDOW_BARS: usize = 20;

/// Volatility per bar, as far as it is known at a close.
#[derive(Clone, Copy, Debug)]
pub struct Volatility<'a> {
    close: &'a [f64],
    /// The same for all bars at once, where many runs ask.
    column: Option<&'a [f64]>,
}

impl<'a> Volatility<'a> {
    /// Of these closes; `column` is what [`Volatility::column`] gave for them, if it was asked.
    pub fn new(close: &'a [f64], column: Option<&'a [f64]>) -> Self {
        Self { close, column }
    }

    /// The volatility of every bar.
    pub fn column(close: &[f64]) -> Vec<f64> {
        (0..close.len()).map(|t| sigma_bps(close, t)).collect()
    }

    /// Sample deviation of the last returns up to bar `t`, in basis points; 0 until there are
    /// enough.
    pub fn sigma_bps(&self, t: usize) -> f64 {
        self.column.map_or_else(|| sigma_bps(self.close, t), |column| column[t])
    }
}

fn sigma_bps(close: &[f64], t: usize) -> f64 {
    if t < WINDOW_BARS {
        return 0.0;
    }
    let window = close[t - WINDOW_BARS..].first_chunk::<{ WINDOW_BARS + 1 }>();
    let logarithms = ln_ratios(window.expect("bar t is among the closes"));
    let returns = logarithms.last_chunk::<WINDOW_BARS>().expect("it is one shorter");
    let mean = sum(returns, |value| value) / WINDOW_BARS as f64;
    let squares = sum(returns, |value| (value - mean) * (value - mean));
    1e4 * (squares / (WINDOW_BARS - 1) as f64).sqrt()
}

/// Four sums side by side, and then those: none waits for the one before it.
#[inline(always)]
fn sum(values: &[f64; WINDOW_BARS], term: impl Fn(f64) -> f64) -> f64 {
    let mut sums = [0.0; 4];
    for four in values.as_chunks::<4>().0 {
        for (sum, value) in sums.iter_mut().zip(four) {
            *sum += term(*value);
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: Costs =
        Costs { base_bps: 1.0, k_vol: 0.05, fee_bps: 2.0, min_fee_quote: 0.5, fixed_quote: 0.1 };

    #[test]
    fn a_fee_has_its_parts_and_its_floor() {
        assert_eq!(COSTS.fee_quote(100.0, 50.0), 5_000.0 * (2.0 * 1e-4) + 0.1);
        assert_eq!(COSTS.fee_quote(1.0, 50.0), 0.5);
    }

    #[test]
    fn slippage_grows_with_volatility_and_is_bounded() {
        assert_eq!(COSTS.slippage_fraction(0.0, 1.0), 1e-4);
        assert!((COSTS.slippage_fraction(40.0, 2.0) - 6e-4).abs() < 1e-18);
        assert!(COSTS.slippage_fraction(f64::NAN, 1.0) < 1.0);
        assert!(COSTS.slippage_fraction(1e300, 1.0) < 1.0);
    }

    #[test]
    fn volatility_is_that_of_the_last_twenty_returns() {
        let mut close = vec![100.0; 30];
        for t in (21..30).step_by(2) {
            close[t] = 101.0;
        }
        let volatility = Volatility::new(&close, None);
        assert_eq!(volatility.sigma_bps(19), 0.0);
        assert_eq!(volatility.sigma_bps(20), 0.0);
        let step = crate::math::ln(1.01);
        // Up and down by the same step nine times among twenty, beginning upwards.
        let (mean, n) = (step / 20.0, 9.0);
        let squares = n * step * step - 20.0 * mean * mean;
        let expected = 1e4 * (squares / 19.0).sqrt();
        assert!((volatility.sigma_bps(29) / expected - 1.0).abs() < 1e-12);
        let column = Volatility::column(&close);
        assert!((0..30).all(|t| column[t] == volatility.sigma_bps(t)));
    }
}
