"""What a section of the report is made of, before it is Markdown or HTML.

Texts may hold `code` between backticks and **weight** between double asterisks, and no other mark.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from simcore.report.material import Material


@dataclass(frozen=True)
class Text:
    """A paragraph.

    Args:
        text: Its words.
        is_note: Whether it explains what stands above, in smaller letters.
    """

    text: str
    is_note: bool = False


@dataclass(frozen=True)
class Head:
    """A heading within a section.

    Args:
        text: Its words.
    """

    text: str


@dataclass(frozen=True)
class Points:
    """A list.

    Args:
        items: One text each.
    """

    items: tuple[str, ...]


@dataclass(frozen=True)
class Badge:
    """The one word that a reader looks for, and what it means.

    Args:
        word: Such as a verdict.
        meaning: A sentence.
        tone: Whether it is good, bad or open; said by the word too, never by colour alone.
    """

    word: str
    meaning: str
    tone: str


@dataclass(frozen=True)
class Grid:
    """A table.

    Args:
        caption: What a row is.
        columns: Heads of the columns; the first names the row.
        rows: As many cells each as there are columns.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Picture:
    """One drawing or several of one kind, side by side.

    Args:
        caption: What is drawn, and how to read it.
        drawings: SVG each, and what it shows in words.
        is_wide: Whether a drawing takes the whole width.
    """

    caption: str
    drawings: tuple[tuple[str, str], ...]
    is_wide: bool = False


Block = Text | Head | Points | Badge | Grid | Picture


@dataclass(frozen=True)
class Section:
    """One section of the report.

    Args:
        name: Its name in the table and in links.
        title: Its heading.
        blocks: What it says of a campaign.
    """

    name: str
    title: str
    blocks: Callable[[Material], list[Block]]


def grid(caption: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Grid:
    """Return a table of whatever can be written."""
    return Grid(caption, tuple(columns), tuple(tuple(str(cell) for cell in row) for row in rows))


def capped(
    caption: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], most: int, rule: str
) -> list[Block]:
    """Return a table of the first rows, and what was left out if anything was.

    Args:
        caption: What a row is.
        columns: Heads of the columns.
        rows: In the order of their weight.
        most: How many are shown.
        rule: Which ones those are, and where the others stand.
    """
    shown = grid(caption, columns, rows[:most])
    if len(rows) <= most:
        return [shown]
    return [shown, Text(f"Shown are {most} of {len(rows)} rows: {rule}.", is_note=True)]
