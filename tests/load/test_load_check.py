"""What may be loaded: every way in which parts can be wrong is refused by file and line, before a row is loaded."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_parts import NAMES, RUN, ZTF, plain, simulate, text, with_field, write_part

from farm.errors import InputError, PartsError
from farm.load import check, quick
from farm.load.check import Batch, check_folder, read
from farm.parts import FIRST_TOKEN, LAST_TOKEN

LOW, HIGH = [FIRST_TOKEN, 0], [0, LAST_TOKEN]
WIDTH = len(ZTF.columns)
LINES = text(simulate(12)).encode()
PLAIN = plain(12)


def test_parts_that_agree_are_accepted_with_what_they_say(tmp_path: Path) -> None:
    write_part(tmp_path, simulate(30), "t0001", range=LOW)
    write_part(tmp_path, simulate(20, first=30), "t0002", range=HIGH)
    found = check_folder(tmp_path)
    assert (found.run, found.environment, found.window, found.rows) == (RUN, "lab", 30, 50)
    assert [part.csv.name for part in found.parts] == ["t0001.1.csv", "t0002.1.csv"]


def test_parts_of_named_objects_need_no_ranges(tmp_path: Path) -> None:
    write_part(tmp_path, simulate(3), "t0001", range=None)
    write_part(tmp_path, simulate(3, first=3), "t0002", range=None)
    assert check_folder(tmp_path).rows == 6


def test_a_part_without_rows_is_a_part(tmp_path: Path) -> None:
    write_part(tmp_path, simulate(0))
    assert check_folder(tmp_path).rows == 0


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    rows = simulate(500)
    found = list(read(write_part(tmp_path, rows), rows.survey, size=200))
    assert [batch.first for batch in found] == [2, 202, 402]
    for column in rows.survey.features:
        data = np.concatenate([batch.values[column.name].data for batch in found])
        null = np.concatenate([batch.values[column.name].null for batch in found])
        assert (null == rows.missing[column.name]).all()
        wanted = rows.values[column.name]
        if column.sql == "float":
            wanted = wanted.astype(np.float32)
        assert (data[~null] == wanted[~null]).all()
    assert set(NAMES) == {name for name in found[0].values["ssnamenr"].data if name}


@pytest.mark.parametrize(
    ("column", "field", "why"),
    [
        ("gmag", "", "it is empty"),
        ("gmag", "nan", "not a number"),
        ("decmean", "inf", "not a number"),
        ("decmean", "1e999", "not a finite number"),
        ("gmag", "3.5e38", "beyond the range of float"),
        ("gmag", "3.40282347e+38", "beyond the range of float"),
        ("gmag", "abc", "not a number"),
        ("gmag", "1_8", "not a number"),
        ("gmag", " 18.5", "not a number"),
        ("gmag", '"18.5 "', "not a number"),
        ("gmag", "\uff11\uff18", "not a number"),
        ("ncand", "1_0", "not a whole number"),
        ("ncand", "5 ", "not a whole number"),
        ("ncand", "\u0661", "not a whole number"),
        ("ncand", "0x10", "not a whole number"),
        ("ncand", "2147483648", "beyond the range of an integer of 32 bits"),
        ("ncand", "1.5", "not a whole number"),
        ("htm16", "9223372036854775808", "beyond the range of an integer of 64 bits"),
        ("ncand", r"\N", "it is NULL"),
        ("objectId", r"\N", "it is NULL"),
        ("objectId", "", "it is empty"),
        ("objectId", "LT345678901234567", "the column holds 16"),
        ("objectId", '" "', "is not the name of an object"),
        ("objectId", "LT0000003 ", "is not the name of an object"),
        ("objectId", "LT0000003\u0301", "is not the name of an object"),
        ("ssnamenr", "a\tb", "control character"),
        ("ssnamenr", "\U0001f52d", "utf8 lacks"),
        ("ssnamenr", r"a\b", "backslash that is not doubled"),
    ],
)
def test_a_field_that_the_table_cannot_hold_is_refused_by_line(
    tmp_path: Path, column: str, field: str, why: str
) -> None:
    csv = write_part(tmp_path, with_field(plain(40), 17, column, field))
    with pytest.raises(PartsError, match=rf"{csv}, line 19, column {column}: .*{why}"):
        check_folder(tmp_path)


@pytest.mark.parametrize("column", ["objectId", "ssnamenr", "gmag"])
def test_null_without_quotes_is_refused_by_line(tmp_path: Path, column: str) -> None:
    """LOAD DATA takes it for a missing value, whatever the column."""
    csv = write_part(tmp_path, with_field(plain(40), 17, column, "NULL"))
    with pytest.raises(PartsError, match=f"{csv}, line 19: NULL without quotes is a missing value"):
        check_folder(tmp_path)


@pytest.mark.parametrize("name", ['"NULL"', "NULLS", '"NULL,"', '"a,NULL,b"'])
def test_null_within_quotes_is_a_text(tmp_path: Path, name: str) -> None:
    csv = write_part(tmp_path, with_field(plain(40), 17, "ssnamenr", name))
    check_folder(tmp_path)
    (batch,) = read(csv, ZTF)
    assert batch.values["ssnamenr"].at(17) == name.strip('"')


@pytest.mark.parametrize(("old", "new", "line"), [("\n", "\r\n", 1), ("LT0000003", "LT\r0003", 5)])
def test_a_carriage_return_is_refused_by_line(tmp_path: Path, old: str, new: str, line: int) -> None:
    csv = write_part(tmp_path, text(plain(10)).replace(old, new))
    with pytest.raises(PartsError, match=f"{csv}, line {line}: it has a carriage return"):
        check_folder(tmp_path)


def test_the_line_is_right_in_a_later_batch_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farm.load.check.BATCH", 10)
    write_part(tmp_path, with_field(plain(40), 33, "gmag", ""))
    with pytest.raises(PartsError, match="line 35, column gmag"):
        check_folder(tmp_path)


@pytest.mark.parametrize("again", ["LT0000003", "lt0000003"])
def test_an_object_twice_is_refused_by_both_lines(tmp_path: Path, again: str) -> None:
    write_part(tmp_path, simulate(10), "t0001", range=LOW)
    other = with_field(plain(10, prefix="MT"), 4, "objectId", again)
    write_part(tmp_path, other, "t0002", range=HIGH)
    places = r"in t0001\.1\.csv, line 5 and in t0002\.1\.csv, line 6"
    with pytest.raises(PartsError, match=f"'lt0000003' stands twice: {places}"):
        check_folder(tmp_path)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda data: data[:-40], "SHA-256"),
        (lambda data: data.replace(b"LT0000005", b"LT1000005"), "SHA-256"),
    ],
)
def test_a_truncated_or_flipped_file_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes], why: str) -> None:
    csv = write_part(tmp_path, simulate(10))
    csv.write_bytes(damage(csv.read_bytes()))
    with pytest.raises(PartsError, match=rf"{csv}.*{why}"):
        check_folder(tmp_path)


def test_a_count_that_the_file_has_not_is_refused(tmp_path: Path) -> None:
    write_part(tmp_path, simulate(10), objects=11)
    with pytest.raises(PartsError, match="has 10 rows, its manifest says 11"):
        check_folder(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [("release", "b" * 64), ("window", "all"), ("run", "20261123T010203Z-rebuild-0000"), ("environment", "prod"),
     ("schema", "c" * 64)],
)  # fmt: skip
def test_parts_that_disagree_are_refused(tmp_path: Path, key: str, value: str) -> None:
    write_part(tmp_path, simulate(3), "t0001", range=LOW)
    other = write_part(tmp_path, simulate(3, first=3), "t0002", range=HIGH, **{key: value})
    with pytest.raises(PartsError, match=rf"{other.with_suffix('.json')} has {key} {value}"):
        check_folder(tmp_path)


def test_parts_for_another_table_are_refused(tmp_path: Path) -> None:
    write_part(tmp_path, simulate(3), schema="c" * 64)
    with pytest.raises(PartsError, match=r"another table \(schema cccccccccccc\)"):
        check_folder(tmp_path)


@pytest.mark.parametrize(
    ("second", "why"), [([10, LAST_TOKEN], "are missing"), ([-10, LAST_TOKEN], "stand in two parts"), (None, "none")]
)
def test_ranges_that_do_not_cover_the_ring_are_refused(tmp_path: Path, second: list[int] | None, why: str) -> None:
    write_part(tmp_path, simulate(3), "t0001", range=LOW)
    write_part(tmp_path, simulate(3, first=3), "t0002", range=second)
    with pytest.raises(PartsError, match=why):
        check_folder(tmp_path)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda line: line.replace("gmag", "g_mag"), "column 9 is 'g_mag', where the table has 'gmag'"),
        (lambda line: line.rpartition(",")[0], f"{WIDTH - 1} columns, where the table has {WIDTH}"),
        (lambda line: line.replace("gmag,dmdt_g", "dmdt_g,gmag"), "column 9 is 'dmdt_g'"),
        (lambda line: line.replace("gmag", "gmag`) VALUES (1); DROP TABLE objects; --"), "column 9 is"),
    ],
)
def test_another_header_is_refused(tmp_path: Path, change: Callable[[str], str], why: str) -> None:
    header, rest = text(plain(3)).split("\n", 1)
    csv = write_part(tmp_path, f"{change(header)}\n{rest}")
    with pytest.raises(PartsError, match="line 1: ") as raised:
        check_folder(tmp_path)
    assert why in str(raised.value)
    assert str(csv) in str(raised.value)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            lambda data: data.replace(b"LT0000001,", b"LT0000001,7,"),
            f"line 3: {WIDTH + 1} fields, where the header has {WIDTH}",
        ),
        (lambda data: data.replace(b"LT0000001,", b"LT0000001\xff,"), "is not UTF-8"),
        (lambda data: data.replace(b"LT0000001,", b'"LT00"00001,'), "line 3"),
    ],
)
def test_a_broken_line_is_refused(tmp_path: Path, change: Callable[[bytes], bytes], why: str) -> None:
    write_part(tmp_path, change(text(plain(3)).encode()))
    with pytest.raises(PartsError, match=why):
        check_folder(tmp_path)


def test_a_csv_without_a_manifest_is_refused(tmp_path: Path) -> None:
    write_part(tmp_path, simulate(3))
    (tmp_path / "t0002.1.csv").write_text("x\n")
    with pytest.raises(PartsError, match=r"t0002.1.csv has no manifest"):
        check_folder(tmp_path)


def test_two_attempts_of_one_task_are_refused(tmp_path: Path) -> None:
    write_part(tmp_path, simulate(3))
    write_part(tmp_path, simulate(3), attempt=2)
    with pytest.raises(PartsError, match="two attempts of one task"):
        check_folder(tmp_path)


def test_a_file_name_that_is_no_parts_is_refused(tmp_path: Path) -> None:
    write_part(tmp_path, simulate(3), "t'; DROP TABLE objects; --")
    with pytest.raises(PartsError, match="is not the name of a part"):
        check_folder(tmp_path)


def test_a_manifest_under_another_tasks_name_is_refused(tmp_path: Path) -> None:
    csv = write_part(tmp_path, simulate(3), "t0001")
    for path in (csv, csv.with_suffix(".json")):
        path.rename(path.with_name(path.name.replace("t0001", "t0009")))
    with pytest.raises(PartsError, match="has task t0001, where t0009 is expected"):
        check_folder(tmp_path)


def test_a_folder_without_parts_says_so(tmp_path: Path) -> None:
    with pytest.raises(PartsError, match="holds no part"):
        check_folder(tmp_path)


def test_a_folder_that_is_none_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a folder"):
        check_folder(tmp_path / "nowhere")


def read_or_refused(path: Path, reader: Callable[..., Iterator[Batch]]) -> list[list[str]] | None:
    """All fields as text, or None."""
    try:
        batches = list(reader(path))
    except PartsError:
        return None
    return [[values.at(row) for values in each.values.values()] for each in batches for row in range(each.size)]


def carefully(path: Path) -> Iterator[Batch]:
    return check._carefully(path, path.read_bytes(), ZTF, check.BATCH)


def test_a_check_does_not_wait_for_pandas(tmp_path: Path) -> None:
    """Which Arrow imports where its arrays become numpy's; 0.2 s of a check that takes 0.5."""
    write_part(tmp_path, simulate(10))
    code = "import sys; from pathlib import Path; from farm.load.check import check_folder"
    code += f"; check_folder(Path({str(tmp_path)!r})); print('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_part_is_read_quickly(tmp_path: Path) -> None:
    """Otherwise the next test compares a reader with itself."""
    path = write_part(tmp_path, simulate(200))
    assert quick.columns(path.read_bytes(), ZTF, check.NULL) is not None
    assert read_or_refused(path, lambda path: read(path, ZTF)) == read_or_refused(path, carefully)


