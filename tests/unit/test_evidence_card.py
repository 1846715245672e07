"""The evidence card: nothing stands bare."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from league import FOUR_MARKETS, runs
from scipy import stats

from simcore.errors import InvariantError
from simcore.scoring.evidence_card import (
    card,
    card_html,
    card_json,
    check_row,
    count,
    estimate,
    fact,
    mean,
    run_rows,
    validity_rows,
)
from simcore.tables import TABLES

BARE = {"section": "runs", "name": "sharpe", "item": "", "estimate": 1.3, "unit": "-"}


@pytest.mark.parametrize(
    "known", [{}, {"n": 4}, {"se": 0.1}, {"lo": 1.0, "n": 4}, {"lo": 1.0, "hi": 2.0}]
)
def test_a_bare_number_is_refused(known: dict[str, float]) -> None:
    with pytest.raises(InvariantError, match="runs sharpe: got the bare number"):
        check_row(BARE | known)


@pytest.mark.parametrize(
    "known",
    [
        {"se": 0.1, "n": 4},
        {"lo": 1.0, "hi": 2.0, "n": 4},
        {"is_exact": True},
        {"unit": "probability", "n": 4},
        {"estimate": None},
    ],
)
def test_a_number_that_is_sure_or_counted_stands(known: dict[str, float]) -> None:
    check_row(BARE | known)
    assert card([fact("a", "b", "c") | BARE | known]).height == 1


def test_a_card_with_one_bare_number_is_not_made() -> None:
    with pytest.raises(InvariantError, match="bare"):
        card([fact("a", "b", "c"), count("a", "n", 3, "-"), fact("a", "d", "") | BARE])


def test_a_mean_has_students_interval_and_says_what_it_left_out() -> None:
    row = mean("runs", "roi", np.array([1.0, 2.0, np.nan, 4.0]), "fraction")
    known = stats.ttest_1samp([1.0, 2.0, 4.0], 0.0).confidence_interval(0.95)
    assert (row["lo"], row["hi"]) == pytest.approx((known.low, known.high))
    assert row["n"] == 3
    assert row["text"] == "1 of 4 not defined"


def test_a_single_value_is_told_as_one_and_not_as_an_estimate() -> None:
    row = mean("runs", "roi", np.array([0.5]), "fraction")
    assert row["estimate"] is None
    assert row["text"] == "one value only: 0.5"


def test_an_estimate_without_its_error_is_not_told() -> None:
    assert estimate("a", "b", 1.0, None, "-", 3, "")["estimate"] is None
    assert estimate("a", "b", 1.0, None, "probability", 3, "")["estimate"] == 1.0


def test_the_runs_of_a_league_make_a_card_that_reads_back() -> None:
    played = runs({"one": [(0.1, 1.0), (0.2, 2.0), (0.0, 0.5), (-0.1, -1.0)]}, FOUR_MARKETS,
                  flags={("one", 3): "RUIN"}, psr=0.7, ambiguity_gap=1.0, cost_drag=0.01,
                  breakeven_cost_bps=None)  # fmt: skip
    rows = card(run_rows(played))
    told = json.loads(card_json(rows))["runs"]
    by_name = {row["name"]: row for row in told}
    assert by_name["sharpe"]["estimate"] == pytest.approx(0.625)
    assert by_name["sharpe"]["n"] == 4
    assert by_name["flag"]["item"] == "RUIN"
    assert "nothing is known" in by_name["breakeven_cost_bps"]["text"]
    assert rows.filter(pl.col("name") == "psr").height == 4


def test_folds_of_one_path_do_not_make_a_mean_surer() -> None:
    # Two paths of five folds each: what they say is that of two numbers, 1 and 3.
    walked = pl.DataFrame(
        {
            "scenario_id": ["a"] * 10 + ["b"] * 10,
            "path": [0] * 20,
            "segment": ["is", "oos"] * 10,
            "sharpe": [1.0, None] * 5 + [3.0, 0.5] * 5,
        }
    )
    trials = TABLES["trials"].empty()
    chosen, judged, *_ = validity_rows(walked, trials)
    assert (chosen["n"], chosen["estimate"], chosen["se"]) == (2, 2.0, pytest.approx(1.0))
    assert judged["text"] == "one value only: 0.5; 1 of 2 not defined"


def test_the_page_escapes_what_authors_wrote() -> None:
    page = card_html(card([fact("a", "name", "<script>alert(1)</script>")]), "<b>")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "<b>" not in page
