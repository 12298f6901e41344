"""Which images are scored, by which names, where they are read, and that nothing else is opened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.score_config import ScoreConfig
from labelbeam.transforms.score import plan as module
from labelbeam.transforms.score.plan import ImageToScore, ScorePlan, plan_scores
from tests.end_to_end.builds import labelbeam
from tests.servers.stores import HttpStore

TASK = "image_object_detection"


def planned(source: Path | str, **options: Any) -> ScorePlan:
    config = {"source": str(source), "output": "out", "endpoint": "https://host/score", "task": TASK, **options}
    return plan_scores(ScoreConfig(**config), {})


def images(plan: ScorePlan) -> list[ImageToScore]:
    return [image for unit in plan.units for image in unit.images]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Images in two folders, beside what is none."""
    root = tmp_path / "photos [1]"
    for name in (
        "a/1.jpg",
        "a/2.PNG",
        "b/c/3.jpeg",
        "b/50%#.tif",
        "notes.txt",
        ".hidden/4.jpg",
        "a/.5.jpg",
        "a/6.webp",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return root


def test_all_images_below_a_directory_are_scored_by_their_own_urls(tree: Path) -> None:
    plan = planned(tree)
    names = ["a/1.jpg", "a/2.PNG", "b/50%#.tif", "b/c/3.jpeg"]
    assert images(plan) == [ImageToScore(f"file://{tree}/{name}", name, len(name)) for name in names]
    assert (plan.task, plan.images_root, plan.images, plan.build) == (TASK, f"file://{tree}", 4, None)


@pytest.mark.parametrize(
    ("glob", "names"),
    [
        ("a/*", ["1.jpg", "2.PNG"]),
        ("*/*.jpg", ["a/1.jpg"]),
        ("**/*.jp*g", ["a/1.jpg", "b/c/3.jpeg"]),
        ("b", ["50%#.tif", "c/3.jpeg"]),
        ("?", ["a/1.jpg", "a/2.PNG", "b/50%#.tif", "b/c/3.jpeg"]),
        ("a/1.jpg", ["1.jpg"]),
    ],
)
def test_a_glob_names_images_and_directories_of_them(tree: Path, glob: str, names: list[str]) -> None:
    plan = planned(f"{tree}/{glob}", image_url="https://host/c")
    assert [image.path for image in images(plan)] == names
    assert [image.url for image in images(plan)] == [f"https://host/c/{name.replace('%', '%25')}" for name in names]
    assert all(image.size == len(Path(plan.images_root[7:], str(image.path)).read_bytes()) for image in images(plan))


@pytest.mark.server
def test_images_of_a_web_server_are_found_by_its_index_pages(http_store: HttpStore) -> None:
    http_store.write({"photos/a b.jpg": b"one", "photos/c/50%.png": b"three", "photos/notes.txt": b"x"})
    plan = planned(f"{http_store.root}/photos")
    assert images(plan) == [
        ImageToScore(f"{http_store.root}/photos/a b.jpg", "a b.jpg", 3),
        ImageToScore(f"{http_store.root}/photos/c/50%25.png", "c/50%.png", 5),
    ]
    assert [image.path for image in images(planned(f"{http_store.root}/photos/*.jpg"))] == ["a b.jpg"]


def test_images_are_cut_into_units_that_hold_all_of_them_once(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = images(planned(tree))
    monkeypatch.setattr(module, "UNIT", 3)
    plan = planned(tree)
    assert [(unit.number, unit.size) for unit in plan.units] == [(0, 3), (1, 1)]
    assert images(plan) == whole
    monkeypatch.setattr(module, "MOST_SHARDS", 1)
    assert [unit.size for unit in planned(tree).units] == [4]


def test_the_fingerprint_follows_the_files(tree: Path) -> None:
    before = planned(tree).fingerprint
    assert planned(tree).fingerprint == before
    (tree / "notes.txt").write_text("other")
    assert planned(tree).fingerprint == before
    (tree / "a/1.jpg").write_bytes(b"another")
    assert planned(tree).fingerprint != before


def test_a_source_without_images_ends_the_run(tree: Path, tmp_path: Path) -> None:
    (tree / "empty").mkdir()
    (tree / "empty" / "notes.txt").touch()
    with pytest.raises(LabelBeamError, match="no image was found"):
        planned(tree / "empty")
    with pytest.raises(LabelBeamError, match="nothing"):
        planned(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"task": None}, "missing: --task"),
        ({"split": ["train"]}, "--split: is for the images of a build"),
        ({"images": "x"}, "--images: is for the images of a build"),
        ({"image_url": "photos"}, "--image-url: found 'photos'"),
    ],
)
def test_images_that_are_no_build_need_other_options(tree: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        planned(tree, **options)


# Builds. --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """A COCO file of four images beside it, and one that is named by a URL."""
    names = ["a b.jpg", "50%.jpg", "c/1.jpg", "c/2.jpg", "https://elsewhere.example/5.jpg"]
    for name in names[:-1]:
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"image " + name.encode())
    content = {
        "images": [{"id": key, "file_name": name, "width": 8, "height": 8} for key, name in enumerate(names)],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {"id": key, "image_id": key, "category_id": 1, "bbox": [1, 1, 4, 4]} for key in range(len(names))
        ],
    }
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(content))
    return path


