"""A model as MLflow serves one; as a script, `mlflow_model.py PLACE`, it is saved there."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Any

import mlflow  # type: ignore[import-not-found]

sys.path.insert(0, str(Path(__file__).parent))

from answers import entry_for  # type: ignore[import-not-found]


class Model(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Says of each row's image what it knows by heart."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> list[Any]:
        """The entries of the images in the column `image`."""
        return [entry_for(base64.b64decode(image)) for image in model_input["image"]]


if __name__ == "__main__":
    mlflow.pyfunc.save_model(
        sys.argv[1], python_model=__file__, code_paths=[str(Path(__file__).with_name("answers.py"))]
    )
else:
    mlflow.models.set_model(Model())
