"""Tasks: files and objects that say what is asked, checked before anything runs; prompts; answers joined."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpullm import catalog, tasks
from cpullm.engine import grammar
from cpullm.engine.llama import LlamaModel
from cpullm.errors import ModelError, OptionError
from cpullm.job import Sampling
from cpullm.records import Prompt
from cpullm.tasks import Task

CHAT = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}</s>{% endfor %}<|assistant|>"
ASK = "{text}\n\nWhat is it?"
LIST = {"type": "array", "items": {"type": "string"}}
MOOD = Task("mood", ASK, choices=("up", "down"), join="majority")
PEOPLE = Task("people", ASK, schema=LIST, join="union")
FREE = Task("free", ASK, join="append")


@pytest.fixture(scope="module")
def vocabulary(starter: Path) -> Iterator[LlamaModel]:
    with LlamaModel(starter, vocab_only=True) as vocabulary:
        yield vocabulary


class TestOwn:
    @pytest.mark.parametrize("name", tasks.NAMES)
    def test_every_task_of_the_project_has_its_file(self, name: str) -> None:
        task = tasks.find(name)
        assert task.name == name and task.about

    def test_all_begin_alike_up_to_the_text_so_that_it_is_read_once(self) -> None:
        heads = {
            tasks.TaskPrompts.of(task, None, CHAT, bos="", eos="").ask.head for task in map(tasks.find, tasks.NAMES)
        }
        assert len(heads) == 1

    def test_an_unknown_name_is_refused_with_those_there_are(self) -> None:
        with pytest.raises(OptionError, match="no task is called 'translate'; there are summarize, "):
            tasks.find("translate")


class TestChosen:
    def test_names_files_and_tasks_go_together(self, tmp_path: Path) -> None:
        (tmp_path / "my.ini").write_text("[task]\nask = {text} ?\njoin = append\n", encoding="utf-8")
        chosen = tasks.chosen(["title", tmp_path / "my.ini", MOOD])
        assert [task.name for task in chosen] == ["title", "my", "mood"]

    @pytest.mark.parametrize(
        ("given_", "said"),
        [
            ([], "tasks is empty"),
            ("summarize", "must be a list"),
            (MOOD, "must be a list"),
            (None, "must be a list"),
            (["title", "title"], "two called 'title'"),
            ([3], "no task is called '3'"),
        ],
    )
    def test_what_is_no_list_of_different_tasks_is_refused(self, given_: Any, said: str) -> None:
        with pytest.raises(OptionError, match=said):
            tasks.chosen(given_)


class TestWithArgument:
    def test_a_name_may_say_a_language_labels_or_a_schemas_file(self, tmp_path: Path) -> None:
        (tmp_path / "s.json").write_text('{"type": "object", "properties": {"age": {"type": "integer"}}}')
        assert "into German" in tasks.find("translate:German").ask
        assert tasks.find("classify:war | love").choices == ("war", "love")
        assert tasks.find(f"extract:{tmp_path}/s.json").schema["properties"].keys() == {"age"}  # type: ignore[index]

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("translate:", "language must be a language's name"),
            ("classify:war", "choices must be two or more"),
            ("extract:none.json", "the schema none.json cannot be read"),
            ("extract", "no task is called 'extract'"),
        ],
    )
    def test_what_an_argument_cannot_be_is_refused(self, name: str, said: str) -> None:
        with pytest.raises(OptionError, match=said):
            tasks.find(name)


class TestTask:
    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"name": "two words"}, "name must be of letters"),
            ({"ask": "What?"}, "ask must hold {text} once"),
            ({"ask": "{text} {text}"}, "found it 2 times"),
            ({"join": None}, "become one: give merge"),
            ({"merge": ASK}, "not both"),
            ({"join": None, "merge": "Join them."}, "merge must hold {text} once"),
            ({"join": "mean"}, "join must be one of majority, union, fields, append, got 'mean'"),
            ({"join": "majority"}, "join majority needs choices"),
            ({"join": "union"}, "needs a schema of type array"),
            ({"join": "union", "schema": {"type": "object"}}, "needs a schema of type array"),
            ({"choices": ("a", "b")}, "join append needs free text"),
            ({"join": "majority", "choices": ("a",)}, "two or more"),
            ({"join": "majority", "choices": ("a", "a")}, "no two alike"),
            ({"join": "majority", "choices": "ab"}, "choices must be texts"),
            ({"grammar": "root ::= [a]", "schema": LIST}, "grammar and schema are two shapes"),
            ({"grammar": " "}, "grammar must be GBNF"),
            ({"schema": "list", "join": "union"}, "schema must be a JSON schema"),
            ({"max_tokens": 4}, "max_tokens must be from 8 to 4096, got 4"),
            ({"max_tokens": None}, "must be numbers"),
            ({"sampling": {"temperature": 9}}, "temperature must be from"),
            ({"sampling": {"seed": 1}}, "sampling has no 'seed'"),
            ({"sampling": None}, "sampling must be names and numbers"),
            ({"sampling": [("temperature", 1)]}, "sampling must be names and numbers"),
            ({"join": "majority", "choices": ("a", " b")}, "white space around"),
            ({"join": "majority", "choices": ("a", "\n")}, "white space around"),
            ({"join": "majority", "choices": ("a", "\ud800")}, "no Unicode"),
            ({"grammar": 'root ::= "\ud800"'}, "no Unicode"),
            ({"ask": "\ud800{text}"}, "no Unicode"),
            ({"ask": "{summary} {text}"}, "only `update` has one"),
            ({"join": None, "merge": ASK, "update": ASK}, "update must hold {summary} once"),
            ({"join": None, "merge": ASK, "update": "{text} {summary}"}, "{summary} before {text}"),
            ({"update": "{summary} {text}"}, "update is for answers in free text that are merged"),
            ({"guards": True}, "guards is for answers in free text that are merged"),
            ({"guards": "yes"}, "guards must be yes or no"),
            ({"answer": 'It is "{choice}"'}, "answer is for choices"),
            ({"join": "majority", "choices": ("a", "b"), "answer": "It is"}, "answer must hold {choice} once"),
            ({"calibrate": True}, "calibrate is for choices without {question}"),
            ({"calibrate": 1}, "calibrate must be yes or no"),
        ],
    )
    def test_what_cannot_work_is_refused_in_one_line_that_names_the_task(
        self, fields: dict[str, Any], said: str
    ) -> None:
        with pytest.raises(OptionError) as raised:
            Task(**{"name": "mine", "ask": ASK, "join": "append", **fields})
        assert said in str(raised.value) and fields.get("name", "mine") in str(raised.value)
        assert "\n" not in str(raised.value)


class TestWording:
    def test_a_small_model_has_a_wording_of_its_own_in_the_same_task(self) -> None:
        usual, small = tasks.find("summarize"), tasks.find("summarize", "small")
        assert usual.ask != small.ask and small.guards and (usual.name, usual.about) == (small.name, small.about)
        assert tasks.find("title", "small") == tasks.find("title")

    def test_every_size_in_the_catalog_has_its_file(self) -> None:
        for entry in catalog.models().values():
            assert not entry.wording or tasks.find("summarize", entry.wording) != tasks.find("summarize"), entry.name

    def test_a_prompt_of_ones_own_takes_the_place_of_the_summaries_wording_only(self, tmp_path: Path) -> None:
        (tmp_path / "mine.txt").write_text("{text}\n\nShort, please.\n", encoding="utf-8")
        summarize, title = tasks.chosen(["summarize", "title"], prompt=tmp_path / "mine.txt")
        assert summarize.ask == "{text}\n\nShort, please." and summarize.guards
        assert (summarize.merge, title) == (tasks.find("summarize").merge, tasks.find("title"))

    def test_a_prompt_may_hold_all_three_wordings(self, tmp_path: Path) -> None:
        text = "[task]\nask = {text} A\nmerge = {text} M\nupdate = {summary} then {text} U\n"
        (tmp_path / "mine.ini").write_text(text, encoding="utf-8")
        (found,) = tasks.chosen(["summarize"], prompt=tmp_path / "mine.ini")
        assert (found.ask, found.merge, found.update) == ("{text} A", "{text} M", "{summary} then {text} U")

    @pytest.mark.parametrize(
        ("name", "text", "said"),
        [
            ("p.txt", "Sum it up.", "ask must hold {text} once, where the text goes; found it 0 times"),
            ("p.txt", "{text} {text}", "found it 2 times"),
            ("p.ini", "[task]\nask = {text}\nmerge = no", "merge must hold {text} once"),
            ("p.ini", "[task]\nupdate = {text}", "update must hold {summary} once"),
            ("p.ini", "[task]\nask = {text}\nmax_tokens = 9", "it has 'max_tokens'; a prompt has ask, merge, update"),
        ],
    )
    def test_a_prompt_that_cannot_work_is_refused_with_its_file(
        self, tmp_path: Path, name: str, text: str, said: str
    ) -> None:
        (tmp_path / name).write_text(text, encoding="utf-8")
        with pytest.raises(OptionError) as raised:
            tasks.chosen(["summarize"], prompt=tmp_path / name)
        assert said in str(raised.value) and f"the prompt {tmp_path / name}" in str(raised.value)

    def test_what_brings_a_summary_up_to_date_has_words_between_it_and_the_text(self) -> None:
        assert tasks.render("{summary} and then {text}!", CHAT) == Prompt(
            "<|user|>", "!</s><|assistant|>", " and then "
        )


class TestFile:
    FULL = """
