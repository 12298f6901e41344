"""Builds on stores that fail: with some requests failing they end as on good days, and with all failing within a minute."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.proofs.datasets import make_nights
from tests.proofs.nightly import Tell
from tests.proofs.places import Place, leftovers, whole
from tests.proofs.runs import Run, start
from tests.servers.faults import OK, Faults, mixed
from tests.servers.fixtures import Proxied
from tests.servers.proxy import Proxy
from tests.servers.stores import AzureStore, GcsStore, HttpStore, S3Store, Store

pytestmark = [pytest.mark.server, pytest.mark.slow(seconds=60)]

SECONDS = 200.0
"""What a run may take: an attempt at a request that keeps failing takes about 40 s, and four runs start on a machine that is busy
with other tests."""


class Remote:
    """A dataset in a store, and builds of it that read it, and write where the store can be written, through a proxy."""

    def __init__(self, store: Store, proxied: Proxied, folder: Path) -> None:
        self.store = store
        self.through, self.proxy = proxied(store)
        self.temporary = folder / type(store).__name__
        self.temporary.mkdir()
        nights = make_nights(self.temporary / "made", 1, seed=1)
        nights.become(0)
        store.upload(nights.folder, "data")

    def place(self, output: str) -> Place:
        """An output of its own; on this machine where the store is read only."""
        if isinstance(self.store, HttpStore):
            path = str(self.temporary / output)
            return Place(self.store.fs, path, path)
        return Place(self.store.fs, f"{self.store.path}/{output}", self.store.url(output))

    def start(self, output: str) -> Run:
        """Begin a build with image checks and copies."""
        url = self.place(output).url
        source = self.through.url("data")
        command = [
            *("convert", "--task", "image_object_detection", "--source", f"{source}/current.json"),
            *("--images", f"{source}/images", "--check-images", "header", "--max-rejected", "0.5", "--shards", "2"),
            *("--image-url", "https://images.example.org/c/", "--output", url, "--copy-images", f"{url}-copies"),
        ]
        return start(command, self.temporary, self.through.environment)


@pytest.fixture
def remotes(
    s3_store: S3Store,
    azure_store: AzureStore,
    gcs_store: GcsStore,
    http_store: HttpStore,
    proxied: Proxied,
    tmp_path: Path,
) -> list[Remote]:
    """The same dataset on each kind of store."""
    return [Remote(store, proxied, tmp_path) for store in (s3_store, azure_store, gcs_store, http_store)]


def _told(proxy: Proxy) -> str:
    outcomes: dict[str, int] = {}
    for (_, outcome), count in proxy.counts().items():
        outcomes[outcome] = outcomes.get(outcome, 0) + count
    return ", ".join(f"{outcome} {count}" for outcome, count in sorted(outcomes.items()))


@pytest.mark.parametrize("rate", [0.05, 0.25])
def test_builds_come_to_the_same_bytes_however_many_requests_fail(
    rate: float, remotes: list[Remote], seed: int, tell: Tell
) -> None:
    for remote in remotes:
        run = remote.start("quiet")
        assert run.end() == 0, run.said
    for remote in remotes:
        remote.proxy.suffer(mixed(rate), seed=seed)
        remote.proxy.forget()
    began = time.monotonic()
    runs = [remote.start("noisy") for remote in remotes]
    outcomes = set[str]()
    for remote, run in zip(remotes, runs, strict=True):
        assert run.end() == 0, f"seed {seed}: {run.said}"
        kind = type(remote.store).__name__
        tell(f"{kind}, seed {seed}, {time.monotonic() - began:.0f} s; requests: {_told(remote.proxy)}")
        outcomes |= {outcome for _, outcome in remote.proxy.counts()}
        noisy, quiet = remote.place("noisy"), remote.place("quiet")
        assert whole(noisy)[1] == whole(quiet)[1], kind
        assert len(noisy.folders("builds")) == 1
        assert leftovers(noisy) == set()
        assert noisy.beside("noisy-copies").names() == quiet.beside("quiet-copies").names()
    # Of all stores together: with one request in twenty, a store of which few things are asked may be spared.
    assert outcomes > {OK}
    assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize("fault", [Faults(refused=1.0), Faults(reset=1.0)], ids=["503", "reset"])
def test_a_store_that_always_fails_ends_the_build_in_words_about_a_minute_later(
    fault: Faults, remotes: list[Remote], tell: Tell
) -> None:
    for remote in remotes:
        remote.proxy.suffer(fault)
    began = time.monotonic()
    for remote, run in [(remote, remote.start("output")) for remote in remotes]:
        assert run.end() == 1, run.said
        tell(f"{type(remote.store).__name__}, {time.monotonic() - began:.0f} s: {run.said.strip().splitlines()[-1]}")
        assert "Traceback" not in run.said and "this was not expected" not in run.said, run.said
        message = run.said.strip().splitlines()[-1]
        # The first thing that is asked: the output, or the source where the output is elsewhere.
        assert message.startswith("labelbeam convert: ") and ("latest.json" in message or "current.json" in message)
        assert "tried" in message, run.said
    assert time.monotonic() - began < SECONDS
