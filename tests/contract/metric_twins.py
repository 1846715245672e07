"""Slow, obvious twins of the engine's metrics beyond those of a summary.

Each follows its definition word by word in plain Python and shares no code with the engine. None
is null.
"""

from __future__ import annotations

import itertools
import math
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Value = float | None
Z_95 = statistics.NormalDist().inv_cdf(0.95)
DAY_NS = 86_400 * 10**9


@dataclass(frozen=True)
class Trip:
    """One closed trade; `risk` is None without a stop."""

    net: float
    gross: float
    traded: float
    cost: float
    held: int
    risk: float | None = None


@dataclass(frozen=True)
class Series:
    """What a metric may read: returns up to the ruin, and what else is known.

    `position` and `close` have one value a bar; trades and they are None where there was no run.
    """

    r: Sequence[float]
    bars_per_year: float
    initial: float = 1.0
    ts: Sequence[int] | None = None
    bench: Sequence[float] | None = None
    mar: float = 0.0
    rf: float = 0.0
    trades: Sequence[Trip] | None = None
    position: Sequence[float] | None = None
    close: Sequence[float] | None = None
    equity: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.equity:
            self.equity.append(self.initial)
            for value in self.r:
                self.equity.append(self.equity[-1] * (1.0 + value))

    @property
    def n(self) -> int:
        return len(self.r)


def mean(x: Sequence[float]) -> float:
    return math.fsum(x) / len(x)


def central(x: Sequence[float], power: int) -> float:
    middle = mean(x)
    return math.fsum((value - middle) ** power for value in x) / len(x)


def std(x: Sequence[float]) -> float:
    return math.sqrt(central(x, 2) * len(x) / (len(x) - 1))


def is_flat(x: Sequence[float]) -> bool:
    # A quotient of equities is rounded at the last digit of 1, however small the return.
    return std(x) <= max(1e-12 * max(abs(value) for value in x), 4.0 * sys.float_info.epsilon)


def ratio(x: Sequence[float], scale: float) -> Value:
    """Mean over deviation; 0 of nothing, None of a gain without risk."""
    if len(x) < 2:
        return None
    if is_flat(x):
        return 0.0 if mean(x) == 0.0 else None
    return mean(x) / std(x) * scale


def quantile(x: Sequence[float], share: float) -> float:
    ordered = sorted(x)
    place = (len(x) - 1) * share
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


def worst_mean(x: Sequence[float], share: float) -> float:
    return mean(sorted(x)[: math.floor((len(x) - 1) * share) + 1])


def ups(x: Sequence[float]) -> list[float]:
    return [value for value in x if value > 0.0]


def downs(x: Sequence[float]) -> list[float]:
    return [value for value in x if value < 0.0]


def over(a: float, b: float) -> Value:
    return a / b if b else None


def cagr(s: Series) -> Value:
    if not s.r:
        return None
    growth = s.equity[-1] / s.equity[0]
    return -1.0 if growth <= 0.0 else growth ** (s.bars_per_year / s.n) - 1.0


def log_growth(s: Series) -> Value:
    if not s.r or min(s.r) <= -1.0:
        return None
    return s.bars_per_year * mean([math.log1p(value) for value in s.r])


def stability(s: Series) -> Value:
    if s.n < 2 or min(s.r) <= -1.0:
        return None
    levels = list(itertools.accumulate(math.log1p(value) for value in s.r))
    spread = math.sqrt(central(levels, 2))
    if spread <= 1e-12 * max(abs(level) for level in levels):
        return None
    times = list(range(s.n))
    both = math.fsum((t - mean(times)) * y for t, y in zip(times, levels, strict=True)) / s.n
    return both**2 / central(times, 2) / central(levels, 2)


def ann_vol(s: Series) -> Value:
    return None if s.n < 2 else std(s.r) * math.sqrt(s.bars_per_year)


def downside_dev(s: Series) -> Value:
    short = [min(value - s.mar, 0.0) ** 2 for value in s.r]
    return None if s.n < 2 else math.sqrt(mean(short) * s.bars_per_year)


def skew(s: Series) -> Value:
    return None if s.n < 2 or is_flat(s.r) else central(s.r, 3) / central(s.r, 2) ** 1.5


