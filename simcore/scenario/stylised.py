"""The card of a scenario: which of the stylised facts of real markets its own bars show.

Each fact has an estimate and an interval of 99.9 %. A fact is shown, or absent, where the whole
interval says so; bars too few to tell leave it open. That every market should show every fact is
not said here: the family says what is expected of it, and a random walk that passed for heavy
tails would be a failure.

The logarithms are the platform's, whose last bits may differ from one machine to the next, and
the card goes into a table that is hashed. Its numbers are therefore rounded to six significant
digits: the noise is ten million times smaller, so two machines disagree about a digit less than
once in a million numbers. Sums are NumPy's own; nothing goes through a BLAS, whose order of
summing is chosen by the processor.

Source:
    Cont (2001), "Empirical properties of asset returns: stylized facts and statistical issues",
    Quantitative Finance 1(2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from simcore import engine
from simcore.scenario.document import Scenario, effective
from simcore.scenario.statistics import facts
from simcore.scenario.statistics.facts import Returns, standardised
from simcore.scenario.statistics.sample import PRICES, Estimate, Sample, layout

CONFIDENCE: Final = 0.999
DIGITS: Final = 6
BARS_MAX: Final = 1_000_000
"""The card of a longer market is that of its first bars: of whole paths where it has several."""

_ZERO: Final = 1e-9


@dataclass(frozen=True)
class Fact:
    """How one stylised fact is measured and judged.

    Args:
        name: As the engine has it.
        statistic: What the estimate is, in words.
        measure: The estimate.
        is_shown: Whether an interval from low to high shows the fact.
        is_absent: Whether it shows that the fact is absent.
        needs: A fact without which this one cannot be shown; empty for none.
    """

    name: str
    statistic: str
    measure: Callable[[Returns], Estimate]
    is_shown: Callable[[float, float], bool]
    is_absent: Callable[[float, float], bool]
    needs: str = ""


def card(scenario: Scenario, bars: pl.DataFrame) -> list[dict[str, Any]]:
    """Return what the bars of a scenario show of each stylised fact.

    Args:
        scenario: Says what is expected.
        bars: Its rows of the table `bars`, all paths.

    Returns:
        One row of the table `stylised_facts` a fact, without `scenario_id`.
    """
    document = effective(scenario)
    source = scenario.source.columns if scenario.source is not None else None
    expected = engine.scenario_laws(document, source)["facts"]
    returns = standardised(_first_bars(bars, document))
    rows: dict[str, dict[str, Any]] = {}
    for fact in FACTS:
        row = _measured(fact, returns)
        if fact.needs and not rows[fact.needs]["passes"]:
            row["passes"] = rows[fact.needs]["passes"]
        wanted = expected[fact.name]
        is_open = wanted is None or row["passes"] is None
        as_expected = None if is_open else row["passes"] == wanted
        rows[fact.name] = {**row, "expected": wanted, "as_expected": as_expected}
    return list(rows.values())


def _first_bars(bars: pl.DataFrame, document: Mapping[str, Any]) -> Sample:
    n_paths, n_assets = int(document["paths"]), len(document["assets"])
    n_bars = bars.height // (n_paths * n_assets)
    n_paths = max(1, min(n_paths, BARS_MAX // (n_assets * n_bars)))
    head = bars.head(n_paths * n_assets * n_bars)
    columns = {name: head[name].to_numpy() for name in ("ts", *PRICES)}
    whole = layout(columns, {}, document, shape=(n_paths, n_assets, n_bars))
    kept = BARS_MAX // n_assets
    if n_paths > 1 or n_bars <= kept:
        return whole
    return Sample({name: each[..., :kept] for name, each in whole.bars.items()}, p0=whole.p0)


def _measured(fact: Fact, returns: Returns) -> dict[str, Any]:
    from scipy.stats import t as student

    found = fact.measure(returns)
    row: dict[str, Any] = {"fact": fact.name, "statistic": fact.statistic}
    if not (np.isfinite(found.value) and np.isfinite(found.standard_error)):
        return {**row, "estimate": None, "low": None, "high": None, "passes": None}
    half = float(student.isf((1.0 - CONFIDENCE) / 2.0, found.degrees)) * found.standard_error
    value, low, high = (_rounded(found.value + each) for each in (0.0, -half, half))
    passes: bool | None = None
    if fact.is_shown(low, high):
        passes = True
    elif fact.is_absent(low, high):
        passes = False
    return {**row, "estimate": value, "low": low, "high": high, "passes": passes}


def _rounded(value: float) -> float:
    return 0.0 if abs(value) < _ZERO else float(f"{value:.{DIGITS}g}")


Judgement = tuple[Callable[[float, float], bool], Callable[[float, float], bool]]


def _above(zero: float, material: float) -> Judgement:
    """Shown by an interval above `zero`, absent in one that reaches nothing material."""
    return (lambda low, _: low > zero), (lambda _, high: high < material)


def _below(zero: float, material: float) -> Judgement:
    return (lambda _, high: high < zero), (lambda low, _: low > material)


def _within(least: float, most: float) -> Judgement:
    return (
        lambda low, high: least < low and high < most,
        lambda low, high: high < least or low > most,
    )


def _about(value: float, distance: float) -> Judgement:
    """Shown by a short interval around `value`, absent in one that excludes it."""
    return (
        lambda low, high: value - distance < low <= value <= high < value + distance,
        lambda low, high: high < value or low > value,
    )


def _fact(
    name: str, measure: Callable[[Returns], Estimate], rule: Judgement, needs: str = ""
) -> Fact:
    statistic = (measure.__doc__ or "").splitlines()[0].removeprefix("Return ").rstrip(".")
    return Fact(name, statistic, measure, *rule, needs)


FACTS: Final = (
    _fact("no_linear_autocorrelation", facts.linear_memory, _about(1.0, 0.25)),
    _fact("heavy_tails", facts.tail, _within(2.0, 5.0)),
    _fact("gain_loss_asymmetry", facts.asymmetry, _below(0.0, -0.1)),
    _fact("aggregational_gaussianity", facts.aggregation, _above(0.0, 0.2)),
    _fact("intermittency", facts.bursts, _above(1.0, 1.1)),
    _fact("volatility_clustering", facts.clustering, _above(0.0, 0.03)),
    _fact("conditional_heavy_tails", facts.conditional_tail, _within(2.0, 5.0)),
    # A power law of exponent 0.2 to 0.4 leaves 0.63 to 0.39; one of 0.6 leaves 0.25.
    _fact("slow_decay", facts.long_memory, _above(0.25, 0.35), needs="volatility_clustering"),
    _fact("leverage", facts.leverage, _below(0.0, -0.02)),
    _fact("volume_volatility", facts.volume_correlation, _above(0.0, 0.05)),
    _fact("time_scale_asymmetry", facts.arrow_of_scales, _above(0.0, 0.02)),
)
