"""The registry: labels and hashes, what is refused, and what lies in a home."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from breed import document, patched

from simcore.documents import LIBRARY
from simcore.errors import SpecError
from simcore.strategy import evolve, lineage, registry
from simcore.strategy.registry import Registration, Registry
from simcore.strategy.strategy import compile_strategy


def tuned(value: float) -> dict[str, Any]:
    """The base with another program for each value."""
    return document(params={"n": value, "k": 0.5})


def registered(*labels: tuple[str, str, float]) -> Registry:
    made = Registry()
    for name, version, value in labels:
        made, _ = made.register(name, version, tuned(value))
    return made


KNOWN = registered(("one", "1.0.0", 10), ("one", "1.1.0", 11), ("one", "2.0.0-rc.1", 20))


@pytest.mark.parametrize(
    ("name", "version", "value", "outcome"),
    [
        ("one", "1.1.0", 11, "one@1.1.0"),  # label and program are known: nothing happens
        ("one", "1.1.0+linux", 11, "one@1.1.0"),  # build metadata makes no other label
        ("one", "1.1.1", 12, "one@1.1.1 added"),
        ("one", "2.0.0", 12, "one@2.0.0 added"),
        ("one", "1.2.0", 12, "one@1.2.0 added"),  # a pre-release ahead is in nobody's way
        ("one", "2.0.0-rc.2", 12, "one@2.0.0-rc.2 added"),
        ("other", "0.1.0", 11, "other@0.1.0 added"),  # an alias
        ("other", "0.1.0", 12, "other@0.1.0 added"),
        ("one", "1.1.0", 12, "OTHER_HASH"),
        ("one", "1.1.0+linux", 12, "OTHER_HASH"),
        ("one", "1.2.0", 10, "SAME_HASH"),
        ("one", "2.0.0", 20, "SAME_HASH"),
        ("one", "1.0.5", 12, "one@1.0.5 added"),  # an older line is mended
        ("one", "1.0.0-rc.1", 12, "NOT_LATER"),
        ("one", "0.9.9", 12, "NOT_LATER"),
        ("one", "1.1.0-rc.1", 12, "NOT_LATER"),
    ],
)
def test_labels_and_hashes_decide_what_becomes_of_a_registration(
    name: str, version: str, value: float, outcome: str
) -> None:
    try:
        made = KNOWN.register(name, version, tuned(value))
    except SpecError as refused:
        (problem,) = refused.problems
        assert (problem.code, problem.reason) == ("VERSION_CONFLICT", outcome)
        assert problem.path == "/revision"
        assert problem.hints
        return
    is_added = made.registry != KNOWN
    assert made.record.label + " added" * is_added == outcome
    assert len(made.registry.records) == len(KNOWN.records) + is_added


def test_the_version_of_the_label_takes_the_place_of_the_documents_own() -> None:
    _, record = Registry().register("one", "3.1.4", document(revision="0.0.7"))
    assert record.strategy.version == "3.1.4"
    assert record.strategy.document["revision"] == "3.1.4"
    assert record.ir_hash == compile_strategy(document()).ir_hash


def test_the_latest_version_is_a_release_unless_asked_otherwise() -> None:
    assert KNOWN.latest("one").label == "one@1.1.0"
    assert KNOWN.latest("one", prereleases=True).label == "one@2.0.0-rc.1"
    early = registered(("one", "0.1.0-a", 3), ("one", "0.1.0-b", 4))
    assert early.newest("one").label == "one@0.1.0-b"
    for known, name in ((early, "one"), (KNOWN, "onf")):
        with pytest.raises(SpecError) as refused:
            known.latest(name)
        assert refused.value.problems[0].reason == "UNKNOWN_ID"


def test_a_program_under_two_names_is_rated_under_the_first() -> None:
    made, _ = KNOWN.register("other", "0.1.0", tuned(11))
    ir_hash = compile_strategy(tuned(11)).ir_hash
    assert made.aliases(ir_hash) == ("one@1.1.0", "other@0.1.0")
    assert made.aliases("0" * 64) == ()


def test_a_record_is_found_by_name_label_or_id() -> None:
    made, child = evolve.evolve(KNOWN, "one", {"params": {"n": 33}})
    assert child.strategy.id == "one-1-1-1"
    assert made.find("one") == made.find("one@1.1.1") == made.find("one-1-1-1") == child
    assert made.find("one@1.0.0").label == "one@1.0.0"
    with pytest.raises(SpecError) as refused:
        made.find("one@9.9.9")
    assert refused.value.problems[0].reason == "UNKNOWN_ID"


@pytest.mark.parametrize("name", ["", "One", "1", "a b", "a" * 65, "a/b", "a@1.0.0"])
def test_a_name_that_no_id_can_be_is_refused(name: str) -> None:
    with pytest.raises(SpecError) as refused:
        Registry().register(name, "1.0.0", document())
    assert refused.value.problems[0].reason == "BAD_ID"


def test_the_order_of_registration_decides_nothing() -> None:
    labels = [("one", "1.0.0", 10), ("two", "1.0.0", 10), ("one", "1.1.0-a", 11), ("b", "0.1.0", 3)]
    made = [registered(*order) for order in itertools.permutations(labels)]
    assert all(each == made[0] for each in made)
    assert [each.label for each in made[0].records][:2] == ["b@0.1.0", "one@1.0.0"]


def test_the_registry_of_no_home_is_the_library() -> None:
    made = registry.load()
    assert made.names == tuple(sorted(path.stem for path in (LIBRARY / "strategies").iterdir()))
    assert made.refused == ()
    assert {record.lineage.operator for record in made.records} == {"authored"}
    assert {record.label for record in made.records} >= {"ma_cross@0.1.0", "zero_rule@0.1.0"}


def descended(home: Path) -> Registration:
    """A grandchild of a library strategy, with its parent, in a home."""
    made, child = evolve.evolve(registry.load(), "ma_cross", {"params": {"fast": 12}})
    made, grandchild = evolve.mutate(made, "ma_cross", seed=3, child_index=2, generation=9)
    registry.save(home, child)
    registry.save(home, grandchild)
    return Registration(made, grandchild)


def test_what_is_saved_is_found_again_with_its_parents(tmp_path: Path) -> None:
    made, grandchild = descended(tmp_path)
    found = registry.load(tmp_path)
    assert found == made
    assert found.refused == ()
    ancestors = found.ancestors(grandchild.label)
    assert [each.label for each in ancestors] == ["ma_cross@0.1.1", "ma_cross@0.1.0"]
    assert [each.lineage.generation for each in (grandchild, *ancestors)] == [9, 1, 0]
    (parent,) = grandchild.lineage.parents
    assert patched(ancestors[0].strategy.document, parent.edit) == grandchild.strategy.document
    assert compile_strategy(grandchild.strategy.id, home=tmp_path).ir_hash == grandchild.ir_hash


def test_saving_again_changes_nothing_and_another_document_keeps_its_id(tmp_path: Path) -> None:
    _, grandchild = descended(tmp_path)
    path = registry.save(tmp_path, grandchild)
    before = {each: each.read_bytes() for each in tmp_path.rglob("*.json")}
    assert registry.save(tmp_path, grandchild) == path
    assert {each: each.read_bytes() for each in tmp_path.rglob("*.json")} == before
    assert len(before) == 4
    _, other = Registry().register("x", "1.0.0", document(id=grandchild.strategy.id))
    with pytest.raises(SpecError) as refused:
        registry.save(tmp_path, other)
    assert refused.value.problems[0].reason == "ID_TAKEN"
    assert {each: each.read_bytes() for each in tmp_path.rglob("*.json")} == before


def test_an_authored_strategy_needs_no_file_beside_it(tmp_path: Path) -> None:
    _, record = Registry().register("one", "0.1.0", document())
    stale = lineage.place(tmp_path, "one")
    stale.parent.mkdir(parents=True)
    stale.write_text("{}")
    path = registry.save(tmp_path, record)
    assert not stale.exists()
    assert lineage.read(compile_strategy(path), home=tmp_path) == record.lineage
    assert registry.load(tmp_path).find("one") == record


HARM: dict[str, tuple[dict[str, Any], str]] = {
    "another document's": ({"doc_hash": "0" * 64}, "HASH_MISMATCH"),
    "another file's": ({"id": "other"}, "BAD_ID"),
    "of a later form": ({"version": "0.2.0"}, "BAD_ENUM"),
    "without a parent": ({"parents": []}, "PARENTS"),
    "with a parent too many": ({"operator": "authored"}, "PARENTS"),
    "of an operator that there is not": ({"operator": "cloned"}, "BAD_ENUM"),
    "of a negative seed": ({"seed": -1}, "OUT_OF_RANGE"),
    "with a field too many": ({"mother": "eve"}, "UNKNOWN_FIELD"),
}


@pytest.mark.parametrize(("changes", "reason"), HARM.values(), ids=HARM.keys())
def test_a_lineage_that_does_not_fit_is_refused_and_names_its_file(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    _, grandchild = descended(tmp_path)
    place = lineage.place(tmp_path, grandchild.strategy.id)
    place.write_text(json.dumps(json.loads(place.read_text()) | changes))
    with pytest.raises(SpecError) as refused:
        lineage.read(grandchild.strategy, home=tmp_path)
    problem = refused.value.problems[0]
    assert (problem.code, problem.reason) == ("LINEAGE_INVALID", reason)
    assert problem.source == f"strategies/lineage/{grandchild.strategy.id}.json"
    # The rest of the home is still there.
    found = registry.load(tmp_path)
    assert [each.reason for each in found.refused] == [reason]
    assert found.newest("ma_cross").label == "ma_cross@0.1.1"


def test_a_lineage_that_is_no_json_is_refused(tmp_path: Path) -> None:
    _, grandchild = descended(tmp_path)
    lineage.place(tmp_path, grandchild.strategy.id).write_bytes(b"\xff")
    with pytest.raises(SpecError) as refused:
        lineage.read(grandchild.strategy, home=tmp_path)
    assert refused.value.problems[0].code == "LINEAGE_INVALID"


def test_a_home_tells_what_it_could_not_register(tmp_path: Path) -> None:
    folder = tmp_path / "strategies"
    folder.mkdir()
    (folder / "broken.toml").write_text("version = 1\n")
    child = evolve.evolve(registry.load(), "ma_cross", {"params": {"fast": 12}}).record
    registry.save(tmp_path, child)
    # The same label for another program: a copy of the child that somebody changed.
    twin = {**child.strategy.document, "id": "twin"}
    twin["params"] = {**twin["params"], "slow": 31}
    (folder / "twin.json").write_text(json.dumps(twin))
    stated = json.loads(lineage.place(tmp_path, child.strategy.id).read_text())
    stated |= {"id": "twin", "doc_hash": compile_strategy(twin).doc_hash}
    lineage.place(tmp_path, "twin").write_text(json.dumps(stated))
    found = registry.load(tmp_path)
    assert "OTHER_HASH" in {each.reason for each in found.refused}
    assert any("broken" in each.source for each in found.refused)
    assert found.find("ma_cross@0.1.1") == child
