"""Documents: by dict, id, path or text; refused whole, with place, found and expected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from simcore import documents
from simcore.documents import Loaded, found, nearest, parse, read, taken
from simcore.errors import SpecError
from simcore.problems import Problem


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Pct(Strict):
    type: Literal["pct"]
    value: Annotated[float, Field(gt=0.0, le=100.0)]


class Atr(Strict):
    type: Literal["atr"]
    n: Annotated[int, Field(ge=1)]


Stop = Annotated[Pct | Atr, Field(discriminator="type")]


class Spec(Strict):
    value: float
    min: float


class Sample(Strict):
    version: Annotated[str, Field(pattern=r"^0\.1\.\d+$")]
    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
    timeframe: Literal["1h", "1d"]
    params: dict[str, float | Spec] = {}
    stop: Annotated[Pct | Atr, Field(discriminator="type")] | None = None
    stops: Annotated[
        list[Annotated[Pct | Atr, Field(discriminator="type")]], Field(max_length=2)
    ] = []
    tags: tuple[str, ...] = ()
    seed: int = 0

    @field_validator("seed")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 2:
            raise PydanticCustomError("NOT_EVEN", f"got {value}, expected an even number")
        return value


WHOLE: dict[str, Any] = {"version": "0.1.0", "id": "sample", "timeframe": "1h"}


def refused(document: Any, home: Path | None = None, kind: str = "scenarios") -> list[Problem]:
    with pytest.raises(SpecError) as error:
        parse(Sample, read(document, kind, home=home), "DOC_INVALID")
    return list(error.value.problems)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for kind in documents.KINDS:
        (tmp_path / kind).mkdir()
    return tmp_path


class TestReading:
    def test_gives_one_model_for_toml_json_mapping_path_and_id(self, home: Path) -> None:
        document = {**WHOLE, "params": {"fast": 10, "slow": {"value": 30, "min": 1.5}}}
        toml = (
            'version = "0.1.0"\nid = "sample"\ntimeframe = "1h"\n'
            "[params]\nfast = 10\nslow = { value = 30, min = 1.5 }\n"
        )
        path = home / "scenarios" / "sample.toml"
        path.write_text(toml)
        as_json = home / "elsewhere.json"
        as_json.write_text("\ufeff" + json.dumps(document))
        given = [document, toml, json.dumps(document), path, str(path), str(as_json), "sample"]
        models = [
            parse(Sample, read(each, "scenarios", home=home), "DOC_INVALID") for each in given
        ]
        assert all(model == models[0] for model in models)
        assert models[0].params["slow"] == Spec(value=30.0, min=1.5)

    def test_turns_toml_times_into_text(self) -> None:
        loaded = read("a = 2000-01-03T00:00:00Z\nb = 2000-01-03\n", "scenarios")
        assert loaded.document == {"a": "2000-01-03T00:00:00Z", "b": "2000-01-03"}

    def test_copies_a_mapping(self) -> None:
        given = {"a": {"b": [1]}}
        loaded = read(given, "scenarios")
        loaded.document["a"]["b"].append(2)
        assert given == {"a": {"b": [1]}}

    @pytest.mark.parametrize(
        ("document", "reason", "path", "words"),
        [
            ("a = 1\nb = = 2\n", "NOT_TOML", "", "line 2 column 5"),
            ("a = 1\na = 2\n", "DUPLICATE_KEY", "", "line 2"),
            ('{"a": 1,}', "NOT_JSON", "", "line 1 column 9"),
            ('{"a": {"b": 1, "b": 2}}', "DUPLICATE_KEY", "/a/b", "twice"),
            ('{"a": NaN}', "NOT_JSON", "/a", "got nan, expected a finite number"),
            ('{"a": [0, -Infinity]}', "NOT_JSON", "/a/1", "got -inf"),
            ("a = nan\n", "NOT_JSON", "/a", "got nan"),
            ({"a": float("inf")}, "NOT_JSON", "/a", "got inf"),
            ({"a": {1: 2}}, "WRONG_TYPE", "/a", "expected a string"),
            ({"a": object()}, "WRONG_TYPE", "/a", "expected a JSON value"),
            ({"a": 2**53}, "TOO_LARGE", "/a", "expected an integer between"),
            ({"a": "\ud800"}, "NOT_JSON", "/a", "surrogate"),
            ('{"a": ' + "[" * 100_000, "TOO_LARGE", "", "nested too deeply"),
            ("a = " + "[" * 100_000 + "\n", "TOO_LARGE", "", "nested too deeply"),
            ("# " + "x" * (1 << 20) + "\n", "TOO_LARGE", "", "at most 1048576"),
            (5, "WRONG_TYPE", "", "got int, expected"),
            (None, "WRONG_TYPE", "", "got NoneType"),
        ],
    )
    def test_refuses_what_is_no_document(
        self, document: Any, reason: str, path: str, words: str
    ) -> None:
        problem = refused(document)[0]
        assert (problem.code, problem.reason, problem.path) == ("DOC_INVALID", reason, path)
        assert words in problem.message

    def test_reports_every_double_and_every_nan_of_a_text_at_once(self) -> None:
        problems = refused('{"a": 1, "a": NaN, "b": {"c": 1, "c": 2}}')
        assert [(each.reason, each.path) for each in problems] == [
            ("DUPLICATE_KEY", "/a"),
            ("NOT_JSON", "/a"),
            ("DUPLICATE_KEY", "/b/c"),
        ]

    def test_escapes_names_in_pointers(self) -> None:
        assert refused({"a/b": {"c~d": float("nan")}})[0].path == "/a~1b/c~0d"

    def test_uses_the_codes_of_the_strategy_language_for_strategies(self) -> None:
        with pytest.raises(SpecError) as error:
            read("a = = 1\n", "strategies")
        assert error.value.code == "DSL_SCHEMA_INVALID"

    def test_names_the_missing_file(self, tmp_path: Path) -> None:
        for path in (tmp_path / "none.toml", str(tmp_path / "none.toml")):
            problem = refused(path)[0]
            assert problem.reason == "FILE_MISSING"
            assert str(problem).startswith(f"{tmp_path / 'none.toml'}: No such file")

    def test_refuses_folders_other_suffixes_and_other_encodings(self, tmp_path: Path) -> None:
        (tmp_path / "folder.toml").mkdir()
        assert refused(tmp_path / "folder.toml")[0].reason == "FILE_UNREADABLE"
        assert refused(tmp_path / "sample.yaml")[0].reason == "BAD_FORMAT"
        (tmp_path / "latin.toml").write_bytes(b'a = "\xe4"\n')
        assert "byte 5: got 0xe4, expected UTF-8" in refused(tmp_path / "latin.toml")[0].message


class TestIds:
    def test_unknown_ones_are_refused_with_the_nearest_known(self, home: Path) -> None:
        (home / "scenarios" / "storm.toml").write_text("")
        problem = refused("strom", home)[0]
        assert problem.reason == "UNKNOWN_ID"
        assert 'scenario "strom" is not known' in problem.message
        assert problem.hints[0].text == 'did you mean "storm"?'

    def test_come_from_the_library_and_from_the_home(self, home: Path) -> None:
        library = found("scenarios")
        assert "trend-up-mid" in library
        (home / "scenarios" / "mine.toml").write_text("")
        (home / "scenarios" / "theirs.json").write_text("{}")
        (home / "scenarios" / "draft.toml.example").write_text("")
        (home / "scenarios" / "notes.md").write_text("")
        assert set(found("scenarios", home)) - set(library) == {"mine", "theirs"}
        assert list(found("scenarios", home)) == sorted(found("scenarios", home))

    def test_of_the_library_are_taken(self, home: Path) -> None:
        path = home / "scenarios" / "trend-up-mid.toml"
        path.write_text('id = "trend-up-mid"\n')
        (home / "scenarios" / "mine.toml").write_text("")
        (home / "scenarios" / "mine.json").write_text("{}")
        problems = taken("scenarios", home)
        assert [each.source for each in problems] == [
            "scenarios/mine.toml",
            "scenarios/trend-up-mid.toml",
        ]
        assert found("scenarios", home)["trend-up-mid"].parent == documents.LIBRARY / "scenarios"
        for document in ("trend-up-mid", path, str(path)):
            problem = refused(document, home)[0]
            assert problem.reason == "ID_TAKEN"
            assert "library/scenarios/trend-up-mid.toml" in problem.message
        assert read("trend-up-mid", "scenarios").path is not None

    def test_must_equal_the_name_of_the_file_where_the_file_is_found_by_it(
        self, home: Path
    ) -> None:
        text = 'version = "0.1.0"\nid = "other"\ntimeframe = "2h"\n'
        path = home / "scenarios" / "mine.toml"
        path.write_text(text)
        problems = refused("mine", home)
        assert [each.reason for each in problems] == ["BAD_ID", "BAD_ENUM"]
        assert str(problems[0]).startswith(
            'scenarios/mine.toml: /id: got "other", expected "mine", the file\'s name'
        )
        elsewhere = home / "copy.toml"
        elsewhere.write_text(text.replace("2h", "1h"))
        assert parse(Sample, read(elsewhere, "scenarios", home=home), "DOC_INVALID").id == "other"


class TestParsing:
    def test_takes_an_integer_for_a_number_and_nothing_else(self) -> None:
        assert parse(Sample, Loaded({**WHOLE, "params": {"a": 1}}, ""), "X").params == {"a": 1.0}

    @pytest.mark.parametrize(
        ("change", "reason", "path", "message"),
        [
            ({"params": {"a": "10"}}, "WRONG_TYPE", "/params/a",
             'got "10", expected a number or a table'),
            ({"params": {"a": True}}, "WRONG_TYPE", "/params/a",
             "got true, expected a number or a table"),
            ({"params": {"a": {"value": 1}}}, "MISSING_FIELD", "/params/a/min",
             'field "min": got nothing, expected a value'),
            ({"params": 3}, "WRONG_TYPE", "/params", "got 3, expected a table"),
            ({"timeframe": "1w"}, "BAD_ENUM", "/timeframe", 'got "1w", expected one of 1h, 1d'),
            ({"version": "0.2.0"}, "VERSION_UNSUPPORTED", "/version", None),
            ({"version": 1}, "WRONG_TYPE", "/version", "got 1, expected a string"),
            ({"id": "No"}, "BAD_ID", "/id", None),
            ({"stop": {"type": "pct", "value": 0}}, "OUT_OF_RANGE", "/stop/value",
             "got 0, expected more than 0"),
            ({"stop": {"type": "pct", "value": 101.5}}, "OUT_OF_RANGE", "/stop/value",
             "got 101.5, expected at most 100"),
            ({"stop": {"type": "bps", "value": 1}}, "BAD_ENUM", "/stop/type",
             'got "bps", expected one of pct, atr'),
            ({"stop": {"value": 1}}, "MISSING_FIELD", "/stop/type", None),
            ({"stop": {"type": "atr", "n": 3.0}}, "WRONG_TYPE", "/stop/n",
             "got 3.0, expected an integer"),
            ({"stops": [{"type": "atr", "n": 1}, {"type": "atr", "n": 0}]}, "OUT_OF_RANGE",
             "/stops/1/n", "got 0, expected at least 1"),
            ({"stops": [{"type": "atr", "n": 1}] * 3}, "TOO_LARGE", "/stops",
             "got 3, expected at most 2 entries"),
            ({"tags": ["a", 1]}, "WRONG_TYPE", "/tags/1", "got 1, expected a string"),
            ({"tags": "a"}, "WRONG_TYPE", "/tags", 'got "a", expected a list'),
            ({"seed": 3}, "NOT_EVEN", "/seed", "got 3, expected an even number"),
            ({"seed": None}, "WRONG_TYPE", "/seed", "got null, expected an integer"),
        ],
    )  # fmt: skip
    def test_says_where_what_was_found_and_what_was_expected(
        self, change: dict[str, Any], reason: str, path: str, message: str | None
    ) -> None:
        problems = refused({**WHOLE, **change})
        assert [(each.reason, each.path) for each in problems] == [(reason, path)]
        assert message is None or problems[0].message == message
        assert problems[0].source == str(change.get("id", "sample"))

    @pytest.mark.parametrize(
        ("change", "path", "known", "hint", "patch"),
        [
            ({"sede": 1}, "/sede", "version, id, timeframe, params", "seed",
             {"op": "move", "from": "/sede", "path": "/seed"}),
            ({"stop": {"type": "atr", "n": 1, "m": 2}}, "/stop/m", "type, n", None,
             {"op": "remove", "path": "/stop/m"}),
            # The name that was meant has a value of its own, which a patch must not write over.
            ({"stop": {"type": "pct", "value": 1, "vlaue": 2}}, "/stop/vlaue", "type, value",
             None, {"op": "remove", "path": "/stop/vlaue"}),
            ({"params": {"a": {"value": 1, "min": 0, "mim": 2}}}, "/params/a/mim", "value, min",
             None, {"op": "remove", "path": "/params/a/mim"}),
        ],
    )  # fmt: skip
    def test_names_the_fields_that_stand_where_an_unknown_one_was_found(
        self,
        change: dict[str, Any],
        path: str,
        known: str,
        hint: str | None,
        patch: dict[str, Any],
    ) -> None:
        (problem,) = refused({**WHOLE, **change})
        assert (problem.reason, problem.path) == ("UNKNOWN_FIELD", path)
        assert f"expected one of {known}" in problem.message
        text = "remove it" if hint is None else f'did you mean "{hint}"?'
        assert (problem.hints[0].text, problem.hints[0].patch) == (text, (patch,))

    def test_offers_patches_for_words_bounds_and_quoted_numbers(self) -> None:
        problems = refused(
            {**WHOLE, "timeframe": "1hh", "params": {"a": "10"}, "stop": {"type": "atr", "n": -1}}
        )
        assert [each.hints[0].patch for each in problems] == [
            ({"op": "replace", "path": "/timeframe", "value": "1h"},),
            ({"op": "replace", "path": "/params/a", "value": 10.0},),
            ({"op": "replace", "path": "/stop/n", "value": 1},),
        ]

    def test_reports_all_errors_in_the_order_of_the_document(self) -> None:
        problems = refused({"seed": "x", "more": 1, "id": "sample", "timeframe": "2h"})
        assert [(each.reason, each.path) for each in problems] == [
            ("WRONG_TYPE", "/seed"),
            ("UNKNOWN_FIELD", "/more"),
            ("BAD_ENUM", "/timeframe"),
            ("MISSING_FIELD", "/version"),
        ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("trend", "trend"),
        ("trned", "trend"),
        ("tren", "trend"),
        ("reply", "replay"),
        ("xyz", None),
        ("a", None),
        ("", None),
    ],
)
def test_the_nearest_name_is_two_edits_away_at_most(name: str, expected: str | None) -> None:
    assert nearest(name, ["trend", "replay", "vol_cluster", "b"]) == expected


def test_of_equally_near_names_the_first_wins() -> None:
    assert nearest("cat", ["bat", "rat", "cart"]) == "bat"
