"""Small raw datasets, written as the tools of the field write them; every oddity is an argument."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 100, 80
"""Pixels of an image where nothing else is said."""

CATEGORIES = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]

SQUARE = [10.0, 20.0, 30.0, 20.0, 30.0, 40.0, 10.0, 40.0]
"""A polygon of 20×20 pixels whose top-left corner is (10, 20)."""


def coco(
    images: Sequence[Any],
    annotations: Sequence[Any] | None = (),
    categories: Sequence[Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A COCO document; None leaves a list out."""
    document: dict[str, Any] = {"images": list(images)}
    if annotations is not None:
        document["annotations"] = list(annotations)
    document["categories"] = CATEGORIES if categories is None else list(categories)
    return document | more


def coco_image(identity: Any, name: str | None = None, **fields: Any) -> dict[str, Any]:
    """An element of `images`, of the usual size."""
    file_name = f"{identity}.jpg" if name is None else name
    return {"id": identity, "file_name": file_name, "width": WIDTH, "height": HEIGHT} | fields


def coco_box(
    identity: Any, image: Any, bbox: Any = (10, 20, 20, 20), category: Any = 1, **fields: Any
) -> dict[str, Any]:
    """An element of `annotations`."""
    return {"id": identity, "image_id": image, "category_id": category, "bbox": bbox} | fields


def write_json(path: Path, document: Any, **options: Any) -> Path:
    """Write a document as one line of JSON, with NaN, Infinity and lone surrogates as Python writes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, **options), encoding="utf-8")
    return path


def write_coco(path: Path, *parts: Any, **more: Any) -> Path:
    """Write what `coco` makes of the arguments."""
    return write_json(path, coco(*parts, **more))


def rle_counts(mask: Any) -> list[int]:
    """The uncompressed COCO run lengths of a mask of shape (height, width): down the columns, background first."""
    counts, previous, run = [], 0, 0
    for pixel in np.asarray(mask, np.uint8).T.ravel().tolist():
        if pixel != previous:
            counts.append(run)
            previous, run = pixel, 0
        run += 1
    return [*counts, run]


def rectangle(left: int, top: int, right: int, bottom: int, width: int = WIDTH, height: int = HEIGHT) -> Any:
    """A mask of shape (height, width) that is set in [left, right) × [top, bottom)."""
    mask = np.zeros((height, width), np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


# Pascal VOC. --------------------------------------------------------------------------------------------------------


def voc_object(name: str | None = "cat", box: Sequence[Any] | None = (11, 21, 30, 40), inner: str = "") -> str:
    """An `<object>`; `inner` are further children, as XML."""
    named = "" if name is None else f"<name>{escape(name)}</name>"
    if box is None:
        return f"<object>{named}{inner}</object>"
    sides = "".join(
        f"<{side}>{value}</{side}>" for side, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    return f"<object>{named}<bndbox>{sides}</bndbox>{inner}</object>"


def voc_xml(
    *objects: str, filename: str | None = None, size: Sequence[Any] | None = (WIDTH, HEIGHT), inner: str = ""
) -> str:
    """An annotation file."""
    named = "" if filename is None else f"<filename>{escape(filename)}</filename>"
    sized = "" if size is None else f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>"
    return f"<annotation>{named}{inner}{sized}{''.join(objects)}</annotation>"


def write_voc(root: Path, xmls: Mapping[str, str | bytes], images: Iterable[str] | None = None) -> Path:
    """A VOC tree: annotation files by their path below `Annotations`, without `.xml`.

    `images` are paths below `JPEGImages`; by default there is an empty `.jpg` for each annotation file, which is enough
    where nobody looks into it.
    """
    for name, xml in xmls.items():
        path = root / "Annotations" / f"{name}.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(xml.encode() if isinstance(xml, str) else xml)
    for name in images if images is not None else (f"{name}.jpg" for name in xmls):
        touch(root / "JPEGImages" / name)
    return root


# Images and other files. --------------------------------------------------------------------------------------------


def touch(path: Path) -> Path:
    """An empty file, with the directories above it."""
    return put(path, b"")


def put(path: Path, data: str | bytes) -> Path:
    """A file, with the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def encoded(
    format_name: str = "JPEG", size: tuple[int, int] = (WIDTH, HEIGHT), mode: str = "RGB", **options: Any
) -> bytes:
    """An image's bytes, with enough detail that truncating it costs pixels."""
    pixels = np.random.default_rng(1).integers(0, 255, (size[1], size[0], 3), np.uint8)
    sink = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(sink, format_name, **options)
    return sink.getvalue()


def exif(orientation: int) -> bytes:
    """An EXIF block that says how the image is turned."""
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()


def write_image(path: Path, size: tuple[int, int] = (WIDTH, HEIGHT), format_name: str = "JPEG", **options: Any) -> Path:
    """An image file; the format does not have to be what the name says."""
    return put(path, encoded(format_name, size, **options))
