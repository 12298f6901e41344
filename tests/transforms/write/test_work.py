"""Units of work as pure functions: the same whatever the order, the cut or the process they run in."""

from __future__ import annotations

import gc
import itertools
import json
import pickle
import random
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubt, merge_doubts
from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.manifest import Receipt
from labelbeam.schemas.reasons import Rejected, Skipped
from labelbeam.transforms.builds.resume import Target
from labelbeam.transforms.columns.fragments import Fragment, decode
from labelbeam.transforms.columns.listed import listed_files
from labelbeam.transforms.formats.coco.cut import plan_exact
from labelbeam.transforms.formats.coco.format import Coco, CocoOptions
from labelbeam.transforms.formats.coco.scan import ElementRange
from labelbeam.transforms.formats.coco.units import CocoFile, CocoUnit
from labelbeam.transforms.formats.folder.layout import FolderItem
from labelbeam.transforms.formats.folder.units import FolderUnit
from labelbeam.transforms.formats.frames import FRACTIONS, Evidence, Tally
from labelbeam.transforms.formats.reading import Findings, ReadOptions, ReadResult, merge_findings
from labelbeam.transforms.formats.voc.tree import VocItem
from labelbeam.transforms.formats.voc.units import VocUnit
from labelbeam.transforms.read.work import read_unit
from labelbeam.transforms.stores.errors import MissingFileError
from labelbeam.transforms.stores.listing import list_files
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.reading import read_range
from labelbeam.transforms.workers import staged_units
from labelbeam.transforms.workers.parcels import unwrap, wrap
from labelbeam.transforms.workers.quiet_gc import quiet_gc
from labelbeam.transforms.workers.staged_units import StagedUnit
from labelbeam.transforms.write.assemble import AssembleOptions
from labelbeam.transforms.write.work import ShardOptions, write_shard

CONFIG = ConvertConfig(task="image_object_detection", source=["s"], output="o")


def options(buckets: int = 1, **fields: Any) -> ReadOptions:
    return ReadOptions(msgspec.structs.replace(CONFIG, **fields), {}, buckets)


def shard_options(build: Path | None, root: Path, **fields: Any) -> ShardOptions:
    values: dict[str, Any] = {
        "assemble": AssembleOptions("image_object_detection", "https://h/"),
        "check_images": None,
        "images_root": str(root),
        "images_listed": False,
        "format": Coco(),
        "config": CONFIG,
        "buckets": 1,
        "target": None if build is None else Target(str(build), str(root / "unfinished"), "hash", False),
        "report": "",
        "px": False,
        "copy_images": None,
        "storage": {},
    }
    return ShardOptions(**(values | fields))


def coco(path: Path, annotations: int = 60, target: int = 1) -> tuple[CocoFile, list[CocoUnit]]:
    """Write a COCO file, and cut its annotations into ranges of about `target` bytes."""
    images = [{"id": at, "file_name": f"{at}.jpg", "width": 64, "height": 48} for at in range(20)]
    objects: list[dict[str, Any]] = [
        {"id": at, "image_id": at % 23, "category_id": at % 3, "bbox": [1, 1, at % 9, 9]} for at in range(annotations)
    ]
    categories = [{"id": at, "name": f"label {at}"} for at in range(2)]
    path.write_text(json.dumps({"annotations": objects, "images": images, "categories": categories}))
    data = path.read_bytes()
    ranges = plan_exact(lambda start, end: data[start:end], len(data), target)
    index = tuple(part for part in ranges if part.section != "annotations")
    units = [CocoUnit(str(path), part) for part in ranges if part.section == "annotations"]
    return CocoFile(0, str(path), "", None, index), units


def fragments(result: ReadResult) -> list[Fragment]:
    return [decode(unwrap(data)) for _, data in result.fragments]


# Reading.


