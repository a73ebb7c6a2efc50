"""What the head itself has: keys, secrets, option files, room for the parts, and what others are doing."""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from farm import runs
from farm.doctor import advice
from farm.doctor.finding import Check, Finding, Kind, check, error, warning
from farm.doctor.of_hosts import LEAST_BYTES, LEAST_INODES
from farm.errors import FarmError
from farm.galera import Account, read_account
from farm.inventory import Inventory
from farm.show import size

ACCOUNTS = ("galera_reader", "galera_loader", "galera_owner")
_HEAD = "head"
_WEEK = 7 * 86_400


def accounts(inventory: Inventory) -> tuple[list[Account], list[Finding]]:
    """The option files that can be read, and what is wrong with any of them."""
    again = advice.provision(inventory)
    hosts = tuple(host.address for host in inventory.group("galera"))
    found, findings = [], []
    for name in ACCOUNTS:
        file = inventory.home.secret(f"{name}.cnf")
        try:
            account = read_account(file)
        except FarmError as wrong:
            findings.append(error(Kind.OPTION_FILE, str(file), str(wrong), again))
            continue
        found.append(account)
        told = {
            "environment": (account.environment, inventory.env),
            "hosts": (account.hosts, hosts),
            "mode": (account.mode, inventory.load_mode),
            "zeros": (account.zeros, inventory.zeros),
            "window": (account.window, inventory.window),
            "ssl-ca": (account.ca, inventory.galera_ca),
        }
        stale = [key for key, (has, wanted) in told.items() if has != wanted]
        if stale:
            what = f"it was written for another inventory: {', '.join(stale)} differ"
            findings.append(error(Kind.STALE_OPTION_FILE, str(file), what, again))
    return found, findings


def checks(inventory: Inventory, stale: Sequence[Finding], wanted: int) -> Iterator[Check]:
    """``stale``: what is wrong with option files; ``wanted``: bytes that the parts of a run may take on the head."""
    yield _secrets(inventory)
    yield check(_HEAD, "option files", f"{', '.join(ACCOUNTS)}", stale)
    yield _room(inventory, wanted)
    yield _certificate(inventory)
    yield _unfinished(inventory)
    yield _at_work(inventory)


def _secrets(inventory: Inventory) -> Check:
    home = inventory.home
    findings = []
    key = inventory.group("workers")[0].key
    for file in (key, *sorted((home.root / "secrets").glob("*"))):
        if not file.exists():
            findings.append(error(Kind.NO_KEY, str(file), "it is not there", advice.provision(inventory)))
        elif file.stat().st_mode & 0o077:
            what = f"others can read it (mode {file.stat().st_mode & 0o777:o})"
            findings.append(error(Kind.FILE_OPEN, str(file), what, f"chmod 600 {file}"))
    for folder in (home.root, home.root / "secrets"):
        if folder.exists() and folder.stat().st_mode & 0o077:
            findings.append(warning(Kind.FOLDER_OPEN, str(folder), "others can look into it", f"chmod 700 {folder}"))
    return check(_HEAD, "secrets", "the farm's key and passwords are its owner's alone", findings)


def _room(inventory: Inventory, wanted: int) -> Check:
    folder = inventory.shared_dir or inventory.home.root
    prune = f"farm prune --inventory {inventory.env} --keep-days 7"
    try:
        there = os.statvfs(folder)
    except OSError as wrong:
        todo = "mount it, or correct farm_shared_dir"
        return check(_HEAD, "room", "", [error(Kind.NO_FOLDER, str(folder), str(wrong), todo)])
    free, needed = there.f_bavail * there.f_frsize, LEAST_BYTES + wanted
    findings = []
    if inventory.shared_dir and not os.access(folder, os.W_OK):
        what = "the head cannot write it, and puts the parts there that a loader of its own reads"
        findings.append(error(Kind.SHARED_FOLDER_SHUT, str(folder), what, f"ls -ld {folder}; findmnt -T {folder}"))
    if free < needed:
        what = f"{size(free)} free, and a run of all objects takes some {size(needed)}"
        findings.append(error(Kind.ROOM, str(folder), what, prune))
    if there.f_files and there.f_favail < LEAST_INODES:
        findings.append(error(Kind.HEAD_INODES, str(folder), f"{there.f_favail:,} inodes left", prune))
    takes = f"takes some {size(wanted)}" if wanted else "takes nobody knows how much: no rows of the table were seen"
    return check(_HEAD, "room", f"{size(free)} free in {folder}; a run {takes}", findings)


def _certificate(inventory: Inventory) -> Check:
    ca = inventory.galera_ca
    if ca is None:
        return check(_HEAD, "certificate", "Galera is reached without TLS")
    again = f"get it anew from whoever runs Galera; then {advice.provision(inventory)}"
    if not ca.is_file():
        missing = error(Kind.NO_AUTHORITY, str(ca), "farm_galera_ca is not there", again)
        return check(_HEAD, "certificate", "", [missing])
    words = ["openssl", "x509", "-in", str(ca), "-noout", "-enddate", "-checkend", str(_WEEK)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    ends = done.stdout.partition("notAfter=")[2].splitlines()
    if not ends:
        return check(_HEAD, "certificate", "", [error(Kind.NO_CERTIFICATE, str(ca), "it is no certificate", again)])
    findings = [] if done.returncode == 0 else [error(Kind.CERTIFICATE_ENDS, str(ca), f"it ends on {ends[0]}", again)]
    return check(_HEAD, "certificate", f"Galera's authority until {ends[0]}", findings)


def _unfinished(inventory: Inventory) -> Check:
    findings = []
    key = inventory.group("workers")[0].key
    if (following := key.with_name(f"{key.name}.next")).exists():
        again = f"ansible-playbook -i {inventory.path} playbooks/rotate_keys.yml"
        findings.append(warning(Kind.KEY_CHANGE, str(following), "a change of the farm's key was cut short", again))
    record = inventory.home.root / "upgrade.json"
    state = _state(record)
    if state == "begun":
        todo = f"farm upgrade --inventory {inventory.env}, or farm release rollback --inventory {inventory.env}"
        findings.append(warning(Kind.UPGRADE, str(record), "an upgrade goes on, or was cut short", todo))
    return check(_HEAD, "unfinished", "no upgrade or change of keys was cut short", findings)


def _state(record: Path) -> str | None:
    try:
        return str(json.loads(record.read_bytes())["state"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _at_work(inventory: Inventory) -> Check:
    held = [run.id for run in runs.every(inventory.env) if run.is_held()]
    findings = [
        warning(
            Kind.OTHER_RUN,
            each,
            "a farm process works at it",
            f"farm status {each} --inventory {inventory.env} --watch",
        )
        for each in held
    ]
    return check(_HEAD, "other runs", f"{len(held) or 'none'} at work", findings)
