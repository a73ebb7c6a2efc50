"""Files into temporary staging tables, a group at a time: at a second connection the next one, while one is merged.

So a node holds the rows of two groups at most, however large the load is, and one that is lost costs one group.
"""

from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from farm.errors import GaleraError, PartsError
from farm.galera import Node, NodeLostError
from farm.load.sql import SESSION, STAGING, Merge

GROUP = 20_000
"""Rows of a group, in whole files. A place on disk is one within a group: with this number count up place.FORMAT."""


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
    node.execute(sql.stage)
    for file in group.files:
        try:
            rows = node.load(sql.fill, file.path)
        except NodeLostError:
            raise
        except GaleraError as error:
            raise PartsError(f"{file.path} cannot be staged, and nothing of it was loaded: {error}") from None
        if rows != file.rows:
            raise PartsError(f"{rows} rows of {file.path} were staged, where {file.rows} stand in it")
    node.commit()
