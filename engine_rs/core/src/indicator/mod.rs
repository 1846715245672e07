//! Indicators: `INDICATORS`, the table, and the one way to compute a column of one.
//!
//! A kernel sees a stretch without unknown values; how unknowns split a column into such
//! stretches is settled here, once for all of them.

mod atr;
mod ema;
mod ma;
mod rsi;

use crate::bars::{BarsView, Field};
use crate::parameter::{Param, Params};
use serde_json::{Value, json};

/// One indicator; a row of the table.
#[derive(Debug)]
pub struct Indicator {
    /// Name in rule text.
    pub name: &'static str,
    /// Where the definition comes from.
    pub source: &'static str,
    /// Number of series it is given.
    pub n_inputs: usize,
    /// Columns of the bars that it reads besides.
    pub reads: &'static [Field],
    /// Constant parameters.
    pub params: &'static [Param],
    /// Bars before the first value.
    pub warmup: Warmup,
    /// Writes one value a bar; the columns are `n_inputs` series and then `reads`, all as long
    /// as the output and without unknowns. Unknown (NaN) before the warm-up ends.
    pub compute: fn(columns: &[&[f64]], params: &Params, output: &mut [f64]),
}

/// Bars before an indicator's first value: the sum of some parameters and a constant.
#[derive(Clone, Copy, Debug)]
pub struct Warmup {
    /// Names of the parameters, each counted in bars.
    pub params: &'static [&'static str],
    /// What is added to their sum.
    pub plus_bars: i32,
}

impl Warmup {
    /// The number of bars for these parameters.
    pub fn bars(&self, params: &Params) -> usize {
        let sum: f64 = self.params.iter().map(|name| params.get(name)).sum();
        (sum + f64::from(self.plus_bars)).max(0.0) as usize
    }
}

impl Indicator {
    /// Row of the catalogue.
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name, "source": self.source, "n_inputs": self.n_inputs,
            "params": self.params.iter().map(Param::to_json).collect::<Vec<_>>(),
            "warmup": {"params": self.warmup.params, "plus_bars": self.warmup.plus_bars},
        })
    }

    /// Writes the indicator of `inputs` (and of the bars, where it reads them) into `output`.
    /// `is_clean` says that no input has an unknown value.
    ///
    /// An unknown value poisons the indicator until as many fresh values have come as its
    /// warm-up needs; so each stretch between unknowns is a series of its own.
    ///
    /// # Panics
    ///
    /// When the columns differ in length.
    pub fn column(
        &self,
        inputs: &[&[f64]],
        is_clean: bool,
        bars: &BarsView,
        params: &Params,
        output: &mut [f64],
    ) {
        let mut columns = inputs.to_vec();
        columns.extend(self.reads.iter().map(|field| bars.column(*field)));
        assert!(columns.iter().all(|column| column.len() == output.len()));
        let mut start = 0;
        while start < output.len() {
            let is_known = |at: usize| inputs.iter().all(|column| !column[at].is_nan());
            if !is_clean && !is_known(start) {
                output[start] = f64::NAN;
                start += 1;
                continue;
            }
            let unknown = if is_clean { None } else { first_unknown(inputs, start) };
            let end = unknown.unwrap_or(output.len());
            let stretch: Vec<&[f64]> = columns.iter().map(|column| &column[start..end]).collect();
            (self.compute)(&stretch, params, &mut output[start..end]);
            start = end;
        }
        // What overflows on the way is unknown, like any other result that is not finite.
        if !is_moderate(output) {
            output.iter_mut().filter(|x| x.is_infinite()).for_each(|x| *x = f64::NAN);
        }
    }
}

/// Whether no value is infinite; unknown values aside.
fn is_moderate(values: &[f64]) -> bool {
    const LANES: usize = 16;
    let mut largest = [0.0_f64; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (largest, value) in largest.iter_mut().zip(chunk) {
            // Not `max`: this is one instruction, and NaN never enters.
            *largest = if value.abs() > *largest { value.abs() } else { *largest };
        }
    }
    largest.iter().chain(rest).all(|value| !value.is_infinite())
}

/// First position at or after `start` where one of the columns is unknown.
fn first_unknown(columns: &[&[f64]], start: usize) -> Option<usize> {
    let starts = columns.iter().filter_map(|column| {
        let rest = &column[start..];
        // Whole chunks first: almost every column has no unknown at all.
        let mut at = 0;
        for chunk in rest.chunks(256) {
            if chunk.iter().fold(false, |unknown, value| unknown | value.is_nan()) {
                return chunk.iter().position(|value| value.is_nan()).map(|k| start + at + k);
            }
            at += chunk.len();
        }
        None
    });
    starts.min()
}

/// A window length in bars, as most indicators have one.
const fn window(name: &'static str, min: f64) -> Param {
    Param {
        name,
        unit: "bars",
        min,
        is_min_open: false,
        max: 5_000.0,
        default: None,
        is_integer: true,
    }
}

