"""What is fuzzed: every parser of input that others write, with what has to hold for any bytes at all.

A target takes bytes. It lets the errors pass that the parser declares, and raises whatever else goes wrong; beyond that it
holds the parser to a second opinion, where there is one.
"""

from __future__ import annotations

import io
import json
import math
import os
import struct
import tempfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import seeds
from pycocotools import mask as coco_mask

from labelbeam.pipelines.command_line.config_file import read_config
from labelbeam.pipelines.command_line.options import FIELDS, make_config, storage_options
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.manifest import Receipt
from labelbeam.schemas.neutral import SourceImage
from labelbeam.schemas.predictions import PREDICTIONS, LabelsPrediction
from labelbeam.schemas.requests import InvalidRequestError, encode_item, encode_request, parse_request
from labelbeam.schemas.responses import InvalidAnswerError, parse_response, predictions_of
from labelbeam.schemas.tasks import TASKS
from labelbeam.transforms.builds.lock import read_claims
from labelbeam.transforms.builds.published import latest_build, published
from labelbeam.transforms.builds.resume import Target as BuildTarget
from labelbeam.transforms.builds.resume import finished_bucket, was_begun
from labelbeam.transforms.columns.fragments import fragments_of
from labelbeam.transforms.evaluation.objects import predicted_objects
from labelbeam.transforms.evaluation.predictions.checks import PredictionsError
from labelbeam.transforms.evaluation.predictions.coco import own_names
from labelbeam.transforms.evaluation.predictions.read import parse_predictions
from labelbeam.transforms.formats.coco.annotations import read_annotations
from labelbeam.transforms.formats.coco.cut import plan_ranges
from labelbeam.transforms.formats.coco.index import IndexBuilder
from labelbeam.transforms.formats.coco.records import Boxed, CocoCategory, CocoImage, LabelOnly, Outlined, decode_range
from labelbeam.transforms.formats.coco.scan import SECTIONS, ElementRange, MalformedJsonError, UnsafeSplitError
from labelbeam.transforms.formats.customvision.read import CustomVisionError, read_images, read_tags
from labelbeam.transforms.formats.cvat.format import CvatOptions
from labelbeam.transforms.formats.cvat.read import read_image as read_cvat_image
from labelbeam.transforms.formats.cvat.xml import CvatError, UnsafeCutError, images_in
from labelbeam.transforms.formats.datumaro.read import DatumaroError, read_items
from labelbeam.transforms.formats.folder.columns import TableError
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.tables import LabelTable, read_table
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.huggingface.names import names_in
from labelbeam.transforms.formats.huggingface.read import read_rows as read_object_rows
from labelbeam.transforms.formats.huggingface.read import rows_of_csv, rows_of_lines
from labelbeam.transforms.formats.jsonl.records import Lines
from labelbeam.transforms.formats.labelme.read import read_labelme
from labelbeam.transforms.formats.labelstudio.format import LabelStudioOptions
from labelbeam.transforms.formats.labelstudio.read import read_studio
from labelbeam.transforms.formats.labelstudio.tasks import StudioError, read_tasks
from labelbeam.transforms.formats.named_images import ImageFinder
from labelbeam.transforms.formats.openimages.read import read_descriptions, read_rows
from labelbeam.transforms.formats.openimages.recognise import table_of
from labelbeam.transforms.formats.openimages.rows import rows_in
from labelbeam.transforms.formats.via.content import ViaError, read_content
from labelbeam.transforms.formats.via.read import find_attribute, read_via
from labelbeam.transforms.formats.voc.charsets import XmlError
from labelbeam.transforms.formats.voc.masks import MaskError, read_mask
from labelbeam.transforms.formats.voc.sets import read_image_sets
from labelbeam.transforms.formats.voc.xml import parse_annotation
from labelbeam.transforms.formats.yolo.description import describes, parse_description, parse_names
from labelbeam.transforms.formats.yolo.entries import find_entry, resolved
from labelbeam.transforms.formats.yolo.lines import parse_labels
from labelbeam.transforms.geometry.rle import GeometryError, box_of_runs, counts_from_string, counts_to_string, read_rle
from labelbeam.transforms.geometry.trace import trace
from labelbeam.transforms.images.facts import ImageError
from labelbeam.transforms.images.headers import MAX_PIXELS, decode, read_header
from labelbeam.transforms.messages.redact import hide, redact, stable
from labelbeam.transforms.messages.words import plain
from labelbeam.transforms.stores.archives.contents import ArchiveError
from labelbeam.transforms.stores.archives.store import open_archive
from labelbeam.transforms.stores.failures import ShortReadError, retry_after
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.paths import quote_path, safe_relative, unquote_path
from labelbeam.transforms.stores.web.index_pages import read_index_page


