"""Tables of the chaos campaigns: the log of the paper stack, its views, and what was judged.

Money is in whole micro-units of the quote currency (`_uusd`), prices in ticks (`_tk`),
quantities in lots (`_lot`), times in nanoseconds of the simulated clock (`ts`).
"""

from __future__ import annotations

from typing import Final

from simcore.seeds import SEED_MAX
from simcore.tables.table import Column, DType, Table
from simcore.tables.verdicts import RESULTS

ARMS: Final = ("real", "twin", "canary")
ORDER_STATUSES: Final = (
    "INTENT", "DENIED", "RISK_OK", "REVOKED", "PENDING_SEND", "SENT", "ACKED", "PARTIAL", "FILLED",
    "CANCEL_PENDING", "CANCELLED", "REJECTED", "EXPIRED", "UNKNOWN", "NEVER_EXISTED",
)  # fmt: skip
TRADING_STATES: Final = (
    "BOOT", "RECONCILING", "TRADING", "REDUCE_ONLY", "HALTED", "FLATTENING", "FLAT", "COOLDOWN",
    "PROBATION", "SAFE_MODE", "KILLED_HUMAN",
)  # fmt: skip
ORACLE_VERDICTS: Final = ("PASS", "FAIL", "INCONCLUSIVE")

_RUN: Final = (
    Column("run_id", "bytes16", "-", "First half of the hash of the run's identity."),
    Column("seed", "u64", "-", "Root seed of the run.", maximum=SEED_MAX),
    Column("arm", "enum", "-", "Which of the three runs of a seed.", values=ARMS),
)


def _table(
    name: str,
    meaning: str,
    key: tuple[str, ...],
    *columns: Column,
    of_run: bool = True,
    schema_version: int = 1,
) -> Table:
    return Table(
        f"chaos_{name}",
        meaning,
        key=("run_id", *key) if of_run else key,
        partitioned_by=("campaign",),
        columns=(*_RUN, *columns),
        schema_version=schema_version,
    )


def _count(name: str, meaning: str) -> Column:
    return Column(name, "u32", name, meaning)


def _moment(name: str, meaning: str, *, nullable: bool = False) -> Column:
    return Column(name, "i64", "ns", meaning, nullable=nullable)


def _money(name: str, meaning: str, *, nullable: bool = False) -> Column:
    return Column(name, "i64", "1e-6 quote", meaning, nullable=nullable)


def _event(name: str, meaning: str, *, nullable: bool = False) -> Column:
    return Column(name, "u64", "-", meaning, nullable=nullable)


def _signed(name: str, unit: str, meaning: str, dtype: DType = "i64") -> Column:
    return Column(name, dtype, unit, meaning)


# What the engine writes as a number; a test holds these against its catalogue.
_CAUSES: Final = "1 ASSET_BREAKER, 2 BOOK_LOSS"
_COMPONENTS: Final = (
    "0 kernel, 1 market, 2 exchange, 3 strategy, 4 broker, 5 gate, 6 kill_switch, 7 officer, "
    "8 portfolio, 9 reconciler, 10 supervisor, 11 injector"
)
_CONTROLS: Final = (
    "0 NONE, 1 K01_PERMIT, 2 K02_SIZE, 3 K03_COLLAR, 4 K04_CAPS, 5 K05_RATES, 7 K07_CLOID_SEEN, "
    "8 K08_UNKNOWN_SAME_SIDE, 34 K34_REDUCE_ONLY, 35 K35_STATE"
)
_REASONS: Final = (
    "0 NONE, 1 RATE_LIMIT, 2 PRICE_COLLAR, 3 MIN_NOTIONAL, 4 MARGIN, 6 HALTED, 7 DUP_CLOID, "
    "8 EXPIRED_REQUEST, 9 NOT_OPEN"
)
_SCOPE: Final = (
    "its number, and 2^32 times its kind: 0 GLOBAL, 1 POOL, 2 STRATEGY, 3 ASSET, 4 VENUE"
)

_SIDE: Final = Column("side", "i8", "-", "1 buy, -1 sell, 0 none.", minimum=-1, maximum=1)
_STRATEGY: Final = Column(
    "strategy", "u16", "-", "Number of the strategy in the universe, from zero."
)
_INSTRUMENT: Final = Column(
    "instrument", "u16", "-", "Number of the instrument in the universe, from zero."
)
_QTY: Final = Column("qty_lot", "i64", "lots", "Quantity.", minimum=0)

