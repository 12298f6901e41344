"""Places as Azure ML names them."""

from __future__ import annotations

import pytest

from labelbeam.schemas.manifest import Copies
from labelbeam.transforms.builds.azure_paths import PLACEHOLDER, asset_path, azure_path, workspace_flags
from tests.manifests import manifest

STORE = "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/d/paths/"


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ("built/train", "built/train"),
        ("/data/built/train", "/data/built/train"),
        ("https://h/c/train", "https://h/c/train"),
        (f"{STORE}a", f"{STORE}a"),
        ("abfss://c@a.dfs.core.windows.net/x", "abfss://c@a.dfs.core.windows.net/x"),
        ("abfs://c@a.dfs.core.windows.net/x", "abfss://c@a.dfs.core.windows.net/x"),
        ("abfs://c/x", f"azureml://datastores/{PLACEHOLDER}/paths/x"),
        ("az://c/x y", f"azureml://datastores/{PLACEHOLDER}/paths/x y"),
        ("s3://b/x", f"azureml://datastores/{PLACEHOLDER}/paths/x"),
    ],
)
def test_a_place_is_a_path_of_a_datastore_unless_its_url_says_all(place: str, path: str) -> None:
    assert azure_path(place) == path


@pytest.mark.parametrize(
    ("prefix", "images", "copied", "place", "path"),
    [
        (f"{STORE}i/", "az://c/i", "", "az://c/x", f"{STORE}x"),
        (f"{STORE}i", "file:///data", "az://c/i/", "abfs://c/x y", f"{STORE}x y"),
        (f"{STORE}i/", "az://c/i", "", "az://other/x", None),
        (f"{STORE}i/", "az://c/deeper/i", "", "az://c/x", None),  # It is a folder of the container, or another one.
        (f"{STORE}i/", "file:///data/i", "", "az://c/x", None),
        ("https://h/i/", "az://c/i", "", "az://c/x", None),
        (f"{STORE}i/", "az://c/i", "", "/data/x", None),
        (None, "az://c/i", "", "az://c/x", None),
    ],
)
def test_the_datastore_of_the_images_is_that_of_a_build_in_the_same_container(
    prefix: str | None, images: str, copied: str, place: str, path: str | None
) -> None:
    made = manifest(config={"image_url": prefix}, copied=Copies(copied) if copied else None)
    made.source.images = images
    assert asset_path(made, place) == (azure_path(place) if path is None else path)


def test_the_workspace_is_that_of_the_images_where_they_name_one() -> None:
    flags = ["--subscription", "s", "-g", "g", "-w", "w"]
    assert workspace_flags(manifest(image_roots={STORE: 3, "https://": 1})) == flags
    assert workspace_flags(manifest(image_roots={STORE: 3, STORE.replace("/d/", "/e/"): 1})) == flags


def test_of_two_workspaces_or_none_no_one_is_taken() -> None:
    assert workspace_flags(manifest(image_roots={STORE: 3, STORE.replace("/w/", "/v/"): 1})) == []
    assert workspace_flags(manifest(image_roots={"https://": 1})) == []
