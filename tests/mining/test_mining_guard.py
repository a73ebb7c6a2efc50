"""A function of an astronomer's in a process of its own: what it yields, and every way in which it can fail."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.curves import LightCurves
from features.errors import InputError
from features.mining import errors, processes, script, table
from features.mining.guard import Guard, Reply
from features.mining.infer import typed
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


def guard_of(folder: Path, text: str, seconds: float = 30.0, memory: int = 1 << 30) -> Guard:
    """Of function ``f`` of such a script."""
    file = folder / "own.py"
    file.write_text(f"import numpy as np\n\nfrom features.mining import batch, light_curve\n\n{text}")
    described = Job(file.name, "f", script.digest(file), "ztf", "all", "parquet", Limits(seconds, memory, 100))
    return Guard(described, folder, "objectId", np.dtype(object))


def mined(guarded: Guard, *batches: Iterable[str]) -> list[Reply]:
    """All that comes of them, under one schema."""

    def replies() -> Iterator[Reply]:
        for each in batches:
            yield from guarded.send(curves(each))
        yield from guarded.replies()

    return [*typed(replies(), guarded)]


def blamed(replies: list[Reply]) -> dict[str, str]:
    """Objects, and the kinds of their errors."""
    return {name: kind.kind for reply in replies for kind in reply.kinds for name in kind.objects}


def rows(replies: list[Reply]) -> list[dict[str, object]]:
    return [row for reply in replies for made in reply.rows for row in made.to_pylist()]


def test_every_fault_costs_its_object_and_nothing_else(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    well = [f"well{number}" for number in range(len(FAULTS) + 1)]
    names = [name for pair in zip(well, FAULTS, strict=False) for name in pair] + well[-1:]
    types = {"points": "int64", "faintest": "float64"}
    with guard(replace(job("fails", seconds=0.5), schema=types)) as guarded:
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


KEEPS = """
kept = []

@light_curve(columns="jd")
def f(curve):
    kept.append(np.ones(5 << 20))
    if curve.id == "greedy":
        np.ones(1 << 30)
    yield {"n": len(curve)}
"""
IN_A_BATCH = """
kept = []

@batch(columns="jd")
def f(curves):
    kept.append(np.ones(5 << 20))
    if "greedy" in curves.object_id:
        np.ones(1 << 30)
    yield {"n": curves.segments.count}
