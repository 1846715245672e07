//! Times of the Rust parts alone, by criterion: what a backtest and a setting of a sweep cost, and
//! the indicators they are made of.

mod measured;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use proving_core::backtest::{Detail, release};
use proving_core::indicator;
use proving_core::parameter::Params;
use std::hint::black_box;

fn backtests(criterion: &mut Criterion) {
    let bars = measured::bars(measured::YEAR_BARS);
    let mut group = criterion.benchmark_group("backtest");
    group.sample_size(20);
    for n_bars in [1_000, measured::YEAR_BARS] {
        let (view, program) = (bars.view(0..n_bars), [measured::crossover(10, 50)]);
        group.throughput(Throughput::Elements(n_bars as u64));
        group.bench_function(format!("summary/{n_bars}"), |bencher| {
            bencher.iter(|| measured::run(black_box(&program), &view, Detail::Summary));
        });
        group.bench_function(format!("equity_and_trades/{n_bars}"), |bencher| {
            bencher.iter_with_large_drop(|| {
                let mut results = measured::run(black_box(&program), &view, Detail::Equity);
                let journal = results[0].journal.take().expect("equity comes with a journal");
                let columns = (journal.equity_quote(&view), journal.trades(&view));
                release(journal);
                columns
            });
        });
    }
    group.finish();
}

fn sweeps(criterion: &mut Criterion) {
    let bars = measured::bars(measured::SWEEP_BARS);
    let view = bars.view(0..measured::SWEEP_BARS);
    let programs: Vec<_> = (0..40).map(|k| measured::crossover(5 + k, 100)).collect();
    let mut group = criterion.benchmark_group("sweep");
    group.sample_size(20);
    group.throughput(Throughput::Elements((programs.len() * measured::SWEEP_BARS) as u64));
    group.bench_function("40 settings", |bencher| {
        bencher.iter(|| measured::run(black_box(&programs), &view, Detail::Summary));
    });
    group.finish();
}

fn indicators(criterion: &mut Criterion) {
    let bars = measured::bars(measured::SWEEP_BARS);
    let view = bars.view(0..measured::SWEEP_BARS);
    let mut values = vec![0.0; measured::SWEEP_BARS];
    let mut group = criterion.benchmark_group("indicator");
    group.throughput(Throughput::Elements(measured::SWEEP_BARS as u64));
    group.sample_size(20);
    for (name, n) in [("ma", 50.0), ("ema", 50.0), ("highest", 50.0), ("stdev", 50.0)] {
        let row = indicator::find(name).expect("the table has it");
        let params = Params::from_slice(row.name, row.params, &[n]).expect("it takes a window");
        group.bench_function(format!("{name}/{n}"), |bencher| {
            bencher.iter(|| {
                let inputs = [black_box(view.close)];
                row.column(&inputs, true, &view, (&params, 0), &mut values);
            });
        });
    }
    group.finish();
}

criterion_group!(hot_loops, backtests, sweeps, indicators);
criterion_main!(hot_loops);
