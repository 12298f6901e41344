"""Files of an export: their names and sizes, and when each is put."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import fsspec
import pytest

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.export.files import Files
from labelbeam.transforms.stores.locate import locate
from tests.transforms.export.published import tree


def files_in(folder: Path) -> Files:
    """Files below `out`, with `scratch` beside it."""
    folder.joinpath("scratch").mkdir()
    return Files(locate(str(folder / "out"), {}), folder / "scratch")


def test_small_files_are_put_at_once_and_others_at_the_end(tmp_path: Path) -> None:
    files = files_in(tmp_path)
    files.put_all([("a/1.txt", b"x"), ("2.txt", b"")])
    files.put_last("data.yaml", b"last")
    stream = files.stream("lists/train.txt")
    stream.write(b"one\n")
    stream.write(b"two\n")
    assert tree(tmp_path / "out") == {"a/1.txt": b"x", "2.txt": b""}
    files.close()
    assert tree(tmp_path / "out") == {
        "a/1.txt": b"x",
        "2.txt": b"",
        "data.yaml": b"last",
        "lists/train.txt": b"one\ntwo\n",
    }
    assert files.sizes == {"a/1.txt": 1, "2.txt": 0, "data.yaml": 4, "lists/train.txt": 8}
    assert not tree(tmp_path / "scratch")


def test_files_are_noted_before_any_of_them_is_put(tmp_path: Path) -> None:
    noted: list[tuple[list[str], int]] = []

    def note(paths: Sequence[str]) -> None:
        noted.append((list(paths), len(tree(tmp_path / "out"))))

    (tmp_path / "out").mkdir()
    files = Files(locate(str(tmp_path / "out"), {}), tmp_path, note=note)
    files.put_all([("a/1.txt", b"x"), ("2.txt", b"")])
    files.stream("list.txt").write(b"one\n")
    files.put_last("data.yaml", b"last")
    files.close()
    assert noted == [(["a/1.txt", "2.txt"], 0), (["list.txt", "data.yaml"], 2)]


def test_a_stream_is_put_into_a_store_whole(memory: str, tmp_path: Path) -> None:
    files = Files(locate(memory, {}), tmp_path)
    files.stream("a.json").write(b"[1]")
    files.close()
    fs, path = fsspec.url_to_fs(memory)
    assert fs.cat_file(f"{path}/a.json") == b"[1]" and files.sizes == {"a.json": 3}


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "a//x", "", "."])
def test_a_name_that_leads_out_of_the_destination_is_never_written(path: str, tmp_path: Path) -> None:
    files = files_in(tmp_path)
    with pytest.raises(LabelBeamError, match="no path below DEST"):
        files.put_all([("1.txt", b""), (path, b"x")])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("again", ["put_all", "put_last", "stream", "claim"])
def test_no_name_is_given_twice(again: str, tmp_path: Path) -> None:
    files = files_in(tmp_path)
    files.put_all([("1.txt", b"x")])
    with pytest.raises(LabelBeamError, match=r"two images of the build would both be '?1\.txt"):
        if again == "put_all":
            files.put_all([("1.txt", b"y")])
        elif again == "stream":
            files.stream("1.txt")
        elif again == "claim":
            files.claim("1.txt", 1)
        else:
            files.put_last("1.txt", b"y")
    assert tree(tmp_path / "out") == {"1.txt": b"x"}


def test_an_export_that_is_abandoned_closes_its_streams_and_its_spools(tmp_path: Path) -> None:
    files = files_in(tmp_path)
    stream, spool = files.stream("a"), files.spool()
    spool.write(b"x")
    assert tree(tmp_path / "scratch").keys() == {"stream-0"}  # A spool has no name.
    files.abandon()
    assert stream.closed and spool.closed and not (tmp_path / "out").exists()


def test_an_export_that_is_abandoned_on_a_full_disk_closes_all_the_same(tmp_path: Path) -> None:
    files = files_in(tmp_path)
    full = open("/dev/full", "r+b")  # noqa: SIM115  # closed by `abandon`
    full.write(b"x")
    files._spools.append(full)
    stream = files.stream("a")
    files.abandon()
    assert full.closed and stream.closed
