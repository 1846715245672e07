"""Equity fans: how each strategy's money went, and how else it could have gone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from simcore.report import drawing
from simcore.report.blocks import Block, Head, Picture, Section, Text
from simcore.report.material import POINTS_MAX, Material
from simcore.report.wording import number

STRATEGIES_MAX: Final = 24
SCENARIOS_MAX: Final = 12
_WIDTH, _HEIGHT = 208.0, 140.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 40.0, 204.0, 24.0, 118.0
_NAME_MAX: Final = 28
_LEAST: Final = 1e-6
_STEPS: Final = 24
_BANDS: Final = (("p5", "p95", "o"), ("p25", "p75", "i"))


def blocks(material: Material) -> list[Block]:
    """Draw the equity of each strategy on each scenario."""
    runs = material.rows("backtests")
    equity = material.rows("equity")
    if runs.is_empty() or equity.is_empty():
        return [Text("There are no runs to draw.")]
    ran = [name for name in material.ranked() if (runs["strategy_id"] == name).any()]
    told: list[Block] = [Text(_HOW)]
    for name in ran[:STRATEGIES_MAX]:
        own = equity.filter(pl.col("strategy_id") == name)
        if (own["equity_quote"] == own["equity_quote"][0]).all():
            told += [Head(name), Text("Never traded: equity stayed at what was put in.")]
            continue
        places = own["scenario_id"].unique().sort().to_list()
        drawings = tuple(
            _cell(material, name, place, own.filter(pl.col("scenario_id") == place))
            for place in places[:SCENARIOS_MAX]
        )
        cut = (
            f"Drawn are the first {SCENARIOS_MAX} of {len(places)} scenarios by name."
            if len(places) > SCENARIOS_MAX
            else ""
        )
        told += [Head(name), Picture(cut, drawings)]
    if len(ran) > STRATEGIES_MAX:
        told.append(
            Text(
                f"Drawn are the first {STRATEGIES_MAX} of {len(ran)} strategies by rank; the "
                "others stand in the table `equity`.",
                is_note=True,
            )
        )
    return told


_HOW: Final = (
    "Each line is equity as a multiple of the first; the dotted line is what was put in. The bands "
    "hold the middle 90 and 50 of 100 endings when the run's own returns are drawn again in blocks "
    "(table `monte_carlo`), taken back to the start by the root of time: read them at the right "
    f"edge. Of a run at most {POINTS_MAX + 1} closes are drawn, evenly spaced; of several paths "
    "the median is drawn, and the bands are medians over the paths."
)


def _cell(
    material: Material, strategy: str, scenario: str, equity: pl.DataFrame
) -> tuple[str, str]:
    """Return the drawing of one strategy on one scenario, and what it shows in words."""
    line = _line(equity)
    ends = _endings(material, strategy, scenario)
    reach = [value for _, value in line] + [1.0] + list(ends.values())
    low, high = min(reach), max(reach)
    pad = 0.04 * (high - low) or 0.01
    y = drawing.Scale(low - pad, high + pad, _BOTTOM, _TOP)
    first, last = line[0][0], line[-1][0]
    x = drawing.Scale(first, last, _LEFT, _RIGHT)
    parts = [drawing.label((0.0, 12.0), _short(scenario), "t")]
    for tick in y.ticks(4):
        parts.append(drawing.segment((_LEFT, y(tick)), (_RIGHT, y(tick)), "g"))
        parts.append(drawing.label((_LEFT - 5.0, y(tick) + 4.0), f"{tick:.4g}", "e"))
    parts.append(drawing.segment((_LEFT, y(1.0)), (_RIGHT, y(1.0)), "z"))
    parts += [_band(ends, low_name, high_name, kind, y) for low_name, high_name, kind in _BANDS
              if low_name in ends and high_name in ends]  # fmt: skip
    parts.append(drawing.line([(x(day), y(value)) for day, value in line], "l"))
    parts.append(drawing.label((_LEFT, _HEIGHT - 4.0), "0"))
    parts.append(drawing.label((_RIGHT, _HEIGHT - 4.0), f"{last - first:.0f} days", "e"))
    again = (
        f"; drawn again, 90 in 100 end between {number(ends['p5'], 3)} and {number(ends['p95'], 3)}"
        if {"p5", "p95"} <= ends.keys()
        else "; nothing could be drawn again"
    )
    words = f"{strategy} on {scenario}: ends at {number(line[-1][1], 3)} of the first{again}."
    return drawing.svg(_WIDTH, _HEIGHT, words, parts), words


def _short(name: str) -> str:
    return name if len(name) <= _NAME_MAX else f"{name[: _NAME_MAX - 1]}…"


def _line(equity: pl.DataFrame) -> list[tuple[float, float]]:
    """Return days since the first bar, and equity over the first, the median over paths."""
    relative = equity.sort("path", "t").with_columns(
        value=pl.col("equity_quote") / pl.col("equity_quote").first().over("path"),
        day=(pl.col("ts") - pl.col("ts").first().over("path")) / 86_400e9,
    )
    middle = relative.group_by("t", maintain_order=True).agg(
        pl.col("day").first(), pl.col("value").median()
    )
    return middle.select("day", "value").rows()


def _endings(material: Material, strategy: str, scenario: str) -> dict[str, float]:
    """Return percentiles of the last equity over the first, from those of the yearly growth."""
    of_run = (pl.col("strategy_id") == strategy) & (pl.col("scenario_id") == scenario)
    drawn = material.rows("monte_carlo").filter(of_run, pl.col("metric").cast(str) == "cagr")
    runs = material.rows("backtests").filter(of_run).select("path", "bars", "bars_per_year")
    rows = drawn.join(runs, on="path", how="inner").to_dicts()
    found: dict[str, float] = {}
    for name in ("p5", "p25", "p50", "p75", "p95"):
        values = sorted(_grown(row, name) for row in rows if row[name] is not None)
        if values:
            found[name] = values[len(values) // 2]
    return found


def _grown(row: Mapping[str, Any], name: str) -> float:
    years = row["bars"] / row["bars_per_year"]
    return float(max(1.0 + row[name], _LEAST) ** years)


def _band(ends: Mapping[str, float], low: str, high: str, kind: str, y: drawing.Scale) -> str:
    centre = math.log(max(ends["p50"], _LEAST))

    def edge(name: str) -> list[drawing.Point]:
        reach = math.log(max(ends[name], _LEAST)) - centre
        shares = [step / _STEPS for step in range(_STEPS + 1)]
        return [
            (
                _LEFT + share * (_RIGHT - _LEFT),
                y(math.exp(centre * share + reach * math.sqrt(share))),
            )
            for share in shares
        ]

    return drawing.band(edge(high), edge(low), kind)


SECTION = Section("equity", "Equity, and how else it could have gone", blocks)
