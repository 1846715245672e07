"""Promotion on histories that are held out: they are finite, and answer through the Ladder.

Markets by a law are new for every generation and used once. A history cannot be had again, and
whoever may ask it without end learns it by heart. So it answers twenty questions, one a challenger,
and tells nothing but a best score that moves in steps; all other numbers stay with the judge.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from simcore.errors import SpecError
from simcore.evolution.document import Evolution
from simcore.evolution.gates import Gate
from simcore.evolution.promotion import Judged, is_through
from simcore.problems import Problem
from simcore.scoring.score import Floats
from simcore.strategy.strategy import Strategy
from simcore.tournaments.sealed import LADDER_QUERIES, Ladder

if TYPE_CHECKING:
    import polars as pl

WITHHELD: Final = "withheld: the hold-out is finite"
# What is known without the hold-out.
_OPEN: Final = ("pbo",)
# A score that no ladder publishes.
_NEVER: Final = -math.inf


@dataclass(frozen=True, eq=False)
class Answered:
    """What a hold-out says of a generation.

    Args:
        found: The judgement, with one gate more and without the numbers.
        rows: Of the table `holdouts`.
        best: Score that is published now.
        step: Smallest gain that is published, one standard error of it.
        is_retired: Whether it has been asked too often to be asked again.
    """

    found: Judged
    rows: list[dict[str, Any]]
    best: float
    step: float
    is_retired: bool


def check_unused(evolution: Evolution, used: Iterable[str]) -> None:
    """Refuse a hold-out of which a history was held out by another evolution.

    Args:
        evolution: Whose hold-out.
        used: Lineages of histories that others held out.

    Raises:
        SpecError: SEAL_REUSED.
    """
    again = sorted({*evolution.histories} & {*used})
    if again:
        message = (
            f"got {len(again)} histories that another evolution, or this one before its document "
            f"changed, has asked: {again[0][:16]}, expected fresh ones [hold out other data]"
        )
        raise SpecError([Problem("DOC_INVALID", "SEAL_REUSED", message, "/sealed", evolution.id)])


def most_challengers(evolution: Evolution, before: Sequence[pl.DataFrame]) -> int:
    """Return how many challengers may be judged: the document's number, or what may be asked.

    Args:
        evolution: Whose sealed set.
        before: Rows of `holdouts` of every generation before.

    Raises:
        SpecError: HOLDOUT_RETIRED, a finite one may not be asked again.
    """
    most = evolution.document.sizes.challengers
    if not evolution.histories:
        return most
    asked = sum(rows.height for rows in before)
    # The champion's score is the first answer, without which no other means anything.
    left = LADDER_QUERIES - max(asked, 1)
    if left < 1:
        message = f"got {asked} questions, expected fewer than {LADDER_QUERIES}"
        told = f"{message} [hold out other data]"
        raise SpecError([Problem("DOC_INVALID", "HOLDOUT_RETIRED", told, "/sealed", evolution.id)])
    return min(most, left)


def answered(
    evolution: Evolution,
    challengers: Sequence[Strategy],
    champion: Strategy,
    found: Judged,
    before: Sequence[pl.DataFrame],
) -> Answered | None:
    """Let a hold-out answer: who is promoted, and which score may be told.

    A challenger that fails a gate has asked too, and moves nothing. Of several that pass and are a
    step ahead each, the last is champion: it is the farthest.

    Args:
        evolution: Whose hold-out.
        challengers: Who was judged, no more than `most_challengers`.
        champion: Who defends.
        found: What the gates said.
        before: Rows of `holdouts` of every generation before.

    Returns:
        None where markets are made, who are no hold-out: all may be told.

    Source:
        Blum and Hardt (2015), "The Ladder: a reliable leaderboard for machine learning
        competitions", ICML.
    """
    if not evolution.histories:
        return None
    means = found.scores.mean(axis=0)
    rows: list[dict[str, Any]] = []
    ladder = _ladder(before)
    if ladder is None:
        _, ladder = Ladder(step=step(evolution, found.scores[:, -1])).ask(float(means[-1]))
        rows.append(_row(evolution, ladder, champion.ir_hash, is_new=True))
    promoted, judged_gates = None, []
    for at, (strategy, own) in enumerate(zip(challengers, found.gates, strict=True)):
        best = float(ladder.best or 0.0)
        published, ladder = ladder.ask(float(means[at]) if is_through(own) else _NEVER)
        is_new = published > best
        promoted = at if is_new else promoted
        rows.append(_row(evolution, ladder, strategy.ir_hash, is_new=is_new))
        verdict = Gate(
            "ladder", "pass" if is_new else "fail", published, best + ladder.step, ladder.queries
        )
        judged_gates.append([*(_withheld(gate) for gate in own), verdict])
    return Answered(
        replace(found, gates=judged_gates, promoted=promoted, tried=_counted(found.tried)),
        rows,
        float(ladder.best or 0.0),
        ladder.step,
        ladder.is_retired,
    )


def step(evolution: Evolution, scores: Floats) -> float:
    """Return one standard error of a mean score on a hold-out.

    Copies of one history hold no more than the history does, so that it is not the error of a mean
    over so many copies: the spread of a copy is that of a score on so many bars, and shrinks with
    the bars of the history only.

    Args:
        evolution: Whose hold-out.
        scores: Of its markets, law by law, ``(n_markets,)``.

    Source:
        Politis and Romano (1994), "The stationary bootstrap", JASA 89(428): the variance of a
        statistic is that over resamples of the history's own length.
    """
    by_law = scores.reshape(len(evolution.sealed), -1)
    variances = []
    for law, own in zip(evolution.sealed, by_law, strict=True):
        if law.source is None:
            variances.append(float(own.var(ddof=1)) / len(own))
        else:
            n_bars = law.document.duration_bars or len(law.source.columns["ts"])
            variances.append(float(own.var(ddof=1)) * n_bars / len(law.source.columns["ts"]))
    error = math.sqrt(float(np.sum(variances))) / len(by_law)
    # A score that no market moves is told to the millionth that everything is rounded to.
    return max(error, 1e-6)


def _row(evolution: Evolution, ladder: Ladder, ir_hash: str, *, is_new: bool) -> dict[str, Any]:
    """The answer to the question that was asked last, as a row of `holdouts`."""
    return {
        "question": ladder.queries,
        "ir_hash": ir_hash,
        "histories": " ".join(evolution.histories),
        "step": ladder.step,
        "published": ladder.best,
        "is_new": is_new,
    }


def _ladder(before: Sequence[pl.DataFrame]) -> Ladder | None:
    """The ladder as the generations before left it; None where nothing was asked."""
    rows = [row for each in before for row in each.sort("question").iter_rows(named=True)]
    if not rows:
        return None
    return Ladder(step=rows[-1]["step"], best=rows[-1]["published"], queries=len(rows))


def _counted(tried: pl.DataFrame) -> pl.DataFrame:
    """Rows of `trials` that say who was tried where, and not with which Sharpe ratio."""
    import polars as pl

    return tried.with_columns(sharpe_bar=pl.lit(None, dtype=pl.Float64))


def _withheld(gate: Gate) -> Gate:
    """A gate of which the hold-out tells no more than whether it holds."""
    if gate.name in _OPEN:
        return gate
    # Half of the challenger's own score is what stress is compared with: a number of the hold-out.
    threshold = 0.0 if gate.name == "stress" else gate.threshold
    return replace(gate, value=None, threshold=threshold, note=WITHHELD)
