"""Datasets as YOLO and CVAT have them, and the loops written by hand that builds of them are compared with in `benchmarks.trees`."""

from __future__ import annotations

import io
import json
import os
import random
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from PIL import Image

from benchmarks.run import IMAGE_URL

LABELS = tuple(f"part_{number:02}" for number in range(20))
WIDTH, HEIGHT = 640, 480

_SIDES = ("topX", "topY", "bottomX", "bottomY")


def yolo_by_hand(root: str, out: str) -> None:
    """YOLO's label files to JSON Lines, by Pillow's headers and `str.split`."""
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
                    for line in file:
                        number, *box = line.split()
                        x, y, across, down = map(float, box)
                        edges = (x - across / 2, y - down / 2, x + across / 2, y + down / 2)
                        sides = {side: round(min(max(edge, 0), 1), 6) for side, edge in zip(_SIDES, edges, strict=True)}
                        label.append({"label": names[int(number)], **sides, "isCrowd": 0})
            details = {"format": "jpg", "width": width, "height": height}
            record = {"image_url": f"{IMAGE_URL}/images/{name}", "image_details": details, "label": label}
            lines.write(json.dumps(record) + "\n")


def cvat_by_hand(root: str, out: str) -> None:
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


def make_yolo(root: Path, count: int) -> None:
    """An image and a label file each, of one to nine boxes, and the names of classes."""
    draw = random.Random(0)
    file = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT)).save(file, "jpeg", quality=30)
    for name in ("images", "labels"):
        (root / name).mkdir(parents=True)
    (root / "classes.txt").write_text("\n".join(LABELS) + "\n")
    for number in range(count):
        lines = []
        for _ in range(draw.randint(1, 9)):
            across, down = draw.uniform(0.02, 0.4), draw.uniform(0.02, 0.4)
            x, y = draw.uniform(across / 2, 1 - across / 2), draw.uniform(down / 2, 1 - down / 2)
            lines.append(f"{draw.randrange(len(LABELS))} {x:.6f} {y:.6f} {across:.6f} {down:.6f}")
        (root / "images" / f"{number:06}.jpg").write_bytes(file.getvalue())
        (root / "labels" / f"{number:06}.txt").write_text("\n".join(lines) + "\n")


def make_cvat(root: Path, count: int) -> None:
    """A task of so many images with one to thirteen boxes each, in one file, and the images beside it, of which nobody reads a byte."""
    draw = random.Random(0)
    (root / "images").mkdir(parents=True)
    with open(root / "annotations.xml", "w", encoding="utf-8") as out:
        out.write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n')
        for number in range(count):
            name = f"{number:06}.jpg"
            (root / "images" / name).touch()
            out.write(f'  <image id="{number}" name={quoteattr(name)} width="{WIDTH}" height="{HEIGHT}">\n')
            for _ in range(draw.randint(1, 13)):
                left, top = draw.uniform(0, WIDTH - 60), draw.uniform(0, HEIGHT - 60)
                right, bottom = left + draw.uniform(5, 60), top + draw.uniform(5, 60)
                sides = f'xtl="{left:.2f}" ytl="{top:.2f}" xbr="{right:.2f}" ybr="{bottom:.2f}"'
                label = quoteattr(draw.choice(LABELS))
                out.write(f'    <box label={label} source="manual" occluded="0" {sides} z_order="0">\n    </box>\n')
            out.write("  </image>\n")
        out.write("</annotations>\n")
