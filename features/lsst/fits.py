"""Least-squares fits of a black body whose brightness rises exponentially, or rises and falls as Bazin's curve does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.curves import Floats, Ints
from features.lsst.bands import WAVELENGTH
from features.lsst.blackbody import planck

EVALUATIONS = 500
"""Calls of the model in one fit, at most."""
_TOLERANCE = 1.49012e-8
_WORST_EXPONENTIAL, _WORST_BAZIN = 0.35, 0.25
"""Share of the fluxes' sum of squares (about their mean) that an accepted fit may leave."""

Model = Callable[["Curve", Floats], Floats]


@dataclass(frozen=True)
class Curve:
    """One object's fluxes, n of each."""

    day: Floats
    """Since its first source."""
    band: Ints
    flux: Floats
    """Without extinction, nJy."""


@dataclass(frozen=True)
class Fit:
    """An accepted fit."""

    temperature: float
    """kK."""
    rise: float
    """Days^-1, as the next two."""
    fall: float | None
    """None: the exponential."""
    onset: float
    """Days since the first source."""
    amplitude: float
    information: float
    """Akaike's criterion, but for a constant: the less the better."""


@dataclass(frozen=True)
class Start:
    """Where a fit begins."""

    amplitude: float
    temperature: float
    onset: float
    rise: float
    fall: float


STARTS = (Start(100.0, 4.0, 6.0, 0.1, 0.01), Start(1000.0, 4.0, -5.0, 0.01, 0.01))


def exponential(curve: Curve, parameters: Floats) -> Floats:
    """A p(w, T) exp(k x); parameters A, T, k."""
    a, temperature, k = parameters
    result: Floats = a * planck(WAVELENGTH, temperature)[curve.band] * np.exp(k * curve.day)
    return result


def bazin(curve: Curve, parameters: Floats) -> Floats:
    """A p(w, T) exp(-kf v) / (1 + exp(-kr v)) with v = x - t0; parameters A, T, t0, kr, kf (Bazin et al. 2009)."""
    a, temperature, onset, rise, fall = parameters
    v = curve.day - onset
    falling = a * planck(WAVELENGTH, temperature)[curve.band] * np.exp(-fall * v)
    result: Floats = falling / (1 + np.exp(-rise * v))  # in the original's order: a fit may hang on the last bit
    return result


@dataclass(frozen=True)
class _Found:
    """Where a fit ended."""

    parameters: Floats
    covariance: NDArray[Any] | None
    unexplained: np.float64
    """Sum of squares that is left, by the one about the mean."""
    information: float


def _least_squares(model: Model, curve: Curve, start: list[float]) -> _Found | None:
    """MINPACK's lmdif, forward differences, no weights, no bounds. None without an end in EVALUATIONS, or of no use."""
    from scipy.optimize import leastsq

    def residual(parameters: Floats) -> Floats:
        return curve.flux - model(curve, parameters)

    parameters, covariance, told, _, _ = leastsq(
        residual, start, full_output=True, ftol=_TOLERANCE, xtol=_TOLERANCE, gtol=0.0, maxfev=EVALUATIONS, factor=100
    )
    left = np.sum(residual(parameters) ** 2)
    n = len(curve.flux)
    if told["nfev"] >= EVALUATIONS or left == 0:
        return None
    about_mean = np.sum((curve.flux - np.mean(curve.flux)) ** 2)
    return _Found(parameters, covariance, left / about_mean, float(n * np.log(left / n) + 2 * len(start)))


def fit_exponential(curve: Curve, start: Start) -> Fit | None:
    """None where it is not accepted; a comparison with NaN rejects nothing."""
    found = _least_squares(exponential, curve, [start.amplitude, start.temperature, start.rise - start.fall])
    if found is None or found.covariance is None:
        return None
    a, temperature, k = found.parameters.tolist()
    if found.unexplained > _WORST_EXPONENTIAL or k < 0 or k > 2 or 10 * np.sqrt(found.covariance[2, 2]) > k:
        return None
    return Fit(temperature, k, None, 0.0, a, found.information)


def fit_bazin(curve: Curve, start: Start) -> Fit | None:
    """None where it is not accepted; a comparison with NaN rejects nothing."""
    begin = [start.amplitude, start.temperature, start.onset, start.rise, start.fall]
    found = _least_squares(bazin, curve, begin)
    if found is None:
        return None
    a, temperature, onset, rise, fall = found.parameters.tolist()
    if found.unexplained > _WORST_BAZIN or rise < 0 or fall < 0 or rise > 15 or fall > 2:
        return None
    return Fit(temperature, rise, fall, onset, a, found.information)


def best_fit(curve: Curve, finite: bool) -> Fit | None:
    """The better one of the two models, from the first start at which either is accepted; ``finite``: only numbers."""
    for start in STARTS:
        rising, both = fit_exponential(curve, start), fit_bazin(curve, start)
        if finite:
            rising, both = _finite(rising), _finite(both)
        if rising and both:
            return rising if rising.information < both.information else both
        if rising or both:
            return rising or both
    return None


def _finite(fit: Fit | None) -> Fit | None:
    return fit if fit and np.isfinite([fit.information, fit.temperature, fit.rise]).all() else None


def peak(fit: Fit) -> tuple[float, float] | None:
    """When Bazin's curve is highest (days after its onset), and its flux in the brightest band there; None: never."""
    if fit.fall is None or fit.fall <= 0 or fit.fall >= fit.rise:
        return None
    v = -np.log(fit.fall / (fit.rise - fit.fall)) / fit.rise
    shape = np.exp(-fit.fall * v) / (1 + np.exp(-fit.rise * v))
    return float(v), float(fit.amplitude * np.max(planck(WAVELENGTH, fit.temperature)) * shape)
