"""How often a whole promotion errs where nobody deserves one, and finds one who does.

`simcore.tournaments.calibration` measures the bound that a promotion rests on. Here a field goes
through everything that a generation's challengers go through: training, the bound of all together,
and every gate for whoever passes it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final

from simcore.evolution import gates
from simcore.evolution.document import Evolution, EvolutionDocument, ScenarioSet
from simcore.evolution.markets import Markets, made
from simcore.evolution.promotion import Trained, judged
from simcore.evolution.trials import Trials, run, sharpe_variance
from simcore.scenario import document as scenario_document
from simcore.scenario.document import Scenario
from simcore.seeds import derive
from simcore.strategy.strategy import Strategy, compile_strategy
from simcore.tables import TABLES
from simcore.tournaments.calibration import DRAWN, Size, interval, verdict
from simcore.tournaments.null_entries import (
    CASH,
    HISTORY_BARS,
    LOW_VOLUME,
    PAUSE_BARS,
    drawn_strategies,
    hold,
)
from simcore.tournaments.planner import POWER, for_unknown_spread, plan
from simcore.tournaments.sealed import commitment

if TYPE_CHECKING:
    import polars as pl

N_BARS: Final = 240 + HISTORY_BARS
TRAIN_COPIES: Final = 24
PILOT_COPIES: Final = 1_000
COPIES_MIN: Final = 10

_MARKET: Final[dict[str, Any]] = {
    "version": "0.1.0",
    "timeframe": "1h",
    "duration_bars": N_BARS,
    "seed": 0,
    "volume_model": "lognormal",
}
# No drift of the log price in any of them.
FLAT_LAWS: Final = (
    {**_MARKET, "id": "walk", "family": "trend", "params": {"drift": 0.0, "sigma": 60.0}},
    {
        **_MARKET,
        "id": "clusters",
        "family": "vol_cluster",
        "params": {"omega": 80.0, "alpha": 0.05, "beta": 0.9, "mu": 0.0},
    },
    {
        **_MARKET,
        "id": "storms",
        "family": "vol_cluster",
        "params": {"omega": 81.0, "alpha": 0.15, "beta": 0.84, "mu": 0.0},
    },
    {
        **_MARKET,
        "id": "jumps",
        "family": "shock_mix",
        "params": {
            "sigma": 45.0, "drift": 0.0, "p_jump": 0.01, "jump_mu": 0.0, "jump_sigma": 220.0,
        },
    },
)  # fmt: skip
# Prices that come home to 100, slowly enough that orders of the bar after next still earn.
HOMING_LAWS: Final = tuple(
    {
        **_MARKET,
        "id": name,
        "family": "mean_revert",
        "params": {"form": "ou_price", "kappa": kappa, "theta": 100.0, "sigma": sigma},
    }
    for name, kappa, sigma in (("homing", 0.03, 60.0), ("brisk", 0.05, 70.0))
)

# Volume is log-normal with deviation 1/2 and independent of prices: one bar in thirteen is above
# the first, one in forty-four above the second, and as many below its mirror image.
HIGH_VOLUME: Final = 1_800
RARE_VOLUME: Final = 2_400
SCARCE_VOLUME: Final = 324.5


@dataclass(frozen=True)
class Placebo:
    """One kind of field whose promotions are known before.

    Args:
        name: Of the rows.
        laws: Documents of the scenarios that markets are made by, shared out evenly.
        challengers: ``coins``; ``settings`` of library strategies; ``buyers``, who all have
            the champion's edge and no more; or ``planted``, coins and one with a greater edge.
    """

    name: str
    laws: Sequence[dict[str, Any]]
    challengers: str

    @property
    def is_planted(self) -> bool:
        """Whether somebody deserves to be found."""
        return self.challengers == "planted"


PLACEBOS: Final = (
    Placebo("coins against a coin", FLAT_LAWS, "coins"),
    Placebo("settings against buy-and-hold", FLAT_LAWS, "settings"),
    Placebo("equals of a champion with an edge", HOMING_LAWS, "buyers"),
    Placebo("planted, a champion with an edge", HOMING_LAWS, "planted"),
)


@dataclass(frozen=True, eq=False)
class _Field:
    challengers: list[Strategy]
    champion: Strategy
    evolution: Evolution

    @property
    def everyone(self) -> list[Strategy]:
        return [*self.challengers, self.champion]

    def ran(self, markets: Markets, *, wants_equity: bool = False) -> Trials:
        asked = self.evolution.document
        return run(
            self.everyone, markets, asked.execution, asked.initial_cash, wants_equity=wants_equity
        )


def promotion_rates(
    size: Size, *, seed: int, placebos: Sequence[Placebo] = PLACEBOS
) -> pl.DataFrame:
    """Play every kind of field and return rows of the table `calibration`.

    Args:
        size: Challengers, markets (the planner sets those of a planted field) and tournaments.
        seed: Root of all markets and draws, 0 to 2**53 - 1.
        placebos: What is played.

    Returns:
        Two rows a kind: how often anybody (or the planted one) passes the bound of the gain, and
        how often it passes everything and is promoted.
    """
    import polars as pl

    rows = [row for each in placebos for row in _rows(each, size, seed)]
    return TABLES["calibration"].sort(TABLES["calibration"].conform(pl.DataFrame(rows)))


def _rows(placebo: Placebo, size: Size, seed: int) -> list[dict[str, Any]]:
    root = derive(seed, "placebo", placebo.name)
    field = _field(placebo, size.challengers, root)
    copies, promised = -(-size.markets // len(placebo.laws)), None
    if placebo.is_planted:
        copies, promised = _planned(field, root)
    outcomes = [
        _outcome(placebo, field, copies, derive(root, "tournament", number))
        for number in range(size.tournaments)
    ]
    rows = []
    for at, stage in enumerate(("the bound", "every gate")):
        hits = sum(outcome[at] for outcome in outcomes)
        low, high = interval(hits, len(outcomes))
        rows.append(
            {
                "design": f"{placebo.name}, {stage}",
                "seed_group": seed,
                "is_planted": placebo.is_planted,
                "n_tournaments": len(outcomes),
                "n_challengers": len(field.challengers),
                "n_markets": copies * len(placebo.laws),
                "n_bars": N_BARS,
                "n_hits": hits,
                "rate": hits / len(outcomes),
                "rate_lo": low,
                "rate_hi": high,
                "alpha": gates.ALPHA,
                "promised": promised,
                "verdict": verdict(low, high, gates.ALPHA, promised),
            }
        )
    return rows


def _outcome(placebo: Placebo, field: _Field, copies: int, seed: int) -> tuple[bool, bool]:
    """Whether the bound lets anybody through (or the planted one), and whether every gate does.

    Who fails the bound is promoted by no other gate, so the others are asked for the rest only.
    """
    sealed = _markets(field, copies, derive(seed, "sealed"))
    scores = field.ran(sealed).scores
    own, champion = scores[:, :-1], scores[:, -1]
    together = gates.gains_together(own, champion, sealed.families, seed=derive(seed, "step_m"))
    passed = [at for at, gate in enumerate(together) if gate.verdict == "pass"]
    wanted = len(field.challengers) - 1
    if placebo.is_planted:
        passed = [at for at in passed if at == wanted]
    if not passed:
        return False, False
    found = judged(
        field.evolution,
        [field.challengers[at] for at in passed],
        field.champion,
        sealed,
        _trained(field, derive(seed, "train")),
        seed=derive(seed, "judge"),
    )
    return True, found.promoted is not None


def _trained(field: _Field, seed: int) -> Trained:
    """What a training of the whole field tells the gates."""
    train = _markets(field, -(-TRAIN_COPIES // len(field.evolution.sealed)), seed)
    returns = field.ran(train, wants_equity=True).returns()
    return Trained(
        pbo=gates.overfit(returns),
        k=len(field.everyone),
        variance=sharpe_variance(returns),
        is_historical=False,
    )


def _markets(field: _Field, copies: int, seed: int) -> Markets:
    laws = field.evolution.sealed
    seeds = [derive(seed, at) for at in range(copies * len(laws))]
    return made(laws, copies, seeds)


def _planned(field: _Field, seed: int) -> tuple[int, float]:
    """Copies of each law that the planner asks for, and how often the edge is then found.

    The promise is that of one comparison at the level shared out between all: the stepwise bound
    finds no fewer.
    """
    n_laws = len(field.evolution.sealed)
    pair = _Field([field.challengers[-1]], field.champion, field.evolution)
    scores = pair.ran(_markets(pair, PILOT_COPIES, derive(seed, "pilot"))).scores
    gap = (scores[:, 0] - scores[:, 1]).reshape(n_laws, PILOT_COPIES)
    # Markets are shared out between the laws, so what counts is the spread within each.
    edge = float(gap.mean()) - gates.GAIN_POINTS
    spread = math.sqrt(float(gap.var(axis=1, ddof=1).mean()))
    shared = gates.ALPHA / len(field.challengers)
    needed = plan(1, alpha=shared, power=POWER, deviation=spread, wanted=edge).needed or 1
    # Each law's mean is estimated, which takes a market of each.
    markets = for_unknown_spread(needed, shared) + n_laws - 1
    copies = max(-(-markets // n_laws), COPIES_MIN)
    z = NormalDist().inv_cdf(1.0 - shared)
    return copies, NormalDist().cdf(edge * math.sqrt(needed) / spread - z)


def _field(placebo: Placebo, n: int, seed: int) -> _Field:
    """A field of so many challengers; the last is the planted one where there is one."""
    evolution = _evolution(placebo.laws)
    if placebo.challengers == "coins":
        champion, *others = [_coin(number) for number in range(n + 1)]
        return _Field(others, champion, evolution)
    if placebo.challengers == "settings":
        return _Field(drawn_strategies(DRAWN, n, seed), hold(), evolution)
    if placebo.is_planted:
        others = [_coin(number) for number in range(n - 1)]
        return _Field([*others, _buyer(None)], _buyer(0), evolution)
    champion, *others = [_buyer(number) for number in range(n + 1)]
    return _Field(others, champion, evolution)


def _evolution(laws: Sequence[dict[str, Any]]) -> Evolution:
    """What the gates ask an evolution for: execution, cash and laws."""
    loaded: tuple[Scenario, ...] = tuple(scenario_document.load(dict(law)) for law in laws)
    made_on = ScenarioSet(scenarios=tuple(str(law["id"]) for law in laws), copies=TRAIN_COPIES)
    document = EvolutionDocument(
        version="0.1.0",
        id="placebo",
        name="Placebo",
        seed=0,
        champion="champion",
        strategies=("champion",),
        train=made_on,
        sealed=made_on,
        commitment=commitment("nothing is bred here"),
        initial_cash=CASH,
    )
    return Evolution(document, (), loaded, loaded)


def _strategy(name: str, enter: str, leave: str) -> Strategy:
    # The oldest volume that anybody looks at: so all wait for as many bars and trade as long.
    waited = f"volume[{HISTORY_BARS}] > 0"
    return compile_strategy(
        {
            "version": "0.1.0",
            "id": name,
            "name": name,
            "timeframe": "1h",
            "params": {},
            "rules": [
                {"if": f"{enter} and {waited}", "then": "buy"},
                {"if": leave, "then": "close"},
            ],
            "risk": {
                "sizing": {"type": "pct_equity", "value": 50},
                "max_daily_loss_pct": 50,
                "max_holding_bars": 48,
            },
            "metadata": {"notes": "For calibration only."},
        }
    )


def _coin(number: int) -> Strategy:
    """Who enters and leaves by high or low volume of bars ago, which tells nothing of prices."""
    ago, is_low = divmod(number, 2)
    side = f"< {LOW_VOLUME}" if is_low else f"> {HIGH_VOLUME}"
    return _strategy(
        f"coin-{number:03}", f"volume[{ago + PAUSE_BARS}] {side}", f"volume[{ago}] {side}"
    )


def _buyer(number: int | None) -> Strategy:
    """Who buys below 99 and leaves above 101; a number waits for a rare volume so long ago."""
    below, above = "close < 99", "close > 101"
    if number is None:
        return _strategy("buyer", below, above)
    ago, is_low = divmod(number, 2)
    side = f"< {SCARCE_VOLUME}" if is_low else f"> {RARE_VOLUME}"
    return _strategy(f"buyer-{number:03}", f"{below} and volume[{ago + 1}] {side}", above)
