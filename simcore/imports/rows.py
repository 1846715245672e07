"""Imported runs as rows: what their documents tell, and our metrics of their returns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simcore.backtests.request import BARS_PER_YEAR_MAX
from simcore.backtests.series import alive_returns, metrics
from simcore.errors import SpecError
from simcore.imports.document import CODE, Run, Source
from simcore.problems import Hint, Problem
from simcore.scenario.timestamps import utc_ns
from simcore.spelling import shown
from simcore.tables.imports import IMPORTED_EQUITY, IMPORTED_RUNS, IMPORTED_TRADES, METRICS

YEAR_NS: Final = 365.25 * 86_400e9

_NS_IN: Final = {"s": 10**9, "ms": 10**6, "us": 10**3}
_TS_MAX: Final = 2**63 - 1
_TOLD_MAX: Final = 20
"""At most so many problems of the times of one curve."""


@dataclass
class _Told:
    """What is wrong with one run, and where.

    Args:
        source: Name of the file.
        path: Pointer to the run.
        problems: What was found so far.
    """

    source: str
    path: str
    problems: list[Problem] = field(default_factory=list)

    def note(self, reason: str, path: str, message: str, *hints: str) -> None:
        told = tuple(Hint(each) for each in hints)
        place = f"{self.path}{path}"
        self.problems.append(Problem(CODE, reason, message, place, self.source, hints=told))


@dataclass(frozen=True, eq=False)
class _Series:
    """The returns of a run.

    Args:
        ts: Time of each, ns, ``(n,)``.
        returns: Simple returns, ``(n,)``.
        equity: After each, ``(n,)``.
        initial: What the first return is from.
    """

    ts: NDArray[np.int64]
    returns: NDArray[np.float64]
    equity: NDArray[np.float64]
    initial: float


def collected(sources: Sequence[Source]) -> dict[str, pl.DataFrame]:
    """Return the rows of every table of imports for the files of one collection.

    Args:
        sources: Each of another name.

    Raises:
        SpecError: With all that is wrong with any of the runs.
    """
    wrong: list[Problem] = []
    runs: list[dict[str, Any]] = []
    trades: list[pl.DataFrame] = [IMPORTED_TRADES.empty()]
    curves: list[pl.DataFrame] = [IMPORTED_EQUITY.empty()]
    seen: dict[str, str] = {}
    for source in sources:
        for index, (run_id, run) in enumerate(
            zip(source.run_ids(), source.document.runs, strict=True)
        ):
            told = _Told(source.name, f"/runs/{index}")
            if run_id in seen:
                message = f"got the id {shown(run_id)} of {seen[run_id]}, expected one of its own"
                told.note("ID_TAKEN", "/id", message, "give each run an id")
            seen.setdefault(run_id, f"{source.name} /runs/{index}")
            series = _series(run, told)
            deals = _trades(run_id, run, told)
            year = None if series is None else _bars_per_year(run, series, told)
            wrong += told.problems
            if series is None or year is None or told.problems:
                continue
            runs.append(_row(run_id, source, run, series, year))
            curves.append(_curve(run_id, series))
            trades.append(deals)
    if wrong:
        raise SpecError(wrong)
    rows = pl.DataFrame(runs, infer_schema_length=None)
    return {
        "imported_runs": IMPORTED_RUNS.conform(rows) if runs else IMPORTED_RUNS.empty(),
        "imported_equity": pl.concat(curves),
        "imported_trades": pl.concat(trades),
    }


def misjudged(runs: pl.DataFrame, equity: pl.DataFrame) -> list[str]:
    """Return the runs whose metrics are not those of the returns that lie there, a line each.

    Args:
        runs: Of the table `imported_runs`.
        equity: Of the table `imported_equity`, of the same collection.
    """
    wrong = []
    curves = equity.partition_by("run_id", as_dict=True)
    for row in runs.iter_rows(named=True):
        curve = curves.get((row["run_id"],), equity.clear())
        initial = row["initial_equity_quote"]
        returns = curve["return_fraction"].to_numpy()
        anew = _measured(returns, curve["ts"].to_numpy(), row["bars_per_year"])
        wrong += [
            f"{row['run_id']}: {name}: got {row[name]!r}, expected {value!r} as computed now"
            for name, value in anew.items()
            if row[name] != value
        ][:1]
        expected = initial * np.cumprod(1.0 + returns)
        slack = 1e-9 * max(initial, float(np.abs(expected).max(initial=0.0)))
        off = np.flatnonzero(~(np.abs(curve["equity_quote"].to_numpy() - expected) <= slack))
        # From a ruin on, nothing is earned, whatever the tool makes of its equity.
        if off.size and (expected[: off[0]] > 0.0).all():
            wrong.append(f"{row['run_id']}: return {off[0]} does not lead to its equity")
    return wrong


def _row(run_id: str, source: Source, run: Run, series: _Series, year: float) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "source": source.name,
        "source_hash": source.sha256,
        "made_by": source.document.made_by,
        "strategy_name": run.strategy,
        "instrument": run.instrument,
        "timeframe": run.timeframe,
        "parameters": _text(run.parameters),
        "claimed": _text(run.claimed),
        "bars": len(series.ts),
        "first_ts": int(series.ts[0]),
        "last_ts": int(series.ts[-1]),
        "bars_per_year": year,
        "is_year_measured": run.bars_per_year is None,
        "initial_equity_quote": series.initial,
        "final_equity_quote": float(series.equity[-1]),
        "n_trades": None if run.trades is None else len(run.trades),
        **_measured(series.returns, series.ts, year),
    }


def _measured(
    returns: NDArray[np.float64], ts: NDArray[np.int64], bars_per_year: float
) -> dict[str, Any]:
    """Return our metrics of a run's returns, and their flags as the table has them."""
    found = metrics(returns, bars_per_year=bars_per_year, ts=ts)
    return {name: found[name] for name in METRICS} | {"flags": " ".join(found["flags"])}


