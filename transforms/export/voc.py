"""Pascal VOC: an XML file an image, and lists of splits.

Pixels count from 1 and the last one is included, as in the VOC development kit and as `convert` reads by default: a box from 0 to 10
is written as 1 to 10. Fractions of a pixel are decimals. Corners of an outline are the centres of pixels, so that 0 is written as 0.5.
Rings that overlap, which is how records have holes, are one outline with bridges of no width; parts apart are outlines of their own.
The format: http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO
from xml.sax.saxutils import escape

import numpy as np

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.manifest import Manifest
from labelbeam.transforms.export.batch import Batch, Image, PixelBox, PixelMask, text_of
from labelbeam.transforms.export.exporter import Exporter, Lost, Told
from labelbeam.transforms.export.files import Files
from labelbeam.transforms.export.outlines import bridged, overlap
from labelbeam.transforms.formats.voc.lists import is_heading

_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class _Writer:
    def __init__(self, manifest: Manifest, files: Files, told: Told, copied: bool) -> None:
        self._manifest = manifest
        self._files = files
        self._told = told
        self._list: BinaryIO | None = None

    def begin(self, split: str) -> None:
        self._list = self._files.stream(f"ImageSets/Main/{split}.txt")

    def add(self, batch: Batch) -> None:
        assert self._list is not None
        stems = [posixpath.splitext(image.path)[0] for image in batch.images]
        files = [
            (f"Annotations/{stem}.xml", self._document(image, objects))
            for stem, (image, objects) in zip(stems, self._objects(batch), strict=True)
        ]
        self._files.put_all(files)
        self._list.write("".join(f"{_listed(stem)}\n" for stem in stems).encode())

    def _objects(self, batch: Batch) -> Iterator[tuple[Image, list[str]]]:
        if self._manifest.task == "image_object_detection":
            for image, boxes in batch.boxes():
                yield image, [self._object(image, box.label, box.crowd, self._box(box, image)) for box in boxes]
        else:
            for image, masks in batch.masks():
                yield image, [self._object(image, mask.label, mask.crowd, self._outline(mask, image)) for mask in masks]

    def _document(self, image: Image, objects: Sequence[str]) -> bytes:
        folder, name = posixpath.split(image.path)
        shown = f"the name {image.name!r}"
        text = (
            "<annotation>\n"
            f"  <folder>{_xml(posixpath.join('JPEGImages', folder), shown, 'rename the image')}</folder>\n"
            f"  <filename>{_xml(name, shown, 'rename the image')}</filename>\n"
            f"  <size><width>{image.width}</width><height>{image.height}</height></size>\n"
            f"  <segmented>{int(self._manifest.task == 'image_instance_segmentation' and bool(objects))}</segmented>\n"
            f"{''.join(objects)}</annotation>\n"
        )
        return text.encode()

    def _object(self, image: Image, label: str, crowd: int, geometry: str) -> str:
        if crowd:
            self._told.add(Lost.DIFFICULT)
        name = _xml(label, f"the label {label[:300]!r} of {image.name!r}", "rename the label with --labels")
        return (
            f"  <object>\n    <name>{name}</name>\n    <pose>Unspecified</pose>\n    <truncated>0</truncated>\n"
            f"    <difficult>{crowd}</difficult>\n{geometry}  </object>\n"
        )

    def _box(self, box: PixelBox, image: Image) -> str:
        edges = [
            _at_least_a_pixel(box.left, box.right, image.width),
            _at_least_a_pixel(box.top, box.bottom, image.height),
        ]
        if edges != [(box.left, box.right), (box.top, box.bottom)]:
            self._told.add(Lost.WIDENED)
        (left, right), (top, bottom) = edges
        return _bndbox(left, top, right, bottom)

    def _outline(self, mask: PixelMask, image: Image) -> str:
        corners = np.concatenate(mask.rings)
        (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
        left, right = _at_least_a_pixel(left, right, image.width)
        top, bottom = _at_least_a_pixel(top, bottom, image.height)
        rings = [ring.ravel().tolist() for ring in mask.rings]
        if overlap(mask.rings, image.width, image.height):
            self._told.add(Lost.BRIDGED)
            rings = [bridged(rings)]
        return _bndbox(left, top, right, bottom) + "".join(map(_polygon, rings))

    def end(self, split: str) -> None:
        self._list = None

    def finish(self) -> None:
        """Nothing is left to be written."""


def _listed(stem: str) -> str:
    """A line of a list; one that would be taken for the headings of a table, such as `image`, begins with `./`."""
    return f"./{stem}" if is_heading(stem) else stem


def _at_least_a_pixel(low: float, high: float, side: int) -> tuple[float, float]:
    if high - low >= 1:
        return low, high
    low = min(low, side - 1.0)
    return low, low + 1


def _bndbox(left: float, top: float, right: float, bottom: float) -> str:
    named = (("xmin", left + 1), ("ymin", top + 1), ("xmax", right), ("ymax", bottom))
    return f"    <bndbox>{''.join(f'<{name}>{_number(value)}</{name}>' for name, value in named)}</bndbox>\n"


def _polygon(ring: Sequence[float]) -> str:
    numbers = [_number(number + 0.5) for number in ring]
    corners = (
        f"<x{at}>{x}</x{at}><y{at}>{y}</y{at}>"
        for at, (x, y) in enumerate(zip(numbers[::2], numbers[1::2], strict=True), 1)
    )
    return f"    <polygon>{''.join(corners)}</polygon>\n"


def _number(pixels: float) -> str:
    return text_of(round(pixels, 6))


def _xml(text: str, shown: str, advice: str) -> str:
    """Text as it stands in an element; what it is and what to do stand in the error.

    Raises:
        LabelBeamError: XML cannot hold it.
    """
    if found := _NOT_IN_XML.search(text):
        raise LabelBeamError(
            f"{shown} holds {found[0]!a}, a character that XML cannot; nothing was exported. Export to coco, or {advice} and build again"
        )
    return escape(text, {"\r": "&#13;"})


def _image_path(split: str, image: Image) -> str:
    return f"JPEGImages/{image.path}"


EXPORTER = Exporter(
    "voc",
    "an XML file an image, and lists of the splits",
    ("image_object_detection", "image_instance_segmentation"),
    "beside",
    _Writer,
    _image_path,
    listed=True,
)
