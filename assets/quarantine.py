"""The checks of the documents that assets are made from: red while one of them is left out.

They are of no partition: a document that is wrong may have none. Sensors tell of them as documents
change; a person may ask at any time.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import dagster as dg

from assets import evaluations
from assets.checks import DOCUMENTS
from simcore import quarantine

Refused = Callable[[Path], dict[str, str]]

BEHIND: Final = {
    "strategies": "Every strategy document of the library and the home has a meaning.",
    "scenarios": "Every campaign document, and every scenario, suite and tournament of the home, "
    "has a meaning.",
    "generations": "Every evolution document has a meaning.",
}
"""What passes if no document is in quarantine, by the asset that is made from them."""

_REFUSED: Final[dict[str, Refused]] = {
    "strategies": lambda home: quarantine.strategies(home).refused,
    "scenarios": lambda home: quarantine.campaigns(home).refused,
    "generations": lambda home: quarantine.evolutions(home).refused,
}


def _check(asset: str, sentence: str, refused: Refused) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=asset, name=DOCUMENTS, description=sentence)
    def documents(home: dg.ResourceParam[Path]) -> dg.AssetCheckResult:
        wrong = refused(home)
        return dg.AssetCheckResult(passed=not wrong, **evaluations.shown(wrong))

    return documents


DOCUMENTS_CHECKS: Final = [_check(name, BEHIND[name], _REFUSED[name]) for name in BEHIND]
KEYS: Final = [dg.AssetCheckKey(dg.AssetKey(name), DOCUMENTS) for name in BEHIND]
