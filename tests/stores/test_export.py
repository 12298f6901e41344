"""`labelbeam export` between stores: the same files as on a disk, and the marker last."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import labelbeam
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.export.marker import MARKER, UNFINISHED
from tests.servers.stores import Store
from tests.transforms.export.published import DETECTION, box, publish, record, tree

pytestmark = [
    pytest.mark.server,
    pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning"),  # As in test_proxy.
]


@pytest.fixture(params=["s3_store", "azure_store", "gcs_store"])
def store(request: pytest.FixtureRequest) -> Store:
    """Each store in turn."""
    found: Store = request.getfixturevalue(request.param)
    return found


def test_a_build_in_a_store_is_exported_into_it_with_its_images(store: Store, tmp_path: Path) -> None:
    records = [record(f"a b/{number}.png", [box("ü", 0.1, 0.2, 0.3, 0.4)]) for number in range(3)]
    output = publish(
        tmp_path / "published", DETECTION, {"train": [records[:2]], "test": [records[2:]]}, tmp_path / "images"
    )
    store.upload(output, "published")
    store.upload(tmp_path / "images", "images")
    options = {"storage_options": store.storage_options, "copy_images": True, "images": store.url("images")}
    for to in ("yolo", "coco"):  # The second takes the place of the first.
        labelbeam.export(output, tmp_path / to, to=to, copy_images=True)
        exported = labelbeam.export(store.url("published"), store.url("out"), to=to, **options)
        assert exported.copied == 3
        assert files_of(store) == tree(tmp_path / to)
    store.write({"out/mine.txt": b""})
    with pytest.raises(UsageError, match=r"not empty: mine\.txt"):
        labelbeam.export(store.url("published"), store.url("out"), to="csv", storage_options=store.storage_options)
    store.remove("out/mine.txt")

    # As a run that was killed leaves it.
    store.remove(f"out/{MARKER}")
    before = json.loads((tmp_path / "coco" / MARKER).read_text())["files"]
    store.write({f"out/{UNFINISHED}": json.dumps({"run": "1", "before": before}).encode()})
    labelbeam.export(store.url("published"), store.url("out"), to="csv", storage_options=store.storage_options)
    assert sorted(files_of(store)) == [MARKER, "labels.csv"]


def files_of(store: Store) -> dict[str, bytes]:
    """The files of the export, by their path below it."""
    return {path.removeprefix("out/"): data for path, data in store.files("out").items()}
