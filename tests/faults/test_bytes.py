"""A partition's file, flipped byte by byte: no other byte goes unnoticed."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from simcore.errors import StoreError
from simcore.store import Partition, Provenance, Store
from simcore.tables.table import Column, Table

TABLE = Table(
    "sample",
    "Every type there is.",
    key=("name", "n"),
    partitioned_by=("campaign",),
    columns=(
        Column("name", "str", "-", "A name."),
        Column("n", "i64", "-", "A number."),
        Column("x", "f64", "-", "A value.", nullable=True),
        Column("small", "u8", "-", "A small value.", nullable=True),
        Column("flag", "bool", "-", "Yes or no.", nullable=True),
        Column("side", "enum", "-", "A word.", nullable=True, values=("buy", "sell", "none")),
        Column("id", "bytes16", "-", "Bytes.", nullable=True),
    ),
)
PLACE = Partition(campaign="c-small")
PROVENANCE = Provenance({"campaigns/c-small": "ab" * 32}, 7, "0.1.0")


def sample() -> pl.DataFrame:
    rows = [
        {
            "name": f"n{i}",
            "n": i,
            "x": i / 7.0 if i % 3 else None,
            "small": i,
            "flag": bool(i % 2),
            "side": "buy" if i % 2 else None,
            "id": bytes([i] * 16),
        }
        for i in range(12)
    ]
    return pl.DataFrame(rows, schema=TABLE.polars_schema())


def refused(store: Store) -> str | None:
    """Return the code by which a file is refused, None where it is taken for whole."""
    try:
        store.verify(TABLE, PLACE)
    except StoreError as error:
        return error.code
    return None


def test_every_byte_that_is_flipped_is_found_by_name(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = store.write(TABLE, PLACE, sample(), PROVENANCE).path
    whole = path.read_bytes()
    assert refused(store) is None
    missed = []
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 1 << at % 8
        path.write_bytes(changed)
        if refused(store) not in ("TORN", "FOREIGN"):
            missed.append(at)
        store.is_current(TABLE, PLACE, PROVENANCE)  # must not fall over the file, whatever it says
    assert missed == []


def test_a_file_that_is_cut_anywhere_or_longer_by_a_byte_is_torn(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = store.write(TABLE, PLACE, sample(), PROVENANCE).path
    whole = path.read_bytes()
    for changed in [*(whole[:n] for n in range(0, len(whole), 37)), whole + b"x", b"x" + whole]:
        path.write_bytes(changed)
        assert refused(store) == "TORN", len(changed)


@pytest.mark.parametrize("text", ["0" * 64, "proving.seal", "proving.seal\x18@" + "0" * 64])
def test_rows_that_look_like_a_seal_are_no_seal(tmp_path: Path, text: str) -> None:
    store = Store(tmp_path)
    rows = sample().with_columns(name=pl.format("{}{}", pl.lit(text), "n"))
    store.write(TABLE, PLACE, rows, PROVENANCE)
    assert refused(store) is None
    assert store.read(TABLE, PLACE).sort("n")["name"][3] == f"{text}3"


def test_a_file_without_a_seal_is_made_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = store.write(TABLE, PLACE, sample(), PROVENANCE).path
    path.write_bytes(path.read_bytes().replace(b"proving.seal", b"proving.sael"))
    with pytest.raises(StoreError, match="hash to their seal") as torn:
        store.read(TABLE, PLACE)
    assert torn.value.code == "TORN"
