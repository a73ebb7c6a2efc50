"""A run's comparison with the table, from the head: for ``farm diff``, and as the gate before a load."""

import json
from pathlib import Path

from farm.diff import begun
from farm.diff.compare import compare
from farm.diff.gates import Limits, judge, refusal
from farm.diff.result import Diff
from farm.galera import Account, read_account, require_client
from farm.inventory import Inventory
from farm.load.check import check_manifests
from farm.load.options import EVERYTHING, Options
from farm.runs import Run

KEPT = "diff.json"


def diff(inventory: Inventory, run: Run, worst: int = 3) -> Diff:
    """What loading a run would change, read as farm_reader.

    Raises PartsError for parts that do not agree or that the table cannot hold, GaleraError where no node can be read.
    """
    return compare(check_manifests(run.parts), _reader(inventory), worst)


def keep(run: Run, found: Diff) -> Path:
    """Keep a comparison with the run, for its report."""
    run.load.mkdir(mode=0o700, exist_ok=True)
    kept = run.load / KEPT
    kept.write_text(json.dumps(found.as_json(), indent=2) + "\n", encoding="utf-8")
    return kept


def require(
    inventory: Inventory, run: Run, limits: Limits, options: Options = EVERYTHING, *, begins: bool = True
) -> None:
    """Let a load through, or raise GateError; the comparison is kept with the run either way.

    A load that goes on is judged by what it was to change when it began, and that is what is kept. ``begins``: it is
    run now, so that it can go on.
    """
    account = _reader(inventory)
    known = begun.before(run, account, options)
    found = known or compare(check_manifests(run.parts), account)
    kept = keep(run, found)
    if breaches := judge(found, limits, options.columns, options.keep_not_null):
        raise refusal(found, breaches, str(kept), limits, options, inventory.argument)
    if begins and not known:
        begun.note(run, account, options, found)


def _reader(inventory: Inventory) -> Account:
    require_client()
    return read_account(inventory.home.secret("galera_reader.cnf"))
