"""The hosts of an environment, read through ``ansible-inventory --list``: one source for Ansible and for farm.

``--list`` neither renders templates nor decrypts vault values, so what farm reads must be literal; where it is not,
the error names the variable and the host.
"""

import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from farm.errors import InventoryError, LabError
from farm.home import Home
from features import DEFAULT, SURVEYS
from features import survey as survey_of

_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_OF_ENVIRONMENT = (
    "farm_survey",
    "farm_given",
    "farm_window",
    "farm_zeros",
    "farm_load_mode",
    "farm_shared_dir",
    "farm_galera_ca",
    "farm_lab_bridge",
)
_ENV_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Jump:
    """One ProxyJump hop."""

    host: str
    user: str
    port: int


@dataclass(frozen=True)
class Host:
    """How farm reaches a host: as ``user`` with ``key``, or not over SSH at all where ``local``."""

    name: str
    address: str
    port: int
    user: str
    key: Path
    slots: int | None
    """``farm_slots``; None: one slot a core."""
    local: bool
    jump: Jump | None

    @property
    def where(self) -> str:
        """The host as an error names it."""
        return f"{self.name} ({self.address}:{self.port})"


@dataclass(frozen=True)
class Inventory:
    env: str
    path: Path
    digest: str
    """SHA-256 of all groups, hosts and variables, as hex."""
    survey: str
    """Whose light curves and table these are."""
    given: Mapping[str, str]
    """Where what features need from outside Cassandra is, by its name (``Survey.external``): the folder of a map of
    the sky, on every worker, or the name of a table in Galera."""
    window: int | Literal["all"]
    """Days of an object's light curve to use, counted back from its last detection."""
    zeros: Literal["zero", "null"]
    load_mode: Literal["upsert", "update"]
    shared_dir: Path | None
    """A folder that workers, head and loader share."""
    galera_ca: Path | None
    """The certificate authority of Galera, on the head, where connections to it are by TLS."""
    _data: Mapping[str, Any] = field(repr=False)

    def of(self, survey: str) -> "Inventory":
        """The same environment with another survey's light curves, over that survey's usual window."""
        if survey == self.survey:
            return self
        zeros = self.zeros if survey_of(survey).zero_or_null else "zero"
        return replace(self, survey=survey, window=usual_window(survey), zeros=zeros, given={})

    @property
    def whole_keys(self) -> bool:
        """Whether the keys of objects are whole numbers."""
        return not survey_of(self.survey).key.dtype.hasobject

    @property
    def home(self) -> Home:
        return Home(self.env)

    @property
    def argument(self) -> str:
        """What ``--inventory`` takes for it."""
        return self.env if self.path == _project() / "inventory" / self.env else str(self.path)

    def group(self, name: str) -> tuple[Host, ...]:
        """The hosts of a group and of its children, in the inventory's order.

        Raises InventoryError where the group has no host, or where a variable that farm reads is not a literal.
        """
        names = list(dict.fromkeys(self._members(name)))
        if not names:
            raise InventoryError(
                f"inventory {self.env} ({self.path}) has no host in group {name}: put at least one there"
            )
        hosts = tuple(self._host(each) for each in names)
        if name == "workers" and (local := [host.name for host in hosts if host.local]):
            raise InventoryError(
                f"ansible_connection local is not for workers, and {', '.join(local)} has it in inventory {self.env}:"
                " workers are reached over SSH; remove it"
            )
        return hosts

    def has(self, name: str) -> bool:
        """Whether the group has a host."""
        return next(self._members(name), None) is not None

    def variable(self, host: Host, name: str) -> Any:
        """A variable of a host as the inventory has it, templates unrendered; None where it has none."""
        return self._data["_meta"]["hostvars"].get(host.name, {}).get(name)

    def _members(self, name: str) -> Iterator[str]:
        group = self._data.get(name, {})
        yield from group.get("hosts", ())
        for child in group.get("children", ()):
            yield from self._members(child)

    def _host(self, name: str) -> Host:
        read = _Reader(self.env, name, self._data["_meta"]["hostvars"].get(name, {}))
        user = read.text("farm_user", "farm")
        return Host(
            name=name,
            address=read.text("ansible_host", name),
            port=read.number("ansible_port", 22),
            user=user,
            key=Path(read.text("farm_key", str(self.home.key))).expanduser(),
            slots=read.number("farm_slots", 0) or None,
            local=read.text("ansible_connection", "ssh") in ("local", "ansible.builtin.local"),
            jump=_jump(read, user),
        )


