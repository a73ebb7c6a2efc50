"""What table objects needs to be as declared, and what each change costs."""

import dataclasses
from typing import Any

import pytest
from simulated_parts import ZTF

from farm.errors import SchemaError
from farm.schema.definition import parse
from farm.schema.plan import Cost, Found, FoundColumn, Plan, What, plan
from features.declare import Family, Feature, Index

PEAK = Feature("peak", "float", "mag", "band empty", "Peak.", "here")
DIP = Feature("dip", "float", "mag", "band empty", "Dip.", "here")


def living(rows: int = 1_000_000, **changes: Any) -> Found:
    """The table as it is declared, as MariaDB describes it."""
    columns = {
        column.name: FoundColumn({"int": "int(11)"}.get(column.sql, column.sql), column is not ZTF.key)
        for column in ZTF.columns
    }
    found = Found(columns, {index.name: index.columns for index in ZTF.indexes}, (ZTF.key.name,), rows)
    return dataclasses.replace(found, **changes)


def without(names: dict[str, Any], *gone: str, **more: Any) -> dict[str, Any]:
    return {name: value for name, value in names.items() if name not in gone} | more


def told(planned: Plan) -> list[tuple[What, str, Cost, bool]]:
    return [(each.what, each.name, each.cost, each.stalls) for each in planned.changes]


def test_a_table_that_is_as_declared_needs_nothing() -> None:
    assert plan(ZTF, living()) == Plan((), ())
    assert plan(ZTF, living()).same


def test_the_order_of_columns_makes_no_difference() -> None:
    backwards = dict(reversed(living().columns.items()))
    assert plan(ZTF, living(columns=backwards)).same


def test_a_column_that_is_missing_is_added_in_its_place_at_once() -> None:
    planned = plan(ZTF, living(columns=without(dict(living().columns), "gmag")))
    assert told(planned) == [(What.ADD_COLUMN, "gmag", Cost.INSTANT, False)]
    assert planned.changes[0].sql("objects") == (
        "ALTER TABLE `objects` ADD COLUMN `gmag` float DEFAULT NULL AFTER `jdgmax`, ALGORITHM=INSTANT"
    )
    assert not planned.changes[0].additive


def test_new_features_come_last_with_their_indexes_after_them_and_nodes_may_differ_by_them() -> None:
    families = (*ZTF.families, Family((PEAK, DIP), (), lambda curves: ()))
    survey = dataclasses.replace(ZTF, families=families, indexes=(*ZTF.indexes, Index("idx_peak", ("peak",))))
    planned = plan(survey, living())
    assert told(planned) == [
        (What.ADD_COLUMN, "peak", Cost.INSTANT, False),
        (What.ADD_COLUMN, "dip", Cost.INSTANT, False),
        (What.ADD_INDEX, "idx_peak", Cost.INPLACE, True),
    ]
    assert all(each.additive for each in planned.changes)
    assert planned.changes[1].sql("objects").endswith("AFTER `peak`, ALGORITHM=INSTANT")


@pytest.mark.parametrize(
    ("name", "sql", "nullable", "cost"),
    [
        ("gmag", "double", True, Cost.COPY),
        ("htm16", "int(11)", True, Cost.COPY),
        ("ssnamenr", "varchar(8)", True, Cost.INSTANT),
        ("ssnamenr", "varchar(32)", True, Cost.COPY),
        ("ssnamenr", "varchar(8)", False, Cost.COPY),
        ("ssnamenr", "text", True, Cost.COPY),
        ("ncand", "int(11)", False, Cost.COPY),
        ("objectId", "varchar(12)", False, Cost.INSTANT),
        ("objectId", "varchar(16)", True, Cost.COPY),
    ],
)
def test_a_changed_type_copies_the_table_unless_only_a_text_grows(
    name: str, sql: str, nullable: bool, cost: Cost
) -> None:
    planned = plan(ZTF, living(columns=dict(living().columns) | {name: FoundColumn(sql, nullable)}))
    assert told(planned) == [(What.CHANGE_COLUMN, name, cost, cost is Cost.COPY)]
    assert sql in planned.changes[0].detail
    assert not planned.changes[0].additive


@pytest.mark.parametrize("sql", ["int", "int(10)", "INT(11)"])
def test_the_width_that_an_integer_is_printed_with_makes_no_difference(sql: str) -> None:
    assert plan(ZTF, living(columns=dict(living().columns) | {"ncand": FoundColumn(sql, True)})).same