def built(coco: Path, *options: str | Path) -> Path:
    output = coco.parent / "built"
    answer = labelbeam("convert", "--task", TASK, "--source", coco, "--output", output, *options)
    assert answer.status == 0, answer.err
    return output


PATHS = {"a b.jpg", "50%.jpg", "c/1.jpg", "c/2.jpg", None}


@pytest.mark.parametrize(
    "prefix", [None, "https://host/c", "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/d/paths/p/"]
)
def test_images_of_a_build_are_read_where_it_was_built_from(coco: Path, prefix: str | None) -> None:
    folder = coco.parent / "images"
    options = ["--images", folder, *(["--image-url", prefix] if prefix else [])]
    output = built(coco, *options, "--split", "train=0.5,validation=0.5")
    plan = planned(output, task=None)
    assert (plan.task, plan.images_root) == (TASK, f"file://{folder}")
    assert plan.build == json.loads((output / "latest.json").read_bytes())["build"]
    assert {image.path for image in images(plan)} == PATHS
    lines = [line for file in output.glob("builds/*/*/*.jsonl") for line in file.read_text().splitlines()]
    assert sorted(image.url for image in images(plan)) == sorted(json.loads(line)["image_url"] for line in lines)
    by_split = [images(planned(output, split=[split])) for split in ("train", "validation")]
    assert all(by_split) and sorted(map(str, by_split[0] + by_split[1])) == sorted(map(str, images(plan)))
    assert (
        len({plan.fingerprint, *(planned(output, split=[split]).fingerprint for split in ("train", "test")[:1])}) == 2
    )


def test_images_of_a_build_can_be_read_elsewhere(coco: Path, tmp_path: Path) -> None:
    output = built(coco, "--images", coco.parent / "images", "--image-url", "https://host/c")
    plan = planned(output, images=str(tmp_path / "other"))
    assert plan.images_root == f"file://{tmp_path}/other"
    assert {image.path for image in images(plan)} == PATHS


def test_an_image_that_the_dataset_names_by_a_url_is_never_opened(coco: Path) -> None:
    plan = planned(built(coco, "--images", coco.parent / "images"))
    assert [image.url for image in images(plan) if image.path is None] == ["https://elsewhere.example/5.jpg"]


def test_where_a_build_does_not_say_where_its_images_are_it_is_asked_for(coco: Path) -> None:
    output = built(coco, "--image-url", "https://host/c")
    assert planned(output).images_root == f"file://{coco.parent}/images"  # Beside the source, as the build found them.
    (manifest,) = output.glob("builds/*/manifest.json")
    content = json.loads(manifest.read_bytes())
    content["source"]["images"] = "https://***@host/images"
    manifest.write_text(json.dumps(content))
    with pytest.raises(UsageError, match="name the directory with --images"):
        planned(output)
    with pytest.raises(UsageError, match="say with --image-url"):
        planned(output, images=str(coco.parent / "images"), image_url="https://other/")
    assert {image.path for image in images(planned(output, images=str(coco.parent / "images")))} == PATHS


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"task": "image_classification"}, "--task: found image_classification, but the current build at .* is of"),
        ({"split": ["test"]}, "--split: found 'test', expected one of train"),
    ],
)
def test_options_must_fit_the_build(coco: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        planned(built(coco, "--images", coco.parent / "images"), **options)


def test_records_that_are_not_as_they_were_published_are_not_believed(coco: Path) -> None:
    output = built(coco, "--images", coco.parent / "images")
    (shard,) = output.glob("builds/*/train/*.jsonl")
    shard.write_bytes(shard.read_bytes().replace(b"c/1.jpg", b"c/9.jpg"))
    with pytest.raises(LabelBeamError, match="is not the file that was published"):
        planned(output)
