"""What a model found wrong with a document, as problems with place, found and expected.

Holds the translation of pydantic's errors and the remedies that can be told from a model; reading
documents and deciding what they mean happen elsewhere. A validator of a model may raise
``PydanticCustomError("REASON", "got …, expected …")`` with a reason in capitals of its own.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from simcore.problems import Hint, Problem
from simcore.spelling import is_sure, meant, nearest, pointer, shown

__all__ = ["nearest", "pointer", "problems", "shown", "unknown_name"]

# Of a document that is wrong in more places than that, the first ones and how many more.
_TOLD_MAX: Final = 100

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
    everything = error.errors(include_url=False)
    told, left = everything[:_TOLD_MAX], everything[_TOLD_MAX:]
    found = _deepest([(_tokens(document, each), each) for each in told])
    merged: dict[tuple[str, str, str], Problem] = {}
    for tokens, each in sorted(found, key=lambda pair: _position(document, pair[0])):
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
    if not left:
        return list(merged.values())
    next_one = _problem(model, document, _tokens(document, left[0]), left[0], code, source)
    message = f"{len(left)} more problems from here on, expected none"
    hints = (Hint("mend those before it first"),)
    return [*merged.values(), replace(next_one, message=message, hints=hints)]


def _deepest(
    found: Sequence[tuple[tuple[str | int, ...], Any]],
) -> list[tuple[tuple[str | int, ...], Any]]:
    """Return the errors without those that only say which branch of a union was not meant."""
    above = {tokens[:depth] for tokens, _ in found for depth in range(len(tokens))}
    n_at = Counter(tokens for tokens, _ in found)
    words = {
        tokens
        for tokens, each in found
        if each["type"] == "literal_error" and isinstance(each.get("input"), str)
    }
    return [
        (tokens, each)
        for tokens, each in found
        # One branch says "not a number" while another looks inside: keep the inside.
        if not (each["type"] in _EXPECTED_TYPE and (tokens in above or tokens in words))
        # A list is no misspelt name, whatever else is wrong with it.
        and not (
            each["type"] == "literal_error"
            and not isinstance(each.get("input"), str)
            and (tokens in above or n_at[tokens] > 1)
        )
    ]


def unknown_name(
    what: str, name: str, known: Sequence[str], path: str
) -> tuple[str, tuple[Hint, ...]]:
    """Return the message and hints for a value that is not one of the known names."""
    listed = ", ".join(known) if known else "nothing: there is none"
    return f"got {shown(name)}, expected {what} {listed}".replace("  ", " "), _replacing(
        nearest(name, known), path, is_certain=is_sure(name, known)
    )


def _replacing(near: str | None, path: str, *, is_certain: bool) -> tuple[Hint, ...]:
    if near is None:
        return ()
    patch = ({"op": "replace", "path": path, "value": near},)
    return (Hint(f'did you mean "{near}"?', patch if is_certain else None),)


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
        hints = _ready(model, tuple(error["loc"]), path)
    elif kind == "union_tag_not_found":
        tag = context["discriminator"].strip("'")
        path, reason = f"{path}/{tag}", "MISSING_FIELD"
        message = f'field "{tag}": got nothing, expected a value'
        hints = _tagged(model, tuple(error["loc"]), tag, value, path)
    elif kind == "extra_forbidden":
        known = _known_fields(model, tuple(error["loc"][:-1]))
        reason, name = "UNKNOWN_FIELD", str(tokens[-1])
        message = f'field "{name}" is not known, expected one of {", ".join(known)}'
        hints = _renamed(document, tokens, known)
    elif kind in _EXPECTED_TYPE:
        reason, message = "WRONG_TYPE", f"got {shown(value)}, expected {_EXPECTED_TYPE[kind]}"
        hints = _retyped(_EXPECTED_TYPE[kind], value, path)
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
        advice = context.get("advice")
        hints = (Hint(advice),) if advice else _written(context.get("instead"), path)
    return Problem(code, reason, message, path, source, hints=hints)


def _written(instead: Any, path: str) -> tuple[Hint, ...]:
    """Return the hint to write what a validator says could stand there, if it says so."""
    if instead is None:
        return ()
    return (Hint(f"write {shown(instead)}", ({"op": "replace", "path": path, "value": instead},)),)


def _ready(model: type[BaseModel], loc: tuple[str | int, ...], path: str) -> tuple[Hint, ...]:
    """Return the hint to add the example that a missing field's model gives, if it gives one."""
    for kind in _kinds_at(model, loc[:-1]):
        for member in _members(kind):
            if not (isinstance(member, type) and issubclass(member, BaseModel)):
                continue
            for name, field in member.model_fields.items():
                if (field.alias or name) == loc[-1] and field.examples:
                    value = field.examples[0]
                    patch = ({"op": "add", "path": path, "value": value},)
                    return (Hint(f"add {loc[-1]} = {shown(value)}", patch),)
    return ()


