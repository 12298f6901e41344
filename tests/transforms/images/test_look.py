"""Looking at image files: how far each mode of --check-images looks, and what it makes of each oddity."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from PIL import Image

from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.columns.images import ImageRow
from labelbeam.transforms.columns.listed import Listed, listed_files
from labelbeam.transforms.images.facts import ImageError, ImageFacts
from labelbeam.transforms.images.look import FIRST_BLOCK, LookOptions, looker, shows_all
from labelbeam.transforms.stores.errors import UnavailableError
from labelbeam.transforms.stores.files import StoredFile, put
from labelbeam.transforms.stores.listing import list_files
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.threads import READS_AT_ONCE

MODES = (None, "none", "exists", "header", "decode")
OPENING = ("header", "decode")


def png(width: int = 4, height: int = 3) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height)).save(file, "png")
    return file.getvalue()


def row(path: str, width: int | None = 4, height: int | None = 3) -> ImageRow:
    return ImageRow(0, path, "source", "locator", width, height)


def look(root: Location, mode: str | None, *rows: ImageRow, listed: Listed | None = None) -> list[Any]:
    """What was found: facts, a code, or None for an image that was not looked at; `listed` is None for no listing."""
    options = LookOptions(mode, root, listed is not None and shows_all(root))
    found = looker(options, listed or Listed())(rows)
    return [result.code if isinstance(result, ImageError) else result for result in found]


def listing(root: Location) -> Listed:
    return listed_files(list_files(root).files)


def message(root: Location, mode: str, path: str) -> str:
    (found,) = looker(LookOptions(mode, root), Listed())([row(path)])
    assert isinstance(found, ImageError)
    return str(found)


@pytest.fixture(params=["disk", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path, memory: str) -> Location:
    """An images root with an image, a cut one, text, and an empty file."""
    root = locate(str(tmp_path) if request.param == "disk" else memory, {})
    content = {"a/1.png": png(), "cut.png": png(40, 30)[:50], "text.png": b"hello", "empty.png": b""}
    for name, data in content.items():
        put(root.below(name), data)
    return root


FACTS = ImageFacts("png", 4, 3)


@pytest.mark.parametrize("is_listed", [True, False])
@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("none", [None, None, None]),
        (None, [None, None, None]),
        ("exists", [None, None, Rejected.MISSING_IMAGE]),
        ("header", [FACTS, ImageFacts("png", 40, 30), Rejected.MISSING_IMAGE]),
        ("decode", [FACTS, Rejected.TRUNCATED_IMAGE, Rejected.MISSING_IMAGE]),
    ],
)
def test_each_mode_looks_as_far_as_it_says_with_a_listing_and_without(
    mode: str | None, expected: list[Any], is_listed: bool, root: Location
) -> None:
    rows = [row("a/1.png"), row("cut.png"), row("gone.png")]
    assert look(root, mode, *rows, listed=listing(root) if is_listed else None) == expected


@pytest.mark.parametrize(("width", "height"), [(None, None), (None, 3), (4, None), (0, 3)])
def test_by_default_images_without_a_size_are_opened_and_no_others(
    width: int | None, height: int | None, root: Location
) -> None:
    rows = [row("a/1.png", width, height), row("a/1.png")]
    assert look(root, None, *rows) == [FACTS, None]
    assert look(root, "exists", *rows, listed=listing(root)) == [FACTS, None]
    assert look(root, "none", *rows) == [None, None]


class Counting(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A store that keeps a list of what it was asked."""

    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Any] = []

    def info(self, path: str, **_: Any) -> Any:
        self.asked.append(path)
        return super().info(path)

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        self.asked.append((path, start, end))
        return bytes(super().cat_file(path, start, end))


def counted(root: Location, mode: str, *rows: ImageRow, listed: Listed | None) -> tuple[list[Any], list[Any]]:
    store = Counting()
    found = look(root._replace(fs=store), mode, *rows, listed=listed)
    return found, store.asked


