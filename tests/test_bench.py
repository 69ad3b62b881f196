"""`cpullm bench`: parts in their small form, bench.json kept up, contestants called apart. How fast is not tested."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from operator import eq
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cpullm import readers
from cpullm.bench import (
    apart,
    columns,
    compare,
    conditions,
    contestants,
    files,
    parts,
    peers,
    report,
    split,
    workload,
)
from cpullm.bench.conditions import Conditions
from cpullm.bench.contestants import Contestant
from cpullm.cli import main
from cpullm.errors import InputError, MachineError, OptionError
from cpullm.job import Setting

BOOK = "CHAPTER I\n\nThe clock told no time, and nobody minded it.\n\n\nCHAPTER II\n\nThe boats came home by it.\n"
PEERS = {"openvino_genai": "OpenVINO GenAI", "ctranslate2": "CTranslate2 int8"}


@pytest.fixture(autouse=True)
def own_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written to the cache of the person who runs the tests; other processes find this module."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "bench.json"


@pytest.fixture
def quick(starter: Path) -> Conditions:
    return Conditions(starter, starter, Setting(), "sample", quick=True).begun()


# Called in processes of their own.
def give(**arguments: Any) -> dict[str, Any]:
    print("chatter that is no answer")
    return {"arguments": arguments}


def refuse() -> dict[str, Any]:
    raise OptionError("what happened")


def fail() -> dict[str, Any]:
    raise ValueError("a contestant's own words\nand more of them")


def need() -> dict[str, Any]:
    import no_such_package_anywhere  # noqa: F401

    return {}


def die() -> dict[str, Any]:
    os.write(2, b"the last words\n")
    os._exit(3)


def sleep(path: str) -> dict[str, Any]:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(path).write_text(f"{os.getpid()} {child.pid}")
    time.sleep(600)
    return {}


def hold(n_bytes: int) -> dict[str, Any]:
    return {"held": len(b"x" * n_bytes)}


class TestApart:
    def test_what_a_function_gives_comes_back_with_its_peak_of_memory(self) -> None:
        given = apart.call(give, number=1, text="é")
        assert given.pop("peak_bytes") > 1_000_000
        assert given == {"arguments": {"number": 1, "text": "é"}}

    def test_the_peak_of_memory_is_the_functions_own(self) -> None:
        least = apart.call(hold, n_bytes=1)["peak_bytes"]
        assert apart.call(hold, n_bytes=200_000_000)["peak_bytes"] > least + 150_000_000

    def test_an_error_of_ours_is_raised_as_it_was(self) -> None:
        with pytest.raises(OptionError, match=r"^what happened$"):
            apart.call(refuse)

    def test_any_other_error_is_one_line(self) -> None:
        with pytest.raises(MachineError, match=r"^ValueError: a contestant's own words$"):
            apart.call(fail)

    def test_a_missing_package_says_what_to_install(self) -> None:
        with pytest.raises(MachineError, match=r"no_such_package_anywhere.*pip install 'cpullm\[bench\]'"):
            apart.call(need)

    def test_a_process_that_dies_leaves_its_last_words(self) -> None:
        with pytest.raises(MachineError, match="die ended with code 3: the last words"):
            apart.call(die)

    def test_a_process_that_takes_too_long_is_ended_with_what_it_started(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(apart, "LIMIT_SECONDS", 3.0)
        with pytest.raises(MachineError, match="took longer than 3 s"):
            apart.call(sleep, path=str(tmp_path / "pids"))
        for pid in (tmp_path / "pids").read_text().split():
            assert _ended(int(pid))


def _ended(pid: int) -> bool:
    """Whether a process is gone, or a zombie that only its parent's look keeps; it may take a moment."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state in "ZX":
            return True
        time.sleep(0.05)
    return False


