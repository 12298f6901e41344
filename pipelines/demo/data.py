"""The demo's dataset: the same few pictures as COCO, as Pascal VOC, as class folders and as a table of labels.

Everything is made in memory and is the same each time. A few records are odd, as records of real datasets are, so that a
newcomer sees what is rejected, skipped and adjusted, and why.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageFilter

from labelbeam.pipelines.demo.scenes import SCENES, Part, Scene, draw, mask_of, parts_of
from labelbeam.schemas.neutral import Ring
from labelbeam.transforms.geometry.rle import counts_to_string, runs_of_mask

ROTATED = "bench_b/0007.jpg"
"""Stored lying on its side, with an EXIF orientation that turns it upright; annotated upright."""

PNG_CALLED_JPG = "bench_b/0003.jpg"
IN_TWO_PARTS = "bench_a/0002.jpg"
MISSING = "bench_b/0013.jpg"

CATEGORIES = {"washer": 1, "hex bolt": 2, "gear": 5, "bracket": 7}

README = """\
The LabelBeam demo, made by `labelbeam demo`, which writes all of this again when it is run again.

coco/        24 pictures of hardware parts, with boxes and outlines in annotations/instances.json. On purpose: a box that
             ends past its picture, a box without width, an annotation of a picture that is not listed, a picture that
             is listed and not there, a PNG called .jpg, a JPEG that EXIF turns by 90 degrees, a pile marked as a crowd,
             masks with holes, an outline in two parts that overlap, two pictures of nothing.
voc/         12 of them as Pascal VOC. On purpose: corners in the wrong order, an object without a box, a bare `&`,
             a difficult object, a picture that no list in ImageSets names.
folder/      single parts, in train/<class>/ and val/<class>/. On purpose: a web page saved as .jpg.
multilabel/  12 of the pictures, and labels.csv. On purpose: a name in another case, a row without labels, a picture
             without a row.
