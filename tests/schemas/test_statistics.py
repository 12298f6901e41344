"""Edges of histograms stand in order, so that each value has one bin."""

from __future__ import annotations

from itertools import pairwise

import pytest

from labelbeam.schemas.statistics import IMAGE_EDGES, OBJECT_EDGES, RATIO_EDGES, SIDE_EDGES, SplitStatistics


@pytest.mark.parametrize("edges", [OBJECT_EDGES, SIDE_EDGES, IMAGE_EDGES, RATIO_EDGES])
def test_edges_rise(edges: tuple[float, ...]) -> None:
    assert all(low < high for low, high in pairwise(edges)) and edges[0] > 0


def test_shapes_are_parted_alike_in_both_directions() -> None:
    assert [1 / edge for edge in RATIO_EDGES[::-1]] == pytest.approx(list(RATIO_EDGES))


def test_the_edges_of_coco_s_metrics_are_among_the_sizes() -> None:
    assert {32, 96} <= set(SIDE_EDGES)


def test_two_statistics_share_no_list() -> None:
    one, other = SplitStatistics(), SplitStatistics()
    one.box_sides.append(1)
    assert other.box_sides == []
