//! Laws of every indicator, and values worked out by hand.

use super::*;
use crate::bars::Bars;
use crate::program::sample::{bits, market};

fn params(row: &Indicator, n: f64) -> Params {
    // Later windows a little longer, so that no two are mistaken for one another.
    let values: Vec<f64> = (0..row.params.len())
        .map(|k| if row.params[k].is_integer { n + k as f64 } else { 2.0 })
        .collect();
    Params::from_slice(row.name, row.params, &values).unwrap()
}

/// What a row is given: the closes, or a condition that is now and then true.
fn input(row: &Indicator, bars: &Bars) -> Option<Vec<f64>> {
    let is_up = |t: usize| f64::from(u8::from(t == 0 || bars.close[t] > 1.01 * bars.open[t]));
    Some(match row.inputs.first()? {
        Input::Number => bars.close.clone(),
        Input::Truth => (0..bars.close.len()).map(is_up).collect(),
    })
}

fn column(row: &Indicator, bars: &Bars, input: Option<&[f64]>, n: f64, output: usize) -> Vec<f64> {
    let view = bars.view(0..bars.close.len());
    let mut values = vec![0.0; view.len()];
    let inputs: Vec<&[f64]> = input.into_iter().collect();
    row.column(&inputs, false, &view, (&params(row, n), output), &mut values);
    values
}

/// The first output of `name` over a series of closes that are highs and lows as well.
fn of(name: &str, close: &[f64], n: f64) -> Vec<f64> {
    let row = find(name).unwrap();
    let bars = crate::program::sample::bars(close);
    let input = input(row, &bars);
    column(row, &bars, input.as_deref(), n, 0)
}

