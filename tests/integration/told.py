"""A document as something that is done: commands run and edits made, block by block, in a copy of the project."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from command import ROOT

_BLOCK = re.compile(r"(?:^(?P<before>[^\n]*)\n\n?)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_NOT_COPIED = (".git", ".venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".ansible")


@dataclass(frozen=True)
class Block:
    """A block of code: commands (sh), what they print (text), an edit (diff), or the end of a new or old file."""

    language: str
    text: str
    file: str
    """The last file that the line before the block names; empty for commands and what they print."""


def chapters(document: Path) -> Iterator[tuple[str, list[Block]]]:
    """Title and blocks of each chapter."""
    for chapter in re.split(r"^## ", document.read_text(), flags=re.MULTILINE)[1:]:
        title, _, rest = chapter.partition("\n")
        yield title, [_block(found) for found in _BLOCK.finditer(rest)]


def _block(found: "re.Match[str]") -> Block:
    names = re.findall(r"`(\S+\.\w+)`", found["before"] or "")
    return Block(found["language"], found["text"], names[-1] if names else "")


@dataclass
class Checkout:
    """A copy of the project as it stands, on branch main of a git of its own, for a user with a home of his own."""

    root: Path
    home: Path
    said: str = ""
    """What the latest commands printed."""

    @classmethod
    def make(cls, folder: Path) -> "Checkout":
        made = cls(folder / "project", folder / "home")
        shutil.copytree(ROOT, made.root, ignore=shutil.ignore_patterns(*_NOT_COPIED))
        made.home.mkdir()
        made.run("git init --quiet --initial-branch main && git add --all && git commit --quiet --message start")
        return made

    def do(self, block: Block) -> None:
        """Run, edit or compare; fails where a command does, an edit has no place, or a line was not printed."""
        if block.language == "sh":
            self.run(block.text)
        elif block.language == "text":
            missing = [line for line in block.text.splitlines() if line not in self.said]
            assert not missing, f"{missing} not in\n{self.said}"
        elif block.language == "diff":
            for change in block.text.split("@@\n"):
                self._replace(block.file, change.splitlines(keepends=True))
        else:
            with (self.root / block.file).open("a") as file:
                file.write(block.text)

    def _replace(self, file: str, change: list[str]) -> None:
        before = "".join(line[1:] for line in change if line[0] != "+")
        text = (self.root / file).read_text()
        assert text.count(before) == 1, f"{file} has {text.count(before)} times\n{before}"
        (self.root / file).write_text(text.replace(before, "".join(line[1:] for line in change if line[0] != "-")))

    def run(self, commands: str, timeout: float = 120) -> str:
        """Run commands of the shell up to the first one that fails, which fails the test; what they print."""
        environment = os.environ | {
            "HOME": str(self.home),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(self.root),
            "PYTHONDONTWRITEBYTECODE": "1",
            **{
                f"GIT_{who}_{what}": "farm@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
            },
        }
        environment.pop("FARM_HOME", None)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
            env=environment,
        )
        assert done.returncode == 0, f"{commands} ended with {done.returncode}:\n{done.stdout}"
        self.said = done.stdout
        return self.said
