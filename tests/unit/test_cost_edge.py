"""What an edge bears: costs, delay, and how far a Sharpe ratio can be off."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from market import flat_market, market
from planted import planted_market, spike_buyer

import simcore
from simcore.backtests.cost_edge import break_even, capacity
from simcore.backtests.delay_decay import delay_decay, one_bar_shift
from simcore.backtests.sharpe_error import difference_error, sharpe_error
from simcore.errors import EngineError, SpecError

EDGE = planted_market(1, 2_000, (0.01,))


def with_fee(bps: float) -> dict[str, Any]:
    return {"base": "honest_v1", "fee_bps": 2.0 + bps}


def test_at_the_break_even_cost_the_same_fills_earn_nothing() -> None:
    found = break_even(spike_buyer(1), EDGE)
    trades = simcore.backtest(spike_buyer(1), EDGE).trades
    traded = trades["qty"] * (trades["entry_px"] + trades["exit_px"])
    assert found.extra_bps is not None
    left = float(trades["net_pnl"].sum()) - found.extra_bps * 1e-4 * float(traded.sum())
    assert abs(left) <= 1e-6
    gross = 1e4 * float(trades["gross_pnl"].sum()) / float(traded.sum())
    assert found.paid_bps is not None
    assert found.extra_bps == pytest.approx(gross - found.paid_bps, rel=1e-9)


def test_a_run_made_again_at_the_break_even_cost_earns_nothing() -> None:
    found = break_even(spike_buyer(1), EDGE)
    assert found.rerun_bps is not None
    assert found.extra_bps is not None
    assert found.flags == ()
    again = simcore.backtest(spike_buyer(1), EDGE, execution=with_fee(found.rerun_bps))
    assert abs(again.metrics["total_return"] or 1.0) <= 1e-6
    # Smaller positions late in the run weigh less, so the two agree in size and not to the digit.
    assert found.rerun_bps == pytest.approx(found.extra_bps, rel=0.2)


@pytest.mark.parametrize("fees", [{"fee_bps": 2.0}, {"fee_bps": 2.0, "maker_bps": 5.0}])
def test_an_edge_beyond_every_fee_that_there_is_has_no_break_even(fees: dict[str, float]) -> None:
    # One trade from 100 to 2,000: half of what is traded would have to be paid.
    rise = np.geomspace(1.0, 20.0, 500)
    bars = flat_market(500).with_columns(pl.col("open", "high", "low", "close") * rise)
    found = break_even("buy_and_hold", bars, execution={"base": "honest_v1", **fees})
    assert found.extra_bps is not None
    assert found.extra_bps > 5_000.0
    assert found.rerun_bps is None or found.rerun_bps < 10_000.0


def test_a_loser_that_is_free_of_fees_would_not_lose_has_a_negative_break_even() -> None:
    bars = planted_market(1, 2_000, (0.0012,), sigma=0.0)
    found = break_even(spike_buyer(1), bars, execution=with_fee(10.0))
    assert found.extra_bps is not None
    assert -12.0 < found.extra_bps < 0.0
    assert found.rerun_bps is not None
    again = simcore.backtest(spike_buyer(1), bars, execution=with_fee(10.0 + found.rerun_bps))
    assert abs(again.metrics["total_return"] or 1.0) <= 1e-6


def test_a_loser_at_any_fee_has_no_break_even_and_says_so() -> None:
    found = break_even(spike_buyer(1), planted_market(1, 2_000, (-0.01,)))
    assert (found.rerun_bps, found.flags) == (None, ("NO_BREAK_EVEN",))
    assert found.extra_bps is not None
    assert found.extra_bps < 0.0


@pytest.mark.parametrize(("factor", "maker_bps"), [(10.0, None), (10.0, 50.0), (1_000.0, None)])
def test_an_edge_beyond_half_of_all_fees_has_its_break_even(
    factor: float, maker_bps: float | None
) -> None:
    rising = pl.lit(np.geomspace(1.0, factor, 50))
    bars = flat_market(50).with_columns(pl.col("open", "high", "low", "close") * rising)
    found = break_even("buy_and_hold", bars, execution={**with_fee(0.0), "maker_bps": maker_bps})
    assert found.rerun_bps is not None and found.rerun_bps > 5_000.0
    again = simcore.backtest("buy_and_hold", bars, execution=with_fee(found.rerun_bps))
    assert abs(again.metrics["total_return"] or 1.0) <= 1e-6


def test_a_run_without_trades_has_no_break_even() -> None:
    found = break_even("zero_rule", market(1, 300))
    assert (found.extra_bps, found.extra_bps_se, found.n_trades) == (None, None, 0)
    assert found.flags == ("NO_TRADES",)


def test_the_error_of_the_break_even_is_its_spread_over_markets() -> None:
    found = [break_even(spike_buyer(2), planted_market(seed, 1_500, (0.01,))) for seed in range(60)]
    spread = np.std([each.extra_bps for each in found], ddof=1)
    told = np.mean([each.extra_bps_se for each in found])
    assert told == pytest.approx(spread, rel=4.0 / math.sqrt(2 * 59))


def test_a_short_lived_edge_decays_with_the_delay() -> None:
    bars = planted_market(2, 6_000, (0.02, 0.014, 0.009, 0.005, 0.001), every=60)
    rows = delay_decay(spike_buyer(1), bars)
    assert rows["bar_delay"].to_list() == [1, 2, 3, 4, 5]
    sharpe = rows["sharpe"].to_list()
    assert sharpe == sorted(sharpe, reverse=True)
    assert rows["drop"].to_list() == pytest.approx([sharpe[0] - each for each in sharpe])
    assert rows["drop"][4] > 4.0 * rows["drop_se"][4]
    assert rows["n_bars"].unique().to_list() == [6_000]


def test_one_bar_later_an_edge_of_one_bar_is_gone() -> None:
    found = one_bar_shift(spike_buyer(1), EDGE)
    assert found.sharpe is not None
    assert found.shifted is not None
    assert found.drop == found.sharpe - found.shifted
    assert found.drop_se is not None
    assert found.drop is not None
    assert found.drop > 4.0 * found.drop_se
    slow = delay_decay(spike_buyer(1), EDGE, delays_bars=(3, 4))
    at_three = one_bar_shift(spike_buyer(1), EDGE, execution={"base": "honest_v1", "bar_delay": 3})
    assert (at_three.sharpe, at_three.shifted) == tuple(slow["sharpe"])


def test_a_delay_of_a_market_that_does_not_move_has_numbers_and_no_nan() -> None:
    rows = delay_decay("ma_cross", flat_market(300))
    assert rows["n_trades"].to_list() == [0] * 5
    assert rows.null_count().row(0)[rows.columns.index("drop_se")] == 5
    assert not any(
        math.isnan(value) for row in rows.rows() for value in row if isinstance(value, float)
    )


@pytest.mark.parametrize("delays", [(0,), (1, 1.5), (True,), (1_001,), ()])
def test_a_delay_that_is_none_is_refused(delays: tuple[Any, ...]) -> None:
    with pytest.raises(SpecError) as refused:
        delay_decay("ma_cross", market(1, 300), delays_bars=delays)
    assert refused.value.problems[0].path.startswith("/delays_bars")


@pytest.mark.parametrize("examine", [break_even, delay_decay, one_bar_shift])
def test_bad_input_is_refused_with_a_code(examine: Any) -> None:
    bars = market(1, 300)
    for arguments in ({"initial_cash": 0.0}, {"bars_per_year": -1.0}, {"execution": "kind_v1"}):
        with pytest.raises(SpecError) as refused:
            examine("ma_cross", bars, **arguments)
        assert refused.value.problems[0].code
    for broken in (bars.head(20), bars.with_columns(close=pl.lit(float("nan"))), bars.reverse()):
        with pytest.raises(EngineError):
            examine("ma_cross", broken)


def test_the_error_of_a_sharpe_ratio_is_its_spread_over_samples() -> None:
    generator = np.random.default_rng(1)
    returns = generator.normal(0.001, 0.01, (4_000, 300))
    sharpe = returns.mean(axis=1) / returns.std(axis=1, ddof=1) * math.sqrt(252.0)
    told = sharpe_error(sharpe, n_bars=300, bars_per_year=252.0)
    assert told.mean() == pytest.approx(sharpe.std(ddof=1), rel=0.05)
    assert math.isnan(sharpe_error(np.array(math.nan), n_bars=3, bars_per_year=1.0))


def test_the_error_of_a_difference_knows_what_both_share() -> None:
    generator = np.random.default_rng(2)
    market_returns = generator.normal(0.0, 0.01, (4_000, 300))
    own = generator.normal(0.0, 0.003, (2, 4_000, 300))

    def ratio(returns: Any) -> Any:
        return returns.mean(axis=1) / returns.std(axis=1) * math.sqrt(252.0)

    one, other = market_returns + own[0], market_returns + own[1]
    spread = (ratio(one) - ratio(other)).std(ddof=1)
    told = [difference_error(one[i], other[i], bars_per_year=252.0) for i in range(200)]
    assert np.mean([each for each in told if each is not None]) == pytest.approx(spread, rel=0.05)
    assert difference_error(np.zeros(9), one[0][:9], bars_per_year=252.0) is None
    assert difference_error(one[0], one[0], bars_per_year=252.0) == 0.0


def test_at_its_capacity_an_edge_earns_nothing_and_beyond_it_loses() -> None:
    bars = planted_market(1, 2_000, (0.01,), volume=1_000.0)
    strategy = spike_buyer(1, volume=1_000.0)
    found = capacity(strategy, bars)
    assert found.cash_quote is not None
    assert found.flags == ()

    def earned(cash: float) -> float:
        execution = {"base": "honest_v1", "impact": "sqrt", "impact_y": 1.0}
        run = simcore.backtest(strategy, bars, execution=execution, initial_cash=cash)
        return run.metrics["total_return"] or 0.0

    assert abs(earned(found.cash_quote)) < 1e-3 * earned(10_000.0)
    assert earned(0.99 * found.cash_quote) > 0.0 > earned(1.01 * found.cash_quote)
    assert found.shown_quote is not None
    assert found.shown_quote < found.cash_quote
    returns = found.curve["total_return"].to_list()
    assert returns == sorted(returns, reverse=True)
    assert found.curve["initial_cash"][0] == 10_000.0


def test_capacity_grows_with_the_volume_and_falls_with_the_square_of_the_impact() -> None:
    def cash(volume: float, impact_y: float) -> float:
        bars = planted_market(1, 1_000, (0.01,), volume=volume)
        found = capacity(spike_buyer(1, volume=volume), bars, impact_y=impact_y)
        assert found.cash_quote is not None
        return found.cash_quote

    usual = cash(1_000.0, 1.0)
    assert cash(4_000.0, 1.0) == pytest.approx(4.0 * usual, rel=1e-3)
    assert cash(4_000.0, 2.0) == pytest.approx(usual, rel=1e-3)


def test_a_loser_has_no_capacity_and_says_so() -> None:
    found = capacity(spike_buyer(1), planted_market(1, 1_000, (-0.01,)))
    assert (found.cash_quote, found.shown_quote, found.flags) == (None, None, ("NO_EDGE",))
    assert found.curve.height == 1


def test_a_size_that_does_not_grow_with_the_money_has_no_bound() -> None:
    sizing = {"type": "fixed_notional", "notional": 1_000.0}
    bars = planted_market(1, 1_000, (0.01,), volume=1e9)
    found = capacity(spike_buyer(1, volume=1e9, sizing=sizing), bars)
    assert found.cash_quote is None
    assert found.flags == ("UNBOUNDED",)


def test_capacity_without_volume_or_impact_is_refused() -> None:
    with pytest.raises(SpecError):
        capacity("ma_cross", market(1, 300), impact_y=0.0)
    with pytest.raises(EngineError) as refused:
        capacity("ma_cross", market(1, 300).with_columns(volume=pl.lit(0.0)))
    assert "volume" in refused.value.message
