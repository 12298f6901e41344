"""Names of builds, and the hash of what one is made from."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.manifest import Manifest
from labelbeam.transforms.builds.identity import after, config_identity, made_alike, new_identity
from tests.transforms.builds.receipts import CONFIG, PLAN, manifest_of, receipt


def test_a_build_is_called_after_its_time_and_what_it_is_made_from() -> None:
    now = datetime(2024, 5, 6, 7, 8, 9, 123, UTC)
    first = new_identity(PLAN, CONFIG, "1.0", now)
    assert first.build.startswith("20240506T070809000123Z-")
    assert first == new_identity(PLAN, CONFIG, "1.0", now)
    others = [
        new_identity(replace(PLAN, fingerprint="x"), CONFIG, "1.0", now),
        new_identity(PLAN, msgspec.structs.replace(CONFIG, shards=3), "1.0", now),
        new_identity(PLAN, CONFIG, "1.1", now),
    ]
    assert len({first.build, *(other.build for other in others)}) == 4


def test_builds_sort_by_their_time() -> None:
    times = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(microseconds=10**power) for power in range(0, 14, 2)]
    names = [new_identity(PLAN, CONFIG, "1.0", time).build for time in times]
    assert names == sorted(names)


def test_only_what_decides_about_the_records_is_part_of_the_identity() -> None:
    run = msgspec.structs.replace(
        CONFIG,
        output="elsewhere",
        if_changed=True,
        json=True,
        max_rejected=1.0,
        storage_options={"s3": {"secret": "x"}},
    )
    assert config_identity(run) == config_identity(CONFIG)
    assert "secret" not in str(config_identity(run))


@pytest.mark.parametrize("name", ["source", "images", "image_url", "copy_images", "datastore", "split_group", "split"])
def test_a_url_in_whatever_option_is_published_without_what_is_secret(name: str) -> None:
    url = "https://me:s3cr3t@host/x?sig=s3cr3t"
    run = msgspec.structs.replace(CONFIG, **{name: [url] if name == "source" else url})
    assert "s3cr3t" not in str(config_identity(run))
    plain = msgspec.structs.replace(CONFIG, split_group="regex:(?P<a>.+)@(?P<b>.+)")
    assert config_identity(plain)["split_group"] == plain.split_group


def test_a_build_is_called_after_those_that_are_there_whatever_the_clock_says() -> None:
    identity = new_identity(PLAN, CONFIG, "1.0", datetime(2024, 5, 6, tzinfo=UTC))
    earlier = ["20230101T000000000000Z-ffffffff", "zzz", "", "20990101-x"]
    assert after(identity, earlier) == identity
    future = "20991231T235959999999Z-ffffffff"
    later = after(identity, [*earlier, future])
    assert later.build == f"21000101T000000000000Z-{identity.made_from[:8]}"
    assert after(identity, [later.build]).build > later.build
    assert later.made_from == identity.made_from


@pytest.mark.parametrize("name", ["99991231T235959999999Z-00000000", "99999999T999999999999Z-00000000"])
def test_a_build_after_which_no_time_comes_is_told_of(name: str) -> None:
    with pytest.raises(LabelBeamError, match=f"{name}: there is a build of this name, after which no time comes"):
        after(new_identity(PLAN, CONFIG, "1.0"), [name])


def test_a_build_is_made_alike_only_with_the_same_config_and_version() -> None:
    previous = manifest_of(receipt())
    assert made_alike(previous, CONFIG, "1.0")
    assert not made_alike(previous, msgspec.structs.replace(CONFIG, out_of_bounds="reject"), "1.0")
    assert not made_alike(previous, msgspec.structs.replace(CONFIG, copy_images="far"), "1.0")
    assert not made_alike(previous, CONFIG, "1.1")
    read_back = msgspec.json.decode(msgspec.json.encode(previous), type=Manifest)
    assert made_alike(read_back, msgspec.structs.replace(CONFIG, output="elsewhere"), "1.0")
