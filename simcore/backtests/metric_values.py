"""Metrics by name: the engine's numbers with None for null, and a mapping that fills itself.

What a metric is stands in the engine's catalogue; what a flag means in its codes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from simcore import engine
from simcore.tables import TABLES


@cache
def metric_names() -> tuple[str, ...]:
    """Names of the metrics that every run brings, in the engine's order."""
    return tuple(row["name"] for row in engine.catalogue()["metrics"] if row["in_summary"])


@cache
def catalogue_names() -> tuple[str, ...]:
    """Names of all metrics, in the engine's order; those that every run brings stand first."""
    return tuple(row["name"] for row in engine.catalogue()["metrics"])


def flag_names(bits: int) -> tuple[str, ...]:
    """Names of the flags whose bits are set, in the order of the bits."""
    names = engine.catalogue()["codes"]["metric_flags"]
    return tuple(name for bit, name in enumerate(names) if bits >> bit & 1)


@cache
def _counts() -> frozenset[str]:
    """Metrics that are whole numbers, as the table has them."""
    return frozenset(
        column.name for column in TABLES["backtests"].columns if column.dtype.startswith("u")
    )


def named(values: Iterable[tuple[str, float]]) -> dict[str, float | None]:
    """Return values by name, None for NaN; counts become integers."""
    counts = _counts()
    return {
        name: None if math.isnan(value) else int(value) if name in counts else value
        for name, value in values
    }


def run_metrics(run: engine.RunColumns) -> dict[str, float | None]:
    """Return the metrics that a run of the engine holds: those of a summary, or all."""
    return named(zip(catalogue_names(), run["metrics"].tolist(), strict=False))


def is_whole(run: engine.RunColumns) -> bool:
    """Whether a run of the engine holds every metric."""
    return len(run["metrics"]) == len(catalogue_names())


class MetricValues(Mapping[str, float | None]):
    """Every metric of a run; what the run did not bring is worked out when first asked for.

    Args:
        first: The metrics that are there already.
        whole: Gives all of them.
    """

    def __init__(
        self,
        first: Mapping[str, float | None],
        whole: Callable[[], Mapping[str, float | None]],
    ) -> None:
        self._known = first
        self._whole = whole

    def __getitem__(self, name: str) -> float | None:
        if name not in self._known and name in catalogue_names():
            self._known = self._whole()
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(catalogue_names())

    def __len__(self) -> int:
        return len(catalogue_names())

    def __contains__(self, name: Any) -> bool:
        return name in catalogue_names()

    def __repr__(self) -> str:
        return repr(dict(self))
