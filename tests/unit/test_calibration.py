"""Placebo and power: the gate's rates, small."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from simcore.errors import InvariantError
from simcore.tournaments.calibration import (
    DESIGNS,
    SMALL,
    WALK,
    Design,
    Size,
    calibration,
    interval,
    verdict,
)
from simcore.tournaments.calibration_page import page
from simcore.tournaments.null_entries import coins, drawn_settings, points

LEAST = Size(challengers=6, markets=12, tournaments=2)


def test_a_small_calibration_refutes_no_rate() -> None:
    rows = calibration(SMALL, seed=1)
    assert rows.height == len(DESIGNS)
    assert set(rows["verdict"]) <= {"HELD", "NOT_REFUTED"}
    placebo = rows.filter(~rows["is_planted"])
    assert int(placebo["n_hits"].sum()) / int(placebo["n_tournaments"].sum()) <= 0.1


def test_a_gate_that_lets_luck_pass_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from simcore.tournaments import calibration as module

    strict = module.paired_bounds

    def lax(scores, benchmark, *, alpha, **rest):
        return strict(scores, benchmark, alpha=0.6, **rest)

    monkeypatch.setattr(module, "paired_bounds", lax)
    rows = calibration(SMALL, seed=1, designs=DESIGNS[:2])
    assert set(rows["verdict"]) == {"TOO_OFTEN"}


def test_a_gate_that_finds_nobody_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from simcore.tournaments import calibration as module

    strict = module.paired_bounds

    def blind(scores, benchmark, *, margin, **rest):
        return strict(scores, benchmark, margin=margin + 50.0, **rest)

    monkeypatch.setattr(module, "paired_bounds", blind)
    rows = calibration(SMALL, seed=1, designs=[DESIGNS[4]])
    assert rows["verdict"].to_list() == ["TOO_SELDOM"]


def test_the_same_seed_gives_the_same_rows_and_another_does_not() -> None:
    first = calibration(LEAST, seed=5, designs=DESIGNS[-1:])
    assert first.equals(calibration(LEAST, seed=5, designs=DESIGNS[-1:]))
    other = calibration(LEAST, seed=6, designs=DESIGNS[-1:])
    assert first["promised"][0] != other["promised"][0]


def test_the_interval_holds_what_the_binomial_says() -> None:
    for hits, n in ((0, 20), (3, 20), (20, 20)):
        known = stats.binomtest(hits, n).proportion_ci(0.95, "exact")
        assert interval(hits, n) == pytest.approx((known.low, known.high), abs=1e-12)


def test_the_verdict_follows_from_interval_and_promise() -> None:
    assert verdict(0.0, 0.04, 0.05, None) == "HELD"
    assert verdict(0.06, 0.2, 0.05, None) == "TOO_OFTEN"
    assert verdict(0.5, 0.7, 0.05, 0.8) == "TOO_SELDOM"
    assert verdict(0.5, 0.9, 0.05, 0.8) == "NOT_REFUTED"


def test_coins_are_different_strategies_that_trade_alike() -> None:
    assert len(set(coins(512))) == 512
    scores = points(coins(10), {**WALK, "seed": 4, "paths": 1_000})
    gap = scores[:, 1:] - scores[:, :1]
    error = gap.std(axis=0, ddof=1) / np.sqrt(1_000)
    assert (np.abs(gap.mean(axis=0)) < 4.0 * error).all()
    assert (error > 0.0).all()


def test_more_coins_than_there_are_is_refused() -> None:
    with pytest.raises(InvariantError, match="at most 512"):
        coins(513)


def test_drawn_settings_are_as_many_as_asked_and_follow_the_seed() -> None:
    first = drawn_settings(("ma_cross", "rsi_reversion"), 12, 1)
    assert len(set(first)) == 12
    assert first != drawn_settings(("ma_cross", "rsi_reversion"), 12, 2)


def test_the_page_tells_every_row_with_its_interval() -> None:
    design = Design("coins", WALK, "coins", "coin", 0.0)
    rows = calibration(LEAST, seed=1, designs=[design])
    text = page(rows, command="make calibrate", minutes=1.0, cores=2)
    low, high = rows["rate_lo"][0], rows["rate_hi"][0]
    assert f"| coins | 6 | 12 | 2 | 0 | 0.000 | {low:.3f} to {high:.3f} | ≤ 0.05 |" in text
