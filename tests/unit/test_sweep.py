"""A grid of settings over one path: its rows, its refusals, and that each is the run alone."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from market import market

import simcore
from simcore import engine
from simcore.errors import EngineError, LimitError, SpecError
from simcore.strategy.grid import lowered
from simcore.strategy.strategy import bind


def reasons(error: pytest.ExceptionInfo[SpecError]) -> list[tuple[str, str]]:
    return [(problem.reason, problem.path) for problem in error.value.problems]


GRID = {"fast": [5, 10, 20], "slow": [20, 40]}


class TestSweep:
    def test_rows_are_in_grid_order_with_the_first_name_slowest(self) -> None:
        frame = simcore.sweep("ma_cross", GRID, market(1, 500))
        assert frame.select("fast", "slow").rows() == list(itertools.product(*GRID.values()))
        metrics = [row["name"] for row in engine.catalogue()["metrics"] if row["in_summary"]]
        assert frame.columns == ["fast", "slow", *metrics, "sharpe_se", "refused"]

    def test_each_row_is_the_backtest_at_that_setting(self) -> None:
        bars = market(1, 500)
        strategy = simcore.compile_strategy("ma_cross")
        frame = simcore.sweep(strategy, GRID, bars)
        for row in frame.filter(pl.col("fast") < pl.col("slow")).iter_rows(named=True):
            setting = {"fast": row["fast"], "slow": row["slow"]}
            alone = simcore.backtest(bind(strategy, setting), bars)
            own = [name for name in row if name not in (*GRID, "sharpe_se", "refused")]
            assert {name: alone.metrics[name] for name in own} == {name: row[name] for name in own}

    def test_a_setting_that_breaks_a_constraint_has_no_metrics(self) -> None:
        frame = simcore.sweep("ma_cross", GRID, market(1, 500))
        illegal = frame.filter(pl.col("fast") >= pl.col("slow"))
        assert illegal.rows() == [(20, 20, *[None] * (frame.width - 3), "PARAM_CONSTRAINT")]
        assert frame.filter(pl.col("fast") < pl.col("slow"))["refused"].null_count() == 5
        assert frame.filter(pl.col("fast") < pl.col("slow"))["total_return"].null_count() == 0

    def test_a_setting_says_why_it_was_refused(self) -> None:
        grid = {"fast": [5, 40], "slow": [20, 180]}
        frame = simcore.sweep("ma_cross", grid, market(1, 100))
        assert frame["refused"].to_list() == [
            None, "WINDOW_EXCEEDS_SERIES", "PARAM_CONSTRAINT", "WINDOW_EXCEEDS_SERIES"
        ]  # fmt: skip
        metrics = frame.select(
            row["name"] for row in engine.catalogue()["metrics"] if row["in_summary"]
        )
        nulls = metrics.select(pl.all_horizontal(pl.all().is_null())).to_series()
        assert nulls.to_list() == [False, True, True, True]

    def test_bars_too_few_for_every_setting_are_refused(self) -> None:
        with pytest.raises(EngineError) as refused:
            simcore.sweep("ma_cross", {"slow": [150, 180]}, market(1, 100))
        assert refused.value.code == "WINDOW_EXCEEDS_SERIES"

    @pytest.mark.parametrize("name", ["ma_cross", "atr_breakout", "rsi_reversion"])
    def test_every_setting_alone_has_the_same_bytes(self, name: str) -> None:
        bars, strategy = market(2, 600), simcore.compile_strategy(name)
        grid = {
            param: [own.value, own.value + 1.0]
            for param, own in list(strategy.model.params.items())[:3]
        }
        metrics = [row["name"] for row in engine.catalogue()["metrics"] if row["in_summary"]]
        whole = simcore.sweep(strategy, grid, bars)
        assert whole.height == 2 ** len(grid)
        for row in whole.iter_rows(named=True):
            setting = {param: row[param] for param in grid}
            alone = simcore.sweep(strategy, {k: [v] for k, v in setting.items()}, bars)
            expected = whole.row(by_predicate=pl.all_horizontal(
                *(pl.col(k) == v for k, v in setting.items())), named=True)  # fmt: skip
            assert (
                alone.select(metrics).to_numpy().tobytes()
                == np.array(
                    [[math.nan if expected[m] is None else float(expected[m]) for m in metrics]]
                ).tobytes()
            )

    def test_the_number_of_threads_changes_no_byte(self) -> None:
        grid = {"fast": list(range(2, 22)), "slow": list(range(20, 60, 5))}
        bars = market(3, 800)
        frames = [simcore.sweep("ma_cross", grid, bars, n_threads=n) for n in (1, 2, 16)]
        assert frames[0].equals(frames[1])
        assert frames[0].equals(frames[2])

    def test_a_sharpe_ratio_bears_its_standard_error(self) -> None:
        frame = simcore.sweep("ma_cross", GRID, market(1, 500), bars_per_year=100.0)
        for sharpe, error in frame.select("sharpe", "sharpe_se").rows():
            told = None if sharpe is None else math.sqrt((100.0 + sharpe**2 / 2.0) / 500.0)
            assert error == (None if told is None else pytest.approx(told))

    def test_values_may_come_from_numpy(self) -> None:
        frame = simcore.sweep("ma_cross", {"fast": np.arange(5, 8)}, market(1, 500))
        assert frame["fast"].to_list() == [5, 6, 7]

    @pytest.mark.parametrize(
        ("grid", "reason"),
        [
            ({"fats": [5]}, "UNKNOWN_NAME"),
            ({"fast": [1000]}, "PARAM_DOMAIN"),
            ({"fast": [5.5]}, "NOT_INTEGER"),
            ({"fast": [float("nan")]}, "PARAM_DOMAIN"),
            ({"fast": []}, "GRID"),
            ({"fast": "5"}, "GRID"),
            ({"fast": ["5"]}, "WRONG_TYPE"),
            ({"fast": [True]}, "WRONG_TYPE"),
            ({}, "GRID"),
        ],
    )
    def test_a_wrong_grid_is_refused(self, grid: dict[str, Any], reason: str) -> None:
        with pytest.raises(SpecError) as refused:
            simcore.sweep("ma_cross", grid, market(1, 500))
        assert refused.value.problems[0].reason == reason

    def test_a_grid_beyond_reason_is_refused_before_work(self) -> None:
        grid = {"fast": list(range(2, 50)) * 100, "slow": list(range(10, 200)) * 100}
        with pytest.raises(LimitError):
            simcore.sweep("ma_cross", grid, market(1, 500))


def spelled(node: Any) -> str:
    return json.dumps(node, sort_keys=True)


def normal(node: dict[str, Any]) -> dict[str, Any]:
    """The node with operands of what commutes in order, and with shifts folded."""
    if "xs" in node:
        return {**node, "xs": sorted(node["xs"], key=spelled)}
    if node["op"] in ("add", "mul", "min", "max", "eq", "ne"):
        a, b = sorted((node["a"], node["b"]), key=spelled)
        return {**node, "a": a, "b": b}
    if node["op"] == "shift" and node["a"]["op"] == "shift":
        node = {**node, "a": node["a"]["a"], "k": node["k"] + node["a"]["k"]}
    if node["op"] == "shift" and node["k"] == 0.0:
        folded: dict[str, Any] = node["a"]
        return folded
    return node


def expanded(program_json: str) -> str:
    """A program with every slot written out, so that the order of instructions does not show."""
    program = json.loads(program_json, parse_int=float)
    code: list[dict[str, Any]] = []

    for stated in program["code"]:
        read: dict[str, Any] = {
            name: code[int(stated[name])] for name in ("a", "b") if name in stated
        }
        for name in {"inputs", "xs"} & set(stated):
            read[name] = [code[int(slot)] for slot in stated[name]]
        code.append(normal({**stated, **read}))
    for rule in program["rules"]:
        rule["if"] = code[int(rule["if"])]
        if "price" in rule["order"]:
            rule["order"]["price"] = code[int(rule["order"]["price"])]
    stop = program["risk"]["stop"]
    if stop and "slot" in stop:
        stop["slot"] = code[int(stop["slot"])]
    return spelled([program["schema"], program["timeframe"], program["rules"], program["risk"]])


SHIFTY = {
    "version": "0.1.0",
    "id": "shifty",
    "name": "Every place a parameter may stand",
    "timeframe": "1h",
    "params": {"n": 10, "k": 2, "x": 1.5, "fixed": 3},
    "constraints": ["k < n", "not (x == 0) and (n > 2 or k > 7)"],
    "rules": [
        {"if": "close[k] > x * ma(close[1], n * 2 + 1) and rsi(n) < 30 + x", "then": "buy"},
        {"if": "-x > close[k][fixed] / x - ma(close, n) or crossunder(close, x)", "then": "close"},
    ],
    "risk": {"sizing": {"type": "pct_equity", "value": 50}, "stop": {"type": "pct", "value": 5}},
    "metadata": {},
}


WORDY = SHIFTY | {
    "constraints": ["sqrt(x) < 100"],
    "rules": [
        {
            "if": "close > bbands(n + fixed, x).upper and macd(n, n * 2, k + 1).hist > log(x)"
            " and barssince(rsi(n) < 30) < max(x, fixed) and hour > 3 and hl2 > adx(n)",
            "then": "buy",
        },
        {
            "if": "stoch(n, 3, k + 1).d > 80 or min(exp(x), position) > shift(close, k)",
            "then": "close",
        },
    ],
}


@pytest.mark.parametrize(
    ("document", "names", "settings"),
    [
        ("ma_cross", ("fast", "slow"), [(5, 20), (10, 30), (50, 200)]),
        ("ma_cross", ("slow",), [(20,), (200,)]),
        ("atr_breakout", ("n", "reach", "anchor"), [(20, 1.0, 50), (5, 0.25, 10), (7, 3.5, 123)]),
        ("rsi_reversion", ("enter_below", "n"), [(30, 14), (5, 2)]),
        (WORDY, ("n", "k", "x"), [(10, 2, 1.5), (50, 0, 2.0), (3, 1, 0.25), (40, 30, 9.0)]),
        (SHIFTY, ("n", "k", "x"), [(10, 2, 1.5), (50, 0, 2.0), (3, 1, 0.25), (40, 30, 100.0)]),
    ],
)
def test_a_grid_puts_the_same_numbers_where_binding_does(
    document: Any, names: tuple[str, ...], settings: list[tuple[float, ...]]
) -> None:
    strategy = simcore.compile_strategy(document)
    for setting, found in zip(settings, lowered(strategy, names, settings), strict=True):
        assert found.program is not None
        bound = bind(strategy, dict(zip(names, setting, strict=True)))
        assert expanded(found.program) == expanded(bound.program_json)
        assert (found.lookback_bars, found.refused) == (bound.lookback_bars, None)


def test_a_function_without_a_value_at_a_setting_has_no_program() -> None:
    strategy = simcore.compile_strategy(WORDY)
    found = lowered(strategy, ("x",), [(-1.0,), (0.0,), (800.0,)])
    assert [each.program for each in found] == [None] * 3


@pytest.mark.parametrize(
    "setting",
    [(10, 10, 1.0), (2, 1, 1.0), (10, 2, 0.0), (3000, 2, 1.0), (10.5, 2, 1.0), (10, 2.5, 1.0)],
    ids=["constraint", "second constraint", "not", "window", "half a window", "half a bar"],
)
def test_a_setting_without_meaning_has_no_program(setting: tuple[float, ...]) -> None:
    strategy = simcore.compile_strategy(SHIFTY)
    (found,) = lowered(strategy, ("n", "k", "x"), [setting])
    assert found.program is None
    with pytest.raises(SpecError):
        bind(strategy, dict(zip(("n", "k", "x"), setting, strict=True)))
