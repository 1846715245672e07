//! Regimes: a hidden Markov chain says which of a few markets each bar belongs to.
//!
//! Bar 0 is in the state that `start` says; the state of bar t > 0 is taken from the row of the
//! state before by draw t of the purpose `regime`. Draw 0 is left for a stationary start.

mod chain;
#[cfg(test)]
mod tests;

use super::document::{Choice, Scenario, Structure};
use super::field::{object, one_of, refused, required, text};
use super::law::{self, Fact, Law};
use super::mean_revert::{self, BURN_IN_MAX, MEAN_REVERT, Reversion};
use super::model::{BarDraws, Model, Outlook, Steps};
use super::trend::{TREND, Trend};
use super::{Facts, Family, Market, Univariate};
use crate::EngineError;
use crate::bars::Bars;
use crate::math::{exp, ln};
use crate::parameter::{Param, Params};
use crate::random::{Purpose, Uniforms};
use chain::{STATES_MAX, STATES_MIN, Shares, drawn, stationary, transition};
use serde_json::{Map, Value, json};

/// Share of the bars below which the moments of a state tell nothing.
const SHARE_MIN: f64 = 0.005;

const CONVENTIONS: &[&str] = &["ito", "log"];

pub(super) const REGIME: Family = Family {
    name: "regime",
    source: "Hamilton (1989), Econometrica 57(2)",
    params: &[],
    // The state of bar 0: state 0, or one drawn with the shares of the long run.
    choices: &[Choice { name: "start", values: &["first", "stationary"] }],
    structures: &[
        Structure {
            name: "states",
            shape: "a list of 2 to 6 tables, each with type \"trend\" (drift, sigma, \
                    drift_convention) or \"mean_revert\" (kappa, theta as a price, sigma)",
            is_optional: false,
            complete: states,
        },
        Structure {
            name: "transition",
            shape: "a list of one row a state, each of the probabilities of the next state",
            is_optional: false,
            complete: transition,
        },
    ],
    needs_source: false,
    keeps_length: false,
    assets_max: 1,
    takes_student_t: true,
    prepare,
};

fn states(path: &str, given: Option<&Value>) -> Result<Value, EngineError> {
    let is_many = |list: &&Vec<Value>| (STATES_MIN..=STATES_MAX).contains(&list.len());
    let list = given.and_then(Value::as_array).filter(is_many).ok_or_else(|| {
        let got = given
            .and_then(Value::as_array)
            .map_or("no list".to_owned(), |list| format!("a list of {}", list.len()));
        refused(path, got, format!("a list of {STATES_MIN} to {STATES_MAX} states"))
    })?;
    let read = |(index, entry): (usize, &Value)| state(&format!("{path}/{index}"), entry);
    list.iter().enumerate().map(read).collect::<Result<_, _>>().map(Value::Array)
}

/// One state with every default filled in.
fn state(path: &str, entry: &Value) -> Result<Value, EngineError> {
    let mut fields = object(path, entry)?.clone();
    let kind = text(&fields, &format!("{path}/type"), None)?;
    let kind = one_of("type of state", kind, &[TREND.name, MEAN_REVERT.name])
        .map_err(|error| error.placed(format!("{path}/type")))?;
    let mut words = Map::from_iter([("type".to_owned(), json!(kind))]);
    let table: &[Param] = if kind == TREND.name {
        let place = format!("{path}/drift_convention");
        let word = text(&fields, &place, Some(CONVENTIONS[0]))?;
        let word = one_of("drift_convention", word, CONVENTIONS)
            .map_err(|error| error.placed(place.clone()))?;
        words.insert("drift_convention".to_owned(), json!(word));
        fields.remove("drift_convention");
        TREND.params
    } else {
        MEAN_REVERT.params
    };
    fields.remove("type");
    words.append(&mut Params::read_at(path, kind, table, &fields, &[])?.to_json());
    Ok(Value::Object(words))
}

fn prepare(scenario: &Scenario, _source: Option<&Bars>) -> Result<Box<dyn Market>, EngineError> {
    let list = scenario.structure("states").as_array().expect("`states` gave a list");
    let read = |(index, state): (usize, &Value)| Block::read(index, state, scenario);
    let blocks = list.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
    let rows = scenario.structure("transition").as_array().expect("`transition` gave a list");
    if rows.len() != blocks.len() {
        let expected = format!("{} rows, one for each state", blocks.len());
        return Err(refused("/params/transition", format!("{} rows", rows.len()), expected));
    }
    let mut transition = [[0.0; STATES_MAX]; STATES_MAX];
    for (row, given) in transition.iter_mut().zip(rows) {
        for (slot, share) in row.iter_mut().zip(given.as_array().into_iter().flatten()) {
            *slot = share.as_f64().expect("`transition` gave numbers");
        }
    }
    let stationary = stationary(&transition, blocks.len()).ok_or_else(|| {
        let expected = "one set of states that the chain comes to and stays in";
        refused("/params/transition", "several sets of states that lead nowhere else", expected)
    })?;
    let is_first = scenario.choice("start") == "first";
    let start = if is_first { std::array::from_fn(one_at_0) } else { stationary };
    Ok(Box::new(Regime { blocks, transition, stationary, start }))
}

