"""`clean` removes what a build wrote and nothing else, whoever put what there: on a disk and in each store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.builds.clean import Leftovers, look_over, remove_build, remove_leftovers
from labelbeam.transforms.builds.lock import LostLockError, Pace, locked
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.files import kind, list_directory, put, remove_files
from labelbeam.transforms.stores.listing import Listing, list_files
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from tests.end_to_end.builds import failed, labelbeam
from tests.servers.stores import S3Store

FIRST, SECOND, THIRD, BEGUN = (f"2024010{day}T000000000000Z-{day}bcdef01" for day in range(1, 5))


@pytest.fixture
def output(tmp_path: Path) -> Location:
    """An output on the disk."""
    return locate(str(tmp_path / "out"), {})


@pytest.fixture(params=["local", *(pytest.param(name, marks=pytest.mark.server) for name in ("s3", "azure", "gcs"))])
def place(request: pytest.FixtureRequest, output: Location) -> Location:
    """An output in each store."""
    if request.param == "local":
        return output
    store = request.getfixturevalue(f"{request.param}_store")
    return locate(store.url("out"), store.storage_options)


def write(output: Location, path: str, content: object = b"x") -> None:
    put(output.below(path), content if isinstance(content, bytes) else json.dumps(content).encode())


def finish(output: Location, *builds: str) -> None:
    """Write builds; the last one is current."""
    for build in builds:
        for name in ("train/train-00000-of-00001.jsonl", "train/MLTable", "report.html"):
            write(output, f"builds/{build}/{name}")
        manifest = {"format_version": 1, "build": build, "labelbeam_version": "0"}
        write(output, f"builds/{build}/manifest.json", manifest)
        point_to(output, build)


def point_to(output: Location, build: str) -> None:
    write(output, "latest.json", {"build": build, "manifest": f"builds/{build}/manifest.json"})


def begin(output: Location, build: str) -> None:
    """Leave what a killed run leaves."""
    write(output, f"builds/{build}/train/train-00000-of-00001.jsonl")
    write(output, f"unfinished/{build}/begun.json", {"build": build, "made_from": f"{build[-8:]}00"})
    write(output, f"unfinished/{build}/receipt-00000-of-00001.json")


def clean(output: Location, keep: int = 1) -> Leftovers:
    found = look_over(output, keep)
    remove_leftovers(output, found, lambda: None)
    return found


def files(output: Location) -> list[str]:
    return [file.path for file in list_files(output).files]


def builds(output: Location) -> list[str]:
    return list_directory(output.below("builds")).folders


def test_old_and_unfinished_builds_go_with_all_that_belongs_to_them(place: Location) -> None:
    finish(place, FIRST, SECOND, THIRD)
    begin(place, BEGUN)
    found = clean(place, keep=2)
    assert (found.current, found.kept, found.old, found.unfinished) == (THIRD, [THIRD, SECOND], [FIRST], [BEGUN])
    assert builds(place) == [SECOND, THIRD]
    assert kind(place.below("unfinished")) is None
    assert found.foreign == []


FOREIGN = [
    f"builds/{FIRST}/notes.txt",
    f"builds/{FIRST}/train/model.pt",
    f"builds/{FIRST}/train/deep/train-00000-of-00001.jsonl",
    f"builds/{BEGUN}/thesis.txt",
    f"unfinished/{BEGUN}/ch1.txt",
    "builds/mine/train/train-00000-of-00001.jsonl",
    "builds/20240101/manifest.json",
    "builds/README",
    "unfinished/novel/ch1.txt",
    "unfinished/notes",
    f"archive/builds/{FIRST}/manifest.json",
]


def test_what_no_build_wrote_is_told_of_and_left(place: Location) -> None:
    finish(place, FIRST, SECOND)
    begin(place, BEGUN)
    for path in FOREIGN:
        write(place, path)
    found = clean(place)
    assert set(FOREIGN) <= set(files(place))
    assert set(found.foreign) == {
        *(path for path in FOREIGN if FIRST in path or BEGUN in path if not path.startswith("archive")),
        *("builds/mine", "builds/20240101", "builds/README", "unfinished/novel", "unfinished/notes"),
    }
    # Of both builds, all that was theirs is gone.
    left = [path for path in files(place) if (FIRST in path or BEGUN in path) and path not in FOREIGN]
    assert left == []


def test_a_build_of_which_nothing_but_files_of_others_is_left_is_told_of_and_not_removed_again(place: Location) -> None:
    finish(place, FIRST, SECOND)
    write(place, f"builds/{FIRST}/notes.txt")
    clean(place)
    found = clean(place)
    assert (found.any, found.unfinished, found.foreign) == (False, [], [f"builds/{FIRST}/notes.txt"])


def test_files_that_are_called_almost_as_ours_are_left(place: Location) -> None:
    finish(place, FIRST, SECOND)
    other = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
    mine = [
        f"builds/{THIRD.translate(other)}/train/train-00000-of-00001.jsonl",
        f"builds/{FIRST}/train/{'train-00000-of-00001'.translate(other)}.jsonl",
        f"builds/{FIRST}/MANIFEST.JSON",
        f"builds/{FIRST}/train%2FMLTable",
        "unfinished/lock-of-the-door.pointer",
        "unfinished/lock-of-the-door.next",
    ]
    for path in mine:
        write(place, path)
    clean(place)
    assert set(mine) <= set(files(place))
    assert not [path for path in files(place) if FIRST in path and path not in mine]


@pytest.mark.server
def test_in_s3_names_that_only_look_the_same_are_left_and_a_twin_of_a_directory_hides_none(s3_store: S3Store) -> None:
    place = locate(s3_store.url("out"), s3_store.storage_options)
    finish(place, FIRST, SECOND)
    build = f"out/builds/{FIRST}"
    mine = [
        *(build, f"{build}//train/train-00000-of-00001.jsonl", f"{build}/train//MLTable"),
        *(f"{build}/./manifest.json", f"{build}/../x/manifest.json", f"out/builds//{FIRST}/manifest.json"),
    ]
    s3_store.write(dict.fromkeys(mine, b"precious"))
    assert clean(place).old == [FIRST]
    left = [path.removeprefix(f"{s3_store.name}/") for path in s3_store.fs.find(s3_store.path)]
    assert sorted(path for path in left if FIRST in path) == sorted(mine)


@pytest.mark.server
def test_marks_of_directories_that_tools_have_put_are_no_builds(s3_store: S3Store) -> None:
    place = locate(s3_store.url("out"), s3_store.storage_options)
    finish(place, FIRST, SECOND)
    marks = ("builds/", f"builds/{FIRST}/", f"builds/{FIRST}/train/", "unfinished/", f"unfinished/{FIRST}/")
    s3_store.write({f"out/{path}": b"" for path in marks})
    assert clean(place).old == [FIRST]
    assert not clean(place).any


def test_a_directory_that_never_was_an_output_is_left_as_it_is(place: Location) -> None:
    for path in (
        "builds/1/log",
        f"builds/{FIRST}/train/train-00000-of-00001.jsonl",
        f"unfinished/{FIRST}/receipt-00000-of-00001.json",
        f"unfinished/{SECOND}/ch1.txt",
    ):
        write(place, path)
    before = files(place)
    found = clean(place)
    assert not found.any
    assert files(place) == before
    assert len(found.foreign) == 4


def test_what_is_left_of_a_first_build_is_known_by_what_was_kept_of_it(place: Location) -> None:
    begin(place, BEGUN)
    assert clean(place).unfinished == [BEGUN]
    assert kind(place.below("builds")) is None
    assert kind(place.below("unfinished")) is None


@pytest.mark.parametrize(
    "named", [THIRD, "20250101T000000000000Z-aaaaaaaa", "typo"], ids=["without manifest", "missing", "typo"]
)
def test_nothing_goes_where_the_pointer_names_a_build_that_is_not_there(named: str, output: Location) -> None:
    finish(output, FIRST, SECOND)
    begin(output, THIRD)
    point_to(output, named)
    before = files(output)
    with pytest.raises(LabelBeamError, match=rf"latest.json: names build {named}, which has no manifest.*Nothing was"):
        clean(output)
    assert files(output) == before


@pytest.mark.parametrize(
    "pointer",
    [
        {"build": "../../victim", "manifest": "builds/../../victim/manifest.json"},
        {"build": "..", "manifest": "builds/../manifest.json"},
        {"build": FIRST, "manifest": "/etc/passwd"},
        {"build": FIRST, "manifest": f"builds/{SECOND}/manifest.json"},
        {"build": "", "manifest": "builds//manifest.json"},
    ],
)
def test_a_pointer_that_leads_elsewhere_is_none(pointer: dict[str, str], output: Location) -> None:
    finish(output, FIRST, SECOND)
    write(output, "latest.json", pointer)
    before = files(output)
    with pytest.raises(StoreError, match=r"latest.json: not a pointer to a build"):
        clean(output)
    assert files(output) == before


def test_a_build_with_a_damaged_manifest_is_left(output: Location) -> None:
    finish(output, FIRST, SECOND, THIRD)
    write(output, f"builds/{FIRST}/manifest.json", b"{")
    write(output, f"builds/{SECOND}/manifest.json", {"format_version": 1, "build": THIRD, "labelbeam_version": "0"})
    before = files(output)
    found = clean(output)
    assert found.foreign == [f"builds/{FIRST}", f"builds/{SECOND}"]
    assert files(output) == before


def test_a_published_build_whose_run_was_killed_before_it_tidied_up_is_not_unfinished(place: Location) -> None:
    finish(place, FIRST, SECOND)
    write(place, f"unfinished/{FIRST}/receipt-00000-of-00001.json")
    assert clean(place, keep=7).kept == [SECOND, FIRST]
    assert builds(place) == [FIRST, SECOND]
    assert kind(place.below("unfinished")) is None


def test_directories_that_killed_runs_left_empty_go(output: Location) -> None:
    finish(output, FIRST)
    for name in (f"unfinished/{FIRST}", f"unfinished/{BEGUN}", f"builds/{BEGUN}/train", f"builds/{THIRD}"):
        Path(output.path, name).mkdir(parents=True)
    clean(output)
    assert builds(output) == [FIRST]
    assert list_directory(output.below("unfinished")).folders == []


# Links.


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Files of somebody else, called as those of a build are."""
    folder = tmp_path / "victim"
    for name in ("thesis.txt", "manifest.json", "MLTable", "train-00000-of-00001.jsonl", "begun.json"):
        (folder / "train" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "train" / name).write_text("precious")
        (folder / name).write_text("precious")
    return folder


