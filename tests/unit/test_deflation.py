"""A Sharpe ratio judged by the trials that the ledger knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from market import market

import simcore
from simcore.backtests.trials import effective_count
from simcore.errors import SpecError
from simcore.scoring.deflation import deflated
from simcore.scoring.significance import dsr, psr, sharpe_sample

GRID = {"fast": list(range(5, 15)), "slow": list(range(20, 60, 5))}


def test_every_trial_counts_and_makes_the_same_ratio_worth_less(tmp_path: Path) -> None:
    bars = market(3, 800)
    alone = simcore.backtest("ma_cross", bars, home=tmp_path)
    first = deflated(alone, bars, home=tmp_path)
    sample = sharpe_sample(alone.returns)
    assert sample is not None
    assert (first.k_trials, first.variance_of_trials) == (1, None)
    assert first.dsr == psr(sample)
    simcore.sweep("ma_cross", GRID, bars, home=tmp_path)
    after = deflated(alone, bars, home=tmp_path)
    assert after.k_trials >= 80 and after.variance_of_trials is not None
    assert after.dsr == dsr(sample, after.k_trials, after.variance_of_trials)
    assert after.dsr is not None and first.dsr is not None and after.dsr < first.dsr
    assert after.trials_digest != first.trials_digest


def test_running_it_again_is_no_new_trial_and_other_bars_are_another_count(tmp_path: Path) -> None:
    bars = market(3, 800)
    result = simcore.backtest("ma_cross", bars, home=tmp_path)
    before = deflated(result, bars, home=tmp_path)
    simcore.backtest("ma_cross", bars, home=tmp_path)
    simcore.backtest("ma_cross", market(4, 800), home=tmp_path)
    assert deflated(result, bars, home=tmp_path) == before


def test_a_run_that_never_traded_has_no_ratio_to_deflate(tmp_path: Path) -> None:
    bars = market(3, 300)
    idle = simcore.backtest("zero_rule", bars, home=tmp_path)
    assert deflated(idle, bars, home=tmp_path).dsr is None
    assert deflated(idle, bars, home=tmp_path).k_trials == 1


def test_returns_begin_with_the_first_bar_against_the_cash() -> None:
    result = simcore.backtest("buy_and_hold", market(3, 300))
    grown = 10_000.0 * np.cumprod(1.0 + result.returns)
    assert grown == pytest.approx(result.equity.to_numpy(), rel=1e-12)


def test_the_effective_count_knows_no_scale_and_refuses_what_is_no_number() -> None:
    returns = np.random.default_rng(1).normal(size=(200, 4))
    assert effective_count(returns * 1e200) == pytest.approx(effective_count(returns), rel=1e-12)
    with pytest.raises(SpecError):
        effective_count(returns * np.nan)