built/       what LabelBeam makes of them.
"""


class Picture(NamedTuple):
    """A scene with what is in it, drawn and as a file."""

    scene: Scene
    parts: list[Part]
    image: Image.Image
    data: bytes


def make_dataset() -> dict[str, bytes]:
    """All files of the demo, by path relative to its directory and in the order of writing: the README is first."""
    pictures = [_picture(scene) for scene in SCENES]
    first = [picture for picture in pictures if picture.scene.name.startswith("bench_a/")]
    second = [picture for picture in pictures if picture.scene.name.startswith("bench_b/")]
    files = {"README.txt": README.encode()}
    files |= {f"coco/{path}": data for path, data in _coco(pictures).items()}
    files |= {f"voc/{path}": data for path, data in _voc(first).items()}
    files |= {f"folder/train/{path}": data for path, data in _class_folders(first, 5).items()}
    files |= {f"folder/val/{path}": data for path, data in _class_folders(second, 2).items()}
    files["folder/train/gear/0006.jpg"] = b"<!DOCTYPE html>\n<html><body><h1>404 Not Found</h1></body></html>\n"
    files |= {f"multilabel/{path}": data for path, data in _label_table(second).items()}
    return files


def _picture(scene: Scene) -> Picture:
    parts = parts_of(scene)
    image = draw(scene, parts)
    if scene.name == ROTATED:
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = 6
        data = _encode(image.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif)
    elif scene.name == PNG_CALLED_JPG:
        data = _encode(image, "PNG")
    else:
        data = _encode(image, {"png": "PNG", "bmp": "BMP"}.get(scene.name[-3:], "JPEG"))
    return Picture(scene, parts, image, data)


def _encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, quality=85, **options)
    return file.getvalue()


# COCO. ------------------------------------------------------------------------------------------------------------

FIRST_ID, MISSING_ID, UNLISTED_ID = 101, 125, 999
ODD_BOXES = ((MISSING_ID, (80, 60, 90, 90)), (UNLISTED_ID, (200, 120, 64, 48)), (FIRST_ID, (300, 400, 0, 24)))
"""Image ids and boxes of the annotations that are of no part."""


def _coco(pictures: Sequence[Picture]) -> dict[str, bytes]:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, picture in enumerate(pictures, FIRST_ID):
        scene = picture.scene
        images.append({"id": image_id, "file_name": scene.name, "width": scene.width, "height": scene.height})
        for part in picture.parts:
            identity = {"id": len(annotations) + 1, "image_id": image_id, "category_id": CATEGORIES[part.label]}
            annotations.append(identity | _annotation(scene, part))
    images.append({"id": MISSING_ID, "file_name": MISSING, "width": 640, "height": 480})
    for image_id, (left, top, width, height) in ODD_BOXES:
        right, bottom = left + width, top + height
        annotations.append(
            {"id": len(annotations) + 1, "image_id": image_id, "category_id": CATEGORIES["gear"]}
            | {"bbox": [left, top, width, height], "area": width * height, "iscrowd": 0}
            | {"segmentation": [[left, top, right, top, right, bottom, left, bottom]]}
        )
    categories = [{"id": number, "name": name, "supercategory": "hardware"} for name, number in CATEGORIES.items()]
    sections = {"images": images, "categories": categories, "annotations": annotations}
    head = {"info": {"description": "LabelBeam demo", "version": "1"}}
    files = {"annotations/instances.json": _readable_json(head | sections)}
    return files | {f"images/{picture.scene.name}": picture.data for picture in pictures}


def _readable_json(document: dict[str, Any]) -> bytes:
    """A JSON object as people can read it: with a line for each element of its lists."""
    lines: list[str] = []
    for key, value in document.items():
        elements = ",\n".join(map(json.dumps, value)) if isinstance(value, list) else ""
        lines.append(f"{json.dumps(key)}: " + (f"[\n{elements}\n]" if elements else json.dumps(value)))
    return ("{" + ",\n".join(lines) + "}\n").encode()


def _annotation(scene: Scene, part: Part) -> dict[str, Any]:
    """Box, area and outline: run lengths where there is a hole, which COCO's polygons cannot express."""
    crowd = len(part.shapes) > 1
    if crowd or part.shapes[0].hole is not None:
        mask = mask_of(part, scene.width, scene.height)
        left, top, right, bottom = _tight(mask)
        runs = runs_of_mask(mask).tolist()
        # Crowds stand as lists of numbers in COCO's own files, other masks as text in those of most tools.
        counts = runs if crowd else counts_to_string(runs)
        return {
            "bbox": [left, top, right - left, bottom - top],
            "area": int(mask.sum()),
            "segmentation": {"size": [scene.height, scene.width], "counts": counts},
            "iscrowd": int(crowd),
        }
    outline = part.shapes[0].outline
    polygons = _arms(outline) if part.label == "bracket" and scene.name == IN_TWO_PARTS else [outline]
    (x, y), low, high = outline.T, outline.min(axis=0), outline.max(axis=0)
    return {
        "bbox": np.round([*low, *(high - low)], 2).tolist(),
        "area": round(abs(float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))) / 2, 2),
        "segmentation": [polygon.ravel().tolist() for polygon in polygons],
        "iscrowd": 0,
    }


def _tight(mask: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom edge of what a mask covers."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _arms(bracket: Ring) -> list[Ring]:
    """A bracket's outline as two rectangles that share its corner."""
    inner = bracket[1] + bracket[5] - bracket[0], bracket[0] + bracket[2] - bracket[1]
    upright = np.stack([bracket[0], bracket[1], inner[0], bracket[5]])
    return [np.round(arm, 2) for arm in (upright, np.stack([inner[1], *bracket[3:6]]))]


# Pascal VOC. ------------------------------------------------------------------------------------------------------

OUTSIDE_LISTS = 12
MAIN = {"train": range(1, 9), "val": range(9, OUTSIDE_LISTS)}
SEGMENTED = {"train": (1, 2, 3, 6), "val": (7, 9)}
SWAPPED, BOXLESS, DIFFICULT, BARE_AMPERSAND = (6, 0), (4, 0), (3, 1), 2
"""Where the oddities are: number of the picture, and position of the object in it."""

VOID = 255
PALETTE = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 3: (128, 128, 0), 4: (0, 0, 128), VOID: (224, 224, 192)}


