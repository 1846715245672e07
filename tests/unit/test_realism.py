"""Realism: a market is told from another of a different make, and not from one of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.stats

import simcore
from simcore.errors import SpecError
from simcore.scenario import realism as module
from simcore.scenario.document import load
from simcore.scenario.realism import FEATURES, energy_test, features, realism

STORMY: dict[str, Any] = {
    "version": "0.1.0", "id": "stormy", "family": "vol_cluster", "timeframe": "1h",
    "duration_bars": 4000, "seed": 3, "volume_model": "coupled",
    "params": {"omega": 60.0, "alpha": 0.15, "beta": 0.83},
}  # fmt: skip


def write(path: Path, document: dict[str, Any]) -> None:
    bars = simcore.generate(document)
    bars.with_columns(ts=pl.from_epoch("ts", "ns").dt.replace_time_zone("UTC")).write_parquet(path)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A replay of bars that a known family made."""
    path = tmp_path_factory.mktemp("real") / "bars.parquet"
    write(path, {**STORMY, "seed": 99})
    columns = {name: name for name in ("ts", "open", "high", "low", "close", "volume")}
    source = {"path": str(path), "timezone": "UTC", "columns": columns}
    return {
        "version": "0.1.0", "id": "real", "family": "replay", "timeframe": "1h", "seed": 0,
        "params": {"source": source},
    }  # fmt: skip


def test_a_market_of_the_same_make_cannot_be_told_from_the_real_one(real: dict[str, Any]) -> None:
    found = realism(load(STORMY), load(real))
    assert found.p_value > 0.05
    assert (found.n_synthetic, found.n_real) == (75, 75)
    assert set(found.differences) == set(FEATURES)


def test_another_family_is_told_from_the_real_one_and_why(real: dict[str, Any]) -> None:
    calm = {
        **STORMY, "id": "calm", "family": "trend", "volume_model": "const",
        "params": {"drift": 0.0, "sigma": 55.0},
    }  # fmt: skip
    found = realism(load(calm), load(real))
    assert found.p_value == 1.0 / (module.PERMUTATIONS + 1)
    assert found.distance > realism(load(STORMY), load(real)).distance
    assert found.differences["volume_size_correlation"] < -1.0
    assert abs(found.differences["mean"]) < 0.5


def test_the_same_documents_give_the_same_answer(real: dict[str, Any]) -> None:
    assert realism(load(STORMY), load(real)) == realism(load(STORMY), load(real))


def test_a_short_market_is_given_as_many_windows_as_the_real_one(real: dict[str, Any]) -> None:
    found = realism(load({**STORMY, "duration_bars": 500}), load(real))
    assert found.n_synthetic >= found.n_real


def test_the_energy_distance_is_that_of_scipy_on_a_line() -> None:
    generator = np.random.default_rng(1)
    x, y = generator.normal(0.0, 1.0, 40), generator.normal(0.5, 2.0, 60)
    distance, _ = energy_test(np.concatenate([x, y])[:, None], 40, seed=1)
    assert distance == pytest.approx(scipy.stats.energy_distance(x, y) ** 2)


def test_p_values_of_clouds_that_are_alike_are_spread_evenly() -> None:
    generator = np.random.default_rng(2)
    clouds = generator.normal(size=(60, 40, 3))
    found = [energy_test(cloud, 20, seed=number)[1] for number, cloud in enumerate(clouds)]
    assert scipy.stats.kstest(found, "uniform").pvalue > 0.01


def test_each_draw_is_a_permutation_and_none_is_like_another() -> None:
    orders = module._orders(5, 30, 50)
    assert all(sorted(order) == list(range(30)) for order in orders)
    assert len({tuple(order) for order in orders}) == 50
    assert module._orders(6, 30, 1)[0].tolist() != orders[0].tolist()


def test_features_of_a_flat_window_are_finite() -> None:
    flat = np.full((3, 50), 100.0)
    bars = dict.fromkeys(("open", "high", "low", "close", "previous"), flat)
    found = features(bars | {"volume": np.zeros((3, 50))})
    assert found.shape == (3, len(FEATURES))
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("mine", "theirs", "reason"),
    [
        ({}, None, "NO_SOURCE"),
        ({"timeframe": "4h"}, {}, "OTHER_TIMEFRAME"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    real: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any] | None, reason: str
) -> None:
    other = STORMY if theirs is None else {**real, **theirs}
    with pytest.raises(SpecError) as error:
        realism(load({**STORMY, **mine}), load(other))
    assert [problem.reason for problem in error.value.problems] == [reason]


def test_a_real_market_that_is_too_short_is_refused(real: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "short.parquet"
    write(path, {**STORMY, "duration_bars": 600})
    source = {**real["params"]["source"], "path": str(path)}
    with pytest.raises(SpecError, match="got 11 windows of 50 bars, expected at least 20"):
        realism(load(STORMY), load({**real, "params": {"source": source}}))
