"""The two logs as bytes again: rows to records, records to pages, pages to the hash chain.

Everything here is recomputed from the columns of the tables and from the run's identity; no hash
that the engine reports is used except to be compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simcore.chaos.kinds import DAY_NS
from simcore.seeds import jcs, sha256_hex

PAGE_BYTES: Final = 64 * 1024
CHAIN_DOMAIN: Final = b"pg.log.v1"
NO_ID: Final = 2**64 - 1  # an absent unsigned number, as the record holds it

EVENT_RECORD: Final = np.dtype(
    [
        ("seq", "<u8"), ("ts", "<i8"), ("kind", "<u2"), ("src", "<u2"), ("subj", "<u8"),
        ("cause_seq", "<u8"), ("agent_epoch", "<u4"), ("i0", "<i8"), ("i1", "<i8"),
        ("i2", "<i8"), ("i3", "<i8"), ("payload_len", "<u4"), ("zero", "<u4"),
    ]
)  # fmt: skip
XLOG_RECORD: Final = np.dtype(
    [
        ("seq", "<u8"), ("ts", "<i8"), ("kind", "<u2"), ("cloid", "V16"), ("exec_id", "<u8"),
        ("instrument", "<u2"), ("side", "i1"), ("qty_lot", "<i8"), ("px_tk", "<i8"),
        ("fee_uusd", "<i8"), ("pos_lot", "<i8"), ("cash_uusd", "<i8"), ("reason", "<u2"),
    ]
)  # fmt: skip
RECORDS: Final = {"system": EVENT_RECORD, "exchange": XLOG_RECORD}


@dataclass(frozen=True)
class Link:
    """State of the chain after one page.

    Args:
        page: Number of the page, from zero.
        first_seq: First record of the page.
        last_seq: Last record of the page.
        bytes: Length of the page.
        is_one_day: Whether every record of the page bears the same simulated day.
        digest: The chain's hash after the page, 64 hexadecimal digits.
    """

    page: int
    first_seq: int
    last_seq: int
    bytes: int
    is_one_day: bool
    digest: str


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a log, and the first record it touches."""

    check: str
    seq: int


def identity(log: str, campaign: str, seed: int, arm: str, universe_sha256: str) -> dict[str, Any]:
    """Return the identity that a log's chain begins with."""
    return {
        "log": log,
        "campaign": campaign,
        "run_seed": seed,
        "arm": arm,
        "universe_sha256": universe_sha256,
    }


def run_id(system_identity: Mapping[str, Any]) -> str:
    """Return the name of a run: 32 hexadecimal digits of its system log's identity."""
    return sha256_hex(jcs(dict(system_identity)))[:32]


def records(rows: pl.DataFrame, log: str) -> NDArray[Any]:
    """Return the records of a log as they were hashed.

    Args:
        rows: The events or exchange-log table of one run, in the order of `seq`.
        log: ``system`` or ``exchange``.

    Returns:
        Packed little-endian records, ``(n_rows,)``.
    """
    record = RECORDS[log]
    packed = np.zeros(rows.height, dtype=record)
    for name in record.names or ():
        if name == "zero" or (name == "payload_len" and name not in rows.columns):
            continue  # payloads are empty in this version of the stack
        packed[name] = _column(rows[name], record[name])
    return packed


def _column(values: pl.Series, kind: np.dtype[Any]) -> NDArray[Any]:
    if kind.kind == "V":
        blank = b"\0" * kind.itemsize
        content = b"".join(blank if value is None else value for value in values.to_list())
        return np.frombuffer(content, dtype=kind)
    absent = NO_ID if kind == np.dtype("<u8") else -1 if kind.kind == "i" else 0
    if values.null_count():
        filler = pl.Series([absent], dtype=values.dtype)
        values = values.zip_with(values.is_not_null(), filler)
    return values.to_numpy().astype(kind)


