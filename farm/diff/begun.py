"""A load that was let through and has not ended, and what it was to change when it began.

It goes on when it is run again. By then the table has some of its rows: a column that had no value has some, and what
a gate would count now is no longer what the operator let through.
"""

import json
from typing import Any

from farm.diff.result import Diff, from_json
from farm.galera import Account, connect
from farm.load.lock import committed
from farm.load.options import Options
from farm.runs import Run


def note(run: Run, account: Account, options: Options, found: Diff) -> None:
    """Take note that a load begins which is to change what ``found`` says."""
    known = {"how": _how(account, options), "chunks": _committed(account, run), "diff": found.as_json()}
    run.begun.write_text(json.dumps(known) + "\n", encoding="utf-8")


def before(run: Run, account: Account, options: Options) -> Diff | None:
    """What the load that goes on was to change; None where it is another one, or has merged nothing yet."""
    try:
        known = json.loads(run.begun.read_text(encoding="utf-8"))
        how, chunks, found = known["how"], int(known["chunks"]), from_json(known["diff"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if how == _how(account, options) and _committed(account, run) > chunks else None


def _how(account: Account, options: Options) -> list[Any]:
    """What makes a load of a run the same one."""
    return [[*options.columns], [*options.keep_not_null], account.mode, account.zeros, account.window]


def _committed(account: Account, run: Run) -> int:
    with connect(account) as node:
        return committed(node, run.id)
