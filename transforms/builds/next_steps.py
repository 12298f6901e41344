"""Commands that a person may want to type once a build is published: to check it, to register it with Azure ML, and to train on it."""

from __future__ import annotations

from labelbeam.schemas.manifest import Manifest
from labelbeam.transforms.builds.azure import asset_stem, asset_version
from labelbeam.transforms.builds.azure_paths import asset_path, workspace_flags
from labelbeam.transforms.images.urls import read_by_jobs


def next_steps(manifest: Manifest, output: str, build: str) -> list[list[str]]:
    """The commands as words, for the build at the place `build` below `output`.

    Where jobs cannot read the images, none registers it; where the image URLs name a workspace, it is that one.
    """
    commands = [["labelbeam", "verify", output]]
    if not all(map(read_by_jobs, manifest.image_roots)):
        return commands
    where = workspace_flags(manifest)
    stem, version = asset_stem(output), asset_version(manifest.build)
    for split in manifest.splits:
        command = ["az", "ml", "data", "create", "--name", f"{stem}-{split}", "--version", version]
        commands.append([*command, "--type", "mltable", "--path", asset_path(manifest, f"{build}/{split}"), *where])
    commands.append(["labelbeam", "job", output])
    commands.append(["az", "ml", "job", "create", "--file", "azureml/job.yaml", *where])
    return commands