EVENTS: Final = _table(
    "events", "One row per record of the log of the system under test.", ("seq",),
    _event("seq", "Number of the record, dense."),
    _moment("ts", "Simulated time of the record."),
    Column("kind", "u16", "-", "Kind of the event; the catalogue of the engine names it."),
    Column("src", "u16", "-", f"Component that wrote it: {_COMPONENTS}."),
    Column("subj", "u64", "-", "What it is about: order, injection, instrument, by kind."),
    _event("cause_seq", "Record that caused this one; the first record, 0, if nothing else did."),
    Column("agent_epoch", "u32", "-", "Life of the writing component; a restart raises it."),
    *(_signed(f"i{n}", "by kind", f"Payload word {n}.") for n in range(4)),
    Column("page", "u32", "-", "Page of the hash chain the record lies in."),
)  # fmt: skip

XLOG: Final = _table(
    "xlog", "One row per record of the exchange's own log, which only the oracles read.", ("seq",),
    _event("seq", "Number of the record, dense."),
    _moment("ts", "Simulated time of the record."),
    Column("kind", "u16", "-", "Kind of the event; the catalogue of the engine names it."),
    Column("cloid", "bytes16", "-", "Client order id, if the record has one.", nullable=True),
    _event("exec_id", "Number of the execution, if it is one.", nullable=True),
    _INSTRUMENT,
    _SIDE,
    _signed("qty_lot", "lots", "Quantity."),
    _signed("px_tk", "ticks", "Price."),
    _money("fee_uusd", "Fee."),
    _signed("pos_lot", "lots", "Position behind the record."),
    _money("cash_uusd", "Cash behind the record."),
    Column("reason", "u16", "-", f"Reason of a refusal: {_REASONS}."),
    Column("page", "u32", "-", "Page of the hash chain the record lies in."),
)  # fmt: skip

ANCHORS: Final = _table(
    "anchors", "One row per log and simulated day: the head of its hash chain.",
    ("log", "day", "page"),
    Column("log", "enum", "-", "Which log.", values=("system", "exchange")),
    Column("day", "u32", "days", "Day that ended, from zero; the number of days at the end."),
    _event("seq", "Last record before the anchor."),
    Column("page", "u32", "-", "Last page before the anchor."),
    Column("hash", "str", "-", "Head of the chain; 64 hexadecimal digits."),
    Column("universe_sha256", "str", "-", "Hash of the universe, part of the chain's beginning."),
)  # fmt: skip

INTENTS: Final = _table(
    "intents", "One row per intent: what a strategy wanted.", ("intent_id",),
    Column("intent_id", "u64", "-", "Number of the intent."),
    _moment("ts", "When it was uttered."),
    _STRATEGY,
    _INSTRUMENT,
    _SIDE,
    _QTY,
    _event("cause_seq", "Record that caused it."),
    Column("status", "enum", "-", "What became of it.", values=ORDER_STATUSES),
)  # fmt: skip

PERMITS: Final = _table(
    "permits", "One row per permit to take risk, as the risk officer issued it.", ("seq",),
    _event("seq", "Record of the permit."),
    Column("scope", "u64", "-", f"What it covers: {_SCOPE}."),
    Column("epoch", "u32", "-", "Epoch of the scope."),
    _money("max_risk_uusd", "New risk it allows."),
    _moment("ts", "When it was issued."),
    _moment("expires_ts", "When it lapses."),
    Column("issuer_epoch", "u32", "-", "Life of the officer that issued it."),
)  # fmt: skip

KILLS: Final = _table(
    "kills", "One row per trip of the kill switch: its scope, its cause, its end.",
    ("trip_seq",),
    _event("trip_seq", "Record of the trip."),
    Column("scope", "u64", "-", f"What was stopped: {_SCOPE}."),
    Column("cause", "u16", "-", f"Why: {_CAUSES}."),
    _event("cancel_done_seq", "Record of the last cancel.", nullable=True),
    _event("flat_seq", "Record of the confirmed flat.", nullable=True),
    _event("rearm_seq", "Record of the rearm.", nullable=True),
    _moment("ts_trip", "When it tripped."),
    _moment("ts_cancel_done", "When all was cancelled.", nullable=True),
    _moment("ts_flat", "When flat was confirmed.", nullable=True),
    _moment("ts_rearm", "When it was rearmed.", nullable=True),
    Column("justified", "bool", "-", "Whether an injection or a true rule caused it."),
)  # fmt: skip

