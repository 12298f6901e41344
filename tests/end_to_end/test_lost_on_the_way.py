"""A runner that loses, repeats or swaps what crosses the shuffle: nothing is published, whatever it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labelbeam.transforms.columns.fragments import Fragment, decode
from labelbeam.transforms.workers import parcels
from labelbeam.transforms.write.transform import _WriteShard
from tests.end_to_end.builds import DETECTION, PREFIX, Build, failed, labelbeam
from tests.end_to_end.datasets import coco_box, coco_image, write_coco, write_image

IMAGES = 12

KINDS: dict[str, Callable[[Fragment], bool]] = {
    "a listing of the images": lambda fragment: fragment.listed is not None,
    "a listing of the copies": lambda fragment: fragment.listed_copies is not None,
    "what was copied before": lambda fragment: bool(fragment.copied),
    "images": lambda fragment: len(fragment.images) > 0,
    "objects": lambda fragment: len(fragment.objects) > 0,
}


def without(chosen: int, encoded: list[bytes]) -> list[bytes]:
    return [*encoded[:chosen], *encoded[chosen + 1 :]]


def twice(chosen: int, encoded: list[bytes]) -> list[bytes]:
    return [*encoded, encoded[chosen]]


def another_instead(chosen: int, encoded: list[bytes]) -> list[bytes]:
    return [*without(chosen, encoded), encoded[(chosen + 1) % len(encoded)]]


def changed(chosen: int, encoded: list[bytes]) -> list[bytes]:
    fragment = decode(parcels.unwrap(encoded[chosen]))
    for listed in (fragment.listed, fragment.listed_copies):
        if listed is not None:
            listed.sizes[:] = 7
    fragment.labels = [f"{label}?" for label in fragment.labels]
    fragment.images.locators[:] = ["elsewhere" for _ in fragment.images.locators]
    fragment.copied = []
    return [*without(chosen, encoded), parcels.wrap(fragment.encode())]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A COCO file with its images."""
    folder = tmp_path_factory.mktemp("set")
    for number in range(IMAGES):
        write_image(folder / f"images/{number}.jpg")
    images = [coco_image(number, f"{number}.jpg") for number in range(IMAGES)]
    return write_coco(folder / "coco.json", images, [coco_box(number, number) for number in range(IMAGES)])


def build(source: Path, folder: Path) -> Any:
    return labelbeam(
        *(
            "convert",
            "--task",
            DETECTION,
            "--source",
            source,
            "--images",
            source.parent / "images",
            "--image-url",
            PREFIX,
        ),
        *("--output", folder / "out", "--copy-images", folder / "copies", "--check-images", "exists", "--shards", "2"),
        *("--max-rejected", "1"),
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spoil", [without, twice, another_instead, changed])
def test_nothing_is_published_when_the_runner_spoils(
    kind: str,
    spoil: Callable[[int, list[bytes]], list[bytes]],
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert build(source, tmp_path).status == 0
    before = Build(tmp_path / "out")
    call, spoilt = _WriteShard.call, list[int]()

    def spoiling(self: Any, group: Any, *more: Any) -> Any:
        bucket, encoded = group[0], list(group[1])
        chosen = next((at for at, data in enumerate(encoded) if KINDS[kind](decode(parcels.unwrap(data)))), None)
        if chosen is not None and not spoilt:
            spoilt.append(chosen)
            encoded = spoil(chosen, encoded)
        return call(self, (bucket, encoded), *more)

    with monkeypatch.context() as patch:
        patch.setattr(_WriteShard, "call", spoiling)
        answer = build(source, tmp_path)
    assert spoilt
    failed(answer, 1, "nothing was published")
    assert Build(tmp_path / "out").root == before.root
    assert build(source, tmp_path).status == 0
