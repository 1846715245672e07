"""Percentiles of resampled paths: their errors, their names, and what is refused."""

from __future__ import annotations

import hashlib
import warnings

import numpy as np
import polars as pl
import pytest

import simcore
from simcore.backtests.monte_carlo import MonteCarlo, derived_seed, resampled
from simcore.backtests.percentile import quantile, standard_error
from simcore.errors import EngineError, SpecError

YEAR = 252.0
LABELS = ["p5", "p25", "p50", "p75", "p95"]
RETURNS = 0.0004 + 0.01 * np.random.default_rng(5).standard_normal(500)


def made(**asked: object) -> MonteCarlo:
    return resampled(RETURNS, **{"bars_per_year": YEAR, "n_paths": 1_000, "block": 20, **asked})


def test_the_frame_has_a_row_a_metric_and_percentiles_in_order() -> None:
    found = simcore.monte_carlo(RETURNS.tolist(), bars_per_year=YEAR, n_paths=500)
    errors = [f"mcse_{label}" for label in LABELS]
    assert found.columns == ["metric", *LABELS, "mean", *errors]
    metrics = ["sharpe", "max_drawdown", "profit_factor_bar", "cagr", "es_5_bar"]
    assert found["metric"].to_list() == metrics
    for row in found.iter_rows(named=True):
        values = [row[label] for label in LABELS]
        assert values == sorted(values) and len(set(values)) == 5
        assert all(0.0 < row[error] < row["p95"] - row["p5"] for error in errors)


def test_the_same_returns_give_the_same_bits_in_whatever_container() -> None:
    first = simcore.monte_carlo(RETURNS, bars_per_year=YEAR)
    for same in (RETURNS.tolist(), tuple(RETURNS), pl.Series(RETURNS), RETURNS[::1].copy()):
        assert simcore.monte_carlo(same, bars_per_year=YEAR).equals(first)


def test_the_seed_follows_from_signature_and_method() -> None:
    text = "mc-v1:" + hashlib.sha256(RETURNS.astype("<f8").tobytes()).hexdigest() + ":stationary"
    digest = hashlib.sha256(text.encode()).hexdigest()
    expected = int(f"{int(digest, 16):0256b}"[:53], 2)  # the first 53 bits
    assert made().seed == expected
    assert made(signature="ab").seed == derived_seed("ab", "stationary") != expected
    assert made(signature="ab", method="circular").seed == derived_seed("ab", "circular")


@pytest.mark.parametrize("method", ["stationary", "circular", "moving", "iid"])
def test_two_seeds_agree_within_their_errors(method: str) -> None:
    here, there = (made(method=method, seed=seed).rows() for seed in (1, 2))
    for a, b in zip(here, there, strict=True):
        assert a != b
        for label in LABELS:
            error = max(a[f"mcse_{label}"], b[f"mcse_{label}"])
            assert abs(a[label] - b[label]) <= 4.0 * np.sqrt(2.0) * error, (a["metric"], label)


def test_the_stated_error_is_the_spread_over_many_seeds() -> None:
    runs = [made(seed=seed, n_paths=400).rows() for seed in range(200)]
    for metric in range(5):
        for label in LABELS:
            values = np.array([run[metric][label] for run in runs])
            errors = np.array([run[metric][f"mcse_{label}"] for run in runs])
            # The spread of 200 is itself good to 5 %; the stated error of 400 paths to 20 % each.
            assert 0.8 < values.std(ddof=1) / errors.mean() < 1.25, (metric, label)


def test_doubling_the_returns_deepens_the_drawdown() -> None:
    single, double = (
        resampled(k * RETURNS, bars_per_year=YEAR, n_paths=1_000, block=20, seed=1)
        for k in (1.0, 2.0)
    )
    assert double.named["mdd_p95"] > 1.5 * single.named["mdd_p95"] > 0.0


def test_the_usual_three_are_percentiles_by_another_name() -> None:
    found, rows = made().named, {row["metric"]: row for row in made().rows()}
    assert found["sharpe_p5"] == rows["sharpe"]["p5"]
    assert found["mdd_p95"] == -rows["max_drawdown"]["p5"]
    assert found["pf_p5"] == rows["profit_factor_bar"]["p5"]


def test_a_way_that_never_falls_has_a_depth_of_nothing_and_not_of_less() -> None:
    found = resampled(np.linspace(0.001, 0.002, 30), bars_per_year=YEAR, n_paths=100).named
    assert str(found["mdd_p95"]) == "0.0"


