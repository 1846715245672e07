"""Whole promotions over fields whose outcome is known: small."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from simcore.evolution import gates
from simcore.evolution import placebo as module
from simcore.evolution.gates import Gate
from simcore.evolution.placebo import PLACEBOS, promotion_rates
from simcore.tournaments.calibration import Size

SMALL = Size(challengers=20, markets=24, tournaments=10)
LEAST = Size(challengers=4, markets=12, tournaments=3)


def of(rows: pl.DataFrame, stage: str) -> pl.DataFrame:
    return rows.filter(rows["design"].str.ends_with(stage))


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    return promotion_rates(SMALL, seed=3)


def test_nobody_is_promoted_where_nobody_deserves_it(rows: pl.DataFrame) -> None:
    placebo = rows.filter(~rows["is_planted"])
    assert placebo.height == 6
    assert of(placebo, "every gate")["n_hits"].to_list() == [0, 0, 0]
    # 5 % of 30, and three standard errors.
    assert int(of(placebo, "the bound")["n_hits"].sum()) <= 5
    assert set(placebo["verdict"]) <= {"HELD", "NOT_REFUTED"}


def test_a_planted_edge_passes_every_gate_as_often_as_the_planner_promised(
    rows: pl.DataFrame,
) -> None:
    planted = rows.filter(rows["is_planted"])
    assert planted["promised"].min() >= 0.8
    assert set(planted["verdict"]) <= {"HELD", "NOT_REFUTED"}
    assert int(of(planted, "every gate")["n_hits"][0]) >= 6


def passing(verdict: str) -> Callable[..., list[Gate]]:
    strict = gates.gains_together

    def changed(*given: Any, **named: Any) -> list[Gate]:
        return [dataclasses.replace(each, verdict=verdict) for each in strict(*given, **named)]

    return changed


def test_a_bound_that_lets_luck_pass_is_told_so_and_the_other_gates_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module.gates, "gains_together", passing("pass"))
    lax = promotion_rates(LEAST, seed=3, placebos=PLACEBOS[:1])
    assert of(lax, "the bound")["verdict"].to_list() == ["TOO_OFTEN"]
    assert of(lax, "every gate")["n_hits"].to_list() == [0]


def test_gates_that_find_nobody_are_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.gates, "gains_together", passing("fail"))
    blind = promotion_rates(LEAST, seed=3, placebos=PLACEBOS[-1:])
    assert set(blind["verdict"]) == {"TOO_SELDOM"}


def test_the_same_seed_gives_the_same_rows() -> None:
    first = promotion_rates(LEAST, seed=5, placebos=PLACEBOS[-1:])
    assert first.equals(promotion_rates(LEAST, seed=5, placebos=PLACEBOS[-1:]))


@pytest.mark.parametrize("placebo", PLACEBOS, ids=lambda each: each.challengers)
def test_a_field_holds_as_many_different_programs_as_were_asked_for(placebo: Any) -> None:
    field = module._field(placebo, 30, 1)
    assert len({each.ir_hash for each in field.everyone}) == 31


@pytest.mark.parametrize("placebo", PLACEBOS[::2], ids=lambda each: each.challengers)
def test_equals_trade_as_often_and_expect_the_same(placebo: Any) -> None:
    field = module._field(placebo, 10, 1)
    found = field.ran(module._markets(field, 400 // len(placebo.laws), 4))
    gap = found.scores[:, :-1] - found.scores[:, -1:]
    error = gap.std(axis=0, ddof=1) / len(gap) ** 0.5
    assert (abs(gap.mean(axis=0)) < 4.0 * error).all()
    assert found.n_trades.mean() > 1.0
