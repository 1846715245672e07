"""Standings: who stands where, how surely, and who cannot be told apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from simcore.report import drawing
from simcore.report.blocks import Block, Head, Picture, Section, Text, capped
from simcore.report.masthead import VERDICTS, worst_verdict
from simcore.report.material import Material
from simcore.report.wording import NONE, interval, number

NOTES: Final = {
    "ALIAS": "it was entered under other names too, and stands once",
    "FEW_SCENARIOS": "it was judged on fewer than twenty markets",
    "MARGIN_CONFLICT": "it is rated above another whose mean score is significantly higher, or the "
    "reverse",
    "NO_GAMES": "it met nobody and has no rating",
    "NULL_METRIC": "it has runs without a metric that the score reads, which counted as 0",
    "NULL_SHARPE": "it has runs without a Sharpe ratio, which counted as 0",
    "ONE_PER_FAMILY": "it ran on a single market of some family, so that its spread is not known",
    "PARTIAL_SCENARIOS": "it lacks runs on some markets",
    "PRIOR": "its rating needed a prior",
    "RUIN": "it lost everything in some run",
}
"""What each flag of the standings means; a test holds that none is without words."""
_ROWS_MAX: Final = 100
_DRAWN_MAX: Final = 40
_WIDTH, _NAMES, _ROW, _HEAD = 960.0, 230.0, 21.0, 44.0


def blocks(material: Material) -> list[Block]:
    """Show every tournament; a tie is said to be one."""
    standings = material.rows("standings")
    if standings.is_empty():
        return [Text("No tournament was played.")]
    told: list[Block] = [_survival(material)]
    for name, rows in standings.partition_by(
        "tournament_id", as_dict=True, maintain_order=True
    ).items():
        told += _tournament(str(name[0]), rows.sort("rank", "ir_hash"))
    return told


def _survival(material: Material) -> Text:
    """Say beside every ranking what a rank cannot: whether anybody here survives."""
    worst = worst_verdict(material)
    if worst is None:
        return Text("**Survival was not judged.** A rank tells a score and nothing of survival.")
    meaning, _ = VERDICTS[worst]
    return Text(
        f"**Survival: {worst.replace('_', ' ')}**, it {meaning}. A rank tells a score; whoever "
        "leads is worth no more than this verdict."
    )


def _tournament(name: str, rows: pl.DataFrame) -> list[Block]:
    told: list[Block] = [Head(name), *_ties(rows)]
    if rows["score_mean"].is_not_null().any():
        told.append(_picture(rows))
    told += capped(
        "One row per entry. With each number its interval at 95 %; ranks 1 to 3 say that the entry "
        "may stand anywhere between. Ratings are Bradley-Terry's, 1500 in the middle.",
        [
            "strategy",
            "rank",
            "may be",
            "score",
            "Elo rating",
            "Sharpe of a year",
            "won / drawn / lost",
            "trades",
            "notes",
        ],
        [_row(row) for row in rows.iter_rows(named=True)],
        _ROWS_MAX,
        "the first by rank; the others stand in the table `standings`",
    )
    return told + _notes(rows)


def _row(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        row["strategy_id"],
        row["rank"],
        f"{row['rank_lo']} to {row['rank_hi']}",
        interval(row, "score_mean", "score_ci_lo", "score_ci_hi"),
        interval(row, "elo_bt", "elo_lo", "elo_hi", 0),
        interval(row, "sharpe_mean", "sharpe_ci_lo", "sharpe_ci_hi"),
        f"{row['wins']} / {row['draws']} / {row['losses']}",
        f"{row['n_trades']:,}",
        row["flags"].lower().replace("_", "-").replace(" ", ", ") or NONE,
    )


def _notes(rows: pl.DataFrame) -> list[Block]:
    """Say what the notes of a table mean, those that stand in it."""
    raised = sorted({flag for flags in rows["flags"] for flag in flags.split()})
    told = [f"{flag.lower().replace('_', '-')}, {NOTES[flag]}" for flag in raised if flag in NOTES]
    return (
        [Text(f"What the notes say of an entry: {'; '.join(told)}.", is_note=True)] if told else []
    )


def _ties(rows: pl.DataFrame) -> list[Block]:
    """Name the shared ranks, who may be the best, and whose interval of ranks reaches the first."""
    told: list[Block] = []
    for rank, tied in rows.group_by("rank", maintain_order=True):
        if tied.height > 1:
            told.append(Text(f"Tied at rank {rank[0]}: {', '.join(tied['strategy_id'])}."))
    level = rows.filter("in_mcs")["strategy_id"].to_list()
    if len(level) > 1:
        told.append(Text(f"Statistically tied, any may be the best (90 %): {', '.join(level)}."))
    could_lead = rows.filter(pl.col("rank_lo") == 1)["strategy_id"].to_list()
    if len(could_lead) > 1:
        names = ", ".join(could_lead)
        told.append(Text(f"**The first place is not settled**: the intervals of {names} reach it."))
    return told


def _picture(rows: pl.DataFrame) -> Picture:
    shown = rows.filter(pl.col("score_mean").is_not_null()).head(_DRAWN_MAX)
    ends = [
        value
        for name in ("score_mean", "score_ci_lo", "score_ci_hi")
        for value in shown[name].drop_nulls().to_list()
    ]
    x = drawing.Scale(min(0.0, *ends), max(0.0, *ends), _NAMES, _WIDTH - 16.0)
    bottom = _HEAD + _ROW * shown.height
    parts = [drawing.label((_NAMES, 14.0), f"mean score ({shown['score'][0]})", "t")]
    for tick in x.ticks(6):
        parts.append(drawing.segment((x(tick), _HEAD), (x(tick), bottom), "z" if not tick else "g"))
        parts.append(drawing.label((x(tick), _HEAD - 8.0), f"{tick:g}", "m"))
    for place, row in enumerate(shown.iter_rows(named=True)):
        middle = _HEAD + _ROW * (place + 0.5)
        parts.append(drawing.label((_NAMES - 12.0, middle + 4.0), _named(row), "e"))
        if row["score_ci_lo"] is not None and row["score_ci_hi"] is not None:
            ends_of = ((x(row["score_ci_lo"]), middle), (x(row["score_ci_hi"]), middle))
            parts.append(drawing.segment(*ends_of, "l"))
        parts.append(drawing.dot((x(row["score_mean"]), middle), 3.4, "d"))
    words = "; ".join(
        f"{row['rank']}. {row['strategy_id']} "
        f"{interval(row, 'score_mean', 'score_ci_lo', 'score_ci_hi')}"
        for row in shown.iter_rows(named=True)
    )
    cut = f" The first {_DRAWN_MAX} are drawn." if rows.height > _DRAWN_MAX else ""
    caption = (
        "Mean score of each entry (dot) with its 95 % interval (line), by rank. Where lines "
        f"overlap, the order is not proven.{cut}"
    )
    picture = drawing.svg(_WIDTH, bottom + 6.0, f"Mean scores by rank: {words}", parts)
    return Picture(caption, ((picture, f"Mean scores by rank: {words}"),), is_wide=True)


def _named(row: Mapping[str, Any]) -> str:
    name = str(row["strategy_id"])
    short = name if len(name) <= 24 else f"{name[:23]}…"
    return f"{number(row['rank'], 0)}. {short}"


SECTION = Section("standings", "Standings", blocks)
