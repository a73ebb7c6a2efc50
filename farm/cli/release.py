"""``farm release list | show | rollback | prune``: which feature code is where, and who still needs it."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from farm.releases.listing import Listing

From = Annotated[str, typer.Option("--inventory", "-i", help="Name under inventory/, or a path.")]
Digest = Annotated[
    str | None, typer.Argument(metavar="[DIGEST]", help="A release, or a unique prefix; without it, the current one.")
]
SkipDown = Annotated[bool, typer.Option("--skip-down", help="Leave out hosts that are down; they are named.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Which feature code is where, and who still needs it.")
    group.command(name="list")(list_)
    group.command()(show)
    group.command()(rollback)
    group.command()(prune)
    app.add_typer(group, name="release")


def list_(inventory: From = "lab", as_json: AsJson = False) -> None:
    """What is where, and which run still needs it. Ends with 13 where hosts have different current releases."""
    from farm.inventory import load
    from farm.releases import listing, standing
    from farm.transport.ssh import SshTransport

    environment = load(inventory)
    found = listing.listing(environment, SshTransport(environment.home.known_hosts))
    _say(found, as_json)
    standing.require_all(found.standings)
    standing.agreed(found.standings, found.env)


def show(
    digest: Digest = None,
    inventory: From = "lab",
    verify: Annotated[bool, typer.Option("--verify", help="Hash its files on every host that has it.")] = False,
    as_json: AsJson = False,
) -> None:
    """One release: what it was made from, where it stands, and whether its files are those that were installed."""
    from farm.inventory import load
    from farm.releases import check, listing, one, standing
    from farm.transport.ssh import SshTransport

    environment = load(inventory)
    transport = SshTransport(environment.home.known_hosts)
    found = listing.listing(environment, transport)
    name = one.find(found, digest)
    wrong = check.verify(found.standings, name, transport) if verify else None
    if as_json:
        typer.echo(json.dumps(one.as_json(found, name, wrong)))
    else:
        one.show(found, name, wrong)
    check.require(wrong or {}, name)
    standing.require_all(found.standings)


def rollback(inventory: From = "lab", skip_down: SkipDown = False, as_json: AsJson = False) -> None:
    """Make the release current again that was so before the last switch: on workers, pipeline hosts, loader."""
    from farm.inventory import load
    from farm.releases import listing
    from farm.releases import rollback as driver
    from farm.transport.ssh import SshTransport

    environment = load(inventory)
    transport = SshTransport(environment.home.known_hosts)
    driver.rollback(environment, skip_down=skip_down)
    _say(listing.listing(environment, transport), as_json)


def prune(
    inventory: From = "lab",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would go and do nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take away releases that are neither current nor previous anywhere and that no run needs; archives too."""
    from farm.inventory import load
    from farm.releases import prune as driver
    from farm.transport.ssh import SshTransport

    environment = load(inventory)
    pruned = driver.prune(environment, SshTransport(environment.home.known_hosts), dry=dry_run)
    if as_json:
        typer.echo(json.dumps(pruned.as_json()))
    else:
        driver.show(pruned)


def _say(found: "Listing", as_json: bool) -> None:
    from farm.releases import listing

    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        listing.show(found)
