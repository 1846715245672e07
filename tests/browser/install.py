"""Finds a Chrome or Chromium for the browser tests, and installs one where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MISSING = (
    "No Chrome or Chromium was found and none could be installed: install the package chromium "
    "(Debian) or Google Chrome, then run `make test` again."
)


def find() -> Path | None:
    """Return the browser to drive: one on the path, else Playwright's own, else none."""
    for name in NAMES:
        found = shutil.which(name)
        if found:
            return Path(found)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
    return own if own.exists() else None


def install() -> None:
    """Install a browser: Playwright's download, or the system's package where that is closed."""
    attempts: list[list[str]] = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if shutil.which("apt-get") and os.geteuid() == 0:
        attempts += [["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in attempts:
        try:
            subprocess.run(
                command,
                check=False,
                env=environment,
                timeout=600,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if find() is not None:
            return


def main() -> int:
    """Make sure that there is a browser; say so in one sentence where there cannot be."""
    if find() is None:
        print("No Chromium found; installing one for the browser tests ...")
        install()
    if find() is None:
        print(MISSING, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
