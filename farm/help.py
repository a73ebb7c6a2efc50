"""What the command line says of itself beyond its verbs' own words: an example for each verb, and what TAB offers."""

import os
from collections.abc import Iterator
from contextlib import suppress
from inspect import cleandoc
from typing import Any, get_type_hints

import typer
from typer.models import CommandInfo, ParameterInfo

from farm.home import Home

EXAMPLES: dict[str, tuple[str, ...]] = {
    "bench": ("farm bench --workers 1,2,4 --processes 1,2",),
    "busy": ("farm busy",),
    "cancel": ("farm cancel last", "farm cancel last r17 r18"),
    "demo": ("farm demo --alerts alerts.parquet",),
    "diff": ("farm diff last", "farm diff last --json > diff.json"),
    "doctor": ("farm doctor --inventory prod",),
    "events": ("farm events last --follow", "farm events last --after 1200"),
    "export": ("farm export --out objects.parquet",),
    "hold": ("farm hold last r17",),
    "lab cut": ("farm lab cut w2",),
    "lab down": ("farm lab down",),
    "lab fill": ("farm lab fill w2",),
    "lab freeze": ("farm lab freeze w2",),
    "lab heal": ("farm lab heal w2",),
    "lab kill": ("farm lab kill w2",),
    "lab reboot": ("farm lab reboot g1",),
    "lab rekey": ("farm lab rekey w2",),
    "lab seed": ("farm lab seed --objects 1500", "farm lab seed --objects 1500 --all-tables"),
    "lab start": ("farm lab start w2",),
    "lab status": ("farm lab status",),
    "lab thaw": ("farm lab thaw w2",),
    "lab unfill": ("farm lab unfill w2",),
    "lab up": ("farm lab up",),
    "load": ("farm load last", "farm load last --max-changed FEATURE=SHARE", "farm load last --undo"),
    "logs": ("farm logs last", "farm logs last r17 --follow"),
    "metrics": ("farm metrics last --out /var/lib/prometheus/node-exporter/farm.prom --follow",),
    "mine": ("farm mine examples/rise_times.py:rise --window all --out rise",),
    "prune": ("farm prune --keep-days 30 --dry-run",),
    "rebuild": (
        "farm rebuild --dry-run",
        "farm rebuild --window all",
        "farm rebuild --where 'htm16 % 1000 = 0' --load",
    ),
    "release list": ("farm release list --inventory prod",),
    "release prune": ("farm release prune",),
    "release rollback": ("farm release rollback --inventory prod",),
    "release show": ("farm release show --verify",),
    "report": ("farm report last", "farm report last --out tonight.html"),
    "resume": ("farm resume last",),
    "retry": ("farm retry last --limit w1,w2",),
    "run": ("farm run tasks.txt --fetch '*.npz'", "farm run tasks.jsonl --timeout 300% --halt now,fail=10%"),
    "runs": ("farm runs --inventory prod",),
    "schema diff": ("farm schema diff",),
    "schema migrate": ("farm schema migrate --option-file owner.cnf --dry-run",),
    "status": ("farm status last --watch", "farm status last --tsv | sort -t $'\\t' -k 7 -n"),
    "unhold": ("farm unhold last r17",),
    "upgrade": ("farm upgrade --inventory prod",),
    "workers": ("farm workers --inventory prod",),
    "workers add": ("farm workers add last w4 --slots 2",),
    "workers drain": ("farm workers drain last w3",),
    "workers undrain": ("farm workers undrain last w3",),
}


_NARROW = 80
"""Columns below which help has no tables."""


def finish(app: typer.Typer, prefix: str = "") -> None:
    """Give every verb its examples, and its parameters what TAB offers for them."""
    for command in app.registered_commands:
        callback: Any = command.callback
        name = command.name or callback.__name__.strip("_").replace("_", "-")
        _finish(command, callback, f"{prefix}{name}")
    for group in app.registered_groups:
        below: Any = group.typer_instance
        if (own := below.registered_callback) and own.callback:
            _finish(own, own.callback, f"{prefix}{group.name}")
        elif below.info.help:
            below.info.short_help = _first(below.info.help)
        finish(below, f"{prefix}{group.name} ")


def _first(said: str) -> str:
    """The first paragraph, which plain help would cut off where it makes its own."""
    return " ".join(cleandoc(said).partition("\n\n")[0].split())


def fit(app: typer.Typer) -> None:
    """On a narrow terminal have help as plain text, which folds; its tables would cut off names there."""
    width = _columns()
    if width < _NARROW:
        app.rich_markup_mode = None
        app.info.context_settings = {"terminal_width": width}


def _columns() -> int:
    """Of the terminal, as rich finds them."""
    if (told := os.environ.get("COLUMNS", "")).isdecimal():
        return int(told)
    for stream in range(3):
        with suppress(OSError):
            return os.get_terminal_size(stream).columns
    return _NARROW


def _finish(info: Any, callback: Any, verb: str) -> None:
    said = (info.help if isinstance(info, CommandInfo) else None) or callback.__doc__ or ""
    info.short_help = _first(said)
    if verb in EXAMPLES and "Example" not in said:
        info.help = "\n".join([said.strip(), "", "\b", "Examples:", *EXAMPLES[verb]])
    for name, hint in get_type_hints(callback, include_extras=True).items():
        for each in getattr(hint, "__metadata__", ()):
            if isinstance(each, ParameterInfo) and name in _OFFERED:
                each.autocompletion = _OFFERED[name]


def _environment(context: typer.Context) -> str:
    return str(context.params.get("inventory") or "lab")


def _runs(context: typer.Context, incomplete: str) -> Iterator[str]:
    from farm.runs import every

    known = ["last", *(run.id for run in reversed(every(_environment(context))))]
    return (each for each in known if each.startswith(incomplete))


def _environments(incomplete: str) -> list[str]:
    from pathlib import Path

    places = (Path("inventory"), Home("lab").root.parent)
    names = {each.name for place in places if place.is_dir() for each in place.iterdir() if each.is_dir()}
    return sorted(each for each in names if each.startswith(incomplete) and not each.startswith("."))


def _releases(context: typer.Context, incomplete: str) -> list[str]:
    folder = Home(_environment(context)).releases
    names = [each.name for each in folder.iterdir()] if folder.is_dir() else []
    return sorted(each for each in names if each.startswith(incomplete) and not each.startswith("."))


_OFFERED: dict[str, Any] = {"run": _runs, "inventory": _environments, "digest": _releases, "release": _releases}
