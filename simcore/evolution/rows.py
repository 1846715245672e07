"""What is written down of one generation: rows of `populations`, `generations`, `promotions`."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl

from simcore.evolution.document import Evolution
from simcore.evolution.holdout import Answered
from simcore.evolution.markets import train_seeds
from simcore.evolution.promotion import Judged, Trained
from simcore.evolution.training import Training
from simcore.scoring.score import Floats
from simcore.seeds import jcs
from simcore.strategy.strategy import Strategy
from simcore.tables import TABLES
from simcore.tournaments.planner import plan


def score_columns(
    training: Training, challengers: Sequence[int], found: Judged, answer: Answered | None
) -> dict[str, Any]:
    """Return the columns of `generations` that say how training and the sealed set compare.

    Of a finite hold-out they know the score that was published, and no other.
    """
    train, sealed = training.trials.scores.mean(axis=0), found.scores.mean(axis=0)
    if answer is not None:
        sealed = np.full(sealed.shape, answer.best)
    who = [*challengers, training.champion]
    gain_best = gain_mde = None
    if challengers and answer is None:
        gains = found.gains
        best = int(gains.mean(axis=0).argmax())
        gain_best = float(gains[:, best].mean())
        gain_mde = plan(len(gains), deviation=float(gains[:, best].std(ddof=1))).mde
    # The mean of those judged on each market; training and sealed markets are independent.
    earned, given = training.trials.scores[:, who].mean(axis=1), found.scores.mean(axis=1)
    selected_train, selected_sealed = float(train[who].mean()), float(sealed.mean())
    return {
        "population": len(training.everyone),
        "survivors": sum(fate != "dropped" for fate in training.fates),
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
        "diversity": training.diversity,
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


def luck_columns(found: Judged, trained: Trained, answer: Answered | None) -> dict[str, Any]:
    """Return the columns of `generations` that say how much may be luck."""
    at = -1 if found.promoted is None else found.promoted
    own = None if answer is not None else trained.deflated(found.returns[:, at]).value
    return {"pbo": trained.pbo.value, "k_cumulative": trained.k, "champion_dsr": own}


def draw_columns(evolution: Evolution, number: int, sealed: Sequence[int]) -> dict[str, str]:
    """Return the columns of `generations` by which the markets can be drawn again."""
    return {
        "commitment": evolution.document.commitment,
        "train_seeds": json.dumps(train_seeds(evolution, number)),
        "sealed_seeds": json.dumps(sealed),
    }


def population_rows(training: Training, challengers: Sequence[int]) -> pl.DataFrame:
    """Return the rows of `populations`: where each is from, how it trained, what becomes of it."""
    lower, means = training.lower, training.trials.scores.mean(axis=0)
    n_trades = training.trials.n_trades.sum(axis=0)
    ruins = training.trials.is_ruined.sum(axis=0)
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
            "fate": training.fates[at],
            "is_challenger": at in challengers,
            "document": jcs(each.strategy.document).decode(),
        }
        for at, each in enumerate(training.everyone)
    ]
    return table_rows("populations", rows)


def promotion_rows(challengers: Sequence[Strategy], found: Judged) -> pl.DataFrame:
    """Return the rows of `promotions`: what each gate found of each challenger."""
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
    return table_rows("promotions", rows)


def table_rows(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Return rows as the table of this name has them: its columns, its types, its order."""
    table = TABLES[name]
    columns = {
        column.name: pl.Series([row[column.name] for row in rows], dtype=column.polars_type())
        for column in table.columns
    }
    return table.sort(table.conform(pl.DataFrame(columns)))
