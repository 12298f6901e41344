"""Training data every night, as an Airflow DAG (tested with Airflow 3.3): build, verify, remove old builds.

`labelbeam` has to be on the PATH of the workers, best from an environment of its own. Credentials of the store come from
the workers' environment. Where to look: the log of the task `build` ends with LabelBeam's message.

The task `build` succeeds when a build was published and is skipped, with all that follows, when nothing has changed. It is
tried again, with growing pauses, after exit status 1 (the run failed, and the next attempt resumes it), and at once failed
after 2 (the config is wrong) and 3 (too much was rejected or has changed; yesterday's build stays current).
To accept a change once: trigger the DAG by hand with accept_change.
"""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Param, dag, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

FAILED_FOR_GOOD = {
    2: "the command line or the config is wrong",
    3: "too much was rejected or has changed, or verify found a difference",
}


def labelbeam(command: str, *arguments: str) -> str:
    """Run a command of LabelBeam; what it says on stderr stands in the task's log, what it prints is returned."""
    ran = subprocess.run(["labelbeam", command, *arguments], stdout=subprocess.PIPE, text=True, check=False)
    if ran.returncode in FAILED_FOR_GOOD:
        raise AirflowFailException(
            f"labelbeam {command}: {FAILED_FOR_GOOD[ran.returncode]}; its message is in this log"
        )
    ran.check_returncode()
    return ran.stdout


@dag(
    schedule="15 3 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={
        "retries": 3,
        "retry_delay": timedelta(minutes=5),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(hours=1),
        "execution_timeout": timedelta(hours=6),
    },
    params={
        "config": Param("/srv/parts/nightly.yaml", type="string"),
        "output": Param("az://training/parts", type="string", description="the output that the config names"),
        "accept_change": Param(False, type="boolean", description="publish although --max-change would refuse"),
    },
)
def labelbeam_nightly() -> None:
    """Build, verify, remove old builds."""

    @task
    def build(params: dict[str, Any]) -> dict[str, Any]:
        """Build, and return the summary; skipped when nothing has changed."""
        accept = "--accept-change" if params["accept_change"] else "--no-accept-change"
        printed = labelbeam("convert", params["config"], "--if-changed", "--max-change", "0.3", accept, "--json")
        summary: dict[str, Any] = json.loads(printed)
        if summary["status"] == "unchanged":
            raise AirflowSkipException(f"unchanged: build {summary['build']} stays current")
        return summary

    @task
    def verify(params: dict[str, Any]) -> None:
        """Read the published build again, and compare it with its manifest."""
        labelbeam("verify", params["output"])

    @task
    def clean(params: dict[str, Any]) -> None:
        """Keep the last seven builds; the current one and one under way are never removed."""
        labelbeam("clean", params["output"], "--keep", "7")

    build() >> verify() >> clean()


labelbeam_nightly()