@dataclass(frozen=True)
class Target:
    """A parser to be fuzzed: `run` on inputs that come of `seeds` and `tokens`, guided by the files in `watched`."""

    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    tokens: tuple[bytes, ...]
    watched: tuple[str, ...]


# COCO. --------------------------------------------------------------------------------------------------------------


class _Anything(msgspec.Struct):
    """A record that every JSON object is."""


def _pairs_of_file(content: bytes) -> list[tuple[str, Any]] | None:
    """Return the keys and values of a JSON object, keys that stand twice included; None where it is none."""
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    try:
        value = json.loads(text, object_pairs_hook=tuple, parse_int=str)
    except (ValueError, RecursionError):
        return None
    return list(value) if isinstance(value, tuple) else None


def split_coco(content: bytes) -> None:
    """Plans hold what the json module reads, and are refused only where it refuses, or where a key stands twice."""
    target, window = 1 + len(content) % 97, 1 + len(content) // 50 + zlib.crc32(content) % 61
    pairs = _pairs_of_file(content)
    read = _reader(content)
    try:
        ranges = plan_ranges(read, len(content), target, window)
        if not _prove(content, ranges, pairs):
            ranges = plan_ranges(read, len(content), target, window, exact=True)
            assert _prove(content, ranges, pairs) or pairs is None, "elements of a scanned file were cut"
    except MalformedJsonError:
        assert pairs is None or _is_ambiguous(pairs), "a valid file was refused"


def _is_ambiguous(pairs: list[tuple[str, Any]]) -> bool:
    """Whether a section is no list, or stands twice."""
    keys = [key for key, _ in pairs if key in SECTIONS]
    odd = [value for key, value in pairs if key in SECTIONS and not isinstance(value, list | None)]
    return bool(odd) or len(keys) > len(set(keys))


def _prove(content: bytes, ranges: Sequence[ElementRange], pairs: list[tuple[str, Any]] | None) -> bool:
    """Decode the ranges that are read; False where a cut was wrong."""
    found = dict.fromkeys(SECTIONS, 0)
    try:
        for part in ranges:
            if part.section in SECTIONS:
                decoded = decode_range(content[part.start : part.end], _Anything)
                found[part.section] += len(decoded.records) + len(decoded.bad)
    except UnsafeSplitError:
        return False
    if pairs is not None:
        assert found == {key: len(dict(pairs).get(key) or ()) for key in SECTIONS}, "elements were lost"
    return True


def _reader(content: bytes) -> Callable[[int, int], bytes]:
    def read(start: int, end: int) -> bytes:
        assert 0 <= start < end <= len(content), "read outside the file"
        return content[start:end]

    return read


def read_coco_records(block: bytes) -> None:
    """Every element is a record or is bad, whatever record is wanted; what is kept of it can be written."""
    counts = set()
    for record in (CocoImage, CocoCategory, LabelOnly, Boxed, Outlined):
        try:
            decoded = decode_range(block, record)
        except UnsafeSplitError:
            counts.add(-1)
            continue
        counts.add(len(decoded.records) + len(decoded.bad))
        for bad in decoded.bad:
            assert 0 <= bad.offset < len(block)
            _writable(bad.message)
            _writable(bad.raw)
        for item in decoded.records:
            for numbers in [getattr(item, "bbox", None) or [], *_polygon(item)]:
                assert all(map(math.isfinite, numbers)), "a coordinate is not finite"
    assert len(counts) == 1, f"records of {counts} elements"


def _polygon(item: Any) -> list[list[float]]:
    found = getattr(item, "segmentation", None)
    return found if isinstance(found, list) else []


def _writable(text: str) -> None:
    text.encode()


