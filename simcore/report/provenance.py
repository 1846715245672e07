"""Provenance: what every number was made from, and the command that makes it again."""

from __future__ import annotations

from simcore.report.blocks import Block, Section, Text, grid
from simcore.report.material import File, Material
from simcore.seeds import jcs, sha256_hex


def blocks(material: Material) -> list[Block]:
    """Show versions, seeds and hashes, and how to compute all of it again."""
    campaign = material.campaign
    seeds = ", ".join(str(seed) for seed in material.rows("verdicts")["seed"].sort())
    rows = [
        ("campaign seed", f"{campaign['seed']}"),
        ("chaos seeds", seeds or "none"),
        ("engine", f"`{material.engine_version}`"),
        *((f"document {name}", f"`{value}`") for name, value in sorted(material.documents.items())),
    ]
    by_table: dict[str, list[File]] = {}
    for file in material.files:
        by_table.setdefault(file.table, []).append(file)
    return [
        Text(
            f"`proving run {campaign['id']}` computes every number of this page again, and "
            f"`proving verify {campaign['id']}` compares the rows with the hashes in their files. "
            "The same documents, seeds and engine give the same bytes, on any machine and for any "
            "number of threads."
        ),
        grid("What the campaign was made from.", ["what", "value"], rows),
        grid(
            "One row per table that this page was made from: a digest of the content hashes of its "
            "partitions, which equals that of another run if and only if all rows are equal.",
            ["table", "schema", "partitions", "rows", "digest"],
            [
                (
                    name, max(file.schema_version for file in files), len(files),
                    f"{sum(file.rows for file in files):,}", f"`{_digest(files)}`",
                )
                for name, files in by_table.items()
            ],
        ),
    ]  # fmt: skip


def _digest(files: list[File]) -> str:
    return sha256_hex(jcs({file.key: file.content_hash for file in files}))


SECTION = Section("provenance", "Provenance, and how to compute it again", blocks)
