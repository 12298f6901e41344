"""Destinations: nothing looks finished before it is, and nothing of others is removed."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import sys
import warnings
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

import fsspec
import pytest

import labelbeam
from labelbeam.schemas.errors import BusyError, LabelBeamError, LostLockError, UsageError
from labelbeam.schemas.layout import is_of_a_claim
from labelbeam.transforms.export.destination import destination
from labelbeam.transforms.export.files import Files
from labelbeam.transforms.export.marker import MARKER, UNFINISHED, Marker, is_note
from labelbeam.transforms.stores.locate import locate
from tests.transforms.export.published import DETECTION, box, publish, record, tree


def published(place: Path, label: str = "a", count: int = 2, build: str = "20260101T000000000000Z-0a1b2c3d") -> Path:
    """A build of a few boxes."""
    records = [record(f"{number}.png", [box(label, 0, 0, 1, 1)]) for number in range(count)]
    return publish(place, DETECTION, {"train": [records]}, build=build)


def dies_at(change: int, root: Path, output: Path, out: Path) -> bool:
    """Export in a process that is gone right before its n-th change of the disk; whether it died."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Other threads of this process hold nothing that an export needs.
        child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    numbers = itertools.count(1)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and int(arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            path = arguments[0]
        elif event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir"):
            path = arguments[-3] if event == "os.rename" else arguments[0]
        else:
            return
        if isinstance(path, int) or (os.path.isabs(path) and not os.fsdecode(path).startswith(str(root))):
            return
        if next(numbers) == change:
            os._exit(9)

    try:
        sys.addaudithook(watch)
        labelbeam.export(output, out, to="yolo")
    finally:
        os._exit(0)


def test_an_export_that_is_killed_before_any_of_its_changes_leaves_nothing_or_the_one_before(tmp_path: Path) -> None:
    old, new = published(tmp_path / "old"), published(tmp_path / "new", "b", 3, "20260102T000000000000Z-0a1b2c3d")
    room = tmp_path / "room"
    labelbeam.export(old, room / "fresh", to="yolo")
    before = tree(room / "fresh")
    labelbeam.export(new, room / "fresh", to="yolo")
    after = tree(room / "fresh")
    seen: set[str] = set()
    labelbeam.export(old, room / "out", to="yolo")
    for change in itertools.count(1):
        died = dies_at(change, room, new, room / "out")
        found = tree(room / "out") if (room / "out").exists() else None
        seen.add("nothing" if found is None else "before" if found == before else "after")
        assert found in (None, before, after), change
        if not died:
            break
        # The next run finds its way from whatever was left.
        labelbeam.export(old, room / "out", to="yolo")
        assert tree(room / "out") == before
        assert sorted(path.name for path in room.iterdir()) == ["fresh", "out"]
    assert change > 15 and {"before", "after"} <= seen


def test_an_earlier_export_that_was_half_removed_does_not_come_back(tmp_path: Path) -> None:
    # Killed while it removed the one before, and then DEST was removed by hand.
    old, out = published(tmp_path / "old"), tmp_path / "out"
    labelbeam.export(old, out, to="yolo")
    replaced = out.rename(tmp_path / ".out.labelbeam-replaced")
    (replaced / "data.yaml").unlink()
    with destination(locate(str(out), {})) as (files, finish):
        assert not out.exists()
        files.put_all([("labels/1.txt", b"x")])
        finish(lambda: marker_of(files))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old", "out"]


def test_an_export_takes_the_place_of_an_earlier_one_of_another_format(tmp_path: Path) -> None:
    output = published(tmp_path / "published")
    labelbeam.export(output, tmp_path / "out", to="yolo")
    labelbeam.export(output, tmp_path / "out", to="csv")
    assert tree(tmp_path / "out").keys() == {"labels.csv", MARKER}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "published"]


@pytest.mark.parametrize("name", ["notes.txt", "labels/train/notes.txt", "labels/train/0.txt"])
def test_a_file_of_others_is_refused_and_stays(name: str, tmp_path: Path) -> None:
    output = published(tmp_path / "published")
    labelbeam.export(output, tmp_path / "out", to="yolo")
    (tmp_path / "out" / name).write_text("mine")
    before = tree(tmp_path)
    with pytest.raises(UsageError, match=f"not empty: {name}"):
        labelbeam.export(output, tmp_path / "out", to="yolo")
    assert tree(tmp_path) == before


