from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from labelbeam.schemas.neutral import Ring
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.geometry.rings import boxes_overlap, clip_ring, ring_area, ring_boxes, simplify_rings
from labelbeam.transforms.geometry.rle import GeometryError, runs_of_mask
from labelbeam.transforms.geometry.trace import trace

# pycocotools 2.0.11 predates numpy 2's __array__(copy=...).
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

WIDTH, HEIGHT = 16, 12


def ring(*corners: tuple[float, float]) -> Ring:
    return np.array(corners, np.float64).reshape(-1, 2)


def square(left: float, top: float, side: float) -> Ring:
    return ring((left, top), (left + side, top), (left + side, top + side), (left, top + side))


def as_lists(rings: list[Ring]) -> list[list[list[float]]]:
    return [each.tolist() for each in rings]


def coco_rasters(rings: list[Ring]) -> np.ndarray:
    rles = coco_mask.frPyObjects([each.ravel() for each in rings], HEIGHT, WIDTH)
    return np.array([coco_mask.decode(rle) for rle in rles]).astype(bool)


def covers(corners: Ring, points: np.ndarray) -> np.ndarray:
    """Even-odd test of points, by the edges that cross the ray to their right."""
    x, y = points[:, None].transpose(2, 0, 1)
    (x0, y0), (x1, y1) = corners.T, np.roll(corners, -1, axis=0).T
    spans = (y0 <= y) != (y1 <= y)
    crossing = x0 + (y - y0) * (x1 - x0) / np.where(spans, y1 - y0, 1)
    return (spans & (x < crossing)).sum(axis=1) % 2 == 1


# No line through whole-numbered corners within 60 pixels passes nearer than 1e-7 to these points.
INNER_POINTS = np.stack(np.meshgrid(np.arange(WIDTH) + 0.37191, np.arange(HEIGHT) + 0.61129), axis=-1).reshape(-1, 2)

wild_rings = st.lists(st.tuples(st.integers(-15, 35), st.integers(-15, 30)), min_size=3, max_size=9).map(
    lambda corners: ring(*corners)
)
inner_rings = st.lists(st.tuples(st.floats(0, WIDTH), st.floats(0, HEIGHT)), min_size=3, max_size=7).map(
    lambda corners: ring(*corners)
)


@settings(deadline=None, max_examples=300)
@given(wild_rings)
def test_clipped_ring_covers_what_the_ring_covers_inside(corners: Ring) -> None:
    clipped = clip_ring(corners, WIDTH, HEIGHT)
    inside = covers(corners, INNER_POINTS)
    if clipped is None:
        assert not inside.any()
        return
    assert (clipped >= 0).all() and (clipped <= (WIDTH, HEIGHT)).all()
    assert len(clipped) >= 3
    if clipped is not corners:
        assert (clipped != np.roll(clipped, 1, axis=0)).any(axis=1).all()
    assert (covers(clipped, INNER_POINTS) == inside).all()


@settings(deadline=None)
@given(wild_rings)
def test_clipping_twice_changes_nothing_more(corners: Ring) -> None:
    once = clip_ring(corners, WIDTH, HEIGHT)
    if once is not None:
        assert clip_ring(once, WIDTH, HEIGHT) is once


def test_ring_inside_is_returned_as_it_is() -> None:
    whole = ring((0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT))
    assert clip_ring(whole, WIDTH, HEIGHT) is whole


def test_clipping_keeps_the_slope_of_edges_where_clamping_would_not() -> None:
    clipped = clip_ring(ring((8, 2), (24, 6), (8, 10)), WIDTH, HEIGHT)
    assert clipped is not None
    assert clipped.tolist() == [[8, 2], [16, 4], [16, 8], [8, 10]]


def test_ring_around_the_image_becomes_the_image() -> None:
    clipped = clip_ring(ring((-50, -50), (90, -50), (90, 90), (-50, 90)), WIDTH, HEIGHT)
    assert clipped is not None
    assert ring_area(clipped) == WIDTH * HEIGHT


@pytest.mark.parametrize(
    "corners",
    [
        square(20, 3, 5),
        square(-5, 3, 5),
        square(WIDTH, HEIGHT, 5),
        ring((3, 3), (9, 9)),
        ring((3, 3), (9, 9), (12, 12), (5, 5)),
        ring((3, 3), (3, 3), (3, 3)),
        ring((-4, 2), (1e-4, 2), (-4, 2.001)),
        ring((2, 2), (9, 4), (5, 9), (9, 4)),
        ring(),
    ],
)
def test_nothing_is_left_of_a_ring_without_area_inside(corners: Ring) -> None:
    assert clip_ring(corners, WIDTH, HEIGHT) is None


@pytest.mark.parametrize(
    "corners",
    [
        ring((2, 2), (10, 10), (10, 2), (2, 10)),
        ring((2, 2), (10, 10), (2, 10), (10, 2)),
        # In one quarter of its box, for a spike.
        ring((0, 0), (6, 6), (6, 0), (0, 6), (0, 0), (12, 12)),
    ],
)
def test_bow_tie_encloses_area_although_its_shoelace_sum_is_zero(corners: Ring) -> None:
    assert ring_area(corners) == 0
    assert clip_ring(corners, WIDTH, HEIGHT) is corners


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e300])
def test_ring_of_impossible_coordinates_is_not_clipped(value: float) -> None:
    with pytest.raises(GeometryError, match=r"corner 1 of a ring of 3 is \(3\.0, ") as caught:
        clip_ring(ring((1, 1), (3, value), (5, 5)), WIDTH, HEIGHT)
    assert caught.value.code is Rejected.INVALID_POLYGON


