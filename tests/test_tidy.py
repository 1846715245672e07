"""The rules of the project's layout and style that a program can check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import simcore
from simcore import engine
from simcore.tables import TABLES

ROOT = Path(__file__).parents[1]
FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 600
LINE_LENGTH_MAX = 100
FILE_BYTES_MAX = 1_000_000
BANNED_NAMES = {"utils", "helpers", "common", "misc", "base", "manager", "core", "util", "helper"}
# The words are spelled apart, so that this file does not break its own rules.
PLACEHOLDER = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b(?!.*#\d)")
MACHINE_PATH = re.compile(r"(?<![\w.:/~-])/(?:home|root|work|Users|tmp)(?:/|\b(?!\w))")
PACKAGE_HOST = re.compile(r"https?://\S*(?:pyp" + r"i|pythonhosted|crates\.io|npmjs)")
SKIPPING = re.compile(r"\b(?:importorskip|pytest\.skip|mark\.skip\w*|x" + r"fail)\b")


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that git has or would take."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    paths = (ROOT / name for name in listed.split("\0") if name)
    return tuple(sorted(path for path in paths if path.is_file()))


def sources(*suffixes: str) -> list[Path]:
    return [path for path in tracked() if path.suffix in suffixes]


def python_below(*folders: str) -> list[Path]:
    return [path for path in sources(".py") if path.relative_to(ROOT).parts[0] in folders]


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def place(path: Path, line: int | None = None) -> str:
    name = path.relative_to(ROOT).as_posix()
    return name if line is None else f"{name}:{line}"


def texts() -> Iterator[tuple[Path, list[str]]]:
    for path in tracked():
        try:
            yield path, path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # A picture.


def imports_of(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def functions_of(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def rust_functions(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Yield first line and length of each function of a formatted Rust file."""
    for first, line in enumerate(lines):
        head = re.match(r"( *)(?:pub(?:\([a-z ]+\))? )?(?:const |unsafe |async )*fn \w+", line)
        if head is None or line.rstrip().endswith((";", "}")):
            continue
        end = head.group(1) + "}"
        for last in range(first + 1, len(lines)):
            if lines[last].rstrip() == end:
                yield first + 1, last - first + 1
                break


class TestFiles:
    def test_bear_no_name_that_says_nothing(self) -> None:
        code = sources(".py", ".rs")
        assert [place(path) for path in code if path.stem in BANNED_NAMES] == []

    def test_are_short_enough_to_be_read(self) -> None:
        long = [
            f"{place(path)}: {len(lines)} lines"
            for path, lines in texts()
            if path.suffix in (".py", ".rs", ".pyi") and len(lines) > FILE_LINES_MAX
        ]
        assert long == []

    def test_have_lines_that_fit_a_screen(self) -> None:
        long = [
            place(path, number)
            for path, lines in texts()
            if path.suffix in (".py", ".rs", ".pyi")
            for number, line in enumerate(lines, 1)
            if len(re.sub(r"\s*# (?:type: ignore|noqa).*", "", line)) > LINE_LENGTH_MAX
            and not (path.suffix == ".rs" and '"' in line)  # A literal cannot be broken.
        ]
        assert long == []

    def test_are_small_enough_for_a_repository(self) -> None:
        big = [place(path) for path in tracked() if path.stat().st_size > FILE_BYTES_MAX]
        assert big == []

    def test_name_no_folder_of_one_machine(self) -> None:
        found = [
            place(path, number)
            for path, lines in texts()
            for number, line in enumerate(lines, 1)
            if MACHINE_PATH.search(line) and path != Path(__file__)
        ]
        assert found == []

    def test_name_no_place_to_download_packages_from(self) -> None:
        found = [
            place(path, number)
            for path, lines in texts()
            if path.name != "Cargo.lock"  # Cargo's own format names the registry.
            for number, line in enumerate(lines, 1)
            if PACKAGE_HOST.search(line)
        ]
        assert found == []

    def test_leave_nothing_for_later_without_an_issue(self) -> None:
        found = [
            place(path, number)
            for path, lines in texts()
            if path.suffix != ".lock"
            for number, line in enumerate(lines, 1)
            if PLACEHOLDER.search(line)
        ]
        assert found == []


