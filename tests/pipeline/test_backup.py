"""A home as one file and back: whole, consistent, and refused where a byte is wrong."""

from __future__ import annotations

import errno
import io
import json
import sqlite3
import tarfile
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from pipelines import archive, backup
from pipelines import home as homes
from pipelines.cli import main
from simcore.errors import SpecError, StoreError
from simcore.store import ELSEWHERE, Partition, Provenance, Store
from simcore.tables import TABLES
from simcore.verification import verify

GAMES, PLACE = TABLES["games"], Partition(campaign="c0-tiny")
OWN = ("dagster.yaml", "views.sql")  # they name the home, and are made anew
DATABASE = "dagster/storage/history/runs.db"


@pytest.fixture
def used(home: Path) -> Path:
    """A home with something of every kind in it, and what a backup leaves out."""
    Store(homes.lake(home)).write(GAMES, PLACE, GAMES.empty(), Provenance({}, 1, "x"))
    (home / "strategies" / "mine.toml").write_text('id = "mine"\n')
    (home / "journal" / ".cas").mkdir()
    (home / "journal" / ".cas" / "ab.json").write_text("{}")
    (home / "journal" / "alerts.jsonl").write_text("{}\n")
    (home / "imports" / "old").mkdir()
    (home / "imports" / "old" / "runs.json").write_text("{}")
    (home / "views.sql").write_text("-- views")
    for left_out in ("lake/.staging/x.parquet", "lake/.cache/runs/y.npz", "journal/runs/z.lock"):
        (home / left_out).parent.mkdir(parents=True, exist_ok=True)
        (home / left_out).write_text("not kept")
    (home / DATABASE).parent.mkdir(parents=True)
    with closing(sqlite3.connect(home / DATABASE)) as made, made:
        made.execute("pragma journal_mode = wal")
        made.execute("create table events (n integer primary key, said text)")
        made.executemany("insert into events values (?, ?)", [(n, "x" * 99) for n in range(500)])
    return home


def content(home: Path) -> dict[str, bytes]:
    """Every file but a database and what names the home, by its name."""
    return {
        path.relative_to(home).as_posix(): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and ".db" not in path.name and path.name not in OWN
    }


@pytest.mark.parametrize("name", ["b.tar", "b.tar.zst"])
def test_what_was_backed_up_comes_back_in_an_empty_folder(
    used: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out, back = tmp_path / "safe" / name, tmp_path / "back"
    back.mkdir()
    assert main(["backup", str(out), "--home", str(used)]) == 0
    assert main(["restore", str(out), "--home", str(back), "--json"]) == 0
    told = json.loads(capsys.readouterr().out.partition("\n")[2])
    kept = {name: each for name, each in content(used).items() if each != b"not kept"}
    assert content(back) == kept
    assert told["files"] == len(kept) + 1 and told["remarks"] == []
    with closing(sqlite3.connect(back / DATABASE)) as restored:
        assert restored.execute("select count(*) from events").fetchone() == (500,)
    assert [each.is_sound for each in verify(back)] == [True]
    for made in ("dagster/dagster.yaml", "views.sql"):
        assert str(back) in (back / made).read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["back", "home", "safe"]
    assert [path.name for path in out.parent.iterdir()] == [name]


def test_the_same_home_gives_the_same_bytes_at_any_time(used: Path, tmp_path: Path) -> None:
    backup.backup(used, tmp_path / "a.tar")
    (used / "strategies" / "mine.toml").touch()
    backup.backup(used, tmp_path / "b.tar")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_a_database_is_copied_whole_while_it_is_written_to(used: Path, tmp_path: Path) -> None:
    is_over = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(used / DATABASE, timeout=30)) as busy:
            while not is_over.is_set():
                with busy:  # both rows or none
                    busy.execute("insert into events (said) values ('one')")
                    busy.execute("insert into events (said) values ('other')")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for n in range(3):
            backup.backup(used, tmp_path / f"{n}.tar")
    finally:
        is_over.set()
        writer.join()
    for n in range(3):
        backup.restore(tmp_path / f"{n}.tar", tmp_path / f"back{n}")
        with closing(sqlite3.connect(tmp_path / f"back{n}" / DATABASE)) as restored:
            assert restored.execute("pragma integrity_check").fetchone() == ("ok",)
            ones, others = (
                restored.execute("select count(*) from events where said = ?", [said]).fetchone()
                for said in ("one", "other")
            )
            assert ones == others


