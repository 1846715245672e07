"""Random markets, strategies and executions for the slow twin: small, rough, and full of ties.

A bar's volume is its message: rules fire on bands of it, so that what is asked for is independent
of prices and every kind of quarrel between rules occurs. Prices lie on a coarse grid in every
second market, so that levels are met exactly, too.
"""

from __future__ import annotations

import math
import random
from typing import Any

import polars as pl
from execution_orders import Bar
from market import HOUR_NS, START_NS

FREE = {"base_bps": 0.0, "k_vol": 0.0, "fee_bps": 0.0}


def rough_bars(draw: random.Random, n_bars: int) -> list[Bar]:
    """Bars with gaps, flat bars and extremes that are sometimes met exactly."""
    sigma = draw.choice([0.004, 0.01, 0.03])
    tick = draw.choice([None, 0.5])
    price, bars = 100.0, []

    def rounded(value: float) -> float:
        return value if tick is None else max(tick, round(value / tick) * tick)

    for t in range(n_bars):
        gap = draw.gauss(0.0, sigma) if draw.random() < 0.3 else 0.0
        if draw.random() < 0.02:  # for margin calls and ruin
            gap = draw.choice([-10.0, 10.0]) * sigma
        open_ = rounded(price * math.exp(gap))
        close = rounded(open_ * math.exp(draw.gauss(0.0, sigma)))
        high = rounded(max(open_, close) * math.exp(abs(draw.gauss(0.0, sigma / 2.0))))
        low = rounded(min(open_, close) * math.exp(-abs(draw.gauss(0.0, sigma / 2.0))))
        bars.append(
            Bar(
                open_, max(open_, close, high), min(open_, close, low), close,
                float(draw.randint(100, 999)), START_NS + t * HOUR_NS, draw.choice([-1, 0, 1]),
            )
        )  # fmt: skip
        price = close
    return bars


def frame(bars: list[Bar]) -> pl.DataFrame:
    """The same as the engine's caller has them."""
    return pl.DataFrame(bars, schema=Bar._fields, orient="row").with_columns(
        pl.col("hl_order").cast(pl.Int8)
    )


def band(start: int, width: int) -> str:
    return f"volume >= {start} and volume < {start + width}"


def _order(draw: random.Random, side: int) -> dict[str, Any]:
    kind = draw.choice(["market", "limit", "stop", "stop_limit"])
    if kind == "market":
        return {"type": kind}
    order: dict[str, Any] = {"type": kind}
    if draw.random() < 0.6:
        order["offset_bps"] = draw.choice([0, 20, 50, 150])
    else:
        order["price"] = draw.choice(["low", "high", "(high + low) * 0.5", "open"])
    if kind == "stop_limit":
        order["limit_offset_bps"] = draw.choice([0, 10, 60])
    if draw.random() < 0.5:
        order["tif_bars"] = draw.choice([1, 2, 5])
    return order


def _distance(draw: random.Random, scale: float) -> dict[str, Any]:
    return draw.choice(
        [
            {"type": "pct", "value": scale * draw.choice([0.5, 1.5, 4.0])},
            {"type": "bps", "value": scale * draw.choice([40.0, 120.0, 300.0])},
            {"type": "atr", "n": 3, "mult": scale * draw.choice([0.7, 2.0])},
        ]
    )


def _sizing(draw: random.Random, leverage: float) -> dict[str, Any]:
    return draw.choice(
        [
            {"type": "fixed_qty", "qty": draw.choice([3, 50, 130])},
            {"type": "fixed_notional", "notional": draw.choice([900, 9_000])},
            {"type": "pct_equity", "value": draw.choice([30, 100, 100 * leverage])},
            {"type": "risk_pct", "value": draw.choice([0.5, 3.0])},
            {"type": "vol_target", "annual_vol": draw.choice([0.2, 0.9]), "n": 5},
        ]
    )


