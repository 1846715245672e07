"""Generalisation: what a choice by the past was worth afterwards, and how often was chosen."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from simcore.report.blocks import Block, Head, Section, Text, capped
from simcore.report.material import Material
from simcore.report.wording import NONE, interval
from simcore.scoring.evidence_card import mean

_ROWS_MAX: Final = 100
_NOT_KNOWN: Final = {"estimate": None, "lo": None, "hi": None}


def blocks(material: Material) -> list[Block]:
    """Show the gap between chosen and judged, and the trials behind it."""
    return [*_gaps(material), *_trials(material)]


def _gaps(material: Material) -> list[Block]:
    walked = material.rows("walk_forward").with_columns(pl.col("segment").cast(str))
    if walked.is_empty():
        return [Text("No strategy has a parameter that was chosen by the past.")]
    rows = []
    for name in material.ranked():
        own = walked.filter(pl.col("strategy_id") == name)
        if not own.is_empty():
            rows.append(_gap(name, own))
    return [
        *capped(
            "One row per strategy, over the folds of all its scenarios: the Sharpe ratio where the "
            "setting was chosen, where it was judged, and the former less the latter, with "
            "Student's 95 % interval.",
            ["strategy", "folds", "settings", "chosen", "judged", "generalisation gap"],
            rows,
            _ROWS_MAX,
            "the first by rank; the others stand in the table `walk_forward`",
        ),
        Text(
            "Folds follow one another on the same markets, so their intervals are too narrow "
            "rather than too wide. A gap far above 0 says that the choice fitted the past.",
            is_note=True,
        ),
    ]


def _gap(name: str, walked: pl.DataFrame) -> tuple[Any, ...]:
    fold = ["scenario_id", "path", "fold"]
    chosen = walked.filter(pl.col("segment") == "is").select(*fold, "sharpe", "n_settings")
    judged = walked.filter(pl.col("segment") == "oos").select(*fold, judged="sharpe")
    both = chosen.join(judged, on=fold, how="inner").sort(fold)
    gap = both.with_columns(gap=pl.col("sharpe") - pl.col("judged"))
    settings = sorted(set(both["n_settings"].to_list()))
    tried = f"{settings[0]}" if len(settings) == 1 else f"{settings[0]} to {settings[-1]}"
    return (name, both.height, tried, *(_mean(gap, each) for each in ("sharpe", "judged", "gap")))


def _mean(rows: pl.DataFrame, column: str) -> str:
    values = rows[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    told = {**_NOT_KNOWN, **mean("", column, values, "-")}
    return interval(told, "estimate", "lo", "hi") if told["estimate"] is not None else told["text"]


def _trials(material: Material) -> list[Block]:
    """Show how many programs were ever run on the markets, of each strategy and in all."""
    trials = material.rows("trials")
    if trials.is_empty():
        return [Head("Trials"), Text("No trial is on record.")]
    counted = trials.group_by("strategy_id").agg(
        trials=pl.len(), programs=pl.col("ir_hash").n_unique(), histories=pl.col(
            "lineage"
        ).n_unique(), asked=pl.col("asked_by").unique().sort()
    )  # fmt: skip
    found = {row["strategy_id"]: row for row in counted.to_dicts()}
    rows = [
        (
            name, f"{row['trials']:,}", f"{row['programs']:,}", f"{row['histories']:,}",
            ", ".join(row["asked"]) or NONE,
        )
        for name in material.ranked()
        if (row := found.get(name)) is not None
    ]  # fmt: skip
    return [
        Head("Trials"),
        Text(
            f"**{trials.height:,} trials** are on record in this campaign: "
            f"{trials['ir_hash'].n_unique():,} programs on {trials['lineage'].n_unique():,} "
            "histories. A trial is counted once and for good; the deflated Sharpe ratio among the "
            "evidence is deflated by all that were made on the same histories, here or elsewhere."
        ),
        *capped(
            "One row per strategy: its trials, and who asked for them first.",
            ["strategy", "trials", "programs", "histories", "asked for by"],
            rows,
            _ROWS_MAX,
            "the first by rank; the others stand in the table `trials`",
        ),
    ]


SECTION = Section("generalisation", "Choosing by the past: generalisation gap and trials", blocks)
