"""One generation: breed, train, select, judge; rows out.

A pure function of the evolution, its number, what came before, and the salt: made again it has the
same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from simcore.backtests.trials import united
from simcore.errors import SpecError
from simcore.evolution import gates
from simcore.evolution.document import Evolution
from simcore.evolution.holdout import Answered, answered, check_unused, most_challengers
from simcore.evolution.markets import made, sealed_seeds
from simcore.evolution.promotion import Trained, judged
from simcore.evolution.rows import (
    draw_columns,
    luck_columns,
    population_rows,
    promotion_rows,
    score_columns,
    table_rows,
)
from simcore.evolution.training import Training, training_of
from simcore.evolution.trials import sharpe_variance
from simcore.problems import Problem
from simcore.seeds import derive, jcs, sha256_hex
from simcore.strategy.strategy import Strategy


@dataclass(frozen=True, eq=False)
class Generation:
    """What one generation came to.

    Args:
        number: From zero.
        rows: Of the tables `populations`, `generations`, `holdouts` and `promotions`.
        champion: Who defends in the next one.
        trials: Rows of the table `trials`: every run of training and of the sealed set.
    """

    number: int
    rows: dict[str, pl.DataFrame]
    champion: Strategy
    trials: pl.DataFrame

    @property
    def summary(self) -> dict[str, Any]:
        """The row of the table `generations`."""
        return self.rows["generations"].row(0, named=True)

    @property
    def stop(self) -> str | None:
        """Why nothing more is to be expected; None to go on."""
        reason = str(self.summary["stop"])
        return None if reason == "none" else reason


def generation(
    evolution: Evolution,
    number: int,
    before: Sequence[dict[str, pl.DataFrame]],
    salt: str,
    *,
    used_seeds: Iterable[int] = (),
    used_histories: Iterable[str] = (),
    tried_before: int = 0,
) -> Generation:
    """Make one generation.

    Args:
        evolution: What is bred and where.
        number: From zero.
        before: Rows of every generation before it, in order.
        salt: The secret that the evolution commits to.
        used_seeds: Seeds of sealed sets that were opened elsewhere.
        used_histories: Lineages of histories that were held out elsewhere.
        tried_before: Programs that others had tried on its histories when it began.

    Raises:
        SpecError: The number is beyond the budget, generations before it are missing, the salt
            is another, the sealed set was used before, or a finite one has answered enough.
    """
    check_number(evolution, number, len(before))
    check_unused(evolution, used_histories)
    answers = [rows["holdouts"] for rows in before]
    training = training_of(evolution, number, before)
    challengers = training.challengers(most_challengers(evolution, answers))
    strategies = [training.everyone[at].strategy for at in challengers]
    champion = training.everyone[training.champion].strategy
    entrants_hash = sha256_hex(jcs(sorted(each.ir_hash for each in (*strategies, champion))))
    seeds = sealed_seeds(evolution, number, entrants_hash, salt, (*_opened(before), *used_seeds))
    trained = _learnt(evolution, training, before, tried_before)
    markets = made(evolution.sealed, evolution.document.sealed.copies, seeds)
    judge = derive(evolution.document.seed, "evolution", evolution.id, "judge", number)
    found = judged(evolution, strategies, champion, markets, trained, seed=judge)
    answer = answered(evolution, strategies, champion, found, answers)
    found = found if answer is None else answer.found
    after = champion if found.promoted is None else strategies[found.promoted]
    summary = {
        "number": number,
        "manifest_hash": evolution.manifest_hash,
        **score_columns(training, challengers, found, answer),
        **luck_columns(found, trained, answer),
        "champion_before": champion.ir_hash,
        "champion_after": after.ir_hash,
        "is_promoted": found.promoted is not None,
        "entrants_hash": entrants_hash,
        **draw_columns(evolution, number, seeds),
    }
    summary["stop"] = _stop(evolution, [rows["generations"] for rows in before], summary, answer)
    rows = {
        "populations": population_rows(training, challengers),
        "generations": table_rows("generations", [summary]),
        "holdouts": table_rows("holdouts", [] if answer is None else answer.rows),
        "promotions": promotion_rows(strategies, found),
    }
    return Generation(number, rows, after, united([training.tried, found.tried]))


def _learnt(
    evolution: Evolution,
    training: Training,
    before: Sequence[dict[str, pl.DataFrame]],
    tried_before: int,
) -> Trained:
    """What the gates need to know of the training.

    Every program of the evolution counts once, and whatever others had tried on its histories
    before it began: under a new name, nobody starts to count anew.
    """
    tried = {each.strategy.ir_hash for each in training.everyone}
    if before:
        first = before[0]
        tried_before = first["generations"]["k_cumulative"][0] - first["populations"].height
    return Trained(
        pbo=gates.overfit(training.returns),
        k=tried_before + len(tried.union(*(rows["populations"]["ir_hash"] for rows in before))),
        variance=sharpe_variance(training.returns),
        is_historical=evolution.is_historical,
    )


def _opened(before: Sequence[dict[str, pl.DataFrame]]) -> list[int]:
    """Seeds of the sealed sets of the generations before."""
    texts = (rows["generations"]["sealed_seeds"][0] for rows in before)
    return [seed for text in texts for seed in json.loads(text)]


def check_number(evolution: Evolution, number: int, n_before: int) -> None:
    """Refuse a generation beyond the budget, or one without those before it.

    Raises:
        SpecError: OUT_OF_RANGE, MISSING.
    """
    budget = evolution.document.stop.generations
    if not 0 <= number < budget:
        message = f"got generation {number}, expected 0 to {budget - 1}"
        raise SpecError([Problem("ARGUMENT", "OUT_OF_RANGE", message, "/generation", evolution.id)])
    if n_before != number:
        message = f"got {n_before} generations before number {number}, expected {number}"
        raise SpecError([Problem("ARGUMENT", "MISSING", message, "/before", evolution.id)])


def _stop(
    evolution: Evolution,
    before: Sequence[pl.DataFrame],
    summary: dict[str, Any],
    answer: Answered | None,
) -> str:
    """Why nothing more is to be expected; ``none`` to go on."""
    rules = evolution.document.stop
    if answer is not None and answer.is_retired:
        return "retired"
    history = [*(rows.row(0, named=True) for rows in before), summary]
    if len(history) >= rules.generations:
        return "budget"
    last = history[-rules.patience :]
    if len(last) == rules.patience and not any(row["is_promoted"] for row in last):
        return "patience"
    last = history[-rules.blind :]
    if answer is None and len(last) == rules.blind and all(_is_blind(row) for row in last):
        return "blind"
    return "none"


def _is_blind(row: dict[str, Any]) -> bool:
    gain, mde = row["gain_best"], row["gain_mde"]
    return not row["is_promoted"] and (gain is None or mde > gain)
