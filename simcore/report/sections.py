"""The tables of a campaign as a page that a person reads, one row per section.

A number stands beside its uncertainty or says that it has none; what was not shown has a section
of its own. Nothing is estimated here that a table does not hold, but means over folds.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from simcore.report import SECTIONS, markdown, page
from simcore.report.masthead import masthead
from simcore.report.material import Material
from simcore.tables import TABLES

MASTHEAD: Final = "masthead"


def sections(material: Material) -> pl.DataFrame:
    """Return the report of a campaign.

    Returns:
        Rows of the report table: ``ordinal, section, title, markdown, html``; the first is the head
        of the page.
    """
    title = str(material.campaign["name"])
    head = masthead(material)
    rows = [
        {
            "section": MASTHEAD,
            "title": title,
            "markdown": markdown.section(title, head, is_first=True),
            "html": page.masthead(title, head),
        }
    ]
    for each in SECTIONS:
        blocks = each.blocks(material)
        rows.append(
            {
                "section": each.name,
                "title": each.title,
                "markdown": markdown.section(each.title, blocks),
                "html": page.section(each.name, each.title, blocks),
            }
        )
    table = TABLES["report"]
    return table.conform(pl.DataFrame([{"ordinal": n, **row} for n, row in enumerate(rows)]))


def text(rows: pl.DataFrame) -> str:
    """Return the sections of a report as one Markdown text, in their order."""
    return "\n\n".join(rows.sort("ordinal")["markdown"].to_list()) + "\n"
