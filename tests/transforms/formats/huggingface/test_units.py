"""Units of Hugging Face: lines of a table in ranges, or a CSV as a whole; and what their evidence says."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.huggingface import units as module
from labelbeam.transforms.formats.huggingface.units import HuggingFaceUnit, doubts_of, plan_huggingface
from labelbeam.transforms.formats.named_images import IMAGES, ImageFinder
from labelbeam.transforms.read.work import read_unit
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from tests.transforms.unit_runs import fragments, options

INDEX = pickle.dumps(ImageFinder([f"{n}.jpg" for n in range(9)]))
OBJECTS = {"bbox": [[1, 2, 3, 4]], "category": [0]}
LINES = "".join(json.dumps({"file_name": f"{n}.jpg", "objects": OBJECTS}) + "\n" for n in range(9))
README = "---\ndataset_info: {features: [{name: objects, list: [{name: category, dtype: {class_label: {names: [cat]}}}]}]}\n---\n"


def planned(root: str, *more: str) -> list[HuggingFaceUnit]:
    place = locate(root, {})
    files = {"metadata.jsonl": LINES, "val/metadata.csv": "file_name,objects\n", "README.md": README, "1.jpg": ""}
    for name, text in (files | dict.fromkeys(more, README.replace("cat", "dog"))).items():
        put(place.below(name), text.encode())
    config = ConvertConfig(task="image_object_detection", source=[root], output="memory://nowhere")
    plan = plan_huggingface(Tree(config, {}, [place], []), (place, ["metadata.jsonl", "val/metadata.csv"]))
    return [unit for unit in plan.units if isinstance(unit, HuggingFaceUnit)]


def test_a_plan_is_ranges_of_lines_and_whole_csvs_with_the_names_beside_them(
    memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RANGE", 500)
    found = planned(memory, "docs/README.md")
    assert [(unit.path, unit.number, unit.start, unit.end) for unit in found] == [
        ("metadata.jsonl", 0, 0, 500),
        ("metadata.jsonl", 0, 500, len(LINES)),
        ("val/metadata.csv", 1, 0, 18),
    ]
    assert all(unit.names == {0: "cat"} and unit.size == unit.end - unit.start for unit in found)


def test_ranges_have_each_line_once_under_keys_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "metadata.jsonl").write_text(LINES)
    found: list[tuple[str, int]] = []
    unnamed = 0
    for start in range(0, len(LINES), 100):
        end = min(len(LINES), start + 100)
        unit = HuggingFaceUnit(str(tmp_path), "metadata.jsonl", 2, start, end, len(LINES), {})
        result = read_unit(options(), unit, INDEX)
        for fragment in fragments(result):
            found += zip(fragment.images.paths, fragment.images.keys.tolist(), strict=True)
        unnamed += result.findings.evidence[str(tmp_path)].count("unnamed")
    assert [path for path, _ in found] == [f"{n}.jpg" for n in range(9)]
    keys = [key for _, key in found]
    assert keys == sorted(set(keys)) and keys[0] == 2 << module._KEYS
    assert unnamed == 9
    assert HuggingFaceUnit.index == IMAGES


def test_a_csv_is_read_whole(tmp_path: Path) -> None:
    text = 'file_name,objects\n1.jpg,"{""bbox"": [[1, 2, 3, 4]], ""category"": [0]}"\n'
    (tmp_path / "metadata.csv").write_text(text)
    task: Any = "image_instance_segmentation"
    unit = HuggingFaceUnit(str(tmp_path), "metadata.csv", 0, 0, len(text), len(text), {0: "cat"})
    result = read_unit(options(task=task), unit, INDEX)
    (fragment,) = fragments(result)
    assert (fragment.labels, fragment.images.paths) == (["cat"], ["1.jpg"])
    assert result.findings.evidence[str(tmp_path)].count("without_outline") == 1


@pytest.mark.parametrize(("name", "code"), [("unnamed", "labels_are_numbers"), ("without_outline", "without_outline")])
def test_what_was_counted_is_told(name: str, code: str) -> None:
    evidence = Evidence()
    assert doubts_of({"memory://x": evidence}) == []
    evidence.add(name, 2, "metadata.jsonl")
    (doubt,) = doubts_of({"memory://x": evidence})
    assert (doubt.code, doubt.count, doubt.example) == (code, 2, "metadata.jsonl")
