"""Pictures of a tournament draw what the tables say."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from league import FOUR_MARKETS, document, entry, league, returns, runs
from matplotlib.figure import Figure

from assets import tournament_plots
from simcore.tournaments.play import play
from simcore.tournaments.ratings.sequential import elo_course, elo_sequence

PLAYED = league(
    {
        "alpha": returns(0.1, 0.2, 0.3, 0.4),
        "beta": returns(0.4, 0.3, 0.2, 0.1),
        "gamma": returns(0.0, 0.0, 0.0, 0.0),
    }
)
SHOWN = PLAYED.standings.sort("rank", "ir_hash")
FAMILY = {"bull": "trend", "bear": "trend", "calm": "vol", "wild": "vol"}
SCORES = tournament_plots.run_scores(PLAYED.games).with_columns(
    family=pl.col("scenario_id").replace_strict(FAMILY)
)


def test_each_run_has_one_score_however_many_games_it_is_in() -> None:
    assert SCORES.height == 12
    alpha = SCORES.filter(pl.col("strategy_id") == "alpha", pl.col("scenario_id") == "wild")
    assert alpha["score"].to_list() == pytest.approx([24.0])


def test_an_entry_of_arenas_has_the_mean_of_its_games_on_a_market() -> None:
    games = PLAYED.games.with_columns(
        score_a=pl.when(pl.col("entry_b") == "gamma").then(30.0).otherwise("score_a")
    )
    scores = tournament_plots.run_scores(games)
    assert scores.height == 12
    alpha = scores.filter(pl.col("strategy_id") == "alpha", pl.col("scenario_id") == "wild")
    assert alpha["score"].to_list() == pytest.approx([(24.0 + 30.0) / 2.0])


def test_the_last_ratings_drawn_are_those_of_the_standings() -> None:
    outcomes = {
        "alpha": returns(0.1, 0.2, 0.3, 0.4),
        "beta": returns(0.4, 0.3, 0.2, 0.1),
        "gamma": returns(0.0, 0.5, 0.15, 0.35),
    }
    hashes = {"alpha": "c" * 64, "beta": "a" * 64, "gamma": "b" * 64}
    family = {"bull": "z", "bear": "z", "calm": "a", "wild": "a"}
    entries = [entry(name, ir_hash) for name, ir_hash in hashes.items()]
    played = play(document(), entries, runs(outcomes, FOUR_MARKETS), family)
    families = pl.DataFrame({"scenario_id": list(family), "family": list(family.values())})
    games = tournament_plots.in_canonical_order(played.games, played.standings, families)
    axes = Figure().subplots()
    tournament_plots.rating_history(axes, games, played.standings)
    drawn = {line.get_label(): np.asarray(line.get_ydata())[-1] for line in axes.lines[:3]}
    expected = dict(played.standings.select("strategy_id", "elo_seq").iter_rows())
    assert drawn == pytest.approx(expected, abs=1e-6)


def test_the_heat_map_shows_the_mean_of_each_family() -> None:
    axes = Figure().subplots()
    tournament_plots.by_family(axes, SCORES, SHOWN)
    drawn = np.asarray(axes.images[0].get_array())
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert drawn[names.index("alpha")].tolist() == pytest.approx([9.0, 21.0])


def test_opposite_entries_correlate_negatively_and_flat_ones_not_at_all() -> None:
    axes = Figure().subplots()
    tournament_plots.correlations(axes, SCORES, SHOWN)
    drawn = np.ma.filled(np.ma.asarray(axes.images[0].get_array()), np.nan)
    names = [label.get_text() for label in axes.get_xticklabels()]
    a, b, c = (names.index(name) for name in ("alpha", "beta", "gamma"))
    assert drawn[a, b] == pytest.approx(-1.0)
    assert drawn[a, a] == pytest.approx(1.0)
    assert np.isnan(drawn[a, c])


def test_the_course_of_ratings_begins_level_and_ends_where_the_sequence_ends() -> None:
    a, b = np.array([0, 0, 1]), np.array([1, 2, 2])
    won = np.array([1.0, 0.5, 0.0])
    course = elo_course(a, b, won, 3, [0, 1, 3])
    assert course[0].tolist() == [1500.0, 1500.0, 1500.0]
    assert course[1].tolist() == [1516.0, 1484.0, 1500.0]
    assert course[2].tolist() == elo_sequence(a, b, won, 3).tolist()
    axes = Figure().subplots()
    tournament_plots.rating_history(axes, PLAYED.games, SHOWN)
    assert [line.get_label() for line in axes.lines][:3] == SHOWN["strategy_id"].to_list()


def test_who_may_be_the_best_is_drawn_apart_from_who_may_not() -> None:
    axes = Figure().subplots()
    shown = SHOWN.with_columns(in_mcs=pl.Series([True, True, False]))
    tournament_plots.intervals(axes, shown)
    points = [len(np.asarray(line.get_xdata())) for line in axes.lines if line.get_marker() == "o"]
    assert points == [2, 1]
    assert axes.get_title(loc="left").endswith("mean score, 95 % interval; blue: may be the best")


def test_nobody_is_drawn_as_worse_where_nobody_was_told_from_the_leader() -> None:
    axes = Figure().subplots()
    shown = SHOWN.with_columns(in_mcs=pl.Series([None] * 3, dtype=pl.Boolean))
    tournament_plots.intervals(axes, shown)
    points = [len(np.asarray(line.get_xdata())) for line in axes.lines if line.get_marker() == "o"]
    assert points == [3, 0]
    assert axes.get_title(loc="left").endswith("who may be the best is not known")
