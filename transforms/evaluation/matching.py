"""Match predictions with images of the truth, by the names that both give it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from urllib.parse import unquote

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.evaluation.predictions.read import Said


@dataclass(slots=True)
class Matched:
    """Prediction of each image, or None; how names were compared; and the names that no image has."""

    said: list[Said | None]
    how: str
    unknown: list[str]


def match(urls: Sequence[str], prefix: str | None, said: Iterable[Said]) -> Matched:
    """Find the image of each prediction.

    One rule holds for all of them. Where any of their names is the `image_url` of an image, only equal names match. Else the
    places differ, and a name matches the image whose path below `prefix` it ends with, or, being a path, the only image whose
    URL ends with it.

    Args:
        urls: the `image_url` of each image.
        prefix: what they start with before the image's path; None for what all of them have in common.
        said: the predictions.

    Raises:
        LabelBeamError: two predictions are of the same image.
    """
    said = list(said)
    exact = {url: number for number, url in enumerate(urls)}
    equal = any(item.name in exact for item in said)
    paths = None if equal else _Paths(urls, prefix)
    matched = Matched([None] * len(urls), "by their image_url" if equal else "by their paths", [])
    for item in said:
        number = exact.get(item.name) if paths is None else paths.find(item.name)
        if number is None:
            matched.unknown.append(item.name)
            continue
        earlier = matched.said[number]
        if earlier is not None:
            raise LabelBeamError(
                f"{item.place}: a prediction of {item.name}, which is the same image as {earlier.name} at {earlier.place}; "
                "expected one prediction an image"
            )
        matched.said[number] = item
    return matched


class _Paths:
    """Images by their paths below a prefix, and by all that their URLs end with."""

    def __init__(self, urls: Sequence[str], prefix: str | None) -> None:
        if prefix is None:
            folders = zip(min(urls, default="").split("/")[:-1], max(urls, default="").split("/")[:-1], strict=False)
            prefix = "".join(f"{name}/" for name, same in takewhile(lambda pair: pair[0] == pair[1], folders))
        elif not prefix.endswith("/"):
            prefix += "/"
        self._below: defaultdict[str, list[int]] = defaultdict(list)
        self._ends: defaultdict[str, list[int]] = defaultdict(list)
        for number, url in enumerate(urls):
            path = _path(url)
            below = _path(url, len(prefix)) if url.startswith(prefix) else path
            self._below[below].append(number)
            for end in _ends(path):
                self._ends[end].append(number)

    def find(self, name: str) -> int | None:
        """The one image that a name can mean."""
        path = _path(name)
        for end in _ends(path):
            if end in self._below:
                return _only(self._below[end])
        return _only(self._ends.get(path, []))


def _path(name: str, start: int = 0) -> str:
    """A name from `start` on, without scheme, and decoded where it is a URL whose names are encoded."""
    scheme, separator, rest = name.partition("://")
    if start:
        rest = name[start:]
    elif not separator:
        rest = name.replace("\\", "/").removeprefix("./")
    return unquote(rest) if separator and scheme != "file" else rest


def _ends(path: str) -> Iterator[str]:
    """The path, and what is left of it without its first folder, its first two, and so on."""
    parts = path.lstrip("/").split("/")
    for number in range(len(parts)):
        yield "/".join(parts[number:])


def _only(numbers: list[int]) -> int | None:
    return numbers[0] if len(numbers) == 1 else None
