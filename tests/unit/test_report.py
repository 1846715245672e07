"""The report of a campaign: what a person is told, and what may not be left out."""

from __future__ import annotations

import inspect
import re
from typing import Any

import polars as pl
import pytest
import report_tables
from report_tables import CAMPAIGN, rows_of, standing

from simcore.chaos.oracles import ORACLES
from simcore.chaos.verdict import NEVER_SHOWN
from simcore.report import SECTIONS, wording
from simcore.report.blocks import Points
from simcore.report.chaos import fault
from simcore.report.masthead import masthead
from simcore.report.material import Material
from simcore.report.sections import sections, text
from simcore.report.standings import NOTES
from simcore.tables import TABLES
from simcore.tournaments.flags import flags


@pytest.fixture
def tables() -> dict[str, pl.DataFrame]:
    return report_tables.tables()


def text_of(name: str, tables: dict[str, pl.DataFrame], **campaign: Any) -> str:
    rows = sections(Material({**CAMPAIGN, **campaign}, tables))
    return str(rows.filter(pl.col("section") == name)["markdown"].item())


def test_a_report_is_a_masthead_and_every_section_in_its_order(
    tables: dict[str, pl.DataFrame],
) -> None:
    rows = sections(Material(CAMPAIGN, tables))
    assert TABLES["report"].violations(rows) == []
    names = [each.name for each in SECTIONS]
    assert rows["section"].to_list() == ["masthead", *names]
    assert names[:2] == ["verdict", "not shown"], "what matters most stands first"
    assert names[-1] == "provenance"
    assert text(rows).startswith("# Thirty days, light weather\n\n**NOT PROVEN**")
    assert text(rows.reverse()) == text(rows)


def test_the_worst_verdict_of_all_seeds_stands_at_the_head(tables: dict[str, pl.DataFrame]) -> None:
    kind = tables["verdicts"].schema["verdict"]
    second = tables["verdicts"].with_columns(
        seed=pl.lit(6, dtype=pl.UInt64), verdict=pl.lit("NO", dtype=kind)
    )
    tables["verdicts"] = pl.concat([tables["verdicts"], second])
    assert "**NO**: It does not deserve real money" in text_of("masthead", tables)


def test_it_says_what_was_run_and_who_met_no_scenario(tables: dict[str, pl.DataFrame]) -> None:
    head = text_of("masthead", tables)
    assert "30 simulated days" in head and "2 backtests" in head and "honest_v1" in head
    text = text_of("what was run", tables)
    assert "`daily_only` met no scenario" in text
    assert "`ma_cross` met no scenario" not in text


def test_who_earns_most_and_is_not_safe_stands_beside_the_gate_that_holds_it_back(
    tables: dict[str, pl.DataFrame],
) -> None:
    kind, results = (tables["verdicts"].schema[name] for name in ("verdict", "result"))
    rich = standing("rich", 1, 1, 1, score_mean=80.0, score_ci_lo=70.0, score_ci_hi=90.0)
    tables["standings"] = rows_of("standings", rich, standing("poor", 2, 2, 2))
    before = text_of("standings", tables)
    tables["verdicts"] = tables["verdicts"].with_columns(
        verdict=pl.lit("NO", dtype=kind), result=pl.lit("FAIL", dtype=results)
    )
    after = text_of("standings", tables)
    assert "Survival: NOT PROVEN" in before and "Survival: NO**" in after
    assert after.index("Survival: NO") < after.index("rich")
    assert "worth no more than this verdict" in after
    # Neither moves the other: rank and score are as they were.
    told = [line for line in before.splitlines() if "rich" in line]
    assert told and told == [line for line in after.splitlines() if "rich" in line]
    tables["verdicts"] = tables["verdicts"].clear()
    assert "Survival was not judged" in text_of("standings", tables)


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


def test_who_may_be_the_best_is_shown_as_tied_with_the_leader(
    tables: dict[str, pl.DataFrame],
) -> None:
    def told(*may: bool | None) -> str:
        tables["standings"] = rows_of(
            "standings",
            *(standing("abc"[i], i + 1, 1, 3, in_mcs=is_in) for i, is_in in enumerate(may)),
        )
        return text_of("standings", tables)

    assert "Statistically tied, any may be the best (90 %): a, b." in told(True, True, False)
    assert "Statistically tied" not in told(True, False, False)
    assert "Statistically tied" not in told(None, None, None)


