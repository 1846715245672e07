//! Every closed set of the paper stack and the stable numbers its members bear in logs and tables.

use serde_json::{Map, Value, json};

/// Declares a set once: the type, its numbers and its names.
macro_rules! codes {
    (
        $(#[$meta:meta])*
        $set:ident: $int:ty { $($variant:ident = $number:literal $name:literal),+ $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr($int)]
        #[allow(missing_docs)]
        pub enum $set { $($variant = $number),+ }

        impl $set {
            /// Every member with its name, in order of its number.
            pub const ALL: &[(Self, &str)] = &[$((Self::$variant, $name)),+];

            /// Its number in logs and tables.
            pub const fn code(self) -> $int {
                self as $int
            }

            /// The member with this number.
            pub fn from_code(code: i64) -> Option<Self> {
                Self::ALL.iter().map(|row| row.0).find(|member| i64::from(member.code()) == code)
            }

            /// The member with this name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().find(|row| row.1 == name).map(|row| row.0)
            }

            /// Its name.
            pub fn name(self) -> &'static str {
                Self::ALL.iter().find(|row| row.0 == self).map_or("", |row| row.1)
            }

            fn table() -> Value {
                let rows = Self::ALL.iter();
                Value::Object(
                    rows.map(|(member, name)| ((*name).to_owned(), json!(member.code())))
                        .collect::<Map<_, _>>(),
                )
            }
        }
    };
}

codes! {
    /// What a record of a log says; 70 to 76 stand in the exchange's log only.
    Kind: u16 {
        Boot = 1 "BOOT", Inject = 3 "INJECT", Clear = 4 "CLEAR", MarketDigest = 10 "MD_DIGEST",
        Intent = 22 "INTENT", RiskOk = 40 "RISK_OK", RiskDeny = 41 "RISK_DENY",
        Permit = 42 "PERMIT", Revoked = 43 "REVOKED", Epoch = 45 "EPOCH",
        OrderNew = 50 "ORDER_NEW", OrderSent = 51 "ORDER_SENT", Ack = 52 "ACK", Rej = 53 "REJ",
        Unknown = 54 "UNKNOWN", Query = 55 "QUERY", OrderTruth = 56 "ORDER_TRUTH",
        FillClaim = 57 "FILL_CLAIM", FillConfirmed = 58 "FILL_CONFIRMED",
        CancelSent = 60 "CANCEL_SENT", CancelAck = 61 "CANCEL_ACK", CancelRej = 62 "CANCEL_REJ",
        Done = 63 "DONE", XCreated = 70 "X_CREATED", XTrade = 71 "X_TRADE",
        XCancelled = 72 "X_CANCELLED", XRejected = 73 "X_REJECTED", XPos = 75 "X_POS",
        XPhase = 76 "X_PHASE", Post = 80 "POST", Pos = 81 "POS", Equity = 82 "EQUITY",
        ReconStart = 84 "RECON_START", Diff = 85 "DIFF", Repair = 86 "REPAIR",
        ReconOk = 87 "RECON_OK", State = 91 "STATE", KillTrip = 92 "KILL_TRIP",
        KillStage = 93 "KILL_STAGE", FlatConfirmed = 94 "FLAT_CONFIRMED", Rearm = 96 "REARM",
        Crashed = 112 "CRASHED", Restarted = 113 "RESTARTED", BusDrop = 116 "BUS_DROP",
        Effect = 133 "EFFECT",
    }
}

codes! {
    /// Who wrote a record.
    Agent: u16 {
        Kernel = 0 "kernel", Market = 1 "market", Exchange = 2 "exchange", Strategy = 3 "strategy",
        Broker = 4 "broker", Gate = 5 "gate", KillSwitch = 6 "kill_switch", Officer = 7 "officer",
        Portfolio = 8 "portfolio", Reconciler = 9 "reconciler", Supervisor = 10 "supervisor",
        Injector = 11 "injector",
    }
}

codes! {
    /// Where an order or an intent stands.
    Status: u8 {
        Intent = 0 "INTENT", Denied = 1 "DENIED", RiskOk = 2 "RISK_OK", Revoked = 3 "REVOKED",
        PendingSend = 4 "PENDING_SEND", Sent = 5 "SENT", Acked = 6 "ACKED", Partial = 7 "PARTIAL",
        Filled = 8 "FILLED", CancelPending = 9 "CANCEL_PENDING", Cancelled = 10 "CANCELLED",
        Rejected = 11 "REJECTED", Expired = 12 "EXPIRED", Unknown = 13 "UNKNOWN",
        NeverExisted = 14 "NEVER_EXISTED",
    }
}

codes! {
    /// Kind of order.
    OrderType: u8 { Market = 0 "MARKET", Limit = 1 "LIMIT" }
}

codes! {
    /// How long an order lives.
    Tif: u8 { Gtc = 0 "GTC" }
}

codes! {
    /// What an order is for.
    Purpose: u8 { Enter = 0 "ENTER", Exit = 1 "EXIT", Flatten = 2 "FLATTEN", Cancel = 3 "CANCEL" }
}

codes! {
    /// Which control denied an order; the number is the control's.
    Deny: u16 {
        None = 0 "NONE", Permit = 1 "K01_PERMIT", Size = 2 "K02_SIZE", Collar = 3 "K03_COLLAR",
        Caps = 4 "K04_CAPS", Rates = 5 "K05_RATES", Duplicate = 7 "K07_CLOID_SEEN",
        Unknown = 8 "K08_UNKNOWN_SAME_SIDE", Reduce = 34 "K34_REDUCE_ONLY", State = 35 "K35_STATE",
    }
}

