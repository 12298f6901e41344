"""Builds from web servers and archives: what is asked for, what is published, and what is refused."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.builds import DETECTION, PREFIX, Build, convert, failed, labelbeam, labelbeam_process
from tests.end_to_end.datasets import coco, coco_box, coco_image, encoded, voc_object, voc_xml
from tests.transforms.stores.odd_server import OddServer, odd_server

IMAGE = encoded(size=(100, 80))


def coco_files(count: int = 3) -> dict[str, bytes]:
    """A COCO file and its images, whose names an address has to encode."""
    names = [f"50% #{number}.jpg" for number in range(count)]
    images = [coco_image(number, name) for number, name in enumerate(names)]
    document = coco(images, [coco_box(number, number) for number in range(count)])
    return {"d/instances.json": json.dumps(document).encode()} | {f"d/images/{name}": IMAGE for name in names}


def voc_files(count: int) -> dict[str, bytes]:
    """A VOC tree."""
    files: dict[str, bytes] = {}
    for number in range(count):
        xml = voc_xml(voc_object("cat", (11, 21, 30, 40 + number % 9)), filename=f"{number}.jpg")
        files[f"voc/Annotations/{number}.xml"] = xml.encode() if isinstance(xml, str) else xml
        files[f"voc/JPEGImages/{number}.jpg"] = IMAGE
    return files


def unpack(files: dict[str, bytes], folder: Path) -> Path:
    """Write files below a directory."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def zipped(files: dict[str, bytes]) -> bytes:
    """A ZIP archive of them."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


@contextmanager
def serving(files: dict[str, bytes], **oddities: Any) -> Iterator[OddServer]:
    """A web server that has these files."""
    with odd_server(OddServer(files, **oddities)) as server:
        yield server


def published(output: Path) -> bytes:
    """Everything that lies below an output."""
    return b"".join(path.read_bytes() for path in sorted(output.rglob("*")) if path.is_file())


# Web servers --------------------------------------------------------------------------------------------------------


def test_a_signature_in_the_address_is_sent_and_stands_in_nothing_that_is_published_or_said(tmp_path: Path) -> None:
    files = coco_files() | {"d/images/50% #2.jpg": b"no image"}
    with serving(files, query="sv=2024&sig=SECRET%2B") as server:
        build = convert(
            *("--source", f"{server.url}/d/instances.json?{server.query}"),
            *("--images", f"{server.url}/d/images?{server.query}"),
            *("--check-images", "header", "--image-url", PREFIX),
            output=tmp_path / "out",
        )
    assert build.counts["images"] == (3, 2, 1, 0)
    assert sorted(build.records) == ["50%25 #0.jpg", "50%25 #1.jpg"]
    assert b"SECRET" not in published(tmp_path)
    assert "SECRET" not in build.said


def test_an_unchanged_dataset_on_a_web_server_is_seen_to_be_so_without_reading_it(tmp_path: Path) -> None:
    with serving(coco_files()) as server:
        options = ("--source", f"{server.url}/d/instances.json", "--check-images", "header", "--image-url", PREFIX)
        first = convert(*options, output=tmp_path)
        server.asked.clear()
        again = convert(*options, "--if-changed", output=tmp_path)
        assert again.manifest["build"] == first.manifest["build"]
        images = [asked for asked in server.asked if asked.startswith("GET") and "jpg" in asked]
        assert images == []
        server.tag = '"2"'
        assert convert(*options, "--if-changed", output=tmp_path).manifest["build"] != first.manifest["build"]


def test_a_server_that_tells_no_version_of_its_files_is_built_from_anew_each_time(tmp_path: Path) -> None:
    with serving(coco_files(), tag="") as server:
        options = ("--source", f"{server.url}/d/instances.json", "--image-url", PREFIX, "--if-changed")
        builds = {convert(*options, output=tmp_path).manifest["build"] for _ in range(2)}
    assert len(builds) == 2


@pytest.mark.parametrize("check", ["header", "exists"])
def test_images_in_a_directory_that_is_not_shown_are_asked_for_one_by_one(check: str, tmp_path: Path) -> None:
    files = coco_files()
    del files["d/images/50% #1.jpg"]
    with serving(files, statuses={"d/images/": 403}) as server:
        options = ("--source", f"{server.url}/d/instances.json", "--check-images", check, "--image-url", PREFIX)
        build = convert(*options, "--images", f"{server.url}/d/images", output=tmp_path)
        assert build.counts["images"] == (3, 2, 1, 0)
        assert build.codes("50% #1.jpg", "image") == ["missing_image"]
        assert "each image is asked for by itself" in build.said
        again = convert(*options, "--images", f"{server.url}/d/images", "--if-changed", output=tmp_path)
        assert again.manifest["build"] != build.manifest["build"], "nothing tells that the images are the same"


@pytest.mark.parametrize("option", ["--output", "--copy-images"])
def test_a_web_server_is_refused_as_a_place_to_write_to_before_anything_is_asked(option: str, tmp_path: Path) -> None:
    with serving(coco_files()) as server:
        options = {"--output": str(tmp_path / "out"), option: f"{server.url}/out?sig=SECRET"}
        answer = labelbeam(
            *("convert", "--task", DETECTION, "--source", f"{server.url}/d/instances.json"),
            *(part for item in options.items() for part in item),
        )
        failed(answer, 2, option, "read only")
        assert "SECRET" not in answer.err
        assert server.asked == []
    assert not (tmp_path / "out").exists()


# Archives -----------------------------------------------------------------------------------------------------------


def test_images_in_an_archive_are_unpacked_by_copying_them(tmp_path: Path) -> None:
    archive = tmp_path / "d.zip"
    archive.write_bytes(zipped(coco_files()))
    build = convert(
        *("--source", f"zip://d/instances.json::{archive}", "--check-images", "header"),
        *("--copy-images", tmp_path / "images", "--image-url", f"file://{tmp_path}/images/"),
        output=tmp_path / "out",
    )
    assert build.counts["images"] == (3, 3, 0, 0)
    for lines in build.lines.values():
        for line in lines:
            assert Path(line["image_url"].removeprefix("file://")).read_bytes() == IMAGE
    assert "--copy-images writes" not in build.said  # The warning of copies that no image_url leads to.


def test_without_a_place_of_their_own_images_in_an_archive_get_a_warning_that_names_both_options(
    tmp_path: Path,
) -> None:
    archive = tmp_path / "d.zip"
    archive.write_bytes(zipped(coco_files()))
    answer = labelbeam(
        *(
            "convert",
            "--task",
            DETECTION,
            "--source",
            f"zip://d/instances.json::{archive}",
            "--output",
            tmp_path / "out",
        )
    )
    assert answer.status == 0, answer.err
    assert "--copy-images" in answer.err
    assert "--image-url" in answer.err


def test_worker_processes_read_an_archive_on_a_web_server_to_the_same_bytes(tmp_path: Path) -> None:
    files = voc_files(60)
    local = convert(
        "--source", unpack(files, tmp_path / "raw") / "voc", "--check-images", "header", "--image-url", PREFIX,
        "--shards", "3", output=tmp_path / "local",
    )  # fmt: skip
    with serving({"voc.zip": zipped(files)}) as server:
        answer = labelbeam_process(
            *("convert", "--task", DETECTION, "--source", f"zip://voc::{server.url}/voc.zip", "--shards", "3"),
            *("--check-images", "header", "--image-url", PREFIX, "--output", tmp_path / "out"),
            "--direct_num_workers=2",
        )
        assert answer.status == 0, answer.err
        directories = [asked for asked in server.asked if asked.startswith("HEAD")]
    assert Build(tmp_path / "out").files(".jsonl") == local.files(".jsonl")
    # The driver looks again where it lists anew; a worker process looks once.
    assert len(directories) <= 10, directories


def test_an_archive_packed_anew_is_unchanged_and_one_with_another_byte_is_not(tmp_path: Path) -> None:
    archive, files = tmp_path / "voc.zip", voc_files(3)
    options = ("--source", f"zip://voc::{archive}", "--image-url", PREFIX)
    archive.write_bytes(zipped(files))
    first = convert(*options, output=tmp_path / "out").manifest["build"]
    archive.write_bytes(zipped(dict(sorted(files.items(), reverse=True))))
    assert convert(*options, "--if-changed", output=tmp_path / "out").manifest["build"] == first
    files["voc/Annotations/0.xml"] = files["voc/Annotations/0.xml"].replace(b"cat", b"cow")
    archive.write_bytes(zipped(files))
    second = convert(*options, "--if-changed", output=tmp_path / "out")
    assert second.manifest["build"] != first
    assert second.manifest["labels"] == ["cat", "cow"]


def test_a_damaged_file_in_an_archive_costs_its_record_and_a_name_that_leads_out_a_warning(tmp_path: Path) -> None:
    files = voc_files(3) | {"../out.jpg": IMAGE}
    packed = bytearray(zipped(files))
    packed[packed.index(b"voc/Annotations/1.xml") + 60] ^= 0xFF
    (tmp_path / "voc.zip").write_bytes(packed)
    build = convert("--source", f"zip::{tmp_path}/voc.zip", "--image-url", PREFIX, output=tmp_path / "out")
    assert build.counts["images"] == (3, 2, 1, 0)
    (line,) = build.rejected
    assert line["code"] == "unreadable_file"
    assert "damaged in the archive" in line["message"]
    assert "names in an archive that lead out of it" in " ".join(build.said.split())
    assert not (tmp_path.parent / "out.jpg").exists()


def test_a_compressed_tar_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "voc.tar.gz").write_bytes(b"\x1f\x8b\x08\x00 and so on")
    answer = labelbeam(
        *("convert", "--task", DETECTION, "--source", f"tar://voc::{tmp_path}/voc.tar.gz"),
        *("--output", tmp_path / "out"),
    )
    failed(answer, 1, "compressed with gzip", "gzip -dk", "tar -xf")
