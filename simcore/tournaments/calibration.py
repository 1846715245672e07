"""How often the gate promotes somebody where nobody deserves it, and finds one who does.

A placebo tournament is played on markets without an edge, at the same costs as any other. A power
tournament has one entry whose edge was measured on other markets before, so that the planner could
promise how often it will be found. Both rates come with the interval that so many allow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final

from simcore.backtests.request import ExecutionArgument
from simcore.scoring.inference.paired_bounds import paired_bounds
from simcore.seeds import derive
from simcore.tables import TABLES
from simcore.tournaments.null_entries import (
    HISTORY_BARS,
    coins,
    drawn_settings,
    hold,
    points,
)
from simcore.tournaments.planner import POWER, for_unknown_spread, plan

if TYPE_CHECKING:
    import polars as pl

MARGIN_POINTS: Final = 0.5
N_RESAMPLES: Final = 1_000
PILOT_MARKETS: Final = 5_000
DRAWN: Final = ("atr_breakout", "bbands_breakout", "ma_cross", "rsi_reversion")

WALK: Final[dict[str, Any]] = {
    "version": "0.1.0",
    "id": "placebo",
    "family": "trend",
    "timeframe": "1h",
    "duration_bars": 240 + HISTORY_BARS,
    "seed": 0,
    "volume_model": "lognormal",
    "params": {"drift": 0.0, "sigma": 60.0},
}
CLUSTERS: Final[dict[str, Any]] = {
    **WALK,
    "family": "vol_cluster",
    "params": {"omega": 80.0, "alpha": 0.05, "beta": 0.9, "mu": 0.0},
}
# Upwards: whoever is always in the market earns what a coin, in it half the time, does not.
RISING: Final[dict[str, Any]] = {**WALK, "params": {"drift": 3.0, "sigma": 60.0}}


@dataclass(frozen=True)
class Design:
    """One kind of tournament whose outcome is known before.

    Args:
        name: Of the row.
        market: A scenario's document; its seed and its paths are given by the tournament.
        challengers: ``coins``, ``settings`` (of library strategies) or ``planted``.
        champion: ``coin``, whose expectation is exactly that of the other coins, or ``hold``.
        margin: Points that a challenger must be ahead by.
    """

    name: str
    market: Mapping[str, Any]
    challengers: str
    champion: str
    margin: float

    @property
    def is_planted(self) -> bool:
        """Whether somebody deserves to be found."""
        return self.challengers == "planted"


DESIGNS: Final = (
    Design("coins on a random walk", WALK, "coins", "coin", 0.0),
    Design("coins on clusters", CLUSTERS, "coins", "coin", 0.0),
    Design("settings on a random walk", WALK, "settings", "hold", MARGIN_POINTS),
    Design("settings on clusters", CLUSTERS, "settings", "hold", MARGIN_POINTS),
    Design("planted alone", RISING, "planted", "coin", 0.0),
    Design("planted among coins", RISING, "planted", "coin", 0.0),
)

# Those that a campaign plays: exact on either side, in a second.
QUICK: Final = (DESIGNS[0], DESIGNS[-1])


@dataclass(frozen=True)
class Size:
    """How much is played.

    Args:
        challengers: Entries without skill.
        markets: Of each placebo tournament; the planner sets those of the others.
        tournaments: Of each design.
    """

    challengers: int
    markets: int
    tournaments: int


SMALL: Final = Size(challengers=20, markets=24, tournaments=20)


def calibration(
    size: Size,
    *,
    seed: int,
    alpha: float = 0.05,
    designs: Sequence[Design] = DESIGNS,
    execution: ExecutionArgument = "honest_v1",
) -> pl.DataFrame:
    """Play every design and return the table `calibration`.

    Args:
        size: How much is played.
        seed: Root of all markets and draws, 0 to 2**53 - 1.
        alpha: Level of the gate.
        designs: What is played.
        execution: Profile of every run; its costs are those of the tournament to be trusted.
    """
    import polars as pl

    rows = [_row(design, size, seed, (alpha, execution)) for design in designs]
    return TABLES["calibration"].sort(TABLES["calibration"].conform(pl.DataFrame(rows)))


def _row(
    design: Design, size: Size, seed: int, gate: tuple[float, ExecutionArgument]
) -> dict[str, Any]:
    alpha = gate[0]
    root = derive(seed, "calibration", design.name)
    alone = design.name == "planted alone"
    n_challengers = 1 if alone else size.challengers
    programs = _programs(design, n_challengers, root)
    markets, promised = size.markets, None
    if design.is_planted:
        markets, promised = _planned(design, programs, root, gate)
    hits = [
        _hit(design, programs, markets, derive(root, "tournament", str(number)), gate)
        for number in range(size.tournaments)
    ]
    low, high = interval(sum(hits), len(hits))
    return {
        "design": design.name,
        "seed_group": seed,
        "is_planted": design.is_planted,
        "n_tournaments": len(hits),
        "n_challengers": len(programs) - 1,
        "n_markets": markets,
        "n_bars": int(design.market["duration_bars"]) - HISTORY_BARS,
        "n_hits": sum(hits),
        "rate": sum(hits) / len(hits),
        "rate_lo": low,
        "rate_hi": high,
        "alpha": alpha,
        "promised": promised,
        "verdict": verdict(low, high, alpha, promised),
    }


def verdict(low: float, high: float, alpha: float, promised: float | None) -> str:
    """Whether the rate, within its interval, is what it was to be.

    Args:
        low: Lower end of the interval.
        high: Upper end.
        alpha: What a placebo's rate may come to.
        promised: What a planted entry's rate was to be at least; None for a placebo.
    """
    if promised is None:
        return "TOO_OFTEN" if low > alpha else "HELD" if high <= alpha else "NOT_REFUTED"
    return "TOO_SELDOM" if high < promised else "HELD" if low >= promised else "NOT_REFUTED"


def interval(hits: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a rate that holds its confidence for any number of trials.

    Args:
        hits: Successes, 0 to n.
        n: Trials, 1 or more.
        confidence: Above 0, below 1.

    Source:
        Clopper and Pearson (1934), Biometrika 26(4).
    """
    from scipy.special import betaincinv

    tail = (1.0 - confidence) / 2.0
    low = 0.0 if hits == 0 else float(betaincinv(hits, n - hits + 1, tail))
    high = 1.0 if hits == n else float(betaincinv(hits + 1, n - hits, 1.0 - tail))
    return low, high


