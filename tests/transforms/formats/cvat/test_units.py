"""Units of CVAT: ranges of a file, each with the images that begin in it; and what their evidence says."""

from __future__ import annotations

import pickle
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.formats.cvat import units as module
from labelbeam.transforms.formats.cvat.units import CvatUnit, doubts_of, plan_cvat
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.named_images import IMAGES, ImageFinder
from labelbeam.transforms.read.work import read_unit
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from tests.transforms.unit_runs import fragments, options

INDEX = pickle.dumps(ImageFinder([f"{n}.jpg" for n in range(9)]))
BOX = '<box label="cat" xtl="1" ytl="2" xbr="3" ybr="4" group_id="1"/>'
TEXT = "".join(
    f'<image id="{n}" name="{n}.jpg" subset="odd" width="9" height="8">{BOX * (n % 3)}</image>' for n in range(9)
)
TEXT = f"<annotations><meta/>{TEXT}<track/></annotations>"


def keys_and_evidence(unit: CvatUnit, **more: Any) -> tuple[list[str], list[int], int, Evidence]:
    result = read_unit(options(**more), unit, INDEX)
    found = fragments(result)
    paths = [path for fragment in found for path in fragment.images.paths]
    keys = [key for fragment in found for key in fragment.images.keys.tolist()]
    return paths, keys, sum(len(fragment.objects) for fragment in found), result.findings.evidence[unit.root]


def test_a_plan_is_ranges_of_each_file_or_whole_files_where_it_is_exact(
    memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = locate(memory, {})
    for name in ("b.xml", "a.xml", "other.xml", "1.jpg"):
        put(root.below(name), b"x" * 25)
    monkeypatch.setattr(module, "RANGE", 10)
    config = ConvertConfig(task="image_object_detection", source=[memory], output="memory://nowhere")
    tree = Tree(config, {}, [root], [])
    found = [(unit.path, unit.number, unit.start, unit.end) for unit in units_of(tree, False)]
    assert found[:4] == [("a.xml", 0, 0, 10), ("a.xml", 0, 10, 20), ("a.xml", 0, 20, 25), ("b.xml", 1, 0, 10)]
    whole = [(unit.path, unit.start, unit.end, unit.size) for unit in units_of(tree, True)]
    assert whole == [("a.xml", 0, 25, 25), ("b.xml", 0, 25, 25)]


def units_of(tree: Tree, exact: bool) -> list[CvatUnit]:
    root = tree.locations[0]
    return [unit for unit in plan_cvat(tree, (root, ["a.xml", "b.xml"]), exact).units if isinstance(unit, CvatUnit)]


def test_ranges_of_a_file_have_its_images_under_keys_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    (tmp_path / "a.xml").write_text(TEXT)
    whole = keys_and_evidence(CvatUnit(str(tmp_path), "a.xml", 1, 0, len(TEXT), len(TEXT)))
    cuts = [0, 400, 900, len(TEXT)]
    parts = [
        keys_and_evidence(CvatUnit(str(tmp_path), "a.xml", 1, start, end, len(TEXT))) for start, end in pairwise(cuts)
    ]
    paths = [path for part in parts for path in part[0]]
    keys = [key for part in parts for key in part[1]]
    assert sorted(paths) == sorted(whole[0]) == [f"{n}.jpg" for n in range(9)]
    assert len(set(keys)) == 9 and keys == sorted(keys) and min(keys) >> module._KEYS == 1
    assert sum(part[2] for part in parts) == whole[2] == 6, "boxes of one group are one object"
    for name, count in {"united": 3, "other_subset": 9, "tracks": 1, "images_named": 9, "without_outline": 0}.items():
        assert sum(part[3].count(name) for part in parts) == whole[3].count(name) == count
    assert CvatUnit.index == IMAGES


def test_a_range_that_cannot_be_cut_says_so(tmp_path: Path) -> None:
    text = TEXT.replace("<track/>", "<!-- -->")
    (tmp_path / "a.xml").write_text(text)
    result = read_unit(options(), CvatUnit(str(tmp_path), "a.xml", 0, 900, len(text), len(text)), INDEX)
    assert [url.rpartition("/")[2] for url in result.findings.unsafe] == ["a.xml"]
    assert result.fragments == []


def test_a_file_that_is_no_xml_fails_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<annotations>")
    with pytest.raises(LabelBeamError, match=r"a\.xml: it is no well-formed XML.*expected an export of CVAT"):
        read_unit(options(), CvatUnit(str(tmp_path), "a.xml", 0, 0, 13, 13), INDEX)


@pytest.mark.parametrize(
    ("name", "code", "option"),
    [
        ("twofold", "labels_in_two_places", "--cvat-labels shapes"),
        ("united", "shapes_united", "--cvat-groups apart"),
        ("other_subset", "listed_in_no_split", "--split"),
        ("tracks", "tracks_not_read", ""),
        ("without_outline", "without_outline", ""),
    ],
)
def test_what_was_counted_is_told_with_the_option_that_changes_it(name: str, code: str, option: str) -> None:
    evidence = Evidence()
    assert doubts_of({"memory://x": evidence}) == []
    evidence.add(name, 2, "a.xml image 1")
    (doubt,) = doubts_of({"memory://x": evidence})
    assert (doubt.code, doubt.count, doubt.example, doubt.option) == (code, 2, "a.xml image 1", option)
