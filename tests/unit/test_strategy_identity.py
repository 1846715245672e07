"""What the hashes of a strategy see and what they are blind to, and the program it becomes."""

from __future__ import annotations

import copy
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from simcore.documents import LIBRARY
from simcore.errors import SpecError
from simcore.strategy.strategy import Strategy, bind, compile_strategy

PERIOD = {"value": 10, "min": 2, "max": 50}


def document(condition: str, **more: Any) -> dict[str, Any]:
    return {
        "version": "0.1.0",
        "id": "one",
        "name": "One",
        "timeframe": "1h",
        "rules": [
            {"if": condition, "then": "buy"},
            {"if": "crossunder(close, ma(close, 30))", "then": "close"},
        ],
        "params": {},
        "risk": {
            "sizing": {"type": "pct_equity", "value": 10},
            "stop": {"type": "atr", "n": 14, "mult": 3},
        },
        "metadata": {},
    } | more


def compiled(condition: str, **more: Any) -> Strategy:
    return compile_strategy(document(condition, **more))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("close > ma(close, 10)", " close>ma( close,10 ) "),
        ("close > ma(close, 10)", "((close) > (ma(close, (10))))"),
        ("close > ma(close, 10)", "not not (close > ma(close, 10))"),
        ("close > ma(close, 10)", "ma(close, 10) < close"),
        ("close > ma(close, 10)", "not (close <= ma(close, 10))"),
        ("close > ma(close, 10)", "close > ma(close, 2*5)"),
        ("close > ma(close, 10)", "close > ma(10)"),
        ("close > ma(close, 10)", "close[0] > +ma(close, 10)"),
        ("rsi(14) < 30", "30 > rsi(close, 14)"),
        ("close[3] > 2", "(close[1])[2] > 4 / 2"),
        ("close > open and rsi(14) < 30", "rsi(14) < 30 and close > open"),
        ("close > open and rsi(14) < 30", "rsi(14) < 30 and (close > open and close > open)"),
        ("not (close > open or low < 3)", "close <= open and low >= 3"),
        ("close > open", "close > open and (true or false)"),
        ("close + open > 3", "open + close > 3"),
        ("close == open", "open == close"),
        ("close[3] > 2", "shift(close, 3) > 2"),
        ("close[3] > 2", "shift(3) > 2"),
        ("close > bbands(20, 2).upper", "bbands(close, 4 * 5, 2.0).upper < close"),
        ("close > macd(12, 26, 9).line", "close > (macd(close, 12, 26, 9)).line"),
        ("close > max(open, low)", "close > max(low, open)"),
        ("close > sqrt(9)", "close > 3"),
        ("close > max(1, abs(-2))", "close > 2"),
        ("close > exp(0) + log(1)", "close > 1"),
        ("not (close > open and (low > 3 or high > 4))", "close <= open or low <= 3 and high <= 4"),
        ("(close > 1 and open > 2) and low > 3", "close > 1 and (low > 3 and open > 2)"),
        ("barssince(close > open) < 3", "barssince(not (close <= open)) < 3"),
        ("position > 0", "0 < position"),
    ],
)
def test_spelling_leaves_no_trace_in_what_a_strategy_is(one: str, other: str) -> None:
    assert compiled(one).ir_hash == compiled(other).ir_hash
    assert compiled(one).program_json == compiled(other).program_json


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("close > ma(close, 10)", "close > ma(close, 11)"),
        ("close > ma(close, 10)", "close >= ma(close, 10)"),
        ("close > ma(close, 10)", "close > ema(close, 10)"),
        ("close > ma(close, 10)", "close > ma(open, 10)"),
        ("close[1] > 2", "close[2] > 2"),
        ("close - open > 3", "open - close > 3"),
        ("close + open + high > 3", "close + (open + high) > 3"),
        ("close + 0 > 3", "close > 3"),
        ("crossover(close, open)", "crossover(open, close)"),
        ("crossover(close, open)", "crossunder(close, open)"),
        ("close > open and low > 3", "close > open or low > 3"),
        ("close > bbands(20, 2).upper", "close > bbands(20, 2).lower"),
        ("close > bbands(20, 2).upper", "close > bbands(20, 2.5).upper"),
        ("close > highest(20)[1]", "close > highest(21)[1]"),
        ("close > hl2", "close > (high + low) / 2"),
        ("hour > 3", "weekday > 3"),
        ("position > 3", "entry_price > 3"),
        ("close - min(open, low) > 3", "close - max(open, low) > 3"),
        ("close * (open * high) > 3", "close * open * high > 3"),
    ],
)
def test_what_changes_a_decision_changes_the_hash(one: str, other: str) -> None:
    assert compiled(one).ir_hash != compiled(other).ir_hash


