//! What a fill costs, slippage and fee, and what holding costs.

use crate::math::ln_ratios;
use crate::wide::widest;
use rayon::prelude::*;

/// How the size of an order moves its own price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Impact {
    /// Not at all.
    None,
    /// By `factor` times the volatility times the root of the share of the bar's volume.
    SquareRoot {
        /// Usually 1.
        factor: f64,
    },
    /// By a tenth of the price times the square of the share of the bar's volume.
    Zipline,
}

impl Impact {
    /// Basis points for this quantity; `sigma_bps` is the volatility of a bar, and the volume is
    /// above 0.
    pub fn bps(&self, quantity_base: f64, volume_base: f64, sigma_bps: f64) -> f64 {
        match self {
            Self::None => 0.0,
            Self::SquareRoot { factor } => {
                factor * sigma_bps * (quantity_base / volume_base).sqrt()
            }
            Self::Zipline => {
                let share = quantity_base / volume_base;
                1e3 * (share * share)
            }
        }
    }
}

/// What a fill costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Costs {
    /// Slippage in a market that does not move.
    pub base_bps: f64,
    /// Slippage for each basis point of volatility.
    pub k_vol: f64,
    /// Fee on the traded value.
    pub fee_bps: f64,
    /// The same for a fill of a limit that rested.
    pub maker_bps: f64,
    /// Smallest fee of a fill.
    pub min_fee_quote: f64,
    /// Fee of a fill besides that on its value.
    pub fixed_quote: f64,
    /// Half the distance between what buyers ask and sellers want.
    pub half_spread_bps: f64,
    /// How size moves the price.
    pub impact: Impact,
}

/// Slippage never takes the whole price.
const MAX_SLIPPAGE_BPS: f64 = 9_999.0;

/// How many times as wide the spread is in a bar that is marked so: of `base_bps` and of
/// `half_spread_bps`. The mark itself does not say.
pub const WIDE_SPREAD: f64 = 5.0;

impl Costs {
    /// Slippage as a fraction of the price, at `sigma_bps` of volatility, `factor` times the
    /// usual, in a spread `width` times as wide as usual and with so much impact.
    pub fn slippage_fraction(
        &self,
        sigma_bps: f64,
        factor: f64,
        width: f64,
        impact_bps: f64,
    ) -> f64 {
        let usual = factor * (width * self.base_bps + self.k_vol * sigma_bps);
        let whole = usual + width * self.half_spread_bps + impact_bps;
        // Also for a volatility that is not a number: `min` then gives the other.
        whole.min(MAX_SLIPPAGE_BPS) * 1e-4
    }

    /// Whether what a fill costs depends on the volatility.
    pub fn reads_volatility(&self) -> bool {
        self.k_vol > 0.0 || self.impact != Impact::None
    }

    /// Share of the value that is paid for a fill of a limit that rested, or for another.
    pub fn fee_fraction(&self, is_maker: bool) -> f64 {
        (if is_maker { self.maker_bps } else { self.fee_bps }) * 1e-4
    }

    /// Fee of a fill.
    pub fn fee_quote(&self, quantity_base: f64, price_quote: f64, is_maker: bool) -> f64 {
        let on_value = quantity_base * price_quote * self.fee_fraction(is_maker);
        (on_value + self.fixed_quote).max(self.min_fee_quote)
    }
}

/// What it costs to hold a position or cash for a year.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Financing {
    /// Paid on the value of what was sold short.
    pub borrow_bps_year: f64,
    /// Paid by who is long and to who is short; the other way when it is negative.
    pub funding_bps_year: f64,
    /// Earned on cash, and paid on debt.
    pub cash_bps_year: f64,
}

impl Financing {
    /// Whether an account with this position pays or earns anything while it waits.
    pub fn is_due(&self, position_base: f64) -> bool {
        self.cash_bps_year != 0.0
            || position_base != 0.0 && self.funding_bps_year != 0.0
            || position_base < 0.0 && self.borrow_bps_year != 0.0
    }

