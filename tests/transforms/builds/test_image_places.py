"""Where the images of a build lie, and what their URLs begin with, by what a manifest keeps of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.manifest import Copies, Manifest, Source
from labelbeam.transforms.builds.image_places import configured_prefix, find_images, image_directories
from tests.manifests import manifest


def built(images: str = "", prefix: str | None = None, **changes: Any) -> Manifest:
    return manifest(source=Source("f", {}, "coco", "", images=images, image_prefix=prefix), **changes)


def test_what_image_urls_begin_with_is_the_option_before_the_source() -> None:
    assert configured_prefix(built()) is None
    assert configured_prefix(built(prefix="")) is None
    assert configured_prefix(built(prefix="https://a/")) == "https://a/"
    assert configured_prefix(built(prefix="https://a/", config={"image_url": "https://b/"})) == "https://b/"


def test_images_are_looked_for_as_said_then_as_copied_then_as_read() -> None:
    copied = built("file:///read", copied=Copies("file:///copied"))
    assert image_directories(copied) == ["file:///copied", "file:///read"]
    assert image_directories(copied, "file:///said") == ["file:///said", "file:///read"]
    assert image_directories(built()) == []
    assert image_directories(built("https://***@h/c", copied=Copies("https://h/c?***"))) == []


def test_images_are_read_where_the_source_had_them_and_called_by_their_own_urls(tmp_path: Path) -> None:
    place = find_images(built(f"file://{tmp_path}"), {})
    assert place.root is not None
    assert (place.root.path, place.prefix, place.why) == (str(tmp_path), f"file://{tmp_path}/", "")
    assert place.path(f"file://{tmp_path}/a/1.jpg") == "a/1.jpg"
    assert place.path("https://h/1.jpg") is None


def test_a_prefix_that_is_named_outweighs_that_of_the_manifest(tmp_path: Path) -> None:
    found = built(f"file://{tmp_path}", config={"image_url": "https://b/"})
    assert find_images(found, {}).prefix == "https://b/"
    assert find_images(found, {}, prefix="https://c/").prefix == "https://c/"


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (built("https://***@h/c"), "does not keep the credentials of https://***@h/c; name the place with --images"),
        (built(), "does not say where the images are; name the place with --images"),
        (built("file:///a", prefix=""), "does not say how image URLs begin"),
        (built("file:///a", config={"image_url": "https://h/c?***"}), "does not say how image URLs begin"),
    ],
)
def test_where_a_place_is_not_known_it_is_said_why(found: Manifest, why: str) -> None:
    place = find_images(found, {})
    assert place.root is None
    assert why in place.why


def test_a_place_that_cannot_be_opened_is_an_error_only_where_a_person_named_it() -> None:
    with pytest.raises(LabelBeamError, match="nonsense://x"):
        find_images(built(prefix="https://b/"), {}, "nonsense://x")
    place = find_images(built("nonsense://x", config={"image_url": "https://b/"}), {})
    assert place.root is None and "nonsense://x" in place.why


def test_without_a_prefix_no_url_has_a_path() -> None:
    assert find_images(built(), {}).path("https://h/1.jpg") is None