codes! {
    /// Why the exchange refused a request.
    Reason: u16 {
        None = 0 "NONE", RateLimit = 1 "RATE_LIMIT", PriceCollar = 2 "PRICE_COLLAR",
        MinNotional = 3 "MIN_NOTIONAL", Margin = 4 "MARGIN", Halted = 6 "HALTED",
        DupCloid = 7 "DUP_CLOID", ExpiredRequest = 8 "EXPIRED_REQUEST",
        NotOpen = 9 "NOT_OPEN",
    }
}

codes! {
    /// Account of the ledger.
    Account: u8 {
        Cash = 0 "cash", Inventory = 1 "inventory", Fees = 2 "fees", Funding = 3 "funding",
        Realised = 4 "realised", Margin = 5 "margin", Suspense = 6 "suspense",
    }
}

codes! {
    /// State of the system.
    State: u8 {
        Boot = 0 "BOOT", Reconciling = 1 "RECONCILING", Trading = 2 "TRADING",
        ReduceOnly = 3 "REDUCE_ONLY", Halted = 4 "HALTED", Flattening = 5 "FLATTENING",
        Flat = 6 "FLAT", Cooldown = 7 "COOLDOWN", Probation = 8 "PROBATION",
        SafeMode = 9 "SAFE_MODE", KilledHuman = 10 "KILLED_HUMAN",
    }
}

codes! {
    /// Stage of a kill switch.
    Stage: u8 {
        Armed = 0 "ARMED", Tripped = 1 "TRIPPED", Cancelling = 2 "CANCELLING",
        Flattening = 3 "FLATTENING", FlatConfirmed = 4 "FLAT_CONFIRMED", Cooldown = 5 "COOLDOWN",
        Probation = 6 "PROBATION",
    }
}

codes! {
    /// Why a kill switch tripped.
    Cause: u16 { AssetBreaker = 1 "ASSET_BREAKER", BookLoss = 2 "BOOK_LOSS" }
}

codes! {
    /// Why an order became unknown.
    Doubt: u8 {
        AckTimeout = 1 "ACK_TIMEOUT", Crash = 2 "CRASH", CancelTimeout = 3 "CANCEL_TIMEOUT",
        CancelRefused = 4 "CANCEL_REFUSED", DupCloid = 5 "DUP_CLOID",
    }
}

codes! {
    /// What the exchange answers when asked about an order.
    Truth: u8 {
        NotFound = 0 "NOT_FOUND", Open = 1 "OPEN", Filled = 2 "FILLED", Cancelled = 3 "CANCELLED",
        Rejected = 4 "REJECTED", Snapshot = 5 "SNAPSHOT",
    }
}

codes! {
    /// Kind of injection.
    Harm: u8 { FlashCrash = 1 "A1", ProcessCrash = 6 "C1", ApiTimeout = 9 "D1" }
}

codes! {
    /// How hard an injection strikes.
    Intensity: u8 {
        Light = 0 "light", Medium = 1 "medium", Heavy = 2 "heavy", Extreme = 3 "extreme",
    }
}

codes! {
    /// Where a fill came from.
    Origin: u8 { Venue = 0 "venue", Ghost = 1 "ghost", Dup = 2 "dup" }
}

codes! {
    /// Which side of the book an order was on when it filled.
    Liquidity: u8 { Maker = 0 "maker", Taker = 1 "taker" }
}

codes! {
    /// What a scope is of; the upper half of its number.
    ScopeKind: u8 {
        Global = 0 "GLOBAL", Pool = 1 "POOL", Strategy = 2 "STRATEGY", Asset = 3 "ASSET",
        Venue = 4 "VENUE",
    }
}

codes! {
    /// What an equity row is of.
    Level: u8 { Book = 0 "book", Pool = 1 "pool", Strategy = 2 "strategy" }
}

codes! {
    /// What a row of the position table is of.
    PositionScope: u8 { Instrument = 0 "instrument" }
}

codes! {
    /// Crash domain: what dies and restarts together.
    Domain: u8 { P3 = 3 "P3" }
}

codes! {
    /// Why a message was dropped.
    Drop: u8 { MailboxFull = 1 "MAILBOX_FULL", ReceiverDown = 2 "RECEIVER_DOWN" }
}

codes! {
    /// Which of the three runs of a seed.
    Arm: u8 { Real = 0 "real", Twin = 1 "twin", Canary = 2 "canary" }
}

codes! {
    /// Which log an anchor is of.
    LogName: u8 { System = 0 "system", Exchange = 1 "exchange" }
}

/// Controls that a universe may switch off; their numbers are those of `deny_code`.
pub const SWITCHABLE: &[&str] = &["K07"];

/// Every set of this module as `{set: {name: number}}`, for Python to read.
pub fn codes() -> Value {
    json!({
        "kind": Kind::table(), "src": Agent::table(), "status": Status::table(),
        "type": OrderType::table(), "tif": Tif::table(), "purpose": Purpose::table(),
        "deny_code": Deny::table(), "reason": Reason::table(), "account": Account::table(),
        "state": State::table(), "stage": Stage::table(), "cause": Cause::table(),
        "doubt": Doubt::table(), "truth": Truth::table(), "injection": Harm::table(),
        "intensity": Intensity::table(), "origin": Origin::table(),
        "liquidity": Liquidity::table(), "scope": ScopeKind::table(), "level": Level::table(),
        "position_scope": PositionScope::table(), "domain": Domain::table(),
        "drop": Drop::table(), "arm": Arm::table(), "log": LogName::table(),
        "controls": SWITCHABLE,
    })
}
