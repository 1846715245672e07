"""Sections as HTML, and a report as one page that needs nothing but itself.

No script, no font, no picture from elsewhere: the page's own policy forbids them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

import polars as pl

from simcore.lake import put
from simcore.report.blocks import Badge, Block, Grid, Head, Picture, Points, Text
from simcore.report.style import STYLE

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_NUMBER: Final = r"-?[\d,]*\.?\d+"
_INTERVAL: Final = rf"{_NUMBER}(?: \({_NUMBER} to {_NUMBER}\)| \(no interval\)| ± {_NUMBER})?"
_NUMERIC: Final = re.compile(
    rf"\**(?:–|{_INTERVAL}|{_NUMBER} to {_NUMBER}|{_NUMBER} (?:%|s|min|h|USD))\**"
)

_DOUBT: Final = re.compile(rf"(\**{_NUMBER})( \([^()]+\)| ± {_NUMBER})(\**)")

_SENTENCE: Final = 36


def html(rows: pl.DataFrame) -> str:
    """Return a report as one page.

    Args:
        rows: Of the table `report`, in any order.
    """
    ordered = rows.sort("ordinal")
    names, titles = ordered["section"].to_list(), ordered["title"].to_list()
    links = "".join(
        f'<li><a href="#{anchor(name)}">{escape(title)}</a>'
        for name, title in zip(names[1:], titles[1:], strict=True)
    )
    first, *others = ordered["html"].to_list()
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(titles[0])}: report</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#content">Skip to the report</a>\n'
        f'{first}\n<nav aria-label="Sections"><ol>{links}</ol></nav>\n'
        '<main id="content">\n' + "\n".join(others) + "\n</main>\n</body>\n</html>\n"
    )


def write(rows: pl.DataFrame, path: Path) -> Path:
    """Put the page of a report in place, whole, and return where it lies."""
    return put(path, html(rows))


def masthead(title: str, blocks: Sequence[Block]) -> str:
    """Return the head of the page."""
    return f"<header>\n<h1>{escape(title)}</h1>\n{_body(blocks)}\n</header>"


def section(name: str, title: str, blocks: Sequence[Block]) -> str:
    """Return a section with its heading."""
    here = anchor(name)
    return (
        f'<section id="{here}" aria-labelledby="{here}-title">\n'
        f'<h2 id="{here}-title">{escape(title)}</h2>\n{_body(blocks)}\n</section>'
    )


def anchor(name: str) -> str:
    """Return what links call a section."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def inline(text: str) -> str:
    """Return a text with its marks as elements, everything else escaped."""
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", marked)


def _body(blocks: Sequence[Block]) -> str:
    return "\n".join(_block(block) for block in blocks)


def _block(block: Block) -> str:
    if isinstance(block, Text):
        kind = ' class="note"' if block.is_note else ""
        return f"<p{kind}>{inline(block.text)}</p>"
    if isinstance(block, Head):
        return f"<h3>{inline(block.text)}</h3>"
    if isinstance(block, Points):
        return f"<ul>{''.join(f'<li>{inline(item)}</li>' for item in block.items)}</ul>"
    if isinstance(block, Badge):
        return (
            f'<p class="badge {block.tone}"><strong>{escape(block.word)}</strong> '
            f"<span>{inline(block.meaning)}</span></p>"
        )
    return _picture(block) if isinstance(block, Picture) else _grid(block)


def _picture(block: Picture) -> str:
    kind = "wide" if block.is_wide else "small"
    reach = ' tabindex="0"' if block.is_wide else ""
    drawn = "".join(svg for svg, _ in block.drawings)
    caption = f"<figcaption>{inline(block.caption)}</figcaption>" if block.caption else ""
    return f'<figure><div class="{kind}"{reach}>{drawn}</div>{caption}</figure>'


def _grid(table: Grid) -> str:
    kinds = [_kind([row[place] for row in table.rows]) for place in range(len(table.columns))]
    heads = "".join(
        f'<th scope="col"{kind}>{inline(name)}</th>'
        for name, kind in zip(table.columns, kinds, strict=True)
    )
    lines = "\n".join(_line(row, kinds) for row in table.rows)
    caption = inline(table.caption)
    return (
        f'<div class="table" tabindex="0" role="region" aria-label="{escape(table.caption)}">'
        f"<table>\n<caption><span>{caption}</span></caption>\n<thead><tr>{heads}</tr></thead>\n"
        f"<tbody>\n{lines}\n</tbody></table></div>"
    )


def _kind(cells: Sequence[str]) -> str:
    """Return the class of a column: numbers, sentences, or words."""
    if cells and all(_NUMERIC.fullmatch(cell) for cell in cells):
        return ' class="n"'
    longest = max(map(len, cells), default=0)
    return ' class="p"' if longest > _SENTENCE and " " in max(cells, key=len) else ""


def _line(row: Sequence[str], kinds: Sequence[str]) -> str:
    # A long name is broken where one would break it aloud, not in the middle of a word.
    name = f'<th scope="row"{kinds[0]}>{inline(row[0]).replace("_", "_<wbr>")}</th>'
    cells = "".join(
        f"<td{kind}>{_cell(cell)}</td>" for cell, kind in zip(row[1:], kinds[1:], strict=True)
    )
    return f"<tr>{name}{cells}</tr>"


def _cell(text: str) -> str:
    """Return a cell; how sure a number is stands apart from it, for a line of its own on paper."""
    found = _DOUBT.fullmatch(text)
    if found is None:
        return inline(text)
    value, doubt, weight = found.groups()
    told = inline(f"{value}{weight}")
    return f'<span class="v">{told}</span> <span class="ci">{escape(doubt.strip())}</span>'
