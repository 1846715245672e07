"""The chaos timeline: the book beside its twin, and below it faults, incidents and kills."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from simcore.report import drawing
from simcore.report.blocks import Block, Head, Picture, Section, Text, capped
from simcore.report.chaos import fault
from simcore.report.material import Material
from simcore.report.wording import NONE, counted, day, duration

SEEDS_MAX: Final = 3
POINTS_MAX: Final = 600
_DAY_NS: Final = 86_400e9
_WIDTH, _LEFT, _RIGHT = 960.0, 136.0, 948.0
_TOP, _EQUITY_BOTTOM, _LANE = 24.0, 224.0, 20.0
_ROWS_MAX: Final = 120
_LEGEND: Final = (
    drawing.segment((690.0, 8.0), (718.0, 8.0), "l"),
    drawing.label((724.0, 12.0), "book"),
    drawing.segment((784.0, 8.0), (812.0, 8.0), "w"),
    drawing.label((818.0, 12.0), "twin, without faults"),
)


def blocks(material: Material) -> list[Block]:
    """Draw each seed's course, and list its injections."""
    equity = material.rows("chaos_equity").with_columns(
        pl.col("arm").cast(str), pl.col("level").cast(str)
    )
    book = equity.filter(pl.col("arm") == "real", pl.col("level") == "book")
    if book.is_empty():
        return [Text("Without chaos there is no course to draw.")]
    seeds = sorted(book["seed"].unique().to_list())
    told: list[Block] = []
    for seed in seeds[:SEEDS_MAX]:
        told += _seed(material, seed, book.filter(pl.col("seed") == seed).sort("ts"))
    if len(seeds) > SEEDS_MAX:
        told.append(
            Text(
                f"Drawn are the first {SEEDS_MAX} of {len(seeds)} seeds; the others stand in the "
                "tables `chaos_equity` and `chaos_injections`.",
                is_note=True,
            )
        )
    return told


def _of(material: Material, table: str, seed: int) -> list[dict[str, Any]]:
    """Return the rows of the real arm of a seed, in the order of their key."""
    rows = material.rows(table).filter(pl.col("arm").cast(str) == "real", pl.col("seed") == seed)
    return rows.to_dicts()


