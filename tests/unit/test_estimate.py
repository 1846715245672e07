"""`proving estimate`: what is counted is what a run makes; what is measured says how sure it is."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from pipelines.cli import main
from simcore import estimate as estimates
from simcore import steps
from simcore.campaign import Campaign, load
from simcore.store import Partition, Store
from simcore.tables import TABLES

REPLAYED = """
version = "0.1.0"
id = "replayed"
family = "replay"
timeframe = "1h"
seed = 1
[params.source]
path = "history.csv"
timezone = "UTC"
columns = { ts = "ts", open = "o", high = "h", low = "l", close = "c", volume = "v" }
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a history, paths, and a campaign whose closes are thinned."""
    home = Path(tmp_path_factory.mktemp("home"))
    for folder in ("scenarios", "campaigns"):
        (home / folder).mkdir()
    rows = [
        f"2021-01-{1 + hour // 24:02d}T{hour % 24:02d}:00:00Z,{100 + hour % 7},{108 + hour % 7},"
        f"{90 + hour % 7},{100 + (hour + 1) % 7},10"
        for hour in range(131)
    ]
    (home / "scenarios" / "history.csv").write_text("\n".join(["ts,o,h,l,c,v", *rows]))
    (home / "scenarios" / "replayed.toml").write_text(REPLAYED)
    (home / "scenarios" / "paths.toml").write_text(
        'version = "0.1.0"\nid = "paths"\nfamily = "trend"\ntimeframe = "1h"\nduration_bars = 100\n'
        'seed = 4\npaths = 3\nvolume_model = "const"\nparams = { drift = 1.0, sigma = 20.0 }\n'
    )
    (home / "scenarios" / "slow.toml").write_text(
        'version = "0.1.0"\nid = "slow"\nfamily = "trend"\ntimeframe = "15m"\nduration_bars = 100\n'
        'seed = 4\nvolume_model = "const"\nparams = { drift = 1.0, sigma = 20.0 }\n'
    )
    (home / "campaigns" / "own.toml").write_text(
        'version = "0.1.0"\nid = "own"\nname = "Own"\nseed = 5\ndays = 7\nequity_every_bars = 10\n'
        'scenarios = ["trend-up-mid", "paths", "slow", "replayed"]\n'
        'strategies = ["ma_cross", "buy_and_hold", "rsi_reversion"]\n'
        'tournaments = []\nchaos = "none"\n'
    )
    return home


@pytest.fixture(scope="module")
def campaign(home: Path) -> Campaign:
    return load("own", home=home)


@pytest.fixture(scope="module")
def store(home: Path, campaign: Campaign) -> Store:
    """The lake after every step that a strategy or its markets have part in."""
    store = Store(home / "lake")
    steps.markets(store, campaign)
    for strategy in campaign.strategies:
        steps.strategies(store, strategy)
        steps.backtests(store, campaign, strategy)
        steps.monte_carlo(store, campaign, strategy)
        steps.walk_forwards(store, campaign, strategy)
        steps.appraisals(store, campaign, strategy)
    steps.allocations(store, campaign)
    steps.tournaments(store, campaign)
    return store


def rows(store: Store, name: str) -> int:
    table = TABLES[name]
    return sum(store.read(table, place).height for place in store.partitions(table))


def test_the_counts_are_those_of_the_run(store: Store, campaign: Campaign) -> None:
    counts = estimates.counted(campaign)
    assert counts.bars == rows(store, "bars") == 168 + 3 * 168 + 672 + 131
    assert counts.backtests == rows(store, "backtests") == 3 * 5
    assert counts.equity_rows == rows(store, "equity")
    assert counts.monte_carlo_rows == rows(store, "monte_carlo")
    assert counts.scenarios == rows(store, "scenarios")
    runs = [
        store.read(TABLES["backtests"], Partition(campaign="own", strategy=each.id))
        for each in campaign.strategies
    ]
    assert counts.run_bars == sum(int(each["bars"].sum()) for each in runs)


def test_the_bytes_lie_within_the_factor_that_is_stated(store: Store, campaign: Campaign) -> None:
    ticks = count()
    found = estimates.estimate(campaign, lambda: float(next(ticks)))
    n_bytes = sum(path.stat().st_size for path in store.root.rglob("*.parquet"))
    assert n_bytes / found.bytes_factor <= found.bytes <= n_bytes * found.bytes_factor
    assert found.seconds == pytest.approx(sum(found.seconds_by_step.values()))
    # By this clock each step takes a second, be it short or long.
    assert found.seconds_by_step["backtests"] == 3.0
    assert found.probe_seconds is not None
    assert found.probe_seconds > 20.0


def test_a_rate_gives_back_the_costs_it_was_found_from() -> None:
    def cost(paths: int, bars: int) -> estimates.Cost:
        return estimates.Cost(2.0 + 0.5 * paths + 0.01 * paths * bars, 900.0 + 8.0 * paths * bars)

    n = estimates.PROBE_PATHS
    found = estimates.rate(cost(1, 200), cost(n, 200), cost(1, 2_000), 200, 1_800)
    total = found.of(4, 7, 7 * 5_000)
    assert total.seconds == pytest.approx(4 * 2.0 + 7 * 0.5 + 0.01 * 7 * 5_000)
    assert total.bytes == pytest.approx(4 * 900.0 + 8.0 * 7 * 5_000)


def test_chaos_and_files_are_counted_for_the_shipped_campaigns() -> None:
    light = estimates.counted(load("c1-light"))
    assert light.arm_days == 3 * 30
    n_a_strategy = sum("strategy" in table.partitioned_by for table in TABLES.values())
    n_a_campaign = sum(table.partitioned_by == ("campaign",) for table in TABLES.values())
    assert light.partitions == n_a_campaign + n_a_strategy * light.strategies


LONG: dict[str, Any] = {
    "version": "0.1.0", "id": "long", "name": "Long", "seed": 5,
    "scenarios": ["random-walk"], "strategies": ["zero_rule"],
}  # fmt: skip


def test_a_campaign_without_strategies_is_estimated_too() -> None:
    found = estimates.estimate(load({**LONG, "days": 6, "strategies": []}), lambda: 0.0)
    assert found.counts.backtests == 0
    assert found.bytes > 0


FORMS: dict[str, dict[str, Any]] = {
    "sprt": {
        "format": {"type": "sprt", "champion": "ma_cross"}, "entries": ["ma_cross", "zero_rule"],
    },
    "gauntlet": {"format": {"type": "gauntlet", "challengers": ["ma_cross"]}},
    "cup": {"format": {"type": "elimination", "seeded_by": "gauntlet"}, "champion": "ma_cross"},
    "weighed": {
        "format": {"type": "swiss"}, "family_weights": {"trend": 0.5, "mean_revert": 0.5},
    },
    "ring": {"format": {"type": "round_robin"}, "arena": {"depth_base_per_bps": 1.0}},
}  # fmt: skip


@pytest.mark.parametrize("name", ["sprt", "cup", "weighed"])
def test_whatever_tournament_is_named_first_the_campaign_is_estimated(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "tournaments").mkdir()
    for each, form in FORMS.items():
        plain = {"version": "0.1.0", "id": each, "name": each, "seed": 1, "entries": "campaign"}
        text = json.dumps({**plain, "scenarios": "campaign", **form})
        (tmp_path / "tournaments" / f"{each}.json").write_text(text)
    asked = {
        **LONG, "days": 6, "scenarios": ["trend-up-mid", "mean-revert-mid"],
        "strategies": ["atr_breakout", "bbands_breakout", "ma_cross", "zero_rule"],
        "tournaments": [name, *(each for each in FORMS if each != name)],
    }  # fmt: skip
    found = estimates.estimate(load(asked, home=tmp_path), perf_counter)
    assert found.counts.arenas == 6 * 2
    assert found.counts.arena_bars == 6 * 2 * 6 * 24
    assert found.seconds_by_step["arenas"] > 0.0


def test_the_command_tells_people_and_programs_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    assert main(["estimate", "c0-tiny", "--home", str(home), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["counts"]["backtests"] == 20
    assert data["seconds"] > 0.0
    assert data["seconds_factor"] == estimates.SECONDS_FACTOR
    assert not home.exists()
    assert main(["estimate", "c0-tny", "--home", str(home)]) == 2
    assert 'did you mean "c0-tiny"?' in capsys.readouterr().err
