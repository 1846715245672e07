"""A document mended by the first remedy of each of its problems, as often as that helps.

A round applies what does not get in each other's way; a document that would be worse than before
is never the result. A rule that was rewritten here is never removed here: what its writer meant by
it is then known least. A file of the library is never written.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from simcore.campaign import check_loaded, kinds_of
from simcore.diagnostics import rendered
from simcore.documents import LIBRARY, Loaded, read, reread
from simcore.edits import edited
from simcore.errors import SpecError
from simcore.patches import Step, parent
from simcore.problems import Problem
from simcore.strategy.problems import REASONS, Stage

ROUNDS_MAX: Final = 8

Check = Callable[[Loaded], list[Problem]]
"""Says what is wrong with a document."""


@dataclass(frozen=True)
class Change:
    """A remedy that was applied.

    Args:
        round: Number of the round, from 1.
        problem: What was mended by its first hint.
    """

    round: int
    problem: Problem


@dataclass(frozen=True)
class Repair:
    """What became of a document.

    Args:
        text: The document as it is now.
        changes: Remedies that were applied, in their order.
        problems: What is still wrong, warnings too.
        n_rounds: How many rounds changed something.
    """

    text: str
    changes: list[Change] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    n_rounds: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether no error is left."""
        return not _errors(self.problems)


@dataclass(frozen=True)
class Mended:
    """A document of the command line, mended as far as that went.

    Args:
        document: As the command line named it.
        before: Its text as it was; empty where it could not be read.
        repair: What became of it.
        refusal: Why the file was not written; empty if it was, or if nothing was to be written.
    """

    document: str
    before: str
    repair: Repair
    refusal: str = ""

    def text(self, *, is_coloured: bool = False) -> str:
        """Return the changes, their effect on the text, and what is still wrong."""
        blocks = [
            f"{self.document}: round {change.round}: {change.problem.path or '/'}: "
            f"{change.problem.hints[0].text}"
            for change in self.repair.changes
        ]
        if self.repair.changes:
            lines = (self.before.splitlines(), self.repair.text.splitlines())
            diff = list(difflib.unified_diff(*lines, lineterm="", n=0))[2:]
            blocks.append("\n".join(line for line in diff if not line.startswith("@@")))
        errors = _errors(self.repair.problems)
        if errors:
            blocks.append(rendered(errors, is_coloured=is_coloured))
        left = f"{len(errors) or 'no'} error{'s' if len(errors) > 1 else ''} left"
        n = len(self.repair.changes)
        done = f"{n or 'no'} change{'' if n == 1 else 's'}" + ("" if n else ", nothing written")
        blocks.append(f"{self.document}: {self.refusal or done}, {left}")
        return "\n".join(blocks)

    def as_json(self) -> dict[str, Any]:
        """Return the same for programs."""
        return {
            "changes": [
                {"round": change.round, "problem": change.problem.as_json()}
                for change in self.repair.changes
            ],
            "rounds": self.repair.n_rounds,
            "refusal": self.refusal,
            "problems": [problem.as_json() for problem in self.repair.problems],
        }


def mend_file(document: str, *, home: str | Path | None = None) -> Mended:
    """Mend a document and write its file back, if that made it better.

    Args:
        document: An id or a path.
        home: Folder whose documents join the library's.
    """
    try:
        kind = kinds_of(document, home=home)[0]
        loaded = read(document, kind, home=home)
    except SpecError as error:
        return Mended(document, "", Repair("", problems=list(error.problems)))
    done = repair(loaded, kind, lambda each: check_loaded(each, kind, home=home))
    before = loaded.text or ""
    if not done.changes:
        return Mended(document, before, done)
    path = loaded.path
    if path is None:
        return Mended(document, before, done, "not written, for it has no file")
    if path.resolve().is_relative_to(LIBRARY.resolve()):
        refusal = (
            "not written, for it is the library's [copy it into the home, with an id of its own]"
        )
        return Mended(document, before, done, refusal)
    content = path.read_bytes()
    mark = "\ufeff" if content.startswith(b"\xef\xbb\xbf") else ""
    if content.decode("utf-8-sig") != before:
        return Mended(document, before, done, "not written, for the file has just been changed")
    draft = path.with_name(f".{path.name}.draft")
    try:
        draft.write_bytes((mark + done.text).encode())
        draft.chmod(path.stat().st_mode)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return Mended(document, before, done)


