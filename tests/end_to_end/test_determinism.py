"""The same inputs, config and version give the same bytes, whoever does the work, where, when, and in which order."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from labelbeam.transforms.formats.coco import file as coco_file
from labelbeam.transforms.formats.coco.cut import plan_ranges
from tests.end_to_end.builds import (
    CLASSIFICATION,
    DETECTION,
    PREFIX,
    SEGMENTATION,
    Build,
    check,
    convert,
    labelbeam_process,
)
from tests.end_to_end.datasets import (
    SQUARE,
    coco,
    coco_box,
    coco_image,
    encoded,
    put,
    rectangle,
    rle_counts,
    voc_object,
    voc_xml,
    write_json,
    write_voc,
)

COUNT = 60


def document(seed: int, first: int = 0) -> dict[str, Any]:
    """Images and objects in a random order, one in seven of them odd: in their frame, their ids, their numbers."""
    draw = random.Random(seed)
    images, items = [], []
    for number in range(first, first + COUNT):
        images.append(coco_image(number if number % 5 else str(number), f"{draw.random():.6f}/{number}.jpg"))
        for position in range(draw.randrange(4)):
            box = [draw.uniform(-5, 80), draw.uniform(-5, 60), draw.uniform(1, 40), draw.uniform(1, 30)]
            item = coco_box(f"{number}-{position}", number, box, draw.choice([1, 2]), segmentation=[SQUARE, SQUARE])
            if draw.random() < 1 / 7:
                item |= draw.choice(
                    [
                        {"bbox": [1, 2, 0, 4], "segmentation": []},
                        {"bbox": ["1", "2", "3", "4"]},
                        {"category_id": 77},
                        {"image_id": "nobody's"},
                        {"bbox": None},
                        {"segmentation": {"size": [80, 100], "counts": rle_counts(rectangle(3, 4, 30, 40))}},
                        {"area": float("nan")},
                    ]
                )
            items.append(item)
    items += [coco_box(None, first, category=77), "not a record"]
    draw.shuffle(images)
    draw.shuffle(items)
    return coco(images, items)


@pytest.fixture(scope="module")
def source(place: Path) -> Path:
    return write_json(place / "coco.json", document(1))


@pytest.fixture(scope="module")
def reference(place: Path, source: Path) -> dict[str, Build]:
    return {task: build(source, place / task, task=task) for task in (DETECTION, SEGMENTATION)}


def build(source: Path, output: Path, *options: str, task: str = DETECTION) -> Build:
    return convert("--source", source, "--image-url", PREFIX, "--shards", "2", *options, task=task, output=output)


def records(built: Build) -> list[str]:
    return sorted(json.dumps(item, sort_keys=True) for lines in built.lines.values() for item in lines)


def test_the_dataset_of_these_tests_has_something_of_everything(reference: dict[str, Build]) -> None:
    for built in reference.values():
        assert built.rejected and built.adjusted and built.counts["objects"][1] > COUNT / 2
        assert any(" at byte " in line["locator"] for line in built.rejected)


def test_a_second_run_gives_the_same_bytes(source: Path, reference: dict[str, Build], tmp_path: Path) -> None:
    again = build(source, tmp_path / "out")
    assert again.files() == reference[DETECTION].files()
    assert again.manifest["build"] != reference[DETECTION].manifest["build"]


@pytest.fixture
def handed_out(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The functions that other processes were given to call."""
    called: list[str] = []
    submit = ProcessPoolExecutor.submit

    def note(self: ProcessPoolExecutor, function: Callable[..., Any], *arguments: Any) -> Any:
        called.append(function.__name__)
        return submit(self, function, *arguments)

    monkeypatch.setattr(ProcessPoolExecutor, "submit", note)
    return called


def test_processes_give_the_bytes_of_one(
    source: Path,
    reference: dict[str, Build],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    handed_out: list[str],
) -> None:
    monkeypatch.setattr(coco_file, "plan_ranges", partial(plan_ranges, target=1500, window=256))
    several = build(source, tmp_path / "out", "--direct_num_workers=2", task=SEGMENTATION)
    assert several.files() == reference[SEGMENTATION].files()
    assert handed_out.count("read_unit") > 10
    assert {"read_unit", "write_shard"} <= set(handed_out)


