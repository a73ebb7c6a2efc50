"""`farm lab`: a whole cluster on this machine, and the faults to try on it."""

import dataclasses
import json
import os
import sys
from typing import Annotated

import typer

from farm.errors import Exit

lab_app = typer.Typer(
    no_args_is_help=True,
    help="A whole cluster on this machine: eight Debian hosts, and faults to try on them.",
)

Hosts = Annotated[list[str], typer.Argument(metavar="HOST...", help="Names of hosts: w1 to w4, c1, g1 to g3.")]
Pin = Annotated[bool, typer.Option("--pin", help="Pin the key that it has now instead.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    app.add_typer(lab_app, name="lab")


@lab_app.command()
def up() -> None:
    """Make the lab, or start and heal what is wrong with it. Where all is well it changes nothing.

    FARM_LAB_HOLDER is the id of a process that a new lab shall belong to: once that has ended,
    the next `up`, from any checkout, makes a new one.
    """
    from farm import lab

    holder = os.environ.get("FARM_LAB_HOLDER")
    if holder is not None and not holder.isdecimal():
        raise typer.BadParameter(f"FARM_LAB_HOLDER must be the id of a process, not {holder!r}")
    done = lab.up(lab.steps(sys.stderr), int(holder) if holder else None)
    for repair in done.repairs:
        typer.echo(repair)
    typer.echo("The lab is up. `farm lab status` shows it, `farm lab down` ends it.")


@lab_app.command()
def down(purge: Annotated[bool, typer.Option(help="Take the cached image away too.")] = False) -> None:
    """Take the lab away: everything but the image, which makes the next `up` quick."""
    from farm import lab

    typer.echo("The lab is gone." if lab.down(lab.steps(sys.stderr), purge) else "There was no lab.")


@lab_app.command()
def status(as_json: AsJson = False) -> None:
    """Show every host's address, state and disk. The exit code is 0 only where all are running."""
    from farm import lab

    found = lab.status()
    if as_json:
        typer.echo(json.dumps({"schema": 1, **dataclasses.asdict(found)}))
    else:
        typer.echo(f"lab of {found.owner}, image {found.image}")
        for host in found.hosts:
            used, size = host.disk_used / 2**20, host.disk_size / 2**30
            typer.echo(f"{host.name}  {host.address:14}  {host.state:9}  {used:6.0f} MiB of {size:2.0f} GiB written")
    if not found.well:
        raise typer.Exit(Exit.LAB)


@lab_app.command()
def kill(hosts: Hosts) -> None:
    """Let a host's power fail; `start` brings it back."""
    from farm import lab

    for host in hosts:
        lab.kill(host)


@lab_app.command()
def start(hosts: Hosts) -> None:
    """Start a dead host, with what its disk holds."""
    from farm import lab

    for host in hosts:
        lab.start(host)


@lab_app.command()
def reboot(hosts: Hosts) -> None:
    """Let a host shut down and boot again."""
    from farm import lab

    for host in hosts:
        lab.reboot(host)


@lab_app.command()
def freeze(hosts: Hosts) -> None:
    """Let a host hang: its processes stand still, its address answers; `thaw` lets it go on."""
    from farm import lab

    for host in hosts:
        lab.freeze(host)


@lab_app.command()
def thaw(hosts: Hosts) -> None:
    """Let a frozen host go on."""
    from farm import lab

    for host in hosts:
        lab.thaw(host)


@lab_app.command()
def cut(hosts: Hosts) -> None:
    """Pull a host's cable; `heal` plugs it in again, and so does a reboot."""
    from farm import lab

    for host in hosts:
        lab.cut(host)


@lab_app.command()
def heal(hosts: Hosts) -> None:
    """Plug a host's cable in again."""
    from farm import lab

    for host in hosts:
        lab.heal(host)


@lab_app.command()
def fill(hosts: Hosts) -> None:
    """Fill a host's disk to the last block; `unfill` gives the room back."""
    from farm import lab

    for host in hosts:
        lab.fill(host)


@lab_app.command()
def unfill(hosts: Hosts) -> None:
    """Give a host the room back that `fill` took."""
    from farm import lab

    for host in hosts:
        lab.unfill(host)


@lab_app.command()
def rekey(hosts: Hosts, pin: Pin = False) -> None:
    """Give a host another SSH host key than the one pinned, as an impostor's would be; `rekey HOST --pin` pins it."""
    from farm import lab

    for host in hosts:
        (lab.pin if pin else lab.rekey)(host)
