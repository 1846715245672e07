//! What can happen in a run that its reader should know of, and how often it did.

/// What can happen in a run that its reader should know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Event {
    /// Buy and sell were asked for on one bar.
    RuntimeConflict = 0,
    /// A sale was asked for without a position, and may not be.
    ShortNotAllowed = 1,
    /// A bar allowed two outcomes.
    Ambiguous = 2,
    /// An entry was made smaller.
    Shrunk = 3,
    /// An entry could not be made.
    Rejected = 4,
    /// An entry had no level for its order or its stop, or a stop on the wrong side.
    NoLevel = 5,
    MarginCall = 6,
    DailyLoss = 7,
}

/// Names of the events, in order.
pub const EVENTS: [&str; 8] = [
    "RUNTIME_CONFLICT",
    "SHORT_NOT_ALLOWED",
    "AMBIGUOUS",
    "SHRUNK",
    "REJECTED",
    "NO_LEVEL",
    "MARGIN_CALL",
    "DAILY_LOSS",
];

/// How often each event happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events {
    counts: [u64; EVENTS.len()],
}

impl Events {
    pub(super) fn add(&mut self, event: Event, n: u64) {
        self.counts[event as usize] += n;
    }

    /// How often this one happened.
    pub fn count(&self, event: Event) -> u64 {
        self.counts[event as usize]
    }

    /// Name and count of those that happened.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        EVENTS.into_iter().zip(self.counts).filter(|(_, count)| *count > 0)
    }
}
