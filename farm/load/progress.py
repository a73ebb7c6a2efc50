"""How far a step is, on standard error: one line that is written over on a terminal, a line now and then elsewhere."""

import sys
import time

_TERMINAL_SECONDS, _FILE_SECONDS = 0.2, 5.0


class Progress:
    """Counts rows of one step: ``merge  45,000 of 128,000 rows  8,200 rows/s  10 s left``."""

    def __init__(self, step: str, total: int) -> None:
        self.step = step
        self.total = total
        self.rows = 0
        self._terminal = sys.stderr.isatty()
        self._started = self._shown = time.monotonic()

    def add(self, rows: int) -> None:
        self.rows += rows
        now = time.monotonic()
        if now - self._shown >= (_TERMINAL_SECONDS if self._terminal else _FILE_SECONDS):
            self._shown = now
            self._write("\r\x1b[K" if self._terminal else "", "" if self._terminal else "\n")

    def note(self, text: str) -> None:
        """Say something beside the count."""
        sys.stderr.write(("\r\x1b[K" if self._terminal else "") + text + "\n")

    def done(self) -> float:
        """Write the step's last line; returns its seconds."""
        self._write("\r\x1b[K" if self._terminal else "", "\n")
        return time.monotonic() - self._started

    def _write(self, before: str, after: str) -> None:
        seconds = max(time.monotonic() - self._started, 1e-9)
        rate = self.rows / seconds
        left = f"  {(self.total - self.rows) / rate:.0f} s left" if 0 < self.rows < self.total else ""
        text = f"{self.step:8}{self.rows:>11,} of {self.total:,} rows  {rate:,.0f} rows/s{left}"
        sys.stderr.write(before + text + after)
        sys.stderr.flush()
