//! Each control of the gate, asked directly: one ticket it must deny, and the like of it that goes.

use super::document::universe;
use crate::paper::bus::Ticket;
use crate::paper::clock::SECOND;
use crate::paper::cloid::{NO_STRATEGY, cloid, intent_id, key};
use crate::paper::code::{
    Agent, Cause, Deny, Doubt, Kind, Liquidity, OrderType, Purpose, Stage, State, Truth,
};
use crate::paper::desk::Desk;
use crate::paper::exchange::Trade;
use crate::paper::gate::Gate;
use crate::paper::market::{Bar, Feed, Market};
use crate::paper::officer::Officer;
use crate::paper::scope::{GLOBAL, asset};
use crate::paper::universe::Universe;
use crate::paper::words::claim;

/// A desk that trades, at a price of 100.00 and 100 units a minute, and its gate.
fn opened() -> (Desk, Gate) {
    let universe = Universe::read(&universe(1, 1)).unwrap();
    let bar = Bar {
        open_tk: 10_000,
        high_tk: 10_000,
        low_tk: 10_000,
        close_tk: 10_000,
        volume_lot: 100_000_000,
    };
    let market = Market::new(vec![vec![bar; 1_440]; 4]);
    let mut feed = Feed::new(&market);
    feed.take(&market, 0);
    let mut desk = Desk::new(universe, feed);
    desk.emit(Kind::Boot, Agent::Kernel, 0, [0; 4]);
    desk.now = 60 * SECOND;
    Officer::new(desk.equity_uusd).declare(&mut desk, State::Trading);
    let gate = Gate::new(&desk);
    (desk, gate)
}

fn entry(strategy: u16, child: u32) -> Ticket {
    Ticket {
        cloid: cloid(1, intent_id(strategy, 1), child),
        instrument: usize::from(strategy % 64) / 5 % 4,
        side: 1,
        order_type: OrderType::Limit,
        purpose: Purpose::Enter,
        qty_lot: 900_000,
        limit_tk: 10_010,
        scope_epoch: 0,
    }
}

/// The code with which the gate answers: `None` when it sends.
fn asked(desk: &mut Desk, gate: &mut Gate, ticket: &Ticket) -> Option<Deny> {
    Officer::new(desk.equity_uusd).renew(desk, ticket.instrument);
    gate.on_submit(desk, ticket);
    let last = *desk.log.events().last().unwrap();
    match last.kind {
        Kind::OrderSent => None,
        Kind::RiskDeny => Deny::from_code(last.data[0]),
        other => panic!("{other:?}"),
    }
}

/// Lets a strategy hold what it bought.
fn fill(desk: &mut Desk, gate: &mut Gate, ticket: &Ticket, exec_id: u64) {
    let trade = Trade {
        exec_id,
        cloid: ticket.cloid,
        instrument: ticket.instrument,
        side: ticket.side,
        qty_lot: ticket.qty_lot,
        px_tk: 10_000,
        fee_uusd: 0,
        liquidity: Liquidity::Taker,
        ts: desk.now,
    };
    let name = key(ticket.cloid);
    let event = desk.emit(Kind::FillClaim, Agent::Broker, name, claim(&trade));
    gate.observe(&event);
    let event = desk.emit(Kind::Done, Agent::Broker, name, [0; 4]);
    gate.observe(&event);
    let data = [ticket.qty_lot, ticket.qty_lot, 0, 10_000];
    let event = desk.emit(Kind::Pos, Agent::Portfolio, ticket.instrument as u64, data);
    gate.observe(&event);
}

#[test]
fn an_entry_within_every_limit_is_sent() {
    let (mut desk, mut gate) = opened();
    assert_eq!(asked(&mut desk, &mut gate, &entry(0, 0)), None);
}

#[test]
fn each_limit_denies_what_is_beyond_it() {
    type Edit = fn(&mut Ticket);
    let cases: [(Deny, Edit); 5] = [
        (Deny::Size, |t| t.qty_lot = 1_000_001),
        (Deny::Size, |t| t.qty_lot = 0),
        (Deny::Collar, |t| t.limit_tk = 10_201),
        (Deny::Collar, |t| t.limit_tk = 9_799),
        (Deny::Permit, |t| t.scope_epoch = 1),
    ];
    for (code, edit) in cases {
        let (mut desk, mut gate) = opened();
        let mut ticket = entry(0, 0);
        edit(&mut ticket);
        assert_eq!(asked(&mut desk, &mut gate, &ticket), Some(code), "{ticket:?}");
    }
}

