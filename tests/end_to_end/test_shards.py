"""Shards on their way through a build: WebDataset's TAR files, and Parquet with images in it; copied out, split, counted and doubted."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.builds import CLASSIFICATION, DETECTION, PREFIX, Build, convert, failed, labelbeam, near
from tests.transforms.stores.archives_made import tarred
from tests.transforms.stores.shards_made import embedded, parquet, picture, sample, shard

CAT = ("cat", 0.1, 0.25, 0.3, 0.5, 0)
OBJECTS = {"bbox": [[10, 15, 20, 15]], "category": ["cat"]}
LABELLED = {
    "train-000000.tar": shard(sample("a", jpg=picture(), cls="0"), sample("b", png=picture(form="PNG"), cls="1")),
    "train-000001.tar.gz": gzip.compress(
        shard(sample("a", jpeg=picture(colour=1), cls="1"), sample("c", webp=picture(form="WEBP"), cls="0"))
    ),
    "val-000000.tar": shard(sample("d", JPG=picture(), cls="0"), sample("e", cls="0"), sample("f", jpg=picture())),
    "classnames.txt": b"cat\ndog\n",
}
ROWS = {"image": [embedded(picture(colour=n), f"{n}.jpg") for n in range(5)] + [None], "label": [0, 1, 0, 1, -1, 0]}
FEATURES = {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
PARQUET = {
    "data/train-00000-of-00001.parquet": parquet(ROWS, FEATURES, rows=2),
    "data/test-00000-of-00001.parquet": parquet({"image": [embedded(picture())], "label": [1]}, FEATURES),
}


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def built(root: Path, source: Path, *options: str | Path, task: str = CLASSIFICATION, name: str = "out") -> Build:
    return convert("--source", source, *options, task=task, output=root / name)


@pytest.mark.parametrize(
    ("files", "paths", "counts", "codes"),
    [
        (
            LABELLED,
            {
                "train-000000.tar/a.jpg": "cat",
                "train-000000.tar/b.png": "dog",
                "train-000001.tar.gz/a.jpeg": "dog",
                "val-000000.tar/d.JPG": "cat",
            },
            (7, 4, 3, 0),
            {"missing_image": 1, "no_label": 1, "unsupported_format": 1},
        ),
        (
            PARQUET,
            {
                **{f"data/train-00000-of-00001.parquet/{n:06}_{n}.jpg": ("cat", "dog")[n % 2] for n in range(4)},
                "data/test-00000-of-00001.parquet/000000.jpg": "dog",
            },
            (7, 5, 2, 0),
            {"missing_image": 1, "no_label": 1},
        ),
    ],
    ids=["webdataset", "parquet"],
)
def test_images_are_copied_out_of_shards_and_everything_is_counted(
    files: dict[str, bytes], paths: dict[str, str], counts: Any, codes: dict[str, int], tmp_path: Path
) -> None:
    source = write(tmp_path / "raw", files)
    options = ("--image-url", PREFIX, "--copy-images", tmp_path / "images", "--check-images", "decode")
    found = built(tmp_path, source, *options)
    assert {name: record["label"] for name, record in found.records.items()} == paths
    assert found.counts["images"] == counts
    # The object of an image that is rejected later is counted with it.
    assert {code: found.manifest["rejected_by_reason"].get(code) for code in codes} == codes
    held = "test" if "data" in str(paths) else "validation"
    assert set(found.lines) == {"train", held} and len(found.lines[held]) == 1
    assert {
        str(path.relative_to(tmp_path / "images")) for path in (tmp_path / "images").rglob("*") if path.is_file()
    } == set(paths)
    verified = labelbeam("verify", found.output, "--copy-images", tmp_path / "images")
    assert verified.status == 0, verified.err
    workers = built(
        tmp_path, source, *options[:2], "--check-images", "decode", "--direct_num_workers=2", name="workers"
    )
    assert workers.files(".jsonl") == found.files(".jsonl")
    again = built(tmp_path, source, *options, "--if-changed")
    assert again.root == found.root


def test_images_of_a_build_that_lie_in_shards_are_read_by_what_comes_after_it(tmp_path: Path) -> None:
    source = write(tmp_path / "raw", {name: data for name, data in LABELLED.items() if "gz" not in name})
    answer = labelbeam(
        "convert", "--task", CLASSIFICATION, "--source", source, "--output", tmp_path / "out", "--max-rejected", "1"
    )
    assert answer.status == 0, answer.err
    found = Build(tmp_path / "out")
    (doubt,) = [doubt for doubt in found.manifest["doubts"] if doubt["code"] == "image_url_not_read"]
    assert "lead into an archive; unpack the images with --copy-images" in doubt["message"]
    assert f"shards://train-000000.tar/a.jpg::file://{source}" in found.records
    exported = labelbeam("export", found.output, "--to", "yolo", tmp_path / "yolo", "--copy-images")
    assert exported.status == 2
    exported = labelbeam("export", found.output, "--to", "huggingface", tmp_path / "hf")
    assert exported.status == 0, exported.err
    assert (tmp_path / "hf/train/train-000000.tar/a.jpg").read_bytes() == picture()


@pytest.mark.parametrize("kind", ["webdataset", "huggingface"])
def test_boxes_are_those_of_the_json_or_the_column(kind: str, tmp_path: Path) -> None:
    if kind == "webdataset":
        files = {
            "0.tar": shard(
                sample("a", jpg=picture(), json={"objects": OBJECTS}),
                sample("b", jpg=picture(), json={"objects": None}),
            )
        }
    else:
        files = {"0.parquet": parquet({"image": [embedded(picture())] * 2, "objects": [OBJECTS, None]})}
    found = built(
        tmp_path, write(tmp_path / "raw", files), "--background", "keep", "--image-url", PREFIX, task=DETECTION
    )
    assert found.manifest["source"]["format"] == kind
    first, second = sorted(found.records)
    assert near(found.boxes(first)[0], CAT) and found.boxes(second) == []
    assert found.counts == {"images": (2, 2, 0, 0), "objects": (1, 1, 0, 0)}
    seen = labelbeam("inspect", tmp_path / "raw", "--task", DETECTION, "--json")
    assert json.loads(seen.out)["counts"] == found.manifest["counts"], seen.err


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("1.tar", tarred({"a.jpg": bytes(5000)})[:2000]),
        ("1.tar.gz", gzip.compress(tarred({"a.jpg": bytes(5000)}))[:-9]),
        ("1.tar.gz", gzip.compress(b"no TAR" * 999)),
        ("1.tar", b"no TAR" * 999),
        ("1.parquet", b"PAR1 and nothing of it PAR1"),
    ],
)
def test_a_damaged_shard_ends_the_run_in_words(name: str, data: bytes, tmp_path: Path) -> None:
    good = PARQUET["data/test-00000-of-00001.parquet"] if "parquet" in name else LABELLED["train-000000.tar"]
    source = write(tmp_path / "raw", {f"0{name[1:] if 'gz' not in name else '.tar'}": good, name: data})
    form = "huggingface" if "parquet" in name else "webdataset"
    answer = labelbeam(
        "convert", "--task", CLASSIFICATION, "--source", source, "--format", form, "--output", tmp_path / "out"
    )
    failed(answer, 1, name, "again")
    assert not (tmp_path / "out/latest.json").exists()
