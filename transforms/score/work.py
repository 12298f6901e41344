"""Score one unit of images: read them, ask the endpoint for several at once, and write what came of it.

A request waits for a server, so one process is enough, and a unit asks as often at once as the endpoint may be asked by one process.
Two units are worked on together, so that the last requests of one wait beside the first of the next. Images on a local disk are asked for
by one thread (see `event_loop.py`); in other stores, each of many threads takes the next images by itself. A few more requests than may
be under way are ready.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TypeAlias

from labelbeam.schemas.predictions import Prediction
from labelbeam.schemas.requests import (
    BYTES_TYPE,
    DATAFRAME_SPLIT,
    INPUT_DATA,
    XaiParameters,
    encode_request,
)
from labelbeam.schemas.responses import (
    InvalidAnswerError,
    NotJsonError,
    TruncatedAnswerError,
    WrongCountError,
    mlflow_predictions,
    parse_response,
    predictions_of,
)
from labelbeam.schemas.score_config import Protocol
from labelbeam.schemas.scores import Failed, FailedImage, ScoreReceipt
from labelbeam.transforms.builds.resume import Target, finished_bucket, keep_receipt
from labelbeam.transforms.score.batches import Batches, Encoded, Packing, Place
from labelbeam.transforms.score.endpoint import Begun, Endpoint, EndpointOptions, Reply
from labelbeam.transforms.score.event_loop import EventLoop, Made
from labelbeam.transforms.score.failures import EndpointError, GivenUpError, StatusError, TooLargeError
from labelbeam.transforms.score.kept import KeptPredictions
from labelbeam.transforms.score.plan import ImageToScore, ScoreUnit
from labelbeam.transforms.score.shards import scores_name, write_scores
from labelbeam.transforms.stores.errors import StoreError, UnavailableError
from labelbeam.transforms.stores.files import remove_files
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import StorageOptions
from labelbeam.transforms.workers.staged_units import StagedUnit, staged_unit

UNITS_TOGETHER = 2

READY = 2
"""Requests at least, beyond those that are under way, which are made already: an endpoint does not wait for that."""

SUSPECTS = 3
"""Requests that may fail for good before the endpoint has answered a first one."""

REFUSALS = 10
"""Images that may be refused before the endpoint has made a first prediction."""

_NO_PAGE = ("", "text/json", "text/plain", BYTES_TYPE)
"""Types beside those with `json` in them under which what is no JSON is meant to be some. What is JSON is taken under any type:
the scoring script of the first generation sends it as text/html."""


@dataclass(frozen=True, slots=True)
class ScoreOptions:
    """Options of scoring; `report` is where the receipts of all units go, `may_fail` whether all images may."""

    task: str
    endpoint: EndpointOptions
    protocol: Protocol
    explain: XaiParameters | None
    batch: int
    batch_bytes: int
    images_root: str
    may_fail: bool
    units: int
    target: Target
    report: str
    storage: StorageOptions

    @property
    def packing(self) -> Packing:
        """Form of the images of a request."""
        raw = self.protocol == "bytes"
        envelope = DATAFRAME_SPLIT if self.protocol == "mlflow" else INPUT_DATA
        return Packing(raw, self.explain, 1 if raw else self.batch, self.batch_bytes, envelope)


@dataclass(frozen=True, slots=True)
class _Suspect:
    """An image that the endpoint failed at again and again: whose fault that is depends on others."""

    url: str
    error: GivenUpError


_Outcome: TypeAlias = "Prediction | FailedImage | _Suspect"


class Scorer:
    """Scores units with one endpoint, and calls `tell` with numbers of images that are done. `close` it in the end.

    Raises:
        UsageError: the endpoint's key cannot be read.
    """

    def __init__(self, options: ScoreOptions, tell: Callable[[int], None] = lambda images: None) -> None:
        self.options = options
        self.tell = tell
        self.endpoint = Endpoint(options.endpoint)
        at_once = options.endpoint.concurrency
        self.threads = at_once + max(READY, at_once // 2)
        # What has begun holds a place: it may not wait for threads that wait for one.
        self.begun = ThreadPoolExecutor(self.threads, thread_name_prefix="labelbeam-begun")
        self.asking = ThreadPoolExecutor(self.threads, thread_name_prefix="labelbeam-ask")
        self._loop = EventLoop(self.endpoint, self.threads)
        self._suspects = 0
        self._refusals = 0
        self._predicts = False
        self._failure: BaseException | None = None
        # What is loaded stays: to look through all of it once more for cycles would keep the endpoint waiting for a fifth of a second.
        gc.freeze()

    def close(self, wait: bool = True) -> None:
        """End all requests and connections; `wait` for those that are under way."""
        gc.unfreeze()
        self.endpoint.close()
        for threads in (self.begun, self.asking):
            threads.shutdown(wait, cancel_futures=True)
        self._loop.close(wait)

    def score(self, unit: ScoreUnit | StagedUnit) -> ScoreReceipt:
        """Score a unit and write its files; or take what an earlier run made of it, if that holds and nothing failed.

        Raises:
            EndpointError: the endpoint cannot be asked.
            UnavailableError: the endpoint, or a store, is unavailable.
            StoreError: a file cannot be written.
        """
        options = self.options
        if isinstance(unit, StagedUnit):
            return self.score(staged_unit(unit, options.storage))
        kept = KeptPredictions(options.target, options.storage, options.task, unit.number, options.units)
        known: dict[str, Prediction] = {}
        if options.target.resumes:
            finished = finished_bucket(options.target, options.storage, unit.number, options.units, ScoreReceipt)
            if finished is not None and not finished.counts.failed:
                self._predicts |= finished.counts.scored > 0
                self.tell(unit.size)
                return finished
            known = kept.read(finished)
            self._predicts |= bool(known)
        outcomes = self._outcomes(unit.images, known, kept)
        predictions = [item for item in outcomes if not isinstance(item, FailedImage)]
        failed = [item for item in outcomes if isinstance(item, FailedImage)]
        build = locate(options.target.build, options.storage)
        if options.target.resumes and not failed:
            # What the earlier run failed at, this one did not.
            remove_files(build, [scores_name("failed", unit.number, options.units)])
        receipt = write_scores(predictions, failed, options.task, unit.number, options.units, build)
        keep_receipt(options.target, options.storage, options.units, receipt)
        return receipt

    def _outcomes(
        self, images: Sequence[ImageToScore], known: Mapping[str, Prediction], kept: KeptPredictions
    ) -> list[Prediction | FailedImage]:
        """The outcome of each image, of which those that are `known` are not asked for; all that is new is `kept`."""
        outcomes: dict[int, _Outcome] = {
            place: known[image.url] for place, image in enumerate(images) if image.url in known
        }
        self.tell(len(outcomes))

        def fail(image: Place, code: Failed, message: str) -> None:
            outcomes[image.place] = self._failed(image.url, code, message)
            self.tell(1)

        places = [Place(place, *image) for place, image in enumerate(images) if place not in outcomes]
        root = locate(self.options.images_root, self.options.storage)
        with closing(Batches(root, places, self.options.packing, fail)) as batches:
            work = _Work(self, batches, outcomes, kept)
            try:
                if batches.local:
                    self._loop.run(work)
                else:
                    self._wait(work.by_threads(min(len(places), self.threads)))
                self._wait(work.puts)
                if self._failure is not None:
                    raise self._failure
                return [self._settled(outcomes[place]) for place in range(len(images))]
            except BaseException:
                # What is answered yet is kept as well.
                with suppress(StoreError, UnavailableError):  # What failed before is told.
                    kept.put()
                raise

    def _wait(self, futures: Sequence[Future[None]]) -> None:
        """Wait for threads; that one was cancelled ends all, as what one of them raised does.

        `concurrent.futures.wait` waits without an end for what an executor that was shut down has cancelled.
        """
        for future in futures:
            try:
                future.exception()
            except CancelledError as error:
                self.fail(error)

    def fail(self, error: BaseException) -> None:
        """End all, because of what came first."""
        if self._failure is None:
            self._failure = error
            self.endpoint.stop()

    def drain(self, batches: Batches, outcomes: dict[int, _Outcome], kept: KeptPredictions) -> None:
        """Ask for one batch after the other, as other threads do, until there is none any more or something ended all."""
        try:
            for batch in batches:
                outcomes.update(zip([item.place for item in batch], self.ask(batch, kept), strict=True))
        except BaseException as error:
            self.fail(error)
            raise

    def _settled(self, outcome: _Outcome) -> Prediction | FailedImage:
        """A suspect is to blame if the endpoint has answered another image since; else the endpoint is."""
        if not isinstance(outcome, _Suspect):
            return outcome
        if not self.endpoint.check_alive(outcome.error):
            raise self.endpoint.unavailable(outcome.error)
        return self._choked(outcome)

    def ask(self, batch: Sequence[Encoded], kept: KeptPredictions, begun: Begun | None = None) -> list[_Outcome]:
        """The outcome of each image of a batch. Where a batch fails, each is asked for alone: one bad image costs no others."""
        if self._failure is not None and begun is None:
            raise self._failure
        try:
            predictions = self.endpoint.ask(self.body(batch), self.reader(batch), begun)
            self._predicts = True
            kept.add(predictions)
            self.tell(len(batch))
            return list(predictions)
        except (GivenUpError, StatusError, TooLargeError, InvalidAnswerError, _PageError) as error:
            if len(batch) == 1:
                self.tell(1)
                return [self._blamed(batch[0].url, error)]
            if isinstance(error, GivenUpError):
                self.endpoint.check_alive(error)
        return [outcome for item in batch for outcome in self.ask([item], kept)]

    def accept(self, batch: Sequence[Encoded], body: bytes, begun: Begun) -> list[Prediction] | None:
        """The predictions in a complete answer, if these are what it holds."""
        predictions = self.endpoint.accept(begun, body, self.reader(batch))
        if predictions is not None:
            self._predicts = True
        return predictions

    def body(self, batch: Sequence[Encoded]) -> bytes:
        """The body of a request for a batch."""
        items = [item.data for item in batch]
        return items[0] if self.options.protocol == "bytes" else encode_request(items, self.options.packing.envelope)

    def reader(self, batch: Sequence[Encoded]) -> Callable[[Reply], list[Prediction]]:
        """What makes predictions of a batch from an answer, or raises what that is instead."""

        def read(reply: Reply) -> list[Prediction]:
            try:
                content = mlflow_predictions(reply.body) if self.options.protocol == "mlflow" else reply.body
                answers = parse_response(content, self.options.task, len(batch))
            except InvalidAnswerError as error:
                is_page = isinstance(error, NotJsonError) and not isinstance(error, TruncatedAnswerError)
                if is_page and "json" not in reply.content_type and reply.content_type not in _NO_PAGE:
                    raise _PageError(f"found an answer of type {reply.content_type}, expected JSON", reply) from None
                if isinstance(error, NotJsonError) and reply.packed not in ("", "identity"):
                    error = type(error)(
                        f"{error}; it is said to be packed as {reply.packed}, of which gzip and deflate are unpacked"
                    )
                error.body, error.status = reply.beginning, reply.status
                raise error from None
            return predictions_of(answers, [item.url for item in batch])

        return read

    def _blamed(self, url: str, error: Exception) -> FailedImage | _Suspect:
        if isinstance(error, GivenUpError):
            suspect = _Suspect(url, error)
            if self.endpoint.check_alive(error):
                return self._choked(suspect)
            self._suspects += 1
            if self._suspects >= SUSPECTS:
                raise self.endpoint.unavailable(error)
            return suspect
        if isinstance(error, StatusError):
            failed = self._failed(url, Failed.REFUSED, self.endpoint.words(error), error)
        else:
            code = next(code for kind, code in _CODES.items() if isinstance(error, kind))
            answer = self.endpoint.excerpt(getattr(error, "body", b""))
            failed = FailedImage(
                url, code, getattr(error, "status", 200), self.endpoint.without_key(str(error)), answer
            )
        self._check_predicts(failed)
        return failed

    def _check_predicts(self, failed: FailedImage) -> None:
        """Make sure that the endpoint is not asked for image after image where it makes a prediction of none."""
        if self._predicts or self.options.may_fail:
            return
        self._refusals += 1
        if self._refusals >= REFUSALS:
            answer = " ".join(failed.answer.split())
            said = f"; it says: {answer}" if answer and answer not in failed.message else ""
            raise EndpointError(
                f"{self.options.endpoint.shown}: makes no prediction of any of the first {self._refusals} images, the last of which "
                f"is {failed.image_url}: {failed.message}{said}. Nothing was published; see whether --protocol, --task and --endpoint "
                "are those of the deployment, or have all images tried with --max-failed 1"
            )

    def _choked(self, suspect: _Suspect) -> FailedImage:
        return self._failed(suspect.url, Failed.SERVER_ERROR, str(suspect.error), suspect.error.last)

    def _failed(self, url: str, code: Failed, message: str, last: StatusError | None = None) -> FailedImage:
        """A failure, with the last answer of another status than 200, if there was one."""
        message = self.endpoint.without_key(message)
        if last is None:
            return FailedImage(url, code, None, message)
        return FailedImage(url, code, last.status, message, last.answer, last.model)


class _Work:
    """A unit's images, as they are asked for by the event loop or by threads; `puts` are what keeps predictions meanwhile."""

    def __init__(self, scorer: Scorer, batches: Batches, outcomes: dict[int, _Outcome], kept: KeptPredictions) -> None:
        self._scorer, self._batches, self._outcomes, self._kept = scorer, batches, outcomes, kept
        self._taken = iter(batches)
        self.puts: list[Future[None]] = []

    def make(self) -> Made | None:
        batch = next(self._taken, None)
        return None if batch is None else Made(batch, self._scorer.body(batch))

    def take(self, made: Made, begun: Begun) -> bool:
        predictions = self._scorer.accept(made.batch, made.body, begun)
        if predictions is None:
            return False
        self._outcomes.update(zip([item.place for item in made.batch], predictions, strict=True))
        if self._kept.hold(predictions):
            self.puts.append(self._scorer.begun.submit(self._put))
        self._scorer.tell(len(made.batch))
        return True

    def go_on(self, made: Made, begun: Begun) -> Future[None]:
        return self._scorer.begun.submit(self._ask, made, begun)

    def by_threads(self, threads: int | None = None) -> list[Future[None]]:
        scorer = self._scorer
        asked = self._batches, self._outcomes, self._kept
        drains: list[Future[None]] = []
        try:
            for _ in range(threads or scorer.threads):
                drains.append(scorer.asking.submit(scorer.drain, *asked))
        except RuntimeError as error:  # No thread can be made any more: those that were are waited for.
            scorer.fail(error)
        return drains

    def fail(self, error: BaseException) -> None:
        self._scorer.fail(error)

    def _ask(self, made: Made, begun: Begun) -> None:
        found = self._scorer.ask(made.batch, self._kept, begun)
        self._outcomes.update(zip([item.place for item in made.batch], found, strict=True))

    def _put(self) -> None:
        try:
            self._kept.put()
        except BaseException as error:
            self._scorer.fail(error)
            raise


class _PageError(Exception):
    """An answer is no JSON, and is said to be of another type."""

    def __init__(self, words: str, reply: Reply) -> None:
        super().__init__(words)
        self.body, self.status = reply.beginning, reply.status


_CODES: dict[type[Exception], Failed] = {
    _PageError: Failed.WRONG_CONTENT_TYPE,
    TooLargeError: Failed.ANSWER_TOO_LARGE,
    TruncatedAnswerError: Failed.TRUNCATED_ANSWER,
    NotJsonError: Failed.NOT_JSON,
    WrongCountError: Failed.WRONG_COUNT,
    InvalidAnswerError: Failed.INVALID_ANSWER,
}
"""The first kind that an error is of tells the code."""