def test_a_cut_file_counts_and_writes_what_the_whole_one_does(tmp_path: Path) -> None:
    outcomes = []
    for target in (1, 500, 10**6):
        file, units = coco(tmp_path / "a.json", target=target)
        indexed = read_unit(options(), file)
        assert indexed.index is not None
        results = [indexed, *(read_unit(options(), unit, indexed.index) for unit in units)]
        assert reduce(Findings.merge, (result.findings for result in results)).records == 80
        encoded = [data for result in results for _, data in result.fragments]
        build = tmp_path / str(target)
        receipt = write_shard(shard_options(build, tmp_path), 0, encoded, {})
        receipt.arrived = 0  # In how many parts it came.
        outcomes.append((receipt, {path.name: path.read_bytes() for path in build.rglob("*.*")}))
    assert outcomes[0] == outcomes[1] == outcomes[2]
    receipt = outcomes[0][0]
    assert receipt.records_in == 80
    assert (receipt.counts.images.found, receipt.counts.objects.found) == (20, 60)


def test_an_index_is_the_same_as_bytes_and_as_a_file(tmp_path: Path) -> None:
    file, (unit, *_) = coco(tmp_path / "a.json")
    index = read_unit(options(), file).index
    assert isinstance(index, bytes)
    (tmp_path / "index").write_bytes(index)
    as_bytes, as_file = (read_unit(options(), unit, given) for given in (index, str(tmp_path / "index")))
    assert as_bytes.fragments == as_file.fragments


def test_an_index_that_is_left_in_a_store_is_the_same_and_is_read_once_by_all_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, units = coco(tmp_path / "a.json", target=200)
    index = read_unit(options(), file).index
    assert index is not None and len(units) > 8
    expected = [read_unit(options(), unit, index).fragments for unit in units]
    staging = ReadOptions(CONFIG, {}, 1, (tmp_path / "unfinished").as_uri())
    left = read_unit(staging, file)
    assert isinstance(left.index, StagedUnit) and len(pickle.dumps(left)) < 5000
    assert [path.name for path in (tmp_path / "unfinished").iterdir()] == ["index-00000"]
    asked: list[str] = []

    def note(location: Location, start: int, end: int) -> bytes:
        asked.append(location.path)
        return read_range(location, start, end)

    monkeypatch.setattr(staged_units, "read_range", note)
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda unit: read_unit(staging, unit, left.index).fragments, units))
    assert read == expected
    assert len(asked) == 1


def test_an_index_that_somebody_has_written_over_ends_the_run(tmp_path: Path) -> None:
    file, (unit, *_) = coco(tmp_path / "a.json")
    staging = ReadOptions(CONFIG, {}, 1, (tmp_path / "unfinished").as_uri())
    index = read_unit(staging, file).index
    assert index is not None
    left = tmp_path / "unfinished" / "index-00000"
    left.write_bytes(bytes(left.stat().st_size))
    with pytest.raises(LabelBeamError, match="not the unit of work that was put there"):
        read_unit(staging, unit, index)


def test_a_range_that_was_cut_wrongly_is_named_and_gives_nothing(tmp_path: Path) -> None:
    file, (unit, *_) = coco(tmp_path / "a.json")
    index = read_unit(options(), file).index
    assert index is not None
    wrong = CocoUnit(unit.url, ElementRange("annotations", unit.range.start, unit.range.end - 5))
    assert read_unit(options(), wrong, index) == ReadResult(Findings(unsafe=[unit.url]))
    cut = tuple(ElementRange(part.section, part.start + 3, part.end) for part in file.ranges)
    assert read_unit(options(), CocoFile(0, file.url, "", None, cut)) == ReadResult(Findings(unsafe=[file.url]))


def test_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    file, (unit, *_) = coco(tmp_path / "a.json")
    (tmp_path / "a.json").unlink()
    with pytest.raises(MissingFileError):
        read_unit(options(), file)
    with pytest.raises(MissingFileError):
        read_unit(options(), unit, b"")


