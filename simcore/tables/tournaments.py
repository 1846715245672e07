"""Tables of the tournaments: every game, and the standings."""

from __future__ import annotations

from typing import Final

from simcore.tables.table import Column, Table

GAMES: Final = Table(
    "games",
    "One row a game: two strategies compared on one path.",
    key=("tournament_id", "round", "scenario_id", "path", "entry_a", "entry_b"),
    partitioned_by=("campaign",),
    columns=(
        Column("tournament_id", "str", "-", "Id of the tournament's document."),
        Column("round", "u32", "-", "Number of the round, from zero."),
        Column("scenario_id", "str", "-", "Id of the scenario's document."),
        Column("path", "u32", "-", "Number of the path, from zero."),
        Column("entry_a", "str", "-", "Id of the first strategy."),
        Column("entry_b", "str", "-", "Id of the second strategy."),
        Column("score_a", "f64", "score", "Score of the first run.", nullable=True),
        Column("score_b", "f64", "score", "Score of the second run.", nullable=True),
        Column("result", "enum", "-", "Who won.", values=("a", "b", "draw")),
    ),
    references=((("scenario_id",), "scenarios", ("scenario_id",)),),
)


def _optional(name: str, unit: str, meaning: str) -> Column:
    return Column(name, "f64", unit, meaning, nullable=True)


STANDINGS: Final = Table(
    "standings",
    "One row an entry of a tournament: its place, its score with uncertainty, its ratings.",
    key=("tournament_id", "ir_hash"),
    partitioned_by=("campaign",),
    columns=(
        Column("tournament_id", "str", "-", "Id of the tournament's document."),
        Column("manifest_hash", "str", "-", "Hash of everything the tournament depends on."),
        Column("rank", "u32", "-", "Place; ties share it (1, 2, 2, 4).", minimum=1),
        Column("rank_lo", "u32", "-", "Lower end of the 95 % bootstrap interval; 1 without one.",
               minimum=1),
        Column("rank_hi", "u32", "-",
               "Upper end of the 95 % bootstrap interval; without one the number of entries.",
               minimum=1),
        Column("strategy_id", "str", "-", "Id of the strategy's document."),
        Column("name", "str", "-", "Name of the strategy."),
        Column("version", "str", "-", "The author's own version of the strategy."),
        Column("ir_hash", "str", "-", "Hash of the compiled program."),
        Column("runs", "u32", "runs", "Runs that were scored."),
        Column("games", "u32", "games", "Games that were played."),
        Column("wins", "u32", "games", "Games won."),
        Column("draws", "u32", "games", "Games drawn."),
        Column("losses", "u32", "games", "Games lost."),
        Column("points", "f64", "points", "One a win, a half a draw.", minimum=0.0),
        _optional("score_mean", "score", "Mean score over runs."),
        _optional("score_ci_lo", "score", "Lower end of its 95 % interval. Null: none."),
        _optional("score_ci_hi", "score", "Upper end of its 95 % interval. Null: none."),
        _optional("roi_mean", "fraction", "Mean total return over runs."),
        _optional("sharpe_mean", "1/sqrt(year)", "Mean Sharpe ratio over runs."),
        _optional("sharpe_ci_lo", "1/sqrt(year)", "Lower end of its 95 % interval. Null: none."),
        _optional("sharpe_ci_hi", "1/sqrt(year)", "Upper end of its 95 % interval. Null: none."),
        _optional("max_drawdown_worst", "fraction", "Deepest fall of any run."),
        _optional("turnover", "1/year", "Mean turnover over runs."),
        Column("n_trades", "u64", "trades", "Closed trades over all runs."),
        Column("ruin_count", "u32", "runs", "Runs that lost everything."),
        _optional("elo_bt", "elo", "Bradley-Terry rating. Null: no games."),
        _optional("elo_lo", "elo", "Lower end of its 95 % interval. Null: none."),
        _optional("elo_hi", "elo", "Upper end of its 95 % interval. Null: none."),
        Column("flags", "str", "-", "Names of what to know about the row, space between."),
    ),
    references=((("strategy_id",), "strategies", ("strategy_id",)),),
)  # fmt: skip

TABLES: Final = (GAMES, STANDINGS)
