from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simcore.campaign import check_document, load
from simcore.errors import SpecError
from simcore.tournaments import pairings

CAMPAIGN: dict[str, Any] = {
    "version": "0.1.0",
    "id": "mine",
    "name": "Mine",
    "seed": 1,
    "days": 5,
    "scenarios": ["vol-calm"],
    "strategies": ["ma_cross", "zero_rule"],
    "tournaments": [],
    "chaos": "none",
}


def reasons(**changes: Any) -> list[tuple[str, str]]:
    with pytest.raises(SpecError) as refused:
        load({**CAMPAIGN, **changes})
    return [(each.path, each.reason) for each in refused.value.problems]


def test_a_campaign_resolves_what_it_names_and_sets_its_length() -> None:
    campaign = load(CAMPAIGN)
    assert [scenario.document.duration_bars for scenario in campaign.scenarios] == [120]
    assert [strategy.id for strategy in campaign.strategies] == ["ma_cross", "zero_rule"]


def test_all_means_every_strategy_there_is(tmp_path: Path) -> None:
    asked = {**CAMPAIGN, "strategies": "all"}
    library = {strategy.id for strategy in load(asked).strategies}
    assert {"ma_cross", "zero_rule", "buy_and_hold"} <= library
    assert load(asked).enters("not_written_yet")
    assert not load(CAMPAIGN).enters("buy_and_hold")


def test_a_wrong_strategy_refuses_a_strict_campaign_and_is_left_out_of_a_lenient_one(
    tmp_path: Path,
) -> None:
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "broken.toml").write_text('id = "broken"\n')
    asked = {**CAMPAIGN, "strategies": "all"}
    with pytest.raises(SpecError, match=r"strategies/broken\.toml"):
        load(asked, home=tmp_path)
    campaign = load(asked, home=tmp_path, is_strict=False)
    assert "broken" not in {strategy.id for strategy in campaign.strategies}
    assert "strategies/broken.toml" in {problem.source for problem in campaign.refused}


