"""Tables of what is known about entries beyond their standings."""

from __future__ import annotations

from typing import Final

from simcore.tables.table import Column, Table

VERDICTS: Final = ("HELD", "NOT_REFUTED", "TOO_OFTEN", "TOO_SELDOM")


def _number(name: str, unit: str, meaning: str) -> Column:
    return Column(name, "f64", unit, f"{meaning} Null: not known.", nullable=True)


CALIBRATION: Final = Table(
    "calibration",
    "One row per kind of tournament whose outcome is known: how often the gate promoted.",
    key=("design", "seed_group"),
    partitioned_by=("campaign",),
    columns=(
        Column("design", "str", "-", "What was played."),
        Column("seed_group", "u64", "-", "Root of the markets and draws."),
        Column("is_planted", "bool", "-", "Whether somebody deserves to be found."),
        Column("n_tournaments", "u32", "-", "Tournaments played.", minimum=1),
        Column("n_challengers", "u32", "-", "Entries that could be promoted.", minimum=1),
        Column("n_markets", "u32", "-", "Markets of each tournament.", minimum=1),
        Column("n_bars", "u32", "bars", "Bars of each market.", minimum=1),
        Column("n_hits", "u32", "-", "Tournaments in which the gate promoted."),
        Column("rate", "f64", "fraction", "Share of them.", minimum=0.0, maximum=1.0),
        Column("rate_lo", "f64", "fraction", "Lower end of its 95 % interval.", minimum=0.0),
        Column("rate_hi", "f64", "fraction", "Upper end of its 95 % interval.", maximum=1.0),
        Column("alpha", "f64", "fraction", "Level of the gate.", minimum=0.0, maximum=1.0),
        _number("promised", "fraction", "Rate that the planner promised."),
        Column("verdict", "enum", "-", "Whether the rate is what it was to be.", values=VERDICTS),
    ),
)

REGIMES: Final = Table(
    "regimes",
    "One row per regime that a strategy met: its score there.",
    key=("score", "axis", "regime"),
    partitioned_by=("campaign", "strategy"),
    columns=(
        Column("score", "str", "-", "Name of the score."),
        Column("axis", "enum", "-", "What tells the regimes apart.",
               values=("all", "family", "volatility", "trend", "state")),
        Column("regime", "str", "-", "Family; tercile of the paths: low, middle, high; or the "
               "scenario and the number of the state that a path was longest in."),
        Column("n_paths", "u32", "-", "Paths of the regime.", minimum=1),
        Column("score_mean", "f64", "points", "Mean score over them."),
        _number("score_se", "points", "Its standard error over paths."),
        _number("score_ci_lo", "points", "Lower end of its 95 % interval."),
        _number("score_ci_hi", "points", "Upper end of its 95 % interval."),
        _number("low_edge", "fraction", "Least value of what tells the regimes apart."),
        _number("high_edge", "fraction", "Greatest value of it."),
        Column("is_worst", "bool", "-", "Whether no regime of two paths or more has a lower mean."),
        Column("flags", "str", "-", "LOW_SAMPLE: fewer than five paths."),
    ),
)  # fmt: skip

EVIDENCE: Final = Table(
    "evidence",
    "One row per number of a strategy's evidence card, with how sure it is.",
    key=("section", "name", "item"),
    partitioned_by=("campaign", "strategy"),
    columns=(
        Column("section", "str", "-", "Part of the card."),
        Column("name", "str", "-", "What is told."),
        Column("item", "str", "-", "Of what, such as a scenario; empty for the whole."),
        _number("estimate", "see unit", "The number."),
        Column("unit", "str", "-", "Its unit; - where there is none."),
        _number("lo", "see unit", "Lower end of its 95 % interval."),
        _number("hi", "see unit", "Upper end of its 95 % interval."),
        _number("se", "see unit", "Its standard error."),
        Column("n", "u64", "-", "What it rests on: paths, trades, halves; null for a text.",
               nullable=True),
        Column("is_exact", "bool", "-", "Whether it was counted or set, not estimated."),
        Column("text", "str", "-", "What is told where it is no number, and flags."),
    ),
)  # fmt: skip

PORTFOLIO_WEIGHTS: Final = Table(
    "portfolio_weights",
    "One row per entry of a portfolio of strategies, by how its weights were chosen.",
    key=("method", "strategy_id"),
    partitioned_by=("campaign",),
    columns=(
        Column("method", "str", "-", "How the weights were chosen."),
        Column("strategy_id", "str", "-", "Id of the strategy's document."),
        Column("weight", "f64", "fraction", "Share of the money.", minimum=0.0, maximum=1.0),
        Column("risk_share", "f64", "fraction", "Share of the portfolio's variance."),
        Column("n_days", "u32", "-", "Daily returns that it rests on.", minimum=1),
        Column("shrinkage", "f64", "fraction", "Of the covariance.", minimum=0.0, maximum=1.0),
        Column("effective_rank", "f64", "-", "Of the entries' correlation.", minimum=0.0),
        _number(
            "sharpe_oos", "1/sqrt(year)", "Median Sharpe ratio of the paths never learnt from."
        ),
        _number("gain_oos", "1/sqrt(year)", "The same less that of equal weights."),
        _number("gain_oos_lo", "1/sqrt(year)", "Lower end of its 95 % interval over days."),
        _number("gain_oos_hi", "1/sqrt(year)", "Upper end of its 95 % interval over days."),
        Column("n_paths", "u32", "-", "Paths through the days."),
    ),
)

TABLES: Final = (CALIBRATION, REGIMES, EVIDENCE, PORTFOLIO_WEIGHTS)
