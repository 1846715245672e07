"""Whether a scenario's bars are those of the market that its document names.

The family says what must hold (`engine.scenario_laws`); here it is measured on a sample large
enough to tell. How a statistic is computed stands in `statistics`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simcore import engine
from simcore.errors import EngineError, InvariantError
from simcore.scenario.document import Scenario, effective
from simcore.scenario.statistics import STATISTICS
from simcore.scenario.statistics.sample import (
    PATHS_TO_GROUP,
    Estimate,
    Sample,
    keeps_length,
    layout,
)
from simcore.seeds import jcs

SAMPLE_BARS: Final = 400_000
FALSE_ALARMS: Final = 1e-3
"""Chance that a suite of laws fails though every market is what it says."""

SUITE_LAWS: Final = 2_000
"""Laws among which that chance is divided: some twenty for twenty documents at five seeds."""

_PATH_BARS_MAX: Final = 8_000
_PATH_BARS_MIN: Final = 100
# A sample of many assets is no larger than that of so many.
_ASSETS_IN_FULL: Final = 8
_GUARD: Final = {"mode": "error", "k": 25.0}


@dataclass(frozen=True)
class Result:
    """One law and what the sample says of it.

    Args:
        statistic: Name of the statistic.
        arguments: What it takes: lags, horizons, states, assets.
        expected: What it must come to; None where the law is a band.
        low: Least estimate that passes.
        high: Largest estimate that passes.
        estimate: What it came to; None where no sample decides it.
        standard_error: Of the estimate; None where the sample does not tell, 0 for a count.
        passes: Whether the law holds; None where the sample cannot decide it.
    """

    statistic: str
    arguments: tuple[float, ...]
    expected: float | None
    low: float | None
    high: float | None
    estimate: float | None
    standard_error: float | None
    passes: bool | None

    @property
    def law(self) -> str:
        """The statistic with its arguments, as in ``acf(1)``."""
        arguments = ", ".join(f"{each:g}" for each in self.arguments)
        return f"{self.statistic}({arguments})" if arguments else self.statistic

    @property
    def line(self) -> str:
        """The law as a row of a page: verdict, estimate with its standard error, bound."""
        verdict = {True: "holds", False: "BROKEN", None: "open"}[self.passes]
        if self.estimate is None:
            return f"{verdict:6} {self.law:28} no sample decides it"
        error = "" if not self.standard_error else f" ± {self.standard_error:.2g}"
        bound = (
            "" if self.low is None or self.high is None else f"{self.low:.6g} to {self.high:.6g}"
        )
        return f"{verdict:6} {self.law:28} {f'{self.estimate:.6g}{error}':26} {bound}"

    @property
    def sentence(self) -> str:
        """What was found and what was expected."""
        if self.estimate is None or self.low is None or self.high is None:
            return f"{self.law}: no sample decides it"
        return f"{self.law}: got {self.estimate:.6g}, expected {self.low:.6g} to {self.high:.6g}"


def accept(scenario: Scenario) -> list[Result]:
    """Measure every law of a scenario on a sample of its market.

    A family that gives the rows of its source as they are is judged by these rows. Of any other the
    sample is the document without overlays, sessions and tick, with paths enough for 400,000
    bars behind the burn-in (of each of up to eight assets; 3,200,000 bars of more). The same
    document gives the same results.

    Args:
        scenario: A checked scenario.

    Returns:
        One result a law, in the order of the family; empty for a family that promises nothing.

    Raises:
        EngineError: The sample is refused.
    """
    source = scenario.source.columns if scenario.source is not None else None
    return accept_document(effective(scenario), source)


def accept_document(
    document: Mapping[str, Any], source: Mapping[str, NDArray[Any]] | None = None
) -> list[Result]:
    """As `accept`, of an effective document.

    Args:
        document: Every default filled in; the hash of the source, if there is one, stands in it.
        source: Columns of the source.

    Raises:
        EngineError: The sample is refused.
    """
    return list(_accepted(_Request(jcs(document), source)))


def judge(laws: Sequence[Mapping[str, Any]], sample: Sample) -> list[Result]:
    """Measure laws on a sample.

    Args:
        laws: As `engine.scenario_laws` gives them.
        sample: Bars of a market, of this document or another.

    Raises:
        InvariantError: A law names a statistic that is not in the table.
    """
    share = FALSE_ALARMS / max(SUITE_LAWS, len(laws))
    return [_judged(law, sample, share) for law in laws]


def sample_of(document: Mapping[str, Any], source: Any = None) -> Sample:
    """Generate an acceptance sample of an effective document.

    Args:
        document: The document; its paths are replaced, its duration where it is unfit.
        source: Columns of the source of a family that needs one.

    Raises:
        EngineError: The sample is refused.
    """
    burn_in = int(engine.scenario_laws(document, source)["burn_in_bars"])
    n_assets = len(document["assets"])
    kept = max(int(document["duration_bars"]) - burn_in, burn_in, _PATH_BARS_MIN)
    kept = min(kept, _PATH_BARS_MAX)
    wanted = SAMPLE_BARS * min(1.0, _ASSETS_IN_FULL / n_assets)
    while True:
        n_paths = max(PATHS_TO_GROUP, -(-int(wanted) // kept))
        n_bars = burn_in + kept
        asked = {**document, "paths": n_paths, "duration_bars": n_bars}
        try:
            market = engine.generate(asked, source, wants_latent=True)
        except EngineError as error:
            # Among so many paths one may leave the prices there are; shorter ones do not.
            if error.code != "SCENARIO_EXPLODED" or kept <= _PATH_BARS_MIN:
                raise
            kept = max(_PATH_BARS_MIN, kept // 2)
            continue
        return layout(
            market.columns,
            market.latent,
            asked,
            shape=(n_paths, n_assets, n_bars),
            burn_in_bars=burn_in,
            source=source,
            facts=market.facts,
        )


def as_rows(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Return results as plain values."""
    return [{**asdict(result), "arguments": list(result.arguments)} for result in results]


