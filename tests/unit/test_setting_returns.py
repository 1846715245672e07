"""Returns by setting, and that the trap among the library's strategies is caught by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from market import market

import simcore
from simcore.backtests import setting_returns as module
from simcore.backtests.cross_validation import overfitting
from simcore.backtests.setting_returns import setting_returns
from simcore.backtests.trials import TrialLedger
from simcore.errors import LimitError, SpecError
from simcore.store import Store
from simcore.strategy.strategy import bind, compile_strategy


def test_each_column_is_what_a_backtest_of_its_setting_earns() -> None:
    bars = market(1, 300)
    made = setting_returns("ma_cross", bars, n_settings=12)
    assert made.returns.shape == (300, 12)
    strategy = compile_strategy("ma_cross")
    for index, each in enumerate(made.tried.settings):
        values = dict(zip(made.tried.names, each.values, strict=True))
        equity = simcore.backtest(bind(strategy, values), bars).equity.to_numpy()
        grown = 10_000.0 * np.cumprod(1.0 + made.returns[:, index])
        np.testing.assert_allclose(grown, equity, rtol=1e-12)


def test_settings_that_the_history_cannot_hold_are_left_out() -> None:
    made = setting_returns("ma_cross", market(1, 100), grid={"fast": [5], "slow": [20, 150]})
    assert [each.values for each in made.tried.settings] == [(5.0, 20.0)]


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"grid": {"fast": [5], "slow": [150]}}, "/bars"),
        ({"grid": {}}, "/grid"),
        ({"n_settings": 0}, "/n_settings"),
        ({"initial_cash": -1.0}, "/initial_cash"),
    ],
)
def test_what_cannot_be_run_is_refused_where_it_is_named(
    arguments: dict[str, Any], path: str
) -> None:
    with pytest.raises(SpecError) as caught:
        setting_returns("ma_cross", market(1, 100), **arguments)
    assert caught.value.problems[0].path == path


def test_more_values_than_memory_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_VALUES_MAX", 100 * 12 - 1)
    with pytest.raises(LimitError, match="got 100 bars at 12 settings"):
        setting_returns("ma_cross", market(1, 100), grid={"fast": range(2, 14), "slow": [50]})


def test_with_a_home_every_setting_is_counted(tmp_path: Path) -> None:
    setting_returns("ma_cross", market(1, 300), n_settings=12, home=tmp_path)
    ledger = TrialLedger(Store(tmp_path / "lake"))
    assert [each.k for each in ledger.census().values()] == [12]


def test_the_trap_is_caught_where_nothing_can_be_known() -> None:
    found = [
        overfitting(
            setting_returns("overfit_trap", market(seed, 1_500)).returns, blocks=[8, 10, 12]
        ).pbo
        for seed in range(6)
    ]
    # What is searched may be promoted up to 0.3.
    assert min(found) > 0.3
    assert np.mean(found) > 0.5
