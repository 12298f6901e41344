"""`labelbeam export` between stores: the same files as on a disk, and the marker last."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import labelbeam
from labelbeam.schemas.errors import LostLockError, UsageError
from labelbeam.transforms.export.destination import destination
from labelbeam.transforms.export.marker import MARKER, UNFINISHED, Marker
from labelbeam.transforms.stores.locate import locate
from tests.servers.stores import S3Store, Store
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


def test_an_export_that_was_taken_over_right_before_its_end_puts_no_marker_over_the_other(
    s3_store: S3Store, tmp_path: Path
) -> None:
    outputs = [
        publish(tmp_path / label, DETECTION, {"train": [[record("1.png", [box(label, 0.1, 0.2, 0.3, 0.4)])]]})
        for label in ("older", "newer")
    ]
    dest = locate(s3_store.url("out"), s3_store.storage_options)

    def ends_late() -> Marker:
        for claim in s3_store.paths("out/unfinished"):
            s3_store.remove(claim)  # As the other run does, which has taken this one for dead.
        labelbeam.export(outputs[1], s3_store.url("out"), to="csv", storage_options=s3_store.storage_options)
        return Marker(1, "csv", "older", "0", DETECTION, {}, {}, {"labels.csv": 1})

    with pytest.raises(LostLockError, match="another one has taken over"), destination(dest) as (files, finish):
        files.put_all([("labels.csv", b"x")])
        finish(ends_late)
    labelbeam.export(outputs[1], tmp_path / "out", to="csv")
    assert {name: data for name, data in files_of(s3_store).items() if name in ("labels.csv", MARKER)} == tree(
        tmp_path / "out"
    )


def files_of(store: Store) -> dict[str, bytes]:
    """The files of the export, by their path below it."""
    return {path.removeprefix("out/"): data for path, data in store.files("out").items()}
