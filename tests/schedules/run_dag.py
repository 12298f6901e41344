"""Run by Airflow's own Python, not by pytest: load the DAG as the scheduler does, and run it in this process.

Arguments: the confs of the runs by name, as JSON; and the file that takes the answer, as JSON.
"""

import json
import os
import sys
from datetime import timedelta

from airflow.dag_processing.dagbag import DagBag

NAME = "labelbeam_nightly"


def main(confs: str, answer: str) -> None:
    """Write what the DAG is, and how each task of each run ended, to `answer`."""
    bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    dag = bag.dags[NAME]
    found = {
        "import_errors": bag.import_errors,
        "dags": sorted(bag.dags),
        "schedule": dag.schedule,
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "retries": {task.task_id: task.retries for task in dag.tasks},
        "downstream": {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks},
        "runs": {},
    }
    for task in dag.tasks:
        task.retry_delay = timedelta(0)  # Else another attempt comes after minutes.
    for name, conf in json.loads(confs).items():
        ended = dag.test(run_conf=conf).get_task_instances()
        found["runs"][name] = {task.task_id: [str(task.state), task.try_number] for task in ended}
    with open(answer, "w", encoding="utf-8") as file:
        json.dump(found, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
