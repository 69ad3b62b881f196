"""Tasks: wording and chat template become a prompt; a template is a stranger's code."""

from __future__ import annotations

import pytest

from cpullm import tasks
from cpullm.errors import ModelError, OptionError
from cpullm.records import Prompt

CHAT = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}</s>{% endfor %}<|assistant|>"


@pytest.mark.parametrize("task", ["summarize", "merge"])
def test_every_wording_has_one_place_for_the_text(task: str) -> None:
    assert tasks.wording(task).count(tasks.PLACEHOLDER) == 1


def test_the_template_stands_round_the_wording() -> None:
    assert tasks.render("Sum up: {text} Now.", CHAT) == Prompt("<|user|>Sum up: ", " Now.</s><|assistant|>")


def test_without_a_template_the_wording_is_the_prompt() -> None:
    assert tasks.render("Sum up: {text} Now.", None) == Prompt("Sum up: ", " Now.")


@pytest.mark.parametrize(("words", "found"), [("Sum up.", 0), ("{text} and {text}", 2), ("{ text }", 0)])
def test_a_wording_without_exactly_one_placeholder_is_refused(words: str, found: int) -> None:
    with pytest.raises(OptionError, match=f"found it {found} times"):
        tasks.render(words, CHAT)


def test_other_braces_and_jinja_in_the_wording_are_plain_text() -> None:
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
def test_a_template_that_does_not_show_the_message_once_is_refused(template: str, times: int) -> None:
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
def test_a_hostile_or_broken_template_is_a_model_error(attack: str) -> None:
    with pytest.raises(ModelError, match="template"):
        tasks.render("{text}", attack + "{{ messages[0].content }}")


def test_a_format_string_reaches_no_attribute() -> None:
    assert tasks.render("{text}", "{{ '{0.__class__}'.format(messages) }}{{ messages[0].content }}") == Prompt("", "")


def test_a_template_knows_no_clock() -> None:
    with pytest.raises(ModelError, match="strftime_now"):
        tasks.render("{text}", "{{ strftime_now('%d') }}{{ messages[0].content }}")


def test_the_beginning_token_stands_once_in_the_head() -> None:
    prompt = tasks.render("{text}", "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}", bos="<s>", eos="</s>")
    assert prompt == Prompt("<s>", "</s>")


def test_no_beginning_token_is_added_where_the_template_has_none() -> None:
    assert tasks.render("{text}", CHAT, bos="<s>", eos="</s>").head == "<|user|>"
