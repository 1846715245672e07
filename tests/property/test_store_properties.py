"""What the store gives back is what it was given, whatever that was."""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.store import Partition, Provenance, Store, content_hash
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
        Column("wide", "u64", "-", "A wide value.", nullable=True),
        Column("flag", "bool", "-", "Yes or no.", nullable=True),
        Column("side", "enum", "-", "A word.", nullable=True, values=("buy", "sell", "none")),
        Column("id", "bytes16", "-", "Bytes.", nullable=True),
        Column("text", "str", "-", "A text.", nullable=True),
    ),
)
PARTITION = Partition(campaign="c0-tiny")
PROVENANCE = Provenance({}, None, "0.1.0")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
row = st.fixed_dictionaries(
    {
        "name": texts,
        "n": st.integers(-(2**63), 2**63 - 1),
        "x": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "small": st.none() | st.integers(0, 255),
        "wide": st.none() | st.integers(0, 2**64 - 1),
        "flag": st.none() | st.booleans(),
        "side": st.none() | st.sampled_from(["buy", "sell", "none"]),
        "id": st.none() | st.binary(min_size=16, max_size=16),
        "text": st.none() | texts,
    }
)
many = st.lists(row, max_size=20, unique_by=lambda each: (each["name"], each["n"]))


def frame(rows: list[dict[str, object]]) -> pl.DataFrame:
    return TABLE.conform(pl.DataFrame(rows, schema=TABLE.polars_schema()))


@given(many, st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_rows_come_back_sorted_and_unchanged(rows: list[dict[str, object]], order: object) -> None:
    shuffled = list(rows)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        footer = store.write(TABLE, PARTITION, frame(shuffled), PROVENANCE)
        back = store.read(TABLE, PARTITION)
        assert store.verify(TABLE, PARTITION) == footer
        assert store.is_current(TABLE, PARTITION, PROVENANCE)
    expected = sorted(rows, key=lambda each: (str(each["name"]).encode(), each["n"]))
    assert back.to_dicts() == expected
    assert TABLE.violations(back) == []


@given(many.filter(bool), st.data())
@settings(max_examples=60)
def test_no_two_different_tables_have_one_hash(
    rows: list[dict[str, object]], data: st.DataObject
) -> None:
    before = content_hash(TABLE, frame(rows))
    at = data.draw(st.integers(0, len(rows) - 1))
    name = data.draw(st.sampled_from(["x", "small", "wide", "flag", "side", "id", "text"]))
    other = data.draw(row)[name]
    changed = [{**each, name: other} if i == at else each for i, each in enumerate(rows)]
    is_same = repr(changed[at][name]) == repr(rows[at][name])  # repr tells -0.0 from 0.0
    assert (content_hash(TABLE, frame(changed)) == before) == is_same
    assert content_hash(TABLE, frame(rows[:at] + rows[at + 1 :])) != before


@given(many)
@settings(max_examples=30)
def test_the_same_rows_make_the_same_file(rows: list[dict[str, object]]) -> None:
    files = []
    for order in (rows, rows[::-1]):
        with tempfile.TemporaryDirectory() as folder:
            footer = Store(Path(folder)).write(TABLE, PARTITION, frame(order), PROVENANCE)
            files.append(footer.path.read_bytes())
    assert files[0] == files[1]
