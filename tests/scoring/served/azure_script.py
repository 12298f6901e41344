"""A scoring script as deployments of AutoML for Images have one, for azureml-inference-server-http."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

from azureml.contrib.services.aml_request import rawhttp  # type: ignore[import-not-found]
from azureml.contrib.services.aml_response import AMLResponse  # type: ignore[import-not-found]

sys.path.insert(0, str(Path(__file__).parent))

from answers import entry_for, table  # type: ignore[import-not-found]


def init() -> None:
    """Load the model: there is none."""


@rawhttp  # type: ignore[untyped-decorator]
def run(request: Any) -> Any:
    """Answer as scripts of both generations do: of bytes one entry, of JSON one an image."""
    makes, body = table()["makes"], request.get_data(False)
    if makes.startswith("v1"):
        said = json.dumps(entry_for(body))
        return AMLResponse(said, 200, json_str=True) if makes == "v1-json" else AMLResponse(said, 200)
    entries = [entry_for(base64.b64decode(row)) for row in json.loads(body)["input_data"]["data"]]
    return json.dumps(entries) if makes == "v2-text" else entries