def repair(loaded: Loaded, kind: str, check: Check, *, n_rounds: int = ROUNDS_MAX) -> Repair:
    """Return a document with first remedies applied, round by round.

    Args:
        loaded: The document with its text.
        kind: What kind of document it is.
        check: Says what is wrong with it.
        n_rounds: At most so many rounds.

    Returns:
        The text unchanged where there is none, or nothing could be mended.
    """
    text = loaded.text or ""
    rewritten: list[Any] = []
    done = Repair(text, problems=check(loaded))
    for number in range(1, n_rounds + 1):
        errors = [
            problem
            for problem in _errors(done.problems)
            if not any(rule in rewritten for rule in _removed(problem, loaded.document))
        ]
        if not errors or loaded.text is None:
            break
        # All at once, or if that makes it worse, only the first.
        for chosen in (errors, errors[:1]):
            mended, applied = _applied(done.text, loaded, chosen)
            read_again = _read(mended, loaded, kind) if applied else None
            if read_again is None:
                continue
            after = check(read_again)
            if _rank(after) <= _rank(done.problems):
                rewritten += _rewritten(applied, read_again.document)
                loaded = read_again
                changes = done.changes + [Change(number, problem) for problem in applied]
                done = Repair(mended, changes, after, number)
                break
        else:
            break
    return done


def _rewritten(applied: Iterable[Problem], document: Any) -> list[Any]:
    """Return the rules that remedies changed, as they are now."""
    paths = [
        str(step["path"])
        for problem in applied
        for step in problem.hints[0].patch or ()
        if re.match(r"/rules/\d+/", str(step["path"]))
    ]
    rules = document.get("rules")
    indices = {int(path.split("/")[2]) for path in paths}
    is_list = isinstance(rules, list)
    return [rules[index] for index in sorted(indices) if is_list and index < len(rules)]


def _removed(problem: Problem, document: Any) -> list[Any]:
    """Return the rules that the first remedy of a problem would remove."""
    patch = problem.hints[0].patch if problem.hints else None
    paths = [str(step["path"]) for step in patch or () if step["op"] == "remove"]
    indices = [int(path.split("/")[2]) for path in paths if re.fullmatch(r"/rules/\d+", path)]
    return [document["rules"][index] for index in indices]


def _errors(problems: Iterable[Problem]) -> list[Problem]:
    return [problem for problem in problems if problem.severity == "error"]


def _rank(problems: Sequence[Problem]) -> tuple[int, int]:
    """Return how bad problems are: a later stage of the check is better than fewer problems."""
    errors = _errors(problems)
    stages = [REASONS.get(error.reason, ("", Stage.SCHEMA))[1] for error in errors]
    return (-min(stages, default=len(Stage) + 1), len(errors))


def _read(text: str, loaded: Loaded, kind: str) -> Loaded | None:
    try:
        return reread(loaded, text, kind)
    except SpecError:
        return None


def _applied(text: str, loaded: Loaded, errors: Sequence[Problem]) -> tuple[str, list[Problem]]:
    """Return the text with the first remedies that do not touch the same place, and whose."""
    applied: list[Problem] = []
    touched: list[str] = []
    for group in _by_text(errors, loaded):
        patch = _joined(loaded.document, group)
        paths = [str(step[end]) for step in patch for end in ("from", "path") if end in step]
        if any(_is_within(path, other) for path in paths for other in touched):
            continue
        mended: str | None = text
        for step in patch:
            mended = None if mended is None else edited(mended, loaded.suffix, step)
        if mended is None:
            continue
        text = mended
        applied += group
        # What is taken out of a list moves all that stand behind it.
        touched += [
            path.rpartition("/")[0] if step["op"] == "remove" and _is_index(path) else path
            for step in patch
            for path in (str(step["path"]),)
        ]
    return text, applied


def _by_text(errors: Iterable[Problem], loaded: Loaded) -> list[list[Problem]]:
    """Return the errors that have a remedy; those that rewrite the same text stand together."""
    groups: dict[str, list[Problem]] = {}
    for number, problem in enumerate(errors):
        patch = problem.hints[0].patch if problem.hints else None
        if not patch or problem.source != loaded.source:
            continue
        is_text = len(patch) == 1 and isinstance(patch[0].get("value"), str)
        is_text = is_text and patch[0]["op"] == "replace" and problem.span is not None
        groups.setdefault(patch[0]["path"] if is_text else f"#{number}", []).append(problem)
    return list(groups.values())


def _joined(document: Any, group: Sequence[Problem]) -> Sequence[Step]:
    """Return one patch for errors of one text, each of which has a patch of the whole text."""
    first = group[0].hints[0].patch or ()
    if len(group) == 1:
        return first
    path = str(first[0]["path"])
    holder, key = parent(document, path)
    text = str(holder[key])
    changes = sorted(
        (_change(text, str(step["value"])) for each in group for step in each.hints[0].patch or ()),
        reverse=True,
    )
    mended, limit = text, len(text) + 1
    for start, end, instead in changes:
        if end < limit:
            mended = mended[:start] + instead + mended[end:]
            limit = start
    return ({"op": "replace", "path": path, "value": mended},)


def _change(before: str, after: str) -> tuple[int, int, str]:
    """Return where one text differs from another, and what stands there in the other."""
    shortest = min(len(before), len(after))
    start = 0
    while start < shortest and before[start] == after[start]:
        start += 1
    end = 0
    while end < shortest - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return start, len(before) - end, after[start : len(after) - end]


def _is_index(path: str) -> bool:
    return path.rpartition("/")[2].isdecimal()


def _is_within(one: str, other: str) -> bool:
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")
