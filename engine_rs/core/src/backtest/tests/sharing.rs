//! What runs have in common is computed once: evaluations are counted, not timed.

use super::*;
use crate::program::column::Find;

/// Rules `close > ma(ma(n)) + spread` on one series.
fn program(n: usize, spread: f64) -> Program {
    let w = n - 1;
    let ma = |of: usize, w: usize| {
        let params = [n];
        json!({"op": "ind", "name": "ma", "inputs": [of], "params": params, "w": w, "dep": 0})
    };
    let program = json!({
        "schema": "program/0.1", "timeframe": "1h", "risk": one_unit(),
        "code": [
            {"op": "price", "field": "close", "w": 0, "dep": 0},
            ma(0, w),
            ma(1, 2 * w),
            {"op": "const", "value": spread, "w": 0},
            {"op": "add", "a": 2, "b": 3, "w": 2 * w, "dep": 0},
            {"op": "lt", "a": 4, "b": 0, "w": 2 * w, "dep": 0},
        ],
        "rules": [{"if": 5, "then": "buy"}],
    });
    Program::decode(&program.to_string()).unwrap()
}

/// Columns computed before the runs and within them, and the columns of the rules.
fn work(programs: &[Program], bars: &[BarsView], runs: &[(usize, usize)]) -> (usize, usize) {
    let shared = Shared::new(programs, bars, runs, true);
    let mut pool = Pool::default();
    for &(program, market) in runs {
        let known = |slot| shared.known(program, market, slot);
        let known: &Find = &known;
        let of = &programs[program];
        let columns = evaluate::columns(of, &bars[market], &of.roots(), known, &mut pool);
        let alone =
            evaluate::columns(of, &bars[market], &of.roots(), &|_| None, &mut Pool::default());
        let rule = of.rules()[0].condition;
        assert_eq!(columns.is_true(rule), alone.is_true(rule));
        pool.give(columns);
    }
    (shared.n_computed, pool.n_computed)
}

#[test]
fn equal_parts_of_different_programs_are_computed_once_for_each_market() {
    let storms = [storm(1, 300, 0.1), storm(2, 300, 0.1)];
    let bars: Vec<BarsView> = storms.iter().map(|bars| bars.view(0..300)).collect();
    // Two programs differ in a constant alone, a third in its window as well.
    let programs = [program(5, 0.0), program(5, 1.0), program(7, 0.0)];
    // A run alone computes two averages, a sum and a comparison.
    assert_eq!(work(&programs, &bars, &[(0, 0)]), (0, 4));
    // The averages are made once, and each run adds and compares.
    assert_eq!(work(&programs, &bars[..1], &[(0, 0), (1, 0)]), (2, 4));
    // Only the outer average is kept: nothing else reads the inner one.
    assert_eq!(Shared::new(&programs, &bars[..1], &[(0, 0), (1, 0)], true).n_columns(), 1);
    // Over two markets, twice.
    let runs: Vec<(usize, usize)> = (0..2).flat_map(|p| [(p, 0), (p, 1)]).collect();
    assert_eq!(work(&programs, &bars, &runs), (4, 8));
    // What nobody else computes is left to the run.
    let (before, within) = work(&programs, &bars[..1], &[(0, 0), (1, 0), (2, 0)]);
    assert_eq!((before, within), (2, 8));
    // The same program twice is one condition, known before the runs.
    assert_eq!(work(&programs, &bars[..1], &[(0, 0), (0, 0)]), (4, 0));
}

#[test]
fn a_part_of_a_shared_part_is_made_first_where_it_is_read_besides() {
    let storm = storm(3, 200, 0.1);
    let bars = [storm.view(0..200)];
    // The third reads the inner average by itself.
    let inner = json!({
        "schema": "program/0.1", "timeframe": "1h", "risk": one_unit(),
        "code": [
            {"op": "price", "field": "close", "w": 0, "dep": 0},
            {"op": "ind", "name": "ma", "inputs": [0], "params": [5], "w": 4, "dep": 0},
            {"op": "lt", "a": 1, "b": 0, "w": 4, "dep": 0},
        ],
        "rules": [{"if": 2, "then": "buy"}],
    });
    let programs = [program(5, 0.0), program(5, 1.0), Program::decode(&inner.to_string()).unwrap()];
    let (before, _) = work(&programs, &bars, &[(0, 0), (1, 0), (2, 0)]);
    // The inner average, then the outer one of it.
    assert_eq!(before, 2);
}
