"""Broken strategies are mended by the first remedy of what is said of them, and only mended."""

from __future__ import annotations

import tomllib
from collections import Counter

from broken import MISTAKES, Broken, corpus

from simcore.documents import read
from simcore.errors import SpecError
from simcore.repairs import Repair, repair
from simcore.strategy.check import check_strategy

SEED = 20_240_511
ROUNDS = 2
SHARE = 0.95


def mended(broken: Broken) -> Repair:
    return repair(
        read(broken.text, "strategies"), "strategies", lambda each: check_strategy(each),
        n_rounds=ROUNDS,
    )  # fmt: skip


def is_refused(broken: Broken) -> bool:
    return any(problem.severity == "error" for problem in check_strategy(broken.text))


def is_readable(broken: Broken) -> bool:
    try:
        read(broken.text, "strategies")
    except SpecError:
        return False
    return True


def test_first_remedies_mend_nearly_all_broken_documents_in_two_rounds() -> None:
    refused = [each for each in corpus(SEED, 2) if is_refused(each)]
    assert len(refused) >= 200
    assert len({each.mistake for each in refused}) >= 45
    left = [each for each in refused if not (is_readable(each) and mended(each).is_whole)]
    share = 1 - len(left) / len(refused)
    told = Counter(each.mistake for each in left)
    print(f"seed {SEED}: {len(refused)} documents, {share:.1%} mended; left: {dict(told)}")
    assert share >= SHARE, told


def test_what_is_mended_is_a_strategy_and_its_comments_stand() -> None:
    for broken in corpus(SEED + 1, 1):
        if not is_refused(broken) or not is_readable(broken):
            continue
        done = mended(broken)
        assert not done.changes or done.text != broken.text
        assert tomllib.loads(done.text)
        comments = [line for line in broken.text.splitlines() if line.startswith("#")]
        removed = sum(change.problem.reason == "DEAD_RULE" for change in done.changes)
        assert removed or all(line in done.text for line in comments), (broken.name, broken.mistake)


def test_every_mistake_is_made_somewhere() -> None:
    made = {broken.mistake for broken in corpus(SEED, 1)}
    assert made == set(MISTAKES)
