"""Dagster's storage on Postgres, over connections that a process keeps.

Dagster opens a connection for every question, and Postgres starts a process for every connection:
most of what either does, as `docs/scale.md` measures. Dagster's own `optimize_for_webserver` keeps
connections too, but never asks whether they still live, so that a server that was started anew
would fail a run; and it ends what takes longer than a page may.

Named by `deploy/*.yaml`, so that every process of a pool has it: workers, daemon, definitions, and
who asks for a campaign.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from dagster_postgres.storage import DagsterPostgresStorage
from dagster_postgres.utils import (
    create_pg_engine,
    get_token_provider_from_config,
    pg_url_from_config,
)

if TYPE_CHECKING:
    from dagster._serdes import ConfigurableClassData
    from sqlalchemy import Engine

POOL_SIZE: Final = 4
"""How many connections a process keeps, if it ever had so many at once: a run has one or two."""

RECYCLE_SECONDS: Final = 300
"""How old one may be: less than the silence after which networks between machines forget it."""

_POOLS: Final[dict[str, Engine]] = {}
"""What asks each server: one for all instances of a process, as sensors open one every tick."""


class KeptPostgresStorage(DagsterPostgresStorage):  # type: ignore[misc]
    """Postgres-backed storage whose connections stay open.

    One that the server or the network has ended is replaced before it is used, and what needs more
    at once opens more. Configured as Dagster's own ``storage: postgres`` is.

    Args:
        postgres_url: Where the server is.
        should_autocreate_tables: Whether to make what is missing of the tables; looked at when a
            process first asks the server.
        inst_data: What Dagster read of it in ``dagster.yaml``.
        token_provider: Gives passwords that change, where a cloud does.
    """

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
        token_provider: Any = None,
    ) -> None:
        is_new = postgres_url not in _POOLS
        super().__init__(
            postgres_url, should_autocreate_tables and is_new, inst_data, token_provider
        )
        if is_new:
            _POOLS.setdefault(postgres_url, _pool(postgres_url, token_provider))
        for storage in (self._run_storage, self._event_log_storage, self._schedule_storage):
            storage._engine = _POOLS[postgres_url]

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> KeptPostgresStorage:
        """Return the storage that a ``dagster.yaml`` describes."""
        return cls(
            pg_url_from_config(config_value),
            config_value.get("should_autocreate_tables", True),
            inst_data,
            get_token_provider_from_config(config_value),
        )


def _pool(url: str, token_provider: Any) -> Engine:
    pool: Engine = create_pg_engine(
        url,
        token_provider,
        isolation_level="AUTOCOMMIT",
        pool_size=POOL_SIZE,
        max_overflow=-1,  # nobody waits for a connection who did not before
        pool_use_lifo=True,  # few are used again and again, and no more are opened
        pool_pre_ping=True,
        pool_recycle=RECYCLE_SECONDS,
    )
    return pool


def _forget() -> None:
    """Leave to the parent what a fork copied: two must not talk over one connection."""
    for pool in _POOLS.values():
        pool.dispose(close=False)


os.register_at_fork(after_in_child=_forget)
