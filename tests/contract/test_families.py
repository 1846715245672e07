"""Every scenario family behaves as a family must, whatever it is asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from family_documents import (
    CALENDARS,
    DRAWN,
    EVERY_OVERLAY,
    FAMILIES,
    OVERLAYS,
    TIMEFRAMES,
    cases,
    document,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from sessions import bar_times

from simcore import engine
from simcore.errors import EngineError, SpecError
from simcore.scenario.document import load

Columns = Mapping[str, np.ndarray]

REFUSALS = {
    "FIELD_INVALID",  # parameters that do not go together
    "SCENARIO_EXPLODED",
    "GUARD_EXCEEDED",
    "PRICE_NOT_POSITIVE",  # rounded to a tick size, or beneath the smallest number
}


def assert_sound(bars: Columns, scenario: Mapping[str, Any]) -> None:
    """What must hold of any bars."""
    rows = scenario["paths"] * len(scenario["assets"]) * scenario["duration_bars"]
    for name in ("open", "high", "low", "close", "volume"):
        assert bars[name].shape == (rows,)
        assert np.isfinite(bars[name]).all(), name
    assert (bars["low"] > 0.0).all()
    assert (bars["low"] <= np.minimum(bars["open"], bars["close"])).all()
    assert (bars["high"] >= np.maximum(bars["open"], bars["close"])).all()
    assert (bars["volume"] >= 0.0).all()
    assert (bars["known_at"] > bars["ts"]).all()
    assert np.isin(bars["hl_order"], (-1, 0, 1)).all()
    assert (bars["flags"] < 32).all()


def sound_or_refused(scenario: dict[str, Any]) -> str | None:
    """Return the code of a refusal; anything else must be sound bars."""
    try:
        bars = engine.generate(scenario).columns
    except EngineError as refusal:
        assert refusal.code in REFUSALS, refusal
        assert len(str(refusal)) > 20
        return refusal.code
    assert_sound(bars, scenario)
    return None


def problems(scenario: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Reason, place and message of everything that is wrong with a document."""
    named = {"version": "0.1.0", "id": "sample", **scenario}
    with pytest.raises(SpecError) as refusal:
        load(named)
    return [(each.reason, each.path, each.message) for each in refusal.value.problems]


@pytest.mark.parametrize("family", DRAWN)
class TestEveryFamily:
    def test_gives_the_same_bytes_for_the_same_seed_and_others_for_another(
        self, family: str
    ) -> None:
        scenario = document(family, paths=2, overlays=EVERY_OVERLAY)
        first, again = engine.generate(scenario), engine.generate(scenario)
        for name, column in first.columns.items():
            assert column.tobytes() == again.columns[name].tobytes(), name
        assert first.facts == again.facts
        other = engine.generate({**scenario, "seed": 1}).facts
        assert other["dataset_hash"] != first.facts["dataset_hash"]
        assert other["scenario_hash"] != first.facts["scenario_hash"]

    def test_makes_sound_bars_on_every_calendar_and_timeframe(self, family: str) -> None:
        for case in range(len(cases(family))):
            for calendar in CALENDARS:
                for timeframe in TIMEFRAMES:
                    scenario = document(family, case, calendar=calendar, timeframe=timeframe)
                    bars = engine.generate(scenario).columns
                    assert_sound(bars, scenario)
                    times = bar_times(calendar, timeframe, scenario["start"], 100)
                    assert bars["ts"][:100].tolist() == [time.ts for time in times]
                    assert bars["known_at"][:100].tolist() == [time.known_at for time in times]

    def test_lives_with_both_ends_of_every_parameter_or_refuses_them(self, family: str) -> None:
        for case in range(len(cases(family))):
            scenario = document(family, case)
            for param in FAMILIES[family]["params"]:
                least = math.nextafter(param["min"], math.inf)
                for value in (least if param["is_min_open"] else param["min"], param["max"]):
                    params = {**scenario["params"], param["name"]: value}
                    sound_or_refused({**scenario, "params": params})

    def test_refuses_what_lies_just_outside_with_place_and_range(self, family: str) -> None:
        scenario = document(family)
        for param in FAMILIES[family]["params"]:
            expect_bounds(scenario, param, "/params", lambda given: {**scenario, "params": given})

    def test_refuses_parameters_that_are_missing_unknown_or_no_numbers(self, family: str) -> None:
        scenario = document(family)
        row = FAMILIES[family]
        given = scenario["params"]
        for param in row["params"]:
            place = f"/params/{param['name']}"
            wrong = {**given, param["name"]: "many"}
            assert ("WRONG_TYPE", place) in reasons({**scenario, "params": wrong})
            assert refused_by_engine({**scenario, "params": wrong}) == ("FIELD_INVALID", place)
            left = {name: value for name, value in given.items() if name != param["name"]}
            if param["default"] is None:
                assert ("MISSING_FIELD", place) in reasons({**scenario, "params": left})
                assert refused_by_engine({**scenario, "params": left}) == ("FIELD_INVALID", place)
        strange = {**scenario, "params": {**given, "sgima": 1.0}}
        assert reasons(strange) == [("UNKNOWN_FIELD", "/params/sgima")]
        assert refused_by_engine(strange) == ("FIELD_INVALID", "/params/sgima")
        for name in row["choices"]:
            other = {**scenario, "params": {**given, name: "neither"}}
            assert ("BAD_ENUM", f"/params/{name}") in reasons(other)
            assert refused_by_engine(other)[0] == "UNKNOWN_NAME"

    def test_has_as_many_assets_as_it_may_and_no_more(self, family: str) -> None:
        most = FAMILIES[family]["assets_max"]
        too_many = [f"A{number}" for number in range(most + 1)]
        assert refused_by_engine(document(family, assets=too_many)) == ("FIELD_INVALID", "/assets")
        twice = document(family, assets=["A", "A"])
        assert refused_by_engine(twice) == ("FIELD_INVALID", "/assets")


