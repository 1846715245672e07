//! What makes two scenarios, or two sets of bars, the same: their hashes.
//!
//! Names, file formats and anything that knows a clock or a host do not enter.

use super::document::Scenario;
use crate::bars::Bars;
use crate::canonical::{hex, jcs, sha256_hex};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Version of the arithmetic of generation. A change of any generated bit is a new version, so
/// that one scenario hash never names two sets of bars.
pub const GENERATOR_VERSION: &str = "0.1";

const SCENARIO_SCHEMA: &str = "scenario/0.1";
const BARS_SCHEMA: &str = "bars/0.1";

/// Columns of the bars table in order, with their types.
const COLUMNS: [(&str, &str); 12] = [
    ("path", "u32"),
    ("asset", "u16"),
    ("t", "u32"),
    ("ts", "i64"),
    ("known_at", "i64"),
    ("open", "f64"),
    ("high", "f64"),
    ("low", "f64"),
    ("close", "f64"),
    ("volume", "f64"),
    ("hl_order", "i8"),
    ("flags", "u8"),
];

/// SHA-256, as 64 hexadecimal digits, over the canonical JSON of the completed document with
/// `schema` and `generator` beside its fields.
///
/// The fields are `family, params, timeframe, calendar, duration_bars, seed, paths, p0, n_sub,
/// volume_model, volume_params, innovations, tick_size, overlays, assets, guard, start` and, for
/// a family that has a source, `source_hash`. Every default is filled in: `params` holds every
/// number and choice of the family, `volume_params` always `v0, sigma, phi, b`, `guard` always
/// `mode` and `k`; a `tick_size` that is not set is null.
pub fn scenario_hash(scenario: &Scenario) -> String {
    let mut document = scenario.to_json();
    document["schema"] = json!(SCENARIO_SCHEMA);
    document["generator"] = json!(GENERATOR_VERSION);
    sha256_hex(jcs(&document).as_bytes())
}

/// SHA-256, as 64 hexadecimal digits, over a header, one line feed, and every column.
///
/// The header is the canonical JSON of `{"schema": "bars/0.1", "columns": [{"name", "dtype"}, …],
/// "rows", "paths", "assets"}`, the last three being counts. The columns follow in the order of
/// the header, each as its raw little-endian values without padding or separator: path u32,
/// asset u16, t u32, ts i64, known_at i64, open, high, low, close and volume f64, hl_order i8,
/// flags u8.
pub fn dataset_hash(bars: &Bars, paths: usize, assets: usize) -> String {
    let columns: Vec<Value> =
        COLUMNS.iter().map(|(name, dtype)| json!({"name": name, "dtype": dtype})).collect();
    let header = json!({
        "schema": BARS_SCHEMA, "columns": columns, "rows": bars.close.len(),
        "paths": paths, "assets": assets,
    });
    let mut digest = Sha256::new();
    digest.update(jcs(&header).as_bytes());
    digest.update(b"\n");
    update(&mut digest, &bars.path, u32::to_le_bytes);
    update(&mut digest, &bars.asset, u16::to_le_bytes);
    update(&mut digest, &bars.t, u32::to_le_bytes);
    update(&mut digest, &bars.ts, i64::to_le_bytes);
    update(&mut digest, &bars.known_at, i64::to_le_bytes);
    for column in [&bars.open, &bars.high, &bars.low, &bars.close, &bars.volume] {
        update(&mut digest, column, f64::to_le_bytes);
    }
    update(&mut digest, &bars.hl_order, i8::to_le_bytes);
    digest.update(&bars.flags);
    hex(&digest.finalize())
}

/// Feeds a column to the digest by the page, which costs a copy and needs no unsafe view.
fn update<T: Copy, const N: usize>(
    digest: &mut Sha256,
    column: &[T],
    to_bytes: impl Fn(T) -> [u8; N],
) {
    const PAGE_BYTES: usize = 4096;
    let mut page = [0_u8; PAGE_BYTES];
    for values in column.chunks(PAGE_BYTES / N) {
        for (value, slot) in values.iter().zip(page.chunks_exact_mut(N)) {
            slot.copy_from_slice(&to_bytes(*value));
        }
        digest.update(&page[..values.len() * N]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Value {
        json!({
            "family": "trend", "timeframe": "1h", "duration_bars": 100, "seed": 42,
            "params": {"drift": 1.0, "sigma": 50.0}, "volume_model": "const",
        })
    }

    fn hash(document: &Value) -> String {
        scenario_hash(&Scenario::read(document).unwrap())
    }

    #[test]
    fn spelling_out_a_default_changes_no_hash() {
        let mut spelled = document();
        spelled["p0"] = json!(100);
        spelled["params"]["drift_convention"] = json!("ito");
        spelled["guard"] = json!({"k": 25});
        assert_eq!(hash(&document()), hash(&spelled));
    }

    #[test]
    fn every_field_that_changes_the_bars_changes_the_hash() {
        let plain = hash(&document());
        for (field, value) in [
            ("timeframe", json!("1d")),
            ("duration_bars", json!(101)),
            ("seed", json!(43)),
            ("params", json!({"drift": 1.0, "sigma": 50.5})),
            ("params", json!({"drift": 1.0, "sigma": 50.0, "drift_convention": "log"})),
            ("volume_model", json!("lognormal")),
            ("volume_params", json!({"v0": 1})),
            ("p0", json!(101)),
            ("n_sub", json!(5)),
            ("paths", json!(2)),
            ("tick_size", json!(0.01)),
            ("assets", json!(["B"])),
            ("guard", json!({"mode": "clip"})),
            ("start", json!("2000-01-04T00:00:00Z")),
        ] {
            let mut changed = document();
            changed[field] = value;
            assert_ne!(hash(&changed), plain, "{field}");
        }
    }

    #[test]
    fn the_dataset_hash_is_over_the_bytes_as_documented() {
        let bars = Bars {
            path: vec![0, 0],
            asset: vec![0, 0],
            t: vec![0, 1],
            ts: vec![-1, 5],
            known_at: vec![5, 11],
            open: vec![1.0, 2.0],
            high: vec![3.0, 4.0],
            low: vec![0.5, 0.25],
            close: vec![2.0, 3.0],
            volume: vec![10.0, 0.0],
            hl_order: vec![-1, 1],
            flags: vec![0, 1],
        };
        let names =
            COLUMNS.map(|(name, dtype)| format!(r#"{{"dtype":"{dtype}","name":"{name}"}}"#));
        let mut bytes = format!(
            r#"{{"assets":1,"columns":[{}],"paths":1,"rows":2,"schema":"bars/0.1"}}"#,
            names.join(",")
        )
        .into_bytes();
        bytes.push(b'\n');
        bytes.extend([0; 4 + 4 + 2 + 2 + 4]);
        bytes.extend([1, 0, 0, 0]);
        for time in [-1_i64, 5, 5, 11] {
            bytes.extend(time.to_le_bytes());
        }
        for price in [1.0_f64, 2.0, 3.0, 4.0, 0.5, 0.25, 2.0, 3.0, 10.0, 0.0] {
            bytes.extend(price.to_le_bytes());
        }
        bytes.extend([255, 1, 0, 1]);
        assert_eq!(dataset_hash(&bars, 1, 1), sha256_hex(&bytes));
    }
}
