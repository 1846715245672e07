//! What each fault must bring, and what must be left when it is gone.

use super::document::{
    DAY, HOUR, api_timeout, canary, flash_crash, light, process_crash, universe,
};
use super::laws::{overfilled, purposes};
use super::{events, ran};
use crate::paper::clock::SECOND;
use crate::paper::code::{Doubt, Kind, Purpose, Status, Truth};
use crate::paper::kernel::Kernel;
use crate::paper::log::NONE;
use crate::paper::order::OrderBook;
use crate::paper::scope::{GLOBAL, asset, instrument_of};
use crate::paper::{Column, run};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn with(mut document: Value, injections: Vec<Value>) -> Value {
    document["injections"] = Value::Array(injections);
    document
}

#[test]
fn every_planned_fault_of_light_weather_strikes_and_is_witnessed() {
    for seed in 1..4 {
        let kernel = ran(&light(seed, 22));
        for row in kernel.injector.rows() {
            assert!(row.witness_seq != NONE, "seed {seed}: {:?}", row.plan);
            assert!(row.t0 >= row.plan.t_arm && row.t_clear > row.t0);
            let effect = kernel.desk.log.events()[row.witness_seq as usize];
            assert_eq!((effect.kind, effect.subj), (Kind::Effect, u64::from(row.plan.inj_id)));
        }
    }
}

#[test]
fn the_market_and_all_before_the_first_fault_are_those_of_the_twin() {
    let quiet = ran(&universe(2, 4));
    let struck = ran(&with(universe(2, 4), vec![flash_crash(1, 2 * DAY)]));
    assert_eq!(quiet.market_digests, struck.market_digests);
    let t0 = struck.injector.rows()[0].t0;
    let before = |kernel: &Kernel| -> Vec<_> {
        kernel.desk.log.events().iter().take_while(|event| event.ts < t0).copied().collect()
    };
    assert_eq!(before(&quiet), before(&struck));
    assert_ne!(quiet.desk.log.events().len(), struck.desk.log.events().len());
}

#[test]
fn a_fault_of_no_severity_changes_nothing_but_the_record_of_itself() {
    let mut crash = flash_crash(1, DAY);
    crash["params"]["drop_bps"] = json!(0);
    crash["params"]["others_bps"] = json!([0, 0]);
    let mut silence = api_timeout(2, DAY, 0);
    silence["params"]["max_duration_ns"] = json!(HOUR);
    let quiet = run(&universe(2, 3)).unwrap();
    let struck = run(&with(universe(2, 3), vec![crash, silence])).unwrap();
    for table in ["equity", "fills"] {
        assert_eq!(quiet.table(table), struck.table(table), "{table}");
    }
    let trades = |kernel: Kernel| kernel.exchange.trades().to_vec();
    let silent = ran(&with(universe(2, 3), vec![api_timeout(2, DAY, 0)]));
    assert_eq!(trades(ran(&universe(2, 3))), trades(silent));
}

/// A venue that leaves a third unanswered for most of a day: the witness ends each silence, so that
/// several follow one another.
fn silent(seed: u64) -> Value {
    let plans = (0..8).map(|n| api_timeout(n + 1, DAY + i64::from(n) * 2 * HOUR, 300_000));
    with(universe(seed, 3), plans.collect())
}

#[test]
fn a_venue_that_leaves_a_third_unanswered_is_never_asked_twice_for_one_order() {
    for seed in 1..6 {
        let document = silent(seed);
        let kernel = ran(&document);
        let mut created: BTreeMap<u128, u32> = BTreeMap::new();
        for record in kernel.exchange.log().events() {
            if record.kind == Kind::XCreated {
                *created.entry(record.cloid).or_default() += 1;
            }
        }
        assert!(created.values().all(|count| *count == 1));
        let result = run(&document).unwrap();
        assert_eq!(overfilled(&result), 0);
        let Some(Column::U8(retries)) = result.table("orders").and_then(|t| t.column("retries"))
        else {
            panic!("orders count their retries");
        };
        assert!(retries.iter().any(|count| *count > 0), "seed {seed}: something was sent again");
    }
}

#[test]
fn without_cloid_reuse_the_same_silence_fills_intents_twice() {
    for seed in 1..4 {
        let result = run(&canary(light(seed, 22))).unwrap();
        assert!(overfilled(&result) > 0, "seed {seed}");
    }
}

#[test]
fn an_unknown_order_is_resolved_by_evidence_and_by_nothing_else() {
    let seeds = 1..9;
    assert!(seeds.map(|seed| resolved(&ran(&silent(seed)))).sum::<u32>() > 100);
}

