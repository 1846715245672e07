"""Weights of families: standings, and the formats that decide by means, weigh alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from league import Outcome, by_id, document, entry, league, returns, runs

from simcore.errors import SpecError
from simcore.seeds import jcs, sha256_hex
from simcore.tournaments.game import Start, weighted_mean
from simcore.tournaments.play import play, tournament
from simcore.tournaments.simulated import planned

FIELD: dict[str, list[Outcome]] = {
    "alpha": returns(0.3, 0.1, 0.0, 0.0),
    "beta": returns(0.1, 0.1, 0.1, 0.1),
}


def test_a_mean_score_is_the_weighted_mean_of_the_family_means() -> None:
    weights = {"trend": 0.75, "vol_cluster": 0.25}
    rows = by_id(league(FIELD, family_weights=weights))
    assert rows["alpha"]["score_mean"] == pytest.approx(60.0 * (0.75 * 0.2), abs=1e-12)
    assert rows["beta"]["score_mean"] == pytest.approx(6.0, abs=1e-12)
    assert rows["alpha"]["rank"] == 1
    other = by_id(league(FIELD, family_weights={"trend": 0.2, "vol_cluster": 0.8}))
    assert other["beta"]["rank"] == 1
    assert rows["alpha"]["roi_mean"] == pytest.approx(0.15, abs=1e-12)


def test_equal_weights_are_the_default() -> None:
    plain, said = league(FIELD), league(FIELD, family_weights={"trend": 0.5, "vol_cluster": 0.5})
    assert plain.standings.drop("manifest_hash").equals(said.standings.drop("manifest_hash"))
    assert plain.manifest != said.manifest


def test_weights_stand_in_the_manifest_and_a_document_without_them_has_its_old_hash() -> None:
    assert "family_weights" not in league(FIELD).manifest
    assert league(FIELD, family_weights={"trend": 0.5, "vol_cluster": 0.5}).manifest[
        "family_weights"
    ] == {"trend": 0.5, "vol_cluster": 0.5}
    plain = document().model_dump(mode="json")
    assert "family_weights" not in plain
    # As it was before documents could have weights.
    assert sha256_hex(jcs(plain)) == (
        "611aa53d40738d54f7d1de2f0bcfac35ea65e2ea5acd4bbffcb1347cc07be33b"
    )


@pytest.mark.parametrize(
    ("weights", "reason", "path"),
    [
        ({"trend": 0.5, "vol_cluster": 0.6}, "WEIGHTS", "/family_weights"),
        ({}, "WEIGHTS", "/family_weights"),
        ({"trend": 1.0, "vol_cluster": 0.0}, "OUT_OF_RANGE", "/family_weights/vol_cluster"),
        ({"trend": "half"}, "WRONG_TYPE", "/family_weights/trend"),
    ],
)
def test_weights_that_do_not_sum_to_one_are_refused(
    weights: dict[str, Any], reason: str, path: str
) -> None:
    with pytest.raises(SpecError) as refusal:
        document(family_weights=weights)
    assert (reason, path) in [(each.reason, each.path) for each in refusal.value.problems]


@pytest.mark.parametrize(
    "weights", [{"trend": 1.0}, {"trend": 0.5, "vol_cluster": 0.25, "regime": 0.25}]
)
def test_weights_of_other_families_than_are_played_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(SpecError, match="trend, vol_cluster") as refusal:
        league(FIELD, family_weights=weights)
    assert [(each.reason, each.path) for each in refusal.value.problems] == [
        ("WEIGHTS", "/family_weights")
    ]


# Three markets in four are of one family, where each entrant leads on one of them: by
# markets alpha is ahead, by families beta is.
UNEVEN = [(f"m{at:02}", 0) for at in range(48)]
FAMILY = {name: "few" if at % 4 == 0 else "many" for at, (name, _) in enumerate(UNEVEN)}


def uneven(**changes: Any) -> dict[str, dict[str, Any]]:
    draws = np.random.default_rng(4).normal(0.0, 0.01, len(UNEVEN)).tolist()
    outcomes = {
        "alpha": returns(*(d + (0.1 if FAMILY[name] == "many" else -0.2)
                           for d, (name, _) in zip(draws, UNEVEN, strict=True))),
        "beta": returns(*(0.0 for _ in UNEVEN)),
    }  # fmt: skip
    entries = [entry(name) for name in outcomes]
    return by_id(play(document(**changes), entries, runs(outcomes, UNEVEN), FAMILY))


@pytest.mark.parametrize(
    "given",
    [
        {"type": "elimination"},
        {"type": "swiss"},
        {"type": "race", "batch_markets": 24},
        {"type": "sprt", "champion": "alpha", "low": -4, "high": 4},
        {"type": "sprt", "champion": "alpha", "model": "wdl", "low": -5, "high": 5},
    ],
)
def test_formats_weigh_families_as_standings_do(given: dict[str, Any]) -> None:
    rows = uneven(format=given)
    assert rows["beta"]["rank"] == 1
    if given.get("model") != "wdl":  # wins and losses of equal families are level
        assert rows["beta"]["place"] == 1 and rows["alpha"]["place"] == 2
    heavy = uneven(format=given, family_weights={"few": 0.1, "many": 0.9})
    assert heavy["alpha"]["rank"] == 1
    assert heavy["alpha"]["place"] == 1


def test_a_weighted_mean_of_equal_weights_is_a_mean_and_its_error() -> None:
    values = np.random.default_rng(1).normal(2.0, 3.0, 25)
    found = weighted_mean(values, np.full(25, 0.04))
    assert found.value == pytest.approx(values.mean(), rel=1e-12)
    assert found.error == pytest.approx(values.std(ddof=1) / 5.0, rel=1e-12)
    assert found.n_effective == pytest.approx(25.0, rel=1e-12)
    assert weighted_mean(np.array([3.0]), np.ones(1)).error == 0.0


def test_the_error_of_a_weighted_mean_is_the_deviation_over_many_samples() -> None:
    shares = Start(("a",), tuple(range(40)), families=("x",) * 30 + ("y",) * 10).shares(range(40))
    assert shares[:30].sum() == pytest.approx(0.5) and shares[30:].sum() == pytest.approx(0.5)
    draws = np.random.default_rng(2).normal(0.0, 1.0, (4_000, 40))
    found = [weighted_mean(row, shares) for row in draws]
    spread = float(np.std([each.value for each in found]))
    mean_error = float(np.sqrt(np.mean([each.error**2 for each in found])))
    assert mean_error == pytest.approx(spread, rel=0.05)
    assert found[0].n_effective == pytest.approx(30.0)


def test_a_hand_without_some_family_weighs_the_others() -> None:
    start = Start(("a",), (0, 1, 2), families=("x", "y", "z"),
                  family_weights={"x": 0.5, "y": 0.3, "z": 0.2})  # fmt: skip
    assert start.shares([0, 2]).tolist() == pytest.approx([0.5 / 0.7, 0.2 / 0.7])
    assert start.shares([]).tolist() == []


def test_a_plan_counts_what_the_markets_weigh() -> None:
    asked = document(
        entries=["ma_cross", "buy_and_hold"],
        scenarios=["vol-calm", "trend-up-mid", "shocks-mid", "mean-revert-mid"],
    ).model_dump(mode="json")
    assert planned(asked)[1].scenarios == 4
    heavy = {"trend": 0.7, "vol_cluster": 0.1, "shock_mix": 0.1, "mean_revert": 0.1}
    line, plan = planned({**asked, "family_weights": heavy})
    assert plan.scenarios == 2  # 1 / (0.49 + 3 * 0.01)
    assert "4 markets" in line
    with pytest.raises(SpecError, match="expected those of mean_revert, shock_mix") as refusal:
        planned({**asked, "family_weights": {"trend": 1.0}})
    assert [each.reason for each in refusal.value.problems] == ["WEIGHTS"]


def test_weights_of_other_families_are_refused_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(*_: object, **__: object) -> None:
        raise AssertionError("something ran")

    monkeypatch.setattr("simcore.engine.backtest", run)
    asked = document(
        entries=["ma_cross", "buy_and_hold"],
        scenarios=["vol-calm"],
        family_weights={"trend": 1.0},
    )
    with pytest.raises(SpecError, match="expected those of vol_cluster"):
        tournament(asked.model_dump(mode="json"))
