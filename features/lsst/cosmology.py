"""Distances in the cosmology of the original: H0 70, matter 0.3, dark energy 0.7, and radiation."""

import numpy as np

_LIGHT, _HUBBLE = 299792.458, 70.0
"""km/s, and km/s/Mpc."""
_MATTER, _VACUUM, _RADIATION = 0.3, 0.7, 4.165e-5 / 0.49
_CURVATURE = 1 - _MATTER - _VACUUM - _RADIATION
_STEPS = 1000


def distance_modulus(z: float) -> float:
    """5 log10(d / 10 pc) of the luminosity distance d at redshift ``z``; NaN where z is not finite or not positive.

    The integral over the scale factor is a sum of 1,000 midpoints (Wright 2006, A Cosmology Calculator).
    """
    if not 0 < z < np.inf:
        return float("nan")
    least = 1 / (1 + z)
    scale = least + (1 - least) * (np.arange(_STEPS) + 0.5) / _STEPS
    root = np.sqrt(_CURVATURE + _MATTER / scale + _RADIATION / scale**2 + _VACUUM * scale**2)
    comoving = (1 - least) / _STEPS * np.sum(1 / (scale * root))
    x = np.sqrt(abs(_CURVATURE)) * comoving
    bent = np.sin(x) / x if x > 0.1 else 1 - x**2 / 6 + x**4 / 120
    with np.errstate(divide="ignore"):
        modulus = 5 * np.log10(_LIGHT / _HUBBLE * bent * comoving * (1 + z) * 1e6) - 5
    return float(modulus) if np.isfinite(modulus) else float("nan")


def magnitudes_of_stretch(z: float) -> float:
    """The K term, 2.5 log10(1 + z): a spectrum seen through a band that is narrower at the source."""
    return float(2.5 * np.log10(1 + z))
