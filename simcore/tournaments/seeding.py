"""Who is strong before a tournament begins, as an earlier tournament rates them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from simcore.errors import SpecError
from simcore.tournaments.document import TournamentDocument, refusal


def seeded_by(document: TournamentDocument) -> str | None:
    """Return the id of the earlier tournament whose ratings seed this one; None: there is none."""
    named: str | None = getattr(document.format, "seeded_by", None)
    return named


def ratings_of(standings: pl.DataFrame) -> dict[str, float]:
    """Return the Bradley-Terry ratings of standings by hash of the program; null ones are left out.

    Args:
        standings: Rows of the table `standings`, of one tournament.
    """
    known = standings.filter(pl.col("elo_bt").is_not_null())
    return dict(known.select("ir_hash", "elo_bt").iter_rows())


def in_order(documents: Sequence[TournamentDocument]) -> list[TournamentDocument]:
    """Return the tournaments of a campaign, each behind the one that seeds it, else as they came.

    Raises:
        SpecError: UNKNOWN_NAME, one names a tournament that is not there; CYCLE, two wait for each
            other. All problems at once.
    """
    ids = {each.id for each in documents}
    unknown = [each for each in documents if seeded_by(each) not in (None, *ids)]
    if unknown:
        known = ", ".join(sorted(ids))
        told = [refused(each, "UNKNOWN_NAME", f"one of the campaign: {known}") for each in unknown]
        raise SpecError([problem for error in told for problem in error.problems])
    ordered: list[TournamentDocument] = []
    waiting = list(documents)
    while waiting:
        played = {each.id for each in ordered}
        ready = [each for each in waiting if seeded_by(each) in (None, *played)]
        if not ready:
            raise refused(waiting[0], "CYCLE", "one that can be played before this one")
        ordered += ready
        waiting = [each for each in waiting if each not in ready]
    return ordered


def with_seeding(
    documents: Sequence[TournamentDocument], ids: Iterable[str]
) -> tuple[TournamentDocument, ...]:
    """Return the tournaments with these ids, and those that must be played before them.

    Args:
        documents: The tournaments of a campaign, which `in_order` accepts.
        ids: Of some of them.
    """
    earlier = {each.id: seeded_by(each) for each in documents}
    wanted: set[str] = set()
    for name in ids:
        before: str | None = name
        while before is not None and before not in wanted:
            wanted.add(before)
            before = earlier[before]
    return tuple(each for each in documents if each.id in wanted)


def refused(document: TournamentDocument, reason: str, expected: str) -> SpecError:
    """Return the error that an earlier tournament cannot be what the document says."""
    message = f'got "{seeded_by(document)}", expected {expected}'
    return refusal(document, reason, "/format/seeded_by", message)