fn one_at_0(state: usize) -> f64 {
    f64::from(u8::from(state == 0))
}

/// The market of one state.
#[derive(Clone, Copy, Debug)]
enum Block {
    Trend(Trend),
    Reversion(Reversion),
}

/// Mean and deviation of the coming bar's log return in one state: as the model's own draws make
/// it, and with what overlays make of it.
#[derive(Clone, Copy, Debug, Default)]
struct Forecast {
    own_mean: f64,
    own_deviation: f64,
    mean: f64,
    deviation: f64,
}

impl Block {
    fn read(index: usize, state: &Value, scenario: &Scenario) -> Result<Self, EngineError> {
        let path = format!("/params/states/{index}");
        let fields = object(&path, state)?;
        let get = |name: &str| {
            let number = required(fields, &format!("{path}/{name}"))?.as_f64();
            Ok::<f64, EngineError>(number.expect("`states` gave a number"))
        };
        let sigma = get("sigma")?;
        if text(fields, &format!("{path}/type"), None)? == TREND.name {
            let convention = text(fields, &format!("{path}/drift_convention"), None)?;
            return Ok(Self::Trend(Trend::new(get("drift")?, sigma, convention == "ito")));
        }
        let level = mean_revert::level(&format!("{path}/theta"), get("theta")?, scenario.p0)?;
        Ok(Self::Reversion(Reversion::new(level, get("kappa")?, sigma, scenario.n_sub)))
    }

    fn deviation(&self) -> f64 {
        match self {
            Self::Trend(trend) => trend.deviation(),
            Self::Reversion(reversion) => reversion.deviation(),
        }
    }

    #[inline]
    fn forecast(&self, own: f64, bar: &BarDraws<'_>) -> Forecast {
        match self {
            Self::Trend(trend) => {
                let even = trend.even(bar);
                Forecast {
                    own_mean: even.predictable + even.constant,
                    own_deviation: even.deviation,
                    mean: bar.edge * even.predictable + even.constant + bar.drift,
                    deviation: even.deviation * bar.volatility,
                }
            }
            Self::Reversion(reversion) => {
                let (own_mean, own_deviation) = reversion.own_law(own, bar);
                let (mean, deviation) = reversion.law(own, bar);
                Forecast { own_mean, own_deviation, mean, deviation }
            }
        }
    }
}

#[derive(Clone, Debug)]
struct Regime {
    blocks: Vec<Block>,
    transition: [Shares; STATES_MAX],
    /// Shares of the long run.
    stationary: Shares,
    /// Probabilities of the states of bar 0.
    start: Shares,
}

impl Regime {
    fn next(&self, shares: &Shares) -> Shares {
        let mut next = [0.0; STATES_MAX];
        for (share, row) in shares.iter().zip(&self.transition) {
            next.iter_mut().zip(row).for_each(|(slot, to)| *slot += share * to);
        }
        next
    }

    /// Mean log return and variance of each state, if none depends on the price.
    fn trends(&self) -> Option<Vec<(f64, f64)>> {
        let law = |block: &Block| match block {
            Block::Trend(trend) => Some((trend.log_mean(), trend.deviation() * trend.deviation())),
            Block::Reversion(_) => None,
        };
        self.blocks.iter().map(law).collect()
    }

    /// Mean of what `value` gives for each state, in the long run.
    fn average(&self, value: impl Fn(usize) -> f64) -> f64 {
        (0..self.blocks.len()).fold(0.0, |sum, state| sum + self.stationary[state] * value(state))
    }

    /// Covariance of what `value` gives for a bar and for the next.
    fn lagged(&self, value: impl Fn(usize) -> f64) -> f64 {
        let mean = self.average(&value);
        self.average(|from| {
            let row = self.transition[from].iter().enumerate().take(self.blocks.len());
            (value(from) - mean) * row.fold(0.0, |sum, (to, p)| sum + p * (value(to) - mean))
        })
    }

