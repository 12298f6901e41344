"""Places as Azure ML names them: paths of data assets, and the workspace that a build's images lie in."""

from __future__ import annotations

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


def workspace_flags(manifest: Manifest) -> list[str]:
    """Options of `az ml` for the one workspace that the image URLs of a build name; none where they name none, or several."""
    spaces = {
        (found.subscription, found.group, found.name) for root in manifest.image_roots if (found := workspace_of(root))
    }
    if len(spaces) != 1:
        return []
    subscription, group, workspace = spaces.pop()
    return ["--subscription", subscription, "-g", group, "-w", workspace]
