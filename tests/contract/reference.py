"""Slow, obvious twins of the engine's indicators, metrics and fills, to compare it with.

Each follows its definition word by word, one value at a time, and shares no code with the engine.
Unknown values are NaN.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

NAN = math.nan
Column = list[float]


# Indicators: columns in, one column out.


def ma(x: Sequence[float], n: int) -> Column:
    """Mean of the last n values."""
    return [math.fsum(x[t + 1 - n : t + 1]) / n if t >= n - 1 else NAN for t in range(len(x))]


def ema(x: Sequence[float], n: int) -> Column:
    """The mean of the first n values, then a step of 2 / (n + 1) towards each next one."""
    out = [NAN] * len(x)
    if len(x) >= n:
        out[n - 1] = math.fsum(x[:n]) / n
    for t in range(n, len(x)):
        out[t] = out[t - 1] + (x[t] - out[t - 1]) * 2.0 / (n + 1)
    return out


def rsi(x: Sequence[float], n: int) -> Column:
    """Wilder's: 100 G / (G + L) of smoothed gains and losses; 50 where nothing moved."""
    out = [NAN] * len(x)
    gains = [max(b - a, 0.0) for a, b in itertools.pairwise(x)]
    losses = [max(a - b, 0.0) for a, b in itertools.pairwise(x)]
    if len(gains) < n:
        return out
    gain, loss = math.fsum(gains[:n]) / n, math.fsum(losses[:n]) / n
    for t in range(n, len(x)):
        if t > n:
            gain = (gain * (n - 1) + gains[t - 1]) / n
            loss = (loss * (n - 1) + losses[t - 1]) / n
        out[t] = 50.0 if gain + loss == 0.0 else 100.0 * gain / (gain + loss)
    return out


def atr(high: Sequence[float], low: Sequence[float], close: Sequence[float], n: int) -> Column:
    """Wilder's average of true ranges; the first range is that of bar 1."""
    out = [NAN] * len(close)
    ranges = [max(high[t], close[t - 1]) - min(low[t], close[t - 1]) for t in range(1, len(close))]
    if len(ranges) < n:
        return out
    out[n] = math.fsum(ranges[:n]) / n
    for t in range(n + 1, len(close)):
        out[t] = (out[t - 1] * (n - 1) + ranges[t - 1]) / n
    return out


# Metrics: a run in, a number or None out.


@dataclass(frozen=True)
class Run:
    """What a metric may read.

    `equity` has one value a bar; `initial_cash` is the value before the first. `net_pnl` has one
    value a closed trade, `traded_quote` is the value of all fills.
    """

    initial_cash: float
    equity: Sequence[float]
    net_pnl: Sequence[float]
    traded_quote: float
    bars_per_year: float

    @property
    def returns(self) -> Column:
        path = [self.initial_cash, *self.equity]
        return [b / a - 1.0 for a, b in itertools.pairwise(path)]


def total_return(run: Run) -> float | None:
    return run.equity[-1] / run.initial_cash - 1.0


def sharpe(run: Run) -> float | None:
    r = run.returns
    if all(value == 0.0 for value in r):
        return 0.0
    mean = math.fsum(r) / len(r)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in r) / (len(r) - 1))
    if deviation <= 1e-12 * max(abs(value) for value in r):
        return None
    return mean / deviation * math.sqrt(run.bars_per_year)


def sortino(run: Run) -> float | None:
    r = run.returns
    if all(value == 0.0 for value in r):
        return 0.0
    downside = math.sqrt(math.fsum(min(value, 0.0) ** 2 for value in r) / len(r))
    if downside == 0.0:
        return None
    return math.fsum(r) / len(r) / downside * math.sqrt(run.bars_per_year)


def max_drawdown(run: Run) -> float | None:
    peak, deepest = run.initial_cash, 0.0
    for equity in run.equity:
        peak = max(peak, equity)
        deepest = min(deepest, equity / peak - 1.0)
    return deepest


def calmar(run: Run) -> float | None:
    deepest = max_drawdown(run)
    if not deepest:
        return None
    growth = run.equity[-1] / run.initial_cash
    annual = math.pow(growth, run.bars_per_year / len(run.equity)) - 1.0
    return annual / abs(deepest)


def win_rate(run: Run) -> float | None:
    wins = sum(pnl > 0.0 for pnl in run.net_pnl)
    losses = sum(pnl < 0.0 for pnl in run.net_pnl)
    return wins / (wins + losses) if wins + losses else None


