"""The published schema of a strategy document, made from the model and the table of ranges.

It says what a text editor can check while one types: fields, types, names and ranges. What rule
text means, and what fits with what, only `proving check` can tell.
"""

from __future__ import annotations

import json
from typing import Any, Final

from simcore.strategy.document import AtrStop, StrategyDocument
from simcore.strategy.fields import CONSTRAINTS_MAX, PARAMS_MAX, RULES_MAX, TAGS_MAX
from simcore.strategy.functions import Range, functions
from simcore.strategy.ranges import RANGES

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
ID: Final = "https://proving-ground.example/strategy-dsl/0.1/schema.json"

_SIZES: Final[dict[str, dict[str, int]]] = {
    "rules": {"minItems": 1, "maxItems": RULES_MAX},
    "params": {"maxProperties": PARAMS_MAX},
    "constraints": {"maxItems": CONSTRAINTS_MAX},
}


def schema() -> dict[str, Any]:
    """Return the JSON Schema, dialect 2020-12, of a strategy document of version 0.1."""
    made = StrategyDocument.model_json_schema(by_alias=True)
    definitions = made["$defs"]
    for part, rows in RANGES.items():
        _confine(definitions[part.__name__]["properties"], rows)
    (period,) = functions()["atr"].constants
    atr = definitions[AtrStop.__name__]["properties"]
    atr["n"] |= _bounds(period)
    definitions["Metadata"]["properties"]["tags"]["maxItems"] = TAGS_MAX
    # A parameter is a number too; the model makes an object of it while it reads.
    definitions["Param"] = {"anyOf": [{"type": "number"}, definitions["Param"]]}
    for name, sizes in _SIZES.items():
        made["properties"][name].update(sizes)
    made["properties"]["params"]["additionalProperties"] = False
    _strip(made)
    return {"$schema": DIALECT, "$id": ID, "title": "Strategy document, version 0.1"} | {
        key: value for key, value in made.items() if key != "title"
    }


def schema_text() -> str:
    """Return the schema as its file holds it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _confine(properties: dict[str, Any], rows: tuple[Range, ...]) -> None:
    for row in rows:
        field = properties[row.name]
        # An optional field is a number or nothing, and only the number has bounds.
        numbers = [each for each in field.get("anyOf", [field]) if each.get("type") == "number"]
        for number in numbers:
            number.update(_bounds(row))


def _bounds(row: Range) -> dict[str, Any]:
    least = "exclusiveMinimum" if row.is_min_open else "minimum"
    bounds = {least: row.minimum, "maximum": row.maximum}
    return bounds | ({"multipleOf": 1} if row.is_integer else {})


def _strip(node: Any) -> None:
    """Take out, in place, what is of another dialect or only repeats a field's name."""
    if isinstance(node, dict):
        node.pop("discriminator", None)
        if isinstance(node.get("title"), str):
            del node["title"]
        for value in node.values():
            _strip(value)
    elif isinstance(node, list):
        for value in node:
            _strip(value)
