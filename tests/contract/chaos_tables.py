"""An honest little universe by hand: three days, two assets, three strategies, three faults.

It is made without the engine and encodes its logs with `struct`, so that what the judges recompute
is compared with another hand's work.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from simcore.chaos.evidence import Evidence, Run
from simcore.chaos.kinds import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, Kind
from simcore.chaos.scopes import ASSET, NO_STRATEGY, scope
from simcore.seeds import jcs, sha256_hex
from simcore.tables import TABLES

CAMPAIGN = "by-hand"
SEED = 7
DAYS = 3
E0_UUSD = 1_000_000_000_000
UNIVERSE = sha256_hex(b"the universe of the test")
PRICE_TK = 10_000
LOTS = 10_000
N_ASSETS = 2
STRATEGIES = {0: 0, 1: 1, 2: 0}  # strategy to asset
ROOT = 0
NO_ID = 2**64 - 1
RUN_COLUMNS = ("run_id", "seed", "arm")

CRASH_AT = DAY_NS + 3 * HOUR_NS
DEATH_AT = DAY_NS + 8 * HOUR_NS
SILENCE_AT = DAY_NS + 13 * HOUR_NS
FALL_TK = 1_500


@dataclass
class Universe:
    """The run as it unfolds: both logs, the book, and the rows of the other tables."""

    arm: str
    events: list[dict[str, Any]] = field(default_factory=list)
    xlog: list[dict[str, Any]] = field(default_factory=list)
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    now: int = 0
    cash: int = E0_UUSD
    exchange_cash: int = E0_UUSD
    held: list[int] = field(default_factory=lambda: [0] * N_ASSETS)
    cost: list[int] = field(default_factory=lambda: [0] * N_ASSETS)
    mark: list[int] = field(default_factory=lambda: [PRICE_TK] * N_ASSETS)
    owned: dict[int, int] = field(default_factory=dict)
    epoch: list[int] = field(default_factory=lambda: [0] * N_ASSETS)
    permit: list[int] = field(default_factory=lambda: [0] * N_ASSETS)
    killed: set[int] = field(default_factory=set)
    n_intents: int = 0
    n_sets: int = 0
    n_trades: int = 0

    def emit(self, kind: int, subj: int = 0, *words: int, cause: int = ROOT, src: int = 0) -> int:
        """Write a record of the system and return its number."""
        padded = [*words, 0, 0, 0, 0]
        seq = len(self.events)
        self.events.append(
            {
                "seq": seq, "ts": self.now, "kind": int(kind), "src": src, "subj": subj,
                "cause_seq": cause, "agent_epoch": 1,
                **{f"i{n}": padded[n] for n in range(4)},
            }
        )  # fmt: skip
        return seq

    def witness(self, kind: int, instrument: int, **words: Any) -> None:
        """Write a record of the exchange."""
        record = {
            "seq": len(self.xlog), "ts": self.now, "kind": int(kind), "cloid": None,
            "exec_id": None, "instrument": instrument, "side": 0, "qty_lot": 0, "px_tk": 0,
            "fee_uusd": 0, "pos_lot": self.held[instrument], "cash_uusd": self.exchange_cash,
            "reason": 0,
        }  # fmt: skip
        self.xlog.append({**record, **words})

    def row(self, table: str, **values: Any) -> dict[str, Any]:
        """Add a row to one of the other tables."""
        self.rows.setdefault(table, []).append(values)
        return values

    def renew(self, instrument: int) -> None:
        """Permit entries in one asset for an hour and a half."""
        expires = self.now + 3 * HOUR_NS // 2
        of = scope(ASSET, instrument)
        seq = self.emit(Kind.PERMIT, of, self.epoch[instrument], 0, expires)
        self.permit[instrument] = seq
        self.row(
            "permits", seq=seq, scope=of, epoch=self.epoch[instrument], max_risk_uusd=0,
            ts=self.now, expires_ts=expires, issuer_epoch=1,
        )  # fmt: skip

    def raise_epoch(self, instrument: int, cause: int) -> None:
        """Make every earlier permit of the asset worthless."""
        self.epoch[instrument] += 1
        self.emit(Kind.EPOCH, scope(ASSET, instrument), self.epoch[instrument], cause=cause)

    def intend(self, strategy: int, instrument: int, side: int, qty: int, cause: int) -> int:
        """Utter an intent and return its number."""
        self.n_intents += 1
        seq = self.emit(
            Kind.INTENT, self.n_intents, 0, instrument * 2 + (side > 0), qty, cause=cause
        )
        self.row(
            "intents", intent_id=self.n_intents, ts=self.now, strategy=strategy,
            instrument=instrument, side=side, qty_lot=qty, cause_seq=seq, status="FILLED",
        )  # fmt: skip
        return seq

    def send(self, child: int, purpose: str, cause: int) -> tuple[bytes, int]:
        """Send an order of the last intent and return its client order id and its record."""
        intent = self.rows["intents"][-1]
        number = self.n_intents << 40 | child << 16 | 0x5047
        cloid = (intent["strategy"] << 112 | number).to_bytes(16, "little")
        instrument, side = intent["instrument"], intent["side"]
        checked = self.emit(Kind.RISK_OK, number, self.mark[instrument], cause=cause)
        seq = self.emit(
            Kind.ORDER_SENT, number, instrument * 2 + (side > 0), intent["qty_lot"], 0,
            self.permit[instrument], cause=checked,
        )  # fmt: skip
        self.row(
            "orders", cloid=cloid, intent_id=self.n_intents, parent_id=self.n_intents,
            strategy=intent["strategy"], instrument=instrument, side=side,
            type="MARKET", tif="GTC", purpose=purpose,
            qty_lot=intent["qty_lot"], limit_tk=0, permit_seq=self.permit[instrument],
            scope_epoch=self.epoch[instrument], sent_seq=seq, reduces=purpose == "FLATTEN",
            ts_intent=self.now, ts_gate=self.now, ts_sent=self.now, ts_venue=None, ts_ack=None,
            ts_done=None, status="FILLED", status_truth="FILLED", unknown_ns=0, deny_code=0,
            filled_lot=intent["qty_lot"], filled_truth_lot=intent["qty_lot"], retries=0,
            wc_exposure_uusd=0,
        )  # fmt: skip
        return cloid, seq

    def create(self, cloid: bytes) -> None:
        """Let the exchange take the last intent's order in."""
        intent = self.rows["intents"][-1]
        self.witness(
            Kind.X_CREATED, intent["instrument"], cloid=cloid, side=intent["side"],
            qty_lot=intent["qty_lot"],
        )  # fmt: skip

    def fill(self, cloid: bytes, cause: int) -> None:
        """Fill the last intent at the mark and book it."""
        intent = self.rows["intents"][-1]
        at, side, qty = intent["instrument"], intent["side"], intent["qty_lot"]
        price = self.mark[at]
        fee = (price * qty * 5 + 9_999) // 10_000
        self.exchange_cash -= side * price * qty + fee
        self.held[at] += side * qty
        self.witness(
            Kind.X_TRADE, at, cloid=cloid, exec_id=self.n_trades, side=side, qty_lot=qty,
            px_tk=price, fee_uusd=fee,
        )  # fmt: skip
        self.row(
            "fills", exec_id=self.n_trades, cloid=cloid, instrument=at, side=side, qty_lot=qty,
            px_tk=price, fee_uusd=fee, liquidity="taker", ts_trade=self.now, ts_claim=self.now,
            ts_confirmed=self.now, ts_reversed=None, origin="venue", slippage_cbp=0,
        )  # fmt: skip
        self.n_trades += 1
        confirmed = self.emit(Kind.FILL_CONFIRMED, int.from_bytes(cloid[:8], "little"), cause=cause)
        self._post(at, side, qty, price, fee, confirmed)
        self.value(at, confirmed)
        self.emit(Kind.EQUITY, 0, self.cash, self.equity, E0_UUSD, 2, cause=confirmed)

    def _post(self, at: int, side: int, qty: int, price: int, fee: int, cause: int) -> None:
        notional = price * qty
        released = notional if side > 0 else self.cost[at] * qty // (self.held[at] + qty)
        self.n_sets += 1
        self.cash -= side * notional + fee
        self.cost[at] += released if side > 0 else -released
        entries = [(0, -side * notional - fee), (1, side * released), (2, fee)]
        if side < 0:
            entries.append((4, released - notional))
        for account, amount in entries:
            self.emit(Kind.POST, 0, account, amount, at, self.n_sets, cause=cause)

    def value(self, at: int, cause: int = ROOT) -> None:
        """Write down position and mark of one asset."""
        lots = self.held[at]
        self.emit(Kind.POS, at, lots, lots, self.cost[at], self.mark[at], cause=cause)

    @property
    def equity(self) -> int:
        """Cash and positions at their marks."""
        held = zip(self.held, self.mark, strict=True)
        return self.cash + sum(lots * mark for lots, mark in held)


