"""Images that a build copies: each one once, listed in the build, known to the next one, and checked by verify."""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.end_to_end.builds import Answer, Build, labelbeam
from tests.servers.fixtures import Proxied
from tests.servers.proxy import Proxy
from tests.servers.stores import Store

CLASSES = "image_classification"
IMAGES = 6
ODD = "cat/50%/a #1?é+b.png"
"""A name of which each store could make another one."""


def png(shade: int, size: tuple[int, int] = (8, 6)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (shade, 9, 9)).save(file, "png")
    return file.getvalue()


def dataset() -> dict[str, bytes]:
    names = [*(f"{'cat' if number % 2 else 'dog'}/{number}.png" for number in range(IMAGES - 1)), ODD]
    return {name: png(number) for number, name in enumerate(names)}


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def convert(source: Path | str, output: Path, copies: Path | str, *options: str, shards: int = 3) -> Answer:
    where = ("--source", source, "--output", output, "--copy-images", copies, "--image-url", "https://h/c")
    return labelbeam("convert", "--task", CLASSES, *where, "--shards", str(shards), "--max-rejected", "1", *options)


def built(*arguments: Any, **named: Any) -> Build:
    answer = convert(*arguments, **named)
    assert answer.status == 0, answer.err
    return Build(arguments[1], answer.err)


def copied(build: Build) -> dict[str, dict[str, Any]]:
    """The lines of all lists of a build's copies, by path."""
    entries = build.manifest["copied"]["files"]
    lines = [json.loads(line) for entry in entries for line in (build.root / entry["path"]).read_bytes().splitlines()]
    assert build.manifest["copied"]["images"] == len(lines)
    assert build.manifest["copied"]["bytes"] == sum(line["bytes"] for line in lines)
    return {line["path"]: line for line in lines}


def files_below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(params=["s3_store", "azure_store", "gcs_store"])
def proxied_store(request: pytest.FixtureRequest, proxied: Proxied) -> tuple[Store, Proxy]:
    """A place on each server in turn, and the proxy that it is reached through."""
    store: Store = request.getfixturevalue(request.param)
    return proxied(store)


# On a disk.


def test_every_published_image_is_copied_and_listed_with_its_hash(tmp_path: Path) -> None:
    images = dataset()
    source = write(tmp_path / "raw", images | {"cat/broken.png": b"hello", "cat/x.gif": b"GIF89a"})
    build = built(source, tmp_path / "out", tmp_path / "copies")
    assert files_below(tmp_path / "copies") == images
    lines = copied(build)
    assert {name: (line["bytes"], line["sha256"]) for name, line in lines.items()} == {
        name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in images.items()
    }
    names = [entry["path"] for entry in build.manifest["copied"]["files"]]
    assert names == [f"copied/copied-{number:05d}-of-00003.ndjson" for number in range(3)]
    assert labelbeam("verify", tmp_path / "out").status == 0


def test_without_the_option_the_manifest_says_nothing_of_copies(tmp_path: Path) -> None:
    source = write(tmp_path / "raw", dataset())
    where = ("--source", source, "--output", tmp_path / "out", "--image-url", "https://h/c")
    assert labelbeam("convert", "--task", CLASSES, *where).status == 0
    build = Build(tmp_path / "out")
    assert build.manifest["copied"] is None
    assert not (build.root / "copied").exists()
    answer = labelbeam("verify", tmp_path / "out", "--copy-images", tmp_path / "copies")
    assert (answer.status, "copied no images" in answer.err) == (2, True)


def test_the_next_build_touches_no_copy_that_is_as_it_was(tmp_path: Path) -> None:
    source, copies = write(tmp_path / "raw", dataset()), tmp_path / "copies"
    built(source, tmp_path / "out", copies)
    inodes = {path: path.stat().st_ino for path in copies.rglob("*.png")}
    write(source, {"cat/1.png": png(99)})
    write(copies, {"dog/2.png": b"something else"})
    built(source, tmp_path / "out", copies, shards=2)
    renewed = {path.relative_to(copies).as_posix() for path, inode in inodes.items() if path.stat().st_ino != inode}
    assert renewed == {"cat/1.png", "dog/2.png"}
    assert files_below(copies) == files_below(source)