@given(
    row=st.integers(0, 11),
    column=st.sampled_from(["objectId", "gmag", "decmean", "ncand", "htm16", "ssnamenr", "jdmax"]),
    field=st.one_of(
        st.text("0123456789+-.eE", max_size=9),
        st.text('09+-._eExN "\\\\\t\u0661a', max_size=6),
        st.floats(3.3e38, 3.5e38).map("{:.9g}".format),
        st.sampled_from(["NULL", '"NULL"', r"\N", r'"\N"', "nan", "inf", "1e-400", "1e400", '" 5"', '"5"', "0x1p3"]),
    ),
)
@settings(max_examples=400, deadline=None)
def test_a_field_is_the_same_to_both_readers(
    tmp_path_factory: pytest.TempPathFactory, row: int, column: str, field: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "field.csv"
    path.write_bytes(with_field(PLAIN, row, column, field).encode())
    assert read_or_refused(path, lambda path: read(path, ZTF)) == read_or_refused(path, carefully)


@given(
    at=st.floats(0, 1, exclude_max=True),
    cut=st.integers(0, 3),
    put=st.one_of(
        st.binary(max_size=3),
        st.sampled_from([b"NULL", b",NULL,", b'"NULL"', b" ", b"3.40282347e+38,", b"1_8", b" 5", b"5 ,", b"\xd9\xa1"]),
        st.text('",\\\\\\n\\r\\0\\tNULxe+-_. 0129naif\u00e9\U0001f52d', max_size=4).map(str.encode),
    ),
)
@settings(max_examples=400, deadline=None)
def test_what_is_read_quickly_is_what_a_careful_reader_finds(
    tmp_path_factory: pytest.TempPathFactory, at: float, cut: int, put: bytes
) -> None:
    data = LINES
    place = int(at * len(data))
    path = tmp_path_factory.getbasetemp() / "changed.csv"
    path.write_bytes(data[:place] + put + data[place + cut :])
    assert read_or_refused(path, lambda path: read(path, ZTF)) == read_or_refused(path, carefully)
