//! Rows that the caller brings: what must hold of them, and splits and dividends undone.
//!
//! What a family makes of them does not belong here.

use super::calendar::parse_utc;
use super::document::{Choice, Scenario, Structure};
use super::field::{object, one_of, only, refused, text};
use crate::EngineError;
use crate::bars::Bars;
use crate::parameter::Param;
use serde_json::{Map, Value, json};
use std::ops::Range;

/// Most splits and dividends that one document may list.
const ACTIONS_MAX: usize = 10_000;

/// How prices before a split or a dividend are brought to the scale of those after it.
///
/// `split` undoes splits, `total_return` dividends too, `none` leaves every row as it was given.
pub(super) const ADJUST: Choice =
    Choice { name: "adjust", values: &["split", "total_return", "none"] };

/// Splits and dividends of the source's one asset.
pub(super) const ACTIONS: Structure = Structure {
    name: "actions",
    shape: "a list of {type = \"split\", ts, ratio} and {type = \"dividend\", ts, amount}",
    is_optional: true,
    complete: complete_actions,
};

const KINDS: [&str; 2] = ["split", "dividend"];
const RATIO: Param = above_zero("ratio", "shares for one", 1e6);
const AMOUNT: Param = above_zero("amount", "price", 1e9);

const fn above_zero(name: &'static str, unit: &'static str, max: f64) -> Param {
    Param { name, unit, min: 0.0, is_min_open: true, max, default: None, is_integer: false }
}

/// Rows of a source, checked and adjusted: of each asset as many, one asset after the other.
#[derive(Clone, Debug)]
pub(super) struct History {
    /// `known_at` and `hl_order` are empty where the source does not tell them.
    pub bars: Bars,
    /// Rows of each asset.
    pub rows: usize,
    /// Splits and dividends that fell between two rows, and those that fell outside.
    pub actions_applied: usize,
    pub actions_outside: usize,
}