class TestResults:
    def test_a_part_keeps_what_others_measured(self) -> None:
        first = parts.add({}, "tasks", {"ratios": {"four_tasks": 3.0}, "raw": [1]}, {"cpu": "A"})
        both = parts.add(first, "spark", {"ratios": {"spark_overhead": 0.02}}, {"cpu": "B"})
        assert (both["four_tasks"], both["spark_overhead"]) == (3.0, 0.02)
        assert both["parts"]["tasks"] == {"machine": {"cpu": "A"}, "raw": [1]}

    def test_every_ratio_stands_on_top_and_a_missing_one_has_its_reason(self) -> None:
        told = {"ratios": {"vs_loop": 1.2}, "reasons": {"vs_openvino": "not installed"}}
        results = parts.add({}, "compare", told, {})
        assert [name for name in parts.RATIOS if name not in results] == []
        assert (results["vs_loop"], results["vs_openvino"]) == (1.2, None)
        assert results["reasons"]["vs_openvino"] == "not installed"
        assert results["reasons"]["four_tasks"] == parts.NOT_MEASURED
        assert "vs_loop" not in results["reasons"]

    def test_a_ratio_measured_anew_loses_its_reason_and_the_other_way_round(self) -> None:
        without = {"ratios": {"vs_loop": 1.2}, "reasons": {"vs_openvino": "not installed"}}
        results = parts.add({}, "compare", without, {})
        results = parts.add(results, "compare", {"ratios": {"vs_loop": 1.1, "vs_openvino": 0.9}}, {})
        assert results["vs_openvino"] == 0.9 and "vs_openvino" not in results["reasons"]
        results = parts.add(results, "compare", {**without, "ratios": {"vs_loop": 1.3}}, {})
        assert (results["vs_loop"], results["vs_openvino"]) == (1.3, None)

    @pytest.mark.parametrize("text", ["", "[]", "{}", "not JSON"])
    def test_a_file_of_something_else_is_refused_and_left(self, out: Path, text: str) -> None:
        out.write_text(text)
        with pytest.raises(OptionError, match="holds no results"):
            parts.run("split", conditions.conditions(None, "sample", True), out)
        assert out.read_text() == text


class TestTurns:
    def test_runs_take_turns(self) -> None:
        order: list[str] = []

        def run(name: str) -> dict[str, Any]:
            order.append(name)
            return {"seconds": 1.0}

        conditions.in_turn({"a": lambda: run("a"), "b": lambda: run("b")}, 2, time.monotonic() + 60)
        assert order == ["a", "b", "a", "b"]

    def test_no_round_begins_that_would_end_too_late(self) -> None:
        runs = conditions.in_turn({"a": lambda: {"seconds": 1.0}}, 5, ends_at=0.0)
        assert len(runs["a"]) == 1


class TestWorkload:
    @pytest.mark.model
    def test_prompts_are_equally_long_and_all_different(self, starter: Path) -> None:
        prompts = workload.equal_prompts(starter, workload.read("sample"), 12, 200)
        assert {len(prompt) for prompt in prompts} == {200}
        assert len({tuple(prompt) for prompt in prompts}) == 12

    @pytest.mark.model
    def test_a_book_that_is_too_short_is_refused(self, starter: Path) -> None:
        with pytest.raises(InputError, match="too short for 2 prompts of 50 tokens"):
            workload.equal_prompts(starter, workload.Book("quay", ["The boats came home."]), 2, 50)

    @pytest.mark.model
    def test_chapters_are_whole_and_fit(self, starter: Path) -> None:
        book = workload.read("sample")
        chapters = workload.whole_chapters(starter, book, 3, 4000)
        assert len(chapters) == 3 and max(map(len, chapters)) <= 4000

    def test_without_war_and_peace_the_sample_stands_in_and_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        resolve = workload.catalog.resolve_corpus

        def absent(name: str, **options: Any) -> Path:
            if name == workload.BOOK:
                raise InputError("it is nowhere")
            return resolve(name, **options)

        monkeypatch.setattr(workload.catalog, "resolve_corpus", absent)
        book = workload.read(None)
        assert (book.name, len(book.chapters)) == ("sample", 10)
        assert "not war_and_peace: it is nowhere" in book.note


class TestDraft:
    def test_what_fails_leaves_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(OptionError), files.draft(tmp_path / "model", 1) as path:
            path.write_text("half")
            raise OptionError("stopped")
        assert list(tmp_path.iterdir()) == []

    def test_what_has_no_room_is_not_begun(self, tmp_path: Path) -> None:
        with pytest.raises(MachineError, match="GB free and"), files.draft(tmp_path / "model", 1 << 60):
            pytest.fail("begun")


