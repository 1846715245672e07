"""Every refusal of a strategy: its code, its reason and its exact place."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from simcore.problems import Problem
from simcore.strategy.check import check_strategy
from simcore.strategy.strategy import compile_strategy

DOCUMENTS = Path(__file__).parent.parent / "documents"

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


def base() -> dict[str, Any]:
    return copy.deepcopy(BASE)


def with_rule(text: str, **more: Any) -> dict[str, Any]:
    document = base()
    document["rules"][0]["if"] = text
    document["params"] = {}
    document["rules"][1]["if"] = "crossunder(close, ma(close, 30))"
    return document | more


def with_value(path: str, value: Any) -> dict[str, Any]:
    """The base with another value at a pointer; `...` removes what is there."""
    document: Any = base()
    *parents, last = path.split("/")[1:]
    place = document
    for part in parents:
        place = place[int(part)] if isinstance(place, list) else place[part]
    key: Any = int(last) if isinstance(place, list) else last
    if value is ...:
        del place[key]
    else:
        place[key] = value
    return document


def errors(document: Any, **more: Any) -> list[Problem]:
    return [each for each in check_strategy(document, **more) if each.severity == "error"]


def warnings(document: Any) -> list[str]:
    told = check_strategy(document)
    assert [str(problem) for problem in told if problem.severity == "error"] == []
    return [problem.reason for problem in told]


@pytest.mark.parametrize(
    ("path", "value", "code", "reason", "place"),
    [
        ("/id", ..., SCHEMA, "MISSING_FIELD", "/id"),
        ("/timeframe", ..., SCHEMA, "MISSING_FIELD", "/timeframe"),
        ("/params", ..., SCHEMA, "MISSING_FIELD", "/params"),
        ("/metadata", ..., SCHEMA, "MISSING_FIELD", "/metadata"),
        ("/timeframe", "2h", SCHEMA, "BAD_ENUM", "/timeframe"),
        ("/foo", 1, SCHEMA, "UNKNOWN_FIELD", "/foo"),
        ("/risk/adds_max", 2, SCHEMA, "UNKNOWN_FIELD", "/risk/adds_max"),
        ("/risk/trailing", {"type": "pct"}, SCHEMA, "MISSING_FIELD", "/risk/trailing/value"),
        (
            "/risk/trailing",
            {"type": "price", "expr": "low"},
            SCHEMA,
            "BAD_ENUM",
            "/risk/trailing/type",
        ),
        ("/risk/sizing/type", "vol_targets", SCHEMA, "BAD_ENUM", "/risk/sizing/type"),
        ("/risk/sizing/type", ..., SCHEMA, "MISSING_FIELD", "/risk/sizing/type"),
        ("/risk/sizing/value", ..., SCHEMA, "MISSING_FIELD", "/risk/sizing/value"),
        ("/risk/stop/mult", "3", SCHEMA, "WRONG_TYPE", "/risk/stop/mult"),
        ("/rules/0/order", {"type": "limits"}, SCHEMA, "BAD_ENUM", "/rules/0/order/type"),
        ("/rules/0/order", {"type": "limit"}, SCHEMA, "MISSING_FIELD", "/rules/0/order/price"),
        (
            "/rules/0/order",
            {"type": "market", "offset_bps": 5},
            SCHEMA,
            "UNKNOWN_FIELD",
            "/rules/0/order/offset_bps",
        ),
        ("/rules/0/order", {"type": "stop"}, SCHEMA, "MISSING_FIELD", "/rules/0/order/price"),
        (
            "/rules/0/order",
            {"type": "stop", "price": "close", "offset_bps": 5},
            SCHEMA,
            "UNKNOWN_FIELD",
            "/rules/0/order/offset_bps",
        ),
        (
            "/rules/1/order",
            {"type": "stop", "offset_bps": 5},
            SCHEMA,
            "UNKNOWN_FIELD",
            "/rules/1/order",
        ),
        ("/rules", [], SCHEMA, "EMPTY_RULES", "/rules"),
        ("/rules/0/then", "short", SCHEMA, "BAD_ENUM", "/rules/0/then"),
        ("/rules/0/if", 5, SCHEMA, "WRONG_TYPE", "/rules/0/if"),
        ("/params/fast", "10", SCHEMA, "WRONG_TYPE", "/params/fast"),
        ("/params/fast", True, SCHEMA, "WRONG_TYPE", "/params/fast"),
        ("/params/fast", {"value": 10, "min": 1}, SCHEMA, "MISSING_FIELD", "/params/fast/max"),
        ("/params/close", 1, SCHEMA, "BAD_ID", "/params/close"),
        ("/version", "1.0.0", SCHEMA, "VERSION_UNSUPPORTED", "/version"),
        ("/version", "0.1", SCHEMA, "VERSION_UNSUPPORTED", "/version"),
        ("/id", "MA Cross!", SCHEMA, "BAD_ID", "/id"),
        ("/id", "null", SCHEMA, "BAD_ID", "/id"),
        ("/id", "a" * 65, SCHEMA, "BAD_ID", "/id"),
        ("/revision", "1", SCHEMA, "BAD_ID", "/revision"),
        ("/name", "", SCHEMA, "TOO_LARGE", "/name"),
        ("/metadata/notes", "x" * 4097, SCHEMA, "TOO_LARGE", "/metadata/notes"),
        ("/metadata/tags", ["x"] * 33, SCHEMA, "TOO_LARGE", "/metadata/tags"),
        (
            "/params/fast",
            {"value": 5, "min": 10, "max": 50},
            RANGE,
            "PARAM_DOMAIN",
            "/params/fast/value",
        ),
        (
            "/params/fast",
            {"value": 10, "min": 50, "max": 5},
            RANGE,
            "PARAM_DOMAIN",
            "/params/fast/max",
        ),
        (
            "/params/fast",
            {"value": 10, "min": 5.5, "max": 50, "type": "int"},
            RANGE,
            "NOT_INTEGER",
            "/params/fast/min",
        ),
        (
            "/params/fast",
            {"value": 10, "min": 5, "max": 50, "step": 0},
            RANGE,
            "PARAM_DOMAIN",
            "/params/fast/step",
        ),
        ("/risk/max_adds", -1, RANGE, "ARG_DOMAIN", "/risk/max_adds"),
        ("/risk/max_adds", 0.5, RANGE, "NOT_INTEGER", "/risk/max_adds"),
        (
            "/risk/sizing",
            {"type": "vol_target", "annual_vol": 0, "n": 20},
            RANGE,
            "ARG_DOMAIN",
            "/risk/sizing/annual_vol",
        ),
        (
            "/risk/take_profit",
            {"type": "atr", "n": 0, "mult": 1},
            RANGE,
            "ARG_DOMAIN",
            "/risk/take_profit/n",
        ),
        (
            "/risk/take_profit",
            {"type": "price", "expr": "close >"},
            PARSE,
            "UNEXPECTED_END",
            "/risk/take_profit/expr",
        ),
        ("/risk/cooldown_bars", 0, RANGE, "ARG_DOMAIN", "/risk/cooldown_bars"),
        ("/risk/cooldown_bars", 1.5, RANGE, "NOT_INTEGER", "/risk/cooldown_bars"),
        ("/risk/max_holding_bars", 0, RANGE, "ARG_DOMAIN", "/risk/max_holding_bars"),
        ("/risk/sizing/value", 0, RANGE, "ARG_DOMAIN", "/risk/sizing/value"),
        ("/risk/sizing/value", 11, RANGE, "ARG_DOMAIN", "/risk/sizing/value"),
        (
            "/risk/sizing",
            {"type": "pct_equity", "value": 101},
            RANGE,
            "ARG_DOMAIN",
            "/risk/sizing/value",
        ),
        ("/risk/stop/n", 0, RANGE, "ARG_DOMAIN", "/risk/stop/n"),
        ("/risk/max_daily_loss_pct", 101, RANGE, "ARG_DOMAIN", "/risk/max_daily_loss_pct"),
        ("/risk", ..., STATIC, "RISK_UNBOUNDED", "/risk"),
        ("/risk/sizing", ..., STATIC, "RISK_UNBOUNDED", "/risk/sizing"),
        ("/rules/1", ..., STATIC, "NO_EXIT", "/rules"),
        ("/constraints", ["fast > slow"], STATIC, "PARAM_CONSTRAINT", "/constraints/0"),
        ("/constraints", ["fast < close"], STATIC, "NON_CONST_ARG", "/constraints/0"),
        ("/risk/stop/n", 5000, STATIC, "WINDOW_EXCEEDS_SERIES", "/risk/stop/n"),
    ],
)  # fmt: skip
def test_a_document_with_one_wrong_value_is_refused_where_it_is_wrong(
    path: str, value: Any, code: str, reason: str, place: str
) -> None:
    found = errors(with_value(path, value))
    assert [(each.code, each.reason, each.path) for each in found] == [(code, reason, place)]


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        ("«»", PARSE, "EMPTY_EXPR"),
        ("crossover(ma(close, 10), ma(close, 30)«»", PARSE, "UNBALANCED_PAREN"),
        ("close > 1«)»", PARSE, "UNBALANCED_PAREN"),
        ("20 < rsi(close, 14) «<» 80", PARSE, "CHAINED_COMPARISON"),
        ("close > open «&»& close > 1", PARSE, "ILLEGAL_CHAR"),
        ("not«»", PARSE, "UNEXPECTED_END"),
        ("rsi(close, 14) < «30.5.1»", PARSE, "BAD_NUMBER"),
        ("close > «.5»", PARSE, "BAD_NUMBER"),
        ("close «open» > 1", PARSE, "UNEXPECTED_TOKEN"),
        ("1 + «not» (close > 1) > 0", PARSE, "UNEXPECTED_TOKEN"),
        ("close > «'»a'", PARSE, "ILLEGAL_CHAR"),
        ("(" * 64 + "«(»" + "close > 1" + ")" * 65, PARSE, "TOO_DEEP"),
        ("not " * 64 + "«not» close > 1", PARSE, "TOO_DEEP"),
        ("close > 1" + " " * 2039 + "«   »", PARSE, "TOO_LONG"),
        ("«vwapz»(close, 20) > 1", FUN, "UNKNOWN_FUNCTION"),
        ("«shfit»(close, 2) > 1", FUN, "UNKNOWN_FUNCTION"),
        ("«lead»(close, 1) > close", FUN, "FUTURE_FUNCTION"),
        ("«RSI»(close, 14) < 30", FUN, "UNKNOWN_FUNCTION"),
        ("rsi(close, 14).«top» < close", FUN, "UNKNOWN_OUTPUT"),
        ("«close»(3) > 1", FUN, "NOT_CALLABLE"),
        ("«ma(close, 20)»", STATIC, "TYPE_MISMATCH"),
        ("rsi(close, 14) + «(close > open)» > 1", STATIC, "TYPE_MISMATCH"),
        ("not «close»", STATIC, "TYPE_MISMATCH"),
        ("«ma(close, 10)» and close > open", STATIC, "TYPE_MISMATCH"),
        ("ma(«close > open», 10) > 1", STATIC, "TYPE_MISMATCH"),
        ("«crossover(ma(close, 10))»", STATIC, "ARITY"),
        ("«ma(close, 10, 3)» > close", STATIC, "ARITY"),
        ("«atr()» > close", STATIC, "ARITY"),
        ("ma(close, «close») > close", STATIC, "NON_CONST_ARG"),
        ("close[«close»] > close", STATIC, "NON_CONST_ARG"),
        ("«clsoe» > ma(close, 10)", STATIC, "UNKNOWN_NAME"),
        ("«rsi» > 30", STATIC, "UNKNOWN_NAME"),
        ("close[«-1»] > close", STATIC, "LOOKAHEAD"),
        ("close[«1 - 3»] > close", STATIC, "LOOKAHEAD"),
        ("close[«0 - 0.5»] > close", STATIC, "LOOKAHEAD"),
        ("ma(close, «0») > close", RANGE, "ARG_DOMAIN"),
        ("ma(close, «5001») > close", RANGE, "ARG_DOMAIN"),
        ("rsi(close, «1») > 30", RANGE, "ARG_DOMAIN"),
        ("rsi(close, «14.5») < 30", RANGE, "NOT_INTEGER"),
        ("close[«5001»] < close", RANGE, "ARG_DOMAIN"),
        ("close[«1.5»] < close", RANGE, "NOT_INTEGER"),
        ("close > «1e308 * 10»", RANGE, "ARG_DOMAIN"),
        ("close / «0» > 1", STATIC, "DIV_BY_ZERO"),
        ("close / «(1 - 1)» > 1", STATIC, "DIV_BY_ZERO"),
        ("«rsi(close, 14) > 100»", STATIC, "DEAD_RULE"),
        ("«close < 0 and volume > 5»", STATIC, "DEAD_RULE"),
        ("«close > open and open > close»", STATIC, "DEAD_RULE"),
        ("«rsi(14) > 60 and not (rsi(close, 14) > 50)»", STATIC, "DEAD_RULE"),
        ("«false»", STATIC, "DEAD_RULE"),
        ("«crossover(close, open) and close < open»", STATIC, "DEAD_RULE"),
        ("«ma(close, 3000)[2500] > close»", STATIC, "WINDOW_EXCEEDS_SERIES"),
    ],
)
def test_a_text_with_one_fault_is_refused_at_its_span(text: str, code: str, reason: str) -> None:
    start, end = text.index("«"), text.index("»") - 1
    found = errors(with_rule(re.sub("[«»]", "", text)))
    assert [(each.code, each.reason, each.path) for each in found] == [
        (code, reason, "/rules/0/if")
    ]
    assert found[0].span == (start, end)


def test_a_parameter_that_points_ahead_is_refused_where_it_is_used() -> None:
    (problem,) = errors(with_rule("ma(close[off], 10) > close", params={"off": -1}))
    assert (problem.reason, problem.span) == ("LOOKAHEAD", (9, 12))


def test_a_window_longer_than_the_series_is_refused() -> None:
    document = with_value("/params/slow", 200)
    assert errors(document, n_bars=202) == []
    found = errors(document, n_bars=150)
    assert {each.reason for each in found} == {"WINDOW_EXCEEDS_SERIES"}
    assert [each.path for each in found] == ["/rules/0/if", "/rules/1/if"]


@pytest.mark.parametrize(
    ("buy", "sell"),
    [
        ("rsi(close, 14) < 30", "rsi(close, 14) < 30"),
        ("rsi(close, 14) < 30", "not (rsi(14) >= 30)"),
        ("rsi(close, 14) < 30", "rsi(close, 14) < 20"),
        ("close > open and volume > 10", "close > open"),
        ("close > open", "open < close or volume < 3"),
        ("true", "rsi(14) > 70"),
    ],
)
def test_buying_and_selling_for_the_same_reason_is_refused(buy: str, sell: str) -> None:
    document = base() | {"params": {}}
    document["rules"] = [{"if": buy, "then": "buy"}, {"if": sell, "then": "sell"}]
    (problem,) = errors(document)
    assert (problem.reason, problem.path) == ("CONTRADICTION", "/rules/1/if")


@pytest.mark.parametrize(
    ("buy", "sell", "expected"),
    [
        ("rsi(14) < 30", "rsi(14) > 70", []),
        ("rsi(14) < 30", "rsi(14) >= 30", []),
        ("crossover(close, open)", "crossunder(close, open)", []),
        ("close > open", "open >= close", []),
        ("rsi(14) < 50", "rsi(14) > 40", ["POSSIBLE_CONFLICT"]),
        ("rsi(14) < 50", "close < open", ["POSSIBLE_CONFLICT"]),
    ],
)
def test_rules_that_exclude_each_other_may_stand_side_by_side(
    buy: str, sell: str, expected: list[str]
) -> None:
    document = base() | {"params": {}}
    document["rules"] = [{"if": buy, "then": "buy"}, {"if": sell, "then": "sell"}]
    assert warnings(document) == expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (base(), []),
        (with_rule("close > open", params={"unused": 1}), ["UNUSED_PARAM"]),
        (with_rule("close > 0"), ["ALWAYS_TRUE"]),
        (with_rule("rsi(14) < 30 or rsi(14) >= 30"), ["ALWAYS_TRUE"]),
        (with_rule("close == open"), ["FLOAT_EQUALITY"]),
        (with_rule("close > 1.2345"), ["OVERFIT_RISK"]),
        (with_rule("close > 12.34500"), ["OVERFIT_RISK"]),
        (with_rule("close > 5000000"), []),
        (with_value("/rules/0/then", "hold"), ["NO_ENTRY"]),
    ],
)
def test_what_is_legal_but_doubtful_is_a_warning(
    document: dict[str, Any], expected: list[str]
) -> None:
    assert warnings(document) == expected


def test_sizing_by_risk_needs_a_stop() -> None:
    document = base()
    document["risk"] = {"sizing": {"type": "risk_pct", "value": 1}, "max_daily_loss_pct": 5}
    (problem,) = errors(document)
    assert (problem.reason, problem.path) == ("STOP_REQUIRED", "/risk/stop")


@pytest.mark.parametrize(
    ("risk", "then", "is_able"),
    [
        ({}, "hold", False),
        ({"max_holding_bars": 5}, "hold", True),
        ({"take_profit": {"type": "pct", "value": 5}}, "hold", True),
        ({"trailing": {"type": "atr", "n": 14, "mult": 2}}, "hold", True),
        ({}, "sell", True),
        ({"on_opposite": "ignore"}, "sell", False),
        ({"on_opposite": "reverse", "allow_short": True}, "sell", True),
    ],
)
def test_a_position_needs_a_way_out_that_is_no_stop(
    risk: dict[str, Any], then: str, is_able: bool
) -> None:
    document = base()
    document["rules"][1]["then"] = then
    document["risk"] |= risk
    assert [each.reason for each in errors(document)] == ([] if is_able else ["NO_EXIT"])


def test_a_key_that_stands_twice_is_refused_with_its_place() -> None:
    text = json.dumps(base()).replace('"fast": 10', '"fast": 10, "fast": 11')
    (problem,) = errors(text)
    assert (problem.code, problem.reason) == (SCHEMA, "DUPLICATE_KEY")
    assert problem.path == "/params/fast"


def test_a_number_that_is_none_is_refused() -> None:
    (problem,) = errors(json.dumps(base()).replace('"fast": 10', '"fast": NaN'))
    assert (problem.code, problem.reason) == (SCHEMA, "NOT_JSON")


def test_all_errors_of_a_stage_are_told_in_the_order_of_the_document() -> None:
    document = base()
    document["rules"][0]["if"] = "foo(clsoe) > bar"
    document["rules"][1]["if"] = "close > open > 1"
    assert [each.reason for each in errors(document)] == ["CHAINED_COMPARISON"]
    document["rules"][1]["if"] = "close"
    found = errors(document)
    assert [(each.path, each.reason) for each in found] == [
        ("/rules/0/if", "UNKNOWN_FUNCTION"),
        ("/rules/0/if", "UNKNOWN_NAME"),
        ("/rules/0/if", "UNKNOWN_NAME"),
        ("/rules/1/if", "TYPE_MISMATCH"),
    ]
    assert [each.span for each in found] == [(0, 3), (4, 9), (13, 16), (0, 5)]


def test_a_text_of_too_many_parts_is_refused() -> None:
    text = " and ".join(["0<1"] * 205)
    (problem,) = errors(with_rule(text))
    assert (problem.code, problem.reason) == (STATIC, "COMPLEXITY")


def test_a_message_says_where_what_was_found_and_what_was_expected() -> None:
    document = with_rule("close > ma(close, 0)")
    (problem,) = errors(document)
    assert str(problem) == (
        "ma_cross: /rules/0/if [18,19): ma.n: got 0, expected 1 to 5000 bars [write `1`]"
    )


@pytest.mark.parametrize(
    "document",
    [
        with_rule("20 < rsi(close, 14) < 80"),
        with_rule("close > open && close > 1"),
        with_rule("close > open || volume > 1"),
        with_rule("close > ma(close, 10"),
        with_rule("RSI(close, 14) < 30"),
        with_rule("rsi(clsoe, 14) < 30"),
        with_rule("rsi(close, 14.5) < 30"),
        with_rule("ma(close, 0) < close"),
        with_rule("close[-1] > close"),
        with_rule("rsi(close, 14) > 100"),
        with_value("/risk", ...),
        with_value("/risk/stop", ...),
        with_value("/risk/cooldown_bars", 0),
        with_value("/timeframe", "1hh"),
        with_value("/params/fast", {"value": 5, "min": 10, "max": 50}),
        with_value("/params/fast", "10"),
        with_value("/rules/1", ...),
    ],
)
def test_the_first_patch_of_each_problem_mends_it(document: Any) -> None:
    assert len(errors(document)) > 0
    for _ in range(2):
        for problem in errors(document):
            assert problem.hints, problem
            patch = problem.hints[0].patch
            assert patch is not None, problem
            apply(document, patch)
            break
    assert [str(problem) for problem in errors(document)] == []


def apply(document: Any, patch: tuple[dict[str, Any], ...]) -> None:
    """RFC 6902, as far as the hints use it."""
    for step in patch:
        *parents, last = step["path"].split("/")[1:]
        place = document
        for part in parents:
            place = place[int(part)] if isinstance(place, list) else place[part]
        key: Any = int(last) if isinstance(place, list) else last
        if step["op"] == "remove":
            del place[key]
        else:
            place[key] = step["value"]


EXPECTED: dict[str, list[tuple[str, str]]] = {
    "invalid_lookahead": [("LOOKAHEAD", "/rules/0/if"), ("LOOKAHEAD", "/rules/1/if")],
    "invalid_unknown_fun": [
        ("UNKNOWN_FUNCTION", "/rules/0/if"),
        ("FUTURE_FUNCTION", "/rules/1/if"),
    ],
    "invalid_contradiction": [("CONTRADICTION", "/rules/1/if")],
    "invalid_no_risk": [("RISK_UNBOUNDED", "/risk")],
    "invalid_param_range": [("PARAM_DOMAIN", "/params/n/value"), ("ARG_DOMAIN", "/rules/1/if")],
    "invalid_fields": [
        ("UNKNOWN_FIELD", "/timeframes"),
        ("WRONG_TYPE", "/params/n"),
        ("BAD_ENUM", "/rules/0/then"),
        ("BAD_ENUM", "/risk/sizing/type"),
        ("UNKNOWN_FIELD", "/risk/trailing_stop"),
    ],
    "invalid_text": [("CHAINED_COMPARISON", "/rules/0/if"), ("ILLEGAL_CHAR", "/rules/1/if")],
    "invalid_no_exit": [("NO_EXIT", "/rules")],
}


@pytest.mark.parametrize("path", sorted(DOCUMENTS.glob("invalid_*.toml")), ids=lambda p: p.stem)
def test_every_invalid_document_is_refused_for_the_reasons_it_was_written_for(path: Path) -> None:
    assert [(each.reason, each.path) for each in errors(path)] == EXPECTED[path.stem]


def test_a_strategy_is_compiled_once() -> None:
    strategy = compile_strategy(base())
    assert compile_strategy(strategy) is strategy