    /// What one bar costs; negative when it earns.
    pub fn quote(
        &self,
        cash_quote: f64,
        position_base: f64,
        price_quote: f64,
        bars_per_year: f64,
    ) -> f64 {
        let value = position_base * price_quote;
        let lent = (-value).max(0.0);
        let bps = lent * self.borrow_bps_year + value * self.funding_bps_year
            - cash_quote * self.cash_bps_year;
        bps * 1e-4 / bars_per_year
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

    /// The volatility of every bar, worked out by all threads.
    pub fn column(close: &[f64]) -> Vec<f64> {
        const PART_BARS: usize = 4_096;
        let bars = (0..close.len()).into_par_iter().with_min_len(PART_BARS);
        bars.map(|t| sigma_bps(close, t)).collect()
    }

    /// Sample deviation of the last returns up to bar `t`, in basis points; 0 until there are
    /// enough.
    pub fn sigma_bps(&self, t: usize) -> f64 {
        self.column.map_or_else(|| sigma_bps(self.close, t), |column| column[t])
    }
}

widest! {
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

    const COSTS: Costs = Costs {
        base_bps: 1.0,
        k_vol: 0.05,
        fee_bps: 2.0,
        maker_bps: 1.0,
        min_fee_quote: 0.5,
        fixed_quote: 0.1,
        half_spread_bps: 0.0,
        impact: Impact::None,
    };

    #[test]
    fn a_fee_has_its_parts_and_its_floor() {
        assert_eq!(COSTS.fee_quote(100.0, 50.0, false), 5_000.0 * (2.0 * 1e-4) + 0.1);
        assert_eq!(COSTS.fee_quote(100.0, 50.0, true), 5_000.0 * (1.0 * 1e-4) + 0.1);
        assert_eq!(COSTS.fee_quote(1.0, 50.0, false), 0.5);
    }

    #[test]
    fn slippage_grows_with_volatility_and_spread_and_is_bounded() {
        let slippage =
            |sigma, factor, width, impact| COSTS.slippage_fraction(sigma, factor, width, impact);
        assert_eq!(slippage(0.0, 1.0, 1.0, 0.0), 1e-4);
        assert!((slippage(40.0, 2.0, 1.0, 0.0) - 6e-4).abs() < 1e-18);
        assert!((slippage(40.0, 1.0, 5.0, 3.0) - 10e-4).abs() < 1e-18);
        let spread = Costs { half_spread_bps: 2.0, ..COSTS };
        assert!((spread.slippage_fraction(0.0, 2.0, 1.0, 0.0) - 4e-4).abs() < 1e-18);
        assert!(slippage(f64::NAN, 1.0, 1.0, 0.0) < 1.0);
        assert!(slippage(1e300, 1.0, 1.0, 0.0) < 1.0);
    }

    #[test]
    fn impact_follows_its_formula() {
        assert_eq!(Impact::None.bps(10.0, 40.0, 20.0), 0.0);
        assert_eq!(Impact::SquareRoot { factor: 2.0 }.bps(10.0, 40.0, 20.0), 20.0);
        // A quarter of the volume: a tenth of a sixteenth of the price.
        assert_eq!(Impact::Zipline.bps(10.0, 40.0, 20.0), 62.5);
    }

    #[test]
    fn a_year_of_financing_is_its_rate() {
        let rates =
            Financing { borrow_bps_year: 100.0, funding_bps_year: 30.0, cash_bps_year: 200.0 };
        let year = |cash, position| rates.quote(cash, position, 50.0, 1.0);
        assert!((year(0.0, 2.0) - 0.3).abs() < 1e-12);
        assert!((year(0.0, -2.0) - (1.0 - 0.3)).abs() < 1e-12);
        assert!((year(1_000.0, 0.0) + 20.0).abs() < 1e-12);
        assert!((rates.quote(0.0, 2.0, 50.0, 100.0) - 0.003).abs() < 1e-15);
        assert!(rates.is_due(0.0) && !Financing { cash_bps_year: 0.0, ..rates }.is_due(0.0));
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