def test_the_profit_factor_is_stable_to_a_thousandth_with_400_000_paths() -> None:
    here, there = (made(seed=seed, n_paths=400_000).named["pf_p5"] for seed in (1, 2))
    assert abs(here / there - 1.0) < 1e-3


def test_an_adaptive_run_ends_when_its_errors_are_small_enough() -> None:
    found = made(adaptive=True)
    rows = {row["metric"]: row for row in found.rows()}
    assert rows["sharpe"]["mcse_p5"] <= 0.01 and rows["max_drawdown"]["mcse_p5"] <= 0.002
    assert 10_000 < found.n_paths < 40_000
    assert found.n_needed <= found.n_paths
    # Its paths are those of a run that asked for so many at once.
    whole = made(n_paths=found.n_paths)
    np.testing.assert_array_equal(found.scores["cagr"], whole.scores["cagr"])
    easy = made(adaptive={"cagr": 1.0})
    assert (easy.n_paths, easy.n_needed) == (1_000, 1)
    assert made().n_needed is None


def test_an_adaptive_run_that_a_million_paths_do_not_satisfy_says_so() -> None:
    short = resampled(
        RETURNS[:30], bars_per_year=YEAR, n_paths=500, block=5, adaptive={"sharpe": 1e-5}
    )
    assert short.n_paths == 1_000_000
    assert short.n_needed > 1_000_000
    assert "TARGET_MISSED" in short.flags


def test_probabilities_are_shares_of_the_paths() -> None:
    found = made()
    share, error = found.probability("cagr", 0.0)
    assert share == np.mean(found.scores["cagr"] < 0.0)
    shrunk = (1_000 * share + 1.0) / 1_002.0
    assert error == pytest.approx(np.sqrt(shrunk * (1.0 - shrunk) / 1_000))
    deep, deeper = (found.probability("max_drawdown", limit)[0] for limit in (-0.1, -0.2))
    assert 1.0 > deep > deeper > 0.0


def test_a_permutation_has_percentiles_of_the_drawdown_only() -> None:
    found = made(method="permute")
    for row in found.rows():
        assert (row["p5"] is not None) == (row["metric"] == "max_drawdown")
        assert row["mean"] is not None
    assert found.named["sharpe_p5"] is None and found.sharpe_lower() is None
    only = simcore.monte_carlo(
        RETURNS, bars_per_year=YEAR, method="permute", metrics=["max_drawdown"]
    )
    assert only.height == 1
    with pytest.raises(SpecError, match="another order of the same returns") as refusal:
        simcore.monte_carlo(
            RETURNS, bars_per_year=YEAR, method="permute", metrics=["sharpe", "profit_factor_bar"]
        )
    assert [problem.path for problem in refusal.value.problems] == ["/metrics/0", "/metrics/1"]


def test_the_lower_bound_covers_the_true_sharpe_as_often_as_it_says() -> None:
    true = 0.05
    draws = np.random.default_rng(1).standard_normal((400, 250))
    misses = {"basic": 0, "bca": 0}
    for seed, row in enumerate(draws):
        found = resampled(
            0.01 * (true + row),
            bars_per_year=1.0,
            n_paths=400,
            method="iid",
            seed=seed,
            n_threads=1,
        )
        for kind in misses:
            misses[kind] += found.sharpe_lower(0.1, kind) > true
    # 40 of 400 are asked for; four standard errors are 24.
    assert all(16 <= count <= 64 for count in misses.values()), misses


def test_bca_corrects_for_skew_and_basic_mirrors() -> None:
    found = made(n_paths=4_000)
    ordered = np.sort(found.scores["sharpe"])
    estimate = found.observed["sharpe"]
    assert found.sharpe_lower() == 2.0 * estimate - quantile(ordered, 0.95)
    assert found.sharpe_lower(0.05, "bca") != found.named["sharpe_p5"]
    assert found.sharpe_lower(0.05, "bca") < estimate


def test_what_a_reader_should_know_is_flagged() -> None:
    assert made().flags == ()
    assert made(block=51).flags == ("LONG_BLOCK",)
    assert made(n_paths=99).flags == ("FEW_PATHS",)
    short = resampled(RETURNS[:19], bars_per_year=YEAR, n_paths=100, block=1)
    assert short.flags == ("LOW_SAMPLE",)
    with pytest.warns(UserWarning, match="longer than a tenth of 500 returns"):
        simcore.monte_carlo(RETURNS, bars_per_year=YEAR, n_paths=100, block=51)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        simcore.monte_carlo(RETURNS, bars_per_year=YEAR, n_paths=100, block=50)