def trade(world: Universe, strategy: int, *, doubt: str = "") -> None:
    """Turn a strategy's position round, with an answer or into silence."""
    at = STRATEGIES[strategy]
    if at in world.killed:
        return
    side = -1 if world.owned.get(strategy) else 1
    wanted = world.intend(strategy, at, side, LOTS, ROOT)
    cloid, sent = world.send(0, "ENTER" if side > 0 else "EXIT", wanted)
    number = int.from_bytes(cloid[:8], "little")
    cause = sent
    if doubt != "lost":
        world.now += 20_000_000
        world.create(cloid)
    if doubt:
        world.now += 2 * SECOND_NS
        cause = world.emit(Kind.UNKNOWN, number, 1, cause=sent)
        world.now += SECOND_NS
        cloid, cause = _resolve(world, cloid, number, doubt, cause)
    else:
        cause = world.emit(Kind.ACK, number, cause=sent)
    world.now += SECOND_NS
    world.fill(cloid, cause)
    world.owned[strategy] = LOTS if side > 0 else 0


def _resolve(
    world: Universe, cloid: bytes, number: int, doubt: str, cause: int
) -> tuple[bytes, int]:
    """Ask the exchange, resend what never arrived; the canary resends what did arrive."""
    if doubt == "lost":
        cause = world.emit(Kind.ORDER_SENT, number, *_sent_words(world), cause=cause)
        world.rows["orders"][-1]["retries"] = 1
        world.now += 20_000_000
        world.create(cloid)
    elif world.arm == "canary":
        world.fill(cloid, cause)
        cloid, cause = world.send(1, "ENTER", cause)
        world.create(cloid)
        number = int.from_bytes(cloid[:8], "little")
    return cloid, world.emit(Kind.ORDER_TRUTH, number, 1, cause=cause)


