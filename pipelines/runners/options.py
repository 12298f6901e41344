"""Beam's pipeline options: their names, what values they take, and those that lose data.

Beam ignores an option that it does not know, so `--runer` would pass unnoticed; and asking Beam itself costs more than a
second before `--help` could answer. So its options stand here, and a test compares them with the installed Beam.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.json_objects import RepeatedKeyError, unique
from labelbeam.transforms.messages.words import did_you_mean

Pair: TypeAlias = tuple[str, str | None]
"""An option and its value, both as they are typed; None where it has no value."""


class BeamOption(NamedTuple):
    """Value that an option takes: nothing ("flag"), or a value of a kind; `many` may be given more than once."""

    kind: Literal["flag", "optional", "text", "integer", "number", "json"]
    many: bool = False
    choices: tuple[str, ...] = ()


_FLAGS = """
allow_non_deterministic_key_coders allow_unsafe_triggers auto_unique_labels direct_embed_docker_python disable_beartype
enable_artifact_caching enable_bucket_read_metric_counter enable_bucket_write_metric_counter enable_gcsio_blob_generation
enable_hot_key_logging enable_streaming_engine exclude_infer_dataclass_field_type flink_submit_uber_jar
force_cloudpickle_deterministic_coders hdfs_full_urls no_auth no_direct_runner_use_stacked_bundle
no_gcsio_throttling_counter no_pipeline_type_check no_save_main_session no_use_public_ips no_wait_until_finish
performance_runtime_type_check profile_cpu profile_memory profiler_stop_after_crash requirements_cache_only_sources
runtime_type_check s3_disable_ssl save_main_session spark_submit_uber_jar streaming update use_public_ips
use_transform_service
"""
_TEXTS = """
application_id artifact_endpoint artifacts_dir azure_connection_string azure_managed_identity_client_id
blob_service_endpoint bootstrap_servers cloud_build_machine_type create_from_snapshot dataflow_endpoint dataflow_job_file
dataflow_kms_key default_sdk_harness_log_level disk_type docker_registry_push_url dry_run environment_cache_millis
environment_config environment_type flink_job_server_jar flink_master gbek hdfs_host hdfs_port hdfs_user
impersonate_service_account jar_cache_dir job_endpoint job_name job_server_java_launcher kafka_streams_job_server_jar
machine_type maven_repository_url min_cpu_platform network on_success_matcher output_executable_path
prebuild_sdk_container_base_image prebuild_sdk_container_engine prism_beam_version_override prism_location
profile_location profile_temp_location profiler_agent project pubsub_root_url region requirements_cache requirements_file
runner s3_access_key_id s3_api_version s3_endpoint_url s3_region_name s3_secret_access_key s3_session_token s3_verify
sdk_container_image sdk_location sdk_worker_parallelism service_account_email setup_file spark_job_server_jar
spark_master_url spark_rest_url staging_location subnetwork temp_location template_location type_check_additional
user_agent worker_disk_type worker_harness_container_image worker_machine_type worker_region worker_zone zone
"""
_LISTS = """
beam_plugin beam_plugins dataflow_service_option dataflow_service_options environment_option environment_options
experiment experiments extra_package extra_packages file_to_stage files_to_stage gcp_oauth_scope gcp_oauth_scopes
gcs_custom_audit_entries gcs_custom_audit_entry job_server_jvm_properties job_server_jvm_property label labels
profiler_extra_arg profiler_extra_args profiler_extra_env_var profiler_extra_env_vars resource_hint resource_hints
sdk_harness_container_image_overrides
"""
_INTEGERS = """
artifact_port direct_num_workers direct_runner_bundle_repeat disk_provisioned_iops disk_provisioned_throughput_mibps
disk_size_gb element_processing_timeout_minutes expansion_port job-server-timeout job_port job_server_timeout
max_cache_memory_usage_mb max_num_workers max_parallelism num_workers number_of_worker_harness_threads parallelism
profile_postprocess_interval_sec profile_upload_interval_sec profiler_stop_after_sec wait_until_finish_duration
"""

BEAM_OPTIONS: dict[str, BeamOption] = {
    **dict.fromkeys(_FLAGS.split(), BeamOption("flag")),
    **dict.fromkeys(_TEXTS.split(), BeamOption("text")),
    **dict.fromkeys(_LISTS.split(), BeamOption("text", many=True)),
    **dict.fromkeys(_INTEGERS.split(), BeamOption("integer")),
    **dict.fromkeys(["beam_services", "direct_test_splits", "transform_name_mapping"], BeamOption("json")),
    "sdk_harness_log_level_overrides": BeamOption("json", many=True),
    "profile_sample_rate": BeamOption("number"),
    "update_compatibility_version": BeamOption("optional"),
    "autoscaling_algorithm": BeamOption("text", choices=("NONE", "THROUGHPUT_BASED")),
    "direct_running_mode": BeamOption("text", choices=("in_memory", "multi_threading", "multi_processing")),
    "flexrs_goal": BeamOption("text", choices=("COST_OPTIMIZED", "SPEED_OPTIMIZED")),
    "flink_version": BeamOption("text", choices=("1.19", "1.20", "2.0", "2.1", "2.2")),
    "pickle_library": BeamOption("text", choices=("cloudpickle", "default", "dill", "dill_unsafe")),
    "prism_log_kind": BeamOption("text", choices=("dev", "json", "text", "console")),
    "prism_log_level": BeamOption("text", choices=("debug", "info", "warn", "error")),
    "spark_version": BeamOption("text", choices=("3",)),
    "type_check_strictness": BeamOption("text", choices=("ALL_REQUIRED", "DEFAULT_TO_ANY")),
}
"""Every option of Beam 2.77 by its name without the dashes in front. Beam 2.65 and later have these, or fewer."""

RUNNERS = (
    "DirectRunner",
    "DataflowRunner",
    "FlinkRunner",
    "FnApiRunner",
    "InteractiveRunner",
    "KafkaStreamsRunner",
    "PortableRunner",
    "PrismRunner",
    "SparkRunner",
    "BundleBasedDirectRunner",
    "SwitchingDirectRunner",
    "TestDataflowRunner",
    "TestDirectRunner",
)
"""The runners that Beam knows by name; any other is named with its module."""

_DASK = (
    "it runs only the last branch of a pipeline, drops what finish_bundle emits, and reports success over empty files; "
    "leave --runner out to run in this process, or use FlinkRunner or SparkRunner for a cluster"
)
_LOSSY_MODE = "multi_threading"
_LOSSY_EXPERIMENT = "data_buffer_time_limit_ms"


def beam_arguments(from_file: Sequence[Pair], from_flags: Sequence[Pair], runner_options: Sequence[str]) -> list[str]:
    """The command line for Beam: the config's options, the flags over them, and what goes to the runner unchecked.

    Raises:
        UsageError: an option of Beam's has a value that it cannot have, or one that loses data.
    """
    pairs = [pair for pair in from_file if pair[0] not in {name for name, _ in from_flags}]
    pairs += [*from_flags, *_runner_pairs(runner_options)]
    checked = [_checked(name, value) for name, value in pairs]
    return [f"--{name}" if value is None else f"--{name}={value}" for name, value in checked]


def _runner_pairs(words: Iterable[str]) -> list[Pair]:
    pairs: list[Pair] = []
    for word in words:
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not name:
            raise UsageError(f"found {word!r} after --, expected options of the runner, each as --name=value or --name")
        pairs.append((name, value if equals else None))
    return pairs


def _checked(name: str, value: str | None) -> Pair:
    option = BEAM_OPTIONS.get(name)
    if option is None:
        return name, value
    if value is None:
        if option.kind not in ("flag", "optional"):
            raise UsageError(f"--{name}: found no value, expected {expected_of(option)}; write --{name}=VALUE")
        return name, value
    if option.kind == "flag":
        raise UsageError(f"--{name}: found a value, expected none; write --{name}")
    loss = _loss(name, value)
    if loss is not None:
        raise UsageError(f"--{name}={value}: refused: in Beam 2.77 {loss}")
    if name == "runner":
        value = _runner(value)
    if option.choices and value not in option.choices:
        raise UsageError(f"--{name}: found {value!r}, expected {expected_of(option)}")
    parse = _PARSERS.get(option.kind)
    if parse is not None:
        try:
            parse(value)
        except RepeatedKeyError as error:
            raise UsageError(f"--{name}: {error}, expected each key once") from None
        except (ValueError, RecursionError):
            raise UsageError(f"--{name}: found {value!r}, expected {expected_of(option)}") from None
    return name, value


def _json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=unique)


_PARSERS: dict[str, Callable[[str], Any]] = {"integer": int, "number": float, "json": _json}


def expected_of(option: BeamOption) -> str:
    """Words for what an option takes."""
    if option.choices:
        safe = [choice for choice in option.choices if choice != _LOSSY_MODE]
        return f"one of {', '.join(safe)}" if len(safe) > 1 else safe[0]
    return {"integer": "a whole number", "number": "a number", "json": "JSON"}.get(option.kind, "text")


def _runner(value: str) -> str:
    """The runner's name as Beam spells it; Beam takes any case, with and without `Runner`, or a module and a class."""
    names = {name.lower(): name for name in RUNNERS}
    word = value.lower()
    found = names.get(word) or names.get(f"{word}runner")
    if found is None and "." not in value:
        raise UsageError(
            f"--runner: found {value!r}, expected one of {', '.join(RUNNERS)}{did_you_mean(value, RUNNERS)}"
        )
    return found or value


def _loss(name: str, value: str) -> str | None:
    """Way in which an option loses data in Beam, or None."""
    if name == "runner" and value.lower().rpartition(".")[2].removesuffix("runner") == "dask":
        return _DASK
    if name == "direct_running_mode" and value == _LOSSY_MODE:
        return "it loses elements now and then without an error; leave it out: worker processes then use all cores"
    if name in ("experiment", "experiments") and any(
        part.strip().startswith(_LOSSY_EXPERIMENT) for part in value.split(",")
    ):
        return "the timed flush loses elements without an error; leave it out: a buffer is flushed when it is full"
    return None
