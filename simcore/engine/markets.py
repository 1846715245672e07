"""Markets that the engine makes of scenarios, and what must hold of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simcore import _engine
from simcore.engine.boundary import Columns, refusals


@dataclass(frozen=True, eq=False)
class Market:
    """What the engine made of a scenario.

    Args:
        columns: The bars table without its first column, each ``(n_paths * n_assets * n_bars,)``.
        latent: What the bars do not say, of the same length: ``mean`` and ``deviation`` of the
            bar's log return given the bars before, ``jump`` at its open, ``state``. Empty unless
            it was asked for.
        facts: Hashes, bounds and counts of the manifest.
    """

    columns: Columns
    latent: Columns
    facts: dict[str, Any]


def generate(
    scenario: Mapping[str, Any], source: Columns | None = None, *, wants_latent: bool = False
) -> Market:
    """Generate the bars of one scenario.

    Args:
        scenario: The effective document: every default filled in.
        source: Rows of a family that needs them: ``ts`` (ns UTC) and OHLCV, each
            ``(n_assets * n_bars,)``, and if they are known ``known_at`` and ``hl_order``.
        wants_latent: Whether to give what the bars do not say.

    Raises:
        EngineError: The document or the path it leads to is refused.
    """
    with refusals():
        columns, latent, facts = _engine.generate(json.dumps(scenario), source, wants_latent)
    return Market(columns, latent, json.loads(facts))


def scenario_laws(scenario: Mapping[str, Any], source: Columns | None = None) -> dict[str, Any]:
    """Return what must hold of the bars of one scenario.

    Args:
        scenario: The effective document.
        source: As `generate` takes it.

    Returns:
        ``laws``: a list of ``{statistic, arguments}`` with ``expected`` alone (within standard
        errors), ``expected`` and ``distance``, or ``low`` and ``high``. ``burn_in_bars``: after
        how many bars of a path they hold. ``facts``: for each stylised fact whether it is
        expected, None where it may be either.

    Raises:
        EngineError: The document is refused.
    """
    with refusals():
        laws: dict[str, Any] = json.loads(_engine.scenario_laws(json.dumps(scenario), source))
    return laws


def are_mostly_apart(ts: NDArray[np.int64], distance_ns: int) -> bool:
    """Return whether at least half of the times are so far from the one before.

    Args:
        ts: Times, ns UTC, ``(n_bars,)``; of less than two it is true.
        distance_ns: How far, ns.
    """
    return _engine.are_mostly_apart(ts, distance_ns)