def test_indexes_are_added_and_dropped_and_one_with_other_columns_is_made_anew() -> None:
    indexes = without(dict(living().indexes), "idx_ncand", idx_ours=("gmag", "rmag"), idx_jdmax=("jdmin",))
    planned = plan(ZTF, living(indexes=indexes))
    assert [each[:2] for each in told(planned)] == [
        (What.DROP_INDEX, "idx_jdmax"),
        (What.DROP_INDEX, "idx_ours"),
        (What.ADD_INDEX, "idx_ncand"),
        (What.ADD_INDEX, "idx_jdmax"),
    ]
    assert [each.stalls for each in planned.changes] == [False, False, True, True]
    assert planned.changes[1].sql("objects") == "ALTER TABLE `objects` DROP KEY `idx_ours`, ALGORITHM=NOCOPY"


def test_what_stalls_is_estimated_by_the_rows_and_what_does_not_takes_no_time() -> None:
    columns = without(dict(living().columns), "rmag", gmag=FoundColumn("double", True))
    indexes = without(dict(living().indexes), "idx_ncand", idx_ours=("jdmin",))
    seconds = [
        {each.what: each.seconds for each in plan(ZTF, living(rows, columns=columns, indexes=indexes)).changes}
        for rows in (1_000_000, 2_000_000)
    ]
    assert seconds[0][What.ADD_COLUMN] == seconds[0][What.DROP_INDEX] == 0
    assert 0 < seconds[0][What.ADD_INDEX] < seconds[0][What.CHANGE_COLUMN]
    assert seconds[1] == {what: 2 * each for what, each in seconds[0].items()}


def test_a_column_is_dropped_only_by_its_name() -> None:
    found = living(
        columns=dict(living().columns) | {"a`; DROP": FoundColumn("text", True), "b": FoundColumn("int", True)}
    )
    kept = plan(ZTF, found)
    assert (kept.changes, kept.undeclared, kept.same) == ((), ("a`; DROP", "b"), False)
    planned = plan(ZTF, found, ["a`; DROP"])
    assert planned.undeclared == ("b",)
    assert [each.sql("objects") for each in planned.changes] == [
        "ALTER TABLE `objects` DROP COLUMN `a``; DROP`, ALGORITHM=INSTANT"
    ]


@pytest.mark.parametrize(("name", "why"), [("gmag", "is declared"), ("peak", "is no column of the table")])
def test_a_column_that_is_declared_or_not_there_is_not_dropped(name: str, why: str) -> None:
    with pytest.raises(SchemaError, match=f"--drop-column {name}: it {why}"):
        plan(ZTF, living(), [name])


@pytest.mark.parametrize("key", [(), ("jdmax",), ("objectId", "jdmax")])
def test_another_primary_key_is_refused(key: tuple[str, ...]) -> None:
    with pytest.raises(SchemaError, match="primary key"):
        plan(ZTF, living(key=key))


DEFINITION = """CREATE TABLE `objects` (
  `objectId` varchar(16) CHARACTER SET utf8mb3 COLLATE utf8mb3_unicode_ci NOT NULL,
  `decmean` double DEFAULT NULL,
  `ncand` int(11) DEFAULT NULL COMMENT 'it''s a, NOT NULL (`x`)',
  `w` int(10) unsigned NOT NULL DEFAULT 3,
  `a``b` decimal(10,2) DEFAULT NULL,
  PRIMARY KEY (`objectId`),
  UNIQUE KEY `uq` (`w`,`objectId`),
  KEY `idx_decmean` (`decmean`),
  KEY `pre``x` (`a``b`(4),`decmean` DESC)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_unicode_ci"""


def test_a_definition_is_read_as_columns_and_indexes() -> None:
    found = parse(DEFINITION, 7)
    assert found.columns == {
        "objectId": FoundColumn("varchar(16)", False),
        "decmean": FoundColumn("double", True),
        "ncand": FoundColumn("int(11)", True),
        "w": FoundColumn("int(10) unsigned", False),
        "a`b": FoundColumn("decimal(10,2)", True),
    }
    assert (found.key, found.rows) == (("objectId",), 7)
    assert found.indexes == {
        "uq": ("unique", "w", "objectId"),
        "idx_decmean": ("decmean",),
        "pre`x": ("a`b(4)", "decmean DESC"),
    }
