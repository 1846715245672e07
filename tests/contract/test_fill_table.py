"""What a bar gives each kind of order, line by line of the table of raw fill prices.

Every line is stated for a buyer; a seller has the same bars upside down, around 100. Expectations
are typed from the rules, not computed.
"""

from __future__ import annotations

from typing import Any

import pytest
from execution_cases import (
    BUY,
    CLOSE,
    QUIET,
    RUNNERS,
    SELL,
    Price4,
    bars_of,
    document,
    turned,
)

FLAT = (100.0, 100.0, 100.0, 100.0)
LIMIT, STOP = "limit", "stop"
TOUCH, THROUGH, TOUCH_V0 = "touch", "through", "touch_v0"

# Of the bar after the decision: open, high, low, close; price by way of filling; None: no fill.
BUY_LIMIT_AT_98: dict[str, tuple[Price4, float | None, float | None, float | None]] = {
    #                                                          touch  through  touch_v0
    "opens below, comes back": ((97.0, 99.0, 96.0, 98.5), 97.0, 97.0, 98.0),
    "whole bar below": ((96.0, 97.0, 95.0, 96.5), 96.0, 96.0, None),
    "opens at it, goes below": ((98.0, 99.0, 97.0, 98.0), 98.0, 98.0, 98.0),
    "opens at it, its low": ((98.0, 99.0, 98.0, 98.5), 98.0, None, 98.0),
    "falls through": ((99.0, 99.5, 97.0, 97.5), 98.0, 98.0, 98.0),
    "falls to it exactly": ((99.0, 99.5, 98.0, 99.0), 98.0, None, 98.0),
    "stays above": ((99.0, 99.5, 98.5, 99.0), None, None, None),
    "high meets it from below": ((97.0, 98.0, 96.0, 97.0), 97.0, 97.0, 98.0),
}
BUY_STOP_AT_105: dict[str, tuple[Price4, float | None]] = {
    "opens beyond, comes back": ((107.0, 108.0, 103.0, 104.0), 107.0),
    "whole bar beyond": ((108.0, 110.0, 106.0, 109.0), 108.0),
    "opens at it": ((105.0, 106.0, 104.0, 105.5), 105.0),
    "rises through": ((102.0, 107.0, 101.0, 106.0), 105.0),
    "rises to it exactly": ((102.0, 105.0, 101.0, 103.0), 105.0),
    "stays below": ((102.0, 104.5, 101.0, 103.0), None),
}
# Stop 105 and limit 106; two bars, then bar and price of the fill.
AFTER = (107.0, 107.5, 106.5, 107.0)
BUY_STOP_LIMIT: dict[str, tuple[Price4, Price4, tuple[int, float] | None]] = {
    "opens between": ((105.5, 108.0, 105.2, 107.0), AFTER, (1, 105.5)),
    "opens at the stop": ((105.0, 108.0, 104.0, 107.0), AFTER, (1, 105.0)),
    "opens at the limit": ((106.0, 108.0, 105.8, 107.0), AFTER, (1, 106.0)),
    "opens beyond, falls to the limit": ((108.0, 109.0, 105.0, 106.5), AFTER, (1, 106.0)),
    "rises to the stop": ((103.0, 105.0, 102.0, 104.0), AFTER, (1, 105.0)),
    "rises through both": ((103.0, 108.0, 102.0, 107.0), AFTER, (1, 105.0)),
    "stays below, then rises": (
        (103.0, 104.0, 102.0, 104.0), (104.0, 107.0, 103.0, 106.0), (2, 105.0),
    ),
    "stays below, then opens beyond": ((103.0, 104.0, 102.0, 104.0), AFTER, None),
    "armed, then stays above": ((108.0, 109.0, 107.0, 108.0), AFTER, None),
    "armed, then falls to the limit": (
        (108.0, 109.0, 107.0, 108.0), (107.0, 108.0, 105.0, 106.0), (2, 106.0),
    ),
    "armed, then opens below both": (
        (108.0, 109.0, 107.0, 108.0), (104.0, 105.0, 103.0, 104.0), (2, 104.0),
    ),
}  # fmt: skip


def order(kind: str, price: float, side: int, **more: Any) -> dict[str, Any]:
    """An order of the buyer, or of the seller who sees it upside down."""
    return {"type": kind, "price": f"{100.0 + side * (price - 100.0):g}", **more}


def market_of(side: int, *rows: Price4) -> list[Any]:
    """A bar that decides, these bars, and a quiet one; upside down for the seller."""
    bars = bars_of([(*FLAT, BUY), *rows, rows[-1]])
    return bars if side > 0 else turned(bars)


