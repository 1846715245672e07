//! Timeframes, calendars and instants: how long a bar is, how many make a year, when one opens.
//!
//! Which bars are made is not decided here.

use crate::EngineError;

const NS_PER_SECOND: i64 = 1_000_000_000;
const NS_PER_MINUTE: i64 = 60 * NS_PER_SECOND;
const NS_PER_DAY: i64 = 24 * 60 * NS_PER_MINUTE;

/// Seconds of a Julian year, by which bars of unknown calendar are annualised.
const YEAR_S: f64 = 31_557_600.0;

/// Length of a bar; a row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeframe {
    /// Name in documents.
    pub name: &'static str,
    /// Length of a bar, nanoseconds.
    pub bar_ns: i64,
    /// Bars in a year of each calendar, in the order of [`CALENDARS`].
    bars_per_year: [u32; 4],
}

/// Every calendar there is. The first never closes, so it is the one with no gaps to draw.
pub const CALENDARS: [&str; 4] = ["24x7", "fx_24x5", "us_equity", "sessions_252"];

/// Every timeframe there is, shortest first.
///
/// Bars a year are bars a day times 365, 260 and 252 trading days; a day of `us_equity` has 390
/// minutes, and its last 1h and 4h bar are short but count as bars.
pub const TIMEFRAMES: [Timeframe; 6] = [
    row("1m", 1, [525_600, 374_400, 98_280, 362_880]),
    row("5m", 5, [105_120, 74_880, 19_656, 72_576]),
    row("15m", 15, [35_040, 24_960, 6_552, 24_192]),
    row("1h", 60, [8_760, 6_240, 1_764, 6_048]),
    row("4h", 240, [2_190, 1_560, 504, 1_512]),
    row("1d", 1_440, [365, 260, 252, 252]),
];

const fn row(name: &'static str, minutes: i64, bars_per_year: [u32; 4]) -> Timeframe {
    Timeframe { name, bar_ns: minutes * NS_PER_MINUTE, bars_per_year }
}

impl Timeframe {
    /// The timeframe called `name`.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_NAME`, with the names there are.
    pub fn named(name: &str) -> Result<Self, EngineError> {
        let found = TIMEFRAMES.iter().find(|timeframe| timeframe.name == name);
        found.copied().ok_or_else(|| EngineError::UnknownName {
            kind: "timeframe",
            name: name.to_owned(),
            known: TIMEFRAMES.iter().map(|timeframe| timeframe.name).collect(),
        })
    }

    /// Bars in a year of `calendar`, which must be one of [`CALENDARS`].
    pub fn bars_per_year(&self, calendar: &str) -> f64 {
        let at = CALENDARS.iter().position(|known| *known == calendar);
        f64::from(self.bars_per_year[at.expect("a scenario's calendar was checked when read")])
    }
}

/// When the bars of one calendar and timeframe open and close.
///
/// Synthetic calendars have no holidays and no daylight saving: `us_equity` is open from 14:30 to
/// 21:00 UTC and `sessions_252` around the clock, Monday to Friday; `fx_24x5` from Sunday 22:00 to
/// Friday 22:00 UTC in one session.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// None for a market that never closes.
    sessions: Option<Sessions>,
    bar_ns: i64,
    /// Opening time of bar 0.
    start_ns: i64,
}

#[derive(Clone, Copy, Debug)]
struct Sessions {
    /// Sessions in a week, and their distance within it.
    a_week: i64,
    opens_ns: i64,
    length_ns: i64,
    /// Bars in a session, the short last one included.
    bars: i64,
    /// Number of bar 0, counted from the first session after 1970 began.
    first_bar: i64,
}

/// Opening and closing time of one bar.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct BarTime {
    pub ts: i64,
    pub known_at: i64,
    /// Length in nominal bars: below 1 for the short last bar of a session.
    pub length: f64,
    pub opens_session: bool,
}

/// 1678-01-01 and 2262-01-01: 64 bits of nanoseconds tell a little more than the years between.
const EARLIEST_NS: i64 = -9_214_560_000 * NS_PER_SECOND;
const LATEST_NS: i64 = 9_214_646_400 * NS_PER_SECOND;

