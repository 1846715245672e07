"""Tables of the judgement: the verdict of a campaign and the page that a person reads."""

from __future__ import annotations

from typing import Final

from simcore.seeds import SEED_MAX
from simcore.tables.table import Column, Table

RESULTS: Final = ("PASS", "FAIL", "INCONCLUSIVE", "NOT_RUN")
VERDICTS_OF_MONEY: Final = ("YES", "YES_WITH_CAP", "NOT_PROVEN", "NO")

VERDICTS: Final = Table(
    "verdicts",
    "One row per seed of a campaign: does this deserve real money, and what was not shown.",
    key=("seed",),
    partitioned_by=("campaign",),
    columns=(
        Column("seed", "u64", "-", "Root seed of the run.", maximum=SEED_MAX),
        Column("result", "enum", "-", "Result of the chaos run.", values=RESULTS),
        Column("verdict", "enum", "-", "Does it deserve real money.", values=VERDICTS_OF_MONEY),
        Column("judged", "str", "-", "Ids of the oracles that judged, space between."),
        Column("not_shown", "str", "-", "JSON array of what the campaign did not show."),
        Column(
            "log_root", "str", "-", "Root of the hash chain of the real arm's log; may be empty."
        ),
        Column("n_years", "f64", "years", "Simulated time of the real arm.", minimum=0.0),
        Column("failures", "u32", "oracles", "Oracles that failed."),
    ),
)

REPORT: Final = Table(
    "report",
    "One row per section of a campaign's report, as Markdown and as HTML.",
    key=("ordinal",),
    partitioned_by=("campaign",),
    schema_version=2,
    columns=(
        Column("ordinal", "u16", "-", "Place of the section, from zero."),
        Column("section", "str", "-", "Name of the section."),
        Column("title", "str", "-", "Its heading."),
        Column("markdown", "str", "-", "Text of the section, as Markdown; pictures in words."),
        Column("html", "str", "-", "The same with its pictures, as a part of a page in HTML."),
    ),
)

TABLES: Final = (VERDICTS, REPORT)