def chain(rows: pl.DataFrame, log: str, identity: Mapping[str, Any]) -> list[Link]:
    """Return the hash chain over the pages of a log.

    Args:
        rows: As for `records`, with the column `page`.
        log: ``system`` or ``exchange``.
        identity: Of this log and run; begins the chain.

    Returns:
        One link for each page, in the order of the rows; a page that returns after another
        began is a link of its own.
    """
    digest = hashlib.sha256(CHAIN_DOMAIN + jcs(dict(identity))).digest()
    packed = records(rows, log)
    page = rows["page"].to_numpy()
    day = packed["ts"] // DAY_NS
    if not page.size:
        return []
    starts = [0, *(np.flatnonzero(page[1:] != page[:-1]) + 1).tolist()]
    links: list[Link] = []
    for start, end in zip(starts, [*starts[1:], page.size], strict=True):
        content = packed[start:end].tobytes()
        digest = hashlib.sha256(digest + content).digest()
        links.append(
            Link(
                page=int(page[start]),
                first_seq=int(packed["seq"][start]),
                last_seq=int(packed["seq"][end - 1]),
                bytes=len(content),
                is_one_day=bool((day[start:end] == day[start]).all()),
                digest=digest.hex(),
            )
        )
    return links


def verify(
    rows: pl.DataFrame, anchors: pl.DataFrame, log: str, identity: Mapping[str, Any], days: int
) -> list[Fault]:
    """Return everything that is wrong with one log, the earliest record first.

    Args:
        rows: The log's table of one run.
        anchors: The anchors of the run, of both logs.
        log: ``system`` or ``exchange``.
        identity: Of this log and run.
        days: Simulated days of the run; each has an anchor, and the end has one.

    Returns:
        Empty for an honest log. A broken chain names the first record after the last anchor
        that still held.
    """
    own = anchors.filter(pl.col("log") == log).sort("seq", "day")
    if rows.is_empty():
        return [Fault("empty", 0)]
    links = chain(rows, log, identity)
    faults = [*_order_faults(rows), *_page_faults(links), *_anchor_faults(links, own, days)]
    return sorted(faults, key=lambda fault: fault.seq)


def _order_faults(rows: pl.DataFrame) -> list[Fault]:
    seq = rows["seq"].cast(pl.Int64).to_numpy()
    ts = rows["ts"].to_numpy()
    faults = [] if seq[0] == 0 else [Fault("seq does not begin at 0", 0)]
    gaps = np.flatnonzero(np.diff(seq) != 1)
    faults += [Fault("seq is not dense", int(seq[i + 1])) for i in gaps]
    faults += [Fault("ts goes back", int(seq[i + 1])) for i in np.flatnonzero(np.diff(ts) < 0)]
    if "cause_seq" in rows.columns:
        # The first record is the only one that nothing caused.
        late = rows.filter((pl.col("cause_seq") >= pl.col("seq")) & (pl.col("seq") > 0))
        faults += [Fault("cause does not precede", int(number)) for number in late["seq"]]
    return faults


def _page_faults(links: list[Link]) -> list[Fault]:
    faults = []
    for position, link in enumerate(links):
        if link.page != position:
            faults.append(Fault("page is out of order", link.first_seq))
        if link.bytes > PAGE_BYTES:
            faults.append(Fault("page is too long", link.first_seq))
        if not link.is_one_day:
            faults.append(Fault("page spans a midnight", link.first_seq))
    return faults


def _anchor_faults(links: list[Link], anchors: pl.DataFrame, days: int) -> list[Fault]:
    by_page = {link.page: link for link in links}
    faults: list[Fault] = []
    trusted_seq = -1
    for anchor in anchors.iter_rows(named=True):
        link = by_page.get(anchor["page"])
        if link is None or link.last_seq != anchor["seq"]:
            faults.append(Fault("anchor has no page", trusted_seq + 1))
        elif link.digest != anchor["hash"]:
            faults.append(Fault("chain differs from anchor", trusted_seq + 1))
        else:
            trusted_seq = max(trusted_seq, link.last_seq)
    last_seq = links[-1].last_seq
    if anchors.is_empty() or anchors["seq"][-1] != last_seq:
        faults.append(Fault("last anchor is missing", last_seq))
    # A midnight closes each day but the last, which the end closes.
    held = set(anchors["day"].to_list())
    missing = [day for day in range(days) if day not in held]
    return faults + [Fault(f"day {day} has no anchor", last_seq) for day in missing]
