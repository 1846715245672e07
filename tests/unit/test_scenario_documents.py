"""Scenario documents: what is refused before any work, and what the engine is given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import simcore
from simcore import engine
from simcore.errors import SpecError
from simcore.problems import Problem
from simcore.scenario import calendar
from simcore.scenario.document import effective, for_campaign, load, warnings
from simcore.scenario.manifest import generate_with_manifest
from simcore.seeds import jcs
from simcore.tables import TABLES

WHOLE: dict[str, Any] = {
    "version": "0.1.0",
    "id": "sample",
    "family": "trend",
    "timeframe": "1h",
    "duration_bars": 200,
    "seed": 42,
    "params": {"drift": 1, "sigma": 50.0},
    "volume_model": "const",
}


def refused(**changes: Any) -> list[Problem]:
    document = {name: value for name, value in {**WHOLE, **changes}.items() if value is not ...}
    with pytest.raises(SpecError) as error:
        load(document)
    return list(error.value.problems)


class TestChecking:
    @pytest.mark.parametrize(
        ("change", "reason", "path"),
        [
            ({"paramz": {}}, "UNKNOWN_FIELD", "/paramz"),
            ({"seed": ...}, "MISSING_FIELD", "/seed"),
            ({"family": ...}, "MISSING_FIELD", "/family"),
            ({"params": ...}, "MISSING_FIELD", "/params"),
            ({"duration_bars": ...}, "MISSING_FIELD", "/duration_bars"),
            ({"volume_model": ...}, "MISSING_FIELD", "/volume_model"),
            ({"family": "trnd"}, "BAD_ENUM", "/family"),
            ({"timeframe": "2h"}, "BAD_ENUM", "/timeframe"),
            ({"calendar": "lse"}, "BAD_ENUM", "/calendar"),
            ({"calendar": "lunar"}, "BAD_ENUM", "/calendar"),
            ({"volume_model": "poisson"}, "BAD_ENUM", "/volume_model"),
            ({"volume_params": {"v1": 1.0}}, "UNKNOWN_FIELD", "/volume_params/v1"),
            ({"volume_params": {"v0": -1.0}}, "OUT_OF_RANGE", "/volume_params/v0"),
            ({"duration_bars": 99}, "OUT_OF_RANGE", "/duration_bars"),
            ({"duration_bars": 5_000_001}, "OUT_OF_RANGE", "/duration_bars"),
            ({"duration_bars": 200.5}, "WRONG_TYPE", "/duration_bars"),
            ({"seed": 2**53}, "TOO_LARGE", "/seed"),
            ({"seed": "42"}, "WRONG_TYPE", "/seed"),
            ({"id": "Sample"}, "BAD_ID", "/id"),
            ({"id": "null"}, "BAD_ID", "/id"),
            ({"version": "1.0.0"}, "VERSION_UNSUPPORTED", "/version"),
            ({"p0": 0.0}, "OUT_OF_RANGE", "/p0"),
            ({"n_sub": 65}, "OUT_OF_RANGE", "/n_sub"),
            ({"paths": 0}, "OUT_OF_RANGE", "/paths"),
            ({"tick_size": 0.0}, "OUT_OF_RANGE", "/tick_size"),
            ({"innovations": {"dist": "cauchy"}}, "BAD_ENUM", "/innovations/dist"),
            ({"overlays": [{"type": "stale", "p": 0.1}] * 33}, "TOO_LARGE", "/overlays"),
            ({"overlays": [{"p": 0.1}]}, "MISSING_FIELD", "/overlays/0/type"),
            ({"overlays": [{"type": "stal", "p": 0.1}]}, "BAD_ENUM", "/overlays/0/type"),
            ({"overlays": [{"type": "stale", "p": 1.5}]}, "OUT_OF_RANGE", "/overlays/0/p"),
            ({"overlays": [{"type": "stale"}]}, "MISSING_FIELD", "/overlays/0/p"),
            ({"overlays": [{"type": "stale", "p": 0, "q": 0}]}, "UNKNOWN_FIELD", "/overlays/0/q"),
            ({"overlays": ["stale"]}, "WRONG_TYPE", "/overlays/0"),
            ({"overlays": [{"type": ["stale"]}]}, "BAD_ENUM", "/overlays/0/type"),
            (
                {"start": "2261-11-01T00:00:00Z", "duration_bars": 5000},
                "FIELD_INVALID",
                "/duration_bars",
            ),
            ({"paths": 1_000_000, "duration_bars": 5000}, "FIELD_INVALID", "/paths"),
            ({"innovations": {"dist": "normal", "nu": 5}}, "FIELD_INVALID", "/innovations/nu"),
            ({"innovations": {"dist": "student_t", "nu": 2}}, "OUT_OF_RANGE", "/innovations/nu"),
            ({"overnight_var_share": 0.1}, "PARAM_RANGE", "/overnight_var_share"),
            ({"assets": ["A", "B"]}, "FIELD_INVALID", "/assets"),
            ({"assets": ["A"] * 257}, "TOO_LARGE", "/assets"),
            ({"assets": []}, "OUT_OF_RANGE", "/assets"),
            ({"guard": {"mode": "ignore"}}, "BAD_ENUM", "/guard/mode"),
            ({"start": "2000-02-30T00:00:00Z"}, "BAD_FORMAT", "/start"),
            ({"start": "2000-01-03 00:00"}, "BAD_FORMAT", "/start"),
            ({"params": {"drift": 1, "sigma": 1, "sgima": 1}}, "UNKNOWN_FIELD", "/params/sgima"),
            ({"params": {"drift": 1}}, "MISSING_FIELD", "/params/sigma"),
            ({"params": {"drift": "1", "sigma": 1}}, "WRONG_TYPE", "/params/drift"),
            ({"params": {"drift": True, "sigma": 1}}, "WRONG_TYPE", "/params/drift"),
            ({"params": {"drift": 501, "sigma": 1}}, "OUT_OF_RANGE", "/params/drift"),
            ({"params": {"drift": 0, "sigma": 0}}, "OUT_OF_RANGE", "/params/sigma"),
            (
                {"params": {"drift": 0, "sigma": 1, "drift_convention": "itoo"}},
                "BAD_ENUM",
                "/params/drift_convention",
            ),
            ({"params": {"drift": 0, "sigma": 1, "source": {}}}, "UNKNOWN_FIELD", "/params/source"),
        ],
    )
    def test_refuses_with_reason_and_place(
        self, change: dict[str, Any], reason: str, path: str
    ) -> None:
        problems = refused(**change)
        assert [(each.code, each.reason, each.path) for each in problems] == [
            ("DOC_INVALID", reason, path)
        ]
        assert "expected" in problems[0].message
        assert problems[0].source

    def test_reports_fields_and_parameters_at_once(self) -> None:
        problems = refused(seed=-1, timeframe="2h", params={"drift": 501, "sgima": 1})
        assert {(each.reason, each.path) for each in problems} == {
            ("OUT_OF_RANGE", "/seed"),
            ("BAD_ENUM", "/timeframe"),
            ("OUT_OF_RANGE", "/params/drift"),
            ("UNKNOWN_FIELD", "/params/sgima"),
            ("MISSING_FIELD", "/params/sigma"),
        }
        hints = [each.hints[0].text for each in problems if each.path == "/params/sgima"]
        assert hints == ['did you mean "sigma"?']

    def test_says_the_range_and_the_unit_of_a_parameter(self) -> None:
        (problem,) = refused(params={"drift": 501, "sigma": 1})
        assert problem.message == "got 501, expected -500 to 500 (bps per bar)"

    def test_lets_the_engine_refuse_what_no_single_range_can_say(self) -> None:
        (problem,) = refused(family="vol_cluster", params={"omega": 1.0, "alpha": 0.6, "beta": 0.6})
        assert "alpha" in problem.message
        assert "0.9999" in problem.message

    def test_passes_a_checked_scenario_through(self) -> None:
        scenario = load(WHOLE)
        assert load(scenario) is scenario


class TestEffective:
    def test_has_every_default_and_nothing_for_people(self) -> None:
        assert effective(load({**WHOLE, "metadata": {"thesis": "none"}})) == {
            "family": "trend",
            "timeframe": "1h",
            "calendar": "24x7",
            "duration_bars": 200,
            "seed": 42,
            "params": {"drift": 1, "sigma": 50.0, "drift_convention": "ito"},
            "volume_model": "const",
            "volume_params": {"v0": 1000.0, "sigma": 0.5, "phi": 0.6, "b": 0.5},
            "p0": 100.0,
            "n_sub": 4,
            "paths": 1,
            "innovations": {"dist": "normal"},
            "tick_size": None,
            "overlays": [],
            "assets": ["A"],
            "guard": {"mode": "error", "k": 25.0},
            "start": "2000-01-03T00:00:00Z",
        }

    def test_is_the_same_for_stated_and_for_omitted_defaults(self) -> None:
        stated = {**WHOLE, **effective(load(WHOLE)), "id": "other", "metadata": {"notes": "x"}}
        assert jcs(effective(load(stated))) == jcs(effective(load(WHOLE)))

    def test_is_the_same_for_toml_and_json(self) -> None:
        toml = (
            'version = "0.1.0"\nid = "sample"\nfamily = "trend"\ntimeframe = "1h"\n'
            'duration_bars = 200\nseed = 42\nvolume_model = "const"\n'
            "params = { drift = 1.0, sigma = 50 }\n"
        )
        assert jcs(effective(load(toml))) == jcs(effective(load(json.dumps(WHOLE))))


class TestForCampaign:
    def test_has_as_many_bars_as_its_days(self) -> None:
        scenario = for_campaign(load(WHOLE), 30)
        assert effective(scenario)["duration_bars"] == 720
        assert effective(scenario) | {"duration_bars": 200} == effective(load(WHOLE))

    @pytest.mark.parametrize(
        ("timeframe", "days", "remedy"),
        [("1d", 99, "100 or more"), ("4h", 16, "17 or more"), ("1m", 3473, "3472 or fewer")],
    )
    def test_refuses_too_few_and_too_many_bars(
        self, timeframe: str, days: int, remedy: str
    ) -> None:
        with pytest.raises(SpecError, match=rf'bars of {timeframe} for .*"sample"') as error:
            for_campaign(load({**WHOLE, "timeframe": timeframe}), days, "mine")
        (problem,) = error.value.problems
        assert (problem.source, problem.path, problem.reason) == ("mine", "/days", "OUT_OF_RANGE")
        assert problem.hints[0].text == f"set days to {remedy}"


@pytest.mark.parametrize(
    ("timeframe", "per_day", "per_year"),
    [
        ("1m", (1440, 1440, 390, 1440), (525_600, 374_400, 98_280, 362_880)),
        ("5m", (288, 288, 78, 288), (105_120, 74_880, 19_656, 72_576)),
        ("15m", (96, 96, 26, 96), (35_040, 24_960, 6_552, 24_192)),
        ("1h", (24, 24, 7, 24), (8_760, 6_240, 1_764, 6_048)),
        ("4h", (6, 6, 2, 6), (2_190, 1_560, 504, 1_512)),
        ("1d", (1, 1, 1, 1), (365, 260, 252, 252)),
    ],
)
def test_calendars_have_the_bars_of_the_specification(
    timeframe: calendar.Timeframe, per_day: tuple[int, ...], per_year: tuple[int, ...]
) -> None:
    names: tuple[calendar.Calendar, ...] = ("24x7", "fx_24x5", "us_equity", "sessions_252")
    assert tuple(calendar.bars_per_day(timeframe, name) for name in names) == per_day
    assert tuple(calendar.bars_per_year(timeframe, name) for name in names) == per_year
    facts = engine.generate(effective(load({**WHOLE, "timeframe": timeframe}))).facts
    assert facts["bars_per_year"] == per_year[0]


class TestGeneration:
    def test_gives_the_columns_of_the_table(self) -> None:
        bars = simcore.generate({**WHOLE, "paths": 3})
        schema = TABLES["bars"].polars_schema()
        assert list(bars.schema.items()) == list(schema.items())[1:]
        assert bars.height == 600
        rows = bars.with_columns(scenario_id=pl.lit("sample"))
        assert TABLES["bars"].violations(TABLES["bars"].conform(rows)) == []
        assert bars["ts"][1] - bars["ts"][0] == calendar.bar_seconds("1h") * 10**9

    def test_gives_a_manifest_that_is_a_row_of_the_table(self) -> None:
        frame, row = generate_with_manifest(load(WHOLE))
        table = TABLES["scenarios"]
        rows = table.conform(pl.DataFrame([row]))
        assert table.violations(rows) == []
        assert row["min_price"] == frame["low"].min()
        assert row["max_price"] == frame["high"].max()
        assert json.loads(row["document"])["duration_bars"] == 200

    def test_depends_on_the_seed_and_not_on_the_name(self) -> None:
        def dataset(**changes: Any) -> str:
            hash_: str = simcore.scenario_manifest({**WHOLE, **changes})["dataset_hash"]
            return hash_

        assert dataset(id="other", metadata={"notes": "x"}) == dataset()
        assert dataset(seed=43) != dataset()

    def test_reads_a_users_scenario_from_the_home(self, tmp_path: Path) -> None:
        (tmp_path / "scenarios").mkdir()
        (tmp_path / "scenarios" / "sample.json").write_text(json.dumps(WHOLE))
        assert simcore.generate("sample", home=tmp_path).equals(simcore.generate(WHOLE))
        with pytest.raises(SpecError, match='scenario "sample" is not known'):
            simcore.generate("sample")


def test_a_variance_that_reaches_zero_is_warned_of_and_not_refused() -> None:
    document = {
        **WHOLE,
        "family": "heston",
        "params": {"kappa": 0.01, "theta": 2500.0, "xi": 30.0, "rho": -0.5},
    }
    (warning,) = warnings(load(document))
    assert (warning.code, warning.path, warning.severity) == (
        "DOC_WARNING", "/params/xi", "warning",
    )  # fmt: skip
    assert warnings(load({**document, "params": {**document["params"], "xi": 5.0}})) == []
