"""Servers, workers and releases that are not there are named, with what to do; each test puts back what it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from command import Ended, farm
from light_curves import Seeded
from provisioning import answer

from farm import lab
from farm.errors import Exit

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]


@contextmanager
def stopped(service: str, *hosts: str) -> Iterator[None]:
    for host in hosts:
        answer(host, f"systemctl stop {service}")
    try:
        yield
    finally:
        for host in hosts:
            answer(host, f"systemctl start {service}")


def refused(ended: Ended, code: Exit, *said: str) -> None:
    assert ended.code == code, ended.stderr
    assert "Traceback" not in ended.stderr
    assert all(each in ended.stderr for each in said), ended.stderr


def test_an_unreachable_worker_is_named(seeded: Seeded) -> None:
    lab.cut("w3")
    try:
        refused(farm("rebuild", "--inventory", "lab"), Exit.UNREACHABLE, "w3", "198.18.77.13")
        listed = farm("workers", "--inventory", "lab")
        assert listed.code == Exit.UNREACHABLE
        assert "unreachable" in listed.stdout
        assert listed.stdout.count("ready") == 3
    finally:
        lab.heal("w3")
    assert farm("workers", "--inventory", "lab").code == Exit.OK


def test_a_wrong_host_key_is_refused_before_anything_is_sent(seeded: Seeded) -> None:
    lab.rekey("w2")
    try:
        refused(farm("rebuild", "--inventory", "lab"), Exit.HOST_KEY, "w2", "SHA256:")
    finally:
        lab.pin("w2")
    assert farm("workers", "--inventory", "lab").code == Exit.OK


def test_a_worker_without_a_current_release_is_named(seeded: Seeded) -> None:
    answer("w4", "mv /opt/farm/current /opt/farm/current.away")
    try:
        refused(farm("rebuild", "--inventory", "lab"), Exit.RELEASE, "w4", "provision.yml")
    finally:
        answer("w4", "mv /opt/farm/current.away /opt/farm/current")


def test_cassandra_that_is_not_there_is_said(seeded: Seeded) -> None:
    with stopped("cassandra", "c1"):
        refused(farm("rebuild", "--inventory", "lab"), Exit.CASSANDRA, "Cassandra", "198.18.77.21")
    for _ in range(30):  # it listens some seconds after its unit has started
        ended = farm("rebuild", "--inventory", "lab", "--dry-run")
        if ended.code == Exit.OK:
            break
        time.sleep(1)
    assert ended.code == Exit.OK, ended.stderr


def test_galera_that_is_not_there_is_said(seeded: Seeded) -> None:
    for node in ("g1", "g2", "g3"):
        lab.freeze(node)
    try:
        refused(farm("export", "--inventory", "lab", "--out", "/tmp/no.parquet"), Exit.GALERA, "Galera")
    finally:
        for node in ("g1", "g2", "g3"):
            lab.thaw(node)
