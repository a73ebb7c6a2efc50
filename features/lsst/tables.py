"""The tables of LSST as Lasair has them: names, types, order, keys."""

from features.declare import Column, Feature, Guard, Index, Table
from features.lsst.bands import BANDS
from features.lsst.sources import RUBIN


def _table(name: str, clustering: tuple[str, ...], **types: str) -> Table:
    """A table whose partition is an object: its key and then, as Cassandra has them, the others by their names."""
    told = {column: cql for cql, names in types.items() for column in names.split()}
    key = ("diaObjectId", *clustering)
    names = (*key, *sorted(told.keys() - {*key}))
    return Table(name, tuple(Column(each, told[each]) for each in names), ("diaObjectId",), clustering)


SOURCES = _table(
    "diaSources",
    ("midpointMjdTai", "diaSourceId"),
    ascii="band reliabilityVersion",
    bigint="diaObjectId diaSourceId parentDiaSourceId ssObjectId visit",
    boolean="""
        apFlux_flag apFlux_flag_apertureTruncated centroid_flag dipoleFitAttempted forced_PsfFlux_flag
        forced_PsfFlux_flag_edge forced_PsfFlux_flag_noGoodPixels glint_trail isDipole isNegative pixelFlags
        pixelFlags_bad pixelFlags_cr pixelFlags_crCenter pixelFlags_edge pixelFlags_injected pixelFlags_injectedCenter
        pixelFlags_injected_template pixelFlags_injected_templateCenter pixelFlags_interpolated
        pixelFlags_interpolatedCenter pixelFlags_nodata pixelFlags_nodataCenter pixelFlags_offimage
        pixelFlags_saturated pixelFlags_saturatedCenter pixelFlags_streak pixelFlags_streakCenter pixelFlags_suspect
        pixelFlags_suspectCenter psfFlux_flag psfFlux_flag_edge psfFlux_flag_noGoodPixels shape_flag
        shape_flag_no_pixels shape_flag_not_contained shape_flag_parent_source trail_flag trail_flag_edge
    """,
    double="decl midpointMjdTai ra timeProcessedMjdTai timeWithdrawnMjdTai trailDec trailRa",
    float="""
        apFlux apFluxErr decErr dipoleAngle dipoleChi2 dipoleFluxDiff dipoleFluxDiffErr dipoleLength dipoleMeanFlux
        dipoleMeanFluxErr exposureTime extendedness ixx ixxPSF ixy ixyPSF iyy iyyPSF psfChi2 psfFlux psfFluxErr psfLnL
        raErr ra_dec_Cov reliability scienceFlux scienceFluxErr snr templateFlux templateFluxErr trailAngle
        trailAngleErr trailChi2 trailDecErr trailFlux trailFluxErr trailLength trailLengthErr trailRaErr x xErr y yErr
    """,
    int="bboxSize detector dipoleNdata psfNdata trailAlgorithm trailNdata",
)

FORCED_SOURCES = _table(
    "diaForcedSources",
    ("midpointMjdTai",),
    ascii="band",
    bigint="diaForcedSourceId diaObjectId visit",
    double="decl midpointMjdTai ra timeProcessedMjdTai timeWithdrawnMjdTai",
    float="psfFlux psfFluxErr scienceFlux scienceFluxErr",
    int="detector",
)

_MEANS = """
    psfFluxMean psfFluxMeanErr psfFluxSigma fpFluxMean fpFluxMeanErr scienceFluxMean scienceFluxMeanErr psfFluxMin
    psfFluxMax psfFluxMaxSlope psfFluxErrMean
"""

OBJECTS = _table(
    "diaObjects",
    (),
    bigint="diaObjectId",
    double="decl firstDiaSourceMjdTai lastDiaSourceMjdTai ra validityStartMjdTai",
    float=" ".join(["decErr raErr ra_dec_Cov", *(f"{band}_{name}" for band in BANDS for name in _MEANS.split())]),
    int=" ".join(["nDiaSources", *(f"{band}_psfFluxNdata" for band in BANDS)]),
)

KEY = Feature("diaObjectId", "bigint", "", "never", "Number of the object.", RUBIN, default="NOT NULL")

FOREIGN = (
    Feature("tns_name", "varchar(16)", "", "not in TNS", "Name in TNS.", "Lasair's TNS watchlist"),
    Feature(
        "timestamp",
        "timestamp",
        "",
        "never",
        "When the row was last written.",
        "MariaDB",
        default="DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP",
    ),
)
"""Columns that are no features: a watchlist and the server fill them."""


def _each(*names: str) -> list[str]:
    """Columns a band, band by band."""
    return [f"{band}_{name}" for band in BANDS for name in names]


def _pair(which: str) -> list[str]:
    return [f"{which}Pair{name}" for name in ("MJD", "ColourMag", "ColourBands", "ColourTemp")]


ORDER = (
    *["ra", "decl", "lastDiaSourceMjdTai", "firstDiaSourceMjdTai", "latest_psfFlux"],
    *_each("psfFlux", "latestMJD", "psfFluxMean", "psfFluxMeanErr"),
    *["medianR", "latestR", "nDiaSources", "nPosDiaSources", "nPosDiaSourcesNights", "nSourcesGood"],
    *(f"n{band}Sources" for band in BANDS),
    *[
        "tns_name",
        "absMag",
        "absMagMJD",
        "BBBRiseRate",
        "BBBFallRate",
        "BBBTemp",
        "BBBPeakFlux",
        "BBBPeakMJD",
        "BBBPeakAbsMag",
    ],
    *["glat", "ebv", "jump1", "jump2"],
    *_pair("latest"),
    *_pair("penultimate"),
    *["htm16", "timestamp", "validityStartMjdTai", "raErr", "decErr", "ra_dec_Cov"],
    *_each("psfFluxSigma", "psfFluxNdata", "fpFluxMean", "fpFluxMeanErr"),
    *_each("scienceFluxMean", "scienceFluxMeanErr"),
    *_each("psfFluxMin", "psfFluxMax", "psfFluxMaxSlope", "psfFluxErrMean"),
)

INDEXES = (Index("htmid16idx", ("htm16",)),)

GUARD = Guard(time="lastDiaSourceMjdTai", count=None)
