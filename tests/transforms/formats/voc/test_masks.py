import io
import struct
import time
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.formats.voc.masks import LARGEST_MASK, MaskError, pair, read_mask

INDICES = np.zeros((20, 30), np.uint8)
INDICES[2:8, 3:9] = 1
INDICES[10:18, 12:28] = 2
INDICES[9, 12:28] = 255


def png(indices: np.ndarray, mode: str = "P", **options) -> bytes:
    image = Image.fromarray(indices)
    if mode == "P":
        image = image.convert("L")
        image.putpalette([value for index in range(256) for value in (index, 255 - index, index * 7 % 256)])
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def error_of(data: bytes, size=None) -> MaskError:
    with pytest.raises(MaskError) as caught:
        read_mask(data, size)
    return caught.value


def header(width: int, height: int) -> bytes:
    ihdr = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n\0\0\0\r" + ihdr + struct.pack(">I", zlib.crc32(ihdr))


def fill(rings: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Even-odd fill of rectilinear rings, by crossings to the left of each pixel's centre."""
    inside = np.zeros(shape, bool)
    for ring in rings:
        for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            if x0 == x1:
                inside[int(min(y0, y1)) : int(max(y0, y1)), int(x0) :] ^= True
    return inside


@pytest.mark.parametrize("mode", ["P", "L"])
def test_the_palettes_index_is_the_instance_and_255_is_none(mode):
    mask = read_mask(png(INDICES, mode), (30, 20))
    assert mask.boxes == {1: (3.0, 2.0, 9.0, 8.0), 2: (12.0, 10.0, 28.0, 18.0)}


def test_a_palette_of_few_colours_is_still_indices():
    assert read_mask(png(INDICES % 255, bits=2), None).boxes.keys() == {1, 2}


def test_every_index_up_to_254_is_an_instance():
    indices = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert list(read_mask(png(indices), None).boxes) == list(range(1, 255))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_outlines_give_every_pixel_back(seed):
    indices = np.random.default_rng(seed).choice([0, 1, 2, 255], (7, 9)).astype(np.uint8)
    mask = read_mask(png(indices), (9, 7))
    for index in mask.boxes:
        assert np.array_equal(fill(mask.rings(index), indices.shape), indices == index)


def test_a_hole_is_a_ring_of_its_own():
    indices = INDICES.copy()
    indices[4:6, 5:7] = 0
    assert len(read_mask(png(indices), None).rings(1)) == 2


def test_a_mask_of_another_size_than_the_image_is_refused():
    error = error_of(png(INDICES), (20, 30))
    assert error.code is Rejected.MASK_SIZE_MISMATCH
    assert str(error) == "the mask is 30×20, the annotation file says 20×30"


def test_a_bomb_is_refused_before_it_is_decoded():
    assert error_of(header(100_000, 100_000)).code is Rejected.MASK_TOO_LARGE
    assert error_of(header(LARGEST_MASK + 1, 1)).code is Rejected.MASK_TOO_LARGE


@pytest.mark.parametrize("size", [(40, 20), (LARGEST_MASK + 1, 1), (100_000, 100_000)])
def test_a_second_header_that_smuggles_in_another_size_is_refused(size):
    first, whole = header(30, 20), png(INDICES)
    assert whole.startswith(first)
    error = error_of(first + header(*size)[8:] + whole[len(first) :], (30, 20))
    assert error.code is Rejected.UNREADABLE_MASK
    assert str(error) == "the mask has a second header, which gives it another size"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        header(30, 20),
        header(0, 0),
        b"GIF89a" + bytes(40),
        png(INDICES)[:-30],
        png(INDICES)[:60],
        png(INDICES).replace(b"IDAT", b"IDAX"),
        png(INDICES).replace(b"PLTE", b"PLTX"),
    ],
    ids=lambda data: f"{len(data)} bytes",
)
def test_a_damaged_mask_is_unreadable(data):
    assert error_of(data).code is Rejected.UNREADABLE_MASK


