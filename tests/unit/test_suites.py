"""Suites: lists of markets by one name, and campaigns that take their markets from one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simcore.campaign import check_document, load, read_campaign
from simcore.errors import SpecError
from simcore.scenario.suite import read_suite

SUITE = {
    "version": "0.1.0",
    "id": "two",
    "name": "Two markets",
    "days": 30,
    "scenarios": ["trend-up-mid", "vol-calm"],
}
CAMPAIGN = {
    "version": "0.1.0",
    "id": "mine",
    "name": "Mine",
    "seed": 1,
    "days": 30,
    "scenarios": "two",
    "strategies": ["ma_cross"],
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "two.toml").write_text(
        'version = "0.1.0"\nid = "two"\nname = "Two markets"\ndays = 30\n'
        'scenarios = ["trend-up-mid", "vol-calm"]\n'
    )
    return tmp_path


def refusal(document: dict[str, Any], home: Path) -> tuple[str, str, str]:
    with pytest.raises(SpecError) as error:
        load(document, home=home)
    (problem,) = error.value.problems
    return problem.reason, problem.path, problem.message


def test_a_campaign_takes_the_markets_of_a_suite(home: Path) -> None:
    campaign = load(CAMPAIGN, home=home)
    assert [scenario.id for scenario in campaign.scenarios] == SUITE["scenarios"]
    spelled_out = load({**CAMPAIGN, "scenarios": SUITE["scenarios"]}, home=home)
    assert campaign.doc_hash == spelled_out.doc_hash
    assert read_campaign(CAMPAIGN, home=home).scenarios == SUITE["scenarios"]


def test_a_campaign_shorter_than_its_suite_is_refused(home: Path) -> None:
    reason, path, message = refusal({**CAMPAIGN, "days": 29}, home)
    assert (reason, path) == ("OUT_OF_RANGE", "/days")
    assert "at least 30" in message


def test_an_unknown_suite_is_refused_with_the_nearest_name(home: Path) -> None:
    with pytest.raises(SpecError) as error:
        load({**CAMPAIGN, "scenarios": "twoo"}, home=home)
    (problem,) = error.value.problems
    assert (problem.reason, problem.path) == ("UNKNOWN_ID", "/scenarios")
    assert "two" in problem.hints[0].text


@pytest.mark.parametrize(
    ("names", "reason", "path"),
    [
        (["trend-up-mid", "no-such-market"], "UNKNOWN_ID", "/scenarios/1"),
        (["vol-calm", "vol-calm"], "DUPLICATE", "/scenarios/1"),
        ([], "OUT_OF_RANGE", "/scenarios"),
    ],
)
def test_a_wrong_list_is_refused_with_its_place(names: list[str], reason: str, path: str) -> None:
    with pytest.raises(SpecError) as error:
        read_suite({**SUITE, "scenarios": names})
    assert [(each.reason, each.path) for each in error.value.problems] == [(reason, path)]


def test_a_suite_is_told_from_a_campaign_by_its_fields(home: Path) -> None:
    text = (home / "suites" / "two.toml").read_text()
    assert check_document(text) == []
    wrong = check_document(text.replace("vol-calm", "vol-clam"))
    assert [(each.reason, each.path) for each in wrong] == [("UNKNOWN_ID", "/scenarios/1")]
