"""What a build's options decide about records."""

from __future__ import annotations

from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.transforms.write.options import assemble_options
from tests.transforms.builds.receipts import PLAN


@pytest.mark.parametrize(
    ("task", "background", "expected"),
    [
        ("image_object_detection", None, (True, False)),
        ("image_object_detection", "keep", (True, True)),
        ("image_object_detection", "drop", (False, False)),
        ("image_classification", None, (False, False)),
    ],
)
def test_images_that_labels_have_emptied_are_background_only_where_it_is_asked_for(
    task: Any, background: Any, expected: tuple[bool, bool]
) -> None:
    options = assemble_options(ConvertConfig(task=task, source=["s"], output="o", background=background), PLAN)
    assert (options.keep_background, options.keep_emptied) == expected
