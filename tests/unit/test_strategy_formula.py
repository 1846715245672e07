"""One expression of the strategy language over bars."""

from __future__ import annotations

import polars as pl
import pytest

from simcore.errors import SpecError
from simcore.strategy.formula import indicator

HOUR_NS = 3_600_000_000_000


def bars(close: list[float], **more: list[int]) -> pl.DataFrame:
    n_bars = len(close)
    return pl.DataFrame(
        {
            "ts": [index * HOUR_NS for index in range(n_bars)],
            "open": close,
            "high": [price + 1 for price in close],
            "low": [price - 1 for price in close],
            "close": close,
            "volume": [1.0] * n_bars,
            **more,
        }
    )


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("close", [4.0, 8.0, 6.0, 2.0]),
        ("close[1]", [None, 4.0, 8.0, 6.0]),
        ("ma(close, 2)", [None, 6.0, 7.0, 4.0]),
        ("ma(2)", [None, 6.0, 7.0, 4.0]),
        ("high - low", [2.0, 2.0, 2.0, 2.0]),
        ("8 / (close - 4)", [None, 2.0, 4.0, -4.0]),
        ("-close * 2 + 1", [-7.0, -15.0, -11.0, -3.0]),
        ("ma(close[1], 2)", [None, None, 6.0, 7.0]),
        ("3", [3.0, 3.0, 3.0, 3.0]),
        ("shift(close, 1)", [None, 4.0, 8.0, 6.0]),
        ("hl2 + hour", [4.0, 9.0, 8.0, 5.0]),
        ("weekday", [3.0, 3.0, 3.0, 3.0]),
        ("sqrt(close - 4)", [0.0, 2.0, 2.0**0.5, None]),
        ("log(close - 4)", [None, 1.3862943611198906, 0.6931471805599453, None]),
        ("min(close, 5) + abs(-1)", [5.0, 6.0, 6.0, 3.0]),
        ("bbands(close, 2, 1).upper[1]", [None, None, 8.0, 8.0]),
        ("barssince(close > 5)", [None, 0.0, 0.0, 1.0]),
        ("obv()", [1.0, 2.0, 1.0, 0.0]),
    ],
)
def test_an_expression_gives_one_value_a_bar_and_null_while_unknown(
    expression: str, expected: list[float | None]
) -> None:
    found = indicator(expression, bars([4.0, 8.0, 6.0, 2.0]))
    assert found.name == expression
    assert found.dtype == pl.Float64
    assert found.to_list() == expected


@pytest.mark.parametrize(
    ("expression", "code", "reason", "span"),
    [
        ("close > 1", "DSL_STATIC_FAIL", "TYPE_MISMATCH", (0, 9)),
        ("close[-1]", "DSL_STATIC_FAIL", "LOOKAHEAD", (6, 8)),
        ("lead(close)", "DSL_UNSUPPORTED_FUN", "FUTURE_FUNCTION", (0, 4)),
        ("rsi(close, 1)", "DSL_PARAM_OUT_OF_RANGE", "ARG_DOMAIN", (11, 12)),
        ("bbands(close, 2, 1)", "DSL_STATIC_FAIL", "TYPE_MISMATCH", (0, 19)),
        ("bbands(2, 1).top", "DSL_UNSUPPORTED_FUN", "UNKNOWN_OUTPUT", (13, 16)),
        ("rsi(14).k", "DSL_UNSUPPORTED_FUN", "UNKNOWN_OUTPUT", (8, 9)),
        ("shift(close, -2)", "DSL_STATIC_FAIL", "LOOKAHEAD", (13, 15)),
        ("shift(close, 2.5)", "DSL_PARAM_OUT_OF_RANGE", "NOT_INTEGER", (13, 16)),
        ("log(1 - 1)", "DSL_PARAM_OUT_OF_RANGE", "ARG_DOMAIN", (4, 9)),
        ("barssince(close)", "DSL_STATIC_FAIL", "TYPE_MISMATCH", (10, 15)),
        ("ma(close > 1, 2)", "DSL_STATIC_FAIL", "TYPE_MISMATCH", (3, 12)),
        ("abs()", "DSL_STATIC_FAIL", "ARITY", (0, 5)),
        ("rsi(close", "DSL_PARSE_ERROR", "UNBALANCED_PAREN", (9, 9)),
    ],
)
def test_what_is_no_number_of_the_past_is_refused(
    expression: str, code: str, reason: str, span: tuple[int, int]
) -> None:
    with pytest.raises(SpecError) as refusal:
        indicator(expression, bars([4.0, 8.0]))
    (problem,) = refusal.value.problems
    assert (problem.code, problem.reason, problem.span) == (code, reason, span)


def test_bars_of_two_paths_are_refused() -> None:
    with pytest.raises(SpecError) as refusal:
        indicator("close", bars([4.0, 8.0], path=[0, 1]))
    assert refusal.value.code == "MULTIPLE_PATHS"


@pytest.mark.parametrize("name", ["position", "entry_price", "bars_in_trade"])
def test_what_the_account_holds_is_said_to_be_no_column(name: str) -> None:
    with pytest.raises(SpecError) as refusal:
        indicator(f"{name} + 1", bars([1.0, 2.0]))
    (problem,) = refusal.value.problems
    assert problem.reason == "UNKNOWN_NAME"
    assert problem.message == f"`{name}` is of the account, which only a run has; expected a series"
    assert problem.hints
