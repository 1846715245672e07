"""Where the user's documents, the lake and Dagster's own files lie, and how they come to be there.

The only reader of `PROVING_HOME` and `PROVING_LAKE`.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

from simcore import store
from simcore.documents import KINDS
from simcore.errors import StoreError
from simcore.imports.intake import FOLDER as IMPORTS

if TYPE_CHECKING:
    from dagster import DagsterInstance

VARIABLE: Final = "PROVING_HOME"
LAKE_VARIABLE: Final = "PROVING_LAKE"
DEFAULT: Final = Path("workspace")

_CONFIG: Final = "dagster.yaml"
_FOLDERS: Final = (*KINDS, IMPORTS, "dagster", "journal")


def resolve(given: Path | None = None) -> Path:
    """Return the home, absolute: the one given, else `$PROVING_HOME`, else `./workspace`."""
    chosen = given or Path(os.environ.get(VARIABLE) or DEFAULT)
    return chosen.expanduser().absolute()


def lake(home: Path) -> Path | str:
    """Return the root of the Parquet tables: a folder of the home, or the URL that it names.

    `$PROVING_LAKE` names the URL before the home does; from `init` on it stands in the home, where
    whatever reads no environment finds it.

    Raises:
        StoreError: ``OTHER_LAKE``: the home names another one; its tables would seem lost.
    """
    known, asked = store.lake(home), os.environ.get(LAKE_VARIABLE)
    if not asked or asked == known:
        return known
    if (home / store.ELSEWHERE).exists():
        raise StoreError(
            "OTHER_LAKE",
            f"{home / store.ELSEWHERE}: got {known}, expected {asked}, which ${LAKE_VARIABLE} says "
            "[remove the file, or unset the variable]",
        )
    return asked


def retired(home: Path) -> Path | str:
    """Return where the tables of removed strategies are moved to."""
    root = lake(home)
    return f"{root.rstrip('/')}/.retired" if isinstance(root, str) else home / "retired"


def init(home: Path) -> list[Path]:
    """Make the home, or what is missing of it; nothing that is there is changed.

    Args:
        home: Absolute path; its parents are made too.

    Returns:
        The files that were made, sorted.

    Raises:
        StoreError: ``OTHER_LAKE``: as `lake` says.
    """
    root = lake(home)
    folders = [home / folder for folder in _FOLDERS]
    for folder in folders if isinstance(root, str) else [*folders, root]:
        folder.mkdir(parents=True, exist_ok=True)
    wanted = {home / kind / f"{name}.toml.example": text for kind, (name, text) in EXAMPLES.items()}
    wanted[home / "dagster" / _CONFIG] = yaml.safe_dump(dagster_config(home / "dagster"))
    if isinstance(root, str):
        wanted[home / store.ELSEWHERE] = f"{root}\n"
    made = sorted(path for path in wanted if not path.exists())
    for path in made:
        # Half a file would stay half for good: what is there is never changed.
        draft = path.with_name(f".{path.name}.draft")
        draft.write_text(wanted[path], encoding="utf-8")
        draft.replace(path)
    return made


def dagster_config(folder: Path) -> dict[str, object]:
    """Return the settings of an instance whose files lie in `folder`."""
    return {
        "storage": {"sqlite": {"base_dir": str(folder / "storage")}},
        "local_artifact_storage": {
            "module": "dagster._core.storage.root",
            "class": "LocalArtifactStorage",
            "config": {"base_dir": str(folder / "artifacts")},
        },
        "compute_logs": {
            "module": "dagster._core.storage.local_compute_log_manager",
            "class": "LocalComputeLogManager",
            "config": {"base_dir": str(folder / "compute_logs")},
        },
        "concurrency": {
            # The engine takes every core of a run by itself.
            "runs": {"max_concurrent_runs": 2},
            "pools": {"default_limit": 1, "granularity": "run"},
        },
        "run_queue": {"dequeue_interval_seconds": 1},
        "run_monitoring": {
            "enabled": True,
            "poll_interval_seconds": 10,
            "max_runtime_seconds": 21_600,
            "free_slots_after_run_end_seconds": 60,
        },
        "run_retries": {
            "enabled": True,
            "max_retries": 1,
            "retry_on_asset_or_op_failure": False,
        },
        "sensors": {"use_threads": True, "num_workers": 2},
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},
    }


def environment(home: Path) -> dict[str, str]:
    """Return what a process of Dagster must find in its environment to work on this home."""
    return {VARIABLE: str(home), "DAGSTER_HOME": str(home / "dagster")}


def refused_history(error: BaseException, home: Path) -> StoreError | None:
    """Return what an operator can mend where Dagster's own files cannot be read or written.

    Args:
        error: What reached the caller.
        home: Whose instance it was.

    Returns:
        The reason in words; None where the error is another one.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, sqlite3.DatabaseError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return None
    folder = home / "dagster"
    free = shutil.disk_usage(folder).free
    return StoreError(
        "HISTORY",
        f"{folder}: got {cause}, {free:,} bytes free, expected to keep Dagster's history there; "
        "the tables are whole or absent [free space or let this user write there, then "
        "`proving doctor`, then run again: what is whole is not made twice]",
    )


