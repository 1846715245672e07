//! Small markets for the tests of programs and indicators.

use crate::bars::Bars;
use crate::random::{Purpose, Stream, family_key};

/// Hourly bars without a range, each at one price.
pub fn bars(close: &[f64]) -> Bars {
    let n_bars = close.len();
    Bars {
        ts: (0..n_bars as i64).map(|t| t * 3_600_000_000_000).collect(),
        open: close.to_vec(),
        high: close.to_vec(),
        low: close.to_vec(),
        close: close.to_vec(),
        volume: vec![1.0; n_bars],
        hl_order: vec![0; n_bars],
        ..Bars::default()
    }
}

/// A random walk of hourly bars.
pub fn market(seed: u64, n_bars: usize) -> Bars {
    let stream = Stream::scenario(seed, family_key("test"), 0, 0, Purpose::Diffusion);
    let mut price = 100.0;
    let mut made = Bars::default();
    for t in 0..n_bars as u64 {
        let z = |k| stream.normal(8 * t + k);
        let open = price * (1.0 + 0.002 * z(0));
        price = open * (1.0 + 0.01 * z(1));
        made.ts.push(t as i64 * 3_600_000_000_000);
        made.open.push(open);
        made.high.push(open.max(price) * (1.0 + 0.005 * z(2).abs()));
        made.low.push(open.min(price) * (1.0 - 0.005 * z(3).abs()));
        made.close.push(price);
        made.volume.push(10.0 + 5.0 * z(4).abs());
        made.hl_order.push(0);
    }
    made
}

/// Bits of numbers, every unknown the same.
pub fn bits(values: &[f64]) -> Vec<u64> {
    let one = |value: &f64| if value.is_nan() { u64::MAX } else { value.to_bits() };
    values.iter().map(one).collect()
}
