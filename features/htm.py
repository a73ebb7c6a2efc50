"""Hierarchical Triangular Mesh: the id of the triangle that holds a position."""

import numpy as np

from features.curves import Floats, Ints

_NEXT, _OTHER = [1, 2, 0], [2, 0, 1]


def htm_id(ra: Floats, dec: Floats, level: int) -> Ints:
    """HTM id of each position (degrees, finite): root 8 to 15, then two bits a level, child 3 in the middle.

    The position is carried as its coefficients in the three unit vectors of its triangle, p = a0 v0 + a1 v1 + a2 v2,
    and the triangle as the cosines between these. With the midpoints v0 + v1 and v0 + v2 for the other two vertices,
    p = (a0 - a1 - a2) v0 + a1 (v0 + v1) + a2 (v0 + v2): it lies in the corner of v0 when a0 >= a1 + a2. A child's
    vertices are unit vectors again, so the coefficient of a midpoint is multiplied by the midpoint's length.
    """
    a, d = np.radians(ra), np.radians(dec)
    x, y, z = np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)
    quadrant = np.where(y > 0, np.where(x > 0, 0, 1), np.where(y < 0, np.where(x < 0, 2, 3), np.where(x >= 0, 0, 2)))
    # S0 to S3 (8 to 11) go eastward from RA 0, N0 to N3 (12 to 15) westward. The first vertex of an even root lies on
    # the x axis, of an odd one on the y axis; the second is the pole. A root's vertices are orthogonal.
    index = np.where(z < 0, 8 + quadrant, 15 - quadrant)
    odd = (index & 1).astype(bool)
    x, y = np.where(odd, np.abs(y), np.abs(x)), np.where(odd, np.abs(x), np.abs(y))
    weight = np.stack((x, np.abs(z), y))
    cosine = np.zeros_like(weight)
    first = np.zeros_like(index)
    for _ in range(level):
        slot, weight, cosine = _descend(weight, cosine)
        child = np.where(slot == 3, 3, (slot - first) % 3)
        first = np.where(slot == 3, first, slot)
        index = 4 * index + child
    return index


def _descend(weight: Floats, cosine: Floats) -> tuple[Ints, Floats, Floats]:
    """One level down: the corner that holds the position (3: the middle), the child's coefficients and cosines (3, n).

    cosine[i] is that of the angle between the two vertices other than i, and length[i] the length of their sum. In
    corner i vertex i stays and each other one moves halfway to it; in the middle each becomes the midpoint opposite.
    So the mesh's first vertex of a child is in place i, its second in place i + 1, its third in i + 2 (modulo 3).
    """
    length = np.sqrt(2 + 2 * cosine)
    next_length, other_length = length[_NEXT], length[_OTHER]
    opposite = weight[_NEXT] + weight[_OTHER]
    corner = weight >= opposite
    corner[1] &= ~corner[0]
    corner[2] &= ~(corner[0] | corner[1])
    middle = ~(corner[0] | corner[1] | corner[2])
    slot = np.where(middle, 3, corner[1] + 2 * corner[2])
    between = (1 + cosine[0] + cosine[1] + cosine[2]) / (next_length * other_length)
    moved = weight * np.where(corner[_NEXT], other_length, next_length)
    weight = np.where(middle, (opposite - weight) * (length / 2), np.where(corner, weight - opposite, moved))
    return slot, weight, np.where(corner | middle, between, length / 2)
