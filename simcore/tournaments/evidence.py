"""What standings may rest on beside the runs themselves: trials, stress, truth and a champion."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import polars as pl

from simcore.backtests.request import execution_fields
from simcore.backtests.trials import Census, census

STRESS: Final = "stress_v1"
"""Execution under which every entry is run once more."""


@dataclass(frozen=True)
class Evidence:
    """What is known of a tournament beside the runs that it compares.

    Args:
        champion: Id of the strategy that holds the title; None where nobody does.
        trials: How many programs were ever tried on its markets; None where nobody counted.
        stress: Rows of `backtests` of the same entries on the same markets under `STRESS`; None
            where they were not run.
        sharpe_max: Highest annual Sharpe ratio that anyone can expect, by scenario; scenarios
            where it is not known, or nothing, are left out.
        prior: Rating before the tournament, by hash of the program; higher is stronger.
    """

    champion: str | None = None
    trials: Census | None = None
    stress: pl.DataFrame | None = None
    sharpe_max: Mapping[str, float] = field(default_factory=dict)
    prior: Mapping[str, float] = field(default_factory=dict)

    def manifest(self) -> dict[str, object]:
        """Return what the results depend on, as plain values; empty where nothing is known."""
        found: dict[str, object] = {}
        if self.champion is not None:
            found["champion"] = self.champion
        if self.trials is not None:
            found["trials"] = {"k": self.trials.k, "digest": self.trials.digest}
        if self.stress is not None:
            found["stress"] = execution_fields(STRESS)
        if self.sharpe_max:
            found["sharpe_max"] = dict(sorted(self.sharpe_max.items()))
        if self.prior:
            found["prior"] = dict(sorted(self.prior.items()))
        return found


def known_maxima(scenarios: Sequence[Mapping[str, object]]) -> dict[str, float]:
    """Return the highest annual Sharpe ratio of each scenario that has one above 0.

    Args:
        scenarios: Rows of the table `scenarios`.
    """
    maxima = {}
    for row in scenarios:
        value = row["sharpe_max_annual"]
        if isinstance(value, float) and value > 0.0:
            maxima[str(row["scenario_id"])] = value
    return maxima


def tried(trials: pl.DataFrame, lineages: Sequence[str]) -> Census:
    """Return how many programs were tried on the markets of a tournament.

    A program counts once under each execution, on however many of the markets it ran. What it
    scored is the mean over those; its variance over programs is what luck alone may reach.

    Args:
        trials: Rows of the table `trials`.
        lineages: Of the markets.
    """
    here = trials.filter(pl.col("lineage").is_in(list(lineages)))
    known = here.filter(pl.col("sharpe_bar").is_not_null()).sort("lineage")
    groups = known.group_by("ir_hash", "execution_hash", maintain_order=True)
    means = sorted(math.fsum(rows["sharpe_bar"]) / rows.height for _, rows in groups)
    variance = float(np.var(means, ddof=1)) if len(means) > 1 else None
    k = here.select("ir_hash", "execution_hash").unique().height
    return Census(k, variance, census(here).digest)
