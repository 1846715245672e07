"""The tables of a campaign as a page that a person reads, one row a section.

A number stands beside its uncertainty or says that it has none; what was not shown has a section
of its own. Nothing is computed here that a table does not hold.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import polars as pl

from simcore.chaos.oracles import ORACLES
from simcore.tables import TABLES

Tables = Mapping[str, pl.DataFrame]
NONE: Final = "–"
_NS_PER_SECOND: Final = 1e9
_UUSD_PER_USD: Final = 1e6
_VERDICTS: Final = {
    "YES": "deserves real money",
    "YES_WITH_CAP": "deserves real money up to a cap",
    "NOT_PROVEN": "does not yet deserve real money: not enough was shown",
    "NO": "does not deserve real money: a reproducible failure was found",
}


def sections(campaign: Mapping[str, Any], tables: Tables) -> pl.DataFrame:
    """Return the report of a campaign.

    Args:
        campaign: The campaign's document with every default, and ``strategies`` as the list of
            ids that took part.
        tables: ``scenarios, backtests, standings, verdicts`` and, by their full names, the chaos
            tables ``chaos_oracle_results, chaos_injections, chaos_incidents, chaos_report``; the
            rows of all partitions of the campaign.

    Returns:
        Rows of the report table: ``ordinal, section, markdown``.
    """
    made = [(name, make(campaign, tables)) for name, make in _SECTIONS]
    rows = [
        {"ordinal": ordinal, "section": name, "markdown": text}
        for ordinal, (name, text) in enumerate(made)
    ]
    return TABLES["report"].conform(pl.DataFrame(rows, schema=TABLES["report"].polars_schema()))


def page(rows: pl.DataFrame) -> str:
    """Return the sections of a report as one Markdown text, in their order."""
    return "\n\n".join(rows.sort("ordinal")["markdown"].to_list()) + "\n"


def _run(campaign: Mapping[str, Any], tables: Tables) -> str:
    """Say what was run, and who met no scenario."""
    scenarios, runs = tables["scenarios"], tables["backtests"]
    ran = set(runs["strategy_id"].to_list())
    idle = [name for name in campaign["strategies"] if name not in ran]
    lines = [
        f"# {campaign['name']}",
        "",
        f"Campaign `{campaign['id']}`, seed {campaign['seed']}: {campaign['days']} simulated days, "
        f"{len(campaign['strategies'])} strategies, {scenarios.height} scenarios, "
        f"{runs.height} backtests under `{_execution(campaign)}` with "
        f"{campaign['initial_cash']:,.0f} of initial cash; chaos: {campaign['chaos']}.",
        "",
        _grid(
            ["scenario", "family", "timeframe", "bars", "paths", "seed"],
            scenarios.select("scenario_id", "family", "timeframe", "bars", "paths", "seed").rows(),
        ),
    ]
    lines += [
        f"\nStrategy `{name}` met no scenario of its timeframe and has no runs." for name in idle
    ]
    return "\n".join(lines)


def _execution(campaign: Mapping[str, Any]) -> str:
    asked = campaign["execution"]
    return asked if isinstance(asked, str) else json.dumps(asked, sort_keys=True)


def _standings(_: Mapping[str, Any], tables: Tables) -> str:
    """Show who stands where, with intervals; a tie is said to be one."""
    standings = tables["standings"]
    if standings.is_empty():
        return "## Standings\n\nNo tournament was played."
    parts = ["## Standings"]
    for name, rows in standings.partition_by(
        "tournament_id", as_dict=True, maintain_order=True
    ).items():
        parts.append(_tournament(str(name[0]), rows.sort("rank", "ir_hash")))
    return "\n\n".join(parts)


def _tournament(name: str, rows: pl.DataFrame) -> str:
    table = _grid(
        ["rank", "95 %", "strategy", "score", "rating", "Sharpe", "w/d/l", "notes"],
        [
            (
                row["rank"],
                f"{row['rank_lo']} to {row['rank_hi']}",
                row["strategy_id"],
                _interval(row, "score_mean", "score_ci_lo", "score_ci_hi", 2),
                _interval(row, "elo_bt", "elo_lo", "elo_hi", 0),
                _interval(row, "sharpe_mean", "sharpe_ci_lo", "sharpe_ci_hi", 2),
                f"{row['wins']}/{row['draws']}/{row['losses']}",
                row["flags"] or NONE,
            )
            for row in rows.iter_rows(named=True)
        ],
    )  # fmt: skip
    note = "Intervals are at 95 %."
    return "\n\n".join([f"### {name}", table, note, *_ties(rows)])


def _ties(rows: pl.DataFrame) -> list[str]:
    """Name the shared ranks, and the entries whose interval of ranks reaches the first place."""
    lines = []
    for rank, tied in rows.group_by("rank", maintain_order=True):
        if tied.height > 1:
            lines.append(f"Tied at rank {rank[0]}: {', '.join(tied['strategy_id'].to_list())}.")
    could_lead = rows.filter(pl.col("rank_lo") == 1)["strategy_id"].to_list()
    if len(could_lead) > 1:
        lines.append(
            f"The first place is not settled: the intervals of {', '.join(could_lead)} reach it."
        )
    return lines


def _chaos(campaign: Mapping[str, Any], tables: Tables) -> str:
    """Show what each oracle found in each arm, with the number of cases it applied to."""
    found = tables["chaos_oracle_results"]
    if found.is_empty():
        return (
            f"## Chaos\n\nNothing was run: the campaign's chaos is `{campaign['chaos']}`. "
            "No fault was injected and no oracle judged."
        )
    sentences = {oracle.id: oracle.sentence for oracle in ORACLES}
    parts = ["## Chaos", _injections(tables["chaos_injections"], tables["chaos_report"])]
    for seed in sorted(found["seed"].unique().to_list()):
        rows = found.filter(pl.col("seed") == seed).sort("arm", "oracle")
        parts.append(f"### Seed {seed}")
        parts.append(
            _grid(
                ["oracle", "what must hold", "arm", "cases", "violations", "first bad", "says"],
                [
                    (
                        row["oracle"],
                        sentences.get(row["oracle"], NONE),
                        row["arm"],
                        row["antecedents"],
                        row["violations"],
                        NONE if row["first_bad_seq"] is None else row["first_bad_seq"],
                        _said(row),
                    )
                    for row in rows.iter_rows(named=True)
                ],
            )
        )  # fmt: skip
    parts.append(
        "The canary lacks one control and must fail; its rows do not count against the system. "
        "An oracle without a case was not put to the test."
    )
    return "\n\n".join(parts)


def _said(row: Mapping[str, Any]) -> str:
    return f"{row['verdict']}, never put to the test" if not row["antecedents"] else row["verdict"]


def _injections(rows: pl.DataFrame, figures: pl.DataFrame) -> str:
    real = rows.filter(pl.col("arm") == "real")
    n_struck, n_effective = int(figures["n_injected"].sum()), int(figures["n_effective"].sum())
    kinds = real.group_by("kind").len().sort("kind")
    counted = ", ".join(f"{kind} × {count}" for kind, count in kinds.iter_rows())
    return (
        f"Planned in the real arm: {counted}. {n_struck} struck, {n_effective} with a witnessed "
        f"effect. A fault-free twin and a canary ran beside it on the same seed."
    )


def _incidents(_: Mapping[str, Any], tables: Tables) -> str:
    """Show each incident of the real arm: when, how long, at what cost."""
    real = tables["chaos_incidents"].filter(pl.col("arm") == "real")
    if real.is_empty():
        return "## Incidents\n\nNone."
    faults = tables["chaos_injections"].select("run_id", "inj_id", "kind", "t0", "result")
    rows = real.join(faults, on=["run_id", "inj_id"], how="left").sort("seed", "inc_id")
    return (
        "## Incidents\n\n"
        + _grid(
            [
                "incident",
                "fault",
                "day",
                "detected",
                "killed",
                "flat",
                "over",
                "loss to twin",
                "says",
            ],
            [
                (
                    row["inc_id"],
                    row["kind"],
                    NONE if row["t0"] is None else f"{row['t0'] / (86_400 * _NS_PER_SECOND):.2f}",
                    _seconds(row["ttd_ns"]),
                    _seconds(row["tth_ns"]),
                    _seconds(row["ttf_ns"]),
                    _seconds(row["mttr_ns"]),
                    _usd(row["loss_attr_uusd"]),
                    row["result"],
                )
                for row in rows.iter_rows(named=True)
            ],
        )
        + (
            "\n\nTimes run from the strike, that to flat from the kill. The loss is the twin's "
            "equity less the run's at the close, so it holds what earlier incidents left behind."
        )
    )


def _not_shown(_: Mapping[str, Any], tables: Tables) -> str:
    """List what the campaign did not judge and did not show."""
    missing: dict[str, None] = {}
    for text in tables["verdicts"].sort("seed")["not_shown"]:
        missing.update(dict.fromkeys(json.loads(text)))
    return "\n".join(["## Not shown", "", *(f"- {sentence}" for sentence in missing)])


def _verdict(_: Mapping[str, Any], tables: Tables) -> str:
    """Say what the result is, what it is worth, and where it can be checked."""
    lines = ["## Verdict", ""]
    for row in tables["verdicts"].sort("seed").iter_rows(named=True):
        judged = row["judged"] or "nothing"
        lines.append(
            f"Seed {row['seed']}: result **{row['result']}**, judged: {judged}; over "
            f"{row['n_years']:.3f} simulated years. Verdict **{row['verdict']}**: "
            f"{_VERDICTS[row['verdict']]}."
        )
        if row["log_root"]:
            lines.append(f"Root of the log: `{row['log_root']}`.")
        lines.append("")
    return "\n".join(lines).rstrip()


def _grid(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a Markdown table."""
    lines = [names, ["---"] * len(names), *rows]
    cells = [[str(cell).replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _interval(row: Mapping[str, Any], value: str, low: str, high: str, digits: int) -> str:
    if row[value] is None:
        return NONE
    if row[low] is None or row[high] is None:
        return f"{row[value]:.{digits}f} (no interval)"
    return f"{row[value]:.{digits}f} ({row[low]:.{digits}f} to {row[high]:.{digits}f})"


def _seconds(ns: int | None) -> str:
    return NONE if ns is None else f"{ns / _NS_PER_SECOND:,.1f} s"


def _usd(uusd: int | None) -> str:
    return NONE if uusd is None else f"{uusd / _UUSD_PER_USD:,.2f} USD"


_SECTIONS: Final[tuple[tuple[str, Callable[[Mapping[str, Any], Tables], str]], ...]] = (
    ("what was run", _run),
    ("standings", _standings),
    ("chaos", _chaos),
    ("incidents", _incidents),
    ("not shown", _not_shown),
    ("verdict", _verdict),
)
