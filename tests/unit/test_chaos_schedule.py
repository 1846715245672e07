"""The calendar of harm: drawn for each strike alone, and the universes made of it."""

from __future__ import annotations

import itertools
import json

import pytest

from simcore.chaos import schedule
from simcore.chaos.document import scenarios
from simcore.chaos.kinds import DAY_NS, HOUR_NS, MINUTE_NS
from simcore.errors import SpecError

SEEDS = (0, 1, 2**53 - 1)


@pytest.fixture(params=SEEDS)
def planned(request: pytest.FixtureRequest) -> list[schedule.Injection]:
    return schedule.injections(schedule.level("light", 30), request.param)


def test_light_weather_is_one_crash_of_prices_five_of_processes_and_one_silence(
    planned: list[schedule.Injection],
) -> None:
    days = [(each.kind, each.t_arm // DAY_NS) for each in planned]
    assert days == [("A1", 8), *(("C1", day) for day in range(12, 17)), ("D1", 20)]
    assert [each.inj_id for each in planned] == list(range(1, 8))


def test_a_strike_falls_on_a_whole_minute_in_the_middle_half_of_its_day(
    planned: list[schedule.Injection],
) -> None:
    for each in planned:
        within = each.t_arm % DAY_NS
        assert 6 * HOUR_NS <= within < 18 * HOUR_NS
        assert within % MINUTE_NS == 0


def test_strikes_of_one_kind_lie_at_least_twelve_hours_apart(
    planned: list[schedule.Injection],
) -> None:
    crashes = sorted(each.t_arm for each in planned if each.kind == "C1")
    gaps = [later - earlier for earlier, later in itertools.pairwise(crashes)]
    assert min(gaps) >= 12 * HOUR_NS


@pytest.mark.parametrize("left_out", range(3))
@pytest.mark.parametrize("seed", SEEDS)
def test_leaving_a_scenario_out_moves_no_other_strike(left_out: int, seed: int) -> None:
    plan = schedule.level("light", 30)
    fewer = plan.model_copy(
        update={"injections": [x for i, x in enumerate(plan.injections) if i != left_out]}
    )
    whole = {(each.scenario, each.t_arm) for each in schedule.injections(plan, seed)}
    rest = {(each.scenario, each.t_arm) for each in schedule.injections(fewer, seed)}
    gone = plan.injections[left_out].scenario
    assert rest == {strike for strike in whole if strike[0] != gone}


def test_leaving_one_day_out_moves_no_other_day() -> None:
    plan = schedule.level("light", 30)
    shorter = plan.injections[1].model_copy(update={"days": [12, 13, 15, 16]})
    fewer = plan.model_copy(update={"injections": [shorter]})
    strikes = {each.t_arm for each in schedule.injections(plan, 5) if each.kind == "C1"}
    rest = {each.t_arm for each in schedule.injections(fewer, 5)}
    assert rest < strikes and len(rest) == 4


def test_another_seed_strikes_at_another_hour() -> None:
    plan = schedule.level("light", 30)
    hours = {schedule.injections(plan, seed)[0].t_arm for seed in range(20)}
    assert len(hours) > 15


def test_two_scenarios_on_one_day_strike_each_at_its_own_hour() -> None:
    plan = schedule.level("light", 30)
    same_day = [each.model_copy(update={"days": [9]}) for each in plan.injections]
    crowded = plan.model_copy(update={"injections": same_day})
    hours = [{each.t_arm for each in schedule.injections(crowded, seed)} for seed in range(20)]
    assert sum(len(each) == 3 for each in hours) > 15


def test_more_seeds_change_none_of_the_first() -> None:
    assert schedule.run_seeds(1, 5)[:2] == schedule.run_seeds(1, 2)
    assert len(set(schedule.run_seeds(1, 100))) == 100
    assert schedule.run_seeds(1, 1) != schedule.run_seeds(2, 1)


def _universe(arm: schedule.Arm, days: int = 30) -> dict[str, object]:
    plan = schedule.level("light", days)
    stack = schedule.stack_of(plan)
    return schedule.universe("c1-light", 9, arm, days, stack, schedule.injections(plan, 9))


def test_the_arms_differ_in_what_is_done_to_them_and_in_nothing_else() -> None:
    real, twin, canary = (_universe(arm) for arm in schedule.ARMS)
    assert twin["injections"] == [] and canary["controls_off"] == ["K07"]
    assert real["controls_off"] == twin["controls_off"] == []
    assert canary["injections"] == real["injections"] and len(real["injections"]) == 7  # type: ignore[arg-type]
    same = set(real) - {"arm", "injections", "controls_off"}
    assert all(real[name] == twin[name] == canary[name] for name in same)


def test_a_universe_is_json_and_names_no_seed_within_its_market() -> None:
    real = json.loads(json.dumps(_universe("real")))
    market = real["market"]
    assert "seed" not in market["scenario"]
    assert market["scenario"]["duration_bars"] == 30 * 1440
    assert market["scenario"]["tick_size"] == 0.01
    assert len(set(market["seeds"])) == 4


def test_the_market_of_a_seed_does_not_depend_on_what_strikes_it() -> None:
    plan = schedule.level("light", 30)
    stack = schedule.stack_of(plan)
    quiet = schedule.universe("c1-light", 9, "real", 30, stack, [])
    assert quiet["market"] == _universe("real")["market"]


def test_twenty_strategies_five_an_instrument_long_or_flat() -> None:
    rows = _universe("real")["strategies"]
    assert isinstance(rows, list) and len(rows) == 20
    assert [row["strategy"] for row in rows] == list(range(20))
    assert all(row["fast_bars"] < row["slow_bars"] for row in rows)
    assert [sum(row["instrument"] == at for row in rows) for at in range(4)] == [5] * 4
    assert {row["capital_ppm"] for row in rows} == {40_000}


def test_an_unknown_level_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(SpecError) as refusal:
        schedule.level("hurricane", 30, "storm.toml")
    problem = refusal.value.problems[0]
    assert (problem.code, problem.reason, problem.path) == ("DOC_INVALID", "UNKNOWN_ID", "/chaos")
    assert "hurricane" in problem.message and "light" in problem.message


@pytest.mark.parametrize(("days", "is_enough"), [(21, False), (22, True), (365, True)])
def test_a_campaign_must_outlast_its_last_strike_by_a_day(days: int, is_enough: bool) -> None:
    if is_enough:
        assert schedule.level("light", days).id == "light"
        return
    with pytest.raises(SpecError, match="found 21 days, expected at least 22") as refusal:
        schedule.level("light", days, "short.toml")
    assert refusal.value.problems[0].path == "/days"


@pytest.mark.parametrize("scenario", scenarios().values(), ids=lambda each: each.id)
class TestEveryScenario:
    def test_has_a_thesis_a_source_and_a_witnessed_effect(self, scenario: object) -> None:
        texts = [getattr(scenario, name) for name in ("thesis", "source", "effect", "title")]
        assert all(len(text.split()) > 1 for text in texts)

    def test_names_what_no_oracle_judges_yet(self, scenario: object) -> None:
        assert getattr(scenario, "not_judged")  # noqa: B009

    def test_has_parameters_for_light_weather(self, scenario: object) -> None:
        assert "light" in getattr(scenario, "levels")  # noqa: B009


def test_the_catalogue_lists_every_scenario_by_name() -> None:
    listed = schedule.chaos_scenarios()
    assert [row["name"] for row in listed] == sorted(scenarios())
    assert {row["kind"] for row in listed} == {"A1", "C1", "D1"}
