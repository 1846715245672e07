"""The stub of the compiled module says what the module has; a stub kept by hand can drift."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

from simcore import _engine

STUB = Path(_engine.__file__).parent / "_engine.pyi"


def _stubbed() -> dict[str, list[str]]:
    tree = ast.parse(STUB.read_text())
    return {
        node.name: [argument.arg for argument in node.args.args]
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }


def test_every_function_of_the_module_stands_in_the_stub_and_no_other() -> None:
    real = {name for name, value in vars(_engine).items() if inspect.isroutine(value)}
    assert real == set(_stubbed())


def test_every_function_takes_the_arguments_that_the_stub_names() -> None:
    for name, arguments in _stubbed().items():
        assert list(inspect.signature(getattr(_engine, name)).parameters) == arguments, name
