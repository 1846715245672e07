"""What a partition's page says first: facts without noise, and the first rows without a click."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import report_tables

from assets import events, glances
from simcore.steps import Outcome
from simcore.store import Partition, Provenance, Store
from simcore.tables import TABLES

PLACE = Partition("c0-tiny")
HASH = "ab" * 32


def outcome_of(store: Store, name: str, *rows: dict[str, Any], **facts: Any) -> Outcome:
    table = TABLES[name]
    made = report_tables.rows_of(name, *rows) if rows else table.empty()
    footer = store.write(table, PLACE, made, Provenance({}, None, "test"))
    return Outcome(table, PLACE, footer, is_reused=False, mended="", facts=facts)


def records(shown: dg.TableMetadataValue | None) -> list[dict[str, Any]]:
    assert shown is not None
    return [dict(record.data) for record in shown.records]


def test_the_leaders_of_a_cup_stand_first_with_four_digits(tmp_path: Path) -> None:
    store = Store(tmp_path)
    rows = [
        report_tables.standing(f"s{rank}", rank, 1, 9, ir_hash=str(9 - rank),
                               score_mean=10.0 / rank, score_ci_lo=None)
        for rank in (3, 1, 7, 2, 6, 5, 4)
    ]  # fmt: skip
    outcome_of(store, "standings", *rows)
    shown = records(glances.glance(store, TABLES["standings"], PLACE))
    assert [row["strategy_id"] for row in shown] == ["s1", "s2", "s3", "s4", "s5"]
    assert [row["score_mean"] for row in shown][:3] == ["10", "5", "3.333"]
    assert shown[0]["score_ci_lo"] == "–"


def test_a_hash_and_a_long_text_are_cut_and_marked_as_cut(tmp_path: Path) -> None:
    store = Store(tmp_path)
    outcome_of(store, "scenarios", {"scenario_id": "x" * 64, "family": HASH})
    (row,) = records(glances.glance(store, TABLES["scenarios"], PLACE))
    assert row["scenario_id"] == "x" * 31 + "…"
    assert row["family"] == "abababab…"


def test_a_partition_without_rows_has_no_first_ones(tmp_path: Path) -> None:
    store = Store(tmp_path)
    outcome_of(store, "standings")
    assert glances.glance(store, TABLES["standings"], PLACE) is None


def test_a_file_that_cannot_be_read_has_no_first_rows(tmp_path: Path) -> None:
    assert glances.glance(Store(tmp_path), TABLES["standings"], PLACE) is None


@pytest.mark.parametrize("name", TABLES)
def test_what_is_shown_of_a_table_are_columns_of_it_and_few(name: str) -> None:
    shown = glances.columns(TABLES[name])
    assert set(shown) <= {column.name for column in TABLES[name].columns}
    assert 1 <= len(shown) <= glances.COLUMNS_MAX


def test_facts_and_picture_stand_before_how_a_partition_was_made(tmp_path: Path) -> None:
    store = Store(tmp_path)
    outcome = outcome_of(
        store, "scenarios", {"scenario_id": "a"}, sharpe_median=3.9039312535140582,
        page="# One\n\ntwo", report=tmp_path / "a.html",
    )  # fmt: skip
    metadata = events._metadata(store, outcome, "data:image/png;base64,AA==", 1.23456)
    names = list(metadata)
    assert names[:5] == ["sharpe_median", "page", "report", "picture", "first_rows"]
    assert names[-1] == "drawn_by"
    assert metadata["sharpe_median"] == 3.90393
    assert metadata["page"] == dg.MetadataValue.md("# One\n\ntwo")
    assert metadata["report"] == dg.MetadataValue.path(str(tmp_path / "a.html"))


def test_first_rows_are_small_enough_to_lie_in_every_event(tmp_path: Path) -> None:
    store = Store(tmp_path)
    long = {column.name: "x" * 500 for column in TABLES["evidence"].columns
            if column.dtype == "str"}  # fmt: skip
    place = Partition("c0-tiny", "s")
    rows = report_tables.rows_of("evidence", *(long | {"item": str(i)} for i in range(99)))
    store.write(TABLES["evidence"], place, rows, Provenance({}, None, "test"))
    shown = records(glances.glance(store, TABLES["evidence"], place))
    assert len(shown) == glances.ROWS_MAX
    assert len(json.dumps(shown)) < 2_000


def test_every_column_has_a_type_that_the_page_has_a_sign_for_and_no_empty_unit() -> None:
    signs = ("bool", "string", "int", "double", "binary")
    for table in TABLES.values():
        for column in events.column_schema(table).columns:
            assert any(sign in column.type for sign in signs), column
            assert column.description is not None and not column.description.endswith("[-]")


def test_a_description_says_in_its_first_line_what_a_row_is() -> None:
    for table in TABLES.values():
        (first, *_) = events._description(table).split("\n")
        assert first == table.meaning
        assert " row per " in first or " rows per " in first, first
