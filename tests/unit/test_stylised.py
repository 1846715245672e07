"""The card of stylised facts: what bars show, what too few of them cannot, what never moves."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

import simcore
from simcore.scenario import stylised
from simcore.scenario.document import load
from simcore.scenario.generate import bars_with_facts
from simcore.tables import TABLES

GAUSSIAN = {
    "version": "0.1.0", "id": "gaussian", "family": "trend", "timeframe": "1h",
    "duration_bars": 1000, "seed": 3, "params": {"drift": 0.0, "sigma": 60.0}, "paths": 100,
    "volume_model": "const",
}  # fmt: skip
STUDENT = {**GAUSSIAN, "id": "student", "innovations": {"dist": "student_t", "nu": 5}}
CLUSTERED = {
    **GAUSSIAN, "id": "clustered", "family": "vol_cluster", "volume_model": "coupled",
    "params": {"omega": 160.0, "alpha": 0.1, "beta": 0.85},
}  # fmt: skip


def card(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    scenario = load(document)
    bars, _ = bars_with_facts(scenario)
    return {row["fact"]: row for row in stylised.card(scenario, bars)}


def shown(document: dict[str, Any]) -> set[str]:
    return {name for name, row in card(document).items() if row["passes"]}


def made(close: np.ndarray[Any, Any], volume: np.ndarray[Any, Any]) -> dict[str, dict[str, Any]]:
    """The card of bars that nobody generated."""
    document = {**GAUSSIAN, "duration_bars": close.size, "paths": 1}
    bars = pl.DataFrame(
        {"ts": np.arange(close.size), "open": close, "high": close, "low": close, "close": close,
         "volume": volume}
    )  # fmt: skip
    return {row["fact"]: row for row in stylised.card(load(document), bars)}


def test_the_card_has_every_fact_that_the_engine_knows() -> None:
    assert {fact.name for fact in stylised.FACTS} == set(card(GAUSSIAN))
    assert len(stylised.FACTS) == 11
    for fact in stylised.FACTS:
        assert fact.statistic


def test_a_random_walk_shows_nothing_but_that_its_returns_are_uncorrelated() -> None:
    rows = card(GAUSSIAN)
    assert shown(GAUSSIAN) == {"no_linear_autocorrelation"}
    assert [name for name, row in rows.items() if row["as_expected"] is False] == []
    assert rows["heavy_tails"]["passes"] is False
    assert rows["heavy_tails"]["low"] > 5.0


def test_students_draws_have_heavy_tails_that_fade_over_a_horizon() -> None:
    assert shown(STUDENT) == {
        "no_linear_autocorrelation",
        "heavy_tails",
        "conditional_heavy_tails",
        "aggregational_gaussianity",
    }


def test_clusters_of_volatility_are_seen_and_their_tails_explained() -> None:
    rows = card(CLUSTERED)
    for name in ("volatility_clustering", "intermittency", "volume_volatility"):
        assert rows[name]["passes"] is True, name
    assert rows["conditional_heavy_tails"]["passes"] is False
    # Five parts in a hundred are forgotten each bar: nothing is left after fifty.
    assert rows["slow_decay"]["passes"] is False
    assert rows["leverage"]["passes"] is False


def test_a_fall_that_is_followed_by_a_storm_is_leverage_and_asymmetry() -> None:
    generator = np.random.default_rng(1)
    r = np.zeros(30_000)
    sigma = 0.01
    for t in range(r.size):
        r[t] = sigma * (generator.normal() - 0.5 * (generator.exponential() - 1.0))
        sigma = 0.01 * np.exp(0.5 * np.log(sigma / 0.01) - 15.0 * r[t])
    rows = made(
        100.0 * np.exp(np.cumsum(r * 0.1)), np.random.default_rng(10).uniform(1.0, 2.0, r.size)
    )
    assert rows["leverage"]["passes"] is True
    assert rows["gain_loss_asymmetry"]["passes"] is True
    assert rows["volume_volatility"]["passes"] is False


def test_a_price_that_returns_is_linearly_autocorrelated() -> None:
    generator = np.random.default_rng(1)
    levels = np.zeros(60_000)
    for t in range(1, levels.size):
        levels[t] = 0.95 * levels[t - 1] + generator.normal(0.0, 0.01)
    row = made(100.0 * np.exp(levels), np.ones(levels.size))["no_linear_autocorrelation"]
    # (1 - phi^q) / (q (1 - phi)) at phi = 0.95 and q = 16.
    assert row["estimate"] == pytest.approx(0.70, abs=0.04)
    assert row["passes"] is False


def test_a_memory_that_fades_as_a_power_law_decays_slowly() -> None:
    generator = np.random.default_rng(2)
    log_sigma = np.zeros(60_000)
    for half_life in (4, 16, 64, 256):
        kept = 0.5 ** (1.0 / half_life)
        part = np.zeros(log_sigma.size)
        draws = generator.normal(0.0, 0.3 * (1.0 - kept**2) ** 0.5, log_sigma.size)
        for t in range(1, part.size):
            part[t] = kept * part[t - 1] + draws[t]
        log_sigma += part
    r = 0.001 * np.exp(log_sigma) * generator.normal(size=log_sigma.size)
    rows = made(100.0 * np.exp(np.cumsum(r)), np.ones(r.size))
    assert rows["volatility_clustering"]["passes"] is True
    assert rows["slow_decay"]["passes"] is True


def test_too_few_bars_leave_most_facts_open() -> None:
    rows = card({**GAUSSIAN, "duration_bars": 100, "paths": 1})
    assert [name for name, row in rows.items() if row["passes"] is True] == []
    assert rows["heavy_tails"]["passes"] is None
    assert rows["heavy_tails"]["as_expected"] is None
    assert rows["volatility_clustering"]["passes"] is None


def test_a_market_that_never_moves_has_no_estimates_and_no_verdicts() -> None:
    rows = made(np.full(500, 100.0), np.ones(500))
    del rows["volume_volatility"]  # A volume that never changes has none, whatever returns do.
    assert {row["passes"] for row in rows.values()} == {None}
    assert {row["estimate"] for row in rows.values()} == {None}


def test_the_card_of_a_long_market_is_that_of_its_first_bars(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stylised, "BARS_MAX", 20_000)
    assert card(GAUSSIAN) == card({**GAUSSIAN, "paths": 20})
    long = {**GAUSSIAN, "paths": 1, "duration_bars": 30_000}
    rows, head = card(long), card({**long, "duration_bars": 20_000})
    assert {name: row["estimate"] for name, row in rows.items()} == {
        name: row["estimate"] for name, row in head.items()
    }


def test_numbers_are_rounded_so_that_the_last_bits_of_a_logarithm_do_not_show() -> None:
    for row in card(CLUSTERED).values():
        for name in ("estimate", "low", "high"):
            assert row[name] is None or float(f"{row[name]:.6g}") == row[name]


def test_the_manifest_tells_the_truth_and_shows_the_card() -> None:
    manifest = simcore.scenario_manifest(CLUSTERED)
    truth = manifest["truth"]
    assert truth["family"] == "vol_cluster"
    assert truth["params"]["alpha"] == 0.1
    assert truth["sharpe_max_bar"] == manifest["sharpe_max_bar"] > 0.0
    assert truth["sharpe_max_annual"] == truth["sharpe_max_bar"] * 8760.0**0.5
    assert "Ferson" in truth["method"]
    rows = pl.DataFrame(
        [{"scenario_id": "clustered", **row} for row in manifest["stylised"]],
        schema=TABLES["stylised_facts"].polars_schema(),
    )
    table = TABLES["stylised_facts"]
    assert table.violations(table.sort(table.conform(rows))) == []


def test_the_best_sharpe_ratio_of_a_walk_is_its_drift_over_its_deviation() -> None:
    manifest = simcore.scenario_manifest({**GAUSSIAN, "params": {"drift": 5.0, "sigma": 60.0}})
    assert manifest["sharpe_max_bar"] == pytest.approx(5.0 / 60.0, rel=1e-3)


def test_expectations_are_those_of_the_family() -> None:
    document = {**GAUSSIAN, "volume_model": "coupled"}
    rows = card(document)
    assert rows["volume_volatility"]["expected"] is True
    assert rows["volume_volatility"]["as_expected"] is True
