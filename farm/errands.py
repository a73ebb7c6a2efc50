"""What a head does beside its turns: greenlets of which none may fail unnoticed."""

from collections.abc import Callable
from typing import Any

import gevent


class Errands:
    def __init__(self) -> None:
        self.failure: BaseException | None = None
        """Of the first that failed; the run cannot go on."""
        self._going: set[gevent.Greenlet] = set()

    def spawn(self, errand: Callable[..., None], *arguments: Any) -> gevent.Greenlet:
        greenlet = gevent.spawn(errand, *arguments)
        self._going.add(greenlet)
        greenlet.rawlink(self._going.discard)
        self.guard(greenlet)
        return greenlet

    def guard(self, greenlet: gevent.Greenlet) -> None:
        """Have its failure end the run, too."""
        greenlet.link_exception(self._note)

    def join(self, seconds: float) -> None:
        gevent.joinall(list(self._going), timeout=seconds)

    def kill(self) -> None:
        gevent.killall(list(self._going))

    def _note(self, greenlet: gevent.Greenlet) -> None:
        self.failure = self.failure or greenlet.exception