/// Every indicator there is.
pub const INDICATORS: &[&Indicator] = &[&ma::MA, &ema::EMA, &rsi::RSI, &atr::ATR];

/// The indicator called `name`, if there is one.
pub fn find(name: &str) -> Option<&'static Indicator> {
    INDICATORS.iter().find(|row| row.name == name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream, family_key};

    const EMPTY: BarsView<'static> = BarsView {
        ts: &[],
        open: &[],
        high: &[],
        low: &[],
        close: &[],
        volume: &[],
        hl_order: &[],
    };

    fn walk(n_bars: usize) -> Vec<f64> {
        let stream = Stream::scenario(5, family_key("test"), 0, 0, Purpose::Diffusion);
        let mut price = 100.0;
        (0..n_bars)
            .map(|t| {
                price *= 1.0 + 0.01 * stream.normal(t as u64);
                price
            })
            .collect()
    }

    fn of(name: &str, input: &[f64], n: f64) -> Vec<f64> {
        let row = find(name).unwrap();
        let params = Params::from_slice(name, row.params, &[n]).unwrap();
        let mut output = vec![0.0; input.len()];
        let bars = BarsView { high: input, low: input, close: input, ..EMPTY };
        let inputs: &[&[f64]] = if row.n_inputs == 0 { &[] } else { &[input] };
        row.column(inputs, false, &bars, &params, &mut output);
        output
    }

    fn bits(values: &[f64]) -> Vec<u64> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    #[test]
    fn every_indicator_is_known_from_its_warmup_on_and_not_before() {
        let input = walk(200);
        for row in INDICATORS {
            let params = Params::from_slice(row.name, row.params, &[14.0]).unwrap();
            let output = of(row.name, &input, 14.0);
            let warmup = row.warmup.bars(&params);
            assert!(output[..warmup].iter().all(|value| value.is_nan()), "{}", row.name);
            assert!(output[warmup..].iter().all(|value| value.is_finite()), "{}", row.name);
        }
    }

    #[test]
    fn a_prefix_of_the_input_gives_a_prefix_of_the_output() {
        let input = walk(9_000);
        for row in INDICATORS {
            for n in [2.0, 10.0, 50.0, 333.0] {
                let whole = of(row.name, &input, n);
                for cut in [1, 9, 10, 11, 1_000, 4_097, 8_191] {
                    let part = of(row.name, &input[..cut], n);
                    assert_eq!(bits(&part), bits(&whole[..cut]), "{} {n} {cut}", row.name);
                }
            }
        }
    }

    #[test]
    fn an_unknown_value_poisons_until_the_warmup_has_passed_again() {
        let mut input = walk(60);
        input[30] = f64::NAN;
        for name in ["ma", "ema", "rsi"] {
            let output = of(name, &input, 5.0);
            assert_eq!(bits(&output[..30]), bits(&of(name, &input[..30], 5.0)), "{name}");
            assert_eq!(bits(&output[31..]), bits(&of(name, &input[31..], 5.0)), "{name}");
            assert!(output[30].is_nan());
        }
    }

    #[test]
    fn hand_checked_values_hold() {
        let close = [1.0, 2.0, 4.0, 7.0, 5.0];
        assert_eq!(of("ma", &close, 2.0)[1..], [1.5, 3.0, 5.5, 6.0]);
        assert_eq!(of("ma", &close, 5.0)[4], 3.8);
        // Seed (1 + 2 + 4)/3, then half the distance each bar.
        let seed = 7.0 / 3.0;
        let expected = [seed, seed + (7.0 - seed) * 0.5];
        assert_eq!(of("ema", &close, 3.0)[2..4], expected);
        // Gains 1 and 2 over two bars; then gain 3; then loss 2.
        let rsi = of("rsi", &close, 2.0);
        assert_eq!(rsi[2..4], [100.0, 100.0]);
        let (gain, loss) = (((1.5 + 3.0) / 2.0) / 2.0, 2.0 / 2.0);
        assert!((rsi[4] - 100.0 * gain / (gain + loss)).abs() < 1e-12);
        // Without a range inside the bar the true range is the change of the close.
        let atr = of("atr", &close, 2.0);
        assert_eq!(atr[2..], [1.5, 2.25, 2.125]);
    }

    #[test]
    fn rsi_of_a_flat_market_is_in_the_middle() {
        assert_eq!(of("rsi", &[3.0; 10], 4.0)[4..], [50.0; 6]);
    }

    #[test]
    fn a_mean_agrees_with_its_definition_at_every_length() {
        let input = walk(6_000);
        for n in [1_usize, 2, 3, 7, 10, 50, 64, 100, 127, 1_000, 5_000] {
            let mean = of("ma", &input, n as f64);
            for t in (n - 1..input.len()).step_by(37) {
                let expected = crate::math::sum(input[t + 1 - n..=t].iter().copied()) / n as f64;
                assert!((mean[t] - expected).abs() <= 1e-13 * expected, "{n} {t}");
            }
        }
    }
}
