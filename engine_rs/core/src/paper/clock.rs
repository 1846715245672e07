//! Simulated time: nanoseconds since the universe began. Nothing here reads a real clock.

/// One microsecond.
pub const MICROSECOND: i64 = 1_000;
/// One millisecond.
pub const MILLISECOND: i64 = 1_000 * MICROSECOND;
/// One second.
pub const SECOND: i64 = 1_000 * MILLISECOND;
/// One minute: the length of a bar.
pub const MINUTE: i64 = 60 * SECOND;
/// One hour.
pub const HOUR: i64 = 60 * MINUTE;
/// One day.
pub const DAY: i64 = 24 * HOUR;
/// Bars a day.
pub const MINUTES_PER_DAY: i64 = DAY / MINUTE;

/// How urgent what happens at one moment is: of equal times the lower goes first.
///
/// The order is that of dependence: the injector before the exchange, the exchange before what it
/// sends, the guards before those they guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Priority {
    Clock = 0,
    Exchange = 1,
    Wire = 2,
    Guard = 3,
    Broker = 4,
    Books = 5,
    Strategy = 6,
}
