//! Arenas: two programs that trade in one order book, and the bars that come of it.
//!
//! A market gives its undisturbed bars. At the open of each, what both seats trade there and what
//! the dealer has to pass on goes through one call auction against the [`book`], at one price for
//! all; the whole bar is displaced by as much. What a seat trades inside the bar the dealer takes
//! on the other side. In the last bar, everything that is traded in it goes through the auction,
//! so that who built up a position pays for taking it down.
//!
//! What a seat decides on a bar depends on that bar and those before it alone, so the bars can be
//! made one by one, and a backtest of either program over them is what it did in the arena.

mod book;
mod seat;

pub use book::{Book, REACH};

use super::batch::check;
use super::profile::{Execution, MarketFill};
use super::score::marks;
use super::signal::Signals;
use crate::EngineError;
use crate::bars::{BarsView, FLAG_CLOSED};
use crate::math::exp;
use crate::program::Program;
use crate::program::column::Columns;
use book::Displacement;
use rayon::prelude::*;
use seat::{Rules, Seat, Traded, Until};

/// Who meets whom and where: two programs and bars, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Pairing {
    pub programs: [usize; 2],
    pub bars: usize,
}

/// What all arenas of a batch share.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Terms<'a> {
    pub execution: &'a Execution,
    pub book: &'a Book,
    pub initial_quote: f64,
    pub bars_per_year: &'a [f64],
}

/// The bars that two seats made, and how the book and the dealer stood; one value a bar.
#[derive(Clone, Debug, PartialEq)]
pub struct Arena {
    #[allow(missing_docs)]
    pub open: Vec<f64>,
    #[allow(missing_docs)]
    pub high: Vec<f64>,
    #[allow(missing_docs)]
    pub low: Vec<f64>,
    #[allow(missing_docs)]
    pub close: Vec<f64>,
    /// With what was traded in the arena.
    pub volume: Vec<f64>,
    /// Log price less that of the undisturbed bar.
    pub displacement: Vec<f64>,
    /// What the book gave in the auction; negative for what it took.
    pub book_base: Vec<f64>,
    /// What the dealer gave and has not bought back by the close; negative for what he took.
    pub dealer_base: Vec<f64>,
    /// Position of each seat at the close.
    pub position_base: [Vec<f64>; 2],
}

/// Lets pairs of programs trade in one book, each pair in an arena of its own. The results are in
/// the order of `pairings`; their bytes do not depend on the number of threads, nor, but for their
/// places, on who sits where.
///
/// # Errors
///
/// What [`super::run_batch`] refuses; `FIELD_INVALID` for an execution that has an impact or a
/// participation of its own, or fills at the close; `PRICE_OUT_OF_RANGE` for a market that is
/// moved out of every price.
pub fn meet(
    programs: &[Program],
    bars: &[BarsView],
    pairings: &[Pairing],
    terms: &Terms,
    n_threads: Option<usize>,
) -> Result<Vec<Arena>, EngineError> {
    check_execution(terms.execution)?;
    let seats = pairings
        .iter()
        .flat_map(|pairing| pairing.programs.into_iter().map(|program| (program, pairing.bars)));
    let runs: Vec<(usize, usize)> = seats.collect();
    let Terms { execution, initial_quote, bars_per_year, .. } = *terms;
    check(programs, execution, bars, &runs, initial_quote, bars_per_year)?;
    let one = |pairing: &Pairing| {
        let seats = pairing.programs.map(|program| &programs[program]);
        Ring::new(seats, bars[pairing.bars], terms, bars_per_year[pairing.bars]).played()
    };
    let batch = || {
        // Which refusal is given must not depend on which thread is first.
        let played: Vec<Result<Arena, EngineError>> = pairings.par_iter().map(one).collect();
        played.into_iter().collect()
    };
    match n_threads {
        None => batch(),
        Some(n_threads) => {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads.max(1)).build();
            pool.expect("the system gives a process its threads").install(batch)
        }
    }
}

/// Refuses an execution that says again, or otherwise, what the book says.
fn check_execution(execution: &Execution) -> Result<(), EngineError> {
    let refusal = |path: &str, got: &str, expected: &str| {
        Err(EngineError::Field {
            path: path.to_owned(),
            got: got.to_owned(),
            expected: expected.to_owned(),
        })
    };
    if execution.costs.impact != super::Impact::None {
        return refusal("/impact", "an impact", "none: the book has it");
    }
    if execution.participation.is_some() {
        return refusal("/participation", "a share", "null: the book has its depth");
    }
    if execution.market_fill != MarketFill::Open {
        return refusal("/market_fill", "close", "open, which is when the auction is");
    }
    Ok(())
}

/// An arena under way.
struct Ring<'a> {
    calm: BarsView<'a>,
    book: &'a Book,
    rules: Rules<'a>,
    seats: [Seat<'a>; 2],
    displaced: Displacement,
    dealer_base: f64,
    made: Arena,
}

