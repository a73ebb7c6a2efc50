"""The lab's verbs: each looks whose lab it is, holds the lock, and then acts."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import wraps

from farm.errors import LabError
from farm.lab import apt, cgroups, faults, host, image, machine, network, operator, state
from farm.lab.progress import Progress, silent
from farm.lab.state import CHECKOUT, Holder, Record, Verdict
from farm.lab.topology import HOSTS, LabHost, find


@dataclass(frozen=True)
class Up:
    """What `up` did: whether it made the lab, and otherwise what it put right, a sentence each."""

    made: bool
    repairs: tuple[str, ...] = ()


def up(progress: Progress = silent, holder: int | None = None) -> Up:
    """Make the lab, or put right what is wrong with it; where all is well, change nothing.

    ``holder`` is the id of a process that a new lab shall die with: once it is gone, the next `up` makes a new one.
    Raises SetupError where this machine cannot have a lab, LabError where somebody else's is alive.
    """
    machine.require()
    with state.locked():
        verdict = _verdict()
        if verdict is Verdict.OURS:
            return Up(made=False, repairs=tuple(_repair(progress)))
        if verdict is Verdict.DEAD:
            with progress("taking away a lab that was left behind"):
                _destroy()
        _destroy()
        _make(progress, None if holder is None else Holder.of(holder))
        return Up(made=True)


def down(progress: Progress = silent, purge: bool = False) -> bool:
    """Take the lab away, and with ``purge`` its image too; says whether there was one.

    Raises LabError where somebody else's lab is alive.
    """
    machine.require_root()
    with state.locked():
        was_there = _verdict() is not Verdict.NONE
        with progress("taking the lab away"):
            _destroy()
        if purge:
            shutil.rmtree(image.IMAGES, ignore_errors=True)
        return was_there


def _verdict() -> Verdict:
    """Whose lab is there. Raises LabError where it is somebody else's and alive."""
    record = state.read()
    verdict = state.judge(
        record,
        checkout=str(CHECKOUT),
        boot=state.boot(),
        owner_exists=record is not None and state.is_checkout(record.owner),
        any_host_alive=any(host.init(each) for each in HOSTS),
    )
    if verdict is Verdict.FOREIGN and record is not None:
        by = f", held by process {record.holder.pid}" if record.holder else ""
        whose = f"{record.owner}{by}"
        raise LabError(f"the lab on this machine is in use by {whose}: end it there with `farm lab down`")
    return verdict


def _make(progress: Progress, holder: Holder | None) -> None:
    names = image.packages()
    record = Record(owner=str(CHECKOUT), image=image.digest(names), complete=False, boot=state.boot(), holder=holder)
    state.write(record)
    tree = image.path(record.image)
    if not tree.exists():
        sources = apt.sources(image.SUITE)
        with progress(f"image of {len(names)} Debian packages and what they need (once, about a minute)"):
            image.build(names, sources)
    image.clear(keep=record.image)
    with progress("bridge, operator's key, disks and identities of the hosts"):
        network.make()
        operator.make()
        for each in HOSTS:
            host.make(each, tree)
        operator.pin({each: host.place(each).key.read_text() for each in HOSTS})
    with progress(f"{len(HOSTS)} hosts boot"):
        for each in HOSTS:
            host.boot(each)
        _on_all(host.wait_running, HOSTS)
    state.write(Record(**{**vars(record), "complete": True}))


def _repair(progress: Progress) -> list[str]:
    """Take every fault back."""
    done = []
    record = state.read()
    if record is not None and record.image != image.digest(image.packages()):
        done.append("The package list has changed since this lab was made: `farm lab down` and `up` renew it.")
    if network.make():
        done.append("made its bridge anew")
        for each in (each for each in HOSTS if host.init(each)):
            network.attach(each)
    for each in HOSTS:
        done += [f"{word} {each.name}" for word in _heal(each)]
    dead = [each for each in HOSTS if host.init(each) is None]
    if dead:
        with progress(f"{', '.join(each.name for each in dead)} boot"):
            for each in dead:
                host.boot(each)
            _on_all(host.wait_answering, dead)
        done += [f"started {each.name}" for each in dead]
    return done


def _heal(target: LabHost) -> list[str]:
    """Take back the faults of a host, except for its death; names what was done."""
    done = []
    if cgroups.is_frozen(target.name):
        cgroups.thaw(target.name)
        done.append("thawed")
    if network.is_cut(target):
        network.heal(target)
        done.append("healed the cable of")
    if host.place(target).ballast.exists():
        faults.unfill(target)
        done.append("emptied the disk of")
    if faults.pin(target):
        done.append("pinned the key of")
    return done


def _on_all(act: Callable[[LabHost], None], hosts: tuple[LabHost, ...] | list[LabHost]) -> None:
    with ThreadPoolExecutor(len(hosts)) as pool:
        list(pool.map(act, hosts))


def _destroy() -> None:
    """Leave nothing but the image, of whatever is there. An interrupted one is finished by the next."""
    record = state.read()
    if record is not None:
        state.write(Record(**{**vars(record), "complete": False}))
    cgroups.destroy()
    host.destroy_all()
    network.destroy()
    operator.destroy()
    image.clear_unfinished()
    state.forget()


def _guarded(act: Callable[[LabHost], object]) -> Callable[[str], None]:
    """The verb that does ``act`` to the host of a name, on a lab that is this checkout's and under the lock."""

    @wraps(act)
    def verb(name: str) -> None:
        target = find(name)
        machine.require_root()
        with state.locked():
            if _verdict() is not Verdict.OURS:
                raise LabError("no lab is up; `farm lab up` makes one")
            act(target)

    return verb


kill = _guarded(faults.kill)
start = _guarded(faults.start)
reboot = _guarded(faults.reboot)
freeze = _guarded(faults.freeze)
thaw = _guarded(faults.thaw)
cut = _guarded(faults.cut)
heal = _guarded(faults.heal)
fill = _guarded(faults.fill)
unfill = _guarded(faults.unfill)
rekey = _guarded(faults.rekey)
pin = _guarded(faults.pin)
