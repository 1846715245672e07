"""The cost-edge map: how much cost and how much money an edge bears before it is gone.

`simcore.backtests.delay_decay` asks the same of time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from simcore.backtests.request import ExecutionArgument
from simcore.backtests.rerun import Rerun, StrategyArgument
from simcore.backtests.run import check_amount
from simcore.backtests.sharpe_error import sharpe_error

FEE_BPS_MAX: Final = 10_000.0
# Fees by the value of a fill: an extra cost is added to each that the execution has.
FEES: Final = ("fee_bps", "maker_bps")
# Net profit over initial cash that counts as none.
ZERO_FRACTION: Final = 1e-9
BISECTIONS: Final = 200
CASH_MAX_QUOTE: Final = 1e15
# Steps of the scan for capacity: four to a factor of ten.
CASH_FACTOR: Final = 10.0**0.25
ONE_SIDED_95: Final = 1.644_853_626_951_472_7


@dataclass(frozen=True)
class BreakEven:
    """What an edge bears in costs.

    Args:
        paid_bps: Fees and slippage over traded value, one way.
        extra_bps: What could be paid on top before the same fills earn nothing, one way;
            negative for a loser; None without trades.
        extra_bps_se: Its standard error over trades; None for fewer than two.
        rerun_bps: The extra fee at which the whole run, made again with smaller positions, ends
            with its initial cash; None where no fee from zero on does that.
        n_trades: Closed trades.
        flags: ``NO_TRADES``; ``NO_BREAK_EVEN`` where `rerun_bps` is null; ``JUMPS`` where equity
            leaps over the initial cash at `rerun_bps` instead of passing through it.
    """

    paid_bps: float | None
    extra_bps: float | None
    extra_bps_se: float | None
    rerun_bps: float | None
    n_trades: int
    flags: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Capacity:
    """How much money an edge bears before its own trading eats it.

    Args:
        cash_quote: Initial cash at which the run ends with what it began with; None where it loses
            from the first, or still earns at 1e15.
        shown_quote: Initial cash up to which the Sharpe ratio is above zero with 95 % confidence,
            one-sided; None where it never is, or still is at 1e15.
        curve: ``initial_cash, total_return, sharpe, sharpe_se, n_trades``, one row a size.
        flags: ``NO_EDGE`` where it loses from the first, ``UNBOUNDED`` where it still earns at the
            last.
    """

    cash_quote: float | None
    shown_quote: float | None
    curve: pl.DataFrame
    flags: tuple[str, ...]


def break_even(
    strategy: StrategyArgument,
    bars: pl.DataFrame,
    *,
    execution: ExecutionArgument = "honest_v1",
    initial_cash: float = 10_000.0,
    bars_per_year: float | None = None,
    home: str | Path | None = None,
) -> BreakEven:
    """Return the cost at which an edge is gone, by its fills and by running it again.

    Args:
        strategy: A compiled strategy, or a document, its id, path or text.
        bars: As for `simcore.backtest`, and so are the others.
        execution: A profile's name, or ``{"base": name, **overrides}``.
        initial_cash: Quote currency, above 0.
        bars_per_year: Bars in a year.
        home: Where the user's documents lie.

    Raises:
        SpecError: As for `simcore.backtest`.
        EngineError: As for `simcore.backtest`.

    Source:
        The standard error is that of a ratio of means: Cochran (1977), "Sampling techniques",
        3rd ed., eq. 6.4.
    """
    bench = Rerun(strategy, bars, execution, bars_per_year, home)
    trades = bench.full(initial_cash).trades
    if trades.is_empty():
        return BreakEven(None, None, None, None, 0, ("NO_TRADES",))
    traded = trades["qty"].to_numpy() * (trades["entry_px"] + trades["exit_px"]).to_numpy()
    net = trades["net_pnl"].to_numpy()
    paid = float((trades["fees"] + trades["slippage_cost"]).sum()) / float(traded.sum())
    extra = float(net.sum()) / float(traded.sum())
    rerun, flags = _rerun_bps(bench, initial_cash, 1e4 * extra)
    error = None
    if net.size > 1:
        spread = float(np.sum((net - extra * traded) ** 2)) * net.size / (net.size - 1)
        error = 1e4 * math.sqrt(spread) / float(traded.sum())
    return BreakEven(1e4 * paid, 1e4 * extra, error, rerun, net.size, flags)


def _rerun_bps(
    bench: Rerun, initial_cash: float, guess_bps: float
) -> tuple[float | None, tuple[str, ...]]:
    """The extra fee at which a run made again earns nothing."""

    def net(extra_bps: float) -> float:
        fees = {
            name: bench.fields[name] + extra_bps
            for name in FEES
            if isinstance(bench.fields.get(name), float)
        }
        return bench.summary(initial_cash, **fees)["net"]

    known = [value for name in FEES if isinstance(value := bench.fields.get(name), float)]
    # A fee is refused below zero and above its bound; every one of them is raised alike.
    lowest, highest = -min(known), FEE_BPS_MAX - max(known)
    if guess_bps >= 0.0:
        low, high = 0.0, min(max(2.0 * guess_bps, 1.0), highest)
        while net(high) > 0.0 and high < highest:
            low, high = high, min(2.0 * high, highest)
    else:
        low, high = lowest, 0.0
    if not net(low) >= 0.0 >= net(high):
        return None, ("NO_BREAK_EVEN",)
    low, high = _bisected(net, low, high)
    found = low if abs(net(low)) <= abs(net(high)) else high
    return found, () if abs(net(found)) <= ZERO_FRACTION else ("JUMPS",)


def _bisected(value: Callable[[float], float], low: float, high: float) -> tuple[float, float]:
    """Close in on where `value`, positive at `low` and not above zero at `high`, passes zero."""
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        if not low < middle < high:
            break
        at = value(middle)
        if abs(at) <= 0.5 * ZERO_FRACTION:
            return middle, middle
        low, high = (middle, high) if at > 0.0 else (low, middle)
    return low, high


def capacity(
    strategy: StrategyArgument,
    bars: pl.DataFrame,
    *,
    execution: ExecutionArgument = "honest_v1",
    impact_y: float = 1.0,
    initial_cash: float = 10_000.0,
    bars_per_year: float | None = None,
    home: str | Path | None = None,
) -> Capacity:
    """Return how much money a strategy can trade before square-root impact eats its edge.

    The run is made again with more and more money; what a fill moves the price by grows with the
    root of its share of the bar's volume. A size that is fixed in quantity or value, and not as a
    share of equity, does not grow with the money and so has no capacity.

    Args:
        strategy: A compiled strategy, or a document, its id, path or text.
        bars: As for `simcore.backtest`, and so are the others.
        execution: A profile's name, or ``{"base": name, **overrides}``; its impact is replaced.
        impact_y: Impact in volatilities of a bar for a fill of its whole volume, above 0.
        initial_cash: Where the scan begins, quote currency, above 0.
        bars_per_year: Bars in a year.
        home: Where the user's documents lie.

    Raises:
        SpecError: As for `simcore.backtest`.
        EngineError: As for `simcore.backtest`.

    Source:
        The law of impact: Tóth et al. (2011), "Anomalous price impact and the critical nature of
        liquidity in financial markets", Phys. Rev. X 1, 021006.
    """
    check_amount("impact_y", impact_y)
    check_amount("initial_cash", initial_cash)
    bench = Rerun(strategy, bars, execution, bars_per_year, home)

    def at(cash: float) -> dict[str, float]:
        return _with_impact(bench, cash, float(impact_y))

    sizes, rows = [float(initial_cash)], [at(float(initial_cash))]
    while rows[-1]["net"] > 0.0 and sizes[-1] < CASH_MAX_QUOTE:
        sizes.append(min(sizes[-1] * CASH_FACTOR, CASH_MAX_QUOTE))
        rows.append(at(sizes[-1]))

    flags = () if rows[0]["net"] > 0.0 else ("NO_EDGE",)
    flags = ("UNBOUNDED",) if rows[-1]["net"] > 0.0 else flags
    return Capacity(
        _crossing(lambda cash: at(cash)["net"], sizes, [row["net"] for row in rows]),
        _crossing(lambda cash: _shown(at(cash)), sizes, [_shown(row) for row in rows]),
        _curve(sizes, rows),
        flags,
    )


def _with_impact(bench: Rerun, cash: float, impact_y: float) -> dict[str, float]:
    """Metrics of a run of that size, with the standard error of its Sharpe ratio."""
    found = bench.summary(cash, impact="sqrt", impact_y=impact_y)
    ratio, n_bars = np.array(found["sharpe"]), bench.bars.height
    error = sharpe_error(ratio, n_bars=n_bars, bars_per_year=bench.year)
    return {**found, "sharpe_se": float(error)}


def _shown(row: Mapping[str, float]) -> float:
    """The Sharpe ratio that is exceeded with 95 % confidence; below 0 where there is none."""
    lower = row["sharpe"] - ONE_SIDED_95 * row["sharpe_se"]
    return -1.0 if math.isnan(lower) else lower


def _curve(sizes: Sequence[float], rows: Sequence[Mapping[str, float]]) -> pl.DataFrame:
    names = ("total_return", "sharpe", "sharpe_se", "n_trades")
    columns = {"initial_cash": sizes, **{name: [row[name] for row in rows] for name in names}}
    frame = pl.DataFrame(columns).with_columns(pl.col("n_trades").cast(pl.UInt32))
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None))


def _crossing(
    value: Callable[[float], float], sizes: Sequence[float], values: Sequence[float]
) -> float | None:
    """The first size at which the value passes zero from above, to one part in ten thousand."""
    for at in range(1, len(sizes)):
        if values[at - 1] > 0.0 >= values[at]:
            low, high = math.log(sizes[at - 1]), math.log(sizes[at])
            while high - low > 1e-4:
                middle = 0.5 * (low + high)
                low, high = (middle, high) if value(math.exp(middle)) > 0.0 else (low, middle)
            return math.exp(0.5 * (low + high))
    return None
