"""The fifty cases that settle what a check of a strategy says: code, reason, path and span."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from simcore.strategy.check import check_strategy

BASE: dict[str, Any] = {
    "version": "0.1.0",
    "id": "ma_cross",
    "name": "Crossover",
    "timeframe": "1h",
    "rules": [
        {"if": "crossover(ma(close, fast), ma(close, slow))", "then": "buy"},
        {"if": "crossunder(ma(close, fast), ma(close, slow))", "then": "close"},
    ],
    "params": {"fast": 10, "slow": 30},
    "risk": {
        "sizing": {"type": "risk_pct", "value": 0.5},
        "stop": {"type": "atr", "n": 14, "mult": 3},
    },
    "metadata": {},
}

SCHEMA, PARSE, FUN = "DSL_SCHEMA_INVALID", "DSL_PARSE_ERROR", "DSL_UNSUPPORTED_FUN"
RANGE, STATIC = "DSL_PARAM_OUT_OF_RANGE", "DSL_STATIC_FAIL"
IF = "/rules/0/if"
LONG = "close > 1 and " * 200 + "close > 1"

Told = tuple[str, str, str, tuple[int, int] | None]


def changed(path: str, value: Any) -> dict[str, Any]:
    """The base with another value at a pointer; `...` takes away what is there."""
    document = copy.deepcopy(BASE)
    place: Any = document
    *above, last = path.split("/")[1:]
    for part in above:
        place = place[int(part)] if isinstance(place, list) else place[part]
    key: Any = int(last) if isinstance(place, list) else last
    if value is ...:
        del place[key]
    else:
        place[key] = value
    return document


def told(document: Any, n_bars: int | None = None) -> list[Told]:
    found = check_strategy(document, n_bars=n_bars)
    return [
        (each.code, each.reason, each.path, each.span) for each in found if each.severity == "error"
    ]


FIELDS: list[tuple[int, str, Any, str, str, str]] = [
    (1, "/id", ..., SCHEMA, "MISSING_FIELD", "/id"),
    (2, "/timeframe", ..., SCHEMA, "MISSING_FIELD", "/timeframe"),
    (3, "/timeframe", "2h", SCHEMA, "BAD_ENUM", "/timeframe"),
    (4, "/foo", 1, SCHEMA, "UNKNOWN_FIELD", "/foo"),
    (5, "/rules", [], SCHEMA, "EMPTY_RULES", "/rules"),
    (6, "/rules/0/then", "short", SCHEMA, "BAD_ENUM", "/rules/0/then"),
    (7, "/rules/0/if", 5, SCHEMA, "WRONG_TYPE", "/rules/0/if"),
    (8, "/params/fast", "10", SCHEMA, "WRONG_TYPE", "/params/fast"),
    (9, "/version", "1.0.0", SCHEMA, "VERSION_UNSUPPORTED", "/version"),
    (10, "/id", "MA Cross!", SCHEMA, "BAD_ID", "/id"),
    (43, "/params/fast", {"value": 5, "min": 10, "max": 50}, RANGE, "PARAM_DOMAIN",
     "/params/fast/value"),
    (44, "/risk/cooldown_bars", 0, RANGE, "ARG_DOMAIN", "/risk/cooldown_bars"),
    (47, "/risk", ..., STATIC, "RISK_UNBOUNDED", "/risk"),
    (48, "/rules/1", ..., STATIC, "NO_EXIT", "/rules"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("number", "path", "value", "code", "reason", "place"), FIELDS, ids=[str(f[0]) for f in FIELDS]
)
def test_a_document_with_one_field_changed_is_refused_there(
    number: int, path: str, value: Any, code: str, reason: str, place: str
) -> None:
    assert told(changed(path, value)) == [(code, reason, place, None)], number


@pytest.mark.parametrize(
    ("number", "before", "after", "reason", "place"),
    [
        (11, '"fast": 10', '"fast": 10, "fast": 11', "DUPLICATE_KEY", "/params/fast"),
        (12, '"fast": 10', '"fast": NaN', "NOT_JSON", "/params/fast"),
    ],
)
def test_a_text_that_is_no_document_is_refused_where_it_ceases_to_be_one(
    number: int, before: str, after: str, reason: str, place: str
) -> None:
    text = json.dumps(BASE).replace(before, after)
    assert told(text) == [(SCHEMA, reason, place, None)], number
    (problem,) = check_strategy(text)
    # The second of two keys, or the word that is no number.
    last = after.rindex('"fast"') if reason == "DUPLICATE_KEY" else after.index("NaN")
    assert (problem.line, problem.col) == (1, text.index(after) + last + 1)


# The marks stand around the expected span and are no part of the text.
TEXTS: list[tuple[int, str, str, str]] = [
    (13, "«»", PARSE, "EMPTY_EXPR"),
    (14, "crossover(ma(close, fast), ma(close, slow)«»", PARSE, "UNBALANCED_PAREN"),
    (15, "20 < rsi(close, 14) «<» 80", PARSE, "CHAINED_COMPARISON"),
    (16, "close > open «&»& close > 1", PARSE, "ILLEGAL_CHAR"),
    (17, "not«»", PARSE, "UNEXPECTED_END"),
    (18, "rsi(close, 14) < «30.5.1»", PARSE, "BAD_NUMBER"),
    (19, "close «open» > 1", PARSE, "UNEXPECTED_TOKEN"),
    (20, "close > «'»a'", PARSE, "ILLEGAL_CHAR"),
    (21, "(" * 64 + "«(»" + "close > 1" + ")" * 65, PARSE, "TOO_DEEP"),
    (22, LONG[:2048] + "«" + LONG[2048:] + "»", PARSE, "TOO_LONG"),
    (23, "«vwapz»(close, 20) > 1", FUN, "UNKNOWN_FUNCTION"),
    (24, "«lead»(close, 1) > close", FUN, "FUTURE_FUNCTION"),
    (25, "«RSI»(close, 14) < 30", FUN, "UNKNOWN_FUNCTION"),
    (26, "bbands(close, 20, 2).«top» < close", FUN, "UNKNOWN_OUTPUT"),
    (27, "«close»(3) > 1", FUN, "NOT_CALLABLE"),
    (28, "«ma(close, 20)»", STATIC, "TYPE_MISMATCH"),
    (29, "rsi(close, 14) + «(close > open)» > 1", STATIC, "TYPE_MISMATCH"),
    (30, "not «close»", STATIC, "TYPE_MISMATCH"),
    (31, "«ma(close, 10)» and close > open", STATIC, "TYPE_MISMATCH"),
    (32, "«crossover(ma(close, 10))»", STATIC, "ARITY"),
    (33, "«ma(close, 10, 3)» > close", STATIC, "ARITY"),
    (34, "ma(close, «close») > close", STATIC, "NON_CONST_ARG"),
    (35, "«clsoe» > ma(close, 10)", STATIC, "UNKNOWN_NAME"),
    (36, "close[«-1»] > close", STATIC, "LOOKAHEAD"),
    (37, "shift(close, «-2») > close", STATIC, "LOOKAHEAD"),
    (38, "ma(close[«off»], 10) > close", STATIC, "LOOKAHEAD"),
    (39, "shift(close, «1 - 3») > close", STATIC, "LOOKAHEAD"),
    (40, "ma(close, «0») > close", RANGE, "ARG_DOMAIN"),
    (41, "rsi(close, «14.5») < 30", RANGE, "NOT_INTEGER"),
    (42, "bbands(close, 20, «-2»).upper < close", RANGE, "ARG_DOMAIN"),
    (49, "«rsi(close, 14) > 100»", STATIC, "DEAD_RULE"),
]


@pytest.mark.parametrize(
    ("number", "text", "code", "reason"), TEXTS, ids=[str(case[0]) for case in TEXTS]
)
def test_a_text_with_one_fault_is_refused_at_that_place(
    number: int, text: str, code: str, reason: str
) -> None:
    start, end = text.index("«"), text.index("»") - 1
    document = changed(IF, text.replace("«", "").replace("»", ""))
    document["params"]["off"] = -1
    assert told(document) == [(code, reason, IF, (start, end))], number


@pytest.mark.parametrize(
    ("number", "buy", "sell"),
    [
        (45, BASE["rules"][0]["if"], BASE["rules"][0]["if"]),
        (46, "rsi(close, 14) < 30", "rsi(close, 14) < 20"),
    ],
)
def test_rules_that_contradict_each_other_are_refused_at_the_later_one(
    number: int, buy: str, sell: str
) -> None:
    document = copy.deepcopy(BASE)
    document["rules"] = [{"if": buy, "then": "buy"}, {"if": sell, "then": "sell"}]
    assert told(document) == [(STATIC, "CONTRADICTION", "/rules/1/if", (0, len(sell)))], number


def test_a_window_that_does_not_fit_the_series_is_refused_in_each_text_that_has_it() -> None:
    document = changed("/params/slow", 200)
    assert told(document, n_bars=202) == []
    assert told(document, n_bars=150) == [
        (STATIC, "WINDOW_EXCEEDS_SERIES", path, (0, len(rule["if"])))
        for path, rule in zip((IF, "/rules/1/if"), BASE["rules"], strict=True)
    ]


def test_the_cases_are_fifty() -> None:
    numbers = [*(f[0] for f in FIELDS), *(t[0] for t in TEXTS), 11, 12, 45, 46, 50]
    assert sorted(numbers) == list(range(1, 51))
    assert told(copy.deepcopy(BASE)) == []


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("RSI(close, 14) < 30", "rsi(close, 14) < 30"),
        ("clsoe > ma(close, 10)", "close > ma(close, 10)"),
    ],
)
def test_a_name_that_was_nearly_right_is_offered(text: str, offered: str) -> None:
    problem = check_strategy(changed(IF, text))[0]
    assert problem.hints[0].patch == ({"op": "replace", "path": IF, "value": offered},)
