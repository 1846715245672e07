"""Every exception this project raises on purpose; who can mend it decides class and exit code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from simcore.problems import Problem


# Codes of a lake that could not be asked: a file there may be whole, torn or absent.
_UNANSWERED: Final = frozenset({"UNREACHABLE", "REFUSED", "UNREADABLE", "NEEDS_EXTRA", "BAD_URL"})


class ProvingError(Exception):
    """Root of all errors raised on purpose.

    Args:
        code: Stable name of the cause, for programs; the message is for people.
        message: Where, what was found, what was expected, and a remedy in brackets.
    """

    exit_code = 70

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class SpecError(ProvingError):
    """A document is wrong; its author mends it."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems[0].code, "\n".join(str(problem) for problem in problems))
        self.problems: tuple[Problem, ...] = tuple(problems)

    def __reduce__(self) -> tuple[type[SpecError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class EngineError(ProvingError):
    """The engine refused; `code` is the engine's own.

    Args:
        code: Stable name of the cause.
        message: Where, what was found, what was expected, remedy.
        path: JSON pointer to the field that is wrong, empty where there is none.
    """

    exit_code = 2

    def __init__(self, code: str, message: str, path: str = "") -> None:
        super().__init__(code, message)
        self.path = path


class LimitError(ProvingError):
    """A request is larger than what is allowed."""

    exit_code = 3


class TableError(ProvingError):
    """Rows are not what `simcore.tables` says."""


class StoreError(ProvingError):
    """A partition is missing, torn or foreign; an operator mends it.

    Args:
        code: Stable name of the cause.
        message: Where, what was found, what was expected, remedy.
        is_passing: Whether the same call may succeed later.
    """

    exit_code = 3

    def __init__(self, code: str, message: str, *, is_passing: bool = False) -> None:
        super().__init__(code, message)
        self.is_passing = is_passing

    @property
    def is_unanswered(self) -> bool:
        """Whether the lake gave no answer, so that nothing is known of what lies there."""
        return self.code in _UNANSWERED


class InvariantError(ProvingError):
    """This project has a bug; never caught."""

    def __init__(self, message: str) -> None:
        super().__init__("INVARIANT", message)
