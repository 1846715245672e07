//! One backtest, or a sweep of so many settings, once: for a tool that counts instructions.
//!
//! `count backtest` or `count sweep 80`. A sweep shares columns, so what a setting costs is the
//! difference between two numbers of settings, over how many there are between.

mod measured;

use proving_core::backtest::Detail;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let n_settings: usize = words.get(1).and_then(|word| word.parse().ok()).unwrap_or(16);
    let (n_bars, programs, detail) = match words.first().map(String::as_str) {
        Some("backtest") => {
            (measured::YEAR_BARS, vec![measured::crossover(10, 50)], Detail::Equity)
        }
        Some("sweep") => {
            let programs =
                (0..n_settings).map(|k| measured::crossover(5 + k % 40, 50 + 10 * (k / 40)));
            (measured::SWEEP_BARS, programs.collect(), Detail::Summary)
        }
        _ => {
            println!("usage: count backtest | count sweep N_SETTINGS");
            return;
        }
    };
    let bars = measured::bars(n_bars);
    let results = measured::run(&programs, &bars.view(0..n_bars), detail);
    println!("{} runs, the last with equity {}", results.len(), results[0].final_equity_quote);
}
