"""The parts of mining that need no worker: what a script says of itself, wheels, archives, samples and estimates."""

import os
import zipfile
from pathlib import Path

import pytest
from typer import BadParameter

from farm import plan, tasks
from farm.cli.mine import _sample
from farm.errors import InputError
from farm.journal import Accepted
from farm.mining import bundle, dataset, metadata
from farm.mining.trial import Trial
from features.mining import unpack
from features.mining.job import Job, Limits

BLOCK = '# /// script\n# dependencies = [\n#   "light-curve>=0.10",\n# ]\n# ///\nimport this\n'


def test_dependencies_are_what_the_inline_metadata_names(tmp_path: Path) -> None:
    script = tmp_path / "s.py"
    script.write_text(BLOCK)
    assert metadata.read(script).dependencies == ("light-curve>=0.10",)
    script.write_text("import this\n")
    assert metadata.read(script) == metadata.Metadata(script)


@pytest.mark.parametrize(("wanted", "fits"), [(">=3.11", True), (">=3.11.4,<4", True), ("==3.11.*", True), ("", True),
                                              (">=3.12", False), ("<3.11", False), ("~=2.7", False)])  # fmt: skip
def test_the_python_that_a_script_requires_is_the_workers_or_it_is_refused(
    tmp_path: Path, wanted: str, fits: bool
) -> None:
    script = tmp_path / "s.py"
    script.write_text(f'# /// script\n# requires-python = "{wanted}"\n# ///\n')
    if fits:
        metadata.read(script).require_python("3.11")
    else:
        with pytest.raises(InputError, match=f"requires Python {wanted}, and the workers' release has 3.11"):
            metadata.read(script).require_python("3.11")


def test_parts_that_are_neither_waiting_nor_in_the_dataset_are_gone(tmp_path: Path) -> None:
    out, incoming = tmp_path / "out", tmp_path / "incoming"
    accepted = [Accepted(task, 2, "w1", {}, {}, 1.0) for task in ("r1", "r2", "r3")]
    for file in (incoming / "r1.2.parquet", out / "part-r2.parquet"):
        file.parent.mkdir()
        file.touch()
    assert dataset.gone(out, incoming, accepted, "parquet") == ["r3.2.parquet"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BLOCK + BLOCK, "2 blocks"),
        (BLOCK.replace("[", "{"), "no TOML"),
        ("# /// script\n# requires-python = 3\n# ///\n", "no text"),
        ('# /// script\n# requires-python = "new"\n# ///\n', "names no versions"),
    ],
)
def test_broken_metadata_is_refused(tmp_path: Path, text: str, said: str) -> None:
    script = tmp_path / "s.py"
    script.write_text(text)
    with pytest.raises(InputError, match=said):
        metadata.read(script).require_python("3.11")


def test_a_wheel_is_unpacked_without_its_scripts_and_never_outside(tmp_path: Path) -> None:
    wheel = tmp_path / "x-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as made:
        made.writestr("x/__init__.py", "A = 1\n")
        made.writestr("x-1.data/purelib/y.py", "B = 2\n")
        made.writestr("x-1.data/scripts/z", "#!python\n")
    unpack.unpack(wheel, tmp_path / "into")
    found = {str(path.relative_to(tmp_path / "into")) for path in (tmp_path / "into").rglob("*") if path.is_file()}
    assert found == {"x/__init__.py", "y.py"}
    with zipfile.ZipFile(wheel, "w") as made:
        made.writestr("../evil.py", "")
    with pytest.raises(ValueError, match="outside"):
        unpack.unpack(wheel, tmp_path / "into")


def test_an_archive_of_the_same_parts_has_the_same_digest(tmp_path: Path) -> None:
    script = tmp_path / "s.py"
    script.write_text(BLOCK)
    job = Job("s.py", "f", "0", "ztf", 30, "parquet", Limits(), {"x": "float64"})
    digests = {bundle.build(tmp_path / name, job, script, ()) for name in ("a.tar", "b.tar")}
    assert len(digests) == 1


def test_a_sample_is_the_same_objects_for_any_number_of_tasks_and_part_of_every_larger_one() -> None:
    def covers(pieces: int, part: float) -> list[tuple[int, int]]:
        """Arcs, neighbours joined."""
        arcs: list[tuple[int, int]] = []
        for low, high in plan.cut(pieces, part):
            if arcs and arcs[-1][1] == low:
                arcs[-1] = (arcs[-1][0], high)
            else:
                arcs.append((low, high))
        return arcs

    assert covers(3, 0.01) == covers(24, 0.01)
    for (low, high), (low_of_more, high_of_more) in zip(covers(3, 0.01), covers(3, 0.02), strict=True):
        assert low == low_of_more
        assert high < high_of_more


def test_an_estimate_is_by_the_share_of_the_ring_or_by_the_names() -> None:
    tried = Trial(100, 3000, 50, 1000, 2.0, 1.0, 0.01, 0, (), ("jd",), {"x": "float64"}, "")
    whole = tried.estimate(slots=4, part=1.0, named=None)
    assert whole == {"objects": 10_000, "rows": 5_000, "bytes": 100_000, "seconds": 50.0, "objects_per_second": 200.0}
    assert tried.estimate(slots=4, part=0.1, named=None)["objects"] == 1_000
    assert tried.estimate(slots=4, part=1.0, named=500)["objects"] == 500


def test_a_command_over_ranges_gets_each_range_in_its_place_and_keeps_other_braces() -> None:
    made = tasks.over_ranges(["awk '{print}' {low} {high}"], 3, 60)
    assert [task.command for task in made] == [f"awk '{{print}}' {low} {high}" for low, high in plan.cut(3)]
    assert [task.id for task in made] == ["r1", "r2", "r3"]
    quoted = tasks.over_ranges(["scan", "--range={low}:{high}", "a b"], 1, None)
    assert quoted[0].command == f"scan '--range={-(2**63)}:{2**63 - 1}' 'a b'"
    with pytest.raises(InputError, match=r"no \{high\}"):
        tasks.over_ranges(["echo", "{low}"], 2, None)


def test_a_byte_order_mark_hides_no_metadata(tmp_path: Path) -> None:
    script = tmp_path / "s.py"
    script.write_text(BLOCK, encoding="utf-8-sig")
    assert metadata.read(script).dependencies == ("light-curve>=0.10",)


def test_a_place_is_looked_at_and_nothing_made_there(tmp_path: Path) -> None:
    dataset.require_free(tmp_path / "a" / "b" / "c")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    for wrong, said in (("file", "is there already"), ("file/b/c", "no folder")):
        with pytest.raises(InputError, match=said):
            dataset.require_free(tmp_path / wrong)
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(InputError, match="is there already"):
        dataset.require_free(tmp_path / "link")
    os.mkfifo(tmp_path / "d.provenance.json")
    with pytest.raises(InputError, match=r"d\.provenance\.json cannot be written: it is there and no regular file"):
        dataset.require_free(tmp_path / "d")


@pytest.mark.parametrize(
    ("text", "part"), [(".1%", 0.001), ("0.1%", 0.001), ("1%", 0.01), ("100%", 1.0), ("5.%", 0.05)]
)
def test_a_sample_is_a_part_in_any_writing(text: str, part: float) -> None:
    assert _sample(text, dry_run=False) == (pytest.approx(part), None)


@pytest.mark.parametrize("text", ["0%", ".%", "101%", "1", "%", "-1%"])
def test_a_sample_that_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(BadParameter):
        _sample(text, dry_run=False)
