"""The command that brings in runs of other tools."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from simcore.cli.answer import Answer, Command
from simcore.errors import SpecError
from simcore.problems import Hint, Problem


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="F.json", help="documents of runs")
    parser.add_argument(
        "--as",
        dest="collection",
        metavar="ID",
        help="collection that they join; default: one a file, by its name",
    )


def _import_run(arguments: argparse.Namespace, home: Path) -> Answer:
    from simcore.imports.intake import take_in
    from simcore.lake import put_views
    from simcore.steps.admit import imports
    from simcore.store import Store

    wanted = _by_collection(arguments.files, arguments.collection)
    take_in(home, wanted)
    store = Store.of(home)
    lines, data = [], []
    for collection in wanted:
        outcomes = imports(store, home, collection)
        is_reused = all(each.is_reused for each in outcomes)
        facts = outcomes[0].facts
        told = "reused" if is_reused else "made"
        lines.append(
            f"{collection}: {facts['runs']:,} runs of {facts['made_by']}, "
            f"{facts['returns']:,} returns, {told}"
        )
        data.append(
            {
                "collection": collection,
                **facts,
                "is_reused": is_reused,
                "content_hash": {each.table.name: each.footer.content_hash for each in outcomes},
            }
        )
    put_views(store, home)
    return Answer("\n".join(lines), data)


def _by_collection(files: list[Path], collection: str | None) -> dict[str, list[Path]]:
    """Return the files of each collection, and refuse a name that no partition could have."""
    from simcore.store import is_key

    wanted: dict[str, list[Path]] = {}
    for path in files:
        wanted.setdefault(collection or path.name.removesuffix(".json"), []).append(path)
    wrong = [
        Problem(
            "ARGUMENT",
            "BAD_ID",
            f"got the collection {name!r}, expected a lower-case letter, then letters, digits, "
            "_ and -, and no word such as true or nan",
            source="--as" if collection else str(paths[0]),
            hints=() if collection else (Hint("name it with --as ID"),),
        )
        for name, paths in wanted.items()
        if not is_key(name)
    ]
    if wrong:
        raise SpecError(wrong)
    return wanted


COMMANDS: Final = (
    Command("import-run", "bring in runs of other tools, measured by us", _arguments, _import_run),
)
