"""`make dev`: Dagster's UI on the home, with a partition for every document."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pipelines import doctor, headless
from pipelines import home as homes


def main(arguments: list[str]) -> None:
    """Prepare the home and become Dagster's own process.

    Args:
        arguments: Handed on to ``dg dev``, such as ``--port 3001``.
    """
    home = homes.resolve()
    with homes.instance(home) as instance:
        headless.register(instance, home)
        print(doctor.run(home, instance=instance).text, flush=True)
    program = Path(sys.executable).with_name("dg")
    # No shell between: a signal to this process reaches Dagster, which stops its own.
    environment = os.environ | homes.environment(home) | {"VIRTUAL_ENV": sys.prefix}
    os.execve(program, [str(program), "dev", *arguments], environment)


if __name__ == "__main__":
    main(sys.argv[1:])
