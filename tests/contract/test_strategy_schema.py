"""The published schema is that of the model, and agrees with the check where both can tell."""

from __future__ import annotations

import copy
import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from simcore.documents import LIBRARY
from simcore.strategy.check import check_strategy
from simcore.strategy.schema import schema, schema_text
from simcore.strategy.strategy import compile_strategy

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "docs" / "strategy-dsl-0.1.schema.json"
VALID = [
    *sorted((LIBRARY / "strategies").glob("*.toml")),
    *sorted((ROOT / "tests" / "documents" / "valid").glob("*.toml")),
]


def faults(document: Any) -> list[str]:
    """What the published schema finds wrong."""
    published = json.loads(PUBLISHED.read_text())
    return [error.message for error in Draft202012Validator(published).iter_errors(document)]


def test_the_published_schema_is_the_models() -> None:
    if os.environ.get("PROVING_GOLDEN") == "write":
        PUBLISHED.write_text(schema_text())
    assert PUBLISHED.read_text() == schema_text(), "run `make golden` and review the difference"


def test_it_is_a_schema_of_its_dialect_and_every_object_is_closed() -> None:
    Draft202012Validator.check_schema(schema())
    objects = [schema(), *schema()["$defs"].values()]
    closed = [each for each in objects if each.get("type") == "object"]
    assert len(closed) >= 15
    assert all(each["additionalProperties"] is False for each in closed)


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_document_that_is_right_is_valid_and_has_one_hash_in_either_spelling(path: Path) -> None:
    document = tomllib.loads(path.read_text())
    assert faults(document) == []
    assert [str(each) for each in check_strategy(path) if each.severity == "error"] == []
    as_toml = compile_strategy(path.read_text())
    as_json = compile_strategy(json.dumps(document))
    assert (as_json.doc_hash, as_json.ir_hash) == (as_toml.doc_hash, as_toml.ir_hash)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/version", "0.2.0"),
        ("/version", "0.1"),
        ("/id", "Every Field"),
        ("/id", "null"),
        ("/name", ""),
        ("/name", "x" * 121),
        ("/revision", "1.0"),
        ("/revision", "01.0.0"),
        ("/timeframe", "2h"),
        ("/rules", []),
        ("/rules", [{"if": "close > 1", "then": "buy"}] * 65),
        ("/rules/0/then", "short"),
        ("/rules/0/order/type", "trailing"),
        ("/rules/0/order/tif_bars", 0),
        ("/rules/0/more", 1),
        ("/params/and", 1),
        ("/params/Fast", 1),
        ("/params/fast", "10"),
        ("/params/fast", {"value": 1}),
        ("/metadata/tags", ["x"] * 33),
        ("/metadata/notes", "x" * 4097),
        ("/risk/sizing/annual_vol", 0),
        ("/risk/stop/type", "none"),
        ("/risk/take_profit/value", 101),
        ("/risk/trailing", {"type": "price", "expr": "low"}),
        ("/risk/cooldown_bars", 1.5),
        ("/risk/max_adds", -1),
        ("/risk/on_opposite", "open"),
        ("/constraints", "fast < slow"),
    ],
)
def test_what_the_schema_refuses_the_check_refuses(path: str, value: Any) -> None:
    document = tomllib.loads((ROOT / "tests/documents/valid/every_field.toml").read_text())
    assert faults(document) == []
    wrong = copy.deepcopy(document)
    place: Any = wrong
    *above, last = path.split("/")[1:]
    for part in above:
        place = place[int(part)] if isinstance(place, list) else place[part]
    place[last] = value
    assert faults(wrong) != []
    assert any(each.severity == "error" for each in check_strategy(wrong))
