"""Commands on documents: what there is, what is wrong with them, and the markets they make."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from simcore.cli.answer import Answer, Command, drafted, no_arguments, shown

if TYPE_CHECKING:
    from simcore.scenario.document import Scenario


def _catalogue(_: argparse.Namespace, __: Path) -> Answer:
    from simcore.inventory import catalogue

    found = catalogue()
    lines = [
        f"{kind:16} {', '.join(member['name'] for member in members)}"
        for kind, members in found.items()
    ]
    return Answer("\n".join(lines), found)


def _generate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", help="id, path or text of a scenario")
    parser.add_argument("--out", type=Path, metavar="F.parquet", help="write the bars there")


def _generate(arguments: argparse.Namespace, home: Path) -> Answer:
    from simcore.scenario.document import load
    from simcore.scenario.manifest import whole_manifest

    scenario = load(arguments.scenario, home=home)
    if arguments.out is None:
        frame, manifest = whole_manifest(scenario)
        end = shown(frame.head(5))
    else:
        manifest = _generate_into(arguments.out, scenario)
        end = f"bars written to {arguments.out}"
    unlisted = ("document", "truth", "stylised")
    lines = [f"{name:18} {value}" for name, value in manifest.items() if name not in unlisted]
    lines += [f"{'truth ' + name:18} {value}" for name, value in manifest["truth"].items()]
    if "stylised" in manifest:
        lines += ["stylised facts", *(f"  {_fact(row)}" for row in manifest["stylised"])]
    return Answer("\n".join([*lines, end]), manifest)


def _generate_into(path: Path, scenario: Scenario) -> dict[str, Any]:
    """Write the bars of a scenario and return its manifest; the columns are held once.

    The card of stylised facts is left out: it would need several times their memory.
    """
    from simcore import parquet
    from simcore.scenario.generate import columns_with_facts
    from simcore.scenario.manifest import manifest, truth
    from simcore.tables.markets import BARS

    columns, facts = columns_with_facts(scenario)
    with drafted(path) as draft, draft.open("wb") as handle:
        parquet.write_columns(BARS, columns, handle)
    row = manifest(scenario, facts)
    return {**row, "truth": truth(scenario, row)}


def _fact(row: dict[str, Any]) -> str:
    """Return one stylised fact as a line: what was found, what its family leads to expect."""
    found = {True: "shown", False: "absent", None: "open"}[row["passes"]]
    wanted = {True: "shown", False: "absent", None: "either"}[row["expected"]]
    verdict = "" if row["as_expected"] is not False else "  NOT AS EXPECTED"
    if row["estimate"] is None:
        return f"{row['fact']:26} {found:7} expected {wanted}{verdict}"
    interval = f"{row['estimate']:.4g} ({row['low']:.4g} to {row['high']:.4g})"
    return f"{row['fact']:26} {found:7} expected {wanted:7} {interval}{verdict}"


def _check_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("documents", nargs="+", metavar="DOC", help="ids or paths of documents")
    parser.add_argument(
        "--fix",
        action="store_true",
        help="apply the first fix of each error, as often as that helps, and write the file",
    )
    parser.add_argument(
        "--no-selftest",
        action="store_true",
        help="do not measure on a large sample whether a scenario obeys the laws of its family",
    )
    parser.add_argument(
        "--against",
        metavar="REPLAY",
        help="a scenario of real bars: how far from them the scenarios are",
    )


def _check(arguments: argparse.Namespace, home: Path) -> Answer:
    from simcore import examination

    # Whoever prints the answer has found whether it is for a terminal with colours.
    is_coloured = bool(getattr(arguments, "is_coloured", False))
    if arguments.fix:
        found = examination.mend(arguments.documents, home, is_coloured=is_coloured)
    else:
        found = examination.examine(
            arguments.documents,
            home,
            is_coloured=is_coloured,
            measures_laws=not arguments.no_selftest,
            against=arguments.against,
        )
    return Answer(found.text, found.data, exit_code=found.exit_code)


COMMANDS: Final = (
    Command("catalogue", "what there is to choose from", no_arguments, _catalogue),
    Command("generate", "a market from a document and a seed", _generate_arguments, _generate),
    Command("check", "problems of documents, with place and hints", _check_arguments, _check),
)
