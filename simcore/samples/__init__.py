"""A few rows of a partition, computed once more or held against an identity, to see it tell lies.

A file that hashes to its footer may still hold what nobody computes today; these say so. Which rows
are taken follows from the content, so that nobody can choose them.
"""

from simcore.samples.bred import bred_again as bred_again
from simcore.samples.bred import broken_generation as broken_generation
from simcore.samples.campaigns import REMADE as REMADE
from simcore.samples.campaigns import remade as remade
from simcore.samples.imported import imported_again as imported_again
from simcore.samples.ledgers import CHAOS_LEDGERS as CHAOS_LEDGERS
from simcore.samples.ledgers import broken_ledger as broken_ledger
from simcore.samples.ledgers import broken_trades as broken_trades
from simcore.samples.markets import resampled_markets as resampled_markets
from simcore.samples.runs import appraised_again as appraised_again
from simcore.samples.runs import compiled_again as compiled_again
from simcore.samples.runs import rerun as rerun
from simcore.samples.runs import walked_again as walked_again
from simcore.samples.sample import Again as Again
from simcore.samples.sample import differing as differing
from simcore.samples.sample import sample as sample
