"""A function of an astronomer's in a process of its own: what it yields, and every way in which it can fail."""

import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from features.curves import LightCurves
from features.errors import InputError
from features.mining import errors, script, table
from features.mining.guard import Guard, Reply
from features.mining.job import Job, Limits

SCRIPT = Path(__file__).with_name("script_of_faults.py")
FAULTS = {
    "raises": "ValueError",
    "raises too": "ValueError",
    "hangs": "LateError",
    "hangs deaf": "heard no alarm",
    "eats": "MemoryError",
    "dies": "SIGKILL",
    "exits": "SystemExit",
    "leaves": "exit code 0",
    "text": "UnfitError, what it yielded as points",
    "unknown": "UnfitError",
}


def curves(names: Iterable[str]) -> LightCurves:
    """Two detections each, of magnitudes 17 and 18."""
    ids = np.array(list(names), object)
    jd = np.tile([2460000.5, 2460001.5], len(ids))
    magnitudes = np.tile(np.array([17.0, 18.0], np.float32), len(ids))
    return LightCurves(ids, 2 * np.arange(len(ids) + 1), {"jd": jd, "magpsf": magnitudes})


def job(function: str, seconds: float = 30.0) -> Job:
    limits = Limits(seconds, 1 << 30, 100)
    return Job(SCRIPT.name, function, script.digest(SCRIPT), "ztf", "all", "parquet", limits)


def guard(described: Job) -> Guard:
    return Guard(described, SCRIPT.parent, "objectId", np.dtype(object))


def rows(replies: list[Reply]) -> list[dict[str, object]]:
    return [row for reply in replies for made in reply.rows for row in made.to_pylist()]