def test_a_strategy_that_a_campaign_names_is_never_left_out(tmp_path: Path) -> None:
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "broken.toml").write_text('id = "broken"\n')
    with pytest.raises(SpecError, match=r"strategies/broken\.toml"):
        load({**CAMPAIGN, "strategies": ["broken"]}, home=tmp_path, is_strict=False)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"days": 0}, ("/days", "OUT_OF_RANGE")),
        ({"scenarios": []}, ("/scenarios", "OUT_OF_RANGE")),
        ({"scenarios": ["vol-calm", "vol-calm"]}, ("/scenarios", "DUPLICATE")),
        ({"scenarios": ["vol-clam"]}, ("/scenarios/0", "UNKNOWN_ID")),
        ({"strategies": ["ma_corss"]}, ("/strategies/0", "UNKNOWN_ID")),
        ({"tournaments": ["league"]}, ("/tournaments/0", "UNKNOWN_ID")),
        ({"chaos": "thunder"}, ("/chaos", "UNKNOWN_ID")),
        ({"id": "null"}, ("/id", "BAD_ID")),
        ({"nonsense": 1}, ("/nonsense", "UNKNOWN_FIELD")),
        ({"seed": "one"}, ("/seed", "WRONG_TYPE")),
        ({"initial_cash": -1.0}, ("/initial_cash", "OUT_OF_RANGE")),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_a_wrong_campaign_is_refused_at_the_place(
    changes: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert expected in reasons(**changes)


def test_an_unknown_execution_is_refused() -> None:
    assert any(path.startswith("/execution") for path, _ in reasons(execution="dishonest_v9"))


def test_too_few_days_for_a_scenario_are_the_campaigns_fault() -> None:
    with pytest.raises(SpecError) as refused:
        load({**CAMPAIGN, "days": 2, "scenarios": ["vol-calm", "vol-stormy"]})
    problems = refused.value.problems
    assert [(each.source, each.path, each.reason) for each in problems] == [
        ("mine", "/days", "OUT_OF_RANGE")
    ] * 2
    assert '"vol-calm", expected 100 to 5000000 bars [set days to 5 or more]' in str(problems[0])
    assert '"vol-stormy"' in problems[1].message


def test_too_few_days_for_the_chaos_are_refused_with_the_days_it_needs() -> None:
    assert ("/days", "OUT_OF_RANGE") in reasons(chaos="light")


def test_every_problem_of_everything_it_names_is_told_at_once() -> None:
    found = reasons(scenarios=["a", "b"], strategies=["c"], tournaments=["d"], chaos="e")
    assert [path for path, _ in found] == [
        "/scenarios/0", "/scenarios/1", "/tournaments/0", "/strategies/0", "/chaos",
    ]  # fmt: skip


def test_a_document_that_its_model_refuses_still_tells_of_every_name_in_it() -> None:
    with pytest.raises(SpecError) as refused:
        load(
            {
                **CAMPAIGN, "initial_cash": "10000", "days": 2, "chaos": "lihgt",
                "scenarios": ["vol-calm", "vol-clam", 3], "strategies": ["ma_corss"],
                "tournaments": ["c1-round-robni"], "execution": "honest_v2",
            }
        )  # fmt: skip
    problems = refused.value.problems
    assert sorted((each.path, each.reason) for each in problems) == [
        ("/chaos", "UNKNOWN_ID"),
        ("/days", "OUT_OF_RANGE"),
        ("/execution", "UNKNOWN_ID"),
        ("/initial_cash", "WRONG_TYPE"),
        ("/scenarios/1", "UNKNOWN_ID"),
        ("/scenarios/2", "WRONG_TYPE"),
        ("/strategies/0", "UNKNOWN_ID"),
        ("/tournaments/0", "UNKNOWN_ID"),
    ]
    assert {each.source for each in problems} == {"mine"}
    hints = {each.path: each.hints[0].text for each in problems if each.reason == "UNKNOWN_ID"}
    assert hints == {
        "/chaos": 'did you mean "light"?',
        "/execution": 'did you mean "honest_v1"?',
        "/scenarios/1": 'did you mean "vol-calm"?',
        "/strategies/0": 'did you mean "ma_cross"?',
        "/tournaments/0": 'did you mean "c1-round-robin"?',
    }


@pytest.mark.parametrize("field", ["scenarios", "strategies", "tournaments", "chaos", "execution"])
@pytest.mark.parametrize("value", [5, None, True, {"a": 1}, [[1]]])
def test_a_field_of_the_wrong_type_is_refused_once_for_what_it_is(field: str, value: Any) -> None:
    if field == "execution" and isinstance(value, dict):
        value = 1.5  # a table is what an execution may be
    places = {path.split("/")[1] for path, _ in reasons(**{field: value})}
    assert places == {field}


def test_a_strategy_that_is_named_twice_is_refused_for_that_alone() -> None:
    assert reasons(strategies=["ma_cross", "ma_cross"]) == [("/strategies", "DUPLICATE")]
    assert reasons(strategies="al") == [("/strategies", "BAD_ENUM")]


def test_a_document_without_an_id_keeps_the_places_of_its_problems() -> None:
    with pytest.raises(SpecError) as refused:
        load({name: value for name, value in {**CAMPAIGN, "days": 2}.items() if name != "id"})
    assert [each.path for each in refused.value.problems] == ["/id", "/days"]


def test_days_that_cannot_be_are_refused_once() -> None:
    assert reasons(days=0, chaos="light") == [("/days", "OUT_OF_RANGE")]


def tournament(home: Path, extra: str) -> None:
    (home / "tournaments").mkdir(exist_ok=True)
    form = "" if "format = " in extra else 'format = { type = "round_robin" }\n'
    (home / "tournaments" / "league.toml").write_text(
        f'version = "0.1.0"\nid = "league"\nname = "L"\nseed = 1\n{form}{extra}\n'
    )


@pytest.mark.parametrize(
    ("extra", "wanted"),
    [
        ('entries = ["buy_and_hold"]\nscenarios = "campaign"', 'strategy "buy_and_hold"'),
        ('entries = "campaign"\nscenarios = ["vol-stormy"]', 'scenario "vol-stormy"'),
        ('entries = "campaign"\nscenarios = "campaign"\ninitial_cash = 5.0', "initial_cash 5.0"),
        (
            'entries = "campaign"\nscenarios = "campaign"\n'
            'execution = { base = "honest_v1", fee_bps = 9.0 }',
            "execution honest_v1+",
        ),
    ],
)
def test_a_tournament_that_wants_what_the_campaign_does_not_give_is_refused(
    tmp_path: Path, extra: str, wanted: str
) -> None:
    tournament(tmp_path, extra)
    with pytest.raises(SpecError) as refused:
        load({**CAMPAIGN, "tournaments": ["league"]}, home=tmp_path)
    (problem,) = refused.value.problems
    assert (problem.path, problem.reason) == ("/tournaments/0", "MISFIT")
    assert wanted in problem.message


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ('champion = "nobody"', ("MISFIT", "/tournaments/0")),
        ('format = { type = "gauntlet", challengers = ["nobody"] }', ("MISFIT", "/tournaments/0")),
        ('format = { type = "sprt", champion = "nobody" }', ("MISFIT", "/tournaments/0")),
        ("family_weights = { agents = 1.0 }", ("WEIGHTS", "/family_weights")),
        (
            'format = { type = "elimination", seeded_by = "nobody" }',
            ("UNKNOWN_NAME", "/format/seeded_by"),
        ),
        ("arena = { depth_base_per_bps = 1.0 }", ("OUT_OF_RANGE", "/arena")),
    ],
)
def test_what_a_tournament_would_refuse_when_it_is_played_is_refused_before_anything_runs(
    tmp_path: Path, extra: str, expected: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairings, "PAIRINGS_MAX", 0)
    tournament(tmp_path, f'entries = "campaign"\nscenarios = "campaign"\n{extra}')
    asked = {**CAMPAIGN, "strategies": ["ma_cross", "zero_rule"], "tournaments": ["league"]}
    with pytest.raises(SpecError) as refused:
        load(asked, home=tmp_path)
    assert [(each.reason, each.path) for each in refused.value.problems] == [expected]


