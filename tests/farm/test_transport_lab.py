"""Files to and from a worker over SSH, beside a channel that is never quiet."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest

from farm import inventory
from farm.errors import UnreachableError
from farm.home import Home
from farm.transport import ssh

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]

REMOTE = "/tmp/it's a file"


@pytest.fixture
def session(provisioned: None) -> Iterator[ssh.SshSession]:
    host = inventory.load("lab").group("workers")[0]
    session = ssh.SshTransport(Home("lab").known_hosts).connect(host)
    yield session
    session.close()


@pytest.mark.parametrize("size", [0, 1, 35_000, 5_000_000])
def test_a_file_goes_and_comes_back(session: ssh.SshSession, tmp_path: Path, size: int) -> None:
    (tmp_path / "file").write_bytes(os.urandom(size))
    session.put(tmp_path / "file", REMOTE)
    session.fetch(REMOTE, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == (tmp_path / "file").read_bytes()
    assert session.run(f'stat -c %a "{REMOTE}"; rm "{REMOTE}"', 20).out == "640\n"


def test_what_cannot_be_read_or_written_says_why(session: ssh.SshSession, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="has no file /tmp/none"):
        session.fetch("/tmp/none", tmp_path / "back")
    with pytest.raises(UnreachableError, match=r"/etc/shadow cannot be read: .*Permission denied"):
        session.fetch("/etc/shadow", tmp_path / "back")
    (tmp_path / "file").write_bytes(bytes(10_000_000))
    with pytest.raises(UnreachableError, match=r"/etc/file cannot be written: .*Permission denied"):
        session.put(tmp_path / "file", "/etc/file")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
    assert session.run("true", 20).code == 0


def test_many_files_come_beside_a_busy_channel(session: ssh.SshSession, tmp_path: Path) -> None:
    content = os.urandom(35_000)
    (tmp_path / "file").write_bytes(content)
    session.put(tmp_path / "file", REMOTE)
    pipe = session.open("while read line; do echo $line; done")
    answers: list[bytes] = []
    beats = [gevent.spawn(listen, pipe, answers), gevent.spawn(beat, pipe)]

    def fetch(number: int) -> None:
        for turn in range(20):
            session.fetch(REMOTE, tmp_path / f"{number}.{turn}")

    gevent.joinall([gevent.spawn(fetch, number) for number in range(5)], raise_error=True)
    gevent.killall(beats)
    assert len(answers) > 10
    assert set(answers) == {b"beat"}
    copies = [file for file in tmp_path.iterdir() if file.name != "file"]
    assert len(copies) == 100
    assert {file.read_bytes() for file in copies} == {content}
    session.run(f'rm "{REMOTE}"', 20)


def listen(pipe: ssh.SshPipe, answers: list[bytes]) -> None:
    for line in pipe.lines():
        answers.append(line)


def beat(pipe: ssh.SshPipe) -> None:
    while True:
        pipe.send(b"beat\n")
        gevent.sleep(0.005)


def test_a_file_that_stands_still_ends_the_connection(
    session: ssh.SshSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh, "_STALLED_SECONDS", 1)
    (tmp_path / "file").write_bytes(b"line\n")
    session.run("mkfifo /tmp/nobody-reads", 20)
    begun = time.monotonic()
    with pytest.raises(UnreachableError, match="nothing moved for 1 s"):
        session.put(tmp_path / "file", "/tmp/nobody-reads")
    assert time.monotonic() - begun < 20
    with pytest.raises(UnreachableError, match="broke"):
        session.run("true", 20)
    again = ssh.SshTransport(Home("lab").known_hosts).connect(session.host)
    assert again.run("cat /tmp/nobody-reads && rm /tmp/nobody-reads", 20).out == "line\n"
    again.close()
