"""Score one unit of images: read them, ask the endpoint for several at once, and write what came of it.

A request waits for a server, so threads are enough, and a unit asks as often at once as the endpoint may be asked by one process.
Two units are worked on together, so that the last requests of one wait beside the first of the next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, TypeVar

from labelbeam.schemas.predictions import Prediction
from labelbeam.schemas.requests import BYTES_TYPE, XaiParameters, encode_item, encode_request, request_size
from labelbeam.schemas.responses import (
    InvalidAnswerError,
    NotJsonError,
    TruncatedAnswerError,
    WrongCountError,
    parse_response,
    predictions_of,
)
from labelbeam.schemas.scores import Failed, FailedImage, ScoreReceipt
from labelbeam.transforms.builds.resume import Target, finished_bucket, keep_receipt
from labelbeam.transforms.score.endpoint import (
    Endpoint,
    EndpointOptions,
    GivenUpError,
    Reply,
    StatusError,
    TooLargeError,
)
from labelbeam.transforms.score.plan import ImageToScore, ScoreUnit
from labelbeam.transforms.score.shards import scores_name, write_scores
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.files import remove_files
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import StorageOptions
from labelbeam.transforms.stores.reading import read_many
from labelbeam.transforms.workers.staged_units import StagedUnit, staged_unit

READ_TOGETHER, READ_BYTES = 64, 64 * 2**20
"""Images, and their bytes, that are read at once by a unit: they are held until they have been sent."""

UNITS_TOGETHER = 2

SUSPECTS = 3
"""Requests that may fail for good before the endpoint has answered a first one."""

_NO_PAGE = ("", "text/json", "text/plain", BYTES_TYPE)
"""Types beside those with `json` in them under which what is no JSON is meant to be some. What is JSON is taken under any type:
the scoring script of the first generation sends it as text/html."""

_Item = TypeVar("_Item")


def batched(
    items: Iterable[_Item], size_of: Callable[[_Item], int], most: int, limit: int, total: Callable[[int, int], int]
) -> Iterator[list[_Item]]:
    """Neighbours together, as many as go: at most `most`, and no more than `limit` bytes, but always one.

    `total` is the bytes that so many bytes of items, and so many items, are together.
    """
    held: list[_Item] = []
    size = 0
    for item in items:
        own = size_of(item)
        if held and (len(held) == most or total(size + own, len(held) + 1) > limit):
            yield held
            held, size = [], 0
        held.append(item)
        size += own
    if held:
        yield held


@dataclass(frozen=True, slots=True)
class ScoreOptions:
    """Options of scoring; `report` is where the receipts of all units go."""

    task: str
    endpoint: EndpointOptions
    explain: XaiParameters | None
    batch: int
    batch_bytes: int
    images_root: str
    units: int
    target: Target
    report: str
    storage: StorageOptions


class _Encoded(NamedTuple):
    """An image ready to be sent: its place in the unit, its URL, and what stands for it in a request."""

    place: int
    url: str
    data: bytes


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
        self._asking = ThreadPoolExecutor(options.endpoint.concurrency, thread_name_prefix="labelbeam-ask")
        # Enough wait for a thread that none is idle, and few enough that what waits needs no memory to speak of.
        self._slots = threading.Semaphore(2 * options.endpoint.concurrency)
        self._suspects = 0
        self._failure: BaseException | None = None

    def close(self, wait: bool = True) -> None:
        """End all requests and connections; `wait` for those that are under way."""
        self.endpoint.close()
        self._asking.shutdown(wait, cancel_futures=True)

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
        if options.target.resumes:
            finished = finished_bucket(options.target, options.storage, unit.number, options.units, ScoreReceipt)
            if finished is not None and not finished.counts.failed:
                self.tell(unit.size)
                return finished
        outcomes = self._outcomes(unit.images)
        predictions = [item for item in outcomes if not isinstance(item, FailedImage)]
        failed = [item for item in outcomes if isinstance(item, FailedImage)]
        build = locate(options.target.build, options.storage)
        if options.target.resumes and not failed:
            # What the earlier run failed at, this one did not.
            remove_files(build, [scores_name("failed", unit.number, options.units)])
        receipt = write_scores(predictions, failed, options.task, unit.number, options.units, build)
        keep_receipt(options.target, options.storage, options.units, receipt)
        return receipt

    def _outcomes(self, images: Sequence[ImageToScore]) -> list[Prediction | FailedImage]:
        outcomes: dict[int, _Outcome] = {}
        asked: list[tuple[list[int], Future[list[_Outcome]]]] = []
        options = self.options
        most = 1 if options.endpoint.content_type == BYTES_TYPE else options.batch
        encoded = self._encoded(images, outcomes)
        for batch in batched(encoded, lambda item: len(item.data), most, options.batch_bytes, request_size):
            self._slots.acquire()
            if self._failure is not None:
                self._slots.release()
                raise self._failure
            future = self._asking.submit(self._ask, batch)
            future.add_done_callback(self._done)
            asked.append(([item.place for item in batch], future))
        for places, future in asked:
            try:
                outcomes.update(zip(places, future.result(), strict=True))
            except Exception as error:
                raise (self._failure or error) from None  # What came first ended the others.
        return [self._settled(outcomes[place]) for place in range(len(images))]

    def _done(self, future: Future[list[_Outcome]]) -> None:
        self._slots.release()
        if self._failure is None and not future.cancelled() and (error := future.exception()) is not None:
            self._failure = error
            self.endpoint.stop()

    def _settled(self, outcome: _Outcome) -> Prediction | FailedImage:
        """A suspect is to blame if the endpoint has answered another image since; else the endpoint is."""
        if not isinstance(outcome, _Suspect):
            return outcome
        if not self.endpoint.check_alive(outcome.error):
            raise self.endpoint.unavailable(outcome.error)
        return self._choked(outcome)

    def _encoded(self, images: Sequence[ImageToScore], outcomes: dict[int, _Outcome]) -> Iterator[_Encoded]:
        """Read the images; those that cannot be sent have their outcome already."""
        root = locate(self.options.images_root, self.options.storage)
        raw = self.options.endpoint.content_type == BYTES_TYPE
        there: list[tuple[int, ImageToScore, str]] = []
        for place, image in enumerate(images):
            if image.path is None:
                message = (
                    "its URL does not begin as those of the build's images do; name where images lie with --images"
                )
                outcomes[place] = self._failed(image.url, Failed.IMAGE_ELSEWHERE, message)
                self.tell(1)
            else:
                there.append((place, image, image.path))
        parts = batched(there, lambda item: item[1].size or 0, READ_TOGETHER, READ_BYTES, lambda size, _: size)
        for part in parts:
            contents = read_many(root, [path for _, _, path in part], [image.size for _, image, _ in part])
            for (place, image, _), content in zip(part, contents, strict=True):
                if isinstance(content, StoreError) or not content:
                    self.tell(1)
                if isinstance(content, StoreError):
                    outcomes[place] = self._failed(image.url, Failed.UNREADABLE_IMAGE, str(content))
                elif not content:
                    outcomes[place] = self._failed(image.url, Failed.EMPTY_IMAGE, "the file holds no bytes")
                else:
                    yield _Encoded(place, image.url, content if raw else encode_item(content, self.options.explain))

    def _ask(self, batch: Sequence[_Encoded]) -> list[_Outcome]:
        """The outcome of each image of a batch. Where a batch fails, each is asked for alone: one bad image costs no others."""
        if self._failure is not None:
            raise self._failure
        try:
            outcomes: list[_Outcome] = list(self._predictions(batch))
            self.tell(len(batch))
            return outcomes
        except (GivenUpError, StatusError, TooLargeError, InvalidAnswerError, _PageError) as error:
            if len(batch) == 1:
                self.tell(1)
                return [self._blamed(batch[0].url, error)]
            if isinstance(error, GivenUpError):
                self.endpoint.check_alive(error)
        return [outcome for item in batch for outcome in self._ask([item])]

    def _predictions(self, batch: Sequence[_Encoded]) -> list[Prediction]:
        raw = self.options.endpoint.content_type == BYTES_TYPE
        items = [item.data for item in batch]
        body = items[0] if raw else encode_request(items)

        def read(reply: Reply) -> list[Prediction]:
            try:
                answers = parse_response(reply.body, self.options.task, len(batch))
            except InvalidAnswerError as error:
                is_page = isinstance(error, NotJsonError) and not isinstance(error, TruncatedAnswerError)
                if is_page and "json" not in reply.content_type and reply.content_type not in _NO_PAGE:
                    raise _PageError(f"found an answer of type {reply.content_type}, expected JSON", reply.body) from None
                error.body = reply.body
                raise
            return predictions_of(answers, [item.url for item in batch])

        return self.endpoint.ask(body, read)

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
            return self._failed(url, Failed.REFUSED, self.endpoint.words(error), error.status, error.answer)
        code = next(code for kind, code in _CODES.items() if isinstance(error, kind))
        answer = self.endpoint.excerpt(getattr(error, "body", b""))
        return self._failed(url, code, str(error), 200, answer)

    def _choked(self, suspect: _Suspect) -> FailedImage:
        error = suspect.error
        return self._failed(suspect.url, Failed.SERVER_ERROR, str(error), error.last_status, error.answer)

    def _failed(self, url: str, code: Failed, message: str, status: int | None = None, answer: str = "") -> FailedImage:
        return FailedImage(url, code, status, self.endpoint.without_key(message), answer)


class _PageError(Exception):
    """An answer is no JSON, and is said to be of another type."""

    def __init__(self, words: str, body: bytes) -> None:
        super().__init__(words)
        self.body = body


_CODES: dict[type[Exception], Failed] = {
    _PageError: Failed.WRONG_CONTENT_TYPE,
    TooLargeError: Failed.ANSWER_TOO_LARGE,
    TruncatedAnswerError: Failed.TRUNCATED_ANSWER,
    NotJsonError: Failed.NOT_JSON,
    WrongCountError: Failed.WRONG_COUNT,
    InvalidAnswerError: Failed.INVALID_ANSWER,
}
"""The first kind that an error is of tells the code."""
