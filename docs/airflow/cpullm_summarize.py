"""An Airflow DAG: summarize a source, and publish what is finished at once or not at all.

Airflow's own environment need not have cpullm: `cpullm` is the path of the command in its environment. What runs is
`cpullm plan`, `cpullm summarize` and `mv`; answers are kept in OUT/work, so a retry goes on where it was stopped.

    OUT/work/        the run that is under way, and the answers of all runs
    OUT/versions/    a folder for each finished run
    OUT/current      a link to the newest
"""

from __future__ import annotations

from datetime import datetime, timedelta

try:  # Airflow 3
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import DAG, Param
except ImportError:  # Airflow 2.10
    from airflow import DAG
    from airflow.models.param import Param
    from airflow.operators.bash import BashOperator

PARAMS = {
    "source": Param("sample", type="string", minLength=1, description="a book's name, a file, a folder, a table"),
    "model": Param("smollm2-135m-instruct", type="string", minLength=1, description="a model's name or a .gguf file"),
    "out": Param("/var/lib/cpullm/sample", type="string", pattern="^/.", description="folder of the results"),
    "master": Param("local[*]", type="string", minLength=1, description="in-process, local[*], spark://HOST:PORT, …"),
    "flags": Param(
        "", type="string", description="more flags of `cpullm summarize`, as --levels chapter --max-errors 5"
    ),
    "cpullm": Param("/opt/cpullm/env/bin/cpullm", type="string", minLength=1, description="path of the command"),
}
# Values reach the shell as variables, never as a part of what it reads.
ENV = {name.upper(): f"{{{{ params.{name} }}}}" for name in PARAMS} | {"RUN": "{{ run_id }}"}

# Fetches what is named and not there, and says whether the job fits into memory; nothing is generated.
PREPARE = """
set -efu
exec "$CPULLM" plan "$SOURCE" --model "$MODEL" --master "$MASTER" $FLAGS
"""

# What an earlier run wrote goes; its answers, in a folder of their own, stay.
SUMMARIZE = """
set -efu
mkdir -p "$OUT/work"
find "$OUT/work" -maxdepth 1 -type f -delete
exec "$CPULLM" summarize "$SOURCE" --model "$MODEL" --master "$MASTER" --out "$OUT/work" --json $FLAGS
"""

# A rename is done or not done. Whatever stops this, it may be done again.
PUBLISH = """
set -eu
version="$OUT/versions/$(printf %s "$RUN" | tr -c 'A-Za-z0-9._-' '_')"
if [ ! -e "$version" ]; then
    rm -rf "$version.part"
    mkdir -p "$version.part"
    find "$OUT/work" -maxdepth 1 -type f -exec cp -p {} "$version.part" ';'
    sync
    mv -T "$version.part" "$version"
fi
ln -sfn "versions/${version##*/}" "$OUT/current.part"
mv -T "$OUT/current.part" "$OUT/current"
echo "$version"
"""

with DAG(
    dag_id="cpullm_summarize",
    description="Summarize documents with a model on CPUs, and publish the result",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,  # two would write into one folder
    params=PARAMS,
    default_args={"retries": 3, "retry_delay": timedelta(seconds=30), "retry_exponential_backoff": True},
    tags=["cpullm"],
) as dag:
    prepare = BashOperator(task_id="prepare", bash_command=PREPARE, env=ENV, append_env=True)
    summarize = BashOperator(task_id="summarize", bash_command=SUMMARIZE, env=ENV, append_env=True, do_xcom_push=True)
    publish = BashOperator(task_id="publish", bash_command=PUBLISH, env=ENV, append_env=True)
    prepare >> summarize >> publish
