"""What a model found wrong with a document, as problems with place, found and expected.

Holds the translation of pydantic's errors and the search for the nearest name; reading documents
and deciding what they mean happen elsewhere. A validator of a model may raise
``PydanticCustomError("REASON", "got …, expected …")`` with a reason in capitals of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from simcore.problems import Hint, Problem

_NAME_DISTANCE: Final = 2
_SHOWN: Final = 60

# Pydantic's type of error: the type that was expected, in words of a document.
_EXPECTED_TYPE: Final = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "int_parsing": "an integer",
    "float_type": "a number",
    "float_parsing": "a number",
    "string_type": "a string",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "none_required": "nothing",
}
_LIMITS: Final = {
    "greater_than": ("gt", "more than {}"),
    "greater_than_equal": ("ge", "at least {}"),
    "less_than": ("lt", "less than {}"),
    "less_than_equal": ("le", "at most {}"),
    "multiple_of": ("multiple_of", "a multiple of {}"),
    "string_too_short": ("min_length", "at least {} characters"),
    "too_short": ("min_length", "at least {} entries"),
}
_LENGTHS: Final = {
    "string_too_long": ("max_length", "at most {} characters"),
    "too_long": ("max_length", "at most {} entries"),
}


def pointer(tokens: Iterable[str | int]) -> str:
    """Return the RFC 6901 pointer of a place in a document; empty for the document itself."""
    return "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in tokens)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name nearest to `name`, or None if none is near.

    Near is a Damerau-Levenshtein distance of at most two that leaves something of the name; of
    equally near names the first wins.
    """
    best: tuple[int, str] | None = None
    for candidate in known:
        if abs(len(candidate) - len(name)) > _NAME_DISTANCE:
            continue
        distance = _distance(name, candidate)
        is_near = distance <= _NAME_DISTANCE and distance < max(len(name), len(candidate))
        if is_near and (best is None or distance < best[0]):
            best = (distance, candidate)
    return best[1] if best else None


def problems(
    model: type[BaseModel],
    document: Mapping[str, Any],
    error: ValidationError,
    *,
    code: str,
    source: str,
) -> list[Problem]:
    """Return every problem that the model found, in the order of the document.

    Args:
        model: The model that refused the document.
        document: What was given to it.
        error: What it raised.
        code: Code of all the problems.
        source: File or id the document came from.
    """
    found = [(_tokens(document, each), each) for each in error.errors(include_url=False)]
    deepest = [
        (tokens, each)
        for tokens, each in found
        # One branch of a union says "not a number" while another looks inside: keep the inside.
        if each["type"] not in _EXPECTED_TYPE
        or not any(len(t) > len(tokens) and t[: len(tokens)] == tokens for t, _ in found)
    ]
    merged: dict[tuple[str, str, str], Problem] = {}
    for tokens, each in sorted(deepest, key=lambda pair: _position(document, pair[0])):
        problem = _problem(model, document, tokens, each, code, source)
        seen = (
            problem.path,
            problem.reason,
            problem.message if "got" not in problem.message else "",
        )
        earlier = merged.get(seen)
        if earlier is None:
            merged[seen] = problem
        elif problem.reason == "WRONG_TYPE" and problem.message != earlier.message:
            also = problem.message.rpartition("expected ")[2]
            merged[seen] = Problem(
                code, earlier.reason, f"{earlier.message} or {also}", earlier.path, source,
                hints=earlier.hints or problem.hints,
            )  # fmt: skip
    return list(merged.values())


