"""Which records and rejections a report shows: different ones, the same each time, and each where it says that it is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.manifest import Counts, FileEntry, Manifest, Source, SplitCounts
from labelbeam.transforms.report import samples
from labelbeam.transforms.report.samples import (
    IMAGES,
    OF_A_CODE,
    Sample,
    choose,
    sample_records,
    sample_rejections,
    shares,
)
from labelbeam.transforms.stores.locate import locate

labels = st.sampled_from("abcdefgh")


def sample(number: int, names: list[str]) -> Sample:
    return Sample(
        "train", "train/t.jsonl", number, f"https://h/{number}.jpg", "jpg", 9, 9, [{"label": name} for name in names]
    )


def built(
    folder: Path, splits: dict[str, list[list[dict[str, Any]]]], rejected: Sequence[list[dict[str, Any]]] = ()
) -> Manifest:
    """A manifest of shards with these lines, which are written below `folder`."""

    def files(name: str, shards: Sequence[list[dict[str, Any]]]) -> list[FileEntry]:
        entries = []
        for number, shard in enumerate(shards):
            data = b"".join(json.dumps(line).encode() + b"\n" for line in shard)
            path = f"{name}/{name}-{number:05d}-of-{len(shards):05d}.jsonl"
            folder.joinpath(name).mkdir(parents=True, exist_ok=True)
            folder.joinpath(path).write_bytes(data)
            entries.append(FileEntry(path, len(shard), len(data), ""))
        return entries

    parts = {name: SplitCounts(sum(map(len, shards)), 0, files(name, shards)) for name, shards in splits.items()}
    codes = Counter(line["code"] for shard in rejected for line in shard)
    return Manifest(
        1, "b", "1", "image_classification", "", {}, Source("", {}, "coco", ""), [], Counts(), dict(codes), {}, {}, parts,
        {}, [], files("rejected", rejected),
    )  # fmt: skip


def record(number: int, label: str = "a", side: int | str = 9) -> dict[str, Any]:
    details = {"format": "jpg", "width": side, "height": side}
    return {"image_url": f"https://h/{number}.jpg", "image_details": details, "label": label}


def rejection(number: int, code: str) -> dict[str, Any]:
    return {
        "source": "s",
        "locator": str(number),
        "image": None,
        "kind": "image",
        "code": code,
        "message": "m",
        "raw": "",
    }


@given(st.lists(st.lists(labels, max_size=3), max_size=30), st.integers(1, 12), st.randoms())
def test_the_choice_is_the_same_in_whatever_order_and_covers_what_it_can(
    shown: list[list[str]], quota: int, random: Any
) -> None:
    candidates = [sample(number, names) for number, names in enumerate(shown, start=1)]
    chosen = choose(candidates, quota)
    assert len(chosen) == min(quota, len(candidates))
    shuffled = random.sample(candidates, len(candidates))
    assert choose(shuffled, quota) == chosen
    if quota >= 8:
        assert {name for item in chosen for name in item.labels} == {name for names in shown for name in names}


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=3), st.integers(3, 50))
def test_every_split_is_shown_and_what_one_lacks_goes_to_the_others(counts: list[int], most: int) -> None:
    given_out = shares(counts, most)
    assert sum(given_out) == min(most, sum(counts))
    assert all(1 <= share <= count for share, count in zip(given_out, counts, strict=True))


def test_each_sample_is_found_in_its_file_and_line(tmp_path: Path) -> None:
    shards = [[], [record(n, "ab"[n % 2]) for n in range(40)], [record(n) for n in range(40, 60)]]
    manifest = built(tmp_path, {"train": shards, "validation": [[record(99, side="12px")]]})
    found = sample_records(locate(str(tmp_path), {}), manifest)
    assert found.notes == [] and len(found.samples) == IMAGES
    assert {item.split for item in found.samples} == {"train", "validation"}
    assert len({item.file for item in found.samples}) == 3, "a shard with few records is not all that is looked at"
    for item in found.samples:
        line = json.loads((tmp_path / item.file).read_text().splitlines()[item.line - 1])
        assert (line["image_url"], line["label"]) == (item.url, item.label)
    assert [item.width for item in found.samples if item.split == "validation"] == [12]


def test_of_a_large_shard_only_a_part_is_read_and_only_some_records_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = built(tmp_path, {"train": [[record(n) for n in range(5000)]]})
    monkeypatch.setattr(samples, "MOST_BYTES", manifest.splits["train"].files[0].bytes // 2)
    monkeypatch.setattr(samples, "CANDIDATES", 100)
    found = sample_records(locate(str(tmp_path), {}), manifest)
    assert found.notes == [] and len(found.samples) == IMAGES
    assert max(item.line for item in found.samples) < 2600
    assert len({(item.line - 1) % 26 for item in found.samples}) == 1, "every 26th of some 2,520"


@pytest.mark.parametrize("damage", ["missing", "short", "no JSON", "no record"])
def test_records_that_cannot_be_read_are_told_of_and_cost_no_others(damage: str, tmp_path: Path) -> None:
    manifest = built(tmp_path, {"train": [[record(1)] * 9], "validation": [[record(2)]]})
    file = tmp_path / manifest.splits["train"].files[0].path
    size = len(file.read_bytes())
    content = {
        "short": b"{}",
        "no JSON": b"x" * (size - 1) + b"\n",
        "no record": b'{"label":1}'.ljust(size - 1) + b"\n",
    }
    file.unlink() if damage == "missing" else file.write_bytes(content[damage])
    found = sample_records(locate(str(tmp_path), {}), manifest)
    assert [item.url for item in found.samples] == ["https://h/2.jpg"]
    assert len(found.notes) == 1 and "records of train could not be read" in found.notes[0]


def test_a_manifest_that_names_files_elsewhere_is_not_followed(tmp_path: Path) -> None:
    manifest = built(tmp_path / "build", {"train": [[record(1)]]})
    outside = tmp_path / "outside.jsonl"
    outside.write_text(json.dumps(record(2)) + "\n")
    manifest.splits["train"].files = [FileEntry("../outside.jsonl", 1, outside.stat().st_size, "")]
    found = sample_records(locate(str(tmp_path / "build"), {}), manifest)
    assert found.samples == [] and "leads out of the build" in found.notes[0]


def test_a_few_rejections_of_each_code_are_shown_the_most_frequent_code_first(tmp_path: Path) -> None:
    frequent = [rejection(n, "missing_image") for n in range(50)]
    manifest = built(tmp_path, {}, [frequent, [rejection(1, "empty_bbox")], [rejection(2, "no_label")] * 2])
    found = sample_rejections(locate(str(tmp_path), {}), manifest)
    assert found.notes == []
    assert [item.code for item in found.samples] == ["missing_image"] * OF_A_CODE + ["no_label"] * 2 + ["empty_bbox"]


NO_RECORDS = [
    b"[" * 100_000,
    b"{}",
    json.dumps(record(1, side="9" * 5000 + "px")).encode(),
    json.dumps(record(1) | {"label": [{"x": 1}]}).encode(),
    json.dumps(record(1) | {"label": None}).encode(),
    b"\xff",
]


@pytest.mark.parametrize("line", NO_RECORDS)
def test_lines_that_are_none_of_a_build_are_told_of(line: bytes, tmp_path: Path) -> None:
    manifest = built(tmp_path, {"train": [[record(0)]]}, [[rejection(0, "missing_image")]])
    for entries in (manifest.splits["train"].files, manifest.rejected):
        (entry,) = entries
        with tmp_path.joinpath(entry.path).open("ab") as file:
            file.write(line + b"\n")
        entries[:] = [FileEntry(entry.path, 2, entry.bytes + len(line) + 1, "")]
    found = sample_records(locate(str(tmp_path), {}), manifest)
    assert [sample.url for sample in found.samples] == ["https://h/0.jpg"]
    assert [note.partition(":")[0] for note in found.notes] == ["records of train could not be read"]
    refused = sample_rejections(locate(str(tmp_path), {}), manifest)
    assert [len(refused.samples), len(refused.notes)] in ([1, 1], [1, 0])