def kurt(s: Series) -> Value:
    return None if s.n < 2 or is_flat(s.r) else central(s.r, 4) / central(s.r, 2) ** 2


def days(s: Series) -> tuple[list[float], float] | None:
    """Daily returns and the most bars of a day; None without dates or below twenty days."""
    if s.ts is None:
        return None
    groups = [list(g) for _, g in itertools.groupby(range(s.n), key=lambda t: s.ts[t] // DAY_NS)]  # type: ignore[index]
    if len(groups) < 20:
        return None
    levels = [s.equity[0], *(s.equity[group[-1] + 1] for group in groups)]
    returns = [b / a - 1.0 for a, b in itertools.pairwise(levels)]
    return returns, float(max(len(group) for group in groups))


def on_days(value: Callable[[list[float]], Value]) -> Callable[[Series], Value]:
    def metric(s: Series) -> Value:
        found = days(s)
        return None if found is None else value(found[0])

    return metric


def sharpe_day(s: Series) -> Value:
    found = days(s)
    if found is None:
        return None
    returns, bars = found
    rf = (1.0 + s.rf) ** bars - 1.0
    return ratio([value - rf for value in returns], math.sqrt(s.bars_per_year / bars))


def rho(x: Sequence[float], lag: int) -> float:
    off = [value - mean(x) for value in x]
    pairs = zip(off[lag:], off, strict=False)
    return math.fsum(a * b for a, b in pairs) / math.fsum(value**2 for value in off)


def sharpe_lo(s: Series) -> Value:
    excess = [value - s.rf for value in s.r]
    plain = ratio(excess, 1.0)
    if not plain:
        return plain
    q = s.bars_per_year
    lags = min(math.floor(10.0 * math.log10(s.n)), math.floor(q - 1), s.n - 1)
    inside = q + 2.0 * math.fsum((q - k) * rho(s.r, k) for k in range(1, lags + 1))
    return plain * q / math.sqrt(inside) if inside > 0.0 else None


def sortino_v0(s: Series) -> Value:
    gains, losses = ups(s.r), downs(s.r)
    if not gains or len(losses) < 2 or is_flat(losses):
        return None
    return mean(gains) / std(losses) * math.sqrt(s.bars_per_year)


def omega(s: Series) -> Value:
    return over(math.fsum(ups(s.r)), -math.fsum(downs(s.r)))


def gain_to_pain(s: Series) -> Value:
    return over(math.fsum(s.r), -math.fsum(downs(s.r)))


def win_rate_bar(s: Series) -> Value:
    return over(len(ups(s.r)), len(ups(s.r)) + len(downs(s.r)))


def payoff_bar(s: Series) -> Value:
    gains, losses = ups(s.r), downs(s.r)
    return mean(gains) / -mean(losses) if gains and losses else None


def tail_ratio(s: Series) -> Value:
    return over(abs(quantile(s.r, 0.95)), abs(quantile(s.r, 0.05))) if s.r else None


def p5_bar(s: Series) -> Value:
    return quantile(s.r, 0.05) if s.r else None


def es_bar(share: float) -> Callable[[Series], Value]:
    return lambda s: worst_mean(s.r, share) if s.r else None


def var_gauss(s: Series) -> Value:
    return None if s.n < 2 else mean(s.r) - std(s.r) * Z_95


def es_gauss(s: Series) -> Value:
    return None if s.n < 2 else mean(s.r) - std(s.r) * statistics.NormalDist().pdf(Z_95) / 0.05


def worst_bar(s: Series) -> Value:
    return min(s.r) if s.r else None


def hill_5(s: Series) -> Value:
    losses = sorted((-value for value in downs(s.r)), reverse=True)
    count = math.floor(0.05 * len(losses))
    if count < 20:
        return None
    return over(count, math.fsum(math.log(x / losses[count]) for x in losses[:count]))


def beta(s: Series) -> Value:
    if s.bench is None or s.n < 2 or is_flat(s.bench):
        return None
    a, b = mean(s.r), mean(s.bench)
    both = math.fsum((x - a) * (y - b) for x, y in zip(s.r, s.bench, strict=True)) / s.n
    return both / central(s.bench, 2)


def alpha(s: Series) -> Value:
    slope = beta(s)
    if slope is None or s.bench is None:
        return None
    rest = [x - s.rf - slope * (y - s.rf) for x, y in zip(s.r, s.bench, strict=True)]
    return float((1.0 + mean(rest)) ** s.bars_per_year - 1.0)


def info_ratio(s: Series) -> Value:
    if s.bench is None:
        return None
    apart = [x - y for x, y in zip(s.r, s.bench, strict=True)]
    return ratio(apart, math.sqrt(s.bars_per_year))


def capture(side: Callable[[Sequence[float]], list[float]]) -> Callable[[Series], Value]:
    def annual(x: Sequence[float], bars_per_year: float) -> float:
        growth = math.prod(1.0 + value for value in x)
        return -1.0 if growth <= 0.0 else growth ** (bars_per_year / len(x)) - 1.0

    def metric(s: Series) -> Value:
        if s.bench is None or s.n < 2 or not side(s.bench):
            return None
        chosen = [x for x, y in zip(s.r, s.bench, strict=True) if side([y])]
        return over(annual(chosen, s.bars_per_year), annual(side(s.bench), s.bars_per_year))

    return metric


def _sharpe_and_variance(s: Series) -> tuple[float, float] | None:
    if s.n < 2 or is_flat([value - s.rf for value in s.r]) or is_flat(s.r):
        return None
    x = (mean(s.r) - s.rf) / std(s.r)
    variance = 1.0 - (skew(s) or 0.0) * x + ((kurt(s) or 0.0) - 1.0) / 4.0 * x**2
    return None if variance <= 1e-12 else (x, variance)


def psr(s: Series) -> Value:
    found = _sharpe_and_variance(s)
    if found is None:
        return None
    return 0.5 * math.erfc(-found[0] * math.sqrt((s.n - 1) / found[1] / 2.0))


def psr_h0(s: Series) -> Value:
    found = _sharpe_and_variance(s)
    if found is None:
        return None
    lag = rho(s.r, 1)
    variance = (1.0 + 2.0 * lag / (1.0 - lag)) / s.n
    return 0.5 * math.erfc(-found[0] / math.sqrt(2.0 * variance)) if variance > 0.0 else None


def min_trl(s: Series) -> Value:
    found = _sharpe_and_variance(s)
    if found is None or found[0] <= 0.0:
        return None
    return 1.0 + found[1] * (Z_95 / found[0]) ** 2


def falls(s: Series) -> list[float]:
    """Fall below the running peak after every bar; the first value is that before bar 0."""
    return [e / max(s.equity[: t + 1]) - 1.0 for t, e in enumerate(s.equity)]


def time_to_recovery(s: Series) -> Value:
    below = falls(s)
    if not min(below):
        return None
    trough = below.index(min(below))
    peak = max(t for t in range(trough) if below[t] == 0.0)
    later = [t for t in range(trough + 1, s.n + 1) if s.equity[t] >= s.equity[peak]]
    return float((later[0] if later else s.n) - peak)


def episodes(s: Series) -> list[list[float]]:
    return [list(g) for below, g in itertools.groupby(falls(s), lambda d: d < 0.0) if below]


def longest_underwater(s: Series) -> Value:
    return float(max((len(each) for each in episodes(s)), default=0))


def avg_drawdown(s: Series) -> Value:
    return mean([min(each) for each in episodes(s)]) if episodes(s) else None


def ulcer(s: Series) -> Value:
    return math.sqrt(math.fsum(d**2 for d in falls(s)) / s.n) if s.r else None


def ulcer_qs(s: Series) -> Value:
    return math.sqrt(math.fsum(d**2 for d in falls(s)) / (s.n - 1)) if s.n > 1 else None


def pain(s: Series) -> Value:
    return -math.fsum(falls(s)) / s.n if s.r else None


def cdar_95(s: Series) -> Value:
    return worst_mean(falls(s)[1:], 0.05) if s.r else None


def recovery_factor(s: Series) -> Value:
    total = -1.0 if s.equity[-1] <= 0.0 else s.equity[-1] / s.equity[0] - 1.0
    return over(total, -min(falls(s)))


def of_trades(value: Callable[[Sequence[Trip]], Value]) -> Callable[[Series], Value]:
    return lambda s: value(s.trades) if s.trades else None


def payoff(trades: Sequence[Trip]) -> Value:
    won, lost = ups([t.net for t in trades]), downs([t.net for t in trades])
    return mean(won) / -mean(lost) if won and lost else None


def multiples(trades: Sequence[Trip]) -> list[float]:
    return [t.net / t.risk for t in trades if t.risk is not None]


def expectancy_r(trades: Sequence[Trip]) -> Value:
    return mean(multiples(trades)) if multiples(trades) else None


def sqn(trades: Sequence[Trip]) -> Value:
    x = multiples(trades)
    return ratio(x, math.sqrt(len(x)))


def max_consec_losses(s: Series) -> Value:
    if s.trades is None:
        return None
    runs = [list(g) for lost, g in itertools.groupby(s.trades, lambda t: t.net < 0.0) if lost]
    return float(max((len(run) for run in runs), default=0))


def breakeven_cost_bps(trades: Sequence[Trip]) -> Value:
    traded = math.fsum(t.traded for t in trades)
    return 1e4 * math.fsum(t.gross - t.cost for t in trades) / traded


def cost_drag(s: Series) -> Value:
    if s.trades is None:
        return None
    return math.fsum(t.cost for t in s.trades) / s.equity[0] / (s.n / s.bars_per_year)


def leverage(s: Series) -> list[float] | None:
    if s.position is None or s.close is None:
        return None
    rows = zip(s.position, s.close, s.equity[1:], strict=True)
    return [abs(q) * c / e if e > 0.0 else 0.0 for q, c, e in rows]


def on_leverage(value: Callable[[list[float]], float]) -> Callable[[Series], Value]:
    def metric(s: Series) -> Value:
        found = leverage(s)
        return None if found is None else value(found)

    return metric


def exposure_time(s: Series) -> Value:
    return None if s.position is None else mean([float(q != 0.0) for q in s.position])


METRICS: dict[str, Callable[[Series], Value]] = {
    "cagr": cagr,
    "log_growth": log_growth,
    "stability": stability,
    "ann_vol": ann_vol,
    "downside_dev": downside_dev,
    "skew": skew,
    "kurt": kurt,
    "sharpe_day": sharpe_day,
    "sharpe_lo": sharpe_lo,
    "sortino_v0": sortino_v0,
    "omega": omega,
    "gain_to_pain": gain_to_pain,
    "tail_ratio": tail_ratio,
    "alpha": alpha,
    "beta": beta,
    "info_ratio": info_ratio,
    "up_capture": capture(ups),
    "down_capture": capture(downs),
    "psr": psr,
    "psr_h0": psr_h0,
    "min_trl": min_trl,
    "p5_day": on_days(lambda x: quantile(x, 0.05)),
    "p5_bar": p5_bar,
    "es_1": on_days(lambda x: worst_mean(x, 0.01)),
    "es_5": on_days(lambda x: worst_mean(x, 0.05)),
    "es_1_bar": es_bar(0.01),
    "es_5_bar": es_bar(0.05),
    "var_gauss": var_gauss,
    "es_gauss": es_gauss,
    "worst_bar": worst_bar,
    "worst_day": on_days(min),
    "best_day": on_days(max),
    "hill_5": hill_5,
    "breakeven_cost_bps": of_trades(breakeven_cost_bps),
    "time_to_recovery": time_to_recovery,
    "longest_underwater": longest_underwater,
    "avg_drawdown": avg_drawdown,
    "ulcer": ulcer,
    "ulcer_qs": ulcer_qs,
    "pain": pain,
    "cdar_95": cdar_95,
    "recovery_factor": recovery_factor,
    "payoff": of_trades(payoff),
    "expectancy": of_trades(lambda trades: mean([t.net for t in trades])),
    "expectancy_r": of_trades(expectancy_r),
    "sqn": of_trades(sqn),
    "avg_hold": of_trades(lambda trades: mean([t.held for t in trades])),
    "max_consec_losses": max_consec_losses,
    "win_rate_bar": win_rate_bar,
    "profit_factor_bar": omega,
    "payoff_bar": payoff_bar,
    "exposure_time": exposure_time,
    "exposure_gross": on_leverage(mean),
    "max_leverage": on_leverage(max),
    "cost_drag": cost_drag,
    # No bar of these runs allows two outcomes.
    "ambiguity_gap": lambda s: 0.0,
}