@pytest.mark.parametrize("mode", OPENING)
def test_a_listed_image_costs_one_ranged_read_and_a_missing_one_nothing(mode: str, memory: str) -> None:
    root = locate(memory, {})
    large = png() + bytes(2 * FIRST_BLOCK)
    put(root.below("small.png"), png())
    put(root.below("large.png"), large)
    end = FIRST_BLOCK if mode == "header" else len(large)
    rows = [row("small.png"), row("large.png"), row("gone.png"), row("https://h/1.png")]
    assert counted(root, mode, *rows[:1], listed=listing(root)) == (
        [FACTS],
        [(f"{root.path}/small.png", 0, len(png()))],
    )
    assert counted(root, mode, *rows[1:], listed=listing(root)) == (
        [FACTS, Rejected.MISSING_IMAGE, None],
        [(f"{root.path}/large.png", 0, end)],
    )


def test_existence_is_answered_from_the_listing_alone(memory: str) -> None:
    root = locate(memory, {})
    put(root.below("there.png"), png())
    listed = listed_files([StoredFile("listed.png", 9, "t")])
    rows = [row("listed.png"), row("there.png"), row("there.png", None, None)]
    expected = [None, Rejected.MISSING_IMAGE, Rejected.MISSING_IMAGE]
    assert counted(root, "exists", *rows, listed=listed) == (expected, [])


def test_where_nothing_was_listed_or_no_size_is_told_the_store_is_asked(memory: str) -> None:
    root = locate(memory, {})
    put(root.below("1.png"), png())
    path = f"{root.path}/1.png"
    for listed in (None, listed_files([StoredFile("1.png", 0, "t")])):
        assert counted(root, "header", row("1.png"), listed=listed) == ([FACTS], [path, (path, 0, len(png()))])


def test_what_no_listing_has_to_show_is_asked_for(tmp_path: Path) -> None:
    root = locate(str(tmp_path), {})
    put(root.below("real/1.png"), png())
    (tmp_path / "link").symlink_to("real")
    assert [file.path for file in list_files(root).files] == ["real/1.png"]
    for mode, expected in (("exists", None), ("header", FACTS)):
        rows = [row("link/1.png"), row("link/2.png")]
        assert look(root, mode, *rows, listed=listing(root)) == [expected, Rejected.MISSING_IMAGE]


def test_listings_of_disks_and_index_pages_do_not_show_all_and_those_of_stores_do(tmp_path: Path, memory: str) -> None:
    urls = (str(tmp_path), "http://127.0.0.1:9/d", "https://127.0.0.1:9/d", memory, "s3://bucket/d")
    assert [shows_all(locate(url, {})) for url in urls] == [False, False, False, True, True]


@pytest.mark.parametrize("mode", OPENING)
def test_what_is_no_image_is_told_from_what_is_missing(mode: str, root: Location) -> None:
    expected = [Rejected.NOT_AN_IMAGE, Rejected.NOT_AN_IMAGE, Rejected.MISSING_IMAGE, Rejected.MISSING_IMAGE]
    assert look(root, mode, row("text.png"), row("empty.png"), row("a"), row("a/1.png/2.png")) == expected


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("url", ["https://host/1.jpg", "AmlDatastore://d/1.jpg"])
def test_images_that_are_named_by_url_are_not_fetched(mode: str | None, url: str, root: Location) -> None:
    assert look(root, mode, row(url), row(url, None, None)) == [None, None]


