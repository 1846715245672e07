"""One generation: breed, train, select, judge; rows out.

A pure function of the evolution, its number, what came before, and the salt: made again it has the
same bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import polars as pl

from simcore.backtests.trials import effective_count, united
from simcore.errors import SpecError
from simcore.evolution import gates
from simcore.evolution.breeding import Candidate, founders, population
from simcore.evolution.document import Evolution
from simcore.evolution.holdout import Answered, answered, check_unused, most_challengers
from simcore.evolution.ledger import trials_of
from simcore.evolution.markets import made, sealed_seeds, train_seeds
from simcore.evolution.promotion import Judged, Trained, judged
from simcore.evolution.selection import Reason, lower_bounds, selected
from simcore.evolution.trials import Trials, run, sharpe_variance
from simcore.problems import Problem
from simcore.scoring.score import Floats
from simcore.seeds import derive, jcs, sha256_hex
from simcore.strategy.strategy import Strategy, compile_strategy
from simcore.tables import TABLES
from simcore.tournaments.planner import plan

# Sums of the linear algebra library may differ in their last bits with its threads.
_DIGITS: Final = 9


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


@dataclass(frozen=True, eq=False)
class _Field:
    """A population that has trained."""

    everyone: list[Candidate]
    fates: list[Reason]
    champion: int
    trials: Trials
    returns: Floats
    diversity: float
    tried: pl.DataFrame

    @property
    def lower(self) -> Floats:
        return lower_bounds(self.trials.scores)

    def challengers(self, most: int) -> list[int]:
        """Survivors who are judged, the best lower bound first."""
        lower = self.lower
        living = [at for at, fate in enumerate(self.fates) if fate in ("confidence_set", "novelty")]
        return sorted(living, key=lambda at: (-lower[at], at))[:most]


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
    field = _trained(evolution, number, before)
    challengers = field.challengers(most_challengers(evolution, answers))
    strategies = [field.everyone[at].strategy for at in challengers]
    champion = field.everyone[field.champion].strategy
    entrants_hash = sha256_hex(jcs(sorted(each.ir_hash for each in (*strategies, champion))))
    seeds = sealed_seeds(evolution, number, entrants_hash, salt, (*_opened(before), *used_seeds))
    trained = _learnt(evolution, field, before, tried_before)
    markets = made(evolution.sealed, evolution.document.sealed.copies, seeds)
    judge = derive(evolution.document.seed, "evolution", evolution.id, "judge", number)
    found = judged(evolution, strategies, champion, markets, trained, seed=judge)
    answer = answered(evolution, strategies, champion, found, answers)
    found = found if answer is None else answer.found
    after = champion if found.promoted is None else strategies[found.promoted]
    summary = {
        "number": number,
        "manifest_hash": evolution.manifest_hash,
        **_scores(field, challengers, found, answer),
        **_luck(found, trained, answer),
        "champion_before": champion.ir_hash,
        "champion_after": after.ir_hash,
        "is_promoted": found.promoted is not None,
        "entrants_hash": entrants_hash,
        **_drawn(evolution, number, seeds),
    }
    summary["stop"] = _stop(evolution, [rows["generations"] for rows in before], summary, answer)
    rows = {
        "populations": _population_rows(field, challengers),
        "generations": _frame("generations", [summary]),
        "holdouts": _frame("holdouts", [] if answer is None else answer.rows),
        "promotions": _promotion_rows(strategies, found),
    }
    return Generation(number, rows, after, united([field.tried, found.tried]))


def _learnt(
    evolution: Evolution,
    field: _Field,
    before: Sequence[dict[str, pl.DataFrame]],
    tried_before: int,
) -> Trained:
    """What the gates need to know of the training.

    Every program of the evolution counts once, and whatever others had tried on its histories
    before it began: under a new name, nobody starts to count anew.
    """
    tried = {each.strategy.ir_hash for each in field.everyone}
    if before:
        first = before[0]
        tried_before = first["generations"]["k_cumulative"][0] - first["populations"].height
    return Trained(
        pbo=gates.overfit(field.returns),
        k=tried_before + len(tried.union(*(rows["populations"]["ir_hash"] for rows in before))),
        variance=sharpe_variance(field.returns),
        is_historical=evolution.is_historical,
    )


def _opened(before: Sequence[dict[str, pl.DataFrame]]) -> list[int]:
    """Seeds of the sealed sets of the generations before."""
    texts = (rows["generations"]["sealed_seeds"][0] for rows in before)
    return [seed for text in texts for seed in json.loads(text)]


def _drawn(evolution: Evolution, number: int, sealed: Sequence[int]) -> dict[str, str]:
    """The columns of `generations` by which the markets can be drawn again."""
    return {
        "commitment": evolution.document.commitment,
        "train_seeds": json.dumps(train_seeds(evolution, number)),
        "sealed_seeds": json.dumps(sealed),
    }


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


def _trained(
    evolution: Evolution, number: int, before: Sequence[dict[str, pl.DataFrame]]
) -> _Field:
    """Breed the population, run it on the markets of training, and say who survives."""
    asked = evolution.document
    parents = _survivors(before[-1]["populations"]) if before else founders(evolution)
    start = compile_strategy(
        next(each for each in evolution.strategies if each.id == asked.champion)
    )
    reigning = before[-1]["generations"]["champion_after"][0] if before else start.ir_hash
    everyone = population(evolution, number, parents)
    champion = next(at for at, each in enumerate(everyone) if each.strategy.ir_hash == reigning)
    markets = made(evolution.train, asked.train.copies, train_seeds(evolution, number))
    trials = run(
        [each.strategy for each in everyone],
        markets,
        asked.execution,
        asked.initial_cash,
        wants_equity=True,
    )
    daily = trials.daily_returns(markets)
    fates = selected(
        trials.scores,
        daily,
        champion=champion,
        n_parents=asked.sizes.parents,
        novelty=asked.sizes.novelty,
        seed=derive(asked.seed, "evolution", asked.id, "select", number),
    )
    diversity = round(effective_count(daily), _DIGITS)
    strategies = [each.strategy for each in everyone]
    tried = trials_of(evolution, evolution.train, strategies, markets, trials)
    return _Field(everyone, fates, champion, trials, trials.returns(), diversity, tried)


def _survivors(rows: pl.DataFrame) -> list[Candidate]:
    """Return who lives on, in the order of their hashes."""
    living = rows.filter(pl.col("fate") != "dropped").sort("ir_hash")
    return [
        Candidate(
            compile_strategy(json.loads(row["document"])),
            row["origin"],
            row["born"],
            row["child_index"],
            tuple(row["parents"].split()),
        )
        for row in living.iter_rows(named=True)
    ]


def _luck(found: Judged, trained: Trained, answer: Answered | None) -> dict[str, Any]:
    """The columns of `generations` that say how much may be luck."""
    at = -1 if found.promoted is None else found.promoted
    own = None if answer is not None else trained.deflated(found.returns[:, at]).value
    return {"pbo": trained.pbo.value, "k_cumulative": trained.k, "champion_dsr": own}


def _scores(
    field: _Field, challengers: Sequence[int], found: Judged, answer: Answered | None
) -> dict[str, Any]:
    """The columns of `generations` that say how training and the sealed set compare.

    Of a finite hold-out they know the score that was published, and no other.
    """
    train, sealed = field.trials.scores.mean(axis=0), found.scores.mean(axis=0)
    if answer is not None:
        sealed = np.full(sealed.shape, answer.best)
    who = [*challengers, field.champion]
    gain_best = gain_mde = None
    if challengers and answer is None:
        gains = found.gains
        best = int(gains.mean(axis=0).argmax())
        gain_best = float(gains[:, best].mean())
        gain_mde = plan(len(gains), deviation=float(gains[:, best].std(ddof=1))).mde
    # The mean of those judged on each market; training and sealed markets are independent.
    earned, given = field.trials.scores[:, who].mean(axis=1), found.scores.mean(axis=1)
    selected_train, selected_sealed = float(train[who].mean()), float(sealed.mean())
    return {
        "population": len(field.everyone),
        "survivors": sum(fate != "dropped" for fate in field.fates),
        "train_best": float(train.max()),
        "train_median": float(np.median(train)),
        "sealed_best": float(sealed.max()),
        "sealed_median": float(np.median(sealed)),
        "selected_train": selected_train,
        "selected_sealed": selected_sealed,
        "generalisation_gap": selected_train - selected_sealed,
        **mean_ends("selected_train", selected_train, earned),
        **(
            {
                **mean_ends("selected_sealed", selected_sealed, given),
                **mean_ends("generalisation_gap", selected_train - selected_sealed, earned, given),
            }
            if answer is None
            else _published_ends(selected_train, earned, answer)
        ),
        "diversity": field.diversity,
        "gain_best": gain_best,
        "gain_mde": gain_mde,
        "champion_score": float(sealed[-1 if found.promoted is None else found.promoted]),
    }


def _published_ends(train: float, earned: Floats, answer: Answered) -> dict[str, float]:
    """The same of a published score, whose standard error is the ladder's step."""
    z = NormalDist().inv_cdf(0.975)
    of_gap = z * math.hypot(answer.step, float(earned.std(ddof=1)) / math.sqrt(len(earned)))
    gap = train - answer.best
    return {
        "selected_sealed_lo": answer.best - z * answer.step,
        "selected_sealed_hi": answer.best + z * answer.step,
        "generalisation_gap_lo": gap - of_gap,
        "generalisation_gap_hi": gap + of_gap,
    }


