"""Sealed scenarios, the ladder of a finite hold-out, and the plan before a tournament."""

from __future__ import annotations

import hashlib

import pytest

from simcore.errors import InvariantError, SpecError
from simcore.tournaments.planner import for_unknown_spread, paired_deviation, plan
from simcore.tournaments.sealed import Ladder, check_fresh, check_opened, commitment, seeds


def test_a_sealed_seed_is_what_anybody_computes_from_what_is_published() -> None:
    text = f"sealed-v1:cup:3:{'ab' * 32}:salt:1"
    expected = int(hashlib.sha256(text.encode()).hexdigest()[:16], 16) >> 11
    assert seeds("cup", 3, "ab" * 32, "salt", 2)[1] == expected < 2**53


def test_every_part_of_the_address_changes_every_seed() -> None:
    sets = [
        seeds("cup", 0, "aa", "s", 5), seeds("cap", 0, "aa", "s", 5), seeds("cup", 1, "aa", "s", 5),
        seeds("cup", 0, "ab", "s", 5), seeds("cup", 0, "aa", "t", 5),
    ]  # fmt: skip
    assert len({seed for each in sets for seed in each}) == 25


def test_a_salt_must_be_the_one_that_was_committed_to() -> None:
    check_opened(commitment("pepper and paprika"), "pepper and paprika")
    with pytest.raises(SpecError, match="got a salt") as refusal:
        check_opened(commitment("pepper and paprika"), "salt")
    assert refusal.value.problems[0].reason == "SEAL_BROKEN"


def test_a_salt_that_could_be_guessed_is_refused() -> None:
    check_opened(commitment("pepper, paprika!"), "pepper, paprika!")
    with pytest.raises(SpecError, match="got a salt of 15 characters, expected 16") as refusal:
        check_opened(commitment("pepper, paprika"), "pepper, paprika")
    assert refusal.value.problems[0].reason == "SEAL_WEAK"


def test_a_seed_that_was_used_before_is_refused() -> None:
    check_fresh([1, 2], [3])
    with pytest.raises(SpecError) as refusal:
        check_fresh([1, 2], [2, 3])
    assert refusal.value.problems[0].reason == "SEAL_REUSED"


class TestLadder:
    def test_publishes_a_new_score_only_when_it_is_a_step_better(self) -> None:
        published, ladder = Ladder(step=0.1).ask(0.43)
        assert published == pytest.approx(0.4)
        again, ladder = ladder.ask(0.49)
        assert again == published
        better, ladder = ladder.ask(0.56)
        assert better == pytest.approx(0.6) and ladder.queries == 3

    def test_publishes_a_score_that_is_just_a_step_better(self) -> None:
        assert Ladder(step=0.5, best=1.0).ask(1.5)[0] == 1.5

    def test_rounds_halves_to_even(self) -> None:
        assert Ladder(step=0.5).ask(0.25)[0] == 0.0
        assert Ladder(step=0.5).ask(0.75)[0] == 1.0

    def test_retires_after_twenty_questions(self) -> None:
        ladder = Ladder(step=0.1)
        for _ in range(20):
            _, ladder = ladder.ask(1.0)
        assert ladder.is_retired
        with pytest.raises(SpecError) as refusal:
            ladder.ask(2.0)
        assert refusal.value.problems[0].reason == "HOLDOUT_RETIRED"


class TestPlan:
    def test_the_smallest_difference_seen_shrinks_with_the_root_of_scenarios(self) -> None:
        assert plan(200).mde_sd == pytest.approx((1.6448536 + 0.8416212) / 200**0.5, rel=1e-6)
        assert plan(50).mde_sd == pytest.approx(2.0 * plan(200).mde_sd)

    def test_what_is_needed_and_what_is_seen_agree(self) -> None:
        made = plan(200, deviation=3.0, wanted=0.5)
        assert made.needed == 223
        assert plan(223, deviation=3.0).mde == pytest.approx(0.5, rel=5e-3)

    def test_a_spread_that_is_estimated_takes_as_many_more_as_students_test(self) -> None:
        from scipy import optimize, stats

        def power(n: float) -> float:
            t = stats.t.ppf(0.95, n - 1)
            return float(stats.nct.sf(t, n - 1, n**0.5 * 0.6))

        exact = optimize.brentq(lambda n: power(n) - 0.8, 5, 60)
        known = plan(1, deviation=1.0, wanted=0.6).needed or 0
        assert known < exact <= for_unknown_spread(known, 0.05) < exact + 2.0

    def test_pairing_divides_the_scenarios_that_are_needed(self) -> None:
        unpaired = plan(100, deviation=paired_deviation(1.0, 0.0), wanted=0.1).needed or 0
        paired = plan(100, deviation=paired_deviation(1.0, 0.9), wanted=0.1).needed or 1
        assert unpaired / paired == pytest.approx(10.0, rel=0.01)

    @pytest.mark.parametrize("given", [(0, 0.05), (5, 0.0), (5, 0.6)])
    def test_a_plan_that_is_none_is_refused(self, given: tuple[int, float]) -> None:
        with pytest.raises(InvariantError):
            plan(given[0], alpha=given[1])
