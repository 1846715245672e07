"""Two in one order book: who sits where is no matter, nobody sees the future, the books balance."""

from __future__ import annotations

import random
from functools import cache
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest

import simcore
from simcore.store import content_hash
from simcore.tables import TABLES
from simcore.tournaments.arena import Arena
from simcore.tournaments.document import TournamentDocument, read_tournament
from simcore.tournaments.pairings import paired_runs
from simcore.tournaments.play import Played, play
from simcore.tournaments.simulated import simulated

SHALLOW = {"depth_base_per_bps": 0.5, "permanent_fraction": 0.4, "half_life_bars": 6.0}
TRADERS = ("atr_breakout", "atr_trailing_trend", "bbands_breakout", "ma_cross")
PAIRS = list(combinations(TRADERS, 2))
PRICES = ["open", "high", "low", "close", "volume"]

RING = {
    "version": "0.1.0",
    "id": "ring",
    "name": "The ring",
    "seed": 5,
    "entries": [*TRADERS[1:], "buy_and_hold"],
    "scenarios": ["trend-up-mid", "vol-stormy", "mean-revert-mid"],
    "format": {"type": "round_robin"},
    "arena": SHALLOW,
}


@cache
def calm(scenario: str = "vol-stormy") -> pl.DataFrame:
    return simcore.generate(scenario).filter(pl.col("path") == 0)


@cache
def met(a: str, b: str) -> Arena:
    return simcore.arena(a, b, calm(), book=SHALLOW)