def untouched(victim: Path) -> bool:
    return len([path for path in victim.rglob("*") if path.is_file()]) == 10


@pytest.mark.parametrize(
    "link",
    [
        "builds/pinned",
        f"builds/{BEGUN}",
        f"builds/{FIRST}/train",
        f"builds/{FIRST}/parquet",
        f"builds/{FIRST}/train/x",
        f"unfinished/{BEGUN}",
        "unfinished/x",
    ],
)
def test_no_link_is_followed(link: str, victim: Path, output: Location) -> None:
    finish(output, FIRST, SECOND)
    place = Path(output.path, link)
    if link.endswith("/train"):
        remove_files(output, [f"{link}/{name}" for name in ("MLTable", "train-00000-of-00001.jsonl")])
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(victim)
    found = clean(output)
    assert untouched(victim)
    assert place.is_symlink()
    assert link in found.foreign


@pytest.mark.parametrize("above", ["builds", "unfinished"])
def test_an_output_whose_directory_is_a_link_is_refused(above: str, victim: Path, output: Location) -> None:
    finish(output, FIRST, SECOND)
    begin(output, BEGUN)
    Path(output.path, above).rename(victim / above)
    Path(output.path, above).symlink_to(victim / above)
    before = files(locate(str(victim), {}))
    with pytest.raises(StoreError, match=f"{above}: is a link, which is not followed"):
        clean(output)
    assert files(locate(str(victim), {})) == before