"""


@pytest.mark.parametrize("text", [KEEPS, IN_A_BATCH])
def test_what_ran_out_of_memory_is_tried_once_more_in_a_fresh_process(tmp_path: Path, text: str) -> None:
    names = [f"o{number}" for number in range(12)]
    batches = [[name] for name in names] if text is IN_A_BATCH else [[*names[:5], "greedy", *names[5:]]]
    with guard_of(tmp_path, text, memory=200 << 20) as guarded:
        replies = mined(guarded, *batches, ["x", "greedy", "y"] if text is IN_A_BATCH else ["x", "y"])
    assert [row["objectId"] for row in rows(replies)] == [*names, "x", "y"]
    assert blamed(replies).keys() == {"greedy"}
    assert "MemoryError, own.py line" in blamed(replies)["greedy"]
    assert sum(reply.given for reply in replies) == 15
    assert sum(reply.failed for reply in replies) == 1


def test_rows_that_together_take_more_memory_than_a_function_may_have_go_in_pieces(tmp_path: Path) -> None:
    text = "@light_curve(columns='jd')\ndef f(curve):\n    yield {'text': 'x' * (4 << 20)}\n"
    with guard_of(tmp_path, text, memory=200 << 20) as guarded:
        replies = mined(guarded, [f"o{number}" for number in range(100)])
    assert (blamed(replies), len(rows(replies)), len(replies) > 1) == ({}, 100, True)


AROUND = {
    "shares": "m = mmap.mmap(-1, 400 << 20); [m.__setitem__(at, 1) for at in range(0, 400 << 20, 4096)]",
    "forks": "[os.fork() or (np.ones(15 << 20), time.sleep(60)) for _ in range(4)]; time.sleep(60)",
}


@pytest.mark.parametrize("how", AROUND)
def test_memory_that_is_shared_or_of_processes_that_it_starts_counts(tmp_path: Path, how: str) -> None:
    text = (
        "import mmap, os, time\n\n@light_curve(columns='jd')\ndef f(curve):\n"
        f"    if curve.id == 'b':\n        {AROUND[how]}\n    yield {{'n': 1}}\n"
    )
    begun = time.monotonic()
    with guard_of(tmp_path, text, memory=200 << 20) as guarded:
        replies = mined(guarded, "abc")
    assert [row["objectId"] for row in rows(replies)] == ["a", "c"]
    assert blamed(replies) == {"b": "it took more than 200 MiB, with all that it has started, own.py"}
    assert time.monotonic() - begun < 20


def test_memory_counts_while_the_next_light_curves_are_read(tmp_path: Path) -> None:
    text = (
        "import mmap, time\n\n@light_curve(columns='jd')\ndef f(curve):\n"
        "    m = mmap.mmap(-1, 400 << 20)\n    [m.__setitem__(at, 1) for at in range(0, 400 << 20, 4096)]\n"
        "    time.sleep(3)\n    yield {'n': 1}\n"
    )
    with guard_of(tmp_path, text, memory=200 << 20) as guarded:
        assert [*guarded.send(curves("a"))] == []
        time.sleep(2)
        assert processes.tree(os.getpid()).count(guarded._process.pid) == 1
        assert not processes.exceeds([guarded._process.pid], 100 << 20)
        (reply,) = guarded.replies()
    assert blamed([reply]).keys() == {"a"}


def test_a_function_can_start_so_many_processes_and_no_more() -> None:
    program = (
        "import os, resource\nfrom features.mining import processes\nprocesses.keep_descendants()\n"
        "print(resource.getrlimit(resource.RLIMIT_NPROC)[0] - processes._threads(os.getuid()) - processes.FURTHER)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert abs(int(said.stdout)) < 300


def test_what_a_function_has_started_ends_with_its_process(tmp_path: Path) -> None:
    text = (
        "import subprocess\n\n@light_curve(columns='jd')\ndef f(curve):\n"
        "    started = subprocess.Popen(['sleep', '60'], start_new_session=True)\n    yield {'pid': started.pid}\n"
    )
    with guard_of(tmp_path, text) as guarded:
        (row,) = rows(mined(guarded, "a"))
        status = Path(f"/proc/{row['pid']}/status")
        assert "sleep" in status.read_text()
    assert not status.exists() or "zombie" in status.read_text()


SPOILS = {
    "closes": "[os.closerange(3, 1024)]",
    "writes": "[write(file) for file in range(3, 30)]",
    "writes and hangs": "[write(file) for file in range(3, 30)]; time.sleep(60)",
    "leaves a copy": "os._exit(3) if os.fork() else time.sleep(60)",
    "kills its group": "os.killpg(0, 9)",
}


@pytest.mark.parametrize("how", SPOILS)
def test_what_a_function_does_to_the_pipe_or_its_process_costs_its_object(tmp_path: Path, how: str) -> None:
    text = (
        "import os, time\n\ndef write(file):\n    try:\n        os.write(file, b'\\0\\0\\0\\5hello')\n"
        "    except OSError:\n        pass\n\n@light_curve(columns='jd')\ndef f(curve):\n"
        f"    if curve.id == 'b':\n        {SPOILS[how]}\n    yield {{'n': 1}}\n"
    )
    begun = time.monotonic()
    with guard_of(tmp_path, text, seconds=4.0) as guarded:
        replies = mined(guarded, ["a", "b", *(f"c{number}" for number in range(50))], "d")
    assert [row["objectId"] for row in rows(replies)] == ["a", *(f"c{number}" for number in range(50)), "d"]
    said = {"leaves a copy": "exit code 3", "kills its group": "signal SIGKILL"}.get(how, "closed the pipe")
    assert blamed(replies).keys() == {"b"}
    assert said in blamed(replies)["b"]
    assert time.monotonic() - begun < 30


ENDS = {
    "nested": "80",
    "nested deeper": "20_000",
    "in itself": "0",
}


@pytest.mark.parametrize("how", ENDS)
def test_lists_that_libraries_end_at_cost_their_object(tmp_path: Path, how: str) -> None:
    text = (
        "@light_curve(columns='jd')\ndef f(curve):\n    value = [1.5]\n    if curve.id == 'b':\n"
        f"        for _ in range({ENDS[how]}):\n            value = [value]\n"
        f"        if {how == 'in itself'}:\n            value.append(value)\n"
        "    yield {'x': value}\n"
    )
    with guard_of(tmp_path, text) as guarded:
        replies = mined(guarded, "abc", "d")
    assert [row["objectId"] for row in rows(replies)] == ["a", "c", "d"]
    assert blamed(replies) == {"b": "UnfitError, what it yielded as x"}


def test_a_value_that_ends_programs_when_it_is_shown_costs_its_object(tmp_path: Path) -> None:
    text = (
        "class Ends(float):\n    def __repr__(self):\n        raise SystemExit('on purpose')\n\n"
        "@light_curve(columns='jd')\ndef f(curve):\n"
        "    yield {'x': [Ends(1), 'a'] if curve.id == 'b' else [1.5]}\n"
    )
    with guard_of(tmp_path, text) as guarded:
        replies = mined(guarded, "abc", "d")
    assert [row["objectId"] for row in rows(replies)] == ["a", "c", "d"]
    assert blamed(replies).keys() == {"b"}


def test_a_process_that_ends_while_the_function_has_nothing_is_told_so(tmp_path: Path) -> None:
    text = (
        "import os\n\nfrom features.mining import convert\n\nconvert.fitted = lambda *_: os._exit(3)\n\n"
        "@light_curve(columns='jd')\ndef f(curve):\n    yield {'n': 1}\n"
    )
    said = "cannot be used: the process of the function ended with exit code 3, twice while f had no light curve: look"
    with guard_of(tmp_path, text) as guarded, pytest.raises(InputError, match=said):
        mined(guarded, "ab")


def test_types_are_those_of_the_first_objects_together_whoever_died_among_them(tmp_path: Path) -> None:
    text = (
        "import os\n\n@light_curve(columns='jd')\ndef f(curve):\n"
        "    if curve.id.startswith('dies'):\n        os._exit(3)\n"
        "    x = {'a': 1, 'b': None, 'odd': 'text'}.get(curve.id, 1.5)\n"
        "    yield {'x': x, 'late' if curve.id == 'd' else 'x2': 1}\n"
    )
    with guard_of(tmp_path, text) as guarded:
        replies = mined(guarded, ["a", "dies 1", "b", "odd", "c"], ["dies 2", "d", "odd"])
    assert table.types(guarded.schema, "objectId") == {"x": "float64", "x2": "int64", "late": "int64"}
    assert all(made.schema == guarded.schema for reply in replies for made in reply.rows)
    assert [(row["objectId"], row["x"]) for row in rows(replies)] == [("a", 1.0), ("b", None), ("c", 1.5), ("d", 1.5)]
    assert {"odd", "dies 1", "dies 2"} == blamed(replies).keys()
    assert "'text' of type string does not fit double" in str([kind for reply in replies for kind in reply.kinds])


def test_types_once_inferred_hold_for_what_comes_later(tmp_path: Path) -> None:
    text = "@light_curve(columns='jd')\ndef f(curve):\n    yield {'x': 1.5 if curve.id == 'late' else 1}\n"
    first = [f"o{number}" for number in range(500)]
    with guard_of(tmp_path, text) as guarded:
        replies = mined(guarded, first[:300], first[300:], ["late", "last"])
    assert table.types(guarded.schema, "objectId") == {"x": "int64"}
    assert blamed(replies) == {"late": "UnfitError, what it yielded as x"}
    assert len(rows(replies)) == 501


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
        (reply,) = mined(guarded, "a")
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
