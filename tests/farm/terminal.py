"""A terminal for tests: runs a program under one, and has on its screen what a person would see."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_CONTROL = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])")


@dataclass
class Screen:
    """What a terminal shows of text with the few controls that a living view uses; all that scrolled away, too."""

    columns: int
    lines: list[str] = field(default_factory=lambda: [""])
    row: int = 0
    column: int = 0

    def feed(self, text: str) -> None:
        at = 0
        while at < len(text):
            if control := _CONTROL.match(text, at):
                self._obey(control[1], control[2], control[3])
                at = control.end()
            else:
                self._put(text[at])
                at += 1

    def _obey(self, private: str, numbers: str, letter: str) -> None:
        if letter == "A":
            self.row = max(0, self.row - int(numbers or 1))
        elif letter == "K":
            self.lines[self.row] = ""
        else:
            assert private or letter == "m", f"the screen knows no CSI {numbers}{letter}"

    def _put(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.row, self.column = self.row + 1, 0
            self.lines += [""] * (self.row + 1 - len(self.lines))
        else:
            assert self.column < self.columns, f"a line is longer than the terminal: {self.lines[self.row]}"
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[: self.column] + character + line[self.column + 1 :]
            self.column += 1

    @property
    def shown(self) -> list[str]:
        return [line.rstrip() for line in self.lines if line.strip()]


@dataclass(frozen=True)
class Seen:
    raw: str
    screen: Screen


def run(words: Sequence[str], columns: int, rows: int, environment: Mapping[str, str]) -> Seen:
    """Run a program to its end with standard output and error on a terminal of that size."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    known = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    process = subprocess.Popen(
        words, stdout=slave, stderr=slave, stdin=slave, env={**known, "TERM": "xterm-256color", **environment}
    )
    os.close(slave)
    said = b""
    try:
        while chunk := os.read(master, 1 << 16):
            said += chunk
    except OSError:  # the program has closed its side
        pass
    assert process.wait(timeout=30) == 0, said.decode()
    os.close(master)
    screen = Screen(columns)
    screen.feed(said.decode())
    return Seen(said.decode(), screen)
