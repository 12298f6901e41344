"""Documents of `labelbeam score`: which images were not scored and why, receipts of shards, and the manifest."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from labelbeam.schemas.manifest import FileEntry
from labelbeam.schemas.reasons import Documented

SCORES_VERSION = 1


class Failed(Documented):
    """Reasons why an image was found and not scored."""

    # Images.
    UNREADABLE_IMAGE = "unreadable_image", "the image's file could not be opened or read"
    EMPTY_IMAGE = "empty_image", "the image's file is empty"
    IMAGE_ELSEWHERE = "image_elsewhere", "the image's URL does not begin as the build's do, so it is never opened"
    # What the endpoint said of it.
    REFUSED = "refused", "the endpoint refused the image, with a status such as 400, 413 or 424"
    SERVER_ERROR = "server_error", "the endpoint failed at this image again and again, and not at others"
    # Answers of status 200 that are no prediction.
    WRONG_CONTENT_TYPE = "wrong_content_type", "the answer is no JSON and is said to be of another kind, such as a page"
    NOT_JSON = "not_json", "the answer is no JSON"
    TRUNCATED_ANSWER = "truncated_answer", "the answer is the beginning of JSON, each time it was asked for"
    WRONG_COUNT = "wrong_count", "the answer has another number of entries than the request had images"
    INVALID_ANSWER = "invalid_answer", "the answer is JSON, but no prediction of the task"
    ANSWER_TOO_LARGE = "answer_too_large", "the answer is larger than 256 MiB, or takes more than 1280 MiB to be parsed"


class FailedImage(msgspec.Struct, frozen=True):
    """An image that was not scored; a line of `failed/*.jsonl`.

    `status` is the HTTP status of the last answer, if there was one. `answer` is its beginning, without credentials; `headers` are
    those in which a managed endpoint tells what its model's server answered.
    """

    image_url: str
    code: Failed
    status: int | None
    message: str
    answer: str = ""
    headers: dict[str, str] = {}


class ScoreCounts(msgspec.Struct):
    """Number of images found, and what became of them; found = scored + failed."""

    found: int = 0
    scored: int = 0
    failed: int = 0

    def add(self, other: ScoreCounts) -> None:
        """Add the counts of another part."""
        self.found += other.found
        self.scored += other.scored
        self.failed += other.failed

    @property
    def balanced(self) -> bool:
        """Tell whether all that was found is accounted for."""
        return self.found == self.scored + self.failed


class ScoreReceipt(msgspec.Struct):
    """Receipt of one unit of images: its files, and its share of the counts."""

    bucket: int
    predictions: FileEntry
    parquet: FileEntry
    failed: FileEntry | None
    counts: ScoreCounts
    failed_by_code: dict[str, int]
    samples: list[FailedImage] = []
    """A few failures, for the summary."""
    reused: bool = False
    """Whether an earlier run wrote the files, and this one found them intact."""

    def files(self) -> list[FileEntry]:
        """Every file of the unit."""
        return [self.predictions, self.parquet, *([self.failed] if self.failed is not None else [])]


class ScoredSource(msgspec.Struct):
    """Images that were scored: `build` names the build that the images are of, if they are of one; see `Source` for the rest."""

    fingerprint: str
    covers: dict[str, Any]
    url: str
    images: str
    build: str | None = None


class ScoresManifest(msgspec.Struct):
    """`manifest.json` of predictions."""

    format_version: int
    kind: Literal["predictions"]
    build: str
    labelbeam_version: str
    task: str
    created: str
    config: dict[str, Any]
    source: ScoredSource
    counts: ScoreCounts
    failed_by_code: dict[str, int]
    predictions: list[FileEntry]
    parquet: list[FileEntry]
    failed: list[FileEntry]
    warnings: list[str] = []
