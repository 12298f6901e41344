"""The trainer's own reader on splits of builds, in the environment of requirements/trainer.txt, which has no labelbeam.

Arguments: a task, and directories with an MLTable. Prints a JSON object by directory: rows, images, the objects that are valid and those that
are not, and labels by count. `mltable` loads the rows; the trainer's class for an annotation says whether it counts. What that class
imports and does not use here, torch above all, is stood in for by empty modules.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import json
import sys
import types
from collections import Counter
from typing import Any, ClassVar

import mltable  # type: ignore[import-not-found]

REAL = ("azureml.automl.dnn", "azureml.dataprep")


class Empty(type):
    """A class of whatever name, which has whatever is asked of it."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return empty(name)


def empty(name: str) -> Any:
    if name.endswith(("Exception", "Error")):
        return type(name, (Exception,), {"__init__": lambda self, *args, **_: Exception.__init__(self, *args)})
    return Empty(name, (), {"__init__": lambda self, *args, **fields: None})


class EmptyModule(types.ModuleType):
    """A module of whatever name."""

    __path__: ClassVar[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return empty(name)


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Stands in for modules: with `azure` for those of Azure's SDK, else for what nothing else has found."""

    def __init__(self, azure: bool) -> None:
        self.azure = azure

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        parent = name.rpartition(".")[0]
        if (
            name in ("azureml", "azureml.automl")
            or name.startswith(REAL)
            or (self.azure and not parent.startswith("azureml"))
        ):
            return None
        if not self.azure and parent and not isinstance(sys.modules.get(parent), EmptyModule):
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: Any) -> Any:
        return EmptyModule(spec.name)

    def exec_module(self, module: Any) -> None:
        pass


def main(task: str, *folders: str) -> None:
    tables = {folder: mltable.load(folder).to_pandas_dataframe() for folder in folders}
    sys.meta_path.insert(0, StandIns(azure=True))
    sys.meta_path.append(StandIns(azure=False))
    import torch  # type: ignore[import-not-found]

    torch.hub = types.SimpleNamespace(get_dir=lambda: "/nowhere")
    from azureml.automl.dnn.vision.object_detection.data.object_annotation import (  # type: ignore[import-not-found]
        ObjectAnnotation,
    )

    def counts(annotation: Any) -> bool:
        found = ObjectAnnotation(_masks_required=task == "image_instance_segmentation")
        try:
            found.init(annotation)
        except Exception:  # It costs the whole image.
            return False
        return bool(found.valid)

    said = {}
    for folder, table in tables.items():
        images = [str(url) for url in table["image_url"]]
        labels = [item if isinstance(item, list) else [item] for item in table["label"]]
        of_boxes = not task.startswith("image_classification")
        valid = [counts(item) if of_boxes else isinstance(item, str) for items in labels for item in items]
        names = Counter(item["label"] if of_boxes else item for items in labels for item in items)
        said[folder] = {
            "rows": len(table),
            "images": len(set(images)),
            "valid": sum(valid),
            "invalid": len(valid) - sum(valid),
            "labels": names,
            "columns": sorted(table.columns),
        }
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