def profit_factor(run: Run) -> float | None:
    losses = math.fsum(pnl for pnl in run.net_pnl if pnl < 0.0)
    return math.fsum(pnl for pnl in run.net_pnl if pnl > 0.0) / -losses if losses else None


def turnover(run: Run) -> float | None:
    mean_equity = math.fsum(run.equity) / len(run.equity)
    return run.traded_quote / mean_equity / (len(run.equity) / run.bars_per_year)


def n_trades(run: Run) -> float | None:
    return float(len(run.net_pnl))


METRICS: dict[str, Callable[[Run], float | None]] = {
    f.__name__: f
    for f in (
        total_return, sharpe, sortino, max_drawdown, calmar, win_rate, profit_factor, turnover,
        n_trades,
    )
}  # fmt: skip


# Fills: a long-only account, market orders at the next open, an optional stop.


@dataclass(frozen=True)
class Costs:
    base_bps: float = 0.0
    k_vol: float = 0.0
    fee_bps: float = 0.0


@dataclass(frozen=True)
class Bars:
    open: Sequence[float]
    high: Sequence[float]
    low: Sequence[float]
    close: Sequence[float]


@dataclass
class Account:
    """What is held, and what each close was worth."""

    cash: float
    position: float = 0.0
    stop: float | None = None
    equity: Column = field(default_factory=list)
    fills: list[tuple[int, int, float, float]] = field(default_factory=list)
    """Bar, side, quantity, price after slippage."""


def sigma_bps(close: Sequence[float], t: int, n: int = 20) -> float:
    """Sample deviation of the last n log returns up to bar t; 0 until there are n."""
    if t < n:
        return 0.0
    r = [math.log(close[i] / close[i - 1]) for i in range(t - n + 1, t + 1)]
    mean = math.fsum(r) / n
    return 1e4 * math.sqrt(math.fsum((value - mean) ** 2 for value in r) / (n - 1))


def long_only(
    bars: Bars,
    buys: Sequence[bool],
    closes: Sequence[bool],
    *,
    cash: float,
    percent: float,
    costs: Costs,
    stop_percent: float | None = None,
) -> Account:
    """Enter with a percentage of equity where `buys`, leave where `closes`, bar by bar.

    Both are decided at a close and filled at the next open; the last bar decides nothing and
    closes what is left at its close. The stop lies `stop_percent` of the decision's close below
    the fill and is tested from the fill on, at the open before the rest of the bar.
    """
    account = Account(cash)
    order: tuple[str, int] | None = None
    last = len(bars.close) - 1
    for t in range(len(bars.close)):
        if order is not None and order[0] == "buy":
            _enter(account, bars, t, order[1], percent, costs, stop_percent)
        elif order is not None and account.position:
            _leave(account, t, bars.open[t], sigma_bps(bars.close, order[1]), costs)
        order = None
        if account.position and account.stop is not None and bars.low[t] <= account.stop:
            raw = min(bars.open[t], account.stop)
            _leave(account, t, raw, sigma_bps(bars.close, t - 1), costs)
        if t == last and account.position:
            _leave(account, t, bars.close[t], sigma_bps(bars.close, t), costs)
        account.equity.append(account.cash + account.position * bars.close[t])
        if t < last:
            if closes[t] and account.position:
                order = ("close", t)
            elif buys[t] and not account.position:
                order = ("buy", t)
    return account


def _enter(
    account: Account,
    bars: Bars,
    t: int,
    decided: int,
    percent: float,
    costs: Costs,
    stop_percent: float | None,
) -> None:
    slip = costs.base_bps + costs.k_vol * sigma_bps(bars.close, decided)
    price = bars.open[t] * (1.0 + slip * 1e-4)
    wanted = account.equity[decided] * percent / 100.0 / bars.close[decided]
    quantity = min(wanted, account.cash / (price * (1.0 + costs.fee_bps * 1e-4)))
    account.cash -= quantity * price * (1.0 + costs.fee_bps * 1e-4)
    account.position = quantity
    account.fills.append((t, 1, quantity, price))
    if stop_percent is not None:
        account.stop = price - bars.close[decided] * stop_percent / 100.0


def _leave(account: Account, t: int, raw: float, sigma: float, costs: Costs) -> None:
    price = raw * (1.0 - (costs.base_bps + costs.k_vol * sigma) * 1e-4)
    account.cash += account.position * price * (1.0 - costs.fee_bps * 1e-4)
    account.fills.append((t, -1, account.position, price))
    account.position, account.stop = 0.0, None