def seen(side: int, price: float) -> float:
    return 100.0 + side * (price - 100.0)


def entries(fills: list[Any], side: int) -> list[tuple[int, float]]:
    return [(fill.entry_bar, seen(side, fill.entry)) for fill in fills]


both_sides = pytest.mark.parametrize("side", [1, -1], ids=["buyer", "seller"])
both_books = pytest.mark.parametrize("book", RUNNERS)


@both_books
@both_sides
@pytest.mark.parametrize("limit_fill", [TOUCH, THROUGH, TOUCH_V0])
@pytest.mark.parametrize("line", BUY_LIMIT_AT_98)
def test_a_limit_fills_as_its_line_says(line: str, limit_fill: str, side: int, book: str) -> None:
    row, *prices = BUY_LIMIT_AT_98[line]
    expected = dict(zip((TOUCH, THROUGH, TOUCH_V0), prices, strict=True))[limit_fill]
    asked = document(order(LIMIT, 98.0, side, tif_bars=1))
    fills = RUNNERS[book](market_of(side, row), asked, limit_fill=limit_fill)
    assert entries(fills, side) == ([] if expected is None else [(1, expected)])


@both_books
@both_sides
@pytest.mark.parametrize("line", BUY_STOP_AT_105)
def test_a_stop_fills_as_its_line_says(line: str, side: int, book: str) -> None:
    row, expected = BUY_STOP_AT_105[line]
    asked = document(order(STOP, 105.0, side, tif_bars=1))
    fills = RUNNERS[book](market_of(side, row), asked)
    assert entries(fills, side) == ([] if expected is None else [(1, expected)])


@both_books
@both_sides
@pytest.mark.parametrize("line", BUY_STOP_LIMIT)
def test_a_stop_limit_fills_as_its_line_says(line: str, side: int, book: str) -> None:
    first, second, expected = BUY_STOP_LIMIT[line]
    stop = order("stop_limit", 105.0, side)
    # The limit lies one above the stop for a buyer, one below it for a seller.
    stop["limit_offset_bps"] = 1e4 / (105.0 if side > 0 else 95.0)
    bars = bars_of([(*FLAT, BUY), first, second])
    fills = RUNNERS[book](bars if side > 0 else turned(bars), document(stop))
    found = entries(fills, side)
    assert [bar for bar, _ in found] == ([] if expected is None else [expected[0]])
    assert [price for _, price in found] == pytest.approx(
        [] if expected is None else [expected[1]], rel=1e-12
    )


@both_books
@both_sides
@pytest.mark.parametrize(("market_fill", "expected"), [("open", 102.0), ("close", 103.0)])
def test_a_market_order_fills_at_the_open_or_the_close_of_its_bar(
    market_fill: str, expected: float, side: int, book: str
) -> None:
    bars = market_of(side, (102.0, 104.0, 101.0, 103.0), (105.0, 106.0, 104.0, 105.0))
    fills = RUNNERS[book](bars, document(), market_fill=market_fill)
    assert entries(fills, side) == [(1, expected)]


# A long position from an open of 100, and what the next bar makes of its stop at 95.
STOP_OF_A_LONG: dict[str, tuple[Price4, float | None]] = {
    "opens beyond": ((93.0, 96.0, 92.0, 95.5), 93.0),
    "whole bar beyond": ((93.0, 94.0, 90.0, 91.0), 93.0),
    "opens at it": ((95.0, 97.0, 94.0, 96.0), 95.0),
    "falls through": ((98.0, 99.0, 92.0, 97.0), 95.0),
    "falls to it exactly": ((98.0, 99.0, 95.0, 97.0), 95.0),
    "stays above": ((98.0, 99.0, 95.5, 97.0), None),
}
# The same with a target at 105.
TARGET_OF_A_LONG: dict[str, tuple[Price4, float | None, float | None, float | None]] = {
    #                                                          touch  through  touch_v0
    "opens beyond, comes back": ((107.0, 108.0, 103.0, 104.0), 107.0, 107.0, 105.0),
    "whole bar beyond": ((107.0, 108.0, 106.0, 107.0), 107.0, 107.0, None),
    "rises through": ((102.0, 107.0, 101.0, 103.0), 105.0, 105.0, 105.0),
    "rises to it exactly": ((102.0, 105.0, 101.0, 103.0), 105.0, None, 105.0),
    "opens at it, its high": ((105.0, 105.0, 103.0, 104.0), 105.0, None, 105.0),
    "stays below": ((102.0, 104.5, 101.0, 103.0), None, None, None),
}