def test_a_batch_of_a_folder_is_its_images_under_their_own_keys() -> None:
    items = (FolderItem("cat/1.jpg", "cat", "train"), FolderItem("2.gif", None, None, Rejected.UNSUPPORTED_FORMAT))
    result = read_unit(options(task="image_classification"), FolderUnit("file:///d", items, 500))
    (fragment,) = fragments(result)
    assert (fragment.images.paths, fragment.images.keys.tolist(), fragment.labels) == (["cat/1.jpg"], [500], ["cat"])
    assert [rejection.code for rejection in fragment.rejections] == [Rejected.UNSUPPORTED_FORMAT]
    assert result.findings.records == 3


def test_an_annotation_file_that_cannot_be_read_costs_its_image_alone(tmp_path: Path) -> None:
    xml = (
        "<annotation><object><name>cat</name><bndbox><xmin>1</xmin><ymin>0</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
    )
    (tmp_path / "1.xml").write_text(f"{xml}</object></annotation>")
    items = (
        VocItem("0.xml", "0.jpg"),
        VocItem("1.xml", "1.jpg"),
        VocItem("2.xml", "2.jpg", skipped=Skipped.OUTSIDE_IMAGE_SETS),
    )
    result = read_unit(options(), VocUnit(str(tmp_path), items, 0, None, {}, str(tmp_path)))
    (fragment,) = fragments(result)
    assert fragment.images.paths == ["1.jpg", "2.jpg"]
    assert {row: note.left_out for row, note in fragment.images.notes.items()} == {1: Skipped.OUTSIDE_IMAGE_SETS}
    assert [(rejection.code, rejection.image) for rejection in fragment.rejections] == [("unreadable_file", "0.jpg")]
    assert (result.findings.evidence[str(tmp_path)].count("boxes"), result.findings.records) == (1, 4)


def test_an_annotation_file_that_is_shorter_than_it_was_listed_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    (tmp_path / "1.xml").write_text("<annotation></annotation>")
    for size, codes in ((25, []), (0, []), (26, ["unreadable_file"])):
        unit = VocUnit(str(tmp_path), (VocItem("1.xml", "1.jpg"),), 0, None, {"1.xml": size}, str(tmp_path))
        (fragment,) = fragments(read_unit(options(), unit))
        assert [rejection.code for rejection in fragment.rejections] == codes


# Writing.


def test_a_shard_does_not_depend_on_the_order_in_which_its_fragments_come(tmp_path: Path) -> None:
    file, units = coco(tmp_path / "a.json", target=300)
    indexed = read_unit(options(), file)
    assert indexed.index is not None
    results = [indexed, *(read_unit(options(), unit, indexed.index) for unit in units)]
    encoded = [data for result in results for _, data in result.fragments]
    outcomes: list[tuple[Receipt, dict[str, bytes]]] = []
    for seed in range(3):
        random.Random(seed).shuffle(encoded)
        build = tmp_path / str(seed)
        receipt = write_shard(shard_options(build, tmp_path), 0, encoded, {})
        receipt.arrived = 0  # In how many parts it came.
        outcomes.append((receipt, {path.name: path.read_bytes() for path in build.rglob("*.*")}))
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert len(outcomes[0][1]) == 3


def test_only_images_that_are_written_are_copied(tmp_path: Path) -> None:
    for name in ("good.jpg", "bad.gif"):
        (tmp_path / name).write_bytes(name.encode())
    items = tuple(FolderItem(name, "cat") for name in ("good.jpg", "bad.gif"))
    read = read_unit(options(), FolderUnit(str(tmp_path), items, 0))
    for build, copies in ((tmp_path / "build", tmp_path / "copies"), (None, tmp_path / "none")):
        task = AssembleOptions("image_classification_multilabel", "https://h/", look_at_all=False)
        shard = shard_options(build, tmp_path, assemble=task, copy_images=str(copies), check_images="none")
        sized = [_with_size(decode(unwrap(data))) for _, data in read.fragments]
        write_shard(shard, 0, [wrap(fragment.encode()) for fragment in sized], {})
    assert [path.name for path in (tmp_path / "copies").iterdir()] == ["good.jpg"]
    assert not (tmp_path / "none").exists()


