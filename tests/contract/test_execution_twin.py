"""The engine's bar loop against a slow one that was written from the definitions alone.

Random strategies over random bars under random executions: equity, cash and position of every bar,
and every trade. What the draws reach is asserted, so that nothing is compared by not happening.
"""

from __future__ import annotations

import random
from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import pytest
from execution_draws import execution, frame, rough_bars, strategy
from execution_twin import ConflictError, Outcome, Twin

import simcore
from simcore import engine
from simcore.backtests.request import execution_fields, execution_json
from simcore.bars import columns
from simcore.errors import EngineError

CASH = 10_000.0
BARS_PER_YEAR = 8_760.0
N_BARS = 150
N_DRAWS = 240
GROUP = 12
TRADE_NUMBERS = (
    "qty", "entry_px", "exit_px", "entry_raw_px", "exit_raw_px", "fees", "slippage_cost",
    "gross_pnl", "net_pnl", "ret_bps",
)  # fmt: skip
TRADE_FACTS = ("entry_bar", "exit_bar", "side", "ambiguous")
EVENTS = ("RUNTIME_CONFLICT", "SHORT_NOT_ALLOWED", "AMBIGUOUS", "MARGIN_CALL", "DAILY_LOSS")


def drawn(seed: int, **fields: Any) -> tuple[engine.RunColumns, Outcome, dict[str, Any]]:
    """One draw, run by the engine and by the twin, and the execution."""
    draw = random.Random(seed)
    bars, document, rules = rough_bars(draw, N_BARS), strategy(draw), execution(draw)
    rules |= fields
    made = engine.backtest(
        (simcore.compile_strategy(document).program_json,),
        execution_json(rules),
        (columns(frame(bars)),),
        ((0, 0),),
        initial_cash=CASH,
        bars_per_year=(BARS_PER_YEAR,),
    )[0]
    twin = Twin(bars, document, execution_fields(rules), CASH, BARS_PER_YEAR)
    return made, twin.run(), rules


@cache
def both(seed: int) -> tuple[engine.RunColumns, Outcome, dict[str, Any]]:
    return drawn(seed)


@pytest.mark.parametrize("group", range(N_DRAWS // GROUP))
def test_every_run_is_that_of_the_slow_twin(group: int) -> None:
    reasons = engine.catalogue()["codes"]["exit_reason"]
    for seed in range(group * GROUP, (group + 1) * GROUP):
        made, twin, rules = both(seed)
        note = f"draw {seed}: {rules}"
        found = made["trades"]
        for name in TRADE_FACTS:
            expected = [getattr(trade, name) for trade in twin.trades]
            assert found[name].tolist() == expected, f"{name} of {note}"
        assert [reasons[code] for code in found["exit_reason"].tolist()] == [
            trade.exit_reason for trade in twin.trades
        ], note
        assert found["entry_tag"].tolist() == [trade.rule for trade in twin.trades], note
        for name in TRADE_NUMBERS:
            np.testing.assert_allclose(
                found[name], [getattr(trade, name) for trade in twin.trades],
                rtol=1e-9, atol=1e-9 * CASH, err_msg=f"{name} of {note}",
            )  # fmt: skip
        for name, column in (
            ("equity_quote", twin.equity), ("cash_quote", twin.cash),
            ("position_base", twin.position),
        ):  # fmt: skip
            np.testing.assert_allclose(
                made[name], column, rtol=1e-9, atol=1e-9 * CASH, err_msg=f"{name} of {note}"
            )


@pytest.mark.parametrize("name", EVENTS)
def test_events_are_counted_as_by_the_slow_twin(name: str) -> None:
    total = 0
    for seed in range(N_DRAWS):
        made, twin, rules = both(seed)
        assert dict(made["events"]).get(name, 0) == twin.events[name], f"draw {seed}: {rules}"
        total += twin.events[name]
    assert total >= 5


def test_the_draws_reach_every_reason_kind_of_order_and_choice() -> None:
    reasons: Counter[str] = Counter()
    rules_met: Counter[tuple[str, Any]] = Counter()
    kinds: Counter[str] = Counter()
    n_parts = n_grown = n_ruined = 0
    for seed in range(N_DRAWS):
        _, twin, rules = both(seed)
        draw = random.Random(seed)
        rough_bars(draw, N_BARS)
        document = strategy(draw)
        reasons.update(trade.exit_reason for trade in twin.trades)
        kinds.update(
            document["rules"][trade.rule].get("order", {"type": "market"})["type"]
            for trade in twin.trades
        )
        kinds[document["risk"]["sizing"]["type"]] += len(twin.trades)
        if twin.trades:
            rules_met.update(rules.items())
        entries = Counter(trade.entry_bar for trade in twin.trades)
        n_parts += sum(count > 1 for count in entries.values())
        n_grown += document["risk"].get("max_adds", 0) > 0 and len(twin.trades) > 0
        n_ruined += twin.is_ruined
    every = {"signal", "stop", "take_profit", "trailing", "time", "opposite", "liquidation"}
    assert {*every, "daily_loss", "end_of_data"} == set(reasons)
    assert min(reasons.values()) >= 2
    assert set(kinds) == {
        "market", "limit", "stop", "stop_limit",
        "fixed_qty", "fixed_notional", "pct_equity", "risk_pct", "vol_target",
    }  # fmt: skip
    assert min(kinds.values()) > 100
    assert {name for name, _ in rules_met} == {"base", *execution_fields("honest_v1")}
    assert n_parts > 100 and n_grown > 20


@pytest.mark.parametrize("seed", range(0, N_DRAWS, 8))
def test_the_slow_twins_own_books_balance(seed: int) -> None:
    """Equity moves by what the position did and what was traded, less fees and financing."""
    draw = random.Random(seed)
    bars, document, rules = rough_bars(draw, N_BARS), strategy(draw), execution(draw)
    twin = Twin(bars, document, execution_fields(rules), CASH, BARS_PER_YEAR)
    outcome = twin.run()
    books, slack = twin.books, 1e-9 * CASH
    realised = sum(trade.net_pnl + trade.fees for trade in outcome.trades)
    held = books.position
    unrealised = held.side * held.qty * (bars[-1].close - held.price) if held else 0.0
    gained = outcome.equity[-1] - CASH
    assert abs(gained - (realised + unrealised - books.fees - books.financing)) <= slack
    assert abs(books.bought - books.qty) <= slack
    assert abs(outcome.position[-1] - books.qty) <= slack


def test_both_refuse_a_quarrel_of_rules_where_that_is_an_error() -> None:
    refused = 0
    for seed in range(40):
        _, twin, _ = both(seed)
        if twin.events["RUNTIME_CONFLICT"] == 0:
            continue
        with pytest.raises(EngineError) as error:
            drawn(seed, conflict="error")
        assert error.value.code == "RUNTIME_CONFLICT"
        draw = random.Random(seed)
        bars, document, rules = rough_bars(draw, N_BARS), strategy(draw), execution(draw)
        fields = execution_fields({**rules, "conflict": "error"})
        with pytest.raises(ConflictError):
            Twin(bars, document, fields, CASH, BARS_PER_YEAR).run()
        refused += 1
    assert refused > 5
