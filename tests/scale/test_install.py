"""What is said where a server is not there and cannot be put there."""

from __future__ import annotations

import shutil

import pytest

from tests.scale import install


@pytest.mark.parametrize(
    "packages", [["postgresql", "redis-server"], ["redis-server"]], ids=" and ".join
)
def test_what_is_missing_is_said_in_one_sentence(
    packages: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "apt-get" else found(name))
    lacking = [
        each._replace(find=lambda: None) if each.package in packages else each
        for each in install.SERVERS
    ]
    monkeypatch.setattr(install, "SERVERS", lacking)
    assert install.main() == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert f"need {' and '.join(packages)}: install these Debian packages" in said.err


def test_nothing_is_said_where_all_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert install.main() == 0
    assert capsys.readouterr() == ("", "")