@pytest.mark.parametrize(("target", "exact"), [(1, True), (300, False), (2000, False), (7000, True)])
def test_where_a_file_is_cut_does_not_show(
    target: int, exact: bool, source: Path, reference: dict[str, Build], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuts: list[int] = []

    def cut(read: Callable[[int, int], bytes], size: int, **_: Any) -> Any:
        ranges = plan_ranges(read, size, target=target, window=64, exact=exact)
        cuts.append(len(ranges))
        return ranges

    monkeypatch.setattr(coco_file, "plan_ranges", cut)
    pieces = build(source, tmp_path / "out", task=SEGMENTATION)
    assert min(cuts) > 3
    assert pieces.files() == reference[SEGMENTATION].files()
    assert pieces.adjusted == reference[SEGMENTATION].adjusted


@pytest.mark.parametrize("order", [("annotations", "categories", "images"), ("categories", "annotations", "images")])
def test_the_order_of_lists_does_not_show(
    order: tuple[str, ...], source: Path, reference: dict[str, Build], tmp_path: Path
) -> None:
    whole = json.loads(source.read_text())
    other = write_json(tmp_path / "coco.json", {key: whole[key] for key in order})
    assert records(build(other, tmp_path / "out")) == records(reference[DETECTION])


def test_the_order_of_images_does_not_show(source: Path, reference: dict[str, Build], tmp_path: Path) -> None:
    whole = json.loads(source.read_text())
    other = write_json(
        tmp_path / "coco.json", whole | {"images": whole["images"][::-1], "categories": whole["categories"][::-1]}
    )
    assert records(build(other, tmp_path / "out")) == records(reference[DETECTION])


def test_the_number_of_shards_moves_records_and_changes_none(
    source: Path, reference: dict[str, Build], tmp_path: Path
) -> None:
    one = convert("--source", source, "--image-url", PREFIX, "--shards", "1", output=tmp_path / "one")
    seven = convert("--source", source, "--image-url", PREFIX, "--shards", "7", output=tmp_path / "seven")
    assert records(one) == records(seven) == records(reference[DETECTION])
    assert one.counts == seven.counts and one.adjusted == seven.adjusted
    key = lambda item: json.dumps(item, sort_keys=True)  # noqa: E731
    assert sorted(one.rejected, key=key) == sorted(seven.rejected, key=key)


def test_images_stand_in_the_order_of_their_paths(reference: dict[str, Build]) -> None:
    for name in ("train/train-00000-of-00002.jsonl", "train/train-00001-of-00002.jsonl"):
        text = (reference[DETECTION].root / name).read_text()
        urls = [json.loads(item)["image_url"] for item in text.splitlines()]
        assert urls == sorted(urls) and len(urls) > 10


# Sources and listings. ----------------------------------------------------------------------------------------------


def test_the_order_of_sources_does_not_show(tmp_path: Path) -> None:
    first = write_json(tmp_path / "b/train.json", document(2))
    second = write_json(tmp_path / "a/train.json", document(3, COUNT))
    third = write_json(tmp_path / "c/val.json", document(4, COUNT // 2))
    forth, back = (first, second, third), (third, second, first, third)
    builds = [
        convert(*(word for path in paths for word in ("--source", path)), "--image-url", PREFIX, output=tmp_path / name)
        for name, paths in (("forth", forth), ("back", back))
    ]
    glob = convert("--source", tmp_path / "[abc]/*.json", "--image-url", PREFIX, output=tmp_path / "glob")
    assert builds[0].files() == builds[1].files() == glob.files()
    assert builds[0].manifest["source"]["fingerprint"] == builds[1].manifest["source"]["fingerprint"]


@pytest.mark.parametrize("kind", ["folder", "voc"])
def test_the_order_in_which_files_were_made_does_not_show(kind: str, tmp_path: Path) -> None:
    """Directories list their entries in the order of a hash or of time; neither may matter."""
    names = [f"{label}/{number}" for label in ("cat", "dog") for number in range(12)]
    found = []
    for turn, ordered in enumerate((names, names[::-1], random.Random(1).sample(names, len(names)))):
        root = tmp_path / "set"
        if kind == "voc":
            write_voc(root, {name: voc_xml(voc_object(name.partition("/")[0])) for name in ordered})
            build = convert("--source", root, "--image-url", PREFIX, output=tmp_path / f"out-{turn}")
        else:
            for name in ordered:
                put(root / f"{name}.jpg", encoded(size=(8, 8)))
            build = convert(
                "--source", root, "--image-url", PREFIX, task=CLASSIFICATION, output=tmp_path / f"out-{turn}"
            )
        found.append(build.files())
        root.rename(tmp_path / f"made-{turn}")
    assert found[0] == found[1] == found[2]


def test_processes_read_a_folder_like_one(tmp_path: Path, handed_out: list[str]) -> None:
    for number in range(20):
        put(tmp_path / f"set/{'cat' if number % 2 else 'dog'}/{number}.jpg", encoded(size=(8 + number, 8)))
    options = ("--source", tmp_path / "set", "--image-url", PREFIX, "--shards", "3")
    one = convert(*options, "--direct_num_workers=1", task=CLASSIFICATION, output=tmp_path / "one")
    assert handed_out == []
    several = convert(*options, "--direct_num_workers=2", task=CLASSIFICATION, output=tmp_path / "several")
    assert one.files() == several.files()
    assert {"read_unit", "write_shard"} <= set(handed_out)


# Splits. ------------------------------------------------------------------------------------------------------------


def test_shares_are_kept_and_an_image_stays_in_its_split(tmp_path: Path) -> None:
    """An image's split depends on its path and the shares alone: neither on the shards nor on the other images."""
    images = [coco_image(number, f"{number}.jpg") for number in range(400)]
    shares = ("--image-url", PREFIX, "--split", "train=0.7,val=0.2,test=0.1")
    whole = convert("--source", write_json(tmp_path / "a.json", coco(images)), *shares, output=tmp_path / "a")
    half = convert(
        *("--source", write_json(tmp_path / "b.json", coco(images[::2])), *shares, "--shards", "5"),
        output=tmp_path / "b",
    )
    of_whole = whole.splits
    assert all(of_whole[path] == split for path, split in half.splits.items())
    sizes = {split: len(lines) / 400 for split, lines in whole.lines.items()}
    assert sizes == pytest.approx({"train": 0.7, "validation": 0.2, "test": 0.1}, abs=0.06)


# Other processes. ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seed", "relative"), [("1", False), ("2", True)])
def test_neither_hash_seeds_nor_the_working_directory_show(
    seed: str, relative: bool, source: Path, reference: dict[str, Build], tmp_path: Path
) -> None:
    named = source.name if relative else str(source)
    answer = labelbeam_process(
        *("convert", "--task", SEGMENTATION, "--source", named, "--image-url", PREFIX, "--shards", "2"),
        *("--max-rejected", "1", "--output", tmp_path / "out"),
        cwd=source.parent if relative else tmp_path,
        PYTHONHASHSEED=seed,
    )
    assert answer.status == 0, answer.err
    assert answer.out == ""
    built = Build(tmp_path / "out")
    check(built)
    assert built.files() == reference[SEGMENTATION].files()
