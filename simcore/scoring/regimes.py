"""The regime ledger: what a strategy scores in each kind of weather, and in the worst.

A regime is a family of markets, or a third of the paths by how much they swung or where they went;
of markets with hidden states it is the state that a path was longest in. The thirds are those of
the paths that the strategy ran on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from simcore.scoring import SCORES
from simcore.scoring.score import Floats, Runs
from simcore.tables import TABLES

SCORE: Final = "composite_v1"
THIRDS: Final = ("low", "middle", "high")
LOW_SAMPLE_PATHS: Final = 5
PATH_KEY: Final = ("scenario_id", "path")


def path_facts(
    bars: pl.DataFrame,
    years: Mapping[str, float],
    states: Mapping[str, Sequence[int]] | None = None,
) -> pl.DataFrame:
    """Return how each path swung, where it went and what state it was longest in.

    Args:
        bars: Rows of the table `bars`, sorted by path and time.
        years: Bars in a year by scenario id.
        states: Of scenarios with hidden states, the one each path was longest in.

    Returns:
        ``scenario_id, path, volatility, trend, state``: annual deviation of logarithmic returns,
        and their sum over what chance would spread it by: 1 is a rise of one deviation. Both are 0
        for a path that never moves. ``state`` is null where there are none. Of several assets it
        is the first.
    """
    rows = []
    longest = states or {}
    own = bars.filter(pl.col("asset") == pl.col("asset").first().over(*PATH_KEY))
    for (scenario_id, path), frame in own.group_by(*PATH_KEY, maintain_order=True):
        close = frame["close"].drop_nulls().to_numpy()
        returns = np.diff(np.log(close))
        spread = float(returns.std(ddof=1)) if returns.size > 1 else 0.0
        reach = spread * math.sqrt(max(returns.size, 1))
        rows.append(
            {
                "scenario_id": scenario_id,
                "path": path,
                "volatility": spread * math.sqrt(years[str(scenario_id)]),
                "trend": float(returns.sum()) / reach if reach > 0.0 else 0.0,
                "state": longest[scenario_id][path] if scenario_id in longest else None,
            }
        )
    return pl.DataFrame(
        rows,
        schema={"scenario_id": pl.String, "path": pl.UInt32, "volatility": pl.Float64,
                "trend": pl.Float64, "state": pl.UInt8},
    )  # fmt: skip


def run_points(runs: pl.DataFrame, score: str = SCORE) -> Floats:
    """Points of each row of `backtests`, ``(n_runs,)``.

    Args:
        runs: Rows of the table.
        score: A score that is not relative to others.
    """
    table = SCORES[score]

    def column(name: str) -> Floats:
        values = runs[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        return values.reshape(-1, 1)

    ruined = runs["flags"].str.split(" ").list.contains("RUIN").to_numpy().reshape(-1, 1)
    known = Runs({name: column(name) for name in table.metrics}, ruined, np.ones_like(ruined))
    return table.points(known, table.weights)[:, 0]


def regimes(
    runs: pl.DataFrame,
    facts: pl.DataFrame,
    families: Mapping[str, str],
    *,
    score: str = SCORE,
) -> pl.DataFrame:
    """Return the table `regimes` of one strategy; without runs no rows.

    Args:
        runs: Its rows of the table `backtests`.
        facts: Of every path, as of `path_facts`.
        families: Family by scenario id.
        score: What is told of each regime.
    """
    table = TABLES["regimes"]
    if runs.is_empty():
        return table.empty()
    told = runs.select(*PATH_KEY).with_columns(points=pl.Series(run_points(runs, score)))
    told = told.join(facts, on=PATH_KEY, how="left", maintain_order="left")
    points = told["points"].to_numpy()
    family = np.array([families[each] for each in told["scenario_id"]])
    rows = [_regime("all", "all", points, None)]
    rows += [
        _regime("family", name, points[family == name], None)
        for name in sorted(set(family.tolist()))
    ]
    for axis, name in (("volatility", "volatility"), ("trend", "trend")):
        values = told[name].to_numpy()
        third = _thirds(values)
        rows += [
            _regime(axis, label, points[third == place], values[third == place])
            for place, label in enumerate(THIRDS)
            if (third == place).any()
        ]
    state = np.array(
        [
            "" if known is None else f"{name} {known}"
            for name, known in zip(told["scenario_id"], told["state"], strict=True)
        ]
    )
    rows += [
        _regime("state", name, points[state == name], None)
        for name in sorted(set(state.tolist()) - {""})
    ]
    least = min(
        (row["score_mean"] for row in rows[1:] if row["n_paths"] > 1),
        default=min(row["score_mean"] for row in rows),
    )
    for row in rows:
        row |= {"score": score, "is_worst": row["axis"] != "all" and row["score_mean"] == least}
    return table.sort(table.conform(pl.DataFrame(rows, infer_schema_length=None)))


def headline(rows: pl.DataFrame) -> str:
    """Return the mean and the worst regime in a sentence; what it lacks is said."""
    if rows.is_empty():
        return "no runs"
    whole = rows.row(by_predicate=pl.col("axis") == "all", named=True)
    worst = rows.filter("is_worst").head(1).to_dicts()
    told = [f"{_with_error(whole)} over {whole['n_paths']} paths"]
    told += [
        f"worst {_with_error(row)} where {row['axis']} is {row['regime']} ({row['n_paths']} paths)"
        for row in worst
    ]
    return "; ".join(told)


def _with_error(row: Mapping[str, Any]) -> str:
    error = row["score_se"]
    return f"{row['score_mean']:.1f} ± {'?' if error is None else f'{error:.1f}'} points"


def _thirds(values: Floats) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Number of the third of each value, 0 to 2; equal values lie in one third."""
    below = (values[:, None] > values[None, :]).sum(axis=1)
    thirds: np.ndarray[tuple[int], np.dtype[np.int64]] = np.minimum(3 * below // len(values), 2)
    return thirds


def _regime(axis: str, name: str, points: Floats, values: Floats | None) -> dict[str, Any]:
    from scipy.special import stdtrit

    n = len(points)
    mean = float(points.mean())
    error = float(points.std(ddof=1)) / math.sqrt(n) if n > 1 else None
    reach = None if error is None else float(stdtrit(n - 1, 0.975)) * error
    return {
        "axis": axis,
        "regime": name,
        "n_paths": n,
        "score_mean": mean,
        "score_se": error,
        "score_ci_lo": None if reach is None else mean - reach,
        "score_ci_hi": None if reach is None else mean + reach,
        "low_edge": None if values is None else float(values.min()),
        "high_edge": None if values is None else float(values.max()),
        "flags": "LOW_SAMPLE" if n < LOW_SAMPLE_PATHS else "",
    }
