"""What builds are compared with: loops written by hand, each for the one dataset that it is given.

    python -m benchmarks.loops WORK SOURCE OUT

WORK is one of `WORKS`. Loops over stores ask S3 by botocore, the endpoint and credentials of the environment, one request after the
other. Each loads what it alone needs. The loop over a COCO file is `benchmarks/by_hand.py`.
"""

from __future__ import annotations

import gc
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

IMAGE_URL = "https://example.blob.core.windows.net/images"
_SIDES = ("topX", "topY", "bottomX", "bottomY")


def folder(root: str, out: str) -> None:
    """Class folders of JPEGs to JSON Lines, by Pillow's headers."""
    from PIL import Image

    with open(out, "w", encoding="utf-8") as lines:
        for label in sorted(os.listdir(root)):
            for name in sorted(os.listdir(f"{root}/{label}")):
                with Image.open(f"{root}/{label}/{name}") as image:
                    width, height = image.size
                details = {"format": "jpg", "width": width, "height": height}
                record = {"image_url": f"{IMAGE_URL}/{label}/{name}", "image_details": details, "label": label}
                lines.write(json.dumps(record) + "\n")


def voc(root: str, out: str) -> None:
    """VOC files to JSON Lines, by ElementTree."""
    with open(out, "w", encoding="utf-8") as lines:
        for name in sorted(os.listdir(f"{root}/Annotations")):
            lines.write(json.dumps(_voc_record(ElementTree.parse(f"{root}/Annotations/{name}").getroot())) + "\n")


def _voc_record(annotation: ElementTree.Element) -> dict[str, Any]:
    width, height = (int(annotation.findtext(f"size/{side}") or 0) for side in ("width", "height"))
    label = []
    for item in annotation.iter("object"):
        left, top, right, bottom = (
            float(item.findtext(f"bndbox/{side}") or 0) for side in ("xmin", "ymin", "xmax", "ymax")
        )
        edges = ((left - 1) / width, (top - 1) / height, right / width, bottom / height)
        sides = {side: round(edge, 6) for side, edge in zip(_SIDES, edges, strict=True)}
        label.append({"label": item.findtext("name"), **sides, "isCrowd": 0})
    details = {"format": "jpg", "width": width, "height": height}
    url = f"{IMAGE_URL}/JPEGImages/{annotation.findtext('filename')}"
    return {"image_url": url, "image_details": details, "label": label}


def voc_on_s3(bucket: str, out: str) -> None:
    """VOC files of a bucket to JSON Lines, each with the header of its image, one request after the other."""
    from PIL import Image

    client = _s3()
    with open(out, "w", encoding="utf-8") as lines:
        for key in _keys(client, bucket):
            if not key.endswith(".xml"):
                continue
            annotation = client.get_object(Bucket=bucket, Key=key)["Body"].read()
            record = _voc_record(ElementTree.fromstring(annotation))
            image = key.replace("Annotations", "JPEGImages").replace(".xml", ".jpg")
            head = client.get_object(Bucket=bucket, Key=image, Range="bytes=0-65535")["Body"].read()
            with Image.open(io.BytesIO(head)) as opened:
                width, height = opened.size
            record["image_details"] |= {"width": width, "height": height}
            lines.write(json.dumps(record) + "\n")


def yolo(root: str, out: str) -> None:
    """YOLO's label files to JSON Lines, by Pillow's headers and `str.split`."""
    from PIL import Image

    with open(f"{root}/classes.txt", encoding="utf-8") as file:
        names = file.read().splitlines()
    with open(out, "w", encoding="utf-8") as lines:
        for name in sorted(os.listdir(f"{root}/images")):
            with Image.open(f"{root}/images/{name}") as image:
                width, height = image.size
            label = []
            path = f"{root}/labels/{name.removesuffix('.jpg')}.txt"
            if os.path.exists(path):
                with open(path, encoding="utf-8") as file:
                    label = [_yolo_object(line, names) for line in file]
            details = {"format": "jpg", "width": width, "height": height}
            record = {"image_url": f"{IMAGE_URL}/images/{name}", "image_details": details, "label": label}
            lines.write(json.dumps(record) + "\n")


def _yolo_object(line: str, names: list[str]) -> dict[str, Any]:
    number, *box = line.split()
    x, y, across, down = map(float, box)
    edges = (x - across / 2, y - down / 2, x + across / 2, y + down / 2)
    sides = {side: round(min(max(edge, 0), 1), 6) for side, edge in zip(_SIDES, edges, strict=True)}
    return {"label": names[int(number)], **sides, "isCrowd": 0}


def cvat(root: str, out: str) -> None:
    """CVAT's XML to JSON Lines, by ElementTree, image by image."""
    with open(out, "w", encoding="utf-8") as lines:
        for _, image in ElementTree.iterparse(f"{root}/annotations.xml"):
            if image.tag != "image":
                continue
            width, height = float(image.get("width", 0)), float(image.get("height", 0))
            label = []
            for box in image.iter("box"):
                edges = [float(box.get(side, 0)) for side in ("xtl", "ytl", "xbr", "ybr")]
                fractions = (edge / side for edge, side in zip(edges, (width, height) * 2, strict=True))
                sides = {side: round(min(max(edge, 0), 1), 6) for side, edge in zip(_SIDES, fractions, strict=True)}
                label.append({"label": box.get("label"), **sides, "isCrowd": 0})
            details = {"format": "jpg", "width": int(width), "height": int(height)}
            record = {"image_url": f"{IMAGE_URL}/images/{image.get('name')}", "image_details": details, "label": label}
            lines.write(json.dumps(record) + "\n")
            image.clear()


def scandir(root: str, _: str) -> None:
    """The sizes and times of all files below a directory, by one `os.scandir` walk."""
    found, folders = [], [root]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    about = entry.stat()
                    found.append((entry.path, about.st_size, about.st_mtime_ns))
    found.sort()


def pages(bucket: str, out: str) -> None:
    """The names of a bucket, one page after the other."""
    Path(out).write_text(str(sum(1 for _ in _keys(_s3(), bucket))))


def listing(root: str, out: str) -> None:
    """The files below a directory or in a bucket, as a build lists them."""
    from labelbeam.transforms.stores.listing import list_files
    from labelbeam.transforms.stores.locate import locate

    Path(out).write_text(str(len(list_files(locate(root, {})).files)))


def _s3() -> Any:
    from botocore.config import Config
    from botocore.session import get_session

    return get_session().create_client("s3", config=Config(s3={"addressing_style": "path"}))


def _keys(client: Any, bucket: str) -> Iterator[str]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", ()):
            yield entry["Key"]


WORKS: dict[str, Callable[[str, str], None]] = {
    work.__name__: work for work in (folder, voc, voc_on_s3, yolo, cvat, scandir, pages, listing)
}

if __name__ == "__main__":
    WORKS[sys.argv[1]](*sys.argv[2:])
    gc.freeze()  # As the command ends, too: Python is not to look through all objects for cycles.