@dataclass(frozen=True)
class _Reader:
    """Literals of one host."""

    env: str
    host: str
    variables: Mapping[str, Any]

    def value(self, name: str, default: Any) -> Any:
        value = self.variables.get(name)
        if isinstance(value, Mapping) and "__ansible_vault" in value:
            raise InventoryError(f"{self._of(name)} is a vault value, which farm never opens: {self._literal(name)}")
        if name != "ansible_ssh_common_args" and isinstance(value, str) and _TEMPLATE.search(value):
            raise InventoryError(f"{self._of(name)} is a template ({value}): {self._literal(name)}")
        return default if value in (None, "") else value

    def text(self, name: str, default: str) -> str:
        value = self.value(name, default)
        if not isinstance(value, str):
            raise InventoryError(f"{self._of(name)} is {value!r}: write one string there")
        return value

    def number(self, name: str, default: int) -> int:
        value = self.value(name, default)
        if isinstance(value, bool) or not re.fullmatch(r"\d+", str(value)):
            raise InventoryError(f"{self._of(name)} is {value!r}: write a whole number there")
        return int(value)

    def choice(self, name: str, choices: tuple[str, ...]) -> Any:
        value = self.text(name, choices[0])
        if value not in choices:
            raise InventoryError(f"{self._of(name)} is {value!r}: write {' or '.join(choices)} there")
        return value

    def _of(self, name: str) -> str:
        return f"{name} of {self.host} in inventory {self.env}"

    def _literal(self, name: str) -> str:
        return f"write the literal value, since farm reads {name} itself"


def _jump(read: _Reader, user: str) -> Jump | None:
    """The hop in ``ansible_ssh_common_args``; templates elsewhere in it are Ansible's own business."""
    arguments = _TEMPLATE.sub("{{}}", str(read.value("ansible_ssh_common_args", "")))
    match = re.search(r"(?:-J\s*|-o\s*ProxyJump[=\s]\s*)(\S+)", " ".join(shlex.split(arguments)))
    if match is None:
        return None
    hop = match[1]
    if "{{}}" in hop:
        raise InventoryError(
            f"the ProxyJump in ansible_ssh_common_args of {read.host} in inventory {read.env} is a template:"
            " write it literally, since farm reads it itself"
        )
    parts = re.fullmatch(r"(?:([^@,]+)@)?(\[[^\]]+\]|[^:,@]+)(?::(\d+))?", hop)
    if parts is None:
        raise InventoryError(
            f"the ProxyJump of {read.host} in inventory {read.env} is {hop!r}: write one hop, [user@]host[:port]"
        )
    return Jump(host=parts[2].strip("[]"), user=parts[1] or user, port=int(parts[3] or 22))


def load(name: str) -> Inventory:
    """Read the inventory ``inventory/<name>`` of the project, or the one at a path.

    The project is the nearest folder upwards with an ansible.cfg, and else the one that this package stands in.
    Raises InventoryError for an inventory that is unknown, empty or unreadable, LabError where it is the lab's and the
    lab's bridge is not there, InputError where the farm's home cannot be used.
    """
    path = _find(name)
    env = _named(path)
    Home(env)
    data = _list(path)
    hosts = data["_meta"]["hostvars"]
    if not any(group.get("hosts") for key, group in data.items() if key != "_meta"):
        raise InventoryError(f"inventory {env} ({path}) is empty: name its hosts there")
    common = _Reader(env, "every host", _common(env, hosts))
    _refuse_dead_lab(env, common.text("farm_lab_bridge", ""))
    survey = common.choice("farm_survey", tuple(dict.fromkeys((DEFAULT, *SURVEYS))))
    days = common.value("farm_window", usual_window(survey))
    shared, authority = common.text("farm_shared_dir", ""), common.text("farm_galera_ca", "")
    return Inventory(
        env=env,
        path=path,
        digest=hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest(),
        survey=survey,
        given=_given(common, survey),
        window="all" if days == "all" else common.number("farm_window", days),
        zeros=_zeros(common, survey),
        load_mode=common.choice("farm_load_mode", ("upsert", "update")),
        shared_dir=Path(shared) if shared else None,
        galera_ca=Path(authority).expanduser() if authority else None,
        _data=data,
    )


