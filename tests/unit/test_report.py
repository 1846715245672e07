"""The report of a campaign: what a person is told, and what may not be left out."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest

from simcore.chaos.oracles import ORACLES
from simcore.chaos.verdict import NEVER_SHOWN
from simcore.report import page, sections
from simcore.tables import TABLES

CAMPAIGN: dict[str, Any] = {
    "id": "c1-light", "name": "Thirty days, light weather", "seed": 1, "days": 30,
    "chaos": "light", "execution": "honest_v1", "initial_cash": 10_000.0,
    "strategies": ["ma_cross", "zero_rule", "daily_only"],
}  # fmt: skip
RUN = {"run_id": bytes(16), "seed": 5, "arm": "real"}


def rows_of(name: str, *rows: dict[str, Any]) -> pl.DataFrame:
    """Return rows of a table with a plain value wherever the test has nothing to say."""
    table = TABLES[name]
    plain = {"str": "-", "f64": 0.0, "bool": False, "bytes16": bytes(16)}
    filled = [
        {
            column.name: row[column.name]
            if column.name in row
            else None
            if column.nullable
            else column.values[0]
            if column.values
            else plain.get(column.dtype, 1)
            for column in table.columns
        }
        for row in rows
    ]
    return pl.DataFrame(filled, schema=table.polars_schema())


def standing(name: str, rank: int, low: int, high: int, **more: Any) -> dict[str, Any]:
    values = {
        "tournament_id": "everyone", "rank": rank, "rank_lo": low, "rank_hi": high,
        "strategy_id": name, "ir_hash": name, "score_mean": 1.5, "score_ci_lo": 1.0,
        "score_ci_hi": 2.0, "flags": "",
    }  # fmt: skip
    return {**values, **more}


@pytest.fixture
def tables() -> dict[str, pl.DataFrame]:
    runs = [{"strategy_id": name, "scenario_id": "trend"} for name in ("ma_cross", "zero_rule")]
    verdict = {
        "seed": 5, "result": "PASS", "verdict": "NOT_PROVEN", "judged": "S01 S04",
        "not_shown": json.dumps(["S03 never blind", *NEVER_SHOWN]), "log_root": "ab" * 32,
        "n_years": 30 / 365, "failures": 0,
    }  # fmt: skip
    oracles = [
        {**RUN, "oracle": "S02", "antecedents": 0, "violations": 0, "verdict": "PASS"},
        {**RUN, "oracle": "S04", "antecedents": 812, "violations": 0, "verdict": "PASS"},
        {
            **RUN, "arm": "canary", "oracle": "S04", "antecedents": 815, "violations": 3,
            "first_bad_seq": 4_711, "verdict": "FAIL",
        },
    ]  # fmt: skip
    injection = {**RUN, "inj_id": 1, "kind": "A1", "t0": 8 * 86_400 * 10**9, "result": "PASS"}
    incident = {
        **RUN, "inc_id": 1, "inj_id": 1, "ttd_ns": 12_300_000_000, "mttr_ns": 3_600 * 10**9,
        "loss_attr_uusd": 1_234_560_000,
    }  # fmt: skip
    return {
        "scenarios": rows_of("scenarios", {"scenario_id": "trend", "family": "trend"}),
        "backtests": rows_of("backtests", *runs),
        "standings": rows_of(
            "standings", standing("ma_cross", 1, 1, 2), standing("zero_rule", 2, 1, 2)
        ),
        "verdicts": rows_of("verdicts", verdict),
        "chaos_oracle_results": rows_of("chaos_oracle_results", *oracles),
        "chaos_injections": rows_of("chaos_injections", injection),
        "chaos_incidents": rows_of("chaos_incidents", incident),
        "chaos_report": rows_of("chaos_report", {**RUN, "n_injected": 1, "n_effective": 1}),
    }


def text_of(name: str, tables: dict[str, pl.DataFrame], **campaign: Any) -> str:
    rows = sections({**CAMPAIGN, **campaign}, tables)
    return str(rows.filter(pl.col("section") == name)["markdown"].item())


def test_a_report_is_six_sections_in_their_order(tables: dict[str, pl.DataFrame]) -> None:
    rows = sections(CAMPAIGN, tables)
    assert TABLES["report"].violations(rows) == []
    assert rows["section"].to_list() == [
        "what was run", "standings", "chaos", "incidents", "not shown", "verdict",
    ]  # fmt: skip
    assert page(rows).startswith("# Thirty days, light weather")
    assert page(rows.reverse()) == page(rows)


def test_it_says_what_was_run_and_who_met_no_scenario(tables: dict[str, pl.DataFrame]) -> None:
    text = text_of("what was run", tables)
    assert "30 simulated days" in text and "2 backtests" in text and "honest_v1" in text
    assert "`daily_only` met no scenario" in text
    assert "`ma_cross` met no scenario" not in text


def test_a_score_stands_beside_its_interval(tables: dict[str, pl.DataFrame]) -> None:
    assert "1.50 (1.00 to 2.00)" in text_of("standings", tables)


def test_a_score_without_an_interval_says_so(tables: dict[str, pl.DataFrame]) -> None:
    tables["standings"] = rows_of(
        "standings", standing("ma_cross", 1, 1, 1, score_ci_lo=None, score_ci_hi=None)
    )
    text = text_of("standings", tables)
    assert "1.50 (no interval)" in text and "1.00 to" not in text


def test_an_unsettled_first_place_is_not_sold_as_a_winner(tables: dict[str, pl.DataFrame]) -> None:
    assert "The first place is not settled" in text_of("standings", tables)
    tables["standings"] = rows_of(
        "standings", standing("ma_cross", 1, 1, 1), standing("zero_rule", 2, 2, 2)
    )
    assert "not settled" not in text_of("standings", tables)


def test_shared_ranks_are_named_as_ties(tables: dict[str, pl.DataFrame]) -> None:
    tables["standings"] = rows_of(
        "standings",
        standing("a", 1, 1, 1), standing("b", 2, 2, 3), standing("c", 2, 2, 3),
    )  # fmt: skip
    text = text_of("standings", tables)
    assert "Tied at rank 2: b, c." in text and "Tied at rank 1" not in text


def test_without_a_tournament_it_says_so(tables: dict[str, pl.DataFrame]) -> None:
    tables["standings"] = TABLES["standings"].empty()
    assert "No tournament was played" in text_of("standings", tables)


def test_every_oracle_stands_with_its_sentence_and_its_cases(
    tables: dict[str, pl.DataFrame],
) -> None:
    text = text_of("chaos", tables)
    sentence = next(oracle.sentence for oracle in ORACLES if oracle.id == "S04")
    assert f"| S04 | {sentence} | real | 812 | 0 | – | PASS |" in text
    assert f"| S04 | {sentence} | canary | 815 | 3 | 4711 | FAIL |" in text
    assert "PASS, never put to the test" in text
    assert text.index("| real | 812") < text.index("| canary |")
    assert "A1 × 1" in text


def test_a_campaign_without_chaos_says_that_nothing_was_run(
    tables: dict[str, pl.DataFrame],
) -> None:
    for name in ("oracle_results", "injections", "incidents", "report"):
        tables[f"chaos_{name}"] = TABLES[f"chaos_{name}"].empty()
    text = text_of("chaos", tables, chaos="none")
    assert "Nothing was run" in text and "`none`" in text
    assert text_of("incidents", tables, chaos="none").endswith("None.")


def test_an_incident_has_its_day_its_times_and_its_cost(tables: dict[str, pl.DataFrame]) -> None:
    text = text_of("incidents", tables)
    assert "| 1 | A1 | 8.00 | 12.3 s | – | – | 3,600.0 s | 1,234.56 USD | PASS |" in text


def test_the_canary_has_no_incidents_in_the_report(tables: dict[str, pl.DataFrame]) -> None:
    tables["chaos_incidents"] = tables["chaos_incidents"].with_columns(
        arm=pl.lit("canary", dtype=tables["chaos_incidents"].schema["arm"])
    )
    assert text_of("incidents", tables).endswith("None.")


def test_what_was_not_shown_is_listed_once_for_all_seeds(tables: dict[str, pl.DataFrame]) -> None:
    second = tables["verdicts"].with_columns(seed=pl.lit(6, dtype=pl.UInt64))
    tables["verdicts"] = pl.concat([tables["verdicts"], second])
    lines = text_of("not shown", tables).splitlines()
    assert lines.count("- S03 never blind") == 1
    assert all(f"- {sentence}" in lines for sentence in NEVER_SHOWN)


def test_the_verdict_stands_with_its_result_and_its_root(tables: dict[str, pl.DataFrame]) -> None:
    text = text_of("verdict", tables)
    assert "result **PASS**" in text and "**NOT_PROVEN**" in text and "ab" * 32 in text
    assert "not enough was shown" in text


def test_a_cell_cannot_break_its_table(tables: dict[str, pl.DataFrame]) -> None:
    tables["standings"] = rows_of("standings", standing("a", 1, 1, 1, flags="odd|flag"))
    assert "odd\\|flag" in text_of("standings", tables)
