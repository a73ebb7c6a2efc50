"""E(B-V) by the dust maps of Schlegel, Finkbeiner & Davis (1998, ApJ 500, 525), from their two FITS files."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.errors import InputError

NORTH, SOUTH = "SFD_dust_4096_ngp.fits", "SFD_dust_4096_sgp.fits"
"""A galactic hemisphere each, by the names that the authors gave them."""
_POLE_RA, _POLE_DEC, _NODE = np.radians([192.85948, 27.12825, 122.93192])
"""The north galactic pole (J2000), and the galactic longitude of the celestial one."""
_BLOCK, _CARD = 2880, 80

Floats = NDArray[np.float64]


class DustMap:
    """Both hemispheres, mapped into memory: the slots of a worker share what they read of them."""

    def __init__(self, folder: Path) -> None:
        """Raises InputError where a file is missing or is no such map."""
        self._north, self._south = _Hemisphere(folder / NORTH, 1), _Hemisphere(folder / SOUTH, -1)

    def ebv(self, ra: Floats, dec: Floats) -> Floats:
        """E(B-V) in magnitudes, as the map has it (no rescaling), bilinear between four pixels.

        ``ra`` and ``dec``: n positions in degrees, ICRS. NaN where the position is none; float64 of single precision.
        """
        found = np.full(len(ra), np.nan)
        known = np.isfinite(ra) & np.isfinite(dec)
        longitude, sine = galactic(ra[known], dec[known])
        north = sine >= 0
        values = np.empty(len(sine), np.float32)
        for chosen, hemisphere in ((north, self._north), (~north, self._south)):
            values[chosen] = hemisphere.at(longitude[chosen], sine[chosen])
        found[known] = values
        return found


def galactic(ra: Floats, dec: Floats) -> tuple[Floats, Floats]:
    """Galactic longitude in radians and the sine of the latitude, of positions in degrees."""
    turned, height = np.radians(ra) - _POLE_RA, np.radians(dec)
    sine = np.sin(height) * np.sin(_POLE_DEC) + np.cos(height) * np.cos(_POLE_DEC) * np.cos(turned)
    across = np.cos(height) * np.sin(turned)
    along = np.sin(height) * np.cos(_POLE_DEC) - np.cos(height) * np.sin(_POLE_DEC) * np.cos(turned)
    return _NODE - np.arctan2(across, along), np.clip(sine, -1, 1)


class _Hemisphere:
    """Lambert's zenithal equal-area projection about a pole (the paper's appendix C)."""

    def __init__(self, path: Path, pole: int) -> None:
        header, start = _header(path)
        try:
            shape = int(header["NAXIS2"]), int(header["NAXIS1"])
            plain = header["BITPIX"] == "-32" and header["NAXIS"] == "2" and "BSCALE" not in header
            about = int(float(header["LAM_NSGP"]))
            self._pole, self._scale = pole, float(header["LAM_SCAL"])
            self._x, self._y = float(header["CRPIX1"]) - 1, float(header["CRPIX2"]) - 1
            self._map = np.memmap(path, ">f4", "r", start, shape)
        except KeyError as error:
            raise InputError(f"{path} is no dust map of this kind: its header lacks {error}") from None
        except (OSError, ValueError) as error:
            raise InputError(f"{path} is no dust map of this kind: {error}") from None
        if not plain or about != pole:
            raise InputError(f"{path} is not the map about galactic pole {pole:+d} in single precision")

    def at(self, longitude: Floats, sine: Floats) -> NDArray[np.float32]:
        radius = self._scale * np.sqrt(1 - self._pole * sine)
        high, wide = self._map.shape
        x = np.clip(self._x + radius * np.cos(longitude), 0, wide - 1)
        y = np.clip(self._y - self._pole * radius * np.sin(longitude), 0, high - 1)
        left, low = np.minimum(x.astype(int), wide - 2), np.minimum(y.astype(int), high - 2)
        right, up = x - left, y - low
        lower = self._map[low, left] * (1 - right) + self._map[low, left + 1] * right
        upper = self._map[low + 1, left] * (1 - right) + self._map[low + 1, left + 1] * right
        return np.asarray(lower * (1 - up) + upper * up, np.float32)


def _header(path: Path) -> tuple[dict[str, str], int]:
    """The cards of a FITS file's first header, and where its data begin."""
    cards: dict[str, str] = {}
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                for at in range(0, len(block), _CARD):
                    card = block[at : at + _CARD].decode("ascii")
                    if card.strip() == "END":
                        return cards, file.tell()
                    name, equals, value = card.partition("=")
                    if equals:
                        cards[name.strip()] = value.partition("/")[0].strip()
    except OSError as error:
        raise InputError(f"the dust map {path} cannot be read ({error.strerror}): put both maps there") from None
    except UnicodeDecodeError:
        pass
    raise InputError(f"{path} is no FITS file")
