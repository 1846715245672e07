"""The ledger of trials: a set that only grows, whoever asks and however often."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from market import market

import simcore
from simcore import engine, steps
from simcore.backtests.trials import (
    BY_HAND,
    Score,
    TrialLedger,
    census,
    effective_count,
    execution_hash,
    lineage,
    trial_rows,
    united,
)
from simcore.bars import columns
from simcore.campaign import Campaign, load
from simcore.errors import StoreError
from simcore.store import Partition, Store
from simcore.strategy.strategy import Strategy, bind, compile_strategy
from simcore.tables import TABLES

PLACE = Partition(campaign=BY_HAND, strategy="ma_cross")
GRID = {"fast": [5, 10], "slow": [20, 30, 40]}


@pytest.fixture
def ledger(tmp_path: Path) -> TrialLedger:
    return TrialLedger(Store(tmp_path / "lake"))


def rows(*hashes: str, sharpe: float | None = 0.1, history: str = "h") -> pl.DataFrame:
    strategy = compile_strategy("ma_cross")
    scores = [Score(each, sharpe, 100) for each in hashes]
    return trial_rows(scores, strategy, history, "honest_v1", "test")


def test_running_something_again_adds_nothing_and_writes_no_file(
    tmp_path: Path, ledger: TrialLedger
) -> None:
    bars = market(1, 300)
    simcore.sweep("ma_cross", GRID, bars, home=tmp_path)
    path = Store(tmp_path / "lake").path(TABLES["trials"], PLACE)
    before = (path.read_bytes(), path.stat().st_ino, path.stat().st_mtime_ns)
    assert [each.k for each in ledger.census().values()] == [6]
    simcore.sweep("ma_cross", GRID, bars, home=tmp_path, initial_cash=500.0)
    simcore.backtest(
        bind(compile_strategy("ma_cross"), {"fast": 5, "slow": 20}), bars, home=tmp_path
    )
    assert (path.read_bytes(), path.stat().st_ino, path.stat().st_mtime_ns) == before


def test_another_program_execution_or_history_is_another_trial(
    tmp_path: Path, ledger: TrialLedger
) -> None:
    bars = market(1, 300)
    simcore.backtest("ma_cross", bars, home=tmp_path)
    simcore.backtest("rsi_reversion", bars, home=tmp_path)
    dear = {"base": "honest_v1", "fee_bps": 9.0}
    simcore.backtest("ma_cross", bars, home=tmp_path, execution=dear)
    simcore.backtest("ma_cross", market(2, 300), home=tmp_path)
    counts = {name: each.k for name, each in ledger.census().items()}
    assert counts == {lineage(columns(bars)): 3, lineage(columns(market(2, 300))): 1}


def test_without_a_home_nothing_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    simcore.backtest("ma_cross", market(1, 300))
    simcore.sweep("ma_cross", GRID, market(1, 300))
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_counts_what_it_ran_with_its_score_per_bar_and_not_what_has_no_meaning(
    tmp_path: Path, ledger: TrialLedger
) -> None:
    bars = market(1, 300)
    grid = {"fast": [5, 40], "slow": [20, 30]}
    frame = simcore.sweep("ma_cross", grid, bars, home=tmp_path, bars_per_year=8_760.0)
    strategy = compile_strategy("ma_cross")
    expected = {
        bind(strategy, {"fast": row["fast"], "slow": row["slow"]}).ir_hash: row["sharpe"]
        for row in frame.iter_rows(named=True)
        if row["fast"] < row["slow"]
    }
    found = ledger.read()
    assert dict(zip(found["ir_hash"], found["sharpe_bar"], strict=True)) == {
        ir_hash: pytest.approx(sharpe / 8_760.0**0.5) for ir_hash, sharpe in expected.items()
    }
    assert found["asked_by"].unique().to_list() == ["sweep"]
    assert found["struct_hash"].unique().to_list() == [strategy.struct_hash]
    assert found["execution_hash"].unique().to_list() == [execution_hash("honest_v1")]
    assert found["bars"].unique().to_list() == [300]


def test_the_first_word_on_a_trial_stands(ledger: TrialLedger) -> None:
    assert ledger.add(PLACE, rows("a", "b", sharpe=0.1)) == 2
    assert ledger.add(PLACE, rows("b", "c", sharpe=0.7)) == 1
    found = ledger.read()
    assert dict(zip(found["ir_hash"], found["sharpe_bar"], strict=True)) == {
        "a": 0.1, "b": 0.1, "c": 0.7,
    }  # fmt: skip
    assert ledger.add(PLACE, rows()) == 0


def test_a_trial_of_two_places_is_one_trial(ledger: TrialLedger) -> None:
    ledger.add(PLACE, rows("a", "b"))
    ledger.add(Partition(campaign="c0-tiny", strategy="ma_cross"), rows("b", "c"))
    assert ledger.census()["h"].k == 3


def test_a_history_keeps_its_lineage_while_it_grows_and_no_other_shares_it() -> None:
    bars = market(1, 400)
    assert lineage(columns(bars)) == lineage(columns(bars[:150])) == lineage(columns(bars[:100]))
    others = [
        market(2, 400),
        bars[1:],
        bars[:99],
        bars.with_columns(pl.col("volume") * 2.0),
        bars.with_columns(pl.col("ts") + 1),
    ]
    found = {lineage(columns(each)) for each in (bars, *others)}
    assert len(found) == 1 + len(others)


def test_what_else_a_frame_holds_is_not_part_of_its_lineage() -> None:
    bars = market(1, 200)
    labelled = bars.with_columns(path=pl.lit(0, pl.UInt32), asset=pl.lit(0, pl.UInt16))
    assert lineage(columns(labelled)) == lineage(columns(bars))


def test_a_longer_campaign_on_the_same_market_has_its_lineage() -> None:
    document = {
        "version": "0.1.0", "id": "walk", "family": "trend", "timeframe": "1h",
        "duration_bars": 200, "seed": 5, "params": {"drift": 1.0, "sigma": 50.0},
        "volume_model": "const",
    }  # fmt: skip
    short = simcore.generate(document)
    long = simcore.generate({**document, "duration_bars": 900})
    other = simcore.generate({**document, "seed": 6})
    assert lineage(columns(short)) == lineage(columns(long)) != lineage(columns(other))


def test_the_count_its_variance_and_its_digest_are_those_of_the_trials() -> None:
    scored = united([rows("a", sharpe=0.1), rows("b", sharpe=0.4), rows("c", sharpe=None)])
    found = census(scored)
    assert found.k == 3
    assert found.variance == pytest.approx(np.var([0.1, 0.4], ddof=1))
    assert census(scored.reverse()) == found
    assert census(scored[:2]).digest != found.digest
    assert census(scored[:1]).variance is None
    assert census(scored[:0]).k == 0


def test_a_count_of_named_histories_has_those_alone_and_none_where_nothing_ran(
    ledger: TrialLedger,
) -> None:
    ledger.add(PLACE, united([rows("a", history="one"), rows("a", "b", history="two")]))
    found = ledger.census(["two", "three"])
    assert {name: each.k for name, each in found.items()} == {"two": 2, "three": 0}


def test_a_torn_ledger_is_not_written_over(tmp_path: Path, ledger: TrialLedger) -> None:
    ledger.add(PLACE, rows("a"))
    path = Store(tmp_path / "lake").path(TABLES["trials"], PLACE)
    path.write_bytes(path.read_bytes()[:-20])
    torn = path.read_bytes()
    with pytest.raises(StoreError) as caught:
        simcore.backtest("ma_cross", market(1, 300), home=tmp_path)
    assert caught.value.code == "TORN"
    assert path.read_bytes() == torn


def test_whoever_writes_keeps_the_others_out(tmp_path: Path, ledger: TrialLedger) -> None:
    with ledger.held(PLACE):
        (path,) = (tmp_path / "lake" / ".locks" / "trials").rglob("*.lock")
        with path.open("wb") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with path.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def add_own(home: Path, number: int) -> None:
    for index in range(4):
        TrialLedger(Store(home / "lake")).add(PLACE, rows(f"{number}-{index}", "shared"))


def test_writers_at_the_same_time_lose_nothing(tmp_path: Path, ledger: TrialLedger) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=add_own, args=(tmp_path, number)) for number in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert ledger.census()["h"].k == 3 * 4 + 1


def test_the_effective_count_is_one_of_copies_and_all_of_strangers() -> None:
    noise = np.random.default_rng(1).normal(0.0, 0.01, 4_000)
    assert effective_count(np.column_stack([noise, 2.0 * noise, -noise])) == pytest.approx(1.0)
    waves = np.column_stack([np.sin(np.arange(800) * 2 * np.pi * k / 800) for k in (1, 2, 3, 4)])
    assert effective_count(waves) == pytest.approx(4.0)
    assert effective_count(np.column_stack([waves, waves])) == pytest.approx(4.0)
    assert effective_count(np.column_stack([waves, np.zeros(800)])) == pytest.approx(4.0)
    assert effective_count(np.zeros((10, 2))) == 0.0


@pytest.fixture
def tiny(tmp_path: Path) -> tuple[Store, Campaign]:
    store, campaign = Store(tmp_path / "lake"), load("c0-tiny")
    steps.markets(store, campaign)
    return store, campaign


def walked(store: Store, campaign: Campaign, strategy: Strategy) -> list[steps.Outcome]:
    steps.backtests(store, campaign, strategy)
    return steps.walk_forwards(store, campaign, strategy)


def named(campaign: Campaign, strategy_id: str) -> Strategy:
    return next(each for each in campaign.strategies if each.id == strategy_id)


def test_a_campaign_counts_its_backtests_and_every_setting_of_its_search(
    tiny: tuple[Store, Campaign],
) -> None:
    store, campaign = tiny
    strategy = named(campaign, "ma_cross")
    outcomes = walked(store, campaign, strategy)
    assert [each.table.name for each in outcomes] == ["walk_forward", "trials"]
    place = Partition(campaign="c0-tiny", strategy="ma_cross")
    runs = store.read(TABLES["backtests"], place)
    folds = store.read(TABLES["walk_forward"], place)
    trials = store.read(TABLES["trials"], place)
    assert folds.height == runs.height * 5 * 2
    assert set(folds["ir_hash"]) <= set(trials["ir_hash"])
    own = trials.filter(pl.col("ir_hash") == strategy.ir_hash)
    annual = store.read(TABLES["scenarios"], Partition(campaign="c0-tiny"), ["A"])["A"][0]
    expected = sorted(value / annual**0.5 for value in runs["sharpe"])
    assert sorted(own["sharpe_bar"]) == pytest.approx(expected)
    assert trials["lineage"].n_unique() == runs.height
    for table in steps.VALIDITY:
        assert table.violations(store.read(table, place)) == []


def test_a_second_walk_finds_the_first_and_does_nothing(tiny: tuple[Store, Campaign]) -> None:
    store, campaign = tiny
    strategy = named(campaign, "ma_cross")
    first = walked(store, campaign, strategy)
    again = steps.walk_forwards(store, campaign, strategy)
    assert [each.is_reused for each in first] == [False, False]
    assert [each.is_reused for each in again] == [True, True]
    assert [each.footer.content_hash for each in first] == [
        each.footer.content_hash for each in again
    ]


def test_a_changed_strategy_walks_anew_and_its_former_trials_stay(
    tiny: tuple[Store, Campaign],
) -> None:
    store, campaign = tiny
    strategy = named(campaign, "ma_cross")
    walked(store, campaign, strategy)
    place = Partition(campaign="c0-tiny", strategy="ma_cross")
    before = store.read(TABLES["trials"], place)
    document = json.loads(json.dumps(strategy.document))
    document["params"]["slow"] = {"value": 33, "min": 11, "max": 150}
    changed = compile_strategy(document)
    walked(store, campaign, changed)
    after = store.read(TABLES["trials"], place)
    assert changed.ir_hash in set(after["ir_hash"])
    assert united([before, after]).equals(after)
    assert after.height > before.height
    # The former document again: nothing new is learnt, and nothing is forgotten.
    walked(store, campaign, strategy)
    assert store.read(TABLES["trials"], place).equals(after)


def test_a_strategy_that_the_campaign_does_not_name_has_empty_whole_tables(
    tiny: tuple[Store, Campaign],
) -> None:
    store, campaign = tiny
    document = json.loads(json.dumps(compile_strategy("ma_cross").document))
    stranger = compile_strategy({**document, "timeframe": "1d", "id": "stranger"})
    assert [each.footer.rows for each in walked(store, campaign, stranger)] == [0, 0]


def test_nobody_is_walked_whose_backtests_are_absent(tiny: tuple[Store, Campaign]) -> None:
    store, campaign = tiny
    with pytest.raises(StoreError) as caught:
        steps.walk_forwards(store, campaign, named(campaign, "ma_cross"))
    assert caught.value.code == "ABSENT"


def test_a_history_too_short_for_the_folds_has_no_rows_and_its_backtest_still_counts(
    tiny: tuple[Store, Campaign], monkeypatch: pytest.MonkeyPatch
) -> None:
    from simcore.backtests.folds import Plan
    from simcore.steps import walk

    store, campaign = tiny
    monkeypatch.setattr(walk, "PLAN", Plan(folds=5, train_bars=100, test_bars=100))
    outcomes = walked(store, campaign, named(campaign, "ma_cross"))
    runs = store.read(TABLES["backtests"], Partition(campaign="c0-tiny", strategy="ma_cross"))
    assert [each.footer.rows for each in outcomes] == [0, runs.height]


def test_engine_and_history_alone_decide_the_walk(tiny: tuple[Store, Campaign]) -> None:
    store, campaign = tiny
    outcomes = walked(store, campaign, named(campaign, "ma_cross"))
    assert outcomes[0].footer.engine_version == engine.version()
    bytes_before = [each.footer.path.read_bytes() for each in outcomes]
    for each in outcomes:
        each.footer.path.unlink()
    again = steps.walk_forwards(store, campaign, named(campaign, "ma_cross"))
    assert [each.footer.path.read_bytes() for each in again] == bytes_before
