"""Export formats: a line each."""

from __future__ import annotations

from labelbeam.transforms.export import coco, croissant, csv_table, huggingface, voc, webdataset, yolo
from labelbeam.transforms.export.exporter import Exporter

EXPORTERS: dict[str, Exporter] = {
    module.EXPORTER.name: module.EXPORTER for module in (coco, yolo, voc, huggingface, webdataset, croissant, csv_table)
}
