"""Places as Azure ML names them: paths of data assets, and the workspace that a build's images lie in."""

from __future__ import annotations

from typing import NamedTuple

from labelbeam.schemas.manifest import Manifest
from labelbeam.transforms.images.urls import workspace_of

PLACEHOLDER = "DATASTORE"
"""What stands for the name of a datastore that only the reader knows."""


def azure_path(place: str) -> str:
    """Value of `az ml data create --path` for a directory.

    A store is written as a path of a datastore whose name the reader has to fill in, unless the URL names the account.

    >>> azure_path("az://data/built/train")
    'azureml://datastores/DATASTORE/paths/built/train'
    """
    scheme, separator, rest = place.partition("://")
    host, _, path = rest.partition("/")
    if not separator or scheme in ("https", "wasbs", "azureml"):
        return place
    if scheme in ("abfs", "abfss") and "@" in host:
        return f"abfss://{rest}"
    return f"azureml://datastores/{PLACEHOLDER}/paths/{path}"


class WorkspaceName(NamedTuple):
    """Name of an Azure ML workspace."""

    subscription: str
    group: str
    workspace: str

    @property
    def flags(self) -> list[str]:
        """Options of `az ml` that name it."""
        return ["--subscription", self.subscription, "-g", self.group, "-w", self.workspace]


def workspaces_named(manifest: Manifest) -> list[WorkspaceName]:
    """The workspaces that the image URLs of a build name, sorted; letter case does not part them, as it does not in Azure."""
    found: dict[str, WorkspaceName] = {}
    for root in sorted(manifest.image_roots):
        if space := workspace_of(root):
            name = WorkspaceName(space.subscription, space.group, space.name)
            found.setdefault("/".join(name).lower(), name)
    return list(found.values())


def workspace_flags(manifest: Manifest) -> list[str]:
    """Options of `az ml` for the one workspace that the image URLs of a build name; none where they name none, or several."""
    spaces = workspaces_named(manifest)
    return spaces[0].flags if len(spaces) == 1 else []
