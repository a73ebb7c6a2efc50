"""What the demo says at its end, and how it ends where a step fails."""

import io

import pytest
from rich.console import Console

from farm import demo
from farm.demo import Done


def said(**changes: object) -> str:
    """The demo's table as text, for a load of five rows."""
    load = {"inserted": 4, "updated": 0, "unchanged": 0, "guarded": 1, "rejected": 0, "absent": 0}
    verify = {
        "compared": 5,
        "columns": 43,
        "nodes": ["198.18.77.32", "198.18.77.33"],
        "equal": 4,
        "guarded": 1,
        "differing": 0,
        "missing": 0,
    }
    rebuilt = {"results": {"objects": 5, "rows": 90}, "workers": {"w1": {}, "w2": {}}, "done": 3}
    table = demo.summary(
        Done("farm lab up", 4.0, {}),
        Done("ansible-playbook provision.yml", 60.0, {}),
        Done("farm lab seed", 9.0, {"objects": 5, "rows": 90}),
        Done("farm rebuild", 10.0, rebuilt),
        Done("farm load", 2.0, {"load": load, "verify": verify | changes}),
    )
    text = io.StringIO()
    Console(file=text, width=120).print(table)
    return text.getvalue()


def test_the_table_adds_up_guarded_rows_too() -> None:
    assert "4 inserted, 0 updated, 0 unchanged, 1 guarded, 0 rejected, 0 absent" in said()
    assert "5 rows x 43 columns" in said()
    assert "4 equal, 1 guarded, 0 differing, 0 missing" in said()


def test_a_row_that_differs_stands_in_the_table() -> None:
    assert "3 equal, 1 guarded, 1 differing" in said(equal=3, differing=1)


def test_a_step_that_fails_ends_the_demo_with_its_code() -> None:
    console = Console(file=io.StringIO())
    with pytest.raises(SystemExit) as ended:
        demo.step(console, ["farm", "rebuild", "--inventory", "nowhere"])
    assert ended.value.code == 10
