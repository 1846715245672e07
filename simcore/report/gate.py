"""The gate: how often it promotes where nothing deserves it, and finds what does."""

from __future__ import annotations

from simcore.report.blocks import Block, Section, Text, grid
from simcore.report.material import Material
from simcore.report.wording import interval, number, percent


def blocks(material: Material) -> list[Block]:
    """Show the rates of the placebo and power tournaments."""
    rows = material.rows("calibration").sort("design", "seed_group").to_dicts()
    if not rows:
        return [Text("The gate was not calibrated.")]
    return [
        Text(
            "A gate that lets everybody through proves nothing, and so does one that lets nobody "
            "through. Tournaments whose outcome is known were played at this campaign's costs."
        ),
        grid(
            "One row per kind of tournament: the share of them in which the gate promoted "
            "somebody, with its 95 % interval.",
            ["design", "somebody deserves it", "promoted", "tournaments", "allowed or promised",
             "verdict"],
            [
                (
                    row["design"], "yes" if row["is_planted"] else "no",
                    interval(row, "rate", "rate_lo", "rate_hi"), row["n_tournaments"],
                    f"at least {number(row['promised'])}" if row["is_planted"]
                    else f"at most {percent(row['alpha'], 0)}",
                    str(row["verdict"]).replace("_", " ").lower(),
                )
                for row in rows
            ],
        ),
        Text(
            "Few tournaments make wide intervals: not refuted is not proven. "
            "`proving tournament --plan` says what a larger calibration would be able to see.",
            is_note=True,
        ),
    ]  # fmt: skip


SECTION = Section("gate", "Can the gate be trusted", blocks)
