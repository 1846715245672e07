"""The engine's bars are those of the slow twin, to rounding; a family without a twin fails here."""

from __future__ import annotations

import hashlib
from itertools import product
from typing import Any

import numpy as np
import pytest
from family_documents import DRAWN, EVERY_OVERLAY, FAMILIES, cases, document
from generator import ExplodedError, GuardError, Series
from generator_factor import of_path
from generator_families import UNIVARIATE, alone

from simcore import engine
from simcore.errors import EngineError
from simcore.seeds import jcs

PRICE_RTOL = 1e-12
STUDENT = {"dist": "student_t", "nu": 5}

VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "one-sub-step": {"n_sub": 1, "volume_model": "const", "p0": 1e-3},
    "seven-sub-steps": {"n_sub": 7, "volume_model": "lognormal", "seed": 0, "paths": 2},
    "ticks": {"tick_size": 0.25, "n_sub": 2},
    "clipped": {"guard": {"mode": "clip", "k": 2.0}},
    "overlays": {"overlays": EVERY_OVERLAY},
    "equity-hours": {"calendar": "us_equity", "start": "2001-06-06T17:00:00Z", "n_sub": 3},
    "equity-overlays": {"calendar": "us_equity", "timeframe": "4h", "overlays": EVERY_OVERLAY},
    "equity-days": {"calendar": "us_equity", "timeframe": "1d", "start": "2024-02-29T15:00:00Z"},
    "fx": {"calendar": "fx_24x5", "timeframe": "4h", "overnight_var_share": 0.1},
    "sessions": {"calendar": "sessions_252", "timeframe": "15m", "start": "1969-12-26T22:00:00Z",
                 "overnight_var_share": 0.4, "volume_model": "lognormal"},
    "student": {"innovations": STUDENT, "n_sub": 2},
    "student-cut": {"innovations": {"dist": "student_t", "nu": 3}, "guard": {"k": 4.0}},
    "student-equity": {"innovations": STUDENT, "calendar": "us_equity", "overlays": EVERY_OVERLAY},
}  # fmt: skip

TRIALS = [
    (family, case, variant)
    for family in DRAWN
    for case, variant in product(range(len(cases(family))), VARIANTS)
    if FAMILIES[family]["takes_student_t"] or "innovations" not in VARIANTS[variant]
]


def trial(family: str, case: int, variant: str) -> dict[str, Any]:
    changes = dict(VARIANTS[variant])
    changes["guard"] = {"mode": "error", "k": 25.0, **changes.get("guard", {})}
    return document(family, case, **changes)


def generated(scenario: dict[str, Any]) -> list[Series]:
    """Return the twin's series, sorted by (path, asset)."""
    one_path = of_path if scenario["family"] == "factor" else alone
    return [series for path in range(scenario["paths"]) for series in one_path(scenario, path)]


def column(series: list[Series], name: str) -> np.ndarray:
    return np.concatenate([getattr(each, name) for each in series])


def test_every_family_that_draws_has_a_twin() -> None:
    assert set(DRAWN) - set(UNIVARIATE) - {"factor"} == set()


@pytest.mark.parametrize(("family", "case", "variant"), TRIALS)
def test_bars_are_those_of_the_twin(family: str, case: int, variant: str) -> None:
    scenario = trial(family, case, variant)
    bars = engine.generate(scenario).columns
    slow = generated(scenario)
    for name in ("ts", "known_at", "hl_order", "flags"):
        np.testing.assert_array_equal(bars[name], column(slow, name), err_msg=name)
    for name in ("open", "high", "low", "close", "volume"):
        np.testing.assert_allclose(bars[name], column(slow, name), rtol=PRICE_RTOL, err_msg=name)


@pytest.mark.parametrize("family", DRAWN)
def test_hashes_are_those_of_the_canonical_json(family: str) -> None:
    scenario = document(family, volume_model="lognormal", overlays=EVERY_OVERLAY)
    market = engine.generate(scenario)
    whole = {**scenario, "schema": "scenario/0.1", "generator": market.facts["generator_version"]}
    given = scenario["params"]
    row = FAMILIES[family]
    defaults = {param["name"]: param["default"] for param in row["params"]}
    whole["params"] = defaults | {name: words[0] for name, words in row["choices"].items()} | given
    if not row["structures"]:
        assert market.facts["scenario_hash"] == hashlib.sha256(jcs(whole)).hexdigest()
    kinds = {"float64": "f64", "int64": "i64", "uint32": "u32", "uint16": "u16", "int8": "i8",
             "uint8": "u8"}  # fmt: skip
    columns = market.columns
    described = [{"name": name, "dtype": kinds[str(columns[name].dtype)]} for name in columns]
    header = {"schema": "bars/0.1", "columns": described, "rows": len(columns["t"]),
              "paths": 1, "assets": len(scenario["assets"])}  # fmt: skip
    digest = hashlib.sha256(jcs(header) + b"\n")
    for values in columns.values():
        digest.update(values.astype(values.dtype.newbyteorder("<")).tobytes())
    assert market.facts["dataset_hash"] == digest.hexdigest()


def test_a_draw_beyond_the_guard_is_refused_by_both() -> None:
    scenario = document("trend", guard={"mode": "error", "k": 2.0})
    with pytest.raises(GuardError):
        generated(scenario)
    with pytest.raises(EngineError) as refusal:
        engine.generate(scenario)
    assert refusal.value.code == "GUARD_EXCEEDED"


def test_a_path_that_leaves_every_price_is_refused_by_both() -> None:
    scenario = document("trend", duration_bars=1100, params={"drift": 500.0, "sigma": 1.0})
    with pytest.raises(ExplodedError):
        generated(scenario)
    with pytest.raises(EngineError) as refusal:
        engine.generate(scenario)
    assert refusal.value.code == "SCENARIO_EXPLODED"
