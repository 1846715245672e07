//! The document of one run, read strictly: what is not known is refused, never ignored.

use super::clock::{DAY, MINUTES_PER_DAY};
use super::code::{Arm, Domain, Harm, Intensity, SWITCHABLE};
use super::fields::{Fields, integer, named, refused};
use crate::EngineError;
use crate::canonical::{jcs, sha256_hex};
use serde_json::{Map, Value, json};

/// Name of the document's form.
pub const SCHEMA: &str = "paper/0.1";
/// Most instruments of a universe.
pub const MAX_INSTRUMENTS: usize = 64;
/// Most strategies: a client order id holds six bits of the number, and one is the kill switch's.
pub const MAX_STRATEGIES: usize = 63;
const MAX_DAYS: i64 = 365;
const MAX_BARS: i64 = 5_000;

/// One run: a market, strategies, limits and what is going to be done to them.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Universe {
    pub campaign: String,
    pub run_seed: u64,
    pub arm: Arm,
    pub days: i64,
    pub e0_uusd: i64,
    /// Effective scenario of the market, without a seed.
    pub scenario: Map<String, Value>,
    /// Seed of each instrument's path.
    pub market_seeds: Vec<u64>,
    pub strategies: Vec<StrategyRow>,
    pub limits: Limits,
    /// Whether a retry keeps its client order id (K07).
    pub keeps_cloid: bool,
    pub injections: Vec<Injection>,
    /// SHA-256 of the canonical document.
    pub sha256: String,
}

/// One moving-average strategy, long or flat in one instrument.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct StrategyRow {
    pub instrument: usize,
    pub fast_bars: usize,
    pub slow_bars: usize,
    /// Share of the opening equity.
    pub capital_ppm: i64,
}

/// One planned fault.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Injection {
    pub inj_id: u32,
    pub intensity: Intensity,
    pub t_arm: i64,
    pub harm: HarmParams,
    /// Canonical JSON of the parameters.
    pub params: String,
}

/// Parameters of a fault, by its kind.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum HarmParams {
    FlashCrash {
        lead: usize,
        drop_bps: i64,
        others_bps: (i64, i64),
        down_minutes: i64,
        recover_minutes: i64,
        recover_fraction_ppm: i64,
        depth_ppm: i64,
        spread_mult: i64,
        latency_mult: i64,
        reject_ppm: i64,
    },
    ProcessCrash,
    ApiTimeout {
        unanswered_ppm: i64,
        executed_ppm: i64,
        late_answer_ns: (i64, i64),
        max_duration_ns: i64,
    },
}

impl HarmParams {
    /// Its kind.
    pub fn kind(&self) -> Harm {
        match self {
            Self::FlashCrash { .. } => Harm::FlashCrash,
            Self::ProcessCrash => Harm::ProcessCrash,
            Self::ApiTimeout { .. } => Harm::ApiTimeout,
        }
    }

    /// What it is aimed at: an instrument, a crash domain, or the venue (0).
    pub fn target(&self) -> u64 {
        match self {
            Self::FlashCrash { lead, .. } => *lead as u64,
            Self::ProcessCrash => u64::from(Domain::P3.code()),
            Self::ApiTimeout { .. } => 0,
        }
    }
}