def shown(value: Any) -> str:
    """Return a value as a document would spell it, shortened to one line."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def unknown_name(
    what: str, name: str, known: Sequence[str], path: str
) -> tuple[str, tuple[Hint, ...]]:
    """Return the message and hints for a value that is not one of the known names."""
    listed = ", ".join(known) if known else "nothing: there is none"
    return f"got {shown(name)}, expected {what} {listed}".replace("  ", " "), _replacing(
        nearest(name, known), path
    )


def _replacing(near: str | None, path: str) -> tuple[Hint, ...]:
    if near is None:
        return ()
    patch = ({"op": "replace", "path": path, "value": near},)
    return (Hint(f'did you mean "{near}"?', patch),)


def _problem(
    model: type[BaseModel],
    document: Mapping[str, Any],
    tokens: tuple[str | int, ...],
    error: Mapping[str, Any],
    code: str,
    source: str,
) -> Problem:
    kind, context, value = error["type"], error.get("ctx", {}), error.get("input")
    path = pointer(tokens)
    hints: tuple[Hint, ...] = ()
    if kind == "missing":
        reason, message = "MISSING_FIELD", f'field "{tokens[-1]}": got nothing, expected a value'
    elif kind == "union_tag_not_found":
        tag = context["discriminator"].strip("'")
        path, reason = f"{path}/{tag}", "MISSING_FIELD"
        message = f'field "{tag}": got nothing, expected a value'
    elif kind == "extra_forbidden":
        known = _known_fields(model, tuple(error["loc"][:-1]))
        reason, name = "UNKNOWN_FIELD", str(tokens[-1])
        message = f'field "{name}" is not known, expected one of {", ".join(known)}'
        near = nearest(name, known)
        if near is not None:
            move = {"op": "move", "from": path, "path": pointer((*tokens[:-1], near))}
            hints = (Hint(f'did you mean "{near}"?', (move,)),)
    elif kind in _EXPECTED_TYPE:
        reason, message = "WRONG_TYPE", f"got {shown(value)}, expected {_EXPECTED_TYPE[kind]}"
        hints = _retyped(kind, value, path)
    elif kind in ("literal_error", "enum", "union_tag_invalid"):
        reason = "BAD_ENUM"
        message, hints, path = _bad_enum(kind, context, value, path)
    elif kind in _LIMITS:
        reason, hints = "OUT_OF_RANGE", _bounded(kind, context, path)
        message = f"got {shown(value)}, expected {_limit(_LIMITS[kind], context)}"
    elif kind in _LENGTHS:
        size = len(value) if isinstance(value, str | list | dict) else shown(value)
        reason, message = "TOO_LARGE", f"got {size}, expected {_limit(_LENGTHS[kind], context)}"
    elif kind == "finite_number":
        reason, message = "OUT_OF_RANGE", f"got {shown(value)}, expected a finite number"
    elif kind == "string_pattern_mismatch":
        reason = {"/id": "BAD_ID", "/version": "VERSION_UNSUPPORTED"}.get(path, "BAD_FORMAT")
        message = f"got {shown(value)}, expected {context['pattern']}"
    else:
        reason = kind if kind.isupper() else "INVALID"
        message = error["msg"].removeprefix("Value error, ")
    return Problem(code, reason, message, path, source, hints=hints)


def _limit(wording: tuple[str, str], context: Mapping[str, Any]) -> str:
    name, text = wording
    value = context[name]
    return text.format(int(value) if isinstance(value, float) and value.is_integer() else value)


def _bounded(kind: str, context: Mapping[str, Any], path: str) -> tuple[Hint, ...]:
    if kind not in ("greater_than_equal", "less_than_equal"):
        return ()
    bound = context[_LIMITS[kind][0]]
    text = f"the nearest allowed is {shown(bound)}"
    return (Hint(text, ({"op": "replace", "path": path, "value": bound},)),)


def _retyped(kind: str, value: Any, path: str) -> tuple[Hint, ...]:
    if kind.startswith(("int", "float")) and isinstance(value, str):
        try:
            number = int(value) if kind.startswith("int") else float(value)
        except ValueError:
            return ()
        patch = ({"op": "replace", "path": path, "value": number},)
        return (Hint("remove the quotes", patch),)
    return ()


def _bad_enum(
    kind: str, context: Mapping[str, Any], value: Any, path: str
) -> tuple[str, tuple[Hint, ...], str]:
    if kind == "union_tag_invalid":
        tag = context["discriminator"].strip("'")
        path, value = f"{path}/{tag}", context["tag"]
        names = [name.strip().strip("'") for name in context["expected_tags"].split(",")]
    else:
        names = [
            part.strip().strip("'")
            for piece in context["expected"].split(" or ")
            for part in piece.split(",")
        ]
    message = f"got {shown(value)}, expected one of {', '.join(names)}"
    near = nearest(value, names) if isinstance(value, str) else None
    return message, _replacing(near, path), path


def _tokens(document: Mapping[str, Any], error: Mapping[str, Any]) -> tuple[str | int, ...]:
    """Return where in the document an error is, without the names of a union's branches."""
    tokens: list[str | int] = []
    node: Any = document
    *inner, last = error["loc"] or ("",)
    for token in inner:
        if (isinstance(node, dict) and token in node) or (
            isinstance(node, list) and isinstance(token, int) and token < len(node)
        ):
            node = node[token]
            tokens.append(token)
    is_here = isinstance(node, dict) and last in node
    is_here = is_here or (isinstance(node, list) and isinstance(last, int))
    if is_here or error["type"] == "missing":
        tokens.append(last)
    return tuple(tokens)


def _position(document: Any, tokens: tuple[str | int, ...]) -> tuple[int, ...]:
    """Return a key that sorts places as they stand in the document; what is missing is last."""
    place: list[int] = []
    node = document
    for token in tokens:
        if isinstance(node, dict):
            names = list(node)
            place.append(names.index(str(token)) if token in node else len(names))
            node = node.get(token)
        else:
            index = int(token)
            place.append(index)
            node = node[index] if isinstance(node, list) and index < len(node) else None
    return tuple(place)


def _known_fields(model: type[BaseModel], loc: tuple[str | int, ...]) -> list[str]:
    """Return the fields of the model, or models, that stand at a place."""
    here: list[Any] = [model]
    for token in loc:
        here = [inner for kind in here for inner in _step(kind, token)]
    fields = [name for kind in here for name in _fields(kind)]
    return list(dict.fromkeys(fields))


def _fields(kind: Any) -> Iterator[str]:
    for member in _members(kind):
        if isinstance(member, type) and issubclass(member, BaseModel):
            for name, field in member.model_fields.items():
                yield field.alias or name


def _step(kind: Any, token: str | int) -> Iterator[Any]:
    """Yield what may stand at `token` of a value of that kind; a union's tag stays in place."""
    for member in _members(kind):
        if isinstance(member, type) and issubclass(member, BaseModel):
            by_name = {field.alias or name: field for name, field in member.model_fields.items()}
            tags = {tag for field in by_name.values() for tag in _literals(field.annotation)}
            if token in by_name:
                yield by_name[str(token)].annotation
            elif token in tags or token == member.__name__:
                yield member
        elif get_origin(member) in (list, tuple, dict):
            yield from (each for each in get_args(member)[-1:] if each is not Ellipsis)
            yield from get_args(member)[:1] if get_origin(member) is tuple else ()


def _members(kind: Any) -> Iterator[Any]:
    if get_origin(kind) is Annotated:
        yield from _members(get_args(kind)[0])
    elif get_origin(kind) in (Union, UnionType):
        for member in get_args(kind):
            yield from _members(member)
    else:
        yield kind


def _literals(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _distance(left: str, right: str) -> int:
    """Return the edits, swaps of neighbours among them, that lead from one name to the other."""
    before_last: list[int] = []
    last = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        row = [i]
        for j, b in enumerate(right, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before_last[j - 2] + 1)
            row.append(cost)
        before_last, last = last, row
    return last[-1]
