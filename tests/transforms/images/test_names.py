"""Names of image files: extensions, what is hidden, what is too long, and which are paths or URLs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.images.names import (
    IMAGE_FORMATS,
    LONGEST_PATH,
    LONGEST_URL,
    OTHER_IMAGE_FORMATS,
    another_picture,
    extension,
    hidden,
    image_path,
    is_image,
    too_long,
)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        *(
            ("a.b/IMG.JPG", "jpg"),
            (".hidden", ""),
            ("a.jpg/x", ""),
            ("a.", ""),
            ("..jpg", ""),
            ("a/..jpg", ""),
            ("a..jpg", "jpg"),
            ("...a.jpg", "jpg"),
            ("", ""),
        ),
        *(("a.tar.gz", "gz"), ("x/.b.png", "png")),
    ],
)
def test_an_extension_is_what_follows_the_last_point_of_a_name(path: str, found: str) -> None:
    assert extension(path) == found


@pytest.mark.parametrize(
    ("path", "is_hidden"),
    [
        *((".a.jpg", True), ("a/.b/c.jpg", True), ("__MACOSX/a.jpg", True), ("a/Thumbs.db", True), ("@eaDir/x", True)),
        *(("a/b.jpg", False), ("./a.jpg", False), ("../a.jpg", False), ("a//b.jpg", False), ("a.b/c", False)),
    ],
)
def test_what_a_system_keeps_for_itself_is_hidden_and_dots_of_a_path_are_not(path: str, is_hidden: bool) -> None:
    assert hidden(path) is is_hidden


def test_a_url_may_be_longer_than_a_path() -> None:
    url = "https://h/"
    assert not too_long("a" * LONGEST_PATH) and too_long("a" * (LONGEST_PATH + 1))
    assert not too_long(url + "a" * (LONGEST_URL - len(url))) and too_long(url + "a" * LONGEST_URL)


@pytest.mark.parametrize(
    ("name", "prefix", "found"),
    [
        ("a/1.jpg", "", ("a/1.jpg", None, False)),
        ("a/1.jpg", "p/", ("p/a/1.jpg", None, False)),
        (".\\a//1.jpg", "p/", ("p/a/1.jpg", None, True)),
        ("../1.jpg", "p/", (None, Rejected.UNSAFE_PATH, False)),
        ("https://h/1.jpg", "p/", ("https://h/1.jpg", None, False)),
        ("HTTPS://h/1.jpg", "", (None, Rejected.UNSUPPORTED_URL, False)),
        ("https://h/\t1.jpg", "", (None, Rejected.UNSUPPORTED_URL, False)),
        ("s3://b/1.jpg", "", (None, Rejected.UNSUPPORTED_URL, False)),
    ],
)
def test_a_name_is_a_path_below_its_prefix_or_a_url_as_it_is(name: str, prefix: str, found: tuple[object, ...]) -> None:
    assert image_path(name, prefix) == found


@given(st.text("ab./\\:%\n", max_size=12))
def test_a_path_is_its_own_path(name: str) -> None:
    path, code, _ = image_path(name, "")
    assert (path is None) is (code is not None)
    if path is not None:
        assert image_path(path, "") == (path, None, False)


def test_an_image_is_known_by_its_extension_also_where_its_format_is_not_read() -> None:
    assert [is_image(path) for path in ("a/1.JPG", "1.webp", "1.txt", "jpg", ".jpg")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_no_format_is_taken_and_rejected_at_once() -> None:
    assert not IMAGE_FORMATS & OTHER_IMAGE_FORMATS


@pytest.mark.parametrize(
    ("one", "other", "two"),
    [
        ("a/1.jpg", "b/1.jpg", True),
        ("a/1.jpg", "a/2.jpg", True),
        ("upload/1/0a-1.jpg", "1.jpg", True),
        ("1.jpg of 7 bytes", "1.jpg of 8 bytes", True),
        ("a/1.jpg", "1.jpg", False),
        ("a/1.jpg", "C:\\x\\A\\1.png", False),
        ("caf%C3%A9/1.jpg", "cafe\u0301/1.jpg", False),
        ("./a/1.jpg", "../a/1.jpg", False),
        ("1", "1.jpg", False),
        ("", "1.jpg", False),
    ],
)
def test_names_whose_ends_differ_may_mean_two_pictures(one: str, other: str, two: bool) -> None:
    assert (another_picture(one, other), another_picture(other, one)) == (two, two)