def _programs(design: Design, n: int, seed: int) -> list[str]:
    """The champion first, then the challengers; a planted one last."""
    if design.is_planted:
        return [*coins(n), hold().program_json]
    if design.challengers == "coins":
        return coins(n + 1)
    champion = hold().program_json if design.champion == "hold" else coins(1)[0]
    return [champion, *drawn_settings(DRAWN, n, seed)]


def _hit(
    design: Design,
    programs: Sequence[str],
    markets: int,
    seed: int,
    gate: tuple[float, ExecutionArgument],
) -> bool:
    """Whether the gate promotes anybody, or the planted entry where there is one."""
    alpha, execution = gate
    market = {**design.market, "seed": seed, "paths": markets}
    scores = points(programs, market, execution=execution)
    names = [f"{number:04}" for number in range(1, len(programs))]
    found = paired_bounds(
        dict(zip(names, scores[:, 1:].T, strict=True)),
        scores[:, 0],
        seed=seed,
        margin=design.margin,
        alpha=alpha,
        n_resamples=N_RESAMPLES,
    ).superior
    return names[-1] in found if design.is_planted else bool(found)


def _planned(
    design: Design, programs: Sequence[str], seed: int, gate: tuple[float, ExecutionArgument]
) -> tuple[int, float]:
    """Markets that the planner asks for, and how often it says the edge is then found.

    Among others the promise is that of a comparison at the level shared out between all: the
    stepwise bounds find no fewer.
    """
    alpha, execution = gate
    pilot = {**design.market, "seed": derive(seed, "pilot"), "paths": PILOT_MARKETS}
    scores = points([programs[0], programs[-1]], pilot, execution=execution)
    gap = scores[:, 1] - scores[:, 0]
    edge, spread = float(gap.mean()) - design.margin, float(gap.std(ddof=1))
    shared = alpha / (len(programs) - 1)
    needed = plan(1, alpha=shared, power=POWER, deviation=spread, wanted=edge).needed or 1
    z = NormalDist().inv_cdf(1.0 - shared)
    markets = for_unknown_spread(needed, shared)
    return markets, NormalDist().cdf(edge * math.sqrt(needed) / spread - z)
