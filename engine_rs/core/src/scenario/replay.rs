//! Historical bars as they were given: nothing is drawn, and nothing is changed but for the splits
//! and dividends that the document lists.

use super::document::Scenario;
use super::field::refused;
use super::history::{ACTIONS, ADJUST, History};
use super::law::{FACTS, Law};
use super::path::PathFacts;
use super::quality::quality;
use super::rows::PathRows;
use super::{Facts, Family, Market};
use crate::EngineError;
use crate::bars::Bars;
use crate::parameter::Param;
use serde_json::Value;

pub(super) const REPLAY: Family = Family {
    name: "replay",
    source: "the user's own bars",
    params: &[Param {
        name: "bars_per_year",
        unit: "bars, 0 to infer them from the dates",
        min: 0.0,
        is_min_open: false,
        max: 1e7,
        default: Some(0.0),
        is_integer: false,
    }],
    choices: &[ADJUST],
    structures: &[ACTIONS],
    needs_source: true,
    keeps_length: true,
    assets_max: 1,
    takes_student_t: false,
    prepare,
};

/// Rows as they were given, splits and dividends undone.
struct Replay(History);

/// Refuses a document that asks for more than the rows there are, and rows that no market made.
fn prepare(scenario: &Scenario, source: Option<&Bars>) -> Result<Box<dyn Market>, EngineError> {
    if scenario.paths != 1 {
        return Err(refused("/paths", scenario.paths.to_string(), "1: history happened once"));
    }
    if let Some(tick) = scenario.tick_size {
        return Err(refused("/tick_size", tick.to_string(), "null: prices are replayed as given"));
    }
    let history = History::read(scenario, source)?;
    if scenario.duration_bars != history.rows {
        let got = scenario.duration_bars.to_string();
        let expected = format!("{}, the rows of the source", history.rows);
        return Err(refused("/duration_bars", got, expected));
    }
    check_spacing(scenario, &history.bars.ts)?;
    Ok(Box::new(Replay(history)))
}

/// Refuses rows much closer together than the stated timeframe. Daylight saving moves a daily
/// bar by an hour or two; twice as many bars as stated are another timeframe.
fn check_spacing(scenario: &Scenario, ts: &[i64]) -> Result<(), EngineError> {
    let timeframe = scenario.timeframe;
    let is_close = |pair: &[i64]| pair[1] - pair[0] < timeframe.bar_ns / 2;
    match ts.windows(2).position(is_close) {
        None => Ok(()),
        Some(row) => Err(EngineError::Bars {
            code: "TIMEFRAME_MISMATCH",
            row: row + 1,
            got: format!(
                "a bar {} s after the one before, with timeframe {}",
                (ts[row + 1] - ts[row]) / 1_000_000_000,
                timeframe.name
            ),
            expected: "bars at least half a timeframe apart",
        }),
    }
}

impl Market for Replay {
    fn write_path(
        &self,
        scenario: &Scenario,
        _path: usize,
        rows: PathRows<'_>,
    ) -> Result<PathFacts, EngineError> {
        let source = &self.0.bars;
        rows.ts.copy_from_slice(&source.ts);
        rows.open.copy_from_slice(&source.open);
        rows.high.copy_from_slice(&source.high);
        rows.low.copy_from_slice(&source.low);
        rows.close.copy_from_slice(&source.close);
        rows.volume.copy_from_slice(&source.volume);
        rows.hl_order.copy_from_slice(&source.hl_order);
        for (row, known_at) in rows.known_at.iter_mut().enumerate() {
            // A bar is over when the next one opens, should that be before its nominal end.
            let nominal = source.ts[row].saturating_add(scenario.timeframe.bar_ns);
            let end = source.known_at.get(row).copied().unwrap_or(nominal);
            *known_at = source.ts.get(row + 1).map_or(end, |next| end.min(*next));
        }
        scenario.mark(0, 0, rows.flags);
        Ok(PathFacts::default())
    }

    fn laws(&self, scenario: &Scenario) -> Vec<Law> {
        let is_adjusted = self.0.actions_applied > 0 && scenario.choice(ADJUST.name) != "none";
        let statistic = if is_adjusted { "bars_from_source" } else { "equals_source" };
        vec![Law::between(statistic, &[], 1.0, 1.0)]
    }

    fn facts(&self, _scenario: &Scenario) -> Facts {
        Facts { shown: Vec::new(), undecided: FACTS.to_vec() }
    }

    fn quality(&self, scenario: &Scenario) -> Value {
        quality(scenario, &self.0)
    }
}

#[cfg(test)]
mod tests {
    use crate::EngineError;
    use crate::bars::Bars;
    use crate::scenario::generate;
    use serde_json::{Value, json};

    const DAY: i64 = 86_400_000_000_000;

