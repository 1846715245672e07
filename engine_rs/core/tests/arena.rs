//! Two random programs in one book: their backtests over the bars they made are what they did,
//! seats and threads change nothing, nobody sees the future, and the books balance.

#![allow(clippy::unwrap_used)] // a test may panic; that is how it fails

mod programs;

use programs::{Dice, SEED, execution, market, sound};
use proving_core::EngineError;
use proving_core::backtest::arena::{Arena, Book, Pairing, REACH, Terms, meet};
use proving_core::backtest::{
    Detail, Execution, Finalize, Impact, Journal, MarketFill, profiles, run_batch,
};
use proving_core::bars::{Bars, BarsView, FLAG_CLOSED};
use proving_core::program::Program;
use serde_json::{Value, json};

const N_ARENAS: u64 = 600;
const CASH: f64 = 1e4;
const YEAR: f64 = 8_760.0;

/// A market, two programs, an execution and a book.
struct Case {
    bars: Bars,
    programs: Vec<Program>,
    execution: Execution,
    book: Book,
}

impl Case {
    fn new(lane: u64) -> Self {
        let mut dice = Dice::new(lane);
        let mut program = || Program::decode(&sound(&mut dice).to_string()).unwrap();
        let programs = vec![program(), program()];
        let mut execution = execution(&mut dice);
        execution.participation = None;
        execution.costs.impact = Impact::None;
        execution.market_fill = MarketFill::Open;
        let bars = market(&mut dice);
        let book = book(json!({
            "depth_base_per_bps": dice.of(&[0.01, 0.3, 10.0, 1e4]),
            "permanent_fraction": dice.of(&[0.0, 0.3, 1.0]),
            "half_life_bars": dice.of(&[0.0, 1.0, 20.0]),
        }));
        Self { bars, programs, execution, book }
    }

    fn view(&self) -> BarsView<'_> {
        self.bars.view(0..self.bars.close.len())
    }

    fn met(&self, seats: [usize; 2], bars: BarsView) -> Result<Arena, EngineError> {
        let terms = Terms {
            execution: &self.execution,
            book: &self.book,
            initial_quote: CASH,
            bars_per_year: &[YEAR],
        };
        let pairing = Pairing { programs: seats, bars: 0 };
        Ok(meet(&self.programs, &[bars], &[pairing], &terms, None)?.remove(0))
    }

    fn backtest(&self, program: usize, bars: BarsView) -> Result<Journal, EngineError> {
        let (programs, runs) = (&self.programs, &[(program, 0)]);
        let detail = Detail::Full;
        let made =
            run_batch(programs, &self.execution, &[bars], runs, CASH, &[YEAR], detail, Some(1));
        Ok(made?.remove(0).journal.unwrap())
    }
}

fn book(document: Value) -> Book {
    Book::read(&document).unwrap()
}