/// Counts the unknown orders of a run, each of which some evidence resolved.
fn resolved(kernel: &Kernel) -> u32 {
    let mut unknown: BTreeMap<u64, i64> = BTreeMap::new();
    let mut not_found: BTreeMap<u64, i64> = BTreeMap::new();
    let mut n_resolved = 0;
    let mut sent: BTreeMap<u64, i64> = BTreeMap::new();
    for event in kernel.desk.log.events() {
        if event.kind == Kind::OrderTruth && event.data[0] == i64::from(Truth::NotFound.code()) {
            // An answer counts only if it was asked for after the request had lapsed.
            let has_lapsed = event.data[2] - sent[&event.subj] >= 11 * SECOND / 2;
            let counted = event.data[3] - not_found[&event.subj];
            assert_eq!(counted, i64::from(has_lapsed));
        }
        match event.kind {
            Kind::Unknown => {
                unknown.insert(event.subj, event.ts);
                not_found.insert(event.subj, 0);
            }
            Kind::OrderTruth if event.data[0] == i64::from(Truth::NotFound.code()) => {
                not_found.insert(event.subj, event.data[3]);
            }
            Kind::Ack | Kind::Rej | Kind::FillClaim | Kind::CancelAck | Kind::OrderTruth => {
                n_resolved += u32::from(unknown.remove(&event.subj).is_some());
            }
            Kind::OrderSent if !unknown.contains_key(&event.subj) => {
                sent.insert(event.subj, event.ts);
            }
            Kind::Done | Kind::OrderSent if unknown.contains_key(&event.subj) => {
                assert_eq!(not_found[&event.subj], 2, "{event:?}");
                unknown.remove(&event.subj);
                sent.insert(event.subj, event.ts);
                n_resolved += 1;
            }
            _ => {}
        }
    }
    assert!(unknown.is_empty(), "{unknown:?}");
    n_resolved
}

#[test]
fn a_crash_with_orders_in_flight_is_followed_by_a_restart_from_the_log() {
    let plans = (0..5).map(|n| process_crash(n + 1, DAY + i64::from(n) * 3 * HOUR)).collect();
    let kernel = ran(&with(universe(3, 3), plans));
    let crashes: Vec<_> = events(&kernel, Kind::Crashed).collect();
    let restarts: Vec<_> = events(&kernel, Kind::Restarted).collect();
    assert_eq!((crashes.len(), restarts.len()), (5, 5));
    assert!(crashes.iter().any(|event| event.data[0] > 0), "some crash lost an answer");
    for (crash, restart) in crashes.iter().zip(&restarts) {
        assert_eq!(restart.ts - crash.ts, 5 * SECOND);
        assert_eq!(restart.agent_epoch, crash.agent_epoch + 1);
        let prefix = &kernel.desk.log.events()[..restart.seq as usize];
        assert_eq!(OrderBook::replay(prefix).digest() as i64, restart.data[0]);
        let after = &kernel.desk.log.events()[restart.seq as usize..];
        let agreed = after.iter().position(|event| event.kind == Kind::ReconOk).unwrap();
        let made = after[..agreed].iter().filter(|event| event.kind == Kind::OrderNew);
        assert_eq!(made.count(), 0, "nothing is traded before the books agree");
    }
    let doubts = events(&kernel, Kind::Unknown);
    assert!(doubts.filter(|event| event.data[0] == i64::from(Doubt::Crash.code())).count() > 0);
}

#[test]
fn the_state_at_the_end_is_what_a_replay_of_the_log_leads_to() {
    let kernel = ran(&light(1, 22));
    let live = kernel.broker.as_ref().expect("the broker is up at the end").book();
    assert_eq!(*live, OrderBook::replay(kernel.desk.log.events()));
}

/// Slow averages are still long when the market falls, so that the kill switch has work.
fn slow(seed: u64) -> Value {
    let mut document = universe(seed, 4);
    for row in document["strategies"].as_array_mut().unwrap() {
        row["fast_bars"] = json!(400);
        row["slow_bars"] = json!(1_200);
    }
    document
}

