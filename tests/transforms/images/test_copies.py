"""Copying images: what is known saves reading and writing, what is not is compared, and memory is bounded."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.manifest import CopiedImage, Copies, Counts, Receipt
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.columns.listed import Listed, listed_files
from labelbeam.transforms.images import copies as copy_images
from labelbeam.transforms.images.copies import CopyOptions, Known, copier, copies_stand
from labelbeam.transforms.images.facts import ImageError, Picture
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.listing import list_files
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.reading import read_file
from labelbeam.transforms.workers.budget import Budget
from labelbeam.transforms.write.bucket import write_copied


@pytest.fixture
def roots(tmp_path: Path) -> tuple[Location, Location]:
    """A place with three images, and an empty one."""
    (tmp_path / "target").mkdir()
    source, target = locate(f"{tmp_path}/source", {}), locate(f"{tmp_path}/target", {})
    for name in ("a.jpg", "b/c.jpg", "d.jpg"):
        put(source.below(name), f"content of {name}".encode())
    return source, target


def listed(root: Location) -> Listed:
    return listed_files(list_files(root).files)


def copy(roots: tuple[Location, Location], known: Known, *paths: str, complete: bool = False) -> list[Any]:
    """The lines, or the codes of what could not be copied."""
    results = copier(CopyOptions(*roots, complete), known)([Picture(path) for path in paths])
    return [result.code if isinstance(result, ImageError) else result for result in results]


def test_what_is_known_from_both_listings_and_the_build_before_is_neither_read_nor_written(
    roots: tuple[Location, Location], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = ("a.jpg", "b/c.jpg")
    first = copy(roots, Known(listed(roots[0])), *paths)
    known = Known(listed(roots[0]), listed(roots[1]), {image.path: image for image in first})
    for name in ("read_file", "read_range", "put", "stat"):
        monkeypatch.setattr(copy_images, name, lambda *_: pytest.fail("the store was asked"))
    assert copy(roots, known, *paths) == first


def test_without_the_build_before_what_is_there_is_compared_and_not_written(
    roots: tuple[Location, Location], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = copy(roots, Known(), "a.jpg", "d.jpg")
    put(roots[1].below("d.jpg"), b"CONTENT of d.jpg")
    written: list[str] = []
    monkeypatch.setattr(copy_images, "put", lambda place, data: (written.append(place.path), put(place, data)))
    monkeypatch.setattr(copy_images, "COMPARED_AT_ONCE", 3)
    again = copy(roots, Known(listed(roots[0]), listed(roots[1])), "a.jpg", "d.jpg")
    assert written == [roots[1].below("d.jpg").path]
    assert again[0] == first[0]
    assert read_file(roots[1].below("d.jpg")) == b"content of d.jpg"


def test_an_image_whose_token_alone_has_changed_is_read_and_not_written(
    roots: tuple[Location, Location], monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = copy(roots, Known(), "a.jpg")
    put(roots[0].below("a.jpg"), b"content of a.jpg")
    monkeypatch.setattr(copy_images, "put", lambda *_: pytest.fail("it was written"))
    monkeypatch.setattr(copy_images, "read_range", lambda *_: pytest.fail("the copy was read"))
    (again,) = copy(roots, Known(listed(roots[0]), listed(roots[1]), {"a.jpg": first}), "a.jpg")
    assert again == CopiedImage(first.path, first.bytes, first.sha256, again.source, first.target)
    assert again.source != first.source


@pytest.mark.parametrize("complete", [True, False])
def test_what_cannot_be_copied_is_rejected_and_what_is_named_by_a_url_is_not_fetched(
    complete: bool, roots: tuple[Location, Location]
) -> None:
    put(roots[0].below("changed.jpg"), b"long ago")
    known = Known(listed(roots[0]))
    put(roots[0].below("changed.jpg"), b"longer than it was listed with")
    found = copy(roots, known, "none.jpg", "changed.jpg", "https://h/1.jpg", "a.jpg", complete=complete)
    assert found[:3] == [Rejected.MISSING_IMAGE, Rejected.UNREADABLE_FILE, None]
    assert found[3].path == "a.jpg"
    assert [file.path for file in list_files(roots[1]).files] == ["a.jpg"]


def test_a_finished_bucket_counts_as_such_while_its_copies_are_as_they_were_copied(
    roots: tuple[Location, Location], tmp_path: Path
) -> None:
    build = locate(f"{tmp_path}/build", {})
    receipt = Receipt(0, {}, [], None, Counts(), {}, {}, {}, {}, 0)
    assert copies_stand(build, receipt, Listed())
    images = copy(roots, Known(), "a.jpg", "d.jpg")
    receipt.copied = write_copied(images, 0, 1, build, "target")
    assert receipt.copied == Copies("target", 2, 32, receipt.copied.files)
    assert copies_stand(build, receipt, listed(roots[1]))
    put(roots[1].below("d.jpg"), b"CONTENT of d.jpg")
    assert not copies_stand(build, receipt, listed(roots[1]))
    assert not copies_stand(build, receipt, Listed())


def test_threads_hold_no_more_bytes_than_the_budget_and_a_larger_file_waits_for_all_of_it() -> None:
    budget, lock = Budget(100), threading.Lock()
    held, most, alone = 0, 0, []

    def work(size: int) -> None:
        nonlocal held, most
        with budget.take(size):
            with lock:
                held += size
                most = max(most, held if size <= 100 else 0)
                alone.append(size > 100 and held != size)
            time.sleep(0.002)
            with lock:
                held -= size

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [40, 500, 60, 30, 100, 1, 99, 300] * 5))
    assert 0 < most <= 100
    assert not any(alone)
