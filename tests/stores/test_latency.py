"""Many small files over a slow network: few requests, and many of them at a time."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from labelbeam.transforms.report.samples import IMAGES as SHOWN
from labelbeam.transforms.stores.threads import READS_AT_ONCE
from tests.end_to_end.builds import labelbeam
from tests.servers.faults import Faults, Request
from tests.servers.fixtures import Proxied
from tests.servers.proxy import most_at_once
from tests.servers.stores import AzureStore, HttpStore, S3Store, Store

pytestmark = pytest.mark.server

FILES = 160
LATENCY = 0.4
"""Seconds: so long that it shows how many requests wait together, and not how busy this machine is."""

HEADS = 4
"""Annotation files that are looked at to recognise the tree."""

TOGETHER = 8
"""How many requests are under way on average; half of what is reached where nothing else keeps the machine busy."""

XML = """<annotation><filename>{name}.jpg</filename><size><width>32</width><height>24</height><depth>3</depth></size>
<object><name>cat</name><bndbox><xmin>2</xmin><ymin>2</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object></annotation>"""


def tree() -> dict[str, bytes]:
    """A VOC tree of `FILES` images, each with its annotation file, below `voc`."""
    file = io.BytesIO()
    Image.effect_noise((32, 24), 50).save(file, "jpeg")
    names = [f"{number:04d}" for number in range(FILES)]
    return {f"voc/Annotations/{name}.xml": XML.format(name=name).encode() for name in names} | {
        f"voc/JPEGImages/{name}.jpg": file.getvalue() for name in names
    }


def kinds(requests: list[Request]) -> Counter[str]:
    """How many requests are for annotation files, how many for images by method, and how many for anything else."""

    def kind(request: Request) -> str:
        path = request.target.partition("?")[0]
        if path.endswith(".xml"):
            return f"{request.method} xml"
        return f"{request.method} image" if path.endswith(".jpg") else "other"

    return Counter(map(kind, requests))


def under_way(requests: list[Request], suffix: str) -> float:
    """How many requests for files of a kind were under way on average, from the first to the last; without the first one, which is
    looked at early, and without the images that are read last, for the report. A machine that is busy makes all of them slower alike.
    """
    ours = [request for request in requests if request.target.partition("?")[0].endswith(suffix)]
    ours = sorted((request for request in ours if request.method == "GET"), key=lambda request: request.started)
    ours = ours[-FILES:] if suffix == ".xml" else ours[:FILES]
    took = max(request.started + request.seconds for request in ours) - ours[0].started
    return sum(request.seconds for request in ours) / took


def build_slowly(store: Store, proxied: Proxied, output: Path) -> list[Request]:
    """The requests of a build through a proxy that adds `LATENCY`."""
    slow, proxy = proxied(store)
    proxy.suffer(Faults(latency=LATENCY))
    options = ("--check-images", "header", "--image-url", "https://h/", "--max-rejected", "0", "--output", output)
    where = ("--source", slow.url("voc"), "--storage-options", json.dumps(slow.storage_options))
    answer = labelbeam("convert", "--task", "image_object_detection", *where, *options)
    assert answer.status == 0, answer.err
    return proxy.requests()


@pytest.mark.parametrize("name", ["s3_store", "azure_store"])
def test_a_file_costs_one_request_and_those_of_a_tree_wait_together(
    name: str, request: pytest.FixtureRequest, proxied: Proxied, tmp_path: Path
) -> None:
    store: S3Store | AzureStore = request.getfixturevalue(name)
    store.write(tree())
    requests = build_slowly(store, proxied, tmp_path / "out")
    counts = kinds(requests)
    assert counts["GET image"] == FILES + SHOWN, "the header is one ranged read, and the listing tells the rest"
    assert FILES + 1 <= counts["GET xml"] <= FILES + HEADS, "some are looked at to recognise the tree"
    assert counts.keys() == {"GET image", "GET xml", "other"}
    assert counts["other"] <= 8, "a listing, and what the root is"
    assert READS_AT_ONCE / 2 < most_at_once(requests) <= READS_AT_ONCE
    for suffix in (".xml", ".jpg"):
        assert under_way(requests, suffix) >= TOGETHER


def test_a_web_server_is_asked_for_the_size_of_each_file_too_and_as_fast(
    http_store: HttpStore, proxied: Proxied, tmp_path: Path
) -> None:
    http_store.write(tree())
    requests = build_slowly(http_store, proxied, tmp_path / "out")
    counts = kinds(requests)
    assert (counts["GET image"], counts["HEAD image"]) == (FILES + SHOWN, FILES)
    assert counts["GET xml"] <= FILES + HEADS
    assert most_at_once(requests) > READS_AT_ONCE / 2
    for suffix in (".xml", ".jpg"):
        assert under_way(requests, suffix) >= TOGETHER
