"""Tables of the runs: one strategy on one path, its trades and its equity."""

from __future__ import annotations

from typing import Final

from simcore.tables.table import Column, Table

EXIT_REASONS: Final = (
    "signal", "stop", "take_profit", "trailing", "time", "opposite", "liquidation", "daily_loss",
    "end_of_data",
)  # fmt: skip

_RUN: Final = (
    Column("scenario_id", "str", "-", "Id of the scenario's document."),
    Column("path", "u32", "-", "Number of the path, from zero."),
    Column("strategy_id", "str", "-", "Id of the strategy's document."),
)
_RUN_KEY: Final = ("scenario_id", "path", "strategy_id")


def _metric(name: str, unit: str, meaning: str, minimum: float | None = None) -> Column:
    return Column(
        name, "f64", unit, f"{meaning} Null: not defined.", nullable=True, minimum=minimum
    )


BACKTESTS: Final = Table(
    "backtests",
    "One row per run of one strategy on one path: what it was made from, and its metrics.",
    key=(*_RUN_KEY, "execution"),
    partitioned_by=("campaign", "strategy"),
    schema_version=4,
    columns=(
        *_RUN,
        Column("execution", "str", "-", "Execution profile, with overrides if it has any."),
        Column("ir_hash", "str", "-", "Hash of the compiled program."),
        Column("scenario_hash", "str", "-", "Hash of the effective scenario; null for bare bars.",
               nullable=True),
        Column("dataset_hash", "str", "-", "Hash of the bars."),
        Column("signature", "str", "-", "Hash of everything the run depends on."),
        Column("bars", "u32", "bars", "Bars of the path.", minimum=1),
        Column("equity_rows", "u32", "rows", "Closes of the run that `equity` keeps.", minimum=1),
        Column("bars_per_year", "f64", "bars/year", "What ratios are annualised by.", minimum=0.0),
        Column("initial_cash_quote", "f64", "quote", "Cash before the first bar.", minimum=0.0),
        Column("final_equity_quote", "f64", "quote", "Equity after the last bar."),
        _metric("total_return", "fraction", "Growth of equity over the run."),
        _metric("sharpe", "1/sqrt(year)", "Annualised mean over deviation of returns."),
        _metric("sortino", "1/sqrt(year)", "Annualised mean over downside deviation."),
        _metric("max_drawdown", "fraction", "Deepest fall below the running peak; 0 or negative."),
        _metric("calmar", "1/year", "Annual growth over the deepest fall."),
        _metric("win_rate", "fraction", "Share of trades with a profit.", 0.0),
        _metric("profit_factor", "ratio", "Profits over losses of trades.", 0.0),
        _metric("turnover", "1/year", "Traded value over equity.", 0.0),
        Column("n_trades", "u32", "trades", "Closed trades."),
        _metric("cagr", "fraction/year", "Growth of equity compounded to a year."),
        _metric("log_growth", "1/year", "Mean logarithmic growth of a year."),
        _metric("stability", "ratio", "R squared of the logarithm of equity on time.", 0.0),
        _metric("ann_vol", "1/sqrt(year)", "Annualised deviation of returns.", 0.0),
        _metric("downside_dev", "1/sqrt(year)", "Annualised downside deviation of returns.", 0.0),
        _metric("skew", "ratio", "Skew of returns."),
        _metric("kurt", "ratio", "Kurtosis of returns; 3 for a normal.", 0.0),
        _metric("sharpe_day", "1/sqrt(year)", "Sharpe ratio on daily returns."),
        _metric("sharpe_lo", "1/sqrt(year)", "Sharpe ratio corrected for autocorrelation."),
        _metric("sortino_v0", "1/sqrt(year)", "First, flattering definition of Sortino's ratio."),
        _metric("omega", "ratio", "Sum of gains over sum of losses, bar by bar.", 0.0),
        _metric("gain_to_pain", "ratio", "Sum of returns over sum of losses."),
        _metric("tail_ratio", "ratio", "Upper 5 % quantile of returns over the lower.", 0.0),
        _metric("alpha", "fraction/year", "Annual return that the benchmark does not explain."),
        _metric("beta", "ratio", "Slope of returns on the benchmark's."),
        _metric("info_ratio", "1/sqrt(year)", "Sharpe ratio of returns less the benchmark's."),
        _metric("up_capture", "ratio", "Share of the benchmark's growth while it rises."),
        _metric("down_capture", "ratio", "Share of the benchmark's loss while it falls."),
        _metric("psr", "probability", "Confidence that the Sharpe ratio is above 0.", 0.0),
        _metric("psr_h0", "probability", "The same under the null, with autocorrelation.", 0.0),
        _metric("min_trl", "bars", "Bars for a confidence of 95 % in a Sharpe ratio above 0.", 0.0),
        _metric("p5_day", "fraction", "5 % quantile of daily returns; a loss is negative."),
        _metric("p5_bar", "fraction", "5 % quantile of returns; a loss is negative."),
        _metric("es_1", "fraction", "Mean of the worst 1 % of daily returns."),
        _metric("es_5", "fraction", "Mean of the worst 5 % of daily returns."),
        _metric("es_1_bar", "fraction", "Mean of the worst 1 % of returns."),
        _metric("es_5_bar", "fraction", "Mean of the worst 5 % of returns."),
        _metric("var_gauss", "fraction", "5 % quantile of returns, were they normal."),
        _metric("es_gauss", "fraction", "Mean of the worst 5 % of returns, were they normal."),
        _metric("worst_bar", "fraction", "Smallest return."),
        _metric("worst_day", "fraction", "Smallest daily return."),
        _metric("best_day", "fraction", "Largest daily return."),
        _metric("hill_5", "ratio", "Index of the tail of losses; small if heavy.", 0.0),
        _metric("breakeven_cost_bps", "bps", "What a fill could cost more before nothing is left."),
        Column("time_to_recovery", "u32", "bars", "From peak to peak about the deepest fall.",
               nullable=True),
        Column("longest_underwater", "u32", "bars", "Most bars in a row below the peak.",
               nullable=True),
        _metric("avg_drawdown", "fraction", "Mean depth of the falls; 0 or negative."),
        _metric("ulcer", "fraction", "Root mean square of the falls, as a positive number.", 0.0),
        _metric("ulcer_qs", "fraction", "The same over one bar less.", 0.0),
        _metric("pain", "fraction", "Mean fall, as a positive number.", 0.0),
        _metric("cdar_95", "fraction", "Mean of the worst 5 % of the falls; 0 or negative."),
        _metric("recovery_factor", "ratio", "Total return over the deepest fall."),
        _metric("payoff", "ratio", "Mean profit of winners over mean loss of losers.", 0.0),
        _metric("expectancy", "quote", "Mean net profit of a trade."),
        _metric("expectancy_r", "R", "Mean net profit of a trade over what it risked."),
        _metric("sqn", "ratio", "System quality number."),
        _metric("avg_hold", "bars", "Mean bars between entry and exit.", 0.0),
        Column("max_consec_losses", "u32", "trades", "Most losing trades in a row.", nullable=True),
        _metric("win_rate_bar", "fraction", "Share of gains among bars that moved.", 0.0),
        _metric("profit_factor_bar", "ratio", "Gains over losses of bars.", 0.0),
        _metric("payoff_bar", "ratio", "Mean gain over mean loss of bars.", 0.0),
        _metric("exposure_time", "fraction", "Share of bars with a position at the close.", 0.0),
        _metric("exposure_gross", "ratio", "Mean value of the position over equity.", 0.0),
        _metric("max_leverage", "ratio", "Largest value of the position over equity.", 0.0),
        _metric("cost_drag", "fraction/year", "Fees and slippage over initial cash.", 0.0),
        _metric("ambiguity_gap", "percent", "How far the bounds of ambiguous bars lie apart."),
        Column("phase_sharpe", "f64", "ratio",
               "Mean over deviation of the returns of six phases. Null: they do not differ.",
               nullable=True),
        Column("flags", "str", "-", "Names of what to know about the metrics, space between."),
    ),
    references=(
        (("scenario_id",), "scenarios", ("scenario_id",)),
        (("strategy_id",), "strategies", ("strategy_id",)),
    ),
)  # fmt: skip

