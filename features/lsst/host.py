"""What Sherlock says of an object's surroundings: whether it can be a transient, and how far it is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.curves import Bools, Floats, LightCurves, texts
from features.lsst.cosmology import distance_modulus, magnitudes_of_stretch

SHERLOCK = "given.sherlock"
_TRANSIENT = ("SN", "NT", "ORPHAN")


@dataclass(frozen=True)
class Hosts:
    """A value an object."""

    transient: Bools
    """Whether there is a classification, and it is SN, NT or ORPHAN."""
    modulus: Floats
    """Magnitudes between apparent and absolute: by best_distance, or else by the redshift with its K term; or NaN."""
    z: Floats
    """The host's redshift, or NaN."""


def hosts(curves: LightCurves) -> Hosts:
    """Redshift z or, where that is 0 or no number, photoZ. Needs SHERLOCK: JSON or a mapping; None or null: none.

    Raises ValueError or TypeError for what is neither.
    """
    return _hosts(curves, _redshift)


def hosts_as_lasair(curves: LightCurves) -> Hosts:
    """Redshift z if there is such a key, or else ``photoz``, a key that Sherlock never writes."""
    return _hosts(curves, lambda told: told["z"] if "z" in told else told.get("photoz"))


def _hosts(curves: LightCurves, redshift: Any) -> Hosts:
    told_of = texts(curves.given["sherlock"])
    transient, modulus, z = np.zeros(len(told_of), bool), np.full(len(told_of), np.nan), np.full(len(told_of), np.nan)
    for place in np.flatnonzero(told_of != np.array(None)).tolist():
        told = _told(told_of[place])
        if told.get("classification") in _TRANSIENT:
            transient[place] = True
            z[place] = _number(redshift(told))
            modulus[place] = _modulus(_number(told.get("best_distance")), z[place])
    return Hosts(transient, modulus, z)


def _told(given: Any) -> Mapping[str, Any]:
    """The classification; an empty one where it is JSON's null."""
    try:
        told = given if isinstance(given, Mapping) else json.loads(given)
    except ValueError:
        told = False
    if told is not None and not isinstance(told, Mapping):
        raise ValueError(f"Sherlock's classification is {given!r}, and should be one JSON object, or null")
    return told or {}


def _redshift(told: Mapping[str, Any]) -> Any:
    z = told.get("z")
    return z if z and not np.isnan(_number(z)) else told.get("photoZ")


def _number(told: Any) -> float:
    return float("nan") if told is None else float(told)


def _modulus(megaparsec: float, z: float) -> float:
    if np.isnan(megaparsec):
        return distance_modulus(z) - (magnitudes_of_stretch(z) if z > 0 else 0.0)
    return 5 * float(np.log10(1e6 * megaparsec)) - 5 if megaparsec > 0 else float("nan")
