"""Units of work as pure functions: the same whatever the order, the cut or the process they run in."""

from __future__ import annotations

import random
from functools import reduce
from pathlib import Path

from labelbeam.schemas.manifest import Receipt
from labelbeam.transforms.columns.fragments import Fragment, decode
from labelbeam.transforms.formats.folder.layout import FolderItem
from labelbeam.transforms.formats.folder.units import FolderUnit
from labelbeam.transforms.formats.reading import Findings
from labelbeam.transforms.read.work import read_unit
from labelbeam.transforms.workers.parcels import unwrap, wrap
from labelbeam.transforms.write.options import AssembleOptions
from labelbeam.transforms.write.work import write_shard
from tests.transforms.unit_runs import coco, options, shard_options

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


def _with_size(fragment: Fragment) -> Fragment:
    fragment.images.sizes[:] = (64, 48)
    return fragment
