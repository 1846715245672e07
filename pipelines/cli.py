"""`proving`: the commands of `simcore.cli`, and those that need a home, a clock or Dagster."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from pathlib import Path

from simcore.cli import COMMANDS
from simcore.cli.answer import Answer
from simcore.errors import ProvingError, SpecError

SOFTWARE_BUG = 70

_MAKING = ("run", "backfill", "rerun", "import-run", "evolve")
"""The commands that make partitions, one at a time in a home."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    root = argparse.ArgumentParser(
        prog="proving",
        description="Decides, with evidence anyone can recompute, whether a trading strategy "
        "deserves real money.",
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print the answer as JSON")
    common.add_argument("--home", type=Path, help="default: $PROVING_HOME, else ./workspace")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True)
    commands.add_parser("init", parents=[common], help="make the home, with one example a folder")
    commands.add_parser(
        "doctor", parents=[common], help="clear what a crash left, list what is broken"
    )
    run = commands.add_parser(
        "run", parents=[common], help="every asset of a campaign, headless, through Dagster"
    )
    run.add_argument("campaign", help="id of a campaign")
    run.add_argument(
        "--spread",
        type=int,
        metavar="RUNS",
        help="hand the work to the instance's workers, a step with many partitions in so many runs",
    )
    backfill = commands.add_parser(
        "backfill", parents=[common], help="every asset of many campaigns, one after another"
    )
    backfill.add_argument("campaigns", nargs="*", help="ids; none for all that have a document")
    rerun = commands.add_parser("rerun", parents=[common], help="run again what failed")
    rerun.add_argument(
        "--failed", action="store_true", required=True, help="campaigns with a failed run"
    )
    backup = commands.add_parser(
        "backup", parents=[common], help="the whole home as one file, while it is in use"
    )
    backup.add_argument("out", type=Path, metavar="OUT.tar[.zst]", help="a new file")
    restore = commands.add_parser(
        "restore", parents=[common], help="make a home of a backup, all of it or nothing"
    )
    restore.add_argument("archive", type=Path, metavar="IN.tar[.zst]", help="file of `backup`")
    for command in COMMANDS:
        sub = commands.add_parser(command.name, parents=[common], help=command.help)
        command.add_arguments(sub)
    return root


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        argv: Arguments without the program's name; None takes the process's own.
    """
    arguments = parser().parse_args(argv)
    arguments.is_coloured = sys.stdout.isatty() and not (
        arguments.json or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    )
    arguments.clock = time.perf_counter
    try:
        answer = _answer(arguments)
        _print_answer(answer, as_json=arguments.json)
        return answer.exit_code
    except ProvingError as error:
        _print_error(error, as_json=arguments.json)
        return error.exit_code
    except BrokenPipeError:
        # Whoever read the output has enough; nothing is left to say when the stream is closed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.filename is None:
            raise
        refusal = ProvingError("FILE", f"{error.filename}: {error.strerror} [name another place]")
        _print_error(refusal, as_json=arguments.json)
        return SpecError.exit_code
    except Exception as error:  # noqa: BLE001 — the last frame: whatever reaches it is our bug, and says so
        refusal = _refused_history(error, arguments)
        if refusal is not None:
            _print_error(refusal, as_json=arguments.json)
            return refusal.exit_code
        traceback.print_exc()
        print(f"proving {arguments.command}: this is a bug of Proving Ground", file=sys.stderr)
        return SOFTWARE_BUG


def _refused_history(error: Exception, arguments: argparse.Namespace) -> ProvingError | None:
    """Return what to tell where the disk, and not a bug, keeps Dagster from its own files."""
    from pipelines import home as homes

    return homes.refused_history(error, homes.resolve(arguments.home))


def _print_answer(answer: Answer, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(answer.data, indent=2, default=str), flush=True)
    elif answer.text:
        print(answer.text, flush=True)


def _answer(arguments: argparse.Namespace) -> Answer:
    from pipelines import home as homes

    home = homes.resolve(arguments.home)
    if arguments.command == "init":
        made = homes.init(home)
        return Answer(
            f"{home} is ready" + (f" ({len(made)} files made)" if made else ""),
            {"home": str(home), "made": [str(path) for path in made]},
        )
    if arguments.command == "doctor":
        from pipelines import doctor

        report = doctor.run(home)
        return Answer(report.text, report.data)
    if arguments.command in ("backup", "restore"):
        from pipelines import backup

        kept = (
            backup.backup(home, arguments.out.absolute())
            if arguments.command == "backup"
            else backup.restore(arguments.archive.absolute(), home)
        )
        return Answer(kept.text, kept.data)
    if arguments.command in _MAKING:
        from pipelines.turns import turn

        with turn(home, " ".join(["proving", arguments.command, *_named(arguments)])):
            return _made(arguments, home)
    return _made(arguments, home)


def _named(arguments: argparse.Namespace) -> list[str]:
    """Return what a command that makes partitions was asked to make them of."""
    lists = [*getattr(arguments, "campaigns", ()), *getattr(arguments, "files", ())]
    single = [getattr(arguments, "campaign", ""), getattr(arguments, "document", "")]
    return [str(each) for each in (*lists, *single) if each]


def _made(arguments: argparse.Namespace, home: Path) -> Answer:
    if arguments.command in ("run", "backfill", "rerun"):
        return _run(arguments, home)
    command = next(each for each in COMMANDS if each.name == arguments.command)
    return command.run(arguments, home)


def _run(arguments: argparse.Namespace, home: Path) -> Answer:
    from pipelines import backfill, headless

    started = time.monotonic()

    def progress(line: str) -> None:
        stream = sys.stderr if arguments.json else sys.stdout
        print(f"{time.monotonic() - started:7.1f} s  {line}", file=stream, flush=True)

    if arguments.command == "backfill":
        return Answer(*backfill.run(arguments.campaigns, home=home, progress=progress))
    if arguments.command == "rerun":
        return Answer(*backfill.rerun(home=home, progress=progress))
    if arguments.spread is None:
        summary = headless.run(arguments.campaign, home=home, progress=progress)
    else:
        summary = headless.spread(
            arguments.campaign, home=home, progress=progress, pieces=max(arguments.spread, 1)
        )
    return Answer(summary.text, summary.data, exit_code=summary.exit_code)


def _print_error(error: ProvingError, *, as_json: bool) -> None:
    if as_json:
        problems = error.problems if isinstance(error, SpecError) else ()
        found = {
            "error": {
                "code": error.code,
                "message": error.message,
                "problems": [problem.as_json() for problem in problems],
            }
        }
        print(json.dumps(found, indent=2))
    else:
        print(error.message, file=sys.stderr)