def _voc(pictures: Sequence[Picture]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for number, picture in enumerate(pictures, 1):
        name = f"{number:06}"
        is_jpeg = picture.data.startswith(b"\xff\xd8")
        files[f"JPEGImages/{name}.jpg"] = picture.data if is_jpeg else _encode(picture.image, "JPEG")
        files[f"Annotations/{name}.xml"] = _annotation_file(number, picture).encode()
        if any(number in numbers for numbers in SEGMENTED.values()):
            files[f"SegmentationObject/{name}.png"] = _mask_file(picture)
    for folder, splits in (("Main", MAIN), ("Segmentation", SEGMENTED)):
        lists = {split: [f"{number:06}\n" for number in numbers] for split, numbers in splits.items()}
        lists["trainval"] = [*lists["train"], *lists["val"]]
        files |= {f"ImageSets/{folder}/{name}.txt": "".join(lines).encode() for name, lines in lists.items()}
    return files


def _annotation_file(number: int, picture: Picture) -> str:
    scene = picture.scene
    objects = (_object(number, position, scene, part) for position, part in enumerate(picture.parts))
    database = "Nuts & Bolts" if number == BARE_AMPERSAND else "LabelBeam demo"
    return f"""\
<annotation>
  <folder>demo</folder>
  <filename>{number:06}.jpg</filename>
  <source><database>{database}</database></source>
  <size><width>{scene.width}</width><height>{scene.height}</height><depth>3</depth></size>
  <segmented>{int(any(number in numbers for numbers in SEGMENTED.values()))}</segmented>
{"".join(objects)}</annotation>
"""


def _object(number: int, position: int, scene: Scene, part: Part) -> str:
    left, top, xmax, ymax = _tight(mask_of(part, scene.width, scene.height))
    # VOC counts pixels from 1 and includes the last one.
    xmin, ymin = left + 1, top + 1
    if (number, position) == SWAPPED:
        xmin, xmax = xmax, xmin
    sides = f"<xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax>"
    box = "" if (number, position) == BOXLESS else f"    <bndbox>{sides}</bndbox>\n"
    difficult = (number, position) == DIFFICULT or len(part.shapes) > 1
    return f"""\
  <object>
    <name>{part.label}</name>
    <pose>Unspecified</pose>
    <truncated>{int(part.cut)}</truncated>
    <difficult>{int(difficult)}</difficult>
{box}  </object>
"""


def _mask_file(picture: Picture) -> bytes:
    """A `SegmentationObject` mask: the number of the object in each pixel, and a void border around it."""
    scene = picture.scene
    indices = np.zeros((scene.height, scene.width), np.uint8)
    for index, part in enumerate(picture.parts, 1):
        indices[mask_of(part, scene.width, scene.height)] = index
    wider = np.asarray(Image.fromarray(indices).filter(ImageFilter.MaxFilter(5)))
    indices[(indices == 0) & (wider > 0)] = VOID
    image = Image.fromarray(indices).convert("P")
    image.putpalette(bytes(channel for index in range(256) for channel in PALETTE.get(index, (0, 0, 0))))
    return _encode(image, "PNG")


# Folders. ---------------------------------------------------------------------------------------------------------


def _class_folders(pictures: Sequence[Picture], a_class: int) -> dict[str, bytes]:
    """Crops that show one part each: `<class>/<number>.jpg`, `a_class` of them for each class."""
    files: dict[str, bytes] = {}
    for label in CATEGORIES:
        for number, crop in zip(range(1, a_class + 1), _crops(pictures, label), strict=False):
            files[f"{label}/{number:04}.jpg"] = _encode(crop, "JPEG")
    return files


def _crops(pictures: Sequence[Picture], label: str) -> Iterator[Image.Image]:
    for picture in pictures:
        for part in picture.parts:
            if part.label == label and len(part.shapes) == 1 and not part.cut:
                (x, y), reach = part.centre, 1.2 * part.radius
                sides = max(x - reach, 0), max(y - reach, 0), x + reach, y + reach
                limits = (*picture.image.size, *picture.image.size)
                left, top, right, bottom = (min(int(side), limit) for side, limit in zip(sides, limits, strict=True))
                yield picture.image.crop((left, top, right, bottom))


UNNAMED = "bench_b/0009.jpg"


def _label_table(pictures: Sequence[Picture]) -> dict[str, bytes]:
    """`images/` and a `labels.csv` with the distinct labels of each picture; `.JPG` is named in lower case."""
    files = {f"images/{_last(picture.scene)}": picture.data for picture in pictures}
    rows = ["filename,labels\n"]
    for picture in pictures:
        labels = sorted({part.label for part in picture.parts})
        if picture.scene.name != UNNAMED:
            rows.append(f"{_last(picture.scene).lower()},{';'.join(labels)}\n")
    return {"labels.csv": "".join(rows).encode()} | files


def _last(scene: Scene) -> str:
    return scene.name.rpartition("/")[2]
