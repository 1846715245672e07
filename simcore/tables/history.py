"""The table that follows strategies from campaign to campaign and from version to version."""

from __future__ import annotations

from typing import Final, get_args

from simcore.tables.strategies import Operator
from simcore.tables.table import Column, Table


def _optional(name: str, unit: str, meaning: str) -> Column:
    return Column(name, "f64", unit, f"{meaning} Null: none.", nullable=True)


STRATEGY_HISTORY: Final = Table(
    "strategy_history",
    "One row per standing: how a version of a strategy fared in a tournament, and its origin.",
    key=("tournament_id", "ir_hash"),
    partitioned_by=("campaign",),
    columns=(
        Column("tournament_id", "str", "-", "Id of the tournament's document."),
        Column("manifest_hash", "str", "-", "Hash of everything the tournament depends on."),
        Column("strategy_id", "str", "-", "Id of the strategy's document."),
        Column("name", "str", "-", "Name of the strategy."),
        Column("version", "str", "-", "The author's own version of the strategy."),
        Column("ir_hash", "str", "-", "Hash of the compiled program."),
        Column("struct_hash", "str", "-", "Hash of the program's family: parameters as symbols."),
        Column("operator", "enum", "-", "What made it.", values=get_args(Operator)),
        Column("parents", "str", "-", "Hashes of the programs it was made from, space between."),
        Column("generation", "u32", "-", "0 for a strategy that a person wrote."),
        Column("entries", "u32", "strategies", "How many stood in the tournament.", minimum=1),
        Column("rank", "u32", "-", "Place; ties share it.", minimum=1),
        Column("rank_lo", "u32", "-", "Lower end of its 95 % interval.", minimum=1),
        Column("rank_hi", "u32", "-", "Upper end of its 95 % interval.", minimum=1),
        Column("runs", "u32", "runs", "Runs that were scored."),
        Column("games", "u32", "games", "Games that were played."),
        _optional("score_mean", "score", "Mean score over runs."),
        _optional("score_ci_lo", "score", "Lower end of its 95 % interval."),
        _optional("score_ci_hi", "score", "Upper end of its 95 % interval."),
        _optional("roi_mean", "fraction", "Mean total return over runs."),
        _optional("sharpe_mean", "1/sqrt(year)", "Mean Sharpe ratio over runs."),
        _optional("sharpe_ci_lo", "1/sqrt(year)", "Lower end of its 95 % interval."),
        _optional("sharpe_ci_hi", "1/sqrt(year)", "Upper end of its 95 % interval."),
        _optional("max_drawdown_worst", "fraction", "Deepest fall of any run."),
        _optional("elo_bt", "elo", "Bradley-Terry rating among the entries of the tournament."),
        _optional("elo_lo", "elo", "Lower end of its 95 % interval."),
        _optional("elo_hi", "elo", "Upper end of its 95 % interval."),
        _optional("dsr", "probability", "Deflated Sharpe ratio."),
        Column("k_trials", "u64", "programs", "Programs ever tried on these markets. Null: nobody "
               "counted.", nullable=True, minimum=1),
        Column("champion", "bool", "-", "Whether it holds the title."),
        Column("flags", "str", "-", "Names of what to know about the standing, space between."),
    ),
    references=((("tournament_id", "ir_hash"), "standings", ("tournament_id", "ir_hash")),),
)  # fmt: skip

TABLES: Final = (STRATEGY_HISTORY,)