@dataclass(frozen=True)
class _Request:
    """What results depend on; the source's hash stands in the document."""

    document: bytes
    source: Mapping[str, NDArray[Any]] | None = field(compare=False)


@lru_cache(maxsize=256)
def _accepted(request: _Request) -> tuple[Result, ...]:
    own, source = json.loads(request.document), _columns(request)
    stripped = _stripped(own)
    laws = engine.scenario_laws(own if keeps_length(own) else stripped, source)["laws"]
    if not laws:
        return ()
    # What happened once has no sample: there the bars are judged themselves.
    try:
        sample = _own_bars(own, source) if keeps_length(own) else sample_of(stripped, source)
    except EngineError:
        # The document is right; its sample is longer than a market may be, or bursts on the way.
        return tuple(_undecided(law) for law in laws)
    return tuple(judge(laws, sample))


def _undecided(law: Mapping[str, Any]) -> Result:
    arguments = tuple(float(each) for each in law["arguments"])
    expected = law.get("expected")
    return Result(law["statistic"], arguments, expected, None, None, None, None, None)


def _columns(request: _Request) -> dict[str, NDArray[Any]] | None:
    return None if request.source is None else dict(request.source)


def _stripped(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document without what the laws of its family do not speak of."""
    kept = {name: value for name, value in document.items() if name != "overnight_var_share"}
    guard = document["guard"] if document["guard"]["mode"] == "clip" else _GUARD
    return {**kept, "overlays": [], "calendar": "24x7", "tick_size": None, "guard": guard}


def _own_bars(document: Mapping[str, Any], source: Any) -> Sample:
    market = engine.generate(document, source)
    shape = (market.facts["paths"], market.facts["assets"], market.facts["bars"])
    return layout(market.columns, {}, document, shape=shape, source=source, facts=market.facts)


def _statistic(law: Mapping[str, Any]) -> Any:
    name = law["statistic"]
    if name not in STATISTICS:
        known = ", ".join(STATISTICS)
        raise InvariantError(f"a law names the statistic {name!r}, expected one of {known}")
    return STATISTICS[name]


def _judged(law: Mapping[str, Any], sample: Sample, share: float) -> Result:
    statistic = _statistic(law)
    arguments = tuple(float(each) for each in law["arguments"])
    estimate: Estimate = statistic.function(sample, *arguments)
    low, high = _bounds(law, estimate, statistic.kind, share)
    value = estimate.value if np.isfinite(estimate.value) else None
    is_known = value is not None and low is not None and high is not None
    return Result(
        statistic=law["statistic"],
        arguments=arguments,
        expected=law.get("expected"),
        low=low,
        high=high,
        estimate=value,
        standard_error=_finite(estimate.standard_error),
        passes=bool(low <= value <= high) if is_known else None,  # type: ignore[operator]
    )


def _bounds(
    law: Mapping[str, Any], estimate: Estimate, kind: str, share: float
) -> tuple[float | None, float | None]:
    from scipy.stats import norm
    from scipy.stats import t as student

    error = estimate.standard_error
    if "low" in law:
        low, high = float(law["low"]), float(law["high"])
        # No law of the suite takes more of the chance of a false alarm than its share.
        if kind == "p_value":
            low = min(low, share)
        elif kind == "deviate":
            high = max(high, float(norm.isf(share / (2.0 * len(law["arguments"])))))
    elif "distance" in law:
        low, high = law["expected"] - law["distance"], law["expected"] + law["distance"]
    else:
        low = high = float(law["expected"])
    if not np.isfinite(error):
        return None, None
    # What is exact may still be off by the rounding of prices.
    rounding = 1e-9 * abs(float(law["expected"])) if "expected" in law else 0.0
    distance = float(student.isf(share / 2.0, estimate.degrees)) * error + rounding
    return low - distance, high + distance


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