@pytest.mark.parametrize("mode", OPENING)
def test_links_out_of_the_root_are_refused_and_links_inside_it_are_not(mode: str, tmp_path: Path) -> None:
    for name in ("root/1.png", "out/1.png"):
        put(locate(f"{tmp_path}/{name}", {}), png())
    (tmp_path / "root" / "file.png").symlink_to("../out/1.png")
    (tmp_path / "root" / "folder").symlink_to("../out")
    (tmp_path / "root" / "inside.png").symlink_to("1.png")
    (tmp_path / "root" / "dead.png").symlink_to("none.png")
    root = locate(f"{tmp_path}/root", {})
    names = ("file.png", "folder/1.png", "inside.png", "dead.png")
    assert look(root, mode, *map(row, names)) == [
        Rejected.UNSAFE_PATH,
        Rejected.UNSAFE_PATH,
        FACTS,
        Rejected.MISSING_IMAGE,
    ]
    assert f"file.png is a link out of file://{tmp_path}/root, which is not followed" in message(root, mode, "file.png")


@pytest.mark.parametrize("mode", OPENING)
def test_a_file_that_may_not_be_read_is_unreadable_rather_than_missing(mode: str, nobody: Path) -> None:
    root = locate(str(nobody), {})
    assert look(root, mode, row("closed/1.jpg")) == [Rejected.UNREADABLE_FILE]
    assert message(root, mode, "closed/1.jpg").endswith("closed/1.jpg: cannot be read: permission denied")


class Store(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A store whose reads wait for one another, or fail."""

    cachable = False
    together = threading.Barrier(1)
    failure: Exception | None = None

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        self.together.wait()
        if self.failure is not None:
            raise self.failure
        return bytes(super().cat_file(path, start, end))


@pytest.mark.parametrize("mode", OPENING)
@pytest.mark.parametrize("failure", [RuntimeError("403"), FileNotFoundError("gone meanwhile")])
def test_a_store_that_fails_while_an_image_is_read_costs_that_image(mode: str, failure: Exception, memory: str) -> None:
    put(locate(f"{memory}/1.png", {}), png())
    store = Store()
    store.failure = failure
    expected = Rejected.MISSING_IMAGE if isinstance(failure, FileNotFoundError) else Rejected.UNREADABLE_FILE
    assert look(locate(memory, {})._replace(fs=store), mode, row("1.png")) == [expected]


def test_a_store_that_stays_out_of_reach_costs_no_image_but_ends_the_run(memory: str, waits: list[float]) -> None:
    put(locate(f"{memory}/1.png", {}), png())
    store = Store()
    store.failure = TimeoutError("slow")
    with pytest.raises(UnavailableError, match=r"1\.png: .* slow; tried 10 times"):
        look(locate(memory, {})._replace(fs=store), "header", row("1.png"))
    assert len(waits) == 9


def test_images_are_read_side_by_side_and_come_back_in_order(memory: str) -> None:
    root = locate(memory, {})
    for number in range(READS_AT_ONCE):
        put(root.below(f"{number}.png"), png(number + 1, 1))
    store = Store()
    store.together = threading.Barrier(READS_AT_ONCE, timeout=60)
    found = look(root._replace(fs=store), "header", *(row(f"{number}.png") for number in range(READS_AT_ONCE)))
    assert [facts.width for facts in found] == list(range(1, READS_AT_ONCE + 1))


@pytest.mark.parametrize("mode", MODES)
def test_no_image_is_no_work(mode: str | None, root: Location) -> None:
    assert look(root, mode) == []


def exif(size: int) -> bytes:
    """A JPEG whose EXIF block, with a thumbnail as cameras embed it, is so many bytes."""
    about = Image.Exif()
    about[0x927C] = bytes(size)
    file = io.BytesIO()
    Image.effect_noise((640, 480), 90).save(file, "jpeg", exif=about, quality=95)
    return file.getvalue()


@pytest.mark.parametrize(("size", "reads"), [(0, 1), (24_000, 1), (60_000, 2)])
def test_a_camera_s_exif_costs_at_most_one_more_read(size: int, reads: int, memory: str) -> None:
    root = locate(memory, {})
    put(root.below("1.jpg"), exif(size))
    found, asked = counted(root, "header", row("1.jpg", 640, 480), listed=listing(root))
    assert (found, len(asked)) == ([ImageFacts("jpg", 640, 480)], reads)