def _sent_words(world: Universe) -> list[int]:
    intent = world.rows["intents"][-1]
    at = intent["instrument"]
    return [at * 2 + (intent["side"] > 0), intent["qty_lot"], 0, world.permit[at]]


def crash(world: Universe) -> None:
    """Let the lead asset fall in ten minutes, kill it, flatten it, let half an hour pass, rearm."""
    hit = world.emit(Kind.INJECT, 1)
    for step in range(1, 11):
        world.now += MINUTE_NS
        world.mark[0] = PRICE_TK - FALL_TK * step // 10
        world.value(0, hit)
    tripped = _kill(world, hit)
    _flatten(world, tripped)
    for step in range(1, 31):
        world.now += MINUTE_NS
        world.mark[0] = PRICE_TK - FALL_TK + FALL_TK * step // 30
        world.value(0, hit)
    world.emit(Kind.CLEAR, 1, cause=hit)
    rearmed = world.emit(Kind.REARM, scope(ASSET, 0), cause=tripped)
    world.rows["kills"][-1].update(rearm_seq=rearmed, ts_rearm=world.now)
    world.raise_epoch(0, rearmed)
    world.renew(0)
    world.killed.clear()


def _kill(world: Universe, cause: int) -> int:
    tripped = world.emit(Kind.KILL_TRIP, scope(ASSET, 0), 1, cause=cause)
    world.killed.add(0)
    world.raise_epoch(0, tripped)
    world.row(
        "kills", trip_seq=tripped, scope=scope(ASSET, 0), cause=1, cancel_done_seq=tripped,
        flat_seq=None, rearm_seq=None, ts_trip=world.now, ts_cancel_done=world.now, ts_flat=None,
        ts_rearm=None, justified=True,
    )  # fmt: skip
    return tripped