def test_the_order_of_keys_does_not_matter() -> None:
    written = document("close > ma(close, n)", params={"n": PERIOD})
    turned = json.loads(json.dumps(dict(reversed(written.items()))))
    turned["rules"] = [dict(reversed(rule.items())) for rule in turned["rules"]]
    turned["risk"] = dict(reversed(turned["risk"].items()))
    one, other = compile_strategy(written), compile_strategy(turned)
    assert (one.ir_hash, one.struct_hash) == (other.ir_hash, other.struct_hash)
    assert one.program_json == other.program_json
    assert one.doc_hash == other.doc_hash


def test_names_and_notes_do_not_matter_but_risk_timeframe_and_order_do() -> None:
    text = "close > ma(close, 10)"
    base = compiled(text)
    renamed = compiled(text, id="two", name="Two", revision="9.9.9", metadata={"notes": "other"})
    assert renamed.ir_hash == base.ir_hash
    assert renamed.program_json == base.program_json
    assert renamed.doc_hash != base.doc_hash
    risk = copy.deepcopy(document(text)["risk"])
    risk["stop"]["mult"] = 4
    assert compiled(text, risk=risk).ir_hash != base.ir_hash
    assert compiled(text, timeframe="4h").ir_hash != base.ir_hash
    assert compiled(text, rules=document(text)["rules"][::-1]).ir_hash != base.ir_hash
    rules = document(text)["rules"]
    rules[0]["order"] = {"type": "stop", "offset_bps": 10}
    assert compiled(text, rules=rules).ir_hash != base.ir_hash


def test_a_parameter_is_what_it_holds() -> None:
    literal = compiled("close > ma(close, 10)")
    named = compiled("close > ma(close, n)", params={"n": PERIOD})
    assert named.ir_hash == literal.ir_hash
    assert named.program_json == literal.program_json
    assert named.struct_hash != literal.struct_hash


def test_a_family_is_its_rules_and_domains_whatever_the_values_and_names() -> None:
    text = "crossover(ma(close, {0}), ma(close, {1} * 2))"
    one = compiled(text.format("a", "b"), params={"a": PERIOD, "b": PERIOD})
    two = compiled(text.format("y", "x"), params={"x": PERIOD | {"value": 20}, "y": PERIOD})
    wide = compiled(text.format("a", "b"), params={"a": PERIOD | {"max": 60}, "b": PERIOD})
    assert one.struct_hash == two.struct_hash
    assert one.ir_hash != two.ir_hash
    assert wide.struct_hash != one.struct_hash
    assert wide.ir_hash == one.ir_hash


def test_toml_and_json_are_one_document() -> None:
    path = LIBRARY / "strategies" / "ma_cross.toml"
    table = tomllib.loads(path.read_text())
    as_json = json.dumps(table, indent=3)
    as_floats = as_json.replace('"value": 10', '"value": 10.0')
    assert as_floats != as_json
    hashes = {compile_strategy(each).doc_hash for each in (path, table, as_json, as_floats)}
    assert len(hashes) == 1


def test_a_program_reads_earlier_slots_and_says_how_far_back() -> None:
    strategy = compiled("rsi(close[2], 14) > 50 and close > open")
    program = json.loads(strategy.program_json)
    code = program["code"]
    for slot, step in enumerate(code):
        read = [step[name] for name in ("a", "b") if name in step]
        read += step.get("xs", []) + step.get("inputs", [])
        assert all(each < slot for each in read)
        assert step["dep"] is None if step["op"] == "const" else step["dep"] <= 0
    (shift,) = [step for step in code if step["op"] == "shift"]
    assert (shift["k"], shift["w"], shift["dep"]) == (2, 2, -2)
    (rsi,) = [step for step in code if step.get("name") == "rsi"]
    assert (rsi["w"], rsi["dep"], rsi["params"]) == (16, -2, [14])
    assert code[program["rules"][0]["if"]]["op"] == "and"
    atr = code[program["risk"]["stop"]["slot"]]
    assert (atr["name"], atr["inputs"], atr["params"], atr["w"]) == ("atr", [], [14], 14)
    assert strategy.lookback_bars == 30  # the crossing of the second rule


def test_equal_parts_are_computed_once() -> None:
    program = json.loads(compiled("rsi(14) < 30 and close > open and rsi(14) > 10").program_json)
    assert [step.get("name") for step in program["code"]].count("rsi") == 1
    assert [step.get("field") for step in program["code"]].count("close") == 1


def test_orders_and_risk_reach_the_program() -> None:
    rules = [
        {
            "if": "close > open",
            "then": "buy",
            "order": {"type": "stop", "price": "high + 1", "tif_bars": 3},
            "tag": "up",
        },
        {"if": "close < open", "then": "close"},
    ]
    risk = {"sizing": {"type": "fixed_qty", "qty": 2}, "stop": {"type": "price", "expr": "low[1]"}}
    strategy = compile_strategy(document("true", rules=rules, risk=risk))
    program = json.loads(strategy.program_json)
    order, stop = program["rules"][0]["order"], program["risk"]["stop"]
    assert (order["type"], order["tif_bars"]) == ("stop", 3)
    assert program["code"][order["price"]]["op"] == "add"
    assert program["code"][stop["slot"]]["op"] == "shift"
    assert program["risk"]["sizing"] == {"type": "fixed_qty", "qty": 2}
    assert program["risk"]["max_leverage"] == 1
    assert strategy.tags == ("up", None)