class TestParts:
    def test_split_prints_a_line_for_the_book_and_each_size(
        self, tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        book = tmp_path / "quay.txt"
        book.write_text(BOOK, encoding="utf-8")
        argv = ["bench", "split", "--book", str(book), "--megabytes", "0.01,0.02", "--out", str(out)]
        assert main(argv) == 0
        title, header, *lines = capsys.readouterr().out.splitlines()
        assert title.startswith("quay.txt") and header.split()[:2] == ["MB", "units"]
        assert int(lines[0].split()[1]) == 2 and lines[3] == ""
        assert len(json.loads(out.read_text())["parts"]["split"]["timings"]) == 3

    @pytest.mark.parametrize("sizes", ["many", "0", "1,-1", ""])
    def test_sizes_that_are_none_are_wrong_usage(self, sizes: str) -> None:
        with pytest.raises(SystemExit) as exited:
            main(["bench", "split", "--megabytes", sizes])
        assert exited.value.code == 2

    def test_an_unknown_part_is_wrong_usage(self) -> None:
        with pytest.raises(SystemExit) as exited:
            main(["bench", "sing"])
        assert exited.value.code == 2

    def test_copies_have_as_many_times_the_units(self, tmp_path: Path) -> None:
        path = tmp_path / "quay.txt"
        path.write_text(BOOK, encoding="utf-8")
        once, many = split.split_speed(readers.read(path), [0.001], runs=1)
        assert (once.units, many.units, many.n_bytes) == (2, 20, 1000)

    @pytest.mark.model
    def test_tasks_give_the_same_answers_in_one_pass_as_in_four(self, quick: Conditions) -> None:
        told = parts.PARTS["tasks"](quick)
        assert (told["answers"], told["same_answers"]) == (8, 8)
        assert told["ratios"]["four_tasks"] > 0
        assert list(report.lines("tasks", told))[-1] == "the same answers: 8 of 8"

    @pytest.mark.model
    def test_columns_are_asked_at_once_and_alone(self, starter: Path) -> None:
        for tasks in (["summarize", "sentiment"], ["title"]):
            assert columns.answer(str(starter), ["It rained."], tasks, n_seq_max=2, max_tokens=8)["seconds"] > 0

    def test_plan_holds_predicted_seconds_against_measured_ones(self, quick: Conditions) -> None:
        told = parts.PARTS["plan"](quick.begun())
        assert len(told["groups"]) == 2 and all(one["measured"] > 0 < one["predicted"] for one in told["groups"])
        assert [one["executors"] for one in told["schedules"]] == [1, 8, 64, 1000]
        assert all(one["ratio"] >= 1 for one in told["schedules"])
        assert "measured over predicted" in next(iter(report.lines("plan", told)))

    @pytest.mark.model
    @pytest.mark.long
    def test_growth_measures_every_curve(self, quick: Conditions) -> None:
        told = parts.PARTS["growth"](quick)
        assert set(told["curves"]) == {"tokens per document", "documents", "sequences", "threads"}
        assert told["left_out_for_time"] == []

    @pytest.mark.model
    def test_growth_says_what_it_left_out_for_time(self, starter: Path) -> None:
        late = Conditions(starter, starter, Setting(), quick=True, ends_at=0.0)
        told = parts.PARTS["growth"](late)
        assert told["curves"] == {} and "documents 4" in told["left_out_for_time"]

    @pytest.mark.model
    @pytest.mark.slow
    @pytest.mark.long
    def test_spark_answers_what_the_bare_engine_answers(self, quick: Conditions) -> None:
        told = parts.PARTS["spark"](quick)
        assert {run["answered"] for runs in told["runs"].values() for run in runs} == {told["requests"]}
        assert told["ratios"]["spark_overhead"] > -1

    def test_machine_without_gguf_says_so_instead_of_a_ratio(
        self, quick: Conditions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "gguf", None)
        told = parts.PARTS["machine"](quick)
        assert told["ratios"] == {} and "pip install" in told["reasons"]["gemm_fraction_7b"]

    def test_machine_measures_a_synthetic_model(self, quick: Conditions) -> None:
        pytest.importorskip("gguf")
        told = parts.PARTS["machine"](quick)
        tiny = told["models"]["synthetic-tiny"]
        assert tiny["gemm_fraction"] > 0 and tiny["bandwidth_fraction"] > 0


class TestCompare:
    @pytest.mark.model
    def test_without_peers_the_ratios_that_need_none_are_there(
        self, quick: Conditions, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(contestants, "find_spec", lambda name: None)
        monkeypatch.setenv("PATH", str(tmp_path))
        told = compare.measure(quick)
        assert set(told["ratios"]) == {"vs_seed_recipe", "vs_seed_recipe_same_file", "vs_loop"}
        assert "no llama-server on the PATH" in told["reasons"]["vs_llama_server"]
        assert "pip install 'cpullm[bench]'" in told["reasons"]["vs_openvino"]
        assert "ctranslate2" in told["reasons"]["vs_ctranslate2"]
        equal = told["equal_prompts"]["contestants"]
        assert equal["llama-cpp-python loop"]["same_first_token"] == equal["cpullm"]["same_first_token"] == 2
        assert {run["peak_bytes"] > 50_000_000 for one in equal.values() for run in one["runs"]} == {True}

    @pytest.mark.model
    def test_a_format_that_is_named_is_the_only_one(self, starter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        tried: list[Any] = []
        monkeypatch.setattr(apart, "call", lambda _, model, **given: tried.append(model) or {"seconds": 1.0})
        given = Conditions(starter, starter, Setting(), "sample", format="Q8_0").begun()
        formats = compare._formats(given)
        compare._best(contestants.all_contestants()[0], given, formats, [[1] * 9] * 8, 9)
        assert {Path(model).name.split(".")[-2] for model in tried} == {"Q8_0"}

    def test_the_seed_recipe_reads_the_models_own_file_and_the_one_this_engine_took(self, tmp_path: Path) -> None:
        own, tuned = tmp_path / "m.gguf", tmp_path / "m.Q8_0.gguf"
        readers = compare._readers(Conditions(own, tuned, Setting()), 3)
        assert [(name, variant.model) for name, (_, variant) in readers.items()] == [
            ("cpullm", tuned), ("seed recipe", own), ("seed recipe, tuned file", tuned)
        ]  # fmt: skip
        assert list(compare._readers(Conditions(own, own, Setting()), 3)) == ["cpullm", "seed recipe"]

    @pytest.mark.model
    def test_everyone_gives_the_same_number_of_new_tokens(self, starter: Path) -> None:
        prompts = workload.equal_prompts(starter, workload.read("sample"), 2, 40)
        for contestant in contestants.all_contestants():
            if contestant.missing() is None:
                answers = _answers(contestant, starter, prompts, 5)
                assert [len(tokens) for tokens in answers] == [5, 5], contestant.name

    @pytest.mark.model
    @pytest.mark.parametrize("package", PEERS)
    def test_a_peer_that_is_there_says_about_what_this_engine_says(self, starter: Path, package: str) -> None:
        """About: it rounds otherwise, and a near tie forks."""
        pytest.importorskip(package)
        model = files.formats(starter)["Q8_0"]
        prompts = workload.equal_prompts(model, workload.read("sample"), 4, 48)
        first = {
            one.name: [tokens[0] for tokens in _answers(one, model, prompts, 2)]
            for one in contestants.all_contestants()
            if one.name in (contestants.OURS, PEERS[package])
        }
        assert sum(map(eq, *first.values())) >= 3


def _answers(contestant: Contestant, model: Path, prompts: list[list[int]], new_tokens: int) -> list[list[int]]:
    if contestant.prepare is not None:
        apart.call(contestant.prepare, model=str(model))
    setting = contestant.settings(Conditions(model, model, Setting()), len(prompts))[0]
    told = apart.call(contestant.answer, model=str(model), prompts=prompts, new_tokens=new_tokens, setting=setting)
    return list(told["answers"])


class TestChart:
    def test_nothing_to_draw_is_no_chart(self, out: Path) -> None:
        assert not report.draw({"parts": {"split": {}}, "machine": {}}, out)

    def test_without_matplotlib_there_is_none(self, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        points = [{"value": 1, "seconds": 1.0}, {"value": 2, "seconds": 2.0}]
        assert not report.draw({"parts": {"growth": {"curves": {"threads": points}}}, "machine": {}}, out)


# Speaks as llama.cpp's server does; its answers tell what it was asked.
SERVER = f"""#!{sys.executable}
import http.server, json, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.reply({{"status": "ok"}})
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert body["ignore_eos"] and self.path == "/completion"
        self.reply({{"tokens": body["prompt"][:1] * body["n_predict"]}})
    def reply(self, answer):
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    def log_message(self, *arguments):
        pass
port = int(sys.argv[sys.argv.index("--port") + 1])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


class TestServer:
    SETTING: ClassVar = {"n_threads": 1, "n_parallel": 2, "n_ubatch": 256, "flash_attn": False}

    def _install(self, folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
        path = folder / "llama-server"
        path.write_text(text)
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def test_every_prompt_gets_its_answer_and_the_server_is_ended(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._install(tmp_path, monkeypatch, SERVER)
        told = apart.call(
            peers.serve, model="m.gguf", prompts=[[5, 1], [6, 1], [7, 1]], new_tokens=2, setting=self.SETTING
        )
        assert told["answers"] == [[5, 5], [6, 6], [7, 7]]
        commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
        assert not [command for command in commands if str(tmp_path).encode() in command]

    def test_one_that_does_not_start_says_so(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._install(tmp_path, monkeypatch, "#!/bin/sh\nexit 4\n")
        with pytest.raises(MachineError, match=r"llama-server did not start \(code 4\)"):
            apart.call(peers.serve, model="m.gguf", prompts=[[5]], new_tokens=2, setting=self.SETTING)
