"""The commands in the documentation, and how each is held to what the programs take."""

import re
import shlex
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import pairwise
from typing import Any

from command import ROOT
from scenes import ELSEWHERE, TYPED

FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^ {4}((?:farm|csv_to_database|python|ansible-playbook) .*(?:\n {5,}\[.*)*)", re.MULTILINE)
OPTIONAL = re.compile(r"\[(--[^]]+)\]")
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "decisions").glob("*.md")),
    ROOT / "docs" / "benchmarks" / "README.md",
]
PROGRAMS = ("farm", "ansible-playbook", "make", "python", "csv_to_database", "rebuild_objects", "sudo")
DRAWN = "→"
"""Stands in drawings, which are no commands."""


class How(StrEnum):
    """How a command is tested."""

    TYPED = "typed on the lab as it stands"
    ANOTHER = "run with the same verb and at least its options: typed on the lab, or by a named test"
    A_PAGE = "run with its whole page, by a named test"
    MADE = "a target of the Makefile, which make can make"
    MEASURED = "a benchmark that is there; what it measures is long, and run by make bench"
    UNTESTED = "not run by any test"


PAGES_RUN = {"docs/feature-life.md": "tests/integration/test_feature_life.py"}
_OF_ANSIBLE = {"--ask-vault-pass", "--ask-become-pass", "--limit", "-e"}
"""Ansible's own options, which ask for a password or name hosts; -e counts by the name of its variable."""


@dataclass(frozen=True)
class Shape:
    """What a command line asks for, whatever names it gives."""

    verb: tuple[str, ...]
    options: frozenset[str]

    @property
    def names_no_verb(self) -> bool:
        """Whether it stands for farm itself, or for a group of verbs."""
        words, rest = self.verb[1:], application()
        for each in words:
            rest = getattr(rest, "commands", {}).get(each)
        return self.verb[0] == "farm" and hasattr(rest, "commands") and not rest.invoke_without_command

    def runs(self, other: "Shape") -> bool:
        """Whether a run of this is one of the other, too: the same verb, and all of its options."""
        return self.verb == other.verb and other.options <= self.options


def shapes(words: list[str]) -> list[Shape]:
    """One, or several where the line has alternatives (``farm lab kill | start HOST``)."""
    program, rest = words[0].rpartition("/")[2], words[1:]
    if "--" in rest:  # what follows is another program's
        rest = rest[: rest.index("--")]
    if program == "sudo":
        return shapes(rest[2:])
    if program == "farm":
        verbs, rest = _verbs(rest)
    elif program == "ansible-playbook":
        verbs = [(each,) for each in rest if each.endswith(".yml")]
    elif program == "python" and rest[0] == "-m":
        verbs = [tuple(rest[1 : 2 + (rest[1] in ("features", "farm.docs", "tests.bench"))])]
        rest = rest[2:]
    else:
        verbs = [tuple(each for each in rest[:1] if not each.startswith("-"))]
    rest = rest[: next((at for at, each in enumerate(rest) if each in ("|", ">")), len(rest))]
    given = (each.strip("[].,").partition("=")[0] for each in rest if each.startswith(("-", "[-")))
    options = frozenset(given) - _OF_ANSIBLE - {"--inventory", "-i"}
    if program == "ansible-playbook":
        options |= {f"-e {value.partition('=')[0]}" for option, value in pairwise(rest) if option == "-e"}
    return [Shape((program, *verb), options) for verb in verbs]


def forms(line: str) -> list[str]:
    """A line as it may be typed: without what stands in brackets as optional, and with each of it."""
    least = OPTIONAL.sub("", line)
    return [least, *(f"{least} {each}" for group in OPTIONAL.findall(line) for each in group.split(" | "))]


def _verbs(words: list[str]) -> tuple[list[tuple[str, ...]], list[str]]:
    """The verbs of ``farm`` that stand first, and the words behind them."""
    command, path = application(), ()
    while words and (members := getattr(command, "commands", None)) and words[0] in members:
        command, first, words = members[words[0]], words[0], words[1:]
        others = []
        while len(words) > 1 and words[0] == "|" and words[1] in members:
            others, words = [*others, words[1]], words[2:]
        if others:
            return [(*path, each) for each in (first, *others)], words
        path = (*path, first)
    return [path], words


@cache
def known() -> tuple[Shape, ...]:
    """Everything that is typed on the lab or run by a named test."""
    return tuple(shape for line in (*TYPED, *ELSEWHERE) for shape in shapes(shlex.split(line)))


