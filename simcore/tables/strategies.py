"""The table of compiled strategies."""

from __future__ import annotations

from typing import Final

from simcore.tables.table import Column, Table

STRATEGIES: Final = Table(
    "strategies",
    "One row a strategy: its document, its hashes, and how far it looks back.",
    key=("strategy_id",),
    partitioned_by=("strategy",),
    columns=(
        Column("strategy_id", "str", "-", "Id of the strategy's document."),
        Column("revision", "str", "-", "The author's own version of the strategy."),
        Column("doc_hash", "str", "-", "SHA-256 of the document's canonical JSON."),
        Column("ir_hash", "str", "-", "SHA-256 of the compiled program, parameters included."),
        Column("struct_hash", "str", "-", "SHA-256 of the program without parameter values."),
        Column("lookback_bars", "u32", "bars", "Bars before the first decision can be made."),
        Column("document", "str", "-", "Canonical JSON of the document."),
    ),
)

TABLES: Final = (STRATEGIES,)
