"""Zwicky Transient Facility: its tables, and the 42 features of production's table ``objects``."""

from collections.abc import Mapping, Sequence
from typing import Any

from features.batch import single
from features.declare import Guard, Survey
from features.ztf import averages, colour, counts, latest, magnitudes, positions, slopes
from features.ztf.notes import DEVIATIONS, NOTES
from features.ztf.tables import CANDIDATES, FORCEDPHOT, INDEXES, KEY, NONCANDIDATES, ORDER

SURVEY = Survey(
    name="ztf",
    title="Zwicky Transient Facility",
    key=KEY,
    order=ORDER,
    families=(
        positions.position,
        positions.galactic,
        positions.htm,
        counts.detections,
        counts.times,
        counts.band_times,
        counts.good_detections,
        magnitudes.magnitudes,
        averages.moving_averages,
        slopes.slopes,
        colour.colour,
        latest.ps1,
        latest.solar_system,
    ),
    indexes=INDEXES,
    tables=(CANDIDATES, NONCANDIDATES, FORCEDPHOT),
    guard=Guard("jdmax", "ncand"),
    window=30,
    notes=NOTES,
    deviations=DEVIATIONS,
    zero_or_null=True,
)


def create_features(objectId: str, candlist: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803
    """The features of one object, for a pipeline that has its detections as dicts with the names of the alert packet.

    Rows may come in any order and are not changed; rows without a candid are no detections and are ignored. A key that
    a row lacks is not a null: of the columns whose latest value is a feature (sgmag1, srmag1, sgscore1, distpsnr1,
    ssnamenr) the latest row that has the key counts. Returns ``objectId`` and every feature by its name: float, int
    or str, None where missing. A list without detections gives a row too, with counts of zero and the rest None.
    """
    return single(SURVEY, objectId, candlist)
