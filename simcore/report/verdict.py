"""The verdict: what the result is, what it is worth, and which log proves it."""

from __future__ import annotations

from simcore.report.blocks import Block, Section, Text, grid
from simcore.report.masthead import VERDICTS
from simcore.report.material import Material


def blocks(material: Material) -> list[Block]:
    """Say the result of each seed, what judged it, and where it can be checked."""
    rows = material.rows("verdicts").sort("seed").to_dicts()
    if not rows:
        return [Text("Nothing was judged.")]
    told: list[Block] = [
        Text(
            f"Seed {row['seed']}: result **{row['result']}**, judged: {row['judged'] or 'nothing'};"
            f" over {row['n_years']:.3f} simulated years. Verdict **{row['verdict']}**: "
            f"{VERDICTS[row['verdict']][0]}."
        )
        for row in rows
    ]
    rooted = [row for row in rows if row["log_root"]]
    if rooted:
        told.append(
            grid(
                "Root of the hash chain of each log: another run of the seed must end in the same.",
                ["seed", "root of the log", "oracles that failed"],
                [(row["seed"], f"`{row['log_root']}`", row["failures"]) for row in rooted],
            )
        )
    return told


SECTION = Section("verdict", "Verdict", blocks)
