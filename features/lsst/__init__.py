"""Rubin's Legacy Survey of Space and Time: its tables, and the 127 columns of Lasair's table ``objects``."""

from collections.abc import Mapping, Sequence
from typing import Any

from features.batch import single
from features.declare import Survey
from features.lsst import absolute, copied, counting, explosion, jump, latest, pairs, place
from features.lsst.notes import DEVIATIONS, NOTES
from features.lsst.outside import EXTERNAL
from features.lsst.tables import (
    FORCED_SOURCES,
    FOREIGN,
    GUARD,
    INDEXES,
    KEY,
    OBJECTS,
    ORDER,
    SOURCES,
)

SURVEY = Survey(
    name="lsst",
    title="Legacy Survey of Space and Time",
    key=KEY,
    order=ORDER,
    families=(
        copied.copied,
        counting.times,
        counting.reliability,
        counting.positive,
        counting.of_bands,
        latest.latest_flux,
        absolute.absolute_magnitude,
        explosion.explosion,
        place.galactic,
        place.htm,
        place.dust,
        jump.jump,
        pairs.pairs,
    ),
    indexes=INDEXES,
    tables=(SOURCES, FORCED_SOURCES, OBJECTS),
    guard=GUARD,
    window=None,
    notes=NOTES,
    deviations=DEVIATIONS,
    external=EXTERNAL,
    foreign=FOREIGN,
)


def create_features(
    diaObject: Mapping[str, Any],  # noqa: N803
    diaSources: Sequence[Mapping[str, Any]],  # noqa: N803
    diaForcedSources: Sequence[Mapping[str, Any]] | None = None,  # noqa: N803
    ebv: float | None = None,
    sherlock: Mapping[str, Any] | str | None = None,
    as_lasair: bool = False,
) -> dict[str, Any]:
    """The features of one object, for a pipeline that has an alert's parts as dicts with the names of the packet.

    ``ebv`` is E(B-V) in magnitudes, ``sherlock`` the first classification. Sources may come in any order and are not
    changed. Returns ``diaObjectId`` and every feature by its name: float, int or str, None where missing.
    """
    survey = SURVEY.with_originals() if as_lasair else SURVEY
    others = {OBJECTS.name: [diaObject], FORCED_SOURCES.name: diaForcedSources or ()}
    return single(survey, diaObject["diaObjectId"], diaSources, others, {"ebv": ebv, "sherlock": sherlock})
