"""Elimination, Swiss, race and the sequential test: what is particular to each."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from courses import by_name, played_out, start
from courses import result as result_of
from scipy.optimize import brentq

from simcore.errors import SpecError
from simcore.tournaments.document import read_tournament
from simcore.tournaments.formats.elimination import EliminationOptions, bracket
from simcore.tournaments.formats.race import RaceOptions
from simcore.tournaments.formats.sprt import SprtOptions, bounds, llr_margin, llr_wdl
from simcore.tournaments.formats.swiss import SwissOptions, _Card, _enter, _places
from simcore.tournaments.game import Match
from simcore.tournaments.resample import deck

CUP = EliminationOptions(type="elimination")
DOUBLE = EliminationOptions(type="elimination", double=True)
SWISS = SwissOptions(type="swiss")


def noisy(entrant: str, market: int) -> float:
    """Nobody is better: a fixed draw for each entrant and market."""
    return float(np.random.default_rng([int(entrant[1:]), market]).normal())


def likelihood(counts: tuple[int, int, int], elo: float) -> float:
    """Log likelihood of wins, draws, losses, at its maximum with the mean score of an Elo lead.

    The maximum has chances p / (1 + k (score - mean)) of observed shares p, with one number k.
    """
    mean = 1.0 / (1.0 + 10.0 ** (-elo / 400.0))
    shares = np.array(counts) / sum(counts)
    lead = np.array([1.0, 0.5, 0.0]) - mean

    def slope(k: float) -> float:
        return float(np.sum(shares * lead / (1.0 + k * lead)))

    k = brentq(slope, -0.999 / lead[0], 0.999 / -lead[2])
    return float(np.array(counts) @ np.log(shares / (1.0 + k * lead)))


class TestElimination:
    def test_a_bracket_keeps_the_best_apart_the_longest(self) -> None:
        assert bracket(8) == [1, 8, 4, 5, 2, 7, 3, 6]
        assert bracket(2) == [1, 2]

    def test_seeds_are_prior_ratings_and_need_no_qualifier(self) -> None:
        prior = {f"e{i:02}": float(i) for i in range(4)}
        rounds, _, _ = played_out(CUP, start(4, prior=prior), by_name)
        assert rounds[0].matches == (Match("e00", "e03"), Match("e01", "e02"))
        assert [each.stage for each in rounds] == ["last 4", "last 2"]

    def test_without_a_rating_a_qualifier_of_all_against_all_seeds(self) -> None:
        rounds, _, _ = played_out(CUP, start(4), by_name)
        assert rounds[0].stage == "qualifier"
        assert len(rounds[0].matches) == 6
        assert rounds[1].matches == (Match("e00", "e03"), Match("e01", "e02"))

    @pytest.mark.parametrize("n", [3, 5, 6, 7])
    def test_byes_go_to_the_top_seeds(self, n: int) -> None:
        prior = {f"e{i:02}": -float(i) for i in range(n)}
        rounds, _, _ = played_out(CUP, start(n, prior=prior), by_name)
        n_byes = 2 ** math.ceil(math.log2(n)) - n
        assert rounds[0].byes == tuple(f"e{i:02}" for i in range(n_byes))

    @pytest.mark.parametrize("n", range(2, 18))
    def test_who_loses_once_is_out_and_one_is_left(self, n: int) -> None:
        prior = {f"e{i:02}": 0.0 for i in range(n)}
        rounds, history, finish = played_out(CUP, start(n, prior=prior), noisy)
        losses = dict.fromkeys(prior, 0)
        for results in history:
            for (a, b), result in results.items():
                assert losses[a] == losses[b] == 0
                losses[b if result.margin > 0 else a] += 1
        unbeaten = [name for name, lost in losses.items() if lost == 0]
        assert [*finish.places[0]] == unbeaten
        assert len(rounds) == math.ceil(math.log2(n))

    @pytest.mark.parametrize("n", range(2, 18))
    def test_in_the_double_form_who_loses_twice_is_out(self, n: int) -> None:
        prior = {f"e{i:02}": 0.0 for i in range(n)}
        _, history, finish = played_out(DOUBLE, start(n, 200, prior=prior), noisy)
        losses = dict.fromkeys(prior, 0)
        for results in history:
            for (a, b), result in results.items():
                assert losses[a] < 2 and losses[b] < 2
                losses[b if result.margin > 0 else a] += 1
        assert [name for name, lost in losses.items() if lost < 2] == [*finish.places[0]]
        assert all(lost == 2 for name, lost in losses.items() if name not in finish.places[0])

    def test_level_entrants_get_two_fresh_hands_and_then_the_seed_decides(self) -> None:
        prior = {"e00": 1.0, "e01": 2.0}
        rounds, _, finish = played_out(CUP, start(2, prior=prior), lambda _e, _m: 1.0)
        assert [each.stage for each in rounds] == ["last 2", "last 2, extra 1", "last 2, extra 2"]
        assert finish.places == (("e01",), ("e00",))
        assert finish.facts["decided_by_seed"] == "e00:e01"

    def test_a_tie_takes_no_market_that_a_later_round_needs(self) -> None:
        options = EliminationOptions(type="elimination", markets_per_round=1)
        rounds, _, _ = played_out(options, start(8, 6), lambda _, __: 0.0)
        assert [each.stage for each in rounds] == [
            "qualifier", "last 8", "last 8, extra 1", "last 8, extra 2", "last 4", "last 2",
        ]  # fmt: skip
        assert [len(each.markets or ()) for each in rounds] == [1] * 6

    def test_each_tie_has_its_two_hands_as_long_as_markets_are_left(self) -> None:
        prior = {f"e{i:02}": -float(i) for i in range(4)}
        few = EliminationOptions(type="elimination", markets_per_round=10)
        for n_markets, n_parted in ((40, 2), (50, 3), (60, 4), (200, 4)):
            known = start(4, n_markets, prior=prior)
            rounds, _, finish = played_out(few, known, lambda _e, _m: 1.0)
            stages = [each.stage for each in rounds]
            assert sum("extra" in stage for stage in stages) == n_parted
            assert finish.places[0] == ("e00",)
            assert "last 4" in stages and "last 2" in stages


class TestSwiss:
    def test_a_rest_is_worth_a_match_won(self) -> None:
        options = SwissOptions(type="swiss", rounds=1)
        rounds, _, finish = played_out(options, start(3, 9), by_name)
        assert rounds[0].byes == ("e00",)
        # Level in points with who won, and ahead by the mean score, which is 0 of no match.
        assert finish.places == (("e00",), ("e01",), ("e02",))

    def test_rounds_are_one_more_than_halving_takes(self) -> None:
        assert [len(played_out(SWISS, start(n), by_name)[0]) for n in (2, 3, 4, 5, 8, 9)] == [
            2, 3, 3, 4, 4, 5,
        ]  # fmt: skip

    @pytest.mark.parametrize("n", range(4, 15))
    def test_nobody_meets_the_same_again_nor_rests_twice(self, n: int) -> None:
        rounds, _, _ = played_out(SWISS, start(n), noisy)
        met = [match for each in rounds for match in each.matches]
        rested = [entrant for each in rounds for entrant in each.byes]
        assert len(set(met)) == len(met)
        assert len(set(rested)) == len(rested) == (len(rounds) if n % 2 else 0)
        for each in rounds:
            seated = [entrant for match in each.matches for entrant in match] + [*each.byes]
            assert sorted(seated) == list(start(n).entrants)

    def test_the_second_round_pairs_winners_with_winners(self) -> None:
        rounds, history, _ = played_out(SWISS, start(8), by_name)
        won = {(a if result.margin > 0 else b) for (a, b), result in history[0].items()}
        assert all((a in won) == (b in won) for a, b in rounds[1].matches)

    def test_the_bye_goes_to_the_last_who_has_had_none(self) -> None:
        rounds, _, _ = played_out(SWISS, start(5), by_name)
        assert rounds[1].byes[0] != rounds[0].byes[0]
        beaten = {match[1] for match in rounds[0].matches}  # the first name is the better
        assert rounds[1].byes[0] in beaten

    def test_in_a_long_tournament_nobody_rests_twice_more_than_another(self) -> None:
        rounds, _, _ = played_out(SwissOptions(type="swiss", rounds=7), start(3, 70), by_name)
        rested = Counter(entrant for each in rounds for entrant in each.byes)
        assert sorted(rested.values()) == [2, 2, 3]

    def test_a_rest_is_the_weakest_opponent_and_a_second_meeting_another_one(self) -> None:
        # All have two points of three. Without the weakest opponent: of a rest, 1 and 2 points 3
        # are left; of 1/2, 1 and 1 points 2; of 1, 1 and 1/2, one of them met twice, 2 again, but
        # only 1 if the two meetings were one.
        cards = {
            "rested": _Card(2.0, 1, {"one": 1.0, "two": 0.0}, ["one", "two"]),
            "thrice": _Card(2.0, 0, {"half": 1.0, "one": 1.0, "uno": 0.0}, ["half", "one", "uno"]),
            "twice": _Card(2.0, 0, {"one": 2.0, "half": 0.0}, ["one", "one", "half"]),
            "two": _Card(2.0, 0, {"zero": 2.0}, ["zero", "zero", "zero"]),
            **{name: _Card(1.0) for name in ("one", "uno")},
            "half": _Card(0.5),
            "zero": _Card(0.0),
        }
        placed = [group for group in _places(cards) if cards[group[0]].points == 2.0]
        # Of the two with Buchholz 2 Sonneborn and Berger's count is 1 and 1/2 against 2.
        assert placed == [("rested",), ("twice",), ("thrice",), ("two",)]

    def test_the_weakest_opponent_of_each_is_left_out(self) -> None:
        # Without the weakest one has met 3 points and the other 2; with it, 3 and 3.5.
        points = {"none": 0.0, "three": 3.0, "some": 1.5, "two": 2.0}
        cards = {
            "even": _Card(2.5, 0, {}, ["some", "two"]),
            "steep": _Card(2.5, 0, {}, ["none", "three"]),
            **{name: _Card(value) for name, value in points.items()},
        }
        assert _places(cards) == (
            ("three",), ("steep",), ("even",), ("two",), ("some",), ("none",),
        )  # fmt: skip

    def test_a_match_that_differs_by_rounding_only_is_half_a_point_for_each(self) -> None:
        match, cards = Match("e00", "e01"), {"e00": _Card(), "e01": _Card()}
        _enter(cards, {match: result_of(match, (0,), lambda e, _m: 5e-8 * (e == "e00"))})
        assert [card.points for card in cards.values()] == [0.5, 0.5]
        _enter(cards, {match: result_of(match, (0,), lambda e, _m: 5e-7 * (e == "e00"))})
        assert [card.points for card in cards.values()] == [1.5, 0.5]

    def test_who_is_level_in_all_else_is_parted_by_the_mean_score(self) -> None:
        # Beaten by as much, but on the markets of the rounds one of them scored more.
        cards = {
            "low": _Card(1.0, 0, {"x": 1.0}, ["x", "x"], [1.0, 3.0]),
            "high": _Card(1.0, 0, {"x": 1.0}, ["x", "x"], [2.0, 2.5]),
            "x": _Card(0.0),
        }
        assert _places(cards) == (("high",), ("low",), ("x",))

    def test_its_mean_score_is_that_of_the_markets_it_played(self) -> None:
        # Two pairs, each won by as much in both rounds; all but the level of the scores is equal.
        level = {"e00": 9.0, "e01": 5.0, "e02": 8.0, "e03": 4.0}
        options = SwissOptions(type="swiss", rounds=1)
        _, _, finish = played_out(options, start(4), lambda e, _m: level[e])
        order = [each for group in finish.places for each in group]
        assert len(finish.places) == 4
        assert sorted(order[:2], key=lambda e: -level[e]) == order[:2]
        assert sorted(order[2:], key=lambda e: -level[e]) == order[2:]


class TestRace:
    def test_who_is_surely_behind_drops_out_and_the_best_stays(self) -> None:
        def score(entrant: str, market: int) -> float:
            return noisy(entrant, market) - 3.0 * (int(entrant[1:]) >= 2)

        options = RaceOptions(type="race", batch_markets=10)
        rounds, _, finish = played_out(options, start(6, 100), score)
        assert set(finish.places[0]) <= {"e00", "e01"}
        assert len(rounds[0].matches) == 5 and len(rounds[-1].matches) <= 1

    def test_a_field_of_equals_loses_its_members_no_more_often_than_allowed(self) -> None:
        n_lost = 0
        for seed in range(200):
            draws = np.random.default_rng(seed).normal(size=(4, 60))
            options = RaceOptions(type="race", batch_markets=10)
            finish = played_out(
                options, start(4, 60), lambda e, m, draws=draws: float(draws[int(e[1:]), m])
            )[2]
            n_lost += "e00" not in finish.places[0]
        # 5 % over 200 fields; 18 lie three standard errors above.
        assert n_lost <= 18

    @pytest.mark.parametrize(
        ("n_entrants", "errors_behind", "stays"),
        [(2, 2.07, True), (2, 2.2, False), (3, 2.5, True), (3, 2.9, False)],
    )
    def test_five_markets_judge_by_students_t_and_share_the_error_among_rivals(
        self, n_entrants: int, errors_behind: float, stays: bool
    ) -> None:
        # t with 4 degrees of freedom is 2.132 for one rival at 5 %, 2.776 for each of two.
        last = f"e{n_entrants - 1:02}"
        spread = [1.0, -1.0, 1.0, -1.0, 0.0]  # deviation 1, so that the error is 1 / sqrt(5)

        def score(entrant: str, market: int) -> float:
            return spread[market] - errors_behind / math.sqrt(5.0) if entrant == last else 0.0

        options = RaceOptions(type="race", batch_markets=5)
        finish = played_out(options, start(n_entrants, 5), score)[2]
        assert (last in finish.places[0]) == stays

    def test_what_differs_by_rounding_only_is_not_behind(self) -> None:
        options = RaceOptions(type="race", batch_markets=10)
        _, _, finish = played_out(
            options, start(2, 40), lambda e, m: noisy("e00", m) - 1e-12 * (e == "e01")
        )
        assert finish.places == (("e00", "e01"),)


class TestSprt:
    def test_bounds_are_those_of_wald(self) -> None:
        low, high = bounds(0.05, 0.05)
        assert (round(low, 4), round(high, 4)) == (-2.9444, 2.9444)
        assert bounds(0.01, 0.1)[1] == pytest.approx(math.log(90.0))

    def test_it_errs_as_the_tournament_and_the_format_allow(self) -> None:
        options = SprtOptions(type="sprt", champion="e00", beta=0.2)
        _, _, finish = played_out(options, start(2, 20, champion="e00", alpha=0.01), noisy)
        assert finish.facts["lower"] == pytest.approx(math.log(0.2 / 0.99))
        assert finish.facts["upper"] == pytest.approx(math.log(0.8 / 0.01))

    def test_the_ratio_of_a_margin_is_that_of_two_normal_means(self) -> None:
        difference = np.random.default_rng(1).normal(0.4, 1.0, 50)
        variance = difference.var(ddof=1)
        expected = sum(
            ((x - 0.0) ** 2 - (x - 0.5) ** 2) / (2.0 * variance) for x in difference.tolist()
        )
        assert llr_margin(difference, np.full(50, 0.02), 0.0, 0.5) == pytest.approx(
            expected, rel=1e-12
        )

    @pytest.mark.parametrize("counts", [(10871, 34137, 10491), (300, 500, 250), (40, 10, 60)])
    def test_the_ratio_of_wins_and_draws_is_close_to_the_exact_one(
        self, counts: tuple[int, int, int]
    ) -> None:
        exact = likelihood(counts, 5.0) - likelihood(counts, 0.0)
        assert llr_wdl(*counts, 0.0, 5.0) == pytest.approx(exact, rel=0.05)

    def test_a_stronger_challenger_wins_and_a_weaker_one_does_not(self) -> None:
        options = SprtOptions(type="sprt", champion="e00")
        for lead, expected in ((2.0, "challenger"), (-2.0, "champion")):
            _, _, finish = played_out(
                options,
                start(2, 200, champion="e00"),
                lambda e, m, lead=lead: noisy(e, m) + lead * (e == "e01"),
            )
            assert finish.facts["verdict"] == expected

    def test_without_an_answer_at_the_last_market_it_is_inconclusive(self) -> None:
        options = SprtOptions(type="sprt", champion="e00", high=0.01)
        _, _, finish = played_out(options, start(2, 20, champion="e00"), noisy)
        assert finish.facts["verdict"] == "inconclusive"
        assert finish.places == (("e00", "e01"),)

    def test_it_is_wrong_no_more_often_than_it_says(self) -> None:
        options = SprtOptions(type="sprt", champion="e00", low=0.0, high=0.5)
        n_wrong = 0
        for seed in range(300):
            draws = np.random.default_rng(seed).normal(size=(2, 400))
            _, _, finish = played_out(
                options,
                start(2, 400, champion="e00"),
                lambda e, m, draws=draws: float(draws[int(e[1:]), m]),
            )
            n_wrong += finish.facts["verdict"] == "challenger"
        # 5 % of 300, and three standard errors.
        assert n_wrong <= 26

    @pytest.mark.parametrize(("model", "high"), [("margin", 0.5), ("wdl", 50.0)])
    def test_small_batches_do_not_make_it_wrong_more_often(self, model: str, high: float) -> None:
        options = SprtOptions(type="sprt", champion="e00", model=model, high=high, batch_markets=1)
        n_wrong, fewest = 0, 400
        for seed in range(200):
            draws = np.random.default_rng(seed).normal(size=(2, 400))
            rounds, _, finish = played_out(
                options,
                start(2, 400, champion="e00"),
                lambda e, m, draws=draws: float(draws[int(e[1:]), m]),
            )
            n_wrong += finish.facts["verdict"] == "challenger"
            fewest = min(fewest, len(rounds))
        assert fewest >= 10
        # 5 % of 200, and three standard errors.
        assert n_wrong <= 19

    @pytest.mark.parametrize(("n_games", "verdict"), [(9, "inconclusive"), (10, "challenger")])
    def test_ten_games_are_the_fewest_that_can_tell(self, n_games: int, verdict: str) -> None:
        options = SprtOptions(type="sprt", champion="e00", batch_markets=n_games)
        finish = played_out(
            options,
            start(2, n_games, champion="e00"),
            lambda e, m: 9.0 * (e == "e01") + 0.1 * noisy(e, m),
        )[2]
        assert finish.facts["verdict"] == verdict

    def test_fewer_games_than_can_tell_are_inconclusive(self) -> None:
        options = SprtOptions(type="sprt", champion="e00", model="wdl", high=50.0)
        _, _, finish = played_out(
            options, start(2, 9, champion="e00"), lambda e, _: float(e == "e01")
        )
        assert finish.facts["verdict"] == "inconclusive"


def test_a_deck_deals_every_market_once_and_families_evenly() -> None:
    families = ["a"] * 30 + ["b"] * 10
    dealt = deck(families, 7)
    assert sorted(dealt) == list(range(40))
    for first in range(0, 40, 8):
        hand = [families[market] for market in dealt[first : first + 8]]
        assert hand.count("b") == 2
    assert deck(families, 7) == dealt != deck(families, 8)


@pytest.mark.parametrize(
    ("given", "reason", "path"),
    [
        ({"type": "elimination", "double": 1}, "WRONG_TYPE", "/format/double"),
        ({"type": "swiss", "rounds": 0}, "OUT_OF_RANGE", "/format/rounds"),
        ({"type": "sprt"}, "MISSING_FIELD", "/format/champion"),
        ({"type": "sprt", "champion": "a", "low": 1.0, "high": 1.0}, "OUT_OF_RANGE", "/format"),
        ({"type": "race", "batch": 1}, "UNKNOWN_FIELD", "/format/batch"),
        ({"type": "ladder"}, "BAD_ENUM", "/format/type"),
        ({}, "MISSING_FIELD", "/format/type"),
    ],
)
def test_a_format_that_cannot_be_is_refused_at_its_place(
    given: dict[str, object], reason: str, path: str
) -> None:
    document = {
        "version": "0.1.0", "id": "cup", "name": "Cup", "seed": 1,
        "entries": "campaign", "scenarios": "campaign", "format": given,
    }  # fmt: skip
    with pytest.raises(SpecError) as refusal:
        read_tournament(document)
    assert [(each.reason, each.path) for each in refusal.value.problems] == [(reason, path)]