#[test]
fn a_kill_stops_its_scope_closes_it_and_keeps_it_closed_until_the_rearm() {
    let mut n_flattened = 0;
    for seed in 1..5 {
        let kernel = ran(&with(slow(seed), vec![flash_crash(1, 2 * DAY)]));
        let purposes = purposes(&kernel);
        let mut killed: BTreeMap<u64, u64> = BTreeMap::new();
        for event in kernel.desk.log.events() {
            match event.kind {
                Kind::KillTrip => {
                    killed.insert(event.subj, event.seq);
                }
                Kind::Rearm => {
                    killed.remove(&event.subj);
                }
                Kind::OrderSent => {
                    let instrument = (event.data[0] / 2) as usize;
                    let is_killed =
                        [GLOBAL, asset(instrument)].iter().any(|s| killed.contains_key(s));
                    let is_flatten = purposes[&event.subj] == Purpose::Flatten;
                    assert_eq!(is_killed, is_flatten, "seed {seed}: {event:?}");
                    n_flattened += usize::from(is_flatten);
                }
                _ => {}
            }
        }
        assert_flat_until_rearm(&kernel);
    }
    assert!(n_flattened > 0, "some kill found positions to close");
}

fn assert_flat_until_rearm(kernel: &Kernel) {
    for flat in events(kernel, Kind::FlatConfirmed) {
        let rearm = events(kernel, Kind::Rearm)
            .find(|event| event.subj == flat.subj && event.seq > flat.seq)
            .map_or(i64::MAX, |event| event.ts);
        assert!(flat.data[1] - flat.data[0] >= SECOND);
        for instrument in 0..4 {
            if instrument_of(flat.subj).is_some_and(|own| own != instrument) {
                continue;
            }
            let own = |ts: i64| {
                let trades = kernel.exchange.trades().iter();
                let own = trades.filter(move |t| t.instrument == instrument && t.ts <= ts);
                own.map(|t| i64::from(t.side) * t.qty_lot).sum::<i64>()
            };
            assert_eq!(own(flat.data[0]), 0);
            let traded = kernel.exchange.trades().iter().filter(|trade| {
                trade.instrument == instrument && trade.ts > flat.data[0] && trade.ts < rearm
            });
            assert_eq!(traded.count(), 0);
        }
    }
}

#[test]
fn the_asset_that_falls_by_ten_percent_in_five_minutes_is_halted_within_ten_seconds() {
    for seed in 1..4 {
        let kernel = ran(&with(universe(seed, 4), vec![flash_crash(1, 2 * DAY)]));
        let t0 = kernel.injector.rows()[0].t0;
        let close = |minute: i64| kernel.market.bar(0, minute).close_tk;
        let first = t0 / 60 / SECOND;
        let broken = (first..first + 20)
            .find(|minute| close(*minute) * 10 <= close(*minute - 5) * 9)
            .expect("the planned fall breaks the rule");
        let known_at = (broken + 1) * 60 * SECOND;
        let trip = events(&kernel, Kind::KillTrip).find(|event| event.subj == asset(0)).unwrap();
        assert!((known_at..known_at + 10 * SECOND).contains(&trip.ts));
        let rearm = events(&kernel, Kind::Rearm).find(|event| event.subj == asset(0)).unwrap();
        assert!(rearm.ts - trip.ts >= 30 * 60 * SECOND);
        let others = events(&kernel, Kind::KillTrip).filter(|event| event.subj > asset(0));
        assert_eq!(others.count(), 0, "the others fell too little");
    }
}

#[test]
fn the_weather_is_calm_again_when_every_fault_is_cleared() {
    let kernel = ran(&light(1, 22));
    assert_eq!(kernel.desk.weather, crate::paper::exchange::CALM);
    assert!(kernel.broker.is_some());
}

#[test]
fn reports_lost_in_a_crash_are_repaired_from_two_sources_through_suspense() {
    let mut n_repairs = 0;
    for seed in 1..12 {
        let plans = (0..10).map(|n| process_crash(n + 1, DAY + i64::from(n) * 2 * HOUR)).collect();
        let kernel = ran(&with(universe(seed, 3), plans));
        n_repairs += events(&kernel, Kind::Repair).count();
        let suspense: i64 = events(&kernel, Kind::Post)
            .filter(|event| {
                event.data[0] == i64::from(crate::paper::code::Account::Suspense.code())
            })
            .map(|event| event.data[1])
            .sum();
        assert_eq!(suspense, 0);
    }
    assert!(n_repairs > 0, "some crash fell between an execution and its report");
}

#[test]
fn a_denied_or_rejected_order_never_exists_at_the_exchange_as_filled() {
    let result = run(&canary(light(2, 22))).unwrap();
    let orders = result.table("orders").unwrap();
    let (Some(Column::U8(status)), Some(Column::I64(filled))) =
        (orders.column("status"), orders.column("filled_truth_lot"))
    else {
        panic!("orders have a status and a true fill");
    };
    let dead = [Status::Denied, Status::Rejected, Status::NeverExisted].map(Status::code);
    let wrong = status.iter().zip(filled).filter(|(own, lot)| dead.contains(own) && **lot != 0);
    assert_eq!(wrong.count(), 0);
}
