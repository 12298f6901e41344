"""Supervisely as a format: what was counted is told, and its options are few choices."""

from __future__ import annotations

import msgspec
import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.supervisely.format import Supervisely, SuperviselyOptions

CONFIG = ConvertConfig(task="image_object_detection", source=["s"], output="memory://nowhere")


def test_its_numbers_are_pixels_and_what_was_counted_is_told() -> None:
    evidence = Evidence()
    evidence.add("united", 2, "x.json")
    assert Supervisely().frames({"memory://x": evidence}, CONFIG) == {}
    assert [doubt.code for doubt in Supervisely().remarks({"memory://x": evidence}, CONFIG)] == ["shapes_united"]


def test_its_options_are_choices() -> None:
    found = msgspec.convert({}, SuperviselyOptions)
    assert (found.supervisely_corners, found.supervisely_groups, found.supervisely_tag) == ("pixels", "unite", None)
    for name in ("supervisely_corners", "supervisely_groups"):
        with pytest.raises(msgspec.ValidationError, match=name):
            msgspec.convert({name: "both"}, SuperviselyOptions)