def test_returns_without_an_edge_to_measure_give_nulls() -> None:
    found = simcore.monte_carlo([0.0] * 50, bars_per_year=YEAR, n_paths=100)
    by_metric = {row["metric"]: row for row in found.iter_rows(named=True)}
    assert by_metric["profit_factor_bar"]["p50"] is None
    assert by_metric["sharpe"]["p50"] == by_metric["max_drawdown"]["p50"] == 0.0
    steady = simcore.monte_carlo([0.001] * 50, bars_per_year=YEAR, n_paths=100)
    assert steady["p5"].to_list()[:3] == [None, 0.0, None]


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ({"method": "jackknife"}, "/method"),
        ({"n_paths": 0}, "/n_paths"),
        ({"n_paths": 1_000_001}, "/n_paths"),
        ({"n_paths": 10.5}, "/n_paths"),
        ({"block": 0}, "/block"),
        ({"block": 2.5}, "/block"),
        ({"block": "long"}, "/block"),
        ({"adaptive": {"sharpe": 0.0}}, "/adaptive/sharpe"),
        ({"adaptive": {"sortino": 0.1}}, "/adaptive"),
        ({"method": "permute", "adaptive": {"sharpe": 0.1}}, "/adaptive"),
        ({"metrics": ["sortino"]}, "/metrics/0"),
    ],
)
def test_an_argument_without_a_meaning_is_refused_with_its_place(
    asked: dict[str, object], path: str
) -> None:
    with pytest.raises(SpecError) as refusal:
        simcore.monte_carlo(RETURNS, bars_per_year=YEAR, **asked)
    assert [problem.path for problem in refusal.value.problems] == [path]


@pytest.mark.parametrize(
    ("returns", "asked", "code"),
    [
        ([0.1], {"block": 1}, "WINDOW_EXCEEDS_SERIES"),
        ([0.1] * 9, {}, "WINDOW_EXCEEDS_SERIES"),
        ([0.1, float("nan"), 0.2], {"block": 1}, "FIELD_INVALID"),
        ([0.1, float("inf")] * 10, {}, "FIELD_INVALID"),
        ([0.1, 0.2, 0.3], {"block": 4}, "FIELD_INVALID"),
        ([0.1, 0.2, 0.3], {"block": 1, "bars_per_year": 0.0}, "FIELD_INVALID"),
    ],
)
def test_returns_that_cannot_be_resampled_are_refused(
    returns: list[float], asked: dict[str, object], code: str
) -> None:
    with pytest.raises(EngineError) as refusal:
        simcore.monte_carlo(returns, **{"bars_per_year": YEAR, **asked})
    assert refusal.value.code == code


def test_quantiles_interpolate_and_their_errors_are_half_widths() -> None:
    ordered = np.arange(101.0)
    assert [quantile(ordered, q) for q in (0.0, 0.05, 0.5, 1.0)] == [0.0, 5.0, 50.0, 100.0]
    assert quantile(np.array([1.0, 2.0]), 0.25) == 1.25
    # Order statistics 50 ± √25: half of what lies between them.
    assert standard_error(np.arange(100.0), 0.5) == 5.0
    assert standard_error(np.full(50, 3.0), 0.5) == 0.0


@pytest.mark.parametrize(("q", "fewest"), [(0.05, 37), (0.25, 7), (0.5, 3), (0.95, 37)])
def test_a_percentile_of_few_paths_has_no_error_rather_than_one_that_flatters(
    q: float, fewest: int
) -> None:
    generator = np.random.default_rng(11)
    for n in range(1, fewest):
        assert standard_error(np.sort(generator.normal(size=n)), q) is None
    known = [standard_error(np.sort(generator.normal(size=fewest)), q) for _ in range(400)]
    drawn = [quantile(np.sort(generator.normal(size=fewest)), q) for _ in range(4_000)]
    assert None not in known
    # On the average they say at least what the percentile does, and not much more.
    ratio = np.mean(np.array(known, dtype=float)) / np.std(drawn)
    assert 0.95 < ratio < 1.4


def test_an_adaptive_run_of_few_paths_draws_enough_to_know_its_error() -> None:
    made = resampled(RETURNS, bars_per_year=365.0, n_paths=5, adaptive={"max_drawdown": 10.0})
    assert made.n_paths >= 100
    rows = {row["metric"]: row for row in made.rows()}
    assert rows["max_drawdown"]["mcse_p5"] is not None
