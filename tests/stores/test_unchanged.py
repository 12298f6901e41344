"""--if-changed on object stores: a few requests and no write where nothing has changed, and a build where anything has."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.builds import PREFIX, labelbeam
from tests.end_to_end.datasets import (
    coco_box,
    coco_image,
    touch,
    voc_object,
    voc_xml,
    write_coco,
    write_image,
    write_voc,
)
from tests.servers.fixtures import Proxied
from tests.servers.proxy import Proxy
from tests.servers.stores import GcsStore, Store

pytestmark = pytest.mark.server

DETECTION, CLASSIFICATION = "image_object_detection", "image_classification"
IMAGES = 30


def coco(root: Path) -> str:
    numbers = range(1, IMAGES + 1)
    write_coco(root / "coco.json", [coco_image(n) for n in numbers], [coco_box(n, n) for n in numbers])
    return "coco.json"


def voc(root: Path) -> str:
    write_voc(root / "voc", {str(number): voc_xml(voc_object()) for number in range(IMAGES)})
    return "voc"


def folder(root: Path) -> str:
    for number in range(IMAGES):
        write_image(touch(root / f"folder/{'cat' if number % 2 else 'dog'}/{number}.png"), format_name="PNG")
    return "folder"


class Dataset:
    """A dataset in a store behind a proxy, and builds of it."""

    def __init__(self, store: Store, proxy: Proxy, source: str, *options: str) -> None:
        self.store, self.proxy, self.source, self.options = store, proxy, source, options

    def build(self, *options: str) -> tuple[str, list[Any]]:
        """Whether it was published or unchanged, and the requests of the run."""
        self.proxy.forget()
        task = CLASSIFICATION if self.source == "folder" else DETECTION
        answer = labelbeam(
            *("convert", "--task", task, "--source", self.store.url(self.source), "--output", self.store.url("out")),
            *(
                "--storage-options",
                json.dumps(self.store.storage_options),
                "--if-changed",
                "--json",
                "--max-rejected",
                "1",
            ),
            *self.options,
            *options,
        )
        assert answer.status == 0, answer.err
        return json.loads(answer.out)["status"], self.proxy.requests()


@pytest.fixture(params=["s3", "azure", "gcs"])
def store(request: pytest.FixtureRequest) -> Store:
    """A place in each object store."""
    found: Store = request.getfixturevalue(f"{request.param}_store")
    return found


@pytest.mark.parametrize(
    ("make", "options", "most"),
    [
        (coco, ["--image-url", PREFIX], 4),
        (coco, ["--image-url", PREFIX, "--images", "ROOT/pictures", "--check-images", "exists"], 6),
        (voc, ["--image-url", PREFIX, "--check-images", "none"], 5),
        (folder, [], 5),
    ],
)
def test_what_has_not_changed_costs_a_few_requests_and_no_write(
    make: Callable[[Path], str], options: list[str], most: int, store: Store, tmp_path: Path, proxied: Proxied
) -> None:
    source = make(tmp_path / "data")
    store.upload(tmp_path / "data")
    store.write({"pictures/1.jpg": b"", "pictures/2.jpg": b""})
    through, proxy = proxied(store)
    dataset = Dataset(through, proxy, source, *(option.replace("ROOT", through.root) for option in options))
    assert dataset.build()[0] == "published"
    status, requests = dataset.build()
    assert status == "unchanged"
    # The emulator of Google's store was once seen to be asked once more.
    assert len(requests) <= most + isinstance(store, GcsStore), [
        (request.method, request.target) for request in requests
    ]
    assert {request.method for request in requests} <= {"GET", "HEAD"}, requests


@pytest.mark.parametrize("make", [coco, voc, folder])
def test_whatever_changes_is_built(make: Callable[[Path], str], store: Store, tmp_path: Path, proxied: Proxied) -> None:
    source = make(tmp_path / "data")
    store.upload(tmp_path / "data")
    dataset = Dataset(*proxied(store), source, "--image-url", PREFIX)
    assert [dataset.build()[0], dataset.build()[0]] == ["published", "unchanged"]
    file = max(path for path in (tmp_path / "data").rglob("*") if path.suffix in (".json", ".xml", ".png"))
    data = file.read_bytes()
    # In a picture another byte, of which the size tells nothing; in a text one more.
    data = data[:-1] + bytes([data[-1] ^ 1]) if file.suffix == ".png" else data + b"\n"
    store.write({file.relative_to(tmp_path / "data").as_posix(): data})
    assert [dataset.build()[0], dataset.build()[0]] == ["published", "unchanged"]
    assert [dataset.build("--dimensions", "px")[0], dataset.build("--dimensions", "px")[0]] == [
        "published",
        "unchanged",
    ]


def test_a_file_that_a_glob_matches_as_well_is_a_change(store: Store, tmp_path: Path, proxied: Proxied) -> None:
    coco(tmp_path / "data")
    store.upload(tmp_path / "data", "in/a")
    dataset = Dataset(*proxied(store), "in/*/coco.json", "--image-url", PREFIX, "--images", store.url("none"))
    assert [dataset.build()[0], dataset.build()[0]] == ["published", "unchanged"]
    store.upload(tmp_path / "data", "in/b")
    assert [dataset.build()[0], dataset.build()[0]] == ["published", "unchanged"]
