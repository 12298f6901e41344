"""What a build leaves for its continuation, and when that is believed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.layout import BUILDS, UNFINISHED
from labelbeam.schemas.manifest import Counts, FileEntry, Receipt, SplitCounts
from labelbeam.transforms.builds.identity import BuildIdentity
from labelbeam.transforms.builds.resume import (
    Target,
    begin,
    finished_bucket,
    forget,
    keep_receipt,
    remove_temporaries,
    unfinished_build,
)
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate

SHARD = "train/train-00000-of-00002.jsonl"
COPY = "parquet/train-00000-of-00002.parquet"
REJECTED = "rejected/rejected-00000-of-00002.jsonl"


@pytest.fixture
def target(tmp_path: Path) -> Target:
    """A build of which bucket 0 of 2 is finished."""
    target = Target(str(tmp_path / "out/builds/B"), str(tmp_path / "out/unfinished/B"), "hash", True)
    entries = {}
    for name in (SHARD, COPY, REJECTED):
        data = f"what stands in {name}".encode()
        put(locate(target.build, {}).below(name), data)
        entries[name] = FileEntry(name, 1, len(data), hashlib.sha256(data).hexdigest())
    splits = {"train": SplitCounts(1, 1, [entries[SHARD]])}
    receipt = Receipt(0, splits, [entries[COPY]], entries[REJECTED], Counts(), {}, {}, {}, {}, 7)
    keep_receipt(target, {}, 2, receipt)
    return target


def test_a_finished_bucket_is_known_by_its_receipt(target: Target) -> None:
    receipt = finished_bucket(target, {}, 0, 2, Receipt)
    assert receipt is not None
    assert (receipt.records_in, receipt.reused) == (7, True)
    assert [entry.path for entry in receipt.files()] == [SHARD, COPY, REJECTED]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[3] ^= 1
    path.write_bytes(data)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("name", [SHARD, COPY, REJECTED])
@pytest.mark.parametrize("damage", [flip, truncate, Path.unlink])
def test_a_bucket_with_a_damaged_file_is_written_again(
    damage: Callable[[Path], None], name: str, target: Target
) -> None:
    damage(Path(target.build, name))
    assert finished_bucket(target, {}, 0, 2, Receipt) is None


def test_a_receipt_that_names_a_file_outside_of_the_build_is_not_believed(target: Target, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"x")
    for name in ("../../../secret", str(secret)):
        entry = FileEntry(name, 1, 1, hashlib.sha256(b"x").hexdigest())
        keep_receipt(target, {}, 2, Receipt(0, {}, [entry], None, Counts(), {}, {}, {}, {}, 7))
        assert finished_bucket(target, {}, 0, 2, Receipt) is None


def test_another_bucket_another_number_of_them_and_other_inputs_are_not_finished(target: Target) -> None:
    other = Target(target.build, target.unfinished, "another hash", True)
    found = [
        finished_bucket(target, {}, 1, 2, Receipt),
        finished_bucket(target, {}, 0, 3, Receipt),
        finished_bucket(other, {}, 0, 2, Receipt),
    ]
    assert found == [None, None, None]


@pytest.mark.parametrize("content", [b"", b"{", b'{"made_from": "hash"}', b"\xff"])
def test_a_receipt_that_is_none_is_not_believed(content: bytes, target: Target) -> None:
    Path(target.unfinished, "receipt-00000-of-00002.json").write_bytes(content)
    assert finished_bucket(target, {}, 0, 2, Receipt) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda kept: kept["receipt"].update(splits={}, parquet=[], rejected=None),
        lambda kept: kept["receipt"].update(splits={"validation": kept["receipt"]["splits"]["train"]}),
        lambda kept: kept["receipt"]["counts"]["images"].update(found=9, written=9),
        lambda kept: kept["receipt"].update(labels={"train": {"dog": 9}}),
        lambda kept: kept["receipt"]["parquet"][0].update(records=9),
        lambda kept: kept.pop("sha256"),
        lambda kept: kept.update(sha256="0" * 64),
    ],
    ids=["no files", "another split", "counts", "labels", "records", "no hash", "another hash"],
)
def test_a_receipt_that_somebody_has_changed_is_not_believed(change: Callable[[Any], object], target: Target) -> None:
    place = Path(target.unfinished, "receipt-00000-of-00002.json")
    kept = json.loads(place.read_bytes())
    change(kept)
    place.write_text(json.dumps(kept, separators=(",", ":")))
    assert finished_bucket(target, {}, 0, 2, Receipt) is None


def test_a_receipt_under_another_name_or_of_files_of_another_bucket_is_not_believed(target: Target) -> None:
    place = Path(target.unfinished, "receipt-00000-of-00002.json")
    place.with_name("receipt-00001-of-00002.json").write_bytes(place.read_bytes())
    assert finished_bucket(target, {}, 1, 2, Receipt) is None
    own = finished_bucket(target, {}, 0, 2, Receipt)
    assert own is not None
    keep_receipt(target, {}, 2, Receipt(1, own.splits, own.parquet, None, Counts(), {}, {}, {}, {}, 7))
    assert finished_bucket(target, {}, 1, 2, Receipt) is None


def test_the_latest_build_of_the_same_is_gone_on_with(tmp_path: Path) -> None:
    output = locate(str(tmp_path), {})
    assert unfinished_build(output, "aaaaaaaabbb") is None
    for build in ("20240101T1Z-aaaaaaaa", "20240103T1Z-aaaaaaaa", "20240104T1Z-cccccccc"):
        put(output.below(f"unfinished/{build}/receipt-00000-of-00001.json"), b"")
    put(output.below("unfinished/lock-20250101T1Z-aaaaaaaa"), b"")
    assert unfinished_build(output, "aaaaaaaabbb") == "20240103T1Z-aaaaaaaa"
    assert unfinished_build(output, "ddddddddbbb") is None


def test_what_was_kept_is_forgotten_and_no_more(target: Target, tmp_path: Path) -> None:
    output = locate(str(tmp_path / "out"), {})
    put(output.below("unfinished/lock-1.json"), b"")
    forget(output, "B")
    forget(output, "B")
    assert [path.name for path in (tmp_path / "out/unfinished").iterdir()] == ["lock-1.json"]
    assert Path(target.build, SHARD).exists()


def test_only_files_under_temporary_names_are_removed(tmp_path: Path) -> None:
    names = [
        f".labelbeam-{'a' * 32}.tmp",
        f"train/.labelbeam-{'0' * 32}.tmp",
        "train/x.tmp",
        f".{'a' * 31}.tmp",
        f"{'a' * 32}.tmp",
        f".{'b' * 32}.tmp",
        ".hidden",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    remove_temporaries(locate(str(tmp_path), {}))
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == sorted(
        name.rpartition("/")[2] for name in names[2:]
    )
    remove_temporaries(locate(str(tmp_path / "none"), {}))


@pytest.mark.parametrize("link", [BUILDS, f"{BUILDS}/train", UNFINISHED])
def test_a_build_is_not_gone_on_with_through_a_link(link: str, tmp_path: Path) -> None:
    output, name = locate(str(tmp_path / "out"), {}), "20240101T000000000000Z-aaaaaaaa"
    identity = BuildIdentity(name, "1", "aaaaaaaa" * 8)
    assert begin(output, identity) == (identity, False)
    put(output.below(f"{BUILDS}/{name}/train/1.jsonl"), b"")
    above, _, below = link.partition("/")
    place, elsewhere = tmp_path / "out" / above / name / below, tmp_path / "elsewhere"
    place.rename(elsewhere)
    place.symlink_to(elsewhere)
    before = sorted(elsewhere.rglob("*"))
    with pytest.raises(StoreError, match=r"is a link, .* expected a directory"):
        begin(output, BuildIdentity("20240102T000000000000Z-aaaaaaaa", "1", identity.made_from))
    assert sorted(elsewhere.rglob("*")) == before


def test_a_build_is_not_gone_on_with_once_nothing_proves_that_it_was_begun(tmp_path: Path) -> None:
    output = locate(str(tmp_path / "out"), {})
    first, resumes = begin(output, BuildIdentity("20260101T000000000000Z-0a1b2c3d", "1", "0a1b2c3d" * 8))
    assert not resumes
    forget(output, first.build)  # As a clean does first, which may stand still before it removes the files.
    put(output.below(f"unfinished/{first.build}/notes.txt"), b"of others")
    second, resumes = begin(output, BuildIdentity("20260101T000000000000Z-0a1b2c3d", "1", "0a1b2c3d" * 8))
    assert (resumes, second.build > first.build) == (False, True)
