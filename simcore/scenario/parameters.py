"""Parameters of families and overlays against the engine's tables: every fault at once.

Lists and tables among them have rules of their own, which the engine holds and applies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from simcore import engine
from simcore.documents import Loaded
from simcore.problems import Hint, Problem
from simcore.refusals import nearest, shown

CODE: Final = "DOC_INVALID"


def of_family(
    loaded: Loaded, family: Mapping[str, Any], also_known: Sequence[str] = ()
) -> tuple[list[Problem], dict[str, Any]]:
    """Return what is wrong with `params`, and the parameters with every default filled in.

    Args:
        loaded: The document.
        family: Row of the catalogue.
        also_known: Names that someone else checks and that are not given back.
    """
    given = loaded.document.get("params")
    if not isinstance(given, dict):
        return [], {}
    structures = [structure["name"] for structure in family["structures"]]
    choices = family["choices"]
    known = [*(param["name"] for param in family["params"]), *choices, *structures, *also_known]
    wrong = _unknown(loaded, given, known, "/params", family["name"])
    faults, params = _numbers(loaded, family["params"], given, "/params")
    wrong += faults
    params |= {name: given[name] for name in structures if name in given}
    for name, words in choices.items():
        params[name] = given.get(name, words[0])
        if params[name] not in words:
            wrong.append(bad_choice(loaded, f"/params/{name}", params[name], words))
    return wrong, params


def of_overlays(loaded: Loaded) -> list[Problem]:
    """Return what is wrong with the overlays of a document."""
    rows = {row["name"]: row for row in engine.catalogue()["overlays"]}
    overlays = loaded.document.get("overlays")
    wrong: list[Problem] = []
    for position, overlay in enumerate(overlays if isinstance(overlays, list) else []):
        if not isinstance(overlay, dict):
            continue  # the model says so
        path = f"/overlays/{position}"
        name = overlay.get("type")
        if name is None:
            known = ", ".join(rows)
            message = f'field "type": got nothing, expected one of {known}'
            wrong.append(Problem(CODE, "MISSING_FIELD", message, f"{path}/type", loaded.source))
        elif not isinstance(name, str) or name not in rows:
            wrong.append(bad_choice(loaded, f"{path}/type", name, list(rows)))
        else:
            table = rows[name]["params"]
            known_names = ["type", *(param["name"] for param in table)]
            wrong += _unknown(loaded, overlay, known_names, path, name)
            wrong += _numbers(loaded, table, overlay, path)[0]
    return wrong


def bad_choice(loaded: Loaded, path: str, found: Any, known: Sequence[str]) -> Problem:
    """Return the problem of a word that is none of those known."""
    near = nearest(found, known) if isinstance(found, str) else None
    patch = ({"op": "replace", "path": path, "value": near},)
    return Problem(
        CODE,
        "BAD_ENUM",
        f"got {shown(found)}, expected one of {', '.join(known)}",
        path,
        loaded.source,
        hints=(Hint(f'did you mean "{near}"?', patch),) if near else (),
    )


def _unknown(
    loaded: Loaded, given: Mapping[str, Any], known: Sequence[str], path: str, owner: str
) -> list[Problem]:
    wrong = []
    for name in given:
        if name in known:
            continue
        near = nearest(name, known)
        message = f'field "{name}" is not known to {owner}, expected one of {", ".join(known)}'
        move = {"op": "move", "from": f"{path}/{name}", "path": f"{path}/{near}"}
        hints = (Hint(f'did you mean "{near}"?', (move,)),) if near else ()
        wrong.append(
            Problem(CODE, "UNKNOWN_FIELD", message, f"{path}/{name}", loaded.source, hints=hints)
        )
    return wrong


def _numbers(
    loaded: Loaded, table: Sequence[Mapping[str, Any]], given: Mapping[str, Any], path: str
) -> tuple[list[Problem], dict[str, Any]]:
    wrong = []
    values = {}
    for param in table:
        name = param["name"]
        values[name] = given.get(name, param["default"])
        fault = _number_fault(param, values[name], name in given)
        if fault is not None:
            wrong.append(Problem(CODE, fault[0], fault[1], f"{path}/{name}", loaded.source))
    return wrong, values


def _number_fault(param: Mapping[str, Any], value: Any, is_given: bool) -> tuple[str, str] | None:
    lowest = f"more than {param['min']:g}" if param["is_min_open"] else f"{param['min']:g}"
    range_text = f"{lowest} to {param['max']:g} ({param['unit']})"
    if not is_given:
        missing = ("MISSING_FIELD", f'field "{param["name"]}": got nothing, expected {range_text}')
        return missing if value is None else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "WRONG_TYPE", f"got {shown(value)}, expected a number, {range_text}"
    is_above = value > param["min"] if param["is_min_open"] else value >= param["min"]
    is_whole = not param["is_integer"] or float(value).is_integer()
    if is_above and value <= param["max"] and is_whole:
        return None
    whole = "a whole number, " if param["is_integer"] else ""
    return "OUT_OF_RANGE", f"got {shown(value)}, expected {whole}{range_text}"
