"""The dust map, held to what astropy makes of the same files: its galactic frame, and its projection by the header."""

import re
from pathlib import Path

import dust_map
import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from features.dust import NORTH, SOUTH, DustMap
from features.errors import InputError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dust_map.write(tmp_path_factory.mktemp("dust"))


def by_astropy(folder: Path, ra: float, dec: float) -> float:
    place = SkyCoord(ra * units.deg, dec * units.deg, frame="icrs").galactic
    with fits.open(folder / (NORTH if place.b >= 0 else SOUTH)) as file:
        x, y = WCS(file[0].header).world_to_pixel(place)
        return float(map_coordinates(file[0].data.astype(float), [[y], [x]], order=1, mode="nearest")[0])


@settings(deadline=None, max_examples=60)
@given(st.floats(0, 360), st.floats(-90, 90))
def test_everywhere_as_astropy_has_it(folder: Path, ra: float, dec: float) -> None:
    (found,) = DustMap(folder).ebv(np.array([ra]), np.array([dec]))
    place = SkyCoord(ra * units.deg, dec * units.deg).galactic
    if abs(place.b.deg) < 1e-4:  # either hemisphere is right there
        return
    assert found == pytest.approx(by_astropy(folder, ra, dec), rel=1e-4)


def test_many_at_once_as_one_by_one_and_nothing_without_a_position(folder: Path) -> None:
    rng = np.random.default_rng(1)
    ra, dec = rng.uniform(0, 360, 50), np.degrees(np.arcsin(rng.uniform(-1, 1, 50)))
    ra[3], dec[7] = np.nan, np.inf
    dust = DustMap(folder)
    found = dust.ebv(ra, dec)
    alone = [float(dust.ebv(ra[at : at + 1], dec[at : at + 1])[0]) for at in range(50)]
    assert np.array_equal(found, alone, equal_nan=True)
    assert np.flatnonzero(np.isnan(found)).tolist() == [3, 7]
    assert np.array_equal(found, found.astype(np.float32), equal_nan=True)
    assert len(dust.ebv(np.empty(0), np.empty(0))) == 0


def test_poles_and_the_plane_are_inside(folder: Path) -> None:
    north, south = (SkyCoord(0, b, unit="deg", frame="galactic").icrs for b in (90, -90))
    plane = SkyCoord(np.arange(0, 360, 7.0), np.zeros(52), unit="deg", frame="galactic").icrs
    places = [*((each.ra.deg, each.dec.deg) for each in (north, south)), *zip(plane.ra.deg, plane.dec.deg, strict=True)]
    ra, dec = (np.array(each, float) for each in zip(*places, strict=True))
    assert np.isfinite(DustMap(folder).ebv(ra, dec)).all()


def test_a_folder_without_the_maps_and_files_that_are_none_are_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{re.escape(str(tmp_path / NORTH))} cannot be read .*put both maps there"):
        DustMap(tmp_path)
    (tmp_path / NORTH).write_bytes((folder / NORTH).read_bytes())
    for spoilt, why in (
        (b"\xff" * 5000, "is no FITS file"),
        (b"SIMPLE  =", "is no FITS file"),
        ((folder / NORTH).read_bytes(), "is not the map about galactic pole -1"),
        ((folder / SOUTH).read_bytes()[:9000], "is no dust map of this kind"),
    ):
        (tmp_path / SOUTH).write_bytes(spoilt)
        with pytest.raises(InputError, match=f"{SOUTH} {re.escape(why)}"):
            DustMap(tmp_path)
    plain = fits.PrimaryHDU(np.zeros((8, 8), np.float32))
    plain.writeto(tmp_path / SOUTH, overwrite=True)
    with pytest.raises(InputError, match="its header lacks 'LAM_NSGP'"):
        DustMap(tmp_path)
