"""Backtests to compare: made now from documents, or read from the lake."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from simcore import engine
from simcore.backtests.meeting import met
from simcore.backtests.metric_values import catalogue_names
from simcore.backtests.request import (
    ExecutionArgument,
    execution_fields,
    execution_json,
    execution_name,
)
from simcore.backtests.run import backtest
from simcore.bars import columns
from simcore.contrast.names import Computed, Kept
from simcore.contrast.run import Curve, Run, decisions, left_open
from simcore.documents import nearest
from simcore.errors import SpecError, StoreError
from simcore.problems import Hint, Problem
from simcore.store import Partition, Store
from simcore.tables import TABLES

MARK: Final = "mark"
"""How an execution is called that leaves a position open at the end of the bars."""

_KEY: Final = ("scenario_id", "path", "strategy_id")


def computed(
    asked: Computed,
    name: str,
    execution: ExecutionArgument,
    initial_cash: float,
    home: str | Path | None,
) -> Run:
    """Run a strategy over one path of a scenario.

    Args:
        asked: Strategy, scenario and path.
        name: As it was asked for.
        execution: A profile's name, or ``{"base": name, **overrides}``.
        initial_cash: Quote currency, above 0.
        home: As `simcore.backtest` takes it: runs are cached there and trials counted.

    Raises:
        SpecError: A document or the execution is wrong, or there is no such path.
        EngineError: The scenario or the run is refused.
    """
    strategy, bars, manifest = met(asked.strategy, asked.scenario, asked.path, home=home)
    year = float(manifest["A"])
    made = backtest(
        strategy, bars, execution=execution, initial_cash=initial_cash, bars_per_year=year,
        home=home,
    )  # fmt: skip
    path = int(bars["path"][0])
    ts = bars["ts"].to_numpy()
    still = None
    if execution_fields(execution)["finalize"] == MARK:
        whole = engine.backtest(
            (strategy.program_json,),
            execution_json(execution),
            (columns(bars),),
            ((0, 0),),
            initial_cash=float(initial_cash),
            bars_per_year=(year,),
        )[0]
        still = left_open(whole["position_base"])
    identity = {
        "strategy_id": strategy.id,
        "scenario_id": manifest["scenario_id"],
        "path": path,
        "execution": execution_name(execution),
        "initial_cash": float(initial_cash),
        "ir_hash": strategy.ir_hash,
        "dataset_hash": manifest["dataset_hash"],
    }
    return Run(
        name=name,
        kind="backtest",
        identity=identity,
        market=f"{manifest['dataset_hash']}/{path}",
        levels=decisions(made.trades, ts, still),
        metrics=dict(made.metrics),
        flags=made.flags,
        n_bars=bars.height,
        curve=Curve(ts, made.equity.to_numpy(), float(initial_cash), year),
    )


def kept(asked: Kept, name: str, home: str | Path | None) -> Run:
    """Read a run of a campaign from the lake.

    Raises:
        SpecError: There is no home, or no such run in its lake; with what there is.
        StoreError: A file cannot be read.
    """
    if home is None:
        message = f"got {name!r} without a home, expected the folder whose lake has the run"
        raise SpecError([Problem("ARGUMENT", "NO_HOME", message, source="compare")])
    store = Store(Path(home) / "lake")
    place = _place(store, asked, name)
    own = pl.col("scenario_id") == asked.scenario, pl.col("path") == asked.path
    runs = store.read(TABLES["backtests"], place)
    found = runs.filter(*own)
    if found.is_empty():
        there = [f"{row[0]}/{row[1]}" for row in runs.select("scenario_id", "path").iter_rows()]
        raise _absent(name, "run", f"{asked.scenario}/{asked.path}", there)
    row = found.row(0, named=True)
    bars = store.read(
        TABLES["bars"], Partition(campaign=asked.campaign), ["scenario_id", "path", "asset", "ts"]
    ).filter(*own, pl.col("asset") == 0)
    ts = bars["ts"].to_numpy()
    equity = store.read(TABLES["equity"], place).filter(*own)
    is_whole = equity.height == row["bars"] == len(ts)
    still = left_open(equity["position_base"].to_numpy())
    if still is not None and not is_whole:
        message = (
            f"{name}: it has a position at its end and keeps {equity.height} of {row['bars']} "
            "closes, expected all of them to tell where it was entered [compare "
            "STRATEGY@SCENARIO]"
        )
        raise SpecError([Problem("ARGUMENT", "THINNED", message, source="compare")])
    told = ("execution", "ir_hash", "dataset_hash")
    return Run(
        name=name,
        kind="backtest",
        identity={
            "campaign": asked.campaign,
            **{each: row[each] for each in (*_KEY, *told)},
            "initial_cash": row["initial_cash_quote"],
        },
        market=f"{row['dataset_hash']}/{asked.path}",
        levels=decisions(store.read(TABLES["trades"], place).filter(*own), ts, still),
        metrics={each: row[each] for each in catalogue_names()},
        flags=tuple(row["flags"].split()),
        n_bars=int(row["bars"]),
        curve=_curve(equity, row) if is_whole else None,
        curve_missing="" if is_whole else f"{name} keeps {equity.height} of {row['bars']} closes",
    )


def _curve(equity: pl.DataFrame, row: dict[str, Any]) -> Curve:
    return Curve(
        equity["ts"].to_numpy(),
        equity["equity_quote"].to_numpy().astype(np.float64),
        float(row["initial_cash_quote"]),
        float(row["bars_per_year"]),
    )


def _place(store: Store, asked: Kept, name: str) -> Partition:
    """Where the runs of a strategy in a campaign lie.

    Raises:
        SpecError: UNKNOWN_ID, there are none.
    """
    places = store.partitions(TABLES["backtests"])
    campaigns = sorted({str(each.campaign) for each in places})
    if asked.campaign not in campaigns:
        raise _absent(name, "campaign", asked.campaign, campaigns)
    strategies = [str(each.strategy) for each in places if each.campaign == asked.campaign]
    if asked.strategy not in strategies:
        raise _absent(name, f"strategy of {asked.campaign}", asked.strategy, strategies)
    place = Partition(campaign=asked.campaign, strategy=asked.strategy)
    for table in (TABLES["trades"], TABLES["equity"]):
        if store.footer(table, place) is None:
            raise StoreError(
                "ABSENT",
                f"{store.path(table, place)}: there is no such file, expected it beside the runs "
                f"[materialise {table.name} of {place.key}]",
            )
    return place


def _absent(name: str, what: str, wanted: str, there: list[str]) -> SpecError:
    near = nearest(wanted, there)
    listed = ", ".join(there[:12]) + (", …" if len(there) > 12 else "") or "nothing"
    message = f"{name}: the lake has no {what} {wanted!r}, expected one of {listed}"
    if not there:
        message += " [make it with `proving run`]"
    hints = (Hint(f'did you mean "{near}"?'),) if near else ()
    return SpecError([Problem("ARGUMENT", "UNKNOWN_ID", message, source="compare", hints=hints)])
