"""Options of an evaluation are checked against the build, and no file is put over what is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.layout import build_folder
from labelbeam.schemas.manifest import SplitCounts
from labelbeam.transforms.builds.published import pointer_to
from labelbeam.transforms.builds.shards import write_file
from labelbeam.transforms.evaluation.compare import Wanted
from labelbeam.transforms.evaluation.evaluate import Evaluated, evaluate
from labelbeam.transforms.stores.locate import locate
from tests.manifests import BUILD, manifest
from tests.transforms.evaluation.files import write

LINE = b'{"image_url":"https://h/1.jpg","image_details":{"format":"jpg","width":9,"height":9},"label":"cat"}\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An output with a build of one image, and a prediction of it."""
    build = locate(str(tmp_path / "out" / build_folder(BUILD)), {})
    entry = write_file(build, "train/train-00000-of-00001.jsonl", LINE, 1)
    made = manifest(
        task="image_classification", labels=["cat"], splits={"train": SplitCounts(1, 1, [entry]), "test": SplitCounts()}
    )
    (tmp_path / "out" / build_folder(BUILD) / "manifest.json").write_bytes(msgspec.json.encode(made))
    (tmp_path / "out" / "latest.json").write_bytes(msgspec.json.encode(pointer_to(BUILD)))
    write(tmp_path / "p" / "p.jsonl", {"image_url": "https://h/1.jpg", "labels": ["cat"], "probs": [1.0]})
    return tmp_path


def run(root: Path, gates: dict[str, float] | None = None, **wanted: Any) -> Evaluated:
    return evaluate(
        Wanted(**{"output": str(root / "out"), "predictions": str(root / "p" / "*.json*")} | wanted), gates or {}, {}
    )


def test_figures_are_written_where_they_are_wanted(root: Path) -> None:
    found = run(root, result=str(root / "figures"))
    assert found.evaluation.metrics["accuracy"] == 1.0
    assert found.written == {"--output": f"file://{root}/figures/evaluation.json"}
    assert msgspec.json.decode((root / "figures/evaluation.json").read_bytes())["build"] == BUILD
    run(root, result=str(root / "mine.json"))
    assert (root / "mine.json").is_file()
    assert run(root).written == {}


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (
            {"threshold": 0.5},
            "--threshold: the build is for image_classification; expected image_classification_multilabel",
        ),
        ({"coco": "x.json"}, "--coco: the build is for image_classification; COCO's files hold boxes and masks"),
        ({"coco_truth": "nowhere/t.json"}, "--coco-truth: the build is for image_classification"),
        ({"split": "val"}, "--split: found 'val'"),
    ],
)
def test_what_does_not_fit_the_build_is_refused(wanted: dict[str, Any], words: str, root: Path) -> None:
    with pytest.raises(UsageError, match=words):
        run(root, **wanted)


def test_a_gate_that_the_task_has_no_figure_for_is_refused_before_anything_is_read(root: Path) -> None:
    (root / "p" / "p.jsonl").write_text("damaged")
    with pytest.raises(UsageError, match="--min-map"):
        run(root, {"min_map": 0.5})


def test_no_file_is_put_over_a_build_or_over_what_is_read(root: Path) -> None:
    for target, words in (
        ("out/builds", "where the builds of"),
        ("p/p.jsonl/", "cannot be written"),
        ("p/p.json", "is read by this evaluation"),
    ):
        if target == "p/p.json":
            (root / "p" / "p.jsonl").rename(root / "p" / "p.json")
        with pytest.raises(LabelBeamError, match=words):
            run(root, result=str(root / target))
    assert len(list((root / "p").iterdir())) == 1


def test_two_options_do_not_name_one_file(root: Path) -> None:
    with pytest.raises(UsageError, match="is named by another option as well"):
        run(root, result=str(root / "a.json"), coco_truth=str(root / "a.json"))


def test_a_split_without_an_image_has_no_figures(root: Path) -> None:
    with pytest.raises(LabelBeamError, match="found no image in what is to be compared"):
        run(root, split="test")