def test_a_mask_of_colours_has_no_indices():
    error = error_of(png(np.zeros((4, 4, 3), np.uint8), "RGB"))
    assert error.code is Rejected.UNREADABLE_MASK
    assert "RGB" in str(error)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=12), st.integers(8, 200), st.integers(0, 12))
def test_damaged_masks_are_read_or_refused_and_nothing_else(patch, start, cut):
    whole = png(INDICES)
    try:
        read_mask(whole[:start] + patch + whole[start + cut :], None)
    except MaskError as error:
        assert error.code in (Rejected.UNREADABLE_MASK, Rejected.MASK_TOO_LARGE)


# Pairing.

LEFT, RIGHT = (0.0, 0.0, 10.0, 10.0), (20.0, 0.0, 30.0, 10.0)


def test_masks_are_paired_by_overlap_not_by_order():
    assert pair({1: RIGHT, 2: LEFT}, [LEFT, RIGHT]) == {1: 1, 2: 0}


def test_where_boxes_tie_the_order_decides():
    assert pair({1: LEFT, 2: LEFT, 3: LEFT}, [LEFT, LEFT, LEFT]) == {1: 0, 2: 1, 3: 2}


def test_a_difference_of_half_a_percent_is_a_tie():
    nearly = (0.0, 0.0, 10.0, 9.99)
    assert pair({1: LEFT, 2: LEFT}, [nearly, LEFT]) == {1: 0, 2: 1}


def test_the_best_pair_comes_first_and_each_is_taken_once():
    wide = (0.0, 0.0, 14.0, 10.0)
    assert pair({1: LEFT}, [wide, LEFT]) == {1: 1}
    assert pair({1: LEFT, 2: LEFT}, [LEFT]) == {1: 0}


def test_a_small_mask_inside_the_void_border_is_still_the_boxes():
    assert pair({1: (3.0, 3.0, 8.0, 8.0)}, [(0.0, 0.0, 11.0, 11.0)]) == {1: 0}


def test_boxes_that_hardly_overlap_are_not_paired():
    assert pair({1: (0.0, 0.0, 3.0, 3.0)}, [(0.0, 0.0, 10.0, 10.0)]) == {}
    assert pair({1: LEFT}, [(6.0, 0.0, 16.0, 10.0)]) == {}
    assert pair({1: LEFT}, [RIGHT]) == {}


def test_objects_without_a_usable_box_are_not_paired():
    boxes = [None, (5.0, 5.0, 5.0, 5.0), (-1e300, -1e300, 1e300, 1e300), LEFT]
    assert pair({1: LEFT}, boxes) == {1: 3}
    assert pair({1: LEFT}, []) == {}
    assert pair({}, boxes) == {}


@given(
    st.dictionaries(st.integers(1, 254), st.tuples(*[st.integers(0, 20)] * 4), max_size=8),
    st.lists(st.none() | st.tuples(*[st.integers(-5, 25)] * 4), max_size=8),
)
def test_pairs_are_one_to_one_and_overlap(instances, objects):
    def box(sides):
        left, top, width, height = sides
        return float(left), float(top), float(left + abs(width) + 1), float(top + abs(height) + 1)

    instances = {index: box(sides) for index, sides in instances.items()}
    objects = [sides and box(sides) for sides in objects]
    pairs = pair(instances, objects)
    assert len(set(pairs.values())) == len(pairs)
    for index, at in pairs.items():
        a, b = instances[index], objects[at]
        assert max(a[0], b[0]) < min(a[2], b[2])
        assert max(a[1], b[1]) < min(a[3], b[3])


def test_a_full_mask_of_an_ordinary_image_is_read_in_milliseconds():
    indices = np.repeat(np.arange(20, dtype=np.uint8), 25)[None].repeat(375, axis=0)
    data = png(np.ascontiguousarray(indices))
    started = time.process_time()
    mask = read_mask(data, (500, 375))
    assert [len(mask.rings(index)) for index in mask.boxes] == [1] * 19
    assert (
        time.process_time() - started < 2
    )  # It takes 20 ms; with other work beside it a core takes several times as long.