@pytest.mark.parametrize("damage", ["replaced", "cut", "gone"])
def test_a_copy_that_something_else_has_changed_is_made_again(damage: str, tmp_path: Path) -> None:
    source, copies = write(tmp_path / "raw", dataset()), tmp_path / "copies"
    built(source, tmp_path / "out", copies)
    damaged = copies / "cat/1.png"
    data = damaged.read_bytes()
    if damage == "gone":
        damaged.unlink()
    else:
        damaged.write_bytes(data[::-1] if damage == "replaced" else data[:-1])
    answer = labelbeam("verify", tmp_path / "out")
    assert (answer.status, "cat/1.png" in answer.err) == (3, True)
    built(source, tmp_path / "out", copies)
    assert damaged.read_bytes() == data
    assert labelbeam("verify", tmp_path / "out").status == 0


def test_an_image_that_changed_is_copied_again_also_when_its_size_has_not(tmp_path: Path) -> None:
    source, copies = write(tmp_path / "raw", dataset()), tmp_path / "copies"
    built(source, tmp_path / "out", copies)
    changed = png(200)
    assert len(changed) == len(png(1))
    write(source, {"cat/1.png": changed})
    built(source, tmp_path / "out", copies)
    assert (copies / "cat/1.png").read_bytes() == changed
    assert labelbeam("verify", tmp_path / "out").status == 0


def test_a_missing_image_is_rejected_rather_than_named_without_being_there(tmp_path: Path) -> None:
    write(tmp_path / "raw", {"images/1.png": png(1)})
    images = [{"id": number, "file_name": f"{number}.png", "width": 8, "height": 6} for number in (1, 2)]
    annotations = [
        {"id": number, "image_id": number, "category_id": 1, "bbox": [1, 1, 3, 3], "area": 9, "iscrowd": 0}
        for number in (1, 2)
    ]
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "cat"}]}
    (tmp_path / "raw" / "a.json").write_text(json.dumps(content))
    where = ("--source", tmp_path / "raw/a.json", "--output", tmp_path / "out", "--copy-images", tmp_path / "copies")
    options = ("--check-images", "none", "--image-url", "https://h/c", "--max-rejected", "1")
    answer = labelbeam("convert", "--task", "image_object_detection", *where, *options)
    assert answer.status == 0, answer.err
    build = Build(tmp_path / "out")
    assert list(build.records) == list(copied(build)) == ["1.png"]
    assert build.codes("2.png") == ["image_rejected", "missing_image"]
    assert build.counts == {"images": (2, 1, 1, 0), "objects": (2, 1, 1, 0)}
    assert labelbeam("verify", tmp_path / "out").status == 0


def test_neither_an_image_nor_a_copy_is_reached_by_a_link_that_leads_out(tmp_path: Path) -> None:
    source, copies = write(tmp_path / "raw", dataset()), tmp_path / "copies"
    write(tmp_path / "elsewhere", {"x.png": png(1)})
    (copies / "dog").parent.mkdir(parents=True)
    (copies / "dog").symlink_to(tmp_path / "elsewhere")
    build = built(source, tmp_path / "out", copies)
    dogs = {name for name in dataset() if name.startswith("dog/")}
    assert {line["image"] for line in build.rejected if line["code"] == "unsafe_path"} == dogs
    assert copied(build).keys() == dataset().keys() - dogs
    assert files_below(tmp_path / "elsewhere") == {"x.png": png(1)}


