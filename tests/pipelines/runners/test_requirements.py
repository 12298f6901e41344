"""What runners on other machines must be given is asked for before anything is read; the others take local paths as ever."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labelbeam.pipelines.cli import main
from labelbeam.pipelines.runners.flags import in_process, is_distributed, runner_of
from labelbeam.pipelines.runners.options import RUNNERS
from labelbeam.pipelines.runners.requirements import check_runner
from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from tests.pipelines.conftest import COCO

REMOTE: dict[str, Any] = {
    "task": "image_object_detection",
    "source": ["s3://bucket/a.json"],
    "output": "s3://bucket/built",
}
FLINK = ["--runner=FlinkRunner", "--flink_master=host:8081", "--environment_type=EXTERNAL"]
DATAFLOW = [
    "--runner=DataflowRunner",
    "--project=p",
    "--region=r",
    "--temp_location=gs://bucket/temp",
    "--setup_file=./s",
]


def config(**changes: Any) -> ConvertConfig:
    return ConvertConfig(**REMOTE | changes)


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["--runner=DirectRunner"],
        ["--runner=FnApiRunner", "--direct_running_mode=multi_processing"],
        ["--runner=PrismRunner"],
        ["--runner=PrismRunner", "--environment_type=loopback"],
        ["--runner=PortableRunner", "--job_endpoint=host:8099", "--environment_type=LOOPBACK"],
        ["--runner=FlinkRunner"],
        ["--runner=FlinkRunner", "--flink_master=[local]"],
        ["--runner=FlinkRunner", "--flink_master=host:8081", "--environment_type=LOOPBACK"],
        ["--runner=SparkRunner"],
        ["--runner=SparkRunner", "--spark_master_url=local[2]"],
    ],
)
def test_work_that_is_done_on_this_machine_may_use_its_paths(flags: list[str]) -> None:
    assert not is_distributed(flags)
    check_runner(config(source=["data/a.json"], output="/built"), flags)


@pytest.mark.parametrize(
    "flags",
    [
        ["--runner=DataflowRunner"],
        ["--runner=DataflowRunner", "--environment_type=LOOPBACK"],
        ["--runner=apache_beam.runners.dataflow.dataflow_runner.DataflowRunner"],
        ["--runner=PortableRunner", "--job_endpoint=localhost:8099"],
        ["--runner=PortableRunner", "--environment_type=EXTERNAL", "--environment_config=localhost:50000"],
        ["--runner=FlinkRunner", "--flink_master=host:8081"],
        ["--runner=FlinkRunner", "--flink_master=[local]", "--environment_type=DOCKER"],
        ["--runner=SparkRunner", "--spark_master_url=spark://host:7077", "--environment_type=PROCESS"],
        ["--runner=PrismRunner", "--environment_type=DOCKER"],
        ["--runner=FlinkRunner", "--environment_type=LOOPBACK", "--environment_type=EXTERNAL"],
        ["--runner=KafkaStreamsRunner"],
        ["--runner=company.runners.Fast"],
    ],
)
def test_work_that_may_be_done_elsewhere_gets_no_path_of_this_machine(flags: list[str]) -> None:
    assert is_distributed(flags)
    with pytest.raises(UsageError, match=r"--source data/a\.json: on this machine"):
        check_runner(config(source=["data/a.json"]), flags)


@pytest.mark.parametrize(
    ("option", "changes"),
    [
        ("--source /data/a.json", {"source": ["s3://bucket/a.json", "/data/a.json"]}),
        ("--source data/*.json", {"source": ["data/*.json"]}),
        ("--source file:///data/a.json", {"source": ["file:///data/a.json"]}),
        ("--source local:///data/a.json", {"source": ["local:///data/a.json"]}),
        ("--source memory://a.json", {"source": ["memory://a.json"]}),
        ("--source zip://a.json::/data/a.zip", {"source": ["zip://a.json::/data/a.zip"]}),
        ("--source tar://a.json::file:///data/a.tar", {"source": ["tar://a.json::file:///data/a.tar"]}),
        ("--images images", {"images": "images"}),
        ("--output built", {"output": "built"}),
        ("--copy-images ../copies", {"copy_images": "../copies"}),
        ("--images images, --output built", {"images": "images", "output": "built"}),
    ],
)
def test_the_message_names_each_option_with_a_local_path_the_reason_and_the_ways_out(
    option: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(UsageError) as caught:
        check_runner(config(**changes), FLINK)
    message = str(caught.value)
    assert message.startswith(f"{option}: on this machine, ")
    for part in ("workers of FlinkRunner on other machines", "s3://bucket/path", "--shared-paths", "LOOPBACK"):
        assert part in message


def test_paths_of_stores_and_of_archives_in_stores_reach_the_runner() -> None:
    sources = ["zip://a.json::s3://bucket/a.zip", "https://host/a.json", "gs://bucket/*.json"]
    check_runner(config(source=sources, images="az://c/images", copy_images="abfs://c/p"), FLINK)


def test_a_disk_that_all_workers_share_may_be_used_when_that_is_said() -> None:
    check_runner(config(source=["/mnt/data/a.json"], output="/mnt/built", shared_paths=True), FLINK)


def test_credentials_of_an_address_are_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        check_runner(config(source=["zip://a::/data/a.zip?sig=SECRETS"]), FLINK)
    assert "SECRETS" not in str(caught.value)


@pytest.mark.parametrize(
    "flags",
    [
        DATAFLOW[:-1],
        FLINK[:2],
        [*FLINK[:2], "--environment_type=DOCKER"],
        [*FLINK[:2], "--sdk_container_image=ours"],
        [*DATAFLOW[:-1], "--environment_config=ours"],
        ["--runner=PortableRunner", "--job_endpoint=host:8099"],
    ],
)
def test_workers_that_have_beam_alone_need_something_that_brings_the_project(flags: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        check_runner(config(), flags)
    message = str(caught.value)
    assert message.startswith(f"--runner={runner_of(flags)}: nothing brings this project to the workers")
    assert "--setup_file=./setup.py" in message and "worker.Dockerfile" in message


@pytest.mark.parametrize(
    "flags",
    [
        [*FLINK[:2], "--setup_file=./setup.py"],
        [*FLINK[:2], "--extra_package=labelbeam-0.1.0.tar.gz"],
        [*FLINK[:2], "--environment_type=DOCKER", "--environment_config=ours"],
        [*FLINK[:2], "--environment_options=docker_container_image=ours"],
        [*FLINK[:2], "--environment_type=PROCESS"],
        FLINK,
    ],
)
def test_anything_that_may_bring_the_project_will_do(flags: list[str]) -> None:
    check_runner(config(), flags)


def test_requirements_bring_the_project_only_where_they_name_it(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    flags = [*FLINK[:2], f"--requirements_file={requirements}"]
    with pytest.raises(UsageError, match=f"--requirements_file={requirements}: cannot be read"):
        check_runner(config(), flags)
    requirements.write_text("gcsfs  # for labelbeam\n")
    with pytest.raises(UsageError, match="nothing brings this project"):
        check_runner(config(), flags)
    requirements.write_text("labelbeam[gcs] @ https://host/labelbeam-0.1.0.tar.gz\n")
    check_runner(config(), flags)


@pytest.mark.parametrize("name", ["project", "region", "temp_location"])
def test_what_dataflow_cannot_do_without_is_asked_for(name: str) -> None:
    with pytest.raises(
        UsageError, match=f"--runner=DataflowRunner: missing: --{name}; see configs/runners/dataflow.yaml"
    ):
        check_runner(config(), [flag for flag in DATAFLOW if not flag.startswith(f"--{name}=")])


@pytest.mark.parametrize("place", ["/tmp/x", "s3://bucket/temp", "gs://b/temp", "gs://bucket", "gs://Bucket/temp"])
@pytest.mark.parametrize("name", ["temp_location", "staging_location"])
def test_a_place_for_which_beam_would_make_a_bucket_of_its_own_is_refused(name: str, place: str) -> None:
    with pytest.raises(UsageError, match=f"^--{name}: found '{place}', expected a directory in a bucket"):
        check_runner(config(), [*DATAFLOW, f"--{name}={place}"])


def test_dataflow_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelbeam.pipelines.runners.requirements.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"run: pip install 'labelbeam\[dataflow\]'"):
        check_runner(config(), DATAFLOW)


@pytest.mark.parametrize(
    "flags",
    [[*FLINK, "--output_executable_path=job.jar"], [*DATAFLOW, "--template_location=gs://bucket/template"]],
)
def test_a_job_that_is_kept_to_be_run_later_is_refused(flags: list[str]) -> None:
    with pytest.raises(UsageError, match="refused: a build is planned for the files as they are now"):
        check_runner(config(), flags)


@pytest.mark.parametrize("flags", [["--dry_run=True"], [*FLINK, "--dry_run=True"]])
def test_a_dry_run_is_not_promised_where_the_runner_would_build(flags: list[str]) -> None:
    with pytest.raises(UsageError, match=r"--dry_run: .* would build; expected --runner=DataflowRunner"):
        check_runner(config(), flags)


def test_the_command_refuses_before_it_looks_at_the_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "built"
    command = ["convert", "--task", "image_object_detection", "--source", "missing.json", "--output", str(output)]
    assert main([*command, *FLINK]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"labelbeam convert: --source missing.json, --output {output}: on this machine")
    assert "cannot be" not in err and err.count("\n") == 1
    assert not output.exists()


def test_a_config_file_may_say_that_a_disk_is_shared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.yaml"
    settings = {"task": "image_object_detection", "source": "missing.json", "output": str(tmp_path / "built")}
    file.write_text(
        json.dumps(settings | {"shared_paths": True, "runner": "FlinkRunner", "environment_type": "EXTERNAL"})
    )
    assert main(["convert", str(file)]) == 1
    assert "missing.json: it does not exist" in capsys.readouterr().err


def test_all_names_of_the_in_process_runner_are_beams_and_none_is_prism() -> None:
    names = {name for name in (*RUNNERS, "PrismRunner") if in_process([f"--runner={name}"])}
    assert names == {"DirectRunner", "SwitchingDirectRunner", "FnApiRunner"}
    assert in_process([])


@pytest.mark.parametrize(
    "flags", [[], ["--runner=DirectRunner"], ["--runner=direct"], ["--runner=SwitchingDirectRunner"]]
)
def test_direct_runner_is_the_in_process_runner_and_prism_is_not_even_looked_for(
    flags: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner
    from apache_beam.runners.portability.prism_runner import PrismRunner

    ran: list[Any] = []
    asked_for: list[Any] = []

    def prism(*_: Any) -> None:
        asked_for.append("Prism")  # Beam would go on with the other runner.
        raise RuntimeError("there is no network")

    run = FnApiRunner.run_pipeline

    def in_this_process(self: Any, *arguments: Any) -> Any:
        ran.append(self)
        return run(self, *arguments)

    monkeypatch.setattr(PrismRunner, "__init__", prism)
    monkeypatch.setattr(PrismRunner, "default_job_server", prism)
    monkeypatch.setattr(FnApiRunner, "run_pipeline", in_this_process)
    (tmp_path / "coco.json").write_text(json.dumps(COCO))
    command = ["convert", "--task", "image_object_detection", "--source", str(tmp_path / "coco.json")]
    assert main([*command, "--output", str(tmp_path / "built"), *flags]) == 0
    assert len(ran) == 1 and not asked_for
