"""Who becomes champion: every challenger through every gate on markets that nobody has seen.

A draw and a test that cannot tell keep the champion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from simcore.backtests.metric_values import flag_names, metric_names
from simcore.backtests.random_entry import twin_summaries
from simcore.backtests.run import BENCHMARK, backtest
from simcore.evolution import gates
from simcore.evolution.document import Evolution
from simcore.evolution.gates import Gate
from simcore.evolution.ledger import trials_of
from simcore.evolution.markets import Markets, spliced
from simcore.evolution.selection import lower_bounds
from simcore.evolution.trials import RUIN, Trials, run
from simcore.scoring.composite import COMPOSITE_V1
from simcore.scoring.score import Floats, Runs
from simcore.seeds import derive
from simcore.strategy.strategy import Strategy, compile_strategy

STRESS: Final = "stress_v1"
N_TWINS: Final = 200
CUTS: Final = (0.25, 0.5, 0.75)


@dataclass(frozen=True, eq=False)
class Judged:
    """The sealed set of a generation, and what everybody made of it.

    Args:
        gates: Of each challenger, in their order.
        promoted: Position of the challenger who is champion now; None keeps the champion.
        scores: Of the challengers and, last, the champion, ``(n_markets, n_challengers + 1)``.
        returns: Bar returns of the same, ``(n_bars, n_challengers + 1)``.
        tried: Rows of the table `trials`: their runs.
    """

    gates: list[list[Gate]]
    promoted: int | None
    scores: Floats
    returns: Floats
    tried: pl.DataFrame

    @property
    def gains(self) -> Floats:
        """Score of each challenger less the champion's, ``(n_markets, n_challengers)``."""
        gains: Floats = self.scores[:, :-1] - self.scores[:, -1:]
        return gains


@dataclass(frozen=True)
class Trained:
    """What the gates need to know of the training that chose the challengers.

    Args:
        pbo: The gate of overfitting, the same for all.
        k: Programs ever tried.
        variance: Of their Sharpe ratios per bar; None where it is not known.
        is_historical: Whether it saw bars that really happened.
    """

    pbo: Gate
    k: int
    variance: float | None
    is_historical: bool

    def deflated(self, returns: Floats) -> Gate:
        """The gate of a deflated Sharpe ratio, for returns per bar, ``(n_bars,)``."""
        return gates.deflated(returns, self.k, self.variance, is_historical=self.is_historical)


def judged(
    evolution: Evolution,
    challengers: Sequence[Strategy],
    champion: Strategy,
    markets: Markets,
    trained: Trained,
    *,
    seed: int,
) -> Judged:
    """Run challengers and champion on the sealed markets and put each through every gate.

    Args:
        evolution: Execution and cash.
        challengers: None of them the champion; may be none.
        champion: Who defends.
        markets: The sealed set.
        trained: What training says.
        seed: Of all resamples.

    Returns:
        Of several that pass, the one with the greatest lower bound of the gain is promoted.
    """
    asked = evolution.document
    everyone = [*challengers, champion]
    as_asked = asked.execution, asked.initial_cash
    honest = run(everyone, markets, *as_asked, wants_equity=True)
    again = run(everyone, markets, *as_asked, wants_equity=True, n_threads=1)
    stressed = run(everyone, markets, STRESS, asked.initial_cash)
    held = run([_held(champion)], markets, *as_asked).scores[:, 0]
    returns, champions = honest.returns(), honest.scores[:, -1]
    together = []
    if challengers:
        scores = honest.scores[:, :-1]
        together = gates.gains_together(
            scores, champions, markets.families, seed=derive(seed, "step_m")
        )
    found = []
    for at, strategy in enumerate(challengers):
        own = honest.scores[:, at]
        twins = _twin_scores(evolution, strategy, markets, own, derive(seed, "twins"))
        found.append(
            [
                gates.replay(_different(honest, again, at), len(own)),
                gates.future(*_changed_by_the_future(evolution, strategy, markets, honest, at)),
                gates.ruin(int(honest.is_ruined[:, at].sum()), len(own)),
                gates.trades(int(honest.n_trades[:, at].sum()), len(own)),
                gates.gain(own, champions),
                together[at],
                gates.families(own, champions, markets.families),
                gates.beats("buy_and_hold", own, held, seed=derive(seed, "buy_and_hold")),
                gates.beats("random_entry", own, twins, seed=derive(seed, "random_entry")),
                trained.pbo,
                trained.deflated(returns[:, at]),
                gates.stress(own, stressed.scores[:, at]),
                gates.ambiguity(honest.gap[:, at], honest.profit[:, at], honest.initial_cash),
            ]
        )
    # Of these runs one may be chosen. Stress, twins and the benchmark judge what was chosen.
    tried = trials_of(evolution, evolution.sealed, everyone, markets, honest)
    return Judged(found, _promoted(found, honest), honest.scores, returns, tried)