# Differences that verify finds.


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda line: line | {"sha256": "0" * 64}, "0" * 64),
        (lambda line: line | {"bytes": 5}, "5 bytes"),
        (lambda line: line | {"path": "cat/other.png"}, "no record names it"),
        (lambda line: line | {"path": "../out"}, "a path below the copies' directory"),
        (lambda line: {"path": "cat/1.png"}, "path, bytes, sha256, source and target"),
    ],
)
def test_a_list_of_copies_that_was_changed_with_its_hash_is_told(
    change: Callable[[dict[str, Any]], dict[str, Any]], expected: str, tmp_path: Path
) -> None:
    source = write(tmp_path / "raw", {"cat/1.png": png(1)})
    build = built(source, tmp_path / "out", tmp_path / "copies", shards=1)
    (entry,) = build.manifest["copied"]["files"]
    path = build.root / entry["path"]
    data = json.dumps(change(json.loads(path.read_bytes()))).encode() + b"\n"
    path.write_bytes(data)
    entry |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (build.root / "manifest.json").write_text(json.dumps(build.manifest))
    answer = labelbeam("verify", tmp_path / "out")
    assert (answer.status, expected in answer.err) == (3, True), answer.err


def test_a_list_of_copies_that_is_not_as_it_was_published_is_told(tmp_path: Path) -> None:
    build = built(write(tmp_path / "raw", dataset()), tmp_path / "out", tmp_path / "copies")
    first, second, _ = (build.root / entry["path"] for entry in build.manifest["copied"]["files"])
    first.unlink()
    second.write_bytes(second.read_bytes() + b"\n")
    answer = labelbeam("verify", tmp_path / "out")
    assert answer.status == 3
    assert f"{first.relative_to(build.root)}: found no such file" in answer.err
    assert f"{second.relative_to(build.root)}: found" in answer.err


def test_copies_whose_place_held_credentials_are_named_for_verify(tmp_path: Path) -> None:
    build = built(write(tmp_path / "raw", dataset()), tmp_path / "out", tmp_path / "copies")
    build.manifest["copied"]["target"] = "s3://***@host/copies"
    (build.root / "manifest.json").write_text(json.dumps(build.manifest))
    answer = labelbeam("verify", tmp_path / "out")
    assert (answer.status, "--copy-images URL" in answer.err) == (2, True)
    assert labelbeam("verify", tmp_path / "out", "--copy-images", tmp_path / "copies").status == 0


# On real servers.


@pytest.mark.server
def test_copies_in_a_store_cost_a_read_and_a_write_at_first_and_then_only_a_listing(
    proxied_store: tuple[Store, Proxy], tmp_path: Path
) -> None:
    store, proxy = proxied_store
    images = dataset()
    source = write(tmp_path / "raw", images)
    where = (store.url("copies"), "--storage-options", json.dumps(store.storage_options))
    first = copied(built(source, tmp_path / "out", *where))
    assert store.files("copies") == {f"copies/{name}": data for name, data in images.items()}
    assert len(proxy.writes()) == IMAGES, "the build itself is on a disk"
    proxy.forget()
    write(source, {"dog/extra.png": png(50)})
    second = copied(built(source, tmp_path / "out", *where, shards=2))
    assert {name: line for name, line in second.items() if name != "dog/extra.png"} == first
    assert len(proxy.writes()) == 1
    assert store.read("copies/dog/extra.png") == png(50)
    assert not [request for request in proxy.requests() if ".png" in request.target and "extra" not in request.target]
    verified = labelbeam("verify", tmp_path / "out", "--storage-options", json.dumps(store.storage_options))
    assert verified.status == 0, verified.err


@pytest.mark.server
def test_images_in_a_store_that_are_known_are_not_read_to_be_copied(
    proxied_store: tuple[Store, Proxy], tmp_path: Path
) -> None:
    store, proxy = proxied_store
    store.write({f"raw/{name}": data for name, data in dataset().items()})
    options = ("--storage-options", json.dumps(store.storage_options), "--check-images", "header")
    first = copied(built(store.url("raw"), tmp_path / "out", tmp_path / "copies", *options))
    assert files_below(tmp_path / "copies") == dataset()
    proxy.forget()
    assert copied(built(store.url("raw"), tmp_path / "out", tmp_path / "copies", *options)) == first
    reads = Counter(
        request.target for request in proxy.requests() if request.method == "GET" and ".png" in request.target
    )
    assert (len(reads), set(reads.values())) == (IMAGES, {2}), "for the header and for the report, not to be copied"
