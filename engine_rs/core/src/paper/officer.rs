//! The risk officer: leases, the asset breaker and the book's loss. Only it may raise risk.
//!
//! A lease is renewed on a fixed grid of five seconds; a renewal is a record only when an order is
//! about to rely on it, so that a quiet month does not fill the log with half a million permits.

use super::clock::{DAY, HOUR};
use super::code::{Agent, Cause, Kind, Stage, State};
use super::desk::{Desk, share};
use super::scope::{GLOBAL, asset};
use std::collections::BTreeMap;

/// What the officer wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Decision {
    Kill { scope: u64, cause: Cause, got: i64, allowed: i64 },
    Rearm { scope: u64 },
    EndProbation { scope: u64 },
}

/// The risk officer.
#[derive(Clone, Debug)]
pub struct Officer {
    day: i64,
    day_open_uusd: i64,
    /// Times of the last rearms, by scope.
    rearms: BTreeMap<u64, Vec<i64>>,
    /// When each scope was confirmed flat, or was rearmed: start of its present wait.
    since: BTreeMap<u64, i64>,
}

impl Officer {
    /// An officer who has seen nothing yet.
    pub fn new(e0_uusd: i64) -> Self {
        Self { day: 0, day_open_uusd: e0_uusd, rearms: BTreeMap::new(), since: BTreeMap::new() }
    }

    /// Renews the permit of an instrument, if an order could not rely on the last one any more.
    pub fn renew(&self, desk: &mut Desk, instrument: usize) {
        let scope = desk.scopes.assets[instrument];
        let limits = &desk.universe.limits;
        let renewed_at = desk.now - desk.now % limits.lease_renewal_ns;
        let is_current = scope.permit_epoch == scope.epoch && scope.permit_issued >= renewed_at;
        if is_current || desk.scopes.is_killed(instrument) {
            return;
        }
        let full = share(desk.equity_uusd, limits.instrument_net_ppm);
        let is_small = desk.scopes.is_on_probation(instrument);
        let risk_uusd = if is_small { share(full, limits.probation_ppm) } else { full };
        let expires = renewed_at + limits.lease_ttl_ns;
        let data = [i64::from(scope.epoch), risk_uusd, expires, 1];
        desk.emit(Kind::Permit, Agent::Officer, asset(instrument), data);
    }

    /// Looks at the delivered marks: what to kill, what to rearm.
    pub fn on_marks(&mut self, desk: &mut Desk) -> Vec<Decision> {
        let mut decisions = Vec::new();
        self.watch_book(desk, &mut decisions);
        for instrument in 0..desk.scopes.assets.len() {
            self.watch_asset(desk, instrument, &mut decisions);
        }
        decisions
    }

    fn watch_book(&mut self, desk: &mut Desk, decisions: &mut Vec<Decision>) {
        let day = desk.now / DAY;
        if day != self.day {
            self.day = day;
            self.day_open_uusd = desk.equity_uusd;
        }
        let limits = &desk.universe.limits;
        let lost_uusd = self.day_open_uusd - desk.equity_uusd;
        let (reduce, kill) = (limits.book_reduce_ppm, limits.book_kill_ppm);
        let (reduce, kill) = (share(self.day_open_uusd, reduce), share(self.day_open_uusd, kill));
        let stage = desk.scopes.book.stage;
        if lost_uusd >= kill && matches!(stage, Stage::Armed | Stage::Probation) {
            let (cause, got, allowed) = (Cause::BookLoss, lost_uusd, kill);
            decisions.push(Decision::Kill { scope: GLOBAL, cause, got, allowed });
        }
        self.watch_wait(desk, GLOBAL, stage, lost_uusd < reduce, decisions);
        let state = match stage {
            Stage::Armed if lost_uusd >= reduce => State::ReduceOnly,
            // What a day's loss has closed opens again with the next day.
            Stage::Armed if desk.scopes.state == State::ReduceOnly && lost_uusd > 0 => {
                State::ReduceOnly
            }
            Stage::Armed => State::Trading,
            Stage::Probation => State::Probation,
            Stage::Tripped | Stage::Cancelling => State::Halted,
            Stage::Flattening => State::Flattening,
            Stage::FlatConfirmed => State::Flat,
            Stage::Cooldown => State::Cooldown,
        };
        self.declare(desk, state);
    }

    /// Writes the state of the book where it changed.
    pub fn declare(&self, desk: &mut Desk, state: State) {
        if desk.scopes.state == state {
            return;
        }
        let data = [i64::from(desk.scopes.state.code()), i64::from(state.code()), 0, 0];
        desk.emit(Kind::State, Agent::Officer, GLOBAL, data);
    }

    fn watch_asset(&mut self, desk: &Desk, instrument: usize, decisions: &mut Vec<Decision>) {
        let limits = &desk.universe.limits;
        let stage = desk.scopes.assets[instrument].stage;
        let Some(move_ppm) = desk.feed.return_5m_ppm(instrument).map(i64::abs) else {
            return;
        };
        let scope = asset(instrument);
        let allowed = limits.asset_breaker_ppm;
        if move_ppm >= allowed && matches!(stage, Stage::Armed | Stage::Probation) {
            let (cause, got) = (Cause::AssetBreaker, move_ppm);
            decisions.push(Decision::Kill { scope, cause, got, allowed });
        }
        let is_calm = move_ppm < limits.asset_rearm_ppm;
        self.watch_wait(desk, scope, stage, is_calm, decisions);
    }

    fn watch_wait(
        &mut self,
        desk: &Desk,
        scope: u64,
        stage: Stage,
        is_calm: bool,
        decisions: &mut Vec<Decision>,
    ) {
        let limits = &desk.universe.limits;
        match stage {
            Stage::Cooldown => {
                let since = *self.since.entry(scope).or_insert(desk.now);
                let recent = self.rearms.entry(scope).or_default();
                recent.retain(|at| desk.now - at < 24 * HOUR);
                let has_quota = (recent.len() as i64) < limits.rearms_per_day;
                if desk.now - since >= limits.cooldown_ns && is_calm && has_quota {
                    recent.push(desk.now);
                    self.since.insert(scope, desk.now);
                    decisions.push(Decision::Rearm { scope });
                }
            }
            Stage::Probation => {
                let since = *self.since.entry(scope).or_insert(desk.now);
                if desk.now - since >= limits.probation_ns {
                    decisions.push(Decision::EndProbation { scope });
                }
            }
            _ => {
                self.since.remove(&scope);
            }
        }
    }
}
