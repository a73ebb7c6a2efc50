"""What the latest detection says about its neighbourhood: Pan-STARRS1 and the solar system."""

from features.curves import LightCurves, floats, texts
from features.declare import Feature, FeatureArrays, family
from features.ztf.sources import PACKET

_NULL = "null in the latest detection"


@family(
    Feature("sgmag1", "float", "mag", _NULL, "g of the nearest PS1 source; -999 stays.", PACKET),
    Feature("srmag1", "float", "mag", _NULL, "r of the nearest PS1 source; -999 stays.", PACKET),
    Feature(
        "sgscore1", "float", "", _NULL, "Star (1) or galaxy (0) score of the nearest PS1 source; -999 stays.", PACKET
    ),
    Feature("distpsnr1", "float", "arcsec", _NULL, "Distance of the nearest PS1 source; -999 stays.", PACKET),
    needs="sgmag1 srmag1 sgscore1 distpsnr1",
)
def ps1(curves: LightCurves) -> FeatureArrays:
    return [floats(curves.latest(name)) for name in ("sgmag1", "srmag1", "sgscore1", "distpsnr1")]


@family(
    Feature(
        "ssnamenr",
        "varchar(16)",
        "",
        "null, or the text null, in the latest detection",
        "Name of the nearest known solar system object.",
        PACKET,
    ),
    needs="ssnamenr",
)
def solar_system(curves: LightCurves) -> FeatureArrays:
    name = texts(curves.latest("ssnamenr")).copy()
    name[name == "null"] = None
    return (name,)
