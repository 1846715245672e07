"""The built wheel is the product; an editable install hides what it lacks."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BACKTEST = """
import json, pathlib, simcore
bars = simcore.generate("trend-up-mid")
result = simcore.backtest("ma_cross", bars)
print(json.dumps({
    "home": str(pathlib.Path(simcore.__file__).parent),
    "n_trades": result.metrics["n_trades"], "signature": result.signature,
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "maturin", "build", "--release", "--quiet", "--out"]
    subprocess.run([*command, str(folder)], cwd=ROOT, check=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own that holds the wheel, and sees this one's dependencies."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*install, "--no-deps", "--no-index", str(wheel)], check=True)
    packages = next((folder / "lib").glob("python3*")) / "site-packages"
    # Added as a plain path, this folder's own .pth files are not read: the editable install,
    # which one of them makes, stays out of sight.
    own = next(path for path in sys.path if path.endswith("site-packages"))
    (packages / "dependencies.pth").write_text(own)
    return python


def test_the_wheel_holds_the_three_packages_the_engine_and_the_library(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for expected in (
        "simcore/__init__.py",
        "assets/checks.py",
        "pipelines/definitions.py",
        "simcore/library/strategies/ma_cross.toml",
    ):
        assert expected in names
    assert any(name.startswith("simcore/_engine.abi3") for name in names)
    assert not any(name.startswith("tests/") for name in names)


def test_the_wheel_backtests_as_the_checkout_does(python: Path, tmp_path: Path) -> None:
    def answer(interpreter: str | Path, folder: Path) -> dict[str, object]:
        done = subprocess.run(
            [str(interpreter), "-c", BACKTEST], cwd=folder, check=True, stdout=subprocess.PIPE
        )
        found: dict[str, object] = json.loads(done.stdout)
        return found

    installed, checkout = answer(python, tmp_path), answer(sys.executable, ROOT)
    assert installed.pop("home") != checkout.pop("home")
    assert installed == checkout


def test_the_wheels_command_line_runs(python: Path, tmp_path: Path) -> None:
    proving = python.parent / "proving"
    done = subprocess.run(
        [str(proving), "catalogue", "--json"], cwd=tmp_path, check=True, stdout=subprocess.PIPE
    )
    assert {"trend", "vol_cluster", "replay"} <= {
        family["name"] for family in json.loads(done.stdout)["families"]
    }
