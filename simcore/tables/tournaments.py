"""Tables of the tournaments: every game, and the standings."""

from __future__ import annotations

from typing import Final

from simcore.tables.table import Column, Table

GAMES: Final = Table(
    "games",
    "One row per game: two strategies compared on one path.",
    key=("tournament_id", "round", "scenario_id", "path", "entry_a", "entry_b"),
    partitioned_by=("campaign",),
    schema_version=2,
    columns=(
        Column("tournament_id", "str", "-", "Id of the tournament's document."),
        Column("round", "u32", "-", "Number of the round, from zero."),
        Column("stage", "str", "-", "What the round is to its format; empty: nothing special."),
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


def _chance(name: str, meaning: str) -> Column:
    return Column(name, "f64", "probability", meaning, nullable=True, minimum=0.0, maximum=1.0)


STANDINGS: Final = Table(
    "standings",
    "One row per entry of a tournament: its place, its score with uncertainty, its ratings.",
    key=("tournament_id", "ir_hash"),
    partitioned_by=("campaign",),
    schema_version=3,
    columns=(
        Column("tournament_id", "str", "-", "Id of the tournament's document."),
        Column("manifest_hash", "str", "-", "Hash of everything the tournament depends on."),
        Column("score", "str", "-", "Name of the score that ranks."),
        Column("rank", "u32", "-", "Place; ties share it (1, 2, 2, 4).", minimum=1),
        Column("rank_lo", "u32", "-", "Lower end of the 95 % bootstrap interval; 1 without one.",
               minimum=1),
        Column("rank_hi", "u32", "-",
               "Upper end of the 95 % bootstrap interval; without one the number of entries.",
               minimum=1),
        Column("place", "u32", "-", "Place that the format gave. Null: it gives none.",
               nullable=True, minimum=1),
        Column("champion", "bool", "-", "Whether it holds the title."),
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
        _optional("roi_ann", "fraction/year", "Mean growth of runs compounded to a year."),
        _optional("sharpe_mean", "1/sqrt(year)", "Mean Sharpe ratio over runs."),
        _optional("sharpe_ci_lo", "1/sqrt(year)", "Lower end of its 95 % interval. Null: none."),
        _optional("sharpe_ci_hi", "1/sqrt(year)", "Upper end of its 95 % interval. Null: none."),
        _optional("max_drawdown_worst", "fraction", "Deepest fall of any run."),
        _optional("es_1_mean", "fraction", "Mean over runs of the worst 1 % of daily returns."),
        _optional("turnover", "1/year", "Mean turnover over runs."),
        _optional("cost_drag", "fraction/year", "Mean fees and slippage over initial cash."),
        _optional("ambiguity_gap", "percent", "Mean gap between the bounds of ambiguous bars."),
        Column("n_trades", "u64", "trades", "Closed trades over all runs."),
        Column("ruin_count", "u32", "runs", "Runs that lost everything."),
        _optional("elo_bt", "elo", "Bradley-Terry rating. Null: no games."),
        _optional("elo_lo", "elo", "Lower end of its 95 % interval. Null: none."),
        _optional("elo_hi", "elo", "Upper end of its 95 % interval. Null: none."),
        _optional("elo_seq", "elo", "Elo, game after game, with K = 32. Null: no games."),
        _optional("elo_seq_mean", "elo", "The same, mean over 200 orders of the games."),
        _optional("elo_seq_sd", "elo", "Its deviation over those orders: what order alone does."),
        _optional("openskill_mu", "skill", "Plackett-Luce belief: mean; 25 at the start."),
        _optional("openskill_sigma", "skill", "Plackett-Luce belief: deviation; 25/3 at first."),
        _optional("glicko_r", "elo", "Glicko-2 rating after one period; 1500 at the start."),
        _optional("glicko_rd", "elo", "Glicko-2 deviation; 350 at the start."),
        _chance("p_beats_champion", "Share of resamples above the champion. Null: no champion."),
        _chance("p_beats_buy_hold", "Share above buy_and_hold. Null: it is not in the field."),
        Column("in_mcs", "bool", "-", "Whether it may be the best: the 90 % model confidence set. "
               "Null: fewer than ten markets, or not on all.", nullable=True),
        _chance("psr", "Confidence that the mean Sharpe ratio is above 0. Null: not defined."),
        _chance("dsr", "The same, above the best of all trials by luck. Null: trials unknown."),
        Column("k_trials", "u64", "programs", "Programs ever tried on these markets. Null: nobody "
               "counted.", nullable=True, minimum=1),
        _chance("pbo", "Chance that the leader of half of the markets is below the middle of the "
                "others. Null: too few entries or markets."),
        Column("worst_family", "str", "-", "Family of the lowest mean score."),
        _optional("worst_family_score", "score", "Mean score there."),
        _optional("stress_score", "score", "Mean score under stress_v1. Null: not run."),
        _optional("oracle_efficiency", "ratio", "Mean Sharpe ratio over the highest that anyone "
                  "can expect. Null: no market has a known one above 0."),
        _optional("composite_v0", "points", "Mean score by the first version of the score."),
        _optional("total_roi_v0", "fraction", "Sum of total returns over runs."),
        Column("flags", "str", "-", "Names of what to know about the row, space between."),
    ),
    references=((("strategy_id",), "strategies", ("strategy_id",)),),
)  # fmt: skip

DAILY_ROLLUPS: Final = Table(
    "daily_rollups",
    "One row per UTC day of a campaign's markets: what ended on it.",
    key=("date",),
    partitioned_by=("campaign",),
    columns=(
        Column("date", "str", "-", "Day, as YYYY-MM-DD."),
        Column("tournaments_completed", "u32", "tournaments", "Tournaments whose last run ended."),
        Column("simulations_run", "u32", "runs", "Runs whose last bar lies on the day."),
        Column("total_trades", "u64", "trades", "Closed trades of those runs."),
        _optional("avg_roi", "fraction", "Mean total return of those runs. Null: no runs."),
        _optional("median_roi", "fraction", "Median total return. Null: no runs."),
        _optional("roi_p5", "fraction", "5 % quantile of total returns. Null: no runs."),
        _optional("roi_p95", "fraction", "95 % quantile of total returns. Null: no runs."),
        _optional("avg_score", "points", "Mean default score of those runs. Null: no runs."),
        Column("best_entry", "str", "-", "Ids of the leaders of the tournaments, space between. "
               "Null: none was completed.", nullable=True),
    ),
)  # fmt: skip

TABLES: Final = (GAMES, STANDINGS, DAILY_ROLLUPS)