def _seed(material: Material, seed: int, book: pl.DataFrame) -> list[Block]:
    faults = _of(material, "chaos_injections", seed)
    incidents = {row["inj_id"]: row for row in _of(material, "chaos_incidents", seed)}
    kills = _of(material, "chaos_kills", seed)
    step = max(1, -(-book.height // POINTS_MAX))
    words = (
        f"Seed {seed}: equity of the book beside its fault-free twin over "
        f"{book['ts'][-1] / _DAY_NS:.0f} days; {counted(len(faults), 'injection')}, "
        f"{counted(len(incidents), 'incident')}, {counted(len(kills), 'kill')}."
    )
    caption = (
        "Full line: equity of the book as a multiple of the first. Dashed: its twin, the same seed "
        "without faults. Below: each kind of fault from strike to clearing (a stroke where that "
        "took minutes; faint: the incident it set off), and kills until trading was rearmed. "
        f"One of every {step} minutes is drawn."
    )
    rows = [
        (
            row["inj_id"], fault(row["kind"]), row["intensity"], day(row["t0"]),
            NONE if row["t0"] is None or row["t_clear"] is None
            else duration(row["t_clear"] - row["t0"]),
            "witnessed" if row["effective"] else "not witnessed",
            "sham" if row["sham"] else NONE, row["result"], row["failed_oracles"] or NONE,
        )
        for row in faults
    ]  # fmt: skip
    picture = _drawn(book.gather_every(step), faults, incidents, kills, words)
    return [
        Head(f"Seed {seed}"),
        Picture(caption, ((picture, words),), is_wide=True),
        *capped(
            "One row per injection of the real arm.",
            ["injection", "fault", "intensity", "day", "cleared after", "effect", "sham", "says",
             "failed"],
            rows,
            _ROWS_MAX,
            "the first in time; the others stand in the table `chaos_injections`",
        ),
    ]  # fmt: skip


def _drawn(
    book: pl.DataFrame,
    faults: list[dict[str, Any]],
    incidents: dict[int, dict[str, Any]],
    kills: list[dict[str, Any]],
    words: str,
) -> str:
    kinds = sorted({row["kind"] for row in faults})
    end = float(book["ts"].max() or 1)  # type: ignore[arg-type]
    x = drawing.Scale(0.0, end, _LEFT, _RIGHT)
    parts = [
        drawing.label((0.0, 12.0), "equity / first equity, by simulated day", "t"),
        *_LEGEND,
        *_lines(book, x),
    ]
    bottom = _EQUITY_BOTTOM + 26.0
    for place, kind in enumerate(kinds):
        middle = bottom + _LANE * (place + 0.5)
        parts.append(drawing.label((_LEFT - 10.0, middle + 4.0), fault(kind), "e"))
        parts.append(drawing.segment((_LEFT, middle), (_RIGHT, middle), "g"))
        struck = [each for each in faults if each["kind"] == kind and each["t0"] is not None]
        for row in struck:
            parts += _fault(row, incidents.get(row["inj_id"]), x, middle)
    middle = bottom + _LANE * (len(kinds) + 0.5)
    parts.append(drawing.label((_LEFT - 10.0, middle + 4.0), "kill", "e"))
    parts.append(drawing.segment((_LEFT, middle), (_RIGHT, middle), "g"))
    for row in kills:
        until = row["ts_rearm"] if row["ts_rearm"] is not None else end
        left = x(row["ts_trip"])
        reach = max(x(until) - left, 2.0)
        parts.append(drawing.box((left, middle - 5.0), (reach, 10.0), "k"))
    base = middle + _LANE
    for tick in drawing.Scale(0.0, end / _DAY_NS, 0.0, 1.0).ticks(12):
        parts.append(drawing.label((x(tick * _DAY_NS), base + 6.0), f"{tick:g}", "m"))
    parts.append(drawing.label((_LEFT - 10.0, base + 6.0), "day", "e"))
    return drawing.svg(_WIDTH, base + 14.0, words, parts)


def _lines(book: pl.DataFrame, x: drawing.Scale) -> list[str]:
    first = float(book["equity_uusd"][0])
    real = [(ts, value / first) for ts, value in book.select("ts", "equity_uusd").rows()]
    twin = [
        (ts, value / first)
        for ts, value in book.select("ts", "equity_twin_uusd").rows()
        if value is not None
    ]
    reach = [value for _, value in (*real, *twin)]
    pad = max(0.05 * (max(reach) - min(reach)), 1e-4)
    y = drawing.Scale(min(reach) - pad, max(reach) + pad, _EQUITY_BOTTOM, _TOP)
    parts = []
    for tick in y.ticks(5):
        parts.append(drawing.segment((_LEFT, y(tick)), (_RIGHT, y(tick)), "g"))
        parts.append(drawing.label((_LEFT - 8.0, y(tick) + 4.0), f"{tick:.4g}", "e"))
    if twin:
        parts.append(drawing.line([(x(ts), y(value)) for ts, value in twin], "w"))
    parts.append(drawing.line([(x(ts), y(value)) for ts, value in real], "l"))
    return parts


def _fault(
    row: dict[str, Any], incident: dict[str, Any] | None, x: drawing.Scale, middle: float
) -> list[str]:
    left = x(row["t0"])
    until = row["t_clear"] if row["t_clear"] is not None else row["t0"]
    parts = []
    if incident is not None and incident["mttr_ns"] is not None:
        reach = x(row["t0"] + incident["mttr_ns"]) - left
        parts.append(drawing.box((left, middle - 8.0), (reach, 16.0), "s"))
    parts.append(drawing.box((left, middle - 5.0), (max(x(until) - left, 2.0), 10.0), "k"))
    top = _TOP
    return [*parts, drawing.box((left, top), (1.0, _EQUITY_BOTTOM - top), "s")]


SECTION = Section("timeline", "Chaos: what happened when", blocks)
