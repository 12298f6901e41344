"""How much of a COCO file's masks a segmentation build gives back: IoU of each object, as the trainer would rasterise it.

    python -m benchmarks.mask_iou SOURCE.json OUTPUT

OUTPUT is where the build was published. Objects are matched by image and by their order in the file; the build must not have
rejected any.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

Mask = npt.NDArray[np.bool_]


def source_masks(source: Path) -> dict[str, list[Mask]]:
    """The masks of a COCO file by file_name, as pycocotools rasterises them."""
    data = json.loads(source.read_bytes())
    images = {image["id"]: image for image in data["images"]}
    masks: defaultdict[str, list[Mask]] = defaultdict(list)
    for annotation in data["annotations"]:
        image = images[annotation["image_id"]]
        masks[image["file_name"]].append(_decode(annotation["segmentation"], image["height"], image["width"]))
    return masks


def _decode(segmentation: Any, height: int, width: int) -> Mask:
    if isinstance(segmentation, list):
        rle = coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    elif isinstance(segmentation["counts"], list):
        rle = coco_mask.frPyObjects(segmentation, height, width)
    else:
        rle = segmentation
    return coco_mask.decode(rle).astype(bool)


def built_masks(output: Path) -> Iterator[tuple[str, list[Mask]]]:
    """Each image's URL and the masks of its objects, the parts of a polygon combined by XOR."""
    latest = json.loads((output / "latest.json").read_bytes())
    build = output / "builds" / latest["build"]
    manifest = json.loads((build / "manifest.json").read_bytes())
    for part in manifest["splits"].values():
        for entry in part["files"]:
            for line in (build / entry["path"]).read_text(encoding="utf-8").splitlines():
                record = json.loads(line)
                details = record["image_details"]
                size = np.array([details["width"], details["height"]])
                yield record["image_url"], [_raster(item["polygon"], size) for item in record["label"]]


def _raster(polygon: list[list[float]], size: npt.NDArray[np.int64]) -> Mask:
    parts = [(np.array(part).reshape(-1, 2) * size).ravel().tolist() for part in polygon]
    rasters = coco_mask.decode(coco_mask.frPyObjects(parts, int(size[1]), int(size[0])))
    return np.bitwise_xor.reduce(rasters, axis=2).astype(bool)


def main() -> None:
    """Compare, and print the worst and the mean IoU."""
    parser = argparse.ArgumentParser(description="IoU of a segmentation build's masks with those of its source.")
    parser.add_argument("source", type=Path, metavar="SOURCE.json")
    parser.add_argument("output", type=Path, metavar="OUTPUT")
    options = parser.parse_args()
    expected = source_masks(options.source)
    scores: list[float] = []
    for url, masks in built_masks(options.output):
        name = next(name for name in expected if url.endswith(f"/{name}"))
        for found, truth in zip(masks, expected[name], strict=True):
            union = np.count_nonzero(found | truth)
            scores.append(np.count_nonzero(found & truth) / union if union else 1.0)
    exact = sum(score == 1.0 for score in scores)
    print(f"{len(scores)} masks: IoU mean {np.mean(scores):.6f}, worst {min(scores):.6f}; {exact} exact")


if __name__ == "__main__":
    main()
