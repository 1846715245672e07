"""Commands that judge: tournaments, chaos, and what the lake holds of both."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from simcore.cli.answer import Answer, Command, rows, shown
from simcore.errors import SpecError
from simcore.problems import Hint, Problem

if TYPE_CHECKING:
    from simcore.tournaments.play import Tournament


def _tournament_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("document", help="id or path of a tournament")
    parser.add_argument(
        "--plan", action="store_true", help="say what it will be able to see, and run nothing"
    )


def _tournament(arguments: argparse.Namespace, home: Path) -> Answer:
    from dataclasses import asdict

    from simcore.tournaments.simulated import planned

    planned_text, plan = planned(arguments.document, home=home)
    if arguments.plan:
        return Answer(planned_text, {"plan": asdict(plan)})
    from simcore.tournaments.play import tournament

    played = tournament(arguments.document, home=home)
    data = {
        "plan": asdict(plan),
        "standings": rows(played.standings),
        "manifest": played.manifest,
        "facts": played.facts,
    }
    return Answer("\n".join([planned_text, *_standing_lines(played)]), data)


def _standing_lines(played: Tournament) -> Iterator[str]:
    """The standings for people: intervals, who cannot be told from the leader, and what decides."""
    import polars as pl

    def interval(mean: str, low: str, high: str, decimals: int) -> pl.Expr:
        ends = [pl.col(name).round(decimals).cast(pl.String) for name in (mean, low, high)]
        return (
            pl.when(pl.col(low).is_null())
            .then(ends[0])
            .otherwise(pl.format("{} [{}, {}]", *ends))
            .alias(mean)
        )

    leads = pl.col("rank") == 1
    table = played.standings.select(
        pl.format("{} [{}, {}]", "rank", "rank_lo", "rank_hi").alias("rank"),
        pl.when(leads | pl.col("in_mcs")).then(pl.lit("=")).otherwise(pl.lit("")).alias("tied"),
        "name",
        interval("score_mean", "score_ci_lo", "score_ci_hi", 2).alias("score"),
        interval("elo_bt", "elo_lo", "elo_hi", 0).alias("elo"),
        pl.format("{}/{}/{}", "wins", "draws", "losses").alias("w/d/l"),
        pl.col("dsr").round(3),
        pl.col("stress_score").round(2).alias("stress"),
        "flags",
    )
    yield shown(table)
    yield "= : may be the best; they are statistically tied with the leader"
    yield "a rank tells a score: survival is judged by chaos, and was not judged here"
    yield from _format_lines(played)
    for name, found in played.facts["rank_correlation"].items():
        yield f"rank correlation of the order with {name}: {'null' if found is None else found}"


def _format_lines(played: Tournament) -> Iterator[str]:
    """What the format itself came to, beside the ranks by score."""
    kind = played.manifest["format"]["type"]
    names = dict(zip(played.standings["ir_hash"], played.standings["strategy_id"], strict=True))
    if played.facts["places"]:
        places = (
            ", ".join(sorted(names[each] for each in group)) for group in played.facts["places"]
        )
        yield f"{kind}, places: {'; '.join(places)}"
    for name, found in sorted(played.facts["format"].items()):
        told = " ".join(_named(word, names) for word in str(found).split())
        yield f"{kind}, {name.replace('_', ' ')}: {told or '-'}"
    if kind == "elimination":
        yield "elimination says the least of all formats for each market used: read the ranks"


def _named(word: str, names: dict[str, str]) -> str:
    """Strategies' ids for the hashes of a word such as ``a:b``; the word where there are none."""
    return ":".join(names.get(part, part) for part in word.split(":"))


def _evolve_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("document", help="id of an evolution, or its path")
    parser.add_argument(
        "--generations", type=int, metavar="N", help="most that are made; default: the document's"
    )
    parser.add_argument("--salt", help="the secret; default: <home>/evolutions/<id>.salt")


def _evolve(arguments: argparse.Namespace, home: Path) -> Answer:
    import polars as pl

    from simcore import steps
    from simcore.evolution.document import read_evolution
    from simcore.lake import put_views
    from simcore.store import Store
    from simcore.tables import TABLES

    evolution = read_evolution(arguments.document, home=home)
    salt = steps.salt_in(home, evolution) if arguments.salt is None else arguments.salt
    store = Store.of(home)
    budget = evolution.document.stop.generations
    most = budget if arguments.generations is None else min(arguments.generations, budget)
    made = []
    for number in range(most):
        place = steps.evolved(store, evolution, number, salt)[0].partition
        made.append(store.read(TABLES["generations"], place))
        if made[-1]["stop"][0] != "none":
            break
    put_views(store, home)
    frame = pl.concat([TABLES["generations"].empty(), *made])
    table = frame.select(
        "number",
        "population",
        "selected_train",
        "selected_sealed",
        "generalisation_gap",
        "generalisation_gap_lo",
        "generalisation_gap_hi",
        "champion_score",
        "gain_best",
        "gain_mde",
        "diversity",
        "k_cumulative",
        "champion_dsr",
        "is_promoted",
        "stop",
    )
    last = frame["champion_after"].to_list()[-1:] or ["nobody: no generation was asked for"]
    lines = [shown(table), f"champion {last[0]}"]
    return Answer("\n".join(lines), {"evolution": evolution.id, "generations": rows(frame)})


