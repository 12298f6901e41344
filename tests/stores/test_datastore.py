"""A dataset on its way to a training job in Azure: images and build in a container, and URLs of the datastore that it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

from tests.end_to_end.builds import labelbeam
from tests.servers.stores import AzureStore
from tests.stores.test_copied_images import ODD, dataset, write

DATASTORE = "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/photos"

pytestmark = pytest.mark.server


def published(store: AzureStore, output: str) -> tuple[str, dict[str, Any], list[dict[str, Any]]]:
    """The current build, its manifest, and its records."""
    latest = json.loads(store.read(f"{output}/latest.json"))
    manifest = json.loads(store.read(f"{output}/{latest['manifest']}"))
    place = f"{output}/builds/{latest['build']}"
    files = [entry["path"] for split in manifest["splits"].values() for entry in split["files"]]
    lines = [line for path in files for line in store.read(f"{place}/{path}").splitlines()]
    return place, manifest, [json.loads(line) for line in lines]


def options_of(store: AzureStore) -> tuple[str, str]:
    return "--storage-options", json.dumps(store.storage_options)


@pytest.mark.parametrize("copied", [True, False])
def test_each_image_url_leads_by_the_datastore_to_the_images_own_bytes(
    copied: bool, azure_store: AzureStore, tmp_path: Path
) -> None:
    images = dataset()
    source = write(tmp_path / "raw", images)
    place = ["--copy-images", azure_store.url("parts/images")]
    if not copied:
        azure_store.upload(source, "parts/images")
        place = ["--images", azure_store.url("parts/images")]
    where = ["--source", source, "--output", azure_store.url("training/parts"), "--datastore", DATASTORE]
    options = options_of(azure_store)
    answer = labelbeam("convert", "--task", "image_classification", *where, *place, *options)
    assert answer.status == 0, answer.err
    _, manifest, records = published(azure_store, "training/parts")
    found = {}
    for record in records:
        prefix, _, path = record["image_url"].partition("/paths/")
        assert prefix == DATASTORE
        found[path.removeprefix("parts/images/")] = azure_store.read(unquote(path))
    assert found == {name.replace("%", "%25").replace("?", "%3F"): data for name, data in images.items()}
    assert ODD in images and manifest["counts"]["images"]["written"] == len(images)


def test_the_commands_and_the_job_that_follow_name_the_workspace_and_the_datastores_paths(
    azure_store: AzureStore, tmp_path: Path
) -> None:
    source = write(tmp_path / "raw", dataset())
    output = azure_store.url("training/parts")
    where = [
        "--source",
        source,
        "--output",
        output,
        "--copy-images",
        azure_store.url("parts"),
        "--datastore",
        DATASTORE,
    ]
    options = options_of(azure_store)
    answer = labelbeam("convert", "--task", "image_classification", *where, *options)
    assert answer.status == 0, answer.err
    said = " ".join(answer.err.replace("\\\n", " ").split())
    place, _, _ = published(azure_store, "training/parts")
    assert f"--path {DATASTORE}/paths/{place}/train" in said
    assert "--subscription s -g g -w w" in said and "DATASTORE" not in said.replace(DATASTORE, "")
    accepted = [
        option for code in ("few_images", "rare_labels", "no_validation_split") for option in ("--accept", code)
    ]
    answer = labelbeam("job", output, "--to", tmp_path / "job", *accepted, *options)
    assert answer.status == 0, answer.err
    asset = yaml.safe_load((tmp_path / "job" / "train.data.yaml").read_text())
    assert asset["path"] == f"{DATASTORE}/paths/{place}/train"
