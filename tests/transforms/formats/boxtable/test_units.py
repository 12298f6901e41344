"""Units of tables of boxes, and what their evidence says."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.boxtable.columns import columns_of
from labelbeam.transforms.formats.boxtable.recognise import BoxTables
from labelbeam.transforms.formats.boxtable.units import BoxTableUnit, doubts_of, plan_box_tables, refuse_elsewhere
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.named_images import FILE_BITS, IMAGES, ImageFinder
from labelbeam.transforms.read.work import read_unit
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from tests.transforms.unit_runs import fragments, options

TABLE = "filename,class,xmin,ymin,xmax,ymax\n1.jpg,cat,1,2,3,4\n2.jpg,cat,1,2,3,4\n"


@pytest.mark.parametrize(
    ("text", "doubts"),
    [(TABLE, []), ("1.jpg,1,2,3,4,cat\n", ["header_missing"]), ("cat,1,2,3,4,1.jpg,64,48\n", ["header_missing"])],
)
def test_a_plan_is_a_unit_for_each_table(text: str, doubts: list[str], memory: str) -> None:
    place, columns = locate(memory, {}), columns_of(text)
    assert columns is not None
    for name in ("a/t.csv", "b/t.csv"):
        put(place.below(name), text.encode())
    config = ConvertConfig(task="image_object_detection", source=[memory], output="memory://nowhere")
    plan = plan_box_tables(Tree(config, {}, [place], []), BoxTables(place, {"a/t.csv": columns, "b/t.csv": columns}))
    assert [unit.size for unit in plan.units] == [len(text)] * 2
    assert [str(doubt.code) for doubt in plan.doubts] == doubts


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("p-export-test.csv", "p-export-train.csv"), ["test", "train"]),
        (("a/p-export-val.csv", "b/p-export-train.csv"), [None, None]),
        (("p-export-train.csv", "train/t.csv"), [None, "train"]),
        (("test_labels.csv", "train_labels.csv"), ["test", "train"]),
    ],
)
def test_tables_of_one_name_but_for_the_split_are_of_these_splits(
    names: tuple[str, ...], splits: list[str | None], memory: str
) -> None:
    place, columns = locate(memory, {}), columns_of(TABLE)
    assert columns is not None
    for name in names:
        put(place.below(name), TABLE.encode())
    config = ConvertConfig(task="image_object_detection", source=[memory], output="memory://nowhere")
    plan = plan_box_tables(Tree(config, {}, [place], []), BoxTables(place, dict.fromkeys(names, columns)))
    assert [unit.split for unit in plan.units if isinstance(unit, BoxTableUnit)] == splits


def test_a_table_is_read_whole_under_keys_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(TABLE)
    columns = columns_of(TABLE)
    assert columns is not None
    unit = BoxTableUnit(str(tmp_path), "train.csv", len(TABLE), 3, columns, "train")
    result = read_unit(options(), unit, pickle.dumps(ImageFinder(["1.jpg", "2.jpg"])))
    (fragment,) = fragments(result)
    assert list(fragment.images.paths) == ["1.jpg", "2.jpg"]
    assert fragment.images.keys.tolist()[0] == 3 << FILE_BITS
    assert BoxTableUnit.index == IMAGES


def test_images_that_are_all_elsewhere_are_refused_with_the_option() -> None:
    evidence = Evidence()
    evidence.add("images", 2)
    evidence.add("elsewhere", 1, "gs://b/1.jpg")
    refuse_elsewhere({"s": evidence})
    evidence.add("elsewhere", 1, "gs://b/1.jpg")
    with pytest.raises(UsageError, match=r"gs://b/1\.jpg.*--images"):
        refuse_elsewhere({"s": evidence})


def test_images_of_no_split_are_doubted_beside_others_only() -> None:
    evidence = Evidence()
    evidence.add("unassigned", 2, "gs://b/1.jpg")
    assert doubts_of({"s": evidence}) == []
    evidence.add("assigned", 1)
    assert [str(doubt.code) for doubt in doubts_of({"s": evidence})] == ["listed_in_no_split"]


def test_confidences_below_one_are_doubted() -> None:
    evidence = Evidence()
    evidence.add("unsure", 3, "t.csv line 2")
    assert [str(doubt.code) for doubt in doubts_of({"s": evidence})] == ["predicted_labels"]