/// 1970-01-05, a Monday.
const FIRST_MONDAY_NS: i64 = 4 * NS_PER_DAY;
const NS_PER_WEEK: i64 = 7 * NS_PER_DAY;

impl Schedule {
    /// The bars of `calendar`, one of [`CALENDARS`]; bar 0 is the first to open at `start_ns` or
    /// after it.
    pub fn new(calendar: &str, timeframe: Timeframe, start_ns: i64) -> Self {
        let hours = NS_PER_MINUTE * 60;
        let (a_week, opens_ns, length_ns) = match calendar {
            "fx_24x5" => (1, FIRST_MONDAY_NS - 2 * hours, 120 * hours),
            "us_equity" => (5, FIRST_MONDAY_NS + 870 * NS_PER_MINUTE, 390 * NS_PER_MINUTE),
            "sessions_252" => (5, FIRST_MONDAY_NS, 24 * hours),
            _ => return Self { sessions: None, bar_ns: timeframe.bar_ns, start_ns },
        };
        // A daily bar of a stock lasts a session, not a day.
        let bar_ns = timeframe.bar_ns.min(length_ns);
        let bars = (length_ns + bar_ns - 1) / bar_ns;
        let mut sessions = Sessions { a_week, opens_ns, length_ns, bars, first_bar: 0 };
        let week = (start_ns - opens_ns).div_euclid(NS_PER_WEEK);
        let mut first_bar = week * a_week * bars;
        while sessions.opening(first_bar, bar_ns) < start_ns {
            first_bar += 1;
        }
        sessions.first_bar = first_bar;
        Self { sessions: Some(sessions), bar_ns, start_ns }
    }

    /// Whether `bars` bars from `start_ns` lie within [`EARLIEST_NS`] and [`LATEST_NS`].
    pub fn reaches(calendar: &str, timeframe: Timeframe, start_ns: i64, bars: u64) -> bool {
        if !(EARLIEST_NS..LATEST_NS).contains(&start_ns) {
            return false;
        }
        let schedule = Self::new(calendar, timeframe, start_ns);
        let (bars, bar_ns) = (i128::from(bars), i128::from(schedule.bar_ns));
        let end = match &schedule.sessions {
            None => i128::from(start_ns) + bars * bar_ns,
            Some(sessions) => {
                let last = i128::from(sessions.first_bar) + bars - 1;
                let a_week = i128::from(sessions.a_week * sessions.bars);
                // Every week is as the first, so that no product leaves 64 bits.
                let opening = sessions.opening(last.rem_euclid(a_week) as i64, schedule.bar_ns);
                last.div_euclid(a_week) * i128::from(NS_PER_WEEK) + i128::from(opening) + bar_ns
            }
        };
        end <= i128::from(LATEST_NS)
    }

    /// Opening and closing time of bar `bar_index`.
    #[inline]
    pub fn bar(&self, bar_index: usize) -> BarTime {
        let Some(sessions) = &self.sessions else {
            let ts = self.start_ns + bar_index as i64 * self.bar_ns;
            return BarTime { ts, known_at: ts + self.bar_ns, length: 1.0, opens_session: false };
        };
        let number = sessions.first_bar + bar_index as i64;
        let ts = sessions.opening(number, self.bar_ns);
        let place = number.rem_euclid(sessions.bars);
        let left = sessions.length_ns - place * self.bar_ns;
        let length_ns = left.min(self.bar_ns);
        BarTime {
            ts,
            known_at: ts + length_ns,
            length: length_ns as f64 / self.bar_ns as f64,
            opens_session: place == 0,
        }
    }

    /// Length of a session in nominal bars; 0 for a market that never closes.
    pub fn session_bars(&self) -> f64 {
        self.sessions.map_or(0.0, |sessions| sessions.length_ns as f64 / self.bar_ns as f64)
    }
}

impl Sessions {
    fn opening(&self, number: i64, bar_ns: i64) -> i64 {
        let session = number.div_euclid(self.bars);
        let day = session.rem_euclid(self.a_week);
        let week = session.div_euclid(self.a_week);
        let place = number.rem_euclid(self.bars);
        self.opens_ns + week * NS_PER_WEEK + day * NS_PER_DAY + place * bar_ns
    }
}

