"""What is offered for a strategy that is refused: a patch where it is sure, else words."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import main
from simcore.documents import read
from simcore.edits import edited
from simcore.errors import SpecError
from simcore.problems import Problem
from simcore.repairs import repair
from simcore.spelling import is_sure
from simcore.strategy import evolve, registry
from simcore.strategy.check import check_strategy
from simcore.strategy.problems import TOLD_MAX

BASE: dict[str, Any] = {
    "version": "0.1.0",
    "id": "mine",
    "name": "Mine",
    "timeframe": "1h",
    "rules": [{"if": "close > open", "then": "buy"}, {"if": "close < open", "then": "close"}],
    "params": {},
    "risk": {
        "sizing": {"type": "pct_equity", "value": 10},
        "stop": {"type": "atr", "n": 14, "mult": 3},
    },
    "metadata": {},
}


def document(text: str = "close > open", **more: Any) -> dict[str, Any]:
    whole = copy.deepcopy(BASE) | more
    whole["rules"][0]["if"] = text
    return whole


def first(text: str) -> Problem:
    return check_strategy(document(text))[0]


@pytest.mark.parametrize(
    "text",
    [
        "close > 1,5", "close > 1 000", "close**2 > open", "close > 5%", "close > 0x10",
        "if close > open", "-not (close > open)", "rsi[14] < 30", "crossover(ma(close, 10))",
        "rsi(14) < 30 close > open", "lw > 1", "max(1 000, 2) > close",
    ],
)  # fmt: skip
def test_a_remedy_that_may_change_the_meaning_comes_in_words(text: str) -> None:
    assert first(text).hints
    assert [hint.patch for hint in first(text).hints] == [None] * len(first(text).hints)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("peek(-1) > close", ["for the value k bars ago write `x[k]`"]),
        ("crossover(close)", ["write `crossover(a, b)`"]),
        ("exp(1000) > close", []),
    ],
)
def test_where_no_remedy_is_known_no_patch_is_made_up(text: str, told: list[str]) -> None:
    assert [(hint.text, hint.patch) for hint in first(text).hints] == [
        (each, None) for each in told
    ]


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("close≥open", "close>=open"),
        ("bbands(20).upper < close", "bbands(20, 2).upper < close"),
        ("stoch(14).k < 20", "stoch(14, 3, 3).k < 20"),
        ("macd(12,26,9).histogram > 0", "macd(12,26,9).hist > 0"),
        ("sma(close, 20) > close", "ma(close, 20) > close"),
        ("c > 1", "close > 1"),
        ("cross_over(close, 5)", "crossover(close, 5)"),
        ("RSI(close, 14) < 30", "rsi(close, 14) < 30"),
        ("hgih > 1", "high > 1"),
        ("mma(close, 20) > 1", "ma(close, 20) > 1"),
        ("close > 1 && open > 1", "close > 1 and open > 1"),
        ("20 < close < 30", "20 < close and close < 30"),
    ],
)
def test_a_remedy_that_is_sure_comes_as_a_patch(text: str, mended: str) -> None:
    (step,) = first(text).hints[0].patch or ()
    assert step == {"op": "replace", "path": "/rules/0/if", "value": mended}


@pytest.mark.parametrize(
    ("name", "known", "sure"),
    [
        ("clos", ["close"], True),
        ("colse", ["close", "cloze"], True),  # two letters changed places
        ("2h", ["1h", "4h"], False),
        ("exit", ["edit", "exits"], False),
        ("lo", ["low"], False),
        ("maax", ["min"], False),
        ("timeframes", ["timeframe"], True),
    ],
)
def test_a_name_is_exchanged_unasked_only_if_one_is_nearest_and_little_changes(
    name: str, known: list[str], sure: bool
) -> None:
    assert is_sure(name, known) is sure


def test_a_hundred_problems_are_told_and_how_many_more() -> None:
    wrong = document(" and ".join(f"clsoe{n} > 1" for n in range(90)))
    wrong["rules"].append({"if": wrong["rules"][0]["if"], "then": "buy"})
    told = check_strategy(wrong)
    assert len(told) == TOLD_MAX + 1
    assert told[-1].message.startswith("80 more problems")
    assert told[-1].severity == "error"


def test_a_hundred_wrong_fields_are_told_and_how_many_more() -> None:
    told = check_strategy(document(**{f"field{n}": n for n in range(130)}))
    assert len(told) == TOLD_MAX + 1
    assert told[-1].message.startswith("30 more problems")
    assert [hint.patch for hint in told[-1].hints] == [None]


def test_too_complex_a_document_is_told_that_alone() -> None:
    text = " and ".join(["clsoe > opne"] * 90)
    rules = [{"if": text, "then": "buy"} for _ in range(64)]
    assert [each.reason for each in check_strategy(document(text, rules=rules))] == ["COMPLEXITY"]


def mended(text: str) -> tuple[str, list[Problem]]:
    done = repair(read(text, "strategies"), "strategies", check_strategy)
    return done.text, done.problems


def test_fix_never_removes_a_rule_that_it_rewrote() -> None:
    text = json.dumps(document("RSI(close, 14) > 100"))
    after, problems = mended(text)
    assert json.loads(after)["rules"][0]["if"] == "rsi(close, 14) > 100"
    assert [each.reason for each in problems if each.severity == "error"] == ["DEAD_RULE"]
    untouched, _ = mended(json.dumps(document("rsi(close, 14) > 100")))
    assert len(json.loads(untouched)["rules"]) == 1


def test_removing_a_table_takes_its_own_comment_and_leaves_those_of_others() -> None:
    text = (
        "# one\n[[rules]]\na = 1  # in one\n\n# two\n[[rules]]\na = 2\n\n"
        "# three\n# goes on\n[risk]\nb = 3\n"
    )
    remove = {"op": "remove", "path": "/rules/1"}
    one = "# one\n[[rules]]\na = 1  # in one\n\n"
    assert edited(text, ".toml", remove) == f"{one}# three\n# goes on\n[risk]\nb = 3\n"
    first_gone = edited(text, ".toml", {"op": "remove", "path": "/rules/0"})
    assert first_gone == text.removeprefix(one)


def test_half_a_surrogate_in_a_name_is_told_with_its_place() -> None:
    text = json.dumps(document(), indent=1).replace('"params": {}', '"params": {"\\ud800": 1}')
    (problem,) = check_strategy(text)
    assert (problem.code, problem.reason) == ("DSL_SCHEMA_INVALID", "NOT_JSON")
    assert problem.line == 1 + text[: text.index("\\ud800")].count("\n")
    assert str(problem).encode()
    (problem,) = check_strategy({"\ud800": 1})
    assert problem.reason == "NOT_JSON"


@pytest.mark.parametrize(
    "text", ['{"rules": [], "rules": []}', '{"rules": [NaN]}', "[[rules]]\na = 1\na = 2\n"]
)
def test_what_can_be_told_to_be_a_strategy_is_refused_as_one(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"draft{'.json' if text[0] == '{' else '.toml'}"
    path.write_text(text)
    assert main(["check", str(path), "--home", str(tmp_path / "home")]) == 2
    assert "DSL_SCHEMA_INVALID" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    ["hour == 9", "weekday != 0", "position == 0", "3 == bars_in_trade",
     "barssince(close > open) == 3"],
)  # fmt: skip
def test_whole_numbers_may_be_compared_for_equality(text: str) -> None:
    assert "FLOAT_EQUALITY" not in {each.reason for each in check_strategy(document(text))}
    doubtful = text.replace("9", "9.5").replace("0", "0.5").replace("3", "3.5")
    assert "FLOAT_EQUALITY" in {each.reason for each in check_strategy(document(doubtful))}


def test_a_parameter_that_a_constraint_reads_is_used() -> None:
    params = {"n": 2, "m": 3}
    told = check_strategy(document(params=params, constraints=["n < 5"]))
    assert [each.path for each in told if each.reason == "UNUSED_PARAM"] == ["/params/m"]


def test_a_parameter_of_no_legal_name_is_pointed_at_with_advice() -> None:
    text = json.dumps(document(params={"Fast": 3}), indent=1)
    (problem,) = check_strategy(text)
    assert (problem.reason, problem.path) == ("BAD_ID", "/params/Fast")
    assert [hint.text for hint in problem.hints] == [
        "call it fast, here and in the texts that read it"
    ]
    assert problem.place is not None
    assert problem.place.text[problem.place.col - 1 :].startswith('"Fast"')


def test_a_missing_id_is_the_name_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "dip_buyer.json"
    path.write_text(json.dumps({key: each for key, each in BASE.items() if key != "id"}))
    (problem,) = check_strategy(path)
    assert problem.hints[0].patch == ({"op": "add", "path": "/id", "value": "dip_buyer"},)


def test_a_run_of_dots_before_a_digit_is_no_number() -> None:
    problem = first("close > ..5")
    assert (problem.reason, problem.span) == ("BAD_NUMBER", (8, 11))


@pytest.mark.parametrize("level", ["-1", "0", "1 - 2"])
def test_a_stop_at_a_level_that_no_price_reaches_bounds_nothing(level: str) -> None:
    risk = BASE["risk"] | {"stop": {"type": "price", "expr": level}}
    (problem,) = check_strategy(document(risk=risk))
    assert (problem.reason, problem.path) == ("RISK_UNBOUNDED", "/risk/stop/expr")


def test_an_edit_of_a_parameter_that_is_not_there_is_refused_with_the_nearest() -> None:
    library = registry.load()
    with pytest.raises(SpecError) as refused:
        evolve.evolve(library, "ma_cross", {"params": {"fsat": 12}})
    (problem,) = refused.value.problems
    assert (problem.reason, problem.path) == ("UNKNOWN_NAME", "/params/fsat")
    assert "fast" in problem.hints[0].text
