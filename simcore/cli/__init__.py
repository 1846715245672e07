"""The commands that need no Dagster: each takes parsed arguments and a home, and gives an answer.

Printing, the clock and the environment belong to `pipelines.cli`.
"""

from __future__ import annotations

from simcore.cli import campaigns, contrasts, documents, estimates, imports, runs
from simcore.cli.answer import Command

COMMANDS: tuple[Command, ...] = (
    *documents.COMMANDS,
    *runs.COMMANDS,
    *contrasts.COMMANDS,
    *estimates.COMMANDS,
    *campaigns.COMMANDS,
    *imports.COMMANDS,
)
