"""The calibration as a page that a person reads: the rates, and what they were measured by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import polars as pl

_HEAD: Final = """# Calibration of the gate

Written by `{command}`; not edited by hand. It took {minutes:.1f} minutes on {cores} cores.

A gate that promotes must be seen to refuse. Here it is shown tournaments whose outcome is known: on
markets without an edge nobody deserves to be promoted, and anyone who is counts as an error; on
markets with an edge put there on purpose one entry deserves it, and counts as found or missed.

The gate is the stepwise lower bound of paired score differences
(`simcore.scoring.inference.paired_bounds`), studentised within each resample. *Coins* enter and
leave by the volume of some bars ago, which tells nothing of prices: all have the same expectation
as their champion, so that the rate should come near the level. *Settings* are library strategies at
drawn parameters against buy-and-hold with a margin of half a point, as in a promotion; trading
costs them points, so their rate should lie below the level. *Planted* is whoever is always in a
rising market, against coins that are in it for part of the time. Intervals are Clopper and
Pearson's at 95 %. `NOT_REFUTED` says that the interval holds what was to be shown and what was not;
only more tournaments narrow it. An earlier kind of coin paused for different times and so traded at
different cost, which is no exact null: of 200 small tournaments it was promoted in 12 on a random
walk and in 21 on clusters, and the coins were replaced, the gate was not.

| design | entries | markets | tournaments | promoted | rate | 95 % | to be | verdict |
|---|---|---|---|---|---|---|---|---|
"""


def page(rows: pl.DataFrame, *, command: str, minutes: float, cores: int) -> str:
    """Return the rows of `calibration` as Markdown.

    Args:
        rows: Of the table.
        command: What made them.
        minutes: How long it took.
        cores: On how many.
    """
    lines = [_HEAD.format(command=command, minutes=minutes, cores=cores)]
    for row in rows.sort("is_planted", "design", "n_tournaments").iter_rows(named=True):
        wanted = f"≥ {row['promised']:.3f}" if row["is_planted"] else f"≤ {row['alpha']:g}"
        lines.append(
            f"| {row['design']} | {row['n_challengers']} | {row['n_markets']} "
            f"| {row['n_tournaments']} | {row['n_hits']} | {row['rate']:.3f} "
            f"| {row['rate_lo']:.3f} to {row['rate_hi']:.3f} | {wanted} | {row['verdict']} |\n"
        )
    return "".join(lines)