def build_coco(content: bytes) -> None:
    """Index and read a whole file, as a build does; every record ends in a fragment that can be sent on."""
    try:
        ranges = plan_ranges(_reader(content), len(content), exact=True)
    except MalformedJsonError:
        return
    for task in ("image_classification", "image_object_detection", "image_instance_segmentation"):
        builder = IndexBuilder("file:///a.json", 0, "", None, 3)
        try:
            for part in ranges:
                if part.section == "images":
                    builder.add_images(content[part.start : part.end])
                elif part.section == "categories":
                    builder.categories.add(content[part.start : part.end])
            repeated = builder.repeated()
            images = [content[part.start : part.end] for part in ranges if part.section == "images"]
            builder.tell_apart(repeated, images)
            fragments = [fragment for _, fragment in builder.finish()]
            for part in ranges:
                if part.section == "annotations":
                    block = content[part.start : part.end]
                    read, _, _ = read_annotations(block, part.start, builder.index, task, 3)
                    fragments += read.values()
        except UnsafeSplitError:
            continue
        for fragment in fragments:
            fragment.encode()
            for rejection in fragment.rejections:
                msgspec.json.encode(rejection)


# Masks. -------------------------------------------------------------------------------------------------------------


def read_rle_json(data: bytes) -> None:
    """Runs add up to the mask, survive COCO's text, and can be traced."""
    try:
        size, counts, width, height = json.loads(data)
        width, height = min(abs(int(width)), 2**31), min(abs(int(height)), 2**31)
    except (ValueError, TypeError, OverflowError, RecursionError):
        # Not an input of the reader: take the bytes as text of a mask that is one pixel high.
        size, counts, width, height = [1, 40], data.decode("latin-1"), 40, 1
    try:
        runs = read_rle(size, counts, width, height)
    except GeometryError as error:
        _writable(str(error))
        return
    assert int(runs.sum()) == width * height
    assert (runs >= 0).all()
    assert counts_from_string(counts_to_string(runs)).tolist() == runs.tolist()
    left, top, right, bottom = box_of_runs(runs, height)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    if width * height <= 10_000:
        rings = trace(runs, height, width)
        corners = np.concatenate(rings)
        assert (corners.min(0) == (left, top)).all()
        assert (corners.max(0) == (right, bottom)).all()


# Pascal VOC. --------------------------------------------------------------------------------------------------------


def parse_voc_xml(data: bytes) -> None:
    """Corners are finite, sizes positive, and text can be written."""
    try:
        found = parse_annotation(data)
    except XmlError as error:
        _writable(str(error))
        return
    _writable(found.filename)
    assert all(side is None or 0 < side < 2**31 for side in (found.width, found.height))
    for position, item in enumerate(found.objects, 1):
        assert item.position == position
        for text in (item.name, item.pose, item.box_error):
            _writable(text)
        assert item.box is None or all(map(math.isfinite, (*item.box.numbers, item.box.angle)))


# YOLO. --------------------------------------------------------------------------------------------------------------


def parse_yolo_labels(data: bytes) -> None:
    """Each line that is not blank is read, rejected or repeated; what is read is finite, and counts as its columns say."""
    keypoints = len(data) % 3
    found = parse_labels(data, keypoints)
    numbers = [line.number for line in found.lines] + [bad.number for bad in found.bad]
    assert len(set(numbers)) == len(numbers)
    for line in found.lines:
        assert all(map(math.isfinite, line.values))
        assert len(line.values) == 4 or (len(line.values) > 5 and len(line.values) % 2 == 0)
    for bad in found.bad:
        _writable(bad.message)


def parse_yolo_description(data: bytes) -> None:
    """Names are text by numbers from 0 on, and no entry leads out of the root."""
    for path in ("data.yaml", "obj.data"):
        describes(path, data.decode("utf-8", "replace"))
        try:
            found = parse_description(data, path)
        except LabelBeamError as error:
            _writable(str(error))
            continue
        for number, name in (found.names.by_number if found.names is not None else {}).items():
            assert number >= 0
            assert isinstance(name, str)
        for entry in (entry for entries in found.splits.values() for entry in entries):
            assert find_entry(entry, [found.root, "a/b", ""], {"", "a", "a/b"}) in (None, "", "a", "a/b")
            place = resolved("a/b", entry)
            assert place is None or ".." not in place.split("/")
    with suppress(LabelBeamError):
        parse_names(data, "classes.txt")


