"""Mining all the light curves: what a script of an astronomer's imports. Needs numpy alone.

    from features.mining import light_curve

    @light_curve(columns="jd magpsf fid")
    def brightest(curve):
        yield {"magnitude": curve["magpsf"].min(), "jd": curve["jd"][curve["magpsf"].argmin()]}

``light_curve`` marks a function of one light curve, ``batch`` one of many at once.
"""

from features.mining.declare import LightCurve, Miner, batch, light_curve

__all__ = ["LightCurve", "Miner", "batch", "light_curve"]