def _chaos_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("campaign", help="id or path of a campaign")
    parser.add_argument(
        "--seed",
        type=int,
        help="seed of the run, as the tables show it: giving it reproduces that run; "
        "default: derived from the campaign's",
    )


def _chaos(arguments: argparse.Namespace, home: Path) -> Answer:
    from simcore.chaos.campaign import chaos_run
    from simcore.chaos.verdict import exit_code

    run = chaos_run(arguments.campaign, seed=arguments.seed, home=home)
    oracles = run.tables["chaos_oracle_results"]
    lines = [
        f"result  {run.report['result']}",
        f"verdict {run.verdict}",
        f"root    {run.root}",
        shown(oracles.select("arm", "oracle", "antecedents", "violations", "verdict")),
        f"not shown: {', '.join(run.report['not_shown'])}",
    ]
    return Answer("\n".join(lines), run.report, exit_code=exit_code(run.report))


def _verify_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("campaign", nargs="?", help="id of a campaign; default: the whole lake")


def _verify(arguments: argparse.Namespace, home: Path) -> Answer:
    from simcore.verification import verify

    findings = verify(home, campaign=arguments.campaign)
    bad = [finding for finding in findings if not finding.is_sound]
    lines = [f"{finding.path}: {finding.message}" for finding in bad]
    lines.append(f"{len(findings) - len(bad)} of {len(findings)} partitions verified")
    data = [
        {"path": str(finding.path), "is_sound": finding.is_sound, "message": finding.message}
        for finding in findings
    ]
    return Answer("\n".join(lines), data, exit_code=13 if bad else 0)


def _report_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("campaign", help="id of a campaign whose report is in the lake")
    parser.add_argument(
        "--out", type=Path, metavar="F.html", help="default: reports/CAMPAIGN.html of the home"
    )


def _report(arguments: argparse.Namespace, home: Path) -> Answer:
    from simcore.steps.judge import write_page
    from simcore.store import Store

    path = arguments.out or home / "reports" / f"{arguments.campaign}.html"
    written = write_page(Store.of(home), arguments.campaign, path)
    return Answer(f"{written}", {"path": str(written), "bytes": written.stat().st_size})


def _tables_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="one table; default: all")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="all tables, as a page of Markdown")
    form.add_argument("--duckdb", action="store_true", help="SQL that makes a view of each table")
    parser.add_argument(
        "--lake", help="what the SQL shall call the lake; default: its absolute path"
    )


def _tables(arguments: argparse.Namespace, home: Path) -> Answer:
    from simcore.tables import TABLES
    from simcore.tables.dictionary import entry, page, whole_page

    if arguments.name is not None and arguments.name not in TABLES:
        from simcore.documents import nearest

        near = nearest(arguments.name, TABLES)
        raise SpecError(
            [
                Problem(
                    "ARGUMENT",
                    "UNKNOWN_ID",
                    f"got table {arguments.name!r}, which is not known",
                    source="tables",
                    hints=(Hint(f"did you mean {near}?"),) if near else (),
                )
            ]
        )
    if arguments.duckdb:
        from simcore.lake import views
        from simcore.store import Store

        sql = views(Store.of(home), named=arguments.lake)
        return Answer(sql.rstrip("\n"), {"sql": sql})
    names = [arguments.name] if arguments.name else list(TABLES)
    data = {name: entry(TABLES[name]) for name in names}
    if arguments.markdown:
        return Answer(whole_page([TABLES[name] for name in names]).rstrip("\n"), data)
    return Answer("\n\n".join(page(TABLES[name]) for name in names), data)


COMMANDS: Final = (
    Command("tournament", "standings with their uncertainty", _tournament_arguments, _tournament),
    Command("evolve", "breed strategies, promote by evidence", _evolve_arguments, _evolve),
    Command("chaos", "shake the paper-trading stack, judge it", _chaos_arguments, _chaos),
    Command("report", "one page of HTML from the lake", _report_arguments, _report),
    Command("verify", "recompute hashes and log chains of the lake", _verify_arguments, _verify),
    Command("tables", "the data dictionary", _tables_arguments, _tables),
)
