"""Sections as Markdown, for pages that show no HTML; a picture is told in words."""

from __future__ import annotations

from collections.abc import Sequence

from simcore.report.blocks import Badge, Block, Grid, Head, Picture, Points, Text


def section(title: str, blocks: Sequence[Block], *, is_first: bool = False) -> str:
    """Return a section with its heading; the first one's is the page's own."""
    mark = "#" if is_first else "##"
    return "\n\n".join([f"{mark} {title}", *(_block(block) for block in blocks)])


def _block(block: Block) -> str:
    if isinstance(block, Text):
        return block.text
    if isinstance(block, Head):
        return f"### {block.text}"
    if isinstance(block, Points):
        return "\n".join(f"- {item}" for item in block.items)
    if isinstance(block, Badge):
        return f"**{block.word}**: {block.meaning}"
    if isinstance(block, Picture):
        told = "\n".join(f"- {words}" for _, words in block.drawings)
        return "\n\n".join(filter(None, [block.caption, told]))
    return _grid(block)


def _grid(table: Grid) -> str:
    lines = [table.columns, ("---",) * len(table.columns), *table.rows]
    cells = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    body = "\n".join(f"| {' | '.join(line)} |" for line in cells)
    return f"{table.caption}\n\n{body}"