@dataclass(frozen=True)
class Documented:
    page: str
    line: str
    block: bool
    """Whether it stands in a block, to be typed as it is, and not in a sentence."""

    @property
    def forms(self) -> list[list[str]]:
        """The words of each line that it stands for."""
        return [shlex.split(each, comments=True) for each in forms(self.typed)]

    @property
    def typed(self) -> str:
        """The line as it is typed, without prompt and comment."""
        return self.line.partition("  #")[0].removeprefix("$ ").strip()

    @property
    def how(self) -> How:
        if self.page in PAGES_RUN:
            return How.A_PAGE
        if self.typed in TYPED:
            return How.TYPED
        if self.forms[0][0] == "make":
            return How.MADE
        if self.forms[0][:3] == ["python", "-m", "tests.bench"]:
            return How.MEASURED
        wanted = [each for words in self.forms for each in shapes(words) if not each.names_no_verb]
        if all(any(each.runs(one) for each in known()) for one in wanted):
            return How.ANOTHER
        return How.UNTESTED


def commands() -> Iterator[Documented]:
    """Every command of ours in a block of shell, or alone in backticks."""
    for page in PAGES:
        text, name = page.read_text(encoding="utf-8"), str(page.relative_to(ROOT))
        for language, body in FENCE.findall(text):
            if language in ("", "sh", "console"):
                lines = body.replace("\\\n", " ").splitlines()
                found = (line.strip() for line in lines if line.strip().split(" ")[0] in PROGRAMS and DRAWN not in line)
                yield from (Documented(name, line, True) for line in found)
        prose = FENCE.sub("", text)
        for line in INDENTED.findall(prose):  # behind three spaces stands what it does
            yield Documented(name, re.split(r" {3,}", re.sub(r"\n\s+", " ", line))[0], True)
        for line in re.findall(r"`([^`\n]+)`", prose):
            if line.split(" ")[0] in PROGRAMS and " " in line:
                yield Documented(name, line, False)


@cache
def application() -> Any:
    from typer.main import get_command

    from farm.cli.app import app

    return get_command(app)


def wrong(words: list[str]) -> str:
    """Why this is no command of ours; empty where it is one."""
    program, rest = words[0], words[1:]
    if program == "farm":
        return _wrong_farm(rest)
    if program == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return "" if rest and rest[0] in targets else f"no target {rest}"
    if program == "ansible-playbook":
        missing = [each for each in rest if each.endswith(".yml") and not (ROOT / each).exists()]
        return f"no playbook {missing}" if missing else ""
    if program == "python" and rest[:1] == ["-m"]:
        place = ROOT / rest[1].replace(".", "/")
        if rest[1] == "tests.bench" and any(not (place / f"{each}.py").exists() for each in rest[2:]):
            return f"no benchmark {rest[2:]}"
        return "" if place.with_suffix(".py").exists() or place.is_dir() else f"no module {rest[1]}"
    if program in ("csv_to_database", "rebuild_objects"):
        known = {name for each in _parser(program)._actions for name in each.option_strings}
        unknown = {word.partition("=")[0] for word in rest if word.startswith("-")} - known
        return f"no option {', '.join(unknown)}" if unknown else ""
    return ""


def _parser(program: str) -> ArgumentParser:
    if program == "csv_to_database":
        from farm.load.main import _arguments

        return _arguments()
    from features.rebuild.main import parser

    return parser()


def _wrong_farm(words: list[str]) -> str:
    command = application()
    while words and not words[0].startswith("-") and (members := getattr(command, "commands", None)):
        first = words[0].strip("[]")
        alternatives = [each for each in first.split("|") if each]
        if any(each not in members for each in alternatives):
            if getattr(command, "invoke_without_command", False):
                break
            return "" if first.isupper() or first == "..." else f"no verb {first}"
        command, words = members[alternatives[0]], words[1:]
        while len(words) > 1 and words[0] == "|":  # verb | verb
            words = words[2:]
    for end in ("|", "--"):
        words = words[: words.index(end)] if end in words else words
    if "--" in words:  # what follows is another program's
        words = words[: words.index("--")]
    options = {name for each in command.params for name in each.opts} | {"--help"}
    given = [word.strip("[].,").partition("=")[0] for word in words if word.startswith(("-", "[-"))]
    unknown = [each for each in given if each not in options]
    return f"no option {', '.join(unknown)}" if unknown else ""
