"""What labelling tools write: LabelMe, VIA, CVAT, Label Studio, Datumaro, Supervisely."""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Sequence
from contextlib import suppress

import msgspec
import numpy as np
from targets.target import SOURCES, Target, writable
from targets.voc import MASKS, XML_TOKENS

from labelbeam.schemas.neutral import SourceImage
from labelbeam.schemas.tasks import TASKS
from labelbeam.transforms.columns.fragments import fragments_of
from labelbeam.transforms.formats.cvat.format import CvatOptions
from labelbeam.transforms.formats.cvat.read import read_image as read_cvat_image
from labelbeam.transforms.formats.cvat.xml import CvatError, UnsafeCutError, images_in
from labelbeam.transforms.formats.datumaro.read import DatumaroError, read_items
from labelbeam.transforms.formats.labelme.read import read_labelme
from labelbeam.transforms.formats.labelstudio.format import LabelStudioOptions
from labelbeam.transforms.formats.labelstudio.read import read_studio
from labelbeam.transforms.formats.labelstudio.tasks import StudioError, read_tasks
from labelbeam.transforms.formats.named_images import ImageFinder
from labelbeam.transforms.formats.supervisely.format import SuperviselyOptions
from labelbeam.transforms.formats.supervisely.read import read_supervisely
from labelbeam.transforms.formats.via.content import ViaError, read_content
from labelbeam.transforms.formats.via.read import find_attribute, read_via
from labelbeam.transforms.geometry.rle import counts_to_string
from labelbeam.transforms.stores.paths import safe_relative

_SHAPES = [
    {"label": "cat", "points": [[1, 2], [9, 3.5], [4, 8]], "group_id": 1, "shape_type": "polygon", "flags": {}},
    {"label": " dog ", "points": [[1, 2], [9, 8]], "shape_type": "rectangle", "group_id": None},
    {"label": 7, "points": [[5, 5], [5, 9]], "shape_type": "circle", "group_id": 1},
    {"label": "m", "points": [[1, 1], [6, 4]], "shape_type": "mask", "mask": base64.b64encode(MASKS[2]).decode()},
    {"label": "p", "points": [[1, 1]], "shape_type": "point"},
]
_LABELME = {"version": "5.0", "flags": {"day": True, "wet": False}, "shapes": _SHAPES, "imagePath": "..\\b\\1.jpg"}
LABELME = (
    json.dumps(_LABELME | {"imageData": None, "imageHeight": 10, "imageWidth": 12}).encode(),
    json.dumps({"shapes": _SHAPES[:1] * 3, "imagePath": "/home/a/2.png", "imageWidth": None}).encode(),
    b'{"shapes": [{"label": "a", "points": [[NaN, 1e999]]}], "imagePath": "../../1.jpg", "imageWidth": -1}',
)
TOOL_TOKENS = (
    *(b'"shapes"', b'"points"', b'"label"', b'"shape_type"', b'"circle"', b'"mask"', b'"group_id"', b"null", b"true", b"[[", b"]]"),
    *(b"NaN", b"1e999", b"1e308", b"-1e308", b"9" * 400, b'"\\ud800"', b'"../"', b'"C:\\\\a"', b'"\\u0000"', b"[" * 2000, b"{", b"}", b","),
    *(b"\xef\xbb\xbf", b"\xff", b'"https://a/b.jpg"', b'""', b"\n", b'"flags"', b'"imagePath"', b'"imageWidth"'),
)  # fmt: skip

