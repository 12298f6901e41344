"""Images read in columns: the same images, objects and evidence as where each is read by itself, or none where one of them is odd."""

from __future__ import annotations

import pickle
import random
from pathlib import Path
from typing import Any

import pytest

from labelbeam.transforms.columns.fragments import Fragment
from labelbeam.transforms.formats.cvat import xml
from labelbeam.transforms.formats.cvat.boxes import written_boxes
from labelbeam.transforms.formats.cvat.read_boxes import read_boxes
from labelbeam.transforms.formats.cvat.units import CvatUnit
from labelbeam.transforms.formats.frames import OF_LABELS, Tally
from labelbeam.transforms.formats.named_images import ImageFinder
from labelbeam.transforms.read.work import read_unit
from tests.transforms.unit_runs import fragments, options

LISTED = ImageFinder(
    ["images/1.jpg", "images/a/2.jpg", "images/Train/3.jpg", "4.jpg", "images/b c.jpg", "images/5.PNG"]
)


def image(
    name: str = "1.jpg", width: str = "640", height: str = "480", subset: str = "", boxes: tuple[str, ...] = ()
) -> str:
    inside = "".join(boxes)
    return f'<image id="7" name="{name}" subset="{subset}" width="{width}" height="{height}">{inside}</image>'


def box(label: str = "cat", xtl: str = "1.5", ybr: str = "9") -> str:
    return f'<box label="{label}" xtl="{xtl}" ytl="2" xbr="3.25" ybr="{ybr}"/>'


NAMES = [
    "1.jpg",
    "a/2.jpg",
    "3.jpg",
    "4.jpg",
    "b c.jpg",
    "5.jpg",
    "6.jpg",
    "x/7.jpg",
    "./1.jpg",
    "https://h/1.jpg",
    "C:/x.jpg",
]
ODD_NAMES = ["", "../../x.jpg", "images/5.jpg"]
LABELS, ODD_LABELS = ["cat", "dog", "ä", "d o g"], [" cat", "", "a\u0301"]
NUMBERS, ODD_NUMBERS = (
    ["0", "-1.50", "12345678.125", ".5", "1e3", "0.1234567890123456789"],
    ["nan", "1e12", "1_0", "\u0661", " 1"],
)
SIDES, ODD_SIDES = [("640", "480"), ("64.0", "48"), ("", ""), ("0", "0")], [("0.5", "1"), ("x", "1"), ("640", "")]
SUBSETS = ["", "Train", "default", "batch 7"]


def drawn(draw: random.Random, odd: float) -> str:
    """A file of a few images; `odd` is how likely each value is one that has to be looked at by itself."""

    def one(usual: list[Any], others: list[Any]) -> Any:
        return draw.choice(others if draw.random() < odd else usual)

    return "".join(
        image(
            one(NAMES, ODD_NAMES),
            *one(SIDES, ODD_SIDES),
            draw.choice(SUBSETS),
            tuple(
                box(one(LABELS, ODD_LABELS), one(NUMBERS, ODD_NUMBERS), one(NUMBERS, ODD_NUMBERS))
                for _ in range(draw.choice((0, 1, 1, 2, 5)))
            ),
        )
        for _ in range(draw.randint(1, 9))
    )


def rows_of(found: list[Fragment]) -> list[Any]:
    """Everything of fragments, without the order of images, and how they were divided up."""
    rows: list[Any] = []
    for fragment in found:
        images, objects = fragment.images, fragment.objects
        for row, key in enumerate(images.keys.tolist()):
            own = [at for at, image in enumerate(objects.image.tolist()) if image == key]
            assert objects.order[own].tolist() == sorted(objects.order[own].tolist())
            rows.append(
                (
                    key,
                    *(images.paths[row], images.sources[row], images.locators[row], images.splits[row]),
                    (images.sizes[row].tolist(), images.notes.get(row)),
                    [fragment.labels[label] for label in objects.label[own].tolist()],
                    (objects.bbox[own].tolist(), [objects.ids[at] for at in own], objects.ring_count[own].tolist()),
                    (objects.crowd[own].tolist(), objects.mask_size[own].tolist(), str(objects.area[own].tolist())),
                )
            )
        rows += [(0, rejection) for rejection in fragment.rejections]
    return sorted(rows, key=repr)


@pytest.mark.parametrize("task", ["image_object_detection", "image_instance_segmentation"])
@pytest.mark.parametrize("buckets", [1, 3])
def test_what_is_read_in_columns_is_what_is_read_image_by_image(task: str, buckets: int, tmp_path: Path) -> None:
    draw, index, together = random.Random(0), pickle.dumps(LISTED), 0
    for number in range(120):
        text = f"<annotations>{drawn(draw, odd=(number % 3) / 20)}</annotations>".encode()
        (tmp_path / "a.xml").write_bytes(text)
        unit = CvatUnit(str(tmp_path), "a.xml", 1, 0, len(text), len(text))
        given = options(buckets, task=task, check_images="header")
        found = read_unit(given, unit, index)
        with pytest.MonkeyPatch.context() as context:
            context.setattr(xml, "written_boxes", lambda *_: None)
            expected = read_unit(given, unit, index)
        assert rows_of(fragments(found)) == rows_of(fragments(expected)), text
        for result in (found, expected):
            # An image that is named twice, and a label, count in each of the batches that have it.
            tallies = result.findings.evidence[str(tmp_path)].tallies
            tallies.pop("images_named", None)
            tallies.update({name: Tally(1) for name in tallies if OF_LABELS in name})
        assert found.findings.evidence == expected.findings.evidence, text
        assert found.findings.records == expected.findings.records
        taken = written_boxes(text.decode(), len("<annotations>"))
        together += taken is not None and read_boxes(taken[0], LISTED, path="a.xml", source="s") is not None
    assert 30 < together < 110


@pytest.mark.parametrize(
    "odd",
    [
        *(image(name, boxes=(box(),)) for name in ODD_NAMES),
        *(image(boxes=(box(label),)) for label in ODD_LABELS),
        *(image(boxes=(box(xtl=number),)) for number in ODD_NUMBERS),
        *(image("1.jpg", *sides, boxes=(box(),)) for sides in ODD_SIDES),
    ],
)
def test_what_is_to_be_rejected_or_adjusted_is_read_by_itself(odd: str) -> None:
    usual = image("4.jpg", boxes=(box(), box("dog")))
    for text, read in ((usual, True), (usual + odd, False)):
        taken = written_boxes(text, 0)
        assert taken is not None
        assert (read_boxes(taken[0], LISTED, path="a.xml", source="s") is not None) == read
