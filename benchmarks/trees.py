"""Compare builds of trees of small files, and what a command line waits for, with loops written by hand.

    python -m benchmarks.trees [--runs 5] [--scale 1.0] [--dir DIR]

Each row is a ratio of two things that run in turn, each in a process of its own, in seconds of the wall and of all cores
(medians): on a machine with other work the second says more. `--scale 0.1` makes all data a tenth as large. The data is
generated into DIR unless it is there. Takes about five minutes. Needs Linux, for `os.wait4`.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple
from xml.etree import ElementTree

from PIL import Image

from benchmarks import tools
from benchmarks.run import IMAGE_URL, ROOT, machine

CLASSES = 20


class Spent(NamedTuple):
    """Seconds of the wall, and of all cores."""

    wall: float
    cores: float


class Row(NamedTuple):
    """Two commands, and how many times the second's time the first may take in the end."""

    name: str
    command: Sequence[str]
    against: Sequence[str]
    goal: float


def folder_by_hand(root: str, out: str) -> None:
    """Class folders of JPEGs to JSON Lines, by Pillow's headers."""
    with open(out, "w", encoding="utf-8") as lines:
        for label in sorted(os.listdir(root)):
            for name in sorted(os.listdir(f"{root}/{label}")):
                with Image.open(f"{root}/{label}/{name}") as image:
                    width, height = image.size
                details = {"format": "jpg", "width": width, "height": height}
                record = {"image_url": f"{IMAGE_URL}/{label}/{name}", "image_details": details, "label": label}
                lines.write(json.dumps(record) + "\n")


def voc_by_hand(root: str, out: str) -> None:
    """VOC files to JSON Lines, by ElementTree."""
    with open(out, "w", encoding="utf-8") as lines:
        for name in sorted(os.listdir(f"{root}/Annotations")):
            tree = ElementTree.parse(f"{root}/Annotations/{name}").getroot()
            width, height = (int(tree.findtext(f"size/{side}") or 0) for side in ("width", "height"))
            label = []
            for item in tree.iter("object"):
                left, top, right, bottom = (
                    float(item.findtext(f"bndbox/{side}") or 0) for side in ("xmin", "ymin", "xmax", "ymax")
                )
                box = {"topX": (left - 1) / width, "topY": (top - 1) / height, "bottomX": right / width}
                box = {side: round(value, 6) for side, value in (box | {"bottomY": bottom / height}).items()}
                label.append({"label": item.findtext("name"), **box, "isCrowd": 0})
            details = {"format": "jpg", "width": width, "height": height}
            url = f"{IMAGE_URL}/JPEGImages/{tree.findtext('filename')}"
            lines.write(json.dumps({"image_url": url, "image_details": details, "label": label}) + "\n")


def walk_by_hand(root: str, _: str) -> None:
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


def walk(root: str, _: str) -> None:
    """The same, as a build does it."""
    from labelbeam.transforms.stores.listing import list_files
    from labelbeam.transforms.stores.locate import locate

    list_files(locate(root, {}))


WORKS: dict[str, Callable[[str, str], None]] = {
    "folder": folder_by_hand,
    "voc": voc_by_hand,
    "yolo": tools.yolo_by_hand,
    "cvat": tools.cvat_by_hand,
    "scandir": walk_by_hand,
    "listing": walk,
}


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
        tree = ElementTree.Element("annotation")
        for tag, text in (("folder", "VOC2012"), ("filename", f"{stem}.jpg"), ("segmented", "0")):
            ElementTree.SubElement(tree, tag).text = text
        size = ElementTree.SubElement(tree, "size")
        for tag, side in (("width", 500), ("height", 375), ("depth", 3)):
            ElementTree.SubElement(size, tag).text = str(side)
        for _ in range(draw.choice((1, 1, 2, 2, 3, 5))):
            item = ElementTree.SubElement(tree, "object")
            texts = {"name": draw.choice(("person", "dog", "car", "chair", "cat")), "pose": "Left", "truncated": "1"}
            for tag, text in (texts | {"difficult": "0"}).items():
                ElementTree.SubElement(item, tag).text = text
            box = ElementTree.SubElement(item, "bndbox")
            left, top = draw.randint(1, 400), draw.randint(1, 300)
            corners = (left, top, draw.randint(left + 5, 500), draw.randint(top + 5, 375))
            for tag, corner in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True):
                ElementTree.SubElement(box, tag).text = str(corner)
        ElementTree.indent(tree, "\t")
        ElementTree.ElementTree(tree).write(root / "Annotations" / f"{stem}.xml")
        (root / "JPEGImages" / f"{stem}.jpg").write_bytes(file.getvalue())