_REGIONS = [
    {
        "shape_attributes": {"name": "rect", "x": 1, "y": 2, "width": 3, "height": 4},
        "region_attributes": {"class": "cat"},
    },
    {
        "shape_attributes": {"name": "circle", "cx": 5, "cy": 5, "r": 3.5},
        "region_attributes": {"class": {"a": True, "b": False}},
    },
    {
        "shape_attributes": {"name": "ellipse", "cx": 5, "cy": 5, "rx": 3, "ry": 1, "theta": 0.5},
        "region_attributes": {"class": 3},
    },
    {
        "shape_attributes": {"name": "polygon", "all_points_x": [1, 5, 3], "all_points_y": [1, 1, 6]},
        "region_attributes": {"class": "b", "x": ""},
    },
    {"shape_attributes": {"name": "point", "cx": 1, "cy": 1}, "region_attributes": {}},
]
_VIA = {"1.jpg9": {"filename": "1.jpg", "size": 9, "regions": _REGIONS, "file_attributes": {"caption": "", "day": "1"}}}
VIA = (
    json.dumps(
        {"_via_settings": {"core": {"default_filepath": "./b/"}}, "_via_img_metadata": _VIA, "_via_attributes": {}}
    ).encode(),
    json.dumps({"1.jpg": {"filename": "1.jpg", "regions": dict(enumerate(_REGIONS)), "fileref": ""}, "x": 1}).encode(),
    b"filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n"
    b'1.jpg,9,"{}",2,0,"{""name"":""rect"",""x"":1,""y"":2,""width"":3,""height"":4}","{""class"":""cat""}"\n2.png,-1,"{}",0,0,"{}","{}"\n',
)
VIA_TOKENS = (
    *(b'"_via_img_metadata"', b'"regions"', b'"shape_attributes"', b'"region_attributes"', b'"file_attributes"', b'"filename"'),
    *(b'"name"', b'"rect"', b'"ellipse"', b'"all_points_x"', b'"theta"', b'""', b'"', b"filename", b"#filename", b"region_shape_attributes"),
)  # fmt: skip

_CVAT = """<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta><task><id>1</id></task></meta>
<image id="0" name="a/1.jpg" subset="Train" task_id="1" width="12" height="10"><box label="cat" occluded="0" xtl="1.00" ytl="2" xbr="5" ybr="6"
 rotation="30" z_order="0"><attribute name="x">1</attribute></box><polygon label="a" points="1,1;5,1;5,6" group_id="2"/><mask label="a"
 rle="1, 3, 2" left="1" top="2" width="3" height="2" group_id="2"/><tag label="day"/></image>
<image id="1" name="2.png"><ellipse label="e" cx="5" cy="5" rx="3" ry="1" rotation="10"/><points label="p" points="1,1" outside="1"/></image>
</annotations>"""
CVAT = (
    _CVAT.encode(),
    _CVAT.replace("</annotations>", "<!-- <image/> --><track id='0'/></annotations>").encode(),
    b"<annotations><image name='1.jpg'/><image name='../x'/></annotations>",
    b'<annotations><image id="0" name="1.jpg">\n<box label="a" xtl="1.00" ytl="2.00" xbr="3.5" ybr="-4" group_id="0">\n</box>\n</image></annotations>',
)
CVAT_TOKENS = (
    *XML_TOKENS,
    *(b"<image ", b"</image>", b'<box label="a" ', b'points="', b'rle="0,4"', b'name="', b'width="', b"1e300", b"nan", b";", b'subset="val"'),
    *(b'group_id="1"', b"<track/>", b'rotation="', b"999999999", b'outside="1"'),
)  # fmt: skip


def brush(alpha: list[int]) -> list[int]:
    """A mask as Label Studio's brush packs it: each value by itself, of red, green, blue and alpha."""
    values = [channel for value in alpha for channel in (0, 0, 0, value)]
    bits = f"{len(values):032b}" + "00111" + "0010" + "0011" + "0111" + "1111"
    bits += "".join("0" + "00" + "000" + f"{value:08b}" for value in values)
    bits += "0" * (-len(bits) % 8)
    return [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]


