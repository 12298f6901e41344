"""URLs beside the names of images: which of them names an image, and when all of a file's do."""

from __future__ import annotations

from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubted
from labelbeam.transforms.formats.coco.file import KnownFile
from labelbeam.transforms.formats.coco.urls import doubts_of_urls, named_by_urls, url_of
from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.locate import locate

AZURE = "https://a.blob.core.windows.net/c/1.jpg"


@pytest.mark.parametrize(
    ("image", "url"),
    [
        ({"coco_url": "http://images.cocodataset.org/1.jpg"}, "http://images.cocodataset.org/1.jpg"),
        ({"coco_url": "AmlDatastore://d/1.jpg", "absolute_url": AZURE}, AZURE),
        ({"coco_url": "AmlDatastore://d/1.jpg"}, "AmlDatastore://d/1.jpg"),
        ({"coco_url": f"{AZURE}?sig=x", "absolute_url": AZURE}, AZURE),
        ({"coco_url": f"{AZURE}?sig=x"}, None),
        ({"coco_url": "https://h/a\nb.jpg"}, None),
        ({"coco_url": "ftp://h/1.jpg"}, None),
        ({"coco_url": 5, "absolute_url": None}, None),
        ({}, None),
    ],
)
def test_a_url_that_jobs_read_goes_before_others_and_one_with_a_signature_is_none(
    image: dict[str, Any], url: str | None
) -> None:
    assert url_of(image) == url


def known(*images: dict[str, Any]) -> KnownFile:
    return KnownFile(locate("memory://x.json", {}), StoredFile("x.json", 1, "t"), [], list(images), {}, None)


def config(**options: Any) -> ConvertConfig:
    return ConvertConfig(task="image_object_detection", source=["s"], output="o", **options)


def test_urls_name_the_images_where_all_records_have_one_and_nobody_says_otherwise() -> None:
    file = known({"coco_url": AZURE}, {"coco_url": AZURE})
    assert named_by_urls(config(), file, False)
    assert not named_by_urls(config(), file, True)
    assert not named_by_urls(config(images="there"), file, False)
    assert not named_by_urls(config(image_url="https://h/"), file, False)
    assert not named_by_urls(config(), known({"coco_url": AZURE}, {}), False)
    assert not named_by_urls(config(), known(), False)


def test_it_is_told_with_an_example_and_where_the_trainer_does_not_read_it() -> None:
    (doubt,) = doubts_of_urls(known({"coco_url": AZURE}))
    assert (doubt.code, doubt.count, doubt.example) == (Doubted.NAMED_BY_URL, 1, AZURE)
    codes = [doubt.code for doubt in doubts_of_urls(known({"coco_url": "AmlDatastore://d/1.jpg"}))]
    assert codes == [Doubted.NAMED_BY_URL, Doubted.IMAGE_URL_NOT_READ]