def test_a_link_that_takes_the_place_of_a_directory_meanwhile_is_not_followed(victim: Path, output: Location) -> None:
    finish(output, FIRST, SECOND)
    folder = Path(output.path, "builds", FIRST)
    folder.rename(folder.with_name("moved"))
    folder.symlink_to(victim)
    remove_files(output, [f"builds/{FIRST}/{name}" for name in ("manifest.json", "train/MLTable")])
    assert untouched(victim)


def test_a_file_that_is_a_link_is_left_with_what_it_leads_to(victim: Path, output: Location) -> None:
    finish(output, FIRST, SECOND)
    shard = Path(output.path, "builds", FIRST, "train/train-00000-of-00001.jsonl")
    shard.unlink()
    shard.symlink_to(victim / "thesis.txt")
    assert clean(output).foreign == [f"builds/{FIRST}/train/train-00000-of-00001.jsonl"]
    assert shard.read_text() == "precious"


def test_only_our_own_temporary_files_go_and_only_where_runs_leave_them(output: Location) -> None:
    finish(output, FIRST)
    name = f".labelbeam-{'a' * 32}.tmp"
    ours = [name, f"builds/{FIRST}/train/{name}", f"unfinished/{name}"]
    others = [f".{'b' * 32}.tmp", f"photos/{name}", f"builds/mine/{name}", "photos/cat.jpg"]
    for path in [*ours, *others]:
        write(output, path)
    assert sorted(clean(output).temporaries) == sorted(ours)
    assert set(others) <= set(files(output))
    assert not set(ours) & set(files(output))


