"""Slow, obvious twins of the engine's indicators, metrics and fills, to compare it with.

Each follows its definition word by word, one value at a time, and shares no code with the engine.
Unknown values are NaN.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

NAN = math.nan
Column = list[float]
Prices = Mapping[str, Sequence[float]]


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


def wma(x: Sequence[float], n: int) -> Column:
    """Mean of the last n values; the oldest counts once, the newest n times."""
    whole = n * (n + 1) / 2
    return _windows(x, n, lambda w: math.fsum((i + 1) * v for i, v in enumerate(w)) / whole)


def slope(x: Sequence[float], n: int) -> Column:
    """Slope of the line of least squares through the points (0, oldest) to (n - 1, newest)."""
    middle = (n - 1) / 2

    def one(window: Sequence[float]) -> float:
        mean = math.fsum(window) / n
        across = math.fsum((i - middle) * (v - mean) for i, v in enumerate(window))
        return across / math.fsum((i - middle) ** 2 for i in range(n))

    return _windows(x, n, one)


def highest(x: Sequence[float], n: int) -> Column:
    """Largest of the last n values."""
    return _windows(x, n, max)


def lowest(x: Sequence[float], n: int) -> Column:
    """Smallest of the last n values."""
    return _windows(x, n, min)


def stdev(x: Sequence[float], n: int) -> Column:
    """Root of the mean squared distance of the last n values from their mean."""
    return _windows(x, n, lambda window: _deviation(window, n))


def zscore(x: Sequence[float], n: int) -> Column:
    """Distance of the value from the mean of the last n, in standard deviations."""
    return _windows(x, n, lambda w: _ratio(w[-1] - math.fsum(w) / n, _deviation(w, n)))


def bbands(x: Sequence[float], n: int, k: float, output: str) -> Column:
    """Bands of k standard deviations about the mean, and what follows from them."""

    def one(window: Sequence[float]) -> float:
        mid = math.fsum(window) / n
        spread = k * _deviation(window, n)
        upper, lower = mid + spread, mid - spread
        return {
            "upper": upper,
            "mid": mid,
            "lower": lower,
            "width": _ratio(upper - lower, mid),
            "pctb": _ratio(window[-1] - lower, upper - lower),
        }[output]

    return _windows(x, n, one)


def mom(x: Sequence[float], n: int) -> Column:
    """Value less that of n bars ago."""
    return _windows(x, n + 1, lambda window: window[-1] - window[0])


def ret(x: Sequence[float], n: int) -> Column:
    """Value over that of n bars ago, less one."""
    return _windows(x, n + 1, lambda window: _ratio(window[-1], window[0]) - 1.0)


def roc(x: Sequence[float], n: int) -> Column:
    """The same in percent."""
    return [100.0 * value for value in ret(x, n)]


def macd(x: Sequence[float], fast: int, slow: int, signal: int, output: str) -> Column:
    """Fast average less slow one, both begun on the slow one's first bar, and its own average."""
    fast, slow = min(fast, slow), max(fast, slow)
    late = [NAN] * (slow - fast) + ema(x[slow - fast :], fast)
    line = [a - b for a, b in zip(late, ema(x, slow), strict=True)]
    average = [NAN] * (slow - 1) + ema(line[slow - 1 :], signal)
    picked = {
        "line": line,
        "signal": average,
        "hist": [a - b for a, b in zip(line, average, strict=True)],
    }[output]
    return [NAN if math.isnan(a) else b for a, b in zip(average, picked, strict=True)]


def stoch(bars: Prices, k: int, smooth: int, d: int, output: str) -> Column:
    """Place of the close in the range of k bars, in percent, smoothed once and twice."""
    tops, bottoms = highest(bars["high"], k), lowest(bars["low"], k)
    place = [
        100.0 * _ratio(close - low, high - low)
        for close, high, low in zip(bars["close"], tops, bottoms, strict=True)
    ]
    smoothed = ma(place, smooth)
    twice = ma(smoothed, d)
    if output == "d":
        return twice
    return [NAN if math.isnan(b) else a for a, b in zip(smoothed, twice, strict=True)]