fn everywhere(mut law: impl FnMut(&'static Indicator, usize)) {
    for row in INDICATORS {
        (0..row.outputs.len()).for_each(|output| law(row, output));
    }
}

#[test]
fn every_indicator_is_known_from_its_warmup_on_and_not_before() {
    let bars = market(5, 200);
    everywhere(|row, output| {
        let values = column(row, &bars, input(row, &bars).as_deref(), 14.0, output);
        let warmup = row.warmup.bars(&params(row, 14.0));
        assert!(values[..warmup].iter().all(|value| value.is_nan()), "{}", row.name);
        assert!(values[warmup..].iter().all(|value| value.is_finite()), "{}", row.name);
    });
}

#[test]
fn a_prefix_of_the_input_gives_a_prefix_of_the_output() {
    let bars = market(5, 9_000);
    everywhere(|row, output| {
        let input = input(row, &bars);
        for n in [2.0, 10.0, 333.0] {
            let whole = column(row, &bars, input.as_deref(), n, output);
            for cut in [1, 9, 10, 11, 1_000, 4_097, 8_191] {
                let mut part = vec![0.0; cut];
                let inputs: Vec<&[f64]> = input.iter().map(|input| &input[..cut]).collect();
                let made = (&params(row, n), output);
                row.column(&inputs, false, &bars.view(0..cut), made, &mut part);
                assert_eq!(bits(&part), bits(&whole[..cut]), "{} {n} {cut}", row.name);
            }
        }
    });
}

#[test]
fn a_window_gives_the_same_bits_wherever_it_lies() {
    let bars = market(6, 2_500);
    everywhere(|row, output| {
        if matches!(row.memory, Memory::Series(_)) {
            return;
        }
        let input = input(row, &bars);
        let params = params(row, 37.0);
        let whole = column(row, &bars, input.as_deref(), 37.0, output);
        let n_bars = row.warmup.bars(&params) + 1;
        for end in [n_bars, n_bars + 1, 1_059, 1_060, 1_061, 2_048, 2_500] {
            let range = end - n_bars..end;
            let inputs: Vec<&[f64]> = input.iter().map(|input| &input[range.clone()]).collect();
            let mut part = vec![0.0; n_bars];
            row.column(&inputs, false, &bars.view(range), (&params, output), &mut part);
            assert_eq!(part[n_bars - 1].to_bits(), whole[end - 1].to_bits(), "{} {end}", row.name);
        }
    });
}

#[test]
fn bar_by_bar_is_bit_for_bit_the_whole_column() {
    const N_BARS: usize = 300;
    for (seed, n) in (0..60).map(|seed| (seed, 2.0 + (seed % 20) as f64)) {
        let bars = market(seed, N_BARS);
        let view = bars.view(0..N_BARS);
        everywhere(|row, output| {
            let Memory::Series(make) = row.memory else {
                return;
            };
            let input = input(row, &bars);
            let whole = column(row, &bars, input.as_deref(), n, output);
            let mut step = make(&params(row, n), output);
            let one_by_one: Vec<f64> = (0..N_BARS)
                .map(|t| {
                    let mut values: Vec<f64> = input.iter().map(|input| input[t]).collect();
                    values.extend(row.reads.iter().map(|field| view.column(*field)[t]));
                    step.next(&values)
                })
                .collect();
            assert_eq!(bits(&one_by_one), bits(&whole), "{} {n}", row.name);
        });
    }
}

#[test]
fn an_unknown_value_poisons_until_the_warmup_has_passed_again() {
    let bars = market(5, 90);
    everywhere(|row, output| {
        let Some(mut input) = input(row, &bars) else {
            return;
        };
        if matches!(row.memory, Memory::Ends) {
            return;
        }
        input[30] = f64::NAN;
        let values = column(row, &bars, Some(&input), 5.0, output);
        for range in [0..30, 31..90] {
            let mut part = vec![0.0; range.len()];
            let made = (&params(row, 5.0), output);
            row.column(&[&input[range.clone()]], true, &bars.view(range.clone()), made, &mut part);
            assert_eq!(bits(&values[range]), bits(&part), "{}", row.name);
        }
        assert!(values[30].is_nan());
    });
}

#[test]
fn values_lie_where_their_row_says() {
    for (seed, n) in [(1, 2.0), (2, 5.0), (3, 40.0)] {
        let bars = market(seed, 3_000);
        everywhere(|row, output| {
            let input = input(row, &bars);
            let values = column(row, &bars, input.as_deref(), n, output);
            let known = || values.iter().copied().filter(|value| !value.is_nan());
            let (low, high) = match row.outputs[output].range {
                Range::Any => return,
                Range::Between(low, high) => (low, high),
                Range::Input => {
                    let input = input.unwrap();
                    let least = input.iter().copied().fold(f64::INFINITY, f64::min);
                    (least, input.iter().copied().fold(0.0, f64::max))
                }
            };
            assert!(known().all(|value| low <= value && value <= high), "{}", row.name);
            assert!(known().count() > 2_000, "{}", row.name);
        });
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
    assert_eq!(of("atr", &close, 2.0)[2..], [1.5, 2.25, 2.125]);
    // (2·2 + 1)/3, (2·4 + 2)/3, (2·7 + 4)/3, (2·5 + 7)/3.
    let thirds: Vec<f64> = of("wma", &close, 2.0)[1..].iter().map(|x| (x * 3.0).round()).collect();
    assert_eq!(thirds, [5.0, 10.0, 18.0, 17.0]);
    assert_eq!(of("slope", &close, 3.0)[2..], [1.5, 2.5, 0.5]);
    assert_eq!(of("highest", &close, 2.0)[1..], [2.0, 4.0, 7.0, 7.0]);
    assert_eq!(of("lowest", &close, 3.0)[2..], [1.0, 2.0, 4.0]);
    assert_eq!(of("stdev", &close, 2.0)[1..], [0.5, 1.0, 1.5, 1.0]);
    assert_eq!(of("zscore", &close, 2.0)[1..], [1.0, 1.0, 1.0, -1.0]);
    assert_eq!(of("mom", &close, 2.0)[2..], [3.0, 5.0, 1.0]);
    assert_eq!(of("ret", &close, 2.0)[2..], [3.0, 2.5, 0.25]);
    assert_eq!(of("roc", &close, 2.0)[2..], [300.0, 250.0, 25.0]);
    // One unit a bar: up three times, then down.
    assert_eq!(of("obv", &close, 0.0), [1.0, 2.0, 3.0, 4.0, 3.0]);
}

#[test]
fn a_market_that_does_not_move_is_in_the_middle_or_unknown() {
    let flat = [0.1; 40];
    assert_eq!(of("rsi", &flat, 4.0)[4..], [50.0; 36]);
    for name in ["stdev", "slope", "mom", "ret", "atr", "realized_vol", "adx"] {
        let row = find(name).unwrap();
        let warmup = row.warmup.bars(&params(row, 3.0));
        assert!(of(name, &flat, 3.0)[warmup..].iter().all(|value| *value == 0.0), "{name}");
    }
    for name in ["zscore", "stoch", "cci", "willr"] {
        assert!(of(name, &flat, 3.0).iter().all(|value| value.is_nan()), "{name}");
    }
    let bands = find("bbands").unwrap();
    let bars = crate::program::sample::bars(&flat);
    let pctb = column(bands, &bars, Some(&flat), 3.0, bands.output("pctb").unwrap());
    assert!(pctb.iter().all(|value| value.is_nan()));
    let width = column(bands, &bars, Some(&flat), 3.0, bands.output("width").unwrap());
    assert!(width[2..].iter().all(|value| *value == 0.0));
}

#[test]
fn a_spike_leaves_no_trace_behind_its_window() {
    let mut close = market(9, 400).close;
    let calm = close.clone();
    close[50] = 1e15;
    for name in ["ma", "wma", "stdev", "zscore", "slope", "highest", "bbands"] {
        let (with, without) = (of(name, &close, 20.0), of(name, &calm, 20.0));
        assert_eq!(bits(&with[70..]), bits(&without[70..]), "{name}");
    }
}

#[test]
fn a_mean_agrees_with_its_definition_at_every_length() {
    let input = market(5, 6_000).close;
    for n in [1_usize, 2, 3, 7, 10, 50, 64, 100, 127, 1_000, 5_000] {
        let mean = of("ma", &input, n as f64);
        for t in (n - 1..input.len()).step_by(37) {
            let expected = crate::math::sum(input[t + 1 - n..=t].iter().copied()) / n as f64;
            assert!((mean[t] - expected).abs() <= 1e-13 * expected, "{n} {t}");
        }
    }
}

#[test]
fn a_change_needs_its_two_ends_and_nothing_between() {
    let bars = market(3, 60);
    let mut input = bars.close.clone();
    (20..25).for_each(|t| input[t] = f64::NAN);
    for name in ["mom", "roc", "ret"] {
        let row = INDICATORS.iter().find(|row| row.name == name).unwrap();
        let mut values = vec![0.0; 60];
        row.column(&[&input], false, &bars.view(0..60), (&params(row, 7.0), 0), &mut values);
        let known = |t: usize| t >= 7 && !input[t].is_nan() && !input[t - 7].is_nan();
        for (t, value) in values.iter().enumerate() {
            assert_eq!(!value.is_nan(), known(t), "{name} at {t}");
        }
    }
}

#[test]
fn every_indicator_has_the_same_bits_whatever_registers_there_are() {
    let bars = market(5, 3_000);
    everywhere(|row, output| {
        let input = input(row, &bars);
        for n in [2.0, 14.0, 100.0] {
            let here = column(row, &bars, input.as_deref(), n, output);
            let narrow = crate::wide::narrow(|| column(row, &bars, input.as_deref(), n, output));
            assert_eq!(bits(&here), bits(&narrow), "{}", row.name);
        }
    });
}
