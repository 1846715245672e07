"""Every document of the library keeps what a document promises."""

from __future__ import annotations

import tomllib
from pathlib import Path

import polars as pl
import pytest

from simcore.documents import KINDS, LIBRARY, found
from simcore.scenario.document import for_campaign, load
from simcore.scenario.manifest import generate_with_manifest
from simcore.tables import TABLES

DOCUMENTS = [(kind, path) for kind in KINDS for path in found(kind).values()]
SCENARIOS = list(found("scenarios"))
CAMPAIGNS = {path.stem: tomllib.loads(path.read_text()) for path in found("campaigns").values()}


@pytest.mark.parametrize(
    ("kind", "path"), DOCUMENTS, ids=[f"{kind}/{path.name}" for kind, path in DOCUMENTS]
)
class TestEveryDocument:
    def test_bears_the_name_of_its_file(self, kind: str, path: Path) -> None:
        assert tomllib.loads(path.read_text())["id"] == path.stem

    def test_is_spelled_as_a_partition_may_be(self, kind: str, path: Path) -> None:
        assert path.stem == path.stem.lower()
        assert len(path.stem) <= 64


def test_no_file_of_the_library_is_left_unfound() -> None:
    kept = {path for _, path in DOCUMENTS}
    for kind in KINDS:
        assert set((LIBRARY / kind).iterdir()) <= kept


@pytest.mark.parametrize("scenario_id", SCENARIOS)
class TestEveryScenario:
    def test_has_thesis_and_source(self, scenario_id: str) -> None:
        metadata = load(scenario_id).document.metadata
        assert len(metadata.thesis.split()) >= 5
        assert any(character.isdigit() for character in metadata.source), "no year in the source"

    def test_generates_rows_that_are_whole(self, scenario_id: str) -> None:
        frame, row = generate_with_manifest(load(scenario_id))
        bars = TABLES["bars"]
        rows = bars.conform(frame.with_columns(scenario_id=pl.lit(scenario_id)))
        assert bars.violations(rows) == []
        scenarios = TABLES["scenarios"]
        assert scenarios.violations(scenarios.conform(pl.DataFrame([row]))) == []

    def test_fits_every_campaign_that_names_it(self, scenario_id: str) -> None:
        named = [each for each in CAMPAIGNS.values() if scenario_id in each["scenarios"]]
        assert named, "no campaign names it"
        for campaign in named:
            n_bars = for_campaign(load(scenario_id), campaign["days"]).document.duration_bars
            assert n_bars == campaign["days"] * 24


@pytest.mark.parametrize("campaign", CAMPAIGNS.values(), ids=CAMPAIGNS)
class TestEveryCampaign:
    def test_names_only_what_there_is(self, campaign: dict[str, object]) -> None:
        for kind in ("scenarios", "tournaments"):
            names = campaign[kind]
            assert isinstance(names, list)
            assert set(names) <= set(found(kind))

    def test_differs_in_seed_or_length_from_no_other_by_accident(
        self, campaign: dict[str, object]
    ) -> None:
        assert sum(each["name"] == campaign["name"] for each in CAMPAIGNS.values()) == 1


def test_the_first_campaigns_are_as_settled() -> None:
    tiny, light = CAMPAIGNS["c0-tiny"], CAMPAIGNS["c1-light"]
    assert (tiny["days"], len(tiny["scenarios"]), tiny["chaos"]) == (5, 2, "none")
    assert (light["days"], len(light["scenarios"]), light["chaos"]) == (30, 4, "light")
    families = [load(name).document.family for name in light["scenarios"]]
    assert sorted(families) == ["trend", "trend", "vol_cluster", "vol_cluster"]
