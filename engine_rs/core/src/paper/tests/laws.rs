//! What must hold of every run, read off its logs and tables.

use super::document::{DAY, HOUR, flash_crash, light, universe};
use super::{events, ran};
use crate::canonical::{hex, jcs};
use crate::paper::clock::MINUTE;
use crate::paper::cloid::{NO_STRATEGY, intent_of, key, strategy_of};
use crate::paper::code::{Account, Kind, Purpose, Status};
use crate::paper::exchange::{PARTICIPATION_PPM, fee_uusd};
use crate::paper::kernel::Kernel;
use crate::paper::log::{Event, PAGE_BYTES};
use crate::paper::{Column, PaperResult, run};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

#[test]
fn the_same_universe_gives_the_same_tables_and_another_seed_another_root() {
    let document = light(3, 22);
    let first = run(&document).unwrap();
    assert_eq!(first, run(&document).unwrap());
    let mut other = document;
    other["run_seed"] = json!(4);
    let other = run(&other).unwrap();
    assert_ne!(first.facts["log_root"], other.facts["log_root"]);
    assert_ne!(first.facts["xlog_root"], other.facts["xlog_root"]);
    assert_ne!(first.facts["run_id"], other.facts["run_id"]);
}

fn words(result: &PaperResult, table: &str, column: &str) -> Vec<i64> {
    match result.table(table).and_then(|table| table.column(column)) {
        Some(Column::I64(values)) => values.clone(),
        Some(Column::U64(values)) => values.iter().map(|value| *value as i64).collect(),
        Some(Column::U32(values)) => values.iter().map(|value| i64::from(*value)).collect(),
        Some(Column::U16(values)) => values.iter().map(|value| i64::from(*value)).collect(),
        other => panic!("{table}.{column}: {other:?}"),
    }
}

/// The chain of the system's log, from the columns of its table and nothing else.
fn chain(result: &PaperResult, document: &Value) -> BTreeMap<i64, String> {
    let names =
        ["seq", "ts", "kind", "src", "subj", "cause_seq", "agent_epoch", "i0", "i1", "i2", "i3"];
    let widths = [8, 8, 2, 2, 8, 8, 4, 8, 8, 8, 8];
    let columns = names.map(|name| words(result, "events", name));
    let pages = words(result, "events", "page");
    let identity = json!({
        "log": "system", "campaign": document["campaign"], "run_seed": document["run_seed"],
        "arm": document["arm"],
        "universe_sha256": hex(&Sha256::digest(jcs(document).as_bytes())),
    });
    let mut head: Vec<u8> = Sha256::digest(format!("pg.log.v1{}", jcs(&identity))).to_vec();
    let mut heads = BTreeMap::new();
    let mut row = 0;
    while row < pages.len() {
        let page = pages[row];
        let mut bytes = Vec::new();
        while row < pages.len() && pages[row] == page {
            for (column, width) in columns.iter().zip(widths) {
                bytes.extend_from_slice(&column[row].to_le_bytes()[..width]);
            }
            bytes.extend_from_slice(&[0; 8]);
            row += 1;
        }
        assert!(bytes.len() <= PAGE_BYTES);
        head = Sha256::digest([head, bytes].concat()).to_vec();
        heads.insert(page, hex(&head));
    }
    heads
}

fn broken_anchors(result: &PaperResult, document: &Value) -> usize {
    let heads = chain(result, document);
    let Some(Column::Text(hashes)) = result.table("anchors").and_then(|t| t.column("hash")) else {
        panic!("anchors have hashes");
    };
    let Some(Column::U8(logs)) = result.table("anchors").and_then(|t| t.column("log")) else {
        panic!("anchors name their log");
    };
    let pages = words(result, "anchors", "page");
    let own = (0..logs.len()).filter(|row| logs[*row] == 0);
    own.filter(|row| heads.get(&pages[*row]) != Some(&hashes[*row])).count()
}