/// Bars a year of a series that states no calendar, from its first and last opening time.
///
/// # Panics
///
/// When there are fewer than two bars or they do not rise: such a source is refused before.
pub fn inferred_bars_per_year(ts: &[i64]) -> f64 {
    assert!(ts.len() >= 2);
    let span_ns = ts[ts.len() - 1] - ts[0];
    assert!(span_ns > 0);
    (ts.len() - 1) as f64 * YEAR_S / (span_ns as f64 / NS_PER_SECOND as f64)
}

/// Nanoseconds since 1970 of an instant written `2000-01-03T00:00:00Z`, or `None` for any other
/// spelling: one instant has one spelling, since the text enters a hash.
pub fn parse_utc(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let is_shaped = bytes.len() == 20
        && [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'Z')]
            .iter()
            .all(|(at, mark)| bytes[*at] == *mark);
    if !is_shaped {
        return None;
    }
    let number = |from: usize, to: usize| {
        bytes[from..to].iter().try_fold(0_i64, |value, digit| {
            digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0'))
        })
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let is_date = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
    if !is_date || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = (hour * 60 + minute) * 60 + second;
    days_since_1970(year, month, day).checked_mul(NS_PER_DAY)?.checked_add(seconds * NS_PER_SECOND)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Leap days before a year: every fourth, less every hundredth, and every four-hundredth again.
    let days_before = |year: i64| {
        let past = year - 1;
        past * 365 + past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400)
    };
    let months: i64 = (1..month).map(|earlier| days_in_month(year, earlier)).sum();
    days_before(year) - days_before(1970) + months + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_counted_from_1970() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59Z", -1),
            ("2000-01-03T00:00:00Z", 946_857_600),
            ("2000-03-01T00:00:00Z", 951_868_800),
            ("2024-02-29T12:34:56Z", 1_709_210_096),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
        ] {
            assert_eq!(parse_utc(text), Some(seconds * NS_PER_SECOND), "{text}");
        }
    }

    #[test]
    fn an_instant_has_one_spelling_and_must_exist() {
        for text in [
            "2000-01-03",
            "2000-01-03T00:00:00",
            "2000-01-03 00:00:00Z",
            "2000-01-03T00:00:00.0Z",
            "2000-01-03T00:00:00+00:00",
            "2000-13-01T00:00:00Z",
            "2001-02-29T00:00:00Z",
            "2000-01-00T00:00:00Z",
            "2000-01-03T24:00:00Z",
            "2000-01-03T00:00:60Z",
            "+200-01-03T00:00:00Z",
            "9999-01-01T00:00:00Z",
        ] {
            assert_eq!(parse_utc(text), None, "{text}");
        }
    }

    #[test]
    fn bars_a_year_are_bars_a_day_times_days_a_year() {
        for timeframe in TIMEFRAMES {
            let a_day = NS_PER_DAY / timeframe.bar_ns;
            assert_eq!(timeframe.bars_per_year("24x7"), (a_day * 365) as f64);
            assert_eq!(timeframe.bars_per_year("fx_24x5"), (a_day * 260) as f64);
            assert_eq!(timeframe.bars_per_year("sessions_252"), (a_day * 252) as f64);
        }
        assert!(Timeframe::named("2h").is_err());
    }

    #[test]
    fn a_year_of_daily_bars_is_inferred_as_such() {
        let ts: Vec<i64> = (0..1000).map(|day| day * NS_PER_DAY).collect();
        assert_eq!(inferred_bars_per_year(&ts), 365.25);
    }

    fn ns(text: &str) -> i64 {
        parse_utc(&format!("{text}:00Z")).unwrap()
    }

    fn schedule(calendar: &str, timeframe: &str, start: &str) -> Schedule {
        Schedule::new(calendar, Timeframe::named(timeframe).unwrap(), ns(start))
    }

    /// Checks when the bars open and close, given as texts.
    fn assert_bars(schedule: &Schedule, expected: &[(usize, &str, &str)]) {
        for (bar_index, ts, known_at) in expected {
            let bar = schedule.bar(*bar_index);
            assert_eq!((bar.ts, bar.known_at), (ns(ts), ns(known_at)), "bar {bar_index}");
        }
    }

    #[test]
    fn a_market_that_never_closes_counts_from_its_start() {
        let schedule = schedule("24x7", "4h", "1999-12-31T23:17");
        assert_bars(
            &schedule,
            &[
                (0, "1999-12-31T23:17", "2000-01-01T03:17"),
                (7, "2000-01-02T03:17", "2000-01-02T07:17"),
            ],
        );
        assert!((0..20).all(|t| !schedule.bar(t).opens_session && schedule.bar(t).length == 1.0));
        assert_eq!(schedule.session_bars(), 0.0);
    }

    #[test]
    fn stocks_trade_from_monday_to_friday_with_a_short_last_bar() {
        // 2000-01-06 is a Thursday.
        let hourly = schedule("us_equity", "1h", "2000-01-06T00:00");
        assert_bars(
            &hourly,
            &[
                (0, "2000-01-06T14:30", "2000-01-06T15:30"),
                (5, "2000-01-06T19:30", "2000-01-06T20:30"),
                (6, "2000-01-06T20:30", "2000-01-06T21:00"),
                (7, "2000-01-07T14:30", "2000-01-07T15:30"),
                (13, "2000-01-07T20:30", "2000-01-07T21:00"),
                (14, "2000-01-10T14:30", "2000-01-10T15:30"),
            ],
        );
        let lengths: Vec<f64> = (0..8).map(|t| hourly.bar(t).length).collect();
        assert_eq!(lengths, [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 1.0]);
        let opens: Vec<usize> = (0..22).filter(|t| hourly.bar(*t).opens_session).collect();
        assert_eq!(opens, [0, 7, 14, 21]);
        assert_eq!(hourly.session_bars(), 6.5);

        let long = schedule("us_equity", "4h", "2000-01-06T00:00");
        assert_bars(&long, &[(1, "2000-01-06T18:30", "2000-01-06T21:00")]);
        assert_eq!((long.bar(1).length, long.session_bars()), (150.0 / 240.0, 390.0 / 240.0));

        let daily = schedule("us_equity", "1d", "2000-01-06T14:30");
        assert_bars(
            &daily,
            &[
                (0, "2000-01-06T14:30", "2000-01-06T21:00"),
                (2, "2000-01-10T14:30", "2000-01-10T21:00"),
            ],
        );
        assert!((0..9).all(|t| daily.bar(t).opens_session && daily.bar(t).length == 1.0));
        assert_eq!(daily.session_bars(), 1.0);
    }

    #[test]
    fn currencies_trade_from_sunday_to_friday_in_one_session() {
        // 2000-01-07 is a Friday.
        let schedule = schedule("fx_24x5", "4h", "2000-01-07T13:00");
        assert_bars(
            &schedule,
            &[
                (0, "2000-01-07T14:00", "2000-01-07T18:00"),
                (1, "2000-01-07T18:00", "2000-01-07T22:00"),
                (2, "2000-01-09T22:00", "2000-01-10T02:00"),
                (31, "2000-01-14T18:00", "2000-01-14T22:00"),
                (32, "2000-01-16T22:00", "2000-01-17T02:00"),
            ],
        );
        let opens: Vec<usize> = (0..63).filter(|t| schedule.bar(*t).opens_session).collect();
        assert_eq!(opens, [2, 32, 62]);
        assert_eq!(schedule.session_bars(), 30.0);
    }

    #[test]
    fn sessions_around_the_clock_open_at_midnight_and_rest_on_the_weekend() {
        let schedule = schedule("sessions_252", "1h", "1969-12-26T22:30");
        assert_bars(
            &schedule,
            &[
                (0, "1969-12-26T23:00", "1969-12-27T00:00"),
                (1, "1969-12-29T00:00", "1969-12-29T01:00"),
                (25, "1969-12-30T00:00", "1969-12-30T01:00"),
            ],
        );
        let opens: Vec<usize> = (0..50).filter(|t| schedule.bar(*t).opens_session).collect();
        assert_eq!(opens, [1, 25, 49]);
        assert_eq!(schedule.session_bars(), 24.0);
    }

    #[test]
    fn a_start_within_a_session_takes_its_next_bar_and_one_after_it_the_next_session() {
        for (start, first) in [
            ("2024-02-29T14:30", "2024-02-29T14:30"),
            ("2024-02-29T14:31", "2024-02-29T14:45"),
            ("2024-02-29T20:45", "2024-02-29T20:45"),
            ("2024-02-29T20:46", "2024-03-01T14:30"),
            ("2024-03-01T21:00", "2024-03-04T14:30"),
            ("2024-03-03T12:00", "2024-03-04T14:30"),
        ] {
            let schedule = schedule("us_equity", "15m", start);
            assert_eq!(schedule.bar(0).ts, ns(first), "{start}");
            // Whatever its place in the session, bar 1 follows bar 0 in the grid of the calendar.
            assert!(schedule.bar(1).ts >= schedule.bar(0).known_at, "{start}");
        }
    }

    #[test]
    fn bars_rise_without_overlap_on_every_calendar_and_timeframe() {
        for calendar in CALENDARS {
            for timeframe in TIMEFRAMES {
                let schedule = schedule(calendar, timeframe.name, "1987-10-17T03:00");
                for t in 0..3000 {
                    let (bar, next) = (schedule.bar(t), schedule.bar(t + 1));
                    let name = timeframe.name;
                    assert!(bar.known_at <= next.ts, "{calendar} {name} bar {t}");
                    // Time passes between two bars only where a session opens.
                    let is_closed = bar.known_at < next.ts;
                    assert!(!is_closed || next.opens_session, "{calendar} {name} bar {t}");
                    assert!(bar.length > 0.0 && bar.length <= 1.0);
                    let is_short = bar.length < 1.0;
                    assert!(!is_short || next.opens_session, "{calendar} {name} bar {t}");
                }
            }
        }
    }

    #[test]
    fn in_three_hundred_years_no_bar_of_the_week_is_lost() {
        for (calendar, timeframe, a_week) in [
            ("us_equity", "1h", 35),
            ("us_equity", "4h", 10),
            ("us_equity", "1d", 5),
            ("us_equity", "1m", 1950),
            ("fx_24x5", "1d", 5),
            ("fx_24x5", "1h", 120),
            ("sessions_252", "1m", 7200),
        ] {
            let schedule = schedule(calendar, timeframe, "1700-01-01T00:00");
            let weeks = 15_000;
            let later = schedule.bar(weeks * a_week);
            assert_eq!(later.ts - schedule.bar(0).ts, weeks as i64 * NS_PER_WEEK, "{calendar}");
        }
    }

    #[test]
    fn what_64_bits_cannot_tell_is_out_of_reach_and_what_they_can_is_not() {
        let reaches = |calendar, timeframe, start: &str, bars| {
            Schedule::reaches(calendar, Timeframe::named(timeframe).unwrap(), ns(start), bars)
        };
        assert_eq!(EARLIEST_NS, ns("1678-01-01T00:00"));
        assert_eq!(LATEST_NS, ns("2262-01-01T00:00"));
        for calendar in CALENDARS {
            assert!(reaches(calendar, "1m", "1678-01-01T00:00", 5_000_000));
            assert!(!reaches(calendar, "1m", "1677-12-31T23:59", 100));
            assert!(!reaches(calendar, "1m", "2262-04-10T00:00", 100));
            assert!(!reaches(calendar, "1d", "2000-01-03T00:00", 5_000_000));
            assert!(!reaches(calendar, "1d", "2261-12-31T00:00", u64::MAX));
        }
        // 2261-12-27 is a Friday, and 2262 begins on a Wednesday.
        assert!(reaches("24x7", "1h", "2261-12-27T20:00", 100));
        assert!(!reaches("24x7", "1h", "2261-12-27T21:00", 100));
        assert!(reaches("us_equity", "1h", "2261-12-27T14:30", 21));
        assert!(!reaches("us_equity", "1h", "2261-12-27T14:30", 22));
        assert!(reaches("fx_24x5", "4h", "2261-12-27T14:00", 2 + 12));
        assert!(!reaches("fx_24x5", "4h", "2261-12-27T14:00", 2 + 14));
        // 68,350 days of trading from 2000 end in 2261.
        assert!(reaches("us_equity", "1d", "2000-01-03T00:00", 68_000));
        assert!(!reaches("us_equity", "1d", "2000-01-03T00:00", 69_000));
    }
}
