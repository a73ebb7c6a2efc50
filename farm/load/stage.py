"""Files into temporary staging tables, a group at a time: at a second connection the next one, while one is merged.

So a node holds the rows of two groups at most, however large the load is, and one that is lost costs one group.
"""

import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from farm.errors import GaleraError, PartsError
from farm.galera import ConflictError, Node, NodeLostError
from farm.load.sql import SESSION, STAGING, Merge

GROUP = 20_000
"""Rows of a group, in whole files. A place on disk is one within a group: with this number count up place.FORMAT."""

_CONFLICTS = 12
"""A step that met so many conflicts is given up."""


@dataclass(frozen=True)
class File:
    """Rows to stage."""

    path: Path
    rows: int


@dataclass(frozen=True)
class Group:
    """Files that are staged together."""

    files: tuple[File, ...]
    before: int
    """Rows of the groups before it."""

    @property
    def behind(self) -> int:
        """Rows up to its end."""
        return self.before + sum(file.rows for file in self.files)


def groups(files: Sequence[File]) -> list[Group]:
    """Files in their order, together up to ``GROUP`` rows; a larger one stands alone."""
    found: list[Group] = []
    for file in files:
        last = found[-1] if found else Group((), 0)
        if found and last.behind - last.before + file.rows <= GROUP:
            found[-1] = Group((*last.files, file), last.before)
        else:
            found.append(Group((file,), last.behind))
    return found


def staged(nodes: tuple[Node, Node], sql: Merge, left: Sequence[Group]) -> Generator[tuple[Node, Group]]:
    """Each group with the one of two connections whose staging table has it. To be closed when it is not used up.

    Raises PartsError for a file that does not fit, NodeLostError where the node is lost or full.
    """
    for node in nodes:
        node.execute(SESSION)
    with ThreadPoolExecutor(1, "stage") as pool:
        coming = None
        try:
            for at, group in enumerate(left):
                (coming or pool.submit(_stage, nodes[at % 2], sql, group)).result()
                if at + 1 < len(left):
                    coming = pool.submit(_stage, nodes[(at + 1) % 2], sql, left[at + 1])
                yield nodes[at % 2], group
                nodes[at % 2].execute(f"DROP TEMPORARY TABLE {STAGING}")
        except BaseException:
            for node in nodes:
                node.abort()
            raise


def _stage(node: Node, sql: Merge, group: Group) -> None:
    _patiently(node, lambda: node.execute(sql.stage))
    node.rollback()  # the staging table stays; whoever changes the table's columns need not wait, nor end this
    _patiently(node, lambda: _fill(node, sql, group))


def _patiently(node: Node, step: Callable[[], object]) -> None:
    """Take a step; again where the server gave it up for others, and so left nothing of it."""
    for attempt in range(_CONFLICTS):
        try:
            step()
        except ConflictError as error:
            node.rollback()
            met = error
            time.sleep(min(0.02 * 2**attempt, 1))
        else:
            return
    raise GaleraError(
        f"staging met {_CONFLICTS} conflicts ({met}); what was merged before stays. Run this again when whoever"
        " changes the table is done"
    )


def _fill(node: Node, sql: Merge, group: Group) -> None:
    for file in group.files:
        try:
            rows = node.load(sql.fill, file.path)
        except (NodeLostError, ConflictError):
            raise
        except GaleraError as error:
            raise PartsError(f"{file.path} cannot be staged, and nothing of it was loaded: {error}") from None
        if rows != file.rows:
            raise PartsError(f"{rows} rows of {file.path} were staged, where {file.rows} stand in it")
    node.commit()
