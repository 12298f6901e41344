"""Score units of images and collect their receipts: the Beam side of `score_unit`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import apache_beam as beam
import msgspec
from apache_beam.pvalue import AsIter

from labelbeam.schemas.scores import ScoreReceipt
from labelbeam.transforms.score.work import UNITS_TOGETHER, ScoreOptions, Scorer
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.workers.parallel import globally
from labelbeam.transforms.workers.progress import count, tally


class ScoreImages(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """Units of images → shards of predictions in the store, and one list of their receipts at `options.report`.

    `spread` says that the runner has several workers, to which units are to be dealt out.
    """

    def __init__(self, options: ScoreOptions, units: Sequence[Any], spread: bool) -> None:
        super().__init__()
        self.options = options
        self.units = units
        self.spread = spread

    def expand(self, begin: Any) -> Any:
        """Score each unit, then collect the receipts."""
        receipts = (
            begin
            | "Units" >> beam.Create(self.units, reshuffle=self.spread)
            | "ScoreUnits" >> beam.ParDo(_ScoreUnit(self.options))
        )
        return (
            begin | "Once" >> beam.Impulse() | "CollectReceipts" >> beam.ParDo(_Collect(self.options), AsIter(receipts))
        )


class _ScoreUnit(beam.DoFn):  # type: ignore[misc]
    def __init__(self, options: ScoreOptions) -> None:
        self.options = options
        self.scorer: Scorer | None = None

    def start_bundle(self) -> None:
        self.running: deque[tuple[int, Future[ScoreReceipt]]] = deque()

    def process(self, unit: Any) -> Iterator[bytes]:
        if self.scorer is None:
            self.scorer = Scorer(self.options, partial(tally, "score"))
            self.threads = ThreadPoolExecutor(UNITS_TOGETHER, thread_name_prefix="labelbeam-unit")
        self.running.append((unit.size, self.threads.submit(self.scorer.score, unit)))
        if len(self.running) >= UNITS_TOGETHER:
            yield self._next()

    def finish_bundle(self) -> Iterator[Any]:
        while self.running:
            yield globally(self._next())

    def _next(self) -> bytes:
        size, future = self.running.popleft()
        try:
            receipt = future.result()
        except BaseException as error:
            # A runner that tries again gets connections that have not failed; a person who interrupts does not wait for any.
            self._close(wait=isinstance(error, Exception))
            raise
        count("score", size)
        return msgspec.json.encode(receipt)

    def teardown(self) -> None:
        self._close(wait=True)

    def _close(self, wait: bool) -> None:
        scorer, self.scorer = self.scorer, None
        if scorer is not None:
            scorer.close(wait)
            self.threads.shutdown(wait, cancel_futures=True)


class _Collect(beam.DoFn):  # type: ignore[misc]
    def __init__(self, options: ScoreOptions) -> None:
        self.options = options

    def process(self, _: bytes, receipts: Iterable[bytes]) -> None:
        found = sorted(
            (msgspec.json.decode(item, type=ScoreReceipt) for item in receipts), key=lambda item: item.bucket
        )
        put(locate(self.options.report, self.options.storage), msgspec.json.encode(found))
