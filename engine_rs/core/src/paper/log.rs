//! The system's log and the exchange's: fixed records, pages, one hash chain each, anchors.
//!
//! Nothing is decided here. State machines are folds over the system's log; the exchange's log is
//! read by nobody inside.

use super::clock::DAY;
use super::code::{Agent, Kind, LogName};
use crate::canonical::{hex, jcs};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A page holds at most this many bytes; a record never spans two.
pub const PAGE_BYTES: usize = 64 * 1024;
/// An absent unsigned number.
pub const NONE: u64 = u64::MAX;
const CHAIN_DOMAIN: &[u8] = b"pg.log.v1";

/// One record of the system's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Event {
    pub seq: u64,
    pub ts: i64,
    pub kind: Kind,
    pub src: Agent,
    pub subj: u64,
    pub cause_seq: u64,
    pub agent_epoch: u32,
    /// Four words whose meaning the kind gives.
    pub data: [i64; 4],
}

impl Event {
    /// The 80 bytes that are hashed.
    pub fn record(&self) -> [u8; 80] {
        let mut bytes = [0; 80];
        bytes[0..8].copy_from_slice(&self.seq.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.ts.to_le_bytes());
        bytes[16..18].copy_from_slice(&self.kind.code().to_le_bytes());
        bytes[18..20].copy_from_slice(&self.src.code().to_le_bytes());
        bytes[20..28].copy_from_slice(&self.subj.to_le_bytes());
        bytes[28..36].copy_from_slice(&self.cause_seq.to_le_bytes());
        bytes[36..40].copy_from_slice(&self.agent_epoch.to_le_bytes());
        for (word, slot) in self.data.iter().zip(bytes[40..72].chunks_exact_mut(8)) {
            slot.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

/// One record of the exchange's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct XEvent {
    pub seq: u64,
    pub ts: i64,
    pub kind: Kind,
    pub cloid: u128,
    pub exec_id: u64,
    pub instrument: u16,
    pub side: i8,
    pub qty_lot: i64,
    pub px_tk: i64,
    pub fee_uusd: i64,
    pub pos_lot: i64,
    pub cash_uusd: i64,
    pub reason: u16,
}

impl XEvent {
    /// The 87 bytes that are hashed.
    pub fn record(&self) -> [u8; 87] {
        let mut bytes = [0; 87];
        bytes[0..8].copy_from_slice(&self.seq.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.ts.to_le_bytes());
        bytes[16..18].copy_from_slice(&self.kind.code().to_le_bytes());
        bytes[18..34].copy_from_slice(&self.cloid.to_le_bytes());
        bytes[34..42].copy_from_slice(&self.exec_id.to_le_bytes());
        bytes[42..44].copy_from_slice(&self.instrument.to_le_bytes());
        bytes[44] = self.side.to_le_bytes()[0];
        let words = [self.qty_lot, self.px_tk, self.fee_uusd, self.pos_lot, self.cash_uusd];
        for (word, slot) in words.iter().zip(bytes[45..85].chunks_exact_mut(8)) {
            slot.copy_from_slice(&word.to_le_bytes());
        }
        bytes[85..87].copy_from_slice(&self.reason.to_le_bytes());
        bytes
    }
}

/// Head of the chain at a midnight or at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Which log.
    pub log: LogName,
    /// Day that ended, from zero; the number of days for the last anchor.
    pub day: u32,
    /// Last record before it.
    pub seq: u64,
    /// Last page before it.
    pub page: u32,
    /// Head, 64 hexadecimal digits.
    pub hash: String,
}

/// A hash chain over pages of records.
#[derive(Clone, Debug)]
struct Chain {
    name: LogName,
    head: [u8; 32],
    page: Vec<u8>,
    pages_closed: u32,
    anchors: Vec<Anchor>,
}

impl Chain {
    fn new(name: LogName, identity: &Value) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(CHAIN_DOMAIN);
        hasher.update(jcs(identity).as_bytes());
        let page = Vec::with_capacity(PAGE_BYTES);
        Self { name, head: hasher.finalize().into(), page, pages_closed: 0, anchors: Vec::new() }
    }

