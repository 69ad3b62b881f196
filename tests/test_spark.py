"""Real local Spark, the starter model, and what only Spark can get wrong."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

import cpullm
from cpullm import cpus, doctor, plan, worker
from cpullm import spark as on_spark
from cpullm.errors import EngineError, InputError, MachineError, OptionError
from cpullm.job import EngineOptions, Job, Sampling, Setting
from cpullm.records import Prompt, Request
from cpullm.spark import failures, groups, sessions
from cpullm.store import Store
from tests.cluster import STANDIN
from tests.hosts import Disk, can_mount

SENTENCE = "Number {}: the miller of Oakford sold his blue boat to Ann Pell for nine pounds on the third of May."
SHORT = {"max_tokens": 8, "n_seq_max": 2, "n_threads": 1, "strategy": "hierarchical"}


@pytest.fixture
def job(starter):
    engine = EngineOptions(str(starter), "x", 256, Setting(1, 2))
    return Job(engine, {"summarize": Sampling()})


def requests(n, n_groups):
    prompt = Prompt("<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n")
    return [
        Request(f"{i:064}", i % n_groups, "summarize", prompt.head, SENTENCE.format(i), prompt.tail, 40, 8)
        for i in sorted(range(n), key=lambda i: i % n_groups)
    ]


@pytest.mark.model
def test_every_group_is_a_task_of_its_own_with_adaptive_execution_on(spark, job):
    assert spark.conf.get("spark.sql.adaptive.enabled") == "true"
    tracker = spark.sparkContext.statusTracker()
    list(on_spark.run(spark, requests(14, 7), job))
    stages = []
    for job_id in range(10_000):
        info = tracker.getJobInfo(job_id)
        if info is None:
            break
        stages += [tracker.getStageInfo(stage) for stage in info.stageIds]
    last = max((stage for stage in stages if stage), key=lambda stage: stage.stageId)
    assert last.numTasks == last.numCompletedTasks == 7


@pytest.mark.model
def test_spark_gives_the_answers_of_this_process(spark, job):
    asked = requests(6, 3)
    here = {completion.id: completion.text for completion in worker.run(asked, job)}
    there = {completion.id: completion.text for completion in on_spark.run(spark, asked, job)}
    worker.close()
    assert there == here
    assert all(there.values())


@pytest.mark.model
def test_each_worker_process_loads_its_engine_once(spark, job):
    completions = list(on_spark.run(spark, requests(12, 6), job))
    assert len({completion.group_id for completion in completions}) == 6
    # Two task slots, so two Python workers at most; each kept its engine over its groups.
    assert len({completion.worker for completion in completions}) <= 2


@pytest.mark.model
@pytest.mark.parametrize("seen", [True, False], ids=["by executors that see the store", "else by the driver"])
def test_answers_are_kept(spark, job, tmp_path, seen):
    """Executors that do not see it have another folder of that name, if any: its mark is another one."""
    store = Store.prepared(str(tmp_path))
    store = store if seen else replace(store, mark="another")
    groups = []
    asked = requests(4, 2)
    list(on_spark.run(spark, asked, job, store=store, watch=worker.Watch(finished=groups.append)))
    assert [group.kept for group in groups] == [seen, seen]
    assert set(store.answers()) == {request.id for request in asked}


@pytest.mark.model
@pytest.mark.skipif(not can_mount(), reason="a small disk takes root")
def test_what_executors_have_no_room_for_is_kept_by_the_driver(spark, job, tmp_path):
    disk = Disk(tmp_path / "disk", 1 << 20)
    disk.mount()
    try:
        store = Store.prepared(str(disk.folder / "answers"))
        disk.fill()
        groups = []

        def finished(group):
            groups.append(group)
            disk.free()

        asked = requests(4, 1)
        list(on_spark.run(spark, asked, job, store=store, watch=worker.Watch(finished=finished)))
        assert [group.kept for group in groups] == [False]
        assert set(store.answers()) == {request.id for request in asked}
    finally:
        disk.unmount()


@pytest.mark.model
@pytest.mark.skipif(not can_mount(), reason="a small disk takes root")
def test_a_driver_without_room_says_so_once_and_asks_nothing_again(spark, job, tmp_path, capsys):
    disk = Disk(tmp_path / "disk", 1 << 20)
    disk.mount()
    try:
        store = Store.prepared(str(disk.folder / "answers"))
        kept = requests(6, 3)
        store.keep(kept[:2], list(worker.answer(kept[:2], job)))
        disk.fill()
        with pytest.raises(OptionError, match=r"answers cannot be kept in .*No space left"):
            list(on_spark.run(spark, kept[2:], job, store=store))
        assert "asked for again" not in capsys.readouterr().err
        assert set(store.answers()) == {request.id for request in kept[:2]}
    finally:
        disk.unmount()


@pytest.mark.parametrize("name", ["spark.task.maxFailures", "spark.excludeOnFailure.enabled"])
def test_who_sets_how_often_a_task_is_tried_sets_all_of_it(name, monkeypatch):
    """Spark does not start where they do not fit one another."""
    monkeypatch.setattr(sessions, "_given", lambda: {name: "3"})
    assert not [left for left in sessions._unset(sessions._CLUSTER) if "Failure" in left]
    monkeypatch.setattr(sessions, "_given", dict)
    assert sessions._unset(sessions._CLUSTER) == sessions._CLUSTER


@pytest.mark.model
def test_progress_ends_at_the_number_of_requests(spark, job):
    seen = []
    groups = []
    watch = worker.Watch(lambda requests, tokens: seen.append(requests), groups.append)
    list(on_spark.run(spark, requests(4, 2), job, watch=watch))
    assert sum(seen) == 4 and sum(group.requests for group in groups) == 4
    assert {group.attempt for group in groups} == {0} and all(group.tokens > 0 for group in groups)


@pytest.mark.model
def test_a_table_gives_a_summary_a_row_and_bad_rows_say_why(spark):
    rows = [("a", SENTENCE.format(1)), ("b", None), ("c", " \n "), ("d", SENTENCE.format(2))]
    frame = spark.createDataFrame(rows, "key string, body string")
    result = cpullm.summarize(frame, spark=spark, id_column="key", text_column="body", progress=False, **SHORT)
    table = result.to_spark(spark).toPandas().set_index("document_id")
    assert list(table.index) == ["a", "b", "c", "d"]
    assert table.error["b"] == "The text is null."
    assert "empty" in table.error["c"]
    assert table.summary["a"] and table.summary["d"]
    assert result.run["spark"]["master"] == "local[2]"


@pytest.mark.model
def test_several_tasks_give_a_row_each_with_the_tasks_name(spark):
    is_trade = cpullm.Task(
        "is_trade", "{text}\n\nIs something sold? Answer yes or no.", join="majority", choices=["yes", "no"]
    )
    frame = spark.createDataFrame([("a", SENTENCE.format(1)), ("b", "")], "id string, text string")
    result = cpullm.run(frame, tasks=["summarize", is_trade], spark=spark, progress=False, **SHORT)
    table = result.to_spark(spark).toPandas()
    assert list(zip(table.document_id, table.task, strict=True)) == [
        ("a", "summarize"), ("a", "is_trade"), ("b", "summarize"), ("b", "is_trade"),
    ]  # fmt: skip
    assert table.summary[0] and table.summary[1] in ("yes", "no")
    assert list(table.error.notna()) == [False, False, True, True]


@pytest.mark.model
def test_spark_gives_several_tasks_the_answers_of_this_process(spark):
    frame = pd.DataFrame({"id": ["a", "b"], "text": [SENTENCE.format(1), SENTENCE.format(2)]})
    here = cpullm.run(frame, tasks=["summarize", "title"], progress=False, **SHORT)
    there = cpullm.run(frame, tasks=["summarize", "title"], spark=spark, progress=False, **SHORT)
    assert [(s.task, s.summary) for s in there.summaries] == [(s.task, s.summary) for s in here.summaries]


@pytest.mark.model
def test_extracts_are_made_on_executors_without_the_model_and_keep_their_places(spark):
    texts = [" ".join(SENTENCE.format(n) for n in range(first, first + 9)) for first in (0, 9)]
    frame = pd.DataFrame({"id": ["a", "b"], "text": texts})
    how = {"strategy": "coverage", "words": 20, "progress": False}
    here, there = cpullm.summarize(frame, **how), cpullm.summarize(frame, spark=spark, **how)
    assert [(s.summary, s.method, s.sentences) for s in there.summaries] == [
        (s.summary, s.method, s.sentences) for s in here.summaries
    ]
    assert {one["loads"] for one in there.run["executors"]} == {0}
    (row, _) = there.to_spark(spark).collect()
    at = row.sentences[0]
    assert row.summary[at.start : at.end] == texts[0][at.sources[0].start : at.sources[0].end]


def test_a_missing_column_names_the_present_ones(spark):
    frame = spark.createDataFrame([("a", "b")], "id string, review string")
    with pytest.raises(InputError, match=r"No column 'text'; there are 'id', 'review'\."):
        cpullm.summarize(frame, spark=spark)


def test_an_error_on_an_executor_is_one_line_here(spark, job, tmp_path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(64))
    engine = EngineOptions(str(broken), "x", 256, Setting(1, 2))
    with pytest.raises(cpullm.ModelError, match="cannot load") as raised:
        list(on_spark.run(spark, requests(2, 1), Job(engine, job.samplings)))
    assert "\n" not in str(raised.value)


def test_a_worker_that_is_killed_names_memory_and_what_to_do(spark, job, monkeypatch):
    monkeypatch.setattr(groups, "executor", SimpleNamespace(answer=lambda *_: os.kill(os.getpid(), signal.SIGKILL)))
    with pytest.raises(MachineError, match=r"memory ran out there: lower n_seq_max .* raise spark.exec") as raised:
        list(on_spark.run(spark, requests(2, 1), job))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "told",
    [
        "ExecutorLostFailure (executor 1 exited caused by one of the running tasks) Reason: Container killed by YARN "
        "for exceeding physical memory limits. 5.5 GB of 5.5 GB physical memory used.",
        "ExecutorLostFailure (executor 2 exited caused by one of the running tasks) Reason: The executor with id 2 "
        "exited with exit code 137(SIGKILL, possible container OOM).",
        "ExecutorLostFailure (executor 3 exited caused by one of the running tasks) Reason: Remote RPC client "
        "disassociated. Likely due to containers exceeding thresholds, or network issues.",
        "ExecutorLostFailure (executor 4 exited unrelated to the running tasks) Reason: Command exited with code 137",
    ],
    ids=["yarn", "kubernetes", "no word", "standalone"],
)
def test_an_executor_that_is_killed_does_too(told):
    assert "memory ran out there" in str(failures.translated(RuntimeError(f"Job aborted: {told}")))


def test_a_full_disk_is_told_with_its_host():
    told = "Lost task 0.3 in stage 0.0 (TID 4) (worker7 executor 1): java.io.IOException: No space left on device\n\tat"
    assert "The disk of worker7 is full" in str(failures.translated(RuntimeError(f"Job aborted: {told}")))


def test_a_job_that_the_master_gave_up_says_what_to_look_at():
    told = "Job aborted due to stage failure: Master removed our application: FAILED"
    assert "see the workers' logs" in str(failures.translated(RuntimeError(told)))


def test_what_a_task_failed_of_is_told_when_no_executor_is_left_for_it():
    told = (
        "Job aborted due to stage failure: \nAborting TaskSet 2.0 because task 0 (partition 0)\ncannot run anywhere "
        "due to node and executor excludeOnFailure.\nMost recent failure:\nLost task 0.4 in stage 2.0 (TID 9) (worker7 "
        "executor 1): java.lang.OutOfMemoryError: Java heap space\n\nExcludeOnFailure behavior can be configured."
    )
    assert str(failures.translated(RuntimeError(told))).endswith("OutOfMemoryError: Java heap space")


@pytest.mark.model
def test_on_one_machine_too_a_text_that_kills_its_worker_is_an_error_and_the_rest_arrives(tmp_path, starter):
    texts = ["A text about a clock.", "A text.\nDIE", "A text about another clock."]
    pd.DataFrame({"id": range(3), "text": texts}).to_csv(tmp_path / "texts.csv", index=False)
    ended = subprocess.run(
        [sys.executable, "-m", "cpullm.cli", "summarize", str(tmp_path / "texts.csv"), "--model", str(starter),
         "--master", "local[1]", "--out", str(tmp_path / "out"), "--max-tokens", "16", "--no-tuned",
         "--strategy", "hierarchical"],
        env={**os.environ, "PYTHONPATH": str(STANDIN), "STANDIN_LOG": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    errors = pd.read_parquet(tmp_path / "out" / "summaries.parquet").error
    assert errors[[0, 2]].isna().all() and "3 times at this text alone" in errors[1]
    assert "\tat " not in ended.stderr  # no stack of Java's


def test_an_answer_too_few_stops_the_run(spark, job, monkeypatch):
    asked = requests(2, 1)
    monkeypatch.setattr(groups, "_collect", lambda *_: [])
    with pytest.raises(EngineError, match="2 requests were not answered"):
        list(on_spark.run(spark, asked, job))


@pytest.mark.parametrize("master", ["locals[2]", "spark:/x", "mesos://x", ""])
def test_a_master_that_spark_does_not_know_is_refused(master):
    with pytest.raises(OptionError, match="none that Spark knows"):
        on_spark.local_cpus(master)


def test_star_means_the_cpus_this_process_may_use(monkeypatch):
    monkeypatch.setattr(cpus, "usable_cpus", lambda: 3)
    assert on_spark.local_cpus("local[*]") == 3
    assert on_spark.local_cpus("local[5]") == 5
    assert on_spark.local_cpus("yarn") is None


def test_a_missing_java_names_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(MachineError, match=r"Java 17 or later \(Debian: apt-get install openjdk"):
        on_spark.check_java()


def test_an_old_java_is_named(monkeypatch, tmp_path):
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_392\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(MachineError, match=r"bin/java is 8\."):
        on_spark.check_java()


def test_groups_do_not_depend_on_the_number_of_executors():
    asked = [Request(str(i), 0, "summarize", "", "", "", 100 + i, 16) for i in range(40)]
    assert plan.pack(asked, 1024) == plan.pack(list(reversed(asked)), 1024)


@pytest.mark.model
def test_doctor_sees_the_one_executor_of_a_local_session(spark, starter):
    machine = doctor.Machine(model=str(starter))
    seen = doctor.cluster.ask(spark, machine, doctor.here(machine))
    (one,) = seen.executors
    assert (one.n_tasks, seen.n_executors, seen.task_cpus) == (2, 1, 1)
    assert one.facts["cpullm"] and one.facts["instructions"] and one.facts["free"] > 0
    assert not [wrong for wrong in seen.amiss if wrong.fault]


def test_a_python_that_an_executor_lacks_is_told_with_its_name(spark, monkeypatch):
    monkeypatch.setattr(spark.sparkContext, "pythonExec", "/nowhere/python")
    (visit,) = on_spark.visit(spark, ["-c", "print(1)"])
    assert visit.code == 127 and "/nowhere/python" in visit.output


def test_a_python_without_spark_says_where_to_get_one(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(MachineError, match=r"Spark is not installed here .*: start with spark-submit"):
        on_spark.session("local[1]")