def reckless(draw: random.Random) -> dict[str, Any]:
    """All that can be borrowed, and nothing between a fall and the margin."""
    leverage = draw.choice([1.0, 3.0, 10.0])
    return {
        "sizing": {"type": "pct_equity", "value": 100.0 * leverage}, "max_leverage": leverage,
        "max_daily_loss_pct": draw.choice([20, 90]), "allow_short": True, "on_opposite": "ignore",
    }  # fmt: skip


def _risk(draw: random.Random) -> dict[str, Any]:
    if draw.random() < 0.15:
        return reckless(draw)
    leverage = draw.choice([1.0, 1.0, 3.0])
    risk: dict[str, Any] = {"sizing": _sizing(draw, leverage), "max_leverage": leverage}
    if draw.random() < 0.6:
        is_price = draw.random() < 0.2
        risk["stop"] = {"type": "price", "expr": "low"} if is_price else _distance(draw, 1.0)
    if draw.random() < 0.5:
        is_price = draw.random() < 0.2
        level = {"type": "price", "expr": "high"} if is_price else _distance(draw, 1.5)
        risk["take_profit"] = level
    if draw.random() < 0.4 or "stop" not in risk:
        risk["trailing"] = _distance(draw, 1.2)
    if draw.random() < 0.3:
        risk["max_daily_loss_pct"] = draw.choice([0.5, 2.0])
    if draw.random() < 0.3:
        risk["max_holding_bars"] = draw.choice([1, 4])
    if draw.random() < 0.3:
        risk["cooldown_bars"] = draw.choice([1, 3])
    if draw.random() < 0.3:
        risk["max_adds"] = draw.choice([1, 3])
        # Small enough that there is always cash for another: what rounding leaves of all the cash
        # is no quantity that two programs could agree upon.
        risk["sizing"] = draw.choice(
            [
                {"type": "fixed_qty", "qty": 3},
                {"type": "fixed_notional", "notional": 900},
                {"type": "pct_equity", "value": 15},
            ]
        )
    risk["allow_short"] = draw.random() < 0.6
    risk["on_opposite"] = draw.choice(["close", "reverse", "ignore"])
    return risk


def strategy(draw: random.Random) -> dict[str, Any]:
    """Rules on bands of volume; buying and selling overlap a little."""
    width = draw.choice([40, 120, 300])
    rules = [
        {"if": band(100, width), "then": "buy", "order": _order(draw, 1)},
        {"if": band(90 + width, width), "then": "sell", "order": _order(draw, -1)},
        {"if": band(95 + 2 * width, 25), "then": "buy", "order": _order(draw, 1)},
        {"if": band(draw.choice([60, 70, 700]) + width, 40), "then": "close"},
        {"if": band(120, draw.choice([10, 40])), "then": "hold"},
    ]
    if draw.random() < 0.3:
        rules[0], rules[1] = rules[1], rules[0]
    return {
        "version": "0.1.0", "id": "drawn", "name": "Drawn", "timeframe": "1h", "params": {},
        "rules": rules, "risk": _risk(draw), "metadata": {},
    }  # fmt: skip


def execution(draw: random.Random) -> dict[str, Any]:
    """An execution that differs from the honest one in a few fields."""
    options: dict[str, list[Any]] = {
        "bar_delay": [2, 3],
        "market_fill": ["close"],
        "limit_fill": ["through", "touch_v0"],
        "intrabar": ["path", "optimistic"],
        "conflict": ["first"],
        "finalize": ["mark"],
        "lot": [1.0, 0.25],
        "on_insufficient": ["reject"],
        "base_bps": [0.0, 7.0],
        "k_vol": [0.0, 0.2],
        "fee_bps": [0.0, 9.0],
        "maker_bps": [0.0, 1.0],
        "min_fee": [2.0],
        "fixed": [1.5],
        "impact": ["sqrt", "zipline"],
        "impact_y": [0.3],
        "participation": [0.02, 0.2],
        "half_spread_bps": [3.0],
        "borrow_bps_year": [900.0],
        "funding_bps_year": [1_200.0, -700.0],
        "cash_rate_year": [400.0, -50.0],
    }
    chosen = {name: draw.choice(values) for name, values in options.items() if draw.random() < 0.3}
    return {"base": "honest_v1", **chosen}