impl History {
    /// Takes the source of a scenario.
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID` without a source, for one that does not hold as many rows of every asset,
    /// and for a dividend that leaves nothing of the price; the codes of
    /// [`crate::bars::BarsView::check`], `BAD_HL_ORDER`, `UNALIGNED_TS` and `KNOWN_AT_EARLY` for
    /// its rows.
    pub fn read(scenario: &Scenario, source: Option<&Bars>) -> Result<Self, EngineError> {
        let source = source.ok_or_else(|| refused("/source", "nothing", "the bars to work on"))?;
        let (all, assets) = (source.close.len(), scenario.assets.len());
        if !all.is_multiple_of(assets) {
            let expected = format!("as many rows of each of {assets} assets");
            return Err(refused("/source", format!("{all} rows"), expected));
        }
        let rows = all / assets;
        let mut bars = source.clone();
        if bars.hl_order.is_empty() {
            bars.hl_order = vec![0; all];
        }
        check_lengths(&bars)?;
        for asset in 0..assets {
            check_asset(&bars, asset * rows..(asset + 1) * rows)?;
        }
        let mut history = Self { bars, rows, actions_applied: 0, actions_outside: 0 };
        history.adjust(scenario)?;
        Ok(history)
    }

    /// Rows of asset number `asset`.
    pub fn of(&self, asset: usize) -> Range<usize> {
        asset * self.rows..(asset + 1) * self.rows
    }

    /// Number of assets.
    pub fn assets(&self) -> usize {
        self.bars.close.len() / self.rows.max(1)
    }

    /// Undoes splits and dividends in the rows before them.
    ///
    /// A split divides the prices before it by its ratio and multiplies the volumes. A dividend of
    /// D multiplies the prices before it by 1 − D/C, C being the last close before it, after any
    /// split that takes effect with it.
    ///
    /// Source: CRSP, "Data definitions: factor to adjust prices".
    fn adjust(&mut self, scenario: &Scenario) -> Result<(), EngineError> {
        let actions = scenario.structure(ACTIONS.name).as_array().map_or(&[][..], Vec::as_slice);
        let adjust = scenario.choice(ADJUST.name);
        if actions.is_empty() {
            return Ok(());
        }
        if scenario.assets.len() > 1 {
            return Err(refused("/params/actions", "actions", "none: they are those of one asset"));
        }
        let mut effects = vec![Effect { ratio: 1.0, amount: 0.0, last: 0 }; self.rows];
        for (place, action) in actions.iter().enumerate() {
            let at = parse_utc(action["ts"].as_str().unwrap_or_default());
            let row = self.bars.ts.partition_point(|ts| at.is_some_and(|at| *ts < at));
            if row == 0 || row == self.rows {
                self.actions_outside += 1;
                continue;
            }
            self.actions_applied += 1;
            let effect = &mut effects[row];
            effect.last = place;
            effect.ratio *= action["ratio"].as_f64().unwrap_or(1.0);
            if adjust == "total_return" {
                effect.amount += action["amount"].as_f64().unwrap_or(0.0);
            }
        }
        if adjust == "none" { Ok(()) } else { self.apply(&effects) }
    }

    /// Applies what happened before each row to all rows before it.
    fn apply(&mut self, effects: &[Effect]) -> Result<(), EngineError> {
        let bars = &mut self.bars;
        let (mut ratio, mut factor) = (1.0, 1.0);
        for row in (0..self.rows).rev() {
            if let Some(effect) = effects.get(row + 1) {
                ratio *= effect.ratio;
                factor *= kept(effect, bars.close[row] / effect.ratio)?;
            }
            for prices in [&mut bars.open, &mut bars.high, &mut bars.low, &mut bars.close] {
                prices[row] = prices[row] / ratio * factor;
            }
            bars.volume[row] *= ratio;
        }
        // A ratio may be as large as it likes: what is left must still be a price.
        check_asset(bars, 0..self.rows)
    }
}

/// What takes effect at the open of one row.
#[derive(Clone, Copy, Debug)]
struct Effect {
    ratio: f64,
    amount: f64,
    /// Place in the list of the last action of this row.
    last: usize,
}

/// Share of the price that a dividend leaves, `close` being the last before it.
fn kept(effect: &Effect, close: f64) -> Result<f64, EngineError> {
    if effect.amount == 0.0 {
        return Ok(1.0);
    }
    if effect.amount >= close {
        let path = format!("/params/actions/{}/amount", effect.last);
        let expected = format!("less than {close}, the last close before it");
        return Err(refused(&path, effect.amount.to_string(), expected));
    }
    Ok(1.0 - effect.amount / close)
}

fn check_lengths(bars: &Bars) -> Result<(), EngineError> {
    let n = bars.close.len();
    let optional = [(bars.known_at.len(), "known_at"), (bars.asset.len(), "asset")];
    let told = optional.into_iter().filter(|(len, _)| *len > 0);
    let prices = [
        (bars.ts.len(), "ts"),
        (bars.open.len(), "open"),
        (bars.high.len(), "high"),
        (bars.low.len(), "low"),
        (bars.volume.len(), "volume"),
        (bars.hl_order.len(), "hl_order"),
    ];
    match prices.into_iter().chain(told).find(|(len, _)| *len != n) {
        None => Ok(()),
        Some((len, name)) => Err(EngineError::Bars {
            code: "LENGTH_MISMATCH",
            row: len.min(n),
            got: format!("{len} values of {name} beside {n} of close"),
            expected: "columns of one length",
        }),
    }
}

/// Refuses rows that no market made, or whose times are not those of the first asset.
fn check_asset(bars: &Bars, rows: Range<usize>) -> Result<(), EngineError> {
    bars.view(rows.clone()).check()?;
    if let Some(row) = rows.clone().find(|row| !(-1..=1).contains(&bars.hl_order[*row])) {
        let got = format!("hl_order {}", bars.hl_order[row]);
        return Err(EngineError::Bars { code: "BAD_HL_ORDER", row, got, expected: "-1, 0 or 1" });
    }
    let broken = |code, row, got, expected| Err(EngineError::Bars { code, row, got, expected });
    for (row, first) in rows.clone().zip(0..) {
        if bars.ts[row] != bars.ts[first] {
            let got = format!("ts {} beside {} of the first asset", bars.ts[row], bars.ts[first]);
            return broken("UNALIGNED_TS", row, got, "the times of the first asset");
        }
        if bars.known_at.get(row).is_some_and(|known_at| *known_at <= bars.ts[row]) {
            let got = format!("known_at {} of ts {}", bars.known_at[row], bars.ts[row]);
            return broken("KNOWN_AT_EARLY", row, got, "a time after the open of the bar");
        }
    }
    Ok(())
}

fn complete_actions(path: &str, value: Option<&Value>) -> Result<Value, EngineError> {
    let Some(value) = value else {
        return Ok(json!([]));
    };
    let listed =
        value.as_array().filter(|listed| listed.len() <= ACTIONS_MAX).ok_or_else(|| {
            let got =
                value.as_array().map_or(value.to_string(), |all| format!("{} entries", all.len()));
            refused(path, got, format!("{}, at most {ACTIONS_MAX}", ACTIONS.shape))
        })?;
    let mut actions = Vec::with_capacity(listed.len());
    for (place, action) in listed.iter().enumerate() {
        actions.push(action_at(&format!("{path}/{place}"), action)?);
    }
    // One history has one spelling: by time, a split before the dividend on the new shares.
    actions.sort_by_key(|(ns, is_dividend, _)| (*ns, *is_dividend));
    Ok(actions.into_iter().map(|(_, _, action)| action).collect())
}

fn action_at(path: &str, value: &Value) -> Result<(i64, bool, Value), EngineError> {
    let fields = object(path, value)?;
    let kind = one_of("action", text(fields, &format!("{path}/type"), None)?, &KINDS)
        .map_err(|error| error.placed(format!("{path}/type")))?;
    let (param, is_dividend) = if kind == KINDS[0] { (RATIO, false) } else { (AMOUNT, true) };
    only(path, fields, &["type", "ts", param.name])?;
    let size = size(path, fields, &param)?;
    let place = format!("{path}/ts");
    let ts = text(fields, &place, None)?;
    let ns = parse_utc(ts).ok_or_else(|| {
        refused(&place, format!("`{ts}`"), "an instant in UTC, as 2000-01-03T00:00:00Z")
    })?;
    Ok((ns, is_dividend, json!({"type": kind, "ts": ts, param.name: size})))
}

fn size(path: &str, fields: &Map<String, Value>, param: &Param) -> Result<f64, EngineError> {
    let place = format!("{path}/{}", param.name);
    let value = fields.get(param.name).and_then(Value::as_f64).ok_or_else(|| {
        let got = fields.get(param.name).map_or("nothing".to_owned(), Value::to_string);
        refused(&place, got, format!("a number above {} to {}", param.min, param.max))
    })?;
    let checked = param.check("action", value);
    checked.map_err(|error| error.placed(format!("{path}/{}", param.name)))
}

#[cfg(test)]
mod tests {
    use crate::EngineError;
    use crate::bars::Bars;
    use crate::scenario::generate;
    use serde_json::{Value, json};

    const DAY: i64 = 86_400_000_000_000;

    /// Four days, the last two after a split of 2:1 at the third.
    fn split() -> Bars {
        Bars {
            ts: vec![0, DAY, 2 * DAY, 3 * DAY],
            open: vec![100.0, 102.0, 52.0, 53.0],
            high: vec![104.0, 106.0, 54.0, 55.0],
            low: vec![98.0, 101.0, 51.0, 52.0],
            close: vec![102.0, 104.0, 53.0, 54.0],
            volume: vec![10.0, 10.0, 20.0, 20.0],
            ..Bars::default()
        }
    }

    fn document(actions: &Value, adjust: &str) -> Value {
        json!({
            "family": "replay", "timeframe": "1d", "duration_bars": 4, "seed": 0,
            "params": {"actions": actions, "adjust": adjust}, "volume_model": "const",
            "source_hash": "0".repeat(64),
        })
    }

    fn made(actions: &Value, adjust: &str) -> Bars {
        generate(&document(actions, adjust), Some(&split()), false).unwrap().bars
    }

    #[test]
    fn a_split_halves_the_prices_before_it_and_doubles_the_volumes() {
        let actions = json!([{"type": "split", "ts": "1970-01-03T00:00:00Z", "ratio": 2}]);
        let bars = made(&actions, "split");
        assert_eq!(bars.open, [50.0, 51.0, 52.0, 53.0]);
        assert_eq!(bars.high, [52.0, 53.0, 54.0, 55.0]);
        assert_eq!(bars.low, [49.0, 50.5, 51.0, 52.0]);
        assert_eq!(bars.close, [51.0, 52.0, 53.0, 54.0]);
        assert_eq!(bars.volume, [20.0; 4]);
        assert_eq!(made(&actions, "total_return"), bars);
        assert_eq!(made(&actions, "none").close, split().close);
    }

    #[test]
    fn a_dividend_takes_its_share_of_the_close_off_the_prices_before_it() {
        let at = "1970-01-03T00:00:00Z";
        let actions = json!([
            {"type": "dividend", "ts": at, "amount": 1.0},
            {"type": "split", "ts": at, "ratio": 2.0},
            {"type": "dividend", "ts": at, "amount": 0.3},
        ]);
        let bars = made(&actions, "total_return");
        // The last close of the old shares is 52 in new ones.
        let factor = 1.0 - 1.3 / 52.0;
        assert_eq!(bars.close, [51.0 * factor, 52.0 * factor, 53.0, 54.0]);
        assert_eq!(bars.volume, [20.0; 4]);
        assert_eq!(made(&actions, "split").close, [51.0, 52.0, 53.0, 54.0]);
    }

    #[test]
    fn actions_before_the_first_row_or_after_the_last_change_nothing_and_are_counted() {
        let actions = json!([
            {"type": "split", "ts": "1970-01-01T00:00:00Z", "ratio": 3},
            {"type": "split", "ts": "1970-01-04T00:00:01Z", "ratio": 7},
            {"type": "split", "ts": "1970-01-03T12:00:00Z", "ratio": 1},
        ]);
        let made = generate(&document(&actions, "split"), Some(&split()), false).unwrap();
        assert_eq!(made.bars.close, split().close);
        assert_eq!(made.facts["quality"]["actions"], json!({"applied": 1, "outside": 2}));
    }

    #[test]
    fn actions_have_one_spelling_in_the_hash() {
        let first = json!({"type": "split", "ts": "1970-01-02T00:00:00Z", "ratio": 2});
        let second = json!({"type": "dividend", "ts": "1970-01-02T00:00:00Z", "amount": 1});
        let hash = |actions: Value| {
            let made = generate(&document(&actions, "split"), Some(&split()), false).unwrap();
            made.facts["scenario_hash"].clone()
        };
        assert_eq!(hash(json!([first, second])), hash(json!([second, first])));
        assert_ne!(hash(json!([first, second])), hash(json!([first])));
    }

    #[test]
    fn actions_that_cannot_be_are_refused_with_their_place() {
        let at = "1970-01-03T00:00:00Z";
        for (actions, code, part) in [
            (json!({}), "FIELD_INVALID", "/params/actions: got {}"),
            (json!([1]), "FIELD_INVALID", "/params/actions/0"),
            (json!([{"type": "merger", "ts": at}]), "FIELD_INVALID", "/0/type: got `merger`"),
            (json!([{"type": "split", "ts": at}]), "FIELD_INVALID", "/params/actions/0/ratio"),
            (json!([{"type": "split", "ts": at, "ratio": 0}]), "PARAM_RANGE", "0 to 1000000"),
            (json!([{"type": "split", "ts": at, "amount": 1}]), "FIELD_INVALID", "0/amount"),
            (json!([{"type": "split", "ts": "1970", "ratio": 2}]), "FIELD_INVALID", "0/ts"),
            (json!([{"type": "dividend", "ts": at, "amount": 104}]), "FIELD_INVALID", "than 104"),
        ] {
            let document = document(&actions, "total_return");
            let error = generate(&document, Some(&split()), false).unwrap_err();
            assert_eq!(error.code(), code, "{actions}: {error}");
            assert!(error.to_string().contains(part), "{actions}: {error}");
        }
    }

    #[test]
    fn rows_that_contradict_themselves_are_refused_with_their_number() {
        type Break = fn(&mut Bars);
        let cases: [(&str, usize, Break); 3] = [
            ("KNOWN_AT_EARLY", 2, |bars| bars.known_at = vec![1, 2 * DAY, 2 * DAY, 4 * DAY]),
            ("BAD_HL_ORDER", 1, |bars| bars.hl_order = vec![1, 2, 0, 0]),
            ("LENGTH_MISMATCH", 3, |bars| bars.hl_order = vec![1, 0, -1]),
        ];
        for (code, row, break_bars) in cases {
            let mut broken = split();
            break_bars(&mut broken);
            let document = document(&json!([]), "split");
            match generate(&document, Some(&broken), false).unwrap_err() {
                EngineError::Bars { code: found, row: at, .. } => {
                    assert_eq!((found, at), (code, row));
                }
                other => panic!("{code}: {other}"),
            }
        }
    }

    #[test]
    fn a_bar_is_known_when_the_source_says_so_and_keeps_the_order_of_its_extremes() {
        let mut told = split();
        told.known_at = vec![DAY / 2, 2 * DAY, 5 * DAY / 2, 7 * DAY / 2];
        told.hl_order = vec![1, 0, -1, 1];
        let bars = generate(&document(&json!([]), "split"), Some(&told), false).unwrap().bars;
        assert_eq!(bars.known_at, told.known_at);
        assert_eq!(bars.hl_order, told.hl_order);
    }

    #[test]
    fn prices_that_a_split_leaves_nothing_of_are_refused() {
        let action = json!({"type": "split", "ts": "1970-01-03T00:00:00Z", "ratio": 1e6});
        let actions = Value::Array(vec![action; 60]);
        let error = generate(&document(&actions, "split"), Some(&split()), false).unwrap_err();
        assert_eq!(error.code(), "PRICE_NOT_POSITIVE");
    }
}
