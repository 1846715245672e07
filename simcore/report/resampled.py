"""Resampled runs: how far luck in the order of returns alone could have moved each result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from simcore.report.blocks import Block, Section, Text, capped
from simcore.report.material import Material
from simcore.report.wording import NONE, number, percent

_ROWS_MAX: Final = 120


def blocks(material: Material) -> list[Block]:
    """Show percentiles of the Sharpe ratio and of the deepest fall of every run."""
    drawn = material.rows("monte_carlo")
    if drawn.is_empty():
        return [Text("No run was drawn again.")]
    order = {name: place for place, name in enumerate(material.ranked())}
    run = ["strategy_id", "scenario_id", "path"]
    falls = {
        tuple(row[name] for name in run): row
        for row in drawn.filter(pl.col("metric").cast(str) == "max_drawdown").to_dicts()
    }
    sharpes = sorted(
        drawn.filter(pl.col("metric").cast(str) == "sharpe").to_dicts(),
        key=lambda row: (order[row["strategy_id"]], row["scenario_id"], row["path"]),
    )
    rows = [_row(row, falls.get(tuple(row[name] for name in run))) for row in sharpes]
    n_paths = max(int(row["n_paths"]) for row in sharpes)
    methods = ", ".join(sorted({str(row["method"]) for row in sharpes}))
    return [
        *capped(
            f"One row per run: {n_paths:,} paths of its own returns, drawn again in blocks "
            f"({methods}). Percentiles of their Sharpe ratios, ± the Monte Carlo standard error; "
            "the share of them below a bound; the deepest fall, and that of the worst 5 %.",
            ["strategy", "scenario", "path", "Sharpe", "5 %", "50 %", "95 %", "below bound",
             "deepest fall", "fall, 5 %"],
            rows,
            _ROWS_MAX,
            "the first by rank; the others stand in the table `monte_carlo`",
        ),
        Text(
            "Drawing again keeps what the returns were and changes when they came. It cannot show "
            "what would happen in a market that the run never met.",
            is_note=True,
        ),
    ]  # fmt: skip


def _row(row: Mapping[str, Any], fall: Mapping[str, Any] | None) -> tuple[Any, ...]:
    below = (
        NONE
        if row["worse_fraction"] is None
        else f"{percent(row['worse_fraction'])} < {number(row['threshold'], 1)}"
    )
    return (
        row["strategy_id"], row["scenario_id"], row["path"], number(row["observed"]),
        _erring(row, "p5"), _erring(row, "p50"), _erring(row, "p95"), below,
        percent(fall["observed"]) if fall else NONE, percent(fall["p5"]) if fall else NONE,
    )  # fmt: skip


def _erring(row: Mapping[str, Any], name: str) -> str:
    if row[name] is None:
        return NONE
    error = row[f"mcse_{name}"]
    return number(row[name]) + ("" if error is None else f" ± {number(error)}")


SECTION = Section("resampled", "The same returns in another order", blocks)
