"""Dust maps for tests: both hemispheres laid out as the real ones are, small, with values that tell where they are."""

from pathlib import Path

import numpy as np
from astropy.io import fits

from features.dust import NORTH, SOUTH

SIZE = 64


def write(folder: Path, size: int = SIZE) -> Path:
    """Both maps: smooth, everywhere above 0, another one each."""
    folder.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[:size, :size] / size
    for name, pole, values in ((NORTH, 1, 0.02 + 0.3 * x + 0.1 * y * y), (SOUTH, -1, 0.05 + 0.2 * y + 0.15 * x * x)):
        hemisphere(folder / name, pole, values)
    return folder


def hemisphere(path: Path, pole: int, values: "np.ndarray[tuple[int, int], np.dtype[np.float64]]") -> None:
    """A map whose pixels are ``values``, with the header of the real ones."""
    made = fits.PrimaryHDU(values.astype(np.float32))
    size = values.shape[0]
    made.header.update(
        CTYPE1="GLON-ZEA",
        CTYPE2="GLAT-ZEA",
        CRPIX1=size / 2 + 0.5,
        CRPIX2=size / 2 + 0.5,
        CRVAL1=90.0,
        CRVAL2=90.0 * pole,
        LONPOLE=180.0,
        CD1_1=-180 / np.pi * np.sqrt(2) / (size / 2),
        CD1_2=0.0,
        CD2_1=0.0,
        CD2_2=180 / np.pi * np.sqrt(2) / (size / 2),
        LAM_NSGP=pole,
        LAM_SCAL=size // 2,
    )
    made.writeto(path, overwrite=True)