# A comment, and a blank line, before anything.
[task]
about = What is it?
ask = {text}

    # What is it?
    Say it in 100 % of cases: key = value.
merge =
    {text}

    Which of them?
max_tokens = 40
temperature = 0.5
repeat_penalty = 1
grammar = root ::= word
    # a rule of its own
    word ::= [a-z]+
"""

    def test_every_key_comes_as_it_is_written(self) -> None:
        task = tasks.parse("full", self.FULL)
        assert task == Task(
            "full",
            about="What is it?",
            ask="{text}\n\n# What is it?\nSay it in 100 % of cases: key = value.",
            merge="{text}\n\nWhich of them?",
            max_tokens=40,
            sampling={"temperature": 0.5, "repeat_penalty": 1.0},
            grammar="root ::= word\n# a rule of its own\nword ::= [a-z]+",
        )

    def test_choices_are_parted_by_commas(self) -> None:
        task = tasks.parse("mood", "[task]\nask = {text}\nchoices = very good,  bad\njoin = majority")
        assert task.choices == ("very good", "bad")

    def test_a_schema_may_take_several_lines(self) -> None:
        schema = json.dumps(LIST, indent=4)[:-1] + "    }"
        assert tasks.parse("l", f"[task]\nask = {{text}}\nschema = {schema}\njoin = union").schema == LIST

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "one section, [task]; it has none"),
            ("ask = {text}", "not written as `key = value` under [task]"),
            ("[task]\nask = {text}\nask = {text}", "not written as"),
            ("[other]\nask = {text}", "it has other"),
            ("[task]\nask = {text}\n[more]", "it has task, more"),
            ("[task]\nabout = nothing", "`ask`, the wording of the question, is missing"),
            ("[task]\nask = {text}\nAsk = {text}", "it has no 'Ask'; there are about, ask"),
            ("[task]\nask = {text}\nmax_tokens = many", "max_tokens must be a whole number, got 'many'"),
            ("[task]\nask = {text}\ntemperature = warm", "temperature must be a number, got 'warm'"),
            ("[task]\nask = {text}\nschema = {type", "schema is no JSON"),
            ("[task]\nask = {text}\nschema = 3\njoin = union", "schema must be a JSON schema"),
            ("[task]\nask = {text}\ntemperature = nan\njoin = append", "temperature must be from"),
        ],
    )
    def test_a_file_that_cannot_be_used_is_refused_in_one_line_that_names_it(
        self, tmp_path: Path, text: str, said: str
    ) -> None:
        path = tmp_path / "mine.ini"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(OptionError) as raised:
            tasks.find(str(path))
        assert said in str(raised.value) and "mine" in str(raised.value) and "\n" not in str(raised.value)

    def test_a_path_that_no_file_can_have_is_refused(self) -> None:
        with pytest.raises(OptionError, match="cannot be read: embedded null"):
            tasks.find("a\0.ini")

    def test_a_file_that_cannot_be_read_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(OptionError, match=r"none\.ini cannot be read: No such file"):
            tasks.find(tmp_path / "none.ini")
        (tmp_path / "latin.ini").write_bytes("[task]\nask = {text} für".encode("latin-1"))
        with pytest.raises(OptionError, match="no UTF-8 text"):
            tasks.find(tmp_path / "latin.ini")


class TestPrompt:
    def test_the_template_stands_round_the_wording(self) -> None:
        assert tasks.render("Sum up: {text} Now.", CHAT) == Prompt("<|user|>Sum up: ", " Now.</s><|assistant|>")

    def test_without_a_template_the_wording_is_the_prompt(self) -> None:
        assert tasks.render("Sum up: {text} Now.", None) == Prompt("Sum up: ", " Now.")

    @pytest.mark.parametrize(("words", "found"), [("Sum up.", 0), ("{text} and {text}", 2), ("{ text }", 0)])
    def test_a_wording_without_exactly_one_placeholder_is_refused(self, words: str, found: int) -> None:
        with pytest.raises(OptionError, match=f"found it {found} times"):
            tasks.render(words, CHAT)

    def test_other_braces_and_jinja_in_the_wording_are_plain_text(self) -> None:
        assert tasks.render("{{ 7*7 }} {x} {text}", CHAT).head == "<|user|>{{ 7*7 }} {x} "

    @pytest.mark.parametrize(
        ("template", "times"),
        [
            ("no message", 0),
            (CHAT + CHAT, 2),
            ("{{ messages[0].content | upper }}", 0),
            ("{{ messages[0].content[:3] }}", 0),
        ],
    )
    def test_a_template_that_does_not_show_the_message_once_is_refused(self, template: str, times: int) -> None:
        with pytest.raises(ModelError, match=f"{times} times instead of once"):
            tasks.render("{text}", template)

    @pytest.mark.parametrize(
        "attack",
        [
            "{{ ''.__class__.__mro__ }}",
            "{{ ''.__class__.__mro__[1].__subclasses__() }}",
            "{{ messages.__class__.__base__ }}",
            "{{ raise_exception.__globals__['os'].system('true') }}",
            "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
            "{% set _ = messages.append(1) %}",
            "{% include '/etc/passwd' %}",
            "{% for i in range(999999999) %}{% endfor %}",
            "{{ 1 / 0 }}",
            "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
            "{% for",
            "{{ raise_exception('no system role') }}",
        ],
    )
    def test_a_hostile_or_broken_template_is_a_model_error(self, attack: str) -> None:
        with pytest.raises(ModelError, match="template"):
            tasks.render("{text}", attack + "{{ messages[0].content }}")

    def test_a_format_string_reaches_no_attribute(self) -> None:
        template = "{{ '{0.__class__}'.format(messages) }}{{ messages[0].content }}"
        assert tasks.render("{text}", template) == Prompt("", "")

    def test_a_template_knows_no_clock(self) -> None:
        with pytest.raises(ModelError, match="strftime_now"):
            tasks.render("{text}", "{{ strftime_now('%d') }}{{ messages[0].content }}")

    def test_the_beginning_token_stands_once_in_the_head(self) -> None:
        template = "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}"
        assert tasks.render("{text}", template, bos="<s>", eos="</s>") == Prompt("<s>", "</s>")

    def test_no_beginning_token_is_added_where_the_template_has_none(self) -> None:
        assert tasks.render("{text}", CHAT, bos="<s>", eos="</s>").head == "<|user|>"

    def test_the_runs_max_tokens_come_before_the_tasks(self) -> None:
        assert tasks.TaskPrompts.of(FREE, 20, None, bos="", eos="").max_tokens == 20
        assert tasks.TaskPrompts.of(FREE, None, None, bos="", eos="").max_tokens == FREE.max_tokens


class TestFault:
    @pytest.mark.parametrize("reason", ["length", "loop"])
    @pytest.mark.parametrize("task", [MOOD, PEOPLE, Task("g", ASK, grammar="root ::= [a]+", join="append")])
    def test_a_shaped_answer_cut_short_is_of_no_use(self, task: Task, reason: str) -> None:
        assert tasks.fault(task, "u", reason)
        assert tasks.fault(FREE, "u", reason) is None

    def test_a_whole_answer_has_no_fault(self) -> None:
        assert tasks.fault(MOOD, "up", "stop") is None
        assert tasks.fault(PEOPLE, '["Ann"]', "stop") is None

    def test_what_is_no_json_is_no_answer_to_a_schema(self) -> None:
        assert tasks.fault(PEOPLE, '["Ann', "stop") == "The answer is no whole JSON."


class TestJoin:
    @pytest.mark.parametrize(
        ("answers", "joined"),
        [
            (["up"], "up"),
            (["up", "down", "down"], "down"),
            (["down", "up", "up", "down"], "down"),
            (["up", "down"], "up"),
        ],
    )
    def test_the_most_frequent_choice_wins_and_the_first_among_equals(self, answers: list[str], joined: str) -> None:
        assert tasks.join(MOOD, answers) == [joined]

    def test_a_union_has_every_item_once_where_it_came_first(self) -> None:
        answers = ['["Ann", "Bob", "Ann"]', "[]", '["Cid", "Bob", "Zoë"]']
        assert tasks.join(PEOPLE, answers) == ['["Ann", "Bob", "Cid", "Zoë"]']

    def test_a_union_of_empty_lists_is_an_empty_list(self) -> None:
        assert tasks.join(PEOPLE, ["[]", "[ ]"]) == ["[]"]

    @given(st.lists(st.lists(st.sampled_from("abcdef") | st.integers(0, 3)), min_size=1))
    def test_a_union_loses_nothing_and_repeats_nothing(self, lists: list[list[Any]]) -> None:
        (joined,) = tasks.join(PEOPLE, [json.dumps(items) for items in lists])
        items = json.loads(joined)
        assert set(items) == {item for items in lists for item in items}
        assert len(items) == len(set(items))

    def test_append_keeps_the_order(self) -> None:
        assert tasks.join(FREE, ["b", "a", "b"]) == ["b\n\na\n\nb"]

    @pytest.mark.parametrize("task", [MOOD, PEOPLE, FREE])
    def test_no_answer_gives_none(self, task: Task) -> None:
        assert tasks.join(task, []) == []


class TestChoices:
    BEGUN = Task("mood", ASK, choices=("up", "down"), answer='It goes "{choice}"', join="majority")

    def test_an_answer_that_is_begun_for_the_model_stands_behind_the_template(self) -> None:
        asked = tasks.TaskPrompts.of(self.BEGUN, None, CHAT, bos="", eos="")
        assert asked.ask.tail.endswith('<|assistant|>It goes "')

    def test_a_file_says_so_too(self) -> None:
        text = '[task]\nask = {text}\nchoices = up, down\nanswer = It goes "{choice}"\njoin = majority'
        assert tasks.parse("mood", text).answer == self.BEGUN.answer

    def test_labels_are_the_users_own(self) -> None:
        task = tasks.classify(["sport, women", "Politik", "sport"])
        assert task.choices == ("sport, women", "Politik", "sport") and task.calibrate

    @pytest.mark.parametrize("labels", ["ab", ["a"], ["a", "a"], ["a", ""], None, {"a", "b"}])
    def test_labels_that_are_none_are_refused(self, labels: Any) -> None:
        with pytest.raises(OptionError, match=r"labels must be|choices must be"):
            tasks.classify(labels)


@pytest.mark.model
class TestGrammar:
    @pytest.mark.parametrize("name", tasks.NAMES)
    def test_llama_cpp_reads_the_grammar_of_every_task_of_the_project(self, vocabulary: LlamaModel, name: str) -> None:
        task = tasks.find(name)
        rules = grammar.from_schema(task.schema) if task.schema is not None else task.grammar
        grammar.check(vocabulary, Sampling(grammar=rules))

    @pytest.mark.parametrize("rules", ["nothing", 'x ::= "a"', "root ::= gone", 'root ::= "a', 'root ::= root "a"'])
    def test_what_llama_cpp_cannot_read_is_refused(self, vocabulary: LlamaModel, rules: str) -> None:
        with pytest.raises(OptionError, match="no GBNF"):
            grammar.check(vocabulary, Sampling(grammar=rules))

    @pytest.mark.parametrize("schema", [{"type": "word"}, {"$ref": "#/gone"}, {"type": "string", "pattern": "a"}])
    def test_a_schema_that_has_no_grammar_is_refused(self, schema: dict[str, Any]) -> None:
        with pytest.raises(OptionError, match="cannot read the schema") as raised:
            grammar.from_schema(schema)
        assert "\n" not in str(raised.value)

    def test_a_string_may_not_run_over_lines(self) -> None:
        assert r'[^"\\\x00-\x1F]' in grammar.from_schema(LIST)
