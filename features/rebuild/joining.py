"""From pages, which end anywhere, to whole light curves."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.curves import LightCurves
from features.rebuild.pages import Page

BATCH = 30_000
"""Rows that are enough for a batch of whole objects."""


@dataclass
class Joiner:
    """Joins pages. What waits in it are whole objects, fewer than ``batch`` rows of them, and the last one."""

    limit: int
    """An object with more rows than this is left out, and stands in ``too_wide`` with the number of its rows."""
    batch: int = BATCH
    too_wide: dict[Any, int] = field(default_factory=dict)
    _pages: list[Page] = field(default_factory=list)
    _rows: int = 0
    _open: Any = None
    """The last object, of which rows may follow."""
    _open_rows: int = 0

    def add(self, page: Page) -> LightCurves | None:
        """The next page; whole objects where there are enough of them, or where one turns out to be too wide."""
        page = self._without_excess(page)
        if not len(page):
            return None
        page = _shared(page)
        last = page.ids[-1:].tolist()[0]
        tail = len(page) - _first_of_last(page.ids)
        self._open_rows = tail + (self._open_rows if tail == len(page) and last == self._open else 0)
        self._open = last
        self._pages.append(page)
        self._rows += len(page)
        if self._open_rows > self.limit:
            self.too_wide[last] = self._open_rows
            return self._cut()[0]
        if self._rows - self._open_rows >= self.batch:
            whole, rest = self._cut()
            self._pages, self._rows = [rest], len(rest)
            return whole
        return None

    def end(self) -> LightCurves | None:
        """What is left, all of it whole."""
        self._open_rows = 0
        return self._cut()[0]

    def drop_open(self) -> int:
        """Forget the rows of the last object, which will be read again; returns how many."""
        dropped = self._open_rows
        if self._rows:
            joined = _join(self._pages)
            rest = _slice(joined, slice(self._rows - dropped))
            self._pages, self._rows = ([rest] if len(rest) else []), len(rest)
        self._open, self._open_rows = None, 0
        return dropped

    def _without_excess(self, page: Page) -> Page:
        """The page without the first rows, if they are more of an object that was left out."""
        if self._open not in self.too_wide or not len(page):
            return page
        others = np.flatnonzero(page.ids != self._open)
        excess = int(others[0]) if len(others) else len(page)
        self.too_wide[self._open] += excess
        return _slice(page, slice(excess, None))

    def _cut(self) -> tuple[LightCurves | None, Page]:
        """The whole objects that wait, and the rows of the open one; nothing waits afterwards."""
        pages, self._pages, rows, self._rows = self._pages, [], self._rows, 0
        joined = _join(pages)
        whole = self._narrow(_slice(joined, slice(rows - self._open_rows)))
        rest = _copy(_slice(joined, slice(rows - self._open_rows, None)))
        return (LightCurves.from_ordered(whole.ids, whole.columns) if len(whole) else None), rest

    def _narrow(self, whole: Page) -> Page:
        """Without the objects that are too wide, though they fit into a page."""
        starts = _starts(whole.ids)
        counts = np.diff(np.append(starts, len(whole)))
        wide = counts > self.limit
        if not wide.any():
            return whole
        self.too_wide |= dict(zip(whole.ids[starts[wide]].tolist(), counts[wide].tolist(), strict=True))
        return _slice(whole, np.repeat(~wide, counts))


def _starts(ids: NDArray[Any]) -> NDArray[np.int64]:
    """Where each object's rows begin."""
    return np.flatnonzero(np.concatenate(([True], ids[1:] != ids[:-1]))) if len(ids) else np.empty(0, np.int64)


def _shared(page: Page) -> Page:
    """The page with one and the same str for all rows of an object, which spares memory and comparisons."""
    if page.ids.dtype != object:
        return page
    starts = _starts(page.ids)
    ids = np.repeat(page.ids[starts], np.diff(np.append(starts, len(page))))
    return Page(ids, page.columns, page.state)


def _first_of_last(ids: NDArray[Any]) -> int:
    """Where the last object's rows begin."""
    others = np.flatnonzero(ids != ids[-1])
    return int(others[-1]) + 1 if len(others) else 0


def _slice(page: Page, rows: slice | NDArray[np.bool_]) -> Page:
    return Page(page.ids[rows], {name: values[rows] for name, values in page.columns.items()}, page.state)


def _copy(page: Page) -> Page:
    """The page with arrays of its own, so that those that it was cut from can go."""
    return Page(page.ids.copy(), {name: values.copy() for name, values in page.columns.items()}, page.state)


def _join(pages: list[Page]) -> Page:
    if len(pages) == 1:
        return pages[0]
    empty: NDArray[Any] = np.empty(0, dtype=object)
    names = pages[0].columns if pages else ()
    columns = {name: np.concatenate([page.columns[name] for page in pages]) for name in names}
    return Page(np.concatenate([page.ids for page in pages]) if pages else empty, columns, None)
