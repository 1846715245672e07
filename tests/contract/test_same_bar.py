"""What happens first where one bar allows more than one event: the rules, line by line.

Every line is stated for a long position and holds for a short one upside down, around 100.
Expectations are typed from the rules: exit price and reason by belief, `None` where the position
lives on.
"""

from __future__ import annotations

from typing import Any

import pytest
from execution_cases import (
    BARS_PER_YEAR,
    BUY,
    CASH,
    CLOSE,
    FREE,
    QUIET,
    RUNNERS,
    SELL,
    Price4,
    bars_of,
    document,
    turned,
)
from execution_draws import frame

import simcore
from simcore import engine
from simcore.backtests.request import execution_json
from simcore.backtests.run import flag_names
from simcore.bars import columns

FLAT = (100.0, 100.0, 100.0, 100.0)
AFTER = (100.0, 100.0, 100.0, 100.0)
PESSIMISTIC, OPTIMISTIC = "pessimistic", "optimistic"
# Path is asked three times: the high came first, the low came first, and nobody knows.
BELIEFS = {
    "pessimistic": (PESSIMISTIC, 1),
    "optimistic": (OPTIMISTIC, -1),
    "path, high first": ("path", 1),
    "path, low first": ("path", -1),
    "path, unknown": ("path", 0),
}
Ends = tuple[float, str] | None
STOP, TARGET = (95.0, "stop"), (105.0, "take_profit")

# Bought at 100 a bar before; stop at 95, target at 105. In the order of BELIEFS.
HELD: dict[str, tuple[Price4, tuple[Ends, Ends, Ends, Ends, Ends]]] = {
    "both are touched": ((100.0, 106.0, 94.0, 99.0), (STOP, TARGET, TARGET, STOP, STOP)),
    "both, closing above the target": (
        (100.0, 107.0, 94.0, 106.0), (STOP, TARGET, TARGET, STOP, STOP),
    ),
    "the target was gapped at the open": (
        (108.0, 109.0, 94.0, 95.0), ((108.0, "take_profit"),) * 5,
    ),
    "the stop was gapped at the open": ((93.0, 106.0, 92.0, 105.0), ((93.0, "stop"),) * 5),
    "only the stop": ((100.0, 104.0, 94.0, 99.0), (STOP,) * 5),
    "only the target": ((100.0, 106.0, 96.0, 99.0), (TARGET,) * 5),
    "neither": ((100.0, 104.0, 96.0, 99.0), (None,) * 5),
}  # fmt: skip
# Bought at the open of 100 of the very bar.
AT_THE_OPEN: dict[str, tuple[Price4, tuple[Ends, Ends, Ends, Ends, Ends]]] = {
    "both are touched": ((100.0, 106.0, 94.0, 99.0), (STOP, TARGET, TARGET, STOP, STOP)),
    "only the stop": ((100.0, 104.0, 94.0, 99.0), (STOP,) * 5),
    "only the target": ((100.0, 106.0, 96.0, 99.0), (TARGET,) * 5),
}
# Bought by a limit at 98, below the open; stop at 95, target at 105.
BY_LIMIT: dict[str, tuple[Price4, tuple[Ends, Ends, Ends, Ends, Ends]]] = {
    "the stop is certain": ((100.0, 101.0, 94.0, 99.0), (STOP,) * 5),
    "the target counts if the close is beyond": ((100.0, 107.0, 97.0, 106.0), (TARGET,) * 5),
    "the target counts if the close is there": ((100.0, 107.0, 97.0, 105.0), (TARGET,) * 5),
    "else it may have come before": (
        (100.0, 106.0, 97.0, 99.0), (None, TARGET, None, TARGET, None),
    ),
    "both: the way down passes the stop": ((100.0, 106.0, 94.0, 99.0), (STOP,) * 5),
}  # fmt: skip
# Bought by a stop at 102, above the open; stop at 95, target at 105.
BY_STOP: dict[str, tuple[Price4, tuple[Ends, Ends, Ends, Ends, Ends]]] = {
    "the target is certain": ((100.0, 106.0, 99.0, 101.0), (TARGET,) * 5),
    "the stop is certain if the close is beyond": ((100.0, 103.0, 93.0, 94.0), (STOP,) * 5),
    "the stop is certain if the close is there": ((100.0, 103.0, 93.0, 95.0), (STOP,) * 5),
    "else it may have come before": (
        (100.0, 103.0, 94.0, 99.0), (STOP, None, STOP, None, STOP),
    ),
    "both are touched": ((100.0, 106.0, 94.0, 99.0), (STOP, TARGET, TARGET, TARGET, STOP)),
}  # fmt: skip
AMBIGUOUS = {
    ("held", "both are touched"), ("held", "both, closing above the target"),
    ("at the open", "both are touched"), ("by limit", "else it may have come before"),
    ("by stop", "else it may have come before"), ("by stop", "both are touched"),
}  # fmt: skip
TABLES = {"held": HELD, "at the open": AT_THE_OPEN, "by limit": BY_LIMIT, "by stop": BY_STOP}
LINES = [(table, line) for table, lines in TABLES.items() for line in lines]


def seen(side: int, price: float) -> float:
    return 100.0 + side * (price - 100.0)


