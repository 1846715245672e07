"""What the numbers of a document may be, beside those that stand in rule text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from simcore.problems import Hint
from simcore.strategy.document import (
    AtrStop,
    BpsStop,
    Exit,
    FixedNotional,
    FixedQty,
    LimitOrder,
    Param,
    Part,
    PctEquity,
    PctStop,
    Risk,
    RiskPct,
    StopLimitOrder,
    StopOrder,
    StrategyDocument,
    VolTarget,
)
from simcore.strategy.functions import Range, functions, number_text
from simcore.strategy.problems import Findings, replaced

SERIES_MAX_BARS: Final = 5_000_000
_AMOUNT_MAX: Final = 1e15

_ORDER: Final = (
    Range("offset_bps", "bps", 0, 10_000),
    Range("tif_bars", "bars", 1, SERIES_MAX_BARS, is_integer=True),
)

RANGES: Final[dict[type[Part], tuple[Range, ...]]] = {
    LimitOrder: _ORDER,
    StopOrder: _ORDER,
    StopLimitOrder: (*_ORDER, Range("limit_offset_bps", "bps", 0, 10_000)),
    PctEquity: (Range("value", "percent of equity", 0, 100, is_min_open=True),),
    RiskPct: (Range("value", "percent of equity", 0, 10, is_min_open=True),),
    FixedQty: (Range("qty", "", 0, _AMOUNT_MAX, is_min_open=True),),
    FixedNotional: (Range("notional", "", 0, _AMOUNT_MAX, is_min_open=True),),
    VolTarget: (
        Range("annual_vol", "a year", 0, 10, is_min_open=True),
        Range("n", "bars", 2, 5000, is_integer=True),
    ),
    PctStop: (Range("value", "percent", 0, 100, is_min_open=True),),
    BpsStop: (Range("value", "bps", 0, 10_000, is_min_open=True),),
    AtrStop: (Range("mult", "", 0, 1_000, is_min_open=True),),
    Risk: (
        Range("max_holding_bars", "bars", 1, SERIES_MAX_BARS, is_integer=True),
        Range("cooldown_bars", "bars", 1, SERIES_MAX_BARS, is_integer=True),
        Range("max_leverage", "", 0, 100, is_min_open=True),
        Range("max_adds", "", 0, 1_000, is_integer=True),
        Range("max_daily_loss_pct", "percent", 0, 100, is_min_open=True),
    ),
}
"""What the numbers of each part may be, beside what depends on another number."""

# A minimum that is itself refused leaves no nearest value; these are written in its place.
_READY: Final = {
    "value": 1.0,
    "qty": 1.0,
    "notional": 1_000.0,
    "annual_vol": 0.2,
    "mult": 3.0,
    "max_leverage": 1.0,
    "max_daily_loss_pct": 5.0,
}
_MEASURED: Final = ("stop", "take_profit", "trailing")


def check_ranges(model: StrategyDocument, findings: Findings) -> None:
    """Note every number of the document that is out of its range."""
    for name, param in model.params.items():
        _check_param(f"/params/{name}", param, findings)
    for path, part, rows in _parts(model):
        for row in rows:
            value = getattr(part, row.name)
            reason = None if value is None else row.fault(value)
            if reason is not None:
                place = f"{path}/{row.name}"
                legal = row.nearest(value)
                ready = _READY.get(row.name) if legal is None else legal
                _add(findings, reason, row.message(value), place, ready, is_near=legal is not None)


def _parts(model: StrategyDocument) -> Iterator[tuple[str, Part, tuple[Range, ...]]]:
    for index, rule in enumerate(model.rules):
        if rule.order is not None:
            yield f"/rules/{index}/order", rule.order, RANGES.get(type(rule.order), ())
    risk = model.risk
    if risk is None:
        return
    yield "/risk", risk, RANGES[Risk]
    if isinstance(risk.sizing, PctEquity):
        (row,) = RANGES[PctEquity]
        # A leverage that is itself refused bounds nothing.
        leverage = risk.max_leverage if risk.max_leverage > 0 else 1.0
        yield "/risk/sizing", risk.sizing, (replace(row, maximum=100 * leverage),)
    elif risk.sizing is not None:
        yield "/risk/sizing", risk.sizing, RANGES[type(risk.sizing)]
    for name in _MEASURED:
        exit_: Exit | None = getattr(risk, name)
        if exit_ is not None:
            yield f"/risk/{name}", exit_, _exit_ranges(exit_)


def _exit_ranges(exit_: Exit) -> tuple[Range, ...]:
    rows = RANGES.get(type(exit_), ())
    if not isinstance(exit_, AtrStop):
        return rows
    return (replace(functions()["atr"].constants[0], name="n"), *rows)


def _check_param(path: str, param: Param, findings: Findings) -> None:
    low, high = param.min, param.max
    if low is not None and high is not None and low > high:
        message = f"got {number_text(high)}, expected at least the minimum, {number_text(low)}"
        _add(findings, "PARAM_DOMAIN", message, f"{path}/max", low)
        return
    if param.step is not None and param.step <= 0:
        message = f"got {number_text(param.step)}, expected above 0"
        _add(findings, "PARAM_DOMAIN", message, f"{path}/step", 1.0, is_near=False)
    inside = param.value if low is None else max(param.value, low)
    inside = inside if high is None else min(inside, high)
    if inside != param.value:
        least = "any" if low is None else number_text(low)
        most = "any" if high is None else number_text(high)
        message = f"got {number_text(param.value)}, expected {least} to {most}"
        _add(findings, "PARAM_DOMAIN", message, f"{path}/value", inside)
    if param.is_integer:
        for field in ("value", "min", "max", "step"):
            value = getattr(param, field)
            if value is not None and not value.is_integer():
                message = f"got {number_text(value)}, expected a whole number for type int"
                _add(findings, "NOT_INTEGER", message, f"{path}/{field}", float(round(value)))


def _add(
    findings: Findings,
    reason: str,
    message: str,
    path: str,
    legal: float | None,
    *,
    is_near: bool = True,
) -> None:
    """Note a problem, with the hint to write a legal value: the nearest one, or just one."""
    if legal is None:
        findings.add(reason, message, path)
        return
    number = int(legal) if legal.is_integer() and abs(legal) < 2**53 else legal
    text = "the nearest legal value is" if is_near else "write, for example,"
    hint = Hint(f"{text} {number_text(legal)}", replaced(path, number))
    findings.add(reason, message, path, None, hint)
