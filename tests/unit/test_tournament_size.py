"""A tournament runs each entry once on each market, whatever is played, and holds fifty or more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from league import document, entry, runs

import simcore
from simcore import engine, steps
from simcore.campaign import load
from simcore.documents import LIBRARY
from simcore.store import Partition, Store
from simcore.strategy.strategy import compile_strategy
from simcore.tables import TABLES
from simcore.tournaments.play import play

N_STRATEGIES = 20
N_PATHS = 3


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with twenty strategies, no two of one program, and three paths of one market."""
    home = tmp_path_factory.mktemp("size")
    for kind in ("strategies", "scenarios"):
        (home / kind).mkdir()
    crossing = compile_strategy("ma_cross").document
    for at in range(N_STRATEGIES):
        params = {**crossing["params"], "fast": {**crossing["params"]["fast"], "value": 5 + at}}
        made = {**crossing, "id": f"cross-{at:02}", "params": params}
        (home / "strategies" / f"cross-{at:02}.json").write_text(json.dumps(made))
    text = (LIBRARY / "scenarios" / "vol-calm.toml").read_text(encoding="utf-8")
    text = text.replace('"vol-calm"', '"paths"')
    (home / "scenarios" / "paths.toml").write_text(
        text.replace("duration_bars = 720", f"duration_bars = 200\npaths = {N_PATHS}")
    )
    return home


ENTRIES = [f"cross-{at:02}" for at in range(N_STRATEGIES)]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many runs each call of the engine was asked for."""
    asked: list[int] = []
    whole = engine.backtest

    def backtest(*given: Any, **more: Any) -> Any:
        asked.append(len(given[3]))
        return whole(*given, **more)

    monkeypatch.setattr(engine, "backtest", backtest)
    yield asked


def test_a_hundred_and_ninety_pairs_take_a_run_an_entry_and_market_and_one_under_stress(
    home: Path, counted: list[int]
) -> None:
    cup = {
        "version": "0.1.0", "id": "cup", "name": "Cup", "seed": 1, "entries": ENTRIES,
        "scenarios": ["paths"], "format": {"type": "round_robin"},
    }  # fmt: skip
    played = simcore.tournament(cup, home=home)
    pairs = played.games.select("entry_a", "entry_b").unique().height
    assert pairs == 190 and played.games.height == 190 * N_PATHS
    assert sum(counted) == 2 * N_STRATEGIES * N_PATHS


def test_a_campaign_plays_all_its_tournaments_with_the_runs_it_has_and_rolls_them_up(
    home: Path, tmp_path: Path, counted: list[int]
) -> None:
    (home / "tournaments").mkdir(exist_ok=True)
    forms: dict[str, dict[str, Any]] = {
        "league": {"type": "round_robin"},
        "gauntlet": {"type": "gauntlet", "challengers": ["cross-07"]},
    }
    for name, form in forms.items():
        made = {
            "version": "0.1.0", "id": name, "name": name, "seed": 1, "entries": "campaign",
            "scenarios": "campaign", "format": form,
        }  # fmt: skip
        (home / "tournaments" / f"{name}.json").write_text(json.dumps(made))
    asked = {
        "version": "0.1.0", "id": "season", "name": "Season", "seed": 3, "days": 10,
        "scenarios": ["paths"], "strategies": ENTRIES, "tournaments": ["league", "gauntlet"],
    }  # fmt: skip
    store, campaign = Store(tmp_path), load(asked, home=home)
    steps.markets(store, campaign)
    counted.clear()
    for strategy in campaign.strategies:
        steps.backtests(store, campaign, strategy)
    n_runs = sum(counted)
    assert n_runs == N_STRATEGIES * N_PATHS
    steps.tournaments(store, campaign)
    assert sum(counted) - n_runs == N_STRATEGIES * N_PATHS  # under stress, for both tournaments
    place = Partition(campaign="season")
    games = store.read(TABLES["games"], place)
    assert games.filter(pl.col("tournament_id") == "league").height == 190 * N_PATHS
    assert games.filter(pl.col("tournament_id") == "gauntlet").height == 19 * N_PATHS
    _rolled_up(store, campaign.id)


def _rolled_up(store: Store, campaign: str) -> None:
    rows = pl.concat(
        store.read(TABLES["backtests"], Partition(campaign=campaign, strategy=each))
        for each in ENTRIES
    )
    days = store.read(TABLES["daily_rollups"], Partition(campaign=campaign))
    assert days["simulations_run"].sum() == rows.height > 0
    assert days["total_trades"].sum() == rows["n_trades"].sum()
    assert days["tournaments_completed"].sum() == 2
    weighed = (days["avg_roi"] * days["simulations_run"]).sum()
    assert weighed == pytest.approx(rows["total_return"].sum(), rel=1e-12)


def test_sixty_entries_are_ranked_with_intervals() -> None:
    draws = np.random.default_rng(8)
    markets = [(f"m{at:02}", 0) for at in range(24)]
    families = {market: "abcd"[at % 4] for at, (market, _) in enumerate(markets)}
    outcomes = {
        f"e{at:02}": [(float(gain), float(10 * gain)) for gain in draws.normal(at / 600, 0.05, 24)]
        for at in range(60)
    }
    entries = [entry(each) for each in outcomes]
    played = play(document(), entries, runs(outcomes, markets), families)
    rows = played.standings
    assert rows.height == 60 and played.games.height == 60 * 59 // 2 * 24
    assert (rows["rank_lo"] <= rows["rank"]).all() and (rows["rank"] <= rows["rank_hi"]).all()
    assert TABLES["standings"].violations(rows) == []
    best = rows.filter(pl.col("rank") <= 10)["strategy_id"].to_list()
    assert sum(int(name[1:]) >= 30 for name in best) >= 8
