"""A build that did not end: what the next run makes of it, and what it must not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.builds.lock import locked
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.write import work
from tests.end_to_end.builds import PREFIX, Build, attempt, check, convert, failed, labelbeam
from tests.end_to_end.datasets import coco, coco_box, coco_image, write_coco, write_json

IMAGES = 40
SHARDS = 8


def dataset(path: Path, images: int = IMAGES, category: int = 1) -> Path:
    """A COCO file that spreads over all shards."""
    items = [coco_box(number, number, category=category) for number in range(1, images + 1)]
    return write_coco(path, [coco_image(number) for number in range(1, images + 1)], items)


@contextmanager
def ending_at(monkeypatch: pytest.MonkeyPatch, bucket: int, what: Callable[[], None]) -> Iterator[None]:
    """Let a run come as far as a bucket, whose files are not written."""
    write = work.write_bucket

    def until(assembled: Any, number: int, *arguments: Any) -> Any:
        if number == bucket:
            what()
        return write(assembled, number, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(work, "write_bucket", until)
        yield


def stop() -> None:
    raise LabelBeamError("the power went out")


def build_of(source: Path, output: Path, *options: str) -> Build:
    return convert("--source", source, "--image-url", PREFIX, "--shards", str(SHARDS), *options, output=output)


def break_off(source: Path, output: Path, monkeypatch: pytest.MonkeyPatch, bucket: int = 5, *options: str) -> str:
    """Begin a build that does not end; its name."""
    with ending_at(monkeypatch, bucket, stop):
        failed(attempt(source, output, "--shards", str(SHARDS), *options), 1, "the power went out")
    (begun,) = (path.name for path in (output / "unfinished").iterdir())
    return begun


def written_once(root: Path) -> dict[str, int]:
    """The files below a directory, and which they are on the disk: a file that is written again is another one."""
    return {str(path.relative_to(root)): path.stat().st_ino for path in root.rglob("*.*") if path.is_file()}


@pytest.fixture(scope="module")
def undisturbed(place: Path) -> Build:
    """A build of the same dataset that nobody ended."""
    return build_of(dataset(place / "coco.json"), place / "out")


@pytest.mark.parametrize("bucket", range(1, SHARDS))
def test_the_next_run_goes_on_with_the_shards_that_were_finished(
    bucket: int, undisturbed: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = dataset(tmp_path / "coco.json"), tmp_path / "out"
    begun = break_off(source, output, monkeypatch, bucket)
    receipts = [path.name for path in (output / "unfinished" / begun).glob("receipt-*")]
    finished = written_once(output / "builds" / begun)
    build = build_of(source, output)
    assert build.root.name == begun
    assert finished.items() <= written_once(build.root).items()
    assert f"{len(receipts)} of {SHARDS} shards were finished before" in build.said
    assert build.files() == undisturbed.files()
    assert sorted(path.name for path in output.iterdir()) == ["builds", "latest.json"]


def test_a_finished_shard_that_was_damaged_since_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = dataset(tmp_path / "coco.json"), tmp_path / "out"
    begun = break_off(source, output, monkeypatch)
    shard = min((output / "builds" / begun / "train").glob("*.jsonl"))
    shard.write_bytes(shard.read_bytes()[:-1])
    build = build_of(source, output)
    assert build.root.name == begun
    assert build.files() == build_of(source, tmp_path / "undisturbed").files()


@pytest.mark.parametrize("options", [["--background", "drop"], ["--shards", "7"]])
def test_other_options_begin_a_build_of_their_own(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = dataset(tmp_path / "coco.json"), tmp_path / "out"
    begun = break_off(source, output, monkeypatch)
    answer = attempt(source, output, "--shards", str(SHARDS), "--max-rejected", "1", *options)
    assert answer.status == 0, answer.err
    assert Build(output).root.name != begun


def test_a_build_after_one_of_a_clock_that_is_days_ahead_comes_after_it_and_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = dataset(tmp_path / "coco.json"), tmp_path / "out"
    ahead = build_of(source, output).root
    future = f"29{ahead.name[2:]}"
    ahead.rename(ahead.parent / future)
    manifest = ahead.parent / future / "manifest.json"
    manifest.write_text(manifest.read_text().replace(ahead.name, future))
    (output / "latest.json").write_text(f'{{"build": "{future}", "manifest": "builds/{future}/manifest.json"}}')
    begun = break_off(source, output, monkeypatch)
    assert begun > future
    build = build_of(source, output)
    assert build.root.name == begun
    assert f"resuming build {begun}" in build.said
    assert labelbeam("clean", output, "--keep", "1").status == 0
    assert names(output) == [begun]


def test_a_build_that_was_current_is_not_written_to_again_after_going_back_by_hand(tmp_path: Path) -> None:
    source, output = dataset(tmp_path / "coco.json"), tmp_path / "out"
    build_of(source, output)
    pointer = (output / "latest.json").read_bytes()
    later = build_of(dataset(source, 7), output)
    mark = output / "unfinished" / later.root.name / "begun.json"
    mark.parent.mkdir(parents=True)
    mark.write_text("{}")  # Its run was killed right after it had put the pointer.
    (output / "latest.json").write_bytes(pointer)
    before = written_once(later.root)
    assert build_of(source, output).root.name > later.root.name
    assert written_once(later.root) == before


def test_changed_inputs_begin_a_build_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, output = dataset(tmp_path / "coco.json"), tmp_path / "out"
    begun = break_off(source, output, monkeypatch)
    build = build_of(dataset(source, IMAGES + 1), output)
    assert build.root.name != begun
    assert build.counts["images"] == (IMAGES + 1, IMAGES + 1, 0, 0)


def test_a_build_that_was_begun_before_the_current_one_is_not_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = dataset(tmp_path / "coco.json"), tmp_path / "out"
    begun = break_off(source, output, monkeypatch)
    between = build_of(dataset(tmp_path / "other.json", 3), output)
    build = build_of(source, output)
    assert begun < between.root.name < build.root.name


def test_a_run_that_was_killed_after_publishing_leaves_nothing_to_go_on_with(tmp_path: Path) -> None:
    source, output = dataset(tmp_path / "coco.json"), tmp_path / "out"
    first = build_of(source, output)
    (output / "unfinished" / first.root.name).mkdir(parents=True)
    (output / "unfinished" / first.root.name / "report.json").write_bytes(b"{}")
    before = written_once(first.root)
    second = build_of(source, output)
    assert second.root.name > first.root.name
    assert written_once(first.root) == before
    assert not (output / "unfinished").exists()


def test_a_refused_build_is_gone_on_with_when_more_is_allowed(half_bad: Path, tmp_path: Path) -> None:
    failed(attempt(half_bad, tmp_path / "out", "--shards", "3"), 3, "2 of 4 images")
    (begun,) = (tmp_path / "out/builds").iterdir()
    before = written_once(begun)
    answer = attempt(half_bad, tmp_path / "out", "--shards", "3", "--max-rejected", "0.5")
    assert answer.status == 0
    assert "2 of 2 shards were finished before" in answer.err
    build = Build(tmp_path / "out")
    assert build.root == begun
    assert before.items() <= written_once(begun).items()
    check(build)


def test_half_written_files_are_not_part_of_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, output = dataset(tmp_path / "coco.json"), tmp_path / "out"
    begun = break_off(source, output, monkeypatch)
    for folder in ("", "train", "parquet"):
        (output / "builds" / begun / folder / f".labelbeam-{os.urandom(16).hex()}.tmp").write_bytes(b"half")
    build = build_of(source, output)
    assert build.root.name == begun
    assert not list(output.rglob("*.tmp"))


def test_a_source_that_is_replaced_while_it_is_read_is_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = dataset(tmp_path / "coco.json"), tmp_path / "out"
    build = build_of(source, output)
    dataset(source, IMAGES - 1)
    with ending_at(monkeypatch, 3, lambda: write_json(source, coco([coco_image(1)], []))):
        answer = attempt(source, output, "--shards", str(SHARDS))
    failed(answer, 1, "coco.json: the file changed while it was read", "nothing was published", "Run again")
    assert Build(output).root == build.root
    assert build_of(source, output).counts["images"] == (1, 1, 0, 0)


def test_another_run_is_given_way_to(tmp_path: Path) -> None:
    source, output = dataset(tmp_path / "coco.json"), tmp_path / "out"
    with locked(locate(str(output), {}), "build") as lock:
        lock.tell("20240101T000000000000Z-00000000")
        failed(
            attempt(source, output),
            1,
            "out: another build is being made (20240101T000000000000Z-00000000)",
            "run again",
        )
        assert not (output / "builds").exists()
    assert not output.exists() or not list(output.iterdir())


def test_an_unchanged_dataset_needs_no_lock(tmp_path: Path) -> None:
    source, output = dataset(tmp_path / "coco.json"), tmp_path / "out"
    build_of(source, output)
    with locked(locate(str(output), {}), "build"):
        answer = attempt(source, output, "--shards", str(SHARDS), "--if-changed")
    assert answer.status == 0
    assert "unchanged" in answer.err


# Cleaning. -----------------------------------------------------------------------------------------------------------


def names(output: Path) -> list[str]:
    return sorted(path.name for path in (output / "builds").iterdir())


def test_clean_keeps_the_current_build_and_the_latest_others(tmp_path: Path) -> None:
    source, output = dataset(tmp_path / "coco.json", 3), tmp_path / "out"
    built = [build_of(source, output).root.name for _ in range(4)]
    assert labelbeam("clean", output, "--dry-run").status == 0
    assert names(output) == built
    answer = labelbeam("clean", output)
    assert (answer.status, names(output)) == (0, built[1:])
    assert f"removed: old build {built[0]}" in answer.err
    answer = labelbeam("clean", output, "--keep", "1", "--json")
    assert names(output) == built[3:]
    assert f'"current":"{built[3]}","kept":["{built[3]}"],"old":["{built[1]}","{built[2]}"]' in answer.out
    check(Build(output))


def test_clean_keeps_a_build_that_was_made_current_again(tmp_path: Path) -> None:
    source, output = dataset(tmp_path / "coco.json", 3), tmp_path / "out"
    build_of(source, output)
    pointer = (output / "latest.json").read_bytes()
    first = Build(output)
    later = [build_of(source, output).root.name for _ in range(2)]
    (output / "latest.json").write_bytes(pointer)
    assert labelbeam("clean", output, "--keep", "2").status == 0
    assert names(output) == [first.root.name, later[1]]
    check(Build(output))


def test_clean_removes_what_dead_runs_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, output = dataset(tmp_path / "coco.json"), tmp_path / "out"
    build = build_of(source, output)
    begun = break_off(dataset(tmp_path / "other.json", 30), output, monkeypatch)
    half = output / "builds" / begun / "train" / f".labelbeam-{os.urandom(16).hex()}.tmp"
    half.write_bytes(b"half")
    (output / "unfinished/lock-x.json").write_bytes(
        b'{"work":"build","since":"","host":"","process":"%s","held":true}' % dead_process()
    )
    answer = labelbeam("clean", output)
    assert answer.status == 0
    assert f"removed: unfinished build {begun}" in answer.err
    assert names(output) == [build.root.name]
    assert sorted(path.name for path in output.iterdir()) == ["builds", "latest.json"]
    check(Build(output))


def dead_process() -> bytes:
    """This process, as it would have been had it started at another time."""
    with locked(locate("memory://dead", {}), "build") as lock:
        return f"{lock.claim.process}0".encode()


def test_clean_leaves_alone_what_is_being_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, output = dataset(tmp_path / "coco.json", 3), tmp_path / "out"
    built = [build_of(source, output).root.name for _ in range(3)]
    begun = break_off(dataset(tmp_path / "other.json"), output, monkeypatch)
    with locked(locate(str(output), {}), "build") as lock:
        lock.tell(begun)
        answer = labelbeam("clean", output, "--keep", "1")
    assert answer.status == 0
    assert f"another build is being made ({begun})" in answer.err
    assert names(output) == [built[2], begun]
    assert build_of(tmp_path / "other.json", output).root.name == begun


def test_clean_does_nothing_where_nothing_tells_which_build_is_current(tmp_path: Path) -> None:
    source, output = dataset(tmp_path / "coco.json", 3), tmp_path / "out"
    build = build_of(source, output)
    (output / "latest.json").unlink()
    failed(labelbeam("clean", output), 1, "latest.json: does not exist, though 1 build is finished", "Put it back")
    assert names(output) == [build.root.name]


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", "²"])
def test_clean_keeps_a_whole_number_of_builds(number: str, tmp_path: Path) -> None:
    failed(
        labelbeam("clean", tmp_path, f"--keep={number}"), 2, f"--keep: found {number!r}, expected a whole number from 1"
    )


def test_there_may_be_nothing_to_clean(tmp_path: Path) -> None:
    answer = labelbeam("clean", tmp_path / "none")
    assert answer.status == 0
    assert "nothing to remove" in answer.err
    assert not (tmp_path / "none").exists() or not list((tmp_path / "none").iterdir())
