"""HTM ids against an independent library."""

import numpy as np
import pytest
import reference
from lsst.sphgeom import HtmPixelization, LonLat, UnitVector3d

from features.htm import _descend, htm_id


@pytest.mark.parametrize("level", [0, 1, 7, 16])
def test_ids_are_those_of_sphgeom_all_over_the_sky(level: int) -> None:
    draw = np.random.default_rng(level)
    ra, dec = draw.uniform(0, 360, 20_000), np.degrees(np.arcsin(draw.uniform(-1, 1, 20_000)))
    mesh = HtmPixelization(level)
    expected = [
        mesh.index(UnitVector3d(LonLat.fromDegrees(a, d))) for a, d in zip(ra.tolist(), dec.tolist(), strict=True)
    ]
    np.testing.assert_array_equal(htm_id(ra, dec, level), expected)


@pytest.mark.parametrize("ra", [0.0, 45.0, 90.0, 135.0, 180.0, 270.0, 359.9999999999])
@pytest.mark.parametrize("dec", [-90.0, -45.0, 0.0, 35.264389682754654, 45.0, 90.0])
def test_a_position_on_an_edge_lies_in_its_triangle(ra: float, dec: float) -> None:
    index = int(htm_id(np.array([ra]), np.array([dec]), 16)[0])
    assert 8 << 32 <= index < 16 << 32
    assert reference.inside(reference.unit(ra, dec), reference.htm_triangle(index, 16)) > -1e-15


def test_no_positions_have_no_ids() -> None:
    assert htm_id(np.empty(0), np.empty(0), 16).tolist() == []


@pytest.mark.parametrize(("edge", "corner"), [((0, 1), 0), ((0, 2), 0), ((1, 2), 1)])
def test_the_middle_of_an_edge_belongs_to_one_corner(edge: tuple[int, int], corner: int) -> None:
    weight = np.zeros((3, 1))
    weight[list(edge)] = np.sqrt(0.5)
    slot, weight, _ = _descend(weight, np.zeros((3, 1)))
    assert slot.tolist() == [corner]
    expected = np.zeros((3, 1))
    expected[edge[1]] = 1  # the vertex that moved halfway to the corner is the position
    np.testing.assert_allclose(weight, expected, atol=1e-15)