class TestFunctions:
    def test_of_python_fit_one_screen(self) -> None:
        long = [
            f"{place(path, node.lineno)}: {node.name}"
            for path in sources(".py")
            for node in functions_of(tree_of(path))
            if (node.end_lineno or node.lineno) - node.lineno + 1 > FUNCTION_LINES_MAX
        ]
        assert long == []

    def test_of_rust_fit_one_screen(self) -> None:
        long = [
            place(path, first)
            for path in sources(".rs")
            for first, length in rust_functions(path.read_text(encoding="utf-8").splitlines())
            if length > FUNCTION_LINES_MAX
        ]
        assert long == []

    def test_print_only_where_a_person_reads(self) -> None:
        printing = [
            place(path, node.lineno)
            for path in python_below("simcore", "assets")
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("print", "breakpoint")
        ]
        assert printing == []

    def test_of_the_crates_print_nothing(self) -> None:
        printing = [
            place(path, number)
            for path in sources(".rs")
            if "src" in path.parts
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
            if re.search(r"\b(?:e?println|e?print|dbg|todo|unimplemented)!", line)
        ]
        assert printing == []


class TestImports:
    def test_of_the_compiled_module_stand_in_one_folder(self) -> None:
        importers = {
            path.relative_to(ROOT).parent.as_posix()
            for path in python_below("simcore", "assets", "pipelines", "tests")
            for name, _ in imports_of(tree_of(path))
            if name.split(".")[:2] == ["simcore", "_engine"]
        }
        # A test compares the compiled module with its stub, and so looks at it directly.
        assert {name for name in importers if not name.startswith("tests/")} == {"simcore/engine"}

    def test_of_the_package_load_nothing_heavy(self) -> None:
        heavy = ("polars", "pyarrow", "scipy", "pandas", "dagster", "pydantic", "matplotlib")
        code = f"import sys, simcore; print([n for n in {heavy!r} if n in sys.modules])"
        command = [sys.executable, "-c", code]
        found = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
        assert found.stdout.strip() == "[]"

    def test_init_files_hold_nothing_or_the_table_of_their_folder(self) -> None:
        wrong = [
            place(path, node.lineno)
            for path in python_below("simcore", "assets", "pipelines", "tests")
            if path.name == "__init__.py" and path != ROOT / "simcore" / "__init__.py"
            for node in tree_of(path).body
            if not (is_docstring(node) or is_import(node) or is_constant(node))
        ]
        assert wrong == []


def is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def is_constant(node: ast.stmt) -> bool:
    if isinstance(node, ast.AnnAssign):
        targets: list[ast.expr] = [node.target]
    elif isinstance(node, ast.Assign):
        targets = node.targets
    else:
        return False
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    is_spelled = all(name in (name.upper(), "__all__") for name in names)
    return len(names) == len(targets) and is_spelled


class TestPublicSurface:
    def test_shares_no_name_with_a_module_or_folder(self) -> None:
        # Importing the module would put it in the place of the function.
        inside = {path.stem for path in (ROOT / "simcore").iterdir()}
        settled = {
            "generate", "scenario_manifest", "check_strategy", "compile_strategy", "indicator",
            "backtest", "sweep", "metrics", "monte_carlo", "walk_forward", "tournament",
            "chaos_run", "catalogue",
        }  # fmt: skip
        assert inside & (settled | set(simcore.__all__)) == set()

    @pytest.mark.parametrize("name", simcore.__all__)
    def test_has_a_docstring_for_each_name(self, name: str) -> None:
        documented = getattr(simcore, name).__doc__
        assert documented is not None
        assert documented.strip().splitlines()[0].endswith((".", ":"))


class TestRustModules:
    def test_are_all_declared_by_their_parent(self) -> None:
        undeclared = []
        for path in sources(".rs"):
            if "src" not in path.parts or path.name in ("lib.rs", "main.rs", "build.rs"):
                continue
            name = path.parent.name if path.name == "mod.rs" else path.stem
            folder = path.parent.parent if path.name == "mod.rs" else path.parent
            parent = folder / ("lib.rs" if folder.name == "src" else "mod.rs")
            declaration = re.compile(rf"^\s*(?:pub(?:\([a-z ]+\))? )?mod {name};", re.MULTILINE)
            if not declaration.search(parent.read_text(encoding="utf-8")):
                undeclared.append(place(path))
        assert undeclared == []

    def test_open_with_a_sentence_on_what_they_hold(self) -> None:
        silent = [
            place(path)
            for path in sources(".rs")
            if not path.read_text(encoding="utf-8").startswith("//! ")
        ]
        assert silent == []


CATALOGUE = engine.catalogue()
MEMBERS = [
    (kind, member) for kind in ("families", "indicators", "metrics") for member in CATALOGUE[kind]
]


