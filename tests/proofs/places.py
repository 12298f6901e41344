"""Where builds of a proof are published, as a reader without LabelBeam sees it, and one who reads all the time."""

from __future__ import annotations

import hashlib
import json
import posixpath
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, IncompleteRead, RemoteDisconnected
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

PATIENCE = 120.0
"""Seconds within which the reader has read a build, on a machine however busy."""

PAUSE = 0.05
"""Seconds between two looks of the reader: it should be there all the time, and leave the cores to the builds."""

REST, REST_OF_STORES = 1, 10
"""How many times as long as a whole read took the reader leaves a build unread that it has just read, unless there is a new one; on a
disk, and in an object store, which has less time for the builds the more is read."""

_TRIES = 4
"""How often a plain request is made again that got no answer."""

Content = frozenset[tuple[str, str]]
"""The records of a build: path and SHA-256 of each JSONL and Parquet file."""


class PlainReads:
    """A file system of an object store whose reads of files are plain requests: s3fs, adlfs and gcsfs take ten times as long for each.

    The reader makes dozens a second, which would take the time from the builds that it watches. As any client does, it asks again where
    no answer came: moto drops a request for a file that is put anew in that moment.
    """

    def __init__(self, fs: Any, root: str, authorization: str = "", query: str = "") -> None:
        self._fs, self._query = fs, query
        self._host, _, self._root = root.removeprefix("http://").partition("/")
        self._fields = {"Authorization": authorization} if authorization else {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fs, name)

    def cat_file(self, path: str) -> bytes:
        """The bytes of a file.

        Raises:
            FileNotFoundError: it is not there.
        """
        for _ in range(_TRIES):
            with suppress(RemoteDisconnected, IncompleteRead):
                return self._asked(path)
        return self._asked(path)

    def _asked(self, path: str) -> bytes:
        with closing(HTTPConnection(self._host, timeout=60)) as connection:
            connection.request(
                "GET", f"{quote(posixpath.join('/', self._root, path))}?{self._query}", headers=self._fields
            )
            answer = connection.getresponse()
            data: bytes = answer.read()
        if answer.status == 404:
            raise FileNotFoundError(path)
        assert answer.status == 200, (path, answer.status, data)
        return data


@dataclass(frozen=True)
class Place:
    """A directory of a store: `fs` reads `path` for the test, `url` with `environment` is what a run is given."""

    fs: Any
    path: str
    url: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def beside(self, name: str) -> Place:
        """Another directory in the same one."""
        path, url = (f"{text.rpartition('/')[0]}/{name}" for text in (self.path, self.url))
        return Place(self.fs, path, url, self.environment)

    def read(self, name: str) -> bytes:
        """The bytes of a file."""
        data: bytes = self.fs.cat_file(f"{self.path}/{name}")
        return data

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return bool(self.fs.isfile(f"{self.path}/{name}"))

    def folders(self, name: str) -> list[str]:
        """The names of the directories in a directory."""
        found = self.fs.ls(f"{self.path}/{name}", detail=True)
        return [str(info["name"]).rstrip("/").rpartition("/")[2] for info in found if info["type"] == "directory"]

    def names(self) -> set[str]:
        """The paths of all files, and of directories on a disk that hold none."""
        paths = {name[len(self.path) :].strip("/") for name in self.fs.find(self.path, withdirs=True)}
        return paths - {str(above) for path in paths for above in PurePosixPath(path).parents} - {""}


