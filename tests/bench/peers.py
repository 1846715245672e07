"""What others do with the same work: numba and numpy by hand, vectorbt, backtesting.py, empyrical,
quantstats, arch.

A moving-average crossover on closes, long only, one unit, fee 5 bps, slippage 2 bps, fill at the
close; equity of every bar, trade records, Sharpe ratio and maximum drawdown.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numba
import numpy as np
import pandas as pd
from numpy.typing import NDArray

FEE = 5e-4
SLIPPAGE = 2e-4
CASH = 10_000.0


@numba.njit
def _loop(
    close: NDArray[np.float64],
    fast: int,
    slow: int,
    equity: NDArray[np.float64],
    trades: NDArray[np.float64],
) -> tuple[float, float, int]:
    cash, position, entry, n_trades = CASH, 0.0, 0.0, 0
    fast_sum = slow_sum = 0.0
    was_above = False
    peak, drawdown, total, squares, before = CASH, 0.0, 0.0, 0.0, CASH
    for i in range(close.size):
        price = close[i]
        fast_sum += price
        slow_sum += price
        if i >= fast:
            fast_sum -= close[i - fast]
        if i >= slow:
            slow_sum -= close[i - slow]
        if i >= slow - 1:
            is_above = fast_sum / fast > slow_sum / slow
            if i >= slow and is_above and not was_above and position == 0.0:
                fill = price * (1.0 + SLIPPAGE)
                cash -= fill * (1.0 + FEE)
                position, entry = 1.0, fill
            elif i >= slow and was_above and not is_above and position > 0.0:
                fill = price * (1.0 - SLIPPAGE)
                cash += fill * (1.0 - FEE)
                trades[n_trades] = fill - entry
                position, n_trades = 0.0, n_trades + 1
            was_above = is_above
        value = cash + position * price
        equity[i] = value
        change = value / before - 1.0
        total += change
        squares += change * change
        before = value
        peak = max(peak, value)
        drawdown = min(drawdown, value / peak - 1.0)
    n = close.size
    mean = total / n
    deviation = math.sqrt(max((squares - n * mean * mean) / (n - 1), 0.0))
    sharpe = mean / deviation * math.sqrt(525_600.0) if deviation > 0.0 else 0.0
    return sharpe, drawdown, n_trades


def numba_loop(close: NDArray[np.float64], fast: int, slow: int) -> tuple[float, float, int]:
    """Run the loop once with fresh output arrays, as a caller who keeps them would."""
    equity = np.empty(close.size)
    trades = np.empty(close.size // 2 + 1)
    return _loop(close, fast, slow, equity, trades)


def numba_sweep(close: NDArray[np.float64], pairs: list[tuple[int, int]]) -> list[float]:
    """Run the loop for each pair on one thread, the output arrays reused."""
    equity = np.empty(close.size)
    trades = np.empty(close.size // 2 + 1)
    return [_loop(close, fast, slow, equity, trades)[0] for fast, slow in pairs]


def vectorbt_run(
    close: NDArray[np.float64], fast: int | list[int], slow: int | list[int], engine: str
) -> Callable[[], object]:
    """Return a call that runs vectorbt and reads the same figures off its portfolio."""
    import vectorbt as vbt

    vbt.settings["engine"] = engine

    def run() -> object:
        quick = vbt.MA.run(close, fast)
        above = vbt.MA.run(close, slow).ma.to_numpy()
        portfolio = vbt.Portfolio.from_signals(
            close if above.ndim == 1 else close[:, None],
            quick.ma_crossed_above(above).to_numpy(),
            quick.ma_crossed_below(above).to_numpy(),
            size=1.0,
            fees=FEE,
            slippage=SLIPPAGE,
            init_cash=CASH,
            freq="1min",
        )
        return (
            portfolio.value(),
            portfolio.trades.records,
            portfolio.sharpe_ratio(),
            portfolio.max_drawdown(),
        )

    return run


def backtesting_run(bars: pd.DataFrame, fast: int, slow: int) -> Callable[[], object]:
    """Return a call that runs backtesting.py with the same rules, costs and reads.

    Args:
        bars: Columns ``Open High Low Close Volume`` by time.
        fast: Bars of the fast average.
        slow: Bars of the slow one.
    """
    return lambda: signals_run(bars, *crossings(bars["Close"].to_numpy(), fast, slow), fee=FEE)


def crossings(
    close: NDArray[np.float64], fast: int, slow: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return on which bars the fast average passes the slow one, upwards and downwards."""
    quick, steady = _average(close, fast), _average(close, slow)
    above, below = quick > steady, quick < steady
    up, down = np.zeros(close.size, dtype=bool), np.zeros(close.size, dtype=bool)
    up[slow:] = above[slow:] & ~above[slow - 1 : -1]
    down[slow:] = below[slow:] & ~below[slow - 1 : -1]
    return up, down


