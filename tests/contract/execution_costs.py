"""What a fill costs and what an account can pay: the slow twin's slippage, fees and limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from reference import sigma_bps

Execution = dict[str, Any]

SLIPPAGE_MAX_BPS = 9_999.0
"""However rough the market, a seller is paid something."""

ROUNDING = 1e-12
"""What is bought with all there is may cost this share more than that."""

DUST = 1e-9
"""A smaller share of what was wanted is no fill but what rounding left over."""


def floor_to_lot(qty: float, lot: float) -> float:
    """The quantity rounded down to a multiple of the lot; 0 takes any quantity."""
    return qty if lot == 0.0 else math.floor(qty / lot) * lot


def slippage_bps(
    rules: Execution,
    closes: Sequence[float],
    known_at: int,
    qty: float,
    volume: float,
    factor: float = 1.0,
) -> float:
    """What market and stop orders pay beside the raw price.

    Args:
        rules: The execution.
        closes: Of all bars; only those up to `known_at` are looked at.
        known_at: Bar whose close is the last that is known.
        qty: Size of the fill.
        volume: Of the bar of the fill.
        factor: Multiple of the usual slippage.
    """
    sigma = sigma_bps(closes, known_at)
    bps = factor * (rules["base_bps"] + rules["k_vol"] * sigma) + rules["half_spread_bps"]
    if rules["impact"] == "sqrt":
        bps += rules["impact_y"] * sigma * math.sqrt(qty / volume)
    if rules["impact"] == "zipline":
        bps += 1e4 * 0.1 * (qty / volume) ** 2
    return min(bps, SLIPPAGE_MAX_BPS)


def fee(rules: Execution, qty: float, price: float, *, is_maker: bool) -> float:
    """Fee of one fill."""
    has_rebate = is_maker and rules["maker_bps"] is not None
    bps = rules["maker_bps"] if has_rebate else rules["fee_bps"]
    return max(rules["min_fee"], qty * price * bps * 1e-4 + rules["fixed"])


def affordable(
    rules: Execution,
    equity: float,
    held: float,
    closed: float,
    price: float,
    leverage: float,
    wanted: float,
    *,
    is_maker: bool,
) -> float:
    """The most of `wanted` after which exposure is at most `leverage` times what is left.

    Args:
        rules: The execution.
        equity: Of the account at the price of the fill, before its fee.
        held: Size of a position that the fill makes larger.
        closed: Size of a position that the same fill closes.
        price: Of the fill, slippage included.
        leverage: The largest.
        wanted: Size of what is to be opened.
        is_maker: Whose fee is paid.
    """

    def fits(qty: float) -> bool:
        left = equity - fee(rules, qty + closed, price, is_maker=is_maker)
        return (held + qty) * price <= leverage * left * (1.0 + ROUNDING)

    if fits(wanted):
        return wanted
    if rules["on_insufficient"] == "reject" or not fits(0.0):
        return 0.0
    low, high = 0.0, wanted
    for _ in range(120):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if fits(middle) else (low, middle)
    return floor_to_lot(low, rules["lot"]) if low > DUST * wanted else 0.0