def test_every_order_and_every_limit_of_risk_reaches_the_program_and_the_hash() -> None:
    orders = [
        {"type": "limit", "offset_bps": 5, "tif_bars": 2},
        {"type": "limit", "price": "low"},
        {"type": "stop_limit", "offset_bps": 5, "limit_offset_bps": 2},
        {"type": "stop_limit", "price": "high", "limit_offset_bps": 2, "tif_bars": 9},
    ]
    risk = document("true")["risk"]
    limits = [
        {"take_profit": {"type": "pct", "value": 5}},
        {"take_profit": {"type": "price", "expr": "high * 1.1"}},
        {"trailing": {"type": "atr", "n": 7, "mult": 2}},
        {"trailing": {"type": "bps", "value": 50}},
        {"max_adds": 2},
        {"sizing": {"type": "vol_target", "annual_vol": 0.2, "n": 20}},
        {"sizing": {"type": "vol_target", "annual_vol": 0.2, "n": 21}},
    ]
    rules = document("close > open")["rules"]
    made = [compiled("close > open")]
    made += [
        compiled("close > open", rules=[rules[0] | {"order": order}, rules[1]]) for order in orders
    ]
    made += [compiled("close > open", risk=risk | more) for more in limits]
    assert len({each.ir_hash for each in made}) == len({each.program_json for each in made}) == 12
    assert len({each.struct_hash for each in made}) == 12
    programs = [json.loads(each.program_json) for each in made]
    for program, order in zip(programs[1:5], orders, strict=True):
        stated = program["rules"][0]["order"]
        if "price" in order:
            assert program["code"][stated["price"]]["op"] == "price"
            order = order | {"price": stated["price"]}
        assert stated == order
    target, trailing, adds, sized = (programs[at]["risk"] for at in (5, 7, 9, 10))
    assert target["take_profit"] == {"type": "pct", "value": 5}
    atr = programs[7]["code"][trailing["trailing"]["slot"]]
    assert (atr["name"], atr["params"], trailing["trailing"]["mult"]) == ("atr", [7], 2)
    assert adds["max_adds"] == 2
    vol = programs[10]["code"][sized["sizing"]["slot"]]
    assert (vol["name"], vol["params"], vol["w"]) == ("realized_vol", [20], 20)


def test_a_limit_that_is_not_asked_for_leaves_no_trace() -> None:
    risk = json.loads(compiled("close > open").program_json)["risk"]
    assert "take_profit" not in risk and "trailing" not in risk
    assert risk["max_adds"] == 0


class TestBinding:
    def test_is_the_same_as_writing_the_values(self) -> None:
        strategy = compile_strategy("ma_cross")
        bound = bind(strategy, {"fast": 5, "slow": 60})
        table = tomllib.loads((LIBRARY / "strategies" / "ma_cross.toml").read_text())
        table["params"]["fast"]["value"] = 5
        table["params"]["slow"]["value"] = 60
        assert bound == compile_strategy(table)
        assert bound.lookback_bars == 60
        assert bound.struct_hash == strategy.struct_hash
        assert strategy.document["params"]["fast"]["value"] == 10

    @pytest.mark.parametrize(
        ("params", "reason", "path"),
        [
            ({"fsat": 5}, "UNKNOWN_NAME", "/params/fsat"),
            ({"fast": "5"}, "WRONG_TYPE", "/params/fast"),
            ({"fast": float("nan")}, "PARAM_DOMAIN", "/params/fast"),
            ({"fast": 51}, "PARAM_DOMAIN", "/params/fast/value"),
            ({"fast": 40}, "PARAM_CONSTRAINT", "/constraints/0"),
            ({"fast": 5.5}, "NOT_INTEGER", "/rules/0/if"),
        ],
    )
    def test_refuses_what_the_document_would_not_hold(
        self, params: dict[str, Any], reason: str, path: str
    ) -> None:
        with pytest.raises(SpecError) as refusal:
            bind(compile_strategy("ma_cross"), params)
        assert (reason, path) in [(each.reason, each.path) for each in refusal.value.problems]


def test_a_refused_document_does_not_compile(tmp_path: Path) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(document("close[-1] > close")))
    with pytest.raises(SpecError) as refusal:
        compile_strategy(path)
    assert [each.reason for each in refusal.value.problems] == ["LOOKAHEAD"]
    assert str(path) in str(refusal.value)
