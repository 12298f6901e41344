"""Datasets that are measured, made once in a directory: the same names hold the same bytes."""

from __future__ import annotations

import io
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from PIL import Image

from benchmarks.measure import python, spent

OBJECTS_AN_IMAGE = 863_000 / 118_287
CLASSES = 20
LABELS = tuple(f"part_{number:02}" for number in range(20))
WIDTH, HEIGHT = 640, 480


def coco(directory: Path, images: int, pairs: bool = False) -> str:
    """A COCO file of that size, made unless it is there, and read once, so that all runs find it cached."""
    objects = round(images * OBJECTS_AN_IMAGE)
    source = directory / f"coco-{images}-{objects}{'-pairs' * pairs}.json"
    if not source.exists():
        unfinished = source.with_suffix(".part")
        size = ["--images", str(images), "--objects", str(objects)]
        spent(python("-m", "benchmarks.generate_coco", str(unfinished), *size, *["--pairs"] * pairs))
        unfinished.rename(source)
    with source.open("rb") as file:
        while file.read(2**24):
            pass
    return str(source)


def tree(directory: Path, kind: str, count: int) -> str:
    """A tree of that kind and size, made unless it is there."""
    path = directory / f"{kind}-{count}"
    if not path.exists():
        unfinished = directory / f"{kind}-{count}.part"
        shutil.rmtree(unfinished, ignore_errors=True)
        TREES[kind](unfinished, count)
        unfinished.rename(path)
    return str(path)


def make_folder(root: Path, count: int) -> None:
    """Small JPEGs in class folders."""
    draw = random.Random(0)
    pictures = []
    for number in range(50):
        file = io.BytesIO()
        size = (32 + number, 24 + number)
        Image.frombytes("RGB", size, draw.randbytes(3 * size[0] * size[1])).save(file, "jpeg", quality=60)
        pictures.append(file.getvalue())
    for number in range(count):
        place = root / f"class_{number % CLASSES:02}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"IMG_{number:07}.jpg").write_bytes(pictures[number % len(pictures)])


def make_voc(root: Path, count: int) -> None:
    """An image and an annotation file each, `2 * count` files."""
    draw = random.Random(0)
    file = io.BytesIO()
    Image.new("RGB", (500, 375)).save(file, "jpeg", quality=30)
    for name in ("Annotations", "JPEGImages"):
        (root / name).mkdir(parents=True)
    for number in range(count):
        stem = f"2008_{number:06}"
        top = ElementTree.Element("annotation")
        for tag, text in (("folder", "VOC2012"), ("filename", f"{stem}.jpg"), ("segmented", "0")):
            ElementTree.SubElement(top, tag).text = text
        size = ElementTree.SubElement(top, "size")
        for tag, side in (("width", 500), ("height", 375), ("depth", 3)):
            ElementTree.SubElement(size, tag).text = str(side)
        for _ in range(draw.choice((1, 1, 2, 2, 3, 5))):
            item = ElementTree.SubElement(top, "object")
            texts = {"name": draw.choice(("person", "dog", "car", "chair", "cat")), "pose": "Left", "truncated": "1"}
            for tag, text in (texts | {"difficult": "0"}).items():
                ElementTree.SubElement(item, tag).text = text
            box = ElementTree.SubElement(item, "bndbox")
            left, upper = draw.randint(1, 400), draw.randint(1, 300)
            corners = (left, upper, draw.randint(left + 5, 500), draw.randint(upper + 5, 375))
            for tag, corner in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True):
                ElementTree.SubElement(box, tag).text = str(corner)
        ElementTree.indent(top, "\t")
        ElementTree.ElementTree(top).write(root / "Annotations" / f"{stem}.xml")
        (root / "JPEGImages" / f"{stem}.jpg").write_bytes(file.getvalue())


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


def make_names(root: Path, count: int) -> None:
    """Empty files, a thousand in a directory."""
    for number in range(count):
        place = root / f"{number // 1000:04}"
        if number % 1000 == 0:
            place.mkdir(parents=True)
        (place / f"IMG_{number:07}.jpg").touch()


def make_noise(root: Path, count: int) -> None:
    """Files of 50 kB that say to be JPEGs, which nobody decodes."""
    root.mkdir(parents=True)
    content = random.Random(0).randbytes(50_000)
    for number in range(count):
        (root / f"{number:06}.jpg").write_bytes(content)


TREES: dict[str, Callable[[Path, int], None]] = {
    "folder": make_folder,
    "voc": make_voc,
    "yolo": make_yolo,
    "cvat": make_cvat,
    "names": make_names,
    "noise": make_noise,
}