def test_every_fault_costs_its_object_and_nothing_else(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    well = [f"well{number}" for number in range(len(FAULTS) + 1)]
    names = [name for pair in zip(well, FAULTS, strict=False) for name in pair] + well[-1:]
    with guard(job("fails", seconds=0.5)) as guarded:
        assert guarded.columns == ("jd", "magpsf")
        replies = [*guarded.send(curves(names)), *guarded.replies(), *guarded.send(curves(["after"]))]
        replies += guarded.replies()
    found = rows(replies)
    assert {row["objectId"] for row in found} == {*well, "after"}
    assert all((row["points"], row["faintest"]) == (2, 18.0) for row in found)
    kinds = errors.merged([kind for reply in replies for kind in reply.kinds])
    blamed = {name: kind for kind in kinds for name in kind.objects}
    assert blamed.keys() == FAULTS.keys()
    assert all(said in blamed[name].kind for name, said in FAULTS.items())
    assert blamed["raises"].count == 2
    assert "script_of_faults.py" in blamed["raises"].traceback
    assert "no such light curve" in blamed["raises"].traceback
    assert sum(reply.failed for reply in replies) == len(FAULTS)
    printed = capfdbinary.readouterr()
    assert b"printed well0" in printed.err
    assert not printed.out


def test_of_a_batch_that_fails_the_halves_are_tried_down_to_the_object_at_fault() -> None:
    names = ["a", "raises", "b", "c", "leaves", "d"]
    with guard(job("fails_in_a_batch")) as guarded:
        replies = [*guarded.send(curves(names)), *guarded.replies()]
    assert sorted(str(row["objectId"]) for row in rows(replies)) == ["a", "b", "c", "d"]
    assert {name for reply in replies for kind in reply.kinds for name in kind.objects} == {"raises", "leaves"}


@pytest.mark.parametrize("name", ["hangs", "hangs deaf"])
def test_a_trial_begins_no_object_after_its_time_and_says_how_many_it_had(name: str) -> None:
    described = job("fails", seconds=0.5)
    until = time.monotonic() + 4
    names = ["first", *(f"{name}" for _ in range(50))]
    with Guard(described, SCRIPT.parent, "objectId", np.dtype(object), until) as guarded:
        replies = [*guarded.send(curves(names)), *guarded.replies()]
    assert 1 <= sum(reply.failed for reply in replies) < 40
    assert sum(reply.given for reply in replies) < 41
    assert time.monotonic() < until + 10


def test_objects_whose_rows_together_take_more_memory_than_they_may_have_failed(tmp_path: Path) -> None:
    file = tmp_path / "greedy.py"
    file.write_text(
        "from features.mining import light_curve\n\n"
        "@light_curve(columns='jd', schema={'text': 'string'})\n"
        "def f(curve):\n    yield {'text': 'x' * (4 << 20)}\n"
    )
    described = Job(file.name, "f", script.digest(file), "ztf", "all", "parquet", Limits(30.0, 200 << 20, 100))
    with Guard(described, tmp_path, "objectId", np.dtype(object)) as guarded:
        replies = [*guarded.send(curves(f"o{number}" for number in range(100))), *guarded.replies()]
    (kind,) = (kind for reply in replies for kind in reply.kinds)
    assert "MemoryError" in kind.kind
    assert 50 <= kind.count == 100 - len(rows(replies)) < 100


def test_types_are_inferred_of_numpy_s_values_missing_ones_and_arrays_of_one_object(tmp_path: Path) -> None:
    file = tmp_path / "kinds.py"
    file.write_text(
        "import numpy as np\n\nfrom features.mining import light_curve\n\n"
        "@light_curve(columns='jd')\ndef f(curve):\n"
        "    yield {'jd': curve['jd'], 'single': np.float32(1.5), 'n': np.int32(len(curve)), 'none': None,\n"
        "           'nan': np.nan, 'yes': np.bool_(True), 'text': np.str_('ü'), 'nested': [[1.0], []],\n"
        "           'pair': ('a', 'b')}\n"
        "    yield {'n': 7, 'late': True}\n"
    )
    described = Job(file.name, "f", script.digest(file), "ztf", "all", "parquet", Limits())
    with Guard(described, tmp_path, "objectId", np.dtype(object)) as guarded:
        (reply,) = [*guarded.send(curves("a")), *guarded.replies()]
    assert (reply.failed, reply.kinds) == (0, [])
    assert reply.rows
    found = table.types(reply.rows[0].schema, "objectId")
    assert found == {"jd": "list<float64>", "single": "float64", "n": "int64", "none": "float64", "nan": "float64",
                     "yes": "bool", "text": "string", "nested": "list<list<float64>>", "pair": "list<string>",
                     "late": "bool"}  # fmt: skip
    first, second = rows([reply])
    assert (first["jd"], first["late"], second["late"], second["jd"]) == ([2460000.5, 2460001.5], None, True, None)


def test_a_function_that_forks_answers_once(tmp_path: Path) -> None:
    file = tmp_path / "forks.py"
    file.write_text(
        "import os\n\nfrom features.mining import light_curve\n\n"
        "@light_curve(columns='jd')\ndef f(curve):\n    os.fork()\n    yield {'n': len(curve)}\n"
    )
    described = Job(file.name, "f", script.digest(file), "ztf", "all", "parquet", Limits())
    with Guard(described, tmp_path, "objectId", np.dtype(object)) as guarded:
        replies = [*guarded.send(curves("ab")), *guarded.replies(), *guarded.send(curves("c")), *guarded.replies()]
    assert [row["objectId"] for row in rows(replies)] == ["a", "b", "c"]


def test_a_declared_schema_is_the_tables_own_and_what_is_missing_is_null() -> None:
    with guard(job("declared")) as guarded:
        (reply,) = [*guarded.send(curves(["a"])), *guarded.replies()]
    assert reply.rows
    (made,) = reply.rows
    assert table.types(made.schema, "objectId") == {"n": "int64", "all": "list<float64>", "maybe": "string"}
    assert made.to_pylist() == [{"objectId": "a", "n": 2, "all": [2460000.5, 2460001.5], "maybe": None}]


@pytest.mark.parametrize(("function", "said"), [("unmarked", "marked are: fails,"), ("nowhere", "no function nowhere")])
def test_a_function_that_is_not_marked_is_refused_by_name(function: str, said: str) -> None:
    with pytest.raises(InputError, match=said), guard(job(function)):
        pass


def test_a_script_is_what_its_digest_says_and_imports_without_errors(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text("import nonsense_that_is_nowhere\n")
    wrong = Job(file.name, "f", "0" * 64, "ztf", "all", "parquet", Limits())
    with pytest.raises(InputError, match="SHA-256"), Guard(wrong, tmp_path, "objectId", np.dtype(object)):
        pass
    broken = Job(file.name, "f", script.digest(file), "ztf", "all", "parquet", Limits())
    with pytest.raises(InputError, match=r"line 1(?s:.)*nonsense_that_is_nowhere"):
        Guard(broken, tmp_path, "objectId", np.dtype(object)).__enter__()
