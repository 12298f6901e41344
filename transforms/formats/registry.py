"""The raw formats by name. A new one is a module of this folder, and a line here."""

from __future__ import annotations

from labelbeam.transforms.formats.boxtable.format import BoxTable
from labelbeam.transforms.formats.coco.format import Coco
from labelbeam.transforms.formats.customvision.format import CustomVision
from labelbeam.transforms.formats.cvat.format import Cvat
from labelbeam.transforms.formats.datumaro.format import Datumaro
from labelbeam.transforms.formats.folder.format import Folder
from labelbeam.transforms.formats.format import Format
from labelbeam.transforms.formats.huggingface.format import HuggingFace
from labelbeam.transforms.formats.jsonl.format import JsonLines
from labelbeam.transforms.formats.labelme.format import LabelMe
from labelbeam.transforms.formats.labelstudio.format import LabelStudio
from labelbeam.transforms.formats.openimages.format import OpenImages
from labelbeam.transforms.formats.supervisely.format import Supervisely
from labelbeam.transforms.formats.via.format import Via
from labelbeam.transforms.formats.voc.format import Voc
from labelbeam.transforms.formats.webdataset.format import WebDataset
from labelbeam.transforms.formats.yolo.format import Yolo

FORMATS: dict[str, Format] = {
    found.name: found
    for found in (
        Coco(),
        Voc(),
        Folder(),
        JsonLines(),
        Yolo(),
        LabelMe(),
        Via(),
        CustomVision(),
        OpenImages(),
        Cvat(),
        LabelStudio(),
        HuggingFace(),
        Datumaro(),
        Supervisely(),
        WebDataset(),
        BoxTable(),
    )
}