def test_without_a_tournament_it_says_so(tables: dict[str, pl.DataFrame]) -> None:
    tables["standings"] = TABLES["standings"].empty()
    assert "No tournament was played" in text_of("standings", tables)


def test_every_oracle_stands_with_its_sentence_and_its_cases(
    tables: dict[str, pl.DataFrame],
) -> None:
    text = text_of("chaos", tables)
    sentence = next(oracle.sentence for oracle in ORACLES if oracle.id == "S04")
    assert f"| S04 | {sentence} | real | 812 | 0 | – | PASS |" in text
    assert f"| S04 | {sentence} | canary | 815 | 3 | 4,711 | FAIL |" in text
    assert "PASS, never put to the test" in text
    assert text.index("| real | 812") < text.index("| canary |")
    assert "A1 flash crash × 1" in text
    assert [fault(kind) for kind in ("D1", "Z9")] == ["D1 API timeout", "Z9"]


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
    assert "| 1 | A1 flash crash | 8.00 | 12.3 s | – | – | 60.0 min | 1,234.56 USD | PASS |" in text


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
    assert "whose result is **PASS**: 2 oracles judged it (S01, S04), none failed." in text
    assert "over 30 simulated days" in text
    assert "**NOT_PROVEN**" in text and "ab" * 32 in text
    assert "not enough was shown" in text


def test_a_cell_cannot_break_its_table(tables: dict[str, pl.DataFrame]) -> None:
    tables["standings"] = rows_of("standings", standing("a", 1, 1, 1, flags="odd|flag"))
    assert "odd\\|flag" in text_of("standings", tables)


def test_the_head_says_in_short_what_the_campaign_comes_to(tables: dict[str, pl.DataFrame]) -> None:
    tables["standings"] = rows_of("standings", standing("a", 1, 1, 2), standing("b", 2, 1, 2))
    (points,) = (each for each in masthead(Material(CAMPAIGN, tables)) if isinstance(each, Points))
    chaos, cup, missing = points.items
    assert chaos == "**Chaos**: PASS. 1 fault struck, 0 oracles failed."
    assert cup == (
        "**everyone**: a leads with a score of 1.50 (1.00 to 2.00); 2 entries may stand first. "
        "No entry of 2 is without an objection."
    )
    assert missing == f"**Not shown**: {1 + len(NEVER_SHOWN)} things, each named below."


def test_the_head_of_a_campaign_without_chaos_and_cup_claims_neither(
    tables: dict[str, pl.DataFrame],
) -> None:
    empty = {name: TABLES[name].empty() for name in ("standings", "verdicts", "chaos_report")}
    (points,) = (
        each for each in masthead(Material(CAMPAIGN, tables | empty)) if isinstance(each, Points)
    )
    assert points.items == ("**Chaos**: nothing was injected.",)


def test_a_note_on_an_entry_is_put_into_words_below(tables: dict[str, pl.DataFrame]) -> None:
    tables["standings"] = rows_of("standings", standing("a", 1, 1, 1, flags="FEW_SCENARIOS RUIN"))
    text = text_of("standings", tables)
    assert "| few-scenarios, ruin |" in text
    assert f"few-scenarios, {NOTES['FEW_SCENARIOS']}; ruin, {NOTES['RUIN']}." in text


def test_every_flag_of_the_standings_has_words() -> None:
    raised = re.findall(r'"([A-Z_]+)": ', inspect.getsource(flags))
    assert set(raised) == set(NOTES)


@pytest.mark.parametrize(
    ("ns", "told"),
    [
        (None, "–"), (0, "0.0 s"), (119_900_000_000, "119.9 s"), (120 * 10**9, "2.0 min"),
        (7_199 * 10**9, "120.0 min"), (7_200 * 10**9, "2.0 h"), (21_548 * 10**9, "6.0 h"),
    ],
)  # fmt: skip
def test_a_time_has_the_unit_that_a_person_would_choose(ns: int | None, told: str) -> None:
    assert wording.duration(ns) == told


def test_a_verdict_without_chaos_does_not_speak_of_a_run(tables: dict[str, pl.DataFrame]) -> None:
    tables["verdicts"] = tables["verdicts"].with_columns(
        pl.lit("NOT_RUN").cast(TABLES["verdicts"].polars_schema()["result"]).alias("result")
    )
    text = text_of("verdict", tables)
    assert "There was no chaos to survive (**NOT_RUN**)" in text
    assert "simulated day" not in text
