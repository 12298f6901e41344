"""Recognition of TAR files of samples, by their first names."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.formats.webdataset.format import WebDatasetOptions
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.plan.recognise import recognise
from tests.transforms.stores.archives_made import tarred
from tests.transforms.stores.shards_made import sample, shard

DATA = shard(*(sample(f"{n:03}", jpg=b"x" * 3000, cls="1") for n in range(4)))


def config(*source: Path | str, **fields: Any) -> ConvertConfig:
    return ConvertConfig(
        task="image_classification", source=list(map(str, source)), output="memory://nowhere", **fields
    )


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize(
    "names", [["train-000000.tar", "train-000001.tar", "README.md"], ["a/0.tar.gz", "b/0.tgz"], ["x.TAR", "cover.jpg"]]
)
def test_directories_of_shards_are_recognised(names: list[str], tmp_path: Path) -> None:
    write(tmp_path, {name: gzip.compress(DATA) if "gz" in name else DATA for name in names})
    found = recognise(config(tmp_path), {})
    assert found.format.name == "webdataset" and "images and labels of the same keys" in found.claim.reason
    root, paths = found.claim.found
    assert (root.path, list(paths)) == (
        str(tmp_path),
        sorted(name for name in names if "README" not in name and "jpg" not in name),
    )


@pytest.mark.parametrize("pattern", ["a/train-{000000..000002}.tar", "a/*.tar", "a/train-{000000,000001,000002}.tar"])
def test_shards_are_named_by_patterns(pattern: str, tmp_path: Path) -> None:
    names = [f"a/train-{number:06}.tar" for number in range(3)]
    write(tmp_path, dict.fromkeys(names, DATA))
    found = recognise(config(tmp_path / pattern), {})
    root, paths = found.claim.found
    assert (root.path, list(paths)) == (str(tmp_path / "a"), [name[2:] for name in names])


def test_a_shard_alone_is_read_from_its_directory(tmp_path: Path) -> None:
    write(tmp_path, {"1.tar": DATA, "2.tar": DATA})
    plan = make_plan(config(tmp_path / "2.tar"), {})
    assert [(unit.path, unit.split) for unit in plan.units] == [("2.tar", None)]  # type: ignore[attr-defined]
    assert plan.images_root == f"shards://::file://{tmp_path}"


@pytest.mark.parametrize(
    "files",
    [
        {"1.tar": tarred({"a/1.jpg": b"x", "a/2.jpg": b"y"})},
        {"1.tar": tarred({"images/1.jpg": b"x", "labels/1.txt": b"y"}), "2.tar": b""},
        {"1.tar": b"no TAR"},
    ],
)
def test_archives_without_pairs_are_none_and_told_what_to_do(files: dict[str, bytes], tmp_path: Path) -> None:
    write(tmp_path, files)
    with pytest.raises(LabelBeamError, match=r"unpack|--format webdataset"):
        recognise(config(tmp_path), {})
    asked = recognise(config(tmp_path, format="webdataset"), {})
    assert asked.claim.reason == f"--format webdataset; found {', '.join(files)}"


def test_class_folders_beside_shards_go_first(tmp_path: Path) -> None:
    write(tmp_path, {"all.tar": DATA, "cat/1.jpg": b"x", "dog/1.jpg": b"x"})
    assert recognise(config(tmp_path), {}).format.name == "folder"


def test_samples_of_several_images_are_asked_about(tmp_path: Path) -> None:
    write(tmp_path, {"1.tar": shard(sample("a", left_jpg=b"x", right_jpg=b"y", cls="1"))})
    with pytest.raises(UsageError, match=r"such as a with cls, left\.jpg, right\.jpg; say with --webdataset-image"):
        recognise(config(tmp_path), {})
    for chosen, words in (("right.jpg", None), ("up.jpg", "no file called so")):
        given = config(tmp_path, of_formats=(WebDatasetOptions(webdataset_image=chosen),))
        if words is None:
            assert recognise(given, {}).format.name == "webdataset"
        else:
            with pytest.raises(UsageError, match=words):
                recognise(given, {})


def test_none_at_all_is_refused_where_it_was_asked_for(tmp_path: Path) -> None:
    write(tmp_path, {"1.jpg": b"x"})
    with pytest.raises(UsageError, match="no TAR file"):
        recognise(config(tmp_path, format="webdataset"), {})