ORDERS: Final = _table(
    "orders", "One row per client order id: an order and what became of it.", ("cloid",),
    Column("cloid", "bytes16", "-", "Client order id; a retry bears the same."),
    Column("intent_id", "u64", "-", "Number of the intent."),
    Column("parent_id", "u64", "-", "Parent order; the intent, as an intent has one parent."),
    _STRATEGY,
    _INSTRUMENT,
    _SIDE,
    Column("type", "enum", "-", "Kind of order.", values=("MARKET", "LIMIT")),
    Column("tif", "enum", "-", "How long it lives.", values=("GTC", "GTD", "IOC", "FOK", "DAY")),
    Column("purpose", "enum", "-", "What it is for.",
           values=("ENTER", "EXIT", "FLATTEN", "CANCEL")),
    _QTY,
    Column("limit_tk", "i64", "ticks", "Limit price; 0 for a market order.", minimum=0),
    _event("permit_seq", "Record of the permit it was sent under.", nullable=True),
    Column("scope_epoch", "u32", "-", "Epoch of the scope when it was sent."),
    _event("sent_seq", "Record of the first sending.", nullable=True),
    Column("reduces", "bool", "-", "Whether it can only reduce the position."),
    _moment("ts_intent", "When it was wanted."),
    _moment("ts_gate", "When the gate decided.", nullable=True),
    _moment("ts_sent", "When it was first sent.", nullable=True),
    _moment("ts_venue", "When the exchange had it.", nullable=True),
    _moment("ts_ack", "When the first answer came.", nullable=True),
    _moment("ts_done", "When it ended.", nullable=True),
    Column("status", "enum", "-", "Where it ended, as the system knows.", values=ORDER_STATUSES),
    Column("status_truth", "enum", "-", "Where it ended, as the exchange knows.",
           values=ORDER_STATUSES),
    Column("unknown_ns", "i64", "ns", "Time spent in UNKNOWN.", minimum=0),
    Column("deny_code", "u16", "-", f"Control that denied it: {_CONTROLS}."),
    Column("filled_lot", "i64", "lots", "Filled, as the system knows.", minimum=0),
    Column("filled_truth_lot", "i64", "lots", "Filled, as the exchange knows.", minimum=0),
    Column("retries", "u8", "-", "Sendings after the first."),
    _money("wc_exposure_uusd", "Worst-case exposure of the instrument when the gate let it go."),
    schema_version=2,
)  # fmt: skip

FILLS: Final = _table(
    "fills", "One row per execution, as claimed and as confirmed.", ("exec_id",),
    Column("exec_id", "u64", "-", "Number of the execution."),
    Column("cloid", "bytes16", "-", "Client order id."),
    _INSTRUMENT,
    _SIDE,
    _QTY,
    Column("px_tk", "i64", "ticks", "Price.", minimum=0),
    _money("fee_uusd", "Fee."),
    Column("liquidity", "enum", "-", "Which side of the book.", values=("maker", "taker")),
    _moment("ts_trade", "When it happened."),
    _moment("ts_claim", "When it was first heard of.", nullable=True),
    _moment("ts_confirmed", "When a second source agreed.", nullable=True),
    _moment("ts_reversed", "When it was taken back.", nullable=True),
    Column("origin", "enum", "-", "Where it came from.", values=("venue", "ghost", "dup")),
    Column("slippage_cbp", "i32", "1e-2 bps", "Price against the mid at sending."),
)  # fmt: skip

POSITIONS: Final = _table(
    "positions", "One row per change of a position in an instrument: as claimed and as confirmed.",
    ("instrument", "ts", "seq"),
    _INSTRUMENT,
    _moment("ts", "Simulated time."),
    Column("scope", "enum", "-", "Of what.", values=("instrument",)),
    _event("seq", "Record of the change."),
    _signed("claimed_lot", "lots", "Position with provisional fills."),
    _signed("confirmed_lot", "lots", "Position with confirmed fills."),
    _signed("truth_lot", "lots", "Position at the exchange."),
    _signed("avg_tk", "ticks", "Cost of a lot, for reading only; 0 if nothing is held."),
    _signed("mark_tk", "ticks", "Price it is valued at."),
    _money("realised_uusd", "Realised profit."),
    _money("unrealised_uusd", "Profit at the mark."),
    _money("worst_case_uusd", "Exposure if every open order filled on its worse side."),
    schema_version=2,
)  # fmt: skip

EQUITY: Final = _table(
    "equity", "One row per simulated minute of book, pool or strategy: its equity, and its twin's.",
    ("level", "id", "ts"),
    Column("level", "enum", "-", "Of what.", values=("book", "pool", "strategy")),
    Column("id", "u16", "-", "Number within the level."),
    _moment("ts", "Simulated time."),
    _money("cash_uusd", "Cash."),
    _money("equity_uusd", "Cash and positions at their marks, as the system knows."),
    _money("equity_truth_uusd", "The same, as the exchange knows."),
    _money("equity_twin_uusd", "Equity of the twin at the same time.", nullable=True),
    _money("peak_uusd", "Highest equity so far."),
    Column("dd_ppm", "i32", "ppm", "Fall below the peak.", minimum=0),
    _money("gross_uusd", "Sum of absolute positions at their marks."),
    _money("net_uusd", "Sum of positions at their marks."),
    Column("state", "enum", "-", "State of the system.", values=TRADING_STATES),
    Column("permit", "bool", "-", "Whether new risk was permitted."),
)  # fmt: skip

