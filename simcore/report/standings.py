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

_ROWS_MAX: Final = 100
_DRAWN_MAX: Final = 40
_WIDTH, _NAMES, _ROW, _HEAD = 960.0, 200.0, 18.0, 24.0


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
        "One row an entry. Behind each number its interval at 95 %; rank 1 to 3 says that the "
        "entry may stand anywhere between.",
        ["strategy", "rank", "95 %", "score", "rating", "Sharpe", "w/d/l", "trades", "notes"],
        [_row(row) for row in rows.iter_rows(named=True)],
        _ROWS_MAX,
        "the first by rank; the others stand in the table `standings`",
    )
    return told


def _row(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        row["strategy_id"],
        row["rank"],
        f"{row['rank_lo']} to {row['rank_hi']}",
        interval(row, "score_mean", "score_ci_lo", "score_ci_hi"),
        interval(row, "elo_bt", "elo_lo", "elo_hi", 0),
        interval(row, "sharpe_mean", "sharpe_ci_lo", "sharpe_ci_hi"),
        f"{row['wins']}/{row['draws']}/{row['losses']}",
        f"{row['n_trades']:,}",
        row["flags"] or NONE,
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
    parts = []
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
    return f"{short}  {number(row['rank'], 0)}"


SECTION = Section("standings", "Standings", blocks)
