"""Which directories and files are tables of boxes."""

from __future__ import annotations

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.boxtable.recognise import claim_of
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.format import Claim, Tree
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from tests.transforms.formats.coco.planned import coco

TABLE = "filename,class,xmin,ymin,xmax,ymax\n1.jpg,cat,1,2,3,4\n"


def claimed(root: str, *names: str, task: str = "image_object_detection", asked: bool = False, text: str = TABLE, **given: str) -> Claim | None:  # fmt: skip
    for name in names:
        put(locate(root, {}).below(name), text.encode())
    config = ConvertConfig(task=task, source=["s"], output="memory://o", of_formats=(FolderOptions(**given),))  # type: ignore[arg-type]
    return claim_of(Tree(config, {}, [locate(root, {})], []), asked)


@pytest.mark.parametrize(
    "names",
    [
        ["boxes.csv"],
        ["train_labels.csv", "test_labels.csv"],
        ["train/_annotations.csv", "valid/_annotations.csv"],
        ["00000/GT-00000.csv", "00001/GT-00001.csv"],
        ["t.csv", "sample_submission.csv"],
    ],
)
def test_tables_of_boxes_are_claimed_after_all_other_annotations(names: list[str], memory: str) -> None:
    claim = claimed(memory, *names)
    assert claim is not None and not claim.certain and claim.beats == {"folder"}
    assert list(claim.found.tables) == sorted(name for name in names if "submission" not in name)


@pytest.mark.parametrize("names", [["a.csv", "b.csv"], ["a.csv", "train/b.csv"]])
def test_tables_that_may_describe_the_same_images_are_asked_about_where_nothing_else_is_read(
    names: list[str], memory: str
) -> None:
    claim = claimed(memory, *names)
    assert claim is not None and not claim.certain
    config = ConvertConfig(task="image_object_detection", source=[memory], output="memory://o")
    with pytest.raises(UsageError, match=r"(?<!not read; ).*--source"):
        make_plan(config, {})
    put(locate(memory, {}).below("x.json"), coco().encode())
    assert make_plan(config, {}).format == "coco"


def test_for_classification_they_are_read_where_they_are_asked_for(memory: str) -> None:
    assert claimed(memory, "t.csv", task="image_classification") is None
    assert claimed(memory, task="image_classification", asked=True) is not None
    assert claimed(memory, task="image_instance_segmentation") is None


def test_a_column_that_a_person_names_is_that_of_the_labels(memory: str) -> None:
    text = "image_id,bbox,source\na,[1;2],x\n"
    assert claimed(memory, "t.csv", text=text) is None
    assert claimed(memory, label_columns="source") is not None