def instance(home: Path) -> DagsterInstance:
    """Return the home's instance, the same that the UI shows; the home is made where missing."""
    from dagster import DagsterInstance

    init(home)
    os.environ.update(environment(home))  # what a run loads again, it looks for there
    return DagsterInstance.get()


EXAMPLES: Final = {
    "strategies": (
        "my-crossover",
        """\
# A strategy of your own. Rename this file to my-crossover.toml: the id is the file's name.
# `proving check my-crossover` says what is wrong with it, `proving run c1-light` enters it.
version = "0.1.0"
id = "my-crossover"
name = "My crossover"
timeframe = "1h"

[params]
fast = { value = 12, min = 2, max = 50 }
slow = { value = 48, min = 10, max = 200 }

[[rules]]
if = "crossover(ma(close, fast), ma(close, slow))"
then = "buy"

[[rules]]
if = "crossunder(ma(close, fast), ma(close, slow))"
then = "close"

[risk]
sizing = { type = "risk_pct", value = 0.5 }
stop = { type = "atr", n = 14, mult = 3.0 }

[metadata]
notes = "Why it should earn anything: write that first."
tags = ["trend"]
""",
    ),
    "scenarios": (
        "my-prices",
        """\
# Real prices of your own. Rename this file to my-prices.toml; `path` is relative to this folder.
# `proving generate my-prices` shows what was read.
version = "0.1.0"
id = "my-prices"
family = "replay"
timeframe = "1d"
calendar = "us_equity"
seed = 0

[params]
source = { path = "my-prices.csv", timezone = "UTC", columns = { ts = "Date", open = "Open", \
high = "High", low = "Low", close = "Close", volume = "Volume" } }
""",
    ),
    "suites": (
        "my-markets",
        """\
# Markets of your own choice, by one name. Rename this file to my-markets.toml; a campaign then
# says `scenarios = "my-markets"`.
version = "0.1.0"
id = "my-markets"
name = "My markets"
days = 30
scenarios = ["trend-up-mid", "vol-stormy"]

[metadata]
thesis = "What these markets ask of a strategy that others do not."
tags = ["my own"]
""",
    ),
    "tournaments": (
        "my-league",
        """\
# A tournament of your own. Rename this file to my-league.toml and name it in a campaign.
version = "0.1.0"
id = "my-league"
name = "My league"
seed = 7
entries = "campaign"                       # or strategy ids
scenarios = "campaign"                     # or scenario ids
format = { type = "round_robin" }
score = { type = "composite_v1", weights = [0.6, 0.4] }
execution = "honest_v1"
initial_cash = 10000.0
alpha = 0.05
""",
    ),
    "campaigns": (
        "my-campaign",
        """\
# A campaign of your own. Rename this file to my-campaign.toml; `proving run my-campaign`.
version = "0.1.0"
id = "my-campaign"
name = "My first campaign"
seed = 7
days = 10                                  # each scenario has days x bars per day
scenarios = ["trend-up-mid"]               # ids: the library's or your own
strategies = "all"                         # or ids
tournaments = ["c1-round-robin"]
chaos = "none"                             # or the intensity of the storm, such as "light"
execution = "honest_v1"
initial_cash = 10000.0
""",
    ),
    "evolutions": (
        "my-breed",
        """\
# Strategies bred over generations. Rename this file to my-breed.toml; `proving evolve my-breed`.
version = "0.1.0"
id = "my-breed"
name = "My breed"
seed = 7
champion = "ma_cross"                      # who is to be beaten
strategies = ["ma_cross", "ma_cross_trend"]
# SHA-256 of a secret of yours, which lies in my-breed.salt or stands below as `salt`. Draw
# another one whenever you change what is bred: a sealed set is never opened twice.
commitment = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"
salt = "hello world"

[train]                                    # other seeds in every generation
scenarios = ["trend-up-mid", "momentum-hours"]
copies = 10
bars = 500

[sealed]                                   # seeds that need the secret
scenarios = ["trend-up-mid", "momentum-hours"]
copies = 20
bars = 500
""",
    ),
}
