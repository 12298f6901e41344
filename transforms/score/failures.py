"""Failures of an endpoint: what is answered in place of a prediction, and what is made of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from labelbeam.schemas.errors import LabelBeamError

SHEDDING = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
"""Statuses of a server, or of a proxy before it, that has more requests than it can answer."""

MODEL_HEADERS = "ms-azureml-model-"
"""What the headers begin with in which a managed endpoint says what the model's own server answered."""

_MODEL_STATUS = "ms-azureml-model-error-statuscode"
_INNER = re.compile(r"\s*([1-5][0-9][0-9])\b.*")
"""A status, which a proxy may have repeated after a comma, or followed by its phrase."""


class EndpointError(LabelBeamError):
    """The endpoint cannot be asked for any image; the run ends."""


class StatusError(Exception):
    """An answer of another status than 200, with its headers and the beginning of its body.

    `model` holds the headers that tell of the model's own server, by their names in lower case.
    """

    def __init__(self, status: int, headers: Any, answer: str, model: Mapping[str, str]) -> None:
        said = ", ".join(f"{name}: {value}" for name, value in model.items())
        bare = str(status) if status >= HTTPStatus.BAD_REQUEST else f"the server answers {status} and nothing more"
        super().__init__("; ".join(filter(None, [said, answer[:200]])) or bare)
        self.status = status
        self.headers = headers
        self.answer = answer
        self.model = dict(model)

    @property
    def is_of_scoring_script(self) -> bool:
        """Whether the scoring script failed: 500, or what a managed endpoint makes of the 5xx, 408 or 429 of its model's server, 424."""
        inner = self.of_model
        return self.status == HTTPStatus.INTERNAL_SERVER_ERROR or (
            inner is not None and (inner >= 500 or inner in SHEDDING)
        )

    @property
    def of_model(self) -> int | None:
        """The status of the model's server, of which a managed endpoint has made 424; None where it did not."""
        inner = _INNER.fullmatch(self.model.get(_MODEL_STATUS, ""))
        return int(inner[1]) if self.status == HTTPStatus.FAILED_DEPENDENCY and inner is not None else None

    @property
    def is_shedding(self) -> bool:
        """Whether there are more requests than can be answered, at the endpoint or at its model's server."""
        return self.status in SHEDDING or self.of_model in SHEDDING


class GivenUpError(Exception):
    """A request failed again and again in a retryable way; `last` is the last answer, if there was one."""

    def __init__(self, words: str, last: StatusError | None) -> None:
        super().__init__(words)
        self.last = last


class TooLargeError(Exception):
    """An answer is larger than is read of one."""


def model_headers(headers: Any) -> dict[str, str]:
    """The headers of an answer that tell of the model's own server, by their names in lower case."""
    return {name.lower(): value for name, value in headers.items() if name.lower().startswith(MODEL_HEADERS)}