def reasons(scenario: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(reason, path) for reason, path, _ in problems(scenario)]


def refused_by_engine(scenario: Mapping[str, Any]) -> tuple[str, str]:
    """Code and place of the engine's own refusal."""
    with pytest.raises(EngineError) as refusal:
        engine.generate(scenario)
    return refusal.value.code, refusal.value.path


def expect_bounds(
    scenario: Mapping[str, Any], param: Mapping[str, Any], place: str, rebuilt: Any
) -> None:
    """Both neighbours of a range are refused, by the document's checks and by the engine."""
    below = param["min"] if param["is_min_open"] else math.nextafter(param["min"], -math.inf)
    for value in (below, math.nextafter(param["max"], math.inf)):
        owner = scenario["params"] if place == "/params" else scenario
        changed = rebuilt({**owner, param["name"]: value})
        path = f"{place}/{param['name']}"
        found = [each for each in problems(changed) if each[1] == path]
        assert [reason for reason, _, _ in found] == ["OUT_OF_RANGE"], (path, value)
        for bound in (f"{param['min']:g}", f"{param['max']:g}", param["unit"]):
            assert bound in found[0][2]
        assert refused_by_engine(changed) == ("PARAM_RANGE", path)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_refuses_what_lies_just_outside_with_place_and_range(overlay: str) -> None:
    sample = next(each for each in EVERY_OVERLAY if each["type"] == overlay)
    first = EVERY_OVERLAY[0]
    for param in OVERLAYS[overlay]["params"]:
        expect_bounds(
            sample,
            param,
            "/overlays/1",
            lambda given: document("trend", overlays=[first, given]),
        )


@pytest.mark.parametrize(
    ("changes", "reason", "path"),
    [
        ({"duration_bars": 99}, "OUT_OF_RANGE", "/duration_bars"),
        ({"duration_bars": 5_000_001}, "OUT_OF_RANGE", "/duration_bars"),
        ({"seed": 2**53}, "TOO_LARGE", "/seed"),
        ({"seed": -1}, "OUT_OF_RANGE", "/seed"),
        ({"p0": 0.0}, "OUT_OF_RANGE", "/p0"),
        ({"p0": math.nextafter(1e9, math.inf)}, "OUT_OF_RANGE", "/p0"),
        ({"n_sub": 0}, "OUT_OF_RANGE", "/n_sub"),
        ({"n_sub": 65}, "OUT_OF_RANGE", "/n_sub"),
        ({"paths": 0}, "OUT_OF_RANGE", "/paths"),
        ({"paths": 1_000_001}, "OUT_OF_RANGE", "/paths"),
        ({"innovations": {"dist": "student_t", "nu": 2}}, "OUT_OF_RANGE", "/innovations/nu"),
        ({"innovations": {"dist": "student_t", "nu": 31}}, "OUT_OF_RANGE", "/innovations/nu"),
        ({"guard": {"k": 0.0}}, "OUT_OF_RANGE", "/guard/k"),
        ({"tick_size": 0.0}, "OUT_OF_RANGE", "/tick_size"),
        ({"overnight_var_share": 0.96}, "OUT_OF_RANGE", "/overnight_var_share"),
        ({"volume_params": {"phi": 1.0}}, "OUT_OF_RANGE", "/volume_params/phi"),
        ({"volume_params": {"v0": 0.0}}, "OUT_OF_RANGE", "/volume_params/v0"),
        ({"volume_params": {"sigma": -0.1}}, "OUT_OF_RANGE", "/volume_params/sigma"),
        ({"volume_params": {"b": 10.1}}, "OUT_OF_RANGE", "/volume_params/b"),
        ({"start": "1677-12-31T23:59:59Z"}, "FIELD_INVALID", "/start"),
        ({"start": "2261-12-31T00:00:00Z"}, "FIELD_INVALID", "/duration_bars"),
    ],
)
def test_bounds_of_the_document_are_refused_by_its_checks_and_by_the_engine(
    changes: dict[str, Any], reason: str, path: str
) -> None:
    scenario = document("trend", **{"calendar": "us_equity", **changes})
    assert reasons(scenario) == [(reason, path)]
    code, place = refused_by_engine(scenario)
    assert code in ("FIELD_INVALID", "PARAM_RANGE")
    assert place == path


