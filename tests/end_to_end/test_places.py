"""Places of one run, or of two, that lie in each other: refused where that could harm, and harmless elsewhere."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.plan.places import check_in_no_output, check_places
from labelbeam.transforms.stores.locate import locate, locate_target
from labelbeam.transforms.stores.overlap import lies_in
from tests.end_to_end.builds import CLASSIFICATION, DETECTION, PREFIX, Answer, Build, check, convert, failed, labelbeam
from tests.end_to_end.datasets import coco_box, coco_image, write_coco, write_image
from tests.servers.stores import Store

NOT_THERE = "20250101T000000000000Z-aaaaaaaa"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def classes(folder: Path, *names: str) -> Path:
    for name in names or ("cat/1.jpg", "dog/2.jpg"):
        write_image(folder / name)
    return folder


def build_of(source: Path, output: Path, *options: str | Path) -> Answer:
    return labelbeam(
        *("convert", "--task", CLASSIFICATION, "--source", source, "--output", output, "--image-url", PREFIX, *options)
    )


# Copies.


@pytest.mark.parametrize(
    "copies",
    [
        ".",
        "out",
        "out/builds",
        "out/builds/x",
        "out/unfinished",
        "out/latest.json",
        "./out/../out",
        "link",
        "link/builds",
    ],
)
def test_copies_that_could_come_to_lie_over_a_build_are_refused(copies: str, tmp_path: Path) -> None:
    source = classes(tmp_path / "src")
    convert("--source", source, "--image-url", PREFIX, task=CLASSIFICATION, output=tmp_path / "all/out")
    (tmp_path / "all/link").symlink_to("out")
    before = files(tmp_path / "all")
    answer = build_of(source, tmp_path / "all/out", "--copy-images", f"{tmp_path}/all/{copies}")
    failed(answer, 2, "--copy-images: ", "lie in each other")
    assert files(tmp_path / "all") == before


def test_an_image_that_is_called_as_the_pointer_is_replaces_none(tmp_path: Path) -> None:
    for name in ("a.jpg", "latest.json"):
        write_image(tmp_path / "d" / name)
    images = [coco_image(number, name) for number, name in enumerate(("a.jpg", "latest.json"))]
    source = write_coco(tmp_path / "d/coco.json", images, [coco_box(0, 0), coco_box(1, 1)])
    output = tmp_path / "out"
    convert("--source", source, "--images", tmp_path / "d", "--image-url", PREFIX, output=output)
    answer = labelbeam(
        *("convert", "--task", DETECTION, "--source", source, "--images", tmp_path / "d", "--output", output),
        *("--copy-images", output, "--image-url", PREFIX, "--check-images", "header"),
    )
    failed(answer, 2, "lie in each other")
    check(Build(output))


def test_copies_beside_the_builds_of_an_output_harm_nothing(tmp_path: Path) -> None:
    output = tmp_path / "out"
    for _ in range(2):
        assert build_of(classes(tmp_path / "src"), output, "--copy-images", output / "images").status == 0
        check(Build(output))
    assert sorted(files(output / "images")) == ["cat/1.jpg", "dog/2.jpg"]
    assert labelbeam("clean", output, "--keep", "1").status == 0
    assert sorted(files(output / "images")) == ["cat/1.jpg", "dog/2.jpg"]


@pytest.mark.parametrize("copies", ["src", "src/copies", "", "src/cat"])
def test_copies_in_what_is_read_or_around_it_are_refused(copies: str, tmp_path: Path) -> None:
    source = classes(tmp_path / "all/src")
    before = files(tmp_path)
    answer = build_of(source, tmp_path / "out", "--copy-images", tmp_path / "all" / copies)
    failed(answer, 2, "--copy-images: ", "--source", "lie in each other")
    assert files(tmp_path) == before


@pytest.mark.parametrize("copies", ["coco/images", "coco/images/copies", "coco/annotations", "coco"])
def test_copies_over_images_or_annotation_files_are_refused(copies: str, tmp_path: Path) -> None:
    write_image(tmp_path / "coco/images/1.jpg")
    source = write_coco(tmp_path / "coco/annotations/instances.json", [coco_image(1, "1.jpg")], [coco_box(1, 1)])
    before = files(tmp_path)
    arguments = ("convert", "--task", DETECTION, "--source", source, "--images", tmp_path / "coco/images")
    where = ("--output", tmp_path / "out", "--image-url", PREFIX, "--copy-images", tmp_path / copies)
    failed(labelbeam(*arguments, *where), 2, "--copy-images: ", "lie in each other")
    assert files(tmp_path) == before


def test_copies_over_the_archive_that_is_read_are_refused(tmp_path: Path) -> None:
    import zipfile

    classes(tmp_path / "src")
    (tmp_path / "all").mkdir()
    with zipfile.ZipFile(tmp_path / "all/d.zip", "w") as archive:
        for name, data in files(tmp_path / "src").items():
            archive.writestr(name, data)
    answer = labelbeam(
        *("convert", "--task", CLASSIFICATION, "--source", f"zip://::{tmp_path}/all/d.zip", "--image-url", PREFIX),
        *("--output", tmp_path / "out", "--copy-images", tmp_path / "all"),
    )
    failed(answer, 2, "--copy-images: ", "lie in each other")


def test_copies_over_another_output_are_refused(tmp_path: Path) -> None:
    source, other = classes(tmp_path / "src"), tmp_path / "all/other"
    convert("--source", source, "--image-url", PREFIX, task=CLASSIFICATION, output=other)
    before = files(other)
    for copies in (other, other / "builds", next((other / "builds").iterdir()) / "images", tmp_path / "all"):
        failed(build_of(source, tmp_path / "out", "--copy-images", copies), 2, "--copy-images: ")
        assert not (tmp_path / "out/latest.json").exists()
    assert files(other) == before
    assert build_of(source, tmp_path / "out", "--copy-images", other / "images").status == 0
    check(Build(other))


# Outputs.


@pytest.mark.parametrize("below", ["builds/x", "builds", "unfinished", "latest.json", f"builds/{NOT_THERE}"])
def test_an_output_within_the_builds_of_another_is_refused(below: str, tmp_path: Path) -> None:
    source, other = classes(tmp_path / "src"), tmp_path / "other"
    convert("--source", source, "--image-url", PREFIX, task=CLASSIFICATION, output=other)
    before = files(other)
    failed(build_of(source, other / below), 2, "--output: ")
    assert files(other) == before


@pytest.mark.parametrize("output", ["src", "src/out", "link", "src/cat/out"])
def test_an_output_in_the_source_is_none_of_it_and_its_builds_are_resumed(output: str, tmp_path: Path) -> None:
    source = classes(tmp_path / "src", "cat/1.jpg", "dog/2.jpg")
    if output == "link":
        (tmp_path / "link").symlink_to(source)
    assert build_of(source, tmp_path / output).status == 0
    first = Build(tmp_path / output)
    classes(source, "dog/3.jpg")
    # What a killed run leaves: shards, receipts, a claim, half of a file.
    assert build_of(source, tmp_path / output, "--max-change", "0.1", "--shards", "2").status == 3
    claim = tmp_path / output / "unfinished/lock-20200101T000000000000Z-aaaaaaaa.json"
    claim.write_text(json.dumps({"work": "build", "since": "", "host": "", "process": dead(), "held": True}))
    (tmp_path / output / f".labelbeam-{'a' * 32}.tmp").write_bytes(b"half")
    answer = build_of(source, tmp_path / output, "--shards", "2")
    assert answer.status == 0, answer.err
    assert "resuming build" in answer.err
    second = Build(tmp_path / output)
    assert (first.counts["images"], second.counts["images"]) == ((2, 2, 0, 0), (3, 3, 0, 0))
    assert "unchanged" in build_of(source, tmp_path / output, "--shards", "2", "--if-changed").err


def dead() -> str:
    from labelbeam.transforms.builds.lock import locked

    with locked(locate("memory://dead-places", {}), "build") as lock:
        return f"{lock.claim.process}0"


def test_classes_that_are_called_as_directories_of_an_output_are_part_of_the_dataset(tmp_path: Path) -> None:
    source = classes(tmp_path / "src", "builds/1.jpg", "unfinished/2.jpg", "cat/3.jpg", "cat/latest.json.jpg")
    for _ in range(2):
        assert build_of(source, source).status == 0
        assert Build(source).counts["images"] == (4, 4, 0, 0)
        assert Build(source).manifest["labels"] == ["builds", "cat", "unfinished"]


@pytest.mark.parametrize("below", ["unfinished", "unfinished/x", "latest.json"])
def test_a_source_where_runs_of_the_output_write_and_remove_is_refused(below: str, tmp_path: Path) -> None:
    output, source = locate(str(tmp_path), {}), locate(str(tmp_path / below), {})
    with pytest.raises(UsageError, match="which runs on --output write and remove"):
        check_places(output, None, [("--source", source)], {})
    check_places(output, None, [("--source", locate(str(tmp_path / "raw"), {}))], {})


# Training data and predictions.


def test_training_data_never_replaces_predictions_nor_they_training_data(tmp_path: Path) -> None:
    source, output = classes(tmp_path / "src"), tmp_path / "out"
    build = output / "builds" / NOT_THERE
    build.mkdir(parents=True)
    (build / "manifest.json").write_text(json.dumps({"format_version": 1, "kind": "predictions", "build": NOT_THERE}))
    (output / "latest.json").write_text(
        json.dumps({"build": NOT_THERE, "manifest": f"builds/{NOT_THERE}/manifest.json"})
    )
    before = files(output)
    failed(build_of(source, output), 1, "predictions are published there, expected training data or nothing")
    assert files(output) == before
    (build / "manifest.json").unlink()
    assert build_of(source, output).status == 0, "a pointer to nothing is mended by building"
    scoring = ("score", source, "--task", CLASSIFICATION, "--endpoint", "http://127.0.0.1:9/score", "--output", output)
    failed(labelbeam(*scoring), 1, "training data are published there, expected predictions or nothing")


@pytest.mark.parametrize("option", ["--output", "--coco-results", "--coco-truth"])
def test_an_evaluation_is_not_put_over_a_build_or_what_it_was_read_from(option: str, tmp_path: Path) -> None:
    source = write_coco(tmp_path / "coco.json", [coco_image(1)], [coco_box(1, 1)])
    build = convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    predictions = tmp_path / "p.json"
    predictions.write_text("[]")
    os.link(predictions, tmp_path / "same.json") if option == "--output" else None
    before = files(tmp_path)
    targets = [
        tmp_path / "out/latest.json",
        build.root,
        build.root / "manifest.json",
        tmp_path / "out/unfinished",
        predictions,
        source,
    ]
    for target in targets:
        answer = labelbeam("evaluate", tmp_path / "out", "--predictions", predictions, option, target)
        failed(answer, 2, f"{option}: ")
    assert files(tmp_path) == before


def test_an_evaluation_is_not_put_over_what_a_directory_or_a_glob_or_coco_names(tmp_path: Path) -> None:
    source = write_coco(tmp_path / "coco.json", [coco_image(1)], [coco_box(1, 1)])
    convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    azure = tmp_path / "azure"
    azure.mkdir()
    (azure / "labeled_dataset.json").write_text("[]")
    (tmp_path / "p.json").write_text("[]")
    before = files(tmp_path)
    for predictions, target in (
        (azure, azure / "labeled_dataset.json"),
        (azure / "*.json", azure / "labeled_dataset.json"),
        (tmp_path / "p.json", source),
    ):
        answer = labelbeam(
            *("evaluate", tmp_path / "out", "--predictions", predictions, "--coco", source, "--coco-truth", target)
        )
        failed(answer, 2, "--coco-truth: ", "is read by this evaluation")
    assert files(tmp_path) == before


def test_a_pointer_of_predictions_leads_nowhere_else(tmp_path: Path) -> None:
    source = write_coco(tmp_path / "coco.json", [coco_image(1)], [coco_box(1, 1)])
    convert("--source", source, "--image-url", PREFIX, output=tmp_path / "out")
    (tmp_path / "secret/predictions").mkdir(parents=True)
    (tmp_path / "secret/predictions/predictions-00000-of-00001.jsonl").write_text('{"image_url": "SECRET"}')
    for build, manifest in (
        ("B", "../secret/manifest.json"),
        ("..", "builds/../manifest.json"),
        ("B", "/secret/m.json"),
    ):
        (tmp_path / "scores").mkdir(exist_ok=True)
        (tmp_path / "scores/latest.json").write_text(json.dumps({"build": build, "manifest": manifest}))
        answer = labelbeam("evaluate", tmp_path / "out", "--predictions", tmp_path / "scores")
        failed(answer, 1, "not a pointer to a build")
        assert "SECRET" not in answer.err


# Written where it is said.


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("s3:/bucket/out", "would be a directory of this machine"),
        ("S3:/bucket/out", "would be a directory of this machine"),
        ("az:container/out", "would be a directory of this machine"),
        ("https:/host/out", "would be a directory of this machine"),
        ("file://host/out", "expected file:// and an absolute path"),
        ("file://out", "expected file:// and an absolute path"),
        ("memory://out", "is in this process alone"),
        ("simplecache::memory://out", "by way of another store"),
        ("s3://bucket/out/../other", "expected a plain path"),
        ("s3://bucket//out", "expected a plain path"),
        ("s3://bucket/out?versionId=1", "expected a plain path"),
        ("gs://bucket/out#1", "expected a plain path"),
    ],
)
@pytest.mark.parametrize("option", ["--output", "--copy-images"])
def test_what_would_be_written_elsewhere_than_said_is_refused(
    option: str, url: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    with pytest.raises(UsageError, match=f"^{option}: .*{why}"):
        locate_target(option, url, {"gs": {"token": "anon"}})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a b", "x:y", "s3:", "é", "a#b?c"])
def test_a_directory_may_be_called_anything(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s3:").mkdir()
    for url in (name, f"./{name}", f"{tmp_path}/{name}", f"file://{tmp_path}/{name}"):
        assert locate_target("--output", url, {}).path == str(tmp_path / name)


# One place by several names.


@pytest.mark.server
def test_one_place_of_a_store_is_known_by_all_its_urls(s3_store: Store) -> None:
    options = {**s3_store.storage_options, "s3a": {**s3_store.storage_options["s3"]}}
    one = locate(s3_store.url("out/images"), options)
    other = locate(s3_store.url("out").replace("s3://", "s3a://"), options)
    assert lies_in(one, other, options)
    assert not lies_in(other, one, options)
    assert not lies_in(one, locate(s3_store.url("ou"), options), options)
    with pytest.raises(UsageError, match="lie in each other"):
        check_places(other, locate(s3_store.url("out/builds/x"), options), [], options)


@pytest.mark.server
def test_a_place_in_another_bucket_or_on_the_disk_is_another(s3_store: Store, tmp_path: Path) -> None:
    out = locate(s3_store.url("out"), s3_store.storage_options)
    assert not lies_in(out, locate(str(tmp_path), {}), s3_store.storage_options)
    check_in_no_output("--output", out.below("builds/x"), s3_store.storage_options)


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert not lies_in(locate(str(tmp_path / "a/x"), {}), locate(str(tmp_path / "c"), {}), {})
