"""What the numbers of a document may be, beside those that stand in rule text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from simcore.problems import Hint
from simcore.strategy.document import (
    AtrStop,
    BpsStop,
    FixedNotional,
    FixedQty,
    Param,
    Part,
    PctEquity,
    PctStop,
    Risk,
    RiskPct,
    StopOrder,
    StrategyDocument,
)
from simcore.strategy.functions import Range, functions, number_text
from simcore.strategy.problems import Findings, replaced

SERIES_MAX_BARS: Final = 5_000_000
_AMOUNT_MAX: Final = 1e15

_RANGES: Final[dict[type[Part], tuple[Range, ...]]] = {
    StopOrder: (
        Range("offset_bps", "bps", 0, 10_000),
        Range("tif_bars", "bars", 1, SERIES_MAX_BARS, is_integer=True),
    ),
    PctEquity: (Range("value", "percent of equity", 0, 100, is_min_open=True),),
    RiskPct: (Range("value", "percent of equity", 0, 10, is_min_open=True),),
    FixedQty: (Range("qty", "", 0, _AMOUNT_MAX, is_min_open=True),),
    FixedNotional: (Range("notional", "", 0, _AMOUNT_MAX, is_min_open=True),),
    PctStop: (Range("value", "percent", 0, 100, is_min_open=True),),
    BpsStop: (Range("value", "bps", 0, 10_000, is_min_open=True),),
    AtrStop: (Range("mult", "", 0, 1_000, is_min_open=True),),
    Risk: (
        Range("max_holding_bars", "bars", 1, SERIES_MAX_BARS, is_integer=True),
        Range("cooldown_bars", "bars", 1, SERIES_MAX_BARS, is_integer=True),
        Range("max_leverage", "", 0, 100, is_min_open=True),
        Range("max_daily_loss_pct", "percent", 0, 100, is_min_open=True),
    ),
}


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
                _add(findings, reason, row.message(value), place, row.nearest(value))


def _parts(model: StrategyDocument) -> Iterator[tuple[str, Part, tuple[Range, ...]]]:
    for index, rule in enumerate(model.rules):
        if isinstance(rule.order, StopOrder):
            yield f"/rules/{index}/order", rule.order, _RANGES[StopOrder]
    risk = model.risk
    if risk is None:
        return
    yield "/risk", risk, _RANGES[Risk]
    if isinstance(risk.sizing, PctEquity):
        (row,) = _RANGES[PctEquity]
        leverage = max(risk.max_leverage, 0.0)
        yield "/risk/sizing", risk.sizing, (replace(row, maximum=100 * leverage),)
    elif risk.sizing is not None:
        yield "/risk/sizing", risk.sizing, _RANGES.get(type(risk.sizing), ())
    if isinstance(risk.stop, AtrStop):
        period = replace(functions()["atr"].constants[0], name="n")
        yield "/risk/stop", risk.stop, (period, *_RANGES[AtrStop])
    elif risk.stop is not None:
        yield "/risk/stop", risk.stop, _RANGES.get(type(risk.stop), ())


def _check_param(path: str, param: Param, findings: Findings) -> None:
    low, high = param.min, param.max
    if low is not None and high is not None and low > high:
        message = f"got {number_text(high)}, expected at least the minimum, {number_text(low)}"
        _add(findings, "PARAM_DOMAIN", message, f"{path}/max", low)
        return
    if param.step is not None and param.step <= 0:
        message = f"got {number_text(param.step)}, expected above 0"
        _add(findings, "PARAM_DOMAIN", message, f"{path}/step", None)
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


def _add(findings: Findings, reason: str, message: str, path: str, legal: float | None) -> None:
    if legal is None:
        findings.add(reason, message, path)
        return
    number = int(legal) if legal.is_integer() and abs(legal) < 2**53 else legal
    hint = Hint(f"the nearest legal value is {number_text(legal)}", replaced(path, number))
    findings.add(reason, message, path, None, hint)
