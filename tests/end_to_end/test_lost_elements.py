"""A runner that loses or repeats one element of a step's output: nothing is published, whichever step it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.builds import DETECTION, PREFIX, Answer, Build, failed, labelbeam
from tests.end_to_end.datasets import coco_box, coco_image, write_coco, write_image
from tests.end_to_end.spoiling import Spoiling

IMAGES = 8


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two COCO files with their images, no two of which are the same."""
    folder = tmp_path_factory.mktemp("set")
    for number in range(IMAGES):
        write_image(folder / f"images/{number}.jpg", size=(640, 400 + number))
    for name, numbers in (("a.json", range(0, IMAGES, 2)), ("b.json", range(1, IMAGES, 2))):
        images = [coco_image(number, f"{number}.jpg", height=400 + number) for number in numbers]
        write_coco(folder / name, images, [coco_box(number, number) for number in numbers])
    return folder


def build(source: Path, output: Path) -> Answer:
    return labelbeam(
        *("convert", "--task", DETECTION, "--source", source / "a.json", "--source", source / "b.json"),
        *(
            "--images",
            source / "images",
            "--image-url",
            PREFIX,
            "--output",
            output,
            "--shards",
            "2",
            "--max-rejected",
            "1",
        ),
        *("--split", "train=0.5,validation=0.5", "--stratify", "--duplicates", "drop", "--check-images", "exists"),
    )


LOST = 0
TWICE = 2


@pytest.mark.parametrize(
    ("step", "tag", "times"),
    [
        ("Units", None, LOST),
        ("Indexes", None, LOST),
        ("Index", "indexes", LOST),
        ("Index", "findings", LOST),
        ("IndexedUnits", None, LOST),
        ("IndexedUnits", None, TWICE),
        ("ReadIndexed", "findings", TWICE),
        ("MergeFindings", None, LOST),
        ("Survey", None, LOST),
        ("JoinSurveys", None, LOST),
        ("Stratify", None, LOST),
        ("HashImages", None, TWICE),
        ("FindTwins", None, LOST),
        ("GroupByBucket", None, TWICE),
        ("AssembleAndWrite", None, LOST),
        ("AssembleAndWrite", None, TWICE),
    ],
)
def test_nothing_is_published_when_the_runner_loses_or_repeats_an_element(
    step: str, tag: str | None, times: int, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoiling = Spoiling(step, tag, times)
    with monkeypatch.context() as patch:
        spoiling.begin(patch)
        answer = build(source, tmp_path / "out")
    assert spoiling.spoilt
    failed(answer, 1, "nothing was published")
    assert not (tmp_path / "out" / "latest.json").exists()


def test_a_build_whose_runner_loses_nothing_is_published(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoiling = Spoiling("Units", None, times=1)
    with monkeypatch.context() as patch:
        spoiling.begin(patch)
        assert build(source, tmp_path / "out").status == 0
    assert Build(tmp_path / "out").counts["images"][:2] == (IMAGES, IMAGES)