def same(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    return one.equals(other, null_equal=True)


@pytest.mark.parametrize("name", TRADERS)
def test_identical_strategies_draw_to_the_bit(name: str) -> None:
    game = met(name, name)
    assert game.result == "draw"
    assert game.score_a == game.score_b
    assert game.a.equity.equals(game.b.equity)
    assert same(game.a.trades, game.b.trades)
    assert game.a.trades.height > 0


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_swapping_seats_changes_no_byte_but_the_names(a: str, b: str) -> None:
    game, swapped = met(a, b), met(b, a)
    assert same(game.bars, swapped.bars)
    seats = {"position_base_a": "position_base_b", "position_base_b": "position_base_a"}
    assert same(game.tape, swapped.tape.rename(seats).select(game.tape.columns))
    assert (game.score_a, game.score_b) == (swapped.score_b, swapped.score_a)
    assert {game.result, swapped.result} in ({"a", "b"}, {"draw"})
    for one, other in ((game.a, swapped.b), (game.b, swapped.a)):
        assert one.equity.equals(other.equity)
        assert same(one.trades, other.trades)
        assert dict(one.metrics) == dict(other.metrics)


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_a_backtest_over_the_bars_is_what_was_done_in_the_arena(a: str, b: str) -> None:
    game = met(a, b)
    for name, run in ((a, game.a), (b, game.b)):
        alone = simcore.backtest(name, game.bars)
        assert alone.equity.equals(run.equity)
        assert same(alone.trades, run.trades)
    assert not game.bars["close"].equals(calm()["close"])


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_what_both_hold_is_what_book_and_dealer_gave(a: str, b: str) -> None:
    tape = met(a, b).tape
    held = (tape["position_base_a"] + tape["position_base_b"]).to_numpy()
    given = np.cumsum(tape["book_base"].to_numpy()) + tape["dealer_base"].to_numpy()
    assert np.abs(held).max() > 1.0
    np.testing.assert_allclose(given, held, rtol=0.0, atol=1e-9 * np.abs(held).max())
    # At the end nobody holds anything, and the dealer has passed on all that he took.
    np.testing.assert_allclose([held[-1], tape["dealer_base"][-1]], 0.0, atol=1e-9)


def test_another_future_changes_no_bar_before_it() -> None:
    t = 400
    other = calm().with_columns(
        pl.when(pl.col("t") < t).then(pl.col(name)).otherwise(pl.col(name) * 1.25).alias(name)
        for name in PRICES
    )
    seen = simcore.arena("ma_cross", "bbands_breakout", other, book=SHALLOW)
    game = met("ma_cross", "bbands_breakout")
    assert same(game.bars[:t], seen.bars[:t])
    assert same(game.tape[:t], seen.tape[:t])
    assert not same(game.tape, seen.tape)
    assert game.tape["book_base"][:t].ne(0.0).any()
    # Cut off there, all but the bar in which everything is closed is the same.
    cut = simcore.arena("ma_cross", "bbands_breakout", calm()[: t + 1], book=SHALLOW)
    assert same(game.tape[:t], cut.tape[:t])


def test_who_trades_nothing_leaves_every_bit_of_the_bars() -> None:
    execution = {"base": "honest_v1", "lot": 1e6}
    game = simcore.arena("ma_cross", "bbands_breakout", calm(), book=SHALLOW, execution=execution)
    assert same(game.bars, calm())
    assert game.result == "draw"
    assert game.tape.select("displacement", "book_base", "dealer_base").sum().row(0) == (0, 0, 0)


def test_the_volume_of_a_bar_has_what_was_traded_in_it() -> None:
    game = met("ma_cross", "atr_breakout")
    added = (game.bars["volume"] - calm()["volume"]).to_numpy()
    legs = pl.concat(
        [
            run.trades.select(pl.col(f"{leg}_bar").alias("t"), "qty")
            for run in (game.a, game.b)
            for leg in ("entry", "exit")
        ]
    )
    traded = set(legs["t"].to_list())
    passed_on = {t + 1 for t in game.tape.with_row_index()
                 .filter(pl.col("dealer_base") != 0.0)["index"].to_list()}  # fmt: skip
    assert (added >= 0.0).all()
    assert traded <= set(np.flatnonzero(added > 0.0).tolist()) <= traded | passed_on


def test_the_deeper_the_book_the_nearer_to_a_backtest_alone() -> None:
    alone = simcore.backtest("bbands_breakout", calm()).equity.to_numpy()

    def distance(depth: float) -> float:
        book = {**SHALLOW, "depth_base_per_bps": depth}
        game = simcore.arena("bbands_breakout", "ma_cross", calm(), book=book)
        return float(np.abs(game.a.equity.to_numpy() - alone).max())

    distances = [distance(depth) for depth in (0.5, 50.0, 5e3, 5e5)]
    assert distances[0] > 1.0
    assert all(after < before / 5.0 for before, after in pairwise(distances))
    assert distances[-1] < 1e-2


def ring(**changes: Any) -> TournamentDocument:
    return read_tournament({**RING, **changes})


def hashes(played: Played | Any) -> list[str]:
    return [
        content_hash(TABLES["standings"], TABLES["standings"].sort(played.standings)),
        content_hash(TABLES["games"], played.games),
        str(played.manifest),
        str(played.facts),
    ]


def test_an_arena_tournament_gives_the_same_bytes_in_whatever_order() -> None:
    document = ring()
    made = simulated(document, None)
    expected = play(document, made.entries, made.runs, made.families, evidence=made.evidence)
    shuffler = random.Random(3)
    entries = shuffler.sample(made.entries, len(made.entries))
    rows = made.runs[shuffler.sample(range(made.runs.height), made.runs.height)]
    families = dict(shuffler.sample(sorted(made.families.items()), len(made.families)))
    again = play(document, entries, rows, families, evidence=made.evidence)
    assert hashes(again) == hashes(expected)
    reversed_lists = {name: RING[name][::-1] for name in ("entries", "scenarios")}
    turned = simcore.tournament({**RING, **reversed_lists})
    assert hashes(turned) == hashes(expected)


def test_the_games_are_those_of_the_shared_market_and_scores_their_means() -> None:
    played = simcore.tournament(RING)
    games = played.games
    assert games.height == 6 * 3
    alone = simcore.tournament({**RING, "arena": None})
    assert not games["score_a"].equals(alone.games["score_a"])
    for row in games.filter(pl.col("scenario_id") == "vol-stormy").iter_rows(named=True):
        game = simcore.arena(row["entry_a"], row["entry_b"], calm(), book=SHALLOW)
        assert (game.score_a, game.score_b) == (row["score_a"], row["score_b"])
        assert game.result == row["result"]
    both = pl.concat(
        games.select(pl.col(f"entry_{seat}").alias("id"), pl.col(f"score_{seat}").alias("score"))
        for seat in "ab"
    )
    means = dict(both.group_by("id").agg(pl.col("score").mean()).iter_rows())
    families = {"trend-up-mid", "vol-stormy", "mean-revert-mid"}
    assert len(families) == len(played.facts["families"])  # so that the means weigh alike
    for row in played.standings.iter_rows(named=True):
        assert row["score_mean"] == pytest.approx(means[row["strategy_id"]], abs=1e-9)
        assert row["stress_score"] is None
        assert row["oracle_efficiency"] is None
        assert row["games"] == 9
    assert TABLES["standings"].violations(TABLES["standings"].sort(played.standings)) == []
    assert played.manifest["arena"] == SHALLOW


def test_the_runs_of_pairs_do_not_depend_on_who_else_is_entered() -> None:
    few = ring(entries=list(TRADERS[1:]))
    every, some = (simulated(document, None).runs for document in (ring(), few))
    keys = ["scenario_id", "path", "strategy_id", "opponent_id"]
    common = every.filter(
        pl.col("strategy_id").is_in(TRADERS) & pl.col("opponent_id").is_in(TRADERS)
    )
    assert same(common.sort(keys), some.sort(keys))
    assert some.height == 3 * 2 * 3


@pytest.mark.parametrize(
    "form",
    [{"type": "swiss"}, {"type": "elimination"}, {"type": "sprt", "champion": "ma_cross"}],
    ids=lambda form: form["type"],
)
def test_other_formats_choose_their_games_among_those_of_the_arenas(form: dict[str, str]) -> None:
    entries = ["ma_cross", "bbands_breakout"] if form["type"] == "sprt" else RING["entries"]
    more = ("trend-down-mid", "vol-calm", "shocks-mid", "random-walk", "slow-bear", "flash-crash")
    scenarios = [*RING["scenarios"], *more, "momentum-hours"]
    played = simcore.tournament(
        {**RING, "entries": entries, "scenarios": scenarios, "format": form}
    )
    assert played.games.height > 0
    scores = {
        (row["scenario_id"], *sorted((row["entry_a"], row["entry_b"]))): {
            row["entry_a"]: row["score_a"],
            row["entry_b"]: row["score_b"],
        }
        for row in played.games.iter_rows(named=True)
    }
    own = scores.get(("vol-stormy", "bbands_breakout", "ma_cross"))
    assert own is None or own == {
        "bbands_breakout": met("bbands_breakout", "ma_cross").score_a,
        "ma_cross": met("bbands_breakout", "ma_cross").score_b,
    }


def test_every_pair_runs_and_every_entry_is_one_trial() -> None:
    document = ring()
    made = simulated(document, None)
    assert made.runs.height == 2 * 6 * 3
    assert made.evidence.trials is not None
    assert made.evidence.trials.k == 4
    assert paired_runs(document, [], []).height == 0