/// Declares the limits once: their field names in the document, smallest and largest values.
macro_rules! limits {
    ($($(#[$meta:meta])* $name:ident: $min:literal ..= $max:literal),+ $(,)?) => {
        /// Every limit of the run.
        #[derive(Clone, Copy, Debug)]
        pub struct Limits { $($(#[$meta])* pub $name: i64),+ }

        impl Limits {
            fn read(fields: &mut Fields<'_>) -> Result<Self, EngineError> {
                Ok(Self { $($name: fields.integer(stringify!($name), $min, $max)?),+ })
            }

            /// Name and range of each limit, for the catalogue.
            pub fn table() -> Value {
                json!([$({"name": stringify!($name), "min": $min as i64, "max": $max as i64}),+])
            }
        }
    };
}

limits! {
    /// K02: notional of one order, share of equity.
    order_equity_ppm: 1 ..= 1_000_000,
    /// K02: quantity of one order, share of the last minute's volume.
    order_volume_ppm: 1 ..= 1_000_000,
    /// K03: distance of a limit price from the mark.
    collar_ppm: 1 ..= 1_000_000,
    /// K03: the same in deviations of a minute; the wider of the two holds.
    collar_sigmas: 0 ..= 1_000,
    /// K04: worst-case exposure of one strategy, share of equity.
    strategy_gross_ppm: 1 ..= 10_000_000,
    /// K04: worst-case exposure of one instrument.
    instrument_net_ppm: 1 ..= 10_000_000,
    /// K04: worst-case exposure of the book, longs and shorts added.
    book_gross_ppm: 1 ..= 10_000_000,
    /// K04: worst-case exposure of the book, shorts taken off.
    book_net_ppm: 1 ..= 10_000_000,
    /// K05: orders of one strategy in a second.
    strategy_orders_per_second: 1 ..= 1_000,
    /// K05: entries of one strategy in an hour.
    strategy_entries_per_hour: 1 ..= 100_000,
    /// K05: orders of all in a second.
    orders_per_second: 1 ..= 10_000,
    /// K05: orders and cancels of all in a second.
    messages_per_second: 1 ..= 10_000,
    /// Fall or rise of an asset in five minutes that halts it.
    asset_breaker_ppm: 1 ..= 1_000_000,
    /// A halted asset is not rearmed before its five-minute return is smaller than this.
    asset_rearm_ppm: 1 ..= 1_000_000,
    /// Loss of a day at which the book may only reduce.
    book_reduce_ppm: 1 ..= 1_000_000,
    /// Loss of a day at which the book is closed.
    book_kill_ppm: 1 ..= 1_000_000,
    /// How long a permit lasts.
    lease_ttl_ns: 1_000_000 ..= 86_400_000_000_000,
    /// How often it is renewed.
    lease_renewal_ns: 1_000_000 ..= 86_400_000_000_000,
    /// An order without an answer for so long is unknown.
    ack_timeout_ns: 1_000_000 ..= 60_000_000_000,
    /// The exchange refuses a request that arrives later than this after its sending.
    valid_for_ns: 1_000_000 ..= 60_000_000_000,
    /// Time from the confirmed flat to the rearm.
    cooldown_ns: 0 ..= 86_400_000_000_000,
    /// Time of small limits after the rearm.
    probation_ns: 0 ..= 86_400_000_000_000,
    /// Share of the limits while on probation.
    probation_ppm: 1 ..= 1_000_000,
    /// Rearms of one scope within 24 hours; what is beyond waits for a person.
    rearms_per_day: 0 ..= 1_000,
}

impl Universe {
    /// Reads and checks the document.
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID` with the JSON pointer of the first field that is missing, unknown, of the
    /// wrong type or out of range; `UNKNOWN_NAME` for a word that its set does not hold.
    pub fn read(document: &Value) -> Result<Self, EngineError> {
        let mut fields = Fields::of(document, "")?;
        let schema = fields.text("schema")?;
        if schema != SCHEMA {
            return Err(refused("/schema", &schema, SCHEMA));
        }
        let days = fields.integer("days", 1, MAX_DAYS)?;
        let (scenario, market_seeds) = market(fields.value("market")?, days)?;
        let n_instruments = market_seeds.len();
        let rows = fields.list("strategies", 1, MAX_STRATEGIES)?;
        let strategies = (rows.iter().enumerate())
            .map(|(index, row)| strategy(row, index, n_instruments))
            .collect::<Result<Vec<_>, _>>()?;
        let mut limit_fields = Fields::of(fields.value("limits")?, "/limits")?;
        let limits = Limits::read(&mut limit_fields)?;
        limit_fields.end()?;
        let rows = fields.list("injections", 0, 100_000)?;
        let injections = (rows.iter().enumerate())
            .map(|(index, row)| injection(row, index, n_instruments))
            .collect::<Result<Vec<_>, _>>()?;
        let universe = Self {
            campaign: fields.text("campaign")?,
            run_seed: fields.integer("run_seed", 0, (1 << 53) - 1)? as u64,
            arm: named("/arm", &fields.text("arm")?, Arm::from_name, Arm::ALL)?,
            days,
            e0_uusd: fields.integer("e0_uusd", 1_000_000, 1 << 53)?,
            scenario,
            market_seeds,
            strategies,
            limits,
            keeps_cloid: !controls_off(&mut fields)?.contains(&"K07".to_owned()),
            injections,
            sha256: sha256_hex(jcs(document).as_bytes()),
        };
        fields.end()?;
        universe.check()?;
        Ok(universe)
    }

    fn check(&self) -> Result<(), EngineError> {
        let mut seen = std::collections::BTreeSet::new();
        for (index, row) in self.injections.iter().enumerate() {
            if !seen.insert(row.inj_id) {
                let path = format!("/injections/{index}/inj_id");
                return Err(refused(&path, row.inj_id, "each number once"));
            }
        }
        if self.limits.lease_renewal_ns > self.limits.lease_ttl_ns {
            let got = self.limits.lease_renewal_ns.to_string();
            return Err(refused("/limits/lease_renewal_ns", &got, "at most lease_ttl_ns"));
        }
        Ok(())
    }

    /// Length in bars of a minute.
    pub fn n_minutes(&self) -> i64 {
        self.days * MINUTES_PER_DAY
    }

    /// Length in nanoseconds.
    pub fn end(&self) -> i64 {
        self.days * DAY
    }

    /// What the hash chain of a log begins with.
    pub fn identity(&self, log: &str) -> Value {
        json!({
            "log": log, "campaign": self.campaign, "run_seed": self.run_seed,
            "arm": self.arm.name(), "universe_sha256": self.sha256,
        })
    }
}

fn controls_off(fields: &mut Fields<'_>) -> Result<Vec<String>, EngineError> {
    let rows = fields.list("controls_off", 0, SWITCHABLE.len())?;
    let mut names = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let known = SWITCHABLE.iter().find(|name| row.as_str() == Some(name));
        let path = format!("/controls_off/{index}");
        let known = known.ok_or_else(|| refused(&path, row, &SWITCHABLE.join(", ")))?;
        names.push((*known).to_owned());
    }
    Ok(names)
}

fn market(value: &Value, days: i64) -> Result<(Map<String, Value>, Vec<u64>), EngineError> {
    let mut fields = Fields::of(value, "/market")?;
    let scenario = fields.value("scenario")?;
    let object = scenario.as_object();
    let object = object.ok_or_else(|| refused("/market/scenario", scenario, "an object"))?;
    let needed = [
        ("timeframe", json!("1m")),
        ("duration_bars", json!(days * MINUTES_PER_DAY)),
        ("tick_size", json!(0.01)),
        ("paths", json!(1)),
        ("calendar", json!("24x7")),
    ];
    for (name, expected) in needed {
        let got = object.get(name).unwrap_or(&Value::Null);
        if got != &expected && got.as_f64().is_none_or(|x| Some(x) != expected.as_f64()) {
            let path = format!("/market/scenario/{name}");
            return Err(refused(&path, got, &expected.to_string()));
        }
    }
    if let Some(seed) = object.get("seed") {
        return Err(refused(
            "/market/scenario/seed",
            seed,
            "nothing: seeds stand in /market/seeds",
        ));
    }
    let rows = fields.list("seeds", 1, MAX_INSTRUMENTS)?;
    let seeds = (rows.iter().enumerate())
        .map(|(i, row)| integer(row, &format!("/market/seeds/{i}"), 0, (1 << 53) - 1))
        .map(|seed| seed.map(|seed| seed as u64))
        .collect::<Result<Vec<_>, _>>()?;
    fields.end()?;
    Ok((object.clone(), seeds))
}

fn strategy(row: &Value, index: usize, n_instruments: usize) -> Result<StrategyRow, EngineError> {
    let path = format!("/strategies/{index}");
    let mut fields = Fields::of(row, &path)?;
    fields.integer("strategy", index as i64, index as i64)?;
    let instrument = fields.integer("instrument", 0, n_instruments as i64 - 1)? as usize;
    let fast = fields.integer("fast_bars", 1, MAX_BARS)?;
    let slow = fields.integer("slow_bars", fast + 1, MAX_BARS)?;
    let capital_ppm = fields.integer("capital_ppm", 1, 1_000_000)?;
    fields.end()?;
    Ok(StrategyRow { instrument, fast_bars: fast as usize, slow_bars: slow as usize, capital_ppm })
}

fn injection(row: &Value, index: usize, n_instruments: usize) -> Result<Injection, EngineError> {
    let path = format!("/injections/{index}");
    let mut fields = Fields::of(row, &path)?;
    let kind = named(&format!("{path}/kind"), &fields.text("kind")?, Harm::from_name, Harm::ALL)?;
    let intensity = fields.text("intensity")?;
    let params = fields.value("params")?;
    let planned = Injection {
        inj_id: fields.integer("inj_id", 0, i64::from(u32::MAX))? as u32,
        intensity: named(
            &format!("{path}/intensity"),
            &intensity,
            Intensity::from_name,
            Intensity::ALL,
        )?,
        t_arm: fields.integer("t_arm", 0, MAX_DAYS * DAY)?,
        harm: harm(kind, params, &format!("{path}/params"), n_instruments)?,
        params: jcs(params),
    };
    fields.end()?;
    Ok(planned)
}

fn harm(
    kind: Harm,
    params: &Value,
    path: &str,
    n_instruments: usize,
) -> Result<HarmParams, EngineError> {
    let mut fields = Fields::of(params, path)?;
    let read = match kind {
        Harm::FlashCrash => HarmParams::FlashCrash {
            lead: fields.integer("lead", 0, n_instruments as i64 - 1)? as usize,
            drop_bps: fields.integer("drop_bps", 0, 9_900)?,
            others_bps: fields.pair("others_bps", 0, 9_900)?,
            down_minutes: fields.integer("down_minutes", 1, 1_440)?,
            recover_minutes: fields.integer("recover_minutes", 1, 10_080)?,
            recover_fraction_ppm: fields.integer("recover_fraction_ppm", 0, 1_000_000)?,
            depth_ppm: fields.integer("depth_ppm", 0, 1_000_000)?,
            spread_mult: fields.integer("spread_mult", 1, 1_000)?,
            latency_mult: fields.integer("latency_mult", 1, 1_000)?,
            reject_ppm: fields.integer("reject_ppm", 0, 1_000_000)?,
        },
        Harm::ProcessCrash => {
            let domain = fields.text("domain")?;
            if domain != "P3" {
                return Err(refused(&format!("{path}/domain"), &domain, "P3"));
            }
            HarmParams::ProcessCrash
        }
        Harm::ApiTimeout => HarmParams::ApiTimeout {
            unanswered_ppm: fields.integer("unanswered_ppm", 0, 1_000_000)?,
            executed_ppm: fields.integer("executed_ppm", 0, 1_000_000)?,
            late_answer_ns: fields.pair("late_answer_ns", 0, DAY)?,
            max_duration_ns: fields.integer("max_duration_ns", 1, MAX_DAYS * DAY)?,
        },
    };
    fields.end()?;
    Ok(read)
}
