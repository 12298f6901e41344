"""Records as the trainer's documents allow them: wider than those of a build, and no wider than they say."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from labelbeam.schemas.documents import ClassificationDocument, DetectionDocument, SegmentationDocument

BOX = {"label": "cat", "topX": 0, "topY": 0, "bottomX": 1, "bottomY": 1}


@pytest.mark.parametrize("details", [{}, {"width": 5}, {"format": "png", "height": "5px"}])
def test_details_may_be_missing_in_part_or_whole(details: dict[str, Any]) -> None:
    msgspec.convert({"image_url": "u", "label": "cat", "image_details": details}, ClassificationDocument)
    msgspec.convert({"image_url": "u", "label": "cat"}, ClassificationDocument)


@pytest.mark.parametrize("crowd", [True, False, 0, 1])
def test_a_crowd_is_yes_or_no_and_may_be_missing(crowd: Any) -> None:
    for item in (BOX | {"isCrowd": crowd}, BOX):
        assert len(msgspec.convert({"image_url": "u", "label": [item]}, DetectionDocument).label) == 1


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        (BOX | {"isCrowd": "true"}, DetectionDocument),
        (BOX | {"isCrowd": 2}, DetectionDocument),
        (BOX | {"bottomX": 1.5}, DetectionDocument),
        (BOX | {"area": 1}, DetectionDocument),
        ({"label": "cat", "polygon": []}, SegmentationDocument),
        ({"label": "cat"}, SegmentationDocument),
    ],
)
def test_what_no_document_allows_is_refused(item: dict[str, Any], kind: type[msgspec.Struct]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"image_url": "u", "label": [item]}, kind)