def _promoted(found: Sequence[Sequence[Gate]], honest: Trials) -> int | None:
    bounds = lower_bounds(honest.scores[:, :-1] - honest.scores[:, -1:]) if found else np.zeros(0)
    through = [at for at, own in enumerate(found) if is_through(own)]
    return max(through, key=lambda at: (bounds[at], -at), default=None)


def is_through(own: Sequence[Gate]) -> bool:
    """Whether every gate that is required passes; what is unknown does not."""
    return all(gate.verdict == "pass" for gate in own if gate.is_required)


def _held(champion: Strategy) -> Strategy:
    """Buy and hold on the champion's timeframe."""
    held = compile_strategy(BENCHMARK)
    if held.timeframe == champion.timeframe:
        return held
    return compile_strategy({**held.document, "timeframe": champion.timeframe})


def _different(first: Trials, second: Trials, at: int) -> int:
    """Markets on which two runs of one strategy differ in any bit of equity or score."""
    return sum(
        one[at].tobytes() != other[at].tobytes()
        or first.scores[row, at].tobytes() != second.scores[row, at].tobytes()
        for row, (one, other) in enumerate(zip(first.equity, second.equity, strict=True))
    )


def _changed_by_the_future(
    evolution: Evolution, strategy: Strategy, markets: Markets, honest: Trials, at: int
) -> tuple[int, int]:
    """Count the cuts after which another future changes equity before them.

    One market of each family goes on as another of the sealed set does, from several bars on.
    """
    asked = evolution.document
    names = sorted(set(markets.families))
    firsts = [markets.families.index(name) for name in names]
    futures = {first: _same_length(markets, first) for first in firsts}
    cases = [
        (first, other, int(len(markets.bars[first]["ts"]) * share))
        for first, other in futures.items()
        if other is not None
        for share in CUTS
    ]
    if not cases:
        return 0, 0
    other_markets = Markets(
        families=tuple(markets.families[first] for first, _, _ in cases),
        seeds=tuple(markets.seeds[first] for first, _, _ in cases),
        bars=tuple(
            spliced(markets.bars[first], markets.bars[other], cut) for first, other, cut in cases
        ),
        bars_per_year=tuple(markets.bars_per_year[first] for first, _, _ in cases),
    )
    other_runs = run(
        [strategy], other_markets, asked.execution, asked.initial_cash, wants_equity=True
    )
    n_changed = sum(
        honest.equity[first][at][:cut].tobytes() != other_runs.equity[row][0][:cut].tobytes()
        for row, (first, _, cut) in enumerate(cases)
    )
    return n_changed, len(cases)


def _same_length(markets: Markets, first: int) -> int | None:
    """Another market with as many bars, None where there is none."""
    n_bars = len(markets.bars[first]["ts"])
    others = (
        at for at, each in enumerate(markets.bars) if at != first and len(each["ts"]) == n_bars
    )
    return next(others, None)


def _twin_scores(
    evolution: Evolution, strategy: Strategy, markets: Markets, own: Floats, seed: int
) -> Floats:
    """Mean score of the random-entry twins on each market; the run's own where it never traded."""
    asked = evolution.document
    scores = own.copy()
    for at, columns in enumerate(markets.bars):
        bars = pl.DataFrame(dict(columns))
        made = backtest(
            strategy,
            bars,
            execution=asked.execution,
            initial_cash=asked.initial_cash,
            bars_per_year=markets.bars_per_year[at],
        )
        twins = twin_summaries(
            made,
            strategy,
            bars,
            n_twins=N_TWINS,
            seed=derive(seed, at),
            execution=asked.execution,
            initial_cash=asked.initial_cash,
            bars_per_year=markets.bars_per_year[at],
        )
        if twins:
            table = np.array([each["metrics"] for each in twins], dtype=np.float64)
            metrics = {name: table[:, column] for column, name in enumerate(metric_names())}
            ruined = np.array([RUIN in flag_names(each["flags"]) for each in twins])
            runs = Runs(metrics, ruined, np.ones(len(twins), dtype=np.bool_))
            scores[at] = COMPOSITE_V1.points(runs, COMPOSITE_V1.weights).mean()
    return scores