#[test]
fn the_chain_is_recomputed_from_the_table_and_a_changed_word_breaks_it() {
    let mut document = universe(5, 3);
    document["injections"] = json!([flash_crash(1, DAY + HOUR)]);
    let mut result = run(&document).unwrap();
    assert_eq!(broken_anchors(&result, &document), 0);
    let days = words(&result, "anchors", "day");
    assert_eq!(days, [0, 1, 2, 3, 0, 1, 2, 3]);
    let table = result.tables.iter_mut().find(|table| table.name == "events").unwrap();
    let at = table.columns.iter().position(|(name, _)| *name == "i1").unwrap();
    let Column::I64(values) = &mut table.columns[at].1 else { panic!("i1 holds words") };
    values[500] ^= 1;
    assert!(broken_anchors(&result, &document) > 0);
}

#[test]
fn every_set_of_postings_balances_and_the_accounts_add_up_to_the_opening_equity() {
    let kernel = ran(&light(2, 22));
    let mut sets: BTreeMap<i64, i64> = BTreeMap::new();
    let mut accounts: BTreeMap<i64, i64> = BTreeMap::new();
    let cash = i64::from(Account::Cash.code());
    accounts.insert(cash, 1_000_000_000_000);
    let mut n_equities = 0;
    for event in kernel.desk.log.events() {
        if event.kind == Kind::Post {
            *sets.entry(event.data[3]).or_default() += event.data[1];
            *accounts.entry(event.data[0]).or_default() += event.data[1];
        } else if event.kind == Kind::Equity {
            assert_eq!(accounts.values().sum::<i64>(), 1_000_000_000_000);
            assert_eq!(event.data[0], accounts[&cash]);
            n_equities += 1;
        }
    }
    assert!(sets.len() > 1_000 && n_equities > 22 * 24);
    assert!(sets.values().all(|sum| *sum == 0));
    let fees: i64 = kernel.exchange.trades().iter().map(|trade| trade.fee_uusd).sum();
    assert_eq!(accounts[&i64::from(Account::Fees.code())], fees);
}

#[test]
fn the_last_position_is_the_sum_of_the_exchanges_trades() {
    let kernel = ran(&light(2, 22));
    let mut sums = [0; 4];
    for trade in kernel.exchange.trades() {
        sums[trade.instrument] += i64::from(trade.side) * trade.qty_lot;
    }
    let mut last = [[0; 2]; 4];
    for event in events(&kernel, Kind::Pos) {
        last[event.subj as usize] = [event.data[0], event.data[1]];
    }
    for (sum, [claimed_lot, confirmed_lot]) in sums.iter().zip(last) {
        assert_eq!([claimed_lot, confirmed_lot], [*sum, *sum]);
    }
    let equity = kernel.exchange.equity_uusd(|at| kernel.desk.feed.mark_tk(at));
    assert_eq!(kernel.desk.equity_uusd, equity);
}

#[test]
fn nothing_fills_outside_its_minutes_bar_or_beyond_our_share_of_it() {
    let kernel = ran(&light(2, 22));
    let mut shares: BTreeMap<(usize, i64), i64> = BTreeMap::new();
    let trades = kernel.exchange.trades();
    assert!(trades.len() > 1_000);
    let mut n_resting = 0;
    for trade in trades {
        let minute = trade.ts / MINUTE;
        let bar = kernel.market.bar(trade.instrument, minute);
        assert!((bar.low_tk..=bar.high_tk).contains(&trade.px_tk), "{trade:?} in {bar:?}");
        let traded_lot = shares.entry((trade.instrument, minute)).or_default();
        *traded_lot += trade.qty_lot;
        let share = i128::from(bar.volume_lot) * i128::from(PARTICIPATION_PPM) / 1_000_000;
        assert!(i128::from(*traded_lot) <= share);
        assert_eq!(trade.fee_uusd, fee_uusd(trade.px_tk * trade.qty_lot, trade.liquidity));
        n_resting += usize::from(trade.ts % MINUTE != 0);
    }
    assert!(n_resting > 10, "limit orders that rested were filled as well");
}

