//! Scopes of authority: their epochs, permits and stages, as the log has them.
//!
//! A fold and nothing else: the officer and the kill switch decide, the gate reads.

use super::code::{Kind, ScopeKind, Stage, State};
use super::log::{Event, NONE};

/// Number of the scope that covers everything.
pub const GLOBAL: u64 = 0;

/// Number of an instrument's scope.
pub fn asset(instrument: usize) -> u64 {
    (u64::from(ScopeKind::Asset.code()) << 32) | instrument as u64
}

/// Instrument of a scope; `None` if it covers all of them.
pub fn instrument_of(scope: u64) -> Option<usize> {
    (scope >> 32 == u64::from(ScopeKind::Asset.code())).then_some((scope & 0xFFFF_FFFF) as usize)
}

/// One scope as the log has it.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Scope {
    pub epoch: u32,
    pub stage: Stage,
    /// Last permit: its record, epoch, when it was issued and when it lapses.
    pub permit_seq: u64,
    pub permit_epoch: u32,
    pub permit_issued: i64,
    pub permit_expires: i64,
}

impl Scope {
    const FIRST: Self = Self {
        epoch: 0,
        stage: Stage::Armed,
        permit_seq: NONE,
        permit_epoch: 0,
        permit_issued: i64::MIN,
        permit_expires: i64::MIN,
    };

    /// Whether a kill is in force.
    pub fn is_killed(&self) -> bool {
        !matches!(self.stage, Stage::Armed | Stage::Probation)
    }

    /// Whether new risk is permitted at `now`.
    pub fn is_permitted(&self, now: i64) -> bool {
        self.permit_seq != NONE && self.permit_epoch == self.epoch && now < self.permit_expires
    }
}

/// Every scope, and the state of the book.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Scopes {
    pub book: Scope,
    pub assets: Vec<Scope>,
    pub state: State,
}

impl Scopes {
    /// Nothing killed, nothing permitted.
    pub fn new(n_instruments: usize) -> Self {
        let assets = vec![Scope::FIRST; n_instruments];
        Self { book: Scope::FIRST, assets, state: State::Boot }
    }

    /// Takes in a record.
    pub fn apply(&mut self, event: &Event) {
        if event.kind == Kind::State {
            self.state = State::from_code(event.data[1]).expect("a state of the set is logged");
            return;
        }
        let scope = match instrument_of(event.subj) {
            Some(instrument) => &mut self.assets[instrument],
            None => &mut self.book,
        };
        match event.kind {
            Kind::Permit => {
                scope.permit_seq = event.seq;
                scope.permit_epoch = event.data[0] as u32;
                scope.permit_expires = event.data[2];
                scope.permit_issued = event.ts;
            }
            Kind::Epoch => scope.epoch = event.data[0] as u32,
            Kind::KillTrip => scope.stage = Stage::Tripped,
            Kind::KillStage => {
                scope.stage =
                    Stage::from_code(event.data[0]).expect("a stage of the set is logged");
            }
            _ => {}
        }
    }

    /// Whether a kill covers the instrument.
    pub fn is_killed(&self, instrument: usize) -> bool {
        self.book.is_killed() || self.assets[instrument].is_killed()
    }

    /// Whether the instrument's limits are those of a probation.
    pub fn is_on_probation(&self, instrument: usize) -> bool {
        self.book.stage == Stage::Probation || self.assets[instrument].stage == Stage::Probation
    }
}
