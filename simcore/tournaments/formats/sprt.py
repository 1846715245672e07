"""Sequential test: a challenger meets the champion until one of two answers is sure enough."""

from __future__ import annotations

import math
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from simcore.tournaments.game import (
    DRAW,
    LOSS,
    WIN,
    Course,
    Finish,
    Floats,
    Format,
    Match,
    Round,
    Start,
    weighted_mean,
)
from simcore.tournaments.part import Part

ELO_PER_DECADE: Final = 400.0
NEVER_SEEN: Final = 1e-3  # games counted for an outcome that has not happened yet
# Games before the first answer. The ratios take the spread that was seen for the true one, and that
# of a game or two is close to none: a coin would be sure after its first head.
FEWEST_TO_JUDGE: Final = 10


class SprtOptions(Part):
    """Two hypotheses, and how sure to be.

    Args:
        champion: Strategy id of the defender; the other entry challenges.
        model: `margin` tests the mean score difference, `wdl` the Elo behind wins, draws, losses.
        low: Difference, in points or Elo, that is not worth a change.
        high: Difference that is.
        beta: Chance to miss a difference of `high`; that to see one of `low` is `alpha`.
        batch_markets: Markets a batch; there is no look inside one.
    """

    type: Literal["sprt"]
    champion: Annotated[str, Field(min_length=1, max_length=64)]
    model: Literal["margin", "wdl"] = "margin"
    low: Annotated[float, Field(ge=-200.0, le=200.0)] = 0.0
    high: Annotated[float, Field(ge=-200.0, le=200.0)] = 0.5
    beta: Annotated[float, Field(ge=1e-4, le=0.5)] = 0.05
    batch_markets: Annotated[int, Field(ge=1, le=100_000)] = 10

    @model_validator(mode="after")
    def _is_ordered(self) -> SprtOptions:
        if not self.low < self.high:
            raise PydanticCustomError(
                "OUT_OF_RANGE",
                "low: got {low}, expected less than high, which is {high}",
                {"low": self.low, "high": self.high},
            )
        return self


def bounds(alpha: float, beta: float) -> tuple[float, float]:
    """Log likelihood ratios at which to believe the low and the high difference.

    Source:
        Wald (1945), "Sequential tests of statistical hypotheses".
    """
    return math.log(beta / (1.0 - alpha)), math.log((1.0 - beta) / alpha)


def llr_margin(difference: Floats, shares: Floats, low: float, high: float) -> float:
    """Log likelihood ratio of two mean differences, with the variance that was seen.

    Args:
        difference: Challenger less champion, shape ``(n_games,)``.
        shares: Weight of each game, with sum 1, of that shape.
        low: Mean under the first hypothesis, points.
        high: Mean under the second, points.

    Returns:
        Positive if `high` explains the games better; 0 while there is no variance to judge by.
    """
    mean = weighted_mean(difference, shares)
    if mean.error == 0.0:
        return 0.0
    # Of equal weights the squared error is the variance over the number of games.
    return (high - low) * (2.0 * mean.value - low - high) / (2.0 * mean.error**2)


def llr_wdl(wins: float, draws: float, losses: float, low: float, high: float) -> float:
    """Log likelihood ratio of two Elo differences, from wins, draws and losses.

    Args:
        wins: Games of the challenger.
        draws: Likewise.
        losses: Likewise.
        low: Elo difference under the first hypothesis.
        high: Under the second.

    Returns:
        Generalised ratio of the mean game score, with the variance of the games.

    Source:
        Van den Bergh (2017), "A practical introduction to the GSPRT"; fastchess, logistic model.
    """
    counts = [max(count, NEVER_SEEN) for count in (losses, draws, wins)]
    n = math.fsum(counts)
    mean = (counts[2] + counts[1] / 2.0) / n
    squares = zip(counts, (0.0, 0.5, 1.0), strict=True)
    variance = math.fsum(count * (score - mean) ** 2 for count, score in squares) / n
    expected_low, expected_high = _expected(low), _expected(high)
    drift = expected_high - expected_low
    return n * drift * (2.0 * mean - expected_low - expected_high) / (2.0 * variance)


def _expected(elo: float) -> float:
    """Mean score of a game at an Elo difference."""
    return 1.0 / (1.0 + math.pow(10.0, -elo / ELO_PER_DECADE))


def course(options: SprtOptions, start: Start) -> Course:
    """Batches of markets, with one look after each, to the first sure answer or the last market.

    There is no answer from fewer than ten games, however small the batches are. Who runs out of
    markets has no answer: the champion stays, and the finish says `inconclusive`.
    """
    if len(start.entrants) != 2 or start.champion not in start.entrants:
        return Finish()
    champion = start.champion
    (challenger,) = (each for each in start.entrants if each != champion)
    match = Match(*start.entrants)
    sign = 1.0 if match.entry_a == challenger else -1.0
    lower, upper = bounds(start.alpha, options.beta)
    difference, won, played, llr = np.zeros(0), np.zeros(0), list[int](), 0.0
    verdict = "inconclusive"
    for number, first in enumerate(range(0, len(start.deck), options.batch_markets), start=1):
        markets = tuple(sorted(start.deck[first : first + options.batch_markets]))
        result = (yield Round((match,), markets=markets, stage=f"batch {number}"))[match]
        difference = np.concatenate([difference, sign * result.difference])
        won = np.concatenate([won, result.points if sign > 0.0 else 1.0 - result.points])
        played += result.markets.tolist()
        shares = start.shares(played)
        n_effective = weighted_mean(difference, shares).n_effective
        if options.model == "margin":
            llr = llr_margin(difference, shares, options.low, options.high)
        else:
            wins, draws, losses = (
                n_effective * math.fsum(shares[won == each]) for each in (WIN, DRAW, LOSS)
            )
            llr = llr_wdl(wins, draws, losses, options.low, options.high)
        # A sum of weights may miss a whole number by rounding.
        if n_effective > FEWEST_TO_JUDGE - 1e-6 and not lower < llr < upper:
            verdict = "challenger" if llr >= upper else "champion"
            break
    facts = {"verdict": verdict, "llr": llr, "lower": lower, "upper": upper}
    if verdict == "inconclusive":
        return Finish((start.entrants,), facts)
    order = (challenger, champion) if verdict == "challenger" else (champion, challenger)
    return Finish(tuple((each,) for each in order), facts)


SPRT = Format(
    name="sprt",
    meaning="A challenger meets the champion in batches until one answer is sure enough.",
    source="Wald (1945); generalised ratio: Van den Bergh (2017)",
    options=SprtOptions,
    course=course,
    fewest_markets=lambda options, _n: max(options.batch_markets, FEWEST_TO_JUDGE),
)