impl<'a> Ring<'a> {
    fn new(
        programs: [&'a Program; 2],
        calm: BarsView<'a>,
        terms: &Terms<'a>,
        bars_per_year: f64,
    ) -> Self {
        let rules = Rules {
            execution: terms.execution,
            marks: marks(&calm),
            bars_per_year,
            columns: Columns::none(),
            signals: Signals::none(),
        };
        let seats = programs.map(|program| Seat::new(program, calm, &rules, terms.initial_quote));
        let column = || Vec::with_capacity(calm.len());
        let made = Arena {
            open: calm.open.to_vec(),
            high: calm.high.to_vec(),
            low: calm.low.to_vec(),
            close: calm.close.to_vec(),
            volume: calm.volume.to_vec(),
            displacement: vec![0.0; calm.len()],
            book_base: column(),
            dealer_base: column(),
            position_base: [column(), column()],
        };
        let displaced = Displacement::default();
        Self { calm, book: terms.book, rules, seats, displaced, dealer_base: 0.0, made }
    }

    fn played(mut self) -> Result<Arena, EngineError> {
        for t in 0..self.calm.len() {
            self.play(t);
        }
        written(self.calm, &self.made).check()?;
        Ok(self.made)
    }

    /// Makes bar `t`, and lets both seats work through it.
    fn play(&mut self, t: usize) {
        let book_base = self.auction(t);
        self.pass_on(t);
        let Self { calm, rules, seats, made, .. } = self;
        seats.iter_mut().for_each(|seat| seat.step(t, written(*calm, made), rules));
        self.made.book_base.push(book_base);
        self.made.dealer_base.push(self.dealer_base);
        for (column, seat) in self.made.position_base.iter_mut().zip(&self.seats) {
            column.push(seat.position_base());
        }
        self.displaced = self.book.decayed(self.displaced);
    }

    /// What an auction of bar `t` is for.
    fn until(&self, t: usize) -> Until {
        if t + 1 == self.calm.len() { Until::End } else { Until::Open }
    }

    /// Finds the price of bar `t`, writes the bar, and returns what the book gave.
    fn auction(&mut self, t: usize) -> f64 {
        let until = self.until(t);
        let middle = self.displaced.value();
        let is_closed =
            until == Until::Open && self.rules.marks.get(t).is_some_and(|m| m & FLAG_CLOSED != 0);
        let is_quiet = self.dealer_base == 0.0 && self.seats.iter().all(Seat::is_idle);
        if is_closed || is_quiet {
            self.write(t, middle);
            return 0.0;
        }
        let (book, dealer_base) = (self.book, self.dealer_base);
        let cleared = book.clear(middle, |displacement| {
            self.write(t, displacement);
            let [one, other] = self.would_trade(t, until);
            (one.net_base + other.net_base) + dealer_base
        });
        self.write(t, cleared.displacement);
        self.dealer_base = cleared.left_base;
        self.displaced = book.moved(self.displaced, cleared.taken_base);
        let [one, other] = self.would_trade(t, until);
        let bought = (one.net_base.max(0.0) + other.net_base.max(0.0)) + dealer_base.max(0.0);
        let sold = (one.net_base.min(0.0) + other.net_base.min(0.0)) + dealer_base.min(0.0);
        self.made.volume[t] += bought.max(-sold);
        cleared.taken_base
    }

    /// Hands what is traded in bar `t` behind its auction to the dealer, and adds it to the volume.
    fn pass_on(&mut self, t: usize) {
        if self.until(t) == Until::End || self.seats.iter().all(Seat::is_idle) {
            return;
        }
        let [opened, closed] = [Until::Open, Until::Close].map(|until| self.would_trade(t, until));
        let behind = |seat: usize| Traded {
            net_base: closed[seat].net_base - opened[seat].net_base,
            gross_base: closed[seat].gross_base - opened[seat].gross_base,
        };
        let (one, other) = (behind(0), behind(1));
        self.dealer_base += one.net_base + other.net_base;
        self.made.volume[t] += one.gross_base + other.gross_base;
    }

    /// What the seats would trade in bar `t` as it is written now.
    fn would_trade(&mut self, t: usize, until: Until) -> [Traded; 2] {
        let Self { calm, rules, seats, made, .. } = self;
        let bars = written(*calm, made);
        seats.each_mut().map(|seat| seat.would_trade(t, until, bars, rules))
    }

    /// Writes bar `t` so far from the undisturbed one; one factor keeps the order of its prices.
    fn write(&mut self, t: usize, displacement: f64) {
        let factor = exp(displacement);
        self.made.displacement[t] = displacement;
        self.made.open[t] = self.calm.open[t] * factor;
        self.made.high[t] = self.calm.high[t] * factor;
        self.made.low[t] = self.calm.low[t] * factor;
        self.made.close[t] = self.calm.close[t] * factor;
    }
}

/// The bars of an arena: written up to some bar, undisturbed behind it, where nobody looks yet.
fn written<'a>(calm: BarsView<'a>, made: &'a Arena) -> BarsView<'a> {
    BarsView {
        open: &made.open,
        high: &made.high,
        low: &made.low,
        close: &made.close,
        volume: &made.volume,
        ..calm
    }
}