def willr(bars: Prices, n: int) -> Column:
    """How far below the top of n bars the close lies, in percent of their range, negative."""
    tops, bottoms = highest(bars["high"], n), lowest(bars["low"], n)
    return [
        -100.0 * _ratio(high - close, high - low)
        for close, high, low in zip(bars["close"], tops, bottoms, strict=True)
    ]


def cci(bars: Prices, n: int) -> Column:
    """Distance of the typical price from its mean, over 0.015 mean distances."""

    def one(window: Sequence[float]) -> float:
        mean = math.fsum(window) / n
        distance = math.fsum(abs(value - mean) for value in window) / n
        return _ratio(window[-1] - mean, 0.015 * distance)

    return _windows(_typical(bars), n, one)


def adx(bars: Prices, n: int) -> Column:
    """Wilder's: one-sidedness of movement, smoothed, averaged over n and then smoothed again."""
    high, low, close = bars["high"], bars["low"], bars["close"]
    up = down = span = 0.0
    indices: list[float] = []
    out = [NAN] * len(close)
    for t in range(1, len(close)):
        if t >= n:
            up, down, span = up - up / n, down - down / n, span - span / n
        rise, fall = high[t] - high[t - 1], low[t - 1] - low[t]
        up += rise if rise > max(fall, 0.0) else 0.0
        down += fall if fall > max(rise, 0.0) else 0.0
        span += max(high[t], close[t - 1]) - min(low[t], close[t - 1])
        if t < n:
            continue
        plus, minus = 100.0 * up / span, 100.0 * down / span
        indices.append(100.0 * abs(plus - minus) / (plus + minus))
        if len(indices) == n:
            out[t] = math.fsum(indices) / n
        elif len(indices) > n:
            out[t] = (out[t - 1] * (n - 1) + indices[-1]) / n
    return out


def obv(bars: Prices) -> Column:
    """Volume of the first bar, more that of each rise, less that of each fall."""
    total = bars["volume"][0]
    out = [total]
    for t in range(1, len(bars["close"])):
        change = bars["close"][t] - bars["close"][t - 1]
        total += math.copysign(bars["volume"][t], change) if change else 0.0
        out.append(total)
    return out


def vwap(bars: Prices, n: int) -> Column:
    """Mean of the typical price of the last n bars, weighted by volume."""
    traded = [price * v for price, v in zip(_typical(bars), bars["volume"], strict=True)]
    sums = _windows(traded, n, math.fsum)
    volumes = _windows(bars["volume"], n, math.fsum)
    return [_ratio(a, b) for a, b in zip(sums, volumes, strict=True)]


def realized_vol(bars: Prices, n: int) -> Column:
    """Sample standard deviation of the last n logarithmic returns."""
    returns = [math.log(b / a) for a, b in itertools.pairwise(bars["close"])]
    return [NAN, *_windows(returns, n, lambda window: _deviation(window, n - 1))]


def barssince(condition: Sequence[bool]) -> Column:
    """Bars since the condition was true; unknown before it first was."""
    out, last = [], None
    for t, is_true in enumerate(condition):
        last = t if is_true else last
        out.append(NAN if last is None else float(t - last))
    return out


def _windows(x: Sequence[float], n: int, value: Callable[[Sequence[float]], float]) -> Column:
    return [value(x[t + 1 - n : t + 1]) if t >= n - 1 else NAN for t in range(len(x))]


def _deviation(window: Sequence[float], divisor: int) -> float:
    mean = math.fsum(window) / len(window)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in window) / divisor)


def _ratio(a: float, b: float) -> float:
    return a / b if b else NAN


def _typical(bars: Prices) -> Column:
    rows = zip(bars["high"], bars["low"], bars["close"], strict=True)
    return [(high + low + close) / 3.0 for high, low, close in rows]


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