    /// Appends a record and gives the page it lies in.
    fn push(&mut self, record: &[u8]) -> u32 {
        if self.page.len() + record.len() > PAGE_BYTES {
            self.close_page();
        }
        self.page.extend_from_slice(record);
        self.pages_closed
    }

    fn close_page(&mut self) {
        if self.page.is_empty() {
            return;
        }
        let mut hasher = Sha256::new();
        hasher.update(self.head);
        hasher.update(&self.page);
        self.head = hasher.finalize().into();
        self.page.clear();
        self.pages_closed += 1;
    }

    fn anchor(&mut self, day: u32, n_records: u64) {
        assert!(n_records > 0, "both logs open with a record");
        self.close_page();
        let hash = hex(&self.head);
        let page = self.pages_closed - 1;
        self.anchors.push(Anchor { log: self.name, day, seq: n_records - 1, page, hash });
    }
}

/// The system's log.
#[derive(Clone, Debug)]
pub struct Log {
    chain: Chain,
    events: Vec<Event>,
    pages: Vec<u32>,
}

impl Log {
    /// An empty log of the run with this identity.
    pub fn new(identity: &Value) -> Self {
        let chain = Chain::new(LogName::System, identity);
        Self { chain, events: Vec::new(), pages: Vec::new() }
    }

    /// Appends a record; its `seq` is set here.
    pub fn append(&mut self, mut event: Event) -> Event {
        event.seq = self.events.len() as u64;
        assert!(event.seq == 0 || event.cause_seq < event.seq, "a cause comes before its effect");
        let earlier = self.events.last().map_or(0, |last| last.ts);
        assert!(event.ts >= earlier, "simulated time does not go back");
        let page = self.chain.push(&event.record());
        self.events.push(event);
        self.pages.push(page);
        event
    }

    /// Every record so far.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Page of every record.
    pub fn pages(&self) -> &[u32] {
        &self.pages
    }

    /// Closes the page and writes the anchor of a day.
    pub fn anchor(&mut self, day: u32) {
        self.chain.anchor(day, self.events.len() as u64);
    }

    /// Every anchor so far.
    pub fn anchors(&self) -> &[Anchor] {
        &self.chain.anchors
    }
}

/// The exchange's own log.
#[derive(Clone, Debug)]
pub struct XLog {
    chain: Chain,
    events: Vec<XEvent>,
    pages: Vec<u32>,
}

impl XLog {
    /// An empty log of the run with this identity.
    pub fn new(identity: &Value) -> Self {
        let chain = Chain::new(LogName::Exchange, identity);
        Self { chain, events: Vec::new(), pages: Vec::new() }
    }

    /// Appends a record; its `seq` is set here.
    pub fn append(&mut self, mut event: XEvent) -> u64 {
        event.seq = self.events.len() as u64;
        let earlier = self.events.last().map_or(0, |last| last.ts);
        assert!(event.ts >= earlier, "simulated time does not go back");
        let page = self.chain.push(&event.record());
        self.events.push(event);
        self.pages.push(page);
        event.seq
    }

    /// Every record so far.
    pub fn events(&self) -> &[XEvent] {
        &self.events
    }

    /// Page of every record.
    pub fn pages(&self) -> &[u32] {
        &self.pages
    }

    /// Closes the page and writes the anchor of a day.
    pub fn anchor(&mut self, day: u32) {
        self.chain.anchor(day, self.events.len() as u64);
    }

    /// Every anchor so far.
    pub fn anchors(&self) -> &[Anchor] {
        &self.chain.anchors
    }
}

/// Day of a moment, from zero.
pub fn day_of(ts: i64) -> u32 {
    (ts / DAY) as u32
}