def asked(table: str, side: int) -> dict[str, Any]:
    """The document of one table: how it enters, and levels at 95 and 105."""
    levels = {
        name: {"type": "price", "expr": f"{seen(side, price):g}"}
        for name, price in (("stop", 95.0), ("take_profit", 105.0))
    }
    entry = {"by limit": ("limit", 98.0), "by stop": ("stop", 102.0)}.get(table)
    if entry is None:
        return document(**levels)
    return document({"type": entry[0], "price": f"{seen(side, entry[1]):g}"}, **levels)


def market_of(table: str, row: Price4, side: int, hl_order: int) -> list[Any]:
    rows = [FLAT, row] if table == "held" else [row]
    bars = bars_of([(*FLAT, BUY), *rows, AFTER])
    bars[-2] = bars[-2]._replace(hl_order=hl_order)
    return bars if side > 0 else turned(bars)


both_sides = pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])


@pytest.mark.parametrize("book", RUNNERS)
@both_sides
@pytest.mark.parametrize("belief", BELIEFS)
@pytest.mark.parametrize(("table", "line"), LINES)
def test_a_bar_of_many_events_ends_as_its_line_says(
    table: str, line: str, belief: str, side: int, book: str
) -> None:
    row, outcomes = TABLES[table][line]
    expected = dict(zip(BELIEFS, outcomes, strict=True))[belief]
    intrabar, hl_order = BELIEFS[belief]
    bars = market_of(table, row, side, hl_order)
    fills = RUNNERS[book](bars, asked(table, side), intrabar=intrabar)
    last = len(bars) - 1
    found = [(fill.exit_bar, seen(side, fill.exit), fill.reason) for fill in fills]
    # What lives on is closed after the last bar.
    assert found == [(last, 100.0, "end_of_data") if expected is None else (last - 1, *expected)]


def run(bars: list[Any], document: dict[str, Any]) -> engine.RunColumns:
    return engine.backtest(
        (simcore.compile_strategy(document).program_json,),
        execution_json({"base": "honest_v1", **FREE}),
        (columns(frame(bars)),),
        ((0, 0),),
        initial_cash=CASH,
        bars_per_year=(BARS_PER_YEAR,),
    )[0]


@both_sides
@pytest.mark.parametrize(("table", "line"), LINES)
def test_ambiguous_bars_are_counted_and_no_others(table: str, line: str, side: int) -> None:
    row, _ = TABLES[table][line]
    made = run(market_of(table, row, side, 0), asked(table, side))
    is_ambiguous = (table, line) in AMBIGUOUS
    assert dict(made["events"]).get("AMBIGUOUS", 0) == is_ambiguous
    assert made["trades"]["ambiguous"].tolist() == [is_ambiguous]


@both_sides
def test_the_ambiguity_gap_is_what_the_better_belief_is_worth(side: int) -> None:
    row = (100.0, 106.0, 94.0, 99.0)
    made = run(market_of("held", row, side, 0), asked("held", side))
    # Ten units between stop and target, of 10,000.
    assert made["ambiguity_gap"] == pytest.approx(0.1, rel=1e-9)
    assert "BAR_RESOLUTION_TOO_COARSE" in flag_names(made["flags"])
    sure = run(market_of("held", FLAT, side, 0), asked("held", side))
    assert sure["ambiguity_gap"] == 0.0
    assert "BAR_RESOLUTION_TOO_COARSE" not in flag_names(sure["flags"])


@pytest.mark.parametrize("book", RUNNERS)
@both_sides
@pytest.mark.parametrize(
    ("market_fill", "expected"), [("open", [(1, 2), (2, 3)]), ("close", [(1, 2), (2, 3)])]
)
def test_of_an_exit_and_an_entry_of_one_bar_the_exit_is_first(
    market_fill: str, expected: list[tuple[int, int]], side: int, book: str
) -> None:
    bars = bars_of([(*FLAT, BUY), (*FLAT, SELL), FLAT, FLAT])
    risk = {"on_opposite": "reverse"}
    fills = RUNNERS[book](
        bars if side > 0 else turned(bars), document(**risk), market_fill=market_fill
    )
    assert [(fill.entry_bar, fill.exit_bar) for fill in fills] == expected
    assert fills[0].reason == "opposite"


@pytest.mark.parametrize("book", RUNNERS)
@both_sides
def test_what_protects_ends_with_what_it_protected(side: int, book: str) -> None:
    """The stop is gone once the target is met: the fall after it sells nothing."""
    bars = bars_of(
        [(*FLAT, BUY), FLAT, (100.0, 106.0, 99.0, 104.0), (96.0, 97.0, 90.0, 91.0), FLAT]
    )
    fills = RUNNERS[book](bars if side > 0 else turned(bars), asked("held", side))
    assert [(fill.exit_bar, fill.reason) for fill in fills] == [(2, "take_profit")]


@pytest.mark.parametrize("book", RUNNERS)
@pytest.mark.parametrize("kind", ["limit", "stop", "stop_limit"])
@pytest.mark.parametrize("asked_for", [QUIET, CLOSE])
def test_no_order_is_met_in_the_bar_whose_close_made_it(
    asked_for: float, kind: str, book: str
) -> None:
    """The bar that decides meets every level by its own range; the next one meets none."""
    order: dict[str, Any] = {"type": kind, "price": "97" if kind == "limit" else "103"}
    if kind == "stop_limit":
        order["limit_offset_bps"] = 10
    wide = (100.0, 110.0, 90.0, 100.0)
    bars = bars_of([(*wide, BUY), (*FLAT, asked_for), (98.0, 98.0, 98.0, 98.0)])
    assert RUNNERS[book](bars, document(order)) == []
