"""Charts draw the values that they are given, as SVG that no text can break out of."""

from __future__ import annotations

import itertools
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.report.charts import HEIGHT, WIDTH, bar, heat_map, histogram, scale, short

HOSTILE = '"><script>alert(1)</script>&'


def shapes(svg: str, kind: str) -> list[dict[str, str]]:
    return [element.attrib for element in ElementTree.fromstring(svg).iter() if element.tag == kind]


counts = st.lists(st.integers(0, 10**9), min_size=1, max_size=20)


@given(counts)
def test_bars_are_as_tall_as_their_counts_and_stay_inside(values: list[int]) -> None:
    bars = shapes(histogram("t", [str(number) for number in range(len(values))], {"train": values}), "rect")
    drawn = [value for value in values if value]
    assert len(bars) == len(drawn)
    for rect in bars:
        assert float(rect["x"]) >= 0 and float(rect["x"]) + float(rect["width"]) <= WIDTH
        assert float(rect["y"]) >= 0 and float(rect["y"]) + float(rect["height"]) <= HEIGHT
    most = max(values)
    for rect, value in zip(bars, drawn, strict=True):
        whole = max(float(rect["height"]) for rect in bars)
        assert float(rect["height"]) == pytest.approx(max(whole * value / most, 1), abs=0.6)


def test_series_are_stacked_in_their_order() -> None:
    below, above = shapes(histogram("t", ["a"], {"train": [30], "test": [10]}), "rect")
    assert (below["class"], above["class"]) == ("s0", "s1")
    assert float(above["y"]) + float(above["height"]) == pytest.approx(float(below["y"]), abs=0.2)
    assert float(below["height"]) == pytest.approx(3 * float(above["height"]), abs=0.3)


@given(st.integers(0, 10**12))
def test_an_axis_ends_at_the_largest_count_or_a_little_above(most: int) -> None:
    ticks = scale(most)
    steps = {high - low for low, high in itertools.pairwise(ticks)}
    assert ticks[0] == 0 and len(ticks) in (2, 3, 4) and len(steps) == 1
    assert most <= ticks[-1] < max(most, 1) + steps.pop()
    assert all(short(tick).rstrip("kMG").replace(".", "").isdigit() or "e" in short(tick) for tick in ticks)


def test_no_counts_and_no_bins_make_an_empty_chart() -> None:
    assert shapes(histogram("t", [], {}), "rect") == []
    assert shapes(histogram("t", ["a", "b"], {"train": [0, 0]}), "rect") == []


@given(st.lists(st.integers(0, 1000), min_size=9, max_size=9))
def test_cells_of_a_map_are_as_strong_as_their_counts(values: list[int]) -> None:
    cells = shapes(heat_map("t", values, 3), "rect")
    for number, (cell, value) in enumerate(zip(cells, values, strict=True)):
        row, column = divmod(number, 3)
        assert float(cell["x"]) / float(cell["width"]) == column and float(cell["y"]) / float(cell["height"]) == row
        assert float(cell["fill-opacity"]) == pytest.approx(value / max(*values, 1), abs=0.001)


@pytest.mark.parametrize(("share", "width"), [(0, "0%"), (0.25, "25%"), (1 / 3, "33.33%"), (2, "100%")])
def test_a_bar_is_as_long_as_its_share(share: float, width: str) -> None:
    (rect,) = shapes(bar(share, 1), "rect")
    assert rect["width"] == width


def test_text_stays_text() -> None:
    for svg in (histogram(HOSTILE, [HOSTILE], {HOSTILE: [1]}), heat_map(HOSTILE, [1], 1)):
        tags = {element.tag for element in ElementTree.fromstring(svg).iter()}
        assert tags <= {"svg", "line", "text", "rect", "title"}
        assert ElementTree.fromstring(svg).attrib["aria-label"] == HOSTILE