#[test]
fn every_entry_is_sent_under_a_permit_that_is_in_force() {
    let kernel = ran(&light(1, 22));
    let log = kernel.desk.log.events();
    let mut epochs = [0; 4];
    let mut n_entries = 0;
    let purposes = purposes(&kernel);
    for event in log {
        match event.kind {
            Kind::Epoch if event.subj > 0 => {
                epochs[(event.subj & 0xFF) as usize] = event.data[0];
            }
            Kind::OrderSent if purposes[&event.subj] == Purpose::Enter => {
                let instrument = (event.data[0] / 2) as usize;
                let permit = &log[event.data[3] as usize];
                assert_eq!(permit.kind, Kind::Permit);
                assert_eq!(permit.subj & 0xFF, instrument as u64);
                assert_eq!(permit.data[0], epochs[instrument]);
                assert!(permit.seq < event.seq && event.ts < permit.data[2]);
                n_entries += 1;
            }
            Kind::OrderSent => assert_eq!(event.data[3], -1),
            _ => {}
        }
    }
    assert!(n_entries > 1_000);
}

pub fn purposes(kernel: &Kernel) -> BTreeMap<u64, Purpose> {
    let made = events(kernel, Kind::OrderNew);
    made.map(|event| (event.subj, Purpose::from_code(event.data[1] >> 8 & 0xFF).unwrap())).collect()
}

#[test]
fn every_order_ends_as_the_exchange_has_it_and_no_intent_is_overfilled() {
    for seed in 1..4 {
        let result = run(&light(seed, 22)).unwrap();
        let orders = result.table("orders").unwrap();
        let column = |name: &str| match orders.column(name) {
            Some(Column::U8(values)) => values.clone(),
            other => panic!("{name}: {other:?}"),
        };
        let (status, truth) = (column("status"), column("status_truth"));
        let filled = words(&result, "orders", "filled_lot");
        let filled_truth = words(&result, "orders", "filled_truth_lot");
        assert_eq!(filled, filled_truth);
        let denied = Status::Denied.code();
        let never = Status::NeverExisted.code();
        for (own, true_one) in status.iter().zip(&truth) {
            let expected = if *own == denied { never } else { *own };
            assert_eq!(expected, *true_one);
        }
        assert_eq!(overfilled(&result), 0);
    }
}

/// Intents of which the exchange traded more than was intended.
pub fn overfilled(result: &PaperResult) -> usize {
    let ids = words(result, "intents", "intent_id");
    let sizes = words(result, "intents", "qty_lot");
    let owners = words(result, "orders", "intent_id");
    let lots = words(result, "orders", "filled_truth_lot");
    let mut traded: BTreeMap<i64, i64> = BTreeMap::new();
    for (owner, lot) in owners.iter().zip(lots) {
        *traded.entry(*owner).or_default() += lot;
    }
    ids.iter().zip(sizes).filter(|(id, size)| traded.get(*id).is_some_and(|lot| lot > size)).count()
}

#[test]
fn no_client_order_id_is_created_twice() {
    for seed in 1..4 {
        let kernel = ran(&light(seed, 22));
        let mut seen = std::collections::BTreeSet::new();
        for record in kernel.exchange.log().events() {
            assert!(record.kind != Kind::XCreated || seen.insert(record.cloid));
        }
        assert!(seen.len() > 1_000);
    }
}

#[test]
fn a_sending_is_in_the_log_before_it_reaches_the_exchange() {
    let kernel = ran(&light(1, 22));
    let mut sent: BTreeMap<u64, i64> = BTreeMap::new();
    for event in events(&kernel, Kind::OrderSent) {
        sent.entry(event.subj).or_insert(event.ts);
    }
    for record in kernel.exchange.log().events() {
        if matches!(record.kind, Kind::XCreated | Kind::XRejected) {
            assert!(sent[&key(record.cloid)] < record.ts);
        }
    }
}

#[test]
fn every_strategy_sends_at_least_ten_orders_a_day() {
    let kernel = ran(&universe(1, 10));
    let mut counts = [0; 20];
    for event in events(&kernel, Kind::OrderSent) {
        let strategy = strategy_of(intent_of(event.subj));
        assert_ne!(strategy, NO_STRATEGY);
        counts[usize::from(strategy)] += 1;
    }
    assert!(counts.iter().all(|count| *count >= 100), "{counts:?}");
}

#[test]
fn causes_precede_their_effects_and_all_but_the_first_record_have_one() {
    let kernel = ran(&light(1, 22));
    let is_sound = |event: &Event| event.seq == 0 || event.cause_seq < event.seq;
    assert!(kernel.desk.log.events().iter().all(is_sound));
}
