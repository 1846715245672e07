"""Regimes: where each strategy earns, and where it hurts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from simcore.report.blocks import Block, Section, Text, capped
from simcore.report.material import Material
from simcore.report.wording import NONE, interval

_ROWS_MAX: Final = 60
_AXES: Final = ("family", "volatility", "trend", "state")
_TERCILES: Final = ("low", "middle", "high")


def blocks(material: Material) -> list[Block]:
    """Show the score of each strategy in each regime, axis by axis."""
    ledger = material.rows("regimes").with_columns(pl.col("axis").cast(str))
    if ledger.is_empty():
        return [Text("No strategy met a regime.")]
    told: list[Block] = []
    for axis in _AXES:
        own = ledger.filter(pl.col("axis") == axis)
        if not own.is_empty():
            told += _axis(material, axis, own)
    few = ledger.filter(pl.col("flags").str.contains("LOW_SAMPLE")).height
    if few:
        told.append(
            Text(
                f"{few} of {ledger.height} regimes were met on fewer than five paths: what is said "
                "of them is little more than an example.",
                is_note=True,
            )
        )
    return told


def _axis(material: Material, axis: str, ledger: pl.DataFrame) -> list[Block]:
    known = ledger["regime"].unique().sort().to_list()
    regimes = [each for each in _TERCILES if each in known] or known
    found = {(row["strategy_id"], row["regime"]): row for row in ledger.to_dicts()}
    order = [name for name in material.ranked() if (ledger["strategy_id"] == name).any()]
    rows = [(name, *(_cell(found.get((name, each))) for each in regimes)) for name in order]
    return capped(
        f"Mean score by {axis}, with its 95 % interval; **bold** is where the strategy is worst.",
        ["strategy", *regimes],
        rows,
        _ROWS_MAX,
        "the first by rank; the others stand in the table `regimes`",
    )


def _cell(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return NONE
    told = interval(row, "score_mean", "score_ci_lo", "score_ci_hi")
    return f"**{told}**" if row["is_worst"] else told


SECTION = Section("regimes", "Where it works and where it hurts", blocks)
