"""A file over ranged reads: the right bytes, for few requests, and no silence about a wrong answer."""

from __future__ import annotations

import io
import os
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from labelbeam.transforms.images.facts import ImageError
from labelbeam.transforms.images.headers import decode, read_header
from labelbeam.transforms.stores.range_reader import BLOCKS_KEPT, LARGEST_BLOCK, RangeReader

KIB = 1024


class Store:
    """Serves ranges of `content`, and remembers which."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.ranges: list[tuple[int, int]] = []

    def fetch(self, start: int, end: int) -> bytes:
        assert 0 <= start < end <= len(self.content)
        self.ranges.append((start, end))
        return self.content[start:end]

    def open(self, block: int = 16 * KIB) -> RangeReader:
        return RangeReader(self.fetch, len(self.content), block)

    @property
    def fetched(self) -> int:
        return sum(end - start for start, end in self.ranges)


def noise(length: int) -> bytes:
    return bytes(index * 2654435761 >> 13 & 0xFF for index in range(length))


def photo(width: int, height: int) -> Image.Image:
    return Image.effect_noise((width, height), 60).convert("RGB")


def saved(image: Image.Image, format_name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(-1, 400)),
        st.tuples(st.just("seek"), st.integers(0, 1200)),
        st.tuples(st.just("skip"), st.integers(-50, 300)),
        st.tuples(st.just("from the end"), st.integers(-900, 10)),
    ),
    max_size=40,
)


@given(STEPS, st.integers(0, 900), st.integers(1, 130))
def test_reads_and_seeks_like_a_file_in_memory(steps: list[tuple[str, int]], size: int, block: int) -> None:
    content = noise(size)
    plain, ranged = io.BytesIO(content), Store(content).open(block)
    for step, number in steps:
        if step == "read":
            assert ranged.read(number) == plain.read(number)
        elif step == "seek":
            assert ranged.seek(number) == plain.seek(number)
        elif step == "skip" and plain.tell() + number >= 0:
            assert ranged.seek(number, os.SEEK_CUR) == plain.seek(number, os.SEEK_CUR)
        elif step == "from the end" and size + number >= 0:
            assert ranged.seek(number, os.SEEK_END) == plain.seek(number, os.SEEK_END)
        assert ranged.tell() == plain.tell()


def test_fills_a_buffer_as_buffered_readers_and_numpy_ask_it_to() -> None:
    content = noise(5000)
    assert io.BufferedReader(Store(content).open(100), 64).read() == content
    buffer = bytearray(10)
    ranged = Store(content).open()
    ranged.seek(-4, os.SEEK_END)
    assert ranged.readinto(buffer) == 4
    assert buffer == content[-4:] + bytes(6)
    assert ranged.readable() and ranged.seekable() and not ranged.writable()


def test_nothing_is_fetched_before_the_first_read_nor_past_the_end() -> None:
    store = Store(noise(100))
    ranged = store.open()
    ranged.seek(200)
    assert ranged.read(10) == b""
    assert ranged.read(0) == b""
    assert Store(b"").open().read() == b""
    assert store.ranges == []


def test_blocks_double_while_reading_on_and_stop_doubling_at_the_largest() -> None:
    store = Store(bytes(4 * LARGEST_BLOCK))
    ranged = store.open()
    while ranged.read(4 * KIB):
        pass
    lengths = [end - start for start, end in store.ranges]
    assert lengths[:7] == [16 * KIB << power for power in range(7)]
    assert max(lengths) == LARGEST_BLOCK
    assert store.fetched == len(store.content)


def test_a_jump_starts_small_again_at_a_whole_block() -> None:
    store = Store(bytes(1000 * KIB))
    ranged = store.open()
    ranged.read(60 * KIB)
    ranged.seek(500 * KIB + 7)
    ranged.read(1)
    ranged.seek(500 * KIB - 1000)
    ranged.read(500)
    assert store.ranges == [(0, 60 * KIB), (496 * KIB, 512 * KIB)]


def test_a_long_read_is_one_request_and_only_for_what_is_missing() -> None:
    store = Store(bytes(3 * LARGEST_BLOCK))
    ranged = store.open()
    ranged.read(10)
    assert ranged.read() == store.content[10:]
    assert store.ranges == [(0, 16 * KIB), (16 * KIB, 3 * LARGEST_BLOCK)]


def test_a_jump_into_a_block_that_is_partly_there_fetches_the_rest_only() -> None:
    store = Store(noise(500))
    ranged = store.open(block=100)
    ranged.read(130)
    ranged.seek(135)
    assert ranged.read(5) == store.content[135:140]
    assert store.ranges == [(0, 130), (130, 230)]


def test_a_read_longer_than_the_largest_block_is_not_kept() -> None:
    store = Store(bytes(2 * LARGEST_BLOCK))
    ranged = store.open()
    ranged.read()
    ranged.seek(5)
    ranged.read(5)
    assert store.ranges == [(0, 2 * LARGEST_BLOCK), (0, 16 * KIB)]


def test_blocks_just_read_are_kept_and_old_ones_are_let_go() -> None:
    store = Store(bytes(100 * 10))
    ranged = store.open(block=10)
    places = [100 * number for number in range(BLOCKS_KEPT)]
    for place in [*places, *places]:
        ranged.seek(place)
        ranged.read(5)
    assert len(store.ranges) == BLOCKS_KEPT
    ranged.seek(900)
    ranged.read(5)
    ranged.seek(0)
    ranged.read(5)
    assert len(store.ranges) == BLOCKS_KEPT + 2


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda start, end: bytes(end - start - 1), "expected 100 bytes for the range 0-100 of 5000, got 99: .* short"),
        (lambda start, end: b"", "got 0"),
        (lambda start, end: bytes(5000), "expected 100 bytes for the range 0-100 of 5000, got 5000: .* ignores ranges"),
    ],
)
def test_an_answer_of_another_length_is_an_error_that_names_both(
    answer: Callable[[int, int], bytes], message: str
) -> None:
    with pytest.raises(OSError, match=message):
        RangeReader(answer, 5000, block=100).read(10)


def test_a_failed_read_can_be_tried_again() -> None:
    store = Store(noise(300))
    answers = iter([b"short"])
    ranged = RangeReader(lambda start, end: next(answers, None) or store.fetch(start, end), 300)
    with pytest.raises(OSError, match="got 5"):
        ranged.read(100)
    assert ranged.tell() == 0
    assert ranged.read(100) == store.content[:100]


def test_a_size_or_place_that_no_file_has_is_refused() -> None:
    with pytest.raises(ValueError, match="got -1 and 16384"):
        RangeReader(lambda start, end: b"", -1)
    with pytest.raises(ValueError, match="got 5 and 0"):
        RangeReader(lambda start, end: b"", 5, block=0)
    ranged = Store(b"abc").open()
    with pytest.raises(ValueError, match="cannot seek to -1"):
        ranged.seek(-1)
    with pytest.raises(ValueError, match="got 7"):
        ranged.seek(0, 7)


# What a header costs.


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "BMP"])
def test_the_header_of_a_usual_image_is_one_request_of_16_kib(format_name: str) -> None:
    store = Store(saved(photo(400, 300), format_name))
    assert len(store.content) > 32 * KIB
    facts = read_header(store.open(), "x")
    assert (facts.width, facts.height) == (400, 300)
    assert store.ranges == [(0, 16 * KIB)]


def test_a_jpeg_with_a_560_kib_profile_takes_few_requests_and_none_for_its_pixels() -> None:
    store = Store(saved(photo(1000, 1000), "JPEG", icc_profile=bytes(560 * KIB), quality=95))
    assert read_header(store.open(), "x").width == 1000
    assert len(store.ranges) <= 6
    assert store.fetched < 800 * KIB < len(store.content)


def test_a_webp_is_refused_by_name_after_one_request() -> None:
    store = Store(saved(photo(400, 300), "WEBP", quality=100))
    assert len(store.content) > 32 * KIB
    with pytest.raises(ImageError, match="webp"):
        read_header(store.open(), "x")
    assert store.ranges == [(0, 16 * KIB)]


def test_a_tiff_with_its_directory_behind_the_pixels_takes_one_request_at_each_end() -> None:
    store = Store(saved(photo(400, 300), "TIFF", compression="tiff_lzw"))
    directory = int.from_bytes(store.content[4:8], "little")
    assert directory > 32 * KIB
    assert read_header(store.open(), "x").height == 300
    assert len(store.ranges) == 2


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "BMP", "TIFF"])
def test_decoding_through_ranges_fetches_no_byte_twice(format_name: str) -> None:
    store = Store(saved(photo(400, 300), format_name))
    decode(store.open(), "x")
    assert store.fetched <= len(store.content)