def _curve(run_id: str, series: _Series) -> pl.DataFrame:
    n = len(series.ts)
    rows = pl.DataFrame(
        {
            "run_id": pl.repeat(run_id, n, eager=True, dtype=pl.String),
            "t": np.arange(n, dtype=np.uint32),
            "ts": series.ts,
            "return_fraction": series.returns,
            "equity_quote": series.equity,
        }
    )
    return IMPORTED_EQUITY.conform(rows)


def _series(run: Run, told: _Told) -> _Series | None:
    """Return the returns of a run, or note what is wrong with its curve."""
    curve, n = run.curve, len(run.curve.ts)
    given = [each for each in ("equity", "returns") if getattr(curve, each) is not None]
    if len(given) != 1:
        got = " and ".join(given) or "neither"
        told.note("MISSING_FIELD", "/curve", f"got {got}, expected either equity or returns")
        return None
    values = np.array(getattr(curve, given[0]), dtype=np.float64)
    if len(values) != n:
        message = f"got {len(values)} values for {n} times, expected one for each"
        told.note("WRONG_SHAPE", f"/curve/{given[0]}", message)
        return None
    ts = _nanoseconds(curve.ts, curve.ts_unit, "/curve/ts", told)
    if ts is None or not _rises(ts, told):
        return None
    if curve.equity is not None:
        series = _of_equity(run, ts, values, told)
    else:
        initial = 1.0 if run.initial_cash is None else run.initial_cash
        with np.errstate(over="ignore"):
            equity = np.asarray(initial * np.cumprod(1.0 + values), dtype=np.float64)
        series = _Series(ts, values, equity, initial)
    if series is not None and not (
        np.isfinite(series.equity).all() and np.isfinite(series.returns).all()
    ):
        told.note("OUT_OF_RANGE", f"/curve/{given[0]}", "got a growth beyond what a number holds")
        return None
    return series


def _of_equity(
    run: Run, ts: NDArray[np.int64], equity: NDArray[np.float64], told: _Told
) -> _Series | None:
    """Return the returns between the points of a curve, and before the first if cash is told."""
    initial = run.initial_cash
    if initial is None:
        initial, ts, equity = float(equity[0]), ts[1:], equity[1:]
        if not len(ts):
            message = "got one point, expected two or more"
            told.note("TOO_SHORT", "/curve/equity", message, "or tell initial_cash")
            return None
        if initial <= 0.0:
            message = f"got {initial} to begin with, expected more than 0"
            told.note("OUT_OF_RANGE", "/curve/equity/0", message)
            return None
    with np.errstate(over="ignore"):
        return _Series(ts, alive_returns(equity, initial), equity, initial)


