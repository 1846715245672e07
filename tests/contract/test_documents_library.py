"""Every document of the library keeps what a document promises."""

from __future__ import annotations

import tomllib
from pathlib import Path

import polars as pl
import pytest

from simcore.documents import KINDS, LIBRARY, found
from simcore.scenario.calendar import bars_per_day
from simcore.scenario.document import for_campaign, load
from simcore.scenario.manifest import generate_with_manifest
from simcore.scenario.suite import read_suite
from simcore.tables import TABLES

DOCUMENTS = [(kind, path) for kind in KINDS for path in found(kind).values()]
SCENARIOS = list(found("scenarios"))
CAMPAIGNS = {path.stem: tomllib.loads(path.read_text()) for path in found("campaigns").values()}
SUITES = {path.stem: tomllib.loads(path.read_text()) for path in found("suites").values()}
LISTS = [*CAMPAIGNS.values(), *SUITES.values()]


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
        scenario = load(scenario_id)
        named = [each for each in LISTS if scenario_id in each["scenarios"]]
        # Backtests read one asset, so a market of several belongs to no campaign.
        assert bool(named) == (len(scenario.document.assets) == 1)
        for each in named:
            document = for_campaign(scenario, each["days"]).document
            a_day = bars_per_day(document.timeframe, document.calendar)
            assert document.duration_bars == each["days"] * a_day

    def test_lives_to_see_all_that_it_has_planned(self, scenario_id: str) -> None:
        document = load(scenario_id).document
        assert document.duration_bars is not None
        for overlay in document.overlays:
            starts = overlay.get("at", overlay.get("from", 0))
            assert starts < min(document.duration_bars, 720), "not within a month of hours"


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


@pytest.mark.parametrize("suite_id", SUITES)
class TestEverySuite:
    def test_names_only_what_there_is_and_has_thesis_and_source(self, suite_id: str) -> None:
        metadata = read_suite(suite_id).metadata
        assert len(metadata.thesis.split()) >= 5
        assert any(character.isdigit() for character in metadata.source), "no year in the source"

    def test_holds_markets_of_one_asset_for_strategies_of_an_hour(self, suite_id: str) -> None:
        for name in read_suite(suite_id).scenarios:
            document = load(name).document
            assert (len(document.assets), document.timeframe) == (1, "1h"), name


def test_there_is_a_suite_for_every_length_of_campaign() -> None:
    assert sorted(suite["days"] for suite in SUITES.values()) == [30, 90, 180, 365]


def test_the_first_campaigns_are_as_settled() -> None:
    tiny, light = CAMPAIGNS["c0-tiny"], CAMPAIGNS["c1-light"]
    assert (tiny["days"], len(tiny["scenarios"]), tiny["chaos"]) == (5, 2, "none")
    assert (light["days"], len(light["scenarios"]), light["chaos"]) == (30, 4, "light")
    families = [load(name).document.family for name in light["scenarios"]]
    assert sorted(families) == ["trend", "trend", "vol_cluster", "vol_cluster"]
