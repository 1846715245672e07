"""Evidence: what speaks for promoting each strategy, and what against it.

The thresholds are those of the gates through which a champion is replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from simcore.evolution.gates import ALPHA, DSR_MIN, PBO_MAX, STRESS_SHARE, TRADES_MIN
from simcore.report.blocks import Block, Head, Section, Text, capped
from simcore.report.material import Material
from simcore.report.wording import NONE, interval, number, percent

_ROWS_MAX: Final = 100
_BEATS_MIN: Final = 1.0 - ALPHA


def blocks(material: Material) -> list[Block]:
    """Show the evidence of each entry against the gates, and say why nobody is promoted."""
    standings = material.rows("standings")
    if standings.is_empty():
        return [Text("No tournament was played, so nobody could be promoted.")]
    told: list[Block] = []
    for (name,), rows in standings.partition_by(
        "tournament_id", as_dict=True, maintain_order=True
    ).items():
        told += _tournament(str(name), rows.sort("rank", "ir_hash"))
    return told + _cards(material)


def _tournament(name: str, rows: pl.DataFrame) -> list[Block]:
    entries = rows.to_dicts()
    clear = [row["strategy_id"] for row in entries if not objections(row)]
    champions = [row["strategy_id"] for row in entries if row["champion"]]
    if champions:
        told = f"Champion: {', '.join(champions)}."
    else:
        told = (
            "**Nobody is promoted**: a campaign has no champion to replace and no sealed markets. "
            "Promotion is decided by `proving evolve`, through the gates that these are some of."
        )
    passed = (
        f"Without an objection: {', '.join(clear)}."
        if clear
        else "Each entry meets at least one objection."
    )
    thresholds = (
        f"An objection is raised where the deflated Sharpe ratio (DSR) is below {DSR_MIN:g}, the "
        f"probability of overfitting (PBO) is above {PBO_MAX:g}, buy-and-hold is beaten in less "
        f"than {percent(_BEATS_MIN, 0)} of resamples, the score under stress falls below "
        f"{percent(STRESS_SHARE, 0)} of the plain one, there are fewer than {TRADES_MIN} trades, a "
        "run lost everything, or the entry lies outside the confidence set of the best. "
        "What is not known is an objection too."
    )
    return [
        Head(name),
        Text(told),
        Text(passed),
        *capped(
            "One row per entry: what was found, and what stands against promoting it.",
            ["strategy", "DSR", "trials", "PBO", "beats buy-and-hold", "may be the best",
             "under stress", "ruined", "against it"],
            [_row(row) for row in entries],
            _ROWS_MAX,
            "the first by rank; the others stand in the table `standings`",
        ),
        Text(thresholds, is_note=True),
    ]  # fmt: skip


def _row(row: Mapping[str, Any]) -> tuple[Any, ...]:
    may = {True: "yes", False: "no", None: NONE}[row["in_mcs"]]
    return (
        row["strategy_id"], number(row["dsr"], 3), NONE if row["k_trials"] is None
        else f"{row['k_trials']:,}", number(row["pbo"]), percent(row["p_beats_buy_hold"], 0), may,
        number(row["stress_score"]), row["ruin_count"], "; ".join(objections(row)) or "nothing",
    )  # fmt: skip


def objections(row: Mapping[str, Any]) -> list[str]:
    """Return what stands against promoting an entry, in the order of the columns.

    Args:
        row: Of the table `standings`.
    """
    score, stressed = row["score_mean"], row["stress_score"]
    lost = None if score is None or stressed is None else stressed < STRESS_SHARE * score
    faults = (
        ("DSR", None if row["dsr"] is None else row["dsr"] < DSR_MIN),
        ("PBO", None if row["pbo"] is None else row["pbo"] > PBO_MAX),
        (
            "buy-and-hold",
            None if row["p_beats_buy_hold"] is None else row["p_beats_buy_hold"] < _BEATS_MIN,
        ),
        ("confidence set", None if row["in_mcs"] is None else not row["in_mcs"]),
        ("stress", lost),
        ("trades", row["n_trades"] < TRADES_MIN),
        ("ruin", row["ruin_count"] > 0),
    )
    return [
        f"{name} unknown" if is_against is None else name
        for name, is_against in faults
        if is_against is not False
    ]


def _cards(material: Material) -> list[Block]:
    """Show of each strategy's card what only the card knows: luck, costs, choice."""
    card = material.rows("evidence")
    if card.is_empty():
        return []
    wanted: tuple[tuple[str, str, str, float, int], ...] = (
        ("score of a run", "runs", "score", 1.0, 1),
        ("Sharpe", "runs", "sharpe", 1.0, 2),
        ("deepest fall, %", "runs", "max_drawdown", 100.0, 1),
        ("costs a year, %", "runs", "cost_drag", 100.0, 1),
        ("break-even, bps", "runs", "breakeven_cost_bps", 1.0, 0),
        ("score lost under stress", "stress", "score_lost", 1.0, 1),
    )
    rows = []
    for name in material.ranked():
        own = card.filter(pl.col("strategy_id") == name)
        if own.is_empty():
            continue
        found = {(row["section"], row["name"]): row for row in own.to_dicts()}
        rows.append(
            (
                name,
                *(
                    _told(found.get((section, key)), times, digits)
                    for _, section, key, times, digits in wanted
                ),
                _luck(own),
            )
        )
    return [
        Head("What the runs come to"),
        *capped(
            "One row per strategy: means over its runs with Student's 95 % interval. Break-even is "
            "what a fill could cost on top before nothing is left. Luck of entry is the share of "
            "random-entry twins that it beats, the least over its scenarios.",
            ["strategy", *(each[0] for each in wanted), "luck of entry, %"],
            rows,
            _ROWS_MAX,
            "the first by rank; the others stand in the table `evidence`",
        ),
    ]


def _told(row: Mapping[str, Any] | None, times: float, digits: int) -> str:
    """Return a number of the card with its interval, in a unit so many times smaller."""
    if row is None:
        return NONE
    names = ("estimate", "lo", "hi")
    scaled = {name: None if row[name] is None else times * row[name] for name in names}
    return interval(scaled, *names, digits)


def _luck(card: pl.DataFrame) -> str:
    own = card.filter(
        pl.col("section") == "random_entry",
        pl.col("name") == "percentile",
        pl.col("estimate").is_not_null(),
    ).sort("estimate", "item")
    if own.is_empty():
        return NONE
    row = own.row(0, named=True)
    error = "" if row["se"] is None else f" ± {number(row['se'], 1)}"
    return f"{number(row['estimate'], 1)}{error}"


SECTION = Section("evidence", "Evidence: what speaks for promotion, and what against", blocks)