class TestOpenSets:
    @pytest.mark.parametrize("kind", ["families", "indicators", "metrics"])
    def test_have_members_each_of_another_name(self, kind: str) -> None:
        names = [member["name"] for member in CATALOGUE[kind]]
        assert names
        assert len(set(names)) == len(names)

    @pytest.mark.parametrize(
        ("kind", "member"), MEMBERS, ids=[f"{kind}-{member['name']}" for kind, member in MEMBERS]
    )
    def test_say_where_each_member_is_from_and_in_which_unit(
        self, kind: str, member: dict[str, Any]
    ) -> None:
        assert member.get("source"), f"{kind} {member['name']}: no source"
        if kind == "metrics":
            assert member.get("unit"), f"{kind} {member['name']}: no unit"
        for param in member.get("params", []):
            assert param["unit"], f"{kind} {member['name']}.{param['name']}: no unit"
            assert param["min"] <= param["max"]
            if param["default"] is not None:
                assert param["min"] <= param["default"] <= param["max"]

    def test_of_tables_are_named_as_their_columns_are_spelled(self) -> None:
        spelled = re.compile(r"[a-z][a-z0-9_]*|A")  # A: bars a year, as the literature writes it
        for table in TABLES.values():
            assert spelled.fullmatch(table.name)
            for column in table.columns:
                assert spelled.fullmatch(column.name), f"{table.name}.{column.name}"


class TestTests:
    def test_are_never_skipped(self) -> None:
        skipping = [
            place(path, number)
            for path in python_below("tests")
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
            if SKIPPING.search(line) and path != Path(__file__)
        ]
        assert skipping == []

    def test_bear_the_sentence_they_prove(self) -> None:
        short = [
            f"{place(path, node.lineno)}: {node.name}"
            for path in python_below("tests")
            for node in functions_of(tree_of(path))
            if node.name.startswith("test_") and len(node.name.split("_")) < 3
        ]
        assert short == []

    def test_files_bear_names_of_their_own(self) -> None:
        names = [path.name for path in python_below("tests") if path.name.startswith("test_")]
        assert sorted(set(names)) == sorted(names)

    def test_each_asserts_something(self) -> None:
        idle = []
        for path in python_below("tests"):
            asserting = {node.name for node in functions_of(tree_of(path)) if asserts(node, set())}
            idle += [
                f"{place(path, node.lineno)}: {node.name}"
                for node in functions_of(tree_of(path))
                if node.name.startswith("test_") and not asserts(node, asserting)
            ]
        assert idle == []


def asserts(function: ast.AST, asserting: set[str]) -> bool:
    """Whether a function asserts, expects a refusal, or calls one that does."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            name = node.func.id if isinstance(node.func, ast.Name) else name
            if name in asserting or name.startswith(("assert", "expect", "raises", "validate")):
                return True
    return False


class TestTheRulesThemselves:
    """Each pattern finds what it is there to find."""

    @pytest.mark.parametrize(
        ("pattern", "bad", "good"),
        [
            (PLACEHOLDER, "# TO" + "DO: later", "# TO" + "DO(#12): later"),
            (MACHINE_PATH, 'x = "/' + 'Users/someone"', "https://example.org/work/x"),
            (MACHINE_PATH, "in /ho" + "me/someone", "a/home/b, $HOME, ~/home"),
            (MACHINE_PATH, "cd /ro" + "ot", "at the /roots"),
            (PACKAGE_HOST, "https://files.python" + "hosted.org/x", "https://example.org"),
            (SKIPPING, "@pytest.mark.sk" + "ip", "a skipped clock"),
        ],
    )
    def test_patterns_tell_bad_from_good(
        self, pattern: re.Pattern[str], bad: str, good: str
    ) -> None:
        assert pattern.search(bad)
        assert not pattern.search(good)

    def test_rust_functions_are_measured_to_their_closing_brace(self) -> None:
        lines = [
            "impl A {",
            "    pub fn a(",
            "        x: u8,",
            "    ) -> u8 {",
            "        x",
            "    }",
        ]
        assert list(rust_functions([*lines, "}", "const fn b() {", "}"])) == [(2, 5), (8, 2)]


class TestDocuments:
    def test_link_only_to_what_is_there(self) -> None:
        dead = [
            f"{page.relative_to(ROOT)}: {target}"
            for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
            for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
            if not (page.parent / target).exists()
        ]
        assert dead == []

    def test_make_targets_name_files_that_are_there(self) -> None:
        recipes = (ROOT / "Makefile").read_text(encoding="utf-8")
        for path in re.findall(r"\btests/[\w/]+(?:\.py)?", recipes):
            assert (ROOT / path).exists(), path
        for test in re.findall(r"--test (\w+)", recipes):
            assert (ROOT / "engine_rs/core/tests" / f"{test}.rs").exists(), test
        for module in re.findall(r"python -m ([\w.]+)", recipes):
            place = ROOT / module.replace(".", "/")
            is_own = module.startswith(("tests.", "pipelines."))
            assert not is_own or place.is_dir() or place.with_suffix(".py").exists(), module
