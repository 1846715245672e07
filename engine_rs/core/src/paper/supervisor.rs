//! The supervisor: notes that the broker's crash domain died, and brings it back from the log.

use super::broker::Broker;
use super::bus::Message;
use super::clock::{Priority, SECOND};
use super::code::{Agent, Domain, Kind, Status};
use super::desk::Desk;
use super::order::OrderBook;

/// Time from a crash to the restart.
pub const RESTART_AFTER: i64 = 5 * SECOND;

/// Lets the broker die: what it knew and had not written down is gone. `row` is the injection's.
///
/// # Panics
///
/// When the log does not lead to what the broker knew: it had changed without a record.
pub fn crash(desk: &mut Desk, broker: &Broker, row: usize) {
    let book = broker.book();
    assert_eq!(
        OrderBook::replay(desk.log.events()).digest(),
        book.digest(),
        "the broker's state is what the log leads to"
    );
    let in_flight = book.open.values().filter(|order| order.status == Status::Sent).count();
    let epoch = desk.broker_epoch;
    let domain = u64::from(Domain::P3.code());
    let data = [in_flight as i64, book.open.len() as i64, 0, 0];
    desk.emit_as(Kind::Crashed, Agent::Supervisor, epoch, domain, data);
    desk.wake(RESTART_AFTER, Priority::Guard, Message::Restart { row });
}

/// Brings a new life of the broker up: cold, from the log, with a new epoch.
pub fn restart(desk: &mut Desk) -> Broker {
    desk.broker_epoch += 1;
    let broker = Broker::rebuilt(desk.log.events());
    let domain = u64::from(Domain::P3.code());
    let digest = broker.book().digest() as i64;
    let epoch = desk.broker_epoch;
    desk.emit_as(Kind::Restarted, Agent::Supervisor, epoch, domain, [digest, 0, 0, 0]);
    broker
}
