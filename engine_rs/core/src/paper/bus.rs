//! Everything that is under way: messages on their links and timers, in the order they fall due.

use super::clock::{MILLISECOND, Priority};
use super::code::{OrderType, Purpose, Reason, Truth};
use super::draw::{self, Draws, latency};
use super::exchange::{Request, Snapshot, Trade};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Most messages under way to one receiver.
pub const MAILBOX: usize = 4_096;

/// A directed connection; messages on one link never overtake each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Link {
    StrategyToBroker = 0,
    BrokerToGate = 1,
    KillSwitchToGate = 2,
    GateToVenue = 3,
    VenueToBroker = 4,
    QueryToVenue = 5,
    VenueToQuery = 6,
    Feed = 7,
}

const N_LINKS: usize = 8;

impl Link {
    /// Shortest delay, and whether it has the wide tail of a network.
    fn delay(self) -> (i64, bool) {
        match self {
            Self::StrategyToBroker | Self::BrokerToGate | Self::KillSwitchToGate => {
                (MILLISECOND, false)
            }
            Self::GateToVenue => (10 * MILLISECOND, true),
            Self::VenueToBroker | Self::VenueToQuery => (8 * MILLISECOND, true),
            Self::QueryToVenue => (40 * MILLISECOND, true),
            Self::Feed => (5 * MILLISECOND, true),
        }
    }

    fn priority(self) -> Priority {
        match self {
            Self::StrategyToBroker => Priority::Broker,
            Self::BrokerToGate | Self::KillSwitchToGate => Priority::Guard,
            Self::GateToVenue | Self::QueryToVenue => Priority::Exchange,
            Self::VenueToBroker | Self::VenueToQuery | Self::Feed => Priority::Wire,
        }
    }
}

/// An order on its way to the gate.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Ticket {
    pub cloid: u128,
    pub instrument: usize,
    pub side: i8,
    pub order_type: OrderType,
    pub purpose: Purpose,
    pub qty_lot: i64,
    pub limit_tk: i64,
    /// Epoch of the instrument's scope when the order was made.
    pub scope_epoch: u32,
}

/// Who asked for a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Asker {
    Reconciler,
    /// The kill switch of this scope.
    KillSwitch(u64),
}

/// What a component is told.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Message {
    // To the broker.
    Intent { intent_id: u64 },
    Withdraw { intent_id: u64 },
    Accepted { key: u64 },
    Refused { key: u64, reason: Reason },
    Cancelled { key: u64, filled_lot: i64 },
    CancelRefused { key: u64 },
    Filled(Trade),
    Answer { key: u64, truth: Truth, filled_lot: i64, issued: i64 },
    AckDue { key: u64, n_sent: u32, epoch: u32 },
    CancelDue { key: u64, epoch: u32 },
    QueryDue { key: u64, epoch: u32 },
    ShelfLife { key: u64, epoch: u32 },
    // To the gate.
    Submit(Ticket),
    Cancel { key: u64 },
    // To the exchange.
    Place(Request),
    CancelAt { cloid: u128 },
    AskOrder { cloid: u128, issued: i64 },
    AskSnapshot { asker: Asker, first_exec: u64 },
    // To whoever asked.
    Snapshot { asker: Asker, snapshot: Box<Snapshot> },
    // Timers of the rest.
    ReconDue { is_regular: bool },
    KillPoll { scope: u64 },
    Crash { row: usize },
    Restart { row: usize },
}

impl Message {
    /// Whether the broker's crash domain receives it from somebody else.
    pub fn is_for_broker(&self) -> bool {
        matches!(
            self,
            Self::Intent { .. }
                | Self::Withdraw { .. }
                | Self::Accepted { .. }
                | Self::Refused { .. }
                | Self::Cancelled { .. }
                | Self::CancelRefused { .. }
                | Self::Filled(_)
                | Self::Answer { .. }
        )
    }
}

/// A message and when it is due.
#[derive(Clone, Debug)]
pub struct Scheduled {
    /// Due time.
    pub ts: i64,
    /// Urgency among equal times.
    pub priority: Priority,
    /// Ordinal of scheduling: settles what is left.
    seq: u64,
    /// Link it travels on; none for a timer.
    pub link: Option<Link>,
    /// Record that caused it.
    pub cause: u64,
    /// What is said.
    pub message: Message,
}

impl Scheduled {
    fn rank(&self) -> (i64, Priority, u64) {
        (self.ts, self.priority, self.seq)
    }
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    /// Reversed: the heap's greatest is what is due first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.rank().cmp(&self.rank())
    }
}

