"""What is called like a file and is none: refused in words, and never waited for."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines import archive
from pipelines.cli import main
from simcore import documents, lake, quarantine
from simcore.errors import SpecError, StoreError

FORMS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "pipe": ("a pipe", os.mkfifo),
    "folder": ("a folder", Path.mkdir),
    "socket": ("a socket", lambda path: socket.socket(socket.AF_UNIX).bind(str(path))),
    "device": ("a device", lambda path: path.symlink_to("/dev/zero")),
}


@pytest.fixture(autouse=True)
def _deadline() -> Iterator[None]:
    """End a test that waits for a pipe, which would be for ever."""

    def give_up(*_: object) -> None:
        raise AssertionError("somebody waits for a pipe")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(40)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(params=list(FORMS))
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def made(form: str, path: Path) -> str:
    """Put something odd in a place and return what it is called."""
    what, make = FORMS[form]
    make(path)
    return what


@pytest.mark.parametrize("arguments", [["check"], ["check", "--fix"], ["tournament"], ["chaos"]])
def test_a_command_says_what_it_found_in_place_of_a_document(
    tmp_path: Path, form: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "d.toml"
    what = made(form, path)
    assert main([*arguments, str(path), "--home", str(tmp_path)]) == SpecError.exit_code
    said = capsys.readouterr()
    assert f"got {what}, expected a file" in said.out + said.err


def test_a_folder_by_any_name_is_no_id(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="got a folder, expected a file"):
        documents.read(str(tmp_path), "scenarios")


def test_links_in_a_circle_are_no_document(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.symlink_to(tmp_path / "b.toml")
    (tmp_path / "b.toml").symlink_to(path)
    with pytest.raises(SpecError, match="symbolic links, expected the file of a strategy"):
        documents.read(path, "strategies")


def test_a_backup_that_is_no_file_is_refused_before_it_is_read(tmp_path: Path, form: str) -> None:
    path = tmp_path / "b.tar"
    what = made(form, path)
    with pytest.raises(StoreError, match=f"got {what}, expected a file"):
        archive.checked(path)


def test_nothing_is_put_in_the_place_of_what_is_no_file(tmp_path: Path, form: str) -> None:
    path = tmp_path / "page.html"
    what = made(form, path)
    before = path.lstat().st_ino
    with pytest.raises(StoreError, match=f"got {what}, expected the name of a file"):
        lake.put(path, "content")
    assert path.lstat().st_ino == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", documents.KINDS)
def test_what_is_no_file_in_a_folder_of_documents_is_told_of(
    tmp_path: Path, form: str, kind: str
) -> None:
    folder = tmp_path / kind
    folder.mkdir()
    what = made(form, folder / "odd.toml")
    (folder / "gone.json").symlink_to(folder / "nothing")
    (problem, lost) = sorted(documents.unlisted(kind, tmp_path), key=lambda each: -len(each.source))
    assert str(problem) == f"{kind}/gone.json: got a link to nothing, expected a file"
    assert str(lost) == f"{kind}/odd.toml: got {what}, expected a file"
    assert "odd" not in documents.found(kind, tmp_path)
    sift = {"strategies": quarantine.strategies, "evolutions": quarantine.evolutions}
    refused = sift.get(kind, quarantine.campaigns)(tmp_path).refused
    assert any(said == str(lost) for said in refused.values())