def _nanoseconds(
    stamps: Sequence[int | str], unit: str | None, path: str, told: _Told
) -> NDArray[np.int64] | None:
    """Return times as nanoseconds since 1970, or note which of them is none."""
    n_texts = sum(isinstance(each, str) for each in stamps)
    if n_texts not in (0, len(stamps)):
        told.note("WRONG_TYPE", path, "got texts and numbers, expected one of them throughout")
        return None
    if n_texts:
        found = utc_ns(pl.Series(stamps, dtype=pl.String), "UTC")
        for fault in found.faults[:_TOLD_MAX]:
            message = f"got {shown(stamps[fault.row])}, expected {fault.expected}"
            told.note(fault.reason, f"{path}/{fault.row}", message)
        return None if found.faults else found.ns
    if unit is None:
        message = "got numbers without a unit, expected ts_unit to be one of s, ms, us"
        told.note("MISSING_FIELD", path, message)
        return None
    scale = _NS_IN[unit]
    far = [at for at, each in enumerate(stamps) if abs(int(each)) * scale > _TS_MAX]
    for at in far[:_TOLD_MAX]:
        message = f"got {stamps[at]} {unit}, expected a time between 1678 and 2262"
        told.note("BAD_TIMESTAMP", f"{path}/{at}", message, "is ts_unit another one?")
    return None if far else np.array([int(each) * scale for each in stamps], dtype=np.int64)


def _rises(ts: NDArray[np.int64], told: _Told) -> bool:
    for at in np.flatnonzero(ts[1:] <= ts[:-1])[:_TOLD_MAX] + 1:
        told.note("NOT_RISING", f"/curve/ts/{at}", "got a time not after the one before it")
    return bool((ts[1:] > ts[:-1]).all())


def _bars_per_year(run: Run, series: _Series, told: _Told) -> float | None:
    """Return what ratios are annualised by: as told, else as many as the times have in a year."""
    if run.bars_per_year is not None:
        return run.bars_per_year
    years = float(int(series.ts[-1]) - int(series.ts[0])) / YEAR_NS
    if len(series.ts) < 2 or (len(series.ts) - 1) / years > BARS_PER_YEAR_MAX:
        message = "got times that do not tell how many bars a year has, expected bars_per_year"
        told.note("MISSING_FIELD", "/bars_per_year", message)
        return None
    return (len(series.ts) - 1) / years


def _trades(run_id: str, run: Run, told: _Told) -> pl.DataFrame:
    """Return the rows of a run's trades; what is wrong with them is noted."""
    empty = IMPORTED_TRADES.empty()
    if not run.trades:
        return empty
    times: list[NDArray[np.int64]] = []
    for name in ("entry_ts", "exit_ts"):
        # Told in the order of the trades, but each stamp has its own place in the document.
        own = _Told(told.source, told.path)
        stamps = [getattr(trade, name) for trade in run.trades]
        found = _nanoseconds(stamps, run.curve.ts_unit, "/trades", own)
        told.problems += _at_trades(own, name)
        if found is not None:
            times.append(found)
    if len(times) < 2:
        return empty
    for at in np.flatnonzero(times[1] < times[0])[:_TOLD_MAX]:
        told.note("OUT_OF_RANGE", f"/trades/{at}/exit_ts", "got an exit before its entry")
    given = [trade.model_dump(exclude={"entry_ts", "exit_ts"}) for trade in run.trades]
    kinds = {
        name: kind for name, kind in IMPORTED_TRADES.polars_schema().items() if name in given[0]
    }
    return IMPORTED_TRADES.conform(
        pl.DataFrame(given, schema=kinds).with_columns(
            pl.lit(run_id).alias("run_id"),
            pl.int_range(pl.len()).alias("id"),
            pl.Series("entry_ts", times[0]),
            pl.Series("exit_ts", times[1]),
        )
    )


def _at_trades(told: _Told, name: str) -> Iterator[Problem]:
    """Return the problems of one field of all trades, each at the field that it is about."""
    for each in told.problems:
        path = each.path if each.path.endswith("/trades") else f"{each.path}/{name}"
        yield Problem(each.code, each.reason, each.message, path, each.source, hints=each.hints)


def _text(values: Mapping[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
