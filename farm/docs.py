"""Pages made from the code: ``python -m farm.docs cli > docs/cli.md``, and the same with ``errors``."""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from enum import Enum
from inspect import cleandoc
from pathlib import Path
from typing import Any

import yaml

from farm.errors import Exit
from farm.messages import Site, sites_of

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
    parts = [(f"{code.value} {code.name}", told) for code, told in messages().items()]
    others = [each for each in sites() if each.code is None]
    parts += [
        ("Of more than one code", _told(each for each in others if not each.place.startswith(_AGENT))),
        ("farm-agent, on a worker", _told(each for each in others if each.place.startswith(_AGENT))),
        ("Playbooks", sorted(set(_of_playbooks()))),
    ]
    lines = [line for title, said in parts if said for line in ("", f"## {title}", "", *(f"- {each}" for each in said))]
    return "\n".join([_ERRORS.rstrip(), *lines]) + "\n"


_AGENT = "farm/worker/"
_ERRORS = """
# Messages

Every sentence with which a program of the toolkit ends, by exit code; `{name}` is filled in, `{…}` is more than a name.
Made by `python -m farm.docs errors` from the code; a test compares, and another one looks for places that are left out.
Where it is not plain from a sentence what to do, [runbook.md](runbook.md) has a line for its code.

Not here: what an option's parser says of a wrong value (2); and the codes 24, 25, 30, 31 and 32, with which a verb says
what it found or what a run came to, in all that it prints and not in a sentence at its end. The agent's sentences reach
the head within those of code 11. A playbook's are in Ansible's output; `ansible-playbook` ends with codes of its own.
"""


def messages() -> dict[Exit, list[str]]:
    """What programs say when they end, by exit code."""
    found = sites()
    return {code: _told(each for each in found if each.code is code) for code in Exit}


def sites() -> list[Site]:
    """Every place in the code where a program ends with a sentence."""
    trees = {
        file: ast.parse(file.read_text(encoding="utf-8")) for top in ("farm", "features") for file in _sources(top)
    }
    codes = _codes(list(trees.values()))
    return [each for file, tree in trees.items() for each in sites_of(str(file.relative_to(ROOT)), tree, codes)]


def _told(found: Iterable[Site]) -> list[str]:
    return sorted({_cell(text).replace("<", "&lt;") for each in found for text in each.told})


def _of_playbooks() -> Iterator[str]:
    """What roles and playbooks say where they refuse; what they pass on of a program is in the other parts."""
    for file in sorted([*ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("playbooks/**/*.yml"), ROOT / "provision.yml"]):
        for task in _tasks(yaml.safe_load(file.read_text(encoding="utf-8"))):
            refused, failed = (task.get(f"ansible.builtin.{name}", {}) for name in ("assert", "fail"))
            whole = _cell(refused.get("fail_msg") or failed.get("msg") or "")
            for text in re.split(r"\{% (?:if|else|endif).*?%\}", whole):
                said = re.sub(r"\{%.*?%\}", "", text).strip()
                if re.search(r"\w \w", re.sub(r"\{\{.*?\}\}", "", said)):
                    yield re.sub(r"\{\{.*?\}\}", "{…}", re.sub(r"\{\{\s*(\w+)\b.*?\}\}", r"{\1}", said))


def _tasks(found: Any) -> Iterator[dict[str, Any]]:
    """Tasks of plays and blocks, however deep."""
    for each in found or []:
        yield each
        for part in ("tasks", "pre_tasks", "post_tasks", "block", "rescue", "always"):
            yield from _tasks(each.get(part))


def _sources(top: str) -> list[Path]:
    return sorted(file for file in (ROOT / top).rglob("*.py") if file != Path(__file__).resolve())


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
        if name.endswith("Error") and (told := code(name)):
            found[name] = told
    return found


PAGES = {"cli": cli, "errors": errors}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in PAGES:
        sys.exit(f"usage: python -m farm.docs {' | '.join(PAGES)}")
    sys.stdout.write(PAGES[sys.argv[1]]())