def _flatten(world: Universe, cause: int) -> None:
    if world.held[0]:
        wanted = world.intend(NO_STRATEGY, 0, -1, world.held[0], cause)
        cloid, sent = world.send(0, "FLATTEN", wanted)
        world.create(cloid)
        world.fill(cloid, sent)
    for strategy, at in STRATEGIES.items():
        world.owned[strategy] = 0 if at == 0 else world.owned.get(strategy, 0)
    flat = world.emit(Kind.FLAT_CONFIRMED, scope(ASSET, 0), cause=cause)
    world.rows["kills"][-1].update(flat_seq=flat, ts_flat=world.now)


def die(world: Universe) -> None:
    """Let the broker crash and come back five seconds later."""
    hit = world.emit(Kind.INJECT, 2)
    dead = world.emit(Kind.CRASHED, 3, cause=hit)
    world.emit(Kind.CLEAR, 2, cause=hit)
    world.now += 5 * SECOND_NS
    back = world.emit(Kind.RESTARTED, 3, cause=dead)
    world.emit(Kind.RECON_OK, cause=back)


def fall_silent(world: Universe) -> None:
    """Answer neither of two orders: one was executed, one never arrived."""
    hit = world.emit(Kind.INJECT, 3)
    trade(world, 1, doubt="lost")
    trade(world, 2, doubt="executed")
    world.emit(Kind.CLEAR, 3, cause=hit)


FAULTS: dict[int, Callable[[Universe], None]] = {
    CRASH_AT: crash,
    DEATH_AT: die,
    SILENCE_AT: fall_silent,
}
INJECTIONS = (
    (1, "A1", CRASH_AT, {"lead": 0, "drop_bps": 1500}),
    (2, "C1", DEATH_AT, {"domain": "P3"}),
    (3, "D1", SILENCE_AT, {"unanswered_ppm": 50000}),
)


