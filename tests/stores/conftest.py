"""What tests of stores share that needs setting up."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from labelbeam.transforms.stores import retries
from tests.end_to_end.datasets import coco, coco_box, coco_image
from tests.stores.raw_data import write_raw_data


@pytest.fixture
def debugging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run with LABELBEAM_DEBUG, which adds to what is said otherwise, with short waits; leave logging as it was."""
    monkeypatch.setenv("LABELBEAM_DEBUG", "1")
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(retries, "LONGEST_WAIT", 0.01)
    monkeypatch.setattr(retries, "QUIET", 0.0)
    for protocol in ("s3", "az", "gs"):  # Stores that are open keep what they once found in the environment.
        fsspec.get_filesystem_class(protocol).clear_instance_cache()
    loggers = [logging.getLogger(name) for name in (None, "labelbeam", "pipelines", "transforms")]
    before = [(logger, logger.handlers, logger.level) for logger in loggers]
    yield
    for logger, handlers, level in before:
        logger.handlers, logger.level = handlers, level
    logging.captureWarnings(False)


@pytest.fixture
def raw_with_oddities(tmp_path: Path) -> Path:
    """A dataset in each format; in `odd.json`, records that are rejected, of which one has no image.

    In `fractions.json`, boxes are fractions of the image, which is warned of.
    """
    root = write_raw_data(tmp_path / "data")
    images = [coco_image(0, "a/1.jpg"), coco_image(1, "none.jpg"), coco_image(2, "a/1.jpg"), coco_image(3, "../3.jpg")]
    (root / "odd.json").write_text(json.dumps(coco(images, [coco_box(1, 0, "no box"), coco_box(2, 9), coco_box(3, 0)])))
    boxes = [coco_box(number, 0, (0.1, 0.2, 0.3, 0.4)) for number in range(9)]
    (root / "fractions.json").write_text(json.dumps(coco([coco_image(0, "a/1.jpg")], boxes)))
    return root
