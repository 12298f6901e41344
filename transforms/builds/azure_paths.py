"""Places as Azure ML names them: paths of data assets, and the workspace that a build's images lie in."""

from __future__ import annotations

from typing import NamedTuple

from labelbeam.schemas.manifest import Manifest
from labelbeam.transforms.builds.image_places import configured_prefix
from labelbeam.transforms.images.urls import prefix_in_datastore, workspace_of

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


def asset_path(manifest: Manifest, place: str) -> str:
    """Value of `az ml data create --path` for a directory of a build at the URL or path `place`.

    Where the build's images lie in the same container, and their URLs name the datastore that this is, it is a path of that one.
    """
    images = manifest.copied.target if manifest.copied is not None else manifest.source.images
    prefix = configured_prefix(manifest)
    datastore = workspace_of(prefix) if prefix is not None else None
    if prefix is None or datastore is None or _container(images) is None or _container(images) != _container(place):
        return azure_path(place)
    named = prefix.partition("/paths/")[0]
    # Only then is it known that the datastore is this container, and no folder of it or another one.
    if prefix_in_datastore(named, images).rstrip("/") != prefix.rstrip("/"):
        return azure_path(place)
    return prefix_in_datastore(named, place).rstrip("/")


def _container(place: str) -> str | None:
    """A container of Azure, with its account where that is named, whichever scheme names it; None for any other place."""
    scheme, separator, rest = place.partition("://")
    container = rest.partition("/")[0]
    return container if separator and scheme in ("az", "abfs", "abfss", "wasb", "wasbs") and "::" not in place else None


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
