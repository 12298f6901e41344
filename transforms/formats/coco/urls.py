"""URLs that COCO exports give beside the names of images: `coco_url`, and `absolute_url` of Azure's labelling projects."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.formats.coco.file import KnownFile
from labelbeam.transforms.images.names import URL_SCHEMES
from labelbeam.transforms.images.urls import check_prefix, read_by_jobs, root_of_url
from labelbeam.transforms.messages.redact import redact

_KEYS = ("coco_url", "absolute_url")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def url_of(image: dict[str, Any]) -> str | None:
    """The URL of an image that its record gives: one that jobs read before one that they do not; None where it gives none.

    A `?` ends the path for the trainer, so a URL with a signature is none.

    >>> url_of({"coco_url": "AmlDatastore://d/1.jpg", "absolute_url": "https://a.blob.core.windows.net/c/1.jpg"})
    'https://a.blob.core.windows.net/c/1.jpg'
    """
    found = [url for key in _KEYS if isinstance(url := image.get(key), str)]
    usable = [url for url in found if url.startswith(URL_SCHEMES) and "?" not in url and not _CONTROL.search(url)]
    return next((url for url in usable if read_by_jobs(root_of_url(url) or "")), usable[0] if usable else None)


def named_by_urls(config: ConvertConfig, file: KnownFile, seen: bool) -> bool:
    """Tell whether the images of a file are named by such URLs: none was found by its name, and nobody says where they are."""
    urls = [url_of(image) for image in file.images]
    return not seen and config.images is None and config.image_url is None and bool(urls) and None not in urls


def doubts_of_urls(file: KnownFile) -> Sequence[Doubt]:
    """What a person should know of it."""
    example = url_of(file.images[0]) or ""
    message = (
        f"{file.location.shown}: no image was found by its file_name, so that each is named by the URL that its record gives, such "
        f"as {redact(example)}; --images says where they lie, --image-url how their URLs begin"
    )
    doubts = [Doubt(Doubted.NAMED_BY_URL, message, len(file.images), redact(example), "--image-url")]
    if warning := check_prefix(root_of_url(example) or example):
        doubts.append(Doubt(Doubted.IMAGE_URL_NOT_READ, warning, example=redact(example), option="--image-url"))
    return doubts