/// What a sender says of a message's way.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Way {
    pub now: i64,
    pub link: Link,
    /// What the message is about; addresses its delay.
    pub entity: u64,
    pub latency_mult: i64,
    pub cause: u64,
}

/// The event queue.
#[derive(Clone, Debug, Default)]
pub struct Bus {
    heap: BinaryHeap<Scheduled>,
    n_scheduled: u64,
    last_delivery: [i64; N_LINKS],
    under_way: [usize; N_LINKS],
}

impl Bus {
    /// Puts a message on a link; `false` when the receiver's mailbox is full.
    #[must_use]
    pub fn send(&mut self, way: Way, draws: &Draws, message: Message) -> bool {
        let link = way.link as usize;
        if self.under_way[link] >= MAILBOX {
            return false;
        }
        let delivery = (way.now + delay(&way, draws)).max(self.last_delivery[link]);
        self.last_delivery[link] = delivery;
        self.under_way[link] += 1;
        self.push(delivery, way.link.priority(), Some(way.link), way.cause, message);
        true
    }

    /// Puts a message on a link that may arrive after later ones.
    pub fn send_late(&mut self, way: Way, at: i64, message: Message) {
        self.under_way[way.link as usize] += 1;
        self.push(at, way.link.priority(), Some(way.link), way.cause, message);
    }

    /// Sets a timer.
    pub fn wake(&mut self, at: i64, priority: Priority, cause: u64, message: Message) {
        self.push(at, priority, None, cause, message);
    }

    fn push(
        &mut self,
        ts: i64,
        priority: Priority,
        link: Option<Link>,
        cause: u64,
        message: Message,
    ) {
        let seq = self.n_scheduled;
        self.n_scheduled += 1;
        self.heap.push(Scheduled { ts, priority, seq, link, cause, message });
    }

    /// Takes what is due before the moment and urgency given.
    pub fn pop_before(&mut self, ts: i64, priority: Priority) -> Option<Scheduled> {
        let first = self.heap.peek()?;
        if (first.ts, first.priority) >= (ts, priority) {
            return None;
        }
        let due = self.heap.pop()?;
        if let Some(link) = due.link {
            self.under_way[link as usize] -= 1;
        }
        Some(due)
    }
}

/// Delay of a message: a pure function of what it is about and when it is sent.
pub fn delay(way: &Way, draws: &Draws) -> i64 {
    let (least, has_tail) = way.link.delay();
    if !has_tail {
        return least;
    }
    let index = way.now as u64 * N_LINKS as u64 + way.link as u64;
    let bits = draws.bits(draw::Purpose::Latency, way.entity, index);
    latency(least * way.latency_mult, bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(now: i64, link: Link) -> Way {
        Way { now, link, entity: 1, latency_mult: 1, cause: 0 }
    }

    #[test]
    fn messages_on_one_link_never_overtake_each_other() {
        let draws = Draws::new(3);
        let mut bus = Bus::default();
        for intent_id in 0..200 {
            let way = way(intent_id as i64 * 1_000, Link::GateToVenue);
            assert!(bus.send(way, &draws, Message::Intent { intent_id }));
        }
        let mut order = Vec::new();
        while let Some(due) = bus.pop_before(i64::MAX, Priority::Clock) {
            if let Message::Intent { intent_id } = due.message {
                order.push(intent_id);
            }
        }
        assert_eq!(order, (0..200).collect::<Vec<_>>());
    }

    #[test]
    fn a_full_mailbox_refuses_and_a_delivery_makes_room() {
        let draws = Draws::new(3);
        let mut bus = Bus::default();
        let send = |bus: &mut Bus| {
            bus.send(way(0, Link::GateToVenue), &draws, Message::ReconDue { is_regular: true })
        };
        for _ in 0..MAILBOX {
            assert!(send(&mut bus));
        }
        assert!(!send(&mut bus));
        assert!(bus.pop_before(i64::MAX, Priority::Clock).is_some());
        assert!(send(&mut bus));
    }

    #[test]
    fn of_equal_times_the_more_urgent_comes_first() {
        let mut bus = Bus::default();
        bus.wake(5, Priority::Strategy, 0, Message::KillPoll { scope: 1 });
        bus.wake(5, Priority::Clock, 0, Message::KillPoll { scope: 2 });
        let first = bus.pop_before(6, Priority::Clock).map(|due| due.priority);
        assert_eq!(first, Some(Priority::Clock));
        assert!(bus.pop_before(5, Priority::Strategy).is_none());
    }
}
