"""Build Dataflow's jobs for commands, as `labelbeam convert --dry_run` does, and print what would be sent. Run by test_dataflow.py.

    python -m tests.pipelines.dataflow_jobs '[["convert", …], …]' SECRET

For each command: its exit status, what it printed, the description of the job as it would be posted, the groupings of the graph,
the content of the staged package, and how often the secret can be read in what is sent.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tarfile
from typing import Any

from apache_beam.portability.api import beam_runner_api_pb2 as protos
from apache_beam.runners.dataflow.internal import apiclient
from google.protobuf import json_format

from labelbeam.pipelines.cli import main

GROUPING = "beam:transform:group_by_key:v1"


def built(command: list[str], secret: str) -> dict[str, Any]:
    jobs: list[Any] = []

    class Job(real):  # type: ignore[misc, valid-type]
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            jobs.append(self)

    apiclient.Job = Job
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(command)
    printed, said = (stream.buffer.getvalue().decode() for stream in (out, err))
    if not jobs:
        return {"status": status, "err": said}
    (job,) = jobs
    graph = job.proto_pipeline
    paths = [
        protos.ArtifactFilePayload.FromString(artifact.type_payload).path
        for environment in graph.components.environments.values()
        for artifact in environment.dependencies
    ]
    description = apiclient.Environment([], job.options, "10", "gs://bucket/staging/pipeline.pb", graph)
    sent = json_format.MessageToDict(description.proto._pb)
    members: list[str] = []
    for path in paths:
        if path.endswith(".tar.gz"):
            with tarfile.open(path) as package:
                members += [name.partition("/")[2] for name in package.getnames()]
    return {
        "status": status,
        "job": json.loads(printed),
        "err": said,
        "environment": sent,
        "groupings": [step.unique_name for step in graph.components.transforms.values() if step.spec.urn == GROUPING],
        "package": members,
        "secret": [
            json.dumps(sent).count(secret),
            graph.SerializeToString().count(secret.encode()),
            said.count(secret),
        ],
    }


real = apiclient.Job

if __name__ == "__main__":
    print(json.dumps([built(command, sys.argv[2]) for command in json.loads(sys.argv[1])]))