def unfold(arm: str) -> Universe:
    """Live through the days of one arm."""
    world = Universe(arm)
    world.emit(Kind.BOOT)
    for instrument in range(N_ASSETS):
        world.witness(Kind.X_PHASE, instrument)
    for hour in range(DAYS * 24):
        world.now = max(world.now, hour * HOUR_NS)
        for instrument in range(N_ASSETS):
            world.renew(instrument)
            world.value(instrument)
        if arm != "twin" and hour * HOUR_NS in FAULTS:
            FAULTS[hour * HOUR_NS](world)
        else:
            for strategy in STRATEGIES:
                trade(world, strategy)
                world.now += MINUTE_NS
        world.emit(Kind.EQUITY, 0, world.cash, world.equity, E0_UUSD, 2)
        world.row(
            "equity", level="book", id=0, ts=hour * HOUR_NS, cash_uusd=world.cash,
            equity_uusd=world.equity, equity_truth_uusd=world.equity, equity_twin_uusd=None,
            peak_uusd=E0_UUSD, dd_ppm=max(0, (E0_UUSD - world.equity) // 1_000_000),
            gross_uusd=0, net_uusd=0, state="TRADING", permit=True,
        )  # fmt: skip
    return world


EVENT = struct.Struct("<QqHHQQIqqqqII")
RECORD = struct.Struct("<QqH16sQHbqqqqqH")


def event_bytes(row: dict[str, Any]) -> bytes:
    """Encode a record of the system's log."""
    words = [row[f"i{n}"] for n in range(4)]
    head = [row[name] for name in ("seq", "ts", "kind", "src", "subj", "cause_seq", "agent_epoch")]
    return EVENT.pack(*head, *words, 0, 0)


def record_bytes(row: dict[str, Any]) -> bytes:
    """Encode a record of the exchange's log."""
    names = ("instrument", "side", "qty_lot", "px_tk", "fee_uusd", "pos_lot", "cash_uusd", "reason")
    cloid = row["cloid"] or bytes(16)
    number = NO_ID if row["exec_id"] is None else row["exec_id"]
    head = (row["seq"], row["ts"], row["kind"], cloid, number)
    return RECORD.pack(*head, *(row[name] for name in names))


def identity(log: str, arm: str) -> dict[str, Any]:
    """Return what a chain begins with."""
    return {
        "log": log, "campaign": CAMPAIGN, "run_seed": SEED, "arm": arm, "universe_sha256": UNIVERSE,
    }  # fmt: skip


def seal(
    rows: list[dict[str, Any]], log: str, arm: str, encode: Callable[[dict[str, Any]], bytes]
) -> tuple[list[int], list[dict[str, Any]]]:
    """Return the page of every record, and the anchors of the days and of the end."""
    head = hashlib.sha256(b"pg.log.v1" + jcs(identity(log, arm))).digest()
    pages: list[int] = []
    anchors: list[dict[str, Any]] = []
    content = b""
    page = 0

    def close() -> None:
        nonlocal head, content, page
        if content:
            head = hashlib.sha256(head + content).digest()
            content = b""
            page += 1

    def anchor(day: int) -> None:
        close()
        anchors.append(
            {
                "log": log, "day": day, "seq": len(pages) - 1, "page": page - 1,
                "hash": head.hex(), "universe_sha256": UNIVERSE,
            }
        )  # fmt: skip

    day = 0
    for row in rows:
        while row["ts"] // DAY_NS > day:
            anchor(day)
            day += 1
        record = encode(row)
        if len(content) + len(record) > 65_536:
            close()
        content += record
        pages.append(page)
    while day < DAYS:
        anchor(day)
        day += 1
    anchor(DAYS)
    return pages, anchors


def frame(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Return rows as the project's table has them, without the columns that name the run."""
    schema = TABLES[f"chaos_{name}"].polars_schema()
    return pl.DataFrame(
        rows, schema={key: kind for key, kind in schema.items() if key not in RUN_COLUMNS}
    )


def _paged(rows: list[dict[str, Any]], pages: list[int]) -> list[dict[str, Any]]:
    return [{**row, "page": page} for row, page in zip(rows, pages, strict=True)]


def tables_of(world: Universe) -> dict[str, pl.DataFrame]:
    """Return every table of a run that has unfolded."""
    pages, anchors = seal(world.events, "system", world.arm, event_bytes)
    x_pages, x_anchors = seal(world.xlog, "exchange", world.arm, record_bytes)
    rows = {name: world.rows.get(name, []) for name in ("intents", "permits", "kills", "orders")}
    planned = [
        {"inj_id": number, "kind": kind, "t_arm": at, "params": jcs(params).decode()}
        for number, kind, at, params in INJECTIONS
        if world.arm != "twin"
    ]
    names = {"inj_id": pl.UInt32, "kind": pl.String, "t_arm": pl.Int64, "params": pl.String}
    return {
        "events": frame("events", _paged(world.events, pages)),
        "xlog": frame("xlog", _paged(world.xlog, x_pages)),
        "anchors": frame("anchors", [*anchors, *x_anchors]),
        **{name: frame(name, found) for name, found in rows.items()},
        "fills": frame("fills", world.rows["fills"]),
        "equity": frame("equity", world.rows["equity"]),
        "injections": pl.DataFrame(planned, schema=names),
    }  # fmt: skip


def run_of(arm: str) -> Run:
    """Return one honest run."""
    name = sha256_hex(jcs(identity("system", arm)))[:32]
    return Run(CAMPAIGN, SEED, arm, bytes.fromhex(name), tables_of(unfold(arm)))


def undisturbed() -> pl.DataFrame:
    """Return the market without its crash: it stands still."""
    minutes = [minute * MINUTE_NS for minute in range(DAYS * 24 * 60 + 1)]
    return pl.concat(
        pl.DataFrame({"instrument": asset, "known_at": minutes, "close_tk": PRICE_TK})
        for asset in range(N_ASSETS)
    )


def evidence() -> Evidence:
    """Return the honest real arm beside its twin, its canary and its market."""
    return Evidence(
        run_of("real"),
        run_of("twin"),
        run_of("canary"),
        e0_uusd=E0_UUSD,
        days=DAYS,
        market=undisturbed(),
    )


def with_table(run: Run, name: str, rows: pl.DataFrame) -> Run:
    """Return the run with one table exchanged."""
    return replace(run, tables={**run.tables, name: rows})
