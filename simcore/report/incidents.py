"""Incidents of the real arm: when, how long, at what cost."""

from __future__ import annotations

from typing import Final

import polars as pl

from simcore.report.blocks import Block, Section, Text, capped
from simcore.report.chaos import fault
from simcore.report.material import Material
from simcore.report.wording import day, duration, usd

_ROWS_MAX: Final = 120


def blocks(material: Material) -> list[Block]:
    """Show each incident with the fault that caused it."""
    real = material.rows("chaos_incidents").filter(pl.col("arm").cast(str) == "real")
    if real.is_empty():
        return [Text("None.")]
    faults = material.rows("chaos_injections").select("run_id", "inj_id", "kind", "t0", "result")
    rows = real.join(faults, on=["run_id", "inj_id"], how="left").sort("seed", "inc_id")
    return [
        *capped(
            "One row per incident.",
            ["incident", "fault", "day", "detected after", "killed after", "flat after",
             "over after", "loss to twin", "says"],
            [
                (
                    row["inc_id"], fault(row["kind"]), day(row["t0"]), duration(row["ttd_ns"]),
                    duration(row["tth_ns"]), duration(row["ttf_ns"]), duration(row["mttr_ns"]),
                    usd(row["loss_attr_uusd"]), row["result"],
                )
                for row in rows.iter_rows(named=True)
            ],
            _ROWS_MAX,
            "the first in time; the others stand in the table `chaos_incidents`",
        ),
        Text(
            "Times run from the strike, that to flat from the kill; a dash where nothing had to be "
            "killed. The loss is the twin's equity less the run's at the close, so it holds what "
            "earlier incidents left behind.",
            is_note=True,
        ),
    ]  # fmt: skip


SECTION = Section("incidents", "Incidents", blocks)
