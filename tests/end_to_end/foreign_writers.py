"""Datasets as packages that nobody here wrote write them, in the environment of requirements/readers.txt, which has no labelbeam.

Arguments: a writer, and a directory.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from PIL import Image as Picture

NAMES = ["hex bolt", "Füße/µ <&>"]
BOX = [10.0, 15.0, 20.0, 15.0]


def pictures(count: int) -> list[Any]:
    return [Picture.new("RGB", (100, 60), (number, 99, 7)) for number in range(count)]


def by_datasets(folder: Path) -> None:
    from datasets import ClassLabel, Dataset, Features, Image, List, Value

    labels = Dataset.from_dict(
        {"image": pictures(5), "label": [0, 1, 0, 1, 0]},
        Features({"image": Image(), "label": ClassLabel(names=NAMES)}),
    )
    (folder / "labels/data").mkdir(parents=True)
    labels.to_parquet(folder / "labels/data/train-00000-of-00001.parquet", batch_size=2)
    objects = [{"bbox": [BOX] * number, "category": [number % 2] * number} for number in range(3)]
    features = {"bbox": List(List(Value("float32"), 4)), "category": List(ClassLabel(names=NAMES))}
    boxes = Dataset.from_dict(
        {"image": pictures(3), "objects": objects}, Features({"image": Image(), "objects": features})
    )
    (folder / "boxes/data").mkdir(parents=True)
    boxes.to_parquet(folder / "boxes/data/test-00000-of-00001.parquet")


def by_webdataset(folder: Path) -> None:
    import webdataset

    (folder / "labels").mkdir(parents=True)
    with webdataset.ShardWriter(str(folder / "labels/train-%06d.tar"), maxcount=2) as shards:
        for number, picture in enumerate(pictures(5)):
            shards.write({"__key__": f"a.b/{number:04}", "png": picture, "cls": number % 2})
    (folder / "labels/classnames.txt").write_text("\n".join(NAMES), "utf-8")
    (folder / "boxes").mkdir()
    with webdataset.ShardWriter(str(folder / "boxes/test-%06d.tar.gz"), compress=True) as shards:
        for number, picture in enumerate(pictures(3)):
            objects = {"bbox": [BOX] * number, "category": [NAMES[number % 2]] * number}
            shards.write({"__key__": f"{number:04}", "png": picture, "json": {"objects": objects}})


if __name__ == "__main__":
    {"datasets": by_datasets, "webdataset": by_webdataset}[sys.argv[1]](Path(sys.argv[2]))
