"""Manifest of a scenario: which document, which engine, which bytes, within which bounds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simcore import engine
from simcore.scenario.document import Scenario, effective, load
from simcore.scenario.generate import bars_with_facts
from simcore.seeds import jcs
from simcore.tables.markets import BARS, SCENARIOS

_LAGS_BARS: Final = (1, 10, 50)


def scenario_manifest(document: Any, *, home: str | Path | None = None) -> dict[str, Any]:
    """Generate a scenario and return what identifies and describes it.

    Args:
        document: A mapping, a library id, a path, or a text in TOML or JSON.
        home: Folder whose documents join the library's; None for the library alone.

    Returns:
        Every column of the table `scenarios`; ``truth``, the parameters the market was made
        with; and ``stylised``, estimates from the bars: mean, deviation and excess kurtosis of
        log returns, autocorrelations of returns and of absolute returns, and the correlation of
        volume with absolute returns (null where not defined).

    Raises:
        SpecError: The document or its source file is wrong.
        EngineError: The path it leads to is refused.
    """
    scenario = load(document, home=home)
    frame, row = generate_with_manifest(scenario)
    truth = {"family": scenario.document.family, "params": scenario.params}
    return {**row, "truth": truth, "stylised": stylised(frame)}


def generate_with_manifest(scenario: Scenario) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Generate a checked scenario once, for both of its tables.

    Returns:
        Rows of the table `bars` without `scenario_id`, and the row of the table `scenarios`.
    """
    frame, facts = bars_with_facts(scenario)
    return frame, manifest(scenario, facts)


def manifest(scenario: Scenario, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of the table `scenarios` of a scenario that was generated.

    Args:
        scenario: The scenario.
        facts: What the engine said of its bars.
    """
    document = scenario.document
    known = {
        **facts,
        "scenario_id": document.id,
        "engine_version": engine.version(),
        "schema_version": BARS.schema_version,
        "A": facts["bars_per_year"],
        "seed": document.seed,
        "family": document.family,
        "timeframe": document.timeframe,
        "calendar": document.calendar,
        "document": jcs(effective(scenario)).decode(),
        "quality": _quality(scenario, facts),
    }
    return {column.name: known[column.name] for column in SCENARIOS.columns}


def _quality(scenario: Scenario, facts: Mapping[str, Any]) -> str | None:
    """Return what is odd about the source, as canonical JSON; None without a source."""
    if scenario.source is None:
        return None
    return jcs({**facts["quality"], **scenario.source.quality}).decode()


def stylised(bars: pl.DataFrame) -> dict[str, float | None]:
    """Return estimates of what returns of markets are known for, over all paths together.

    They come from the platform's logarithm, so they enter no hash and no table.

    Args:
        bars: Rows of the table `bars`.

    Source:
        Cont (2001), "Empirical properties of asset returns", Quantitative Finance 1(2).
    """
    paths = [path for _, path in bars.group_by("path", "asset", maintain_order=True)]
    returns = [np.diff(np.log(path["close"].to_numpy())) for path in paths]
    volumes = [path["volume"].to_numpy()[1:] for path in paths]
    r = np.concatenate(returns)
    centred = r - r.mean()
    variance = float(np.mean(centred**2))
    facts: dict[str, float | None] = {
        "return_mean": float(r.mean()),
        "return_deviation": variance**0.5,
        "excess_kurtosis": float(np.mean(centred**4)) / variance**2 - 3.0 if variance else None,
        "volume_volatility_correlation": _correlation(np.abs(r), np.concatenate(volumes)),
    }
    for lag in _LAGS_BARS:
        facts[f"acf_return_{lag}"] = _autocorrelation(returns, lag)
        facts[f"acf_abs_return_{lag}"] = _autocorrelation([np.abs(each) for each in returns], lag)
    return facts


def _autocorrelation(paths: list[NDArray[np.float64]], lag: int) -> float | None:
    long_enough = [path for path in paths if path.size > lag + 1]
    if not long_enough:
        return None
    return _correlation(
        np.concatenate([path[:-lag] for path in long_enough]),
        np.concatenate([path[lag:] for path in long_enough]),
    )


def _correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> float | None:
    """Return the correlation, None where a side does not vary."""
    if x.size < 2 or np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        return None
    return float(np.corrcoef(x, y)[0, 1])
