"""Arenas in documents and in the hands of careless callers."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from league import document, entry, returns, runs

import simcore
from simcore import engine, steps
from simcore.backtests.request import execution_json
from simcore.backtests.trials import TrialLedger
from simcore.bars import columns
from simcore.campaign import load
from simcore.errors import EngineError, InvariantError, SpecError
from simcore.scenario.document import load as load_scenario
from simcore.scenario.manifest import generate_with_manifest
from simcore.store import Partition, Store
from simcore.strategy.strategy import compile_strategy
from simcore.tables import TABLES
from simcore.tournaments import pairings
from simcore.tournaments.book import Book
from simcore.tournaments.document import read_tournament
from simcore.tournaments.paired_field import arranged_pairs, averaged
from simcore.tournaments.pairings import paired_runs
from simcore.tournaments.play import play
from simcore.tournaments.simulated import planned

BOOK = {"depth_base_per_bps": 2.0}
BARS = simcore.generate("vol-calm")


def arena(**changed: Any) -> simcore.Arena:
    asked = {"a": "ma_cross", "b": "buy_and_hold", "bars": BARS, "book": BOOK, **changed}
    a, b, bars = (asked.pop(name) for name in ("a", "b", "bars"))
    return simcore.arena(a, b, bars, **asked)


def refusal(made: Callable[[], Any]) -> list[tuple[str, str]]:
    with pytest.raises(SpecError) as refused:
        made()
    return [(each.reason, each.path) for each in refused.value.problems]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"book": {}}, ("MISSING_FIELD", "/book/depth_base_per_bps")),
        ({"book": 3}, ("WRONG_TYPE", "/book")),
        ({"book": "deep"}, ("WRONG_TYPE", "/book")),
        ({"book": {"depth_base_per_bps": 0.0}}, ("OUT_OF_RANGE", "/book/depth_base_per_bps")),
        ({"book": {"depth_base_per_bps": 1e16}}, ("OUT_OF_RANGE", "/book/depth_base_per_bps")),
        ({"book": {"depth_base_per_bps": "1"}}, ("WRONG_TYPE", "/book/depth_base_per_bps")),
        (
            {"book": {**BOOK, "permanent_fraction": 1.5}},
            ("OUT_OF_RANGE", "/book/permanent_fraction"),
        ),
        ({"book": {**BOOK, "half_life_bars": -1}}, ("OUT_OF_RANGE", "/book/half_life_bars")),
        ({"book": {**BOOK, "half_life": 1}}, ("UNKNOWN_FIELD", "/book/half_life")),
        ({"initial_cash": math.inf}, ("OUT_OF_RANGE", "/initial_cash")),
        ({"bars_per_year": 0}, ("OUT_OF_RANGE", "/bars_per_year")),
        ({"score": "composite_v9"}, ("BAD_ENUM", "/score")),
        ({"execution": {"base": "honest_v1", "impact": "sqrt"}}, ("MISFIT", "/execution/impact")),
        (
            {"execution": {"base": "honest_v1", "participation": 0.5}},
            ("MISFIT", "/execution/participation"),
        ),
        ({"execution": "spec_v0"}, ("MISFIT", "/execution/market_fill")),
        ({"bars": BARS.gather_every(2)}, ("OTHER_TIMEFRAME", "/ts")),
    ],
)  # fmt: skip
def test_what_no_arena_can_be_made_of_is_refused_at_its_place(
    changed: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert refusal(lambda: arena(**changed)) == [expected]


def test_a_book_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(SpecError):
        arena(book={"depth_base_per_bps": math.nan})


def test_the_engine_refuses_by_itself_what_python_would_not_let_through() -> None:
    program = compile_strategy("ma_cross").program_json

    def made(book: dict[str, float], **changed: Any) -> Any:
        asked: dict[str, Any] = {"initial_cash": 1e4, "bars_per_year": [8766.0], **changed}
        pairs = asked.pop("pairings", [(0, 0, 0)])
        text = execution_json("honest_v1")
        return engine.arena([program], text, book, [columns(BARS)], pairs, **asked)

    whole = Book(depth_base_per_bps=2.0).fields()
    assert len(made(whole)) == 1
    assert made(whole, pairings=[]) == []
    for book, changed in (
        ({**whole, "permanent_fraction": 1.0001}, {}),
        ({**whole, "half_life_bars": 1e6 + 1}, {}),
        ({**whole, "depth_base_per_bps": 1.1e15}, {}),
        ({"depth_base_per_bps": 2.0}, {}),
        (whole, {"pairings": [(0, 1, 0)]}),
        (whole, {"pairings": [(0, 0, 1)]}),
        (whole, {"initial_cash": 0.0}),
        (whole, {"bars_per_year": []}),
        (whole, {"n_threads": 0}),
    ):
        with pytest.raises(EngineError) as refused:
            made(book, **changed)
        assert refused.value.code == "FIELD_INVALID"


def test_threads_change_no_byte_of_a_batch() -> None:
    programs = [compile_strategy(name).program_json for name in ("ma_cross", "bbands_breakout")]
    pairs = [(0, 1, 0), (1, 0, 0), (0, 0, 0), (1, 1, 0)]
    text, book = execution_json("honest_v1"), Book(depth_base_per_bps=2.0).fields()
    one, four = (
        engine.arena(
            programs, text, book, [columns(BARS)], pairs,
            initial_cash=1e4, bars_per_year=[8766.0], n_threads=n_threads,
        )
        for n_threads in (1, 4)
    )  # fmt: skip
    for few, many in zip(one, four, strict=True):
        assert {name: values.tobytes() for name, values in few.items()} == {
            name: values.tobytes() for name, values in many.items()
        }


def test_a_document_without_an_arena_is_written_as_it_was() -> None:
    assert "arena" not in document().model_dump(mode="json")
    assert "arena" not in read_tournament("c0-round-robin").model_dump(mode="json")
    ring = document(arena=BOOK).model_dump(mode="json")
    assert ring["arena"] == {**BOOK, "permanent_fraction": 0.5, "half_life_bars": 10.0}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"format": {"type": "race"}}, "format: got race"),
        ({"execution": {"base": "honest_v1", "impact": "sqrt"}}, "execution.impact: got 'sqrt'"),
        ({"execution": {"base": "honest_v1", "participation": 0.5}}, "execution.participation"),
        ({"execution": "spec_v0"}, "execution.market_fill: got 'close'"),
    ],
)
def test_what_does_not_go_with_an_arena_is_refused(changes: dict[str, Any], told: str) -> None:
    assert document(**changes).arena is None
    with pytest.raises(SpecError) as refused:
        document(arena=BOOK, **changes)
    (problem,) = refused.value.problems
    assert problem.reason == "MISFIT"
    assert told in problem.message


def test_a_wrong_book_in_a_document_is_told_at_its_place() -> None:
    problems = refusal(lambda: document(arena={"depth_base_per_bps": -1.0, "width": 2.0}))
    assert sorted(problems) == [
        ("OUT_OF_RANGE", "/arena/depth_base_per_bps"), ("UNKNOWN_FIELD", "/arena/width"),
    ]  # fmt: skip
    # An execution that is wrong by itself is told once.
    wrong = {"execution": "honest_v9", "arena": BOOK}
    assert refusal(lambda: document(**wrong)) == [("UNKNOWN_ID", "/execution")]


def test_the_plan_says_how_many_arenas_it_takes() -> None:
    ring = {
        "version": "0.1.0", "id": "ring", "name": "Ring", "seed": 1, "arena": BOOK,
        "entries": ["ma_cross", "buy_and_hold", "zero_rule"],
        "scenarios": ["vol-calm", "trend-up-mid"], "format": {"type": "round_robin"},
    }  # fmt: skip
    line, made = planned(ring)
    assert "round_robin in 6 arenas" in line
    assert made.scenarios == 2


def test_more_arenas_than_anybody_waits_for_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairings, "PAIRINGS_MAX", 0)
    ring = document(arena=BOOK, entries=["ma_cross", "zero_rule"], scenarios=["vol-calm"])
    strategies = [compile_strategy(name) for name in ("ma_cross", "zero_rule")]
    scenario = ({"scenario_id": "vol-calm", "timeframe": "1h"}, BARS)
    assert refusal(lambda: paired_runs(ring, strategies, [scenario])) == [
        ("OUT_OF_RANGE", "/arena")
    ]
    with pytest.raises(InvariantError):
        paired_runs(document(), strategies, [scenario])


def test_equal_programs_are_one_entry_by_their_first_id() -> None:
    original = compile_strategy("ma_cross")
    twin = compile_strategy(
        {
            **original.model.model_dump(mode="json", by_alias=True, exclude_none=True),
            "id": "aa_cross",
        }
    )
    assert twin.ir_hash == original.ir_hash
    _, manifest = generate_with_manifest(load_scenario("vol-calm"))
    for strategies in ([original, twin], [twin, original]):
        runs = paired_runs(
            document(arena=BOOK), [*strategies, compile_strategy("bbands_breakout")],
            [(manifest, BARS)],
        )  # fmt: skip
        pairs = sorted(runs.select("strategy_id", "opponent_id").rows())
        assert pairs == [("aa_cross", "bbands_breakout"), ("bbands_breakout", "aa_cross")]


def test_an_arena_that_no_backtest_repeats_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    true = engine.arena

    def wrong(*given: Any, **named: Any) -> Any:
        made = true(*given, **named)
        made[0]["position_base_b"][300] += 1.0
        return made

    monkeypatch.setattr(pairings.engine, "arena", wrong)
    with pytest.raises(InvariantError, match="seat b, bar 300"):
        arena()


def test_both_runs_are_trials_of_the_undisturbed_history(tmp_path: Path) -> None:
    arena(home=tmp_path)
    ledger = TrialLedger(Store.of(tmp_path)).read()
    assert sorted(ledger["strategy_id"]) == ["buy_and_hold", "ma_cross"]
    assert ledger["lineage"].n_unique() == ledger["execution_hash"].n_unique() == 1
    arena(home=tmp_path)
    assert TrialLedger(Store.of(tmp_path)).read().height == 2
    simcore.backtest("ma_cross", BARS, home=tmp_path)
    ledger = TrialLedger(Store.of(tmp_path)).read()
    assert (ledger.height, ledger["lineage"].n_unique()) == (3, 1)


def met(scores: dict[tuple[str, str], float]) -> pl.DataFrame:
    """Rows of arenas on one market: total returns by who and against whom."""
    ring = document(arena=BOOK)
    frames = [
        runs({own: returns(value)}, [("bull", 0)], execution=ring.made_under).with_columns(
            opponent_id=pl.lit(opponent)
        )
        for (own, opponent), value in scores.items()
    ]
    return pl.concat(frames)


THREE = {
    ("a", "b"): 0.1, ("b", "a"): 0.3, ("a", "c"): 0.2,
    ("c", "a"): 0.2, ("b", "c"): 0.0, ("c", "b"): 0.5,
}  # fmt: skip


def test_an_entry_has_the_mean_of_its_meetings_and_a_game_its_own() -> None:
    played = play(document(arena=BOOK), [entry(each) for each in "abc"], met(THREE), {"bull": "up"})
    means = dict(played.standings.select("strategy_id", "score_mean").iter_rows())
    assert means == pytest.approx({"a": 9.0, "b": 9.0, "c": 21.0})
    games = played.games.select("entry_a", "entry_b", "score_a", "score_b", "result").rows()
    found = {row[:2]: row[2:] for row in games}
    assert {pair: row[2] for pair, row in found.items()} == {
        ("a", "b"): "b",
        ("a", "c"): "draw",
        ("b", "c"): "b",
    }
    assert found["a", "b"][:2] == pytest.approx((6.0, 18.0))
    assert found["b", "c"][:2] == pytest.approx((0.0, 30.0))
    trades = dict(played.standings.select("strategy_id", "n_trades").iter_rows())
    assert trades == {"a": 6, "b": 6, "c": 6}
    worst = dict(played.standings.select("strategy_id", "max_drawdown_worst").iter_rows())
    assert worst == {"a": -0.1, "b": -0.15, "c": -0.25}


def test_a_meeting_twice_is_refused_and_ruin_in_one_is_ruin() -> None:
    ring, entries = document(arena=BOOK), [entry(each) for each in "ab"]
    pair = {key: THREE[key] for key in (("a", "b"), ("b", "a"))}
    with pytest.raises(simcore.TableError, match="two runs"):
        play(ring, entries, pl.concat([met(pair), met(pair)]), {"bull": "up"})
    ruined = met(THREE).with_columns(
        flags=pl.when((pl.col("strategy_id") == "a") & (pl.col("opponent_id") == "c"))
        .then(pl.lit("RUIN"))
        .otherwise(pl.lit(""))
    )
    played = play(ring, [entry(each) for each in "abc"], ruined, {"bull": "up"})
    counts = dict(played.standings.select("strategy_id", "ruin_count").iter_rows())
    assert counts == {"a": 1, "b": 0, "c": 0}


def test_who_met_nobody_has_no_place_in_the_field() -> None:
    from simcore.tournaments.field import Entrant

    entrants = [Entrant(f"{each:_>64}", each, each, "0.1.0") for each in "abz"]
    field = arranged_pairs(document(arena=BOOK), entrants, met(THREE), {"bull": "up"})
    assert [each.strategy_id for each in field.entrants] == ["a", "b"]


def test_what_an_entry_did_against_several_is_one_trial() -> None:
    frame = met(THREE).with_columns(sharpe=pl.Series([1.0, None, 2.0, None, None, 4.0]))
    rows = {row["strategy_id"]: row["sharpe"] for row in averaged(frame).iter_rows(named=True)}
    assert rows == {"a": 1.5, "b": None, "c": 4.0}


def test_a_campaign_plays_a_tournament_in_arenas(tmp_path: Path) -> None:
    folder = tmp_path / "tournaments"
    folder.mkdir()
    (folder / "ring.toml").write_text(
        'version = "0.1.0"\nid = "ring"\nname = "Ring"\nseed = 2\nentries = "campaign"\n'
        'scenarios = "campaign"\nformat = { type = "round_robin" }\n'
        "arena = { depth_base_per_bps = 1.0, half_life_bars = 3.0 }\n"
    )
    campaign = load(
        {
            "version": "0.1.0", "id": "small", "name": "Small", "seed": 3, "days": 10,
            "scenarios": ["vol-calm"], "tournaments": ["ring", "c0-round-robin"],
            "strategies": ["ma_cross", "rsi_reversion", "bbands_breakout"],
        },
        home=tmp_path,
    )  # fmt: skip
    store, place = Store(tmp_path / "lake"), Partition(campaign="small")
    steps.markets(store, campaign)
    for strategy in campaign.strategies:
        steps.backtests(store, campaign, strategy)
    steps.tournaments(store, campaign)
    standings = store.read(TABLES["standings"], place)
    ring = standings.filter(pl.col("tournament_id") == "ring")
    alone = standings.filter(pl.col("tournament_id") == "c0-round-robin")
    assert ring.height == alone.height == 3
    assert sorted(ring["score_mean"]) != sorted(alone["score_mean"])
    assert ring["stress_score"].null_count() == 3
    assert alone["stress_score"].null_count() == 0
    rollups = store.read(TABLES["daily_rollups"], place)
    assert rollups["tournaments_completed"].sum() == 2
    assert steps.tournaments(store, campaign)[0].is_reused
    # What was tried in an arena stays on record, and counts for whatever is judged there.
    tried = TrialLedger(store).read()
    assert sorted(tried["strategy_id"]) == ["bbands_breakout", "ma_cross", "rsi_reversion"]
    assert tried["asked_by"].unique().to_list() == ["tournament ring"]
    assert set(standings["k_trials"]) == {6}
