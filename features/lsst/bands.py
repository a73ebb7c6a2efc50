"""What the features share: the rows that have a flux, their bands, and the flux without the Galaxy's dust."""

from dataclasses import dataclass

import numpy as np

from features.curves import Floats, Ints, LightCurves, Segments, floats, null

NEEDS = "midpointMjdTai psfFlux band"
"""Columns that ``measured`` is made from."""
FORCED = "diaForcedSources"
FORCED_NEEDS = " ".join(f"{FORCED}.{name}" for name in NEEDS.split())
DUST = "given.ebv"

BANDS = "ugrizy"
WAVELENGTH = np.array([0.380, 0.500, 0.620, 0.740, 0.880, 1.000])
"""Micron, in the order of BANDS."""
ZERO_POINT = 31.4
"""AB magnitude of 1 nJy."""
_EXTINCTION = np.array([4.145, 3.237, 2.273, 1.684, 1.323, 1.088], np.float32)
"""Magnitudes of extinction a magnitude of E(B-V)."""


@dataclass(frozen=True)
class Measured:
    """The rows whose psfFlux is not null, in order; one that is NaN is among them."""

    segments: Segments
    rows: Ints
    """Their row numbers in the table."""
    time: Floats
    """midpointMjdTai."""
    flux: Floats
    """psfFlux, nJy."""
    band: Ints
    """Place in BANDS; -1 for a name that is none of these, such as Y."""

    def of_band(self, band: int) -> tuple[Segments, Ints]:
        """The rows of one band: their segments and where they are among the measured ones."""
        chosen = self.band == band
        return self.segments.subset(chosen), np.flatnonzero(chosen)


def measured(curves: LightCurves) -> Measured:
    """Needs ``NEEDS``."""
    there = ~null(curves.columns["psfFlux"])
    rows = np.flatnonzero(there)
    names = curves.text("band")[rows]
    band = np.full(len(rows), -1)
    for place, name in enumerate(BANDS):
        band[names == name] = place
    return Measured(
        curves.segments.subset(there), rows, curves.real("midpointMjdTai")[rows], curves.real("psfFlux")[rows], band
    )


def exponents(ebv: Floats) -> Floats:
    """k E(B-V) / 2.5, a row of the bands an object: in single precision, in which the dust map is; moves 1e-8."""
    return (ebv.astype(np.float32)[:, None] * _EXTINCTION / np.float32(2.5)).astype(np.float64)


def dereddened(ebv: Floats, found: Measured) -> Floats:
    """The flux without extinction by the Galaxy's dust, F 10^(k E(B-V) / 2.5), a value a row.

    NaN where ``ebv`` or the band is missing.
    """
    factor = np.column_stack([10.0 ** exponents(ebv), np.full(len(ebv), np.nan)])
    owner = np.repeat(np.arange(len(ebv)), found.segments.count)
    result: Floats = found.flux * factor[owner, found.band]
    return result


def source_flux(curves: LightCurves) -> Floats:
    """``dereddened`` of the sources. Needs ``NEEDS`` and ``DUST``."""
    return dereddened(floats(curves.given["ebv"]), curves.once(measured))


def source_flux_as_lasair(curves: LightCurves) -> Floats:
    """As Lasair has it: without a value there is no dust."""
    return dereddened(np.nan_to_num(floats(curves.given["ebv"])), curves.once(measured))