def make_names(root: Path, count: int) -> None:
    """Empty files, a thousand in a directory."""
    for number in range(count):
        place = root / f"{number // 1000:04}"
        if number % 1000 == 0:
            place.mkdir(parents=True)
        (place / f"IMG_{number:07}.jpg").touch()


def made(directory: Path, kind: str, count: int, make: Callable[[Path, int], None]) -> str:
    """A tree of that size, made unless it is there."""
    path = directory / f"{kind}-{count}"
    if not path.exists():
        unfinished = directory / f"{kind}-{count}.part"
        shutil.rmtree(unfinished, ignore_errors=True)
        make(unfinished, count)
        unfinished.rename(path)
    return str(path)


def spent(command: Sequence[str]) -> Spent:
    """What a command takes, with all processes that it waits for."""
    with tempfile.TemporaryFile("w+") as log:
        began = time.perf_counter()
        process = subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=log)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            sys.exit(f"{' '.join(command)}\nended with {process.returncode}:\n{log.read()[-4000:]}")
    return Spent(wall, used.ru_utime + used.ru_stime)


def rows(directory: Path, scratch: Path, scale: float) -> list[Row]:
    """All rows; their data is made."""
    folder = made(directory, "folder", round(20_000 * scale), make_folder)
    voc = made(directory, "voc", round(17_000 * scale), make_voc)
    yolo = made(directory, "yolo", round(17_000 * scale), tools.make_yolo)
    cvat = made(directory, "cvat", round(30_000 * scale), tools.make_cvat)
    names = made(directory, "names", round(1_000_000 * scale), make_names)
    few = made(directory, "folder", 128, make_folder)

    def by_hand(work: str, root: str) -> list[str]:
        return ["-m", "benchmarks.trees", "--one", work, root, str(scratch / "by_hand.jsonl")]

    def build(task: str, source: str) -> list[str]:
        options = {"--task": task, "--source": source, "--output": str(scratch / "built"), "--image-url": IMAGE_URL}
        return ["-m", "labelbeam.pipelines.cli", "convert", *(word for option in options.items() for word in option)]

    classes, boxes = "image_classification", "image_object_detection"
    return [
        Row("folder of JPEGs, headers", build(classes, folder), by_hand("folder", folder), 0.8),
        Row("VOC, detection", build(boxes, voc), by_hand("voc", voc), 1.0),
        Row("YOLO, detection", build(boxes, yolo), by_hand("yolo", yolo), 1.0),
        Row("CVAT, detection", build(boxes, cvat), by_hand("cvat", cvat), 1.0),
        Row("listing of names", by_hand("listing", names), by_hand("scandir", names), 1.5),
        Row("128 images, end to end", build(classes, few), ["-c", "import apache_beam"], 1.3),
        Row("labelbeam --help", ["-m", "labelbeam.pipelines.cli", "--help"], ["-c", "pass"], 5.0),
    ]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description="Compare builds of trees of small files with loops written by hand.")
    parser.add_argument("--dir", type=Path, default=ROOT / "build" / "benchmark", help="where files go")
    parser.add_argument("--runs", type=int, default=5, help="pairs of runs a row")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="size of the data, 1 for 20,000 JPEGs and a million names"
    )
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        work, root, out = options.one
        WORKS[work](root, out)
        return
    directory = options.dir.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory(dir=directory) as name:
        todo = rows(directory, Path(name), options.scale)
        print(f"scale {options.scale}; medians of {options.runs} pairs\n")
        print(
            f"{'':<26} {'wall s':>8} {'against':>8} {'times':>6} {'cores s':>8} {'against':>8} {'times':>6} {'goal':>5}"
        )
        for row in todo:
            pairs = []
            for _ in range(options.runs):
                against = spent(row.against)
                shutil.rmtree(Path(name, "built"), ignore_errors=True)
                pairs.append((spent(row.command), against))
            wall, cores = (
                [median(pair[which][field] for pair in pairs) for which in (0, 1)]
                for field in range(len(Spent._fields))
            )
            print(
                f"{row.name:<26} {wall[0]:>8.2f} {wall[1]:>8.2f} {wall[0] / wall[1]:>6.2f}"
                f" {cores[0]:>8.2f} {cores[1]:>8.2f} {cores[0] / cores[1]:>6.2f} {row.goal:>5.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
