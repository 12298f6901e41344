"""What follows from an image for its record: the frame of its annotations, and the format that is named."""

from __future__ import annotations

import pickle

import pytest

from labelbeam.schemas.reasons import Adjusted, Rejected
from labelbeam.transforms.images.facts import FrameDecision, ImageError, ImageFacts, settle_format, settle_size

# The frame.


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_declared_size_that_is_the_stored_one_is_the_stored_frame(orientation: int) -> None:
    facts = ImageFacts("jpg", 640, 480, orientation)
    assert settle_size((640, 480), facts) == FrameDecision(640, 480, ())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_declared_size_that_is_the_turned_one_is_the_rotated_frame_only_if_exif_turns_it(orientation: int) -> None:
    facts = ImageFacts("jpg", 640, 480, orientation)
    if orientation >= 5:
        assert settle_size((480, 640), facts) == FrameDecision(480, 640, (Adjusted.ROTATED_FRAME,))
    else:
        with pytest.raises(ImageError, match=r"declared as 480x640, stored as 640x480$") as caught:
            settle_size((480, 640), facts)
        assert caught.value.code is Rejected.SIZE_MISMATCH


def test_a_declared_size_that_is_neither_names_all_three() -> None:
    with pytest.raises(ImageError, match="declared as 641x480, stored as 640x480, 480x640 as EXIF rotates it"):
        settle_size((641, 480), ImageFacts("jpg", 640, 480, 8))


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("declared", [(300, 300), None])
def test_the_frame_of_a_square_image_with_an_orientation_is_ambiguous(
    declared: tuple[int, int] | None, orientation: int
) -> None:
    facts = ImageFacts("jpg", 300, 300, orientation)
    assert settle_size(declared, facts) == FrameDecision(300, 300, (Adjusted.ORIENTATION_AMBIGUOUS,))


def test_a_square_image_of_another_size_is_a_mismatch() -> None:
    with pytest.raises(ImageError, match=r"declared as 300x301, stored as 300x300$"):
        settle_size((300, 301), ImageFacts("jpg", 300, 300, 6))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_without_a_declared_size_a_turned_image_is_ambiguous(orientation: int) -> None:
    expected = (Adjusted.ORIENTATION_AMBIGUOUS,) if orientation >= 5 else ()
    assert settle_size(None, ImageFacts("jpg", 640, 480, orientation)) == FrameDecision(640, 480, expected)


# The format of a record.


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.jpg", "jpg", "jpg"),
        ("a.jpeg", "jpg", "jpeg"),
        ("deep/er.png/a.JPE", "jpg", "jpe"),
        ("a.Jfif", "jpg", "jfif"),
        ("a.PNG", "png", "png"),
        ("a.bmp", "bmp", "bmp"),
        ("a.tif", "tif", "tif"),
        ("a.TIFF", "tif", "tiff"),
        ("https://h/a.jpeg?sig=x/y.png#z.bmp", "jpg", "jpeg"),
        ("HTTP://h/a.jpeg#z.bmp", "jpg", "jpeg"),
        ("https://[no/host/a.jpeg", "jpg", "jpeg"),
        ("what?/no#1.jpeg", "jpg", "jpeg"),
        ("s3://bucket/no#1?.jpeg", "jpg", "jpeg"),
    ],
)
def test_a_name_that_agrees_with_the_content_keeps_its_own_spelling(name: str, content: str, expected: str) -> None:
    assert settle_format(name, ImageFacts(content, 1, 1)) == (expected, None)
    assert settle_format(name, None) == (expected, None)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jpg", "png"),
        ("a.png", "jpg"),
        ("a.tiff", "bmp"),
        ("a.webp", "jpg"),
        ("a", "jpg"),
        (".jpg", "jpg"),
        ("a.jpg.orig", "jpg"),
        ("a.", "png"),
        ("https://h/get?name=a.tif", "tif"),
        ("a.jpg?v=2", "jpg"),
    ],
)
def test_a_name_that_says_something_else_yields_to_the_content(name: str, content: str) -> None:
    assert settle_format(name, ImageFacts(content, 1, 1)) == (content, Adjusted.FORMAT_FROM_CONTENT)


@pytest.mark.parametrize("name", ["a", "a.webp", "a.jpg.gz", "https://h/get?name=a.jpg", "https://h.jpg"])
def test_without_content_and_extension_the_message_says_what_to_do(name: str) -> None:
    with pytest.raises(ImageError, match="--check-images header") as caught:
        settle_format(name, None)
    assert caught.value.code is Rejected.UNSUPPORTED_FORMAT
    assert name in caught.value.message


def test_content_of_another_format_is_refused_whatever_the_name() -> None:
    with pytest.raises(ImageError, match=r"a\.jpg is webp by its content") as caught:
        settle_format("a.jpg", ImageFacts("webp", 1, 1))
    assert caught.value.code is Rejected.UNSUPPORTED_FORMAT


def test_an_image_error_survives_the_way_to_another_process() -> None:
    error = pickle.loads(pickle.dumps(ImageError(Rejected.NOT_AN_IMAGE, "a.jpg holds no bytes")))
    assert error.code is Rejected.NOT_AN_IMAGE
    assert str(error) == error.message == "a.jpg holds no bytes"