def _average(close: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    means = np.full(close.size, np.nan)
    means[n - 1 :] = np.lib.stride_tricks.sliding_window_view(close, n).mean(axis=1)
    return means


def signals_run(
    bars: pd.DataFrame, buys: NDArray[np.bool_], closes: NDArray[np.bool_], fee: float
) -> tuple[NDArray[np.float64], int]:
    """Trade one unit on signals at the next open in backtesting.py.

    Returns:
        Equity at each close, and the number of closed trades.
    """
    from backtesting import Backtest, Strategy

    class Signals(Strategy):  # type: ignore[misc]
        def init(self) -> None:
            pass

        def next(self) -> None:
            t = len(self.data) - 1
            if buys[t] and not self.position:
                self.buy(size=1)
            elif closes[t] and self.position:
                self.position.close()

    run = Backtest(bars, Signals, cash=CASH, commission=fee, spread=SLIPPAGE if fee else 0.0)
    stats = run.run()
    return stats["_equity_curve"]["Equity"].to_numpy(), len(stats["_trades"])


def vectorbt_signals(
    bars: pd.DataFrame, buys: NDArray[np.bool_], closes: NDArray[np.bool_], engine: str
) -> NDArray[np.float64]:
    """Return the equity of one unit traded on signals at the next open, without costs."""
    import vectorbt as vbt

    vbt.settings["engine"] = engine
    portfolio = vbt.Portfolio.from_signals(
        bars["Close"],
        np.concatenate([[False], buys[:-1]]),
        np.concatenate([[False], closes[:-1]]),
        price=bars["Open"],
        size=1.0,
        init_cash=CASH,
        freq="1min",
    )
    return np.asarray(portfolio.value())


def empyrical_metrics(returns: NDArray[np.float64], bars_per_year: float) -> object:
    """Return seven metrics as empyrical computes them."""
    import empyrical

    year = {"annualization": bars_per_year}
    return (
        empyrical.cum_returns_final(returns),
        empyrical.annual_return(returns, **year),
        empyrical.annual_volatility(returns, **year),
        empyrical.sharpe_ratio(returns, **year),
        empyrical.sortino_ratio(returns, **year),
        empyrical.max_drawdown(returns),
        empyrical.calmar_ratio(returns, **year),
    )


def quantstats_metrics(returns: pd.Series, bars_per_year: float) -> object:
    """Return seven metrics as quantstats computes them."""
    from quantstats import stats

    periods = int(bars_per_year)
    return (
        stats.comp(returns),
        stats.cagr(returns, periods=periods),
        stats.volatility(returns, periods=periods),
        stats.sharpe(returns, periods=periods),
        stats.sortino(returns, periods=periods),
        stats.max_drawdown(returns),
        stats.calmar(returns, periods=periods),
    )


def numpy_bars(n_bars: int) -> tuple[NDArray[np.float64], ...]:
    """Return open, high, low, close and volume of a geometric Brownian motion, by hand.

    Four normals and two exponentials a bar; how far the price went within a bar is made up, so
    that ranges do not measure the variance.
    """
    generator = np.random.default_rng(1)
    move, up, down, amount = generator.standard_normal((4, n_bars))
    close = 100.0 * np.exp(np.cumsum(1e-3 * move))
    opening = np.empty(n_bars)
    opening[0], opening[1:] = 100.0, close[:-1]
    high = np.maximum(opening, close) * (1.0 + 5e-4 * np.abs(up))
    low = np.minimum(opening, close) * (1.0 - 5e-4 * np.abs(down))
    volume = 1000.0 * np.exp(0.5 * amount - 0.125)
    return opening, high, low, close, volume


def arch_returns(n_bars: int) -> object:
    """Return GARCH(1,1) returns in bps, with their variances, as arch simulates them."""
    from arch import arch_model

    model = arch_model(None, mean="Constant", vol="GARCH", p=1, q=1, rescale=False)
    return model.simulate([0.0, 5.0, 0.1, 0.85], nobs=n_bars)


def arch_bootstrap(returns: NDArray[np.float64], block_bars: float, n_paths: int) -> object:
    """Return Sharpe ratio, drawdown and profit factor of each path of arch's bootstrap."""
    from arch.bootstrap import StationaryBootstrap

    def scored(path: NDArray[np.float64]) -> NDArray[np.float64]:
        equity = np.cumprod(1.0 + path)
        peak = np.maximum(np.maximum.accumulate(equity), 1.0)
        gains, losses = path[path > 0.0].sum(), path[path < 0.0].sum()
        sharpe = path.mean() / path.std(ddof=1) * math.sqrt(525_600.0)
        return np.array([sharpe, (equity / peak).min() - 1.0, gains / -losses])

    return StationaryBootstrap(block_bars, returns, seed=1).apply(scored, n_paths)
