"""Adding a scenario family takes one file of Rust, two lines of its table, and a document.

A copy of the project is given a toy family and built; the copy's own contract tests then run on
it in a process of their own.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = (
    "Cargo.toml",
    "Cargo.lock",
    "clippy.toml",
    "pyproject.toml",
    "engine_rs",
    "simcore",
    "tests",
)
SCENARIO = Path("engine_rs/core/src/scenario")
DOCUMENT = Path("simcore/library/scenarios/toy-by-turns.toml")

FAMILY = """\
//! A toy: bars are calm and wild by turns.

use super::document::Scenario;
use super::law::{self, Law};
use super::model::{BPS, BarDraws, Even, Model, Outlook, Steps};
use super::{Facts, Family, Market, Univariate};
use crate::EngineError;
use crate::bars::Bars;
use crate::parameter::Param;

pub(super) const TOY: Family = Family {
    name: "toy",
    source: "a child's idea of a market (2026)",
    params: &[Param {
        name: "sigma",
        unit: "bps per root bar",
        min: 0.0,
        is_min_open: true,
        max: 2000.0,
        default: None,
        is_integer: false,
    }],
    choices: &[],
    prepare,
    ..super::trend::TREND
};

fn prepare(scenario: &Scenario, _source: Option<&Bars>) -> Result<Box<dyn Market>, EngineError> {
    Ok(Box::new(Toy { calm: scenario.params.get("sigma") * BPS, is_wild: false }))
}

#[derive(Clone, Copy)]
struct Toy {
    calm: f64,
    is_wild: bool,
}

impl Univariate for Toy {
    type Model = Self;

    fn model(&self, _scenario: &Scenario, _path: usize) -> Self {
        *self
    }

    fn laws(&self, scenario: &Scenario) -> Vec<Law> {
        let mut laws = law::of_ranges(scenario, 0.0);
        laws.push(Law::near("mean", &[], 0.0));
        // Variances of 1 and 4 by turns.
        laws.push(Law::near("variance", &[], 2.5 * self.calm * self.calm));
        laws
    }

    fn facts(&self, _scenario: &Scenario) -> Facts {
        Facts { shown: Vec::new(), undecided: law::FACTS.to_vec() }
    }
}

impl Model for Toy {
    fn deviation(&self) -> f64 {
        if self.is_wild { 2.0 * self.calm } else { self.calm }
    }

    fn bar(&mut self, bar: &BarDraws<'_>, steps: &mut Steps<'_>) -> Outlook {
        let deviation = self.deviation() * bar.length.sqrt();
        self.is_wild = !self.is_wild;
        Even { predictable: 0.0, constant: 0.0, deviation }.walk(bar, steps).1
    }
}
"""

TOML = """\
version = "0.1.0"
id = "toy-by-turns"
family = "toy"
timeframe = "1h"
duration_bars = 1000
seed = 7
volume_model = "coupled"
params = { sigma = 20.0 }

[metadata]
thesis = "Calm and wild by turns is a pattern that any child can trade."
source = "A child, 2026"
"""

CHECK = """\
import json
import simcore
from simcore import engine
from simcore.scenario.acceptance import accept
from simcore.scenario.document import effective, load

scenario = load("toy-by-turns")
verdicts = [result.passes for result in accept(scenario)]
returns = simcore.generate("toy-by-turns")["close"].log().diff().drop_nulls()
print(json.dumps({
    "package": simcore.__file__,
    "families": [family["name"] for family in engine.catalogue()["families"]],
    "laws": [law["statistic"] for law in engine.scenario_laws(effective(scenario))["laws"]],
    "verdicts": verdicts,
    "wild": returns.gather_every(2).std(),
    "calm": returns.gather_every(2, 1).std(),
}))
"""


def digests(root: Path) -> dict[str, str]:
    """Digest of each file of the project's parts, but for what is built or cached."""
    built = {".so", ".pyd", ".pyc"}
    files = [path for part in PARTS for path in [root / part, *(root / part).rglob("*")]]
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.is_file() and path.suffix not in built
    }


def add_family(root: Path) -> None:
    (root / SCENARIO / "toy.rs").write_text(FAMILY)
    table = root / SCENARIO / "mod.rs"
    text = table.read_text()
    text = text.replace("\nmod trend;\n", "\nmod toy;\nmod trend;\n")
    table.write_text(text.replace("&trend::TREND,", "&trend::TREND, &toy::TOY,"))
    (root / DOCUMENT).write_text(TOML)


def run(command: list[str], root: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(root), "CARGO_PROFILE_DEV_DEBUG": "0"}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, which other tests leave alone while these run."""
    root = tmp_path_factory.mktemp("untouched")
    unwanted = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd", ".*")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, root / part, ignore=unwanted)
        else:
            shutil.copy(ROOT / part, root / part)
    return root


@pytest.fixture(scope="module")
def project(untouched: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the copy with a toy family, built."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(untouched, root, dirs_exist_ok=True)
    add_family(root)
    run(["cargo", "build", "--offline", "--locked", "--quiet", "--package", "proving_py"], root)
    names = {"win32": "_engine.dll", "darwin": "lib_engine.dylib"}
    built = root / "target/debug" / names.get(sys.platform, "lib_engine.so")
    extension = "_engine.pyd" if sys.platform == "win32" else "_engine.abi3.so"
    shutil.copy(built, root / "simcore" / extension)
    return root


def test_a_family_takes_a_file_two_lines_and_a_document(untouched: Path, project: Path) -> None:
    before, after = digests(untouched), digests(project)
    touched = {name for name in before | after if before.get(name) != after.get(name)}
    table = SCENARIO / "mod.rs"
    assert touched == {(SCENARIO / "toy.rs").as_posix(), table.as_posix(), DOCUMENT.as_posix()}
    lines = [(root / table).read_text().splitlines() for root in (untouched, project)]
    written = [line for line in difflib.ndiff(*lines) if line[0] == "+"]
    assert len(written) == 2
    assert written[0] == "+ mod toy;"
    assert "&toy::TOY" in written[1]


def test_the_contract_tests_run_on_it_unasked(project: Path) -> None:
    files = ["tests/contract/test_families.py", "tests/test_tidy.py"]
    command = [sys.executable, "-m", "pytest", *files, "-vv", "-k", "toy"]
    outcome = run(command, project)
    assert outcome.count("PASSED") >= 7
    assert "test_refuses_what_lies_just_outside_with_place_and_range[toy]" in outcome


def test_it_generates_what_it_promises(project: Path) -> None:
    found = json.loads(run([sys.executable, "-c", CHECK], project))
    assert Path(found["package"]).is_relative_to(project)
    assert "toy" in found["families"]
    assert found["laws"] == ["parkinson_ratio", "rogers_satchell_ratio", "mean", "variance"]
    assert found["verdicts"] == [True, True, True, True]
    # Bars of deviations 20 and 40 bps by turns, the first return being that of bar 1.
    assert found["calm"] == pytest.approx(20e-4, rel=0.1)
    assert found["wild"] == pytest.approx(40e-4, rel=0.1)
