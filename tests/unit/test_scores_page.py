"""The page of scores says what the tables of scores, standings and gates say, row by row."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from simcore.evolution import gates, promotion
from simcore.scoring import SCORES
from simcore.scoring.score import Score
from simcore.tables import TABLES
from simcore.tables.table import Column
from simcore.tournaments import flags, intervals, luck
from simcore.tournaments.formats import FORMATS
from simcore.tournaments.ratings import glicko, plackett_luce, sequential

PAGE = (Path(__file__).parents[2] / "docs" / "scores.md").read_text(encoding="utf-8")
PARTS = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S))


def rows(part: str) -> list[str]:
    return [line for line in PARTS[part].splitlines() if line.startswith("| `")]


def score_line(score: Score) -> str:
    weights = ", ".join(f"{weight:g}" for weight in score.weights) or "–"
    ruin = "as its metrics have it" if score.ruin is None else f"{score.ruin:g}"
    reads = ", ".join(f"`{name}`" for name in score.metrics)
    cells = (f"`{score.name}`", score.unit, score.meaning, reads, weights, ruin, score.source)
    return f"| {' | '.join(cells)} |"


def column_line(column: Column) -> str:
    return f"| `{column.name}` | {column.unit} | {column.meaning} |"


def test_there_is_one_line_a_score_in_the_order_of_the_table() -> None:
    assert rows("Scores of a run") == [score_line(score) for score in SCORES.values()]
    assert len(SCORES) == 7


def test_there_is_one_line_a_column_of_the_standings() -> None:
    assert rows("Columns of the standings") == [
        column_line(column) for column in TABLES["standings"].columns
    ]


def test_there_is_one_line_a_gate_in_the_order_in_which_they_are_asked() -> None:
    told = [line.split("`")[1] for line in rows("Promotion")]
    assert told == list(TABLES["promotions"].column("gate").values or ())


def test_there_is_one_line_a_format_in_the_order_of_the_table() -> None:
    told = [line.split(" | ") for line in rows("Formats")]
    assert [(cells[0], cells[1], cells[3]) for cells in told] == [
        (f"| `{row.name}`", row.meaning, f"{row.source} |") for row in FORMATS.values()
    ]


def test_there_is_one_line_a_flag() -> None:
    raised = set(re.findall(r'"([A-Z_]+)": ', inspect.getsource(flags.flags)))
    assert {line.split("`")[1] for line in rows("Flags")} == raised


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("Intervals and ranks", f"{intervals.N_RESAMPLES:,} resamples"),
        ("Intervals and ranks", f"{intervals.N_RATING_RESAMPLES:,} for ratings"),
        ("Intervals and ranks", f"{100 * (1 - luck.MCS_ALPHA):.0f} %"),
        ("Ratings", f"K = {sequential.K:g}"),
        ("Ratings", f"{sequential.N_PERMUTATIONS} orders"),
        ("Ratings", f"μ {plackett_luce.MU:g}"),
        ("Ratings", f"τ {glicko.TAU:g}"),
        ("Promotion", f"above {gates.GAIN_POINTS:g} points"),
        ("Promotion", f"{gates.TRADES_MIN} closed trades"),
        ("Promotion", f"{gates.FAMILY_LOSS_POINTS:g} points below"),
        ("Promotion", f"at most {gates.PBO_MAX:.2f}"),
        ("Promotion", f"at least {gates.DSR_MIN:g}"),
        ("Promotion", f"{100 * gates.STRESS_SHARE:.0f} %"),
        ("Promotion", f"{100 * gates.AMBIGUITY_SHARE:.0f} %"),
        ("Promotion", f"{promotion.N_TWINS} twins"),
        ("Flags", f"fewer than {'twenty' if flags.FEW_MARKETS == 20 else flags.FEW_MARKETS}"),
    ],
)
def test_the_numbers_of_the_page_are_those_of_the_code(part: str, said: str) -> None:
    assert said in PARTS[part]