@both_books
@both_sides
@pytest.mark.parametrize("line", STOP_OF_A_LONG)
def test_a_protective_stop_fills_as_its_line_says(line: str, side: int, book: str) -> None:
    row, expected = STOP_OF_A_LONG[line]
    asked = document(stop={"type": "price", "expr": f"{seen(side, 95.0):g}"})
    fills = RUNNERS[book](market_of(side, FLAT, row), asked)
    found = [(fill.exit_bar, seen(side, fill.exit), fill.reason) for fill in fills]
    assert found == [(3, row[3], "end_of_data") if expected is None else (2, expected, "stop")]


@both_books
@both_sides
@pytest.mark.parametrize("limit_fill", [TOUCH, THROUGH, TOUCH_V0])
@pytest.mark.parametrize("line", TARGET_OF_A_LONG)
def test_a_target_fills_as_its_line_says(line: str, limit_fill: str, side: int, book: str) -> None:
    row, *prices = TARGET_OF_A_LONG[line]
    expected = dict(zip((TOUCH, THROUGH, TOUCH_V0), prices, strict=True))[limit_fill]
    quiet = (103.0, 103.0, 103.0, 103.0)
    asked = document(take_profit={"type": "price", "expr": f"{seen(side, 105.0):g}"})
    bars = bars_of([(*FLAT, BUY), FLAT, row, quiet])
    fills = RUNNERS[book](bars if side > 0 else turned(bars), asked, limit_fill=limit_fill)
    found = [(fill.exit_bar, seen(side, fill.exit), fill.reason) for fill in fills]
    is_met = expected is not None
    assert found == [(2, expected, "take_profit") if is_met else (3, 103.0, "end_of_data")]


@both_books
@both_sides
def test_a_trailing_stop_rises_with_the_highs_before_and_never_falls(side: int, book: str) -> None:
    rows = [
        FLAT,  # Filled at 100: the level is 95.
        (100.0, 110.0, 96.0, 109.0),  # 96 is above 95; the level becomes 105 after this bar only.
        (108.0, 109.0, 106.0, 107.0),  # 109 is no new high: the level stays 105.
        (107.0, 108.0, 104.0, 107.0),  # Filled at 105.
        (107.0, 120.0, 90.0, 100.0),
    ]
    asked = document(trailing={"type": "pct", "value": 5})
    fills = RUNNERS[book](market_of(side, *rows), asked)
    found = [(fill.exit_bar, seen(side, fill.exit), fill.reason) for fill in fills]
    assert found == [(4, 105.0, "trailing")]


@both_books
@both_sides
@pytest.mark.parametrize("stop_pct", [3.0, 8.0])
def test_of_a_stop_and_a_trailing_stop_the_nearer_one_is_met_and_named(
    stop_pct: float, side: int, book: str
) -> None:
    asked = document(stop={"type": "pct", "value": stop_pct}, trailing={"type": "pct", "value": 5})
    fills = RUNNERS[book](market_of(side, FLAT, (99.0, 99.0, 90.0, 91.0)), asked)
    found = [(fill.exit_bar, seen(side, fill.exit), fill.reason) for fill in fills]
    assert found == [(2, 97.0, "stop") if stop_pct == 3.0 else (2, 95.0, "trailing")]


@both_books
@both_sides
@pytest.mark.parametrize(
    ("tif_bars", "expected"), [(1, []), (2, []), (3, [(3, 98.0)]), (None, [(3, 98.0)])]
)
def test_an_order_lives_for_its_bars_and_no_longer(
    tif_bars: int | None, expected: list[tuple[int, float]], side: int, book: str
) -> None:
    lasting = {} if tif_bars is None else {"tif_bars": tif_bars}
    bars = market_of(side, FLAT, FLAT, (99.0, 99.5, 97.0, 98.0))
    fills = RUNNERS[book](bars, document(order(LIMIT, 98.0, side, **lasting)))
    assert entries(fills, side) == expected


@both_books
@both_sides
@pytest.mark.parametrize("asked_for", [SELL, CLOSE, QUIET])
def test_an_order_is_cancelled_when_the_opposite_fires_or_everything_closes(
    asked_for: float, side: int, book: str
) -> None:
    falling = (99.0, 99.5, 97.0, 98.0)
    bars = bars_of([(*FLAT, BUY), (*FLAT, asked_for), falling, falling])
    # What opposes waits at a level that is never met.
    far = order(LIMIT, 180.0, side)
    near = order(LIMIT, 98.0, side)
    asked = document(near, far) if side > 0 else document(far, near)
    fills = RUNNERS[book](bars if side > 0 else turned(bars), asked)
    assert entries(fills, side) == ([(2, 98.0)] if asked_for == QUIET else [])