def test_a_tournament_within_the_campaign_fits(tmp_path: Path) -> None:
    tournament(tmp_path, 'entries = ["ma_cross", "zero_rule"]\nscenarios = ["vol-calm"]')
    campaign = load({**CAMPAIGN, "tournaments": ["league"]}, home=tmp_path)
    assert [each.id for each in campaign.tournaments] == ["league"]


@pytest.mark.parametrize("name", ["ma_cross", "c0-tiny", "c1-light", "vol-calm", "c1-round-robin"])
def test_a_library_document_has_no_error_whatever_its_kind(name: str) -> None:
    assert [each for each in check_document(name) if each.severity == "error"] == []


def test_an_id_that_nothing_has_is_met_with_the_nearest() -> None:
    (problem,) = check_document("ma_corss")
    assert problem.reason == "UNKNOWN_ID"
    assert "ma_cross" in problem.hints[0].text


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('rules = 1\nid = "x"\n', "/rules"),
        ('family = "trned"\nid = "x"\n', "/family"),
        ('format = 1\nid = "x"\n', "/format"),
        ('days = "x"\nid = "x"\n', "/days"),
    ],
)
def test_the_kind_of_a_text_is_told_from_its_fields(text: str, place: str) -> None:
    assert place in {problem.path for problem in check_document(text)}


def test_a_text_of_no_kind_is_refused() -> None:
    assert [problem.reason for problem in check_document('a = 1\nb = "x"\n')] == ["MISSING_FIELD"]


def test_the_kind_of_a_file_is_its_folders(tmp_path: Path) -> None:
    (tmp_path / "tournaments").mkdir()
    path = tmp_path / "tournaments" / "league.toml"
    path.write_text('id = "league"\n')
    assert "/format" in {problem.path for problem in check_document(str(path))}


def test_a_market_of_several_assets_is_refused_where_it_is_named() -> None:
    wrong = reasons(scenarios=["trend-up-mid", "one-factor-five"], tournaments=[])
    assert wrong == [("/scenarios/1", "MULTIPLE_ASSETS")]
