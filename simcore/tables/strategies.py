"""The tables of compiled strategies and of where they come from."""

from __future__ import annotations

from typing import Final, Literal, get_args

from simcore.tables.table import Column, Table

STRATEGIES: Final = Table(
    "strategies",
    "One row per strategy: its document, its hashes, and how far it looks back.",
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

Operator = Literal[
    "authored", "evolve", "mutate", "crossover_uniform", "crossover_blx", "crossover_mean"
]
"""What can make a strategy; the first is a person."""

LINEAGE: Final = Table(
    "lineage",
    "One row per parent of a strategy; one without a parent for a strategy that has none.",
    key=("strategy_id", "parent_index"),
    partitioned_by=("strategy",),
    columns=(
        Column("strategy_id", "str", "-", "Id of the strategy's document."),
        Column("parent_index", "u8", "-", "0 for the parent whose form the child has.", maximum=1),
        Column("name", "str", "-", "Name under which the registry knows the strategy."),
        Column("revision", "str", "-", "Its version under that name."),
        Column("ir_hash", "str", "-", "SHA-256 of its program, parameters included."),
        Column("operator", "enum", "-", "What made it.", values=get_args(Operator)),
        Column("parent", "str", "-", "Name of the parent in the registry.", nullable=True),
        Column("parent_revision", "str", "-", "Version of the parent.", nullable=True),
        Column("parent_ir_hash", "str", "-", "SHA-256 of the parent's program.", nullable=True),
        Column("seed", "u64", "-", "Seed of the draws, where any were made.", nullable=True),
        Column("generation", "u32", "-", "0 for a strategy that a person wrote."),
        Column("child_index", "u32", "-", "Which mutant of that seed it is.", nullable=True),
        Column("edit", "str", "-", "JSON patch from the parent's document to it.", nullable=True),
    ),
    references=((("strategy_id", "ir_hash"), "strategies", ("strategy_id", "ir_hash")),),
)

TABLES: Final = (STRATEGIES, LINEAGE)
