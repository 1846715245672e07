"""What the campaign did not judge and did not show: as much a result as what it did."""

from __future__ import annotations

import json
from typing import Final

from simcore.report.blocks import Block, Head, Points, Section, Text
from simcore.report.material import Material

# How sentences of `simcore.chaos.verdict` begin.
_NEVER: Final = "that "
_TARGET: Final = "target not judged: "


def blocks(material: Material) -> list[Block]:
    """List it, once for all seeds: what no campaign shows, then targets, then checks."""
    missing: dict[str, None] = {}
    for text in material.rows("verdicts").sort("seed")["not_shown"]:
        missing.update(dict.fromkeys(json.loads(text)))
    if not missing:
        return [Text("Nothing is listed.")]
    never = [each for each in missing if each.startswith(_NEVER)]
    targets = [each for each in missing if each.startswith(_TARGET)]
    checks = [each for each in missing if each not in never and each not in targets]
    told: list[Block] = [
        Text(
            "A verdict reaches as far as what was put to the test. "
            f"**{len(missing)} things were not:**"
        )
    ]
    for head, items in (
        ("What no campaign of this kind can show", never),
        ("Targets that were not judged", [each.removeprefix(_TARGET) for each in targets]),
        ("Checks that were not made", checks),
    ):
        if items:
            told += [Head(head), Points(tuple(items))]
    return told


SECTION = Section("not shown", "What was not shown", blocks)
