"""Tables of an evolution: who lived in each generation, what it came to, who was promoted why."""

from __future__ import annotations

from typing import Final

from simcore.tables.table import Column, Table

POPULATIONS: Final = Table(
    "populations",
    "One row per strategy of a generation: where it comes from, what it scored, its fate.",
    key=("ir_hash",),
    partitioned_by=("evolution", "generation"),
    columns=(
        Column("ir_hash", "str", "-", "Hash of the compiled program."),
        Column("struct_hash", "str", "-", "Hash of the program's family: parameters as symbols."),
        Column("strategy_id", "str", "-", "Id of the document it was bred from."),
        Column("origin", "enum", "-", "How it was made.",
               values=("base", "mutation", "crossover", "immigrant")),
        Column("born", "u32", "-", "Generation in which it was made.", minimum=0),
        Column("child_index", "u32", "-", "Number of the draw that made it. Null: of the start.",
               nullable=True),
        Column("parents", "str", "-", "Hashes of the programs it was made from, space between."),
        Column("score_mean", "f64", "score", "Mean score of training."),
        Column("score_lower", "f64", "score", "Lower 95 % bound of that mean, one-sided."),
        Column("n_trades", "u64", "trades", "Closed trades of training."),
        Column("ruin_count", "u32", "runs", "Runs of training that lost everything."),
        Column("fate", "enum", "-", "What became of it: dropped, or why it survives.",
               values=("champion", "confidence_set", "novelty", "dropped")),
        Column("is_challenger", "bool", "-", "Whether it was judged on the sealed set."),
        Column("document", "str", "-", "Its document in canonical JSON."),
    ),
)  # fmt: skip


def _optional(name: str, unit: str, meaning: str) -> Column:
    return Column(name, "f64", unit, meaning, nullable=True)


GENERATIONS: Final = Table(
    "generations",
    "One row per generation: training against sealed scores, diversity, trials, the champion.",
    key=("number",),
    partitioned_by=("evolution", "generation"),
    schema_version=2,
    columns=(
        Column("number", "u32", "-", "Number of the generation, from zero."),
        Column("manifest_hash", "str", "-", "Hash of everything the evolution depends on."),
        Column("population", "u32", "strategies", "How many were tried.", minimum=1),
        Column("survivors", "u32", "strategies", "How many live on.", minimum=1),
        Column("train_best", "f64", "score", "Best mean score of training."),
        Column("train_median", "f64", "score", "Median of the mean scores of training."),
        Column("sealed_best", "f64", "score", "Best mean score of those who were judged."),
        Column("sealed_median", "f64", "score", "Median of their mean scores."),
        Column("selected_train", "f64", "score", "Mean score of training of those judged."),
        Column("selected_train_lo", "f64", "score", "Lower end of its 95 % interval."),
        Column("selected_train_hi", "f64", "score", "Upper end of its 95 % interval."),
        Column("selected_sealed", "f64", "score", "Their mean score on the sealed set."),
        Column("selected_sealed_lo", "f64", "score", "Lower end of its 95 % interval."),
        Column("selected_sealed_hi", "f64", "score", "Upper end of its 95 % interval."),
        Column("generalisation_gap", "f64", "score",
               "Mean score of training less that of the sealed set, of those judged."),
        Column("generalisation_gap_lo", "f64", "score", "Lower end of its 95 % interval."),
        Column("generalisation_gap_hi", "f64", "score", "Upper end of its 95 % interval."),
        Column("diversity", "f64", "strategies", "Effective rank of the daily returns.",
               minimum=0.0),
        Column("k_cumulative", "u64", "programs",
               "Programs tried by the evolution, and on its histories before it.", minimum=1),
        _optional("champion_dsr", "probability",
                  "Deflated Sharpe ratio of the champion on the sealed set. Null: not defined."),
        _optional("pbo", "probability", "Probability of overfitting. Null: not defined."),
        _optional("gain_best", "score",
                  "Largest mean gain of a challenger over the champion. Null: no challenger."),
        _optional("gain_mde", "score",
                  "Gain the sealed set can see four times in five. Null: no challenger."),
        Column("champion_before", "str", "-", "Hash of the champion that was challenged."),
        Column("champion_after", "str", "-", "Hash of the champion of the next generation."),
        Column("champion_score", "f64", "score", "Mean sealed score of the champion afterwards."),
        Column("is_promoted", "bool", "-", "Whether a challenger took its place."),
        Column("stop", "enum", "-", "Why nothing more is to be expected, if so.",
               values=("none", "budget", "patience", "blind", "retired")),
        Column("commitment", "str", "-", "Published hash of the salt."),
        Column("entrants_hash", "str", "-", "Hash of everybody who was judged."),
        Column("train_seeds", "str", "-", "Seeds of training, as JSON."),
        Column("sealed_seeds", "str", "-", "Seeds of the sealed set, as JSON."),
    ),
)  # fmt: skip

PROMOTIONS: Final = Table(
    "promotions",
    "One row per challenger and gate: what was found, what was needed, and the verdict.",
    key=("ir_hash", "gate"),
    partitioned_by=("evolution", "generation"),
    columns=(
        Column("ir_hash", "str", "-", "Hash of the challenger's program."),
        Column("gate", "enum", "-", "Which gate.",
               values=("replay", "future", "ruin", "trades", "gain", "step_m", "families",
                       "buy_and_hold", "random_entry", "pbo", "dsr", "stress", "ambiguity",
                       "ladder")),
        Column("verdict", "enum", "-", "Whether it holds, if that can be told.",
               values=("pass", "fail", "unknown")),
        _optional("value", "-", "What was found. Null: nothing."),
        Column("threshold", "f64", "-", "What it was compared with."),
        Column("n", "u64", "-", "Markets, trades or trials behind the value."),
        Column("is_required", "bool", "-", "Whether promotion needs the gate."),
        Column("note", "str", "-", "What else to know; empty for nothing."),
        Column("is_promoted", "bool", "-", "Whether this challenger became champion."),
    ),
    references=((("ir_hash",), "populations", ("ir_hash",)),),
)  # fmt: skip

HOLDOUTS: Final = Table(
    "holdouts",
    "One row per question to a finite hold-out: what was published. Empty where markets are made.",
    key=("question",),
    partitioned_by=("evolution", "generation"),
    columns=(
        Column("question", "u32", "-", "Number of the question, from one; over all generations.",
               minimum=1),
        Column("ir_hash", "str", "-", "Hash of the program whose score was asked for."),
        Column("histories", "str", "-", "Lineages of the histories held out, space between."),
        Column("step", "f64", "score", "Smallest gain that is published.", minimum=0.0),
        Column("published", "f64", "score", "Best score that is told after the question."),
        Column("is_new", "bool", "-", "Whether this question moved it."),
    ),
    references=((("ir_hash",), "populations", ("ir_hash",)),),
)  # fmt: skip

TABLES: Final = (POPULATIONS, GENERATIONS, HOLDOUTS, PROMOTIONS)
