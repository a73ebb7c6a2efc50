"""Rows of LSST's tables from Rubin's alert packets, for whoever fills Cassandra.

A packet has its detection, earlier ones, forced photometry, and the object as it was known then. The names are those of
the tables but for the declination, ``dec`` there and ``decl`` here. What is no object's (a minor planet's) is left out.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from features.lsst.tables import FORCED_SOURCES, OBJECTS, SOURCES

ESSENTIAL = {
    SOURCES.name: ("band", "decl", "psfFlux", "psfFluxErr", "ra"),
    FORCED_SOURCES.name: ("band", "psfFlux"),
    OBJECTS.name: ("decl", "ra"),
}


def moment(packet: Mapping[str, Any]) -> float:
    mjd: float = packet["diaSource"]["midpointMjdTai"]
    return mjd


def rows(packet: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Table and row of all that a packet holds, its own detection after its history."""
    if packet["diaObject"] is None:
        return
    key = {OBJECTS.key.name: packet["diaObject"][OBJECTS.key.name]}
    yield OBJECTS.name, _renamed(packet["diaObject"])
    for each in (*(packet["prvDiaSources"] or ()), packet["diaSource"]):
        yield SOURCES.name, _renamed(each) | key
    for each in packet["prvDiaForcedSources"] or ():
        yield FORCED_SOURCES.name, _renamed(each) | key


def _renamed(record: Mapping[str, Any]) -> dict[str, Any]:
    return {"decl" if name == "dec" else name: value for name, value in record.items()}
