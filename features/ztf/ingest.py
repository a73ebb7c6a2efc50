"""Rows of ZTF's tables from its alert packets and from files of alerts, for whoever fills Cassandra.

A packet has its detection, a history in which what has no candid is an upper limit, and, in newer ones, forced
photometry.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.htm import htm_id
from features.ztf.tables import CANDIDATES, FORCEDPHOT, NONCANDIDATES

Rows = dict[str, NDArray[Any]]

ESSENTIAL = {CANDIDATES.name: ("fid", "nid", "ra", "dec", "magpsf", "sigmapsf", "isdiffpos")}
"""What every detection has, also one of a packet's history."""


def moment(packet: Mapping[str, Any]) -> float:
    jd: float = packet["candidate"]["jd"]
    return jd


def rows(packet: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Table and row of all that a packet holds, its own detection after its history."""
    key = {CANDIDATES.key.name: packet["objectId"]}
    for each in packet["prv_candidates"] or ():
        yield (NONCANDIDATES if each.get("candid") is None else CANDIDATES).name, _lower(each) | key
    yield CANDIDATES.name, _lower(packet["candidate"]) | key
    for each in packet.get("fp_hists") or ():
        yield FORCEDPHOT.name, _lower(each) | key


def completed(table: str, rows: Rows) -> Rows:
    """Detections: rows with a candid, with the level-16 HTM id of their place."""
    if table != CANDIDATES.name:
        return rows
    detected = ~np.ma.getmaskarray(rows["candid"])
    kept = {name: values[detected] for name, values in rows.items()}
    nowhere = np.ma.getmaskarray(kept["ra"]) | np.ma.getmaskarray(kept["dec"])
    ids = htm_id(np.ma.getdata(kept["ra"]), np.ma.getdata(kept["dec"]), 16)
    return kept | {"htmid16": np.ma.array(ids, mask=nowhere)}


def _lower(record: Mapping[str, Any]) -> dict[str, Any]:
    """CQL's names of a packet's fields."""
    return {name.lower(): value for name, value in record.items()}
