"""The two logs as bytes: what is packed, what is chained, what a broken chain is blamed on."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import polars as pl
import pytest
from chaos_tables import (
    CAMPAIGN,
    DAYS,
    SEED,
    UNIVERSE,
    event_bytes,
    evidence,
    identity,
    record_bytes,
)

from simcore.chaos import log
from simcore.chaos.kinds import DAY_NS
from simcore.seeds import jcs


def _event(**values: Any) -> dict[str, Any]:
    row = {
        "seq": 0, "ts": 0, "kind": 1, "src": 0, "subj": 0, "cause_seq": 0, "agent_epoch": 1,
        "i0": 0, "i1": 0, "i2": 0, "i3": 0, "page": 0,
    }  # fmt: skip
    return {**row, **values}


def _frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    unsigned = {"seq": pl.UInt64, "subj": pl.UInt64, "cause_seq": pl.UInt64}
    return pl.DataFrame(rows, schema_overrides=unsigned)


def test_a_record_has_80_bytes_and_that_of_the_exchange_87() -> None:
    assert log.EVENT_RECORD.itemsize == 80
    assert log.XLOG_RECORD.itemsize == 87


def test_records_are_the_bytes_that_another_hand_packs() -> None:
    run = evidence().run
    events, xlog = run.tables["events"], run.tables["xlog"]
    packed = log.records(events, "system").tobytes()
    assert packed == b"".join(event_bytes(row) for row in events.to_dicts())
    packed = log.records(xlog, "exchange").tobytes()
    assert packed == b"".join(record_bytes(row) for row in xlog.to_dicts())


def test_extreme_values_keep_their_bytes() -> None:
    row = _event(seq=2**64 - 1, subj=2**64 - 1, i0=-(2**63), i1=2**63 - 1, i2=-1, kind=65_535)
    packed = log.records(_frame([row]), "system")
    assert packed.tobytes() == event_bytes(row)


def test_what_is_absent_is_packed_as_the_exchange_wrote_it() -> None:
    row = {
        "seq": 0, "ts": 0, "kind": 76, "cloid": None, "exec_id": None, "instrument": 3, "side": -1,
        "qty_lot": 0, "px_tk": 0, "fee_uusd": 0, "pos_lot": -5, "cash_uusd": -7, "reason": 9,
    }  # fmt: skip
    frame = pl.DataFrame([row], schema_overrides={"cloid": pl.Binary, "exec_id": pl.UInt64})
    packed = log.records(frame, "exchange")
    assert packed["exec_id"][0] == np.uint64(2**64 - 1)
    assert packed["cloid"].tobytes() == bytes(16)
    assert packed.tobytes() == record_bytes(row)


def test_the_chain_is_the_hash_of_the_identity_and_of_each_page_in_turn() -> None:
    rows = [_event(seq=n, page=n // 2) for n in range(4)]
    own = identity("system", "real")
    head = hashlib.sha256(b"pg.log.v1" + jcs(own)).digest()
    expected = []
    for page in (rows[:2], rows[2:]):
        head = hashlib.sha256(head + b"".join(map(event_bytes, page))).digest()
        expected.append(head.hex())
    links = log.chain(_frame(rows), "system", own)
    assert [link.digest for link in links] == expected
    assert [(link.first_seq, link.last_seq, link.bytes) for link in links] == [
        (0, 1, 160), (2, 3, 160),
    ]  # fmt: skip


def test_the_name_of_a_run_is_half_the_hash_of_its_identity() -> None:
    own = log.identity("system", CAMPAIGN, SEED, "real", UNIVERSE)
    assert own == identity("system", "real")
    assert log.run_id(own) == hashlib.sha256(jcs(own)).hexdigest()[:32]
    assert log.run_id(own) == evidence().run.run_id.hex()


def _faults(rows: pl.DataFrame, anchors: pl.DataFrame, days: int = DAYS) -> list[log.Fault]:
    return log.verify(rows, anchors, "system", identity("system", "real"), days)


@pytest.fixture(scope="module")
def honest() -> tuple[pl.DataFrame, pl.DataFrame]:
    tables = evidence().run.tables
    return tables["events"], tables["anchors"]


def test_an_honest_log_has_no_fault(honest: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    assert _faults(*honest) == []


def test_an_honest_log_of_too_few_days_lacks_an_anchor(
    honest: tuple[pl.DataFrame, pl.DataFrame],
) -> None:
    checks = [fault.check for fault in _faults(*honest, days=DAYS + 2)]
    assert checks == [f"day {DAYS + 1} has no anchor"]


def test_an_empty_log_is_a_fault(honest: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    assert [fault.check for fault in _faults(honest[0].clear(), honest[1])] == ["empty"]


def test_a_log_without_anchors_proves_nothing(honest: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    checks = {fault.check for fault in _faults(honest[0], honest[1].clear())}
    assert "last anchor is missing" in checks


def test_faults_come_with_the_earliest_record_first(
    honest: tuple[pl.DataFrame, pl.DataFrame],
) -> None:
    events, anchors = honest
    cut = events.filter(~pl.col("seq").is_in([500, 1_500]))
    found = [fault.seq for fault in _faults(cut, anchors)]
    assert found == sorted(found) and len(found) >= 3


@pytest.mark.parametrize(
    ("rows", "check"),
    [
        ([_event(seq=1)], "seq does not begin at 0"),
        ([_event(), _event(seq=2)], "seq is not dense"),
        ([_event(ts=5), _event(seq=1, ts=4)], "ts goes back"),
        ([_event(), _event(seq=1, cause_seq=1)], "cause does not precede"),
        ([_event(page=1)], "page is out of order"),
        ([_event(), _event(seq=1, page=2)], "page is out of order"),
        ([_event(seq=n) for n in range(820)], "page is too long"),
        ([_event(), _event(seq=1, ts=DAY_NS)], "page spans a midnight"),
    ],
)
def test_a_log_that_is_out_of_order_says_how(rows: list[dict[str, Any]], check: str) -> None:
    none = evidence().run.tables["anchors"].clear()
    assert check in {fault.check for fault in _faults(_frame(rows), none, days=0)}


def test_a_page_may_hold_exactly_64_kib() -> None:
    rows = _frame([_event(seq=n) for n in range(819)])
    none = evidence().run.tables["anchors"].clear()
    checks = {fault.check for fault in _faults(rows, none, days=0)}
    assert checks == {"last anchor is missing"}