_SIZES = {"original_width": 3, "original_height": 2, "image_rotation": 0}
_RESULTS = [
    {"id": "a", "type": "rectanglelabels", "from_name": "label", "to_name": "image", **_SIZES}
    | {"value": {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 30, "rectanglelabels": ["cat"]}},
    {"id": "b", "type": "rectangle", **_SIZES, "value": {"x": 1, "y": 2, "width": 3, "height": 4}},
    {"id": "b", "type": "labels", **_SIZES, "value": {"labels": ["dog"]}},
    {"type": "polygonlabels", "value": {"points": [[1, 1], [50, 1], [30, 60]], "polygonlabels": ["a"]}},
    {
        "type": "ellipselabels",
        **_SIZES,
        "value": {"x": 50, "y": 50, "radiusX": 3, "radiusY": 1, "ellipselabels": ["e"]},
    },
    {
        "type": "brushlabels",
        **_SIZES,
        "value": {"format": "rle", "rle": brush([0, 255, 1, 0, 0, 9]), "brushlabels": ["a"]},
    },
    {"type": "keypointlabels", "value": {"x": 1, "y": 1, "width": 1, "keypointlabels": ["k"]}},
    {"type": "choices", "from_name": "kind", "value": {"choices": ["wet"], "taxonomy": [["a", "b"]]}},
    {"type": "relation", "from_id": "a", "to_id": "b"},
]
LABEL_STUDIO = (
    json.dumps(
        [
            {"id": 1, "data": {"image": "/data/upload/1/0a1b2c3d-1.jpg"}, "annotations": [{"result": _RESULTS}]},
            {"id": 2, "data": {"image": "s3://b/2.png"}, "annotations": [], "predictions": [{"result": _RESULTS[:1]}]},
            {"id": 3, "data": {"image": "x"}, "completions": [{"result": [], "was_cancelled": True}, {"result": None}]},
        ]
    ).encode(),
    json.dumps(
        [
            {
                "image": "/data/local-files/?d=a/1.jpg",
                "id": 1,
                "label": [{**_SIZES, **_RESULTS[0]["value"]}],
                "annotator": 1,
            },
            {
                "image": "2.png",
                "id": 2,
                "kind": "wet",
                "tags": {"choices": ["a", "b"]},
                "annotator": "x@y",
                "annotation_id": 3,
            },
        ]
    ).encode(),
    json.dumps({"id": 1, "result": _RESULTS[:2], "task": {"id": 4, "data": {"image": "https://h/1.jpg"}}}).encode(),
)
LABEL_STUDIO_TOKENS = (
    *(b'"data"', b'"annotations"', b'"result"', b'"value"', b'"rle"', b'"points"', b'"rotation"', b'"id"', b'"choices"', b'"taxonomy"'),
    *(b'"rectanglelabels"', b'"labels"', b'"original_width"', b'"annotator"', b'"was_cancelled"', b'"updated_at"', b'"task"', b"255", b"[0, 0"),
    *(b'"/tasks/1/resolve/?fileuri=czM6Ly9iLzEuanBn"', b'"image_rotation"', b'"predictions"'),
)  # fmt: skip

_NAMED = {"labels": [{"name": "cat", "parent": ""}, {"name": "dog"}]}
_ITEM = {
    "id": "1",
    "image": {"path": "1.jpg", "size": [4, 6]},
    "annotations": [
        {"id": 0, "type": "bbox", "label_id": 0, "group": 1, "bbox": [1, 2, 3, 4], "attributes": {"rotation": 30}},
        {"type": "polygon", "label_id": 0, "group": 1, "points": [1, 1, 5, 1, 5, 3]},
        {"type": "mask", "label_id": 1, "group": 0, "rle": {"size": [4, 6], "counts": counts_to_string([3, 5, 16])}},
        {"type": "ellipse", "label_id": 1, "points": [1, 1, 5, 3]},
        {"type": "label", "label_id": 7},
        {"type": "points", "label_id": 0, "points": [1, 1]},
        {"type": "caption", "caption": "x"},
    ],
}
DATUMARO = (
    json.dumps({"dm_format_version": "1.0", "infos": {}, "categories": {"label": _NAMED}, "items": [_ITEM]}).encode(),
    json.dumps(
        {"categories": {"label": {"labels": ["a"]}}, "items": [_ITEM | {"media": {"path": "../2.png"}}, 7, {}]}
    ).encode(),
)
DATUMARO_TOKENS = (
    *(b'"items"', b'"annotations"', b'"type"', b'"bbox"', b'"points"', b'"mask"', b'"rle"', b'"size"', b'"counts"', b'"label_id"', b'"group"'),
    *(b'"label"', b'"ellipse"', b'"categories"', b'"labels"', b'"path"', b'"image"', b'"id"', b'"rotation"'),
)  # fmt: skip

