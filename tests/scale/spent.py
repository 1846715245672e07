"""Core-seconds by who spent them: they are the same whatever else the machine does meanwhile."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Final
from unittest import mock

_TICKS: Final = os.sysconf("SC_CLK_TCK")


def spent(groups: Mapping[str, int]) -> Counter[str]:
    """Return the core-seconds of each group of processes since it began.

    Args:
        groups: The process that leads each; its children count, those that ended too.
    """
    found: Counter[str] = Counter(dict.fromkeys(groups, 0.0))
    names = {leader: name for name, leader in groups.items()}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
        except OSError:
            continue
        # The name may hold blanks and brackets: what follows its last bracket has fixed places.
        parent, group, *rest = map(int, stat.rpartition(")")[2].split()[1:])
        name = names.get(group) or names.get(parent)  # Postgres' children lead their own groups
        if name is not None:
            found[name] += sum(rest[8:12]) / _TICKS
    return found


def machine() -> float:
    """Return the core-seconds that all processes of the machine spent since it started."""
    user, nice, system, _, _, irq, softirq, *_ = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) / _TICKS


def own() -> float:
    """Return the core-seconds of this process, all its threads and ended children."""
    return sum(os.times()[:4])


@contextmanager
def watched(targets: Mapping[str, tuple[Any, str]]) -> Iterator[Counter[str]]:
    """Count the core-seconds within functions until the end of the block.

    Args:
        targets: By the name to count under, a module or class and the name of its function. One
            that is called within another counts under its own name only.
    """
    totals: Counter[str] = Counter()
    within = [0.0]

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            began = own()
            within.append(0.0)
            try:
                found = function(*arguments, **named)
                # What is made while it is asked for is made here.
                return list(found) if isinstance(found, Iterator) else found
            finally:
                took = own() - began
                totals[name] += took - within.pop()
                within[-1] += took

        return call

    patches = [
        mock.patch.object(place, attribute, counted(name, getattr(place, attribute)))
        for name, (place, attribute) in targets.items()
    ]
    for patch in patches:
        patch.start()
    try:
        yield totals
    finally:
        for patch in patches:
            patch.stop()