def test_a_directory_without_a_marker_a_file_and_a_link_in_it_are_refused(tmp_path: Path) -> None:
    output = published(tmp_path / "published")
    (tmp_path / "a").mkdir()
    (tmp_path / "a/link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "b").write_text("")
    for name, words in (("a", "not empty: link"), ("b", "found a file")):
        with pytest.raises(UsageError, match=words):
            labelbeam.export(output, tmp_path / name, to="csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "published"]


@pytest.mark.parametrize("text", ["{}", "[]", '{"files": {"../x": 1}}'])
def test_a_marker_that_is_none_of_ours_removes_nothing(text: str, tmp_path: Path) -> None:
    output = published(tmp_path / "published")
    labelbeam.export(output, tmp_path / "out", to="csv")
    marker = tmp_path / "out" / MARKER
    marker.write_text(json.dumps({**json.loads(marker.read_text()), **json.loads(text)}) if "files" in text else text)
    with pytest.raises(UsageError, match="is no marker"):
        labelbeam.export(output, tmp_path / "out", to="csv")
    assert (tmp_path / "out/labels.csv").exists()


def test_two_exports_to_one_place_do_not_mix(tmp_path: Path) -> None:
    output = published(tmp_path / "published")
    beside = tmp_path / ".out.labelbeam-export"
    beside.mkdir()
    claim = os.open(beside, os.O_RDONLY)
    try:
        fcntl.flock(claim, fcntl.LOCK_EX)
        with pytest.raises(BusyError, match="under way"):
            labelbeam.export(output, tmp_path / "out", to="csv")
    finally:
        os.close(claim)
    labelbeam.export(output, tmp_path / "out", to="csv")


def test_an_export_that_is_replaced_while_another_one_looks_is_not_taken_for_files_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, out, walk = published(tmp_path / "published"), tmp_path / "out", os.walk
    labelbeam.export(output, out, to="csv")

    def replaced_before(*arguments: Any) -> Any:
        monkeypatch.setattr(os, "walk", walk)
        labelbeam.export(output, out, to="coco")
        return walk(*arguments)

    monkeypatch.setattr(os, "walk", replaced_before)
    labelbeam.export(output, out, to="yolo")
    assert (out / "data.yaml").exists()


def test_the_end_of_an_export_leaves_one_alone_that_has_begun_since(tmp_path: Path) -> None:
    beside = tmp_path / ".out.labelbeam-export"
    with destination(locate(str(tmp_path / "out"), {})) as (files, finish):
        files.put_all([("labels/1.txt", b"x")])
        finish(lambda: marker_of(files))
        beside.mkdir()
        (beside / UNFINISHED).write_text("another's")
    assert (beside / UNFINISHED).read_text() == "another's"
    assert tree(tmp_path / "out").keys() == {"labels/1.txt", MARKER}


def test_what_others_keep_under_the_hidden_name_is_in_the_way(tmp_path: Path) -> None:
    output = published(tmp_path / "published")
    (tmp_path / ".out.labelbeam-export").mkdir()
    (tmp_path / ".out.labelbeam-export/mine").write_text("")
    with pytest.raises(UsageError, match="in the way"):
        labelbeam.export(output, tmp_path / "out", to="csv")
    assert (tmp_path / ".out.labelbeam-export/mine").exists()


def test_links_that_another_user_may_have_put_beside_dest_are_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, victim = published(tmp_path / "published"), tmp_path / "victim"
    victim.mkdir()
    (victim / MARKER).write_text(MARKED)
    (victim / "precious").write_text("x")
    before = tree(victim)
    beside, replaced = (tmp_path / f".out.labelbeam-{what}" for what in ("export", "replaced"))
    beside.symlink_to(victim)
    with pytest.raises(LabelBeamError, match=r"export"):
        labelbeam.export(output, tmp_path / "out", to="csv")
    beside.unlink()
    beside.mkdir()
    (beside / UNFINISHED).symlink_to(victim / "precious")
    with pytest.raises(LabelBeamError, match=r"cannot be written"):
        labelbeam.export(output, tmp_path / "out", to="csv")
    (beside / UNFINISHED).unlink(missing_ok=True)
    replaced.symlink_to(victim)
    with pytest.raises(UsageError, match=r"replaced is in the way: it is a link"):
        labelbeam.export(output, tmp_path / "out", to="csv")
    replaced.unlink()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    beside.mkdir(exist_ok=True)
    with pytest.raises(UsageError, match="another user's"):
        labelbeam.export(output, tmp_path / "out", to="csv")
    assert tree(victim) == before


MARKED = json.dumps(
    {
        "format_version": 1,
        "format": "csv",
        "build": "b",
        "labelbeam_version": "0",
        "task": "t",
        "splits": {},
        "not_held": {},
    }
    | {"files": {"precious": 1}}
)


# An object store, which renames nothing. ------------------------------------------------------------------------------


def marker_of(files: Files) -> Marker:
    """A marker of what was written."""
    return Marker(1, "yolo", "b", "0", DETECTION, {}, {}, dict(sorted(files.sizes.items())))


def export_to(url: str, *names: str, last: str = "data.yaml") -> None:
    """Put files as a writer does."""
    with destination(locate(url, {})) as (files, finish):
        files.put_all([(name, b"x") for name in names])
        files.stream("list.txt").write(b"list")
        files.put_last(last, b"last")
        finish(lambda: marker_of(files))


def names_at(url: str) -> set[str]:
    """What lies there, but for claims."""
    fs, path = fsspec.url_to_fs(url)
    names = {name.removeprefix(f"{path}/") for name in fs.find(path)}
    return {name for name in names if not is_of_a_claim(name)}


def but_for_notes(url: str) -> set[str]:
    """The same, but for what an export under way notes of its files."""
    return {name for name in names_at(url) if not is_note(name)}


def test_in_a_store_the_marker_comes_last_and_what_readers_begin_with_before_it(memory: str) -> None:
    with destination(locate(memory, {})) as (files, finish):
        files.put_all([("labels/1.txt", b"x")])
        files.stream("list.txt").write(b"list")
        files.put_last("data.yaml", b"last")
        assert but_for_notes(memory) == {UNFINISHED, "labels/1.txt"}
        finish(lambda: marker_of(files))
    assert names_at(memory) == {"labels/1.txt", "list.txt", "data.yaml", MARKER}


def test_in_a_store_another_export_replaces_the_files_of_the_one_before(memory: str) -> None:
    export_to(memory, "labels/1.txt", "labels/2.txt")
    export_to(memory, "labels/2.txt", "labels/3.txt")
    assert names_at(memory) == {"labels/2.txt", "labels/3.txt", "list.txt", "data.yaml", MARKER}


def test_in_a_store_a_killed_export_is_no_export_and_the_next_one_goes_on(memory: str) -> None:
    export_to(memory, "labels/1.txt")
    with pytest.raises(KeyboardInterrupt), destination(locate(memory, {})) as (files, _):
        files.put_all([("labels/2.txt", b"x")])
        raise KeyboardInterrupt
    assert but_for_notes(memory) == {UNFINISHED, "labels/1.txt", "labels/2.txt", "list.txt", "data.yaml"}
    export_to(memory, "labels/3.txt")  # Of another build, which has no `labels/2.txt`.
    assert names_at(memory) == {"labels/3.txt", "list.txt", "data.yaml", MARKER}


def test_in_a_store_a_file_of_others_beside_what_a_killed_export_has_left_is_refused_and_stays(memory: str) -> None:
    fs, path = fsspec.url_to_fs(memory)
    with pytest.raises(KeyboardInterrupt), destination(locate(memory, {})) as (files, _):
        files.put_all([("labels/2.txt", b"x")])
        fs.pipe_file(f"{path}/mine.txt", b"")
        raise KeyboardInterrupt
    for _ in range(2):
        with pytest.raises(UsageError, match=r"not empty: mine\.txt"):
            export_to(memory, "labels/2.txt")
        assert but_for_notes(memory) == {UNFINISHED, "labels/2.txt", "mine.txt"}
    fs.rm_file(f"{path}/mine.txt")
    (note,) = (name for name in names_at(memory) if is_note(name))
    fs.pipe_file(f"{path}/{note}", b'{"files":["../mine.txt"]}')
    with pytest.raises(UsageError, match="is no marker of an export"):
        export_to(memory, "labels/2.txt")


def test_in_a_store_files_of_others_are_refused_and_stay(memory: str) -> None:
    fs, path = fsspec.url_to_fs(memory)
    fs.pipe_file(f"{path}/mine.txt", b"")
    with pytest.raises(UsageError, match=r"not empty: mine\.txt"):
        export_to(memory, "labels/1.txt")
    assert names_at(memory) == {"mine.txt"}


def test_in_a_store_an_export_beside_another_gives_way_and_one_that_was_taken_over_ends(memory: str) -> None:
    fs, path = fsspec.url_to_fs(memory)
    with pytest.raises(LostLockError), destination(locate(memory, {})) as (files, finish):
        files.put_all([("labels/1.txt", b"x")])
        with pytest.raises(BusyError, match="another export to it is under way"):
            export_to(memory, "labels/1.txt")
        for claim in fs.glob(f"{path}/unfinished/lock-*.json"):
            fs.rm_file(claim)  # As a run does that takes this one for dead.
        with pytest.raises(LostLockError):
            files.put_all([("labels/2.txt", b"x")])
        finish(lambda: marker_of(files))
    assert but_for_notes(memory) == {UNFINISHED, "labels/1.txt"}


@pytest.mark.parametrize("ends", [False, True], ids=["and goes on", "and ends"])
def test_in_a_store_an_export_that_begins_while_another_one_looks_is_not_taken_for_files_of_others(
    ends: bool, memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fs, _ = fsspec.url_to_fs(memory)
    find = fs.find
    with ExitStack() as other:

        def begins_before(*arguments: Any, **options: Any) -> Any:
            monkeypatch.setattr(fs, "find", find)
            files, finish = other.enter_context(destination(locate(memory, {})))
            files.put_all([("labels/1.txt", b"x")])
            if ends:
                finish(lambda: marker_of(files))
                other.close()
            return find(*arguments, **options)

        monkeypatch.setattr(fs, "find", begins_before)
        with nullcontext() if ends else pytest.raises(BusyError, match="another export to it is under way"):
            export_to(memory, "labels/2.txt")
    assert (MARKER in names_at(memory)) is ends


def test_in_a_store_an_export_that_ends_at_any_of_its_changes_has_no_marker_or_is_whole(
    memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fs, path = fsspec.url_to_fs(memory)
    old, new = ("labels/1.txt", "labels/2.txt"), ("labels/2.txt", "labels/3.txt")
    whole = [{*names, "list.txt", "data.yaml", MARKER} for names in (old, new)]
    left = itertools.count()

    def dying(call: Any) -> Any:
        def changed(*arguments: Any, **options: Any) -> Any:
            if next(left) == dies:
                raise KeyboardInterrupt
            return call(*arguments, **options)

        return changed

    kinds = [name for name in ("pipe_file", "put_file", "rm_file") if hasattr(fs, name)]
    for dies in itertools.count():
        if fs.exists(path):
            fs.rm(path, recursive=True)
        export_to(memory, *old)
        with monkeypatch.context() as patched:
            left = itertools.count()
            for name in kinds:
                patched.setattr(fs, name, dying(getattr(fs, name)))
            try:
                export_to(memory, *new)
                died = False
            except KeyboardInterrupt:
                died = True
        found = names_at(memory)
        assert MARKER not in found or {name for name in found if name != UNFINISHED and not is_note(name)} in whole, (
            dies
        )
        if not died:
            break
        for claim in fs.glob(f"{path}/unfinished/*"):
            fs.rm_file(claim)  # Of this process, which lives: of a dead one it would go by itself.
        following = new if dies % 2 else ("labels/4.txt",)
        export_to(memory, *following)
        assert names_at(memory) == {*following, "list.txt", "data.yaml", MARKER}
    assert dies > 7
