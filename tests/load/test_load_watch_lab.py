"""A watcher's answers: when its node has applied a commit of another node, and that asking costs it nothing."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue

import cluster
import pytest
from conftest import Own

from farm import lab
from farm.galera import Node, read_account
from farm.load.watch import ANSWER_SECONDS, Watcher, written

pytestmark = [pytest.mark.lab, pytest.mark.timeout(60)]
HELD = "FLUSH TABLES WITH READ LOCK; SELECT 'held'; SELECT SLEEP({})"
PROMPT = 0.3
"""Seconds in which an idle node has applied a row."""


@pytest.fixture
def watched(own: Own) -> Iterator[tuple[Watcher, Callable[[], float]]]:
    """The watcher of the last node; and a commit at the first one, whose seconds until it is applied there it gives."""
    account = read_account(own.option_file())
    watcher = Watcher(account, account.hosts[-1], lambda _: None)
    watcher.start()
    end = time.monotonic() + 10
    while not watcher.now:
        assert time.monotonic() < end, watcher.wrong
        time.sleep(0.01)
    with Node(account, account.hosts[0]) as node:

        def commit() -> float:
            node.execute("INSERT INTO objects (objectId) SELECT CONCAT('LT', COUNT(*)) FROM objects")
            node.commit()
            answers: SimpleQueue[float] = SimpleQueue()
            watcher.applied(written(node), answers)
            return answers.get(timeout=ANSWER_SECONDS) - node.committing

        yield watcher, commit
    watcher.end()
    watcher.join()


@contextmanager
def applying_nothing(host: str, seconds: float) -> Iterator[None]:
    """Within it, and for so long at most, the node receives and does not apply."""
    command = lab.ssh_command(lab.find(host), f'mariadb --batch --skip-column-names --unbuffered -e "{HELD}"')
    command[-1] = command[-1].format(seconds)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        yield


def test_a_commit_is_told_applied_when_it_is(watched: tuple[Watcher, Callable[[], float]]) -> None:
    _, commit = watched
    assert commit() < PROMPT
    with applying_nothing("g3", 0.8):
        assert PROMPT < commit() < 1


def test_a_node_that_does_not_apply_is_asked_for_a_second(watched: tuple[Watcher, Callable[[], float]]) -> None:
    _, commit = watched
    with applying_nothing("g3", 2):
        assert 1 <= commit() < 1.5
    cluster.await_whole()
    assert commit() < PROMPT


def test_a_watcher_that_is_asked_goes_on_watching(watched: tuple[Watcher, Callable[[], float]]) -> None:
    watcher, commit = watched
    for _ in range(20):
        commit()
        assert watcher.now, watcher.wrong
    assert watcher.wrong == ""