def test_far_corner_is_clipped_without_loss_near_by() -> None:
    clipped = clip_ring(ring((4, 3), (4 + 1e12, 3), (4 + 1e12, 3 + 1e12)), WIDTH, HEIGHT)
    assert clipped is not None
    assert clipped.tolist() == [[4, 3], [16, 3], [16, 12], [13, 12]]


def random_outlines(seed: int) -> list[Ring]:
    rng = np.random.default_rng(seed)
    mask = rng.random((14, 18)).repeat(3, axis=0).repeat(3, axis=1) < 0.5
    return trace(runs_of_mask(mask), *mask.shape)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(4, 600))
def test_simplified_rings_keep_to_the_number_of_points(seed: int, max_points: int) -> None:
    rings = random_outlines(seed)
    simple = simplify_rings(rings, max_points)
    total = sum(map(len, simple))
    assert 3 <= total <= max_points
    assert min(map(len, simple)) >= 3
    # No more is removed than has to be, unless rings had to be dropped.
    if 3 * len(rings) <= max_points:
        assert len(simple) == len(rings)
        assert total == min(max_points, sum(map(len, rings)))
    assert as_lists(simple) == as_lists(simplify_rings(rings, max_points))
    corners = {tuple(corner) for each in rings for corner in each.tolist()}
    assert corners.issuperset(tuple(corner) for each in simple for corner in each.tolist())


def visvalingam(corners: Ring, most: int) -> list[list[float]]:
    """The method as it is described: look at all corners each time."""
    kept = list(range(len(corners)))

    def triangle(at: int) -> float:
        return ring_area(corners[[kept[at - 1], kept[at], kept[(at + 1) % len(kept)]]])

    cost = [triangle(at) for at in range(len(kept))]
    while len(kept) > most:
        at = cost.index(min(cost))
        area = cost.pop(at)
        kept.pop(at)
        for neighbour in (at - 1, at % len(kept)):
            cost[neighbour] = max(area, triangle(neighbour))
    return corners[kept].tolist()


@settings(deadline=None)
@given(wild_rings, st.integers(4, 8))
def test_simplified_ring_is_that_of_the_method_done_by_hand(corners: Ring, most: int) -> None:
    assert simplify_rings([corners], most)[0].tolist() == visvalingam(corners, most)


def test_few_enough_points_are_left_alone() -> None:
    rings = [square(1, 1, 3), square(5, 5, 3)]
    assert simplify_rings(rings, 8) is rings


def test_corners_on_a_straight_line_go_first_then_the_smallest_notch() -> None:
    notched = ring((0, 0), (4, 0), (10, 0), (10, 4), (9, 5), (10, 6), (10, 10), (5, 9), (0, 10))
    assert simplify_rings([notched], 8)[0].tolist() == np.delete(notched, 1, axis=0).tolist()
    assert simplify_rings([notched], 5)[0].tolist() == [[0, 0], [10, 0], [10, 10], [5, 9], [0, 10]]


def test_the_earlier_of_equal_corners_goes_first() -> None:
    assert simplify_rings([square(0, 0, 4), square(6, 0, 4)], 7)[0].tolist() == [[4, 0], [4, 4], [0, 4]]


def test_points_are_saved_where_they_matter_least_over_all_rings() -> None:
    octagon = ring((3, 0), (6, 0), (9, 3), (9, 6), (6, 9), (3, 9), (0, 6), (0, 3))
    large, small = simplify_rings([10 * octagon, octagon], 12)
    assert (len(large), len(small)) == (8, 4)


def test_smallest_rings_are_dropped_when_three_corners_each_are_too_many() -> None:
    rings = [square(0, 0, 2), square(5, 0, 4), square(0, 5, 1), square(5, 6, 5)]
    assert [ring_area(each) for each in simplify_rings(rings, 8)] == [16, 25]
    assert as_lists(simplify_rings(rings, 4)) == as_lists([rings[3]])


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_smooth_outline_keeps_its_area_at_a_quarter_of_its_corners(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:120, :160]
    mask = sum(
        np.hypot(x - rng.uniform(30, 130), y - rng.uniform(30, 90)) < rng.uniform(12, 30) for _ in range(4)
    ).astype(bool)
    rings = trace(runs_of_mask(mask), *mask.shape)
    simple = simplify_rings(rings, sum(map(len, rings)) // 4)
    assert abs(sum(map(ring_area, simple)) / sum(map(ring_area, rings)) - 1) < 0.05


def test_area_is_exact_far_from_the_origin_and_in_both_directions() -> None:
    assert ring_area(square(1e9, 1e9, 0.5)) == 0.25
    assert ring_area(square(1e9, 1e9, 0.5)[::-1]) == 0.25
    assert ring_area(ring((1, 1), (2, 2))) == 0


@given(st.lists(inner_rings, min_size=1, max_size=6))
def test_a_ring_lies_in_its_box(rings: list[Ring]) -> None:
    boxes = ring_boxes(np.cumsum([0, *map(len, rings)]), np.concatenate(rings))
    assert boxes.tolist() == [[*each.min(axis=0), *each.max(axis=0)] for each in rings]


@pytest.mark.parametrize("pairs", [1, 5, 2**18])
def test_boxes_of_one_object_are_compared_with_each_other_alone(pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelbeam.transforms.geometry.rings._PAIRS", pairs)
    boxes = np.array([(0, 0, 4, 4), (4, 0, 8, 4), (3, 3, 5, 5), (0, 0, 4, 4), (1, 1, 2, 2), (9, 9, 10, 10)])
    # Boxes that touch do not overlap; of more rings than are compared it is taken for granted.
    starts, counts = np.array([0, 0, 3, 1, 0]), np.array([2, 3, 1, 2, 4])
    assert boxes_overlap(boxes, starts, counts, 3).tolist() == [False, True, False, True, True]
