"""Portfolios: what the strategies are worth together, against equal weights."""

from __future__ import annotations

from typing import Final

import polars as pl

from simcore.report.blocks import Block, Section, Text, capped, grid
from simcore.report.material import Material
from simcore.report.wording import NONE, interval, number, percent

_ROWS_MAX: Final = 60


def blocks(material: Material) -> list[Block]:
    """Show each way of weighing against equal weights, then the weights."""
    weights = material.rows("portfolio_weights")
    if weights.is_empty():
        return [Text("Too few strategies traded to make a portfolio.")]
    methods = weights.unique("method", maintain_order=True).sort("method").to_dicts()
    better = [row["method"] for row in methods if (row["gain_oos_lo"] or 0.0) > 0.0]
    shown = (
        f"Better than equal weights on days never learnt from: {', '.join(better)}."
        if better
        else "**No way of weighing is shown to beat equal weights** on days never learnt from."
    )
    names = [row["method"] for row in methods]
    shares = {(row["method"], row["strategy_id"]): row["weight"] for row in weights.to_dicts()}
    order = [name for name in material.ranked() if (weights["strategy_id"] == name).any()]
    return [
        Text(shown),
        grid(
            "One row per way of weighing: the median Sharpe ratio over paths of days never learnt "
            "from, and its gain over equal weights with a 95 % interval over days.",
            ["method", "Sharpe", "gain over equal", "days", "paths", "effective rank",
             "shrinkage"],
            [
                (
                    row["method"], number(row["sharpe_oos"]),
                    interval(row, "gain_oos", "gain_oos_lo", "gain_oos_hi"), row["n_days"],
                    row["n_paths"], number(row["effective_rank"], 1), number(row["shrinkage"]),
                )
                for row in methods
            ],
        ),
        *capped(
            "Share of the money of each strategy, by how the weights were chosen.",
            ["strategy", *names],
            [
                (
                    name,
                    *(
                        NONE if (each, name) not in shares else percent(shares[each, name])
                        for each in names
                    ),
                )
                for name in order
            ],
            _ROWS_MAX,
            "the first by rank; the others stand in the table `portfolio_weights`",
        ),
        *_short(weights),
    ]  # fmt: skip


def _short(weights: pl.DataFrame) -> list[Block]:
    days = weights["n_days"].max()
    if not isinstance(days, int) or days >= 250:
        return []
    return [Text(f"The weights rest on {days} days, less than a year of trading.", is_note=True)]


SECTION = Section("portfolios", "Portfolios", blocks)
