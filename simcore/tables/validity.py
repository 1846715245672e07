"""Tables of how much a result may be believed: walk-forwards, and every trial ever made."""

from __future__ import annotations

from typing import Final

from simcore.tables.backtests import BACKTESTS
from simcore.tables.table import Column, Table

_RUN_KEY: Final = ("scenario_id", "path", "strategy_id")


def _metrics() -> tuple[Column, ...]:
    """Every metric that `backtests` has of a run, and its flags."""
    names = [column.name for column in BACKTESTS.columns]
    first, last = names.index("total_return"), names.index("ambiguity_gap")
    return (*BACKTESTS.columns[first : last + 1], BACKTESTS.column("flags"))


WALK_FORWARD: Final = Table(
    "walk_forward",
    "Two rows per fold: the setting that was chosen, where it was chosen and where it is judged.",
    key=(*_RUN_KEY, "fold", "segment"),
    partitioned_by=("campaign", "strategy"),
    schema_version=2,
    columns=(
        Column("scenario_id", "str", "-", "Id of the scenario's document."),
        Column("path", "u32", "-", "Number of the path, from zero."),
        Column("strategy_id", "str", "-", "Id of the strategy's document."),
        Column("fold", "u32", "-", "Number of the fold, from zero."),
        Column("segment", "enum", "-", "Where it was chosen (is) or is judged (oos).",
               values=("is", "oos")),
        Column("start_bar", "u32", "bars", "First bar."),
        Column("stop_bar", "u32", "bars", "The bar behind the last.", minimum=1),
        Column("ir_hash", "str", "-", "Hash of the program at the chosen setting."),
        Column("parameters", "str", "-", "The chosen setting, as JSON."),
        Column("n_settings", "u32", "settings", "How many settings were tried.", minimum=1),
        *_metrics(),
    ),
    references=((("scenario_id",), "scenarios", ("scenario_id",)),),
)  # fmt: skip

TRIALS: Final = Table(
    "trials",
    "One row per trial: a program that was run on some data. Rows are added and never taken out.",
    key=("lineage", "ir_hash", "execution_hash"),
    partitioned_by=("campaign", "strategy"),
    columns=(
        Column("lineage", "str", "-", "Hash of how the history begins, which "
               "tells what it is, however long it is by now; no hash of `scenarios` equals it."),
        Column("ir_hash", "str", "-", "Hash of the program."),
        Column("execution_hash", "str", "-", "Hash of every field of the execution."),
        Column("struct_hash", "str", "-", "Hash of the program's family: parameters as symbols."),
        Column("strategy_id", "str", "-", "Id of the strategy's document."),
        Column("sharpe_bar", "f64", "1/sqrt(bar)", "Sharpe ratio per bar. Null: not defined.",
               nullable=True),
        Column("bars", "u32", "bars", "How many bars it was run over.", minimum=1),
        Column("asked_by", "str", "-", "Who ran it first: a step, a function or a command."),
    ),
)  # fmt: skip

TABLES: Final = (WALK_FORWARD, TRIALS)
