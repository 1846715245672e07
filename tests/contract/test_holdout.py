"""A history that is held out answers through the Ladder, twenty times, to one evolution."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import planted_evolution as planted
import polars as pl
import pytest

import simcore
from simcore import steps
from simcore.errors import SpecError
from simcore.evolution import gates, holdout
from simcore.evolution.document import Evolution, read_evolution
from simcore.evolution.promotion import Judged
from simcore.store import Store
from simcore.strategy.strategy import Strategy, compile_strategy
from simcore.tables import TABLES

HISTORY_BARS = 2_000
HELD = """
version = "0.1.0"
id = "{name}"
family = "block_bootstrap"
timeframe = "1h"
duration_bars = 400
seed = 1
[params]
block = 60
[params.source]
path = "{name}.csv"
timezone = "UTC"
[params.source.columns]
ts = "ts"
open = "open"
high = "high"
low = "low"
close = "close"
volume = "volume"
"""


def written(home: Path, name: str, seed: int) -> None:
    """A history of a market whose last bars go on, and the scenario that is drawn from it."""
    law = {"form": "ou_returns", "kappa": 0.8, "theta": 0.0, "sigma": 70.0}
    document = {
        "version": "0.1.0", "id": "past", "family": "mean_revert", "timeframe": "1h",
        "duration_bars": HISTORY_BARS, "seed": seed, "volume_model": "const", "params": law,
    }  # fmt: skip
    bars = simcore.generate(document)
    columns = bars.select(
        pl.from_epoch("ts", time_unit="ns").dt.strftime("%Y-%m-%d %H:%M"),
        "open", "high", "low", "close", "volume",
    )  # fmt: skip
    columns.write_csv(home / "scenarios" / f"{name}.csv")
    (home / "scenarios" / f"{name}.toml").write_text(HELD.format(name=name))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = planted.home(tmp_path_factory.mktemp("holdout"))
    written(folder, "held", 11)
    written(folder, "other", 12)
    return folder


def document(held: str = "held", **changes: Any) -> dict[str, Any]:
    return planted.evolution(sealed={"scenarios": [held], "copies": 20, "bars": 400}, **changes)


@pytest.fixture(scope="module")
def made(home: Path) -> list[simcore.Generation]:
    return simcore.evolve(document(), n_generations=3, home=home)


def questions(made: list[simcore.Generation]) -> pl.DataFrame:
    return pl.concat([each.rows["holdouts"] for each in made])


def test_an_edge_is_promoted_and_the_ladder_says_by_what_score(
    made: list[simcore.Generation],
) -> None:
    promoted = [each for each in made if each.summary["is_promoted"]]
    assert promoted
    first = promoted[0].rows["promotions"].filter(pl.col("is_promoted"))
    (ladder,) = first.filter(pl.col("gate") == "ladder").to_dicts()
    assert ladder["verdict"] == "pass" and ladder["value"] >= ladder["threshold"] - 1e-9
    assert promoted[0].summary["champion_score"] == ladder["value"]


def test_every_challenger_is_a_question_and_so_is_the_champion_once(
    made: list[simcore.Generation],
) -> None:
    asked = questions(made)
    n_judged = sum(each.rows["promotions"]["ir_hash"].n_unique() for each in made)
    assert asked["question"].to_list() == list(range(1, n_judged + 2))
    assert asked["ir_hash"][0] == made[0].summary["champion_before"]
    assert asked["step"].n_unique() == 1 and asked["histories"].n_unique() == 1


def test_what_is_published_moves_by_steps_only(made: list[simcore.Generation]) -> None:
    asked = questions(made)
    step, published = asked["step"][0], asked["published"].to_numpy()
    np.testing.assert_allclose(published / step, np.round(published / step), atol=1e-9)
    moves = np.diff(published)
    assert (moves >= 0.0).all()
    assert ((moves > 0.0) == asked["is_new"].to_numpy()[1:]).all()


def test_no_other_number_of_the_holdout_is_told(made: list[simcore.Generation]) -> None:
    for each in made:
        told = {*each.rows["holdouts"]["published"]}
        closed = each.rows["promotions"].filter(~pl.col("gate").is_in(["ladder", "pbo"]))
        assert closed["value"].null_count() == closed.height > 0
        assert set(closed["note"]) == {holdout.WITHHELD}
        # What stress is compared with is half of the challenger's own score.
        assert set(closed.filter(pl.col("gate") == "stress")["threshold"]) == {0.0}
        summary = each.summary
        for name in ("sealed_best", "sealed_median", "selected_sealed", "champion_score"):
            assert summary[name] in told
        assert [summary[name] for name in ("gain_best", "gain_mde", "champion_dsr")] == [None] * 3
        reach = 1.959964 * each.rows["holdouts"]["step"][0]
        ends = (summary["selected_sealed_lo"], summary["selected_sealed_hi"])
        assert ends == pytest.approx([summary["selected_sealed"] + by for by in (-reach, reach)])
        # Twelve markets of training have a ratio each; the twenty copies are counted, no more, and
        # so is the history that they are drawn from.
        by_lineage = each.trials.group_by("lineage").agg(pl.col("sharpe_bar").count())
        assert sorted(by_lineage["sharpe_bar"] > 0) == [False] * 21 + [True] * 12


def test_a_holdout_is_a_history_and_what_is_judged_on_it_is_deflated(home: Path) -> None:
    evolution = read_evolution(document(), home=home)
    assert evolution.is_historical and len(evolution.histories) == 1
    assert read_evolution(planted.evolution(), home=home).histories == ()


def fakes(evolution: Evolution, scores: list[float]) -> tuple[list[Strategy], Judged]:
    """Challengers with these mean scores, all through every gate, and a champion with zero."""
    swings = np.tile([-1.0, 1.0], 10)
    table = np.column_stack([*(swings + score for score in scores), 10.0 * swings])
    through = [[gates.replay(0, 20)] for _ in scores]
    strategy = compile_strategy("ma_cross")
    found = Judged(through, None, table, np.zeros((20, len(scores) + 1)), TABLES["trials"].empty())
    return [strategy] * len(scores), found


def ask(
    evolution: Evolution, scores: list[float], before: list[pl.DataFrame]
) -> tuple[holdout.Answered, pl.DataFrame]:
    strategies, found = fakes(evolution, scores)
    answer = holdout.answered(evolution, strategies, strategies[0], found, before)
    assert answer is not None
    return answer, pl.DataFrame(answer.rows)


def test_a_score_less_than_a_step_ahead_changes_nothing(home: Path) -> None:
    evolution = read_evolution(document(), home=home)
    _, found = fakes(evolution, [0.0])
    step = holdout.step(evolution, found.scores[:, -1])
    # Twenty copies of 400 bars tell no more than 2,000 bars do.
    assert step == pytest.approx(10.0 * (20 / 19) ** 0.5 * (400 / HISTORY_BARS) ** 0.5)
    near, rows = ask(evolution, [0.9 * step], [])
    assert near.found.promoted is None and near.best == 0.0
    assert rows["published"].to_list() == [0.0, 0.0]
    far, rows = ask(evolution, [1.6 * step, 2.4 * step, 3.2 * step], [rows])
    assert far.found.promoted == 2 and far.best == pytest.approx(3.0 * step)
    assert rows["is_new"].to_list() == [True, False, True]


def test_two_histories_say_more_than_one(home: Path) -> None:
    sealed = {"scenarios": ["held", "other"], "copies": 20, "bars": 400}
    both = read_evolution(planted.evolution(sealed=sealed), home=home)
    scores = fakes(both, [])[1].scores[:, -1]
    one = holdout.step(read_evolution(document(), home=home), scores)
    assert holdout.step(both, np.concatenate([scores, scores])) == pytest.approx(one / 2.0**0.5)


def test_who_fails_a_gate_moves_nothing_but_has_asked(home: Path) -> None:
    evolution = read_evolution(document(), home=home)
    strategies, found = fakes(evolution, [90.0])
    failed = dataclasses.replace(found, gates=[[gates.replay(1, 20)]])
    answer = holdout.answered(evolution, strategies, strategies[0], failed, [])
    assert answer is not None
    assert answer.found.promoted is None and answer.best == 0.0
    assert [row["question"] for row in answer.rows] == [1, 2]


def test_after_twenty_questions_it_is_retired(home: Path) -> None:
    sizes = {"parents": 6, "offspring": 12, "challengers": 4}
    evolution = read_evolution(document(sizes=sizes), home=home)
    assert holdout.most_challengers(evolution, []) == 4
    first, rows = ask(evolution, [0.0] * 17, [])
    assert not first.is_retired
    assert holdout.most_challengers(evolution, [rows]) == 2
    last, more = ask(evolution, [0.0, 0.0], [rows])
    assert last.is_retired
    with pytest.raises(SpecError) as refusal:
        holdout.most_challengers(evolution, [rows, more])
    assert refusal.value.problems[0].reason == "HOLDOUT_RETIRED"


def test_the_first_generation_leaves_a_question_for_its_champion(home: Path) -> None:
    sizes = {"parents": 20, "offspring": 20, "challengers": 20}
    evolution = read_evolution(document(sizes=sizes), home=home)
    assert holdout.most_challengers(evolution, []) == 19
    first, rows = ask(evolution, [0.0] * 19, [])
    assert rows.height == 20 and first.is_retired


def test_breeding_stops_when_the_holdout_retires(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simcore.tournaments.sealed.LADDER_QUERIES", 4)
    monkeypatch.setattr("simcore.evolution.holdout.LADDER_QUERIES", 4)
    made = simcore.evolve(document(stop={"generations": 8, "patience": 8}), home=home)
    assert [each.stop for each in made] == [None, "retired"]
    # The champion once, two challengers, and the one who was left to ask.
    assert [each.rows["holdouts"].height for each in made] == [3, 1]
    with pytest.raises(SpecError) as refusal:
        simcore.evolve_generation(document(stop={"generations": 8}), made, home=home)
    assert refusal.value.problems[0].reason == "HOLDOUT_RETIRED"


class TestInTheLake:
    def test_the_state_lies_beside_the_generation_and_comes_back_the_same(
        self, home: Path, tmp_path: Path, made: list[simcore.Generation]
    ) -> None:
        store, evolution = Store(tmp_path), read_evolution(document(), home=home)
        for number in range(2):
            outcomes = steps.evolved(store, evolution, number, None)
        table = TABLES["holdouts"]
        (place,) = {each.partition for each in outcomes}
        assert store.read(table, place).equals(made[1].rows["holdouts"])
        for outcome in outcomes:
            outcome.footer.path.unlink()
        steps.evolved(store, evolution, 1, None)
        assert store.read(table, place).equals(made[1].rows["holdouts"])

    def test_no_other_evolution_and_no_other_document_asks_the_same_history(
        self, home: Path, tmp_path: Path
    ) -> None:
        store = Store(tmp_path)
        steps.evolved(store, read_evolution(document(), home=home), 0, None)
        for other in (document(id="second", seed=6), document(initial_cash=20_000.0)):
            with pytest.raises(SpecError) as refusal:
                steps.evolved(store, read_evolution(other, home=home), 0, None)
            assert refusal.value.problems[0].reason == "SEAL_REUSED"
        fresh = read_evolution(document("other", id="second", seed=6), home=home)
        assert steps.evolved(store, fresh, 0, None)
