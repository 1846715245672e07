"""A clock that jumps: nothing that is computed looks at it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from pipelines import home as homes
from simcore.store import Store
from tests.faults import small
from tests.faults.conftest import Undisturbed

HERE = Path(__file__).parent
RUN = """
import json, sys, time
from pathlib import Path
from pipelines import doctor, headless
from pipelines import home as homes
from simcore.store import Store
from tests.faults import small

seen = [time.time() for _ in range(50)]
home = Path(sys.argv[1])
summary = headless.run(sys.argv[2], home=home, progress=lambda line: None)
again = small.make(Store(homes.lake(home)), small.campaign(home))
found = {
    "went_back": sum(later < sooner for sooner, later in zip(seen, seen[1:])),
    "failures": summary.failures,
    "reused": [each.is_reused for each in again],
    "doctor": doctor.run(home).data["findings"],
}
print(json.dumps(found))
"""


def test_under_a_clock_that_jumps_by_months_a_campaign_comes_to_the_same_content(
    tmp_path: Path, undisturbed: Undisturbed
) -> None:
    library = tmp_path / "jumping_clock.so"
    source = HERE / "jumping_clock.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    home = small.prepare(tmp_path / "home")
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(home), small.CAMPAIGN],
        cwd=HERE.parents[1],
        env={**os.environ, "LD_PRELOAD": str(library)},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["went_back"] > 5
    assert found["failures"] == []
    assert found["reused"]
    assert all(found["reused"])
    assert found["doctor"] == []
    hashes = small.hashes(Store(homes.lake(home)))
    assert {place: hashes[place] for place in undisturbed.hashes} == undisturbed.hashes