fn over<'a>(calm: BarsView<'a>, made: &'a Arena) -> BarsView<'a> {
    BarsView {
        open: &made.open,
        high: &made.high,
        low: &made.low,
        close: &made.close,
        volume: &made.volume,
        ..calm
    }
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Everything that does not depend on the seat.
fn shared_bits(made: &Arena) -> [Vec<u64>; 8] {
    let Arena { open, high, low, close, volume, displacement, book_base, dealer_base, .. } = made;
    [open, high, low, close, volume, displacement, book_base, dealer_base].map(|c| bits(c))
}

#[test]
fn a_backtest_over_the_bars_is_what_was_done_in_the_arena() {
    let (mut n_positions, mut n_bars_moved, mut n_bars_dealt) = (0, 0, 0);
    for lane in 0..N_ARENAS {
        let case = Case::new(lane);
        let Ok(made) = case.met([0, 1], case.view()) else {
            continue;
        };
        for seat in 0..2 {
            let Ok(journal) = case.backtest(seat, over(case.view(), &made)) else {
                continue;
            };
            let alone = journal.position_base(made.close.len());
            assert_eq!(bits(&alone), bits(&made.position_base[seat]), "seed {SEED}, {lane}");
            n_positions += journal.closed().len();
        }
        n_bars_moved += made.book_base.iter().filter(|base| **base != 0.0).count();
        n_bars_dealt += made.dealer_base.iter().filter(|base| **base != 0.0).count();
    }
    // Were hardly anything traded, the test would prove nothing.
    println!("{n_positions} trades, {n_bars_moved} bars moved, {n_bars_dealt} with a dealer");
    assert!(n_positions > 2_000 && n_bars_moved > 2_000 && n_bars_dealt > 500);
}

#[test]
fn what_both_hold_is_what_book_and_dealer_gave() {
    let mut n_settled = 0;
    for lane in 0..N_ARENAS {
        let case = Case::new(lane);
        let Ok(made) = case.met([0, 1], case.view()) else {
            continue;
        };
        let (mut given, mut largest) = (0.0, 0.0_f64);
        for t in 0..made.close.len() {
            given += made.book_base[t];
            let held = made.position_base[0][t] + made.position_base[1][t];
            // What is traded inside a bar may be far more than what is left of it.
            let traded = made.volume[t] - case.bars.volume[t];
            largest = [held, given, made.dealer_base[t], made.book_base[t], traded]
                .into_iter()
                .fold(largest, |most, base| most.max(base.abs()));
            let found = given + made.dealer_base[t];
            assert!((held - found).abs() <= 1e-9 * largest, "{lane}, bar {t}: {held} {found}");
            assert!(made.displacement[t].abs() <= REACH * (1.0 + 1e-12));
            assert!(made.volume[t] >= case.bars.volume[t]);
            let is_closed = case.bars.flags.get(t).is_some_and(|flags| flags & FLAG_CLOSED != 0);
            assert!(!is_closed || made.book_base[t] == 0.0 || t + 1 == made.close.len());
        }
        let is_within = made.displacement.last().unwrap().abs() < REACH * (1.0 - 1e-9);
        if case.execution.finalize == Finalize::Close && is_within && largest > 0.0 {
            // Nobody holds anything at the end, and the dealer has passed on all that he took.
            let held = made.position_base.iter().map(|column| column.last().unwrap());
            assert!(held.into_iter().all(|base| *base == 0.0));
            assert!(made.dealer_base.last().unwrap().abs() <= 1e-9 * largest, "{lane}");
            n_settled += 1;
        }
    }
    assert!(n_settled > 50, "{n_settled}");
}

#[test]
fn seats_and_threads_change_no_byte() {
    let mut n_moved = 0;
    for lane in 0..N_ARENAS {
        let case = Case::new(lane);
        let (Ok(made), Ok(swapped)) =
            (case.met([0, 1], case.view()), case.met([1, 0], case.view()))
        else {
            continue;
        };
        assert_eq!(shared_bits(&made), shared_bits(&swapped), "seed {SEED}, {lane}");
        let [one, other] = &made.position_base;
        let [other_swapped, one_swapped] = &swapped.position_base;
        assert_eq!(bits(one), bits(one_swapped));
        assert_eq!(bits(other), bits(other_swapped));
        let Ok(twins) = case.met([0, 0], case.view()) else {
            continue;
        };
        assert_eq!(bits(&twins.position_base[0]), bits(&twins.position_base[1]));
        let is_moved = |made: &Arena| made.book_base.iter().any(|base| *base != 0.0);
        n_moved += usize::from(is_moved(&made) && is_moved(&twins));
    }
    assert!(n_moved > 50, "{n_moved}");
    let case = followers(1.0, [3.0, 2.0]);
    let pairings: Vec<Pairing> =
        [[0, 1], [1, 0], [0, 0], [1, 1]].map(|programs| Pairing { programs, bars: 0 }).to_vec();
    let terms = Terms {
        execution: &case.execution,
        book: &case.book,
        initial_quote: CASH,
        bars_per_year: &[YEAR],
    };
    let with = |n_threads| meet(&case.programs, &[case.view()], &pairings, &terms, n_threads);
    assert_eq!(with(Some(1)), with(Some(4)));
    assert_eq!(with(None).unwrap().len(), 4);
}

#[test]
fn another_future_changes_no_bar_before_it() {
    let mut n_moved = 0;
    for lane in 0..N_ARENAS / 2 {
        let case = Case::new(lane);
        let n_bars = case.bars.close.len();
        let t = n_bars / 3 + lane as usize % (n_bars / 2);
        let mut other = case.bars.clone();
        for at in t..n_bars {
            let factor = 1.0 + 0.1 * ((at * 7 + 3) % 5) as f64;
            for column in [&mut other.open, &mut other.high, &mut other.low, &mut other.close] {
                column[at] *= factor;
            }
            other.volume[at] += 17.0;
        }
        let (Ok(made), Ok(seen)) =
            (case.met([0, 1], case.view()), case.met([0, 1], other.view(0..n_bars)))
        else {
            continue;
        };
        let until = |made: &Arena, t: usize| shared_bits(made).map(|column| column[..t].to_vec());
        assert_eq!(until(&made, t), until(&seen, t), "seed {SEED}, {lane}");
        n_moved += usize::from(made.book_base[..t].iter().any(|base| *base != 0.0));
        // Cut off behind bar t, all but that last bar, which is the end, is the same.
        if let Ok(cut) = case.met([0, 1], case.bars.view(0..t + 1)) {
            assert_eq!(until(&made, t), until(&cut, t), "seed {SEED}, {lane}");
        }
    }
    assert!(n_moved > 50, "{n_moved}");
}

/// Buys so much whenever the close is above its mean of so many bars, and closes below it.
fn follower(quantity: f64, n: usize) -> Program {
    let w = n - 1;
    let program = json!({
        "schema": "program/0.1", "timeframe": "1h", "output": null,
        "code": [
            {"op": "price", "field": "close", "w": 0, "dep": 0},
            {"op": "ind", "name": "ma", "inputs": [0], "params": [n], "w": w, "dep": 0},
            {"op": "cross", "dir": "over", "a": 0, "b": 1, "w": w + 1, "dep": 0},
            {"op": "cross", "dir": "under", "a": 0, "b": 1, "w": w + 1, "dep": 0},
        ],
        "rules": [{"if": 2, "then": "buy"}, {"if": 3, "then": "close"}],
        "risk": {"sizing": {"type": "fixed_qty", "qty": quantity}},
    });
    Program::decode(&program.to_string()).unwrap()
}

fn followers(depth: f64, quantities: [f64; 2]) -> Case {
    let mut dice = Dice::new(77);
    let mut bars = market(&mut dice);
    bars.flags.clear();
    let execution = Execution::read(&profiles()["honest_v1"]).unwrap();
    let programs = quantities.map(|quantity| follower(quantity, 5)).to_vec();
    let book = book(json!({
        "depth_base_per_bps": depth, "permanent_fraction": 0.3, "half_life_bars": 5.0,
    }));
    Case { bars, programs, execution, book }
}

#[test]
fn who_trades_nothing_leaves_the_bars_as_they_were() {
    // Less than a lot is nothing.
    let mut case = followers(1.0, [0.4, 0.3]);
    case.execution.lot_base = 1.0;
    let made = case.met([0, 1], case.view()).unwrap();
    let calm = case.view();
    for (found, expected) in [
        (&made.open, calm.open),
        (&made.high, calm.high),
        (&made.low, calm.low),
        (&made.close, calm.close),
        (&made.volume, calm.volume),
    ] {
        assert_eq!(bits(found), bits(expected));
    }
    // The same rules with more than a lot do move it.
    let mut case = followers(1.0, [1.4, 0.3]);
    case.execution.lot_base = 1.0;
    assert_ne!(case.met([0, 1], case.view()).unwrap().close, calm.close);
}

#[test]
fn the_deeper_the_book_the_nearer_to_a_backtest_alone() {
    let last_equity = |case: &Case, bars: BarsView| {
        *case.backtest(0, bars).unwrap().equity_quote(&bars).last().unwrap()
    };
    let distance = |depth: f64| {
        let case = followers(depth, [3.0, 2.0]);
        let made = case.met([0, 1], case.view()).unwrap();
        let alone = last_equity(&case, case.view());
        (last_equity(&case, over(case.view(), &made)) - alone).abs()
    };
    let distances = [0.1, 1.0, 1e2, 1e4, 1e6].map(distance);
    assert!(distances[0] > 1.0, "{distances:?}");
    assert!(distances.windows(2).all(|pair| pair[1] < 0.5 * pair[0]), "{distances:?}");
    assert!(distances[4] < 1e-3, "{distances:?}");
}

/// Asks for nothing.
fn idle() -> Program {
    let program = json!({
        "schema": "program/0.1", "timeframe": "1h", "output": null,
        "code": [{"op": "bool", "value": false, "w": 0, "dep": null}],
        "rules": [{"if": 0, "then": "buy"}],
        "risk": {"sizing": {"type": "fixed_qty", "qty": 1.0}},
    });
    Program::decode(&program.to_string()).unwrap()
}

/// Buys four units on a volume of 1, adds to them, and closes on a volume of 2.
fn messenger() -> Program {
    let is = |slot: usize| json!({"op": "eq", "a": 0, "b": slot, "w": 0, "dep": 0});
    let program = json!({
        "schema": "program/0.1", "timeframe": "1h", "output": null,
        "code": [
            {"op": "price", "field": "volume", "w": 0, "dep": 0},
            {"op": "const", "value": 1.0, "w": 0}, {"op": "const", "value": 2.0, "w": 0},
            is(1), is(2),
        ],
        "rules": [{"if": 3, "then": "buy"}, {"if": 4, "then": "close"}],
        "risk": {"sizing": {"type": "fixed_qty", "qty": 4.0}, "max_adds": 5},
    });
    Program::decode(&program.to_string()).unwrap()
}

#[test]
fn who_moves_the_price_by_market_orders_alone_pays_for_it() {
    let mut n_paid = 0;
    for lane in 0..200 {
        let mut dice = Dice::new(lane);
        let mut case = followers(0.1, [4.0, 4.0]);
        for column in
            [&mut case.bars.open, &mut case.bars.high, &mut case.bars.low, &mut case.bars.close]
        {
            column.fill(100.0);
        }
        case.bars.volume = case.bars.volume.iter().map(|_| dice.below(9) as f64).collect();
        case.execution = {
            let mut free = profiles()["honest_v1"].clone();
            for name in ["base_bps", "k_vol", "fee_bps"] {
                free[name] = json!(0.0);
            }
            Execution::read(&free).unwrap()
        };
        case.programs = vec![messenger(), idle()];
        case.book = book(json!({
            "depth_base_per_bps": 0.1,
            "permanent_fraction": dice.of(&[0.0, 0.3, 1.0]),
            "half_life_bars": dice.of(&[0.0, 1.0, 20.0]),
        }));
        let made = case.met([0, 1], case.view()).unwrap();
        let view = over(case.view(), &made);
        let journal = case.backtest(0, view).unwrap();
        let last = *journal.equity_quote(&view).last().unwrap();
        assert!(last <= CASH * (1.0 + 1e-12), "{lane}: {last}");
        n_paid += usize::from(last < CASH - 1.0);
    }
    assert!(n_paid > 150, "{n_paid}");
}

#[test]
fn an_execution_that_charges_for_the_book_again_is_refused() {
    let mut case = followers(1.0, [1.0, 1.0]);
    let plain = case.execution.clone();
    let refused = |case: &Case| case.met([0, 1], case.view()).unwrap_err().to_string();
    case.execution.costs.impact = Impact::Zipline;
    assert!(refused(&case).starts_with("/impact: "));
    case.execution = Execution { participation: Some(0.1), ..plain.clone() };
    assert!(refused(&case).starts_with("/participation: "));
    case.execution = Execution { market_fill: MarketFill::Close, ..plain };
    assert!(refused(&case).starts_with("/market_fill: "));
    let nobody = case.met([0, 2], case.view());
    assert!(nobody.is_err());
}