    fn source() -> Bars {
        Bars {
            // Friday to Monday, then a day shortened by daylight saving.
            ts: vec![0, 3 * DAY, 4 * DAY, 5 * DAY - 3_600_000_000_000],
            open: vec![10.0, 11.125, 0.1 + 0.2, 9.0],
            high: vec![12.0, 12.0, 1.0, 9.0],
            low: vec![9.0, 10.0, 0.25, 9.0],
            close: vec![11.0, 12.0, 1.0 / 3.0, 9.0],
            volume: vec![1.0, 0.0, 2.5, 1e9],
            ..Bars::default()
        }
    }

    fn document(bars: usize) -> Value {
        json!({
            "family": "replay", "timeframe": "1d", "duration_bars": bars, "seed": 0,
            "params": {}, "volume_model": "const", "source_hash": "0".repeat(64),
        })
    }

    #[test]
    fn bars_come_out_with_the_bits_they_went_in_with() {
        let given = source();
        let made = generate(&document(4), Some(&given), false).unwrap();
        assert_eq!(made.bars.ts, given.ts);
        assert_eq!(made.bars.open, given.open);
        assert_eq!(made.bars.high, given.high);
        assert_eq!(made.bars.low, given.low);
        assert_eq!(made.bars.close, given.close);
        assert_eq!(made.bars.volume, given.volume);
        assert_eq!(made.bars.hl_order, [0; 4]);
        assert_eq!(made.facts["min_price"], 0.25);
        assert_eq!(made.facts["max_price"], 12.0);
    }

    #[test]
    fn a_bar_is_known_at_its_end_and_no_later_than_the_next_opens() {
        let made = generate(&document(4), Some(&source()), false).unwrap().bars;
        assert_eq!(made.known_at, [DAY, 4 * DAY, made.ts[3], made.ts[3] + DAY]);
    }

    #[test]
    fn a_year_is_inferred_unless_it_is_stated() {
        let made = |document: &Value| generate(document, Some(&source()), false).unwrap().facts;
        let inferred = made(&document(4));
        assert_eq!(inferred["a_inferred"], true);
        let a = 3.0 * 365.25 * 24.0 / (5.0 * 24.0 - 1.0);
        assert!((inferred["bars_per_year"].as_f64().unwrap() - a).abs() < 1e-9);
        let mut stated = document(4);
        stated["params"] = json!({"bars_per_year": 252});
        assert_eq!(made(&stated)["bars_per_year"], 252.0);
        assert_eq!(made(&stated)["a_inferred"], false);
        let mut sessions = document(4);
        sessions["calendar"] = json!("fx_24x5");
        assert_eq!(made(&sessions)["bars_per_year"], 260.0);
    }

    #[test]
    fn documents_and_rows_that_do_not_fit_are_refused() {
        let refusal = |document: &Value, source: Option<&Bars>| -> EngineError {
            generate(document, source, false).unwrap_err()
        };
        assert!(refusal(&document(4), None).to_string().contains("/source: got nothing"));
        assert!(refusal(&document(5), Some(&source())).to_string().contains("/duration_bars"));
        for (field, value) in [
            ("paths", json!(2)),
            ("tick_size", json!(0.01)),
            ("source_hash", json!("ABC")),
            ("source_hash", json!(null)),
        ] {
            let mut changed = document(4);
            changed[field] = value;
            assert!(refusal(&changed, Some(&source())).to_string().contains(field));
        }
        let trend = json!({
            "family": "trend", "timeframe": "1d", "duration_bars": 100, "seed": 0,
            "params": {"drift": 0, "sigma": 1}, "volume_model": "const",
        });
        assert!(refusal(&trend, Some(&source())).to_string().contains("/source"));
    }

    #[test]
    fn rows_that_no_market_made_are_refused() {
        type Break = fn(&mut Bars);
        let cases: [(&str, Break); 5] = [
            ("NAN_PRICE", |bars| bars.open[1] = f64::NAN),
            ("DUPLICATE_TS", |bars| bars.ts[2] = bars.ts[1]),
            ("UNSORTED_TS", |bars| bars.ts[2] = 1),
            ("LENGTH_MISMATCH", |bars| bars.volume.truncate(3)),
            ("TIMEFRAME_MISMATCH", |bars| bars.ts[2] = bars.ts[1] + DAY / 3),
        ];
        for (code, break_bars) in cases {
            let mut broken = source();
            break_bars(&mut broken);
            assert_eq!(generate(&document(4), Some(&broken), false).unwrap_err().code(), code);
        }
    }

    #[test]
    fn marks_lie_beside_prices_and_what_changes_prices_is_refused() {
        let mut marked = document(4);
        marked["overlays"] = json!([{"type": "halt", "at": 1, "bars": 2}]);
        let made = generate(&marked, Some(&source()), false).unwrap().bars;
        assert_eq!(made.flags, [0, 2, 2, 0]);
        assert_eq!(made.close, source().close);
        marked["overlays"] = json!([{"type": "gap", "at": 1, "bps": 5}]);
        let error = generate(&marked, Some(&source()), false).unwrap_err();
        assert_eq!(error.path(), Some("/overlays/0/type"));
    }
}