# Together with other runs.


def test_a_build_that_comes_into_force_while_clean_looks_stays(output: Location) -> None:
    finish(output, FIRST, SECOND)
    begin(output, THIRD)
    found = look_over(output, 1)
    finish(output, THIRD)
    point_to(output, FIRST)
    for build in (THIRD, FIRST):
        point_to(output, build)
        with pytest.raises(LabelBeamError, match=f"{build}: was made current meanwhile"):
            remove_build(output, build)
        assert kind(output.below(f"builds/{build}/manifest.json")) == "file"
    assert found.unfinished == [THIRD]


def test_what_is_tidied_up_between_two_looks_at_an_object_store_is_gone_and_no_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = Location(MemoryFileSystem(skip_instance_cache=True), "/tidied/out", "memory://tidied/out")
    finish(output, FIRST, SECOND)
    begin(output, BEGUN)

    def tidied_up_before(root: Location) -> Listing:
        if root.path.endswith(f"unfinished/{BEGUN}"):
            root.fs.rm(root.path, recursive=True)
        return list_files(root)

    monkeypatch.setattr("labelbeam.transforms.builds.clean.list_files", tidied_up_before)
    found = look_over(output, 1)
    assert (found.unfinished, found.old, found.foreign) == ([BEGUN], [FIRST], [])


def test_a_clean_that_was_taken_for_dead_removes_no_build_any_more(output: Location) -> None:
    finish(output, FIRST, SECOND)
    begin(output, THIRD)
    # No sign of life meanwhile, which on a busy machine could come after the removal, and take the output back.
    with locked(output, "clean", Pace(beat=60, dead_after=90, look=0.02)) as lock:
        found = look_over(output, 1)
        remove_files(output, [f"unfinished/{lock.name}"])
        with pytest.raises(LostLockError):
            remove_leftovers(output, found, lock.check)
    assert builds(output) == [FIRST, SECOND, THIRD]
    assert kind(output.below(f"unfinished/{THIRD}")) == "directory"


def test_the_command_says_where_the_pointer_names_nothing(output: Location) -> None:
    finish(output, FIRST)
    point_to(output, SECOND)
    failed(labelbeam("clean", output.path), 1, f"names build {SECOND}, which has no manifest", "Nothing was removed")
