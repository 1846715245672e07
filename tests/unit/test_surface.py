"""The parameter surface: plateaus, peaks that stand alone, and what is no neighbour."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from market import market

import simcore
from simcore.backtests.surface import parameter_surface, surface
from simcore.errors import LimitError, SpecError


def swept(score: Any, *, se: float = 0.5, **grid: list[float]) -> pl.DataFrame:
    """A sweep whose score is a function of its setting; None refuses the setting."""
    rows = [
        (*setting, score(*setting), se if score(*setting) is not None else None)
        for setting in itertools.product(*grid.values())
    ]
    names = [*grid, "sharpe", "sharpe_se"]
    kinds = {"sharpe": pl.Float64, "sharpe_se": pl.Float64}
    return pl.DataFrame(rows, names, orient="row", schema_overrides=kinds)


TENS = [float(value) for value in range(80, 121, 4)]


def test_a_flat_top_is_a_plateau_and_its_cliff_is_none() -> None:
    found = surface(swept(lambda x: 2.0 if x <= 100 else 0.0, x=TENS), ["x"])
    # From 80 on, 20 % reach to 96: four neighbours, all of them level.
    assert (found.at(x=80.0)["n_neighbours"], found.at(x=80.0)["plateau"]) == (4, 1.0)
    # From 100 on, 80 to 120: five level neighbours and five below the cliff.
    assert (found.at(x=100.0)["n_neighbours"], found.at(x=100.0)["plateau"]) == (10, 0.5)
    assert not found.frame["is_isolated"].any()


def test_a_peak_that_stands_alone_is_flagged_and_a_hill_is_not() -> None:
    spike = surface(swept(lambda x, y: 3.0 if x == y == 100 else 0.0, x=TENS, y=TENS), ["x", "y"])
    assert spike.frame.filter("is_isolated").select("x", "y").rows() == [(100.0, 100.0)]
    top = spike.at(x=100.0, y=100.0)
    assert (top["n_neighbours"], top["plateau"], top["is_peak"]) == (120, 0.0, True)

    def hill(x: float, y: float) -> float:
        return 3.0 - 0.001 * ((x - 100.0) ** 2 + (y - 100.0) ** 2)

    smooth = surface(swept(hill, x=TENS, y=TENS), ["x", "y"])
    assert smooth.best is not None
    assert (smooth.best["x"], smooth.best["y"], smooth.best["is_peak"]) == (100.0, 100.0, True)
    near = [(x, y) for x in TENS for y in TENS if 3.0 - hill(x, y) <= 0.5]
    assert smooth.best["plateau"] == (len(near) - 1) / 120
    assert not smooth.frame["is_isolated"].any()


def test_every_share_is_that_of_counting_by_hand() -> None:
    generator = np.random.default_rng(3)
    grid = {"x": [1.0, 2.0, 2.2, 5.0, 5.5, 6.0], "y": [-10.0, -9.0, 0.0, 0.5]}
    scores = {
        setting: None if generator.random() < 0.2 else float(generator.normal())
        for setting in itertools.product(*grid.values())
    }
    found = surface(swept(lambda *at: scores[at], **grid), ["x", "y"], span=0.2)

    def is_near(value: float, other: float, axis: list[float]) -> bool:
        is_next = abs(axis.index(value) - axis.index(other)) <= 1
        return is_next or abs(value - other) <= 0.2 * abs(value)

    for setting, score in scores.items():
        if score is None:
            continue
        near = [
            each
            for other, each in scores.items()
            if other != setting
            and each is not None
            and all(map(is_near, setting, other, grid.values()))
        ]
        row = found.at(x=setting[0], y=setting[1])
        within = sum(abs(each - score) <= 0.5 for each in near)
        assert row["n_neighbours"] == len(near)
        assert row["plateau"] == (within / len(near) if near else None)


def test_a_refused_setting_is_nobodys_neighbour_and_has_no_plateau() -> None:
    found = surface(swept(lambda x: None if x == 2 else 1.0, x=[1.0, 2.0, 3.0]), ["x"])
    assert found.at(x=1.0)["n_neighbours"] == 0
    assert found.at(x=1.0)["plateau"] is None
    assert found.at(x=2.0)["plateau"] is None
    assert found.n_settings == 2


def test_a_surface_without_a_score_has_no_best_and_no_luck() -> None:
    found = surface(swept(lambda _: None, x=[1.0, 2.0]), ["x"])
    assert (found.best, found.score_by_luck, found.n_settings) == (None, None, 0)


def test_the_order_of_rows_does_not_matter() -> None:
    frame = swept(lambda x, y: x * y % 7, x=TENS, y=[1.0, 2.0])
    mixed = frame.sample(fraction=1.0, shuffle=True, seed=1)
    one, other = surface(frame, ["x", "y"]).frame, surface(mixed, ["x", "y"]).frame
    assert one.sort("x", "y").equals(other.sort("x", "y"))


def test_luck_of_many_settings_is_that_of_the_largest_of_as_many_draws() -> None:
    n = 200
    found = surface(swept(lambda _: 0.0, se=1.0, x=[float(i) for i in range(1, n + 1)]), ["x"])
    draws = np.random.default_rng(5).normal(size=(20_000, n)).max(axis=1)
    assert found.score_by_luck == pytest.approx(draws.mean(), rel=0.02)


@pytest.mark.parametrize(
    ("frame", "names", "reason"),
    [
        (swept(lambda _: 0.0, x=[1.0]).drop("sharpe_se"), ["x"], "MISSING_COLUMN"),
        (swept(lambda _: 0.0, x=[1.0]), ["y"], "MISSING_COLUMN"),
        (swept(lambda _: 0.0, x=[1.0, 1.0]), ["x"], "GRID"),
        (swept(lambda *_: 0.0, x=[1.0, 2.0], y=[1.0, 2.0])[:3], ["x", "y"], "GRID"),
    ],
)
def test_what_is_no_whole_sweep_is_refused(
    frame: pl.DataFrame, names: list[str], reason: str
) -> None:
    with pytest.raises(SpecError) as refused:
        surface(frame, names)
    assert refused.value.problems[0].reason == reason


def test_a_span_that_is_none_is_refused() -> None:
    for span in (0.0, -0.1, math.nan, math.inf):
        with pytest.raises(SpecError):
            surface(swept(lambda _: 0.0, x=[1.0]), ["x"], span=span)


def test_the_surface_of_a_strategy_lies_around_its_own_setting() -> None:
    bars = market(1, 500)
    found = parameter_surface("ma_cross", bars, n_steps=2)
    assert found.current == {"fast": 10, "slow": 30}
    assert sorted(set(found.frame["fast"])) == [8, 9, 10, 11, 12]
    assert sorted(set(found.frame["slow"])) == [24, 27, 29, 30, 31, 33, 36]
    own = found.at(**found.current)
    assert own["score"] == simcore.backtest("ma_cross", bars).metrics["sharpe"]
    assert own["n_neighbours"] == found.n_settings - 1


def test_a_surface_stays_within_the_domain_of_its_parameters() -> None:
    strategy = simcore.compile_strategy("ma_cross")
    edge = {**strategy.document, "params": {**strategy.document["params"]}}
    edge["params"]["fast"] = {"value": 2, "min": 2, "max": 50}
    found = parameter_surface(edge, market(1, 500), names=["fast"])
    assert found.frame["fast"].to_list() == [2, 3]


def test_a_surface_without_parameters_or_beyond_reason_is_refused() -> None:
    with pytest.raises(SpecError):
        parameter_surface("zero_rule", market(1, 300))
    with pytest.raises(SpecError) as refused:
        parameter_surface("ma_cross", market(1, 300), names=["fats"])
    assert refused.value.problems[0].reason == "UNKNOWN_NAME"
    with pytest.raises(LimitError):
        parameter_surface("atr_breakout", market(1, 300), n_steps=400)
