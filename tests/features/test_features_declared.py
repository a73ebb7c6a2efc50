"""What is made from the declarations, and what the package may import."""

import dataclasses
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import features
from features import schema
from features.batch import single
from features.declare import Feature, Index, Survey, family
from features.docs import page

ROOT = Path(__file__).parent.parent.parent
GOLDEN = Path(__file__).parent / "golden"
SURVEY = features.survey("ztf")
PRODUCTION = dataclasses.replace(
    SURVEY, families=tuple(each for each in SURVEY.families if each.features[0].name in SURVEY.order)
)
"""Without the features that production lacks."""


def with_another(**changes: str) -> Survey:
    """Production's survey with one feature more, which its table does not have."""
    told = {"name": "peak", "sql": "float", "unit": "mag", "null": "band empty", "doc": "", "source": "", **changes}
    another = family(Feature(**told), needs="jd")(lambda curves: ())
    return dataclasses.replace(PRODUCTION, families=(*PRODUCTION.families, another))


def test_each_feature_is_declared_once_with_all_that_is_to_be_said() -> None:
    declared = [feature for each in SURVEY.families for feature in each.features]
    assert len(declared) == len({feature.name for feature in declared})
    assert len(PRODUCTION.features) == 42
    for feature in declared:
        assert feature.doc.endswith(".")
        assert feature.null
        assert feature.source


def test_the_ddl_is_the_one_that_was_reviewed() -> None:
    assert schema.ddl(SURVEY) == (GOLDEN / "objects.sql").read_text()


def test_the_cql_is_the_one_that_was_reviewed() -> None:
    assert schema.cql_ddl(SURVEY.detections, "lasair") == (GOLDEN / "candidates.cql").read_text()


def test_the_documentation_is_made_from_the_declarations() -> None:
    assert (ROOT / "docs" / "features.md").read_text() == page(), "python -m features docs > docs/features.md"


def test_each_known_deviation_has_a_test() -> None:
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert SURVEY.deviations
    for deviation in SURVEY.deviations:
        assert f"def {deviation.test}(" in tests


def test_the_schema_hash_is_that_of_names_types_and_null_rules_in_table_order() -> None:
    told = [[column.name, column.sql, column.null] for column in SURVEY.columns]
    assert told[0] == ["objectId", "varchar(16)", "never"]
    canonical = json.dumps(told, separators=(",", ":")).encode()
    assert schema.schema_hash(SURVEY) == hashlib.sha256(canonical).hexdigest()


def test_docs_and_units_are_outside_the_schema_hash_and_names_types_and_null_rules_inside() -> None:
    one = schema.schema_hash(with_another())
    assert one != schema.schema_hash(PRODUCTION)
    assert one == schema.schema_hash(with_another(doc="other", unit="other", source="other"))
    for change in ({"name": "other"}, {"sql": "double"}, {"null": "never"}):
        assert one != schema.schema_hash(with_another(**change))


def test_a_feature_that_production_lacks_comes_last() -> None:
    survey = with_another()
    assert schema.header(survey) == (*schema.header(PRODUCTION), "peak")
    assert survey.columns[:-1] == PRODUCTION.columns


def living(survey: Survey) -> tuple[dict[str, str], list[str]]:
    """Columns and keys of a table as MariaDB describes it: with display widths of its own."""
    types = {column.name: {"int": "int(11)"}.get(column.sql, column.sql) for column in survey.columns}
    return types, ["PRIMARY", *(index.name for index in survey.indexes)]


def test_a_table_that_is_as_declared_needs_no_alter() -> None:
    assert schema.alters(SURVEY, *living(SURVEY)) == []


def test_alters_add_what_a_table_lacks_and_drop_nothing() -> None:
    survey = dataclasses.replace(with_another(), indexes=(*SURVEY.indexes, Index("idx_peak", ("peak",))))
    columns, keys = living(PRODUCTION)
    del columns["gmag"]
    columns |= {"rmag": "double", "ours": "int(11)"}
    assert schema.alters(survey, columns, keys) == [
        "ALTER TABLE `objects` ADD COLUMN `gmag` float DEFAULT NULL AFTER `jdgmax`;",
        "ALTER TABLE `objects` MODIFY COLUMN `rmag` float DEFAULT NULL;",
        "ALTER TABLE `objects` ADD COLUMN `peak` float DEFAULT NULL AFTER `dmdt_r_err`;",
        "ALTER TABLE `objects` ADD KEY `idx_peak` (`peak`);",
    ]


def test_only_the_columns_that_features_need_are_read() -> None:
    assert set(SURVEY.inputs) == {
        *("objectid", "jd", "candid", "ra", "dec", "fid", "nid", "isdiffpos", "magpsf", "sigmapsf", "rb", "drb"),
        *("sgmag1", "srmag1", "sgscore1", "distpsnr1", "ssnamenr"),
    }


def test_an_unknown_survey_is_named_with_those_there_are() -> None:
    with pytest.raises(KeyError, match="'panstarrs': there is lsst, ztf"):
        features.survey("panstarrs")


def test_the_features_of_a_light_curve_import_numpy_and_nothing_else() -> None:
    code = """
import sys
before = set(sys.modules)
import features.ztf, features.text, features.schema
tops = {name.split(".")[0] for name in set(sys.modules) - before}
print(" ".join(sorted(tops - set(sys.stdlib_module_names))))
"""
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert {name for name in done.stdout.split() if not name.startswith("_")} <= {"features", "numpy"}


def test_nothing_about_a_survey_stands_outside_its_folder() -> None:
    words = ("magpsf", "isdiffpos", "candidates", "rastd")
    for path in (ROOT / "features").glob("*.py"):
        if path.name != "__main__.py":
            code = path.read_text()
            assert not [word for word in words if f'"{word}"' in code], path


def test_the_example_of_adding_a_feature_works_as_written() -> None:
    guide = (ROOT / "docs" / "adding-a-feature.md").read_text()
    blocks = dict(re.findall(r"```(python|sql)\n(.*?)```", guide, re.DOTALL)[:2])
    made: dict[str, Any] = {}
    exec(blocks["python"], made)
    survey = dataclasses.replace(PRODUCTION, families=(*PRODUCTION.families, made["amplitude"]))
    rows = [{"candid": n, "jd": 2459000.5 + n, "fid": 1, "magpsf": mag} for n, mag in enumerate((18.0, 17.25, 18.5), 1)]
    assert single(survey, "ZTF18aaaaaaa", rows)["maggamp"] == 1.25
    assert single(survey, "ZTF18aaaaaaa", [{**row, "fid": 2} for row in rows])["maggamp"] is None
    assert schema.alters(survey, *living(PRODUCTION)) == [blocks["sql"].strip()]
