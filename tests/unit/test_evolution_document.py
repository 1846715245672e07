"""An evolution's document: what it says, and how a wrong one is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from simcore.campaign import check_document
from simcore.documents import LIBRARY, found
from simcore.errors import SpecError
from simcore.evolution.document import read_evolution

RIGHT: dict[str, Any] = {
    "version": "0.1.0",
    "id": "mine",
    "name": "Mine",
    "seed": 1,
    "champion": "ma_cross",
    "strategies": ["ma_cross", "ma_cross_trend"],
    "train": {"scenarios": ["random-walk"], "copies": 12},
    "sealed": {"scenarios": ["random-walk"], "copies": 12},
    "commitment": "0" * 64,
}

PAST = """
version = "0.1.0"
id = "past"
family = "block_bootstrap"
timeframe = "1h"
duration_bars = 300
seed = 1
[params.source]
path = "rows.csv"
timezone = "UTC"
[params.source.columns]
ts = "Date"
open = "Open"
high = "High"
low = "Low"
close = "Close"
volume = "Volume"
"""


@pytest.mark.parametrize("name", found("evolutions"))
def test_every_evolution_of_the_library_is_right(name: str) -> None:
    assert check_document(name) == []


def test_defaults_are_those_of_the_page() -> None:
    sizes = read_evolution(RIGHT).document.sizes
    assert (sizes.parents, sizes.offspring, sizes.novelty) == (16, 48, 0.25)
    assert (sizes.mutation, sizes.crossover) == (0.5, 0.3)
    assert read_evolution(RIGHT).document.stop.patience == 10


def test_markets_are_as_long_as_the_set_says() -> None:
    train = {**RIGHT["train"], "bars": 321}
    made = read_evolution({**RIGHT, "train": train})
    assert made.train[0].document.duration_bars == 321
    assert made.sealed[0].document.duration_bars == 720


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"champion": "zero_rule"}, ("/champion", "UNKNOWN_NAME")),
        ({"strategies": ["ma_cross", "ma_crss"]}, ("/strategies/1", "UNKNOWN_ID")),
        ({"strategies": ["ma_cross", "ma_cross"]}, ("/strategies", "DUPLICATE")),
        ({"strategies": []}, ("/strategies", "OUT_OF_RANGE")),
        ({"commitment": "secret"}, ("/commitment", "BAD_FORMAT")),
        ({"sizes": {"mutation": 0.8, "crossover": 0.3}}, ("/sizes/crossover", "WEIGHTS")),
        ({"sizes": {"parents": 1}}, ("/sizes/parents", "OUT_OF_RANGE")),
        ({"execution": "honest_v2"}, ("/execution", "UNKNOWN_ID")),
        ({"seed": -1}, ("/seed", "OUT_OF_RANGE")),
        ({"elite": 3}, ("/elite", "UNKNOWN_FIELD")),
        (
            {"sealed": {"scenarios": ["random-walk"], "copies": 9}},
            ("/sealed/copies", "TOO_FEW_SCENARIOS"),
        ),
        (
            {"train": {"scenarios": ["random-walk"], "copies": 9}},
            ("/train/copies", "TOO_FEW_SCENARIOS"),
        ),
        (
            {"train": {"scenarios": ["one-factor-five"], "copies": 12}},
            ("/train/scenarios/0", "MULTIPLE_ASSETS"),
        ),
        (
            {"sealed": {"scenarios": ["random-wlk"], "copies": 12}},
            ("/sealed/scenarios/0", "UNKNOWN_ID"),
        ),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(
    change: dict[str, Any], expected: tuple[str, str]
) -> None:
    with pytest.raises(SpecError) as refusal:
        read_evolution({**RIGHT, **change})
    assert expected in [(each.path, each.reason) for each in refusal.value.problems]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a market of days, one drawn from a history, and a strategy of days."""
    for kind, name in (("scenarios", "random-walk"), ("strategies", "zero_rule")):
        (tmp_path / kind).mkdir()
        text = (LIBRARY / kind / f"{name}.toml").read_text()
        by_day = re.sub('timeframe *= "1h"', 'timeframe = "1d"', text.replace(name, "by-day"))
        (tmp_path / kind / "by-day.toml").write_text(by_day)
    rows = ["Date,Open,High,Low,Close,Volume"]
    hours = [f"2024-01-{day:02d} {hour:02d}:00" for day in range(1, 29) for hour in range(24)]
    rows += [f"{hour},10,11,9,{10 + at % 7 / 10},100" for at, hour in enumerate(hours)]
    (tmp_path / "scenarios" / "rows.csv").write_text("\n".join(rows))
    (tmp_path / "scenarios" / "past.toml").write_text(PAST)
    as_it_was = PAST.replace("block_bootstrap", "replay").replace('"past"', '"as-it-was"')
    (tmp_path / "scenarios" / "as-it-was.toml").write_text(as_it_was)
    return tmp_path


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"train": {"scenarios": ["by-day"], "copies": 12}},
            ("/train/scenarios/0", "OTHER_TIMEFRAME"),
        ),
        ({"strategies": ["ma_cross", "by-day"]}, ("/strategies/1", "OTHER_TIMEFRAME")),
        (
            {
                "train": {"scenarios": ["past"], "copies": 12},
                "sealed": {"scenarios": ["past"], "copies": 12},
            },
            ("/sealed/scenarios/0", "FINITE_HOLDOUT"),
        ),
        (
            {"sealed": {"scenarios": ["as-it-was"], "copies": 12}},
            ("/sealed/scenarios/0", "FINITE_HOLDOUT"),
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    home: Path, change: dict[str, Any], expected: tuple[str, str]
) -> None:
    with pytest.raises(SpecError) as refusal:
        read_evolution({**RIGHT, **change}, home=home)
    assert [(each.path, each.reason) for each in refusal.value.problems] == [expected]


def test_training_on_a_history_counts_as_seeing_one(home: Path) -> None:
    trained = read_evolution({**RIGHT, "train": {"scenarios": ["past"], "copies": 12}}, home=home)
    assert trained.is_historical
    assert not read_evolution(RIGHT, home=home).is_historical


def test_several_problems_are_told_at_once() -> None:
    with pytest.raises(SpecError) as refusal:
        read_evolution({**RIGHT, "champion": "nobody", "execution": "honest_v2"})
    assert len(refusal.value.problems) == 2


def test_the_salt_and_the_name_do_not_make_another_evolution_and_the_seed_does() -> None:
    first = read_evolution(RIGHT).manifest_hash
    assert (
        read_evolution({**RIGHT, "salt": "another salt of tests", "name": "Yours"}).manifest_hash
        == first
    )
    assert read_evolution({**RIGHT, "stop": {"generations": 3}}).manifest_hash == first
    assert read_evolution({**RIGHT, "seed": 2}).manifest_hash != first
