"""Pictures of a report are read below the images' directory and nowhere else, and none of them can do harm."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path

import pytest
from PIL import Image

from labelbeam.transforms.report import pictures
from labelbeam.transforms.report.pictures import Picture, Wanted, read_pictures
from labelbeam.transforms.stores.locate import locate
from tests.servers.stores import HttpStore, S3Store, Store


def encoded(width: int = 60, height: int = 40) -> bytes:
    data = io.BytesIO()
    Image.effect_noise((width, height), 60).save(data, "png")
    return data.getvalue()


def fill(folder: Path, **files: bytes) -> None:
    for name, data in files.items():
        folder.joinpath(f"{name}.png").write_bytes(data)


def one(folder: Path, path: str | None, size: tuple[int, int] | None = None) -> Picture:
    (picture,) = read_pictures(locate(str(folder), {}), [Wanted(path, size)])
    return picture


def test_a_picture_is_embedded_whole(tmp_path: Path) -> None:
    fill(tmp_path, a=encoded())
    picture = one(tmp_path, "a.png", (60, 40))
    assert (picture.note, picture.width, picture.height) == ("", 60, 40)
    kind, _, data = str(picture.uri).partition(",")
    assert kind == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (60, 40)


def test_an_image_of_another_size_than_its_record_says_is_told_of(tmp_path: Path) -> None:
    fill(tmp_path, a=encoded())
    picture = one(tmp_path, "a.png", (80, 40))
    assert picture.uri and picture.note == "of 60 x 40 pixels, while its record says 80 x 40"


def test_an_image_of_which_no_record_tells_the_frame_is_said_to_be_as_stored(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (60, 40)).save(tmp_path / "a.jpg", exif=exif)
    picture = one(tmp_path, "a.jpg")
    assert (picture.width, picture.height) == (60, 40) and "shown as it is stored" in picture.note
    assert one(tmp_path, "a.jpg", (40, 60)).note == one(tmp_path, "a.jpg", (60, 40)).note == ""


@pytest.mark.parametrize("path", [None, "../secret.png", "/etc/passwd", "https://h/a.png", "link.png", "folder/a.png"])
def test_what_lies_elsewhere_is_not_read(path: str | None, tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "images"
    outside.mkdir()
    root.mkdir()
    fill(outside, a=encoded())
    fill(tmp_path, secret=encoded())
    root.joinpath("link.png").symlink_to(outside / "a.png")
    root.joinpath("folder").symlink_to(outside)
    picture = one(root, path)
    assert picture.uri is None and picture.note.startswith("not read: it ")


def test_a_pipe_and_a_directory_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    tmp_path.joinpath("b.png").mkdir()
    for name in ("a.png", "b.png"):
        assert one(tmp_path, name).note.startswith("not read: ")


def test_what_is_missing_damaged_or_no_image_costs_no_other(tmp_path: Path) -> None:
    fill(tmp_path, good=encoded(), cut=encoded(300, 300)[:900], text=b"<script>", empty=b"")
    wanted = [Wanted(f"{name}.png", None) for name in ("cut", "text", "missing", "empty", "good")]
    found = read_pictures(locate(str(tmp_path), {}), wanted)
    assert [picture.uri is not None for picture in found] == [False, False, False, False, True]
    assert all(picture.note for picture in found[:-1])


def test_a_file_that_is_too_large_is_not_held_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_BYTES", 500)
    fill(tmp_path, a=encoded(), b=encoded(4, 4))
    large, small = read_pictures(locate(str(tmp_path), {}), [Wanted("a.png", None), Wanted("b.png", None)])
    assert large.uri is None and "more than 500 bytes" in large.note
    assert small.uri is not None


def test_all_pictures_together_fit_into_the_room_that_there_is(tmp_path: Path) -> None:
    fill(tmp_path, a=encoded(200, 200), b=encoded(200, 200), c=encoded(8, 8))
    wanted = [Wanted(f"{name}.png", None) for name in "abc"]
    alone = len(str(one(tmp_path, "a.png").uri))
    found = read_pictures(locate(str(tmp_path), {}), wanted, room=alone + 1500)
    assert [picture.uri is not None for picture in found] == [True, False, True]
    assert "too large" in found[1].note


@pytest.mark.server
@pytest.mark.parametrize("name", ["s3_store", "http_store", "plain_http_store"])
def test_pictures_are_read_from_stores(name: str, request: pytest.FixtureRequest) -> None:
    store: S3Store | HttpStore | Store = request.getfixturevalue(name)
    store.write({f"images/{number} #.png": encoded() for number in range(10)})
    root = locate(store.url("images"), store.storage_options)
    found = read_pictures(root, [Wanted(f"{number} #.png", (60, 40)) for number in range(11)])
    assert [picture.uri is not None for picture in found] == [True] * 10 + [False]
    assert "does not exist" in found[10].note or "404" in found[10].note