_RING = {"exterior": [[1, 1], [9, 1], [9, 8]], "interior": [[[3, 2], [8, 2], [8, 5]]]}
_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAAAAAC4HznGAAAAEElEQVR4nGP4/5+BiYHhPwAOAgMA4a4t9QAAAABJRU5ErkJggg=="
_DATA = base64.b64encode(zlib.compress(base64.b64decode(_PNG))).decode()
_OBJECTS = [
    {"classTitle": "cat", "geometryType": "rectangle", "points": {"exterior": [[1, 2], [9, 8.5]], "interior": []}},
    {"classTitle": " dog ", "geometryType": "polygon", "instance": "0f", "points": _RING},
    {"classTitle": "cat", "geometryType": "bitmap", "bitmap": {"data": _DATA, "origin": [4, 5]}},
    {"classTitle": "cat", "geometryType": "alpha_mask", "alpha_mask": {"data": _PNG, "origin": [1, 1]}},
    {"classTitle": 3, "geometryType": "multipolygon", "parts": [_RING, _RING]},
    {"classTitle": "cat", "geometryType": "oriented_bbox", "points": [[1, 2], [5, 3]], "angle": 0.5},
    {"classTitle": "cat", "geometryType": "graph", "nodes": {"a": {"loc": [1, 2]}}},
]
_TAGGED = {"tags": [{"name": "wet"}, {"name": "sky", "value": "red"}], "size": {"height": 10, "width": 12}}
SUPERVISELY = (
    json.dumps({"description": "", **_TAGGED, "objects": _OBJECTS}).encode(),
    json.dumps({"imageName": "1.jpg", "annotation": {**_TAGGED, "objects": _OBJECTS[:3]}}).encode(),
)
SUPERVISELY_TOKENS = (
    *(b'"objects"', b'"classTitle"', b'"geometryType"', b'"exterior"', b'"interior"', b'"bitmap"', b'"data"', b'"origin"', b'"tags"', b'"value"'),
    *(b'"instance"', b'"parts"', b'"angle"', b'"annotation"', b'"size"', b'"rectangle"', b'"polygon"', b'"oriented_bbox"', b'"framesCount"'),
)  # fmt: skip


def accounted(images: Sequence[SourceImage]) -> None:
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
        msgspec.json.encode([fragment.labels, fragment.images.paths, list(fragment.rejections)])


LISTED = ImageFinder(["a/1.jpg", "b/1.jpg", "2.png"])


def read_labelme_file(data: bytes) -> None:
    """A file is an image, whose shapes are objects or rejections, or it is none of LabelMe."""
    task = sorted(TASKS)[zlib.crc32(data) % 4]
    found = read_labelme(data, "a/x.json", LISTED, labels="detect", task=task, source="memory://x")
    accounted([found.image] if found is not None else [])


def read_via_file(data: bytes) -> None:
    """Every entry of a file is an image, whose regions are objects or rejections, or the file is refused."""
    task = sorted(TASKS)[zlib.crc32(data) % 4]
    for path in ("a/via.json", "a/via.csv"):
        try:
            content = read_content(data, path)
        except ViaError:
            continue
        attribute = find_attribute(content, None, task)
        read = read_via(content, attribute, LISTED, path=path, source="memory://x", task=task, split=None)
        assert len(read.images) == len(content.files)
        if "classification" not in task:
            regions = sum(len(file.regions) for file in content.files)
            rejected = sum(item.kind == "object" for image in read.images for item in image.rejected)
            assert sum(len(image.objects) for image in read.images) + rejected == regions
        accounted(read.images)