def mean_ends(name: str, value: float, *samples: Floats) -> dict[str, float]:
    """Return the ends of the 95 % interval of a mean, or of the difference of two.

    Args:
        name: Of the value; the ends are ``{name}_lo`` and ``{name}_hi``.
        value: The mean, or the difference of the means.
        samples: What it is the mean of, ``(n,)`` with two or more; independent where two.

    Source:
        Welch (1947), Biometrika 34; of one sample it is Student's.
    """
    from scipy.special import stdtrit

    squares = [float(each.var(ddof=1)) / len(each) for each in samples]
    freedom = sum(
        (square**2) / (len(each) - 1) for square, each in zip(squares, samples, strict=True)
    )
    total = sum(squares)
    reach = 0.0 if total == 0.0 else float(stdtrit(total**2 / freedom, 0.975)) * math.sqrt(total)
    return {f"{name}_lo": value - reach, f"{name}_hi": value + reach}


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


def _population_rows(field: _Field, challengers: Sequence[int]) -> pl.DataFrame:
    lower, means = field.lower, field.trials.scores.mean(axis=0)
    n_trades = field.trials.n_trades.sum(axis=0)
    ruins = field.trials.is_ruined.sum(axis=0)
    rows = [
        {
            "ir_hash": each.strategy.ir_hash,
            "struct_hash": each.strategy.struct_hash,
            "strategy_id": each.strategy.id,
            "origin": each.origin,
            "born": each.born,
            "child_index": each.child_index,
            "parents": " ".join(each.parents),
            "score_mean": float(means[at]),
            "score_lower": float(lower[at]),
            "n_trades": int(n_trades[at]),
            "ruin_count": int(ruins[at]),
            "fate": field.fates[at],
            "is_challenger": at in challengers,
            "document": jcs(each.strategy.document).decode(),
        }
        for at, each in enumerate(field.everyone)
    ]
    return _frame("populations", rows)


def _promotion_rows(challengers: Sequence[Strategy], found: Judged) -> pl.DataFrame:
    rows = [
        {
            "ir_hash": strategy.ir_hash,
            "gate": gate.name,
            "verdict": gate.verdict,
            "value": gate.value,
            "threshold": gate.threshold,
            "n": gate.n,
            "is_required": gate.is_required,
            "note": gate.note,
            "is_promoted": at == found.promoted,
        }
        for at, (strategy, own) in enumerate(zip(challengers, found.gates, strict=True))
        for gate in own
    ]
    return _frame("promotions", rows)


def _frame(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    table = TABLES[name]
    columns = {
        column.name: pl.Series([row[column.name] for row in rows], dtype=column.polars_type())
        for column in table.columns
    }
    return table.sort(table.conform(pl.DataFrame(columns)))