#[test]
fn an_order_may_not_exceed_a_tenth_of_the_last_minutes_volume() {
    let (mut desk, mut gate) = opened();
    desk.equity_uusd *= 1_000;
    let mut ticket = Ticket { order_type: OrderType::Market, limit_tk: 0, ..entry(0, 0) };
    ticket.qty_lot = 10_000_001;
    assert_eq!(asked(&mut desk, &mut gate, &ticket), Some(Deny::Size));
    ticket.qty_lot = 10_000_000;
    assert_eq!(asked(&mut desk, &mut gate, &ticket), None);
}

#[test]
fn caps_count_what_is_under_way_as_if_it_were_filled() {
    let (mut desk, mut gate) = opened();
    for child in 0..4 {
        assert_eq!(asked(&mut desk, &mut gate, &entry(0, child)), None);
        desk.now += SECOND;
    }
    // Four children are 3.6 % of equity; a fifth would make 4.5 %.
    assert_eq!(asked(&mut desk, &mut gate, &entry(0, 4)), Some(Deny::Caps));
    // The same holds for the instrument: five strategies hold 4 % each only on paper.
    for strategy in 1..4 {
        for child in 0..4 {
            assert_eq!(asked(&mut desk, &mut gate, &entry(strategy, child)), None);
            desk.now += SECOND;
        }
    }
    assert_eq!(asked(&mut desk, &mut gate, &entry(4, 0)), Some(Deny::Caps));
    assert_eq!(asked(&mut desk, &mut gate, &entry(5, 0)), None, "another instrument");
}

#[test]
fn a_strategy_sends_five_orders_a_second_and_no_more() {
    let (mut desk, mut gate) = opened();
    let small = |child| Ticket { qty_lot: 200_000, ..entry(0, child) };
    for child in 0..5 {
        assert_eq!(asked(&mut desk, &mut gate, &small(child)), None);
    }
    assert_eq!(asked(&mut desk, &mut gate, &small(5)), Some(Deny::Rates));
    desk.now += SECOND;
    assert_eq!(asked(&mut desk, &mut gate, &small(5)), None);
}

#[test]
fn an_id_goes_out_again_only_after_two_proofs_that_it_never_arrived() {
    let (mut desk, mut gate) = opened();
    let ticket = entry(0, 0);
    let name = key(ticket.cloid);
    assert_eq!(asked(&mut desk, &mut gate, &ticket), None);
    assert_eq!(asked(&mut desk, &mut gate, &ticket), Some(Deny::Duplicate));
    for proofs in 1..3 {
        let data = [i64::from(Truth::NotFound.code()), 0, 0, proofs];
        let event = desk.emit(Kind::OrderTruth, Agent::Broker, name, data);
        gate.observe(&event);
        let answer = asked(&mut desk, &mut gate, &ticket);
        assert_eq!(answer, (proofs < 2).then_some(Deny::Duplicate));
    }
    assert_eq!(asked(&mut desk, &mut gate, &ticket), Some(Deny::Duplicate), "the proof is used up");
}

#[test]
fn an_unknown_order_stops_others_on_its_side_of_its_instrument() {
    let (mut desk, mut gate) = opened();
    let ticket = entry(0, 0);
    assert_eq!(asked(&mut desk, &mut gate, &ticket), None);
    let data = [i64::from(Doubt::AckTimeout.code()), 0, 0, 0];
    let name = key(ticket.cloid);
    let event = desk.emit(Kind::Unknown, Agent::Broker, name, data);
    gate.observe(&event);
    assert_eq!(asked(&mut desk, &mut gate, &entry(1, 0)), Some(Deny::Unknown));
    assert_eq!(asked(&mut desk, &mut gate, &entry(5, 0)), None, "another instrument");
    let event = desk.emit(Kind::Ack, Agent::Broker, name, [0; 4]);
    gate.observe(&event);
    assert_eq!(asked(&mut desk, &mut gate, &entry(1, 0)), None);
}

