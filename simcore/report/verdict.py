"""The verdict: what the result is, what it is worth, and which log proves it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from simcore.report.blocks import Block, Section, Text, grid
from simcore.report.masthead import VERDICTS
from simcore.report.material import Material
from simcore.report.wording import counted

_DAYS_A_YEAR: Final = 365.0


def blocks(material: Material) -> list[Block]:
    """Say the result of each seed, what judged it, and where it can be checked."""
    rows = material.rows("verdicts").sort("seed").to_dicts()
    if not rows:
        return [Text("Nothing was judged.")]
    told: list[Block] = [Text(_said(row)) for row in rows]
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


def _days(row: Mapping[str, Any]) -> int:
    return round(_DAYS_A_YEAR * float(row["n_years"]))


def _said(row: Mapping[str, Any]) -> str:
    """Say what a seed came to, and what that rests on."""
    verdict = f"Verdict **{row['verdict']}**: {VERDICTS[row['verdict']][0]}."
    if row["result"] == "NOT_RUN":
        return f"{verdict} There was no chaos to survive (**NOT_RUN**), so no oracle judged."
    return (
        f"{verdict} It rests on the chaos run of seed {row['seed']} over "
        f"{counted(_days(row), 'simulated day')}, whose result is **{row['result']}**: "
        f"{_judged(row)}."
    )


def _judged(row: Mapping[str, Any]) -> str:
    """Say how many oracles judged a seed, which, and how many failed."""
    oracles = row["judged"].split()
    if not oracles:
        return "no oracle judged it"
    failed = f"{row['failures']} failed" if row["failures"] else "none failed"
    return f"{counted(len(oracles), 'oracle')} judged it ({', '.join(oracles)}), {failed}"


SECTION = Section("verdict", "Verdict", blocks)