def test_a_backup_never_takes_the_place_of_a_file_nor_a_restore_that_of_a_home(
    used: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "b.tar"
    out.write_text("mine")
    assert main(["backup", str(out), "--home", str(used)]) == 2
    assert "which is there, expected a new name" in capsys.readouterr().err
    assert out.read_text() == "mine"
    out.unlink()
    backup.backup(used, out)
    before = content(used)
    assert main(["restore", str(out), "--home", str(used)]) == 2
    assert "which is not empty" in capsys.readouterr().err
    assert content(used) == before
    assert main(["backup", str(tmp_path / "c.tar"), "--home", str(tmp_path / "none")]) == 2
    assert "where there is no home" in capsys.readouterr().err


def test_a_backup_that_fails_leaves_nothing(
    used: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (used / DATABASE).write_bytes(b"SQLite format 3\0 and no more")
    with pytest.raises(StoreError, match=r"runs\.db: got .* no backup was written"):
        backup.backup(used, tmp_path / "safe" / "b.tar")
    assert list((tmp_path / "safe").iterdir()) == []


def test_a_disk_that_is_full_leaves_nothing_of_either(
    used: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup.backup(used, tmp_path / "b.tar")

    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archive.os, "fsync", refuse)
    for ask in (
        lambda: backup.backup(used, tmp_path / "safe" / "c.tar"),
        lambda: backup.restore(tmp_path / "b.tar", tmp_path / "back"),
    ):
        with pytest.raises(StoreError, match=r"No space left on device, [\d,]+ bytes free"):
            ask()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar", "home", "safe"]
    assert list((tmp_path / "safe").iterdir()) == []


def test_every_flipped_byte_of_a_content_is_refused_with_the_name_of_its_file(
    used: Path, tmp_path: Path
) -> None:
    out = tmp_path / "b.tar"
    backup.backup(used, out)
    whole = out.read_bytes()
    with tarfile.open(out) as tar:
        members = [(info.name, info.offset_data, info.size) for info in tar if info.size]
    assert len(members) > 10
    for name, start, size in members:
        for at in {start, start + size // 2, start + size - 1}:
            harmed = bytearray(whole)
            harmed[at] ^= 0x01
            out.write_bytes(harmed)
            with pytest.raises(StoreError) as refused:
                backup.restore(out, tmp_path / "back")
            assert refused.value.code == "DAMAGED"
            # A hash that was harmed speaks of another file than the manifest it stands in.
            assert name in refused.value.message or name == archive.MANIFEST
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize("name", ["b.tar", "b.tar.zst"])
@pytest.mark.parametrize("kept", [0.0, 0.2, 0.5, 0.8])
def test_an_archive_that_was_cut_is_refused(
    used: Path, tmp_path: Path, name: str, kept: float
) -> None:
    out = tmp_path / name
    backup.backup(used, out)
    out.write_bytes(out.read_bytes()[: int(kept * out.stat().st_size)])
    with pytest.raises(StoreError) as refused:
        backup.restore(out, tmp_path / "back")
    assert refused.value.code == "DAMAGED"
    assert "nothing was restored" in refused.value.message
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize("step", [97])
def test_a_flipped_byte_anywhere_restores_what_was_there_or_nothing(
    used: Path, tmp_path: Path, step: int
) -> None:
    out = tmp_path / "b.tar"
    backup.backup(used, out)
    backup.restore(out, tmp_path / "honest")
    honest, whole = content(tmp_path / "honest"), out.read_bytes()
    for n, at in enumerate(range(0, len(whole), len(whole) // step)):
        harmed = bytearray(whole)
        harmed[at] ^= 0x10
        out.write_bytes(harmed)
        back = tmp_path / f"back{n}"
        try:
            backup.restore(out, back)
        except StoreError as refusal:
            assert refusal.code in ("DAMAGED", "UNSAFE")
            assert not back.exists()
        else:
            assert content(back) == honest


def packed(path: Path, *infos: tarfile.TarInfo, files: dict[str, object] | None = None) -> Path:
    """Write an archive by hand, with a manifest that says that all is well."""
    told = files or {
        info.name: {"bytes": 0, "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b"
                    "7852b855"} for info in infos
    }  # fmt: skip
    manifest = json.dumps({"format": archive.FORMAT, "version": 1, "files": told}).encode()
    last = tarfile.TarInfo(archive.MANIFEST)
    last.size = len(manifest)
    with tarfile.open(path, "w") as tar:
        for info in infos:
            tar.addfile(info)
        tar.addfile(last, io.BytesIO(manifest))
    return path


def linked(name: str, kind: bytes, to: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


@pytest.mark.parametrize(
    "info",
    [
        tarfile.TarInfo("../outside"),
        tarfile.TarInfo("lake/../../outside"),
        tarfile.TarInfo("/outside"),
        tarfile.TarInfo("lake//x"),
        tarfile.TarInfo("./lake/x"),
        tarfile.TarInfo("lake\\..\\x"),
        tarfile.TarInfo("elsewhere/x"),
        tarfile.TarInfo(".bashrc"),
        linked("lake/x", tarfile.SYMTYPE, "/etc"),
        linked("lake/x", tarfile.LNKTYPE, "../outside"),
        linked("lake/x", tarfile.FIFOTYPE, ""),
        linked("lake/x", tarfile.DIRTYPE, ""),
    ],
    ids=lambda info: f"{info.name}-{info.type.decode()}",
)
def test_what_would_lie_outside_of_the_home_is_refused(
    tmp_path: Path, info: tarfile.TarInfo
) -> None:
    back = tmp_path / "folder" / "back"
    with pytest.raises(StoreError) as refused:
        backup.restore(packed(tmp_path / "b.tar", info), back)
    assert refused.value.code == "UNSAFE"
    assert repr(info.name) in refused.value.message
    assert sorted(path.name for path in tmp_path.rglob("*")) in (["b.tar"], ["b.tar", "folder"])


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda path: path.write_bytes(b"no archive at all" * 99), "its beginning"),
        (lambda path: packed(path, *[tarfile.TarInfo("lake/x")] * 2), "got it twice"),
        (lambda path: packed(path, files={"lake/x": {"bytes": 0, "sha256": ""}}), "got nothing of"),
        (lambda path: packed(path, tarfile.TarInfo("lake/x"), files={"y": {}}), "got no manifest"),
    ],
)
def test_what_is_no_backup_is_refused(
    tmp_path: Path, make: Callable[[Path], object], found: str
) -> None:
    make(tmp_path / "b.tar")
    with pytest.raises(StoreError, match=found) as refused:
        backup.restore(tmp_path / "b.tar", tmp_path / "back")
    assert refused.value.code == "DAMAGED"
    with pytest.raises(StoreError, match="there is no such file"):
        backup.restore(tmp_path / "gone.tar", tmp_path / "back")


def test_a_lake_in_a_bucket_is_left_out_with_a_sentence(used: Path, tmp_path: Path) -> None:
    (used / ELSEWHERE).write_text("s3://lakes/proving\n")
    kept = backup.backup(used, tmp_path / "b.tar")
    assert "the lake at s3://lakes/proving is not in it" in kept.text
    restored = backup.restore(tmp_path / "b.tar", tmp_path / "back")
    assert "the lake at s3://lakes/proving is not in it" in restored.text
    assert homes.lake(tmp_path / "back") == "s3://lakes/proving"


def test_settings_made_by_hand_are_kept_and_told(used: Path, tmp_path: Path) -> None:
    settings = used / "dagster" / "dagster.yaml"
    settings.write_text("storage: {postgres: {}}\n")
    kept = backup.backup(used, tmp_path / "b.tar")
    assert "is not in it" in kept.text
    backup.restore(tmp_path / "b.tar", tmp_path / "back")
    restored = tmp_path / "back" / "dagster" / "dagster.yaml"
    assert restored.read_text() == settings.read_text()


def test_a_folder_that_lies_elsewhere_is_followed(used: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "far.json").write_text("{}")
    (used / "imports" / "far").symlink_to(tmp_path / "disk")
    (used / "imports" / "loop").symlink_to(used / "imports")
    backup.backup(used, tmp_path / "b.tar")
    backup.restore(tmp_path / "b.tar", tmp_path / "back")
    assert (tmp_path / "back" / "imports" / "far" / "far.json").read_text() == "{}"
    assert not (tmp_path / "back" / "imports" / "loop" / "far").exists()


def test_a_home_may_be_named_by_a_link(used: Path, tmp_path: Path) -> None:
    backup.backup(used, tmp_path / "b.tar")
    (tmp_path / "place").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "place")
    backup.restore(tmp_path / "b.tar", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert content(tmp_path / "place")["strategies/mine.toml"] == b'id = "mine"\n'
    assert str(tmp_path / "link") in (tmp_path / "place" / "dagster" / "dagster.yaml").read_text()


def test_a_disk_of_its_own_is_no_place_for_what_is_put_there_in_one_move(
    used: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup.backup(used, tmp_path / "b.tar")
    (tmp_path / "disk").mkdir()
    monkeypatch.setattr(Path, "is_mount", lambda path: path == tmp_path / "disk")
    with pytest.raises(SpecError, match=r"which is a mount point, expected .* a folder in it"):
        backup.restore(tmp_path / "b.tar", tmp_path / "disk")
    backup.restore(tmp_path / "b.tar", tmp_path / "disk" / "home")
    assert (tmp_path / "disk" / "home" / "strategies" / "mine.toml").exists()


def test_a_home_cannot_be_a_file(used: Path, tmp_path: Path) -> None:
    backup.backup(used, tmp_path / "b.tar")
    (tmp_path / "back").write_text("mine")
    with pytest.raises(SpecError, match="expected an empty folder"):
        backup.restore(tmp_path / "b.tar", tmp_path / "back")
