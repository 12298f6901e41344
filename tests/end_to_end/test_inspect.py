"""`labelbeam inspect` with a config, with several sources, and where a build would be refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.end_to_end.builds import DETECTION, PREFIX, Answer, attempt, failed, labelbeam
from tests.end_to_end.datasets import coco_box, coco_image, write_coco


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    """Two COCO files, of one image and of two."""
    return [
        write_coco(tmp_path / "a.json", [coco_image(1)], [coco_box(1, 1)]),
        write_coco(tmp_path / "b.json", [coco_image(2), coco_image(3)], [coco_box(1, 2), coco_box(2, 3)]),
    ]


def config_of(folder: Path, *lines: str) -> Path:
    path = folder / "labelbeam.yaml"
    path.write_text("\n".join([f"task: {DETECTION}", f"output: {folder / 'out'}", f"image_url: {PREFIX}", *lines]))
    return path


def found(answer: Answer) -> int:
    assert answer.status == 0, answer.err
    summary = json.loads(answer.out)
    assert summary["status"] == "inspected"
    count: int = summary["counts"]["images"]["found"]
    return count


def test_several_sources_are_inspected_together(sources: list[Path]) -> None:
    assert found(labelbeam("inspect", *sources, "--image-url", PREFIX, "--json")) == 3
    assert found(labelbeam("inspect", sources[0], "--source", sources[1], "--image-url", PREFIX, "--json")) == 3


def test_a_config_says_what_is_inspected_and_flags_win_over_it(sources: list[Path], tmp_path: Path) -> None:
    config = config_of(tmp_path, f"source: [{sources[0]}, {sources[1]}]", f"copy_images: {tmp_path / 'copies'}")
    assert found(labelbeam("inspect", config, "--json", "--check-images", "none")) == 3
    assert found(labelbeam("inspect", "--config", config, "--json", "--check-images", "none")) == 3
    assert found(labelbeam("inspect", sources[0], "--config", config, "--json", "--check-images", "none")) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"a.json", "b.json", "labelbeam.yaml"}


def test_a_config_without_a_task_is_inspected_for_the_usual_one(sources: list[Path], tmp_path: Path) -> None:
    config = tmp_path / "c.yml"
    config.write_text(f"source: {sources[1]}\nimage_url: {PREFIX}\nrunner: DirectRunner\njson: true\n")
    answer = labelbeam("inspect", config)
    assert json.loads(answer.out)["task"] == DETECTION


def test_inspect_ends_with_3_where_the_config_has_a_build_refused(sources: list[Path], tmp_path: Path) -> None:
    bad = write_coco(tmp_path / "bad.json", [coco_image(1), coco_image(2, "../2.jpg")], [coco_box(1, 1)])
    config = config_of(tmp_path, f"source: {bad}", "max_rejected: 0.1")
    answer = labelbeam("inspect", config)
    assert answer.status == 3
    assert "a build would be refused: 1 of 2 images were rejected" in answer.err
    assert labelbeam("inspect", config, "--max-rejected", "0.5").status == 0


def test_inspect_compares_with_the_current_build_where_the_config_has_max_change(
    sources: list[Path], tmp_path: Path
) -> None:
    assert attempt(sources[1], tmp_path / "out").status == 0
    pointer = (tmp_path / "out/latest.json").read_bytes()
    config = config_of(tmp_path, f"source: {sources[0]}", "max_change: 0.2")
    answer = labelbeam("inspect", config)
    assert (answer.status, "images: 2 → 1" in answer.err) == (3, True)
    assert labelbeam("inspect", sources[1], "--config", config).status == 0
    assert (tmp_path / "out/latest.json").read_bytes() == pointer


def test_what_is_missing_or_wrong_is_told_by_name(tmp_path: Path) -> None:
    failed(labelbeam("inspect"), 2, "missing: SOURCE; see labelbeam inspect --help")
    config = config_of(tmp_path, "check_images: maybe")
    failed(labelbeam("inspect", "--config", config), 2, f"missing: SOURCE, neither here nor in {config}")
    failed(labelbeam("inspect", "a.json", "--config", config), 2, f"{config}: check_images: found 'maybe'")
    failed(labelbeam("inspect", tmp_path / "other.yaml"), 1, "it does not exist")