TRADES: Final = Table(
    "trades",
    "One row per closed trade of a run.",
    key=(*_RUN_KEY, "id"),
    partitioned_by=("campaign", "strategy"),
    columns=(
        *_RUN,
        Column("id", "u32", "-", "Number of the trade within its run, from zero."),
        Column("entry_bar", "u32", "bars", "Bar of the entry fill."),
        Column("exit_bar", "u32", "bars", "Bar of the exit fill."),
        Column("side", "i8", "-", "1 long, -1 short.", minimum=-1, maximum=1),
        Column("qty", "f64", "base", "Size of the trade.", minimum=0.0),
        Column("entry_px", "f64", "quote", "Price paid or received at entry.", minimum=0.0),
        Column("exit_px", "f64", "quote", "Price received or paid at exit.", minimum=0.0),
        Column("entry_raw_px", "f64", "quote", "Entry price before slippage.", minimum=0.0),
        Column("exit_raw_px", "f64", "quote", "Exit price before slippage.", minimum=0.0),
        Column("fees", "f64", "quote", "Fees of both fills.", minimum=0.0),
        Column("slippage_cost", "f64", "quote", "Cost of slippage of both fills."),
        Column("gross_pnl", "f64", "quote", "Profit at the raw prices: before slippage and fees."),
        Column("net_pnl", "f64", "quote", "Profit after slippage and fees."),
        Column("ret_bps", "f64", "bps", "Net profit over the value at entry."),
        Column("mae_bps", "f64", "bps", "Worst excursion against the trade."),
        Column("mfe_bps", "f64", "bps", "Best excursion for the trade."),
        Column("bars_held", "u32", "bars", "Bars between entry and exit."),
        Column("entry_tag", "str", "-", "Tag of the rule that entered.", nullable=True),
        Column("exit_reason", "enum", "-", "What closed the trade.", values=EXIT_REASONS),
        Column("ambiguous", "bool", "-", "Whether one bar allowed two outcomes."),
    ),
    references=((_RUN_KEY, "backtests", _RUN_KEY),),
)

EQUITY: Final = Table(
    "equity",
    "One row per bar of a run, or every so many if the campaign says so: the account at the close.",
    key=(*_RUN_KEY, "t"),
    partitioned_by=("campaign", "strategy"),
    columns=(
        *_RUN,
        Column("t", "u32", "bars", "Number of the bar within its path, from zero."),
        Column("ts", "i64", "ns UTC", "Open of the bar, since 1970."),
        Column("equity_quote", "f64", "quote", "Cash and position at the close."),
        Column("cash_quote", "f64", "quote", "Cash at the close."),
        Column("position_base", "f64", "base", "Position at the close; negative if short."),
    ),
    references=((_RUN_KEY, "backtests", _RUN_KEY),),
)

TABLES: Final = (BACKTESTS, TRADES, EQUITY)
