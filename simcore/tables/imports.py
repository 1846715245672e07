"""Tables of runs that other tools made: told by them, measured by us, recomputed by nobody."""

from __future__ import annotations

from typing import Final

from simcore.tables.backtests import BACKTESTS
from simcore.tables.table import Column, Table

# What a run tells of its fills and orders; a curve alone does not.
_OF_FILLS: Final = frozenset(
    {
        "win_rate", "profit_factor", "turnover", "n_trades", "breakeven_cost_bps", "payoff",
        "expectancy", "expectancy_r", "sqn", "avg_hold", "max_consec_losses", "exposure_time",
        "exposure_gross", "max_leverage", "cost_drag", "ambiguity_gap",
    }
)  # fmt: skip


def _metrics() -> tuple[Column, ...]:
    """Every metric of `backtests` that returns alone tell, and its flags."""
    names = [column.name for column in BACKTESTS.columns]
    first, last = names.index("total_return"), names.index("ambiguity_gap")
    told = BACKTESTS.columns[first : last + 1]
    return (
        *(column for column in told if column.name not in _OF_FILLS),
        BACKTESTS.column("flags"),
    )


METRICS: Final = tuple(column.name for column in _metrics()[:-1])
"""Names of the metrics that an imported run has, in the order of the columns."""

_RUN_ID: Final = Column("run_id", "str", "-", "Id of the run, once in its collection.")
_OF_RUN: Final = ((("run_id",), "imported_runs", ("run_id",)),)

IMPORTED_RUNS: Final = Table(
    "imported_runs",
    "One row per run that another tool made: what its document tells, and our metrics of its "
    "returns. Nobody here can compute such a run again, so it never stands among runs of ours.",
    key=("run_id",),
    partitioned_by=("collection",),
    columns=(
        _RUN_ID,
        Column("source", "str", "-", "Name of the file it came in."),
        Column("source_hash", "str", "-", "SHA-256 of that file's bytes."),
        Column("made_by", "str", "-", "The tool that made the run, in its importer's words."),
        Column("strategy_name", "str", "-", "What the tool calls the strategy."),
        Column("instrument", "str", "-", "What was traded."),
        Column("timeframe", "str", "-", "Length of a bar, in the tool's words."),
        Column("parameters", "str", "-", "The strategy's parameters as told, JSON."),
        Column("claimed", "str", "-", "Metrics that the tool claims for it, JSON; not judged."),
        Column("bars", "u32", "bars", "Returns of the run.", minimum=1),
        Column("first_ts", "i64", "ns", "Time of the first return, since 1970, UTC."),
        Column("last_ts", "i64", "ns", "Time of the last one."),
        Column("bars_per_year", "f64", "bars/year", "What ratios are annualised by.", minimum=0.0),
        Column("is_year_measured", "bool", "-",
               "Whether that was measured from the times, as the document does not tell it."),
        Column("initial_equity_quote", "f64", "quote", "What the first return is from.",
               minimum=0.0),
        Column("final_equity_quote", "f64", "quote", "Equity after the last bar."),
        Column("n_trades", "u32", "trades", "Trades told. Null: the document tells of none.",
               nullable=True),
        *_metrics(),
    ),
)  # fmt: skip

IMPORTED_EQUITY: Final = Table(
    "imported_equity",
    "One row per return of an imported run: its time, the return, and the equity after it.",
    key=("run_id", "t"),
    partitioned_by=("collection",),
    columns=(
        _RUN_ID,
        Column("t", "u32", "bars", "Number of the return, from zero."),
        Column("ts", "i64", "ns", "Its time as the tool stamps it, since 1970, UTC."),
        Column("return_fraction", "f64", "fraction", "Simple return; metrics are made of these."),
        Column("equity_quote", "f64", "quote", "Equity after it."),
    ),
    references=_OF_RUN,
)

IMPORTED_TRADES: Final = Table(
    "imported_trades",
    "One row per trade that the document of an imported run tells; nothing here is judged.",
    key=("run_id", "id"),
    partitioned_by=("collection",),
    columns=(
        _RUN_ID,
        Column("id", "u32", "-", "Number of the trade in its run, from zero."),
        Column("entry_ts", "i64", "ns", "Time of the entry, since 1970, UTC."),
        Column("exit_ts", "i64", "ns", "Time of the exit, not before it."),
        Column("side", "enum", "-", "Direction of the position.", values=("long", "short")),
        Column("qty", "f64", "base", "Size of the position.", minimum=0.0),
        Column("entry_px", "f64", "quote/base", "Price of the entry."),
        Column("exit_px", "f64", "quote/base", "Price of the exit."),
        Column("fees", "f64", "quote", "Fees of both. Null: not told.", nullable=True),
        Column("net_pnl", "f64", "quote", "Profit as told. Null: not told.", nullable=True),
    ),
    references=_OF_RUN,
)

TABLES: Final = (IMPORTED_RUNS, IMPORTED_EQUITY, IMPORTED_TRADES)
