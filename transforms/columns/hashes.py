"""Hashes of paths, the same in every process and version: what buckets and splits are drawn by."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt

_KEPT = re.compile(r"(%(?:2[35f]|3f))", re.IGNORECASE)
"""`#`, `%`, `/` and `?` mean something else in a URL once they are decoded."""


def identity_of(path: str) -> str:
    """The identity that the spellings of one image share: a URL with its `%XX` decoded, as whoever opens it decodes them; a path as it is.

    >>> identity_of("https://host/a%20b.jpg") == identity_of("https://host/a b.jpg"), identity_of("a%20b.jpg")
    (True, 'a%20b.jpg')
    """
    if "%" not in path or "://" not in path or path.startswith("file:"):
        return path
    parts = _KEPT.split(path)
    return "".join(part.upper() if at % 2 else unquote(part, errors="surrogateescape") for at, part in enumerate(parts))


def stable_hash(text: str) -> int:
    """64 bits."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def bucket_of(path: str, buckets: int) -> int:
    """The bucket of an image, by its path."""
    return stable_hash(identity_of(path)) % buckets if buckets > 1 else 0


def stable_hashes(texts: Iterable[str]) -> npt.NDArray[np.uint64]:
    """`stable_hash` of each text, (n,)."""
    digests: list[bytes] = []
    nothing = hashlib.blake2b(digest_size=8)
    for text in texts:
        digest = nothing.copy()  # Takes half the time of making one anew.
        digest.update(text.encode("utf-8", "surrogatepass"))
        digests.append(digest.digest())
    return np.frombuffer(b"".join(digests), ">u8").astype(np.uint64)


def buckets_of(paths: Sequence[str], buckets: int) -> npt.NDArray[np.int32]:
    """`bucket_of` each path, (n,)."""
    if buckets <= 1:
        return np.zeros(len(paths), np.int32)
    names = map(identity_of, paths) if "%" in "".join(paths) else paths
    return (stable_hashes(names) % np.uint64(buckets)).astype(np.int32)


def draw_split(path: str, shares: dict[str, float]) -> str:
    """The split of an image by the hash of its path: the same in every build, whatever else is in the dataset."""
    draw = stable_hash(f"split {path}") / 2**64
    for split, share in shares.items():
        draw -= share
        if draw < 0:
            return split
    return next(reversed(shares))


def sample_hash(path: str) -> int:
    """The hash by which a sample is drawn: another than those of buckets and splits, so that it is one of each of them alike."""
    return stable_hash(f"sample {identity_of(path)}")
