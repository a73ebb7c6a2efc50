"""``farm demo``: from nothing to loaded features, by the commands that a user would type."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    @app.command()
    def demo(
        alerts: Annotated[
            Path | None,
            typer.Option(help="Real detections (Parquet, or alert packets in Avro) in place of simulated ones."),
        ] = None,
        objects: Annotated[int, typer.Option(min=1, help="How many objects to simulate.")] = 4000,
    ) -> None:
        """Make the lab, provision it, seed it, rebuild every object's features and load them.

        Leaves the lab up. Example: farm demo --alerts alerts.parquet
        """
        from farm.demo import run

        run(alerts, objects)