def _mend_png(data: bytes) -> bytes:
    """Correct the checksums of a PNG, without which every mutation ends at the first of them."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    mended, at = [data[:8]], 8
    while at + 8 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        if at + 12 + length > len(data):
            break
        mended.append(seeds.png_chunk(data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return b"".join(mended) + data[at:]


def read_voc_mask(png: bytes) -> None:
    """Instances have the boxes that their pixels have, and can be traced."""
    if zlib.crc32(png) % 8:
        png = _mend_png(png)
    size = (6, 4) if zlib.crc32(png) % 3 else None
    try:
        mask = read_mask(png, size)
    except MaskError as error:
        _writable(str(error))
        return
    height, width = mask.indices.shape
    assert size in (None, (width, height))
    for box in mask.boxes.values():
        assert 0 <= box[0] < box[2] <= width
        assert 0 <= box[1] < box[3] <= height
    for index in list(mask.boxes)[:3] if width * height <= 10_000 else ():
        corners = np.concatenate(mask.rings(index))
        assert (*corners.min(0), *corners.max(0)) == mask.boxes[index]


# Tables. ------------------------------------------------------------------------------------------------------------


def read_label_table(data: bytes) -> None:
    """Images are distinct, and everything that is said of them can be written."""
    choice = zlib.crc32(data)
    name = ("labels.csv", "train/metadata.jsonl")[choice % 4 == 0 or data.lstrip()[:1] == b"{"]
    task = ("image_classification", "image_classification_multilabel")[choice // 4 % 2]
    files = (None, {"a.jpg", "b.PNG", "images/c d.jpg", "train/a.jpg"})[choice // 8 % 2]
    separator = (None, None, ";", " ", "")[choice // 16 % 5]
    table = LabelTable(name, "images", None, {"train": "train"})
    try:
        content = read_table(table, data, files, task, FolderOptions(label_separator=separator))
    except TableError as error:
        _writable(str(error))
        return
    assert len({image.path for image in content.images}) == len(content.images)
    msgspec.json.encode([content.images, content.rejected, content.warnings])


# JSON Lines. --------------------------------------------------------------------------------------------------------


def read_json_lines(data: bytes) -> None:
    """Each line that is not blank is an image or a rejection, and everything that is said of it can be written."""
    choice = zlib.crc32(data)
    prefix = (None, "", "AmlDatastore://d/", "https://h/c/")[choice % 4]
    lines = Lines("file:///x.jsonl", None, prefix)
    for number, line in enumerate(data.split(b"\n"), 1):
        lines.add(line, f"line {number}")
    images = sum(rejection.kind == "image" for rejection in lines.rejections)
    assert len(lines.images) + images == sum(bool(line.strip()) for line in data.split(b"\n"))
    found = sum(1 + len(image.objects) + len(image.rejected) for image in lines.images)
    found -= sum(any(item.kind == "image" for item in image.rejected) for image in lines.images)
    fragments = dict(fragments_of(lines.images, 3, 0))
    assert sum(fragment.records for fragment in fragments.values()) == found
    msgspec.json.encode([lines.rejections, lines.evidence, [fragment.rejections for fragment in fragments.values()]])
    for fragment in fragments.values():
        msgspec.json.encode([fragment.labels, fragment.images.paths])


# Labelling tools. ---------------------------------------------------------------------------------------------------


def _accounted(images: Sequence[SourceImage]) -> None:
    """Every object of the images reaches a fragment, and everything that is said of it can be written."""
    fragments = dict(fragments_of(images, 3, 0))
    found = sum(len(image.objects) + len(image.rejected) for image in images)
    found += sum(not any(item.kind == "image" for item in image.rejected) for image in images)
    assert sum(fragment.records for fragment in fragments.values()) == found
    for image in images:
        assert image.rejected or "://" in image.path or safe_relative(image.path) == image.path
        assert sum(item.kind == "image" for item in image.rejected) < 2, "an image was rejected twice"
        for item in image.objects:
            assert item.bbox is None or all(map(math.isfinite, item.bbox))
            assert all(np.isfinite(ring).all() for ring in item.rings or [])
    for fragment in fragments.values():
        msgspec.json.encode([fragment.labels, fragment.images.paths, fragment.rejections])


_LISTED = ImageFinder(["a/1.jpg", "b/1.jpg", "2.png"])


def read_labelme_file(data: bytes) -> None:
    """A file is an image, whose shapes are objects or rejections, or it is none of LabelMe."""
    task = sorted(TASKS)[zlib.crc32(data) % 4]
    found = read_labelme(data, "a/x.json", _LISTED, labels="detect", task=task, source="memory://x")
    _accounted([found.image] if found is not None else [])


def read_via_file(data: bytes) -> None:
    """Every entry of a file is an image, whose regions are objects or rejections, or the file is refused."""
    task = sorted(TASKS)[zlib.crc32(data) % 4]
    for path in ("a/via.json", "a/via.csv"):
        try:
            content = read_content(data, path)
        except ViaError:
            continue
        attribute = find_attribute(content, None, task)
        read = read_via(content, attribute, _LISTED, path=path, source="memory://x", task=task, split=None)
        assert len(read.images) == len(content.files)
        if "classification" not in task:
            regions = sum(len(file.regions) for file in content.files)
            rejected = sum(item.kind == "object" for image in read.images for item in image.rejected)
            assert sum(len(image.objects) for image in read.images) + rejected == regions
        _accounted(read.images)


def read_customvision_file(data: bytes) -> None:
    """Every region of an image is an object or a rejection, or the file is refused."""
    task = sorted(TASKS)[zlib.crc32(data) % 4]
    tags = read_tags(data)
    try:
        read = read_images(data, tags, _LISTED, path="a/x.json", source="memory://x", task=task)
    except CustomVisionError:
        return
    if "classification" not in task:
        rejected = sum(item.kind == "object" for image in read.images for item in image.rejected)
        assert sum(len(image.objects) for image in read.images) + rejected == read.boxes
    _accounted(read.images)


def read_openimages_table(data: bytes) -> None:
    """However a table is cut, each row that is not blank is read once; and each is an object, a rejection or skipped."""
    task = sorted(TASKS)[zlib.crc32(data) % 4]
    table = table_of("a/boxes.csv", data)
    if table is None:
        read_descriptions(data)
        return
    column = table.columns.index("imageid")
    step = 1 + zlib.crc32(data) % max(1, len(data))

    def read_bytes(start: int, end: int) -> bytes:
        assert 0 <= start <= end <= len(data)
        return data[start:end]

    whole = list(rows_in(read_bytes, 0, len(data), table.first, len(data), column))
    parts = [
        row
        for start in range(0, len(data), step)
        for row in rows_in(read_bytes, start, min(len(data), start + step), table.first, len(data), column)
    ]
    assert parts == whole
    read = read_rows(
        whole, table.columns, {"/m/1": "cat"}, _LISTED, path="a/b.csv", source="memory://x", task=task, split=None
    )
    _accounted(read.images)


def read_cvat_file(data: bytes) -> None:
    """However a file is cut, its images are the same, or it is read whole; and each shape is an object, a rejection or skipped."""
    task = sorted(TASKS)[zlib.crc32(data) % 4]
    given = CvatOptions(cvat_groups="apart")

    def part(start: int, end: int) -> bytes:
        assert 0 <= start <= end <= len(data)
        return data[start:end]

    def read(start: int, end: int) -> list[SourceImage]:
        images: list[SourceImage] = []
        for element in images_in(part, start, end, len(data)):
            if element.tag == "image":
                found = read_cvat_image(element, _LISTED, given, path="a.xml", source="memory://x", task=task).image
                shapes = sum(isinstance(shape.tag, str) and shape.tag != "tag" for shape in element)
                said = len(found.objects) + len(found.skipped) + sum(item.kind == "object" for item in found.rejected)
                assert "classification" in task or said == shapes
                images.append(found)
        return images

    try:
        whole = read(0, len(data))
    except CvatError as error:
        _writable(str(error))
        return
    _accounted(whole)
    step = 1 + zlib.crc32(data) % max(1, len(data))
    with suppress(UnsafeCutError):
        parts = [image for at in range(0, len(data), step) for image in read(at, min(len(data), at + step))]
        assert [image.locator for image in parts] == [image.locator for image in whole]


def read_labelstudio_file(data: bytes) -> None:
    """Every task is an image, whose regions are objects or rejections, or the file is refused."""
    task = sorted(TASKS)[zlib.crc32(data) % 4]
    try:
        tasks = read_tasks(data)
    except StudioError as error:
        _writable(str(error).encode("utf-8", "backslashreplace").decode())
        return
    for which in ("detect", "all", "predictions"):
        given = LabelStudioOptions(labelstudio_annotations=which)
        read = read_studio(tasks, given, _LISTED, path="a/x.json", source="memory://x", task=task, split=None)
        assert len(read.images) == len(tasks)
        if "classification" not in task:
            rejected = sum(item.kind == "object" for image in read.images for item in image.rejected)
            assert sum(len(image.objects) for image in read.images) + rejected == read.counts["boxes"]
        _accounted(read.images)


def read_datumaro_file(data: bytes) -> None:
    """Every item of a file is an image, whose annotations are objects or rejections, or the file is refused."""
    task = sorted(TASKS)[zlib.crc32(data) % 4]
    try:
        read = read_items(
            data,
            _LISTED,
            path="annotations/a.json",
            source="memory://x",
            task=task,
            split=None,
            apart=bool(len(data) % 2),
        )
    except DatumaroError as error:
        _writable(str(error).encode("utf-8", "backslashreplace").decode())
        return
    _accounted(read.images)


def read_huggingface_table(data: bytes) -> None:
    """Every row that is not blank is an image, whose objects are objects or rejections; names are text by numbers from 0 on."""
    task = sorted(TASKS)[zlib.crc32(data) % 4]
    found = [*names_in("README.md", data), *names_in("dataset_infos.json", data)]
    assert all(number >= 0 and isinstance(name, str) for names in found for number, name in names.items())
    for rows in (rows_of_lines(data, 0), rows_of_csv(data)):
        known = list(rows)
        evidence = Evidence()
        read = read_object_rows(known, {0: "cat"}, _LISTED, evidence, path="a/x", source="memory://x", task=task)
        assert len(read.images) == len(known)
        _accounted(read.images)


# Predictions. -------------------------------------------------------------------------------------------------------

_NAMES = own_names(["a.jpg", "b.jpg"], ["cat", "dog"])


def read_any_predictions(data: bytes) -> None:
    """Predictions of any task are read with masks and boxes that pycocotools survives, or refused."""
    task = list(PREDICTIONS)[zlib.crc32(data) % 4]
    try:
        found = parse_predictions(data, "p", task, _NAMES)
        for said in found.said if found is not None else ():
            if isinstance(said.value, LabelsPrediction):
                assert len(said.value.probs) == len(set(said.value.labels))
                continue
            for item in predicted_objects(said.value, said.place, 6, 4, task == "image_instance_segmentation"):
                assert all(map(math.isfinite, item.box)) and min(item.box[2:]) >= 0
                if item.mask is not None:
                    assert 0 <= coco_mask.area(item.mask) <= 24
                    assert sum(counts_from_string(item.mask["counts"])) == 24
    except PredictionsError as error:
        _writable(str(error).encode("utf-8", "backslashreplace").decode())


# Images. ------------------------------------------------------------------------------------------------------------


def read_image(data: bytes) -> None:
    """Header and pixels agree on what the image is."""
    if zlib.crc32(data) % 8:
        data = _mend_png(data)
    try:
        facts = read_header(io.BytesIO(data), "a.jpg")
        assert 0 < facts.width * facts.height <= MAX_PIXELS
        assert 1 <= facts.orientation <= 8
        if facts.width * facts.height < 10**7:  # The time for more goes to zeros.
            assert decode(io.BytesIO(data), "a.jpg") == facts
    except ImageError as error:
        _writable(error.message)


# Config. ------------------------------------------------------------------------------------------------------------

_CONFIG = Path(tempfile.gettempdir(), f"labelbeam-fuzz-{os.getpid()}.yaml")


def read_yaml_config(data: bytes) -> None:
    """A config is read into options of the types that they have, or refused."""
    _CONFIG.write_bytes(data)
    try:
        config = make_config({}, read_config(str(_CONFIG), FIELDS))
        if not str(config.storage_options).startswith("@"):
            storage_options(config.storage_options)
    except UsageError as error:
        _writable(str(error))
    finally:
        _CONFIG.unlink()


_SOURCES = ("/transforms/", "/schemas/")


def read_answer(content: bytes) -> None:
    """An answer of an endpoint, and a request: what passes has the figures that predictions may have."""
    for task in ("image_classification", "image_instance_segmentation"):
        with suppress(InvalidAnswerError):
            for prediction in predictions_of(parse_response(content, task, 1), ["a"]):
                line = msgspec.json.encode(prediction)
                assert msgspec.json.decode(line, type=PREDICTIONS[task]) == prediction
    with suppress(InvalidRequestError):
        for item in parse_request(content):
            assert parse_request(encode_request([encode_item(*item)])) == [item]


# Archives, web servers and outputs. ----------------------------------------------------------------------------------


class _Held:
    """A store that holds one file."""

    protocol = ("file",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    def info(self, path: str) -> dict[str, Any]:
        return {"name": path, "type": "file", "size": len(self._data)}

    def cat_file(self, path: str, start: int, end: int) -> bytes:
        assert 0 <= start < end <= len(self._data), "read outside the archive"
        return self._data[start:end]


def read_archive(data: bytes) -> None:
    """No name leads out of an archive; each file is read, whole and in part, or refused, and both say the same."""
    kind = "tar" if data[257:262] == b"ustar" or zlib.crc32(data) % 7 == 0 else "zip"
    store = open_archive(kind, _Held(data), "a", "a")
    try:
        found = store.find("", detail=True)
    except (ArchiveError, ShortReadError) as error:
        _writable(str(error).encode("utf-8", "backslashreplace").decode())
        return
    for path, info in list(found.items())[:8]:
        assert safe_relative(path) == path or not path.isascii()
        assert not {"", ".", ".."} & {*path.split("/")} and info["size"] >= 0
        size = min(info["size"], 1 << 20)
        with suppress(ArchiveError, ShortReadError):
            head = store.cat_file(path, 0, size) if size else b""
            assert len(head) <= size
            with suppress(ArchiveError, ShortReadError):
                assert store.cat_file(path)[:size] == head


def read_links(data: bytes) -> None:
    """A page names what lies directly in its directory, and no more."""
    page = read_index_page(data.decode("utf-8", "replace"), "http://h/d/")
    for name in (*page.files, *page.folders):
        assert name not in ("", ".", "..") and "/" not in name
        asked = quote_path(f"d/{name}")
        assert asked.startswith("d/") and not {"?", "#"} & {*asked}
        assert unquote_path(asked) == f"d/{name}"


def read_lists(data: bytes) -> None:
    """Lists put annotation files that are there into splits that exist."""
    half = len(data) // 2
    parts = (data[:half], data[half:]) if zlib.crc32(data) % 2 else (data, data)
    lists = {"ImageSets/Main/train.txt": parts[0], "ImageSets/Main/cat_val.txt": parts[1]}
    xmls = {name: f"Annotations/{name}.xml" for name in ("1", "2", "a/b", "\u00fc")}
    for task in ("image_object_detection", "image_classification"):
        doubts: list[Any] = []
        found = read_image_sets(list(lists), lists.__getitem__, task, xmls, doubts)
        for doubt in doubts:
            msgspec.json.encode(doubt)
        if found is not None:
            assert {*found.splits} | {*found.labels} <= {*xmls.values()}
            assert {*found.splits.values()} <= {"train", "validation", "test", None}


_OUTPUT = Path(tempfile.gettempdir(), f"labelbeam-fuzz-{os.getpid()}")
_BUILD = "20240101T000000000000Z-0a1b2c3d"


def read_output(data: bytes) -> None:
    """What somebody else has put into an output is read as what it says that it is, or refused, and leads nowhere else."""
    output = locate(str(_OUTPUT), {})
    kept, build = _OUTPUT / "unfinished" / _BUILD, _OUTPUT / "builds" / _BUILD
    for folder in (kept, build):
        folder.mkdir(parents=True, exist_ok=True)
    pointer = json.dumps({"build": _BUILD, "manifest": f"builds/{_BUILD}/manifest.json"}).encode()
    for place, written, look in (
        (_OUTPUT / "latest.json", data, lambda: latest_build(output)),
        (_OUTPUT / "unfinished" / "lock-1.json", data, lambda: read_claims(output)),
        (build / "manifest.json", data, lambda: published(output)),
        (kept / "begun.json", data, lambda: was_begun(output, _BUILD)),
        (kept / "receipt-00000-of-00001.json", data, lambda: _receipt(kept, build)),
    ):
        if place.name == "manifest.json":
            (_OUTPUT / "latest.json").write_bytes(pointer)
        place.write_bytes(written)
        try:
            look()
        except LabelBeamError as error:
            _writable(str(error).encode("utf-8", "backslashreplace").decode())
        finally:
            place.unlink()


def _receipt(kept: Path, build: Path) -> Receipt | None:
    return finished_bucket(BuildTarget(str(build), str(kept), "", True), {}, 0, 1, Receipt)


class _PauseError(Exception):
    """An answer that asks for a pause."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.headers = {"Retry-After": text}


