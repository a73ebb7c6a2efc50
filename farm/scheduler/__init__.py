"""Which task runs where: a pure state machine. Events and the time come in, actions go out; it does no I/O."""

from farm.scheduler.core import Scheduler
from farm.scheduler.halt import Halt

__all__ = ["Halt", "Scheduler"]
