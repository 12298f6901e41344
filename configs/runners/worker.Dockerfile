# The image of a worker: Beam's own, with this project and the packages of all stores. In a checkout:
#   docker build --file configs/runners/worker.Dockerfile --tag REGISTRY/labelbeam-worker:0.1.0 .
#   docker push REGISTRY/labelbeam-worker:0.1.0
# Then, for Dataflow: --sdk_container_image=REGISTRY/labelbeam-worker:0.1.0 --sdk_location=container
# and for Flink, Spark and the portable runner: --environment_type=DOCKER --environment_config=REGISTRY/labelbeam-worker:0.1.0
#
# Python and Beam have to be those of the machine that submits.
FROM apache/beam_python3.11_sdk:2.77.0

COPY requirements/constraints.txt setup.py pyproject.toml MANIFEST.in README.md LICENSE /src/
COPY labelbeam /src/labelbeam
COPY schemas /src/schemas
COPY transforms /src/transforms
COPY pipelines /src/pipelines
RUN pip install --no-cache-dir --constraint /src/constraints.txt '/src[azure,gcs,http,s3]' \
    && rm -r /src

ENTRYPOINT ["/opt/apache/beam/boot"]