INJECTIONS: Final = _table(
    "injections", "One row per fault that was planned: when it struck, and what it did.",
    ("inj_id",),
    Column("inj_id", "u32", "-", "Number of the injection."),
    Column("kind", "str", "-", "Kind of the chaos scenario, such as A1."),
    Column("intensity", "str", "-", "How hard."),
    Column("sham", "bool", "-", "Whether it only looks like a fault."),
    Column("target", "u64", "-", "What it was aimed at."),
    Column("params", "str", "-", "Canonical JSON of its parameters."),
    _moment("t_arm", "When it was armed."),
    _moment("t0", "When it struck.", nullable=True),
    _moment("t_clear", "When it was cleared.", nullable=True),
    Column("effective", "bool", "-", "Whether its effect was witnessed."),
    _event("witness_seq", "Record that witnesses the effect.", nullable=True),
    Column("result", "enum", "-", "What the oracles said.", values=ORACLE_VERDICTS),
    Column("failed_oracles", "str", "-", "Ids of the oracles that failed, space between."),
    schema_version=2,
)  # fmt: skip

INCIDENTS: Final = _table(
    "incidents", "One row per incident: what an injection set off, from its opening to its close.",
    ("inc_id",),
    Column("inc_id", "u32", "-", "Number of the incident."),
    Column("inj_id", "u32", "-", "Injection that caused it.", nullable=True),
    _event("opened_seq", "Record that opened it."),
    _event("closed_seq", "Record that closed it.", nullable=True),
    _moment("ttd_ns", "Time from the strike to the first control it caused.", nullable=True),
    _moment("tth_ns", "Time from the strike to the first kill.", nullable=True),
    _moment("ttc_ns", "Longest time from a kill to its last cancel.", nullable=True),
    _moment("ttf_ns", "Longest time from a kill to its confirmed flat.", nullable=True),
    _moment("mttr_ns", "Time from the strike until nothing of it was left.", nullable=True),
    _money("loss_attr_uusd", "Equity of the twin less the run's at the close.", nullable=True),
    _count("dup_orders", "Orders that exist twice or were overfilled."),
    _count("human_actions", "Actions of a person."),
)  # fmt: skip

ORACLE_RESULTS: Final = _table(
    "oracle_results", "One row per oracle and run: what it found.", ("oracle",),
    Column("oracle", "str", "-", "Id of the oracle."),
    Column("antecedents", "u64", "-", "Cases the oracle applied to."),
    Column("violations", "u64", "-", "Cases that broke it."),
    _event("first_bad_seq", "First record that broke it.", nullable=True),
    Column("verdict", "enum", "-", "What it says.", values=ORACLE_VERDICTS),
)  # fmt: skip

REPORT: Final = _table(
    "report", "One row per seed: what was injected, what held, how long healing took.", ("seed",),
    Column("result", "enum", "-", "Result of the run.", values=RESULTS),
    Column("judged", "str", "-", "Ids of the oracles that judged, space between."),
    Column("not_shown", "str", "-", "JSON array of what the run did not show."),
    _count("n_injected", "Injections that struck."),
    _count("n_effective", "Injections whose effect was witnessed."),
    _count("n_inconclusive", "Injections whose effect was not witnessed."),
    Column("survived_wo_human_pct", "f64", "%", "Effective injections survived without a person.",
           nullable=True, minimum=0.0, maximum=100.0),
    *(
        Column(f"mttr_s_{which}", "f64", "s", f"From clearing to health, {which}.", nullable=True,
               minimum=0.0)
        for which in ("mean", "p50", "p95", "max")
    ),
    Column("uptime_trading_pct", "f64", "%", "Minutes with a permit in a trading state.",
           nullable=True, minimum=0.0, maximum=100.0),
    Column("sim_s", "f64", "s", "Simulated time of the real arm.", minimum=0.0),
    Column("events", "u64", "events", "Records in the log of the real arm."),
    _count("global_kills", "Trips of the whole book."),
    _count("local_kills", "Trips of a smaller scope."),
    _count("dup_orders", "Orders that exist twice or were overfilled."),
    _count("human_actions", "Actions of a person."),
    Column("max_dd_ppm", "i32", "ppm", "Deepest fall of the book below its peak.", minimum=0),
    Column("log_root", "str", "-", "Root of the hash chain of the real arm's log."),
    of_run=False,
)  # fmt: skip

TABLES: Final = (
    EVENTS, XLOG, ANCHORS, INTENTS, PERMITS, KILLS, ORDERS, FILLS, POSITIONS, EQUITY, INJECTIONS,
    INCIDENTS, ORACLE_RESULTS, REPORT,
)  # fmt: skip