GUARDS = st.one_of(
    st.fixed_dictionaries({"mode": st.just("clip"), "k": st.floats(0.1, 1000.0)}),
    st.fixed_dictionaries(
        {"mode": st.sampled_from(("error", "global")), "k": st.floats(8.0, 1000.0)}
    ),
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Documents of any family, with numbers from anywhere in their ranges."""
    family = draw(st.sampled_from(DRAWN))
    row = FAMILIES[family]
    base = document(family, draw(st.integers(0, len(cases(family)) - 1)))
    params = dict(base["params"])
    for param in row["params"]:
        if draw(st.booleans()):
            params[param["name"]] = draw(numbers(param))
    calendar = draw(st.sampled_from(CALENDARS))
    overlays = draw(st.lists(st.sampled_from(sorted(OVERLAYS)).flatmap(overlay), max_size=4))
    volumes = {
        "v0": draw(st.floats(1e-3, 1e15)), "sigma": draw(st.floats(0.0, 5.0)),
        "phi": draw(st.floats(0.0, 0.999)), "b": draw(st.floats(0.0, 10.0)),
    }  # fmt: skip
    student = {"dist": "student_t", "nu": draw(st.integers(3, 30))}
    is_student = row["takes_student_t"] and draw(st.booleans())
    share = {} if calendar == "24x7" else {"overnight_var_share": draw(st.floats(0.0, 0.95))}
    return {
        **base, **share, "params": params, "calendar": calendar, "overlays": overlays,
        "timeframe": draw(st.sampled_from(TIMEFRAMES)),
        "duration_bars": draw(st.integers(100, 400)),
        "seed": draw(st.integers(0, 2**53 - 1)), "p0": draw(st.floats(1e-6, 1e9)),
        "n_sub": draw(st.integers(1, 64)), "paths": draw(st.integers(1, 3)),
        "volume_model": draw(st.sampled_from(("const", "lognormal", "coupled"))),
        "volume_params": volumes, "tick_size": draw(st.none() | st.floats(1e-9, 1e3)),
        "innovations": student if is_student else {"dist": "normal"},
        "guard": draw(GUARDS),
    }  # fmt: skip


def numbers(param: Mapping[str, Any]) -> st.SearchStrategy[float]:
    if param["is_integer"]:
        return st.integers(int(param["min"]), int(param["max"])).map(float)
    ends = st.floats(param["min"], param["max"], exclude_min=param["is_min_open"])
    # Most numbers of a wide range are huge; small ones meet a market more often.
    small = st.floats(max(param["min"], -2.0), min(param["max"], 2.0))
    return ends | small.filter(lambda value: value > param["min"] or not param["is_min_open"])


def overlay(name: str) -> st.SearchStrategy[dict[str, Any]]:
    params = OVERLAYS[name]["params"]
    near = {"at": st.integers(0, 300), "from": st.integers(0, 300), "bars": st.integers(1, 300)}
    fields = {param["name"]: near.get(param["name"], numbers(param)) for param in params}
    return st.fixed_dictionaries({"type": st.just(name), **fields})


@given(documents())
@settings(max_examples=300)
def test_any_document_makes_sound_bars_or_is_refused_by_name(scenario: dict[str, Any]) -> None:
    sound_or_refused(scenario)
