"""A workspace of Azure ML: the data assets and jobs of a build made in it through azure-ai-ml, each of them once.

What is there already stays as it is: an asset by its name and version, a job by its name. So whoever is ended half-way, or is not
sure, does the same again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.builds.azure_paths import WorkspaceName
from labelbeam.transforms.messages.redact import redact

_CREDENTIALS = "sign in with az login, set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or run where there is a managed identity"


class MadeJob(NamedTuple):
    """A job as the workspace has it; `new` where it was submitted just now."""

    name: str
    status: str
    url: str
    new: bool


def check_installed() -> None:
    """Make sure that a workspace can be asked for anything.

    Raises:
        UsageError: a package is not installed.
    """
    for module in ("azure.ai.ml", "azure.identity"):
        try:
            found = find_spec(module)
        except ModuleNotFoundError:  # Not even `azure`.
            found = None
        if found is None:
            raise UsageError(
                f"{module} is not installed, which Azure ML is asked with; run: pip install 'labelbeam[azureml]'"
            )


class MLWorkspace:
    """A workspace that exists, and that whoever runs this may look into.

    Raises:
        UsageError: a package is not installed.
        LabelBeamError: there is no such workspace, no credential, or no permission.
    """

    def __init__(self, name: WorkspaceName) -> None:
        check_installed()
        from azure.ai.ml import MLClient
        from azure.identity import DefaultAzureCredential

        self.name = name
        with self._explained("it cannot be asked"):
            self._client = MLClient(
                DefaultAzureCredential(), *name, enable_telemetry=False, show_progress=False, logging_enable=False
            )
            self._client.workspaces.get(name.workspace)

    @property
    def shown(self) -> str:
        """The workspace for messages."""
        return f"workspace {self.name.workspace} of the resource group {self.name.group}, subscription {self.name.subscription}"

    def register(self, file: Path, asset: dict[str, Any]) -> bool:
        """Make the data asset that a YAML file describes, and `asset` as a document; False where it is there already.

        Raises:
            LabelBeamError: it cannot be made, or another build's asset has its name and version.
        """
        from azure.ai.ml import load_data

        called = f"data asset {asset['name']}:{asset['version']}"
        with self._explained(f"{called} cannot be looked for"):
            found = self._or_none(self._client.data.get, name=asset["name"], version=asset["version"])
        if found is None:
            with self._explained(f"{called} cannot be made"):
                self._client.data.create_or_update(load_data(file))
            return True
        wanted = asset["tags"]["build"]
        if (other := (found.tags or {}).get("build", wanted)) != wanted:
            raise LabelBeamError(
                f"{self.shown}: {called} is there already, of build {other}; expected {wanted}: give these assets another --name"
            )
        return False

    def submit(self, file: Path, name: str) -> MadeJob:
        """Submit the job that a YAML file describes, unless there is one of its name.

        Raises:
            LabelBeamError: it cannot be submitted.
        """
        from azure.ai.ml import load_job

        with self._explained(f"job {name} cannot be looked for"):
            found = self._or_none(self._client.jobs.get, name)
        new = found is None
        if found is None:
            with self._explained(f"job {name} cannot be submitted"):
                found = self._client.jobs.create_or_update(load_job(file))
        return MadeJob(name, str(getattr(found.status, "value", found.status)), found.studio_url or "", new)

    @staticmethod
    def _or_none(get: Any, *args: Any, **kwargs: Any) -> Any:
        from azure.core.exceptions import ResourceNotFoundError

        try:
            return get(*args, **kwargs)
        except ResourceNotFoundError:
            return None

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Turn what the packages raise into words.

        Raises:
            LabelBeamError: whatever was raised.
        """
        from azure.ai.ml.exceptions import MlException
        from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

        try:
            yield
        except ClientAuthenticationError as error:
            raise LabelBeamError(
                f"{self.shown}: {what}: no credential that Azure takes: {_words(error)}; {_CREDENTIALS}"
            ) from None
        except HttpResponseError as error:
            todo = _TODO.get(error.status_code or 0, "")
            raise LabelBeamError(f"{self.shown}: {what}: {_words(error)}{todo}") from None
        except (AzureError, MlException, OSError, ValueError) as error:
            raise LabelBeamError(f"{self.shown}: {what}: {_words(error)}") from None


_TODO = {
    403: "; have somebody give you a role there, such as AzureML Data Scientist",
    404: "; see whether --subscription, --resource-group and --workspace are those that you mean",
}


_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def _words(error: Exception) -> str:
    """An error in one line without credentials: the service says the same again after the first, a credential all that it tried."""
    lines = _COLOURS.sub("", str(error)).strip().splitlines() or [type(error).__name__]
    whole = isinstance(error, (OSError, ValueError)) or lines[0].endswith(":")
    return redact(" ".join(" ".join(lines if whole else lines[:1]).split()))[:400]
