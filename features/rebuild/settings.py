"""How this host reaches Cassandra: the file that provisioning leaves, ``/etc/farm/cassandra.json``."""

import json
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from features.errors import InputError

DEFAULT = Path("/etc/farm/cassandra.json")
LEVELS = ("LOCAL_ONE", "LOCAL_QUORUM", "ONE", "TWO", "THREE", "QUORUM", "ALL")
"""Consistency levels of a read."""


@dataclass(frozen=True)
class Settings:
    contact_points: tuple[str, ...]
    port: int
    local_dc: str
    keyspace: str
    consistency: str
    username: str
    password: str
    tls: dict[str, str] | None
    """``{"ca": path}`` of the authority that signed the nodes' certificates; None: no TLS."""

    def __repr__(self) -> str:
        return f"Settings({self.username}@{','.join(self.contact_points)}:{self.port}/{self.keyspace})"


def load(path: Path) -> Settings:
    """Raises InputError where the file cannot be read or lacks something."""
    try:
        read: dict[str, Any] = json.loads(path.read_text())
        settings = Settings(**{field.name: read[field.name] for field in fields(Settings)})
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}): run ansible-playbook -i INVENTORY provision.yml") from error
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} lacks {error}: run ansible-playbook -i INVENTORY provision.yml") from error
    if not settings.contact_points:
        raise InputError(f"{path} names no contact points of Cassandra")
    if not re.fullmatch(r"\w+", settings.keyspace):
        raise InputError(f"{path}: {settings.keyspace!r} is no name of a keyspace")
    if settings.consistency not in LEVELS:
        raise InputError(f"{path}: consistency is {settings.consistency!r}, and not one of {', '.join(LEVELS)}")
    return settings