    /// Moments of returns where every state is a trend.
    fn mixture(&self, trends: &[(f64, f64)], fourth: f64) -> Mixture {
        let mean = self.average(|state| trends[state].0);
        let off = |state: usize| trends[state].0 - mean;
        let square = |state: usize| trends[state].1 + off(state) * off(state);
        let third = self
            .average(|state| off(state) * (3.0 * square(state) - 2.0 * off(state) * off(state)));
        let power = |state: usize| {
            let (spread, shift) = (trends[state].1, off(state) * off(state));
            fourth * spread * spread + 6.0 * spread * shift + shift * shift
        };
        let (variance, power) = (self.average(square), self.average(power));
        Mixture {
            mean,
            variance,
            skewness: third / (variance * variance.sqrt()),
            kurtosis: power / (variance * variance),
            acf: self.lagged(off) / variance,
            acf_squares: self.lagged(square) / (power - variance * variance),
        }
    }

    fn laws_of_chain(&self, fourth: f64) -> Vec<Law> {
        let mut laws = Vec::new();
        for state in 0..self.blocks.len() {
            let share = self.stationary[state];
            let stay = self.transition[state][state];
            laws.push(Law::near("occupancy", &[state as f64], share));
            if share >= SHARE_MIN && stay < 1.0 {
                laws.push(Law::near("sojourn", &[state as f64], 1.0 / (1.0 - stay)));
            }
            if let Block::Trend(trend) = &self.blocks[state]
                && share >= SHARE_MIN
            {
                let deviation = trend.deviation();
                laws.push(Law::near("state_mean", &[state as f64], trend.log_mean()));
                let variance = deviation * deviation;
                if fourth.is_finite() {
                    laws.push(Law::near("state_variance", &[state as f64], variance));
                }
            }
        }
        laws
    }
}

/// Moments of returns, `acf` and `acf_squares` at lag 1.
struct Mixture {
    mean: f64,
    variance: f64,
    skewness: f64,
    kurtosis: f64,
    acf: f64,
    acf_squares: f64,
}

impl Univariate for Regime {
    type Model = RegimePath;

    fn model(&self, scenario: &Scenario, path: usize) -> RegimePath {
        let mut draws = Uniforms::new(scenario.stream(path, Purpose::Regime));
        let state = drawn(&self.start, self.blocks.len(), draws.get(0));
        let nu = scenario.innovations.student().map(|student| student.nu() as f64);
        RegimePath { foreseen: self.start, market: self.clone(), nu, draws, state, x: 0.0 }
    }

    fn laws(&self, scenario: &Scenario) -> Vec<Law> {
        let fourth = scenario.innovations.fourth_moment();
        let mut laws = self.laws_of_chain(fourth);
        let Some(trends) = self.trends() else {
            return laws;
        };
        let mixture = self.mixture(&trends, fourth);
        let bend = trends.iter().map(|(mean, spread)| mean * mean / spread).fold(0.0, f64::max);
        laws.extend(law::of_ranges(scenario, bend));
        laws.push(Law::near("mean", &[], mixture.mean));
        laws.push(law::of_variance(scenario, mixture.variance));
        laws.push(Law::near("acf", &[1.0], mixture.acf));
        if scenario.innovations.even_moment(4).is_finite() {
            laws.push(Law::near("acf_squares", &[1.0], mixture.acf_squares));
        }
        if scenario.innovations.student().is_none() {
            laws.push(Law::near("skewness", &[], mixture.skewness));
            laws.push(Law::near("kurtosis", &[], mixture.kurtosis));
        }
        laws
    }

    fn burn_in_bars(&self, _scenario: &Scenario) -> usize {
        let distance = |shares: &Shares| {
            let pairs = shares.iter().zip(&self.stationary);
            pairs.map(|(now, end)| (now - end).abs()).fold(0.0, f64::max)
        };
        let (mut shares, mut bars) = (self.start, 0);
        // A chain that goes in circles never forgets, but its averages do.
        while distance(&shares) > 1e-4 && bars < BURN_IN_MAX as usize {
            shares = self.next(&shares);
            bars += 1;
        }
        let slowest = self.blocks.iter().map(|block| match block {
            Block::Trend(_) => 0,
            Block::Reversion(reversion) => reversion.burn_in_bars(),
        });
        bars.max(slowest.max().unwrap_or(0))
    }

