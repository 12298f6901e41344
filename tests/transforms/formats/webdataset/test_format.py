"""WebDataset as a format: frames by the evidence of boxes, as for COCO, and all of its doubts together."""

from __future__ import annotations

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.neutral import SourceImage
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.huggingface.objects import Samples
from labelbeam.transforms.formats.webdataset.format import WebDataset

CONFIG = ConvertConfig(task="image_object_detection", source=["s"], output="o")


def test_boxes_that_are_fractions_are_read_so_and_told() -> None:
    evidence = Evidence()
    samples = Samples({}, "image_object_detection")
    for number in range(20):
        image = SourceImage(f"{number}.jpg", "s", str(number), objects=[], rejected=[], adjusted=[])
        samples.add(image, {"bbox": [[0.1, 0.2, 0.31, 0.4]], "category": ["cat"]}, 100, 60)
    samples.tell(evidence)
    evidence.add("apart", 1, "k")
    found = WebDataset()
    assert found.frames({"s": evidence}, CONFIG)["s"].boxes == "fractions"
    assert {doubt.code for doubt in found.remarks({"s": evidence}, CONFIG)} >= {"relative_coordinates", "samples_apart"}
