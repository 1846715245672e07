"""The small campaign in a process whose wall clock is set by months at every look."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from pipelines import home as homes
from simcore.store import Store
from tests.faults import small

HERE = Path(__file__).parent


def told(kind: str, folder: Path) -> dict[str, Any]:
    """Make the campaign under such a clock, and return what came of it.

    Args:
        kind: ``steps``, or ``run`` for Dagster.
        folder: Where the home is made.
    """
    library = folder / "jumping_clock.so"
    source = HERE / "jumping_clock.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.clocks", kind, str(folder / "home")],
        cwd=HERE.parents[1],
        env={**os.environ, "LD_PRELOAD": str(library)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main(kind: str, home: Path) -> None:
    from pipelines import doctor, headless

    seen = [time.time() for _ in range(50)]
    small.prepare(home)
    store, failures = Store(homes.lake(home)), []
    if kind == "run":
        summary = headless.run(small.CAMPAIGN, home=home, progress=lambda _: None)
        failures = summary.failures
    else:
        small.make(store, small.campaign(home))
    again = small.make(store, small.campaign(home))
    found = {
        "went_back": sum(later < sooner for sooner, later in itertools.pairwise(seen)),
        "failures": failures,
        "reused": [each.is_reused for each in again],
        "doctor": doctor.run(home).data["findings"],
        "hashes": [[*place, content] for place, content in small.hashes(store).items()],
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
