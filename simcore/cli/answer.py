"""What every command gives and takes, and how a frame becomes a text or a file."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcore.errors import SpecError
from simcore.problems import Problem

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Answer:
    """What a command found.

    Args:
        text: For people.
        data: For programs, as JSON.
        exit_code: 0 ok, 2 a document is wrong, 3 a limit, or a lake or disk that does not do its
            part, 10 to 13 chaos results.
    """

    text: str
    data: Any
    exit_code: int = 0


@dataclass(frozen=True)
class Command:
    """One command: its name, its line of help, its arguments and what it does."""

    name: str
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Path], Answer]


def no_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing, for a command that takes nothing."""


def shown(frame: pl.DataFrame, rows: int = 40) -> str:
    """Return a frame as a text for people; beyond so many rows, its ends."""
    import polars as pl

    with pl.Config(
        tbl_rows=rows,
        tbl_cols=-1,
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        tbl_width_chars=160,
        fmt_str_lengths=48,
    ):
        return str(frame)


def rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return a frame as JSON has it."""
    return frame.to_dicts()


@contextmanager
def drafted(path: Path) -> Iterator[Path]:
    """Give a file to write that takes the place of `path` once it is whole."""
    if path.exists() and not path.is_file():
        message = f"got {path}, which is no regular file, expected the name of a file to write"
        raise SpecError([Problem("ARGUMENT", "FILE_UNWRITABLE", message, source="--out")])
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    try:
        yield draft
        draft.replace(path)
    except OSError as error:
        if error.filename is not None:
            raise
        # Polars names the file in its words alone, where no one looks for it.
        message = f"got {path}, which cannot be written ({error}), expected another place"
        problem = Problem("ARGUMENT", "FILE_UNWRITABLE", message, source="--out")
        raise SpecError([problem]) from None
    finally:
        draft.unlink(missing_ok=True)


def write(frame: pl.DataFrame, path: Path) -> None:
    """Write a file that is whole or absent."""
    with drafted(path) as draft:
        frame.write_parquet(draft, compression="zstd")