#[test]
fn what_claims_to_reduce_must_reduce() {
    let (mut desk, mut gate) = opened();
    let bought = entry(0, 0);
    let exit = |child, qty_lot| Ticket {
        cloid: cloid(1, intent_id(0, 2), child),
        side: -1,
        order_type: OrderType::Market,
        limit_tk: 0,
        purpose: Purpose::Exit,
        qty_lot,
        ..bought
    };
    assert_eq!(asked(&mut desk, &mut gate, &exit(0, 1_000)), Some(Deny::Reduce));
    assert_eq!(asked(&mut desk, &mut gate, &bought), None);
    fill(&mut desk, &mut gate, &bought, 0);
    assert_eq!(asked(&mut desk, &mut gate, &exit(1, 900_001)), Some(Deny::Reduce));
    assert_eq!(asked(&mut desk, &mut gate, &exit(2, 600_000)), None);
    assert_eq!(asked(&mut desk, &mut gate, &exit(3, 300_001)), Some(Deny::Reduce));
    assert_eq!(asked(&mut desk, &mut gate, &exit(4, 300_000)), None);
}

#[test]
fn a_book_that_may_only_reduce_takes_no_entry() {
    let (mut desk, mut gate) = opened();
    Officer::new(desk.equity_uusd).declare(&mut desk, State::ReduceOnly);
    assert_eq!(asked(&mut desk, &mut gate, &entry(0, 0)), Some(Deny::Reduce));
}

#[test]
fn a_killed_scope_lets_only_flattening_out() {
    for scope in [GLOBAL, asset(0)] {
        let (mut desk, mut gate) = opened();
        let bought = entry(0, 0);
        assert_eq!(asked(&mut desk, &mut gate, &bought), None);
        fill(&mut desk, &mut gate, &bought, 0);
        let cause = i64::from(Cause::AssetBreaker.code());
        desk.emit(Kind::KillTrip, Agent::KillSwitch, scope, [cause, 0, 0, 0]);
        let sale = Ticket { side: -1, order_type: OrderType::Market, limit_tk: 0, ..bought };
        let exit = Ticket { cloid: cloid(1, intent_id(0, 2), 0), purpose: Purpose::Exit, ..sale };
        assert_eq!(asked(&mut desk, &mut gate, &exit), Some(Deny::State));
        assert_eq!(asked(&mut desk, &mut gate, &entry(1, 0)), Some(Deny::State));
        let flatten = |ordinal, qty_lot| Ticket {
            cloid: cloid(1, intent_id(NO_STRATEGY, ordinal), 0),
            purpose: Purpose::Flatten,
            qty_lot,
            ..sale
        };
        assert_eq!(asked(&mut desk, &mut gate, &flatten(1, 900_001)), Some(Deny::Reduce));
        assert_eq!(asked(&mut desk, &mut gate, &flatten(2, 900_000)), None);
        let stage = i64::from(Stage::Probation.code());
        desk.emit(Kind::KillStage, Agent::KillSwitch, scope, [stage, 0, 0, 0]);
        assert_eq!(asked(&mut desk, &mut gate, &entry(1, 0)), Some(Deny::Size), "a quarter");
        let small = Ticket { qty_lot: 200_000, ..entry(1, 1) };
        assert_eq!(asked(&mut desk, &mut gate, &small), None);
    }
}

#[test]
fn without_a_lease_in_force_no_entry_goes() {
    let (mut desk, mut gate) = opened();
    gate.on_submit(&mut desk, &entry(0, 0));
    let denial = |desk: &Desk| desk.log.events().last().map(|e| (e.kind, e.data[0]));
    let expected = Some((Kind::RiskDeny, i64::from(Deny::Permit.code())));
    assert_eq!(denial(&desk), expected, "there was never a permit");
    assert_eq!(asked(&mut desk, &mut gate, &entry(0, 1)), None);
    desk.now += 15 * SECOND;
    gate.on_submit(&mut desk, &entry(0, 2));
    assert_eq!(denial(&desk), expected, "the permit has lapsed");
}
