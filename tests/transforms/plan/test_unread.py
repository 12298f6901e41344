"""Formats that are not read: each is named, with what to do, whatever the task; and nothing else is taken for one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate

DETECTION = "image_object_detection"
CLASSIFICATION = "image_classification"

LABELME = json.dumps(
    {"version": "5.0", "shapes": [{"label": "cat", "points": []}], "imagePath": "1.jpg", "imageData": None}
)
CREATE_ML = json.dumps([{"image": "1.jpg", "annotations": [{"label": "a", "coordinates": {"x": 1}}]}])
SUPERVISELY = json.dumps(
    {"size": {}, "tags": [], "framesCount": 9, "objects": [{"key": "0f", "classTitle": "cat"}], "frames": []}
)
CVAT = "<?xml version='1.0'?><annotations><version>1.1</version><meta/><track id='0' label='cat'/></annotations>"
OPEN_IMAGES = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax\n1,x,/m/1,1,0.1,0.2,0.3,0.4\n"
BOXES = "filename,width,height,class,xmin,ymin,xmax,ymax\n1.jpg,10,10,cat,1,2,3,4\n"
KITTI = "Car 0.00 0 1.85 387.63 181.54 423.81 203.12 1.67 1.87 3.69 -16.53 2.39 58.49 1.57\n"
YOLO = "0 0.5 0.5 0.25 0.25\n1 0.1 0.1 0.05 0.05\n"

TREES: list[tuple[str, dict[str, str]]] = [
    ("Create ML", {"train/1.jpg": "", "train/_annotations.createml.json": CREATE_ML}),
    ("Supervisely's videos", {"ds/img/1.jpg": "", "ds/ann/1.jpg.json": SUPERVISELY}),
    ("CVAT", {"images/1.jpg": "", "annotations.xml": CVAT}),
    ("a table of boxes", {"images/1.jpg": "", "train_labels.csv": BOXES.replace("class", "remark")}),
    (
        "a table of boxes",
        {"images/1.jpg": "", "train.csv": 'image_id,width,height,bbox,source\n1,9,9,"[1, 2, 3, 4]",x\n'},
    ),
    (
        "XML of another kind",
        {"images/1.jpg": "", "all.xml": "<?xml version='1.0'?>\n<!-- dlib --><dataset><images/></dataset>"},
    ),
    ("Pascal VOC in files without .xml", {"Images/n02-a/1.jpg": "", "Annotation/n02-a/1": "<annotation></annotation>"}),
    ("KITTI", {"image_2/1.png": "", "label_2/1.txt": KITTI}),
    ("TFRecord", {"train.tfrecord-00000-of-00002": "x"}),
    ("TFRecord", {"data/train.record": "x"}),
    ("Parquet", {"data/train-00000-of-00001.parquet": "PAR1", "README.md": ""}),
    ("WebDataset", {"train-000000.tar": "x", "train-000001.tar": "x"}),
    ("masks", {"images/1.jpg": "", "images/2.jpg": "", "masks/1.png": "", "masks/2.png": ""}),
    ("masks", {"train/1.jpg": "", "train_masks/1_mask.gif": ""}),
    ("masks", {"1.jpg": "", "1_mask.png": ""}),
    ("masks", {"a/1.png": "", "a/1_mask.png": "", "b/2.png": "", "b/2_mask.png": "", "b/2_mask_1.png": ""}),
    ("masks", {"a/1.png": "", "a/1-mask.png": "", "b/2.bmp": "", "b/2-mask.bmp": ""}),
    ("masks", {"a/1.png": "", "a/1_segmentation.png": ""}),
    ("masks", {"train/images/1.png": "", "train/masks/1.png": "", "val/images/2.png": "", "val/masks/2.png": ""}),
]

JSON_TREES = [
    ("VoTT", "x-export.json", {"assets": {"0": {"asset": {}, "regions": [{"boundingBox": {"left": 1}}]}}}),
    ("SageMaker", "output.manifest", {"source-ref": "s3://b/1.jpg", "box": {"annotations": []}}),
    ("Labelbox", "export.ndjson", {"data_row": {"id": "x"}, "projects": {}}),
    ("Labelbox", "export.json", [{"External ID": "1.jpg", "Labeled Data": "https://x", "Label": {}}]),
    ("Vertex AI", "data.jsonl", {"imageGcsUri": "gs://b/1.jpg", "boundingBoxAnnotations": []}),
    ("FiftyOne", "labels.json", {"classes": ["a"], "labels": {"1": [{"label": 0, "bounding_box": [0, 0, 1, 1]}]}}),
    ("CrowdHuman", "annotation_train.odgt", {"ID": "1", "gtboxes": []}),
    (
        "Cityscapes",
        "1_gtFine_polygons.json",
        {"imgHeight": 9, "imgWidth": 9, "objects": [{"polygon": [[1, 1]], "label": "a"}]},
    ),
    ("Mapillary", "polygons/1.json", {"width": 9, "objects": [{"key": "x", "label": "a", "polygon": [[1, 1]]}]}),
    (
        "VIA 3",
        "via.json",
        {"project": {}, "file": {"1": {"fname": "1.jpg"}}, "metadata": {"1_a": {"vid": "1", "xy": [2], "av": {}}}},
    ),
]
TREES += [(title, {"1.jpg": "", name: json.dumps(content)}) for title, name, content in JSON_TREES]

DOTA_LINE = "10.0 10.0 30.0 10.0 30.0 30.0 10.0 30.0 small-vehicle 0\n"
TEXTS: list[tuple[str, str, str]] = [
    ("a metadata.parquet", "train/metadata.parquet", "PAR1"),
    # https://github.com/VisDrone/VisDrone2018-DET-toolkit
    ("VisDrone", "1.txt", "10,10,20,20,1,4,0,0\n0,0,5,5,0,0,0,-1,\n"),
    ("DOTA", "labelTxt/1.txt", DOTA_LINE * 2),
    ("DOTA", "labelTxt/1.txt", f"imagesource:GoogleEarth\ngsd:0.146343590398\n{DOTA_LINE}"),
    ("WIDER FACE", "wider_face_train_bbx_gt.txt", "0--Parade/a b.jpg\n1\n449 330 122 149 0 0 0 0 0 0 \n"),
    (
        "a list of boxes behind each image",
        "train/_annotations.txt",
        "1.jpg 10,10,30,30,0 40,10,60,30,1\n2.jpg 1,2,3,4,0\n",
    ),
    ("tracks of MOT", "gt/gt.txt", "1,1,912,484,97,109,0,7,1\n2,1,912,484,97,109,0,7,0.5\n"),
    ("run lengths of masks", "train.csv", 'Image_Label,EncodedPixels\n1.jpg_Fish,"10 5 70 5"\n'),
    ("several boxes in a cell", "train.csv", "image_id,PredictionString\n1.jpg,0 10 10 20 20\n"),
    ("outlines as WKT", "train.csv", 'ImageId,class,Poly\n1.jpg,a,"POLYGON ((1 1, 9 1, 9 9, 1 1))"\n'),
    ("outlines as lists of corners", "a.csv", 'id,image_id,geometry,class\n1,1.jpg,"[(1, 1), (9, 1), (9, 9)]",a\n'),
    ("corners in a cell each", "a.csv", 'file,tl,br,class\n1.jpg,"(1, 1)","(9, 9)",a\n'),
]


def plan(root: str, files: dict[str, str], task: str, source: str = "") -> None:
    for name, text in files.items():
        put(locate(root, {}).below(name), text.encode())
    config: Any = {"task": task, "source": [f"{root}/{source}".rstrip("/")], "output": "memory://nowhere"}
    make_plan(ConvertConfig(**config), {})


@pytest.mark.parametrize(("title", "files"), TREES)
@pytest.mark.parametrize("task", [DETECTION, "image_instance_segmentation"])
def test_a_tree_of_another_format_is_named(title: str, files: dict[str, str], task: str, memory: str) -> None:
    with pytest.raises(LabelBeamError, match=rf"this looks like .*{title}.*which is not read; \w+"):
        plan(memory, files, task)


@pytest.mark.parametrize(
    ("title", "files"),
    [(title, files) for title, files in TREES if title not in ("a table of boxes", "XML of another kind")],
)
def test_it_is_named_for_classification_as_well_where_no_folder_is_a_class(
    title: str, files: dict[str, str], memory: str
) -> None:
    with pytest.raises(LabelBeamError, match=rf"this looks like .*{title}"):
        plan(memory, files, CLASSIFICATION)


@pytest.mark.parametrize(
    ("title", "name", "text"),
    [
        ("Create ML", "c.json", CREATE_ML),
        *(("CVAT", "annotations.xml", CVAT), ("boxes", "b.csv", BOXES.replace("class", "remark"))),
        *(
            ("TFRecord", "a.tfrecord", "x"),
            ("Parquet", "a.parquet", "PAR1"),
        ),
    ],
)
def test_a_file_of_another_format_is_named(title: str, name: str, text: str, memory: str) -> None:
    with pytest.raises(LabelBeamError, match=f"{name}: this looks like .*{title}"):
        plan(memory, {name: text}, DETECTION, name)


@pytest.mark.parametrize(("title", "name", "text"), TEXTS)
@pytest.mark.parametrize("task", [DETECTION, "image_instance_segmentation"])
def test_boxes_of_another_writing_are_named(title: str, name: str, text: str, task: str, memory: str) -> None:
    with pytest.raises(LabelBeamError, match=rf"this looks like .*{title}.*which is not read; \w+"):
        plan(memory, {"images/1.jpg": "", name: text}, task)


def test_text_files_of_labels_are_named(memory: str) -> None:
    with pytest.raises(LabelBeamError, match=r"text files of labels.*labels\.csv"):
        plan(memory, {"1.jpg": "", "1.txt": "cat\ndog\n", "2.jpg": "", "2.txt": "dog"}, CLASSIFICATION)


@pytest.mark.parametrize(
    "files",
    [
        {"cat/1.jpg": "", "dog/1.jpg": "", "cat/1.txt": YOLO, "dog/1.json": LABELME},
        {"mask/1.jpg": "", "no_mask/1.jpg": ""},
        {"with_mask/1.png": "", "without_mask/2.png": ""},
        {"labels/1.png": "", "images/2.png": ""},
        {"cat/1.jpg": "", "cat/2.jpg": "", "dog/3.jpg": "", "dog/3_mask.png": ""},
        {"labels.csv": "filename,label\n1.jpg,cat\n", "1.jpg": "", "1.txt": YOLO},
        {"boxes.csv": OPEN_IMAGES, "1.jpg": ""},
    ],
)
def test_class_folders_and_tables_of_labels_are_read_whatever_lies_beside_them(
    files: dict[str, str], memory: str
) -> None:
    plan(memory, files, CLASSIFICATION)


def test_a_table_of_boxes_is_named_for_segmentation_and_read_for_detection(memory: str) -> None:
    files = {"images/1.jpg": "", "train_labels.csv": BOXES}
    with pytest.raises(LabelBeamError, match=r"a table of boxes.*--task image_object_detection"):
        plan(memory, files, "image_instance_segmentation")
    plan(memory, files, DETECTION)
    plan(memory, {}, DETECTION, "train_labels.csv")


def test_a_format_that_is_asked_for_is_not_doubted(memory: str) -> None:
    files = {"images/1.jpg": "", "masks/1.png": ""}
    for name, text in files.items():
        put(locate(memory, {}).below(name), text.encode())
    config = ConvertConfig(task="image_classification", source=[memory], output="memory://nowhere", format="folder")
    assert len(make_plan(config, {}).units) == 1
