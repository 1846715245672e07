"""Chaos: what each oracle found in each arm, with the number of cases it applied to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import polars as pl

from simcore.chaos.oracles import ORACLES
from simcore.chaos.schedule import chaos_scenarios
from simcore.report.blocks import Block, Head, Section, Text, capped, grid
from simcore.report.material import Material
from simcore.report.wording import NONE, duration, number, percent

_ROWS_MAX: Final = 120
_SEEDS_MAX: Final = 8


def blocks(material: Material) -> list[Block]:
    """Show what was injected, what held, and how long healing took."""
    found = material.rows("chaos_oracle_results")
    if found.is_empty():
        return [
            Text(
                f"Nothing was run: the campaign's chaos is `{material.campaign['chaos']}`. "
                "No fault was injected and no oracle judged."
            )
        ]
    told: list[Block] = [
        Text(_injected(material)),
        *_health(material.rows("chaos_report").sort("seed")),
    ]
    seeds = sorted(found["seed"].unique().to_list())
    for seed in seeds[:_SEEDS_MAX]:
        told.append(Head(f"Seed {seed}"))
        told += _oracles(found.filter(pl.col("seed") == seed).sort("arm", "oracle"))
    if len(seeds) > _SEEDS_MAX:
        told.append(
            Text(
                f"Shown are the first {_SEEDS_MAX} of {len(seeds)} seeds; the others stand in the "
                "table `chaos_oracle_results`.",
                is_note=True,
            )
        )
    told.append(
        Text(
            "The canary lacks one control and must fail; its rows do not count against the system. "
            "An oracle without a case was not put to the test.",
            is_note=True,
        )
    )
    return told


def fault(kind: str) -> str:
    """Return a kind of fault with its title in the library, such as ``A1 flash crash``."""
    titles = {each["kind"]: str(each["title"]) for each in chaos_scenarios()}
    title = titles.get(kind, "")
    is_word = title[1:2].islower()  # An abbreviation keeps its capitals.
    return f"{kind} {title[:1].lower() if is_word else title[:1]}{title[1:]}".rstrip()


def _injected(material: Material) -> str:
    planned = material.rows("chaos_injections").filter(pl.col("arm").cast(str) == "real")
    figures = material.rows("chaos_report")
    kinds = planned.group_by("kind").len().sort("kind")
    counted = ", ".join(f"{fault(kind)} × {count}" for kind, count in kinds.iter_rows())
    return (
        f"Planned in the real arm: {counted}. {int(figures['n_injected'].sum())} struck, "
        f"{int(figures['n_effective'].sum())} with a witnessed effect. A fault-free twin and a "
        "canary ran beside it on the same seed."
    )


def _health(rows: pl.DataFrame) -> list[Block]:
    """Return a line a measure, so that many seeds are wider and not the measures."""
    measures: tuple[tuple[str, Callable[[Mapping[str, Any]], Any]], ...] = (
        ("result", lambda row: row["result"]),
        ("survived without a person", lambda row: _share(row["survived_wo_human_pct"], 0)),
        ("minutes with a permit to trade", lambda row: _share(row["uptime_trading_pct"], 1)),
        ("healed in, mean", lambda row: _seconds(row["mttr_s_mean"])),
        ("healed in, 95 of 100", lambda row: _seconds(row["mttr_s_p95"])),
        ("healed in, worst", lambda row: _seconds(row["mttr_s_max"])),
        ("kills of the whole book", lambda row: row["global_kills"]),
        ("kills of a smaller scope", lambda row: row["local_kills"]),
        ("double orders", lambda row: row["dup_orders"]),
        ("actions of a person", lambda row: row["human_actions"]),
        ("deepest fall of the book", lambda row: percent(-row["max_dd_ppm"] / 1e6, 2)),
    )
    shown = rows.head(_SEEDS_MAX).to_dicts()
    return [
        grid(
            "How the real arm came through, by seed.",
            ["measure", *(f"seed {row['seed']}" for row in shown)],
            [(name, *(tell(row) for row in shown)) for name, tell in measures],
        )
    ]


def _share(value: float | None, digits: int) -> str:
    return NONE if value is None else f"{number(value, digits)} %"


def _seconds(value: float | None) -> str:
    return duration(None if value is None else 1e9 * value)


def _oracles(rows: pl.DataFrame) -> list[Block]:
    sentences = {oracle.id: oracle.sentence for oracle in ORACLES}
    return capped(
        "One row per oracle and arm: how many cases it applied to, and how many broke it.",
        ["oracle", "what must hold", "arm", "cases", "violations", "first bad record", "says"],
        [
            (
                row["oracle"],
                sentences.get(row["oracle"], NONE),
                row["arm"],
                f"{row['antecedents']:,}",
                f"{row['violations']:,}",
                NONE if row["first_bad_seq"] is None else f"{row['first_bad_seq']:,}",
                _said(row),
            )
            for row in rows.iter_rows(named=True)
        ],
        _ROWS_MAX,
        "the first by arm; the others stand in the table `chaos_oracle_results`",
    )


def _said(row: Mapping[str, Any]) -> str:
    return f"{row['verdict']}, never put to the test" if not row["antecedents"] else row["verdict"]


SECTION = Section("chaos", "Chaos: what was judged", blocks)
