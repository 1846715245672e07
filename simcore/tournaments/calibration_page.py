"""The calibration as a page that a person reads: the rates, and what they were measured by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import polars as pl

_HEAD: Final = """# Calibration of the gate

Written by `{command}`; not edited by hand. It took {minutes:.0f} minutes on {cores} cores.

A gate that promotes must be seen to refuse. Here it is shown tournaments whose outcome is known: on
markets without an edge nobody deserves to be promoted, and anyone who is counts as an error; on
markets with an edge put there on purpose one entry deserves it, and counts as found or missed.
Intervals are Clopper and Pearson's at 95 %. `NOT_REFUTED` says that the interval holds what was to
be shown and what was not; only more tournaments narrow it.

## The bound of the gain

Every promotion rests on the stepwise lower bound of paired score differences
(`simcore.scoring.inference.paired_bounds`). *Coins* enter and leave by the volume of some bars ago,
which tells nothing of prices: all have the same expectation as their champion, so that the rate
should come near the level. *Settings* are library strategies at drawn parameters against
buy-and-hold with a margin of half a point, as in a promotion; trading costs them points, so their
rate should lie below the level. *Planted* is whoever is always in a rising market, against coins
that are in it for part of the time, on as many markets as the planner asks for: its formula, and
the correction for a deviation that is estimated from the same markets (Guenther 1981).

"""

_COLUMNS: Final = (
    "| design | entries | markets | tournaments | promoted | rate | 95 % | to be | verdict |\n"
    "|---|---|---|---|---|---|---|---|---|\n"
)

_WHY: Final = """
Luck is measured by two references, and the farther one counts. With one alone the bound erred too
often: of 6,000 small tournaments of coins, half on a random walk and half on clusters, drawing rows
again and studentising each resample promoted in 373 (0.062, 0.056 to 0.069), and with one standard
error for all resamples, as StepM is usually computed, in 407 (0.068, 0.062 to 0.074): that was no
noise. Scores are clipped, so many differences are ties and the rest lie at few values; a resample
of them is often too calm. Random signs promoted in 315 (0.053, 0.047 to 0.058), but they are wrong
for differences that lean to one side: over 60 leaning rows they call out three times too often.
Both together promoted in 299 (0.050, 0.044 to 0.056).

"""

_GATES: Final = """## The whole promotion

The same for everything that stands between a challenger and the title
(`simcore.evolution.promotion`): training, the bound with its margin of half a point, families,
buy-and-hold, random entries, overfitting, stress and the rest. Each field has two rows: who passes
the bound, and who passes every gate as well. *Coins* and *settings* play on four families without
drift. *Equals* all have their champion's edge, on prices that come home, and nobody has more: they
beat what coins cannot, so that what stops them is the bound and, since choosing among equals is
luck, overfitting. *Planted* buys whenever its champion might but for waiting, among coins; the
planner promises for the bound alone, so that a rate of every gate that keeps the promise says that
the others cost nothing.

At a level of 5 % the bound lets somebody through in one null field of twenty on average, however
many entries it has; that nobody is promoted in any of them takes the other gates.

"""


def page(rows: pl.DataFrame, *, command: str, minutes: float, cores: int) -> str:
    """Return the rows of `calibration` as Markdown.

    Args:
        rows: Of the table; those of whole promotions are told by the stage in their names.
        command: What made them.
        minutes: How long it took.
        cores: On how many.
    """
    is_whole = rows["design"].str.contains(", (the bound|every gate)$")
    text = _HEAD.format(command=command, minutes=minutes, cores=cores)
    text += _COLUMNS + _lines(rows.filter(~is_whole)) + _WHY
    if is_whole.any():
        text += _GATES + _COLUMNS + _lines(rows.filter(is_whole))
    return text.rstrip("\n") + "\n"


def _lines(rows: pl.DataFrame) -> str:
    lines = []
    for row in rows.sort("is_planted", "design", "n_tournaments").iter_rows(named=True):
        wanted = f"≥ {row['promised']:.3f}" if row["is_planted"] else f"≤ {row['alpha']:g}"
        lines.append(
            f"| {row['design']} | {row['n_challengers']} | {row['n_markets']} "
            f"| {row['n_tournaments']} | {row['n_hits']} | {row['rate']:.3f} "
            f"| {row['rate_lo']:.3f} to {row['rate_hi']:.3f} | {wanted} | {row['verdict']} |\n"
        )
    return "".join(lines)
