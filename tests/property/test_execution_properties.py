"""What must hold of every run whatever the strategy, the market and the execution.

Strategies, bars and executions are drawn as for the slow twin, which plays no part here.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import polars as pl
import pytest
from execution_cases import BUY, CLOSE, FREE, QUIET, SELL, by_engine, document
from execution_draws import execution, frame, rough_bars, strategy

import simcore
from simcore import engine
from simcore.backtests.request import execution_fields, execution_json
from simcore.backtests.run import flag_names
from simcore.bars import columns

CASH = 10_000.0
N_BARS = 150
SEEDS = range(24)
ACCOUNT = ("equity_quote", "cash_quote", "position_base")
LIMITS = ("limit", "stop_limit")


def drawn(seed: int) -> tuple[random.Random, pl.DataFrame, dict[str, Any], dict[str, Any]]:
    """A market, a strategy and an execution."""
    draw = random.Random(f"property {seed}")
    return draw, frame(rough_bars(draw, N_BARS)), strategy(draw), execution(draw)


def run(
    asked: dict[str, Any], bars: pl.DataFrame, execution: Any = "honest_v1", cash: float = CASH
) -> engine.RunColumns:
    return engine.backtest(
        (simcore.compile_strategy(asked).program_json,),
        execution_json(execution),
        (columns(bars),),
        ((0, 0),),
        initial_cash=cash,
        bars_per_year=(8_760.0,),
    )[0]


def n_trades(made: engine.RunColumns) -> int:
    return len(made["trades"]["exit_bar"])


@pytest.mark.parametrize("seed", SEEDS)
def test_the_account_is_cash_and_position_and_every_change_has_a_trade(seed: int) -> None:
    _, bars, asked, rules = drawn(seed)
    free = {"borrow_bps_year": 0.0, "funding_bps_year": 0.0, "cash_rate_year": 0.0}
    made = run(asked, bars, {**rules, **free, "finalize": "close"})
    slack = 1e-9 * CASH
    cash, position = made["cash_quote"], made["position_base"]
    worth = cash + position * bars["close"].to_numpy()
    np.testing.assert_allclose(worth, made["equity_quote"], rtol=0, atol=slack)
    trades = made["trades"]
    if "RUIN" not in flag_names(made["flags"]):
        assert abs(position[-1]) <= 1e-12
    gained = made["equity_quote"][-1] - CASH
    np.testing.assert_allclose(trades["net_pnl"].sum(), gained, rtol=0, atol=slack)
    paid = trades["gross_pnl"] - trades["slippage_cost"] - trades["fees"]
    np.testing.assert_allclose(paid, trades["net_pnl"], rtol=0, atol=slack)


@pytest.mark.parametrize("seed", SEEDS)
def test_fills_lie_inside_their_bars_and_slippage_never_helps(seed: int) -> None:
    _, bars, asked, rules = drawn(seed)
    trades = run(asked, bars, rules)["trades"]
    high, low = bars["high"].to_numpy(), bars["low"].to_numpy()
    for at in ("entry", "exit"):
        bar, raw = trades[f"{at}_bar"], trades[f"{at}_raw_px"]
        is_single = bar == trades["exit_bar"] if at == "exit" else trades["bars_held"] >= 0
        # An entry that grew is an average over more bars than one.
        bounds = (low[bar], high[bar]) if at == "exit" else (low.min(), high.max())
        assert ((raw >= bounds[0] - 1e-9) & (raw <= bounds[1] + 1e-9) | ~is_single).all()
    worse = trades["side"] * (trades["entry_px"] - trades["entry_raw_px"])
    assert (worse >= -1e-9).all()
    assert (trades["side"] * (trades["exit_raw_px"] - trades["exit_px"]) >= -1e-9).all()
    assert (trades["qty"] > 0.0).all() and (trades["entry_px"] > 0.0).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_limits_are_never_filled_worse_nor_stops_better_than_their_level(seed: int) -> None:
    draw, bars, _, _ = drawn(seed)
    kind, side = draw.choice(["limit", "stop", "stop_limit"]), draw.choice(["buy", "sell"])
    offset = {"limit": -30.0, "stop": 30.0, "stop_limit": 30.0}[kind] * 1e-4
    order: dict[str, Any] = {"type": kind, "offset_bps": 30.0}
    if kind == "stop_limit":
        order["limit_offset_bps"] = 20.0
    rules = [{"if": "volume < 400", "then": side, "order": order}]
    risk = {
        "sizing": {"type": "fixed_qty", "qty": 1}, "max_daily_loss_pct": 100,
        "max_holding_bars": 2, "allow_short": True, "max_leverage": 5,
    }  # fmt: skip
    asked = {**document(), "rules": rules, "risk": risk}
    trades = run(asked, bars, {"base": "honest_v1", "k_vol": 0.3})["trades"]
    assert len(trades["side"]) >= 3
    # Decided on any bar since the position before it ended; so the level is one of a few.
    sign = 1.0 if side == "buy" else -1.0
    levels = bars["close"].to_numpy() * (1.0 + sign * offset)
    ends = [0, *trades["exit_bar"].tolist()]
    for entry_bar, raw, price, before in zip(
        trades["entry_bar"], trades["entry_raw_px"], trades["entry_px"], ends, strict=False
    ):
        possible = sign * levels[before:entry_bar]
        if kind == "limit":
            assert sign * raw <= possible.max() + 1e-9
        if kind == "stop":
            assert sign * raw >= possible.min() - 1e-9
        if kind == "stop_limit":
            assert sign * raw <= (possible * (1.0 + sign * 20e-4)).max() + 1e-9
        if kind in LIMITS:
            assert price == raw
        else:
            assert sign * price > sign * raw


@pytest.mark.parametrize("seed", SEEDS[:10])
@pytest.mark.parametrize(
    "cost",
    [
        {"fee_bps": 9.0}, {"maker_bps": 9.0}, {"fixed": 2.0}, {"min_fee": 3.0}, {"base_bps": 9.0},
        {"k_vol": 0.4}, {"half_spread_bps": 4.0}, {"impact": "sqrt"}, {"impact": "zipline"},
        {"borrow_bps_year": 5_000.0},
    ],
    ids=lambda cost: next(iter(cost)) + str(cost.get("impact", "")),
)  # fmt: skip
def test_a_higher_cost_never_pays_on_the_same_fills(cost: dict[str, Any], seed: int) -> None:
    _, bars, asked, _ = drawn(seed)
    risk = {
        "sizing": {"type": "fixed_qty", "qty": 2}, "max_holding_bars": 3, "max_leverage": 5,
        "allow_short": asked["risk"]["allow_short"], "max_daily_loss_pct": 100,
    }  # fmt: skip
    asked = {**asked, "risk": risk}
    cheap = run(asked, bars, {"base": "honest_v1", "maker_bps": 1.0})
    dear = run(asked, bars, {"base": "honest_v1", "maker_bps": 1.0, **cost})
    assert n_trades(cheap) > 0
    for name in ("entry_bar", "exit_bar", "qty", "side", "entry_raw_px"):
        assert np.array_equal(cheap["trades"][name], dear["trades"][name])
    assert dear["equity_quote"][-1] <= cheap["equity_quote"][-1]
    assert (dear["equity_quote"] <= cheap["equity_quote"] + 1e-9 * CASH).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_without_costs_equity_is_what_the_position_gained_at_raw_prices(seed: int) -> None:
    _, bars, asked, _ = drawn(seed)
    made = run(asked, bars, {"base": "honest_v1", **FREE})
    trades = made["trades"]
    assert (trades["fees"] == 0.0).all() and (trades["entry_px"] == trades["entry_raw_px"]).all()
    signed = trades["side"] * trades["qty"] * (trades["exit_raw_px"] - trades["entry_raw_px"])
    np.testing.assert_allclose(made["equity_quote"][-1], CASH + signed.sum(), rtol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("power", [-6, 1, 9])
def test_prices_and_cash_scaled_by_a_power_of_two_scale_equity_exactly(
    power: int, seed: int
) -> None:
    """Only amounts of money are stated anew: notionals, and fees that know no price."""
    _, bars, asked, rules = drawn(seed)
    rules = {**rules, "fixed": 0.0, "min_fee": 0.0, "lot": 0.0}
    factor = 2.0**power
    scaled = bars.with_columns(pl.col("open", "high", "low", "close") * factor)
    more: dict[str, Any] = {**asked, "risk": {**asked["risk"]}}
    sizing = more["risk"]["sizing"]
    if sizing["type"] == "fixed_notional":
        more["risk"]["sizing"] = {**sizing, "notional": sizing["notional"] * factor}
    a, b = run(asked, bars, rules), run(more, scaled, rules, CASH * factor)
    assert np.array_equal(a["equity_quote"] * factor, b["equity_quote"])
    assert np.array_equal(a["position_base"], b["position_base"])


@pytest.mark.parametrize("seed", SEEDS)
def test_more_bars_change_nothing_that_was_filled_before(seed: int) -> None:
    draw, bars, asked, rules = drawn(seed)
    cut = draw.randint(40, N_BARS - 10)
    short, long = run(asked, bars[:cut], rules), run(asked, bars, rules)
    for name in ACCOUNT:
        # The last bar of the shorter run closes what is open.
        assert np.array_equal(short[name][: cut - 1], long[name][: cut - 1])
    before = [made["trades"]["exit_bar"] < cut - 1 for made in (short, long)]
    for name in short["trades"]:
        a, b = (
            made["trades"][name][kept] for made, kept in zip((short, long), before, strict=True)
        )
        assert np.array_equal(a, b)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_split_at_a_flat_bar_and_joined_is_the_whole(seed: int) -> None:
    """With sizes in units, every bar without position and orders is a beginning."""
    draw, _, _, _ = drawn(seed)
    bars = rough_bars(draw, 120)
    asked_for = [draw.choice([QUIET, BUY, SELL, CLOSE]) for _ in bars]
    # Nothing is asked for around the middle, so that it is flat and no order is about.
    asked_for[55:60], asked_for[60:64] = [CLOSE] * 5, [QUIET] * 4
    bars = [bar._replace(volume=asks) for bar, asks in zip(bars, asked_for, strict=True)]
    asked = document(
        stop={"type": "pct", "value": 2}, take_profit={"type": "pct", "value": 3},
        on_opposite=draw.choice(["close", "reverse", "ignore"]),
    )  # fmt: skip
    costs = {"fee_bps": 2.0, "fixed": 0.5, "base_bps": 1.0}
    whole = by_engine(bars, asked, **costs)
    first, second = by_engine(bars[:63], asked, **costs), by_engine(bars[62:], asked, **costs)
    assert len(first) > 3 and len(second) > 3
    moved = [
        fill._replace(entry_bar=fill.entry_bar + 62, exit_bar=fill.exit_bar + 62) for fill in second
    ]
    assert first + moved == whole


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["market", "limit", "stop", "stop_limit"])
def test_a_better_belief_about_a_bar_is_never_worth_less_at_its_close(kind: str, seed: int) -> None:
    """Pessimistic, then path, then optimistic, for what began alike.

    What a belief keeps alive may still end badly later, so bars of an entry are compared by what
    they are worth at their close.
    """
    draw, _, _, _ = drawn(seed)
    bars = [bar._replace(volume=QUIET) for bar in rough_bars(draw, 400)]
    # Every position is over before the next begins, whatever is believed.
    starts = range(0, 392, 8)
    for t in starts:
        bars[t] = bars[t]._replace(volume=draw.choice([BUY, SELL]))
    order: dict[str, Any] = {"type": kind}
    if kind != "market":
        order |= {"offset_bps": 30, "tif_bars": 1}
    if kind == "stop_limit":
        order["limit_offset_bps"] = 20
    asked = document(
        order, stop={"type": "pct", "value": 0.8}, take_profit={"type": "pct", "value": 0.9},
        max_holding_bars=3,
    )  # fmt: skip
    gained = []
    for intrabar in ("pessimistic", "path", "optimistic"):
        made = run(asked, frame(bars), {"base": "honest_v1", **FREE, "intrabar": intrabar})
        equity = made["equity_quote"]
        n_bars = 6 if kind == "market" else 1  # A market order is alike until it ends.
        gained.append([equity[t + n_bars] - equity[t] for t in starts])
    assert np.count_nonzero(gained[0]) > 5
    for worst, told, best in zip(*gained, strict=True):
        assert worst <= told + 1e-9 and told <= best + 1e-9


def test_beliefs_make_a_difference_in_what_was_compared() -> None:
    draw, _, _, _ = drawn(0)
    bars = [bar._replace(volume=BUY) for bar in rough_bars(draw, 400)]
    asked = document(stop={"type": "pct", "value": 0.5}, take_profit={"type": "pct", "value": 0.5})
    ends = {
        intrabar: run(asked, frame(bars), {"base": "honest_v1", "intrabar": intrabar})[
            "final_equity_quote"
        ]
        for intrabar in ("pessimistic", "path", "optimistic")
    }
    assert ends["pessimistic"] < ends["path"] < ends["optimistic"]


def test_any_number_of_threads_gives_the_same_bytes_and_the_same_events() -> None:
    asked = [drawn(seed) for seed in range(6)]
    programs = [simcore.compile_strategy(each[2]).program_json for each in asked]
    bars = [columns(each[1]) for each in asked]
    runs = [(p, b) for p in range(len(programs)) for b in range(len(bars))]
    for _, _, _, rules in asked[:3]:
        made = [
            engine.backtest(
                programs, execution_fields(rules), bars, runs, initial_cash=CASH,
                bars_per_year=[8_760.0] * len(bars), n_threads=n_threads,
            )
            for n_threads in (1, 2, 16)
        ]  # fmt: skip
        for one, *others in zip(*made, strict=True):
            for other in others:
                assert dict(one["events"]) == dict(other["events"])
                assert one["metrics"].tobytes() == other["metrics"].tobytes()
                for name in ACCOUNT:
                    assert one[name].tobytes() == other[name].tobytes()
                for name, column in one["trades"].items():
                    assert column.tobytes() == other["trades"][name].tobytes()


@pytest.mark.parametrize("seed", SEEDS)
def test_no_number_that_leaves_a_run_is_infinite_or_unknown(seed: int) -> None:
    _, bars, asked, rules = drawn(seed)
    made = run(asked, bars, rules)
    for name in ACCOUNT:
        assert np.isfinite(made[name]).all()
    for column in made["trades"].values():
        assert np.isfinite(column).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_without_shorts_nothing_is_ever_owed(seed: int) -> None:
    _, bars, asked, rules = drawn(seed)
    bought = [rule for rule in asked["rules"] if rule["then"] != "sell"]
    risk = {**asked["risk"], "allow_short": False, "max_leverage": 1.0}
    if risk["sizing"]["type"] == "pct_equity":
        risk["sizing"] = {"type": "pct_equity", "value": 100}
    no_rates = {"cash_rate_year": 0.0, "funding_bps_year": 0.0}
    made = run({**asked, "rules": bought, "risk": risk}, bars, {**rules, **no_rates})
    assert (made["position_base"] >= 0.0).all()
    if "RUIN" not in flag_names(made["flags"]):
        open_bars = made["position_base"] > 0.0
        assert (made["cash_quote"][open_bars] >= -1e-9 * CASH).all()