def _tagged(
    model: type[BaseModel], loc: tuple[str | int, ...], tag: str, given: Any, path: str
) -> tuple[Hint, ...]:
    """Return the hint to add the tag of the first alternative that has all the fields given."""
    names = set(given) if isinstance(given, dict) else set()
    for kind in _kinds_at(model, loc):
        for member in _members(kind):
            if not (isinstance(member, type) and issubclass(member, BaseModel)):
                continue
            fields = set(_fields(member))
            if tag in fields and names <= fields and names:
                (value,) = _literals(member.model_fields[tag].annotation) or (None,)
                patch = ({"op": "add", "path": path, "value": value},)
                return (Hint(f"add {tag} = {shown(value)}", patch),)
    return ()


def _renamed(
    document: Any, tokens: tuple[str | int, ...], known: Sequence[str]
) -> tuple[Hint, ...]:
    """Return the hint to give a field the name that was meant, or to remove it."""
    place = document
    for token in tokens[:-1]:
        place = place[token]
    path = pointer(tokens)
    near, is_certain = meant(str(tokens[-1]), [name for name in known if name not in place])
    if near is None:
        return (Hint("remove it", ({"op": "remove", "path": path},)),)
    move = {"op": "move", "from": path, "path": pointer((*tokens[:-1], near))}
    return (Hint(f'did you mean "{near}"?', (move,) if is_certain else None),)


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


def _retyped(expected: str, value: Any, path: str) -> tuple[Hint, ...]:
    """Return the hint to write the value that a value of another type was meant to be."""
    instead: Any = None
    text = "remove the quotes"
    if expected in ("a number", "an integer") and isinstance(value, str):
        instead = _number(value, is_integer=expected == "an integer")
    elif expected == "an integer" and isinstance(value, float) and abs(value) < 2**53:
        instead, text = round(value), "round it"
    elif expected == "true or false" and str(value).lower() in ("true", "false", "0", "1"):
        instead = str(value).lower() in ("true", "1")
    elif expected == "a string" and isinstance(value, int | float | bool):
        instead, text = json.dumps(value), "put it in quotes"
    elif expected == "a list" and isinstance(value, str | int | float):
        instead, text = [value], "put it in brackets"
    if instead is None:
        return ()
    return (Hint(text, ({"op": "replace", "path": path, "value": instead},)),)


def _number(text: str, *, is_integer: bool) -> float | None:
    try:
        number = int(text) if is_integer or re.fullmatch(r"[+-]?\d+", text) else float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and abs(number) < 2**53 else None


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
    near, is_certain = meant(value, names)
    return message, _replacing(near, path, is_certain=is_certain), path


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
    fields = [name for kind in _kinds_at(model, loc) for name in _fields(kind)]
    return list(dict.fromkeys(fields))


def _kinds_at(model: type[BaseModel], loc: tuple[str | int, ...]) -> list[Any]:
    """Return what may stand at a place of the model; a union is one kind."""
    here: list[Any] = [model]
    for token in loc:
        here = [inner for kind in here for inner in _step(kind, token)]
    return here


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
