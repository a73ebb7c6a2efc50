"""One loader a table, across all nodes of the cluster."""

import getpass
import socket
from pathlib import Path

import pytest
from conftest import Own
from loaders import counts, ended, run, start
from simulated_parts import simulate, write_part

from farm.errors import GaleraError, LockedError
from farm.galera import Node, read_account
from farm.load.lock import STALE_SECONDS, Lock
from farm.load.main import load
from farm.load.place import Ledger

pytestmark = pytest.mark.lab
RUN = "20261123T010203Z-rebuild-4f2a"


def test_of_two_loaders_at_two_nodes_one_loads_and_the_other_is_refused(own: Own, tmp_path: Path) -> None:
    hosts = read_account(own.option_file()).hosts
    loaders = []
    for at, host in enumerate(hosts[:2]):
        write_part(tmp_path / f"parts{at}", simulate(1500))
        others = ",".join([host, *(each for each in hosts if each != host)])
        loaders.append(start(tmp_path / f"parts{at}", own.option_file(hosts=others), "--max-rate=500"))
    one, other = sorted(map(ended, loaders), key=lambda each: each.code)
    assert (one.code, other.code) == (0, LockedError.exit), one.stderr + other.stderr
    assert counts(one.json()) == {"inserted": 1500}
    who = f"being loaded by {getpass.getuser()} (process "
    for word in (who, f"on {socket.gethostname()}: run {RUN}, since 20", "s ago. Wait for its end"):
        assert word in other.stderr
    assert "Traceback" not in other.stderr
    for at in (0, 1):
        assert counts(run(tmp_path / f"parts{at}", own.option_file()).json()) == {"unchanged": 1500}


@pytest.mark.parametrize(("silent", "taken"), [(STALE_SECONDS // 2, False), (STALE_SECONDS + 5, True)])
def test_a_lock_is_taken_over_when_its_loader_has_been_silent_for_long(
    own: Own, tmp_path: Path, silent: int, taken: bool
) -> None:
    account = read_account(own.option_file())
    with Node(account, account.hosts[1]) as node:
        Lock(account, "objects", "b" * 32, "another-run").take(node)
    own.sql(f"UPDATE farm_load SET heartbeat = UTC_TIMESTAMP(6) - INTERVAL {silent} SECOND")
    write_part(tmp_path / "parts", simulate(10))
    if taken:
        assert counts(load(tmp_path / "parts", own.option_file())) == {"inserted": 10}
    else:
        with pytest.raises(LockedError, match=rf"run another-run, since .* last heard of {silent}"):
            load(tmp_path / "parts", own.option_file())
        assert own.sql("SELECT COUNT(*) FROM objects") == "0"


def test_a_loader_that_lost_the_lock_commits_nothing_more(
    own: Own, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare, chunks = Ledger.prepare, []

    def lose_the_lock(*arguments: object) -> object:
        chunks.append(1)
        found = prepare(*arguments)  # type: ignore[arg-type]
        if len(chunks) == 2:
            own.sql("UPDATE farm_load SET holder = 'another' WHERE id = ''", "g2")
        return found

    monkeypatch.setattr("farm.load.pacing.MOST", 100)
    monkeypatch.setattr(Ledger, "prepare", lose_the_lock)
    write_part(tmp_path / "parts", simulate(1000))
    with pytest.raises(LockedError, match="was taken over by another loader"):
        load(tmp_path / "parts", own.option_file())
    assert own.sql("SELECT COUNT(*) FROM objects") == "100"
    assert own.sql("SELECT holder FROM farm_load WHERE id = ''") == "another"


def test_the_heart_beats_while_nothing_is_merged(own: Own, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farm.load.lock.BEAT_SECONDS", 0.2)
    account = read_account(own.option_file())
    lock = Lock(account, "objects", "c" * 32, RUN)
    ask = "SELECT heartbeat > since + INTERVAL 700000 MICROSECOND FROM farm_load WHERE id = ''"
    with Node(account, account.hosts[0]) as node:
        lock.take(node)
    with lock.beating():
        for _ in range(100):
            if own.sql(ask) == "1":
                break
        else:
            raise AssertionError("no beat")
    assert own.sql("SELECT holder IS NULL FROM farm_load WHERE id = ''") == "1"


def test_a_second_process_on_the_same_parts_is_refused(own: Own, tmp_path: Path) -> None:
    write_part(tmp_path / "parts", simulate(1500))
    first = start(tmp_path / "parts", own.option_file(), "--max-rate=500")
    while own.sql("SELECT COUNT(*) FROM objects") == "0":
        assert first.poll() is None
    second = run(tmp_path / "parts", own.option_file())
    assert second.code == LockedError.exit
    assert "another process loads the parts in" in second.stderr
    assert counts(ended(first).json()) == {"inserted": 1500}


def test_a_database_without_the_lock_s_table_is_told_apart(own: Own, tmp_path: Path) -> None:
    write_part(tmp_path / "parts", simulate(1))
    own.sql("RENAME TABLE farm_load TO farm_load_away")
    try:
        with pytest.raises(GaleraError, match=r"farm_load.* or farm schema migrate makes it"):
            load(tmp_path / "parts", own.option_file())
    finally:
        own.sql("RENAME TABLE farm_load_away TO farm_load")
    assert own.sql("SELECT COUNT(*) FROM objects") == "0"
