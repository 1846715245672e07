"""Tournaments do not depend on the order of anything, and their books add up."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcore.backtests.trials import Census
from simcore.store import content_hash
from simcore.tables import TABLES
from simcore.tournaments.document import TournamentDocument, read_tournament
from simcore.tournaments.evidence import Evidence
from simcore.tournaments.play import Played, play

FAMILIES = {"bull": "trend", "bear": "trend", "calm": "vol_cluster", "wild": "vol_cluster"}

DOCUMENT = {
    "version": "0.1.0",
    "id": "cup",
    "name": "The cup",
    "seed": 7,
    "entries": "campaign",
    "scenarios": "campaign",
    "format": {"type": "round_robin"},
}


def cup() -> TournamentDocument:
    return read_tournament(DOCUMENT)


def entries_of(n: int) -> list[dict[str, str]]:
    return [
        {
            "strategy_id": f"s{i}",
            "name": f"S {i}",
            "version": "0.1.0",
            "ir_hash": f"{i * 37 % 11:064}",
        }
        for i in range(n)
    ]


@st.composite
def seasons(draw: st.DrawFn) -> tuple[int, pl.DataFrame]:
    """A number of entries and a run of each on one path of each scenario."""
    n = draw(st.integers(2, 5))
    # Few different values, so that draws and ties are common.
    values = st.sampled_from([-0.2, 0.0, 0.05, 0.3])
    rows = []
    for i in range(n):
        for scenario_id in FAMILIES:
            total_return = draw(values)
            rows.append(
                {
                    "scenario_id": scenario_id,
                    "path": 0,
                    "strategy_id": f"s{i}",
                    "execution": "honest_v1",
                    "scenario_hash": scenario_id,
                    "dataset_hash": scenario_id,
                    "initial_cash_quote": 10_000.0,
                    "total_return": total_return,
                    "sharpe": draw(st.sampled_from([None, -1.0, 0.0, 2.0])),
                    "max_drawdown": -0.1,
                    "turnover": 1.0,
                    "n_trades": 1,
                    "flags": draw(st.sampled_from(["", "", "", "RUIN"])),
                }
            )
    return n, backtests(rows)


def backtests(rows: list[dict[str, object]]) -> pl.DataFrame:
    """Rows of the table `backtests`, null where nothing is said."""
    plain = {"bars": 500, "bars_per_year": 8_766.0}
    schema = TABLES["backtests"].polars_schema()
    return pl.DataFrame([{**plain, **row} for row in rows], schema=schema)


def digests(played: Played) -> tuple[str, str, str]:
    return (
        content_hash(TABLES["standings"], played.standings),
        content_hash(TABLES["games"], played.games),
        str(played.facts),
    )


@given(season=seasons(), shuffler=st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_the_order_of_entries_and_rows_changes_no_byte(
    season: tuple[int, pl.DataFrame], shuffler: random.Random
) -> None:
    n, frame = season
    entries = entries_of(n)
    expected = digests(play(cup(), entries, frame, FAMILIES))
    order = list(range(frame.height))
    shuffler.shuffle(order)
    shuffler.shuffle(entries)
    families = dict(shuffler.sample(sorted(FAMILIES.items()), len(FAMILIES)))
    assert digests(play(cup(), entries, frame[order], families)) == expected


@pytest.mark.parametrize("name", ["round_robin", "elimination", "swiss", "race"])
def test_no_order_changes_a_byte_of_any_format_or_column(name: str) -> None:
    """With enough markets and entries that every column is there."""
    generator = np.random.default_rng(3)
    document = read_tournament({**DOCUMENT, "format": {"type": name}})
    families = {f"m{i:02}": f"f{i % 3}" for i in range(36)}
    common = generator.normal(0.0, 0.05, len(families))
    entries = entries_of(11)
    frame = backtests(
        [
            {
                "scenario_id": market, "path": 0, "strategy_id": entry["strategy_id"],
                "execution": "honest_v1", "scenario_hash": market, "dataset_hash": market,
                "initial_cash_quote": 10_000.0, "n_trades": 1, "flags": "", "skew": 0.1,
                "kurt": 4.0, "total_return": common[i] + generator.normal(0.0, 0.02),
                "sharpe": generator.normal(0.0, 1.0),
            }
            for i, market in enumerate(families)
            for entry in entries
        ]
    )  # fmt: skip
    evidence = Evidence(champion="s3", trials=Census(40, 0.001, "d"), stress=None)
    played = play(document, entries, frame, families, evidence=evidence)
    for column in ("in_mcs", "pbo", "dsr", "openskill_mu", "elo_seq"):
        assert played.standings[column].null_count() == 0
    order = generator.permutation(frame.height).tolist()
    again = play(document, entries[::-1], frame[order], families, evidence=evidence)
    assert digests(again) == digests(played)


def test_the_number_of_threads_changes_no_byte() -> None:
    """Linear algebra and frames are threaded by libraries, which read their number at the start."""
    script = (
        "import sys; sys.path.insert(0, 'tests/contract')\n"
        "import numpy as np, league\n"
        "from simcore.store import content_hash\n"
        "from simcore.tables import TABLES\n"
        "from simcore.tournaments.play import play\n"
        "draws = np.random.default_rng(2)\n"
        "markets = [(f'm{i:02}', 0) for i in range(36)]\n"
        "outcomes = {f'e{i:02}': [(float(r), float(10 * r)) for r in draws.normal(0, 0.05, 36)]"
        " for i in range(12)}\n"
        "families = {m: 'ab'[i % 2] for i, (m, _) in enumerate(markets)}\n"
        "entries = [league.entry(name) for name in outcomes]\n"
        "played = play(league.document(), entries, league.runs(outcomes, markets), families)\n"
        "print(content_hash(TABLES['standings'], played.standings))\n"
        "print(content_hash(TABLES['games'], played.games))\n"
    )

    def hashes(n: str) -> str:
        names = ("POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(names, n)}
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        return done.stdout

    one = hashes("1")
    assert len(one.split()) == 2
    assert hashes("2") == one


@given(season=seasons())
@settings(max_examples=40)
def test_wins_are_losses_and_points_are_games(season: tuple[int, pl.DataFrame]) -> None:
    n, frame = season
    played = play(cup(), entries_of(n), frame, FAMILIES)
    s = played.standings
    assert s["wins"].sum() == s["losses"].sum()
    assert s["points"].sum() * 2 == s["games"].sum() == 2 * played.games.height
    assert (s["points"] == s["wins"] + s["draws"] / 2).all()
    assert (s["games"] == s["wins"] + s["draws"] + s["losses"]).all()
    assert s["elo_bt"].mean() == np.float64(1500.0) or abs(s["elo_bt"].mean() - 1500.0) < 1e-5  # type: ignore[operator]


@given(season=seasons())
@settings(max_examples=40)
def test_every_interval_holds_its_estimate_and_every_row_is_within_the_table(
    season: tuple[int, pl.DataFrame],
) -> None:
    n, frame = season
    played = play(cup(), entries_of(n), frame, FAMILIES)
    s = played.standings
    for low, middle, high in (
        ("rank_lo", "rank", "rank_hi"),
        ("score_ci_lo", "score_mean", "score_ci_hi"),
        ("sharpe_ci_lo", "sharpe_mean", "sharpe_ci_hi"),
        ("elo_lo", "elo_bt", "elo_hi"),
    ):
        assert ((s[low] <= s[middle]) & (s[middle] <= s[high])).fill_null(True).all()
    assert s["score_ci_lo"].is_not_null().all()
    assert s["rank"].min() == 1
    assert s["rank_hi"].max() <= n  # type: ignore[operator]
    assert TABLES["standings"].violations(s) == []
    assert TABLES["games"].violations(played.games) == []


@given(season=seasons())
@settings(max_examples=25)
def test_names_do_not_change_ranks(season: tuple[int, pl.DataFrame]) -> None:
    n, frame = season
    entries = entries_of(n)
    plain = play(cup(), entries, frame, FAMILIES).standings
    renamed = [{**entry, "strategy_id": f"z{entry['strategy_id']}"} for entry in entries]
    other = play(
        cup(), renamed, frame.with_columns(strategy_id="z" + pl.col("strategy_id")), FAMILIES
    ).standings
    names = [name for name in plain.columns if name not in ("strategy_id", "manifest_hash")]
    assert plain.select(names).equals(other.select(names))


def test_coin_flippers_do_not_win_beyond_chance() -> None:
    """Of four equal entrants a lone leader is declared in no more than chance allows."""
    generator = np.random.default_rng(11)
    n_tournaments, n_markets = 60, 24
    families = {f"m{i}": "noise" for i in range(n_markets)}
    lone_leaders = 0
    for _ in range(n_tournaments):
        frame = backtests(
            [
                {
                    "scenario_id": f"m{market}", "path": 0, "strategy_id": f"s{i}",
                    "execution": "honest_v1", "scenario_hash": "", "dataset_hash": "",
                    "initial_cash_quote": 10_000.0, "total_return": generator.normal(0.0, 0.05),
                    "sharpe": 0.0, "max_drawdown": -0.1, "turnover": 1.0, "n_trades": 1,
                    "flags": "",
                }
                for market in range(n_markets)
                for i in range(4)
            ]
        )  # fmt: skip
        standings = play(cup(), entries_of(4), frame, families).standings
        leader = standings.filter(pl.col("rank") == 1)
        lone_leaders += int(leader["rank_hi"][0] == 1)
    # At 5 % a tournament more than 8 of 60 have probability 0.3 %.
    assert lone_leaders <= 8