def read_cvat_file(data: bytes) -> None:
    """However a file is cut, its images are the same, or it is read whole; and each shape is an object, a rejection or skipped."""
    task = sorted(TASKS)[zlib.crc32(data) % 4]
    given = CvatOptions(cvat_groups="apart")

    def part(start: int, end: int) -> bytes:
        assert 0 <= start <= end <= len(data)
        return data[start:end]

    def read(start: int, end: int, boxes: bool = "classification" not in task) -> list[SourceImage]:
        images: list[SourceImage] = []
        for several in images_in(part, start, end, len(data), boxes):
            for written in [] if several is None else several.one_by_one():
                found = read_cvat_image(written, LISTED, given, path="a.xml", source="memory://x", task=task).image
                shapes = len(written.boxes) + sum(shape.tag != "tag" for shape in written.shapes)
                said = len(found.objects) + len(found.skipped) + sum(item.kind == "object" for item in found.rejected)
                assert "classification" in task or said == shapes
                images.append(found)
        return images

    try:
        whole = read(0, len(data))
    except CvatError as error:
        writable(str(error))
        return
    accounted(whole)
    assert repr(whole) == repr(read(0, len(data), boxes=False)), "boxes that are taken together are the same objects"
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
        writable(str(error).encode("utf-8", "backslashreplace").decode())
        return
    for which in ("detect", "all", "predictions"):
        given = LabelStudioOptions(labelstudio_annotations=which)
        read = read_studio(tasks, given, LISTED, path="a/x.json", source="memory://x", task=task, split=None)
        assert len(read.images) == len(tasks)
        if "classification" not in task:
            rejected = sum(item.kind == "object" for image in read.images for item in image.rejected)
            assert sum(len(image.objects) for image in read.images) + rejected == read.counts["boxes"]
        accounted(read.images)


def read_datumaro_file(data: bytes) -> None:
    """Every item of a file is an image, whose annotations are objects or rejections, or the file is refused."""
    task = sorted(TASKS)[zlib.crc32(data) % 4]
    try:
        read = read_items(
            data,
            LISTED,
            path="annotations/a.json",
            source="memory://x",
            task=task,
            split=None,
            apart=bool(len(data) % 2),
        )
    except DatumaroError as error:
        writable(str(error).encode("utf-8", "backslashreplace").decode())
        return
    accounted(read.images)


def read_supervisely_file(data: bytes) -> None:
    """A file is an image, whose objects are objects or rejections, or it is none of Supervisely."""
    number = zlib.crc32(data)
    edges, groups = ("pixels", "edges")[number >> 2 & 1], ("unite", "apart")[number >> 3 & 1]
    options = msgspec.convert({"supervisely_corners": edges, "supervisely_groups": groups}, SuperviselyOptions)
    task = sorted(TASKS)[number % 4]
    found = read_supervisely(data, "a/ann/1.jpg.json", LISTED, options=options, task=task, source="memory://x")
    accounted([found.image] if found is not None else [])


TARGETS = {
    "labelme": Target(read_labelme_file, LABELME, TOOL_TOKENS, SOURCES),
    "via": Target(read_via_file, VIA, (*TOOL_TOKENS, *VIA_TOKENS), SOURCES),
    "cvat": Target(read_cvat_file, CVAT, CVAT_TOKENS, SOURCES),
    "labelstudio": Target(read_labelstudio_file, LABEL_STUDIO, (*TOOL_TOKENS, *LABEL_STUDIO_TOKENS), SOURCES),
    "datumaro": Target(read_datumaro_file, DATUMARO, (*TOOL_TOKENS, *DATUMARO_TOKENS), SOURCES),
    "supervisely": Target(read_supervisely_file, SUPERVISELY, (*TOOL_TOKENS, *SUPERVISELY_TOKENS), SOURCES),
}