def entries(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a manifest says of the files with records."""
    splits = [entry for split in manifest["splits"].values() for entry in split["files"]]
    return [*splits, *manifest["parquet"], *manifest["rejected"]]


def lists_of_copies(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The lists of copied images, which tell of the images' files and not of records alone."""
    copied: dict[str, Any] | None = manifest.get("copied")
    return copied["files"] if copied else []


def content(manifest: Mapping[str, Any]) -> Content:
    """The records of a build, to compare with those of another."""
    return frozenset((entry["path"], entry["sha256"]) for entry in entries(manifest))


def current_manifest(place: Place) -> dict[str, Any]:
    """The manifest that the pointer names."""
    manifest: dict[str, Any] = json.loads(place.read(json.loads(place.read("latest.json"))["manifest"]))
    return manifest


def whole(place: Place) -> tuple[str, Content]:
    """Read the current build file by file, as training does; its name and its records.

    Raises:
        AssertionError: what is there is not what the manifest says.
        FileNotFoundError: a file that something names is not there.
    """
    pointer = json.loads(place.read("latest.json"))
    root = pointer["manifest"].rpartition("/")[0]
    manifest = json.loads(place.read(pointer["manifest"]))
    assert manifest["build"] == pointer["build"], (manifest["build"], pointer)
    for entry in [*entries(manifest), *lists_of_copies(manifest), manifest["label_list"], manifest["description"]]:
        data = place.read(f"{root}/{entry['path']}")
        assert (len(data), hashlib.sha256(data).hexdigest()) == (entry["bytes"], entry["sha256"]), entry
        if entry["path"].endswith(".jsonl"):
            assert data.count(b"\n") == entry["records"], entry
    for split, part in manifest["splits"].items():
        assert part["images"] == sum(entry["records"] for entry in part["files"]), split
        assert place.read(f"{root}/{split}/MLTable"), split
    for name, tally in manifest["counts"].items():
        assert tally["found"] == tally["written"] + tally["rejected"] + tally["skipped"], (name, tally)
    return pointer["build"], content(manifest)


def leftovers(place: Place) -> set[str]:
    """Files beside the pointer that no published build is made of.

    A build is published when its manifest is there; which of them the pointer named over time is the reader's to say.
    """
    names = place.names()
    known = {"latest.json"}
    for name in names:
        folder, _, file = name.rpartition("/")
        if file == "manifest.json" and folder.startswith("builds/"):
            manifest = json.loads(place.read(name))
            known |= {name, *(f"{folder}/{about}" for about in ("report.html", "labels.json", "croissant.json"))}
            known |= {f"{folder}/{entry['path']}" for entry in [*entries(manifest), *lists_of_copies(manifest)]}
            known |= {f"{folder}/{split}/MLTable" for split in manifest["splits"]}
    return names - known


class Reader(threading.Thread):
    """One who looks at the pointer, and reads the current build, over and over, until told to stop.

    `reads` counts the builds read to the end; `wrong` holds what should never be seen: a build that is none of `expected`
    (a mix, or something half written), a file that is missing, or a build that had been replaced already.
    """

    def __init__(self, place: Place, expected: Iterable[Content]) -> None:
        super().__init__(daemon=True)
        self.place, self.expected = place, set(expected)
        self.reads, self.seen, self.wrong = 0, list[str](), list[str]()
        self._asked = self._answered = 0
        self._turn = threading.Condition()
        self._pointer, self._next = b"", 0.0
        self._rest = REST_OF_STORES if place.environment else REST
        self._stopped = threading.Event()

    def run(self) -> None:
        """Read until stopped."""
        while not self._stopped.is_set():
            asked = self._asked
            try:
                self._look(at_once=asked > self._answered)
            except Exception as error:  # Whatever a reader meets is a find.
                self.wrong.append(f"{type(error).__name__}: {error}")
            with self._turn:
                self._answered = asked
                self._turn.notify_all()
                self._turn.wait_for(lambda: self._asked > self._answered or self._stopped.is_set(), PAUSE)

    def reads_again(self) -> None:
        """Wait for a read that begins now: how often the reader gets to one by itself says how busy the machine is."""
        with self._turn:
            self._asked += 1
            asked = self._asked
            self._turn.notify_all()
            assert self._turn.wait_for(lambda: self._answered >= asked, PATIENCE), f"no read within {PATIENCE:g} s"

    def _look(self, at_once: bool) -> None:
        try:
            pointer = self.place.read("latest.json")
        except FileNotFoundError:
            if self.seen:
                raise
            return
        began = time.monotonic()
        if pointer == self._pointer and began < self._next and not at_once:
            return
        build, found = whole(self.place)
        self._pointer, self._next = pointer, time.monotonic() + self._rest * (time.monotonic() - began)
        self.reads += 1
        if found not in self.expected:
            self.wrong.append(f"{build}: is no build of any version")
        if build in self.seen[:-1]:
            self.wrong.append(f"{build}: came back after {self.seen[-1]}")
        if self.seen[-1:] != [build]:
            self.seen.append(build)

    def __enter__(self) -> Reader:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        with self._turn:
            self._turn.notify_all()
        self.join()
