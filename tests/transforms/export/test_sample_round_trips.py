"""What is exported for Hugging Face and as WebDataset, and built again, is what was published, in all tasks."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labelbeam.transforms.images.names import unhidden
from tests.end_to_end.builds import labelbeam
from tests.transforms.export.published import (
    CLASSIFICATION,
    CONTROLS,
    DETECTION,
    HOSTILE,
    MULTILABEL,
    PREFIX,
    SEGMENTATION,
    box,
    mask,
    publish,
    record,
)
from tests.transforms.export.test_round_trips import BOXES, HOLE, LABELS, MASKS, NAMES, OTHER, RING, flat, records_of

ODD_BOXES = {
    "train": [[record(f"{n}.png", [box(label, 0.1, 0.1, 0.5, 0.5)]) for n, label in enumerate(HOSTILE + CONTROLS)]]
}
ODD_ONES = {"train": [[record(f"{number}.png", label) for number, label in enumerate(HOSTILE)]]}
HIDDEN = {"train": [[record(name, name) for name in ("1.png", ".hid.png", "._1.png", ".d/1.png", "__MACOSX/1.png")]]}
HOLES = {
    "train": [[*MASKS["train"][0], record("hole.png", [mask(LABELS[0], *HOLE), mask(LABELS[1], RING, OTHER)])]],
    "validation": MASKS["validation"],
}
ONES = {"train": [[record(NAMES[n], LABELS[n]) for n in range(1, 5)]], "test": [[record(NAMES[0], LABELS[0])]]}
SEVERAL = {
    "train": [[record(NAMES[1], sorted(LABELS[:2])), record(NAMES[2], [LABELS[4]]), record(NAMES[3], [])]],
    "test": [[record(NAMES[4], sorted(LABELS[2:]))]],
}


def names_in_tars(out: Path) -> dict[str, str]:
    """The URL that an image of a shard has, by the name that it was exported under."""
    found: dict[str, str] = {}
    for path in out.glob("*.tar"):
        with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as tar:
            for name in tar.getnames():
                if name.endswith(".json"):
                    content: Any = json.loads(tar.extractfile(name).read())  # type: ignore[union-attr]
                    found[f"{PREFIX}{path.name}/{name[:-5]}.png"] = content["file_name"]
    return found


def names_in_folders(out: Path) -> dict[str, str]:
    """The same of an image in the directory of its split."""
    images = list(out.rglob("*.png"))
    below = [path.relative_to(out) for path in images]
    return {PREFIX + quoted(str(path)): str(Path(*path.parts[1:])) for path in below}


def quoted(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3F")


@pytest.mark.parametrize(
    ("task", "splits"),
    [
        (DETECTION, BOXES),
        (SEGMENTATION, HOLES),
        (CLASSIFICATION, ONES),
        (CLASSIFICATION, HIDDEN),
        (DETECTION, ODD_BOXES),
        (CLASSIFICATION, ODD_ONES),
        (MULTILABEL, SEVERAL),
    ],
)
@pytest.mark.parametrize(("to", "names"), [("webdataset", names_in_tars), ("huggingface", names_in_folders)])
def test_samples_come_back(
    to: str, names: Callable[[Path], dict[str, str]], task: str, splits: Any, tmp_path: Path
) -> None:
    published = publish(tmp_path / "published", task, splits, tmp_path / "images")
    answer = labelbeam("export", published, "--to", to, tmp_path / "out", "--json")
    assert answer.status == 0, answer.err
    back = labelbeam(
        *(
            "convert",
            "--task",
            task,
            "--source",
            tmp_path / "out",
            "--output",
            tmp_path / "back",
            "--image-url",
            PREFIX,
        ),
        *("--check-images", "header", "--background", "keep", "--max-rejected", "0", "--json"),
    )
    assert back.status == 0, back.err
    assert not json.loads(back.out)["rejected_by_reason"], back.out
    called = names(tmp_path / "out")
    lost = json.loads(answer.out)["not_held"]
    assert lost == ({"hidden_names": 4} if to == "huggingface" and splits is HIDDEN else {})
    before = records_of(published)
    if lost:
        before = {(split, PREFIX + unhidden(url.removeprefix(PREFIX))): item for (split, url), item in before.items()}
    after = {
        (split, PREFIX + quoted(called[url])): item for (split, url), item in records_of(tmp_path / "back").items()
    }
    assert after.keys() == before.keys()
    for name, item in before.items():
        found, expected = ({**flat(each["label"]), **flat(each["image_details"])} for each in (after[name], item))
        assert found.keys() == expected.keys(), name
        for key, value in expected.items():
            near = value if isinstance(value, str) else pytest.approx(value, abs=1.0001e-6, rel=0)
            assert found[key] == near, (name, key)