_SECRET = "p@ss w/rd+1"


def read_message(data: bytes) -> None:
    """Words of a server or a name are shown without a secret and without what steers a terminal, and again they stay the same."""
    text = data.decode("utf-8", "surrogateescape")
    shown = plain(redact(text))
    _writable(shown)
    assert plain(shown) == shown and not any(ord(character) < 32 or ord(character) == 127 for character in shown)
    stable(text)
    assert _SECRET not in hide(f"{text}{_SECRET}{text}", (_SECRET,))
    seconds = retry_after(_PauseError(text))
    assert seconds is None or seconds >= 0


TARGETS = {
    "coco-split": Target(split_coco, seeds.COCO, seeds.COCO_TOKENS, _SOURCES),
    "coco-records": Target(read_coco_records, seeds.COCO_RANGES, seeds.COCO_TOKENS, _SOURCES),
    "coco-build": Target(build_coco, seeds.COCO, seeds.COCO_TOKENS, _SOURCES),
    "rle": Target(read_rle_json, seeds.RLE, seeds.RLE_TOKENS, _SOURCES),
    "voc-xml": Target(parse_voc_xml, seeds.XML, seeds.XML_TOKENS, _SOURCES),
    "voc-masks": Target(read_voc_mask, seeds.MASKS, seeds.PNG_TOKENS, (*_SOURCES, "/PIL/")),
    "yolo-labels": Target(parse_yolo_labels, seeds.YOLO_LABELS, seeds.YOLO_TOKENS, _SOURCES),
    "yolo-data": Target(parse_yolo_description, seeds.YOLO_DATA, seeds.YOLO_TOKENS, (*_SOURCES, "/yaml/")),
    "tables": Target(read_label_table, seeds.TABLES, seeds.TABLE_TOKENS, _SOURCES),
    "json-lines": Target(read_json_lines, seeds.JSON_LINES, seeds.JSON_LINES_TOKENS, _SOURCES),
    "labelme": Target(read_labelme_file, seeds.LABELME, seeds.TOOL_TOKENS, _SOURCES),
    "via": Target(read_via_file, seeds.VIA, (*seeds.TOOL_TOKENS, *seeds.VIA_TOKENS), _SOURCES),
    "customvision": Target(
        read_customvision_file, seeds.CUSTOM_VISION, (*seeds.TOOL_TOKENS, *seeds.CUSTOM_VISION_TOKENS), _SOURCES
    ),
    "openimages": Target(read_openimages_table, seeds.OPEN_IMAGES, seeds.OPEN_IMAGES_TOKENS, _SOURCES),
    "cvat": Target(read_cvat_file, seeds.CVAT, seeds.CVAT_TOKENS, _SOURCES),
    "labelstudio": Target(
        read_labelstudio_file, seeds.LABEL_STUDIO, (*seeds.TOOL_TOKENS, *seeds.LABEL_STUDIO_TOKENS), _SOURCES
    ),
    "datumaro": Target(read_datumaro_file, seeds.DATUMARO, (*seeds.TOOL_TOKENS, *seeds.DATUMARO_TOKENS), _SOURCES),
    "huggingface": Target(
        read_huggingface_table, seeds.HUGGING_FACE, (*seeds.TOOL_TOKENS, *seeds.HUGGING_FACE_TOKENS), _SOURCES
    ),
    "predictions": Target(read_any_predictions, seeds.PREDICTIONS, seeds.PREDICTION_TOKENS, _SOURCES),
    "images": Target(read_image, seeds.IMAGES, seeds.IMAGE_TOKENS, (*_SOURCES, "/PIL/")),
    "answers": Target(read_answer, seeds.ANSWERS, seeds.ANSWER_TOKENS, ("/schemas/",)),
    "archives": Target(read_archive, seeds.ARCHIVES, seeds.ARCHIVE_TOKENS, (*_SOURCES, "/zipfile", "/tarfile")),
    "index-pages": Target(read_links, seeds.PAGES, seeds.PAGE_TOKENS, _SOURCES),
    "voc-lists": Target(read_lists, seeds.LISTS, seeds.LIST_TOKENS, _SOURCES),
    "outputs": Target(read_output, seeds.OUTPUTS, seeds.OUTPUT_TOKENS, _SOURCES),
    "messages": Target(read_message, seeds.MESSAGES, seeds.MESSAGE_TOKENS, _SOURCES),
    "config": Target(read_yaml_config, seeds.CONFIGS, seeds.CONFIG_TOKENS, ("/pipelines/", "/schemas/")),
}
