"""COCO as a format: its options decide the frame of each file."""

from __future__ import annotations

import msgspec
import pytest

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.coco.format import Coco, CocoOptions
from labelbeam.transforms.formats.format import Claim, Tree
from labelbeam.transforms.formats.frames import FRACTIONS, Evidence, Tally
from labelbeam.transforms.stores.locate import locate
from tests.transforms.formats.coco.planned import coco, fill
from tests.transforms.unit_runs import CONFIG


@pytest.mark.parametrize(("option", "expected"), [("detect", {"a"}), ("pixels", set()), ("relative", {"a", "b"})])
def test_the_frame_is_decided_a_file_or_by_the_option(option: str, expected: set[str]) -> None:
    shares = Evidence({"boxes": Tally(4), "boxes_under_a_pixel": Tally(1)})
    pixels = Evidence({"boxes": Tally(4), "boxes_beyond_1": Tally(4)})
    given = CocoOptions(coco_boxes=option)  # type: ignore[arg-type]
    config = msgspec.structs.replace(CONFIG, of_formats=(given,))
    assert Coco().frames({"a": shares, "b": pixels}, config) == dict.fromkeys(expected, FRACTIONS)


def claimed(*urls: str, asked: bool = False, files: int = 0) -> Claim | None:
    places = [locate(url, {}) for url in urls]
    config = msgspec.structs.replace(CONFIG, output="memory://nowhere")
    return Coco().recognise(Tree(config, {}, places, places[:files]), asked)


def test_files_are_claimed_as_they_are_and_directories_by_what_is_in_them(memory: str) -> None:
    root = fill(memory, {"a/x.json": coco(), "b/readme.txt": ""})
    named = claimed(f"{root}/anything", files=1)
    assert named is not None and not named.certain and named.reason
    inside = claimed(f"{root}/a")
    assert inside is not None and inside.certain and [file.url for file in inside.found] == [f"{root}/a/x.json"]
    both = claimed(f"{root}/f.json", f"{root}/a", files=1)
    assert both is not None and len(both.found) == 2
    assert claimed(f"{root}/b") is None
    with pytest.raises(UsageError, match="found no COCO file among 1 files; name it itself"):
        claimed(f"{root}/b", asked=True)
