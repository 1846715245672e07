"""The history of strategies: a row a standing, with where each version is from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure

from assets import history_plots
from simcore import steps
from simcore.campaign import Campaign, load
from simcore.errors import StoreError
from simcore.history import COURSE, history_rows, strategy_history
from simcore.store import Partition, Provenance, Store
from simcore.strategy.lineage import Lineage, Parent
from simcore.tables import TABLES

TOURNAMENT = """
version = "0.1.0"
id = "cup"
name = "Cup"
seed = 1
entries = "campaign"
scenarios = "campaign"
format = { type = "round_robin" }
"""
BRED = Lineage(
    name="mine",
    operator="evolve",
    generation=2,
    parents=(Parent(name="mine", revision="0.1.0", ir_hash="ab" * 32, edit=[]),),
)
MADE_BY = Provenance(documents={}, seed=None, engine_version="0")


def strategy(version: str, fast: int) -> str:
    return f"""
version = "0.1.0"
id = "mine"
name = "Mine"
revision = "{version}"
timeframe = "1h"
[params]
fast = {fast}
[[rules]]
if = "close > ma(close, fast)"
then = "buy"
[[rules]]
if = "close < ma(close, fast)"
then = "close"
[risk]
sizing = {{ type = "risk_pct", value = 0.5 }}
stop = {{ type = "atr", n = 14, mult = 4.0 }}
[metadata]
"""


def campaign(home: Path, name: str, version: str, fast: int) -> Campaign:
    """A campaign of two strategies, one of them in that version."""
    (home / "strategies" / "mine.toml").write_text(strategy(version, fast))
    return load(
        {
            "version": "0.1.0", "id": name, "name": name, "seed": 3, "days": 5,
            "scenarios": ["trend-up-mid", "vol-calm"], "strategies": ["mine", "buy_and_hold"],
            "tournaments": ["cup"],
        },
        home=home,
    )  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = Path(tmp_path_factory.mktemp("home"))
    for folder in ("strategies", "tournaments"):
        (home / folder).mkdir()
    (home / "tournaments" / "cup.toml").write_text(TOURNAMENT)
    return home


@pytest.fixture(scope="module")
def store(home: Path) -> Store:
    """A lake with two campaigns, one version of a strategy in each."""
    store = Store(home / "lake")
    for name, version, fast in (("c-one", "0.1.0", 10), ("c-two", "0.2.0", 20)):
        made = campaign(home, name, version, fast)
        steps.markets(store, made)
        for each in made.strategies:
            steps.strategies(store, each, BRED if each.version == "0.2.0" else None)
            steps.backtests(store, made, each)
            steps.monte_carlo(store, made, each)
            steps.walk_forwards(store, made, each)
        steps.tournaments(store, made)
        steps.histories(store, made)
    return store


def test_a_version_of_a_strategy_has_its_standing_and_where_it_is_from(store: Store) -> None:
    rows = store.read(TABLES["strategy_history"], Partition(campaign="c-two"))
    standings = store.read(TABLES["standings"], Partition(campaign="c-two"))
    assert TABLES["strategy_history"].violations(rows) == []
    assert rows.height == standings.height == 2
    mine = rows.filter(pl.col("strategy_id") == "mine").row(0, named=True)
    own = standings.filter(pl.col("strategy_id") == "mine").row(0, named=True)
    shared = set(rows.columns) & set(standings.columns)
    assert {name: mine[name] for name in shared} == {name: own[name] for name in shared}
    assert (mine["entries"], mine["generation"], mine["operator"]) == (2, 2, "evolve")
    assert mine["parents"] == "ab" * 32
    other = rows.filter(pl.col("strategy_id") == "buy_and_hold").row(0, named=True)
    assert (other["generation"], other["operator"], other["parents"]) == (0, "authored", "")


def test_a_course_goes_through_campaigns_and_versions(store: Store) -> None:
    course = strategy_history(store, "Mine")
    assert course.columns == list(COURSE)
    assert course.select("event", "version", "generation").rows() == [
        ("c-one", "0.1.0", 0),
        ("c-two", "0.2.0", 2),
    ]
    assert course["ir_hash"].n_unique() == 2
    assert strategy_history(store)["name"].n_unique() == 2


def test_a_history_is_made_again_only_with_other_standings(store: Store, home: Path) -> None:
    made = campaign(home, "c-two", "0.2.0", 20)
    assert all(each.is_reused for each in steps.histories(store, made))
    place = Partition(campaign="c-two")
    standings = store.read(TABLES["standings"], place)
    changed = standings.with_columns(flags=pl.lit("LOW_SAMPLE"))
    store.write(TABLES["standings"], place, changed, MADE_BY)
    assert not any(each.is_reused for each in steps.histories(store, made))
    store.write(TABLES["standings"], place, standings, MADE_BY)
    steps.histories(store, made)


def test_without_standings_or_lineage_there_is_no_history(home: Path, tmp_path: Path) -> None:
    empty = [TABLES[name].empty() for name in ("standings", "strategies", "lineage")]
    assert history_rows(*empty).is_empty()
    assert strategy_history(Store(tmp_path)).columns == list(COURSE)
    with pytest.raises(StoreError, match="standings"):
        steps.histories(Store(tmp_path), campaign(home, "c-one", "0.1.0", 10))


def test_a_population_stands_in_the_course_by_its_score_of_training(tmp_path: Path) -> None:
    store = Store(tmp_path)
    table = TABLES["populations"]
    document = {"id": "mine", "name": "Mine", "version": "0.1.0", "revision": "0.3.0"}
    common = {
        "struct_hash": "0", "strategy_id": "mine", "origin": "mutation", "child_index": None,
        "parents": "", "n_trades": 1, "ruin_count": 0, "fate": "dropped", "is_challenger": False,
        "document": json.dumps(document),
    }  # fmt: skip
    scores = (("a", 1.0), ("b", 3.0), ("c", 2.0))
    rows = [
        {**common, "ir_hash": name, "born": 4, "score_mean": score, "score_lower": score - 0.5}
        for name, score in scores
    ]
    place = Partition(evolution="e-one", generation="g004")
    frame = table.conform(pl.DataFrame(rows, schema=table.polars_schema()))
    store.write(table, place, frame, MADE_BY)
    course = strategy_history(store, "Mine")
    assert course["rank"].to_list() == [3, 1, 2]
    assert set(course["version"]) == {"0.3.0"}
    assert set(course["event"]) == {"e-one g004"}
    assert set(course["kind"]) == {"generation"}
    assert course["score_ci_lo"].to_list() == [0.5, 2.5, 1.5]
    assert set(course["generation"]) == {4}


def test_the_page_draws_each_version_where_it_stood(store: Store) -> None:
    page = history_plots.rating_page(store, Partition(campaign="c-one"))
    assert page is not None
    assert page.startswith("data:image/png;base64,")
    axes = Figure().subplots()
    known = strategy_history(store)
    history_plots.course(axes, known, ["Mine"], ("elo_bt", "elo_lo", "elo_hi"))
    line = axes.containers[0].lines[0]  # type: ignore[attr-defined]
    expected = known.filter(pl.col("name") == "Mine")["elo_bt"].to_list()
    assert np.asarray(line.get_ydata()).tolist() == pytest.approx(expected)
    assert [text.get_text() for text in axes.texts] == ["0.1.0", "0.2.0"]
    ticks = [label.get_text() for label in axes.get_xticklabels()]
    assert ticks == ["c-one\ncup", "c-two\ncup"]


def test_a_campaign_without_a_tournament_has_an_empty_history_and_no_picture(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)
    place = Partition(campaign="c-one")
    store.write(TABLES["strategy_history"], place, TABLES["strategy_history"].empty(), MADE_BY)
    assert history_plots.rating_page(store, place) is None
