"""Formats that are not read, known by their files, so that a person is told what a source is and what to do with it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from labelbeam.transforms.formats.boxtable.columns import columns_of
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.plans import HEAD
from labelbeam.transforms.formats.yolo.recognise import VISDRONE, holds_labels
from labelbeam.transforms.images.names import IMAGE_FORMATS, extension, is_image
from labelbeam.transforms.stores.files import stat
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.reading import read_range

_LOOKED_AT = 5
"""Files of one kind that are opened."""

_CONVERT = "convert it to COCO or Pascal VOC, and name what that gives as --source"
_BOXES = (
    "read it with --task image_object_detection, --label-columns naming its column of labels where that is called otherwise, or convert it "
    "to COCO"
)
_TABLE = (
    "write a CSV with the columns file, x, y, width, height and label, a row for each box, which is read with --task "
    "image_object_detection; or convert it to COCO"
)
_EXPORT = "export it from the tool as COCO or Pascal VOC, and name that as --source"


class Unread(NamedTuple):
    """A format that a source seems to be of, what says so, and what to do."""

    title: str
    evidence: str
    advice: str

    def __str__(self) -> str:
        """One sentence."""
        return f"this looks like {self.title} ({self.evidence}), which is not read; {self.advice}"


class _Files(NamedTuple):
    """Files below a root, or files that are sources themselves, by path; and a way to read the first bytes of one.

    `labels` says that labels are all that is wanted, which a table of boxes holds as well.
    """

    names: Sequence[str]
    head: Callable[[str], str]
    labels: bool
    boxes: bool = False
    """Whether tables of boxes are read, so that one that can be is not named as another format."""

    def of(self, *extensions: str) -> list[str]:
        """The paths of some extensions, those that lie least deep first."""
        found = [name for name in self.names if extension(name) in extensions]
        return sorted(found, key=lambda name: (name.count("/"), name))


def name_unread(tree: Tree, read_as: str = "") -> Unread | None:
    """The format that the sources seem to be of, although nothing reads it; None where nothing says so.

    `read_as` is the format that they were taken for: Parquet that was read as Hugging Face's is no Parquet that is not read.

    Raises:
        StoreError: a file cannot be read.
    """
    labels = tree.config.task.startswith("image_classification")
    boxes = tree.config.task == "image_object_detection"
    if tree.root is not None:
        root = tree.root
        sizes = {file.path: file.size for file in tree.visible}
        files = _Files(list(sizes), lambda name: _head(root.below(name), sizes[name]), labels, boxes)
    else:
        sources = {posixpath.basename(location.path): location for location in tree.files[:_LOOKED_AT]}
        files = _Files(list(sources), lambda name: _head(sources[name], stat(sources[name]).size), labels, boxes)
    if read_as == "huggingface":
        return None
    for look in (_records, _json, _xml, _tables, _texts, _masks, _archives):
        if (found := look(files)) is not None:
            return found
    return None


def _head(location: Location, size: int) -> str:
    data = read_range(location, 0, min(size, HEAD))
    return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", "replace")


def _records(files: _Files) -> Unread | None:
    for name in files.names:
        if re.search(r"\.(?:tfrecords?|record)(?:-\d+-of-\d+)?(?:\.gz)?$", name, re.IGNORECASE):
            return Unread("TFRecord", name, f"{_CONVERT}; TensorFlow Datasets can write the images and labels out")
    parquet = files.of("parquet", "arrow")
    tables = [name for name in parquet if posixpath.basename(name).lower() == "metadata.parquet"]
    if tables:
        advice = "one is read that has the columns file_name and objects, or label or labels for classification"
        return Unread("a metadata.parquet of Hugging Face", tables[0], advice)
    if parquet and not any(map(is_image, files.names)):
        advice = (
            "Parquet and Arrow are read where they hold images, as the datasets library writes them with push_to_hub, to_parquet or "
            "save_to_disk; write it so, or its images into a folder for each class"
        )
        return Unread("a dataset of Hugging Face in Parquet or Arrow without images", parquet[0], advice)
    return None


def _archives(files: _Files) -> Unread | None:
    shards = files.of("tar", "zip", "tgz", "gz", "7z", "rar")
    if not shards or any(map(is_image, files.names)):
        return None
    if len(files.of("tar")) > 1:
        advice = "unpack them into one folder; or say --format webdataset, if each holds images KEY.jpg beside KEY.cls, KEY.json or KEY.txt"
        return Unread("several archives, and no WebDataset", shards[0], advice)
    return Unread("an archive", shards[0], f"unpack it, or name it itself, such as --source zip://::PATH/{shards[0]}")


_JSON_KEYS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("Supervisely's videos", ("classTitle", "framesCount"), _EXPORT),
    ("point clouds of Supervisely", ("classTitle", "figures"), _EXPORT),
    ("BDD100K or Scalabel", ("box2d",), _CONVERT),
    ("VoTT", ("asset", "regions", "boundingBox"), "export it from VoTT as CSV, which is read, or convert it to COCO"),
    ("a manifest of SageMaker Ground Truth or Rekognition", ("source-ref",), _CONVERT),
    ("Labelbox", ("data_row", "projects"), _CONVERT),
    ("Labelbox", ("External ID", "Labeled Data"), _CONVERT),
    ("JSON Lines of Vertex AI", ("imageGcsUri",), f"Vertex AI's CSV is read; {_CONVERT}"),
    ("FiftyOne", ("classes", "labels", "bounding_box"), "export it from FiftyOne as COCODetectionDataset"),
    ("CrowdHuman", ("gtboxes",), _CONVERT),
    ("VIA 3", ("fname", "vid", "xy"), f"{_CONVERT}; projects of VIA 2 are read"),
    ("Cityscapes", ("imgHeight", "imgWidth", "objects", "polygon"), _CONVERT),
    ("Mapillary Vistas", ("objects", "label", "polygon"), _CONVERT),
    ("Create ML", ("coordinates", "annotations", "image"), _CONVERT),
    ("a dataset of Hugging Face", ("builder_name", "features"), "write its images out with the datasets library"),
    ("Azure AutoML's JSON Lines", ("image_url", "label"), "--format jsonl tells what keeps it from being read"),
)


def _json(files: _Files) -> Unread | None:
    for name in files.of("json", "jsonl", "ndjson", "manifest", "odgt")[:_LOOKED_AT]:
        head = files.head(name)
        keys = set(re.findall(r'"(\w[\w -]*)"\s*:', head))
        for title, wanted, advice in _JSON_KEYS:
            if keys.issuperset(wanted) and not keys >= {"images", "categories", "file_name"}:
                return Unread(title, f"{name} holds {' and '.join(map(repr, wanted))}", advice)
    return None


def _xml(files: _Files) -> Unread | None:
    for name in files.of("xml")[:_LOOKED_AT]:
        head = files.head(name)
        if re.search(r"<annotations\b", head) and re.search(r"<track\b", head):
            return Unread("tracks of CVAT for video", name, "export the task from CVAT as CVAT for images 1.1")
        if not files.labels and (root := re.search(r"<(?:\w+:)?([A-Za-z]\w*)[\s/>]", head)):
            return Unread("XML of another kind than Pascal VOC", f"{name} begins with <{root[1]}>", _CONVERT)
    bare = [name for name in files.names if "." not in posixpath.basename(name)]
    for name in bare[:_LOOKED_AT]:
        if re.search(r"<annotation\b", files.head(name), re.IGNORECASE):
            return Unread("Pascal VOC in files without .xml", name, "give its annotation files names that end in .xml")
    return None


_POINT = r"\(-?\d+(?:\.\d+)?, ?-?\d+(?:\.\d+)?\)"
_OUTLINES = "write them as COCO, with a polygon for each object, which serves segmentation and detection"
_CELLS = (
    ("run lengths of masks in a table, as in Kaggle's competitions", re.compile(r"(?i)\bEncodedPixels\b"), f"{_CONVERT}; its runs go down columns, and count from 1"),
    ("several boxes in a cell of a table, as in Kaggle's competitions", re.compile(r"(?i)\bPredictionString\b"), _TABLE),
    ("outlines as WKT in a table", re.compile(r"\b(?:MULTI)?POLYGON ?(?:Z ?)?\(\("), _OUTLINES),
    ("outlines as lists of corners in a table", re.compile(rf"\[{_POINT}(?:, ?{_POINT}){{2,}}"), _OUTLINES),
    ("corners in a cell each of a table", re.compile(rf"\"{_POINT}\",\"{_POINT}\""), _TABLE),
)  # fmt: skip
"""Tables whose boxes or outlines stand in a cell that is not read."""


def _tables(files: _Files) -> Unread | None:
    for name in files.of("csv", "tsv")[:_LOOKED_AT]:
        first, _, rest = files.head(name).lstrip("\ufeff").partition("\n")
        columns = {re.sub(r"[\s_\"#-]", "", column).lower() for column in re.split(r"[,;\t]", first)}
        if files.labels or (files.boxes and columns_of(files.head(name)) is not None):
            continue
        for title, tells, advice in _CELLS:
            if (found := tells.search(first) or tells.search(rest)) is not None:
                return Unread(title, f"{name} has {found[0][:40]!r}", advice)
        if columns >= {"xmin", "xmax", "ymin", "ymax"} or columns_of(files.head(name), needs_label=False) is not None:
            said = (
                "columns of boxes"
                if columns_of(files.head(name))
                else "columns of boxes, and none that is called like labels"
            )
            return Unread("a table of boxes", f"{name} has {said}", _BOXES)
        row = re.split(r"[,;\t]", rest.partition("\n")[0])
        if len(row) in (5, 6) and extension(row[0]) in IMAGE_FORMATS and all(map(_is_number, row[1:5])):
            return Unread("a table of boxes", f"{name} has four numbers behind each image", _CONVERT)
    return None


_FRACTION = r"-?\d+(?:\.\d+)?"
_DOTA = re.compile(rf"(?:imagesource:.*|gsd:.*|(?:{_FRACTION} ){{8}}\S+(?: [0-2])?\s*)")
_LISTS = (
    (
        "WIDER FACE",
        re.compile(rf"\s*\S.*\.(?:jpe?g|png)\s*\n\s*\d+\s*\n(?:{_FRACTION} ){{3,9}}{_FRACTION}\s*(?:\n|\Z)", re.IGNORECASE),
        _TABLE,
    ),
    ("a list of boxes behind each image, as Keras-YOLO has it", re.compile(rf"\s*\S.*\.(?:jpe?g|png)(?: +{_FRACTION}(?:,{_FRACTION}){{3}},\d+)+\s*(?:\n|\Z)", re.IGNORECASE), _TABLE),
    ("tracks of MOT", re.compile(rf"\s*\d+,-?\d+(?:,{_FRACTION}){{5,8}}\s*(?:\n|\Z)"), _TABLE),
)  # fmt: skip
"""Text files of many images, by how their first lines look."""

_KITTI = re.compile(r"\s*[A-Za-z_]+(?:\s+-?[\d.]+){14,15}\s*")


def _texts(files: _Files) -> Unread | None:
    """Text files, one for each image."""
    stems = {_stem(name) for name in files.names if is_image(name)}
    texts = [name for name in files.of("txt") if _stem(name) in stems]
    heads = [
        (name, [line for line in files.head(name).splitlines()[:20] if line.strip()]) for name in texts[:_LOOKED_AT]
    ]
    heads = [(name, lines) for name, lines in heads if lines]
    if heads:
        name = heads[0][0]
        if all(VISDRONE.fullmatch(line) for _, lines in heads for line in lines):
            return Unread(
                "VisDrone", f"{name} holds eight whole numbers in each line, a corner and a size among them", _TABLE
            )
        if all(_DOTA.fullmatch(line) for _, lines in heads for line in lines):
            return Unread(
                "DOTA",
                f"{name} holds four corners and a class in each line",
                f"{_OUTLINES}; turned boxes are outlines there",
            )
        if any(holds_labels("\n".join(lines)) for _, lines in heads):
            return None  # YOLO's, which are read; what is wrong with them is said by who reads them.
        if all(_KITTI.fullmatch(line) for _, lines in heads for line in lines):
            return Unread("KITTI", f"{name} holds a class and 14 numbers in each line", _CONVERT)
        if 2 * len(texts) >= len(stems):
            advice = "collect what they say in a labels.csv beside the images, with the columns filename and labels"
            return Unread("text files of labels, one for each image", f"such as {name}", advice)
    lists = [name for name in files.of("txt") if _stem(name) not in stems]
    for name in lists[:_LOOKED_AT] if not files.labels else ():
        for title, tells, advice in _LISTS:
            if tells.match(files.head(name)):
                return Unread(title, name, advice)
    return None


_MASKS = re.compile(
    r"(?i)masks?|labels?|annotations?|gts?|ground_?truths?|gtfine|segmentations?|segmentation_?(?:class|object|masks?)(?:aug)?"
    r"|labels?_?masks?|mask_?images?|targets?"
)
_PICTURES = re.compile(r"(?i)images?|imgs?|jpegimages|inputs?|photos?|pictures?|originals?|leftimg8bit|rgb")
_SUFFIX = re.compile(r"(?i)[_-](?:masks?(?:[_-]?\d+)?|seg|segmentation|gt|label|labelids|l)$")
_PLAIN_SUFFIX = re.compile(r"(?i)[_-](?:masks?(?:[_-]?\d+)?|segmentation)$")
"""Ends of names that say nothing else, of whatever format the images are."""


def _masks(files: _Files) -> Unread | None:
    return masks_among(files.names)


def masks_among(names: Iterable[str]) -> Unread | None:
    """Masks of segmentation as images of their own: in a folder beside that of the images, or beside each image."""
    pictures: dict[str, str] = {}
    masks: dict[str, str] = {}
    named = True
    for name in filter(is_image, names):
        folder = name.rpartition("/")[0]
        stem = _stem(name)
        in_masks = _is_among(_MASKS, folder)
        base = _SUFFIX.sub("", stem)
        if in_masks or base != stem:
            masks[base] = name
        else:
            pictures[stem] = name
            named = named and _is_among(_PICTURES, folder)
    paired = [stem for stem in masks if stem in pictures]
    if not paired or len(paired) < 0.8 * len(masks) or len(paired) < 0.5 * len(pictures):
        return None
    lossless = all(extension(name) in ("png", "gif", "bmp", "tif", "tiff") for name in masks.values())
    lossy = all(extension(name) in ("jpg", "jpeg") for name in pictures.values())
    plain = all(_PLAIN_SUFFIX.search(_stem(name)) for name in masks.values())
    if not (lossless and (named or lossy or plain)):
        return None
    example = f"{masks[paired[0]]} beside {pictures[paired[0]]}"
    advice = "convert the masks to COCO, with an annotation for each object, and name that as --source"
    return Unread("images with masks for segmentation", example, advice)


@lru_cache(4096)
def _is_among(kind: re.Pattern[str], folders: str) -> bool:
    return any(map(kind.fullmatch, folders.split("/")))


def _stem(name: str) -> str:
    last = name[name.rfind("/") + 1 :]
    return last[: last.rfind(".")] if extension(last) else posixpath.splitext(last)[0]


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"\s*-?\d+(?:\.\d+)?\s*", cell) is not None
