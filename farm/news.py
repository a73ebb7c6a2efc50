"""What a head has heard: an event for its scheduler, and what belongs to it."""

from collections.abc import Callable
from dataclasses import dataclass

from farm.events import Event
from farm.journal import Record


@dataclass(frozen=True)
class News:
    event: Event
    records: tuple[Record, ...] = ()
    """For the journal, in one commit with what the scheduler makes of the event; not where it refuses an order."""
    after: Callable[[], None] | None = None
    """Called when that is on disk."""
    refused: Callable[[str], None] | None = None
    """Called with the reason where the scheduler refuses an order."""
    epoch: int = 0
    """With Up: the link's connection."""
