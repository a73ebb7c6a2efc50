"""``--inventory`` of the verbs that only read, or order, what runs of an environment have on this head."""

from typing import Annotated

import typer


def _known(name: str) -> str:
    from farm.inventory import known

    return known(name)


Environment = Annotated[str, typer.Option("--inventory", "-i", help="Name of the environment.", callback=_known)]
