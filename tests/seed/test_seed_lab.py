"""Seeding the lab's Cassandra: what arrives is what was given, and nothing goes without being asked."""

import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from command import farm
from keyspace import admin, own_keyspace
from provisioning import answer
from typer.testing import CliRunner

from farm.cli.app import app
from farm.errors import Exit, InputError
from farm.seed import driver
from farm.seed.rows import Rows
from features import DEFAULT, survey
from features.htm import htm_id

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def keyspace(provisioned: None) -> Iterator[str]:
    with own_keyspace(tables=survey("ztf").tables) as name:
        yield name


def seed(objects: int, number: int, existing: driver.Existing, keyspace: str) -> driver.Seeded:
    return driver.seed(driver.simulated(objects, 20, number), existing, keyspace, io.StringIO())


def rows(keyspace: str) -> int:
    with admin(keyspace) as table:
        return int(table.execute(f"SELECT COUNT(*) FROM {keyspace}.candidates")[0][0])


@pytest.mark.lab
def test_every_column_of_every_row_arrives(keyspace: str) -> None:
    source = driver.simulated(40, 20, 3, all_tables=True)
    driver.seed(source, "replace", keyspace, io.StringIO())
    sent: dict[str, Rows] = dict(next(iter(source.chunks())))
    sent["candidates"]["htmid16"] = htm_id(sent["candidates"]["ra"], sent["candidates"]["dec"], 16)
    for declared in survey("ztf").tables:
        with admin(keyspace) as table:
            arrived = table.execute(f"SELECT * FROM {keyspace}.{declared.name}")
        assert len(arrived) == len(sent[declared.name]["jd"]) > 0
        for column in declared.columns:
            values = sent[declared.name][column.name]
            if column.cql == "float":
                values = values.astype(np.float32)
            expected = [value.decode() if isinstance(value, bytes) else value for value in values.tolist()]
            assert [getattr(row, column.name) for row in arrived] == expected, column.name


@pytest.mark.lab
def test_the_verb_fills_every_table_where_all_are_asked_for(provisioned: None, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = survey(DEFAULT).tables
    with own_keyspace(tables=tables) as empty:
        monkeypatch.setattr(driver, "seed", partial(driver.seed, keyspace=empty))
        typed = ["lab", "seed", "--objects", "1500", "--all-tables"]
        ended = CliRunner().invoke(app, typed)
        assert ended.exit_code == 0, ended.output
        assert "of 1,500 objects" in ended.output
        again = CliRunner().invoke(app, typed)
        assert isinstance(again.exception, InputError)
        with admin(empty) as table:
            for each in tables:
                assert table.execute(f"SELECT COUNT(*) FROM {empty}.{each.name}")[0][0] > 0, each.name


@pytest.mark.lab
def test_rows_that_stand_are_refused_added_to_or_replaced_as_asked(keyspace: str) -> None:
    seed(10, 1, "replace", keyspace)
    with pytest.raises(InputError, match="--replace takes them away"):
        seed(10, 2, "refuse", keyspace)
    assert rows(keyspace) == 200
    seed(30, 2, "append", keyspace)
    assert 600 < rows(keyspace) <= 800
    assert seed(5, 3, "replace", keyspace).rows == 100
    assert rows(keyspace) == 100
    with admin(keyspace) as table:
        assert not table.execute(f"SELECT jd FROM {keyspace}.noncandidates LIMIT 1")


@pytest.mark.lab
def test_seeding_leaves_nothing_but_rows_on_the_node(seeded: object) -> None:
    assert answer("c1", "ls /var/lib/cassandra | grep -c ^seed- || true") == "0"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--from", "README.md"], Exit.INPUT),
        (["--from", "nothing.parquet"], Exit.INPUT),
        (["--survey", "lsst", "--from", "README.md"], Exit.INPUT),
        (["--objects", "0"], Exit.INPUT),
        ([], Exit.USAGE),
        (["--from", "README.md", "--objects", "3"], Exit.USAGE),
        (["--objects", "3", "--append", "--replace"], Exit.USAGE),
    ],
)
def test_what_cannot_be_seeded_is_one_sentence(options: list[str], code: Exit) -> None:
    ended = farm("lab", "seed", *options)
    assert ended.code == code
    assert "Traceback" not in ended.stderr
    if code == Exit.INPUT:
        assert len(ended.stderr.strip().splitlines()) == 1
