"""YOLO trees of empty files and of texts, and their plans."""

from __future__ import annotations

from collections.abc import Sequence

from labelbeam.transforms.formats.yolo.tree import YoloPlan, plan_yolo

YAML = "nc: 1\nnames: [cat]\n"


def plan(
    files: Sequence[str], images: Sequence[str] | None = None, data: str | None = None, **texts: str | bytes
) -> YoloPlan:
    """Plan a tree of empty files, and of `texts` by their path with `__` for `/` and `_dot_` for `.`."""
    contents = {
        path.replace("__", "/").replace("_dot_", "."): text.encode() if isinstance(text, str) else text
        for path, text in texts.items()
    }
    return plan_yolo([*reversed(list(files)), *contents], lambda path: contents.get(path, b""), images, data)


def labels(found: YoloPlan) -> dict[str, str | None]:
    return {item.image: item.labels for item in found.items}


def splits(found: YoloPlan) -> dict[str, str | None]:
    return {item.image: item.split for item in found.items if item.skipped is None}


def codes(found: YoloPlan) -> list[str]:
    return [doubt.code for doubt in found.doubts]


ROBOFLOW = [f"{split}/{kind}" for split in ("train", "valid", "test") for kind in ("images/1.jpg", "labels/1.txt")]
