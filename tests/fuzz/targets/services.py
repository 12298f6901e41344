"""What services and hubs hand out: Custom Vision, Open Images, Hugging Face."""

from __future__ import annotations

import json
import zlib

from targets.target import SOURCES, Target
from targets.tools import LISTED, TOOL_TOKENS, accounted

from labelbeam.schemas.tasks import TASKS
from labelbeam.transforms.formats.customvision.read import CustomVisionError, read_images, read_tags
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.huggingface.names import names_in
from labelbeam.transforms.formats.huggingface.read import read_rows as read_object_rows
from labelbeam.transforms.formats.huggingface.read import rows_of_csv, rows_of_lines
from labelbeam.transforms.formats.openimages.read import read_descriptions, read_rows
from labelbeam.transforms.formats.openimages.recognise import table_of
from labelbeam.transforms.formats.openimages.rows import rows_in

_PLACED = {"regionId": "r", "tagName": "cat", "tagId": "t", "left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}
_TAGGED = {
    "id": "1",
    "width": 10,
    "height": 8,
    "tags": [{"tagId": "t", "tagName": "cat"}, {"tagId": "u"}],
    "regions": [_PLACED, {"tagId": "u"}],
}
CUSTOM_VISION = (
    json.dumps([_TAGGED | {"originalImageUri": "https://h/p/1.jpg?sig=x"}, {"id": "2", "regions": None}]).encode(),
    json.dumps(
        {"images": [_TAGGED | {"name": "b\\\\1.jpg", "tagIds": ["t"]}], "tags": [{"id": "t", "name": "dog"}]}
    ).encode(),
    json.dumps([[{"id": "1", "metadata": {"filename": "a/1.jpg"}, "tags": None, "tag_ids": ["t", 3]}], 7]).encode(),
)
CUSTOM_VISION_TOKENS = (
    *(b'"regions"', b'"tagName"', b'"tagId"', b'"tagIds"', b'"tags"', b'"left"', b'"width"', b'"name"', b'"id"', b'"images"'),
    *(b'"originalImageUri"', b'"metadata"', b"null", b"0.5", b"1e308"),
)  # fmt: skip

OPEN_IMAGES = (
    b"ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside\n"
    b"1,x,/m/1,1,0.1,0.2,0.3,0.4,0,0,1,0,0\n1,x,/m/2,1,0.1,0.2,0.3,0.4,0,0,-1,0,0\n2,x,dog,1,0,1,0,1,0,0,0,0,0\n3,x,a,1,9,9,9,9,0,0,0,0,0\n",
    b"ImageID,Source,LabelName,Confidence\r\n1,v,/m/1,1\r\n1,v,/m/1,0\r\n2,m,a,0.7\r\n",
    b'LabelName,DisplayName\n/m/1,cat\n/m/2,"a, b"\n',
)
OPEN_IMAGES_TOKENS = (
    *(b",", b"\n", b"\r\n", b'"', b"1,", b"2,", b"/m/1", b"/m/2", b"0", b"1", b"-1", b"nan", b"1e999", b"0.5", b"\xff", b"\0", b"../x", b"\n\n"),
    *(b"ImageID", b"LabelName", b"Confidence", b"XMin", b"IsGroupOf", b"\n1,x,/m/1,1,0.1,0.2,0.3,0.4,0,0,1,0,0"),
)  # fmt: skip

_FACE = {"file_name": "1.jpg", "width": 12, "height": 10}
_FACES = {"bbox": [[1, 2, 3, 4], [0, 0, 1, 1]], "category": [0, 1], "area": [12, 1], "iscrowd": [0, 1]}
HUGGING_FACE = (
    b"\n".join(
        json.dumps(row).encode()
        for row in (
            _FACE | {"objects": _FACES},
            _FACE
            | {
                "file_name": "../2.png",
                "objects": [{"bbox": [1, 2, 3, 4], "label": "a", "segmentation": [[1, 1, 5, 1, 5, 6]]}],
            },
            _FACE | {"objects": {"categories": ["a"], "segmentation": [{"size": [10, 12], "counts": [3, 117]}]}},
            _FACE | {"objects": None},
        )
    ),
    b'file_name,objects\n1.jpg,"{\'bbox\': [[1, 2, 3, 4]], \'category\': [\'a\']}"\n2.png,"{""bbox"": []}"\n',
    b"---\ndataset_info:\n  features:\n  - name: objects\n    sequence:\n    - name: category\n      dtype:\n        class_label:\n"
    b"          names:\n            '0': cat\n            '1': dog\n---\n",
)
HUGGING_FACE_TOKENS = (
    *(b'"objects"', b'"bbox"', b'"category"', b'"segmentation"', b'"counts"', b'"file_name"', b"\n", b"[[", b"]]", b"null", b"1e999", b"NaN"),
    *(b"- name: objects", b"class_label:", b"names:", b"'", b"(" * 300, b"[" * 2000, b"file_name,objects", b'""', b"0.5", b"-1", b"9" * 400),
)  # fmt: skip


def read_customvision_file(data: bytes) -> None:
    """Every region of an image is an object or a rejection, or the file is refused."""
    task = sorted(TASKS)[zlib.crc32(data) % 4]
    tags = read_tags(data)
    try:
        read = read_images(data, tags, LISTED, path="a/x.json", source="memory://x", task=task)
    except CustomVisionError:
        return
    if "classification" not in task:
        rejected = sum(item.kind == "object" for image in read.images for item in image.rejected)
        assert sum(len(image.objects) for image in read.images) + rejected == read.boxes
    accounted(read.images)


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
        whole, table.columns, {"/m/1": "cat"}, LISTED, path="a/b.csv", source="memory://x", task=task, split=None
    )
    accounted(read.images)


def read_huggingface_table(data: bytes) -> None:
    """Every row that is not blank is an image, whose objects are objects or rejections; names are text by numbers from 0 on."""
    task = sorted(TASKS)[zlib.crc32(data) % 4]
    found = [*names_in("README.md", data), *names_in("dataset_infos.json", data)]
    assert all(number >= 0 and isinstance(name, str) for names in found for number, name in names.items())
    for rows in (rows_of_lines(data, 0), rows_of_csv(data)):
        known = list(rows)
        evidence = Evidence()
        read = read_object_rows(known, {0: "cat"}, LISTED, evidence, path="a/x", source="memory://x", task=task)
        assert len(read.images) == len(known)
        accounted(read.images)


TARGETS = {
    "customvision": Target(read_customvision_file, CUSTOM_VISION, (*TOOL_TOKENS, *CUSTOM_VISION_TOKENS), SOURCES),
    "openimages": Target(read_openimages_table, OPEN_IMAGES, OPEN_IMAGES_TOKENS, SOURCES),
    "huggingface": Target(read_huggingface_table, HUGGING_FACE, (*TOOL_TOKENS, *HUGGING_FACE_TOKENS), SOURCES),
}
