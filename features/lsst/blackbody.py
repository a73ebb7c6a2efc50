"""Planck's law, and the temperature at which it gives a ratio of two bands."""

import numpy as np

from features.curves import Floats

_HC_K = 14.387
"""hc/k in micron times kilokelvin."""
_START, _STEPS, _CLOSE = 12.0, 50, 0.001
"""Newton's method, in kilokelvin."""


def planck(wavelength: Floats, temperature: Floats | float) -> Floats:
    """Flux density of a black body, but for a constant; ``wavelength`` in micron, ``temperature`` in kK."""
    result: Floats = wavelength**-3 / (np.exp(_HC_K / (wavelength * temperature)) - 1)
    return result


def _slope(wavelength: Floats, temperature: Floats) -> Floats:
    """The derivative of ``planck`` by temperature; NaN where its terms are too large for a double."""
    x = _HC_K / (wavelength * temperature)
    power = np.exp(x)
    square = (power - 1) ** 2
    return np.where(np.isfinite(square), wavelength**-3 * (x / temperature) * power / square, np.nan)


def colour_temperature(bluer: Floats, redder: Floats, ratio: Floats) -> Floats:
    """The temperature (kK) at which the flux at ``bluer`` is ``ratio`` times that at ``redder`` (micron); n values.

    NaN where Newton's method from 12 kK leaves the positive temperatures or does not converge.
    """
    result = np.full(len(ratio), np.nan)
    at, going = np.full(len(ratio), _START), np.arange(len(ratio))
    for _ in range(_STEPS):
        w1, w2, r = bluer[going], redder[going], ratio[going]
        step = (planck(w1, at) - r * planck(w2, at)) / (_slope(w1, at) - r * _slope(w2, at))
        at = at - step
        close = np.abs(step) < _CLOSE
        result[going[close]] = at[close]
        on = ~close & (at >= 0)
        at, going = at[on], going[on]
    return result