def test_images_that_a_reader_of_a_folder_has_looked_at_are_not_looked_at_again(tmp_path: Path) -> None:
    for name, size in (("cat/1.png", (7, 5)), ("cat/2.png", (3, 9))):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", size).save(tmp_path / name)
    (tmp_path / "cat/3.png").write_bytes(b"no image")
    listed = listed_files(list_files(locate(str(tmp_path), {})).files)
    items = tuple(FolderItem(f"cat/{number}.png", "cat") for number in (1, 2, 3, 4))
    task = AssembleOptions("image_classification", "https://h/")
    outcomes = []
    for where in (listed, None):
        read = read_unit(
            options(task="image_classification"), FolderUnit(str(tmp_path), items, 0, str(tmp_path), where)
        )
        shard = shard_options(None, tmp_path, assemble=task)
        if where is not None:
            for path in (tmp_path / "cat").iterdir():
                path.rename(tmp_path / path.name)
        receipt = write_shard(shard, 0, [data for _, data in read.fragments], {})
        receipt.arrived = 0  # The parcels differ by what was seen.
        outcomes.append(receipt)
        if where is not None:
            for path in tmp_path.glob("*.png"):
                path.rename(tmp_path / "cat" / path.name)
    assert outcomes[0] == outcomes[1]
    assert outcomes[0].rejected_by_reason == {"image_rejected": 2, "missing_image": 1, "not_an_image": 1}
    assert outcomes[0].counts.images.written == 2


def _with_size(fragment: Fragment) -> Fragment:
    fragment.images.sizes[:] = (64, 48)
    return fragment


# Findings.

tallies = st.builds(Tally, st.integers(1, 9), st.sampled_from(["", "a 1", "a 2"]))
evidence = st.builds(Evidence, st.dictionaries(st.sampled_from(["boxes", "corners"]), tallies))
names = st.lists(st.sampled_from(["a", "b", "c"]), max_size=2, unique=True)
doubts = st.lists(st.builds(Doubt, st.sampled_from("ab"), st.sampled_from("xy"), st.integers(1, 3)), max_size=2)
findings = st.builds(
    Findings,
    st.integers(0, 9),
    st.dictionaries(st.sampled_from(["a", "b"]), evidence),
    doubts,
    names.map(sorted),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(findings, min_size=1, max_size=3))
def test_findings_merge_to_the_same_in_any_order(parts: list[Findings]) -> None:
    assert len({repr(sorted_of(merge_findings(order))) for order in itertools.permutations(parts)}) == 1
    assert merge_findings(parts).records == sum(part.records for part in parts)


def sorted_of(merged: Findings) -> list[Any]:
    return [merged.records, sorted(merged.evidence.items(), key=str), merge_doubts(merged.doubts), merged.unsafe]


@pytest.mark.parametrize(("option", "expected"), [("detect", {"a"}), ("pixels", set()), ("relative", {"a", "b"})])
def test_the_frame_is_decided_a_file_or_by_the_option(option: str, expected: set[str]) -> None:
    shares = Evidence({"boxes": Tally(4), "boxes_under_a_pixel": Tally(1)})
    pixels = Evidence({"boxes": Tally(4), "boxes_beyond_1": Tally(4)})
    given = CocoOptions(coco_boxes=option)  # type: ignore[arg-type]
    config = msgspec.structs.replace(CONFIG, of_formats=(given,))
    assert Coco().frames({"a": shares, "b": pixels}, config) == dict.fromkeys(expected, FRACTIONS)


# The collector.


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_held_off_inside_and_as_it_was_outside(enabled: bool) -> None:
    before = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with quiet_gc():
            assert not gc.isenabled()
        assert gc.isenabled() is enabled
        with pytest.raises(ValueError, match="inside"), quiet_gc():
            raise ValueError("inside")
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if before else gc.disable)()
