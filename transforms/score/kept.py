"""What was scored of a unit before it was finished, kept so that nothing which was answered has to be asked for again.

Predictions are put beside the receipts of a build that is under way, a file for what came in the last half minute: a run that is ended
or killed loses no more. A shard in which images failed is looked at too, for those that did not.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from time import monotonic

import msgspec

from labelbeam.schemas.predictions import PREDICTIONS, Prediction
from labelbeam.schemas.scores import ScoreReceipt
from labelbeam.transforms.builds.resume import Target
from labelbeam.transforms.stores.errors import MissingFileError
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import StorageOptions
from labelbeam.transforms.stores.reading import DOCUMENT, read_bounded

PERIOD = 30.0
"""Seconds between two files, each of which is written in one put."""

_MOST_FILES = 10_000
_ENCODER = msgspec.json.Encoder()


class _Head(msgspec.Struct):
    """First line of a file: what the predictions are made from."""

    made_from: str


class KeptPredictions:
    """Predictions of a unit, for several threads that add to them."""

    def __init__(self, target: Target, storage: StorageOptions, task: str, number: int, units: int) -> None:
        self._target = target
        self._storage = storage
        self._decoder: msgspec.json.Decoder[Prediction] = msgspec.json.Decoder(PREDICTIONS[task])
        self._stem = f"scored-{number:05d}-of-{units:05d}"
        self._lock = threading.Lock()
        self._files = 0
        self._waiting: list[Prediction] = []
        self._put_at = monotonic()

    def read(self, finished: ScoreReceipt | None) -> dict[str, Prediction]:
        """Predictions by image URL that earlier runs kept, and those of the unit's shard where one is finished.

        Raises:
            StoreError: a file cannot be read.
        """
        found: dict[str, Prediction] = {}
        if finished is not None:
            content = read_bounded(
                locate(self._target.build, self._storage).below(finished.predictions.path), finished.predictions.bytes
            )
            self._take(content.splitlines(), found)
        unfinished = locate(self._target.unfinished, self._storage)
        while self._files < _MOST_FILES:
            try:
                head, *lines = read_bounded(unfinished.below(self._name(self._files)), DOCUMENT).splitlines()
                known = msgspec.json.decode(head, type=_Head).made_from == self._target.made_from
            except MissingFileError:
                break
            except (ValueError, RecursionError):
                known, lines = False, []  # Not of our making: written over when its number comes.
            if known:
                self._take(lines, found)
            self._files += 1
        return found

    def _take(self, lines: Iterable[bytes], found: dict[str, Prediction]) -> None:
        for line in lines:
            try:
                prediction = self._decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue  # Its image is asked for again.
            found[prediction.image_url] = prediction

    def add(self, predictions: Iterable[Prediction]) -> None:
        """Keep predictions; they are put once those that were kept last are older than `PERIOD`.

        Raises:
            StoreError: a file cannot be written.
        """
        if self.hold(predictions):
            self.put()

    def hold(self, predictions: Iterable[Prediction]) -> bool:
        """Keep predictions, without waiting; whether they, and those before them, are to be put."""
        with self._lock:
            self._waiting += predictions
            return monotonic() - self._put_at >= PERIOD

    def put(self) -> None:
        """Write what was kept since the last time.

        Raises:
            StoreError: it cannot be written.
        """
        with self._lock:
            taken, self._waiting, self._put_at = self._waiting, [], monotonic()
            number = self._files
            if not taken or number >= _MOST_FILES:
                return
            self._files += 1
        lines = _ENCODER.encode_lines([_Head(self._target.made_from), *taken])
        put(locate(self._target.unfinished, self._storage).below(self._name(number)), lines)

    def _name(self, number: int) -> str:
        return f"{self._stem}-{number:04d}.jsonl"
