"""Every family's bars obey its laws, at five seeds; bars of another family do not."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import simcore
from simcore import documents, engine
from simcore.scenario import acceptance
from simcore.scenario.acceptance import Result, accept, judge, sample_of
from simcore.scenario.document import Scenario, effective, load
from simcore.scenario.statistics import STATISTICS
from simcore.scenario.statistics.sample import Sample
from simcore.scenario.stylised import card

SEEDS = (1, 2, 3, 4, 5)
LIBRARY = sorted(documents.found("scenarios", None))
FAMILIES = {family["name"]: family for family in engine.catalogue()["families"]}
DRAWN = sorted(name for name, family in FAMILIES.items() if not family["needs_source"])

# Ranges hold of any family with bridge extremes; the refit makes a path of its own.
WITHOUT_POWER = {"parkinson_ratio", "rogers_satchell_ratio", "garch_refit"}


_MARKET = {
    "version": "0.1.0", "id": "market", "timeframe": "1h", "duration_bars": 720, "seed": 1,
    "volume_model": "const",
}  # fmt: skip
# Documents of families that the library may do without.
OTHERS: dict[str, dict[str, Any]] = {
    "regime": {
        "states": [
            {"type": "trend", "drift": 4.0, "sigma": 30.0},
            {"type": "trend", "drift": -6.0, "sigma": 90.0},
        ],
        "transition": [[0.98, 0.02], [0.05, 0.95]],
        "start": "stationary",
    },
    "factor": {
        "sigmas": [40.0, 50.0, 60.0],
        "betas": [0.5, 1.0, 1.5],
        "factor": {"family": "trend", "params": {"drift": 1.0, "sigma": 30.0}},
    },
    "heston": {"kappa": 0.05, "theta": 2500.0, "xi": 8.0, "rho": -0.6},
}


@cache
def of_family(name: str) -> dict[str, Any]:
    """The document of a family that promises most."""
    found = [documents.read(each, "scenarios", home=None).document for each in LIBRARY]
    own = [each for each in found if each["family"] == name]
    if name in OTHERS:
        assets = ["A", "B", "C"] if FAMILIES[name]["assets_max"] > 1 else ["A"]
        own.append({**_MARKET, "family": name, "params": OTHERS[name], "assets": assets})
    return max(own, key=lambda each: len(engine.scenario_laws(effective(load(each)))["laws"]))


def broken(results: list[Result]) -> list[str]:
    return [result.sentence for result in results if result.passes is False]


def seeded(name: str, seed: int) -> Scenario:
    return load({**of_family(name), "seed": seed})


def stripped(scenario: Scenario) -> dict[str, Any]:
    return acceptance._stripped(effective(scenario))


def disguised(wrong: Sample, right: Sample) -> Sample:
    """The wrong market with the mean and variance of the right one, to its best."""
    n_assets = right.shape[1]
    bars = {name: np.repeat(values, n_assets, axis=1) for name, values in wrong.bars.items()}
    scale = float(right.shocks.std() / wrong.shocks.std())
    shift = right.mean_return - scale * wrong.mean_return
    close = np.log(bars["close"] / bars["previous"])
    levels = np.cumsum(scale * close + shift, axis=2)
    previous = right.p0 * np.exp(levels - scale * close - shift)
    made = {
        name: previous * np.exp(scale * np.log(bars[name] / bars["previous"]))
        for name in ("open", "high", "low")
    }
    latent = {name: np.repeat(values, n_assets, axis=1) for name, values in wrong.latent.items()}
    latent |= {name: latent[name] * scale for name in ("deviation", "jump")}
    made |= {"close": right.p0 * np.exp(levels), "previous": previous, "volume": bars["volume"]}
    return Sample(made, latent, right.p0, wrong.document)


@pytest.mark.parametrize("name", LIBRARY)
def test_a_market_of_the_library_obeys_its_laws(name: str) -> None:
    results = accept(load(name))
    assert broken(results) == []
    assert len([each for each in results if each.passes]) >= 2


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", DRAWN)
def test_a_family_obeys_its_laws_whatever_the_seed(name: str, seed: int) -> None:
    results = accept(seeded(name, seed))
    assert broken(results) == []
    assert any(each.passes for each in results)


def broken_by(wrong: Scenario, right: Scenario) -> list[str]:
    """Laws of the right market that the wrong one breaks, but for those that cannot tell."""
    document = stripped(right)
    sample = disguised(sample_of(stripped(wrong)), sample_of(document))
    laws = engine.scenario_laws(document)["laws"]
    return broken(judge([law for law in laws if law["statistic"] not in WITHOUT_POWER], sample))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", DRAWN)
def test_bars_of_another_family_break_the_laws_of_this_one(name: str, seed: int) -> None:
    other = "vol_cluster" if name == "trend" else "trend"
    assert broken_by(seeded(other, seed), seeded(name, seed)) != []


@pytest.mark.parametrize("name", ["crash-feeds-fear", "fx-week", "vol-calm", "vol-stormy"])
def test_even_bars_break_the_laws_of_clusters_without_a_refit(name: str) -> None:
    assert broken_by(seeded("trend", 1), load(name)) != []


@pytest.mark.parametrize("name", LIBRARY)
def test_the_card_of_a_market_of_the_library_is_what_its_family_expects(name: str) -> None:
    scenario = load(name)
    rows = card(scenario, simcore.generate(scenario))
    assert [row["fact"] for row in rows if row["as_expected"] is False] == []


def test_every_law_names_a_statistic_of_the_table() -> None:
    named = {
        law["statistic"]
        for name in LIBRARY
        for law in engine.scenario_laws(effective(load(name)))["laws"]
    }
    assert named <= set(STATISTICS)


def test_the_same_document_gives_the_same_results() -> None:
    first = accept(load("trend-up-mid"))
    acceptance._accepted.cache_clear()
    assert accept(load("trend-up-mid")) == first
    assert accept(seeded("trend", 2)) != accept(seeded("trend", 3))


def test_the_sample_is_the_market_without_weather_and_sessions() -> None:
    document = {
        **of_family("trend"), "id": "market", "calendar": "us_equity", "tick_size": 0.01,
        "guard": {"mode": "error", "k": 4.8}, "overnight_var_share": 0.5,
    }  # fmt: skip
    sample = sample_of(stripped(load(document)))
    assert broken(accept(load(document))) == []
    assert sample.document["tick_size"] is None
    assert sample.returns.size >= acceptance.SAMPLE_BARS
    assert not np.any(sample.latent["jump"])


def test_paths_that_leave_the_prices_there_are_shorten_the_sample() -> None:
    document = {
        **of_family("trend"), "id": "wild", "duration_bars": 4000, "seed": 5,
        "params": {"drift": 90.0, "sigma": 1900.0, "drift_convention": "log"},
    }  # fmt: skip
    sample = sample_of(stripped(load(document)))
    assert sample.shape[2] == 2000
    assert broken(accept(load(document))) == []


def test_a_law_fails_outside_its_band_and_is_open_where_nothing_is_measured() -> None:
    sample = sample_of(stripped(seeded("trend", 1)))
    variance = float(sample.returns.var())
    laws = [
        {"statistic": "variance", "arguments": [], "expected": variance * 1.02},
        {"statistic": "variance", "arguments": [], "expected": variance * 1.02, "distance": 1.0},
        {"statistic": "kurtosis", "arguments": [], "low": 2.0, "high": 2.5},
        {"statistic": "jump_mean", "arguments": [], "expected": 0.0},
        {"statistic": "ljung_box", "arguments": [20.0], "low": 0.9999, "high": 1.0},
        {"statistic": "gap_outside_jumps", "arguments": [], "expected": 0.0},
    ]
    results = judge(laws, sample)
    assert [each.passes for each in results] == [False, True, False, None, True, True]
    assert results[0].low is not None
    assert results[0].sentence.startswith(f"variance: got {variance:.6g}, expected ")
    assert results[3].sentence == "jump_mean: no sample decides it"


def test_a_law_may_be_missed_by_chance_once_in_two_million_tries() -> None:
    sample = sample_of(stripped(seeded("trend", 1)))
    laws = [
        {"statistic": "mean", "arguments": [], "expected": 0.0},
        {"statistic": "kurtosis", "arguments": [], "low": 2.0, "high": 4.0},
        {"statistic": "ljung_box", "arguments": [20.0], "low": 1e-4, "high": 1.0},
    ]
    near, band, p_value = judge(laws, sample)
    # Student's t with 199 degrees of freedom exceeds 5.197 with a chance of 2.5e-7.
    assert near.standard_error is not None
    assert near.high == pytest.approx(5.197 * near.standard_error, rel=1e-4)
    assert near.low == -near.high
    assert band.standard_error is not None
    assert band.low == pytest.approx(2.0 - 5.197 * band.standard_error, rel=1e-6)
    assert p_value.low == pytest.approx(5e-7)


class TestOfASource:
    """Families that work on rows which somebody brings."""

    @staticmethod
    def document(folder: Path, family: str, seed: int = 1) -> dict[str, Any]:
        generator = np.random.default_rng(11)
        # Storms, so that the rows have a memory which blocks keep.
        sigma = np.repeat(np.exp(generator.normal(-4.6, 0.7, 40)), 30)
        close = 100.0 * np.exp(np.cumsum(generator.normal(0.0, sigma)))
        open_ = np.concatenate([[100.0], close[:-1]]) * np.exp(generator.normal(0, 1e-3, 1200))
        rows = pl.DataFrame(
            {
                "ts": np.arange(1200) * 86_400 + 946_857_600,
                "open": open_, "high": np.maximum(open_, close) * 1.002,
                "low": np.minimum(open_, close) * 0.998, "close": close,
                "volume": generator.uniform(1.0, 9.0, 1200),
            }
        ).with_columns(pl.from_epoch("ts").dt.strftime("%Y-%m-%d"))  # fmt: skip
        path = folder / "rows.csv"
        rows.write_csv(path)
        source = {"path": str(path), "timezone": "UTC"}
        columns = {name: name for name in rows.columns}
        document = {
            "version": "0.1.0", "id": "mine", "family": family, "timeframe": "1d", "seed": seed,
            "params": {"source": {**source, "columns": columns}}, "volume_model": "const",
        }  # fmt: skip
        return document if family == "replay" else {**document, "duration_bars": 600}

    @pytest.mark.parametrize(
        "name", sorted(name for name, family in FAMILIES.items() if family["needs_source"])
    )
    def test_obey_their_laws(self, tmp_path: Path, name: str) -> None:
        for seed in SEEDS:
            assert broken(accept(load(self.document(tmp_path, name, seed)))) == []

    def test_rows_that_were_changed_by_one_bit_are_not_those_of_the_source(
        self, tmp_path: Path
    ) -> None:
        scenario = load(self.document(tmp_path, "replay"))
        source = scenario.source
        assert source is not None
        sample = acceptance._own_bars(effective(scenario), source.columns)
        law = {"statistic": "equals_source", "arguments": [], "low": 1.0, "high": 1.0}
        assert broken(judge([law], sample)) == []
        sample.bars["close"][0, 0, 7] = np.nextafter(sample.bars["close"][0, 0, 7], 0.0)
        assert len(broken(judge([law], sample))) == 1

    def test_rows_of_another_market_are_not_those_of_the_source(self, tmp_path: Path) -> None:
        scenario = load(self.document(tmp_path, "replay"))
        source = scenario.source
        assert source is not None
        own = acceptance._own_bars(effective(scenario), source.columns)
        laws = [
            {"statistic": "ks_to_source", "arguments": [], "low": 1e-3, "high": 1.0},
            {"statistic": "bars_from_source", "arguments": [], "low": 1.0, "high": 1.0},
            {"statistic": "acf_abs_to_source", "arguments": [1.0], "expected": 0.0},
        ]
        assert broken(judge(laws, own)) == []
        other = sample_of(stripped(load({**of_family("trend"), "id": "other"})))
        foreign = dataclasses.replace(other, source=source.columns)
        assert len(broken(judge(laws, foreign))) == 3

    def test_bars_of_another_family_break_the_laws_of_blocks(self, tmp_path: Path) -> None:
        scenario = load(self.document(tmp_path, "block_bootstrap"))
        source = scenario.source
        assert source is not None
        laws = engine.scenario_laws(stripped(scenario), source.columns)["laws"]
        other = sample_of(stripped(load({**of_family("trend"), "id": "other"})))
        foreign = dataclasses.replace(other, source=source.columns)
        assert broken(judge(laws, sample_of(stripped(scenario), source.columns))) == []
        assert len(broken(judge(laws, foreign))) > 0
