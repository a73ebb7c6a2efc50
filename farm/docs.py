"""Pages made from the code: ``python -m farm.docs cli > docs/cli.md``, and the same with ``errors``."""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from enum import Enum
from inspect import cleandoc
from pathlib import Path
from typing import Any

from farm.errors import Exit

ROOT = Path(__file__).resolve().parents[1]


def cli() -> str:
    """Every verb with its arguments and options, from the application itself."""
    from typer.main import get_command

    from farm.cli.app import app

    lines = [
        "# The command line",
        "",
        "Made by `python -m farm.docs cli` from the application; a test compares. `farm VERB --help` says the same.",
        "`--inventory` is `lab` unless given. Exit codes: [runbook.md](runbook.md).",
    ]
    for path, command in verbs(get_command(app), "farm"):
        lines += ["", f"## {path}", "", *_verb(path, command)]
    return "\n".join(lines) + "\n"


def verbs(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every command below, by its words; a group that does something itself too."""
    members = getattr(command, "commands", {})
    if not members or command.invoke_without_command:
        yield path, command
    for name in sorted(members):
        yield from verbs(members[name], f"{path} {name}")


def _verb(path: str, command: Any) -> Iterator[str]:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option" and each.name != "help"]
    yield "`" + " ".join([path, *map(_argument, arguments), *(["[OPTIONS]"] if options else [])]) + "`"
    for paragraph in cleandoc((command.help or "").replace("\b", "")).split("\n\n"):
        yield ""
        yield from _paragraph(paragraph.strip("\n"))
    if arguments or options:
        yield from ("", "| | |", "|---|---|")
    for each in arguments:
        yield f"| `{_argument(each)}` | {_cell(each.help or '')} |"
    for each in options:
        yield f"| {_cell(_option(each))} | {_cell(each.help or '')} |"


def _paragraph(text: str) -> list[str]:
    """Examples as code, all else as it is."""
    if not re.match(r"Examples?:|\s*(\$ )?farm ", text):
        return [line.strip() for line in text.splitlines()]
    commands = [line.strip() for line in re.sub(r"^Examples?:", "", text).splitlines() if line.strip()]
    return ["```sh", *commands, "```"]


def _argument(each: Any) -> str:
    name = each.metavar or each.name.upper()
    name = name.strip("[].") if each.nargs == 1 else f"{name.strip('[].')}..."
    return name if each.required else f"[{name}]"


def _option(each: Any) -> str:
    names = ", ".join(f"`{name}`" for name in each.opts)
    if each.is_flag:
        return names
    value = each.metavar or _value(each.type_descriptor.annotation)
    again = ", may stand several times" if each.multiple else ""
    return f"{names} `{value}`{again}{', needed' if each.required else ''}"


def _value(kind: type) -> str:
    """What stands for a value of the type."""
    return "|".join(each.value for each in kind) if issubclass(kind, Enum) else kind.__name__.upper()


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def errors() -> str:
    """Every message with which a program of the toolkit ends, by exit code, as it stands in the code."""
    lines = [
        "# Messages",
        "",
        "Every sentence with which a program of the toolkit ends, by exit code; `{name}` is filled in.",
        "Made by `python -m farm.docs errors` from the code; a test compares. What to do: each says so, and",
        "[runbook.md](runbook.md) has the whole way.",
    ]
    found = messages()
    for code in Exit:
        if told := found.get(code):
            lines += ["", f"## {code.value} {code.name}", "", *(f"- {each}" for each in told)]
    return "\n".join(lines) + "\n"


def messages() -> dict[Exit, list[str]]:
    """What errors say that are made anywhere in the code, by exit code."""
    trees = [ast.parse(file.read_text(encoding="utf-8")) for top in ("farm", "features") for file in _sources(top)]
    codes = _codes(trees)
    found: dict[Exit, set[str]] = defaultdict(set)
    for node in (each for tree in trees for each in ast.walk(tree) if isinstance(each, ast.Call)):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in codes and node.args and (text := _text(node.args[0])):
            found[codes[name]].add(text)
    return {code: sorted(said) for code, said in found.items()}


def _sources(top: str) -> list[Path]:
    return sorted((ROOT / top).rglob("*.py"))


def _codes(trees: list[ast.Module]) -> dict[str, Exit]:
    """Exit codes of the classes of errors, by name; a class without one has its base's."""
    classes = {each.name: each for tree in trees for each in ast.walk(tree) if isinstance(each, ast.ClassDef)}
    found: dict[str, Exit] = {}

    def code(name: str) -> Exit | None:
        if name not in classes:
            return None
        for line in classes[name].body:
            if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "exit":
                value = ast.unparse(line.value)
                return Exit(int(value)) if value.isdigit() else Exit[value.rpartition(".")[2]]
        return next((told for base in classes[name].bases if (told := code(ast.unparse(base)))), None)

    for name in classes:
        if name.endswith("Error") and name != "FarmError" and (told := code(name)):
            found[name] = told
    return found


def _text(node: ast.expr) -> str:
    """A message with ``{name}`` for what is filled in; empty where it is not a text of its own."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _cell(node.value)
    if not isinstance(node, ast.JoinedStr):
        return ""
    parts = []
    for each in node.values:
        if isinstance(each, ast.Constant):
            parts.append(str(each.value))
        elif isinstance(each, ast.FormattedValue):
            parts.append(f"{{{_filled(each.value)}}}")
    return _cell("".join(parts)).replace("<", "&lt;")


def _filled(value: ast.expr) -> str:
    words = re.findall(r"[A-Za-z]\w*", ast.unparse(value)) if isinstance(value, ast.Name | ast.Attribute) else []
    return words[-1].lower() if words else "…"


PAGES = {"cli": cli, "errors": errors}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in PAGES:
        sys.exit(f"usage: python -m farm.docs {' | '.join(PAGES)}")
    sys.stdout.write(PAGES[sys.argv[1]]())