def known(name: str) -> str:
    """The environment of that inventory, which is not read, or one of which this head keeps runs.

    Raises InventoryError where there is neither.
    """
    if _ENV_NAME.fullmatch(name) and os.path.isdir(Home(name).root):  # noqa: PTH112 - False where one may not look
        return name
    return _named(_find(name))


def _named(path: Path) -> str:
    env = path.name if path.is_dir() else path.stem
    if not _ENV_NAME.fullmatch(env):
        raise InventoryError(f"{path} cannot name an environment: use letters, digits, dots, dashes and underscores")
    return env


def _given(common: _Reader, survey: str) -> dict[str, str]:
    found = common.value("farm_given", {})
    known = {each.name for each in survey_of(survey).external}
    wrong = f"farm_given of {common.host} in inventory {common.env}"
    places = found.values() if isinstance(found, Mapping) else [None]
    if not all(isinstance(each, str) and each and not _TEMPLATE.search(each) for each in places):
        raise InventoryError(
            f"{wrong} is {found!r}: write the name of an input and, literally, where it is, a line each"
        )
    if unknown := sorted(found.keys() - known):
        has = f"has {', '.join(sorted(known))}" if known else "needs nothing from outside Cassandra"
        raise InventoryError(f"{wrong} names {', '.join(unknown)}, and survey {survey} {has}")
    return dict(found)


def _zeros(common: _Reader, survey: str) -> Literal["zero", "null"]:
    found: Literal["zero", "null"] = common.choice("farm_zeros", ("zero", "null"))
    if found == "null" and not survey_of(survey).zero_or_null:
        raise InventoryError(
            f"farm_zeros of {common.host} in inventory {common.env} is null, and a zero of survey {survey} is a value:"
            " write zero there, or leave it out"
        )
    return found


def usual_window(survey: str) -> int | Literal["all"]:
    """Days of a light curve that an environment uses which does not say."""
    days = survey_of(survey).window
    return "all" if days is None else int(days)


def _common(env: str, hosts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Variables that belong to the environment: every host that has one has the same."""
    found: dict[str, Any] = {}
    for host, variables in hosts.items():
        for name in _OF_ENVIRONMENT:
            if name in variables and found.setdefault(name, variables[name]) != variables[name]:
                raise InventoryError(
                    f"{name} of {host} in inventory {env} differs from another host's:"
                    " it belongs to the environment, so set it once, in group_vars/all"
                )
    return found


def _refuse_dead_lab(env: str, bridge: str) -> None:
    if bridge and not Path("/sys/class/net", bridge).exists():
        raise LabError(f"the lab of inventory {env} is not up (no interface {bridge}): farm lab up")


def _find(name: str) -> Path:
    if "/" in name or name.startswith("."):
        path = Path(name).expanduser().absolute()
        if not path.exists():
            raise InventoryError(f"there is no inventory at {path}")
        return path
    root = _project() / "inventory"
    if name and (path := root / name).exists():
        return path
    known = ", ".join(sorted(each.name for each in root.glob("*/"))) or "none"
    raise InventoryError(f"there is no inventory {name!r} in {root}; it has: {known}")


def _project() -> Path:
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "ansible.cfg").is_file() and (folder / "inventory").is_dir():
            return folder
    return Path(__file__).resolve().parents[1]


def _list(path: Path) -> dict[str, Any]:
    program = Path(sys.executable).with_name("ansible-inventory")
    if not program.exists():
        raise InventoryError(f"{program} is not there: install lightcurve-farm[head]")
    done = subprocess.run(
        [program, "-i", path, "--list"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        env=os.environ
        | {"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true", "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"},
        check=False,
    )
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        if path.is_dir() and not any(each.is_file() for each in path.iterdir()):
            raise InventoryError(f"the inventory {path} is empty: name its hosts there")
        faults = (next((line for line in lines if line.startswith(start)), "") for start in ("YAML", "Origin: /"))
        raise InventoryError(f"the inventory {path} cannot be read: {' '.join(faults).strip() or ' '.join(lines[-1:])}")
    data: dict[str, Any] = json.loads(done.stdout)
    return data