    fn facts(&self, scenario: &Scenario) -> Facts {
        let mut shown = Vec::new();
        let mut undecided = vec![
            Fact::HeavyTails,
            Fact::AggregationalGaussianity,
            Fact::Intermittency,
            Fact::ConditionalHeavyTails,
            Fact::SlowDecay,
            Fact::Leverage,
            Fact::GainLossAsymmetry,
            Fact::TimeScaleAsymmetry,
        ];
        let fourth = scenario.innovations.fourth_moment();
        let mixture = self.trends().map(|trends| self.mixture(&trends, fourth));
        if mixture.is_none() {
            undecided.push(Fact::NoLinearAutocorrelation);
        }
        let is_plain = mixture.is_some_and(|mixture| {
            if mixture.acf.abs() < 0.005 {
                shown.push(Fact::NoLinearAutocorrelation);
            } else {
                undecided.push(Fact::NoLinearAutocorrelation);
            }
            mixture.acf_squares >= 0.05
        });
        if is_plain { &mut shown } else { &mut undecided }.push(Fact::VolatilityClustering);
        law::facts(scenario, &shown, &undecided)
    }
}

/// The market along one path.
struct RegimePath {
    market: Regime,
    /// Degrees of freedom of Student's draws.
    nu: Option<f64>,
    draws: Uniforms,
    /// The true state of the coming bar.
    state: usize,
    /// Its probabilities, for one who knows the returns before it and nothing else.
    foreseen: Shares,
    /// Log price, overlays left out; what every reverting state reverts.
    x: f64,
}

impl RegimePath {
    /// Learns from the log return that the model's own draws came to, and looks one bar ahead.
    ///
    /// Source: Hamilton (1989), equations 4.5 to 4.8.
    #[inline]
    fn learn(&mut self, own: f64, forecasts: &[Forecast; STATES_MAX]) {
        let n = self.market.blocks.len();
        let mut logs = [f64::NEG_INFINITY; STATES_MAX];
        let mut largest = f64::NEG_INFINITY;
        for state in (0..n).filter(|state| self.foreseen[*state] > 0.0) {
            let Forecast { own_mean, own_deviation, .. } = forecasts[state];
            let z = (own - own_mean) / own_deviation;
            let shape = match self.nu {
                None => 0.5 * z * z,
                Some(nu) => 0.5 * (nu + 1.0) * ln(1.0 + z * z / (nu - 2.0)),
            };
            logs[state] = -ln(own_deviation) - shape;
            largest = largest.max(logs[state]);
        }
        // Of deviations that rounding cannot tell from nothing no return tells anything.
        if largest == f64::NEG_INFINITY {
            self.foreseen = self.market.next(&self.foreseen);
            return;
        }
        let mut sum = 0.0;
        for (share, log) in self.foreseen.iter_mut().zip(&logs[..n]) {
            *share = if *share > 0.0 { *share * exp(log - largest) } else { 0.0 };
            sum += *share;
        }
        self.foreseen.iter_mut().for_each(|share| *share /= sum);
        self.foreseen = self.market.next(&self.foreseen);
    }

    /// Mean and deviation of the coming bar, whatever its state.
    #[inline]
    fn foresight(&self, forecasts: &[Forecast; STATES_MAX]) -> (f64, f64) {
        let pairs = || self.foreseen.iter().zip(forecasts);
        let mean = pairs().fold(0.0, |sum, (share, forecast)| sum + share * forecast.mean);
        let variance = pairs().fold(0.0, |sum, (share, forecast)| {
            let off = forecast.mean - mean;
            sum + share * (forecast.deviation * forecast.deviation + off * off)
        });
        (mean, variance.sqrt())
    }
}

impl Model for RegimePath {
    fn deviation(&self) -> f64 {
        self.market.blocks[self.state].deviation()
    }

    fn reopen(&mut self, gap: f64) {
        self.x += gap;
    }

    #[inline]
    fn bar(&mut self, bar: &BarDraws<'_>, steps: &mut Steps<'_>) -> Outlook {
        let mut forecasts = [Forecast::default(); STATES_MAX];
        for (slot, block) in forecasts.iter_mut().zip(&self.market.blocks) {
            *slot = block.forecast(self.x, bar);
        }
        let (mean, deviation) = self.foresight(&forecasts);
        let (own, outlook) = match &self.market.blocks[self.state] {
            Block::Trend(trend) => {
                let (own, outlook) = trend.even(bar).walk(bar, steps);
                self.x += own;
                (own, outlook)
            }
            Block::Reversion(reversion) => {
                let before = self.x;
                let outlook = reversion.walk(&mut self.x, bar, steps);
                (self.x - before, outlook)
            }
        };
        let state = self.state as u8;
        self.learn(own, &forecasts);
        let n = self.market.blocks.len();
        let u = self.draws.get(bar.bar_index as u64 + 1);
        self.state = drawn(&self.market.transition[self.state], n, u);
        Outlook { mean, deviation, state, ..outlook }
    }
}
