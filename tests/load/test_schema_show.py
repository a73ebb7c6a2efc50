"""How farm schema diff ends."""

import pytest
from simulated_parts import ZTF
from test_schema_plan import living

from farm.errors import Exit
from farm.schema.found import Cluster
from farm.schema.plan import plan
from farm.schema.show import as_json, exit_code, lines


@pytest.mark.parametrize(
    ("lacks", "down", "load_table", "code"),
    [
        (False, False, True, Exit.OK),
        (False, True, True, Exit.GALERA),
        (True, True, True, Exit.SCHEMA),
        (False, False, False, Exit.SCHEMA),
    ],
)
def test_a_node_that_was_not_asked_is_not_as_declared_for_all_that_is_known(
    lacks: bool, down: bool, load_table: bool, code: Exit
) -> None:
    table = living(indexes={}) if lacks else living()
    there = Cluster({"g1": table}, {"g3": "g3 does not answer"} if down else {}, load_table)
    plans = {"g1": plan(ZTF, table)}
    assert exit_code(there, plans) is code
    assert as_json("lab", there, plans)["same"] == (code is Exit.OK)
    told = list(lines(there, plans))
    assert ("not asked: g3 does not answer" in told) == down
    assert any("farm schema migrate" in line for line in told) == (code is Exit.SCHEMA)
