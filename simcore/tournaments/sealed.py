"""Scenarios that nobody can have tuned to: seeds that need a secret, committed to beforehand.

The operator publishes the hash of a salt before entries close, and the salt afterwards. The seeds
follow from the salt and from everybody who entered, so neither the operator nor an entry can choose
them, and anyone can compute them again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from simcore.errors import SpecError
from simcore.problems import Problem

SEED_SHIFT: Final = 11  # 53 bits of 64
LADDER_QUERIES: Final = 20
SALT_CHARACTERS_MIN: Final = 16
"""Whoever can try all salts of fewer characters opens the seal with the published hash alone."""


def commitment(salt: str) -> str:
    """Hash that is published before entries close; 64 hexadecimal digits."""
    return hashlib.sha256(salt.encode()).hexdigest()


def seeds(
    tournament_id: str, generation: int, entrants_manifest_sha256: str, salt: str, n: int
) -> tuple[int, ...]:
    """Seeds of a sealed set.

    Args:
        tournament_id: Whose set it is.
        generation: Number of the generation, from zero.
        entrants_manifest_sha256: Hash of everybody who entered, 64 hexadecimal digits.
        salt: The secret that was committed to.
        n: Seeds wanted.

    Returns:
        Numbers from 0 to 2**53 - 1.
    """
    stem = f"sealed-v1:{tournament_id}:{generation}:{entrants_manifest_sha256}:{salt}"
    digests = (hashlib.sha256(f"{stem}:{i}".encode()).digest() for i in range(n))
    return tuple(int.from_bytes(each[:8], "big") >> SEED_SHIFT for each in digests)


def check_opened(committed: str, salt: str) -> None:
    """Refuse a salt that is not the one that was committed to, or that could be guessed.

    Raises:
        SpecError: SEAL_BROKEN, SEAL_WEAK.
    """
    if commitment(salt) != committed:
        message = f"got a salt with hash {commitment(salt)}, expected {committed}"
        raise SpecError([Problem("DOC_INVALID", "SEAL_BROKEN", message, path="/salt")])
    if len(salt) < SALT_CHARACTERS_MIN:
        message = f"got a salt of {len(salt)} characters, expected {SALT_CHARACTERS_MIN} or more"
        remedy = "[commit to a longer one that nobody can guess]"
        problem = Problem("DOC_INVALID", "SEAL_WEAK", f"{message} {remedy}", path="/salt")
        raise SpecError([problem])


def check_fresh(sealed: Iterable[int], used: Iterable[int]) -> None:
    """Refuse a sealed set of which a seed was used before, in training or in another set.

    Raises:
        SpecError: SEAL_REUSED.
    """
    again = sorted({*sealed} & {*used})
    if again:
        message = f"got {len(again)} seeds that were used before, the first is {again[0]}"
        problem = f"{message}, expected fresh ones [draw a new salt]"
        raise SpecError([Problem("DOC_INVALID", "SEAL_REUSED", problem, path="/sealed")])


@dataclass(frozen=True)
class Ladder:
    """Scores of a finite hold-out, published so that asking again and again teaches little.

    Args:
        step: Smallest gain that is published; one standard error of the score.
        best: Best score published so far; None before the first.
        queries: Scores asked for so far.

    Source:
        Blum and Hardt (2015), "The Ladder: a reliable leaderboard for machine learning
        competitions".
    """

    step: float
    best: float | None = None
    queries: int = 0

    @property
    def is_retired(self) -> bool:
        """Whether the hold-out has been asked too often to be one."""
        return self.queries >= LADDER_QUERIES

    def ask(self, score: float) -> tuple[float, Ladder]:
        """Return the score that is published for this one, and the ladder after it.

        A gain of less than a step publishes the old best again; a larger one the score, rounded
        to steps, halves to even.

        Raises:
            SpecError: HOLDOUT_RETIRED.
        """
        if self.is_retired:
            message = f"got question {self.queries + 1}, expected at most {LADDER_QUERIES}"
            problem = f"{message} [hold out other data]"
            raise SpecError([Problem("DOC_INVALID", "HOLDOUT_RETIRED", problem, path="/sealed")])
        best = self.best
        if best is None or score >= best + self.step:
            best = round(score / self.step) * self.step
        return best, replace(self, best=best, queries=self.queries + 1)
